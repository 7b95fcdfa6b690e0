// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves that grow, change and shrink while there is not enough EPC for them.
 */
#include <stdlib.h>

#include "dynamic.h"
#include "kselftest_harness.h"

#define ROUNDS		10
#define BOUNDARY_ROUNDS	1000
#define VA_SLOTS	512

FIXTURE(grow) {
	struct dyn d;
	struct press press;
};

FIXTURE_SETUP(grow)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_GT(NR_ROOM, self->d.start.total);
}

FIXTURE_TEARDOWN(grow)
{
	if (self->press.shared)
		EXPECT_EQ(0, press_end(&self->press));
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

static struct info about(const struct _test_data_grow *self)
{
	return info_now(self->d.encl.e.fd);
}

/* The SECS goes after the last page. A fault at a hole has both come back, in that order. */
TEST_F_TIMEOUT(grow, secs_is_out, 120)
{
	long before = about(self).pages;
	unsigned int i;

	ASSERT_EQ(0, press_start(&self->press, 2 * self->d.start.total));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, await_resident(self->d.encl.e.fd, 0));
		ASSERT_EQ(0, press_goes_on(&self->press));
		EXPECT_EQ(SIGSEGV, vt_read((u8 *)dyn_at(&self->d, i)));
		EXPECT_EQ(before + i + 1, about(self).pages);
	}
	EXPECT_EQ(ROUNDS, dyn_accept_range(&self->d, IS_NEW, 0, ROUNDS));
	for (i = 0; i < ROUNDS; i++)
		EXPECT_TRUE(dyn_is_zero(&self->d, i));
}

static int write_each(const struct dyn *d, u64 salt)
{
	unsigned int i;

	for (i = 0; i < NR_ROOM; i++) {
		if (dyn_write(d, i, salt + i))
			return -1;
	}
	return 0;
}

static unsigned int wrong_pages(const struct dyn *d, u64 salt)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < NR_ROOM; i++)
		wrong += encl_do(&d->encl, 0, ENCL_READ, dyn_at(d, i), 0, 0) != salt + i;
	return wrong;
}

/* Each command in one go, on twice as many pages as there are in the EPC */
TEST_F_TIMEOUT(grow, larger_than_epc, 180)
{
	struct info before = about(self), now;

	ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
	ASSERT_EQ(0, write_each(&self->d, 1000));
	EXPECT_EQ(0, wrong_pages(&self->d, 1000));
	EXPECT_ALL(NR_ROOM, dyn_restrict(&self->d, 0, NR_ROOM, SGX_SECINFO_R));
	EXPECT_EQ(NR_ROOM, dyn_accept_range(&self->d, IS_CUT(SGX_SECINFO_R), 0, NR_ROOM));
	EXPECT_EQ(0, wrong_pages(&self->d, 1000));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, NR_ROOM / 2, 1));

	ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, NR_ROOM));
	now = about(self);
	EXPECT_EQ(before.pages, now.pages);
	/* Those that were out have never filled the first VA page. */
	EXPECT_EQ(before.va_pages, now.va_pages);
	EXPECT_EQ(before.counts[REMOVED] + NR_ROOM, now.counts[REMOVED]);

	/* What was in the backing memory is not what comes back. */
	ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
	ASSERT_EQ(0, press_out(self->d.encl.e.fd));
	EXPECT_TRUE(dyn_is_zero(&self->d, 0));
	EXPECT_TRUE(dyn_is_zero(&self->d, NR_ROOM - 1));
}

/* The same with nothing of it in the EPC when the command begins, and others who want it */
TEST_F_TIMEOUT(grow, under_pressure, 180)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
	ASSERT_EQ(0, press_start(&self->press, 2 * self->d.start.total));
	ASSERT_EQ(0, await_resident(self->d.encl.e.fd, 0));
	EXPECT_ALL(NR_ROOM, dyn_restrict(&self->d, 0, NR_ROOM, 0));
	ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, NR_ROOM));
	ASSERT_EQ(0, press_goes_on(&self->press));
}

/* One page more than there are slots, and one less, again and again */
TEST_F_TIMEOUT(grow, at_the_boundary, 120)
{
	long va = about(self).va_pages;
	unsigned int i, n = 0;

	ASSERT_EQ(1, va);
	while (about(self).va_pages == va)
		ASSERT_EQ(0, dyn_add(&self->d, n++, 1));
	ASSERT_GT(VA_SLOTS, n);
	for (i = 0; i < BOUNDARY_ROUNDS; i++) {
		ASSERT_EQ(0, dyn_trim_remove(&self->d, n - 1, 1));
		ASSERT_EQ(0, dyn_add(&self->d, n - 1, 1));
		ASSERT_GE(va + 1, about(self).va_pages);
	}
	ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, n));
	EXPECT_EQ(va, about(self).va_pages);
}

TEST_F(grow, populate)
{
	long pages = about(self).pages, most = self->d.start.total * 7 / 8, added;

	/* A hint evicts nobody. */
	ASSERT_EQ(0, madvise((void *)dyn_at(&self->d, 0), NR_ROOM * PAGE, MADV_WILLNEED));
	added = about(self).pages - pages;
	EXPECT_LT(most / 2, added);
	EXPECT_GT(most, added);
	EXPECT_EQ(0, about(self).counts[EWB]);

	EXPECT_ALL(NR_ROOM, dyn_augment(&self->d, 0, NR_ROOM, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(pages + NR_ROOM, about(self).pages);
	EXPECT_LT(0, about(self).counts[EWB]);
	EXPECT_EQ(NR_ROOM, dyn_accept_range(&self->d, IS_NEW, 0, NR_ROOM));
}

/* Neighbours come along as long as the EPC is plentiful, and none that exists is hurt. */
TEST_F(grow, neighbours)
{
	long pages = about(self).pages, added;
	unsigned int i;

	ASSERT_EQ(0, dyn_add(&self->d, 40, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 40, 4711));
	ASSERT_EQ(0, dyn_batch(BATCH_MAX));
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	added = about(self).pages - pages - 1;
	EXPECT_LT(1, added);
	EXPECT_GT(16, added);
	for (i = 1; i < 40; i++)
		ASSERT_EQ(0, dyn_add(&self->d, i, 1));
	EXPECT_EQ(pages + 41, about(self).pages);
	EXPECT_EQ(4711, encl_do(&self->d.encl, 0, ENCL_READ, dyn_at(&self->d, 40), 0, 0));

	/* Not beyond the mapping */
	ASSERT_EQ(0, munmap((void *)dyn_at(&self->d, 102), (NR_ROOM - 102) * PAGE));
	ASSERT_EQ(0, dyn_add(&self->d, 100, 1));
	EXPECT_EQ(pages + 43, about(self).pages);
	ASSERT_EQ(0, dyn_map(&self->d, 102, NR_ROOM - 102, PROT_RWX));

	for (i = 200; i < NR_ROOM; i++)
		ASSERT_EQ(0, dyn_add(&self->d, i, 1));
	EXPECT_EQ(pages + 43 + NR_ROOM - 200, about(self).pages);
}

/* Grows and shrinks at random until it is killed. */
static void wanderer(unsigned int seed)
{
	unsigned int page, nr;
	struct dyn d;

	if (dyn_load(&d) || dyn_batch(1 + seed % BATCH_MAX))
		_exit(1);
	for (;;) {
		page = rand_r(&seed) % (NR_ROOM / 2);
		nr = 1 + rand_r(&seed) % (NR_ROOM / 2);
		if (dyn_add(&d, page, nr) || dyn_trim_remove(&d, page, nr))
			_exit(2);
	}
}

TEST_F_TIMEOUT(grow, killed_at_any_time, 120)
{
	unsigned int i, seed = 1;
	pid_t pids[2];

	ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
	ASSERT_EQ(0, write_each(&self->d, 7));
	for (i = 0; i < ROUNDS; i++) {
		pids[i % 2] = fork();
		if (!pids[i % 2])
			wanderer(i);
		usleep(rand_r(&seed) % 400000);
		if (!i)
			continue;
		kill(pids[(i + 1) % 2], SIGKILL);
		EXPECT_EQ(256 + SIGKILL, vt_wait(pids[(i + 1) % 2]));
	}
	kill(pids[1], SIGKILL);
	EXPECT_EQ(256 + SIGKILL, vt_wait(pids[1]));
	EXPECT_EQ(0, wrong_pages(&self->d, 7));
}

/* ----------------------------------------------------------------------- VA pages */

/*
 * With the heap two VA pages, beyond them the room takes a third one, which is in use
 * when all is out.
 */
#define HEAP	600

FIXTURE(shrink) {
	struct dyn d;
	long va;
};

FIXTURE_SETUP(shrink)
{
	const struct encl_spec spec = { .options.heap_pages = HEAP };
	struct info about;

	ASSERT_EQ(0, dyn_load_spec(&self->d, &spec)) {
		TH_LOG("%s", softsgx_last_error());
	}
	about = info_now(self->d.encl.e.fd);
	self->va = about.va_pages;
	ASSERT_EQ(2, self->va);
	/* Half a VA page of slots has to be unused. */
	ASSERT_GT((self->va * 2 - 1) * VA_SLOTS / 2, about.pages);
}

FIXTURE_TEARDOWN(shrink)
{
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* Each page of the image comes to the EPC, one after the other. */
static void touch_image(const struct dyn *d)
{
	u8 *page;

	for (page = (u8 *)d->encl.e.base; page < (u8 *)d->room; page += PAGE)
		vt_read(page);
}

/* EPC pages that no counter knows of; what is on its way gets where it belongs. */
static long unaccounted(int fd)
{
	u64 start = vt_ms();
	long n;

	do {
		n = debugfs_number("total_pages") - debugfs_number("free_pages") -
		    debugfs_number("lru_pages") - info_now(fd).va_pages;
	} while (n && vt_ms() - start < VT_WAIT(1000));
	return n;
}

static int grow_and_shrink(struct dyn *d)
{
	int ret = dyn_add(d, 0, NR_ROOM);

	if (!ret)
		ret = press_out(d->encl.e.fd);
	if (!ret && info_now(d->encl.e.fd).va_pages != 3)
		ret = -EPROTO;
	return ret ? ret : dyn_trim_remove(d, 0, NR_ROOM);
}

/* What is still out may have its versions in any of them, until it has come back. */
TEST_F_TIMEOUT(shrink, and_load, 120)
{
	int fd = self->d.encl.e.fd, i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, grow_and_shrink(&self->d));
		EXPECT_LE(self->va, info_now(fd).va_pages);
		touch_image(&self->d);
		EXPECT_EQ(self->va, info_now(fd).va_pages);
		EXPECT_EQ(0, unaccounted(fd));
	}
	EXPECT_FALSE(is_dead(fd));
}

/* Nothing is out when pages are removed. */
TEST_F_TIMEOUT(shrink, at_once, 120)
{
	int fd = self->d.encl.e.fd, i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
		EXPECT_EQ(self->va + 1, info_now(fd).va_pages);
		ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, NR_ROOM));
		EXPECT_EQ(self->va, info_now(fd).va_pages);
		EXPECT_EQ(0, unaccounted(fd));
	}
}

TEST_HARNESS_MAIN
