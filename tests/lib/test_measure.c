// SPDX-License-Identifier: GPL-2.0
/*
 * Images made by hand, and known answers for MRENCLAVE.
 */
#include <errno.h>

#include "test.h"

static void assert_measures(const struct softsgx_image *image,
			    const char *expected)
{
	u8 mrenclave[SOFTSGX_HASH_SIZE];

	softsgx_image_measure(image, mrenclave);
	assert_hash(mrenclave, expected);
}

static void test_golden(void **state)
{
	struct sgx_tcs tcs = {
		.nr_ssa_frames = 1,
		.fs_limit = 0xffffffff,
		.gs_limit = 0xffffffff,
	};
	struct softsgx_image image;

	softsgx_image_init(&image);
	assert_measures(
		&image,
		"9e197c8837c6d65632dbdd59cd7df4f1a25b68d8e4e5eb6ca3b20b05311fecb8");
	assert_int_equal(softsgx_image_add(&image, 0, 4096, NULL, 0x203, false),
			 0);
	assert_measures(
		&image,
		"995c454650d39811c9c53e1af534aa6c34a496ce9302c34e0ced2c7a7e2c4103");
	image.segs[0].measured = true;
	assert_measures(
		&image,
		"1f2cf80bd03ffd8bfac33f7cba128aff511c3af666b93bb66e7ef718418bdade");
	assert_int_equal(
		softsgx_image_add(&image, 4096, 4096, &tcs, 0x100, true), 0);
	assert_measures(
		&image,
		"d2eeb4a106aab8ffd7ebb530a2806de198bc7192de0845c501d345d334c78f57");
	softsgx_image_free(&image);
}

/* One segment of two pages is measured like two segments of one page. */
static void test_pages(void **state)
{
	struct softsgx_image one, two;
	u8 page[2 * 4096], a[32], b[32];

	memset(page, 0x11, 4096);
	memset(page + 4096, 0x22, 4096);
	softsgx_image_init(&one);
	softsgx_image_init(&two);
	softsgx_image_add(&one, 0, 8192, page, 0x203, true);
	softsgx_image_add(&two, 0, 4096, page, 0x203, true);
	softsgx_image_add(&two, 4096, 4096, page + 4096, 0x203, true);
	softsgx_image_measure(&one, a);
	softsgx_image_measure(&two, b);
	assert_memory_equal(a, b, sizeof(a));
	softsgx_image_free(&one);
	softsgx_image_free(&two);
}

static void test_add(void **state)
{
	struct softsgx_image i;

	softsgx_image_init(&i);
	assert_int_equal(i.size, 8192);
	assert_int_equal(softsgx_image_add(&i, 1, 4096, NULL, 0x203, 0),
			 -EINVAL);
	assert_int_equal(softsgx_image_add(&i, 0, 0, NULL, 0x203, 0), -EINVAL);
	assert_int_equal(softsgx_image_add(&i, 0, 100, NULL, 0x203, 0),
			 -EINVAL);
	assert_int_equal(softsgx_image_add(&i, -4096ULL, 8192, NULL, 0x203, 0),
			 -EFBIG);
	assert_int_equal(softsgx_image_add(&i, 0, 1ULL << 47, NULL, 0x203, 0),
			 -EFBIG);
	assert_string_not_equal(softsgx_last_error(), "");
	assert_int_equal(i.nr_segs, 0);

	assert_int_equal(softsgx_image_add(&i, 0x5000, 0x3000, NULL, 0x203, 0),
			 0);
	assert_int_equal(i.size, 0x8000);
	assert_int_equal(softsgx_image_add(&i, 0x7000, 0x1000, NULL, 0x203, 0),
			 -EEXIST);
	assert_int_equal(softsgx_image_add(&i, 0x4000, 0x9000, NULL, 0x203, 0),
			 -EEXIST);
	assert_int_equal(softsgx_image_add(&i, 0x8000, 0x1000, NULL, 0x203, 0),
			 0);
	assert_int_equal(i.size, 0x10000);
	softsgx_image_free(&i);
	assert_int_equal(i.nr_segs, 0);
}

static void test_secs(void **state)
{
	struct softsgx_image i;
	struct sgx_secs secs;

	softsgx_image_init(&i);
	i.size = 0x40000;
	i.miscselect = SGX_MISC_EXINFO;
	i.attributes |= SGX_ATTR_DEBUG | SGX_ATTR_KSS;
	i.xfrm = 7;
	i.ssa_frame_pages = 2;
	i.config_id[63] = 9;
	i.config_svn = 3;
	softsgx_image_secs(&i, 0x7f0000000000, &secs);
	assert_int_equal(secs.base, 0x7f0000000000);
	assert_int_equal(secs.size, 0x40000);
	assert_int_equal(secs.ssa_frame_size, 2);
	assert_int_equal(secs.miscselect, 1);
	assert_int_equal(secs.attributes, 0x86);
	assert_int_equal(secs.xfrm, 7);
	assert_int_equal(secs.config_id[63], 9);
	assert_int_equal(secs.config_svn, 3);
}

static void test_reserve(void **state)
{
	struct softsgx_enclave encl = { .fd = -1 };
	u64 size;

	for (size = 8192; size <= 1ULL << 36; size *= 4) {
		assert_int_equal(softsgx_enclave_reserve(&encl, size), 0);
		assert_int_equal(encl.base & (size - 1), 0);
		assert_int_equal(encl.size, size);
		softsgx_enclave_close(&encl);
	}
	assert_int_equal(softsgx_enclave_reserve(&encl, 12288), -EINVAL);
	assert_int_equal(softsgx_enclave_reserve(&encl, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	cmocka_unit_test(test_pages),
		cmocka_unit_test(test_add),	cmocka_unit_test(test_secs),
		cmocka_unit_test(test_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
