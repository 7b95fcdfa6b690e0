// SPDX-License-Identifier: GPL-2.0
/*
 * Many at the same few pages, as in a runtime that adds and removes memory all the time;
 * commands while pages are evicted, while processes are killed and while they fork.
 */
#include <stdlib.h>

#include "dynamic.h"
#include "kselftest_harness.h"

#define NR_PAGES	10
#define NR_THREADS	16
#define NR_ROUNDS	250	/* of each thread */
#define MAX_MENDS	1000	/* of one access: nobody is so unlucky */

FIXTURE(dynamic_storm) {
	struct dyn d;
	struct press press;
};

FIXTURE_SETUP(dynamic_storm)
{
	const struct encl_spec spec = { .options = {
		.heap_pages = 1, .nr_tcs = NR_THREADS, .stack_pages = 6, .nssa = 3,
	} };

	ASSERT_EQ(0, dyn_load_spec(&self->d, &spec)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(dynamic_storm)
{
	if (self->press.shared) {
		EXPECT_EQ(0, press_end(&self->press));
	}
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* Meanwhile somebody else needs more memory than there is. */
static int press(struct _test_data_dynamic_storm *self)
{
	int ret = press_start(&self->press, 2 * self->d.start.total);

	while (!ret && !LOAD_WORD(&self->press.shared->ready))
		usleep(1000);
	return ret;
}

/* ---------------------------------------------------------------- touch and remove */

/**
 * struct place - what the runtime knows about a page
 * @lock: around every change of it
 * @there: the enclave has accepted it
 * @gone: how often it has been removed
 */
struct place {
	pthread_mutex_t lock;
	bool there;
	unsigned long gone;
};

/**
 * struct stormer - a thread of the runtime
 * @d: with a TCS of its own as the first one
 * @places: all threads share these
 * @what: the first thing that went wrong, or NULL
 * @out, @addr: what came of it, for exceptions with the offset in the enclave
 * @touched, @mended, @removed, @busy: how often
 */
struct stormer {
	struct dyn d;
	struct place *places;
	unsigned int id;
	pthread_t thread;
	const char *what;
	u32 out;
	u64 addr;
	unsigned long touched, mended, removed, busy;
};

static bool failed(struct stormer *s, const char *what, u32 out)
{
	s->what = what;
	s->out = out;
	return false;
}

/* A command that another thread's command keeps away is tried again, as runtimes do. */
static int command(struct stormer *s, unsigned int page, bool trim)
{
	struct dyn_res res;

	for (;;) {
		res = trim ? dyn_modify(&s->d, page, 1, SGX_PT_TRIM) : dyn_remove(&s->d, page, 1);
		if (res.ret != -EBUSY)
			return dyn_did(res, 1) ? 0 : res.ret ? res.ret : -EPROTO;
		s->busy++;
		sched_yield();
	}
}

static bool remove_locked(struct stormer *s, struct place *p, unsigned int page)
{
	int ret = command(s, page, true);
	u32 out;

	if (ret)
		return failed(s, "MODIFY_TYPES", -ret);
	out = dyn_accept(&s->d, IS_TRIM, page);
	if (out)
		return failed(s, "EACCEPT of TRIM", out);
	ret = command(s, page, false);
	if (ret)
		return failed(s, "REMOVE_PAGES", -ret);
	p->there = false;
	p->gone++;
	s->removed++;
	return true;
}

static bool remove_page(struct stormer *s, unsigned int page)
{
	struct place *p = &s->places[page];
	bool ok = true;

	pthread_mutex_lock(&p->lock);
	if (p->there)
		ok = remove_locked(s, p, page);
	pthread_mutex_unlock(&p->lock);
	return ok;
}

/*
 * Handle the exception of an access to @page. @seen: how often the page had been removed
 * when the last one was dealt with.
 */
static bool mend(struct stormer *s, unsigned int page, unsigned long *seen)
{
	struct place *p = &s->places[page];
	bool ok = true;
	u32 out;

	pthread_mutex_lock(&p->lock);
	if (!p->there) {
		out = dyn_accept(&s->d, IS_NEW, page);
		if (out)
			ok = failed(s, "EACCEPT of a new page", out);
		p->there = !out;
	} else if (*seen == p->gone) {
		ok = failed(s, "page is there, and not removed since", 0);
	}
	*seen = p->gone;
	s->mended++;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static bool touch(struct stormer *s, unsigned int page, bool write)
{
	unsigned long seen = ~0UL;
	unsigned int mends = 0;
	struct dyn_op op;
	u32 out;

	s->touched++;
	out = dyn_begin(&s->d, &op, 0, write ? ENCL_ACCESS_WRITE : ENCL_ACCESS_READ, 0,
			dyn_at(&s->d, page) + 8 * s->id, 0);
	while (op.run.function != SGX_EEXIT) {
		s->addr = op.run.exception_addr - s->d.encl.e.base;
		if (out != (write ? NO_WRITE : NO_READ) || s->addr != dyn_offset(&s->d, page))
			return failed(s, "exception", out);
		if (!mend(s, page, &seen))
			return false;
		if (++mends > MAX_MENDS)
			return failed(s, "no end of exceptions", out);
		out = dyn_resume(&s->d, &op);
	}
	return true;
}

static void *storm_thread(void *data)
{
	struct stormer *s = data;
	u64 seed = s->id + 1;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < NR_ROUNDS && ok; i++) {
		u64 r = encl_random64(&seed);

		if (r & 3)
			ok = touch(s, (r >> 8) % NR_PAGES, r & 4);
		else
			ok = remove_page(s, (r >> 8) % NR_PAGES);
	}
	return NULL;
}

static void stormer_init(struct stormer *s, const struct dyn *d, struct place *places,
			 unsigned int id)
{
	u64 offset;

	*s = (struct stormer){ .d = *d, .places = places, .id = id };
	MUST(softsgx_image_tcs(&d->encl.image, id, &offset));
	s->d.encl.tcs[0] = d->encl.e.base + offset;
}

static void storm(struct __test_metadata *_metadata, struct _test_data_dynamic_storm *self)
{
	struct stormer *stormers = calloc(NR_THREADS, sizeof(*stormers));
	unsigned long mended = 0, removed = 0, busy = 0;
	struct place places[NR_PAGES] = {};
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		pthread_mutex_init(&places[i].lock, NULL);
	for (i = 0; i < NR_THREADS; i++) {
		stormer_init(&stormers[i], &self->d, places, i);
		ASSERT_EQ(0, pthread_create(&stormers[i].thread, NULL, storm_thread,
					    &stormers[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(stormers[i].thread, NULL));
		EXPECT_EQ(NULL, stormers[i].what) {
			TH_LOG("thread %u: %s, %#x at %#llx, room at %#llx", i, stormers[i].what,
			       stormers[i].out, stormers[i].addr, dyn_offset(&self->d, 0));
		}
		mended += stormers[i].mended;
		removed += stormers[i].removed;
		busy += stormers[i].busy;
	}
	TH_LOG("%lu exceptions, %lu removals, %lu times busy", mended, removed, busy);
	EXPECT_LT(NR_PAGES, mended);
	EXPECT_LT(NR_PAGES, removed);
	free(stormers);
}

TEST_F_TIMEOUT(dynamic_storm, touch_and_remove, 120)
{
	storm(_metadata, self);
}

/* The neighbours that come along with a page are new pages like all others. */
TEST_F_TIMEOUT(dynamic_storm, touch_and_remove_batches, 120)
{
	ASSERT_EQ(0, dyn_batch(BATCH_MAX));
	storm(_metadata, self);
}

TEST_F_TIMEOUT(dynamic_storm, touch_and_remove_pressed, 120)
{
	ASSERT_EQ(0, press(self));
	storm(_metadata, self);
}

/* -------------------------------------------------------------------- evictions */

/* The whole EPC and more, each step in one call: nobody is told to try again. */
static void whole_life(struct __test_metadata *_metadata, const struct dyn *d, unsigned int nr)
{
	unsigned int i;

	EXPECT_ALL(nr, dyn_augment(d, 0, nr, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(nr, dyn_accept_range(d, IS_NEW, 0, nr));
	for (i = 0; i < nr; i += 3)
		EXPECT_EQ(0, dyn_write(d, i, i + 1));
	EXPECT_ALL(nr, dyn_restrict(d, 0, nr, PROT_READ));
	EXPECT_EQ(nr, dyn_accept_range(d, IS_CUT(PROT_READ), 0, nr));
	for (i = 0; i < nr; i += 3)
		EXPECT_EQ(i + 1, dyn_read(d, i));
	EXPECT_EQ(NO_WRITE, dyn_write(d, nr / 2, 1));
	EXPECT_ALL(nr, dyn_modify(d, 0, nr, SGX_PT_TRIM));
	EXPECT_EQ(nr, dyn_accept_range(d, IS_TRIM, 0, nr));
	EXPECT_ALL(nr, dyn_remove(d, 0, nr));
	EXPECT_EQ(NO_READ, dyn_read(d, nr - 1));
	EXPECT_EQ(0, dyn_accept(d, IS_NEW, nr - 1));
	EXPECT_TRUE(dyn_is_zero(d, nr - 1));
	EXPECT_EQ(0, dyn_trim_remove(d, nr - 1, 1));
}

TEST_F_TIMEOUT(dynamic_storm, larger_than_epc, 120)
{
	ASSERT_LE(self->d.start.total, NR_ROOM);
	whole_life(_metadata, &self->d, NR_ROOM);
}

TEST_F_TIMEOUT(dynamic_storm, pressed, 120)
{
	int i;

	ASSERT_EQ(0, press(self));
	for (i = 0; i < 3; i++)
		whole_life(_metadata, &self->d, 100);
}

/* EAUG when the enclave's other pages, and its SECS, have just gone */
TEST_F_TIMEOUT(dynamic_storm, secs_out, 120)
{
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_NE(0, vt_read((void *)dyn_at(&self->d, i)));
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, i));
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_ALL(1, dyn_augment(&self->d, i + 100, 1, SOFTSGX_AUGMENT_NOW));
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_ALL(1, dyn_modify(&self->d, i, 1, SGX_PT_TRIM));
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_EQ(0, dyn_accept(&self->d, IS_TRIM, i));
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
		EXPECT_ALL(1, dyn_remove(&self->d, i, 1));
	}
}

/* A hint takes nothing from anybody. */
TEST_F_TIMEOUT(dynamic_storm, willneed, 120)
{
	long ewb = debugfs_number("ewb");
	struct info info;

	EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 0), NR_ROOM * PAGE, MADV_WILLNEED));
	info = info_now(self->d.encl.e.fd);
	EXPECT_EQ(ewb, debugfs_number("ewb"));
	EXPECT_EQ(info.pages, info.resident);
}

/* ---------------------------------------------------------------- killed, forked */

/* Restrict pages for ever, not to any less than they have. */
static void command_for_ever(const struct dyn *d, unsigned int nr)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (!dyn_did(dyn_restrict(d, 0, nr, PROT_RW), nr))
			_exit(1);
	}
}

/* Whenever it happens: all is as it should be, and the next one finds the file free. */
TEST_F_TIMEOUT(dynamic_storm, killed, 120)
{
	unsigned int nr = 200, i;
	pid_t pid;

	ASSERT_EQ(0, dyn_add(&self->d, 0, nr));
	for (i = 0; i < 30; i++) {
		pid = fork();
		if (!pid)
			command_for_ever(&self->d, nr);
		usleep(1000 + 373 * i);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(256 + SIGKILL, vt_wait(pid));
		EXPECT_ALL(nr, dyn_restrict(&self->d, 0, nr, PROT_RW));
		EXPECT_EQ(nr, dyn_accept_range(&self->d, IS_CUT(PROT_RW), 0, nr));
		EXPECT_EQ(0, dyn_write(&self->d, i, i));
	}
}

/* In the middle of a removal, of which some is done and the rest is not. */
TEST_F_TIMEOUT(dynamic_storm, killed_removing, 120)
{
	unsigned int nr = 2 * BATCH_MAX;
	struct dyn_res res;
	pid_t pid;

	ASSERT_EQ(0, dyn_add(&self->d, 0, nr));
	ASSERT_EQ(0, dyn_trim(&self->d, 0, nr));
	ASSERT_EQ(0, vt_delay("removing", LONG_MS));
	pid = fork();
	if (!pid) {
		dyn_remove(&self->d, 0, nr);
		_exit(0);
	}
	ASSERT_EQ(0, await_held("removing"));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(256 + SIGKILL, vt_wait(pid));
	/* No page is in between. */
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_remove(&self->d, BATCH_MAX - 1, 1));
	res = dyn_remove(&self->d, BATCH_MAX, BATCH_MAX);
	EXPECT_ALL(BATCH_MAX, res);
	EXPECT_EQ(0, dyn_add(&self->d, 0, nr));
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
}

static bool stop_adding;

static void *add_and_remove(void *data)
{
	const struct dyn *d = data;
	unsigned long rounds = 0;

	for (; !LOAD(stop_adding); rounds++) {
		if (dyn_add(d, 0, 5) || dyn_trim_remove(d, 0, 5))
			return (void *)~0UL;
	}
	return (void *)rounds;
}

static int child_reads(const struct dyn *d)
{
	unsigned int i;
	u32 out;

	for (i = 0; i < 20; i++) {
		out = dyn_do(d, 1, ENCL_ACCESS_READ, 0, dyn_at(d, i % 5), 0);
		if (out && out != NO_READ)
			return 1;
	}
	return 0;
}

/* Children are born while pages come and go, and look at them. */
TEST_F_TIMEOUT(dynamic_storm, fork, 120)
{
	pthread_t thread;
	void *rounds;
	pid_t pid;
	int i;

	STORE(stop_adding, false);
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_and_remove, &self->d));
	for (i = 0; i < 40; i++) {
		pid = fork();
		if (!pid)
			_exit(child_reads(&self->d));
		EXPECT_EQ(0, vt_wait(pid));
	}
	STORE(stop_adding, true);
	ASSERT_EQ(0, pthread_join(thread, &rounds));
	EXPECT_NE(~0UL, (unsigned long)rounds);
	EXPECT_LT(0, (long)rounds);
}

TEST_HARNESS_MAIN
