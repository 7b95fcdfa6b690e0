// SPDX-License-Identifier: GPL-2.0
/* Size, legality and validity of XSAVE areas; the synthetic one. */
#include "rig.h"

static void sizes(void **state)
{
	struct rig *r = *state;

	assert_int_equal(sgxcore_xsave_size(&r->model, 0x3), 576);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x7), 832);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x1f), 1088);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0xe7), 2688);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x2e7), 2696);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x203), 2696);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x602e7), 11008);
	/* A layout that is not in the order of the bits */
	r->model.xstate_offset[9] = 832;
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x2e7), 2688);
	assert_int_equal(sgxcore_xsave_size(&r->model, 0x207), 840);
}

static void legal_xfrm(void **state)
{
	static const u64 good[] = { 0x3, 0x7, 0x1b, 0x1f, 0xe7, 0xff, 0x203, 0x2e7, 0x60003 };
	static const u64 bad[] = {
		0, 1, 2, 4, 5, 6, 0xb, 0x13, 0x23, 0x43, 0x27, 0x67, 0xa7, 0xc7, 0xe3, 0x103,
		0x20003, 0x40003, 0x403, 0x8000000000000003, ~0ULL,
	};
	struct rig *r = *state;
	unsigned int i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(sgxcore_xfrm_legal(&r->model, good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(sgxcore_xfrm_legal(&r->model, bad[i]));
	r->model.xfrm_mask = ~0ULL;
	assert_false(sgxcore_xfrm_legal(&r->model, 0x8000000000000003));
	assert_false(sgxcore_xfrm_legal(&r->model, 0x23));
	r->model.xfrm_mask = 0x3;
	assert_false(sgxcore_xfrm_legal(&r->model, 0x7));
}

static void images(void **state)
{
	struct rig *r = *state;
	u8 image[576];
	unsigned int i;

	memset(image, 0xff, sizeof(image));
	memset(image + 24, 0, 4);
	memset(image + 512, 0, 24);
	assert_true(sgxcore_xsave_valid(&r->model, 3, image));
	image[512] = 3;
	assert_true(sgxcore_xsave_valid(&r->model, 3, image));
	image[512] = 7;
	assert_false(sgxcore_xsave_valid(&r->model, 3, image));
	assert_true(sgxcore_xsave_valid(&r->model, 7, image));
	image[512] = 0;
	image[519] = 0x80;
	assert_false(sgxcore_xsave_valid(&r->model, 0x602ff, image));
	image[519] = 0;
	for (i = 520; i < 536; i++) {
		image[i] = 1;
		assert_false(sgxcore_xsave_valid(&r->model, 3, image));
		image[i] = 0;
	}
	image[25] = 0xff;
	assert_true(sgxcore_xsave_valid(&r->model, 3, image));
	image[26] = 1;
	assert_false(sgxcore_xsave_valid(&r->model, 3, image));
	image[26] = 0;
	image[27] = 0x80;
	assert_false(sgxcore_xsave_valid(&r->model, 3, image));
	image[27] = 0;
	image[24] = 0x40;
	r->model.mxcsr_mask = 0xffbf;
	assert_false(sgxcore_xsave_valid(&r->model, 3, image));
}

static void synthetic(void **state)
{
	struct rig *r = *state;
	u8 image[576 + 8];
	u8 expected[576 + 8];

	memset(image, 0xaa, sizeof(image));
	memset(expected, 0, sizeof(expected));
	memset(expected + 576, 0xaa, 8);
	expected[0] = 0x7f;
	expected[1] = 0x03;
	expected[24] = 0xb0;
	expected[25] = 0x1f;
	expected[512] = 3;
	sgxcore_xsave_synthetic(image, -1);
	assert_memory_equal(image, expected, sizeof(image));
	sgxcore_xsave_synthetic(image, SGXCORE_TRAP_UD);
	assert_memory_equal(image, expected, sizeof(image));
	assert_true(sgxcore_xsave_valid(&r->model, 3, image));

	expected[24] = 0x01;
	sgxcore_xsave_synthetic(image, SGXCORE_TRAP_XM);
	assert_memory_equal(image, expected, sizeof(image));

	expected[24] = 0xb0;
	expected[0] = 0x7e;
	expected[2] = 0x81;
	expected[3] = 0x80;
	sgxcore_xsave_synthetic(image, SGXCORE_TRAP_MF);
	assert_memory_equal(image, expected, sizeof(image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(sizes),
		RIG_TEST(legal_xfrm),
		RIG_TEST(images),
		RIG_TEST(synthetic),
	};

	return cmocka_run_group_tests_name("xsave", tests, NULL, NULL);
}
