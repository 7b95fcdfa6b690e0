// SPDX-License-Identifier: GPL-2.0
/*
 * Registers at random in several threads, interrupted by exceptions, page faults and
 * signals, while threads are moved from CPU to CPU and everything outside is overwritten:
 * whatever an enclave has had it has again. XSTATE_SECONDS=N in the environment for more
 * than the default.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define SECONDS		10
#define NR_WORKERS	3	/* more than CPUs, so that they take turns */
#define XFRM_AVX	7
#define LEGACY_SIZE	416
#define XSTATE_BV	512
#define YMM		576
#define YMM_SIZE	256
#define IMAGE_SIZE	(YMM + YMM_SIZE)

enum { BY_EXCEPTION, BY_SIGNAL, BY_PAGE_FAULT, BY_FRAME, NR_WAYS };

struct worker {
	const struct encl *encl;
	unsigned int n;		/* its TCS */
	pthread_t thread;
	pid_t tid;
	u64 seed;
	unsigned long *go;	/* in a page of its own */
	bool avx;
	unsigned long rounds[NR_WAYS];
	const char *failed;
	struct sgx_enclave_run run;
	struct encl_call call;
};

static bool enough;

static bool has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

/* What is outside is nobody's business inside. */
static void overwrite_vectors(bool avx)
{
	static const u8 ones[32] __attribute__((aligned(32))) = { [0 ... 31] = 0xee };

	asm volatile("movups %0, %%xmm0; movups %0, %%xmm7; movups %0, %%xmm15"
		     : : "m"(ones) : "xmm0", "xmm7", "xmm15");
	if (avx)
		asm volatile("vmovups %0, %%ymm1; vmovups %0, %%ymm8; vmovups %0, %%ymm14"
			     : : "m"(ones) : "xmm1", "xmm8", "xmm14");
	asm volatile("fld1; fstp %%st(0)" : : : "st");
}

static void on_alarm(int sig)
{
	overwrite_vectors(has_avx());
}

static unsigned long mode(const struct worker *w, unsigned long how)
{
	return how | (w->avx ? ENCL_REGS_YMM : 0);
}

static bool same(struct worker *w, const struct encl_regs *in, bool rcx)
{
	const struct encl_regs *out = &w->call.regs;
	unsigned int i, size = w->avx ? 32 : 16;

	for (i = 0; i < 16; i++) {
		if (memcmp(in->vec[i], out->vec[i], size))
			w->failed = "vector register";
		if (in->gpr[i] != out->gpr[i] && i != ENCL_RSP && (i != ENCL_RCX || rcx))
			w->failed = "general register";
	}
	if (in->flags != out->flags)
		w->failed = "flags";
	if (in->mxcsr != out->mxcsr || in->fcw != out->fcw)
		w->failed = "control word";
	return !w->failed;
}

static int start(struct worker *w, unsigned long how)
{
	w->call.a[0] = mode(w, how);
	return encl_run(w->encl, w->n, ENCL_REGS, &w->call, &w->run);
}

/* Something at random between an exit and the way back */
static void outside(struct worker *w)
{
	u64 what = encl_random64(&w->seed);

	overwrite_vectors(w->avx);
	if (what & 1)
		encl_do(w->encl, w->n, ENCL_LOOP, 100, 0, 0);
	if (!(what & 6))
		sched_yield();
}

static bool stopped(struct worker *w, unsigned int vector)
{
	if (w->run.function == SGX_ERESUME && w->run.exception_vector == vector)
		return true;
	w->failed = "another exception";
	return false;
}

static void resume(struct worker *w, const struct encl_regs *in, bool rcx)
{
	if (encl_resume(w->encl, w->n, &w->call, &w->run))
		w->failed = "ERESUME";
	else
		same(w, in, rcx);
}

static void by_exception(struct worker *w)
{
	struct encl_regs in;

	encl_random_regs(&w->seed, &w->call.regs);
	in = w->call.regs;
	start(w, ENCL_REGS_UD2);
	if (!stopped(w, V_UD))
		return;
	outside(w);
	encl_do(w->encl, w->n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	resume(w, &in, true);
}

static void prepare_spin(struct worker *w, struct encl_regs *in)
{
	w->call.regs.gpr[ENCL_RCX] = 0;
	encl_random_regs(&w->seed, &w->call.regs);
	w->call.regs.gpr[ENCL_R15] = (uintptr_t)w->go;
	*in = w->call.regs;
	STORE(*w->go, 0);
}

static void by_signal(struct worker *w)
{
	struct encl_regs in;

	prepare_spin(w, &in);
	if (start(w, ENCL_REGS_SPIN))
		w->failed = "spinning";
	else
		same(w, &in, false);
	w->call.regs.gpr[ENCL_RCX] = 0;
}

/* The ticker writes to the same page: it has one more mapping for that. */
static void by_page_fault(struct worker *w)
{
	struct encl_regs in;

	prepare_spin(w, &in);
	mprotect(w->go, SGX_PAGE_SIZE, PROT_NONE);
	start(w, ENCL_REGS_SPIN);
	mprotect(w->go, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE);
	if (!stopped(w, V_PF))
		return;
	outside(w);
	resume(w, &in, false);
	w->call.regs.gpr[ENCL_RCX] = 0;
}

/* A legal image: anything in the registers, the control fields such that nothing traps */
static void random_image(struct worker *w, u8 *image)
{
	u16 fcw = 0x37f, fsw = encl_random64(&w->seed) & 0x7f00 & ~0x8080;
	u32 mxcsr = 0x1f80 | (encl_random64(&w->seed) & 0xe03f);
	u64 bv = w->avx ? 7 : 3;

	memset(image, 0, IMAGE_SIZE);
	encl_random(&w->seed, image + 32, LEGACY_SIZE - 32);
	for (int i = 0; i < 8; i++)
		memset(image + 32 + 16 * i + 10, 0, 6);
	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + 2, &fsw, sizeof(fsw));
	image[4] = 0xff;	/* all x87 registers in use */
	memcpy(image + 24, &mxcsr, sizeof(mxcsr));
	memcpy(image + XSTATE_BV, &bv, sizeof(bv));
	encl_random(&w->seed, image + YMM, YMM_SIZE);
}

/* FOP, FIP and FDP are not kept by every CPU, and MXCSR_MASK is the CPU's. */
static bool same_image(const struct worker *w, const u8 *a, const u8 *b)
{
	return !memcmp(a, b, 5) && !memcmp(a + 24, b + 24, 4) &&
	       !memcmp(a + 32, b + 32, LEGACY_SIZE - 32) &&
	       (!w->avx || !memcmp(a + YMM, b + YMM, YMM_SIZE));
}

/* An image into the frame, ERESUME to where it stops at once, and what is there then */
static void by_frame(struct worker *w)
{
	u64 frame = encl_frame(w->encl, w->n, 0);
	u8 in[IMAGE_SIZE], out[IMAGE_SIZE];
	struct encl_regs regs;
	int i;

	encl_random_regs(&w->seed, &w->call.regs);
	regs = w->call.regs;
	start(w, ENCL_REGS_UD2);
	if (!stopped(w, V_UD))
		return;
	for (i = 0; i < 4 && !w->failed; i++) {
		random_image(w, in);
		encl_put(w->encl, w->n, frame, in, sizeof(in));
		outside(w);
		encl_resume(w->encl, w->n, &w->call, &w->run);
		if (!stopped(w, V_UD))
			return;
		encl_get(w->encl, w->n, out, frame, sizeof(out));
		if (!same_image(w, in, out))
			w->failed = "image in the frame";
	}
	encl_do(w->encl, w->n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	if (encl_resume(w->encl, w->n, &w->call, &w->run) ||
	    memcmp(regs.gpr, w->call.regs.gpr, sizeof(regs.gpr)))
		w->failed = "general register behind it";
}

static void *work(void *arg)
{
	static void (*const ways[])(struct worker *w) = {
		by_exception, by_signal, by_page_fault, by_frame,
	};
	struct worker *w = arg;

	STORE(w->tid, syscall(SYS_gettid));
	while (!LOAD(enough) && !w->failed) {
		unsigned int way = encl_random64(&w->seed) % NR_WAYS;

		ways[way](w);
		w->rounds[way]++;
	}
	return NULL;
}

/* Lets the spinning ones go on, and moves threads about. */
static void tick(struct worker *workers, unsigned long *const go[], u64 *seed)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		cpu_set_t set;

		usleep(encl_random64(seed) % 800);
		STORE(*go[i], 1);
		CPU_ZERO(&set);
		CPU_SET(encl_random64(seed) % cpus, &set);
		if (LOAD(workers[i].tid))
			sched_setaffinity(workers[i].tid, sizeof(set), &set);
	}
}

static void fuzz(struct __test_metadata *_metadata, struct encl *encl, bool avx, u64 seconds)
{
	const struct itimerval fast = { { 0, 1700 }, { 0, 1700 } }, never = { };
	const u64 until = now_ns() + seconds * 1000000000;
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	static struct worker workers[NR_WORKERS];
	unsigned long *go[NR_WORKERS];
	u64 seed = 42;
	int i, fd = memfd_create("go", 0);

	enough = false;
	ASSERT_EQ(0, ftruncate(fd, NR_WORKERS * SGX_PAGE_SIZE));
	ASSERT_EQ(0, sigaction(SIGALRM, &sa, NULL));
	for (i = 0; i < NR_WORKERS; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){ .encl = encl, .n = i, .seed = i + 1, .avx = avx };
		w->go = mmap(NULL, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     i * SGX_PAGE_SIZE);
		go[i] = mmap(NULL, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     i * SGX_PAGE_SIZE);
		ASSERT_NE(MAP_FAILED, (void *)w->go);
		ASSERT_NE(MAP_FAILED, (void *)go[i]);
		ASSERT_EQ(0, pthread_create(&w->thread, NULL, work, w));
	}
	setitimer(ITIMER_REAL, &fast, NULL);
	while (now_ns() < until)
		tick(workers, go, &seed);
	STORE(enough, true);
	for (i = 0; i < NR_WORKERS; i++)
		while (pthread_tryjoin_np(workers[i].thread, NULL))
			tick(workers, go, &seed);
	setitimer(ITIMER_REAL, &never, NULL);
	for (i = 0; i < NR_WORKERS; i++) {
		const struct worker *w = &workers[i];

		EXPECT_EQ(NULL, w->failed) {
			TH_LOG("thread %d: %s differs, or failed", i, w->failed);
		}
		TH_LOG("thread %d: %lu exceptions, %lu signals, %lu page faults, %lu frames", i,
		       w->rounds[0], w->rounds[1], w->rounds[2], w->rounds[3]);
	}
	close(fd);
}

static u64 seconds(void)
{
	const char *env = getenv("XSTATE_SECONDS");

	return env ? strtoul(env, NULL, 0) : SECONDS;
}

FIXTURE(xstate)
{
	struct encl encl;
};

FIXTURE_VARIANT(xstate)
{
	u64 xfrm;
};

FIXTURE_VARIANT_ADD(xstate, sse)
{
	.xfrm = SGX_XFRM_LEGACY,
};

FIXTURE_VARIANT_ADD(xstate, avx)
{
	.xfrm = XFRM_AVX,
};

FIXTURE_SETUP(xstate)
{
	const struct encl_spec spec = {
		.options.xfrm = variant->xfrm,
		.options.miscselect = SGX_MISC_EXINFO,
	};

	if (variant->xfrm == XFRM_AVX && !has_avx())
		SKIP(return, "the CPU has no AVX");
	encl_load(&self->encl, &spec);
}

FIXTURE_TEARDOWN(xstate)
{
	if (self->encl.nr_tcs)
		encl_unload(&self->encl);
}

TEST_F_TIMEOUT(xstate, survives, 36000)
{
	fuzz(_metadata, &self->encl, variant->xfrm == XFRM_AVX, (seconds() + 1) / 2);
}

TEST_HARNESS_MAIN
