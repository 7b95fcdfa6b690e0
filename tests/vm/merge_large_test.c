// SPDX-License-Identifier: GPL-2.0
/*
 * VMAs of large enclaves merge: a loader that maps page by page must not run into
 * max_map_count.
 */
#include <signal.h>
#include <stdlib.h>

#include "merge.h"
#include "kselftest_harness.h"

#define NR_PAGES	4096
#define NR_MANY		100000
#define NR_OVER		10000
#define MAX_OVER	50
#define SLOW_MS		20000
#define MANY_SIZE	(131072 * PAGE)

FIXTURE(large) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int order[NR_PAGES];
};

FIXTURE_SETUP(large)
{
	unsigned int i, k, tmp;

	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load(&self->encl, 0, NR_PAGES, NR_PAGES * PAGE, 0)) {
		TH_LOG("%s", softsgx_last_error());
	}
	srandom(1);
	for (i = 0; i < NR_PAGES; i++)
		self->order[i] = i;
	for (i = NR_PAGES - 1; i; i--) {
		k = random() % (i + 1);
		tmp = self->order[i];
		self->order[i] = self->order[k];
		self->order[k] = tmp;
	}
}

FIXTURE_TEARDOWN(large)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

enum offset { OFFSET_0, OFFSET_NATURAL, OFFSET_LINEAR, OFFSET_ANY, NR_OFFSETS };

/* Only some of the pages, where there are many */
static int wrong_sample(const struct softsgx_enclave *encl)
{
	unsigned int i;

	for (i = random() % 16; i < NR_PAGES; i += 16) {
		if (!shows_some(vt_addr(encl, i), i))
			return i;
	}
	return -1;
}

static u64 offset_of(const struct softsgx_enclave *encl, unsigned int page, enum offset offset)
{
	switch (offset) {
	case OFFSET_NATURAL:
		return encl->base + page * PAGE;
	case OFFSET_LINEAR:
		return page * PAGE;
	case OFFSET_ANY:
		return random() % NR_PAGES * PAGE;
	default:
		return 0;
	}
}

/* One page at a time; @order: of the pages, NULL for upwards */
static void map_pages(struct __test_metadata *_metadata, const struct softsgx_enclave *encl,
		      const unsigned int *order, bool down, enum offset offset)
{
	unsigned int i, page;

	for (i = 0; i < NR_PAGES; i++) {
		page = order ? order[i] : down ? NR_PAGES - 1 - i : i;
		ASSERT_EQ(0, map_at(encl, page, 1, PROT_RW, offset_of(encl, page, offset))) {
			TH_LOG("page %u", page);
		}
		/* Also on the way */
		if (!order && !(i & (i - 1))) {
			ASSERT_EQ(1, vmas(encl)) {
				TH_LOG("%u pages, offset %d", i + 1, offset);
			}
		}
	}
	EXPECT_EQ(1, vmas(encl)) {
		TH_LOG("offset %d", offset);
	}
	EXPECT_EQ(-1, wrong_sample(encl)) {
		TH_LOG("offset %d", offset);
	}
	ASSERT_EQ(0, unmap(encl, 0, NR_PAGES));
}

/* With each kind of offset, or with as many as a slow machine has time for */
static void map_offsets(struct __test_metadata *_metadata, const struct softsgx_enclave *encl,
			const unsigned int *order, bool down)
{
	u64 start = vt_ms();
	enum offset offset;

	for (offset = 0; offset < NR_OFFSETS && vt_ms() - start < SLOW_MS; offset++)
		map_pages(_metadata, encl, order, down, offset);
	if (offset < NR_OFFSETS)
		TH_LOG("%d of %d kinds of offsets", offset, NR_OFFSETS);
}

TEST_F_TIMEOUT(large, upwards, 300)
{
	map_offsets(_metadata, &self->encl, NULL, false);
}

TEST_F_TIMEOUT(large, downwards, 300)
{
	map_offsets(_metadata, &self->encl, NULL, true);
}

TEST_F_TIMEOUT(large, random_order, 300)
{
	map_offsets(_metadata, &self->encl, self->order, false);
}

/* Every second page gets other rights, and gets the same ones again. */
TEST_F_TIMEOUT(large, mprotect_alternates, 300)
{
	static const int prots[] = { PROT_READ, PROT_NONE };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int k, i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (k = 0; k < ARRAY_SIZE(prots); k++) {
		ASSERT_EQ(-1, unwritable_page(encl, 0, NR_PAGES));
		for (i = k; i < NR_PAGES; i += 2)
			ASSERT_EQ(0, protect(encl, i, 1, prots[k]));
		EXPECT_EQ(NR_PAGES, vmas(encl));
		for (i = k; i < NR_PAGES; i += 64) {
			EXPECT_EQ(prots[k] ? 0 : SIGSEGV, vt_read(vt_addr(encl, i)));
			EXPECT_EQ(SIGSEGV, vt_write(spot(encl, i)));
			EXPECT_EQ(0, vt_write(spot(encl, i ^ 1)));
		}
		if (k) {
			/* At once */
			ASSERT_EQ(0, protect(encl, 0, NR_PAGES, PROT_RW));
			EXPECT_EQ(1, vmas(encl));
		}
		for (i = 0; i < NR_PAGES; i++)
			ASSERT_EQ(0, protect(encl, self->order[i], 1, PROT_RW));
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(-1, wrong_sample(encl));
	}
}

/* Page by page over what is there, and with holes that close in any order */
TEST_F_TIMEOUT(large, remap_and_refill, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (i = 0; i < NR_PAGES; i++)
		ASSERT_EQ(0, vt_map(encl, self->order[i], 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	for (i = 0; i < NR_PAGES; i += 2)
		ASSERT_EQ(0, unmap(encl, i, 1));
	EXPECT_EQ(NR_PAGES / 2, vmas(encl));
	for (i = 0; i < NR_PAGES; i++) {
		if (self->order[i] % 2 == 0)
			ASSERT_EQ(0, vt_map(encl, self->order[i], 1, PROT_RW));
	}
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_PAGES));
}

/*
 * Over many VMAs and holes at once, which the kernel keeps in a tree whose nodes
 * it must not confuse.
 */
TEST_F_TIMEOUT(large, map_over_many, 300)
{
	static const int prots[] = { PROT_RW, PROT_READ };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i, k, page, nr;
	u64 start = vt_ms();

	for (i = 0; i < NR_PAGES; i++)
		ASSERT_EQ(0, vt_map(encl, i, 1, prots[i % 2]));
	EXPECT_EQ(NR_PAGES, vmas(encl));
	for (k = 0; k < NR_OVER && vt_ms() - start < SLOW_MS; k++) {
		page = random() % (NR_PAGES - MAX_OVER);
		nr = 1 + random() % MAX_OVER;
		if (k % 3 == 0)
			ASSERT_EQ(0, munmap(vt_addr(encl, page + nr / 2), PAGE));
		ASSERT_EQ(0, map_natural(encl, page, nr, prots[random() % 2]));
		ASSERT_TRUE(shows_some(vt_addr(encl, page), page));
		for (i = page; k % 2 && i < page + nr; i++)
			ASSERT_EQ(0, protect(encl, i, 1, prots[i % 2]));
	}
	TH_LOG("%u times", k);
	ASSERT_EQ(0, protect(encl, 0, NR_PAGES, PROT_NONE));
	ASSERT_EQ(0, protect(encl, 0, NR_PAGES, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_PAGES));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_PAGES));
}

/* 4 MiB move by moving page tables: no PTE is looked at. */
TEST_F_TIMEOUT(large, mremap_page_tables, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *from = vt_addr(encl, 512), *to = vt_addr(encl, NR_PAGES + 512);
	unsigned int round, i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(-1, wrong_sample(encl));
		ASSERT_EQ(to, mremap(from, 1024 * PAGE, 1024 * PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
		EXPECT_EQ(3, vmas(encl));
		for (i = 0; i < 1024; i += 31) {
			EXPECT_EQ(SIGBUS, vt_read(to + i * PAGE));
			EXPECT_EQ(SIGBUS, vt_write(to + i * PAGE));
			EXPECT_EQ(SIGSEGV, vt_read(from + i * PAGE));
		}
		ASSERT_EQ(from, mremap(to, 1024 * PAGE, 1024 * PAGE,
				       MREMAP_MAYMOVE | MREMAP_FIXED, from));
		EXPECT_EQ(1, vmas(encl));
	}
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_PAGES));
}

FIXTURE(many) {
	struct vt_epc start;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(many)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load(&self->encl, 0, NR_SMALL, MANY_SIZE, 0));
}

FIXTURE_TEARDOWN(many)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/*
 * More one-page mappings than max_map_count allows VMAs, most of them without a
 * page: only mappings cost. Not many more where they cost much.
 */
TEST_F_TIMEOUT(many, max_map_count, 600)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned long max = 0;
	unsigned int i;
	FILE *file;
	u64 start;

	file = fopen("/proc/sys/vm/max_map_count", "r");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%lu", &max));
	fclose(file);
	ASSERT_LT(max + 1000, NR_MANY);
	start = vt_ms();
	for (i = 0; i < NR_MANY; i++) {
		if (i > max + 1000 && vt_ms() - start > SLOW_MS)
			break;
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_RW)) {
			TH_LOG("mapping %u", i);
		}
	}
	TH_LOG("%u mappings", i);
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, NR_SMALL)));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, i - 1)));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, i)));
}

TEST_HARNESS_MAIN
