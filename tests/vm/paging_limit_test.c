// SPDX-License-Identifier: GPL-2.0
/*
 * The memory for evicted pages is charged to the memory cgroup of the opener. At its limit
 * the pages stay where they are, and all others go on. Where that is too much, the
 * enclave is lost.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "group.h"
#include "paging.h"
#include "kselftest_harness.h"

#define NR		48	/* with SECS and VA pages less than may stay */
#define LEFT		24	/* EPC pages that a large enclave leaves to others */
#define MANY		192	/* most of the EPC */
#define SOON_MS		10000
#define TIMES		4	/* the EPC: what cannot leave at all */

FIXTURE(limit) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct worker owner;
	struct press press;
};

/* Shared memory that is charged to the group. Charges in advance do not count. */
static long group_shmem(void)
{
	return number_of_line(GROUP "/memory.stat", "shmem");
}

static int step_load(struct softsgx_enclave *encl)
{
	int ret = paging_load(encl, NR);

	if (!ret)
		stamp_all(encl, NR, 1);
	return ret;
}

static int step_send(struct softsgx_enclave *encl)
{
	return unstamped(encl, NR, 1) == -1 ? 0 : 1;
}

static unsigned int large;

static int step_load_large(struct softsgx_enclave *encl)
{
	int ret = paging_load(encl, large);

	if (!ret)
		stamp_all(encl, large, 1);
	return ret;
}

static int step_is_dead(struct softsgx_enclave *encl)
{
	return is_dead(encl->fd);
}

static int step_count_failed(struct softsgx_enclave *encl)
{
	return counted(encl->fd, FAILED);
}

static int step_count_resident(struct softsgx_enclave *encl)
{
	return info_now(encl->fd).resident;
}

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, group_make());
	ASSERT_EQ(0, worker_start(&self->owner, &self->encl));
	ASSERT_EQ(0, group_enter(self->owner.pid));
	ASSERT_EQ(0, worker_do(&self->owner, step_load));
	/* What it needs for these steps it has now. */
	ASSERT_EQ(0, worker_do(&self->owner, step_count_failed));
	ASSERT_EQ(NR, worker_do(&self->owner, step_count_resident));
}

FIXTURE_TEARDOWN(limit)
{
	write_text(GROUP "/memory.max", "max");
	if (self->press.shared)
		EXPECT_EQ(0, press_end(&self->press));
	EXPECT_EQ(0, worker_end(&self->owner));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	EXPECT_EQ(0, group_remove());
}

/* What the group does not need goes, and what each CPU has charged in advance. */
static int squeeze(void)
{
	int ret = write_text(GROUP "/memory.high", "0");

	return ret ? ret : write_text(GROUP "/memory.high", "max");
}

/* Nothing can be charged to the group any more; its processes are elsewhere. */
static int start_limited(struct _test_data_limit *self)
{
	int ret = group_leave(self->owner.pid);

	if (!ret)
		ret = squeeze();
	if (!ret)
		ret = group_limit(0);
	return ret ? ret : press_start(&self->press, 2 * self->start.total);
}

/* Refused, counted, not lost; when there is memory again it goes on. */
TEST_F_TIMEOUT(limit, refused, 60)
{
	u64 start;

	ASSERT_EQ(0, start_limited(self));
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_LT(0, worker_do(&self->owner, step_count_failed));
	/* A CPU may have charged a few in advance. */
	EXPECT_LE(NR / 2, worker_do(&self->owner, step_count_resident));
	ASSERT_EQ(0, write_text(GROUP "/memory.max", "max"));

	start = vt_ms();
	while (worker_do(&self->owner, step_count_resident) > 0 && vt_ms() - start < PRESS_MS)
		usleep(1000);
	EXPECT_EQ(0, worker_do(&self->owner, step_count_resident));
	EXPECT_EQ(0, worker_do(&self->owner, step_send));
}

/* Lines of the log about lost enclaves */
static int count_lines(void)
{
	FILE *log = popen("dmesg | grep -c 'is lost: memory for the eviction'", "re");
	int n = -1;

	if (log && fscanf(log, "%d", &n) != 1)
		n = -1;
	if (log)
		pclose(log);
	return n;
}

/*
 * Most of the EPC is in an enclave whose pages cannot leave. Another one is built and used
 * at once nevertheless, and the first is lost, not the other.
 */
TEST_F_TIMEOUT(limit, lost, 120)
{
	struct softsgx_enclave encl, other;
	int lines = count_lines(), round;
	struct worker worker;
	u64 start;

	large = self->start.total - NR - LEFT;
	ASSERT_EQ(0, worker_start(&worker, &encl));
	ASSERT_EQ(0, group_enter(worker.pid));
	ASSERT_EQ(0, worker_do(&worker, step_load_large));
	EXPECT_EQ(0, worker_do(&worker, step_is_dead));
	ASSERT_EQ(0, group_leave(self->owner.pid));
	ASSERT_EQ(0, group_leave(worker.pid));
	ASSERT_EQ(0, squeeze());
	ASSERT_EQ(0, group_limit(0));

	start = vt_ms();
	ASSERT_EQ(0, paging_load(&other, MANY));
	for (round = 1; count_lines() == lines && vt_ms() - start < SOON_MS; round++) {
		stamp_all(&other, MANY, round);
		EXPECT_EQ(-1, unstamped(&other, MANY, round));
	}
	EXPECT_FALSE(is_dead(other.fd));
	EXPECT_EQ(lines + 1, count_lines());

	ASSERT_EQ(0, write_text(GROUP "/memory.max", "max"));
	EXPECT_EQ(1, worker_do(&worker, step_is_dead));
	EXPECT_EQ(0, worker_do(&self->owner, step_is_dead));
	EXPECT_EQ(0, worker_do(&self->owner, step_send));
	softsgx_enclave_close(&other);
	EXPECT_EQ(0, worker_end(&worker));
}

/* ------------------------------------------------------ no page of it can leave at all */

/* Opened in the group, and all the rest outside, where it is the enclave that is charged */
static int step_open(struct softsgx_enclave *encl)
{
	*encl = (struct softsgx_enclave){ .fd = -1 };
	return softsgx_enclave_open(encl);
}

static int step_build_large(struct softsgx_enclave *encl)
{
	return load_opened(encl, 0, large, range_for(large), 0);
}

static int step_map_large(struct softsgx_enclave *encl)
{
	int ret = vt_map(encl, 0, large, PROT_RW);

	if (!ret)
		stamp_all(encl, large, 1);
	return ret;
}

static sigjmp_buf lost;

static void on_sigbus(int sig)
{
	siglongjmp(lost, sig);
}

/* The signal that ends it, or -1 for wrong contents */
static int step_use_large(struct softsgx_enclave *encl)
{
	int sig = sigsetjmp(lost, 1);

	if (sig)
		return sig;
	signal(SIGBUS, on_sigbus);
	return unstamped(encl, large, 1) == -1 ? 0 : -1;
}

/* A process with an enclave of @pages pages that is opened in the group; it is outside. */
static int start_large(struct worker *worker, struct softsgx_enclave *encl, unsigned int pages)
{
	int ret;

	large = pages;
	ret = worker_start(worker, encl);
	if (!ret)
		ret = group_enter(worker->pid);
	if (!ret)
		ret = worker_do(worker, step_open);
	return ret ? ret : group_leave(worker->pid);
}

static int limit_group(struct _test_data_limit *self)
{
	int ret = group_leave(self->owner.pid);

	if (!ret)
		ret = squeeze();
	return ret ? ret : group_limit(0);
}

/* Built and used by another process from beginning to end, while the group is at its limit */
static int build_other(unsigned int round)
{
	struct softsgx_enclave encl;
	int ret = paging_load(&encl, MANY);

	if (!ret) {
		stamp_all(&encl, MANY, round);
		ret = unstamped(&encl, MANY, round) == -1 ? 0 : -EPROTO;
	}
	softsgx_enclave_close(&encl);
	return ret;
}

/*
 * Several times the EPC is to be built of pages none of which can leave: that comes to an
 * end, with an error and a line in the log, and costs others nothing but time. The owner's
 * enclave is at the same limit, and while this one is small still it may be lost before.
 */
TEST_F_TIMEOUT(limit, built_beyond, 120)
{
	struct softsgx_enclave encl;
	int lines = count_lines();
	struct worker worker;

	ASSERT_EQ(0, start_large(&worker, &encl, TIMES * self->start.total));
	ASSERT_EQ(0, limit_group(self));
	ASSERT_EQ(0, press_start(&self->press, 2 * self->start.total));
	ASSERT_EQ(0, press_goes_on(&self->press));
	ASSERT_EQ(0, worker_tell(&worker, step_build_large));
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_EQ(0, build_other(2));
	EXPECT_EQ(-EIO, worker_answer(&worker));
	EXPECT_EQ(1, worker_do(&worker, step_is_dead));
	EXPECT_LT(0, worker_do(&worker, step_count_failed));
	EXPECT_LE(lines + 1, count_lines());

	/* What it has had is there for others before it is closed. */
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_EQ(0, build_other(3));
	EXPECT_EQ(0, worker_do(&worker, step_count_resident));
	EXPECT_EQ(0, worker_end(&worker));
}

/* The same without anybody beside: what it waits for it has itself. */
TEST_F_TIMEOUT(limit, built_beyond_alone, 120)
{
	struct softsgx_enclave encl;
	int lines = count_lines();
	struct worker worker;

	ASSERT_EQ(0, start_large(&worker, &encl, TIMES * self->start.total));
	ASSERT_EQ(0, limit_group(self));
	EXPECT_EQ(-EIO, worker_do(&worker, step_build_large));
	EXPECT_EQ(1, worker_do(&worker, step_is_dead));
	EXPECT_LE(lines + 1, count_lines());
	EXPECT_EQ(0, build_other(2));
	EXPECT_EQ(0, worker_end(&worker));
	EXPECT_EQ(0, build_other(3));
}

/*
 * The limit comes while most of it is out, and what is in the EPC has no memory. It is lost,
 * which its process sees as SIGBUS, or gets on with what has memory; others do in any case.
 */
TEST_F_TIMEOUT(limit, used_beyond, 120)
{
	struct softsgx_enclave encl;
	int lines = count_lines(), sig;
	struct worker worker;

	ASSERT_EQ(0, start_large(&worker, &encl, TIMES * self->start.total));
	ASSERT_EQ(0, worker_do(&worker, step_build_large));
	ASSERT_EQ(0, worker_do(&worker, step_map_large));
	ASSERT_EQ(0, limit_group(self));
	ASSERT_EQ(0, worker_tell(&worker, step_use_large));
	EXPECT_EQ(0, build_other(2));
	sig = worker_answer(&worker);
	EXPECT_TRUE(!sig || sig == SIGBUS) {
		TH_LOG("%d", sig);
	}
	EXPECT_EQ(!!sig, worker_do(&worker, step_is_dead));
	EXPECT_EQ(lines + !!sig, count_lines());
	TH_LOG("%s", sig ? "lost" : "lives");
	EXPECT_EQ(0, build_other(3));
	EXPECT_EQ(0, worker_do(&self->owner, step_send));
	EXPECT_EQ(0, worker_end(&worker));
}

/* All of it has been away, and the SECS. */
static int send_away(struct _test_data_limit *self, struct worker *worker)
{
	u64 start = vt_ms();
	int ret = press_start(&self->press, 2 * self->start.total);

	while (!ret && worker_do(worker, step_count_resident) > 0) {
		if (vt_ms() - start > PRESS_MS)
			ret = -ETIME;
		usleep(1000);
	}
	if (!ret)
		ret = press_goes_on(&self->press);
	if (!ret)
		ret = press_end(&self->press);
	self->press.shared = NULL;
	return ret;
}

/* The memory for all of it is there when the limit comes: nothing is refused. */
TEST_F_TIMEOUT(limit, has_all, 120)
{
	struct softsgx_enclave encl;
	int lines = count_lines(), i;
	struct worker worker;

	ASSERT_EQ(0, start_large(&worker, &encl, 2 * self->start.total));
	ASSERT_EQ(0, worker_do(&worker, step_build_large));
	ASSERT_EQ(0, worker_do(&worker, step_map_large));
	ASSERT_EQ(0, send_away(self, &worker));
	ASSERT_EQ(0, limit_group(self));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, worker_do(&worker, step_use_large));
	EXPECT_EQ(0, build_other(2));
	EXPECT_EQ(0, worker_do(&worker, step_use_large));
	EXPECT_EQ(0, worker_do(&worker, step_is_dead));
	EXPECT_EQ(0, worker_do(&worker, step_count_failed));
	EXPECT_EQ(lines, count_lines());
	EXPECT_EQ(0, worker_end(&worker));
}

/* The group pays for its pages, not the reclaimer. */
TEST_F_TIMEOUT(limit, charged, 60)
{
	long before = group_shmem();
	u64 start;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, press_start(&self->press, 2 * self->start.total));
	while (worker_do(&self->owner, step_count_resident) > 0)
		usleep(1000);
	/* The numbers are a few seconds old. */
	start = vt_ms();
	while (group_shmem() < before + (long)(NR * PAGE) && vt_ms() - start < SOON_MS)
		usleep(100000);
	EXPECT_LE(before + (long)(NR * PAGE), group_shmem());
	EXPECT_EQ(0, worker_do(&self->owner, step_send));
}

/* Killed at its limit */
TEST_F_TIMEOUT(limit, killed, 60)
{
	ASSERT_EQ(0, start_limited(self));
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_EQ(0, worker_end(&self->owner));
	EXPECT_EQ(0, press_goes_on(&self->press));
	EXPECT_EQ(0, press_end(&self->press));
	self->press.shared = NULL;
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	ASSERT_EQ(0, worker_start(&self->owner, &self->encl));
}

TEST_HARNESS_MAIN
