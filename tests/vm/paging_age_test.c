// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of a batch count as used: just those that have been, by whichever process,
 * since the last look. They stay, the others leave.
 */
#include "paging.h"
#include "kselftest_harness.h"

FIXTURE(age) {
	struct scene s;
	struct worker other;
};

/* Bits are pages: used by the test itself, and by another process */
FIXTURE_VARIANT(age) {
	unsigned int own;
	unsigned int others;
};

FIXTURE_VARIANT_ADD(age, none) {
	.own = 0,
};

FIXTURE_VARIANT_ADD(age, some) {
	.own = 0x29,
};

FIXTURE_VARIANT_ADD(age, by_another) {
	.others = 0x82,
};

FIXTURE_VARIANT_ADD(age, by_both) {
	.own = 0x07,
	.others = 0x0e,
};

FIXTURE_SETUP(age)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_EQ(0, worker_start(&self->other, &self->s.encl));
}

FIXTURE_TEARDOWN(age)
{
	/* Where a check has failed it is stopped still, and would never end. */
	if (self->s.press.shared)
		kill(self->s.press.worker.pid, SIGCONT);
	EXPECT_EQ(0, worker_end(&self->other));
	EXPECT_EQ(0, scene_end(&self->s));
}

static int use(struct softsgx_enclave *encl, unsigned int pages)
{
	unsigned int i;
	int sig = 0;

	for (i = 0; i < NR_SCENE && !sig; i++) {
		if (pages & 1U << i)
			sig = vt_read(vt_addr(encl, i));
	}
	return sig;
}

static unsigned int others_pages;

static int step_use(struct softsgx_enclave *encl)
{
	return use(encl, others_pages);
}

static int tell_pages(struct _test_data_age *self, unsigned int pages)
{
	int ret = worker_end(&self->other);

	others_pages = pages;
	return ret ? ret : worker_start(&self->other, &self->s.encl);
}

/* The reclaimer is held up before it looks, and the only task that needs pages is stopped. */
static int hold(struct scene *scene)
{
	int ret = scene_hold(scene, "isolated", LONG_MS);

	if (!ret)
		ret = kill(scene->press.worker.pid, SIGSTOP) ? -errno : 0;
	return ret;
}

TEST_F_TIMEOUT(age, one_look, 60)
{
	int fd = self->s.encl.fd, young = __builtin_popcount(variant->own | variant->others);
	struct info info;

	ASSERT_EQ(0, tell_pages(self, variant->others));
	ASSERT_EQ(0, hold(&self->s));
	ASSERT_EQ(0, counted(fd, AGED));
	ASSERT_EQ(0, use(&self->s.encl, variant->own));
	ASSERT_EQ(0, worker_do(&self->other, step_use));
	EXPECT_TRUE(is_held("isolated"));
	EXPECT_EQ(0, vt_let_go());
	ASSERT_TRUE(await_count(fd, AGED, NR_SCENE));
	ASSERT_EQ(0, end_delays());
	ASSERT_TRUE(young == NR_SCENE || await_count(fd, EWB, NR_SCENE - young));

	/* More than once only if that was not enough; what was used before is not any more. */
	info = info_now(fd);
	EXPECT_EQ(young, info.counts[YOUNG]);
	if (info.counts[AGED] == NR_SCENE)
		EXPECT_EQ(NR_SCENE - young, info.counts[EWB]);
	EXPECT_EQ(0, info.counts[ELDU]);
	ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGCONT));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

TEST_HARNESS_MAIN
