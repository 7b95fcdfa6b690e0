// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_CREATE: every reason to refuse, and that a refusal leaves
 * nothing behind: the same file takes a good SECS afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

#define AT(field)	offsetof(struct sgx_secs, field)

FIXTURE(create) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_secs secs;
};

FIXTURE_SETUP(create)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, vt_reserve(&self->encl, self->image.size));
	softsgx_image_secs(&self->image, self->encl.base, &self->secs);
}

FIXTURE_TEARDOWN(create)
{
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static u64 epc_used(const struct vt_epc *start)
{
	struct vt_epc now;

	return vt_epc_read(&now) ? ~0ULL : start->free - now.free;
}

TEST_F(create, works)
{
	EXPECT_EQ(0, epc_used(&self->start));
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_LE(1, epc_used(&self->start));
	EXPECT_EQ(0, vt_ioc_add(self->encl.fd, vt_anon(PAGE, PROT_READ), VT_SIZE - PAGE, PAGE,
				SGX_SECINFO_REG, 0, NULL));
}

TEST_F(create, twice)
{
	ASSERT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_EQ(-EINVAL, vt_ioc_create(self->encl.fd, &self->secs));
	/* Tested before anything is read */
	EXPECT_EQ(-EINVAL, vt_ioc_create(self->encl.fd, NULL));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_CREATE, NULL));
	self->secs.size = 0;
	EXPECT_EQ(-EINVAL, vt_ioc_create(self->encl.fd, &self->secs));
}

TEST_F(create, after_init)
{
	struct sgx_sigstruct sig;

	ASSERT_EQ(0, vt_sign(&self->image, &sig));
	ASSERT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
	ASSERT_EQ(0, vt_add_all(&self->encl, &self->image));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &sig));
	EXPECT_EQ(-EINVAL, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_CREATE, NULL));
}

TEST_F(create, secs_unreadable)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);
	const void *bad[] = {
		NULL, (void *)8, mem + PAGE, mem + 1, mem + PAGE - 8, vt_anon(PAGE, PROT_NONE),
		(void *)0x800000000000, (void *)0xffff888000000000, (void *)-1,
	};
	unsigned int i;

	memcpy(mem, &self->secs, PAGE);
	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, vt_ioc_create(self->encl.fd, bad[i])) {
			TH_LOG("src %p", bad[i]);
		}
	}
	EXPECT_EQ(0, epc_used(&self->start));
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, mem));
}

/* No rule says that the SECS has to be aligned. */
TEST_F(create, secs_not_aligned)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);

	memcpy(mem + 1, &self->secs, PAGE);
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, mem + 1));
}

static const struct {
	u64 size;
	int ret;
} sizes[] = {
	{ 0, -EINVAL },
	{ 3, -EINVAL },
	{ PAGE - 1, -EINVAL },
	{ PAGE + 1, -EINVAL },
	{ 3 << 12, -EINVAL },
	{ (1ULL << 62) + PAGE, -EINVAL },
	{ 1ULL << 63, -EINVAL },
	{ (1ULL << 63) + PAGE, -EINVAL },
	{ -2 * PAGE, -EINVAL },
	{ -PAGE, -EINVAL },
	{ ~0ULL, -EINVAL },
	/* Less than a page: refused here, though a power of two */
	{ 1, -EINVAL },
	{ 2048, -EINVAL },
	/* Other powers of two are the processor's business. */
	{ PAGE, -EIO },
	{ 1ULL << 57, -EIO },
	{ 1ULL << 62, -EIO },
};

TEST_F(create, sizes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->secs.size = sizes[i].size;
		self->secs.base = 0;
		EXPECT_EQ(sizes[i].ret, vt_ioc_create(self->encl.fd, &self->secs)) {
			TH_LOG("size %#llx", sizes[i].size);
		}
		EXPECT_EQ(0, epc_used(&self->start));
	}
	self->secs.size = VT_SIZE;
	self->secs.base = self->encl.base;
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
}

/* The largest enclave that there can be; nothing is allocated for its size. */
TEST_F(create, huge)
{
	self->secs.base = 0;
	self->secs.size = 1ULL << 46;
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_EQ(0, vt_ioc_add(self->encl.fd, vt_anon(PAGE, PROT_READ), (1ULL << 46) - PAGE,
				PAGE, SGX_SECINFO_REG, 0, NULL));
	EXPECT_EQ(-EINVAL, vt_ioc_add(self->encl.fd, vt_anon(PAGE, PROT_READ), 1ULL << 46,
				      PAGE, SGX_SECINFO_REG, 0, NULL));
}

/* It would end at 0, where no arithmetic about its range holds. */
TEST_F(create, top_of_address_space)
{
	u64 base = self->secs.base;

	self->secs.base = -VT_SIZE;
	EXPECT_EQ(-EIO, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_EQ(0, epc_used(&self->start));
	self->secs.base = base;
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
}

/* What the processor refuses: XOR a value into the SECS. */
static const struct {
	const char *name;
	size_t offset;
	size_t len;
	u64 flip;
} refused[] = {
	{ "base not a multiple of size", AT(base), 8, PAGE },
	{ "base half a size off", AT(base), 8, VT_SIZE / 2 },
	{ "base unaligned", AT(base), 8, 1 },
	{ "base not canonical", AT(base), 8, 1ULL << 63 },
	{ "32-bit enclave above 4 GiB", AT(attributes), 8, SGX_ATTR_MODE64BIT },
	{ "no SSA", AT(ssa_frame_size), 4, 1 },
	{ "MISCSELECT bit 1", AT(miscselect), 4, 1 << 1 },
	{ "MISCSELECT bit 31", AT(miscselect), 4, 1ULL << 31 },
	{ "CET bitmap", AT(cet_leg_bitmap_offset), 8, PAGE },
	{ "CET attributes", AT(cet_attributes), 1, 1 },
	{ "first reserved byte of the 1st area", AT(reserved1), 1, 1 },
	{ "last reserved byte of the 1st area", AT(attributes) - 1, 1, 0x80 },
	{ "INIT", AT(attributes), 8, SGX_ATTR_INIT },
	{ "attribute bit 3", AT(attributes), 8, 1 << 3 },
	{ "CET attribute", AT(attributes), 8, SGX_ATTR_CET },
	{ "attribute bit 8", AT(attributes), 8, 1 << 8 },
	{ "attribute bit 9", AT(attributes), 8, 1 << 9 },
	{ "attribute bit 11", AT(attributes), 8, 1 << 11 },
	{ "attribute bit 32", AT(attributes), 8, 1ULL << 32 },
	{ "attribute bit 63", AT(attributes), 8, 1ULL << 63 },
	{ "XFRM 0", AT(xfrm), 8, SGX_XFRM_LEGACY },
	{ "XFRM 1", AT(xfrm), 8, SGX_XFRM_LEGACY ^ 1 },
	{ "XFRM 2", AT(xfrm), 8, SGX_XFRM_LEGACY ^ 2 },
	{ "XFRM with only half of MPX", AT(xfrm), 8, 1 << 3 },
	{ "XFRM with PT", AT(xfrm), 8, 1 << 8 },
	{ "XFRM bit 20", AT(xfrm), 8, 1 << 20 },
	{ "XFRM bit 62", AT(xfrm), 8, 1ULL << 62 },
	{ "XFRM bit 63", AT(xfrm), 8, 1ULL << 63 },
	{ "first reserved byte of the 2nd area", AT(reserved2), 1, 1 },
	{ "last reserved byte of the 2nd area", AT(mrsigner) - 1, 1, 0x80 },
	{ "first reserved byte of the 3rd area", AT(reserved3), 1, 1 },
	{ "last reserved byte of the 3rd area", AT(config_id) - 1, 1, 0x80 },
	{ "CONFIGID without KSS", AT(config_id), 1, 1 },
	{ "end of CONFIGID without KSS", AT(isv_prod_id) - 1, 1, 0x80 },
	{ "CONFIGSVN without KSS", AT(config_svn), 2, 1 },
	{ "first reserved byte of the 4th area", AT(reserved4), 1, 1 },
	{ "last reserved byte", PAGE - 1, 1, 0x80 },
};

static void flip(struct sgx_secs *secs, size_t offset, size_t len, u64 bits)
{
	u8 *p = (u8 *)secs + offset;

	for (; len; len--, bits >>= 8)
		*p++ ^= bits;
}

TEST_F(create, refused_by_processor)
{
	struct sgx_secs secs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		secs = self->secs;
		flip(&secs, refused[i].offset, refused[i].len, refused[i].flip);
		EXPECT_EQ(-EIO, vt_ioc_create(self->encl.fd, &secs)) {
			TH_LOG("%s", refused[i].name);
		}
		EXPECT_EQ(0, epc_used(&self->start)) {
			TH_LOG("%s: EPC page lost", refused[i].name);
		}
		/* Not created: the other commands say so before they read anything. */
		EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, NULL));
		EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_INIT, NULL));
	}
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
}

static const struct {
	const char *name;
	size_t offset;
	size_t len;
	u64 flip;
	u64 attributes;
} accepted[] = {
	{ "DEBUG", AT(attributes), 8, SGX_ATTR_DEBUG, 0 },
	{ "PROVISIONKEY", AT(attributes), 8, SGX_ATTR_PROVISIONKEY, 0 },
	{ "EINITTOKENKEY", AT(attributes), 8, SGX_ATTR_EINITTOKENKEY, 0 },
	{ "EXINFO", AT(miscselect), 4, SGX_MISC_EXINFO, 0 },
	{ "larger SSA", AT(ssa_frame_size), 4, 2, 0 },
	{ "CONFIGID with KSS", AT(config_id), 8, ~0ULL, SGX_ATTR_KSS },
	{ "CONFIGSVN with KSS", AT(config_svn), 2, 0xffff, SGX_ATTR_KSS },
};

TEST_F(create, accepted_by_processor)
{
	struct sgx_secs secs;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(accepted); i++) {
		fd = open(ENCL_DEV, O_RDWR);
		secs = self->secs;
		secs.attributes |= accepted[i].attributes;
		flip(&secs, accepted[i].offset, accepted[i].len, accepted[i].flip);
		EXPECT_EQ(0, vt_ioc_create(fd, &secs)) {
			TH_LOG("%s", accepted[i].name);
		}
		close(fd);
	}
}

/* A size that is no power of two is found before what the processor finds. */
TEST_F(create, two_defects)
{
	self->secs.xfrm = 0;
	self->secs.size += PAGE;
	EXPECT_EQ(-EINVAL, vt_ioc_create(self->encl.fd, &self->secs));
	self->secs.size -= PAGE;
	EXPECT_EQ(-EIO, vt_ioc_create(self->encl.fd, &self->secs));
}

/* Fill the EPC with an enclave; CREATE and ADD_PAGES of others find nothing. */
/* What does not fit into the EPC is elsewhere. */
TEST_F_TIMEOUT(create, larger_than_epc, 120)
{
	u64 count, size = 2 * PAGE, total = self->start.total * PAGE;
	struct softsgx_enclave big = { .fd = -1 };
	struct vt_epc now;
	void *src;

	while (size < 2 * total)
		size *= 2;
	src = vt_anon(size, PROT_READ);
	ASSERT_EQ(0, softsgx_enclave_open(&big));
	ASSERT_EQ(0, vt_reserve(&big, size));
	self->image.size = size;
	softsgx_image_secs(&self->image, big.base, &self->secs);
	ASSERT_EQ(0, vt_ioc_create(big.fd, &self->secs));
	self->image.size = VT_SIZE;
	softsgx_image_secs(&self->image, self->encl.base, &self->secs);

	EXPECT_EQ(0, vt_ioc_add(big.fd, src, 0, size, SGX_SECINFO_REG | SGX_SECINFO_R, 0,
				&count));
	EXPECT_EQ(size, count);
	ASSERT_EQ(0, vt_epc_read(&now));
	EXPECT_GT(self->start.total / 4, now.free);

	/* There is room for others, and evicted pages exist, too. */
	EXPECT_EQ(0, vt_ioc_create(self->encl.fd, &self->secs));
	EXPECT_EQ(0, vt_ioc_add(self->encl.fd, src, 0, VT_SIZE, SGX_SECINFO_REG, 0, &count));
	EXPECT_EQ(VT_SIZE, count);
	EXPECT_EQ(-EBUSY, vt_ioc_add(big.fd, src, 0, PAGE, SGX_SECINFO_REG, 0, &count));
	EXPECT_EQ(0, count);
	softsgx_enclave_close(&big);
}

TEST_HARNESS_MAIN
