// SPDX-License-Identifier: GPL-2.0
/*
 * ERESUME from frames that hold whatever their owner likes, and that change while
 * the processor reads them. The kernel's registers are loaded from them.
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
#define ROUND_MS	2500
#define TIMEOUT		90
#define VICTIM		0	/* its frame is attacked */
#define WRITER		1	/* through this TCS */
#define XSAVE_HEADER	512
#define GPR_OFFSET	(SGX_PAGE_SIZE - sizeof(struct sgx_gprsgx))
#define BAD_LEAF	0xbad

struct totals {
	u64 resumed;
	u64 refused;
	u64 faults;
	u64 exits;
	u64 lost;
	u64 reloads;
	u64 rounds;
	u64 crashes;
};

static struct totals *totals;
static struct encl encl;
static bool stop;
static bool resuming;
static sigjmp_buf env;
static pthread_t main_thread;

/* What an attack is made of; the second thread copies it into the frame. */
static u8 pattern[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));

static u64 some_word(u64 *seed)
{
	const u64 values[] = {
		0, 1, 2, 3, 7, 0xff, 0x1f80, 0xffff, 0x10000, 0x80000000, 0xffffffff,
		1ULL << 62, 1ULL << 63, 1ULL << 63 | 3, ~0ULL, 0x7fffffffffff, 0x800000000000,
		0xffff7fffffffffff, 0xffff800000000000, 0xffff888000000000, 0xffffffff81000000,
		0xffffffffff600000, encl.e.base, encl.info.scratch, encl.tcs[0], encl.tcs[1],
		encl_frame(&encl, VICTIM, 0), encl.info.ret_insn, (uintptr_t)pattern,
	};

	if (encl_random64(seed) & 1)
		return encl_random64(seed);
	return values[encl_random64(seed) % ARRAY_SIZE(values)];
}

/*
 * No random code: far returns of user programs panic the kernel in QEMU's emulation
 * (up to 9.0), where their stack is accessed with the kernel's rights.
 */
static u64 some_rip(u64 *seed, u64 rip)
{
	const u64 bad[] = {
		0x800000000000, 1ULL << 63, 0xffff800000000000, 0, encl.tcs[0],
		encl.info.scratch, encl.e.base - 8, encl.e.base + encl.e.size,
	};

	switch (encl_random64(seed) % 4) {
	case 0:
		return encl_random64(seed) & 1 ? encl.info.ret_insn : encl.info.code;
	case 1:
		return bad[encl_random64(seed) % ARRAY_SIZE(bad)];
	default:
		return rip;
	}
}

static void spoil_xsave(u8 *frame, u64 *seed)
{
	u64 word = some_word(seed);
	unsigned int n = 1 + encl_random64(seed) % 4;

	switch (encl_random64(seed) % 4) {
	case 0:
		encl_random(seed, frame, XSAVE_HEADER);
		break;
	case 1:
		while (n--)
			memcpy(frame + XSAVE_HEADER + encl_random64(seed) % 8 * 8, &word, 8);
		break;
	case 2:
		while (n--)
			frame[encl_random64(seed) % 1024] = encl_random64(seed);
		break;
	default:
		memcpy(frame + 24, &word, 8);	/* MXCSR and its mask */
		break;
	}
}

static void spoil_gprs(struct sgx_gprsgx *gpr, u64 *seed)
{
	const u64 rip = gpr->rip;
	unsigned int n = 1 + encl_random64(seed) % 8;
	u8 *bytes = (u8 *)gpr;

	if (!(encl_random64(seed) % 4))
		encl_random(seed, gpr, sizeof(*gpr));
	else
		while (n--) {
			u64 word = some_word(seed);

			memcpy(bytes + encl_random64(seed) % (sizeof(*gpr) / 8) * 8, &word, 8);
		}
	gpr->rip = some_rip(seed, rip);
	/* The program's own stack: it cannot do without. */
	gpr->ursp = ((struct sgx_gprsgx *)(pattern + GPR_OFFSET))->ursp;
	gpr->urbp = ((struct sgx_gprsgx *)(pattern + GPR_OFFSET))->urbp;
}

/* The second writer: as fast as it can, at any time. */
static void *scribble(void *arg)
{
	u8 *frame = (u8 *)encl_frame(&encl, VICTIM, 0);
	u64 seed = (uintptr_t)arg;

	while (!LOAD(stop)) {
		unsigned int offset = encl_random64(&seed) % 8 ?
				      XSAVE_HEADER : encl_random64(&seed) % 512;
		u64 word = some_word(&seed);

		/* Enclave code does it on hardware; there, the host cannot. */
		if (encl_random64(&seed) % 64)
			memcpy(frame + (offset & ~7U), &word, 8);
		else
			encl_put(&encl, WRITER + 1, (uintptr_t)frame + (offset & ~7U), &word, 8);
	}
	return NULL;
}

static void lost(int sig, siginfo_t *info, void *ctx)
{
	if (!pthread_equal(pthread_self(), main_thread))
		_exit(98);
	siglongjmp(env, 1);
}

/* Loops inside have to be ended: with a leaf that the ENCLU at the AEP refuses. */
static void tick(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *g = uc->uc_mcontext.gregs;

	if (resuming && g[REG_RAX] == SGX_ERESUME && g[REG_RBX] == (greg_t)encl.tcs[VICTIM] &&
	    g[REG_RCX] == g[REG_RIP])
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

/* A good frame at CSSA = 1, in @pattern */
static bool interrupt_victim(struct encl_call *call, struct sgx_enclave_run *run)
{
	call->a[0] = ENCL_REGS_UD2;
	if (!encl_run(&encl, VICTIM, ENCL_REGS, call, run) || run->function != SGX_ERESUME)
		return false;
	encl_get(&encl, WRITER, pattern, encl_frame(&encl, VICTIM, 0), sizeof(pattern));
	return true;
}

static bool attack_once(struct encl_call *call, struct sgx_enclave_run *run, u64 *seed)
{
	static u8 frame[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));

	memcpy(frame, pattern, sizeof(frame));
	if (encl_random64(seed) % 4)
		spoil_gprs((struct sgx_gprsgx *)(frame + GPR_OFFSET), seed);
	if (encl_random64(seed) & 1)
		spoil_xsave(frame, seed);
	encl_put(&encl, WRITER, encl_frame(&encl, VICTIM, 0), frame, sizeof(frame));
	totals->resumed++;
	STORE(resuming, true);
	encl_resume(&encl, VICTIM, call, run);
	STORE(resuming, false);
	if (run->function == SGX_EEXIT) {
		totals->exits++;
		return false;
	}
	if (run->function == SGX_ERESUME && run->exception_vector == V_GP)
		totals->refused++;
	else
		totals->faults++;
	/* Still one frame, or two: an operation may have begun anew. */
	return run->function == SGX_ERESUME;
}

static void reload(void)
{
	totals->reloads++;
	softsgx_enclave_close(&encl.e);
	if (encl_start(&encl))
		die("%s", softsgx_last_error());
	encl_do(&encl, VICTIM, ENCL_INFO, (uintptr_t)&encl.info, 0, 0);
}

static void attack(u64 seed, bool concurrently)
{
	static struct encl_call call;
	static struct sgx_enclave_run run;
	static u64 end, s;
	pthread_t thread;

	s = seed;
	end = now_ns() + ROUND_MS * 1000000ULL;
	main_thread = pthread_self();
	encl_load(&encl, NULL);
	set_handlers();
	if (concurrently && pthread_create(&thread, NULL, scribble, (void *)(uintptr_t)seed))
		die("pthread_create: %m");
	while (now_ns() < end) {
		if (sigsetjmp(env, 1)) {
			totals->lost++;
			encl_unwind();
			STORE(resuming, false);
			/* The second thread would miss it. */
			if (concurrently)
				_exit(0);
			reload();
			continue;
		}
		if (!interrupt_victim(&call, &run)) {
			if (concurrently)
				_exit(0);
			reload();
			continue;
		}
		while (now_ns() < end && attack_once(&call, &run, &s))
			;
	}
	_exit(0);
}

static void attack_for_a_while(struct __test_metadata *_metadata, bool concurrently)
{
	const char *env_seed = getenv("SEED");
	u64 seed = env_seed ? strtoull(env_seed, NULL, 0) : 0x55a;
	u64 end = now_ns() + RUN_SECONDS * 1000000000ULL;

	TH_LOG("SEED=%#llx", seed);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
	while (now_ns() < end) {
		u64 round_seed = encl_random64(&seed);
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			attack(round_seed, concurrently);
		waitpid(pid, &status, 0);
		totals->rounds++;
		totals->crashes += status != 0;
	}
	TH_LOG("%llu frames resumed: %llu refused, %llu other faults, %llu exits, %llu lost",
	       totals->resumed, totals->refused, totals->faults, totals->exits, totals->lost);
	TH_LOG("%llu rounds, %llu crashed, %llu reloads", totals->rounds, totals->crashes,
	       totals->reloads);
	EXPECT_GT(totals->resumed, 1000);
	EXPECT_GT(totals->refused, 100);
	EXPECT_GT(totals->faults, 100);
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST(random_frames)
{
	attack_for_a_while(_metadata, false);
}

TEST(frames_that_change)
{
	attack_for_a_while(_metadata, true);
}

TEST_HARNESS_MAIN
