// SPDX-License-Identifier: GPL-2.0
/*
 * TCS pages with contents out of nowhere: EADD takes nearly everything, so EENTER
 * and ERESUME have to judge it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define RUN_SECONDS	10
#define NR_TCS		32
#define BAD_LEAF	0xbad

struct totals {
	u64 enclaves;
	u64 refused;		/* by EADD */
	u64 gp;
	u64 pf;
	u64 entered;
	u64 lost;
	u64 crashes;
};

static struct totals *totals;
static sigjmp_buf env;
static u64 current_tcs;
static bool entering;

static u64 some_offset(u64 *seed, u64 good, u64 size)
{
	const u64 values[] = {
		0, 1, 0xfff, 0x1000, size, size - 0x1000, size - 0xb8, 2 * size,
		0x7ffffffff000, 0x800000000000, 1ULL << 62, 1ULL << 63, -size, -0x1000ULL,
		~0ULL, 0xfffffffffffff000,
	};

	switch (encl_random64(seed) % 4) {
	case 0:
		return encl_random64(seed);
	case 1:
		return values[encl_random64(seed) % ARRAY_SIZE(values)];
	case 2:
		return encl_random64(seed) % size & ~(SGX_PAGE_SIZE - 1ULL);
	default:
		return good;
	}
}

/*
 * Not in the middle of code: far returns of user programs panic the kernel in
 * QEMU's emulation (up to 9.0).
 */
static u64 some_entry(u64 *seed, u64 good, u64 size)
{
	u64 entry = some_offset(seed, good, size);

	return entry < good + 16 * SGX_PAGE_SIZE ? good : entry;
}

static u32 some_number(u64 *seed, u32 good)
{
	const u32 values[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffff, 0x100000, ~0U };

	if (encl_random64(seed) & 1)
		return good;
	return values[encl_random64(seed) % ARRAY_SIZE(values)];
}

static void spoil_tcs(struct sgx_tcs *tcs, u64 size, u64 *seed)
{
	tcs->state = encl_random64(seed) & 1;
	tcs->flags = encl_random64(seed) % 4 ? 0 : 1ULL << encl_random64(seed) % 64;
	tcs->ssa_offset = some_offset(seed, tcs->ssa_offset, size);
	tcs->ssa_index = some_number(seed, 0);
	tcs->nr_ssa_frames = some_number(seed, tcs->nr_ssa_frames);
	tcs->entry_offset = some_entry(seed, tcs->entry_offset, size);
	tcs->aep = encl_random64(seed);
	tcs->fs_offset = some_offset(seed, tcs->fs_offset, size);
	tcs->gs_offset = some_offset(seed, tcs->gs_offset, size);
	tcs->fs_limit = some_number(seed, tcs->fs_limit);
	tcs->gs_limit = some_number(seed, tcs->gs_limit);
	if (!(encl_random64(seed) % 256))
		tcs->reserved[encl_random64(seed) % sizeof(tcs->reserved)] = 1;
}

static void lost(int sig, siginfo_t *info, void *ctx)
{
	if (!entering)
		_exit(99);
	siglongjmp(env, 1);
}

static void tick(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *g = uc->uc_mcontext.gregs;

	/* Loops inside have to be ended: this leaf is refused. */
	if (entering && g[REG_RAX] == SGX_ERESUME && g[REG_RBX] == (greg_t)current_tcs)
		g[REG_RAX] = BAD_LEAF;
}

static void set_handlers(void)
{
	static const int sigs[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = lost, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	const struct itimerval it = {
		.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000,
	};
	static u8 altstack[128 * 1024];
	const stack_t ss = { .ss_sp = altstack, .ss_size = sizeof(altstack) };
	unsigned int i;

	sigfillset(&sa.sa_mask);
	sigaltstack(&ss, NULL);
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sa.sa_sigaction = tick;
	sa.sa_flags |= SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void enter(u64 tcs, unsigned int function)
{
	static struct sgx_enclave_run run;
	static struct softsgx_args args;

	run = (struct sgx_enclave_run){ .tcs = tcs };
	args = (struct softsgx_args){ .rdi = ENCL_NOP };
	current_tcs = tcs;
	if (sigsetjmp(env, 1)) {
		entering = false;
		totals->lost++;
		return;
	}
	entering = true;
	softsgx_enter(&run, function, &args);
	entering = false;
	if (run.function == SGX_EEXIT || (function == SGX_EENTER && run.function == SGX_ERESUME))
		totals->entered++;
	else if (run.exception_vector == V_GP)
		totals->gp++;
	else
		totals->pf++;
}

/* In a child: whatever runs there may end it. */
static void spoil_and_enter(u64 seed)
{
	const struct encl_spec spec = {
		.options.nr_tcs = NR_TCS,
		.options.ssa_frame_pages = 1 + seed % 3,
	};
	static struct encl encl;
	unsigned int i, k;
	u64 offset;

	encl_build(&encl, &spec);
	for (i = 0; i < NR_TCS; i++)
		spoil_tcs(softsgx_image_tcs(&encl.image, i, NULL), encl.image.size, &seed);
	/* EADD clears some fields before they are measured: leave that out. */
	for (i = 0; i < encl.image.nr_segs; i++) {
		if ((encl.image.segs[i].flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS)
			encl.image.segs[i].measured = false;
	}
	encl_sign(&encl);
	totals->enclaves++;
	if (encl_start(&encl)) {
		totals->refused++;
		_exit(0);
	}
	set_handlers();
	for (i = 0; i < NR_TCS; i++) {
		softsgx_image_tcs(&encl.image, i, &offset);
		for (k = 0; k < 6; k++)
			enter(encl.e.base + offset, k & 1 ? SGX_ERESUME : SGX_EENTER);
	}
	_exit(0);
}

TEST(random_tcs)
{
	const char *env_seed = getenv("SEED");
	u64 seed = env_seed ? strtoull(env_seed, NULL, 0) : 0x7c5;
	u64 end = now_ns() + RUN_SECONDS * 1000000000ULL;

	TH_LOG("SEED=%#llx", seed);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
	while (now_ns() < end) {
		u64 s = encl_random64(&seed);
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			spoil_and_enter(s);
		waitpid(pid, &status, 0);
		totals->crashes += status != 0;
	}
	TH_LOG("%llu enclaves, %llu refused, %llu crashed", totals->enclaves, totals->refused,
	       totals->crashes);
	TH_LOG("entries: %llu #GP, %llu other faults, %llu successful, %llu lost", totals->gp,
	       totals->pf, totals->entered, totals->lost);
	EXPECT_GT(totals->gp, 100);
	EXPECT_GT(totals->pf, 10);
	EXPECT_GT(totals->entered, 0);
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST_HARNESS_MAIN
