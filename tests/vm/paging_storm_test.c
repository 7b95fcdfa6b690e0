// SPDX-License-Identifier: GPL-2.0
/*
 * Crowds that fight for EPC pages and are killed at any time; what is counted
 * afterwards, page by page; and VA pages at the edge of their room.
 */
#include <stdlib.h>

#include "paging.h"
#include "kselftest_harness.h"

#define NR_WORKERS	6
#define STORM_MS	10000
#define ENOUGH		20	/* processes killed in a storm */
#define VA_SLOTS	512

FIXTURE(storm) {
	struct vt_epc start;
};

FIXTURE_SETUP(storm)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(self->start.total, self->start.free);
}

FIXTURE_TEARDOWN(storm)
{
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	EXPECT_EQ(0, debugfs_number("lru_pages"));
}

/* Pages that are free, can be reclaimed, or hold versions: all there are, at rest */
static bool adds_up(long va_pages)
{
	long free = debugfs_number("free_pages"), lru = debugfs_number("lru_pages");

	return free + lru + va_pages == debugfs_number("total_pages");
}

static bool await_sum(long va_pages)
{
	u64 start = vt_ms();

	while (!adds_up(va_pages)) {
		if (vt_ms() - start > VT_WAIT(5000))
			return false;
		usleep(10000);
	}
	return true;
}

/* -------------------------------------------------------------------- kill -9 */

static void use_for_ever(const struct softsgx_enclave *encl, unsigned int nr, unsigned int seed)
{
	struct softsgx_enclave own;
	unsigned int page;

	MUST(!paging_load_stopped(&own, nr / 2));
	for (;;) {
		page = rand_r(&seed) % nr;
		MUST(LOAD_WORD((u64 *)vt_addr(encl, page)) == word_of(1, page, 0));
		MUST(!vt_write(vt_addr(&own, page / 2)));
	}
}

static pid_t start_user(const struct softsgx_enclave *encl, unsigned int nr, unsigned int seed)
{
	pid_t pid = fork();

	if (!pid)
		use_for_ever(encl, nr, seed);
	return pid;
}

/* In whatever they are: loading, waiting, reclaiming, coming back */
TEST_F_TIMEOUT(storm, kill, 90)
{
	unsigned int nr = 2 * self->start.total, i, seed = 3, killed = 0;
	struct softsgx_enclave encl;
	pid_t pids[NR_WORKERS];
	u64 start;

	ASSERT_EQ(0, paging_load(&encl, nr));
	stamp_all(&encl, nr, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pids[i] = start_user(&encl, nr, i + 1);
	start = vt_ms();
	while (vt_ms() - start < (killed < ENOUGH ? VT_WAIT(STORM_MS) : STORM_MS)) {
		usleep(rand_r(&seed) % 100000);
		i = rand_r(&seed) % NR_WORKERS;
		kill(pids[i], SIGKILL);
		ASSERT_EQ(256 + SIGKILL, vt_wait(pids[i]));
		pids[i] = start_user(&encl, nr, ++killed);
	}
	for (i = 0; i < NR_WORKERS; i++) {
		kill(pids[i], SIGKILL);
		EXPECT_EQ(256 + SIGKILL, vt_wait(pids[i]));
	}
	TH_LOG("%u killed", killed);
	EXPECT_LE(ENOUGH, killed);
	EXPECT_EQ(-1, unstamped(&encl, nr, 1));
	EXPECT_FALSE(is_dead(encl.fd));
	softsgx_enclave_close(&encl);
}

/* Stopped and continued, so that whoever has something keeps it for long */
TEST_F_TIMEOUT(storm, stop, 90)
{
	unsigned int nr = 2 * self->start.total, i, seed = 4;
	struct softsgx_enclave encl;
	pid_t pids[NR_WORKERS];
	u64 start;

	ASSERT_EQ(0, paging_load(&encl, nr));
	stamp_all(&encl, nr, 1);
	for (i = 0; i < NR_WORKERS; i++)
		pids[i] = start_user(&encl, nr, i + 1);
	start = vt_ms();
	while (vt_ms() - start < STORM_MS) {
		usleep(rand_r(&seed) % 50000);
		ASSERT_EQ(0, kill(pids[rand_r(&seed) % NR_WORKERS],
				  rand_r(&seed) % 2 ? SIGSTOP : SIGCONT));
	}
	for (i = 0; i < NR_WORKERS; i++)
		ASSERT_EQ(0, kill(pids[i], SIGSTOP));
	EXPECT_EQ(-1, unstamped(&encl, nr, 1));
	for (i = 0; i < NR_WORKERS; i++) {
		kill(pids[i], SIGKILL);
		EXPECT_EQ(256 + SIGKILL, vt_wait(pids[i]));
	}
	softsgx_enclave_close(&encl);
}

/* --------------------------------------------------------------------- counters */

/* An enclave counts its pages, debugfs those of all. */
TEST_F_TIMEOUT(storm, counters, 90)
{
	unsigned int nr = 3 * self->start.total, i;
	long before[NR_COUNTS], out;
	struct softsgx_enclave encl;
	struct info info;

	for (i = 0; i < NR_COUNTS; i++)
		before[i] = debugfs_number(count_names[i]);
	ASSERT_EQ(0, paging_load(&encl, nr));
	for (i = 0; i < 2; i++)
		stamp_all(&encl, nr, i);
	EXPECT_TRUE(await_sum(info_now(encl.fd).va_pages));

	info = info_now(encl.fd);
	for (i = 0; i < NR_COUNTS; i++) {
		EXPECT_EQ(info.counts[i], debugfs_number(count_names[i]) - before[i]) {
			TH_LOG("%s", count_names[i]);
		}
	}
	/* All others are somewhere else, and the SECS is not. */
	out = nr - info.resident;
	EXPECT_EQ(out, info.counts[EWB] - info.counts[ELDU]);
	EXPECT_EQ((nr + 1 + VA_SLOTS - 1) / VA_SLOTS, info.va_pages);
	EXPECT_EQ(info.resident + 1, debugfs_number("lru_pages"));
	EXPECT_LE(2 * nr - self->start.total, info.counts[ELDU]);
	EXPECT_LE(2 * nr - self->start.total, info.counts[FAULTS]);
	/* Most are full: a sixteenth of the EPC or 64 pages. */
	EXPECT_LE(info.counts[EWB] / 64, info.counts[BATCHES]);
	EXPECT_GE(info.counts[EWB] / 4, info.counts[BATCHES]);
	EXPECT_LE(info.counts[EWB], info.counts[AGED]);
	EXPECT_GE(info.counts[AGED], info.counts[YOUNG]);
	EXPECT_EQ(0, info.counts[FAILED]);
	softsgx_enclave_close(&encl);
	EXPECT_TRUE(await_sum(0));
}

/* Without pressure nothing is counted but faults. */
TEST_F_TIMEOUT(storm, idle, 60)
{
	struct softsgx_enclave encl;
	struct info info;
	unsigned int i;

	ASSERT_EQ(0, paging_load(&encl, NR_SCENE));
	stamp_all(&encl, NR_SCENE, 1);
	info = info_now(encl.fd);
	for (i = 0; i < NR_COUNTS; i++)
		EXPECT_EQ(0, i == FAULTS ? 0 : info.counts[i]);
	EXPECT_LE(1, info.counts[FAULTS]);
	EXPECT_GE(NR_SCENE, info.counts[FAULTS]);
	EXPECT_EQ(NR_SCENE, info.resident);
	EXPECT_EQ(1, info.va_pages);
	EXPECT_TRUE(await_sum(1));
	softsgx_enclave_close(&encl);
}

/* ---------------------------------------------------------------------- VA pages */

/* Created and filled up to where the next page needs another VA page */
static int fill_va(struct softsgx_enclave *encl, void **src)
{
	struct softsgx_image image;
	u64 count = 0;
	int ret = vt_image(&image, 0);

	if (ret)
		return ret;
	image.size = 2 * VA_SLOTS * PAGE;
	ret = vt_create(encl, &image);
	softsgx_image_free(&image);
	*src = vt_anon(VA_SLOTS * PAGE, PROT_READ);
	if (!ret)
		ret = vt_ioc_add(encl->fd, *src, 0, (VA_SLOTS - 1) * PAGE, REG(PROT_RW), 0, &count);
	return ret ? ret : count == (VA_SLOTS - 1) * PAGE ? 0 : -EAGAIN;
}

/* Pages that do not come about take nothing away. */
TEST_F_TIMEOUT(storm, va_refused, 90)
{
	u64 at = (VA_SLOTS - 1) * PAGE, count;
	struct softsgx_enclave encl;
	unsigned int i;
	void *src;

	ASSERT_EQ(0, fill_va(&encl, &src));
	EXPECT_EQ(1, info_now(encl.fd).va_pages);
	for (i = 0; i < 600; i++) {
		/* Taken already, not there, and not allowed */
		EXPECT_NE(0, vt_ioc_add(encl.fd, src, 0, PAGE, REG(PROT_RW), 0, &count));
		EXPECT_NE(0, vt_ioc_add(encl.fd, (void *)PAGE, at, PAGE, REG(PROT_RW), 0, &count));
		EXPECT_NE(0, vt_ioc_add(encl.fd, src, at, PAGE, REG(PROT_WRITE), 0, &count));
	}
	EXPECT_GE(2, info_now(encl.fd).va_pages);
	EXPECT_EQ(VA_SLOTS - 1, info_now(encl.fd).pages);
	EXPECT_EQ(0, vt_ioc_add(encl.fd, src, at, PAGE, REG(PROT_RW), 0, &count));
	EXPECT_EQ(2, info_now(encl.fd).va_pages);
	EXPECT_TRUE(await_sum(2));
	softsgx_enclave_close(&encl);
}

/* Each step of it fails in turn, the one that makes the VA page included. */
TEST_F_TIMEOUT(storm, va_fails, 90)
{
	u64 at = (VA_SLOTS - 1) * PAGE, count;
	unsigned int nth, failed = 0;
	struct softsgx_enclave encl;
	int ret, left;
	void *src;

	ASSERT_EQ(0, fill_va(&encl, &src));
	for (nth = 1; nth < 40; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		ret = vt_ioc_add(encl.fd, src, at, PAGE, REG(PROT_RW), 0, &count);
		left = vt_fail_left();
		ASSERT_EQ(0, vt_fail_nth(0));
		EXPECT_GE(2, info_now(encl.fd).va_pages);
		if (!ret && left > 0)
			break;
		failed += !!ret;
		at += ret ? 0 : PAGE;
	}
	EXPECT_LE(3, failed);
	EXPECT_GT(40, nth);
	EXPECT_TRUE(await_sum(2));
	softsgx_enclave_close(&encl);
}

TEST_F_TIMEOUT(storm, create_fails, 60)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;
	unsigned int nth;
	int ret;

	ASSERT_EQ(0, vt_image(&image, 0));
	for (nth = 1; nth < 40; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		ret = vt_create(&encl, &image);
		ASSERT_EQ(0, vt_fail_nth(0));
		softsgx_enclave_close(&encl);
		ASSERT_EQ(0, vt_epc_settle(&self->start)) {
			TH_LOG("%u-th step", nth);
		}
		if (!ret)
			break;
	}
	EXPECT_LT(5, nth);
	EXPECT_GT(40, nth);
	softsgx_image_free(&image);
}

TEST_HARNESS_MAIN
