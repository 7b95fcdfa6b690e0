// SPDX-License-Identifier: GPL-2.0
/*
 * The rules for mmap(), mprotect() and mremap() of enclaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>

#include "common.h"
#include "kselftest_harness.h"

#define NR_PROTS	8

FIXTURE(map) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	int fresh;
};

FIXTURE_SETUP(map)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->fresh = open(ENCL_DEV, O_RDWR);
	ASSERT_LE(0, self->fresh);
	ASSERT_EQ(0, vt_build(&self->encl, 0));
}

FIXTURE_TEARDOWN(map)
{
	softsgx_enclave_close(&self->encl);
	close(self->fresh);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* What has no place of its own is unmapped again. */
static int do_mmap(int fd, void *addr, u64 len, int prot, int flags)
{
	void *p = mmap(addr, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (!(flags & MAP_FIXED))
		munmap(p, len);
	return 0;
}

static int do_mprotect(void *addr, u64 len, int prot)
{
	return mprotect(addr, len, prot) ? -errno : 0;
}

/* Highest protection, by contract */
static const struct {
	const char *name;
	unsigned int page;
	int prot;
} pages[] = {
	{ "TCS", PG_TCS, PROT_RW },
	{ "RW", PG_RW, PROT_RW },
	{ "R", PG_R, PROT_READ },
	{ "RX", PG_RX, PROT_RX },
	{ "RWX", PG_RWX, PROT_RWX },
	{ "X", PG_X, PROT_EXEC },
	{ "none", PG_NONE, PROT_NONE },
	{ "not measured RW", PG_UNMEASURED, PROT_RW },
	{ "hole", PG_HOLE, PROT_RWX },
	{ "last hole", PG_COUNT - 1, PROT_RWX },
};

TEST_F(map, rights)
{
	unsigned int i;
	int prot, want;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		for (prot = 0; prot < NR_PROTS; prot++) {
			want = prot & ~pages[i].prot ? -EACCES : 0;
			EXPECT_EQ(want, vt_map(&self->encl, pages[i].page, 1, prot)) {
				TH_LOG("page %s, protection %d", pages[i].name, prot);
			}
		}
	}
}

TEST_F(map, mprotect_rights)
{
	unsigned int i;
	int prot, want;
	u8 *addr;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		addr = vt_addr(&self->encl, pages[i].page);
		ASSERT_EQ(0, vt_map(&self->encl, pages[i].page, 1, PROT_NONE));
		for (prot = 0; prot < NR_PROTS; prot++) {
			want = prot & ~pages[i].prot ? -EACCES : 0;
			EXPECT_EQ(want, do_mprotect(addr, PAGE, prot)) {
				TH_LOG("page %s, protection %d", pages[i].name, prot);
			}
		}
	}
}

/* One page that forbids it is enough, wherever it is in the range. */
TEST_F(map, ranges)
{
	const struct softsgx_enclave *encl = &self->encl;

	EXPECT_EQ(0, vt_map(encl, 0, PG_COUNT, PROT_NONE));
	EXPECT_EQ(-EACCES, vt_map(encl, 0, PG_COUNT, PROT_READ));
	EXPECT_EQ(0, vt_map(encl, PG_TCS, 5, PROT_READ));
	EXPECT_EQ(-EACCES, vt_map(encl, PG_TCS, 3, PROT_RW));
	EXPECT_EQ(0, vt_map(encl, PG_TCS, 2, PROT_RW));
	EXPECT_EQ(-EACCES, vt_map(encl, PG_R, 3, PROT_RX));
	EXPECT_EQ(0, vt_map(encl, PG_RX, 2, PROT_RX));
	EXPECT_EQ(-EACCES, vt_map(encl, PG_RX, 2, PROT_RWX));
	EXPECT_EQ(-EACCES, vt_map(encl, PG_UNMEASURED, 2, PROT_RX));
	EXPECT_EQ(0, vt_map(encl, PG_UNMEASURED, 2, PROT_RW));
	EXPECT_EQ(0, vt_map(encl, PG_HOLE, PG_COUNT - PG_HOLE, PROT_RWX));
	EXPECT_EQ(0, vt_map(encl, PG_HOLE, PG_COUNT - PG_HOLE, PROT_WRITE));
}

TEST_F(map, mprotect_ranges)
{
	const struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_map(encl, 0, PG_COUNT, PROT_NONE));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(encl, 0), VT_SIZE, PROT_READ));
	EXPECT_EQ(0, do_mprotect(vt_addr(encl, PG_TCS), 5 * PAGE, PROT_READ));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(encl, PG_TCS), 3 * PAGE, PROT_RW));
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
	EXPECT_EQ(0, do_mprotect(vt_addr(encl, PG_RX), 2 * PAGE, PROT_RX));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(encl, PG_RX), 2 * PAGE, PROT_RW));
	EXPECT_EQ(0, do_mprotect(vt_addr(encl, PG_HOLE), (PG_COUNT - PG_HOLE) * PAGE, PROT_RWX));
	EXPECT_EQ(0, do_mprotect(vt_addr(encl, 0), VT_SIZE, PROT_NONE));
}

/* After a refusal everything is as before. (mmap has made room before it asks.) */
TEST_F(map, refusal_changes_nothing)
{
	const struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_map_all(encl));
	ASSERT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(encl, PG_R), PAGE, PROT_RW));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_R)));
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_RX)));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(encl, PG_RX), PAGE, PROT_WRITE));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_RX)));
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_RX), PG_RX));
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_RW), PG_RW));
}

TEST_F(map, private_mapping)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);
	int prot;

	for (prot = 0; prot < NR_PROTS; prot++) {
		EXPECT_EQ(-EINVAL, do_mmap(self->fresh, NULL, PAGE, prot, MAP_PRIVATE));
		EXPECT_EQ(-EINVAL, do_mmap(self->encl.fd, NULL, PAGE, prot, MAP_PRIVATE));
		EXPECT_EQ(-EINVAL, do_mmap(self->encl.fd, addr, PAGE, prot,
					   MAP_PRIVATE | MAP_FIXED));
	}
	/* Also where another rule would say no */
	EXPECT_EQ(-EINVAL, do_mmap(self->encl.fd, addr - 8 * PAGE, PAGE, PROT_READ,
				   MAP_PRIVATE | MAP_FIXED));
}

/* Before CREATE everything goes, anywhere. */
TEST_F(map, fresh_file)
{
	u8 *addr = vt_anon(VT_SIZE, PROT_NONE);
	int prot;

	for (prot = 0; prot < NR_PROTS; prot++) {
		EXPECT_EQ(0, do_mmap(self->fresh, NULL, PAGE, prot, MAP_SHARED));
		EXPECT_EQ(0, do_mmap(self->fresh, addr, VT_SIZE, prot, MAP_SHARED | MAP_FIXED));
		EXPECT_EQ(0, do_mmap(self->fresh, addr + PAGE, 3 * PAGE, prot,
				     MAP_SHARED | MAP_FIXED));
	}
	EXPECT_EQ(-EEXIST, do_mmap(self->fresh, addr, PAGE, PROT_READ,
				   MAP_SHARED | MAP_FIXED_NOREPLACE));
	EXPECT_EQ(0, do_mmap(self->fresh, NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE));
	munmap(addr, VT_SIZE);
}

/* A wish without MAP_FIXED is granted if there is room. */
TEST_F(map, hint)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);

	ASSERT_EQ(0, munmap(addr, PAGE));
	EXPECT_EQ(addr, mmap(addr, PAGE, PROT_READ, MAP_SHARED, self->encl.fd, 0));
	/* Elsewhere, which is outside of the enclave */
	EXPECT_EQ(MAP_FAILED, mmap(addr, PAGE, PROT_READ, MAP_SHARED, self->encl.fd, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_TRUE(vt_shows(addr, PG_RW));
}

/* The file offset means nothing. */
TEST_F(map, offset_ignored)
{
	const off_t offsets[] = { 0, PAGE, PG_R * PAGE, VT_SIZE, 1LL << 43 };
	u8 *addr = vt_addr(&self->encl, PG_R);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		ASSERT_EQ(addr, mmap(addr, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
				     self->encl.fd, offsets[i]));
		EXPECT_TRUE(vt_shows(addr, PG_R));
	}
	EXPECT_EQ(addr, mmap(addr, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, self->encl.fd,
			     self->encl.base + PG_R * PAGE));
	EXPECT_TRUE(vt_shows(addr, PG_R));
}

static const struct {
	const char *name;
	int first;
	unsigned int nr;
	int ret;
} ranges[] = {
	{ "page in front", -1, 1, -EACCES },
	{ "first page and one in front", -1, 2, -EACCES },
	{ "all and one in front", -1, PG_COUNT + 1, -EACCES },
	{ "all", 0, PG_COUNT, 0 },
	{ "all and one behind", 0, PG_COUNT + 1, -EACCES },
	{ "both sides", -1, PG_COUNT + 2, -EACCES },
	{ "last page and one behind", PG_COUNT - 1, 2, -EACCES },
	{ "last page", PG_COUNT - 1, 1, 0 },
	{ "page behind", PG_COUNT, 1, -EACCES },
	{ "far behind", 2 * PG_COUNT - 1, 1, -EACCES },
};

/* Only after INIT must a mapping stay within the enclave, PROT_NONE included. */
TEST_F(map, outside)
{
	struct softsgx_enclave before;
	struct softsgx_image image;
	unsigned int i;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_load(&before, &image));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(0, vt_map(&before, ranges[i].first, ranges[i].nr, PROT_NONE)) {
			TH_LOG("before INIT: %s", ranges[i].name);
		}
		EXPECT_EQ(ranges[i].ret, vt_map(&self->encl, ranges[i].first, ranges[i].nr,
						PROT_NONE)) {
			TH_LOG("after INIT: %s", ranges[i].name);
		}
	}
	EXPECT_EQ(-EACCES, do_mmap(self->encl.fd, NULL, PAGE, PROT_READ, MAP_SHARED));
	EXPECT_EQ(0, do_mmap(before.fd, NULL, PAGE, PROT_RWX, MAP_SHARED));
	softsgx_enclave_close(&before);
	softsgx_image_free(&image);
}

/* A mapping from before INIT that leaves the enclave */
TEST_F(map, outside_mprotect)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_sign(&image, &sig));
	ASSERT_EQ(0, vt_load(&encl, &image));
	ASSERT_EQ(0, vt_map(&encl, PG_COUNT - 1, 2, PROT_NONE));
	EXPECT_EQ(0, do_mprotect(vt_addr(&encl, PG_COUNT - 1), 2 * PAGE, PROT_READ));
	ASSERT_EQ(0, vt_ioc_init(encl.fd, &sig));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(&encl, PG_COUNT - 1), 2 * PAGE, PROT_RW));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(&encl, PG_COUNT), PAGE, PROT_NONE));
	EXPECT_EQ(0, do_mprotect(vt_addr(&encl, PG_COUNT - 1), PAGE, PROT_RW));
	softsgx_enclave_close(&encl);
	softsgx_image_free(&image);
}

/* Refused in any state of the enclave. */
TEST_F(map, read_implies_exec)
{
	u8 *addr = vt_addr(&self->encl, PG_R);

	ASSERT_EQ(0, vt_map(&self->encl, PG_R, 1, PROT_NONE));
	ASSERT_LE(0, personality(PER_LINUX | READ_IMPLIES_EXEC));
	EXPECT_EQ(-EACCES, do_mmap(self->fresh, NULL, PAGE, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EACCES, do_mmap(self->fresh, NULL, PAGE, PROT_NONE, MAP_SHARED));
	EXPECT_EQ(-EACCES, vt_map(&self->encl, PG_RWX, 1, PROT_RWX));
	EXPECT_EQ(-EACCES, vt_map(&self->encl, PG_HOLE, 1, PROT_WRITE));
	EXPECT_EQ(-EACCES, do_mprotect(addr, PAGE, PROT_READ));
	ASSERT_LE(0, personality(PER_LINUX));
	EXPECT_EQ(0, do_mprotect(addr, PAGE, PROT_READ));
	EXPECT_TRUE(vt_shows(addr, PG_R));
}

/* Between CREATE and INIT pages that exist count already. */
TEST_F(map, before_init)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_create(&encl, &image));
	EXPECT_EQ(0, vt_map(&encl, 0, PG_COUNT, PROT_RWX));
	ASSERT_EQ(0, softsgx_enclave_add(&encl, &image.segs[PG_R]));
	EXPECT_EQ(-EACCES, do_mprotect(vt_addr(&encl, 0), VT_SIZE, PROT_RW));
	EXPECT_EQ(-EACCES, vt_map(&encl, 0, PG_COUNT, PROT_RWX));
	EXPECT_EQ(0, vt_map(&encl, 0, PG_COUNT, PROT_READ));
	EXPECT_EQ(0, vt_map(&encl, 0, PG_R, PROT_RWX));
	softsgx_enclave_close(&encl);
	softsgx_image_free(&image);
}

/* As for a file: the next page, if the mapping's rights are not too much for it */
TEST_F(map, mremap_grow)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_READ));
	ASSERT_EQ(0, munmap(addr + PAGE, 2 * PAGE));
	EXPECT_EQ(addr, mremap(addr, PAGE, 2 * PAGE, 0));
	EXPECT_TRUE(vt_shows(addr, PG_RW));
	EXPECT_TRUE(vt_shows(addr + PAGE, PG_R));
	EXPECT_EQ(SIGSEGV, vt_write(addr + PAGE));
	EXPECT_EQ(SIGSEGV, vt_read(addr + 2 * PAGE));
	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, munmap(addr + PAGE, PAGE));
	EXPECT_EQ(addr, mremap(addr, PAGE, 2 * PAGE, 0));
	EXPECT_EQ(0, vt_write(addr));
	EXPECT_EQ(SIGBUS, vt_read(addr + PAGE));
	EXPECT_EQ(SIGBUS, vt_write(addr + PAGE));
}

/* What grows by moving shows nothing, nor does a second mapping of the same pages. */
TEST_F(map, mremap_grow_elsewhere)
{
	u8 *addr = vt_addr(&self->encl, PG_RW), *to;

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 2, PROT_READ));
	ASSERT_EQ(0, vt_map(&self->encl, PG_RX, 1, PROT_RX));
	to = mremap(addr, 0, 2 * PAGE, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, to);
	EXPECT_EQ(SIGBUS, vt_read(to));
	EXPECT_TRUE(vt_shows(addr, PG_RW));
	ASSERT_EQ(0, munmap(to, 2 * PAGE));
	to = mremap(addr, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, to);
	EXPECT_NE(addr, to);
	EXPECT_EQ(SIGBUS, vt_read(to));
	EXPECT_EQ(SIGBUS, vt_read(to + 2 * PAGE));
	EXPECT_EQ(SIGSEGV, vt_read(addr));
	ASSERT_EQ(0, munmap(to, 3 * PAGE));
}

/* Pages are where their addresses are, so a mapping that has moved shows none. */
TEST_F(map, mremap_move)
{
	u8 *addr = vt_addr(&self->encl, PG_RW), *to = vt_anon(PAGE, PROT_NONE);

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, vt_read(addr));
	if (mremap(addr, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) {
		EXPECT_EQ(SIGBUS, vt_read(to));
		EXPECT_EQ(SIGBUS, vt_write(to));
		EXPECT_EQ(SIGSEGV, vt_read(addr));
	}
	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	EXPECT_TRUE(vt_shows(addr, PG_RW));
	munmap(to, PAGE);
}

/* Also not where another page would be, and rights come from nowhere. */
TEST_F(map, mremap_within)
{
	u8 *from = vt_addr(&self->encl, PG_RW), *to = vt_addr(&self->encl, PG_R);
	int prots[] = { PROT_RW, PROT_READ };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, prots[i]));
		ASSERT_EQ(0, vt_read(from));
		ASSERT_EQ(to, mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
		EXPECT_EQ(SIGBUS, vt_read(to));
		EXPECT_EQ(i ? SIGSEGV : SIGBUS, vt_write(to));
		EXPECT_EQ(SIGSEGV, vt_read(from));
	}
	/* And back */
	ASSERT_EQ(from, mremap(to, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, from));
	EXPECT_TRUE(vt_shows(from, PG_RW));
}

TEST_F(map, mremap_dontunmap)
{
	u8 *addr = vt_addr(&self->encl, PG_RW), *to;

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, vt_read(addr));
	to = mremap(addr, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (to != MAP_FAILED) {
		EXPECT_EQ(SIGBUS, vt_read(to));
		munmap(to, PAGE);
	}
	EXPECT_TRUE(vt_shows(addr, PG_RW));
}

/* Each copy costs whoever evicts the page, so there are only so many. */
TEST_F(map, mremap_copies)
{
	u8 *addr = vt_addr(&self->encl, PG_RW), *copies[64], *moved;
	unsigned int n = 0;

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, vt_map(&self->encl, PG_RX, 1, PROT_RX));
	while (n < ARRAY_SIZE(copies)) {
		copies[n] = mremap(addr, 0, PAGE, MREMAP_MAYMOVE);
		if (copies[n] == MAP_FAILED)
			break;
		n++;
	}
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(7, n);
	EXPECT_EQ(MAP_FAILED, mremap(addr, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_TRUE(vt_shows(addr, PG_RW));
	EXPECT_EQ(0, vt_write(addr));

	/* Nor can there be more by moving them out of the way of new ones */
	EXPECT_EQ(MAP_FAILED, mremap(addr, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				     copies[0] + (64 << 20)));
	EXPECT_EQ(0, vt_read(addr));

	/* Other pages have copies of their own, and one that goes makes room. */
	moved = mremap(vt_addr(&self->encl, PG_RX), 0, PAGE, MREMAP_MAYMOVE);
	EXPECT_NE(MAP_FAILED, moved);
	munmap(moved, PAGE);
	ASSERT_EQ(0, munmap(copies[0], PAGE));
	copies[0] = mremap(addr, 0, PAGE, MREMAP_MAYMOVE);
	EXPECT_NE(MAP_FAILED, copies[0]);
	for (n = 0; n < 7; n++)
		ASSERT_EQ(0, munmap(copies[n], PAGE));
}

TEST_F(map, mremap_shrink)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 3, PROT_READ));
	EXPECT_EQ(addr, mremap(addr, 3 * PAGE, PAGE, 0));
	EXPECT_TRUE(vt_shows(addr, PG_RW));
	EXPECT_EQ(SIGSEGV, vt_read(addr + PAGE));
}

TEST_HARNESS_MAIN
