// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that have nothing to do with the enclave, thousands of them, while it
 * runs: nobody inside must notice.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define TIMER_US	200
/* A storm lasts so long, and so many signals; but no longer than that. */
#define STORM_MS	1000
#define STORM_SIGNALS	1000
#define STORM_MAX_MS	30000
#define TIMEOUT		60

FIXTURE(async)
{
	struct encl encl;
	struct softsgx_raw raw;
	struct encl_call call;
	u64 seed;
};

FIXTURE_VARIANT(async)
{
	u64 xfrm;
	unsigned long ymm;
};

FIXTURE_VARIANT_ADD(async, sse)
{
	.xfrm = SGX_XFRM_LEGACY,
};

FIXTURE_VARIANT_ADD(async, avx)
{
	.xfrm = SGX_XFRM_LEGACY | 4,
	.ymm = ENCL_REGS_YMM,
};

FIXTURE_SETUP(async)
{
	const struct encl_spec spec = { .options.xfrm = variant->xfrm };

	if (variant->ymm && !__builtin_cpu_supports("avx"))
		SKIP(return, "no AVX");
	encl_load(&self->encl, &spec);
	ASSERT_EQ(0, softsgx_raw_init(&self->raw));
	self->seed = 4;
}

FIXTURE_TEARDOWN(async)
{
	softsgx_raw_free(&self->raw);
	encl_unload(&self->encl);
}

static void timer(int us)
{
	const struct itimerval it = {
		.it_interval.tv_usec = us, .it_value.tv_usec = us,
	};

	if (setitimer(ITIMER_REAL, &it, NULL))
		die("setitimer: %m");
}

/* Sets a flag when the storm is over, and sends signals until then. */
struct stopper {
	pthread_t thread;
	pid_t victim;
	int sig;
	unsigned long *flag;
};

static bool storm_is_over(u64 start)
{
	u64 ms = (now_ns() - start) / 1000000;

	return ms > STORM_MAX_MS || (ms > STORM_MS && LOAD(encl_caught.n) >= STORM_SIGNALS);
}

static void *stop(void *arg)
{
	struct stopper *s = arg;
	u64 start = now_ns();
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!storm_is_over(start)) {
		if (s->sig && syscall(SYS_tgkill, getpid(), s->victim, s->sig))
			die("tgkill: %m");
		usleep(50);
	}
	STORE(*s->flag, 1);
	return NULL;
}

static void start_stopper(struct stopper *s, unsigned long *flag, int sig)
{
	*s = (struct stopper){ .victim = syscall(SYS_gettid), .flag = flag, .sig = sig };
	if (pthread_create(&s->thread, NULL, stop, s))
		die("pthread_create: %m");
}

/* Is nothing of the register file changed? Only RCX may be, and R15 is the flag. */
static void compare(struct __test_metadata *_metadata, const struct encl_regs *in,
		    const struct encl_regs *out, size_t width)
{
	unsigned int r;

	for (r = 0; r < 16; r++) {
		if (r != ENCL_RCX)
			EXPECT_EQ(in->gpr[r], out->gpr[r]) {
				TH_LOG("register %u", r);
			}
		EXPECT_EQ(0, memcmp(in->vec[r], out->vec[r], width)) {
			TH_LOG("vector register %u", r);
		}
	}
	EXPECT_EQ(in->flags, out->flags);
	EXPECT_EQ(in->mxcsr, out->mxcsr);
	EXPECT_EQ(in->fcw, out->fcw);
}

/* A whole register file spins; when the flag is up, it is written down. */
static void spin(struct __test_metadata *_metadata, struct _test_data_async *self,
		 unsigned long ymm, int sig, bool vdso)
{
	unsigned long flag = 0;
	struct sgx_enclave_run run = { };
	struct stopper s;
	struct encl_regs in;
	int ret;

	self->call = (struct encl_call){ .a[0] = ENCL_REGS_SPIN | ymm };
	self->call.regs.gpr[ENCL_RSP] = encl_random64(&self->seed);
	encl_random_regs(&self->seed, &self->call.regs);
	self->call.regs.gpr[ENCL_R15] = (uintptr_t)&flag;
	in = self->call.regs;

	start_stopper(&s, &flag, sig);
	ret = vdso ? encl_run(&self->encl, 0, ENCL_REGS, &self->call, &run) :
		     encl_raw(&self->encl, 0, &self->raw, ENCL_REGS, &self->call);
	EXPECT_EQ(0, ret);
	pthread_join(s.thread, NULL);
	compare(_metadata, &in, &self->call.regs, ymm ? 32 : 16);
	TH_LOG("%d signals, %llu asynchronous exits", encl_caught.n, self->raw.aex_count);
	EXPECT_GE(encl_caught.n, STORM_SIGNALS);
	EXPECT_EQ(true, vdso || self->raw.aex_count > STORM_SIGNALS / 20);
}

TEST_F_TIMEOUT(async, timer, TIMEOUT)
{
	encl_catch(SIGALRM, SA_RESTART);
	timer(TIMER_US);
	spin(_metadata, self, variant->ymm, 0, false);
	timer(0);
	/* Some signals come while the task is outside. */
	EXPECT_LE(self->raw.aex_count, encl_caught.n + 1);
}

TEST_F_TIMEOUT(async, timer_and_vdso, TIMEOUT)
{
	encl_catch(SIGALRM, SA_RESTART);
	timer(TIMER_US);
	spin(_metadata, self, variant->ymm, 0, true);
	timer(0);
}

TEST_F_TIMEOUT(async, signals_from_another_thread, TIMEOUT)
{
	encl_catch(SIGUSR1, SA_RESTART);
	spin(_metadata, self, variant->ymm, SIGUSR1, false);
}

/* The handlers and the rest of the program use the vector registers as well. */
static void dirty_vectors(int sig, siginfo_t *info, ucontext_t *uc)
{
	static const double ones = 1;

	asm volatile("movsd %0, %%xmm0\n\t"
		     "unpcklpd %%xmm0, %%xmm0\n\t"
		     "movaps %%xmm0, %%xmm7\n\t"
		     "movaps %%xmm0, %%xmm15\n\t"
		     "fldpi"
		     : : "m"(ones) : "xmm0", "xmm7", "xmm15");
}

TEST_F_TIMEOUT(async, both_at_once, TIMEOUT)
{
	struct sigaction sa;

	encl_caught.hook = dirty_vectors;
	encl_catch(SIGALRM, SA_RESTART);
	encl_catch(SIGUSR1, SA_RESTART);
	/* One handler may interrupt the other, but not itself: stacks are small. */
	ASSERT_EQ(0, sigaction(SIGUSR1, NULL, &sa));
	sigemptyset(&sa.sa_mask);
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	timer(TIMER_US);
	spin(_metadata, self, variant->ymm, SIGUSR1, false);
	timer(0);
}

/* Exits at every place of short operations: entry, exit, EENTER, EEXIT */
TEST_F_TIMEOUT(async, short_operations, TIMEOUT)
{
	u64 start = now_ns();
	unsigned long rounds = 0;

	encl_catch(SIGALRM, SA_RESTART);
	timer(TIMER_US);
	while (!storm_is_over(start)) {
		struct encl_call call = { .a = { 1, 2 } };

		rounds++;
		ASSERT_EQ(0, encl_raw(&self->encl, 0, &self->raw, ENCL_ADD, &call));
		ASSERT_EQ(rounds, call.ret);
	}
	timer(0);
	TH_LOG("%lu operations, %d signals, %llu asynchronous exits", rounds, encl_caught.n,
	       self->raw.aex_count);
	EXPECT_GE(encl_caught.n, STORM_SIGNALS);
	EXPECT_GT(self->raw.aex_count, 0);
}

/* A computation gets the same result with and without. */
TEST_F(async, computation)
{
	struct encl_call call = { .a[0] = 20000000 };
	unsigned long expected = encl_do(&self->encl, 1, ENCL_LOOP, 20000000, 0, 0);

	encl_catch(SIGALRM, SA_RESTART);
	timer(TIMER_US);
	EXPECT_EQ(0, encl_raw(&self->encl, 0, &self->raw, ENCL_LOOP, &call));
	timer(0);
	EXPECT_EQ(expected, call.ret);
	EXPECT_GT(encl_caught.n, 10);
}

static struct softsgx_raw *interrupted;
static u64 interrupted_tcs;

/* Exactly one exit, and the program is out. */
static void bail_if_inside(int sig, siginfo_t *info, ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	encl_caught.bail = g[REG_RIP] == (greg_t)(uintptr_t)softsgx_raw_aep_return &&
			   g[REG_RAX] == SGX_ERESUME && g[REG_RBX] == (greg_t)interrupted_tcs;
}

TEST_F(async, exit_info_and_context)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	unsigned long go = 0, ready = 0;
	struct encl_ssa ssa;
	u64 aep = (uintptr_t)softsgx_raw_aep_return;

	interrupted_tcs = self->encl.tcs[0];
	encl_caught.hook = bail_if_inside;
	encl_catch(SIGALRM, SA_RESTART);
	self->call.a[0] = (uintptr_t)&go;
	self->call.a[1] = (uintptr_t)&ready;
	encl_raw_args(&self->raw, ENCL_WAIT, &self->call);
	timer(20000);
	softsgx_raw_enter_once(&self->raw, self->encl.tcs[0], SGX_EENTER);
	timer(0);
	ASSERT_EQ(SOFTSGX_RAW_BAILED, self->raw.ended);
	EXPECT_EQ(1, ready);
	EXPECT_EQ(aep, g[REG_RIP]);
	EXPECT_EQ(aep, g[REG_RCX]);
	EXPECT_EQ(0, g[REG_RDX] | g[REG_RSI] | g[REG_RDI] | g[REG_R8] | g[REG_R9] | g[REG_R10] |
		     g[REG_R11] | g[REG_R12] | g[REG_R13] | g[REG_R14] | g[REG_R15]);
	encl_ssa(&self->encl, 0, &ssa);
	EXPECT_EQ(0, ssa.exitinfo);
	EXPECT_GE(ssa.rip, self->encl.e.base);
	EXPECT_LT(ssa.rip, self->encl.e.base + self->encl.e.size);

	/* Take it up again, to the end. */
	STORE(go, 1);
	encl_raw_args(&self->raw, 0, NULL);
	self->raw.regs.bp = ssa.urbp;
	softsgx_raw_enter_once(&self->raw, self->encl.tcs[0], SGX_ERESUME);
	EXPECT_EQ(SOFTSGX_RAW_EXIT, self->raw.ended);
	EXPECT_EQ(ENCL_DONE, self->call.status);
}

static sigjmp_buf env;

static void jump_out(int sig, siginfo_t *info, ucontext_t *uc)
{
	timer(0);
	siglongjmp(env, 1);
}

TEST_F(async, siglongjmp)
{
	unsigned long go = 0, ready = 0;
	unsigned int i;

	interrupted = &self->raw;
	encl_caught.hook = jump_out;
	encl_catch(SIGALRM, SA_RESTART);
	self->call.a[0] = (uintptr_t)&go;
	self->call.a[1] = (uintptr_t)&ready;
	encl_raw_args(&self->raw, ENCL_WAIT, &self->call);
	if (!sigsetjmp(env, 1)) {
		timer(20000);
		softsgx_raw_enter_once(interrupted, self->encl.tcs[0], SGX_EENTER);
		ASSERT_EQ(0, 1) {
			TH_LOG("came back");
		}
	}
	/* Nothing of enclave mode is left in the task; the TCS waits with CSSA = 1. */
	for (i = 0; i < 100; i++)
		encl_do(&self->encl, i & 1, ENCL_ADD, 1, 0, 0);
	EXPECT_EQ(100, encl_do(&self->encl, 0, ENCL_GET, 0, 0, 0));
	STORE(go, 1);
	encl_raw_args(&self->raw, 0, NULL);
	softsgx_raw_enter_once(&self->raw, self->encl.tcs[0], SGX_ERESUME);
	EXPECT_EQ(SOFTSGX_RAW_EXIT, self->raw.ended);
	EXPECT_EQ(ENCL_DONE, self->call.status);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
