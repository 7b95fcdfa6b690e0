// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_INIT: what the driver refuses, what the processor refuses, in
 * which order, and that each failure can be followed by success.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

#define AT(field)	offsetof(struct sgx_sigstruct, field)
#define KEY_ATTRS	(SGX_ATTR_PROVISIONKEY | SGX_ATTR_EINITTOKENKEY)

FIXTURE(init) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
};

static int load(struct softsgx_enclave *encl, struct softsgx_image *image, u64 attributes,
		struct sgx_sigstruct *sig)
{
	int ret;

	image->attributes |= attributes;
	ret = vt_sign(image, sig);
	return ret ? ret : vt_load(encl, image);
}

FIXTURE_SETUP(init)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, vt_image(&self->image, 0));
}

FIXTURE_TEARDOWN(init)
{
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F(init, works_once)
{
	ASSERT_EQ(0, load(&self->encl, &self->image, 0, &self->sig));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, NULL));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_INIT, NULL));
}

TEST_F(init, not_created)
{
	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, NULL));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_INIT, NULL));
}

TEST_F(init, sigstruct_unreadable)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);
	const void *bad[] = {
		NULL, (void *)8, mem + PAGE, mem + PAGE - 8, mem + PAGE - sizeof(self->sig) + 1,
		vt_anon(PAGE, PROT_NONE), (void *)0x800000000000, (void *)0xffff888000000000,
		(void *)-8,
	};
	unsigned int i;

	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	/* EFAULT comes before EACCES. */
	ASSERT_EQ(0, load(&self->encl, &self->image, SGX_ATTR_EINITTOKENKEY, &self->sig));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, vt_ioc_init(self->encl.fd, bad[i])) {
			TH_LOG("sigstruct %p", bad[i]);
		}
	}
}

/* Where it lies in memory does not matter. */
TEST_F(init, sigstruct_not_aligned)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);

	ASSERT_EQ(0, load(&self->encl, &self->image, 0, &self->sig));
	memcpy(mem + PAGE - 77, &self->sig, sizeof(self->sig));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, mem + PAGE - 77));
}

/* XOR a value into a valid SIGSTRUCT, then sign again or not. */
struct row {
	const char *name;
	int ret;
	bool sign;
	size_t offset;
	size_t len;
	u64 flip;
};

static const struct row rows[] = {
	/* The driver's own checks come first, so the signature does not matter. */
	{ "vendor 1", -EINVAL, false, AT(vendor), 4, 1 },
	{ "vendor 0x8087", -EINVAL, true, AT(vendor), 4, 0x8087 },
	{ "vendor 0x80868086", -EINVAL, true, AT(vendor), 4, 0x80868086 },
	{ "attribute bit 3", -EINVAL, false, AT(attributes), 8, 1 << 3 },
	{ "attribute bit 6, CET", -EINVAL, true, AT(attributes), 8, SGX_ATTR_CET },
	{ "attribute bit 8", -EINVAL, true, AT(attributes), 8, 1 << 8 },
	{ "attribute bit 9", -EINVAL, true, AT(attributes), 8, 1 << 9 },
	{ "attribute bit 31", -EINVAL, true, AT(attributes), 8, 1ULL << 31 },
	{ "attribute bit 32", -EINVAL, true, AT(attributes), 8, 1ULL << 32 },
	{ "attribute bit 63", -EINVAL, true, AT(attributes), 8, 1ULL << 63 },
	{ "MISCSELECT bit 1", -EINVAL, false, AT(miscselect), 4, 1 << 1 },
	{ "MISCSELECT bit 31", -EINVAL, true, AT(miscselect), 4, 1ULL << 31 },
	{ "XFRM bit 20", -EINVAL, false, AT(xfrm), 8, 1 << 20 },
	{ "XFRM bit 62", -EINVAL, true, AT(xfrm), 8, 1ULL << 62 },
	{ "XFRM bit 63", -EINVAL, true, AT(xfrm), 8, 1ULL << 63 },

	{ "header", -EPERM, false, AT(header), 1, 1 },
	{ "header, signed", -EPERM, true, AT(header) + 15, 1, 1 },
	{ "vendor Intel, not signed", -EPERM, false, AT(vendor), 4, 0x8086 },
	{ "date", -EPERM, false, AT(date), 4, 1 },
	{ "header2, signed", -EPERM, true, AT(header2), 1, 1 },
	{ "software defined", -EPERM, false, AT(swdefined), 4, 1 },
	{ "reserved1, signed", -EPERM, true, AT(reserved1), 1, 1 },
	{ "end of reserved1, signed", -EPERM, true, AT(modulus) - 1, 1, 0x80 },
	{ "modulus", -EPERM, false, AT(modulus), 1, 2 },
	{ "top of modulus", -EPERM, false, AT(exponent) - 1, 1, 0x40 },
	{ "exponent", -EPERM, false, AT(exponent), 4, 3 ^ 65537 },
	{ "signature", -EPERM, false, AT(signature), 1, 1 },
	{ "top of signature", -EPERM, false, AT(miscselect) - 1, 1, 0x80 },
	{ "MISCSELECT, signed", -EPERM, true, AT(miscselect), 4, SGX_MISC_EXINFO },
	{ "MISCMASK", -EPERM, false, AT(misc_mask), 4, 1 },
	{ "reserved2, signed", -EPERM, true, AT(reserved2), 1, 1 },
	{ "family without KSS, signed", -EPERM, true, AT(isv_family_id), 1, 1 },
	{ "attributes, DEBUG, signed", -EPERM, true, AT(attributes), 8, SGX_ATTR_DEBUG },
	{ "attributes, 32 bits, signed", -EPERM, true, AT(attributes), 8, SGX_ATTR_MODE64BIT },
	{ "attributes, PROVISIONKEY, signed", -EPERM, true, AT(attributes), 8,
	  SGX_ATTR_PROVISIONKEY },
	{ "attributes, KSS, signed", -EPERM, true, AT(attributes), 8, SGX_ATTR_KSS },
	{ "attributes, AEXNOTIFY, signed", -EPERM, true, AT(attributes), 8, SGX_ATTR_AEXNOTIFY },
	{ "XFRM, signed", -EPERM, true, AT(xfrm), 8, 2 },
	{ "attribute mask", -EPERM, false, AT(attributes_mask), 8, SGX_ATTR_DEBUG },
	{ "XFRM mask", -EPERM, false, AT(xfrm_mask), 8, 1 },
	{ "measurement, signed", -EPERM, true, AT(mrenclave), 1, 1 },
	{ "measurement, not signed", -EPERM, false, AT(mrenclave) + 31, 1, 0x80 },
	{ "reserved3, signed", -EPERM, true, AT(reserved3), 1, 1 },
	{ "product", -EPERM, false, AT(isv_prod_id), 2, 1 },
	{ "SVN", -EPERM, false, AT(isv_svn), 2, 1 },
	{ "reserved4", -EPERM, false, AT(reserved4), 1, 1 },
	{ "q1", -EPERM, false, AT(q1), 1, 1 },
	{ "q2", -EPERM, false, AT(q2), 1, 1 },
	{ "top of q2", -EPERM, false, sizeof(struct sgx_sigstruct) - 1, 1, 0x80 },
};

static int bend(struct sgx_sigstruct *sig, const struct row *row)
{
	u8 *p = (u8 *)sig + row->offset;
	u64 bits = row->flip;
	size_t i;

	for (i = 0; i < row->len; i++, bits >>= 8)
		p[i] ^= bits;
	return row->sign ? softsgx_sign_finish(sig, vt_key()) : 0;
}

/* All on one enclave, which is none the worse for it. */
TEST_F(init, refused_then_accepted)
{
	struct sgx_sigstruct sig;
	unsigned int i;

	ASSERT_EQ(0, load(&self->encl, &self->image, 0, &self->sig));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		sig = self->sig;
		ASSERT_EQ(0, bend(&sig, &rows[i]));
		EXPECT_EQ(rows[i].ret, vt_ioc_init(self->encl.fd, &sig)) {
			TH_LOG("%s", rows[i].name);
		}
	}
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &self->sig));
}

static const struct row fine[] = {
	{ "vendor Intel", 0, true, AT(vendor), 4, 0x8086 },
	{ "date", 0, true, AT(date), 4, 0xff },
	{ "software defined", 0, true, AT(swdefined), 4, ~0U },
	{ "product", 0, true, AT(isv_prod_id), 2, 0xffff },
	{ "SVN", 0, true, AT(isv_svn), 2, 0xffff },
};

/* What its masks leave out does not count, reserved bits included. */
static const struct {
	const char *name;
	u64 attributes, attributes_mask;
	u64 xfrm, xfrm_mask;
	u32 misc, misc_mask;
} masked[] = {
	{ "attribute bit 3", 0xc, ~0x8ULL, 3, ~0ULL, 0, ~0U },
	{ "attribute bits 8 to 63", ~0xfbULL, 0xff, 3, ~0ULL, 0, ~0U },
	{ "DEBUG", 6, ~SGX_ATTR_DEBUG, 3, ~0ULL, 0, ~0U },
	{ "all attributes", ~0ULL, 0, 3, ~0ULL, 0, ~0U },
	{ "XFRM bit 63", 4, ~0ULL, 1ULL << 63 | 3, ~(1ULL << 63), 0, ~0U },
	{ "all of XFRM", 4, ~0ULL, ~0ULL, 0, 0, ~0U },
	{ "MISCSELECT", 4, ~0ULL, 3, ~0ULL, ~0U, 0 },
};

TEST_F(init, accepted)
{
	struct sgx_sigstruct sig;
	unsigned int i;

	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		sig = self->sig;
		ASSERT_EQ(0, bend(&sig, &fine[i]));
		ASSERT_EQ(0, vt_load(&self->encl, &self->image));
		EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &sig)) {
			TH_LOG("%s", fine[i].name);
		}
		softsgx_enclave_close(&self->encl);
	}
}

TEST_F(init, masks)
{
	struct sgx_sigstruct sig;
	unsigned int i;

	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	for (i = 0; i < ARRAY_SIZE(masked); i++) {
		sig = self->sig;
		sig.attributes = masked[i].attributes;
		sig.attributes_mask = masked[i].attributes_mask;
		sig.xfrm = masked[i].xfrm;
		sig.xfrm_mask = masked[i].xfrm_mask;
		sig.miscselect = masked[i].misc;
		sig.misc_mask = masked[i].misc_mask;
		ASSERT_EQ(0, softsgx_sign_finish(&sig, vt_key()));
		ASSERT_EQ(0, vt_load(&self->encl, &self->image));
		EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &sig)) {
			TH_LOG("%s", masked[i].name);
		}
		softsgx_enclave_close(&self->encl);
	}
}

/*
 * A signature of somebody else is as good as the first: launch control is open.
 * Making a key takes its time where there is no KVM.
 */
TEST_F_TIMEOUT(init, other_signer, 300)
{
	struct evp_pkey_st *key;

	ASSERT_EQ(0, softsgx_key_generate(&key));
	ASSERT_EQ(0, softsgx_image_sign(&self->image, key, &self->sig));
	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	softsgx_key_free(key);
}

TEST_F(init, provisionkey)
{
	ASSERT_EQ(0, load(&self->encl, &self->image, SGX_ATTR_PROVISIONKEY, &self->sig));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(0, softsgx_enclave_provision(&self->encl));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(init, einittokenkey)
{
	ASSERT_EQ(0, load(&self->encl, &self->image, SGX_ATTR_EINITTOKENKEY, &self->sig));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(0, softsgx_enclave_provision(&self->encl));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(init, both_keys)
{
	ASSERT_EQ(0, load(&self->encl, &self->image, KEY_ATTRS, &self->sig));
	EXPECT_EQ(0, softsgx_enclave_provision(&self->encl));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(init, debug_and_kss)
{
	struct sgx_sigstruct sig;

	ASSERT_EQ(0, load(&self->encl, &self->image, SGX_ATTR_DEBUG | SGX_ATTR_KSS,
			  &self->sig));
	sig = self->sig;
	sig.isv_family_id[3] = 1;
	sig.isv_ext_prod_id[15] = 2;
	ASSERT_EQ(0, softsgx_sign_finish(&sig, vt_key()));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &sig));
}

/* Vendor, then the enclave's attributes, then reserved bits, then the processor */
TEST_F(init, two_defects)
{
	struct sgx_sigstruct sig;

	ASSERT_EQ(0, load(&self->encl, &self->image, SGX_ATTR_PROVISIONKEY, &self->sig));
	sig = self->sig;
	sig.vendor = 1;
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &sig));
	sig = self->sig;
	sig.attributes |= 1ULL << 63;
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &sig));
	sig = self->sig;
	sig.signature[5] ^= 1;
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &sig));
	ASSERT_EQ(0, softsgx_enclave_provision(&self->encl));
	EXPECT_EQ(-EPERM, vt_ioc_init(self->encl.fd, &sig));
	sig.xfrm |= 1ULL << 63;
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &sig));
}

/* What is added after a failure counts. */
TEST_F(init, goes_on_after_failure)
{
	struct softsgx_segment *last;
	struct sgx_sigstruct early;

	ASSERT_EQ(0, load(&self->encl, &self->image, 0, &early));
	ASSERT_EQ(0, softsgx_image_add(&self->image, PG_HOLE * PAGE, PAGE, NULL,
				       SGX_SECINFO_REG | SGX_SECINFO_R, true));
	self->image.size = VT_SIZE;
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	EXPECT_EQ(-EPERM, vt_ioc_init(self->encl.fd, &self->sig));
	last = &self->image.segs[self->image.nr_segs - 1];
	EXPECT_EQ(0, softsgx_enclave_add(&self->encl, last));
	EXPECT_EQ(-EPERM, vt_ioc_init(self->encl.fd, &early));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(init, enclave_without_pages)
{
	struct softsgx_image image;

	softsgx_image_init(&image);
	image.size = VT_SIZE;
	ASSERT_EQ(0, vt_sign(&image, &self->sig));
	ASSERT_EQ(0, vt_create(&self->encl, &image));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	softsgx_image_free(&image);
}

TEST_HARNESS_MAIN
