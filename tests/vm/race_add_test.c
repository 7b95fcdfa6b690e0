// SPDX-License-Identifier: GPL-2.0
/*
 * Races of ADD_PAGES with changes of the mapping that its source is in.
 */
#include <stdlib.h>

#include "race.h"
#include "kselftest_harness.h"

#define REG_R		(SGX_SECINFO_REG | SGX_SECINFO_R)
#define PATTERN		0x5a
#define SWAP_MS		1000	/* for a thread to get as far as the mmap_lock */

FIXTURE(add) {
	struct vt_epc start;
	struct softsgx_image image;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(add)
{
	ASSERT_EQ(0, end_delays());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_create(&self->encl, &self->image));
}

FIXTURE_TEARDOWN(add)
{
	EXPECT_EQ(0, end_delays());
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* ADD_PAGES of the first page in a thread of its own */
struct adder {
	int fd;
	const void *src;
	pthread_t thread;
	int ret;
};

static void *add_page(void *data)
{
	struct adder *adder = data;

	adder->ret = vt_ioc_add(adder->fd, adder->src, 0, PAGE, REG_R, 0, NULL);
	return NULL;
}

static int adder_start(struct adder *adder, int fd, const void *src)
{
	*adder = (struct adder){ .fd = fd, .src = src };
	return -pthread_create(&adder->thread, NULL, add_page, adder);
}

struct swap {
	void *from;
	void *to;
	void *ret;
};

static void *swap(void *data)
{
	struct swap *swap = data;

	swap->ret = mremap(swap->from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, swap->to);
	return NULL;
}

/* The page that was allowed is the page that is taken. */
TEST_F(add, source_swapped)
{
	u8 *src = vt_anon(PAGE, PROT_RW), *shown;
	struct swap s = { .from = vt_noexec(PAGE, PROT_READ), .to = src };
	struct adder adder;
	pthread_t thread;

	ASSERT_NE(MAP_FAILED, s.from);
	memset(src, PATTERN, PAGE);
	/* Ends by itself: behind mremap() any fault of the test would wait, too. */
	ASSERT_EQ(0, vt_delay("source", SWAP_MS));
	ASSERT_EQ(0, adder_start(&adder, self->encl.fd, src));
	ASSERT_EQ(0, await_held("source"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, swap, &s));
	ASSERT_EQ(0, pthread_join(adder.thread, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(src, s.ret);

	ASSERT_EQ(0, adder.ret);
	shown = mmap((void *)self->encl.base, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
		     self->encl.fd, 0);
	ASSERT_NE(MAP_FAILED, shown);
	EXPECT_EQ(PATTERN, shown[0]);
	EXPECT_EQ(PATTERN, shown[PAGE - 1]);
	EXPECT_EQ(-EACCES, vt_ioc_add(self->encl.fd, src, PAGE, PAGE, REG_R, 0, NULL));
}

/* A source may let the call wait for ever. EPC pages of its own it has none meanwhile. */
TEST_F(add, source_waited_for)
{
	struct vt_stall stall;
	struct vt_epc before, now;
	struct adder adder;

	ASSERT_EQ(0, vt_stall_init(&stall, PAGE));
	ASSERT_EQ(0, vt_epc_read(&before));
	ASSERT_EQ(0, adder_start(&adder, self->encl.fd, stall.mem));
	ASSERT_EQ(0, vt_stall_wait(&stall, 0));
	ASSERT_EQ(0, vt_epc_read(&now));
	EXPECT_EQ(before.free, now.free);

	ASSERT_EQ(0, vt_stall_fill(&stall, 0, NULL));
	ASSERT_EQ(0, pthread_join(adder.thread, NULL));
	EXPECT_EQ(0, adder.ret);
	ASSERT_EQ(0, vt_epc_read(&now));
	EXPECT_EQ(before.free - 1, now.free);
	vt_stall_free(&stall);
}

TEST_HARNESS_MAIN
