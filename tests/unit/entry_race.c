// SPDX-License-Identifier: GPL-2.0
/* EENTER, ERESUME and exits of several threads on one TCS. */
#include <pthread.h>
#include <sched.h>

#include "rig.h"

#define THREADS	4
#define ROUNDS	2000

struct contender {
	struct rig *r;
	struct sgxcore_lp lp;
	u8 *xsave;
	pthread_barrier_t *barrier;
	unsigned int *running;
	u32 leaf;
	unsigned int won;
	unsigned int odd;
};

/* Return: false if a page was locked. */
static bool contend(struct contender *c)
{
	struct sgxcore_entry e = { .xsave = c->xsave };
	struct sgxcore_regs regs = c->r->regs;
	struct sgxcore_outcome out;

	out = sgxcore_entry_prepare(&c->lp, c->leaf, &regs, &e);
	if (out.kind == SGXCORE_OK)
		out = sgxcore_entry_commit(&c->lp, &e, &regs);
	if (out.kind == SGXCORE_OK)
		c->won++;
	else if (out.kind != SGXCORE_FAULT || out.code != SGXCORE_TRAP_GP)
		c->odd += out.kind != SGXCORE_AGAIN;
	return out.kind != SGXCORE_AGAIN;
}

static void *contender(void *arg)
{
	struct contender *c = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct sgxcore_regs regs = c->r->regs;

		pthread_barrier_wait(c->barrier);
		c->odd += !contend(c);
		pthread_barrier_wait(c->barrier);
		if (c->lp.inside && sgxcore_eexit(&c->lp, &regs).kind != SGXCORE_OK)
			c->odd++;
	}
	return NULL;
}

static void one_of_many_gets_the_tcs(void **state)
{
	struct rig *r = *state;
	struct contender c[THREADS];
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	unsigned int i, won = 0, odd = 0;

	rig_enclave(r, 3, 1, 2, 0);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct contender){ .r = r, .lp = r->lp, .barrier = &barrier,
					   .leaf = SGX_EENTER };
		c[i].xsave = aligned_alloc(64, SGXCORE_XSAVE_MAX);
		pthread_create(&threads[i], NULL, contender, &c[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		odd += c[i].odd;
		won += c[i].won;
		free(c[i].xsave);
	}
	assert_int_equal(odd, 0);
	assert_int_equal(won, ROUNDS);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_int_equal(rig_tcs(r)->state, 0);
	pthread_barrier_destroy(&barrier);
}

/*
 * As a caller has to do it: whoever holds a page of the frame may hold it for as long as
 * the scheduler likes.
 */
static bool leave_asynchronously(struct contender *c, struct sgxcore_regs *regs)
{
	const struct sgxcore_event ev = { 0 };
	struct sgxcore_exit x = { .whole = true };
	u8 image[SGXCORE_XSAVE_MAX], synthetic[576];

	memset(image, 0, sizeof(image));
	sgxcore_xsave_synthetic(image, -1);
	while (!sgxcore_exit_begin(&c->lp, &x)) {
		sched_yield();
		if (!sgxcore_exit_find(&c->lp, &x))
			return false;
	}
	return sgxcore_aex(&c->lp, &ev, regs, image, synthetic);
}

/* EENTER, AEX and ERESUME of all threads on one TCS, while a frame gets locked at times */
static void *churner(void *arg)
{
	struct contender *c = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct sgxcore_regs regs = c->r->regs;
		bool left;

		regs.fsbase = 0;
		regs.gsbase = 0;
		c->leaf = SGX_EENTER + i % 2;
		while (!contend(c))
			sched_yield();
		if (!c->lp.inside)
			continue;
		if (i % 3 == 0)
			left = leave_asynchronously(c, &regs);
		else
			left = sgxcore_eexit(&c->lp, &regs).kind == SGXCORE_OK;
		c->odd += !left;
	}
	__atomic_sub_fetch(c->running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void churn_keeps_the_books(void **state)
{
	struct rig *r = *state;
	struct contender c[THREADS];
	pthread_t threads[THREADS];
	struct sgxcore_page *ssa;
	unsigned int i, running = THREADS, won = 0, odd = 0;

	rig_enclave(r, 3, 1, 8, 0);
	ssa = rig_page_at(r, RIG_SSA);
	for (i = 0; i < 8; i++) {
		rig_tcs(r)->ssa_index = i + 1;
		rig_gpr(r, i)->rip = RIG_CODE;
		sgxcore_xsave_synthetic(rig_page_at(r, RIG_SSA + i * 0x1000ULL)->mem, -1);
	}
	rig_tcs(r)->ssa_index = 0;
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct contender){ .r = r, .lp = r->lp, .running = &running };
		c[i].xsave = aligned_alloc(64, SGXCORE_XSAVE_MAX);
		pthread_create(&threads[i], NULL, churner, &c[i]);
	}
	for (i = 0; __atomic_load_n(&running, __ATOMIC_ACQUIRE); i++) {
		if (!sgxcore_lock_exclusive(ssa))
			continue;
		if (i % 16 == 0)
			sched_yield();
		sgxcore_unlock_exclusive(ssa);
		sched_yield();
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		odd += c[i].odd;
		won += c[i].won;
		free(c[i].xsave);
	}
	assert_int_equal(odd, 0);
	assert_true(won);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_int_equal(rig_tcs(r)->state, 0);
	assert_true(rig_tcs(r)->ssa_index <= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one_of_many_gets_the_tcs),
		RIG_TEST(churn_keeps_the_books),
	};

	return cmocka_run_group_tests_name("entry_race", tests, NULL, NULL);
}
