// SPDX-License-Identifier: GPL-2.0
/* Epochs: who is awaited, who is not, and what happens to those who come late. */
#include <pthread.h>

#include "rig.h"

#define EPOCHS	(1U << 20)

static struct sgxcore_page secs;

static int clean(void **state)
{
	(void)state;
	memset(&secs, 0, sizeof(secs));
	return 0;
}

static void nobody_inside(void **state)
{
	u32 blocked = sgxcore_track_epoch(&secs);

	(void)state;
	assert_false(sgxcore_track_done(&secs, blocked));
	assert_true(sgxcore_track_start(&secs));
	assert_true(sgxcore_track_done(&secs, blocked));
	/* what is blocked now needs another one */
	assert_false(sgxcore_track_done(&secs, sgxcore_track_epoch(&secs)));
}

static void those_from_before_are_awaited(void **state)
{
	u32 blocked, a, b, c;

	(void)state;
	a = sgxcore_track_enter(&secs);
	blocked = sgxcore_track_epoch(&secs);
	b = sgxcore_track_enter(&secs);
	assert_true(sgxcore_track_start(&secs));
	c = sgxcore_track_enter(&secs);
	assert_int_equal(sgxcore_track_inside(&secs), 3);
	assert_false(sgxcore_track_done(&secs, blocked));
	assert_false(sgxcore_track_start(&secs));
	sgxcore_track_leave(&secs, a);
	assert_false(sgxcore_track_done(&secs, blocked));
	sgxcore_track_leave(&secs, b);
	/* @c does not matter */
	assert_true(sgxcore_track_done(&secs, blocked));
	assert_true(sgxcore_track_start(&secs));
	assert_true(sgxcore_track_done(&secs, blocked));
	assert_false(sgxcore_track_start(&secs));
	sgxcore_track_leave(&secs, c);
	assert_int_equal(sgxcore_track_inside(&secs), 0);
}

static void interruption_is_exit_and_entry(void **state)
{
	u32 a, renewed;

	(void)state;
	a = sgxcore_track_enter(&secs);
	assert_int_equal(sgxcore_track_renew(&secs, a), a);
	assert_true(sgxcore_track_start(&secs));
	renewed = sgxcore_track_renew(&secs, a);
	assert_int_equal(renewed, sgxcore_track_epoch(&secs));
	assert_true(sgxcore_track_done(&secs, a));
	assert_int_equal(sgxcore_track_inside(&secs), 1);
	assert_true(sgxcore_track_start(&secs));
	assert_false(sgxcore_track_start(&secs));
	sgxcore_track_leave(&secs, renewed);
	assert_int_equal(sgxcore_track_inside(&secs), 0);
}

static void epochs_wrap(void **state)
{
	unsigned int i;
	u32 epoch;

	(void)state;
	for (i = 0; i < EPOCHS + 3; i++) {
		epoch = sgxcore_track_enter(&secs);
		assert_int_equal(epoch, i % EPOCHS);
		assert_false(sgxcore_track_done(&secs, epoch));
		assert_true(sgxcore_track_start(&secs));
		assert_false(sgxcore_track_done(&secs, epoch));
		sgxcore_track_leave(&secs, epoch);
		assert_true(sgxcore_track_done(&secs, epoch));
	}
	assert_int_equal(sgxcore_track_inside(&secs), 0);
}

/* An LP that outlives the SECS is not counted out of its successor. */
static void leftovers_do_not_count(void **state)
{
	unsigned int old;

	(void)state;
	for (old = 0; old < 2; old++) {
		u32 late, now;

		memset(&secs, 0, sizeof(secs));
		late = sgxcore_track_enter(&secs);
		if (old)
			assert_true(sgxcore_track_start(&secs));
		sgxcore_track_reset(&secs);
		assert_int_equal(sgxcore_track_inside(&secs), 0);
		now = sgxcore_track_enter(&secs);
		assert_true(sgxcore_track_start(&secs));
		sgxcore_track_leave(&secs, late);
		assert_int_equal(sgxcore_track_renew(&secs, late), late);
		assert_int_equal(sgxcore_track_inside(&secs), 1);
		assert_false(sgxcore_track_done(&secs, now));
		sgxcore_track_leave(&secs, now);
	}
}

#define THREADS	4
#define ROUNDS	200000

static bool stop;

static void *in_and_out(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		u32 epoch = sgxcore_track_enter(&secs);

		if (i % 3 == 0)
			epoch = sgxcore_track_renew(&secs, epoch);
		sgxcore_track_leave(&secs, epoch);
	}
	return NULL;
}

static void *etracker(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sgxcore_track_start(&secs);
	return NULL;
}

static void counters_balance(void **state)
{
	pthread_t threads[THREADS], tracker;
	unsigned int i;

	(void)state;
	pthread_create(&tracker, NULL, etracker, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, in_and_out, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(tracker, NULL);
	assert_int_equal(sgxcore_track_inside(&secs), 0);
	assert_true(sgxcore_track_start(&secs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_inside, clean),
		cmocka_unit_test_setup(those_from_before_are_awaited, clean),
		cmocka_unit_test_setup(interruption_is_exit_and_entry, clean),
		cmocka_unit_test_setup(epochs_wrap, clean),
		cmocka_unit_test_setup(leftovers_do_not_count, clean),
		cmocka_unit_test_setup(counters_balance, clean),
	};

	return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
