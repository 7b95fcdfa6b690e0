// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of evicted pages is swapped out, and comes back when they do. Whether it has
 * really been swapped the kernel's counters tell.
 */
#include <sys/swap.h>

#include "group.h"
#include "paging.h"
#include "kselftest_harness.h"

#define DEVICE		"/dev/zram0"
#define ZRAM		"/sys/block/zram0/"
#define SWAP_SIZE	(64L << 20)
#define ROUNDS		3
#define SLOT_CACHE	64	/* slots that are free, which a CPU has not given back yet */

FIXTURE(swap) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int nr;
};

/* What mkswap(8) writes */
static int make_swap(void)
{
	static u32 page[PAGE / sizeof(u32)];
	int fd = open(DEVICE, O_WRONLY | O_CLOEXEC), ret;

	page[256] = 1;
	page[257] = SWAP_SIZE / PAGE - 1;
	memcpy((u8 *)page + PAGE - 10, "SWAPSPACE2", 10);
	if (fd < 0)
		return -errno;
	ret = write(fd, page, PAGE) == PAGE ? 0 : -EIO;
	close(fd);
	return ret;
}

static int swap_on(void)
{
	int ret = write_number(ZRAM "disksize", SWAP_SIZE);

	if (!ret)
		ret = make_swap();
	if (!ret)
		ret = swapon(DEVICE, 0) ? -errno : 0;
	return ret;
}

static int swap_off(void)
{
	return swapoff(DEVICE) ? -errno : 0;
}

/* Opened in the group, which its memory is charged to, and all the rest outside */
static int load_in_group(struct softsgx_enclave *encl, unsigned int nr)
{
	int ret = group_enter(getpid());

	*encl = (struct softsgx_enclave){ .fd = -1 };
	if (!ret)
		ret = softsgx_enclave_open(encl);
	if (!ret)
		ret = group_leave(getpid());
	if (!ret)
		ret = load_opened(encl, 0, nr, range_for(nr), 0);
	return ret ? ret : vt_map(encl, 0, nr, PROT_RW);
}

FIXTURE_SETUP(swap)
{
	if (system("modprobe zram"))
		SKIP(return, "this kernel has no module zram");
	ASSERT_EQ(0, swap_on());
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, group_make());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->nr = 2 * self->start.total;
}

FIXTURE_TEARDOWN(swap)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	/* Beyond the limit it could not be emptied. */
	EXPECT_EQ(0, write_text(GROUP "/memory.max", "max"));
	swap_off();
	EXPECT_EQ(0, group_remove());
	EXPECT_EQ(0, write_text(ZRAM "reset", "1"));
}

/* Pages of the group that are swapped out */
static long swapped(void)
{
	return number_in(GROUP "/memory.swap.current") / (long)PAGE;
}

static long read_back(void)
{
	return number_of_line("/proc/vmstat", "pswpin");
}

/* Until nearly all memory of evicted pages is out. It answers EAGAIN when it got some. */
static int swap_all(unsigned int nr)
{
	u64 start = vt_ms();

	while (swapped() < nr * 7 / 8) {
		write_number(GROUP "/memory.reclaim", nr * PAGE);
		if (vt_ms() - start > VT_WAIT(10000))
			return -ETIME;
	}
	return 0;
}

/* Out of the EPC, then out of memory, and back, changed each time */
TEST_F_TIMEOUT(swap, out_and_in, 120)
{
	long from, loaded;
	unsigned int i;

	ASSERT_EQ(0, load_in_group(&self->encl, self->nr));
	for (i = 1; i <= ROUNDS; i++) {
		stamp_all(&self->encl, self->nr, i);
		ASSERT_EQ(0, press_out(self->encl.fd));
		ASSERT_EQ(0, swap_all(self->nr));
		from = read_back();
		loaded = counted(self->encl.fd, ELDU);
		ASSERT_LE(0, from);
		EXPECT_EQ(-1, unstamped(&self->encl, self->nr, i));
		EXPECT_LE(from + self->nr * 7 / 8, read_back());
		EXPECT_LE(loaded + self->nr, counted(self->encl.fd, ELDU));
		EXPECT_FALSE(is_dead(self->encl.fd));
	}
	EXPECT_EQ(0, counted(self->encl.fd, FAILED));
}

/* The group may have an eighth of it in memory: the rest is swapped, not refused. */
TEST_F_TIMEOUT(swap, at_limit, 120)
{
	unsigned int i;
	long from;

	ASSERT_EQ(0, group_limit(self->nr * PAGE / 8));
	ASSERT_EQ(0, load_in_group(&self->encl, self->nr));
	from = read_back();
	for (i = 1; i <= ROUNDS; i++) {
		stamp_all(&self->encl, self->nr, i);
		EXPECT_LT(self->nr / 8, swapped());
		EXPECT_EQ(-1, unstamped(&self->encl, self->nr, i));
		EXPECT_FALSE(is_dead(self->encl.fd));
	}
	EXPECT_LT(from + self->nr, read_back());
	EXPECT_LT(self->nr, counted(self->encl.fd, ELDU));
}

/* The swap area goes away, with all that is in it. */
TEST_F_TIMEOUT(swap, taken_away, 120)
{
	ASSERT_EQ(0, load_in_group(&self->encl, self->nr));
	stamp_all(&self->encl, self->nr, 1);
	ASSERT_EQ(0, press_out(self->encl.fd));
	ASSERT_EQ(0, swap_all(self->nr));
	ASSERT_EQ(0, swap_off());
	EXPECT_EQ(0, swapped());
	EXPECT_EQ(-1, unstamped(&self->encl, self->nr, 1));
	EXPECT_FALSE(is_dead(self->encl.fd));
}

/* Closed while all of it is swapped: nothing of it stays there. */
TEST_F_TIMEOUT(swap, closed, 120)
{
	u64 start;
	long most;

	ASSERT_EQ(0, load_in_group(&self->encl, self->nr));
	stamp_all(&self->encl, self->nr, 1);
	ASSERT_EQ(0, press_out(self->encl.fd));
	ASSERT_EQ(0, swap_all(self->nr));
	softsgx_enclave_close(&self->encl);
	most = SLOT_CACHE * sysconf(_SC_NPROCESSORS_ONLN);
	ASSERT_GT(self->nr / 2, most);
	start = vt_ms();
	while (swapped() > most && vt_ms() - start < VT_WAIT(10000))
		usleep(1000);
	EXPECT_GE(most, swapped());
}

TEST_HARNESS_MAIN
