// SPDX-License-Identifier: GPL-2.0
/*
 * Leaves and allocations that fail while an enclave grows, changes or shrinks: for a
 * while, which nobody must notice, and for good, which leaves the enclave as it was.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

#define FOR_GOOD	200	/* more often than a leaf is tried */
#define NTH_MAX		2000	/* more injection points than any command has */
#define NR_SOME		(BATCH_MAX + 6)

static const char * const dynamic_leaves[] = { "eaug", "emodpr", "emodt", "eremove", "etrack" };

static int stop_failures(void)
{
	int ret = 0, i;

	for (i = 0; i < ARRAY_SIZE(dynamic_leaves) && !ret; i++)
		ret = fail_leaf(dynamic_leaves[i], 0);
	return ret ? ret : vt_fail_nth(0);
}

FIXTURE(dynamic_fail) {
	struct dyn d;
	int fd;
};

FIXTURE_SETUP(dynamic_fail)
{
	ASSERT_EQ(0, stop_failures());
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
	self->fd = self->d.encl.e.fd;
}

FIXTURE_TEARDOWN(dynamic_fail)
{
	EXPECT_EQ(0, stop_failures());
	EXPECT_FALSE(is_dead(self->fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* --------------------------------------------------------------------- for a while */

/* All that can happen to a page, with a leaf that fails so often before each step */
static void life(struct __test_metadata *_metadata, const struct dyn *d, const char *leaf,
		 unsigned int times)
{
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_EQ(NO_WRITE, dyn_write(d, 0, 1));
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_EQ(0, dyn_add(d, 0, 2));
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_ALL(2, dyn_augment(d, 2, 2, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(0, dyn_add(d, 2, 2));
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_ALL(4, dyn_restrict(d, 0, 4, PROT_READ));
	EXPECT_EQ(4, dyn_accept_range(d, IS_CUT(PROT_READ), 0, 4));
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_ALL(4, dyn_modify(d, 0, 4, SGX_PT_TRIM));
	EXPECT_EQ(4, dyn_accept_range(d, IS_TRIM, 0, 4));
	ASSERT_EQ(0, fail_leaf(leaf, times));
	EXPECT_ALL(4, dyn_remove(d, 0, 4));
	EXPECT_EQ(0, fail_leaf(leaf, 0));
}

TEST_F_TIMEOUT(dynamic_fail, survived, 60)
{
	static const unsigned int times[] = { 1, 2, 10, 60, 100 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(dynamic_leaves); i++) {
		for (j = 0; j < ARRAY_SIZE(times); j++) {
			life(_metadata, &self->d, dynamic_leaves[i], times[j]);
			ASSERT_TRUE(_metadata->passed) {
				TH_LOG("%s fails %u times", dynamic_leaves[i], times[j]);
			}
		}
	}
}

/* ----------------------------------------------------------------------- for good */

TEST_F_TIMEOUT(dynamic_fail, eaug, 60)
{
	long before = info_now(self->fd).pages;

	ASSERT_EQ(0, fail_leaf("eaug", FOR_GOOD));
	EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 0, 1));
	ASSERT_EQ(0, fail_leaf("eaug", FOR_GOOD));
	EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_NEW, 1));
	ASSERT_EQ(0, fail_leaf("eaug", FOR_GOOD));
	EXPECT_ANSWER(-EIO, 0, 0, dyn_augment(&self->d, 2, 10, SOFTSGX_AUGMENT_NOW));
	ASSERT_EQ(0, fail_leaf("eaug", FOR_GOOD));
	EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 0), 10 * PAGE, MADV_WILLNEED));
	EXPECT_EQ(before, info_now(self->fd).pages);
	ASSERT_EQ(0, fail_leaf("eaug", 0));
	EXPECT_EQ(0, dyn_add(&self->d, 0, 10));
}

TEST_F_TIMEOUT(dynamic_fail, emodpr, 60)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 10));
	ASSERT_EQ(0, fail_leaf("emodpr", FOR_GOOD));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_restrict(&self->d, 0, 10, PROT_READ));
	ASSERT_EQ(0, fail_leaf("emodpr", 0));
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_trim(&self->d, 0, 10));
	/* The probe before a removal tells nothing, so it may not be. */
	ASSERT_EQ(0, fail_leaf("emodpr", FOR_GOOD));
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_remove(&self->d, 0, 10));
	ASSERT_EQ(0, fail_leaf("emodpr", 0));
	EXPECT_ALL(10, dyn_remove(&self->d, 0, 10));
}

TEST_F_TIMEOUT(dynamic_fail, emodt, 60)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 10));
	ASSERT_EQ(0, fail_leaf("emodt", FOR_GOOD));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_modify(&self->d, 0, 10, SGX_PT_TRIM));
	ASSERT_EQ(0, fail_leaf("emodt", FOR_GOOD));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_modify(&self->d, 0, 10, SGX_PT_TCS));
	ASSERT_EQ(0, fail_leaf("emodt", 0));
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
	EXPECT_EQ(0, dyn_trim_remove(&self->d, 0, 10));
}

/* What has been changed but not tracked is not done, and cannot be accepted. */
TEST_F_TIMEOUT(dynamic_fail, etrack, 60)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 3));
	ASSERT_EQ(0, dyn_write(&self->d, 0, 7));
	ASSERT_EQ(0, fail_leaf("etrack", FOR_GOOD));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_restrict(&self->d, 0, 2, PROT_READ));
	EXPECT_EQ(SGX_NOT_TRACKED, dyn_accept(&self->d, IS_CUT(PROT_READ), 0));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 0, 1));
	ASSERT_EQ(0, fail_leaf("etrack", 0));
	EXPECT_ALL(2, dyn_restrict(&self->d, 0, 2, PROT_READ));
	EXPECT_EQ(2, dyn_accept_range(&self->d, IS_CUT(PROT_READ), 0, 2));
	EXPECT_EQ(7, dyn_read(&self->d, 0));

	ASSERT_EQ(0, fail_leaf("etrack", FOR_GOOD));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_modify(&self->d, 0, 2, SGX_PT_TRIM));
	EXPECT_EQ(SGX_NOT_TRACKED, dyn_accept(&self->d, IS_TRIM, 0));
	ASSERT_EQ(0, fail_leaf("etrack", 0));
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_remove(&self->d, 0, 2));
	/* Whoever has the enclave tracked next makes up for it. */
	EXPECT_ALL(1, dyn_restrict(&self->d, 2, 1, PROT_READ));
	EXPECT_EQ(2, dyn_accept_range(&self->d, IS_TRIM, 0, 2));
	EXPECT_ALL(2, dyn_remove(&self->d, 0, 2));
}

/* ------------------------------------------------------------ each step, one at a time */

/**
 * struct sweep - something that fails at each injection point in turn
 * @name: what
 * @prepare: undisturbed, before it
 * @step: it; 0 or an errno that it may answer, anything else if it is wrong
 * @again: after a failure, undisturbed
 * @clean: back to where all pages of the room are holes
 * @least: injection points that there must be
 */
struct sweep {
	const char *name;
	int (*prepare)(const struct dyn *d);
	int (*step)(const struct dyn *d);
	int (*again)(const struct dyn *d);
	int (*clean)(const struct dyn *d);
	unsigned int least;
};

/* Where the last step stopped */
static unsigned int done;

static int nothing(const struct dyn *d)
{
	return 0;
}

static int add_some(const struct dyn *d)
{
	return dyn_add(d, 0, NR_SOME);
}

static int add_one(const struct dyn *d)
{
	return dyn_add(d, 0, 1);
}

static int remove_some(const struct dyn *d)
{
	return dyn_trim_remove(d, 0, NR_SOME);
}

static int remove_one(const struct dyn *d)
{
	return dyn_trim_remove(d, 0, 1);
}

static int trim_some(const struct dyn *d)
{
	return add_some(d) ? -1 : dyn_trim(d, 0, NR_SOME);
}

static int touch_one(const struct dyn *d)
{
	u32 out = dyn_read(d, 0);

	return out == NO_READ ? 0 : out == SIGBUS_READ ? -ENOMEM : -EPROTO;
}

static int accept_one(const struct dyn *d)
{
	u32 out = dyn_accept(d, IS_NEW, 0);

	return !out ? 0 : out == SIGBUS_READ ? -ENOMEM : -EPROTO;
}

/* A command that has stopped: count and errno fit, and there is no result. */
static int stopped(struct dyn_res res)
{
	done = res.count / PAGE;
	if (res.result || res.count % PAGE || done > NR_SOME || (done == NR_SOME) != !res.ret)
		return -EPROTO;
	return res.ret;
}

static int do_augment(const struct dyn *d)
{
	return stopped(dyn_augment(d, 0, NR_SOME, SOFTSGX_AUGMENT_NOW));
}

static int do_restrict(const struct dyn *d)
{
	int ret = stopped(dyn_restrict(d, 0, NR_SOME, PROT_READ));

	return dyn_accept_range(d, IS_CUT(PROT_READ), 0, done) == done ? ret : -EPROTO;
}

static int do_trim(const struct dyn *d)
{
	int ret = stopped(dyn_modify(d, 0, NR_SOME, SGX_PT_TRIM));

	return dyn_accept_range(d, IS_TRIM, 0, done) == done ? ret : -EPROTO;
}

static int do_remove(const struct dyn *d)
{
	return stopped(dyn_remove(d, 0, NR_SOME));
}

static int rest_trim(const struct dyn *d)
{
	return dyn_trim(d, done, NR_SOME - done);
}

static int rest_remove(const struct dyn *d)
{
	return dyn_did(dyn_remove(d, done, NR_SOME - done), NR_SOME - done) ? 0 : -1;
}

static int accept_remove(const struct dyn *d)
{
	return add_some(d) ? -1 : remove_some(d);
}

static int drop_some(const struct dyn *d)
{
	return dyn_did(dyn_remove(d, 0, NR_SOME), NR_SOME) ? 0 : -1;
}

static int do_manual(const struct dyn *d)
{
	struct dyn_res res = dyn_augment(d, 5, 2, SOFTSGX_AUGMENT_MANUAL);

	return res.count == (res.ret ? 0 : 2 * PAGE) ? res.ret : -EPROTO;
}

static int do_auto(const struct dyn *d)
{
	return dyn_did(dyn_augment(d, 0, NR_SOME, SOFTSGX_AUGMENT_AUTO), NR_SOME) ? 0 : -1;
}

static int evict_some(const struct dyn *d)
{
	return add_one(d) ? -1 : press_out(d->encl.e.fd);
}

static int restrict_one(const struct dyn *d)
{
	struct dyn_res res = dyn_restrict(d, 0, 1, PROT_READ);

	return res.result || (res.count == PAGE) != !res.ret ? -EPROTO : res.ret;
}

static const struct sweep sweeps[] = {
	{ "access", nothing, touch_one, touch_one, accept_remove, 3 },
	{ "EACCEPT", nothing, accept_one, accept_one, remove_one, 3 },
	{ "AUGMENT", nothing, do_augment, do_augment, accept_remove, NR_SOME },
	{ "manual", nothing, do_manual, do_manual, do_auto, 1 },
	{ "RESTRICT", add_some, do_restrict, do_restrict, remove_some, NR_SOME },
	{ "MODIFY", add_some, do_trim, rest_trim, drop_some, NR_SOME },
	{ "REMOVE", trim_some, do_remove, rest_remove, nothing, NR_SOME },
	{ "RESTRICT what is not in the EPC", evict_some, restrict_one, restrict_one, remove_one,
	  3 },
};

static void sweep(struct __test_metadata *_metadata, const struct dyn *d, const struct sweep *s)
{
	unsigned int nth, refused = 0;
	int ret, left = 0;

	for (nth = 1; nth < NTH_MAX && !left; nth++) {
		ASSERT_EQ(0, s->prepare(d));
		ASSERT_EQ(0, vt_fail_nth(nth));
		ret = s->step(d);
		left = vt_fail_left();
		ASSERT_EQ(0, vt_fail_nth(0));
		EXPECT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT || ret == -EIO) {
			TH_LOG("%s, injection point %u: %d", s->name, nth, ret);
		}
		if (ret) {
			EXPECT_EQ(0, left) {
				TH_LOG("%s failed by itself: %d", s->name, ret);
			}
			refused++;
			ASSERT_EQ(0, s->again(d)) {
				TH_LOG("%s, injection point %u: %d", s->name, nth, ret);
			}
		}
		ASSERT_EQ(0, s->clean(d)) {
			TH_LOG("%s, injection point %u: %d", s->name, nth, ret);
		}
		ASSERT_FALSE(is_dead(d->encl.e.fd));
	}
	TH_LOG("%s: %u injection points, %u failures", s->name, nth - 2, refused);
	EXPECT_LE(s->least, nth - 2);
	EXPECT_GT(NTH_MAX, nth);
}

TEST_F_TIMEOUT(dynamic_fail, sweep, 120)
{
	long before = info_now(self->fd).pages;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sweeps); i++) {
		sweep(_metadata, &self->d, &sweeps[i]);
		EXPECT_EQ(before, info_now(self->fd).pages) {
			TH_LOG("%s", sweeps[i].name);
		}
	}
}

/* -------------------------------------------------------------------------- dead */

FIXTURE(dynamic_dead) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic_dead)
{
	ASSERT_EQ(0, stop_failures());
	ASSERT_EQ(0, dyn_load(&self->d));
}

FIXTURE_TEARDOWN(dynamic_dead)
{
	EXPECT_TRUE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* An enclave that has lost a page does not come back to life. */
TEST_F_TIMEOUT(dynamic_dead, commands, 60)
{
	struct dyn *d = &self->d;
	struct sgx_enclave_run run = {};

	ASSERT_EQ(0, dyn_add(d, 0, 4));
	ASSERT_EQ(0, dyn_trim(d, 2, 1));
	ASSERT_EQ(0, press_out(d->encl.e.fd));
	ASSERT_EQ(0, fail_leaf("eldu", 300));
	EXPECT_EQ(SIGBUS, vt_read((void *)dyn_at(d, 0)));
	ASSERT_EQ(0, fail_leaf("eldu", 0));
	ASSERT_TRUE(is_dead(d->encl.e.fd));

	EXPECT_ANSWER(-EIO, 0, 0, dyn_restrict(d, 0, 2, PROT_READ));
	EXPECT_ANSWER(-EIO, 0, 0, dyn_modify(d, 0, 2, SGX_PT_TRIM));
	EXPECT_ANSWER(-EIO, 0, 0, dyn_remove(d, 2, 1));
	EXPECT_ANSWER(-EIO, 0, 0, dyn_augment(d, 10, 2, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(SIGBUS, vt_read((void *)dyn_at(d, 10)));
	EXPECT_EQ(0, madvise((void *)dyn_at(d, 0), 20 * PAGE, MADV_WILLNEED));
	encl_run(&d->encl, 0, ENCL_NOP, NULL, &run);
	EXPECT_EQ(SGX_EENTER, run.function);
	EXPECT_EQ(V_PF, run.exception_vector);
}

TEST_HARNESS_MAIN
