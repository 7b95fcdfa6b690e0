// SPDX-License-Identifier: GPL-2.0
/*
 * The test enclave in a program; encl_util.h says what the functions do.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "encl_util.h"

#define TEST_ENCLAVE	"tests/encl/test_encl.elf"
#define TEST_KEY	"sign-key.pem"
#define EPC_FILE	"/sys/kernel/debug/softsgx/epc"
/* Enclaves are taken down by a worker in the kernel, some time after close(). */
#define EPC_WAIT_MS	20000

struct encl_caught encl_caught;

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

void msleep(unsigned int ms)
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
	encl->blob = offset;
}

void encl_build(struct encl *encl, const struct encl_spec *spec)
{
	char path[PATH_MAX];

	*encl = (struct encl){ .e.fd = -1 };
	encl_path(path, sizeof(path), TEST_ENCLAVE);
	if (softsgx_image_load(&encl->image, path, &spec->options))
		die("%s", softsgx_last_error());
	if (spec->blob)
		add_blob(encl, spec);
}

/* The processor decides on the image as it is now: 0 or the loader's error. */
int encl_start(struct encl *encl)
{
	static struct evp_pkey_st *key;
	struct sgx_sigstruct sig;
	char path[PATH_MAX];
	u64 offset;
	int ret;

	encl_path(path, sizeof(path), TEST_KEY);
	if (!key && softsgx_key_load(path, &key))
		die("%s", softsgx_last_error());
	if (softsgx_image_sign(&encl->image, key, &sig))
		die("%s", softsgx_last_error());

	ret = softsgx_enclave_open(&encl->e);
	if (!ret)
		ret = softsgx_enclave_load(&encl->e, &encl->image, &sig);
	if (ret)
		return ret;

	encl->nr_tcs = 0;
	while (encl->nr_tcs < ENCL_NR_TCS &&
	       softsgx_image_tcs(&encl->image, encl->nr_tcs, &offset))
		encl->tcs[encl->nr_tcs++] = encl->e.base + offset;
	if (encl->blob) {
		encl->blob += encl->e.base;
		encl->blob_data = encl->blob + SGX_PAGE_SIZE;
	}
	return 0;
}

void encl_load(struct encl *encl, const struct encl_spec *spec)
{
	static const struct encl_spec plain;

	encl_build(encl, spec ?: &plain);
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

static int outcome(int ret, const struct sgx_enclave_run *run, const struct encl_call *call)
{
	if (ret || run->function != SGX_EEXIT)
		return -1;
	return !call || call->status == ENCL_DONE ? 0 : -1;
}

int encl_run(const struct encl *encl, unsigned int n, unsigned long op,
	     struct encl_call *call, struct sgx_enclave_run *run)
{
	struct softsgx_args args = { .rdi = op, .rsi = (uintptr_t)call };

	if (call)
		call->status = ENCL_PENDING;
	run->tcs = encl->tcs[n];
	run->function = 0;
	return outcome(softsgx_enter(run, SGX_EENTER, &args), run, call);
}

int encl_resume(const struct encl *encl, unsigned int n, struct encl_call *call,
		struct sgx_enclave_run *run)
{
	struct softsgx_args args = { };

	run->tcs = encl->tcs[n];
	run->function = 0;
	return outcome(softsgx_enter(run, SGX_ERESUME, &args), run, call);
}

unsigned long encl_do(const struct encl *encl, unsigned int n, unsigned long op,
		      unsigned long a0, unsigned long a1, unsigned long a2)
{
	struct encl_call call = { .a = { a0, a1, a2 } };
	struct sgx_enclave_run run = { };

	if (encl_run(encl, n, op, &call, &run))
		die("operation %lu on TCS %u: function %u, vector %u, error %#x, address %#llx, status %lu",
		    op, n, run.function, run.exception_vector, run.exception_error_code,
		    run.exception_addr, call.status);
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

	sigfillset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL))
		die("sigaction: %m");
}

void encl_catch_faults(int flags)
{
	static const int faults[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP };
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
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

/* Before main(), so that forked tests know it */
static void __attribute__((constructor)) remember_epc(void)
{
	epc_at_start = encl_epc_free();
}

bool encl_epc_is_back(void)
{
	long pages = encl_epc_free();
	int ms;

	if (epc_at_start < 0 || pages < 0)
		die("no %s", EPC_FILE);
	for (ms = 0; pages != epc_at_start && ms < EPC_WAIT_MS; ms += 10) {
		msleep(10);
		pages = encl_epc_free();
	}
	if (pages != epc_at_start)
		fprintf(stderr, "# %ld of %ld EPC pages are free\n", pages, epc_at_start);
	return pages == epc_at_start;
}

static void *wait_inside(void *arg)
{
	struct encl_thread_in *t = arg;

	t->tid = syscall(SYS_gettid);
	t->call.a[0] = (uintptr_t)&t->go;
	t->call.a[1] = (uintptr_t)&t->ready;
	t->ret = encl_run(t->encl, t->n, ENCL_WAIT, &t->call, &t->run);
	t->ready = 1;
	return NULL;
}

void encl_enter_thread(struct encl_thread_in *t, const struct encl *encl, unsigned int n)
{
	*t = (struct encl_thread_in){ .encl = encl, .n = n };
	if (pthread_create(&t->thread, NULL, wait_inside, t))
		die("pthread_create: %m");
	while (!t->ready)
		usleep(100);
}

void encl_leave_thread(struct encl_thread_in *t)
{
	t->go = 1;
	pthread_join(t->thread, NULL);
}
