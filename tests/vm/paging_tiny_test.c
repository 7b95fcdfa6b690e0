// SPDX-License-Identifier: GPL-2.0
/*
 * An EPC of 64 pages: there is never enough, and still nobody is told so while any
 * page can go; and when none can, everybody is told so soon.
 */
#include <stdlib.h>

#include "paging.h"
#include "kselftest_harness.h"

#define NR_PROCS	6
#define NR		100
#define MAX_PINS	64
#define RUN_MS		8000

FIXTURE(tiny) {
	struct vt_epc start;
	struct softsgx_enclave pins[MAX_PINS];
	unsigned int nr_pins;
	struct softsgx_image image;
};

FIXTURE_SETUP(tiny)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_GE(4 * MAX_PINS, self->start.total);
	ASSERT_EQ(0, vt_image(&self->image, 0));
}

static void unpin(struct _test_data_tiny *self)
{
	softsgx_enclave_close(&self->pins[--self->nr_pins]);
}

FIXTURE_TEARDOWN(tiny)
{
	while (self->nr_pins)
		unpin(self);
	softsgx_image_free(&self->image);
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/*
 * Enclaves that are not initialised keep SECS and VA page in the EPC. Returns why
 * there cannot be one more.
 */
static int pin(struct _test_data_tiny *self)
{
	int ret = 0;

	while (self->nr_pins < MAX_PINS) {
		ret = vt_create(&self->pins[self->nr_pins], &self->image);
		if (ret) {
			softsgx_enclave_close(&self->pins[self->nr_pins]);
			break;
		}
		self->nr_pins++;
	}
	return ret;
}

/* -------------------------------------------------------------- too many of them */

static int load_and_use(u64 seed)
{
	u64 end = vt_ms() + RUN_MS;
	struct softsgx_enclave encl;
	unsigned int n;
	int ret;

	for (n = 0; vt_ms() < end; n++) {
		ret = paging_load(&encl, NR);
		if (ret) {
			fprintf(stderr, "# load %u: %d %s\n", n, ret, softsgx_last_error());
			return 1;
		}
		MUST(wrong_page(&encl, 0, NR) == -1);
		stamp_all(&encl, NR, seed + n);
		MUST(unstamped(&encl, NR, seed + n) == -1);
		softsgx_enclave_close(&encl);
	}
	return n ? 0 : 2;
}

TEST_F_TIMEOUT(tiny, crowd, 120)
{
	pid_t pids[NR_PROCS];
	unsigned int i;

	for (i = 0; i < NR_PROCS; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(load_and_use(1000 * i + 1));
	}
	for (i = 0; i < NR_PROCS; i++)
		EXPECT_EQ(0, vt_wait(pids[i]));
}

/* ---------------------------------------------------------------- nothing can go */

/* Told at once, and when something is given back it is there. */
TEST_F_TIMEOUT(tiny, exhausted, 90)
{
	struct softsgx_enclave encl;
	u64 start = vt_ms();
	unsigned int i;

	EXPECT_EQ(-ENOMEM, pin(self));
	EXPECT_LT(1, self->nr_pins);
	EXPECT_GT(LONG_MS, vt_ms() - start);
	for (i = 0; i < 3; i++) {
		start = vt_ms();
		EXPECT_EQ(-ENOMEM, vt_create(&encl, &self->image));
		EXPECT_GT(LONG_MS / 4, vt_ms() - start);
		softsgx_enclave_close(&encl);
	}
	for (i = 0; i < 3; i++) {
		unpin(self);
		ASSERT_EQ(0, vt_create(&self->pins[self->nr_pins], &self->image)) {
			TH_LOG("%s", softsgx_last_error());
		}
		self->nr_pins++;
	}
}

/* A program that waits for pages that cannot come learns of it. */
static int load_into_nothing(unsigned int nr)
{
	struct softsgx_enclave encl;

	return paging_load(&encl, nr) == -ENOMEM ? 0 : 1;
}

TEST_F_TIMEOUT(tiny, exhausted_by_itself, 90)
{
	pid_t pid;

	EXPECT_EQ(-ENOMEM, pin(self));
	pid = fork();
	if (!pid)
		_exit(load_into_nothing(NR));
	EXPECT_EQ(0, vt_wait(pid));
}

/* ---------------------------------------------------- few, and in somebody's hands */

static int step_use(struct softsgx_enclave *encl)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (unstamped(encl, NR, 1) != -1)
			return i + 1;
	}
	return 0;
}

/* All but a few pages are in use for good; the few are less than what is wanted. */
static int make_tight(struct _test_data_tiny *self, struct softsgx_enclave *encl)
{
	int ret = paging_load(encl, NR);

	if (ret)
		return ret;
	stamp_all(encl, NR, 1);
	pin(self);
	unpin(self);
	unpin(self);
	return 0;
}

static void held(struct __test_metadata *_metadata, struct _test_data_tiny *self,
		 const char *point)
{
	struct worker workers[2];
	struct softsgx_enclave encl;
	unsigned int i;

	ASSERT_EQ(0, make_tight(self, &encl));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_start(&workers[i], &encl));
	ASSERT_EQ(0, delay_only(id_of(encl.fd)));
	ASSERT_EQ(0, vt_delay(point, HOLD_MS / 2));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_tell(&workers[i], step_use));
	ASSERT_EQ(0, await_held(point));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		EXPECT_EQ(0, worker_answer(&workers[i]));
		EXPECT_EQ(0, worker_end(&workers[i]));
	}
	softsgx_enclave_close(&encl);
}

TEST_F_TIMEOUT(tiny, held_isolated, 90)
{
	held(_metadata, self, "isolated");
}

TEST_F_TIMEOUT(tiny, held_leaving, 90)
{
	held(_metadata, self, "leaving");
}

TEST_F_TIMEOUT(tiny, held_ewb, 90)
{
	held(_metadata, self, "ewb");
}

static int wait_any(void)
{
	int status;

	if (waitpid(-1, &status, 0) < 0)
		return -errno;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Who waits for any page at all, with none in sight, can be killed. */
TEST_F_TIMEOUT(tiny, waiter_killed, 90)
{
	struct worker workers[3];
	struct softsgx_enclave encl;
	unsigned int i;

	ASSERT_EQ(0, make_tight(self, &encl));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_start(&workers[i], &encl));
	ASSERT_EQ(0, delay_only(id_of(encl.fd)));
	ASSERT_EQ(0, vt_delay("leaving", LONG_MS));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_tell(&workers[i], step_use));
	ASSERT_EQ(0, await_held("leaving"));
	usleep(200000);
	/* One of them may be the reclaimer that is held up. */
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_kill(&workers[i]));
	EXPECT_EQ(256 + SIGKILL, wait_any());
	EXPECT_EQ(256 + SIGKILL, wait_any());
	EXPECT_TRUE(is_held("leaving"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(256 + SIGKILL, wait_any());
	softsgx_enclave_close(&encl);
}

TEST_HARNESS_MAIN
