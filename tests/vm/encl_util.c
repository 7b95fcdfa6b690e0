// SPDX-License-Identifier: GPL-2.0
/*
 * The test enclave in a program; encl_util.h says what the functions do.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "encl_util.h"

#define TEST_ENCLAVE	"tests/encl/test_encl.elf"
#define TEST_KEY	"sign-key.pem"
#define EPC_FILE	"/sys/kernel/debug/softsgx/epc"
/* Enclaves are taken down by a worker in the kernel, some time after close(). */
#define EPC_WAIT_MS	20000
#define MAX_DEPTH	8
#define STACK_SIZE	(128 * 1024)

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

struct encl_caught encl_caught;

static const int faults[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP };

static long epc_at_start = -1;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "# ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* The program is in tests/vm or tests/bench of the build directory. */
void encl_path(char *path, size_t size, const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int i;

	if (n < 0)
		die("cannot read /proc/self/exe");
	self[n] = '\0';
	for (i = 0; i < 3; i++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			die("this program is not in a build directory");
		*slash = '\0';
	}
	if (snprintf(path, size, "%s/%s", self, name) >= (int)size)
		die("path too long");
}

static void add_blob(struct encl *encl, const struct encl_spec *spec)
{
	const struct softsgx_segment *last = &encl->image.segs[encl->image.nr_segs - 1];
	u64 offset = last->offset + last->size;
	u8 page[SGX_PAGE_SIZE] = { 0 };

	if (spec->blob_size > sizeof(page))
		die("blob too large");
	memcpy(page, spec->blob, spec->blob_size);
	if (softsgx_image_add(&encl->image, offset, sizeof(page), page,
			      SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X, true) ||
	    softsgx_image_add(&encl->image, offset + sizeof(page), sizeof(page), NULL,
			      SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, true))
		die("%s", softsgx_last_error());
	encl->blob_offset = offset;
}

void encl_build(struct encl *encl, const struct encl_spec *spec)
{
	char path[PATH_MAX];

	*encl = (struct encl){ .e.fd = -1 };
	encl_path(path, sizeof(path), spec->file ?: TEST_ENCLAVE);
	if (softsgx_image_load(&encl->image, path, &spec->options))
		die("%s", softsgx_last_error());
	if (spec->blob)
		add_blob(encl, spec);
}

void encl_sign(struct encl *encl)
{
	static struct evp_pkey_st *key;
	char path[PATH_MAX];

	encl_path(path, sizeof(path), TEST_KEY);
	if (!key && softsgx_key_load(path, &key))
		die("%s", softsgx_last_error());
	if (softsgx_image_sign(&encl->image, key, &encl->sig))
		die("%s", softsgx_last_error());
}

int encl_start(struct encl *encl)
{
	u64 offset;
	int ret;

	ret = softsgx_enclave_open(&encl->e);
	if (!ret)
		ret = softsgx_enclave_load(&encl->e, &encl->image, &encl->sig);
	if (ret)
		return ret;

	encl->nr_tcs = 0;
	while (encl->nr_tcs < ENCL_NR_TCS &&
	       softsgx_image_tcs(&encl->image, encl->nr_tcs, &offset))
		encl->tcs[encl->nr_tcs++] = encl->e.base + offset;
	if (encl->blob_offset) {
		encl->blob = encl->e.base + encl->blob_offset;
		encl->blob_data = encl->blob + SGX_PAGE_SIZE;
	}
	return 0;
}

void encl_load(struct encl *encl, const struct encl_spec *spec)
{
	static const struct encl_spec plain;

	encl_build(encl, spec ?: &plain);
	encl_sign(encl);
	if (encl_start(encl))
		die("%s", softsgx_last_error());
	encl_do(encl, 0, ENCL_INFO, (uintptr_t)&encl->info, 0, 0);
}

void encl_unload(struct encl *encl)
{
	softsgx_enclave_close(&encl->e);
	softsgx_image_free(&encl->image);
}

u64 encl_frame(const struct encl *encl, unsigned int n, unsigned int frame)
{
	return encl->tcs[n] + SGX_PAGE_SIZE +
	       (u64)frame * encl->image.ssa_frame_pages * SGX_PAGE_SIZE;
}

u64 encl_gprsgx(const struct encl *encl, unsigned int n, unsigned int frame)
{
	return encl_frame(encl, n, frame + 1) - sizeof(struct sgx_gprsgx);
}

static __thread void *stacks[MAX_DEPTH];
static __thread unsigned int depth;

static void *new_stack(void)
{
	void *p;

	if (depth == MAX_DEPTH)
		die("too many calls in calls");
	p = stacks[depth];
	if (!p)
		p = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		die("mmap: %m");
	stacks[depth++] = p;
	return (u8 *)p + STACK_SIZE;
}

void encl_unwind(void)
{
	depth = 0;
}

static int enter_on_new_stack(struct sgx_enclave_run *run, unsigned int function,
			      const struct softsgx_args *args)
{
	void *top = new_stack();
	int ret;

	asm volatile("mov %%rsp, %%rbx\n\t"
		     "mov %[top], %%rsp\n\t"
		     "call softsgx_enter\n\t"
		     "mov %%rbx, %%rsp"
		     : "=a"(ret), "+D"(run), "+S"(function), "+d"(args)
		     : [top] "r"(top)
		     : "rbx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc",
		       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	depth--;
	return ret;
}

int encl_enter(const struct encl *encl, unsigned int n, unsigned int function,
	       unsigned long op, struct encl_call *call, struct sgx_enclave_run *run)
{
	struct softsgx_args args = { .rdi = op, .rsi = (uintptr_t)call };
	int ret;

	if (call && function == SGX_EENTER)
		call->status = ENCL_PENDING;
	run->tcs = encl->tcs[n];
	run->function = 0;
	ret = enter_on_new_stack(run, function, &args);
	if (ret || run->function != SGX_EEXIT)
		return -1;
	return !call || call->status == ENCL_DONE ? 0 : -1;
}

unsigned long encl_do(const struct encl *encl, unsigned int n, unsigned long op,
		      unsigned long a0, unsigned long a1, unsigned long a2)
{
	struct encl_call call = { .a = { a0, a1, a2 } };
	struct sgx_enclave_run run = { };

	if (encl_run(encl, n, op, &call, &run))
		die("operation %lu, TCS %u: status %lu, function %u, vector %u, error %#x at %#llx",
		    op, n, call.status, run.function, run.exception_vector,
		    run.exception_error_code, run.exception_addr);
	return call.ret;
}

void encl_get(const struct encl *encl, unsigned int n, void *dst, u64 src, size_t len)
{
	encl_do(encl, n, ENCL_COPY, (uintptr_t)dst, src, len);
}

void encl_put(const struct encl *encl, unsigned int n, u64 dst, const void *src, size_t len)
{
	encl_do(encl, n, ENCL_COPY, dst, (uintptr_t)src, len);
}

void encl_ssa(const struct encl *encl, unsigned int n, struct encl_ssa *ssa)
{
	encl_do(encl, n, ENCL_SSA_GET, ENCL_LAST_FRAME, (uintptr_t)ssa, 0);
}

void encl_raw_args(struct softsgx_raw *raw, unsigned long op, struct encl_call *call)
{
	if (call)
		call->status = ENCL_PENDING;
	raw->regs.di = op;
	raw->regs.si = (uintptr_t)call;
	raw->regs.flags = FLAG_ONE | FLAG_IF;
}

int encl_raw(const struct encl *encl, unsigned int n, struct softsgx_raw *raw,
	     unsigned long op, struct encl_call *call)
{
	encl_raw_args(raw, op, call);
	softsgx_raw_enter(raw, encl->tcs[n]);
	if (raw->ended != SOFTSGX_RAW_EXIT)
		return -1;
	return !call || call->status == ENCL_DONE ? 0 : -1;
}

static void caught(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	char here;

	encl_caught.stack = (uintptr_t)&here;
	encl_caught.info = *info;
	encl_caught.uc = *uc;
	if (uc->uc_mcontext.fpregs)
		memcpy(encl_caught.fx, uc->uc_mcontext.fpregs, sizeof(encl_caught.fx));
	encl_caught.n++;
	if (encl_caught.hook)
		encl_caught.hook(sig, info, uc);
	if (encl_caught.bail)
		uc->uc_mcontext.gregs[REG_RIP] = (uintptr_t)softsgx_raw_bail;
}

void encl_catch(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | flags };

	if (!(flags & SA_NODEFER))
		sigfillset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL))
		die("sigaction: %m");
}

void encl_catch_faults(int flags)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(faults); i++)
		encl_catch(faults[i], flags);
}

u64 encl_random64(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void encl_random(u64 *seed, void *p, size_t size)
{
	u8 *b = p;

	while (size--)
		*b++ = encl_random64(seed);
}

void encl_random_regs(u64 *seed, struct encl_regs *regs)
{
	unsigned long rcx = regs->gpr[ENCL_RCX], rsp = regs->gpr[ENCL_RSP];
	const unsigned long flags = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF |
				    FLAG_DF | FLAG_OF | FLAG_ID;

	encl_random(seed, regs->gpr, sizeof(regs->gpr));
	encl_random(seed, regs->vec, sizeof(regs->vec));
	regs->gpr[ENCL_RCX] = rcx;
	regs->gpr[ENCL_RSP] = rsp;
	regs->flags = (encl_random64(seed) & flags) | FLAG_ONE | FLAG_IF;
	/* All exceptions masked; rounding, and precision of the x87, at random */
	regs->mxcsr = 0x1f80 | (encl_random64(seed) & 0xe03f);
	regs->fcw = 0x7f | (encl_random64(seed) & 0xc00) | 0x300;
}

/* In a process of its own, which dies of it. */
static void __attribute__((noreturn)) raise_natively(unsigned int fault)
{
	static const u32 mxcsr = 0x1d80;
	static const float one = 1;
	u64 words[2];

	if (fault == ENCL_INT1)
		asm volatile(".byte 0xf1");
	if (fault == ENCL_SSE)
		asm volatile("ldmxcsr %0\n\t"
			     "movss %1, %%xmm0\n\t"
			     "pxor %%xmm1, %%xmm1\n\t"
			     "divss %%xmm1, %%xmm0"
			     : : "m"(mxcsr), "m"(one) : "xmm0", "xmm1");
	if (fault == ENCL_ALIGN)
		asm volatile("pushfq\n\t"
			     "orl $0x40000, (%%rsp)\n\t"
			     "popfq\n\t"
			     "mov 1(%0), %%rax"
			     : : "r"(words) : "rax", "memory", "cc");
	_exit(0);
}

bool encl_cpu_raises(unsigned int fault)
{
	const int sig = fault == ENCL_INT1 ? SIGTRAP : fault == ENCL_SSE ? SIGFPE : SIGBUS;
	pid_t pid = fork();
	int status;
	size_t i;

	if (pid < 0)
		die("fork: %m");
	if (!pid) {
		for (i = 0; i < ARRAY_LEN(faults); i++)
			signal(faults[i], SIG_DFL);
		raise_natively(fault);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

long encl_epc_free(void)
{
	FILE *f = fopen(EPC_FILE, "r");
	long pages = -1;
	char line[128];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "free_pages %ld", &pages);
	fclose(f);
	return pages;
}

/* Programs die here on purpose; the kernel log is for what is not. */
static void no_crash_messages(void)
{
	int fd = open("/proc/sys/debug/exception-trace", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		fprintf(stderr, "# exception-trace: %m\n");
	close(fd);
}

/* Before main(), so that forked tests know it */
static void __attribute__((constructor)) prepare(void)
{
	epc_at_start = encl_epc_free();
	no_crash_messages();
}

bool encl_epc_is_back(void)
{
	long pages = encl_epc_free();
	int ms;

	if (epc_at_start < 0 || pages < 0)
		die("no %s", EPC_FILE);
	for (ms = 0; pages != epc_at_start && ms < EPC_WAIT_MS; ms += 10) {
		sleep_ms(10);
		pages = encl_epc_free();
	}
	if (pages != epc_at_start)
		fprintf(stderr, "# %ld of %ld EPC pages are free\n", pages, epc_at_start);
	return pages == epc_at_start;
}

static void *visit(void *arg)
{
	struct encl_visitor *v = arg;

	v->tid = syscall(SYS_gettid);
	v->call.a[0] = (uintptr_t)&v->go;
	v->call.a[1] = (uintptr_t)&v->ready;
	v->ret = encl_run(v->encl, v->n, ENCL_WAIT, &v->call, &v->run);
	STORE(v->out, true);
	STORE(v->ready, 1);
	while (v->ret) {
		while (!LOAD(v->resume) && !LOAD(v->end))
			usleep(100);
		if (!LOAD(v->resume))
			break;
		STORE(v->resume, false);
		v->ret = encl_resume(v->encl, v->n, &v->call, &v->run);
		STORE(v->out, true);
	}
	return NULL;
}

void encl_visit(struct encl_visitor *v, const struct encl *encl, unsigned int n)
{
	*v = (struct encl_visitor){ .encl = encl, .n = n };
	if (pthread_create(&v->thread, NULL, visit, v))
		die("pthread_create: %m");
	while (!LOAD(v->ready))
		usleep(100);
}

void encl_visit_wait(struct encl_visitor *v)
{
	while (!LOAD(v->out))
		usleep(100);
}

void encl_visit_resume(struct encl_visitor *v)
{
	STORE(v->go, 1);
	STORE(v->out, false);
	STORE(v->resume, true);
	encl_visit_wait(v);
}

void encl_visit_end(struct encl_visitor *v)
{
	STORE(v->go, 1);
	STORE(v->end, true);
	if (!v->joined)
		pthread_join(v->thread, NULL);
	v->joined = true;
}
