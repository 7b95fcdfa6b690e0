// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are changed while threads use them all the time.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

#define NR_SEVERAL	4	/* threads, each on a TCS of its own; the first is the test's */

FIXTURE(dynamic_use) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic_use)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(dynamic_use)
{
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/**
 * struct writer - a thread that writes to a page until it may not
 * @n: TCS
 * @stopped: by an exception
 * @go_on: execute ERESUME
 */
struct writer {
	const struct dyn *d;
	unsigned int n;
	pthread_t thread;
	u32 out;
	u32 end;
	bool stopped;
	bool go_on;
};

static void *writer_thread(void *data)
{
	struct writer *w = data;
	struct dyn_op op;
	u64 seed = 0;

	do {
		w->out = dyn_begin(w->d, &op, w->n, ENCL_FILL, dyn_at(w->d, 0), PAGE, seed++);
	} while (!w->out);
	STORE(w->stopped, true);
	while (!LOAD(w->go_on))
		usleep(100);
	w->end = dyn_resume(w->d, &op);
	return NULL;
}

static int writers_start(const struct dyn *d, struct writer *writers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		writers[i] = (struct writer){ .d = d, .n = i + 1 };
		if (pthread_create(&writers[i].thread, NULL, writer_thread, &writers[i]))
			return -1;
	}
	usleep(3000);
	return 0;
}

static void writers_join(struct writer *writers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		STORE(writers[i].go_on, true);
	for (i = 0; i < nr; i++)
		pthread_join(writers[i].thread, NULL);
}

/* Once it is accepted that a page cannot be written, it is not. */
TEST_F_TIMEOUT(dynamic_use, restrict_writers, 60)
{
	struct writer writers[NR_SEVERAL - 1];
	u8 before[PAGE], now[PAGE];
	int i, round;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	for (round = 0; round < 30; round++) {
		ASSERT_EQ(0, writers_start(&self->d, writers, ARRAY_SIZE(writers)));
		EXPECT_ALL(1, dyn_restrict(&self->d, 0, 1, PROT_READ));
		EXPECT_EQ(0, dyn_accept(&self->d, IS_CUT(PROT_READ), 0));
		encl_get(&self->d.encl, 0, before, dyn_at(&self->d, 0), PAGE);
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			while (!LOAD(writers[i].stopped))
				usleep(100);
			EXPECT_EQ(NO_WRITE, writers[i].out);
		}
		encl_get(&self->d.encl, 0, now, dyn_at(&self->d, 0), PAGE);
		EXPECT_EQ(0, memcmp(before, now, PAGE));
		EXPECT_EQ(0, dyn_extend(&self->d, PROT_RW, 0));
		writers_join(writers, ARRAY_SIZE(writers));
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			EXPECT_EQ(0, writers[i].end);
		}
	}
}

static void *zero_thread(void *data)
{
	struct writer *w = data;

	/* What is reserved in a TCS has to stay zero. */
	do {
		w->out = dyn_do(w->d, w->n, ENCL_ACCESS_WRITE, 0, dyn_at(w->d, 0) + PAGE - 8, 0);
	} while (!w->out);
	return NULL;
}

/* A page that becomes a TCS while others use it does become one; they see it go. */
TEST_F_TIMEOUT(dynamic_use, tcs_in_use, 60)
{
	struct writer writers[NR_SEVERAL - 1];
	int i, round;

	ASSERT_EQ(0, dyn_map(&self->d, 0, 1, PROT_RW));
	for (round = 0; round < 30; round++) {
		ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
		dyn_fill_tcs(&self->d, 0);
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			writers[i] = (struct writer){ .d = &self->d, .n = i + 1 };
			ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL, zero_thread,
						    &writers[i]));
		}
		usleep(1000 * (round % 4));
		EXPECT_ALL(1, dyn_modify(&self->d, 0, 1, SGX_PT_TCS));
		EXPECT_EQ(0, dyn_accept(&self->d, IS_TCS, 0));
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			ASSERT_EQ(0, pthread_join(writers[i].thread, NULL));
			EXPECT_EQ(NO_WRITE, writers[i].out);
		}
		ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, 1));
	}
}

TEST_HARNESS_MAIN
