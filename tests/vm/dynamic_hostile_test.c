// SPDX-License-Identifier: GPL-2.0
/*
 * Every leaf that code inside can execute, with operands at random, from several threads,
 * while commands change the pages under them, others need the EPC and mappings come and go.
 * There is no wrong answer, as long as the kernel survives and the EPC comes back.
 */
#include <stdlib.h>

#include "dynamic.h"
#include "kselftest_harness.h"

#define RUN_SECONDS	12
#define ROUND_MS	3000
#define PATIENCE	120000000000ULL	/* ns more, on a slow machine */
#define NR_ATTACKERS	4
#define NR_TARGETS	24	/* pages of the room that all of them go for */

static bool stop;

/* Counted over all rounds, each of which is a process */
struct totals {
	u64 leaves;	/* that came back to the next instruction */
	u64 successes;	/* of these, with RAX 0 or unchanged */
	u64 faults;
	u64 stuck;	/* exceptions that could not be mended */
	u64 commands;
	u64 done;	/* commands that did something */
	u64 rounds;
	u64 crashes;
};

static struct totals *totals;

static void count(u64 *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static struct dyn dyn;

struct attacker {
	pthread_t thread;
	unsigned int n;	/* its TCS */
	u64 seed;
};

static u64 pick(u64 *seed, const u64 *v, size_t n)
{
	return v[encl_random64(seed) % n];
}

/* Where this attacker keeps its operands */
static u64 operands(const struct attacker *a)
{
	return dyn.encl.info.scratch + a->n * 1024;
}

/* ---------------------------------------------------------------------- attackers */

static u64 some_page(struct attacker *a)
{
	return dyn_at(&dyn, encl_random64(&a->seed) % NR_TARGETS);
}

static u64 some_address(struct attacker *a)
{
	const struct encl_info *info = &dyn.encl.info;
	const u64 values[] = {
		some_page(a), some_page(a), some_page(a), some_page(a), operands(a), operands(a), operands(a),
		operands(a) + 512, info->rodata, info->code, dyn.encl.tcs[3], info->base,
		info->base + info->size, info->base + info->size - PAGE, info->base - PAGE,
		dyn_at(&dyn, NR_ROOM), (uintptr_t)&dyn & -PAGE, 0, 0x7ffffffff000ULL,
		0x800000000000ULL, 0xffff888000000000ULL, ~0ULL,
	};
	u64 addr = pick(&a->seed, values, ARRAY_SIZE(values));

	switch (encl_random64(&a->seed) % 16) {
	case 0:
		return addr + encl_random64(&a->seed) % PAGE;
	case 1:
		return addr + (64 << encl_random64(&a->seed) % 6);
	case 2:
		return encl_random64(&a->seed);
	default:
		return addr;
	}
}

/* EEXIT is left out: where it leads to is outside. */
static u64 some_leaf(struct attacker *a)
{
	static const u64 leaves[] = {
		SGX_EREPORT, SGX_EGETKEY, SGX_EACCEPT, SGX_EACCEPT, SGX_EACCEPT, SGX_EMODPE,
		SGX_EMODPE, SGX_EACCEPTCOPY, SGX_EACCEPTCOPY, SGX_EDECCSSA,
	};
	u64 leaf = encl_random64(&a->seed) % 16;

	switch (encl_random64(&a->seed) % 16) {
	case 0:
		return encl_random64(&a->seed) | 1ULL << 20;
	case 1:
		return leaf == SGX_EEXIT ? SGX_EENTER : leaf;
	default:
		return pick(&a->seed, leaves, ARRAY_SIZE(leaves));
	}
}

static u64 some_secinfo(struct attacker *a)
{
	static const u64 values[] = {
		IS_NEW, IS_NEW, IS_NEW | SGX_SECINFO_X, IS_CUT(PROT_READ), IS_CUT(PROT_RW), IS_TCS,
		IS_TRIM, IS_TRIM, SGX_SECINFO_REG | PROT_RWX, SGX_SECINFO_REG | PROT_RW,
	};
	u64 flags = pick(&a->seed, values, ARRAY_SIZE(values));

	return encl_random64(&a->seed) % 8 ? flags : flags ^ 1ULL << encl_random64(&a->seed) % 64;
}

/* An asynchronous exit out of the operation: go on behind what it stopped at. */
static void mend(struct attacker *a, struct encl_call *call, struct sgx_enclave_run *run)
{
	struct encl_call skip;
	struct sgx_enclave_run inner;
	unsigned int i;

	for (i = 0; i < 4 && run->function == SGX_ERESUME; i++) {
		skip = (struct encl_call){ .a[0] = ENCL_LAST_FRAME };
		memset(&inner, 0, sizeof(inner));
		encl_run(&dyn.encl, a->n, ENCL_SSA_SKIP, &skip, &inner);
		if (inner.function != SGX_EEXIT)
			break;
		encl_resume(&dyn.encl, a->n, call, run);
	}
	if (run->function != SGX_EEXIT)
		count(&totals->stuck);
}

static bool operate(struct attacker *a, unsigned long op, struct encl_call *call)
{
	struct sgx_enclave_run run = {};

	encl_run(&dyn.encl, a->n, op, call, &run);
	if (run.function == SGX_EEXIT)
		return call->status == ENCL_DONE;
	count(&totals->faults);
	mend(a, call, &run);
	return false;
}

/* SECINFO, or something at random; reserved bytes are zero, or are not. */
static void place_operands(struct attacker *a)
{
	static __thread u8 bytes[1024];
	struct encl_call call = { .a = { operands(a), (uintptr_t)bytes, sizeof(bytes) } };
	u64 flags = some_secinfo(a);

	memset(bytes, 0, sizeof(bytes));
	if (!(encl_random64(&a->seed) % 4))
		encl_random(&a->seed, bytes, encl_random64(&a->seed) % sizeof(bytes));
	memcpy(bytes, &flags, sizeof(flags));
	operate(a, ENCL_COPY, &call);
}

static void attack_once(struct attacker *a)
{
	struct encl_call call = {};
	unsigned long *gpr = call.regs.gpr;
	bool sane = encl_random64(&a->seed) % 2;
	u64 leaf = some_leaf(a);

	place_operands(a);
	gpr[ENCL_RAX] = leaf;
	gpr[ENCL_RBX] = sane ? operands(a) : some_address(a);
	gpr[ENCL_RCX] = sane ? some_page(a) : some_address(a);
	gpr[ENCL_RDX] = sane ? some_page(a) : some_address(a);
	if (!operate(a, ENCL_ENCLU, &call))
		return;
	count(&totals->leaves);
	if (!gpr[ENCL_RAX] || gpr[ENCL_RAX] == leaf)
		count(&totals->successes);
}

static void *attack(void *data)
{
	struct attacker *a = data;

	while (!LOAD(stop))
		attack_once(a);
	return NULL;
}

/* --------------------------------------------------------------------- disturbers */

static struct dyn_res some_command(u64 *seed, unsigned int page, unsigned int nr)
{
	static const u64 types[] = { SGX_PT_TRIM, SGX_PT_TRIM, SGX_PT_TCS };
	static const u64 modes[] = {
		SOFTSGX_AUGMENT_NOW, SOFTSGX_AUGMENT_NOW, SOFTSGX_AUGMENT_NOW,
		SOFTSGX_AUGMENT_AUTO, SOFTSGX_AUGMENT_AUTO, SOFTSGX_AUGMENT_MANUAL,
	};

	switch (encl_random64(seed) % 5) {
	case 0:
		return dyn_restrict(&dyn, page, nr, encl_random64(seed) % 8 & PROT_RWX);
	case 1:
		return dyn_modify(&dyn, page, nr, pick(seed, types, ARRAY_SIZE(types)));
	case 2:
		return dyn_remove(&dyn, page, nr);
	default:
		return dyn_augment(&dyn, page, nr, pick(seed, modes, ARRAY_SIZE(modes)));
	}
}

/* What is a TCS by now cannot be mapped for execution. */
static void map_again(unsigned int page, unsigned int nr)
{
	for (; nr; nr--, page++) {
		if (dyn_map(&dyn, page, 1, PROT_RWX))
			dyn_map(&dyn, page, 1, PROT_RW);
	}
}

static void disturb_once(u64 *seed)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_RW, PROT_READ | PROT_EXEC, PROT_RWX,
	};
	unsigned int page = encl_random64(seed) % NR_TARGETS;
	unsigned int nr = 1 + encl_random64(seed) % 6;
	void *p = (void *)dyn_at(&dyn, page);

	switch (encl_random64(seed) % 32) {
	case 0:
		mprotect(p, nr * PAGE, prots[encl_random64(seed) % ARRAY_SIZE(prots)]);
		break;
	case 1:
		munmap(p, nr * PAGE);
		break;
	case 2 ... 9:
		map_again(page, nr);
		break;
	case 10:
		if (!fork())
			_exit(0);
		break;
	default:
		count(&totals->commands);
		if (some_command(seed, page, nr).count)
			count(&totals->done);
	}
}

static void *disturb(void *data)
{
	u64 seed = (uintptr_t)data;

	while (!LOAD(stop))
		disturb_once(&seed);
	return NULL;
}

/* ------------------------------------------------------------------------- rounds */

/* In a child: an enclave that writes over its own stack can do its program any harm. */
static void fuzz(u64 seed)
{
	const struct encl_spec spec = { .options = {
		.heap_pages = 1, .nr_tcs = NR_ATTACKERS, .nssa = 4,
		.attributes = SGX_ATTR_AEXNOTIFY,
	} };
	static struct attacker a[NR_ATTACKERS];
	pthread_t disturber;
	unsigned int i;

	if (dyn_load_spec(&dyn, &spec))
		die("%s", softsgx_last_error());
	signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < NR_ATTACKERS; i++) {
		a[i].n = i;
		a[i].seed = seed + i;
		if (pthread_create(&a[i].thread, NULL, attack, &a[i]))
			die("pthread_create: %m");
	}
	for (i = 0; i < 2; i++) {
		if (pthread_create(&disturber, NULL, disturb, (void *)(uintptr_t)(seed + 1000 + i)))
			die("pthread_create: %m");
	}
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

FIXTURE(dynamic_hostile) {
	struct vt_epc start;
	struct press press;
};

FIXTURE_SETUP(dynamic_hostile)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	totals = mmap(NULL, sizeof(*totals), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
}

FIXTURE_TEARDOWN(dynamic_hostile)
{
	if (self->press.shared) {
		EXPECT_EQ(0, press_end(&self->press));
	}
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, dyn_batch(BATCH_MAX));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Otherwise it would have shown nothing. */
static bool enough(void)
{
	return totals->leaves > 100 && totals->successes > 20 && totals->faults > 100 &&
	       totals->done > 20;
}

static void rounds(struct __test_metadata *_metadata)
{
	const char *text = getenv("SEED");
	u64 seed = text ? strtoull(text, NULL, 0) : 0x5eed;
	u64 end = now_ns() + RUN_SECONDS * 1000000000ULL;

	TH_LOG("SEED=%#llx", seed);
	while (now_ns() < end || (!enough() && now_ns() < end + PATIENCE))
		round_of(encl_random64(&seed));
	TH_LOG("%llu rounds, of which %llu crashed", totals->rounds, totals->crashes);
	TH_LOG("%llu leaves came back, %llu with success; %llu exceptions, %llu stuck",
	       totals->leaves, totals->successes, totals->faults, totals->stuck);
	TH_LOG("%llu commands, %llu did something", totals->commands, totals->done);
	EXPECT_TRUE(enough());
}

TEST_F_TIMEOUT(dynamic_hostile, random_leaves, 120)
{
	rounds(_metadata);
}

/* With others that need more EPC than there is, so that pages come and go as well */
TEST_F_TIMEOUT(dynamic_hostile, random_leaves_pressed, 120)
{
	ASSERT_EQ(0, press_start(&self->press, 2 * self->start.total));
	rounds(_metadata);
}

TEST_HARNESS_MAIN
