// SPDX-License-Identifier: GPL-2.0
/*
 * Races of eviction with faults, changes of mappings and ends: a reclaimer is held
 * up with pages of an enclave in his hands, in each of his steps.
 */

#include "paging.h"
#include "kselftest_harness.h"

FIXTURE(race) {
	struct scene s;
};

FIXTURE_VARIANT(race) {
	const char *point;
};

FIXTURE_VARIANT_ADD(race, isolated) {
	.point = "isolated",
};

FIXTURE_VARIANT_ADD(race, leaving) {
	.point = "leaving",
};

FIXTURE_VARIANT_ADD(race, ewb) {
	.point = "ewb",
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(race)
{
	EXPECT_FALSE(is_dead(self->s.encl.fd));
	EXPECT_EQ(0, scene_end(&self->s));
}

#define hold() ASSERT_EQ(0, scene_hold(&self->s, variant->point, LONG_MS))

/* ------------------------------------------------------------------------ faults */

/* A fault meets a page that is in somebody's hands: all is right afterwards. */
TEST_F_TIMEOUT(race, fault, 60)
{
	bool leaving = strcmp(variant->point, "isolated");
	long before = counted(self->s.encl.fd, WAITS);
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	hold();
	ASSERT_EQ(0, worker_tell(&worker, step_stamped));
	if (leaving) {
		ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
		EXPECT_TRUE(is_held(variant->point));
		EXPECT_EQ(0, vt_let_go());
	}
	EXPECT_EQ(0, worker_answer(&worker));
	if (!leaving)
		EXPECT_TRUE(is_held(variant->point));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_do(&worker, step_stamp));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 2));
	EXPECT_EQ(0, worker_end(&worker));
	ASSERT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 2));
}

/* Counts in a word of its own in each page, and finds what it has left there. */
static void count_words(const struct softsgx_enclave *encl, unsigned int word, const bool *stop)
{
	unsigned int page;
	u64 n, *at;

	for (n = 1; !LOAD_WORD(stop); n++) {
		for (page = 0; page < NR_SCENE; page++) {
			at = (u64 *)vt_addr(encl, page) + word;
			MUST(LOAD_WORD(at) == (n > 1 ? n - 1 : word_of(1, page, word)));
			STORE_WORD(at, n);
		}
		usleep(100);
	}
	_exit(0);
}

/* Written all the time, by several: nothing that was written is lost. */
TEST_F_TIMEOUT(race, writers, 90)
{
	bool *stop = mmap(NULL, PAGE, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			count_words(&self->s.encl, i, stop);
	}
	hold();
	EXPECT_EQ(0, vt_let_go());
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, press_goes_on(&self->s.press));
		vt_delay(variant->point, 100);
		make_old(self->s.encl.fd);
	}
	STORE_WORD(stop, true);
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, vt_wait(pids[i]));
	munmap(stop, PAGE);
}

/* Others do not wait for the page, nor for the enclave: only who wants it does. */
TEST_F_TIMEOUT(race, others_go_on, 90)
{
	const struct press_shared *first;
	struct softsgx_enclave other;
	struct press second;

	ASSERT_EQ(0, paging_load(&other, NR_SCENE));
	/* Long enough for a slow machine to load a whole enclave meanwhile */
	ASSERT_EQ(0, scene_hold(&self->s, variant->point, 2 * LONG_MS));
	/* The first one may be the reclaimer. */
	first = self->s.press.shared;
	ASSERT_EQ(0, press_start(&second, 2 * self->s.start.total));
	while (!LOAD_WORD(&first->ready) && !LOAD_WORD(&second.shared->ready) &&
	       is_held(variant->point))
		usleep(1000);
	stamp_all(&other, NR_SCENE, 3);
	EXPECT_EQ(-1, unstamped(&other, NR_SCENE, 3));
	EXPECT_EQ(0, strcmp("initialized", info_now(self->s.encl.fd).state));
	EXPECT_TRUE(is_held(variant->point));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, press_end(&second));
	softsgx_enclave_close(&other);
}

/* ---------------------------------------------------------------------- mappings */

static int step_remap(struct softsgx_enclave *encl)
{
	if (mprotect(vt_addr(encl, 0), NR_SCENE * PAGE, PROT_READ) ||
	    mprotect(vt_addr(encl, 0), NR_SCENE / 2 * PAGE, PROT_NONE) ||
	    mprotect(vt_addr(encl, 0), NR_SCENE * PAGE, PROT_RW) ||
	    munmap(vt_addr(encl, 0), NR_SCENE * PAGE))
		return -errno;
	return vt_map(encl, 0, NR_SCENE, PROT_RW);
}

static int step_fork(struct softsgx_enclave *encl)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return vt_wait(pid);
}

/* Mappings change, and processes come and go, while pages leave: nobody waits. */
TEST_F_TIMEOUT(race, mappings, 60)
{
	struct worker worker, leaver;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	ASSERT_EQ(0, worker_start_do(&leaver, &self->s.encl, step_stamped));
	hold();
	EXPECT_EQ(0, worker_do(&worker, step_remap));
	EXPECT_EQ(0, worker_do(&worker, step_fork));
	EXPECT_EQ(0, worker_end(&leaver));
	EXPECT_TRUE(is_held(variant->point));

	/* A process that is born meanwhile; what it has of the pages goes as well. */
	ASSERT_EQ(0, worker_start(&leaver, &self->s.encl));
	ASSERT_EQ(0, worker_tell(&leaver, step_stamped));
	ASSERT_EQ(0, worker_tell(&worker, step_stamped));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&leaver));
	EXPECT_EQ(0, worker_answer(&worker));
	EXPECT_EQ(0, worker_end(&leaver));
	EXPECT_EQ(0, worker_end(&worker));
	ASSERT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

/* The last user goes while a reclaimer has the pages: they come back all the same. */
TEST_F_TIMEOUT(race, last_close, 60)
{
	hold();
	softsgx_enclave_close(&self->s.encl);
	EXPECT_TRUE(is_held(variant->point));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, scene_calm(&self->s));
	EXPECT_EQ(0, vt_epc_settle(&self->s.start));
	ASSERT_EQ(0, paging_load(&self->s.encl, NR_SCENE));
}

/* Whoever is killed while waiting does not wait any more. */
TEST_F_TIMEOUT(race, waiter_killed, 60)
{
	long before = counted(self->s.encl.fd, WAITS);
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	hold();
	if (strcmp(variant->point, "isolated")) {
		ASSERT_EQ(0, worker_tell(&worker, step_stamped));
		ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	}
	EXPECT_EQ(0, worker_end(&worker));
	EXPECT_TRUE(is_held(variant->point));
}

TEST_HARNESS_MAIN
