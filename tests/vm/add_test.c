// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_ADD_PAGES: every reason to refuse, in order, and what count says
 * on each way out. Signals are in add_signal_test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

#define REG_R		(SGX_SECINFO_REG | SGX_SECINFO_R)
#define GARBAGE		0x1234567890abcdefULL
#define NR_SRC		4

FIXTURE(add) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	int fd;
	u8 *src;		/* NR_SRC good pages, then a hole below another mapping */
};

FIXTURE_SETUP(add)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_create(&self->encl, &self->image));
	self->fd = self->encl.fd;
	self->src = vt_anon((NR_SRC + 2) * PAGE, PROT_RW);
	ASSERT_EQ(0, munmap(self->src + NR_SRC * PAGE, PAGE));
}

FIXTURE_TEARDOWN(add)
{
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static u64 epc_free(void)
{
	struct vt_epc now;

	return vt_epc_read(&now) ? ~0ULL : now.free;
}

static int add(int fd, const void *src, u64 offset, u64 flags)
{
	return vt_ioc_add(fd, src, offset, PAGE, flags, 0, NULL);
}

TEST_F(add, wrong_state)
{
	int fresh = open(ENCL_DEV, O_RDWR);
	struct sgx_sigstruct sig;

	EXPECT_EQ(-EINVAL, add(fresh, self->src, 0, REG_R));
	EXPECT_EQ(-EINVAL, vt_ioctl(fresh, SGX_IOC_ENCLAVE_ADD_PAGES, NULL));
	close(fresh);

	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, vt_sign(&self->image, &sig));
	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &sig));
	EXPECT_EQ(-EINVAL, add(self->encl.fd, self->src, PG_HOLE * PAGE, REG_R));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, NULL));
}

/*
 * Refused before the first page is tried. The structure is not written back: count
 * stays what it was.
 */
static const struct {
	const char *name;
	u64 src;		/* added to the address of a good source */
	u64 offset;
	u64 length;
	bool secinfo_unreadable;
	u64 flags;
	unsigned int reserved;	/* this byte of SECINFO.RESERVED is 1, 0: none */
	int ret;
} early[] = {
	{ "src + 1", 1, 0, PAGE, false, REG_R, 0, -EINVAL },
	{ "src + 2048", 2048, 0, PAGE, false, REG_R, 0, -EINVAL },
	{ "offset 1", 0, 1, PAGE, false, REG_R, 0, -EINVAL },
	{ "offset 2^64 - 1", 0, ~0ULL, PAGE, false, REG_R, 0, -EINVAL },
	{ "length 0", 0, 0, 0, false, REG_R, 0, -EINVAL },
	{ "length 1", 0, 0, 1, false, REG_R, 0, -EINVAL },
	{ "length 4097", 0, 0, PAGE + 1, false, REG_R, 0, -EINVAL },
	{ "length 2^64 - 1", 0, 0, ~0ULL, false, REG_R, 0, -EINVAL },
	{ "sum is 0", 0, -PAGE, PAGE, false, REG_R, 0, -EINVAL },
	{ "sum wraps", 0, PAGE, -PAGE, false, REG_R, 0, -EINVAL },
	{ "sum wraps far", 0, -PAGE, 2 * PAGE, false, REG_R, 0, -EINVAL },
	{ "offset at the end", 0, VT_SIZE, PAGE, false, REG_R, 0, -EINVAL },
	{ "length one page too many", 0, 0, VT_SIZE + PAGE, false, REG_R, 0, -EINVAL },
	{ "last page and one more", 0, VT_SIZE - PAGE, 2 * PAGE, false, REG_R, 0, -EINVAL },
	{ "offset 2^63", 0, 1ULL << 63, PAGE, false, REG_R, 0, -EINVAL },
	{ "length 2^63", 0, 0, 1ULL << 63, false, REG_R, 0, -EINVAL },

	{ "SECINFO unreadable", 0, 0, PAGE, true, REG_R, 0, -EFAULT },
	{ "src + 1, SECINFO unreadable", 1, 0, PAGE, true, REG_R, 0, -EINVAL },
	{ "length 0, SECINFO unreadable", 0, 0, 0, true, REG_R, 0, -EINVAL },
	{ "offset at the end, SECINFO unreadable", 0, VT_SIZE, PAGE, true, REG_R, 0, -EINVAL },

	{ "SECS", 0, 0, PAGE, false, SGX_SECINFO_SECS, 0, -EINVAL },
	{ "SECS, R", 0, 0, PAGE, false, SGX_SECINFO_SECS | 1, 0, -EINVAL },
	{ "VA", 0, 0, PAGE, false, SGX_PT_VA << 8, 0, -EINVAL },
	{ "TRIM", 0, 0, PAGE, false, SGX_PT_TRIM << 8, 0, -EINVAL },
	{ "shadow stack, first", 0, 0, PAGE, false, SGX_PT_SS_FIRST << 8 | 1, 0, -EINVAL },
	{ "shadow stack, rest", 0, 0, PAGE, false, SGX_PT_SS_REST << 8 | 1, 0, -EINVAL },
	{ "type 255", 0, 0, PAGE, false, 0xff00, 0, -EINVAL },
	{ "TCS and REG bits", 0, 0, PAGE, false, 0x300, 0, -EINVAL },
	{ "W without R", 0, 0, PAGE, false, SGX_SECINFO_REG | 2, 0, -EINVAL },
	{ "WX without R", 0, 0, PAGE, false, SGX_SECINFO_REG | 6, 0, -EINVAL },
	{ "TCS with R", 0, 0, PAGE, false, SGX_SECINFO_TCS | 1, 0, -EINVAL },
	{ "TCS with RW", 0, 0, PAGE, false, SGX_SECINFO_TCS | 3, 0, -EINVAL },
	{ "TCS with X", 0, 0, PAGE, false, SGX_SECINFO_TCS | 4, 0, -EINVAL },
	{ "PENDING", 0, 0, PAGE, false, REG_R | SGX_SECINFO_PENDING, 0, -EINVAL },
	{ "MODIFIED", 0, 0, PAGE, false, REG_R | SGX_SECINFO_MODIFIED, 0, -EINVAL },
	{ "PR", 0, 0, PAGE, false, REG_R | SGX_SECINFO_PR, 0, -EINVAL },
	{ "flag bit 6", 0, 0, PAGE, false, REG_R | 1 << 6, 0, -EINVAL },
	{ "flag bit 7", 0, 0, PAGE, false, REG_R | 1 << 7, 0, -EINVAL },
	{ "flag bit 16", 0, 0, PAGE, false, REG_R | 1 << 16, 0, -EINVAL },
	{ "flag bit 32", 0, 0, PAGE, false, REG_R | 1ULL << 32, 0, -EINVAL },
	{ "flag bit 63", 0, 0, PAGE, false, REG_R | 1ULL << 63, 0, -EINVAL },
	{ "first reserved byte", 0, 0, PAGE, false, REG_R, 8, -EINVAL },
	{ "last reserved byte", 0, 0, PAGE, false, REG_R, 63, -EINVAL },
};

TEST_F(add, before_the_loop)
{
	u64 free = epc_free();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(early); i++) {
		struct sgx_secinfo secinfo = { .flags = early[i].flags };
		struct sgx_enclave_add_pages arg = {
			.src = (uintptr_t)self->src + early[i].src,
			.offset = early[i].offset,
			.length = early[i].length,
			.secinfo = early[i].secinfo_unreadable ? 8 : (uintptr_t)&secinfo,
			.count = GARBAGE,
		};

		((u8 *)&secinfo)[early[i].reserved] |= !!early[i].reserved;
		EXPECT_EQ(early[i].ret, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg)) {
			TH_LOG("%s", early[i].name);
		}
		EXPECT_EQ(GARBAGE, arg.count) {
			TH_LOG("%s", early[i].name);
		}
	}
	EXPECT_EQ(free, epc_free());
}

/* A SECINFO that is wrong wins over everything that is wrong with a page. */
TEST_F(add, secinfo_before_pages)
{
	void *noexec = vt_noexec(PAGE, PROT_READ);

	ASSERT_NE(MAP_FAILED, noexec);
	ASSERT_EQ(0, add(self->fd, self->src, 0, REG_R));
	EXPECT_EQ(-EINVAL, add(self->fd, self->src, 0, SGX_SECINFO_REG | 2));
	EXPECT_EQ(-EINVAL, add(self->fd, noexec, PAGE, SGX_SECINFO_REG | 2));
	EXPECT_EQ(-EINVAL, add(self->fd, NULL, PAGE, SGX_SECINFO_REG | 2));
}

TEST_F(add, secinfo_unreadable)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);
	const u64 bad[] = {
		0, (uintptr_t)mem + PAGE, (uintptr_t)mem + PAGE - 63, 0x800000000000,
		0xffff888000000000, -64ULL, (uintptr_t)vt_anon(PAGE, PROT_NONE),
	};
	struct sgx_enclave_add_pages arg = { .src = (uintptr_t)self->src, .length = PAGE };
	struct sgx_secinfo *secinfo = (void *)(mem + PAGE - sizeof(*secinfo));
	unsigned int i;

	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		arg.secinfo = bad[i];
		EXPECT_EQ(-EFAULT, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg)) {
			TH_LOG("secinfo %#llx", bad[i]);
		}
	}
	secinfo->flags = REG_R;
	arg.secinfo = (uintptr_t)secinfo;
	EXPECT_EQ(0, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg));
	/* Nor has it to be aligned. */
	memmove(mem + 3, secinfo, sizeof(*secinfo));
	arg.secinfo = (uintptr_t)mem + 3;
	arg.offset = PAGE;
	EXPECT_EQ(0, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg));
}

TEST_F(add, existing_page)
{
	void *noexec = vt_noexec(PAGE, PROT_READ);
	u64 free, count;

	ASSERT_NE(MAP_FAILED, noexec);
	ASSERT_EQ(0, add(self->fd, self->src, 2 * PAGE, REG_R));
	free = epc_free();
	EXPECT_EQ(-EBUSY, add(self->fd, self->src, 2 * PAGE, REG_R));
	EXPECT_EQ(-EBUSY, add(self->fd, self->src, 2 * PAGE, SGX_SECINFO_TCS));
	/* Before the source is looked at */
	EXPECT_EQ(-EBUSY, add(self->fd, NULL, 2 * PAGE, REG_R));
	EXPECT_EQ(-EBUSY, add(self->fd, noexec, 2 * PAGE, REG_R));
	EXPECT_EQ(free, epc_free());

	EXPECT_EQ(-EBUSY, vt_ioc_add(self->fd, self->src, 0, 4 * PAGE, REG_R, 0, &count));
	EXPECT_EQ(2 * PAGE, count);
	EXPECT_EQ(free - 2, epc_free());
	EXPECT_EQ(0, vt_ioc_add(self->fd, self->src, 3 * PAGE, PAGE, REG_R, 0, &count));
	EXPECT_EQ(PAGE, count);
}

/* Sources that will not do, at once and after one good page */
TEST_F(add, bad_source)
{
	u8 *noexec = vt_noexec(2 * PAGE, PROT_READ), *end, *beyond;
	int memfd = memfd_create("short", 0);
	struct softsgx_enclave other;
	u64 free, count;
	unsigned int i;

	ASSERT_NE(MAP_FAILED, noexec);
	ASSERT_EQ(0, ftruncate(memfd, PAGE));
	beyond = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, memfd, 0);
	end = vt_anon(2 * PAGE, PROT_RW);
	ASSERT_EQ(0, mprotect(end + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, munmap(noexec, PAGE));
	ASSERT_EQ(0, vt_build(&other, 0));
	ASSERT_EQ(0, vt_map_all(&other));
	free = epc_free();
	{
		struct {
			const char *name;
			void *src;
			int ret;
		} rows[] = {
			{ "NULL", NULL, -EFAULT },
			{ "hole", self->src + NR_SRC * PAGE, -EFAULT },
			{ "PROT_NONE", end + PAGE, -EFAULT },
			{ "beyond the end of a file", beyond + PAGE, -EFAULT },
			{ "nothing above", (void *)0x7fffffffe000, -EFAULT },
			{ "not canonical", (void *)0x800000000000, -EFAULT },
			{ "kernel", (void *)0xffff888000000000, -EFAULT },
			{ "last page", (void *)-PAGE, -EFAULT },
			{ "enclave memory", vt_addr(&other, PG_RWX), -EFAULT },
			{ "enclave memory, no page", vt_addr(&other, PG_HOLE), -EFAULT },
			{ "noexec", noexec + PAGE, -EACCES },
			{ "hole below noexec", noexec, -EACCES },
		};

		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			EXPECT_EQ(rows[i].ret, vt_ioc_add(self->fd, rows[i].src, 0, PAGE, REG_R, 0,
							  &count)) {
				TH_LOG("%s", rows[i].name);
			}
			EXPECT_EQ(0, count);
			EXPECT_EQ(free, epc_free());
		}
	}
	/* In the middle of a range */
	EXPECT_EQ(-EFAULT, vt_ioc_add(self->fd, end, 0, 2 * PAGE, REG_R, 1, &count));
	EXPECT_EQ(PAGE, count);
	EXPECT_EQ(-EFAULT, vt_ioc_add(self->fd, beyond, PAGE, 2 * PAGE, REG_R, 0, &count));
	EXPECT_EQ(PAGE, count);
	EXPECT_EQ(-EFAULT, vt_ioc_add(self->fd, self->src, 2 * PAGE, (NR_SRC + 1) * PAGE, REG_R,
				      0, &count));
	EXPECT_EQ(NR_SRC * PAGE, count);
	EXPECT_EQ(free - 2 - NR_SRC, epc_free());
	softsgx_enclave_close(&other);
	close(memfd);
}

TEST_F(add, noexec_before_unreadable)
{
	u8 *noexec = vt_noexec(PAGE, PROT_NONE);
	u8 *both = vt_anon(2 * PAGE, PROT_RW);
	u64 count;

	ASSERT_NE(MAP_FAILED, noexec);
	EXPECT_EQ(-EACCES, add(self->fd, noexec, 0, REG_R));
	ASSERT_EQ(both + PAGE, mremap(noexec, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				      both + PAGE));
	EXPECT_EQ(-EACCES, vt_ioc_add(self->fd, both, 0, 2 * PAGE, REG_R, 0, &count));
	EXPECT_EQ(PAGE, count);
	/* Also for a page that nobody will execute */
	EXPECT_EQ(-EACCES, add(self->fd, both + PAGE, PAGE, SGX_SECINFO_TCS));
}

TEST_F(add, good_source)
{
	int exe = open("/proc/self/exe", O_RDONLY), memfd = memfd_create("file", 0);
	const void *src[] = {
		vt_anon(PAGE, PROT_READ),
		vt_anon(PAGE, PROT_RWX),
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, exe, 0),
		mmap(NULL, PAGE, PROT_RX, MAP_PRIVATE, exe, 0),
		mmap(NULL, PAGE, PROT_RW, MAP_SHARED, memfd, 0),
		mmap(NULL, PAGE, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	};
	unsigned int i;

	ASSERT_EQ(0, ftruncate(memfd, PAGE));
	for (i = 0; i < ARRAY_SIZE(src); i++) {
		EXPECT_EQ(0, add(self->fd, src[i], i * PAGE, REG_R)) {
			TH_LOG("source %u", i);
		}
	}
	close(exe);
	close(memfd);
}

/* What only the processor finds: a TCS with a reserved byte */
TEST_F(add, refused_by_processor)
{
	u64 free = epc_free(), count;

	self->src[PAGE + 100] = 1;
	EXPECT_EQ(-EIO, add(self->fd, self->src + PAGE, 0, SGX_SECINFO_TCS));
	EXPECT_EQ(free, epc_free());
	EXPECT_EQ(-EIO, vt_ioc_add(self->fd, self->src, 0, 3 * PAGE, SGX_SECINFO_TCS, 1,
				   &count));
	EXPECT_EQ(PAGE, count);
	EXPECT_EQ(free - 1, epc_free());
	self->src[PAGE + 100] = 0;
	EXPECT_EQ(0, vt_ioc_add(self->fd, self->src + PAGE, PAGE, 2 * PAGE, SGX_SECINFO_TCS, 1,
				&count));
	EXPECT_EQ(2 * PAGE, count);

	/* The source is pinned before. */
	self->src[3 * PAGE + 4095] = 1;
	ASSERT_EQ(0, mprotect(self->src + 3 * PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(-EFAULT, add(self->fd, self->src + 3 * PAGE, 3 * PAGE, SGX_SECINFO_TCS));
	ASSERT_EQ(0, mprotect(self->src + 3 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EIO, add(self->fd, self->src + 3 * PAGE, 3 * PAGE, SGX_SECINFO_TCS));
	EXPECT_EQ(-EBUSY, add(self->fd, self->src + 3 * PAGE, PAGE, SGX_SECINFO_TCS));
}

/* A failed page leaves no trace in the measurement. */
TEST_F(add, failure_is_not_measured)
{
	struct softsgx_segment *seg;
	struct sgx_sigstruct sig;
	unsigned int i;

	ASSERT_EQ(0, vt_sign(&self->image, &sig));
	self->src[100] = 1;
	for (i = 0; i < self->image.nr_segs; i++) {
		seg = &self->image.segs[i];
		EXPECT_EQ(-EFAULT, vt_ioc_add(self->fd, NULL, seg->offset, PAGE, seg->flags, 1,
					      NULL));
		EXPECT_EQ(-EIO, vt_ioc_add(self->fd, self->src, seg->offset, PAGE,
					   SGX_SECINFO_TCS, 1, NULL));
		EXPECT_EQ(0, softsgx_enclave_add(&self->encl, seg));
		EXPECT_EQ(-EBUSY, vt_ioc_add(self->fd, self->src, seg->offset, PAGE,
					     seg->flags, 1, NULL));
	}
	EXPECT_EQ(0, vt_ioc_init(self->fd, &sig));
}

/* Only bit 0 of flags counts; the measurement shows which way. */
TEST_F(add, flags)
{
	struct softsgx_segment *seg;
	struct sgx_sigstruct sig;
	unsigned int i;
	u64 count;

	ASSERT_EQ(0, vt_sign(&self->image, &sig));
	for (i = 0; i < self->image.nr_segs; i++) {
		seg = &self->image.segs[i];
		EXPECT_EQ(0, vt_ioc_add(self->fd, seg->src, seg->offset, seg->size, seg->flags,
					seg->measured ? ~0ULL : ~1ULL, &count));
		EXPECT_EQ(PAGE, count);
	}
	EXPECT_EQ(0, vt_ioc_init(self->fd, &sig));
}

TEST_F(add, measuring_matters)
{
	struct softsgx_segment *seg;
	struct sgx_sigstruct sig;
	unsigned int i;

	ASSERT_EQ(0, vt_sign(&self->image, &sig));
	for (i = 0; i < self->image.nr_segs; i++) {
		seg = &self->image.segs[i];
		EXPECT_EQ(0, vt_ioc_add(self->fd, seg->src, seg->offset, seg->size, seg->flags,
					i == PG_RW ? 0 : seg->measured, NULL));
	}
	EXPECT_EQ(-EPERM, vt_ioc_init(self->fd, &sig));
}

/* All that an enclave can hold, in one call; what count was before is ignored. */
TEST_F(add, whole_range)
{
	struct sgx_secinfo secinfo = { .flags = REG_R };
	struct sgx_enclave_add_pages arg = {
		.src = (uintptr_t)vt_anon(VT_SIZE, PROT_RW),
		.length = VT_SIZE,
		.secinfo = (uintptr_t)&secinfo,
		.flags = SGX_PAGE_MEASURE,
		.count = GARBAGE,
	};
	struct sgx_enclave_add_pages before = arg;

	EXPECT_EQ(0, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg));
	EXPECT_EQ(VT_SIZE, arg.count);
	before.count = VT_SIZE;
	EXPECT_EQ(0, memcmp(&arg, &before, sizeof(arg)));
	arg.count = GARBAGE;
	EXPECT_EQ(-EBUSY, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg));
	EXPECT_EQ(0, arg.count);
}

TEST_HARNESS_MAIN
