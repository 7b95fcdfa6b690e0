// SPDX-License-Identifier: GPL-2.0
/*
 * Several at the same page: who finds the same hole, who touches what is being removed;
 * signals in the middle of a command.
 */
#include <sys/time.h>

#include "dynamic.h"
#include "kselftest_harness.h"

#define NR_SEVERAL	4	/* threads, each on a TCS of its own; the first is the test's */

FIXTURE(dynamic_race) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic_race)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_EQ(0, vt_delay("augment", 0));
	ASSERT_EQ(0, vt_delay("removing", 0));
	ASSERT_EQ(0, delay_only(id_of(self->d.encl.e.fd)));
}

FIXTURE_TEARDOWN(dynamic_race)
{
	EXPECT_EQ(0, vt_delay("augment", 0));
	EXPECT_EQ(0, vt_delay("removing", 0));
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* ---------------------------------------------------------------------- threads */

/**
 * struct other - a thread with one thing to do
 * @n: TCS
 * @what, @a0, @page, @a2: operation of the enclave
 * @out: what came of it, when @done
 * @go_on: after an exception, execute ERESUME; then
 * @end: what came of that
 */
struct other {
	const struct dyn *d;
	unsigned int n;
	unsigned long what;
	u64 a0;
	unsigned int page;
	u64 a2;
	pthread_barrier_t *barrier;
	pthread_t thread;
	u32 out;
	u32 end;
	bool done;
	bool go_on;
};

static void *other_thread(void *data)
{
	struct other *o = data;
	struct dyn_op op;

	if (o->barrier)
		pthread_barrier_wait(o->barrier);
	o->out = dyn_begin(o->d, &op, o->n, o->what, o->a0, dyn_at(o->d, o->page), o->a2);
	o->end = o->out;
	STORE(o->done, true);
	if (op.run.function == SGX_EEXIT)
		return NULL;
	while (!LOAD(o->go_on))
		usleep(100);
	o->end = dyn_resume(o->d, &op);
	return NULL;
}

static int other_start(struct other *o)
{
	o->done = false;
	o->go_on = false;
	return pthread_create(&o->thread, NULL, other_thread, o);
}

static void other_wait(struct other *o)
{
	while (!LOAD(o->done))
		usleep(100);
}

/* Returns what comes of it in the end. */
static u32 other_end(struct other *o)
{
	STORE(o->go_on, true);
	pthread_join(o->thread, NULL);
	return o->end;
}

/**
 * struct remover - a thread in REMOVE_PAGES
 * @page, @nr: what it removes
 * @res: how it ended
 */
struct remover {
	const struct dyn *d;
	unsigned int page;
	unsigned int nr;
	pthread_t thread;
	struct dyn_res res;
};

static void *remover_thread(void *data)
{
	struct remover *r = data;

	r->res = dyn_remove(r->d, r->page, r->nr);
	return NULL;
}

/* Returns when its pages are off the page tables. */
static int remover_start(struct remover *r)
{
	int ret = vt_delay("removing", LONG_MS);

	if (!ret)
		ret = pthread_create(&r->thread, NULL, remover_thread, r);
	return ret ? ret : await_held("removing");
}

/* ------------------------------------------------------------------ the same hole */

static void same_hole(struct __test_metadata *_metadata, struct _test_data_dynamic_race *self,
		      struct other *others, unsigned int page)
{
	pthread_barrier_t barrier;
	unsigned int i;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, NR_SEVERAL));
	ASSERT_EQ(0, vt_delay("augment", LONG_MS));
	for (i = 0; i < NR_SEVERAL; i++) {
		others[i].d = &self->d;
		others[i].n = i;
		others[i].page = page;
		others[i].barrier = &barrier;
		ASSERT_EQ(0, other_start(&others[i]));
	}
	ASSERT_EQ(0, await_held("augment"));
	/* Time for the others to get as far as they can */
	usleep(20000);
	EXPECT_TRUE(is_held("augment"));
	for (i = 0; i < NR_SEVERAL; i++) {
		EXPECT_FALSE(LOAD(others[i].done)) {
			TH_LOG("%u has not waited", i);
		}
	}
	EXPECT_EQ(0, vt_let_go());
	for (i = 0; i < NR_SEVERAL; i++)
		other_wait(&others[i]);
	pthread_barrier_destroy(&barrier);
}

#define same_hole(others, page) same_hole(_metadata, self, others, page)

/* All of them find the page that one of them has added; nobody gets a signal. */
TEST_F_TIMEOUT(dynamic_race, same_hole_touched, 60)
{
	unsigned int i, page;

	for (page = 0; page < 10; page++) {
		struct other others[NR_SEVERAL] = {};
		long before = info_now(self->d.encl.e.fd).pages;

		for (i = 0; i < NR_SEVERAL; i++)
			others[i].what = i % 2 ? ENCL_ACCESS_READ : ENCL_ACCESS_WRITE;
		same_hole(others, page);
		EXPECT_EQ(before + 1, info_now(self->d.encl.e.fd).pages);
		for (i = 0; i < NR_SEVERAL; i++) {
			EXPECT_EQ(i % 2 ? NO_READ : NO_WRITE, others[i].out);
		}
		/* On the first TCS, at the next level */
		EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, page));
		for (i = 0; i < NR_SEVERAL; i++) {
			EXPECT_EQ(0, other_end(&others[i]));
		}
	}
}

/* One of them accepts it, and the others learn that it is accepted. */
TEST_F_TIMEOUT(dynamic_race, same_hole_accepted, 60)
{
	unsigned int i, page, accepted;

	for (page = 0; page < 10; page++) {
		struct other others[NR_SEVERAL] = {};

		for (i = 0; i < NR_SEVERAL; i++) {
			others[i].what = ENCL_ACCEPT;
			others[i].a0 = IS_NEW;
		}
		same_hole(others, page);
		accepted = 0;
		for (i = 0; i < NR_SEVERAL; i++) {
			u32 out = others[i].out;

			EXPECT_TRUE(!out || out == SGX_PAGE_ATTRIBUTES_MISMATCH) {
				TH_LOG("%#x", out);
			}
			accepted += !others[i].out;
			other_end(&others[i]);
		}
		EXPECT_EQ(1, accepted);
	}
}

/* ----------------------------------------------------------------- being removed */

static void removed(struct __test_metadata *_metadata, struct _test_data_dynamic_race *self,
		    struct other *o, u32 want)
{
	long before = counted(self->d.encl.e.fd, WAITS);
	struct remover r = { .d = &self->d, .page = 2, .nr = 3 };

	o->d = &self->d;
	o->n = 1;
	o->page = 3;
	ASSERT_EQ(0, dyn_add(&self->d, 0, 8));
	ASSERT_EQ(0, dyn_trim(&self->d, 2, 3));
	ASSERT_EQ(0, remover_start(&r));
	ASSERT_EQ(0, other_start(o));
	EXPECT_TRUE(await_waiter(self->d.encl.e.fd, before));
	/* Nobody else has to wait. */
	EXPECT_EQ(0, dyn_write(&self->d, 1, 1));
	EXPECT_EQ(0, dyn_write(&self->d, 5, 1));
	EXPECT_ANSWER(-EBUSY, 0, 0, dyn_restrict(&self->d, 6, 1, PROT_READ));
	EXPECT_EQ(-EBUSY, vt_ioctl(self->d.encl.e.fd, ~0UL, NULL));
	EXPECT_TRUE(is_held("removing"));
	EXPECT_FALSE(LOAD(o->done));
	EXPECT_EQ(0, vt_let_go());
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	other_wait(o);
	EXPECT_ALL(3, r.res);
	EXPECT_EQ(want, o->out);
}

#define removed(o, want) removed(_metadata, self, o, want)

/* Who touches it meanwhile waits, then finds a hole. */
TEST_F_TIMEOUT(dynamic_race, removed_touched, 60)
{
	struct other o = { .what = ENCL_ACCESS_WRITE, .a2 = 5 };

	removed(&o, NO_WRITE);
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 3));
	EXPECT_EQ(0, other_end(&o));
	EXPECT_EQ(5, dyn_read(&self->d, 3));
}

TEST_F_TIMEOUT(dynamic_race, removed_accepted, 60)
{
	struct other o = { .what = ENCL_ACCEPT, .a0 = IS_NEW };

	removed(&o, 0);
	EXPECT_EQ(0, other_end(&o));
	EXPECT_TRUE(dyn_is_zero(&self->d, 3));
}

static const struct dyn *worker_dyn;

static int step_touch_removed(struct softsgx_enclave *encl)
{
	return dyn_do(worker_dyn, 1, ENCL_ACCESS_READ, 0, dyn_at(worker_dyn, 0), 0);
}

/* In another process, which has had the page on its page tables */
TEST_F_TIMEOUT(dynamic_race, removed_elsewhere, 60)
{
	struct remover r = { .d = &self->d, .page = 0, .nr = 1 };
	int fd = self->d.encl.e.fd;
	struct worker worker;
	long before;

	worker_dyn = &self->d;
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, worker_start_do(&worker, &self->d.encl.e, step_touch_removed));
	ASSERT_EQ(0, dyn_trim(&self->d, 0, 1));
	before = counted(fd, WAITS);
	ASSERT_EQ(0, remover_start(&r));
	ASSERT_EQ(0, worker_tell(&worker, step_touch_removed));
	EXPECT_TRUE(await_waiter(fd, before));
	EXPECT_TRUE(is_held("removing"));
	EXPECT_EQ(0, vt_let_go());
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_ALL(1, r.res);
	EXPECT_EQ(NO_READ, (u32)worker_answer(&worker));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(0, worker_do(&worker, step_touch_removed));
	EXPECT_EQ(0, worker_end(&worker));
}

/* --------------------------------------------------------------------- signals */

static void nothing(int sig)
{
}

/* The second batch of three is not begun. */
static void interrupted(struct __test_metadata *_metadata, struct _test_data_dynamic_race *self,
			int flags)
{
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = flags };
	struct remover r = { .d = &self->d, .page = 0, .nr = 3 * BATCH_MAX };

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, dyn_add(&self->d, 0, r.nr));
	ASSERT_EQ(0, dyn_trim(&self->d, 0, r.nr));
	ASSERT_EQ(0, remover_start(&r));
	ASSERT_EQ(0, pthread_kill(r.thread, SIGUSR1));
	EXPECT_TRUE(is_held("removing"));
	EXPECT_EQ(0, vt_let_go());
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_ANSWER(-EINTR, 0, BATCH_MAX * PAGE, r.res);
	/* Those that are said to be gone are, and no others. */
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_remove(&self->d, BATCH_MAX - 1, 2));
	EXPECT_ALL(2 * BATCH_MAX, dyn_remove(&self->d, BATCH_MAX, 2 * BATCH_MAX));
}

TEST_F_TIMEOUT(dynamic_race, interrupted, 60)
{
	interrupted(_metadata, self, 0);
}

TEST_F_TIMEOUT(dynamic_race, interrupted_restart, 60)
{
	interrupted(_metadata, self, SA_RESTART);
}

static void set_timer(unsigned int us)
{
	struct itimerval t = { .it_interval.tv_usec = us, .it_value.tv_usec = us };

	signal(SIGALRM, nothing);
	MUST(!setitimer(ITIMER_REAL, &t, NULL));
}

/* As runtimes do it: go on from where it stopped. Returns the number of calls or an errno. */
static int all_of(const struct dyn *d, struct dyn_res (*one)(const struct dyn *, unsigned int,
							      unsigned int, u64), u64 arg)
{
	unsigned int done = 0, calls = 0;
	struct dyn_res res;

	while (done < NR_ROOM) {
		res = one(d, done, NR_ROOM - done, arg);
		if ((res.ret && res.ret != -EINTR) || res.result || !res.count ||
		    res.count % PAGE || (!res.ret && res.count != (NR_ROOM - done) * PAGE))
			return res.ret ? res.ret : -EPROTO;
		done += res.count / PAGE;
		calls++;
	}
	return calls;
}

static struct dyn_res remove_arg(const struct dyn *d, unsigned int page, unsigned int nr, u64 arg)
{
	return dyn_remove(d, page, nr);
}

/* However many signals: each call gets on. */
TEST_F_TIMEOUT(dynamic_race, many_signals, 60)
{
	static const unsigned int us[] = { 100, 500, 2000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(us); i++) {
		set_timer(us[i]);
		EXPECT_LT(0, all_of(&self->d, dyn_augment, SOFTSGX_AUGMENT_NOW));
		set_timer(0);
		ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
		set_timer(us[i]);
		EXPECT_LT(0, all_of(&self->d, dyn_restrict, PROT_READ));
		set_timer(0);
		EXPECT_EQ(NR_ROOM, dyn_accept_range(&self->d, IS_CUT(PROT_READ), 0, NR_ROOM));
		set_timer(us[i]);
		EXPECT_LT(0, all_of(&self->d, dyn_modify, SGX_PT_TRIM));
		set_timer(0);
		EXPECT_EQ(NR_ROOM, dyn_accept_range(&self->d, IS_TRIM, 0, NR_ROOM));
		set_timer(us[i]);
		EXPECT_LT(0, all_of(&self->d, remove_arg, 0));
		set_timer(0);
	}
}

TEST_HARNESS_MAIN
