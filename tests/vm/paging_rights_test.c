// SPDX-License-Identifier: GPL-2.0
/*
 * A page that has been away is what it was: same kind, same rights, same contents,
 * whoever asks, and while it is away it is nothing else either.
 */
#include "paging.h"
#include "kselftest_harness.h"

FIXTURE(rights) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	int mem;
};

FIXTURE_VARIANT(rights) {
	u64 attributes;
};

FIXTURE_VARIANT_ADD(rights, production) {
	.attributes = 0,
};

FIXTURE_VARIANT_ADD(rights, debug) {
	.attributes = SGX_ATTR_DEBUG,
};

FIXTURE_SETUP(rights)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_build(&self->encl, variant->attributes));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	self->mem = open("/proc/self/mem", O_RDWR);
	ASSERT_LE(0, self->mem);
}

FIXTURE_TEARDOWN(rights)
{
	EXPECT_FALSE(is_dead(self->encl.fd));
	close(self->mem);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static bool is_debug(u64 attributes)
{
	return attributes & SGX_ATTR_DEBUG;
}

/* Whoever reads or writes, the answer is a signal or 0. */
struct answers {
	int read;
	int write;
};

static void ask(const struct softsgx_enclave *encl, struct answers answers[PG_HOLE])
{
	unsigned int i;

	for (i = 0; i < PG_HOLE; i++) {
		answers[i].read = vt_read(vt_addr(encl, i));
		answers[i].write = vt_write(vt_addr(encl, i));
	}
}

/* Each page is away before each question. */
TEST_F_TIMEOUT(rights, accesses, 120)
{
	struct answers before[PG_HOLE], after[PG_HOLE];
	unsigned int i;

	ask(&self->encl, before);
	EXPECT_EQ(0, before[PG_RW].write);
	EXPECT_EQ(0, before[PG_R].read);
	EXPECT_EQ(SIGSEGV, before[PG_R].write);
	EXPECT_EQ(SIGSEGV, before[PG_NONE].read);
	ASSERT_EQ(0, press_out(self->encl.fd));
	ask(&self->encl, after);
	for (i = 0; i < PG_HOLE; i++) {
		EXPECT_EQ(before[i].read, after[i].read) {
			TH_LOG("page %u", i);
		}
		EXPECT_EQ(before[i].write, after[i].write) {
			TH_LOG("page %u", i);
		}
	}
	EXPECT_LT(0, counted(self->encl.fd, ELDU));
}

TEST_F_TIMEOUT(rights, contents, 120)
{
	static const unsigned int readable[] = { PG_RW, PG_R, PG_RX, PG_RWX, PG_UNMEASURED };
	unsigned int i;

	ASSERT_EQ(0, press_out(self->encl.fd));
	for (i = 0; i < ARRAY_SIZE(readable); i++)
		EXPECT_TRUE(vt_shows(vt_addr(&self->encl, readable[i]), readable[i])) {
			TH_LOG("page %u", readable[i]);
		}
}

/* Rights that a mapping may have do not depend on where the page is. */
TEST_F_TIMEOUT(rights, mappings, 120)
{
	long eldu;

	ASSERT_EQ(0, press_out(self->encl.fd));
	eldu = counted(self->encl.fd, ELDU);
	EXPECT_EQ(-1, mprotect(vt_addr(&self->encl, PG_R), PAGE, PROT_RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EACCES, vt_map(&self->encl, PG_RX, 1, PROT_RW));
	EXPECT_EQ(-EACCES, vt_map(&self->encl, PG_NONE, 1, PROT_READ));
	EXPECT_EQ(-1, mprotect(vt_addr(&self->encl, PG_RW), PAGE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(vt_addr(&self->encl, PG_RW), PAGE, PROT_READ));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(&self->encl, PG_RW)));
	EXPECT_EQ(eldu, counted(self->encl.fd, ELDU));
	EXPECT_TRUE(vt_shows(vt_addr(&self->encl, PG_RW), PG_RW));
	EXPECT_LT(eldu, counted(self->encl.fd, ELDU));
}

/* Debuggers find pages that are away, and what they write goes away with them. */
TEST_F_TIMEOUT(rights, debugger, 120)
{
	static const unsigned int pages[] = { PG_RW, PG_R, PG_X, PG_NONE };
	int ret = is_debug(variant->attributes) ? 8 : -1;
	u64 word, mine = 0x0123456789abcdef;
	unsigned int i, j;
	u8 want[8];

	ASSERT_EQ(0, press_out(self->encl.fd));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		off_t at = (uintptr_t)vt_addr(&self->encl, pages[i]) + 64;

		word = 0;
		EXPECT_EQ(ret, pread(self->mem, &word, 8, at));
		for (j = 0; j < 8; j++)
			want[j] = ret == 8 ? vt_byte(pages[i], 64 + j) : 0;
		EXPECT_EQ(0, memcmp(want, &word, 8)) {
			TH_LOG("page %u", pages[i]);
		}
	}
	ASSERT_EQ(0, press_out(self->encl.fd));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		EXPECT_EQ(ret, pwrite(self->mem, &mine, 8,
				      (uintptr_t)vt_addr(&self->encl, pages[i]) + 64));
	ASSERT_EQ(0, press_out(self->encl.fd));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		word = 0;
		EXPECT_EQ(ret, pread(self->mem, &word, 8,
				     (uintptr_t)vt_addr(&self->encl, pages[i]) + 64));
		EXPECT_EQ(ret == 8 ? mine : 0, word);
	}
}

TEST_HARNESS_MAIN
