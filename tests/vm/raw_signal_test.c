// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions in an enclave that was entered with an ENCLU of the program's own:
 * the signals that come of them.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define ALTSTACK_SIZE	(256 * 1024)
#define XSAVE_YMM	576

FIXTURE(raw)
{
	struct encl encl;
	struct softsgx_raw raw;
	struct encl_call call;
	u64 seed;
};

FIXTURE_SETUP(raw)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };

	encl_load(&self->encl, &spec);
	ASSERT_EQ(0, softsgx_raw_init(&self->raw));
	self->seed = 3;
	encl_caught.bail = true;
	encl_catch_faults(0);
}

FIXTURE_TEARDOWN(raw)
{
	softsgx_raw_free(&self->raw);
	encl_unload(&self->encl);
}

/* The state of the processor behind an asynchronous exit */
static void check_context(struct __test_metadata *_metadata, const struct softsgx_raw *raw,
			  u64 tcs, u64 aep, u64 bp)
{
	static const int zero[] = {
		REG_RDX, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
		REG_R13, REG_R14, REG_R15,
	};
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	unsigned int i;

	EXPECT_EQ(aep, g[REG_RIP]);
	EXPECT_EQ(SGX_ERESUME, g[REG_RAX]);
	EXPECT_EQ(tcs, g[REG_RBX]);
	EXPECT_EQ(aep, g[REG_RCX]);
	EXPECT_EQ(raw->stack_top - 16, g[REG_RSP]);
	EXPECT_EQ(bp, g[REG_RBP]);
	EXPECT_EQ(0, g[REG_EFL] & (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF |
				   FLAG_RF | FLAG_TF));
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		EXPECT_EQ(0, g[zero[i]]) {
			TH_LOG("gregs[%d]", zero[i]);
		}
}

static void check_fx(struct __test_metadata *_metadata, u16 fcw, u16 fsw, u32 mxcsr)
{
	static const u8 zero[256];
	u32 m;
	u16 w;

	memcpy(&w, encl_caught.fx, 2);
	EXPECT_EQ(fcw, w);
	memcpy(&w, encl_caught.fx + 2, 2);
	EXPECT_EQ(fsw, w);
	memcpy(&m, encl_caught.fx + 24, 4);
	EXPECT_EQ(mxcsr, m);
	EXPECT_EQ(0, memcmp(encl_caught.fx + 160, zero, sizeof(zero)));
}

struct expected {
	int sig;
	int code;
	unsigned int trapno;
	unsigned int error;
	u64 addr;
	u64 cr2;
};

#define AT_AEP	1ULL		/* as an expected address */

static void check_signal(struct __test_metadata *_metadata, const struct expected *e, u64 aep)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;

	EXPECT_EQ(e->sig, encl_caught.info.si_signo);
	EXPECT_EQ(e->code, encl_caught.info.si_code);
	EXPECT_EQ(e->addr == AT_AEP ? aep : e->addr, (uintptr_t)encl_caught.info.si_addr);
	EXPECT_EQ(e->trapno, g[REG_TRAPNO]);
	EXPECT_EQ(e->error, g[REG_ERR]);
	if (e->trapno == V_PF)
		EXPECT_EQ(e->cr2, g[REG_CR2]);
}

/* Enter with random registers, get exactly one signal. */
static void one_signal(struct __test_metadata *_metadata, struct _test_data_raw *self,
		       unsigned long op, const struct expected *e)
{
	struct softsgx_raw *raw = &self->raw;
	u64 aep = (uintptr_t)softsgx_raw_aep_return;
	u64 bp;

	encl_random(&self->seed, &raw->regs, sizeof(raw->regs));
	encl_raw_args(raw, op, &self->call);
	bp = raw->regs.bp;
	encl_caught.n = 0;
	softsgx_raw_enter_once(raw, self->encl.tcs[0], SGX_EENTER);
	EXPECT_EQ(SOFTSGX_RAW_BAILED, raw->ended);
	ASSERT_EQ(1, encl_caught.n);
	check_context(_metadata, raw, self->encl.tcs[0], aep, bp);
	check_signal(_metadata, e, aep);
}

static void fault_signal(struct __test_metadata *_metadata, struct _test_data_raw *self,
			 unsigned int fault, struct expected e)
{
	self->call = (struct encl_call){ .a[0] = fault };
	one_signal(_metadata, self, ENCL_FAULT, &e);
}

#define fault_signal(fault, ...) \
	fault_signal(_metadata, self, fault, (struct expected){ __VA_ARGS__, 0 })

TEST_F(raw, invalid_opcode)
{
	fault_signal(ENCL_UD2, SIGILL, ILL_ILLOPN, V_UD, 0, AT_AEP);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
	fault_signal(ENCL_INT3, SIGILL, ILL_ILLOPN, V_UD, 0, AT_AEP);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
}

TEST_F(raw, divide)
{
	fault_signal(ENCL_DIV0, SIGFPE, FPE_INTDIV, V_DE, 0, AT_AEP);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
}

TEST_F(raw, general_protection)
{
	fault_signal(ENCL_HLT, SIGSEGV, SI_KERNEL, V_GP, 0, 0);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
	fault_signal(ENCL_NONCANON, SIGSEGV, SI_KERNEL, V_GP, 0, 0);
}

/*
 * The kernel looks for the reason in the floating-point state, and what it finds
 * there after the exit is an invalid operation, whatever the enclave did.
 */
TEST_F(raw, x87)
{
	fault_signal(ENCL_X87, SIGFPE, FPE_FLTINV, V_MF, 0, AT_AEP);
	check_fx(_metadata, 0x37e, 0x8081, 0x1fb0);
}

TEST_F(raw, simd)
{
	if (!encl_cpu_raises(ENCL_SSE))
		SKIP(return, "this CPU has no SIMD exceptions");
	fault_signal(ENCL_SSE, SIGFPE, FPE_FLTINV, V_XM, 0, AT_AEP);
	check_fx(_metadata, 0x37f, 0, 0x1f01);
}

TEST_F(raw, alignment)
{
	if (!encl_cpu_raises(ENCL_ALIGN))
		SKIP(return, "this CPU does not check alignment");
	fault_signal(ENCL_ALIGN, SIGBUS, BUS_ADRALN, V_AC, 0, 0);
}

TEST_F(raw, icebp)
{
	if (!encl_cpu_raises(ENCL_INT1))
		SKIP(return, "this CPU has no INT1");
	fault_signal(ENCL_INT1, SIGTRAP, TRAP_BRKPT, V_DB, 0, AT_AEP);
}

static void page_fault(struct __test_metadata *_metadata, struct _test_data_raw *self,
		       unsigned long op, u64 addr, int sig, int code, unsigned int error)
{
	const struct expected e = {
		.sig = sig, .code = code, .trapno = V_PF, .error = error,
		.addr = addr & ~(SGX_PAGE_SIZE - 1ULL), .cr2 = addr & ~(SGX_PAGE_SIZE - 1ULL),
	};

	self->call = (struct encl_call){ .a[0] = addr };
	one_signal(_metadata, self, op, &e);
}

#define page_fault(...) page_fault(_metadata, self, __VA_ARGS__)

TEST_F(raw, page_fault)
{
	u64 tcs = self->encl.tcs[2];
	u64 hole = tcs - (ENCL_STACK_PAGES + 1) * SGX_PAGE_SIZE;

	/* Each one keeps a frame. */
	page_fault(ENCL_READ, hole + 0x234, SIGSEGV, SEGV_ACCERR, 4);
	ASSERT_EQ(0, munmap((void *)hole, SGX_PAGE_SIZE));
	page_fault(ENCL_WRITE, hole + 0x238, SIGSEGV, SEGV_MAPERR, 6);
	ASSERT_NE(MAP_FAILED, mmap((void *)hole, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->encl.e.fd, 0));
	page_fault(ENCL_WRITE, hole + 0x240, SIGSEGV, SEGV_ACCERR, 0x8007);
}

TEST_F(raw, page_fault_by_permission)
{
	u64 rodata = self->encl.info.rodata;

	encl_do(&self->encl, 1, ENCL_READ, rodata, 0, 0);
	page_fault(ENCL_WRITE, rodata + 0x18, SIGSEGV, SEGV_ACCERR, 7);
	encl_do(&self->encl, 1, ENCL_WRITE, self->encl.info.scratch, 1, 0);
	page_fault(ENCL_JUMP, self->encl.info.scratch + 8, SIGSEGV, SEGV_ACCERR, 0x15);
}

TEST_F(raw, page_fault_by_epcm)
{
	u64 tcs = self->encl.tcs[2];

	page_fault(ENCL_READ, tcs + 0x40, SIGSEGV, SEGV_ACCERR, 0x8005);
	page_fault(ENCL_WRITE, tcs + 0x48, SIGSEGV, SEGV_ACCERR, 0x8007);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
}

TEST_F(raw, page_fault_outside)
{
	page_fault(ENCL_READ, 0x123, SIGSEGV, SEGV_MAPERR, 4);
	page_fault(ENCL_READ, 0xffff888000001230, SIGSEGV, SEGV_MAPERR, 5);
}

/* Flags that an exit keeps, and flags that it clears */
TEST_F(raw, flags)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	const unsigned long kept = FLAG_DF | FLAG_ID;

	self->call = (struct encl_call){ .a[0] = ENCL_REGS_UD2 };
	encl_random_regs(&self->seed, &self->call.regs);
	self->call.regs.flags = FLAG_ONE | FLAG_IF | FLAG_CF | FLAG_ZF | FLAG_SF | FLAG_OF | kept;
	encl_raw_args(&self->raw, ENCL_REGS, &self->call);
	softsgx_raw_enter_once(&self->raw, self->encl.tcs[0], SGX_EENTER);
	ASSERT_EQ(1, encl_caught.n);
	EXPECT_EQ(FLAG_ONE | FLAG_IF | kept, g[REG_EFL]);
}

/* Upper halves of YMM0-YMM15 in the frame of the last signal */
static u8 ymm_high[256];

static void keep_ymm(int sig, siginfo_t *info, ucontext_t *uc)
{
	memcpy(ymm_high, (u8 *)uc->uc_mcontext.fpregs + XSAVE_YMM, sizeof(ymm_high));
}

/* With AVX in XFRM: the enclave's registers are in its frame, and nowhere else. */
TEST_F(raw, avx)
{
	const struct encl_spec spec = { .options.xfrm = SGX_XFRM_LEGACY | 4 };
	static const u8 zero[sizeof(ymm_high)];
	u8 frame[SGX_PAGE_SIZE];
	struct encl_regs in;
	struct encl encl;
	unsigned int r;

	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "no AVX");
	encl_load(&encl, &spec);
	self->call = (struct encl_call){ .a[0] = ENCL_REGS_UD2 | ENCL_REGS_YMM };
	encl_random_regs(&self->seed, &self->call.regs);
	in = self->call.regs;
	encl_caught.hook = keep_ymm;
	memset(ymm_high, 1, sizeof(ymm_high));
	encl_raw_args(&self->raw, ENCL_REGS, &self->call);
	softsgx_raw_enter_once(&self->raw, encl.tcs[0], SGX_EENTER);
	ASSERT_EQ(1, encl_caught.n);
	check_fx(_metadata, 0x37f, 0, 0x1fb0);
	EXPECT_EQ(0, memcmp(ymm_high, zero, sizeof(zero)));
	encl_get(&encl, 1, frame, encl_frame(&encl, 0, 0), sizeof(frame));
	for (r = 0; r < 16; r++) {
		EXPECT_EQ(0, memcmp(in.vec[r], frame + 160 + 16 * r, 16));
		EXPECT_EQ(0, memcmp(in.vec[r] + 16, frame + XSAVE_YMM + 16 * r, 16));
	}
	encl_unload(&encl);
}

/* Without it: state that is not of the enclave stays as it is. */
TEST_F(raw, no_avx)
{
	static const u8 pattern[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "no AVX");
	encl_caught.hook = keep_ymm;
	self->call = (struct encl_call){ .a[0] = ENCL_UD2 };
	encl_raw_args(&self->raw, ENCL_FAULT, &self->call);
	asm volatile("vinsertf128 $1, %0, %%ymm9, %%ymm9" : : "m"(pattern) : "xmm9");
	softsgx_raw_enter_once(&self->raw, self->encl.tcs[0], SGX_EENTER);
	ASSERT_EQ(1, encl_caught.n);
	EXPECT_EQ(0, memcmp(pattern, ymm_high + 16 * 9, 16));
}

/* The handler has a stack of its own, and the context of the other one. */
TEST_F(raw, alternate_stack)
{
	stack_t ss = { .ss_size = ALTSTACK_SIZE };

	ss.ss_sp = mmap(NULL, ALTSTACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ss.ss_sp);
	ASSERT_EQ(0, sigaltstack(&ss, NULL));
	encl_catch_faults(SA_ONSTACK);
	fault_signal(ENCL_UD2, SIGILL, ILL_ILLOPN, V_UD, 0, AT_AEP);
	EXPECT_GT(encl_caught.stack, (uintptr_t)ss.ss_sp);
	EXPECT_LT(encl_caught.stack, (uintptr_t)ss.ss_sp + ss.ss_size);

	/* And without: the stack that the enclave was entered from */
	encl_catch_faults(0);
	fault_signal(ENCL_DIV0, SIGFPE, FPE_INTDIV, V_DE, 0, AT_AEP);
	EXPECT_LT(encl_caught.stack, self->raw.stack_top);
	EXPECT_GT(encl_caught.stack, (uintptr_t)self->raw.stack);
}

static struct encl the_encl;
static int repair_after;

/* A handler that enters the enclave again, on the same TCS */
static void repair(int sig, siginfo_t *info, ucontext_t *uc)
{
	if (encl_caught.n == repair_after)
		encl_do(&the_encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
}

TEST_F(raw, handler_returns)
{
	unsigned int i;

	the_encl = self->encl;
	encl_caught.bail = false;
	encl_caught.hook = repair;
	repair_after = 5;
	for (i = 0; i <= ENCL_INT3; i++) {
		encl_caught.n = 0;
		self->raw.aex_count = 0;
		self->call = (struct encl_call){ .a[0] = i };
		/* It faults at the same place again and again, until it is repaired. */
		EXPECT_EQ(0, encl_raw(&self->encl, 0, &self->raw, ENCL_FAULT, &self->call));
		EXPECT_EQ(5, encl_caught.n);
		EXPECT_EQ(5, self->raw.aex_count);
	}
}

static unsigned int depth;

/* Each handler gets an exception of its own, one frame deeper. */
static void fault_deeply(int sig, siginfo_t *info, ucontext_t *uc)
{
	struct encl_call call = { .a[0] = ENCL_DIV0 };
	struct softsgx_raw raw;

	depth++;
	if (depth < ENCL_NSSA - 1) {
		if (softsgx_raw_init(&raw) || encl_raw(&the_encl, 0, &raw, ENCL_FAULT, &call))
			die("nested operation failed");
		softsgx_raw_free(&raw);
	}
	encl_do(&the_encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
}

TEST_F(raw, exception_in_handler)
{
	the_encl = self->encl;
	encl_caught.bail = false;
	encl_caught.hook = fault_deeply;
	encl_catch_faults(SA_NODEFER);
	self->call = (struct encl_call){ .a[0] = ENCL_UD2 };
	EXPECT_EQ(0, encl_raw(&self->encl, 0, &self->raw, ENCL_FAULT, &self->call));
	EXPECT_EQ(ENCL_NSSA - 1, encl_caught.n);
}

/* How a child that does something fatal ends */
static int fate(struct _test_data_raw *self, int sig, void (*prepare)(int sig), u64 tcs)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(sig, SIG_DFL);
		prepare(sig);
		self->call = (struct encl_call){ .a[0] = sig == SIGILL ? ENCL_UD2 : ENCL_HLT };
		encl_raw_args(&self->raw, ENCL_FAULT, &self->call);
		softsgx_raw_enter(&self->raw, tcs);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void do_nothing(int sig)
{
}

static void ignore(int sig)
{
	signal(sig, SIG_IGN);
}

static void block(int sig)
{
	sigset_t set;

	encl_catch(sig, 0);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Nobody gets away with ignoring an exception. */
TEST_F(raw, deadly_signals)
{
	void (*const prepare[])(int sig) = { do_nothing, ignore, block };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prepare); i++) {
		/* Dead threads leave their frames behind. */
		u64 tcs = self->encl.tcs[1 + i];

		EXPECT_EQ(SIGILL, fate(self, SIGILL, prepare[i], tcs));
		EXPECT_EQ(SIGSEGV, fate(self, SIGSEGV, prepare[i], tcs));
		/* #GP and #PF of the ENCLU itself */
		EXPECT_EQ(SIGSEGV, fate(self, SIGSEGV, prepare[i], tcs + 8));
		EXPECT_EQ(SIGSEGV, fate(self, SIGSEGV, prepare[i], 0));
	}
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
