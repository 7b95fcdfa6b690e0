// SPDX-License-Identifier: GPL-2.0
/*
 * VMAs of an enclave merge, whatever has been done to them before, and the merged
 * VMA shows what its parts have shown.
 */
#include <signal.h>
#include <stdlib.h>

#include "merge.h"
#include "kselftest_harness.h"

#define NR_STEPS	3000

FIXTURE(merge) {
	struct vt_epc start;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(merge)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load(&self->encl, 0, NR_SMALL, NR_SMALL * PAGE, 0)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(merge)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F_TIMEOUT(merge, different_rights_do_not, 60)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_WRITE, PROT_RW };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	for (i = 0; i < NR_SMALL; i++)
		ASSERT_EQ(0, vt_map(encl, i, 1, prots[i % 4]));
	EXPECT_EQ(NR_SMALL, vmas(encl));
	for (i = 0; i < NR_SMALL; i++) {
		EXPECT_EQ(prots[i % 4] & PROT_WRITE ? 0 : SIGSEGV, vt_write(spot(encl, i)));
		EXPECT_EQ(prots[i % 4] ? 0 : SIGSEGV, vt_read(vt_addr(encl, i)));
	}
	EXPECT_EQ(NR_SMALL, vmas(encl));
}

TEST_F_TIMEOUT(merge, not_across_holes, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	for (i = 0; i < NR_SMALL; i += 2)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_READ));
	EXPECT_EQ(NR_SMALL / 2, vmas(encl));
	for (i = 0; i < NR_SMALL; i++)
		EXPECT_EQ(i % 2 ? SIGSEGV : 0, vt_read(vt_addr(encl, i)));
	for (i = 1; i < NR_SMALL; i += 2)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_READ));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* Two enclaves side by side, mapped in turns with any offset */
TEST_F_TIMEOUT(merge, not_with_neighbours, 60)
{
	struct softsgx_enclave *encl = &self->encl, next;
	unsigned int i;

	ASSERT_EQ(0, load(&next, encl->base + encl->size, NR_SMALL, NR_SMALL * PAGE, 0));
	for (i = 0; i < NR_SMALL; i++) {
		ASSERT_EQ(0, i % 2 ? map_natural(encl, NR_SMALL - 1 - i, 1, PROT_RW) :
				     vt_map(encl, NR_SMALL - 1 - i, 1, PROT_RW));
		ASSERT_EQ(0, i % 2 ? map_natural(&next, i, 1, PROT_RW) :
				     vt_map(&next, i, 1, PROT_RW));
		ASSERT_EQ(2, maps_vmas(0, ~0ULL));
	}
	EXPECT_EQ(1, fdinfo_vmas(encl->fd));
	EXPECT_EQ(1, fdinfo_vmas(next.fd));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, wrong_page(&next, 0, NR_SMALL));

	/* Both in one call, too */
	ASSERT_EQ(0, protect(encl, NR_SMALL - 2, 4, PROT_READ));
	EXPECT_EQ(4, maps_vmas(0, ~0ULL));
	ASSERT_EQ(0, protect(encl, NR_SMALL - 2, 4, PROT_RW));
	EXPECT_EQ(2, maps_vmas(0, ~0ULL));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, wrong_page(&next, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(&next, 0, NR_SMALL));
	ASSERT_EQ(0, unmap(&next, 0, NR_SMALL));
	softsgx_enclave_close(&next);
	EXPECT_EQ(1, vmas(encl));
}

/* A second descriptor is the same file, a second open() is another enclave. */
TEST_F_TIMEOUT(merge, duplicate_descriptor, 60)
{
	struct softsgx_enclave *encl = &self->encl, other = *encl;
	int copy = dup(encl->fd), fresh;

	ASSERT_LE(0, copy);
	other.fd = copy;
	ASSERT_EQ(0, vt_map(encl, 0, 4, PROT_RW));
	ASSERT_EQ(0, vt_map(&other, 4, 4, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, 8));
	fresh = open(ENCL_DEV, O_RDWR);
	other.fd = fresh;
	ASSERT_EQ(0, vt_map(&other, 8, 4, PROT_RW));
	EXPECT_EQ(2, own_vmas(encl));
	EXPECT_EQ(1, fdinfo_vmas(encl->fd));
	EXPECT_EQ(1, fdinfo_vmas(fresh));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, 8)));
	close(fresh);
	close(copy);
}

TEST_F_TIMEOUT(merge, munmap_parts, 60)
{
	struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	ASSERT_EQ(0, munmap(vt_addr(encl, 20), 3 * PAGE));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, 21)));
	ASSERT_EQ(0, vt_map(encl, 21, 1, PROT_RW));
	EXPECT_EQ(3, vmas(encl));
	ASSERT_EQ(0, vt_map(encl, 20, 1, PROT_RW));
	EXPECT_EQ(2, vmas(encl));
	ASSERT_EQ(0, vt_map(encl, 22, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));

	/* Both ends, and back */
	ASSERT_EQ(0, munmap(vt_addr(encl, 0), PAGE));
	ASSERT_EQ(0, munmap(vt_addr(encl, NR_SMALL - 1), PAGE));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 1, NR_SMALL - 2));
	ASSERT_EQ(0, map_natural(encl, 0, 1, PROT_RW));
	ASSERT_EQ(0, map_natural(encl, NR_SMALL - 1, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, map_over, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *anon = vt_addr(encl, 30);

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	ASSERT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, vt_map(encl, 10, 5, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, vt_map(encl, 10, 5, PROT_READ));
	EXPECT_EQ(3, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(SIGSEGV, vt_write(spot(encl, 12)));
	ASSERT_EQ(0, map_natural(encl, 9, 7, PROT_RW));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, merge_over(encl, 9, 7, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));

	/* Ordinary memory in between, and over it again */
	ASSERT_EQ(anon, mmap(anon, 2 * PAGE, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			     -1, 0));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(0, vt_write(anon));
	EXPECT_EQ(0x5a, *anon);
	EXPECT_EQ(-1, wrong_page(encl, 0, 30));
	EXPECT_EQ(-1, wrong_page(encl, 32, NR_SMALL - 32));
	ASSERT_EQ(0, vt_map(encl, 30, 2, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* remap_file_pages() may choose a page of a file, but not of an enclave. */
TEST_F_TIMEOUT(merge, remap_file_pages, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *addr = vt_addr(encl, 7);

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	if (remap_file_pages(addr, PAGE, 0, (uintptr_t)vt_addr(encl, 9) / PAGE, 0) == 0)
		EXPECT_TRUE(vt_shows(addr, 7));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, mremap_in_place, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *base = vt_addr(encl, 0);

	ASSERT_EQ(0, vt_map(encl, 0, 16, PROT_RW));
	ASSERT_EQ(-1, wrong_page(encl, 0, 16));
	ASSERT_EQ(base, mremap(base, 8 * PAGE, 4 * PAGE, 0));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, 5)));
	EXPECT_EQ(-1, wrong_page(encl, 0, 4));
	EXPECT_EQ(-1, wrong_page(encl, 8, 8));
	/* Into the gap, up to the other part */
	ASSERT_EQ(base, mremap(base, 4 * PAGE, 8 * PAGE, 0));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, 16));
	EXPECT_EQ(-1, unwritable_page(encl, 0, 16));
}

TEST_F_TIMEOUT(merge, mremap_there_and_back, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *from = vt_addr(encl, 20), *to = vt_addr(encl, NR_SMALL + 3);
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	for (i = 1; i <= 8; i *= 2) {
		ASSERT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		ASSERT_EQ(to, mremap(from, i * PAGE, i * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
		EXPECT_EQ(3, vmas(encl));
		EXPECT_EQ(SIGBUS, vt_read(to));
		EXPECT_EQ(SIGBUS, vt_write(to + (i - 1) * PAGE));
		EXPECT_EQ(SIGSEGV, vt_read(from));
		EXPECT_EQ(-1, wrong_page(encl, 0, 20));
		ASSERT_EQ(from, mremap(to, i * PAGE, i * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				       from));
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
	}
	/* Into its own middle, where it must not merge with what is right there */
	to = vt_addr(encl, 40);
	ASSERT_EQ(to, mremap(from, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(4, vmas(encl));
	EXPECT_EQ(SIGBUS, vt_read(to));
	EXPECT_EQ(-1, wrong_page(encl, 24, 16));
	EXPECT_EQ(-1, wrong_page(encl, 44, NR_SMALL - 44));
	ASSERT_EQ(0, protect(encl, 30, 20, PROT_READ));
	ASSERT_EQ(0, protect(encl, 30, 20, PROT_RW));
	EXPECT_EQ(4, vmas(encl));
	EXPECT_EQ(SIGBUS, vt_read(to));
	ASSERT_EQ(0, vt_map(encl, 20, 4, PROT_RW));
	ASSERT_EQ(0, vt_map(encl, 40, 4, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, madvise_flags, 60)
{
	static const struct {
		int set, clear;
	} flags[] = {
		{ MADV_DODUMP, MADV_DONTDUMP },
		{ MADV_DONTFORK, MADV_DOFORK },
		{ MADV_RANDOM, MADV_NORMAL },
		{ MADV_SEQUENTIAL, MADV_NORMAL },
	};
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ASSERT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
		ASSERT_EQ(0, advise(encl, 10, 2, flags[i].set)) {
			TH_LOG("advice %d: errno %d", flags[i].set, errno);
		}
		EXPECT_EQ(3, vmas(encl));
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		ASSERT_EQ(0, advise(encl, 11, 1, flags[i].clear));
		EXPECT_EQ(3, vmas(encl));
		ASSERT_EQ(0, advise(encl, 10, 1, flags[i].clear));
		EXPECT_EQ(1, vmas(encl)) {
			TH_LOG("advice %d", flags[i].set);
		}
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	}
	/* No flags, only PTEs */
	ASSERT_EQ(0, advise(encl, 10, 20, MADV_DONTNEED));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, mlock, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	ASSERT_EQ(0, mlock(vt_addr(encl, 10), 4 * PAGE));
	EXPECT_EQ(3, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, munlock(vt_addr(encl, 10), 4 * PAGE));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));

	ASSERT_EQ(0, unmap(encl, 0, NR_SMALL));
	ASSERT_EQ(0, mlockall(MCL_FUTURE));
	for (i = 0; i < NR_SMALL; i++)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, munlockall());
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* Anything in any order, against a simple idea of what there should be */
struct model {
	int prot[NR_SMALL];	/* -1: not mapped */
};

static long model_vmas(const struct model *model)
{
	unsigned int i;
	long n = 0;

	for (i = 0; i < NR_SMALL; i++)
		n += model->prot[i] >= 0 && (!i || model->prot[i] != model->prot[i - 1]);
	return n;
}

static bool all_mapped(const struct model *model, unsigned int page, unsigned int nr)
{
	while (nr--) {
		if (model->prot[page + nr] < 0)
			return false;
	}
	return true;
}

static int some_step(struct softsgx_enclave *encl, struct model *model)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_RW, PROT_RW };
	unsigned int page = random() % NR_SMALL, nr = 1 + random() % (NR_SMALL - page);
	int prot = prots[random() % 4], ret = 0;
	unsigned int i;

	if (random() % 2)
		nr = 1 + nr % 3;
	if (page + nr > NR_SMALL)
		nr = NR_SMALL - page;
	switch (random() % 8) {
	case 0:
		prot = -1;
		ret = unmap(encl, page, nr);
		break;
	case 1:
	case 2:
		ret = vt_map(encl, page, nr, prot);
		break;
	case 3:
		ret = map_natural(encl, page, nr, prot);
		break;
	case 4:
		ret = map_at(encl, page, nr, prot, random() % NR_SMALL * PAGE);
		break;
	case 5:
		if (all_mapped(model, page, nr))
			advise(encl, page, nr, MADV_DONTNEED);
		return 0;
	default:
		if (!all_mapped(model, page, nr))
			return 0;
		ret = protect(encl, page, nr, prot);
	}
	for (i = page; i < page + nr; i++)
		model->prot[i] = prot;
	return ret || prot < 0 ? ret : merge_over(encl, page, nr, prot);
}

static int model_page_ok(struct softsgx_enclave *encl, const struct model *model,
			 unsigned int page)
{
	if (model->prot[page] > 0)
		MUST(shows_some(vt_addr(encl, page), page));
	else
		MUST(vt_read(vt_addr(encl, page)) == SIGSEGV);
	MUST(vt_write(spot(encl, page)) == (model->prot[page] == PROT_RW ? 0 : SIGSEGV));
	return 0;
}

TEST_F_TIMEOUT(merge, any_order, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i, page;
	struct model model;
	u64 start = vt_ms();

	srandom(3);
	memset(&model, -1, sizeof(model));
	for (i = 0; i < NR_STEPS && vt_ms() - start < 20000; i++) {
		ASSERT_EQ(0, some_step(encl, &model));
		ASSERT_EQ(model_vmas(&model), vmas(encl)) {
			TH_LOG("step %u", i);
		}
		page = random() % NR_SMALL;
		ASSERT_EQ(0, model_page_ok(encl, &model, page)) {
			TH_LOG("step %u, page %u", i, page);
		}
	}
	for (i = 0; i < NR_SMALL; i++)
		EXPECT_EQ(0, model_page_ok(encl, &model, i));
}

TEST_HARNESS_MAIN
