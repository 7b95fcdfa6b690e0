// SPDX-License-Identifier: GPL-2.0
/*
 * A loader as library operating systems have it. The file is mapped over the whole
 * ELRANGE, with all rights, before there is an enclave. ENCLU is executed by code of
 * its own, with counters behind GS. Signals enter the enclave once more, which looks
 * at its frame, changes it, and emulates instructions that an enclave may not execute.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "loader.h"
#include "kselftest_harness.h"

#define HEAP_PAGES	1000
#define ANSWER(nr)	((nr) ^ 0x5a5a000000000000UL)
#define CODE_SYSCALL	0x050f
#define CODE_CPUID	0xa20f

/* What GS points to */
struct block {
	struct block *self;
	u64 exits;		/* GS:8, asynchronous */
	u64 returns;		/* GS:16 */
};

int gramine_enter(unsigned long op, struct encl_call *call, u64 tcs);
extern const char gramine_eenter[], gramine_aep[], gramine_failed[];

asm("	.pushsection .text\n"
	"gramine_enter:\n"
	"	push	%rbx\n"
	"	push	%rbp\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	push	%r14\n"
	"	push	%r15\n"
	"	mov	%rdx, %rbx\n"
	"	lea	gramine_aep(%rip), %rcx\n"
	"	mov	$2, %eax\n"
	"gramine_eenter:\n"
	ENCLU
	"	incq	%gs:16\n"
	"	sub	$4, %eax\n"
	"gramine_out:\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n"
	"gramine_failed:\n"
	"	mov	$-1, %eax\n"
	"	jmp	gramine_out\n"
	"gramine_aep:\n"
	"	incq	%gs:8\n"
	ENCLU
	"	ud2\n"
	"	.popsection\n");

static __thread struct block block;
static unsigned long nr_async[NSIG], nr_sync[NSIG], nr_refused;
static void *hole;

static void set_gs(void)
{
	block.self = &block;
	asm volatile("wrgsbase %0" : : "r"(&block));
}

static int enter(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call)
{
	int ret = gramine_enter(op, call, l->tcs[n]);

	return ret || call->status != ENCL_DONE ? -1 : 0;
}

/* ----------------------------------------------------------------------- signals */

static int signal_of(u32 exitinfo)
{
	switch (exitinfo & 0xff) {
	case V_DE:
	case V_MF:
	case V_XM:
		return SIGFPE;
	case V_UD:
		return SIGILL;
	case V_AC:
		return SIGBUS;
	default:
		return SIGSEGV;
	}
}

static void emulate(struct loader *l, unsigned int n, struct encl_ssa *ssa)
{
	u64 code = 0;

	loader_do(l, n, ENCL_READ, ssa->rip, 0, 0, &code);
	if ((code & 0xffff) == CODE_SYSCALL || (code & 0xffff) == CODE_CPUID) {
		ssa->gpr[ENCL_RAX] = ANSWER(ssa->gpr[ENCL_RAX]);
		ssa->rip += 2;
		loader_do(l, n, ENCL_SSA_SET, ENCL_LAST_FRAME, (uintptr_t)ssa, 0, NULL);
	} else {
		loader_do(l, n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0, NULL);
	}
}

static void page_fault(struct loader *l, unsigned int n, const struct encl_ssa *ssa,
		       const siginfo_t *info)
{
	if ((ssa->maddr ^ (uintptr_t)info->si_addr) & -SGX_PAGE_SIZE)
		loader_error("# MADDR is not the signal's address\n");
	if (info->si_addr >= hole && info->si_addr < hole + SGX_PAGE_SIZE)
		mprotect(hole, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE);
	else
		loader_do(l, n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0, NULL);
}

static void handle(int sig, siginfo_t *info, void *ctx)
{
	greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	struct loader *l = loader_now;
	struct encl_ssa ssa = { };
	unsigned int n = loader_tcs_number(l, g[REG_RBX]);
	u64 gs;

	asm volatile("rdgsbase %0" : "=r"(gs));
	if (gs != (uintptr_t)&block || !loader_on_signal_stack(&gs))
		loader_error("# GS or the stack is wrong in a handler\n");
	if (g[REG_RIP] == (greg_t)(uintptr_t)gramine_eenter) {
		__atomic_fetch_add(&nr_refused, 1, __ATOMIC_SEQ_CST);
		g[REG_RIP] = (uintptr_t)gramine_failed;
		return;
	}
	if (g[REG_RIP] != (greg_t)(uintptr_t)gramine_aep || g[REG_RAX] != SGX_ERESUME ||
	    n == LOADER_TCS) {
		loader_error("# an exception that is not from the enclave\n");
		_exit(1);
	}
	__atomic_fetch_add(&nr_sync[sig], 1, __ATOMIC_SEQ_CST);
	loader_do(l, n, ENCL_SSA_GET, ENCL_LAST_FRAME, (uintptr_t)&ssa, 0, NULL);
	if (!(ssa.exitinfo & SGX_EXITINFO_VALID) || signal_of(ssa.exitinfo) != sig)
		loader_error("# EXITINFO is not the signal\n");
	switch (ssa.exitinfo & 0xff) {
	case V_UD:
		emulate(l, n, &ssa);
		break;
	case V_PF:
		page_fault(l, n, &ssa, info);
		break;
	default:
		loader_do(l, n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0, NULL);
	}
}

/* TERM and CONT: the enclave is told, whatever it was doing. */
static void tell(int sig, siginfo_t *info, void *ctx)
{
	const greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	struct loader *l = loader_now;
	struct encl_ssa ssa = { };

	if (g[REG_RIP] != (greg_t)(uintptr_t)gramine_aep)
		return;
	__atomic_fetch_add(&nr_async[sig], 1, __ATOMIC_SEQ_CST);
	loader_do(l, loader_tcs_number(l, g[REG_RBX]), ENCL_SSA_GET, ENCL_LAST_FRAME,
		  (uintptr_t)&ssa, 0, NULL);
	if (ssa.exitinfo)
		loader_error("# EXITINFO of an exit without an exception\n");
}

static void handlers(void)
{
	static const int sigs[] = { SIGFPE, SIGSEGV, SIGBUS, SIGILL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		loader_catch(sigs[i], handle);
	loader_catch(SIGTERM, tell);
	loader_catch(SIGCONT, tell);
}

/* ----------------------------------------------------------------------- loading */

static int map_everything(struct loader *l)
{
	int ret = loader_reserve(l);

	if (ret)
		return ret;
	munmap((void *)l->base, l->size);
	l->fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	if (l->fd < 0)
		return -errno;
	if (mmap((void *)l->base, l->size, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, l->fd, 0) != (void *)l->base)
		return -errno;
	return 0;
}

static int load(struct loader *l)
{
	int ret = map_everything(l) ?: loader_create(l) ?: loader_add(l, ~0ULL) ?: loader_init(l);

	return ret ?: loader_map(l, true);
}

static int load_by_page(struct loader *l)
{
	int ret = map_everything(l) ?: loader_create(l) ?: loader_add(l, SGX_PAGE_SIZE) ?:
		  loader_init(l);

	return ret ?: loader_map(l, true);
}

#define GRAMINE_OPTIONS { .nr_tcs = LOADER_TCS, .nssa = 2, .ssa_frame_pages = 4, \
			  .heap_pages = HEAP_PAGES, .miscselect = SGX_MISC_EXINFO }

static const struct loader_style gramine_by_page = {
	.spec.options = GRAMINE_OPTIONS,
	.load = load_by_page,
	.thread = set_gs,
	.enter = enter,
	.handlers = handlers,
	.aep = gramine_aep,
	.faults = true,
};

static const struct loader_style gramine = {
	.spec.options = GRAMINE_OPTIONS,
	.load = load,
	.thread = set_gs,
	.enter = enter,
	.handlers = handlers,
	.aep = gramine_aep,
	.faults = true,
};

FIXTURE(gramine)
{
	struct loader l;
	struct encl_info info;
};

FIXTURE_SETUP(gramine)
{
	loader_build(&self->l, &gramine, 0, 0);
	ASSERT_EQ(0, loader_load(&self->l));
	ASSERT_EQ(0, loader_do(&self->l, 0, ENCL_INFO, (uintptr_t)&self->info, 0, 0, NULL));
}

FIXTURE_TEARDOWN(gramine)
{
	loader_unload(&self->l);
}

/* ---------------------------------------------------------------------- negative */

TEST_F(gramine, nothing_replaced)
{
	EXPECT_EQ(MAP_FAILED, mmap((void *)self->l.base, SGX_PAGE_SIZE, PROT_READ,
				   MAP_SHARED | MAP_FIXED_NOREPLACE, self->l.fd, 0));
	EXPECT_EQ(EEXIST, errno);
}

TEST_F(gramine, probe_of_dynamic_memory)
{
	struct sgx_enclave_remove_pages arg = { };
	int fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, ioctl(fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &arg));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

/* An XFRM that the platform lacks fails CREATE, and the file can be used again. */
TEST_F(gramine, missing_feature)
{
	struct loader l;

	loader_build(&l, &gramine, 0, 0);
	ASSERT_EQ(0, map_everything(&l));
	l.encl.image.xfrm |= 1ULL << 18;
	EXPECT_EQ(-EIO, loader_create(&l));
	l.encl.image.xfrm &= ~(1ULL << 18);
	EXPECT_EQ(0, loader_create(&l));
	loader_unload(&l);
}

TEST_F(gramine, rights_after_init)
{
	u64 code = self->info.code & -SGX_PAGE_SIZE;

	EXPECT_EQ(-1, mprotect((void *)code, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

/* CSSA = NSSA, and what is no TCS: the signal comes from EENTER itself. */
TEST_F(gramine, entry_refused)
{
	struct encl_call call = { };

	EXPECT_EQ(-1, gramine_enter(ENCL_ADD, &call, self->info.scratch));
	EXPECT_EQ(-1, gramine_enter(ENCL_ADD, &call, self->l.tcs[0] + 8));
	EXPECT_EQ(2, nr_refused);
	EXPECT_EQ(0, call.status);
	EXPECT_EQ(0, LOAD(loader_errors));
}

/* ---------------------------------------------------------------------- signals */

TEST_F(gramine, exceptions)
{
	static const struct {
		unsigned long fault;
		int sig;
	} faults[] = { { ENCL_UD2, SIGILL }, { ENCL_DIV0, SIGFPE }, { ENCL_X87, SIGFPE },
		       { ENCL_HLT, SIGSEGV }, { ENCL_NONCANON, SIGSEGV }, { ENCL_INT3, SIGILL } };
	unsigned int i, before;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		before = nr_sync[faults[i].sig];
		EXPECT_EQ(0, loader_do(&self->l, 1, ENCL_FAULT, faults[i].fault, 0, 0, NULL));
		EXPECT_EQ(before + 1, nr_sync[faults[i].sig]);
	}
	EXPECT_EQ(0, LOAD(loader_errors));
	/* Counted by the enclave's loader itself, once each */
	EXPECT_EQ(ARRAY_SIZE(faults), block.exits);
}

/* A page of the program becomes accessible in the handler; another is left out. */
TEST_F(gramine, page_faults)
{
	u64 ret = 0;

	hole = mmap(NULL, 2 * SGX_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, hole);
	EXPECT_EQ(0, loader_do(&self->l, 0, ENCL_ACCESS_WRITE, 0, (uintptr_t)hole + 24, 4711,
			       NULL));
	EXPECT_EQ(4711, ((u64 *)hole)[3]);
	EXPECT_EQ(1, nr_sync[SIGSEGV]);
	EXPECT_EQ(0, loader_do(&self->l, 0, ENCL_ACCESS_READ, 0, (uintptr_t)hole + SGX_PAGE_SIZE,
			       0, &ret));
	EXPECT_EQ(2, nr_sync[SIGSEGV]);
	EXPECT_EQ(0, LOAD(loader_errors));
}

TEST_F(gramine, emulated_system_call)
{
	u64 ret = 0;
	int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, loader_do(&self->l, 0, ENCL_FAULT, ENCL_SYSCALL, 0, 0, &ret));
		ASSERT_EQ(ANSWER(SYS_getpid), ret);
	}
	EXPECT_EQ(200, nr_sync[SIGILL]);
	EXPECT_EQ(0, LOAD(loader_errors));
}

static void set_step(const char *value)
{
	FILE *f = fopen("/sys/module/softsgx_cpu/parameters/step", "w");

	if (!f || fputs(value, f) < 0 || fclose(f))
		die("the parameter step cannot be set");
}

/* Single step sees it, where CPUID does not fault. */
TEST_F(gramine, emulated_cpuid)
{
	set_step("1");
	EXPECT_EQ(0, loader_do(&self->l, 0, ENCL_FAULT, ENCL_CPUID, 0, 0, NULL));
	set_step("0");
	EXPECT_EQ(1, nr_sync[SIGILL]);
	EXPECT_EQ(0, LOAD(loader_errors));
}

static unsigned long waiting, let_go;

static void *signaller(void *arg)
{
	pid_t tid = *(pid_t *)arg;
	int i;

	while (!LOAD(waiting))
		usleep(100);
	for (i = 0; i < 200; i++) {
		syscall(SYS_tgkill, getpid(), tid, i & 1 ? SIGTERM : SIGCONT);
		usleep(500);
	}
	STORE(let_go, 1);
	return NULL;
}

TEST_F(gramine, term_and_cont)
{
	pid_t tid = syscall(SYS_gettid);
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, signaller, &tid));
	EXPECT_EQ(0, loader_do(&self->l, 0, ENCL_WAIT, (uintptr_t)&let_go, (uintptr_t)&waiting, 0,
			       NULL));
	pthread_join(thread, NULL);
	EXPECT_LT(0, nr_async[SIGTERM]);
	EXPECT_LT(0, nr_async[SIGCONT]);
	EXPECT_EQ(0, LOAD(loader_errors));
}

static unsigned long nr_ticks;

static void tick(int sig, siginfo_t *info, void *ctx)
{
	nr_ticks++;
}

/* ADD_PAGES is interrupted again and again; the measurement is right all the same. */
TEST_F_TIMEOUT(gramine, load_under_signals, 120)
{
	const struct itimerval it = { .it_interval.tv_usec = 500, .it_value.tv_usec = 500 },
			       none = { };
	struct loader l;
	u64 ret = 0;

	loader_build(&l, &gramine, 0, 0);
	loader_catch(SIGALRM, tick);
	setitimer(ITIMER_REAL, &it, NULL);
	EXPECT_EQ(0, loader_load(&l));
	setitimer(ITIMER_REAL, &none, NULL);
	EXPECT_LT(0, nr_ticks);
	EXPECT_EQ(0, loader_do(&l, 7, ENCL_ADD, 3, 0, 0, &ret));
	EXPECT_EQ(3, ret);
	loader_unload(&l);
}

/* A page in each call, more than a thousand of them */
TEST_F_TIMEOUT(gramine, page_by_page, 120)
{
	u64 ret = 0, pages = 0;
	struct loader l;
	unsigned int i;

	loader_build(&l, &gramine_by_page, 0, 0);
	for (i = 0; i < l.encl.image.nr_segs; i++)
		pages += l.encl.image.segs[i].size / SGX_PAGE_SIZE;
	EXPECT_LE(1014, pages);
	ASSERT_EQ(0, loader_load(&l));
	EXPECT_EQ(0, loader_do(&l, 7, ENCL_ADD, 3, 0, 0, &ret));
	EXPECT_EQ(3, ret);
	loader_unload(&l);
}

LOADER_TESTS(gramine)

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
