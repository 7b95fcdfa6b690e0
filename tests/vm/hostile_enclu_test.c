// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU with random registers at random places, while other threads pull the
 * memory away. There is no wrong answer, as long as the kernel survives and the
 * EPC comes back.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define RUN_SECONDS	10
#define ROUND_MS	2500
#define NR_ENCLAVES	3
#define NR_ATTACKERS	3
#define VSYSCALL	0xffffffffff600000ULL

static bool stop;

/* Enclaves that come and go; attackers may read nonsense here while they do. */
static struct encl victims[NR_ENCLAVES];

/**
 * struct attacker - a thread that executes ENCLU
 * @code: two pages, then a hole
 * @env: where its signals lead
 */
struct attacker {
	pthread_t thread;
	u64 seed;
	u8 *code;
	struct softsgx_raw raw;
	sigjmp_buf env;
};

/* Counted over all rounds, each of which is a process */
struct totals {
	u64 signals;
	u64 entries;
	u64 changes;
	u64 rounds;
	u64 crashes;
};

static struct totals *totals;

static __thread struct attacker *self_attacker;

static void on_tick(int sig)
{
}

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	if (!self_attacker)
		_exit(99);
	__atomic_add_fetch(&totals->signals, 1, __ATOMIC_RELAXED);
	siglongjmp(self_attacker->env, 1);
}

static u64 pick(u64 *seed, const u64 *v, size_t n)
{
	return v[encl_random64(seed) % n];
}

/* An address with a chance to mean something */
static u64 some_address(struct attacker *a)
{
	const struct encl *v = &victims[encl_random64(&a->seed) % NR_ENCLAVES];
	const u64 base = v->e.base;
	const u64 values[] = {
		0, base, base + v->e.size, base + v->e.size - 8,
		v->tcs[0], v->tcs[1], v->tcs[2], v->tcs[3],
		v->tcs[0], v->tcs[1], v->tcs[2], v->tcs[3],
		v->tcs[0] + SGX_PAGE_SIZE, v->tcs[1] + SGX_PAGE_SIZE,
		v->info.scratch, v->info.code,
		(uintptr_t)a->code, (uintptr_t)a->code + 2 * SGX_PAGE_SIZE - 8,
		(uintptr_t)a->code + 2 * SGX_PAGE_SIZE, (uintptr_t)a->raw.stack,
		(uintptr_t)softsgx_raw_aep_return, (uintptr_t)softsgx_raw_aep_resume,
		(uintptr_t)&stop & ~4095ULL, VSYSCALL, VSYSCALL + 0x400,
		0x7ffffffff000ULL, 0x7fffffffffffULL, 0x800000000000ULL,
		0xffff800000000000ULL, 0xffff888000000000ULL, 0xffffffff81000000ULL,
		0xfffffffffffff000ULL, 1ULL << 63, ~0ULL,
	};
	u64 addr = pick(&a->seed, values, ARRAY_SIZE(values));

	switch (encl_random64(&a->seed) % 8) {
	case 0:
		return addr + encl_random64(&a->seed) % 64;
	case 1:
		return addr & ~(SGX_PAGE_SIZE - 1ULL);
	case 2:
		return encl_random64(&a->seed);
	default:
		return addr;
	}
}

/* No code at random: see hostile_ssa_test.c. */
static u64 some_aep(struct attacker *a)
{
	const u64 values[] = {
		(uintptr_t)softsgx_raw_aep_return, (uintptr_t)a->code, 0, 0x1000,
		(uintptr_t)a->code + 2 * SGX_PAGE_SIZE, (uintptr_t)a->raw.stack,
		0x7fffffffffffULL, 0x800000000000ULL, 0xffff800000000000ULL, VSYSCALL,
		1ULL << 63, ~0ULL,
	};

	return pick(&a->seed, values, ARRAY_SIZE(values));
}

static u64 some_leaf(struct attacker *a)
{
	const u64 leaf = encl_random64(&a->seed) % 12;

	switch (encl_random64(&a->seed) % 8) {
	case 0:
		return encl_random64(&a->seed);
	case 1:
		return encl_random64(&a->seed) << 32 | leaf;
	case 2:
		return leaf;
	default:
		return leaf & 1 ? SGX_EENTER : SGX_ERESUME;
	}
}

/*
 * An operation for the case that it gets in, and does not stay. ENCL_NOP at first,
 * so that most entries come out as they should.
 */
static u64 some_operation(struct attacker *a)
{
	switch (encl_random64(&a->seed) % 4) {
	case 0:
		return encl_random64(&a->seed);
	case 1:
		return ENCL_ENTRY_REGS;
	default:
		return ENCL_NOP;
	}
}

/* ENCLU in its many forms, at any place of the code pages */
static const u8 *some_code(struct attacker *a)
{
	static const u8 prefixes[] = { 0x2e, 0x65, 0x67, 0x40, 0x48, 0x66, 0xf2, 0xf3, 0xf0 };
	const u64 where[] = {
		0, 64, SGX_PAGE_SIZE - 1, SGX_PAGE_SIZE - 2, SGX_PAGE_SIZE - 3,
		2 * SGX_PAGE_SIZE - 3, 2 * SGX_PAGE_SIZE - 4, 2 * SGX_PAGE_SIZE - 2,
	};
	u8 *start = a->code + pick(&a->seed, where, ARRAY_SIZE(where));
	u8 *p = start;
	const u8 *end = a->code + 2 * SGX_PAGE_SIZE;
	static const u8 enclu[] = { 0x0f, 0x01, 0xd7, 0xc3 };
	unsigned int n = encl_random64(&a->seed) % 8 ? 0 : encl_random64(&a->seed) % 14;
	unsigned int i;

	while (n-- && p < end)
		*p++ = prefixes[encl_random64(&a->seed) % ARRAY_SIZE(prefixes)];
	for (i = 0; i < sizeof(enclu) && p < end; i++)
		*p++ = enclu[i];
	return start;
}

/* hostile_call(code, regs, stack): CALL with registers and a stack */

asm("	.pushsection .text\n"
	"hostile_call:\n"
	"	push	%rbp\n"
	"	push	%rbx\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	push	%r14\n"
	"	push	%r15\n"
	"	mov	%rsp, (%rdx)\n"
	"	mov	%rdx, %rsp\n"
	"	push	%rdi\n"
	"	mov	%rsi, %r15\n"
	"	mov	0(%r15), %rax\n"
	"	mov	8(%r15), %rcx\n"
	"	mov	16(%r15), %rdx\n"
	"	mov	24(%r15), %rbx\n"
	"	mov	40(%r15), %rbp\n"
	"	mov	48(%r15), %rsi\n"
	"	mov	56(%r15), %rdi\n"
	"	mov	64(%r15), %r8\n"
	"	mov	72(%r15), %r9\n"
	"	call	*(%rsp)\n"
	"	add	$8, %rsp\n"
	"	mov	(%rsp), %rsp\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbx\n"
	"	pop	%rbp\n"
	"	ret\n"
	"	.popsection\n");

static void attack_once(struct attacker *a)
{
	static __thread struct encl_call call;
	void (*call_code)(const u8 *code, const struct softsgx_regs *regs, void *stack);
	struct softsgx_regs regs;
	const u8 *code = some_code(a);

	call_code = (void *)ADDRESS_OF(hostile_call);
	encl_random(&a->seed, &regs, sizeof(regs));
	regs.ax = some_leaf(a);
	regs.bx = some_address(a);
	regs.cx = some_aep(a);
	regs.dx = some_address(a);
	regs.di = some_operation(a);
	/* Anything else lets the enclave write into this program. */
	regs.si = regs.di == ENCL_ENTRY_REGS ? (uintptr_t)&call : 0;
	if (regs.di < ENCL_NR_OPS && regs.di != ENCL_ENTRY_REGS)
		regs.di = ENCL_NOP;
	if (sigsetjmp(a->env, 1))
		return;
	call_code(code, &regs, (u8 *)a->raw.stack + 32 * 1024);
	__atomic_add_fetch(&totals->entries, 1, __ATOMIC_RELAXED);
}

static void *attack(void *arg)
{
	struct attacker *a = arg;
	stack_t ss = { .ss_size = 64 * 1024 };

	ss.ss_sp = malloc(ss.ss_size);
	sigaltstack(&ss, NULL);
	self_attacker = a;
	while (!LOAD(stop))
		attack_once(a);
	self_attacker = NULL;
	return NULL;
}

/* Without an entry: attackers may be at the TCS before us. */
static void reload(struct encl *v)
{
	const u64 old = v->e.base;

	softsgx_enclave_close(&v->e);
	if (encl_start(v))
		die("%s", softsgx_last_error());
	v->info.scratch += v->e.base - old;
	v->info.code += v->e.base - old;
}

/* Changes of the address space, at random */
static void disturb_once(struct encl *v, u64 *seed)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	u64 pages = v->e.size / SGX_PAGE_SIZE;
	u64 first = encl_random64(seed) % pages;
	u64 n = 1 + encl_random64(seed) % 4;
	void *p = (void *)(v->e.base + first * SGX_PAGE_SIZE);
	int prot = prots[encl_random64(seed) % ARRAY_SIZE(prots)];

	if (first + n > pages)
		n = pages - first;
	switch (encl_random64(seed) % 16) {
	case 0:
		/* The range stays reserved, for nobody else to get it. */
		mmap(p, n * SGX_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
		break;
	case 1 ... 4:
		mmap(p, n * SGX_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, v->e.fd, 0);
		break;
	case 5 ... 8:
		mprotect(p, n * SGX_PAGE_SIZE, prot);
		break;
	case 9:
		reload(v);
		break;
	case 10:
		if (!fork())
			_exit(0);
		break;
	default:
		softsgx_enclave_map(&v->e, &v->image.segs[encl_random64(seed) %
								    v->image.nr_segs]);
		break;
	}
}

static void *disturb(void *arg)
{
	u64 seed = (uintptr_t)arg;
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigaction(SIGCHLD, &sa, NULL);
	while (!LOAD(stop)) {
		disturb_once(&victims[encl_random64(&seed) % NR_ENCLAVES], &seed);
		__atomic_add_fetch(&totals->changes, 1, __ATOMIC_RELAXED);
		if (!(encl_random64(&seed) % 8))
			usleep(encl_random64(&seed) % 1000);
	}
	return NULL;
}

/* Signals while they are inside, too */
static void start_ticks(void)
{
	const struct itimerspec its = {
		.it_interval.tv_nsec = 5000000, .it_value.tv_nsec = 5000000,
	};
	struct sigevent sev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &sev, &timer) || timer_settime(timer, 0, &its, NULL))
		die("timer: %m");
}

static void prepare_attacker(struct attacker *a, u64 seed)
{
	a->seed = seed;
	a->code = mmap(NULL, 3 * SGX_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->code == MAP_FAILED || munmap(a->code + 2 * SGX_PAGE_SIZE, SGX_PAGE_SIZE) ||
	    softsgx_raw_init(&a->raw))
		die("no memory");
}

static u64 seed_from_environment(void)
{
	const char *s = getenv("SEED");

	return s ? strtoull(s, NULL, 0) : 0x5eed;
}

/* In a child: an enclave that lands in its own program can do it any harm. */
static void fuzz(u64 seed)
{
	static struct attacker a[NR_ATTACKERS];
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int sigs[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_ONSTACK | SA_RESTART };
	pthread_t disturber;
	unsigned int i;

	sigfillset(&sa.sa_mask);
	for (i = 0; i < NR_ENCLAVES; i++)
		encl_load(&victims[i], NULL);
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sigaction(SIGALRM, &tick, NULL);
	start_ticks();
	for (i = 0; i < NR_ATTACKERS; i++) {
		prepare_attacker(&a[i], seed + i);
		if (pthread_create(&a[i].thread, NULL, attack, &a[i]))
			die("pthread_create: %m");
	}
	if (pthread_create(&disturber, NULL, disturb, (void *)(uintptr_t)(seed + 1000)))
		die("pthread_create: %m");
	sleep_ms(ROUND_MS);
	_exit(0);
}

static void round_of(u64 seed)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork: %m");
	if (!pid)
		fuzz(seed);
	/* How it ends is its own business. */
	waitpid(pid, &status, 0);
	totals->rounds++;
	totals->crashes += status != 0;
}

TEST(random_enclu)
{
	u64 seed = seed_from_environment();
	u64 end = now_ns() + RUN_SECONDS * 1000000000ULL;

	TH_LOG("SEED=%#llx", seed);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
	while (now_ns() < end)
		round_of(encl_random64(&seed));
	TH_LOG("%llu rounds, of which %llu crashed", totals->rounds, totals->crashes);
	TH_LOG("%llu instructions failed, %llu enclaves came back, %llu changes of memory",
	       totals->signals, totals->entries, totals->changes);
	EXPECT_GT(totals->signals, 1000);
	EXPECT_GT(totals->entries, 10);
	EXPECT_GT(totals->changes, 10);
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST_HARNESS_MAIN
