// SPDX-License-Identifier: GPL-2.0
/*
 * While a page is being loaded only those that need it wait, and while pages of others are
 * being evicted the task that needs room has none of them in its hands.
 */
#include "paging.h"
#include "kselftest_harness.h"

#define NR_DEATHS	8
#define NR_LARGE	128	/* pages, half of the EPC */
#define NR_TRIES	12	/* at something that the machine may spoil */
#define NR_HELD		4	/* the threads that reclaim are no more */
#define NR_FEW		5	/* pages, of 8 in ELRANGE */

FIXTURE(load) {
	struct scene s;
};

FIXTURE_SETUP(load)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(load)
{
	EXPECT_FALSE(is_dead(self->s.encl.fd));
	EXPECT_EQ(0, scene_end(&self->s));
}

static int step_first(struct softsgx_enclave *encl)
{
	return stamped(encl, 0, 1) ? 0 : 1;
}

static int step_second(struct softsgx_enclave *encl)
{
	return stamped(encl, 1, 1) ? 0 : 1;
}

static int step_third(struct softsgx_enclave *encl)
{
	return stamped(encl, 2, 1) ? 0 : 1;
}

/* All pages are out, but for the last one and the SECS; @worker is held loading the first. */
static int hold_load(struct scene *scene, struct worker *worker)
{
	int ret = press_out(scene->encl.fd);

	if (!ret && !stamped(&scene->encl, NR_SCENE - 1, 1))
		ret = 1;
	if (!ret)
		ret = delay_only(scene->id);
	if (!ret)
		ret = vt_delay("loading", LONG_MS);
	if (!ret)
		ret = worker_tell(worker, step_first);
	return ret ? ret : await_held("loading");
}

/* Other pages of the enclave come and go. */
TEST_F_TIMEOUT(load, beside, 60)
{
	struct worker loader, other;

	ASSERT_EQ(0, worker_start(&loader, &self->s.encl));
	ASSERT_EQ(0, worker_start(&other, &self->s.encl));
	ASSERT_EQ(0, hold_load(&self->s, &loader));
	EXPECT_EQ(0, worker_do(&other, step_second));
	EXPECT_EQ(0, worker_do(&other, step_third));
	EXPECT_TRUE(is_held("loading"));

	/* All but the one that is on its way, which counts as resident */
	ASSERT_EQ(0, make_old(self->s.encl.fd));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 1));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_TRUE(is_held("loading"));
	EXPECT_EQ(0, worker_do(&other, step_second));
	EXPECT_TRUE(is_held("loading"));

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&loader));
	EXPECT_EQ(0, worker_do(&other, step_stamped));
	EXPECT_EQ(0, worker_end(&loader));
	EXPECT_EQ(0, worker_end(&other));
}

/* Those that need the same page wait for it, and can be killed. */
TEST_F_TIMEOUT(load, same_page, 60)
{
	struct worker loader, others[2];
	long before;

	ASSERT_EQ(0, worker_start(&loader, &self->s.encl));
	ASSERT_EQ(0, worker_start(&others[0], &self->s.encl));
	ASSERT_EQ(0, worker_start(&others[1], &self->s.encl));
	ASSERT_EQ(0, hold_load(&self->s, &loader));
	before = counted(self->s.encl.fd, WAITS);
	ASSERT_EQ(0, worker_tell(&others[0], step_first));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	ASSERT_EQ(0, worker_tell(&others[1], step_first));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before + 1));
	EXPECT_EQ(0, worker_end(&others[1]));
	EXPECT_TRUE(is_held("loading"));

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&loader));
	EXPECT_EQ(0, worker_answer(&others[0]));
	EXPECT_EQ(0, worker_end(&loader));
	EXPECT_EQ(0, worker_end(&others[0]));
}

/* The one that loads it is killed: the next one gets it all the same. */
TEST_F_TIMEOUT(load, loader_killed, 60)
{
	struct worker loader, other;
	long before;

	ASSERT_EQ(0, worker_start(&loader, &self->s.encl));
	ASSERT_EQ(0, worker_start(&other, &self->s.encl));
	ASSERT_EQ(0, hold_load(&self->s, &loader));
	before = counted(self->s.encl.fd, WAITS);
	ASSERT_EQ(0, worker_tell(&other, step_first));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	EXPECT_EQ(0, worker_kill(&loader));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&other));
	EXPECT_EQ(256 + SIGKILL, vt_wait(loader.pid));
	EXPECT_EQ(0, worker_end(&other));
}

/* ELDU fails for want of something that may come back: the page is where it was. */
TEST_F_TIMEOUT(load, without_memory, 60)
{
	struct worker worker;
	unsigned int nth;

	for (nth = 1; nth <= 4; nth++) {
		ASSERT_EQ(0, press_out(self->s.encl.fd));
		ASSERT_EQ(0, worker_start(&worker, &self->s.encl));
		ASSERT_EQ(0, vt_fail_nth(nth));
		worker_do(&worker, step_first);
		ASSERT_EQ(0, vt_fail_nth(0));
		worker_end(&worker);
		EXPECT_FALSE(is_dead(self->s.encl.fd));
		EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1)) {
			TH_LOG("failure %u", nth);
		}
	}
}

/* A task that waits for room dies at once, whatever is with the reclaimers. */
TEST_F_TIMEOUT(load, no_hostages, 120)
{
	unsigned int i;

	for (i = 0; i < NR_DEATHS; i++) {
		ASSERT_EQ(0, scene_hold(&self->s, "isolated", LONG_MS));
		EXPECT_EQ(0, kill(self->s.press.worker.pid, SIGKILL));
		EXPECT_EQ(256 + SIGKILL, vt_wait(self->s.press.worker.pid));
		EXPECT_TRUE(is_held("isolated"));
		munmap(self->s.press.shared, PAGE);
		self->s.press.shared = NULL;
		ASSERT_EQ(0, end_delays());
		EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	}
}

/* How many pages of a large enclave are there when a small one begins to lose its own? */
static long large_when_small_loses(struct __test_metadata *_metadata, struct scene *scene)
{
	struct softsgx_enclave large, small;
	long left;

	ASSERT_EQ(0, paging_load(&large, NR_LARGE));
	ASSERT_EQ(0, paging_load(&small, NR_LARGE / 8));
	ASSERT_EQ(0, press_start(&scene->press, 2 * scene->start.total));
	EXPECT_EQ(0, await_resident(small.fd, NR_LARGE / 8 - 1));
	left = info_now(large.fd).resident;
	EXPECT_EQ(0, scene_calm(scene));
	softsgx_enclave_close(&large);
	softsgx_enclave_close(&small);
	return left;
}

/*
 * Enclaves that are not used lose the same share of their pages, not the same number. A
 * reclaimer that is held up by the machine makes others go on without it, now and then.
 */
TEST_F_TIMEOUT(load, same_share, 90)
{
	unsigned int i, fair = 0;

	for (i = 0; i < NR_TRIES && !fair; i++)
		fair += large_when_small_loses(_metadata, &self->s) <= NR_LARGE * 2 / 3;
	EXPECT_LT(0, fair);
}

/* Faults in a hole: a page is added. */
static int step_hole(struct softsgx_enclave *encl)
{
	vt_write(vt_addr(encl, NR_FEW));
	return 0;
}

/* A worker that is held with the lock of an enclave of its own, whose pages are old */
static int hold_lock(struct softsgx_enclave *encl, struct worker *worker)
{
	int ret = paging_load(encl, NR_FEW);

	if (!ret)
		ret = vt_map(encl, NR_FEW, 1, PROT_RW);
	if (!ret)
		ret = worker_start(worker, encl);
	if (ret)
		return ret;
	stamp_all(encl, NR_FEW, 1);
	ret = make_old(encl->fd);
	if (!ret)
		ret = vt_delay("augment", LONG_MS);
	if (!ret)
		ret = worker_tell(worker, step_hole);
	return ret ? ret : await_held("augment");
}

/* Owners of enclave locks that do not run hold up only their enclaves. */
TEST_F_TIMEOUT(load, locks_held, 120)
{
	struct softsgx_enclave encls[NR_HELD];
	struct worker workers[NR_HELD];
	unsigned int i;

	for (i = 0; i < NR_HELD; i++)
		ASSERT_EQ(0, hold_lock(&encls[i], &workers[i]));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(NR_HELD, vt_delayed());

	/* Not lost; they can be evicted afterwards. */
	for (i = 0; i < NR_HELD; i++)
		EXPECT_EQ(0, worker_kill(&workers[i]));
	EXPECT_EQ(0, end_delays());
	for (i = 0; i < NR_HELD; i++) {
		EXPECT_EQ(256 + SIGKILL, vt_wait(workers[i].pid));
		EXPECT_EQ(0, await_resident(encls[i].fd, 1));
		EXPECT_EQ(-1, unstamped(&encls[i], NR_FEW, 1));
		softsgx_enclave_close(&encls[i]);
	}
}

TEST_HARNESS_MAIN
