// SPDX-License-Identifier: GPL-2.0
/* SSA frames that are scattered over the EPC. */
#include "rig.h"

/* A frame of three XSAVE pages, out of order, and a GPR page */
static struct sgxcore_frame scattered(struct rig *r)
{
	return (struct sgxcore_frame){
		.xsave = {
			{ .page = &r->pages[9] },
			{ .page = &r->pages[60] },
			{ .page = &r->pages[2] },
		},
		.gpr = { .page = &r->pages[5] },
	};
}

static void pages_and_order(void **state)
{
	struct rig *r = *state;
	struct sgxcore_frame f = scattered(r);

	assert_int_equal(sgxcore_frame_pages(&f), 4);
	assert_ptr_equal(sgxcore_frame_xlat(&f, 0), &f.xsave[0]);
	assert_ptr_equal(sgxcore_frame_xlat(&f, 2), &f.xsave[2]);
	assert_ptr_equal(sgxcore_frame_xlat(&f, 3), &f.gpr);
	f.xsave[3].page = &r->pages[1];
	assert_int_equal(sgxcore_frame_pages(&f), SGXCORE_SSA_PAGES);
}

static void unlock_drops_a_prefix(void **state)
{
	struct rig *r = *state;
	struct sgxcore_frame f = scattered(r);

	assert_true(sgxcore_lock_lp(&r->pages[9]));
	assert_true(sgxcore_lock_lp(&r->pages[60]));
	sgxcore_frame_unlock(&f, 2);
	rig_assert_unlocked(r);
}

static void write_and_read_cross_pages(void **state)
{
	static const u32 offsets[] = { 0, 1, 4000, 4095, 4096, 8000, 8191 };
	struct rig *r = *state;
	struct sgxcore_frame f = scattered(r);
	u8 data[4200], copy[4200];
	unsigned int i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 13 + 1);
	for (i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		u32 n = offsets[i] > 8000 ? 4096 : sizeof(data);

		if (offsets[i] + n > 3 * SGX_PAGE_SIZE)
			n = 3 * SGX_PAGE_SIZE - offsets[i];
		sgxcore_frame_write(&f, offsets[i], data, n);
		memset(copy, 0, sizeof(copy));
		sgxcore_frame_read(&f, offsets[i], copy, n);
		assert_memory_equal(copy, data, n);
	}
	sgxcore_frame_write(&f, 4094, data, 4);
	assert_memory_equal(r->pages[9].mem + 4094, data, 2);
	assert_memory_equal(r->pages[60].mem, data + 2, 2);
	sgxcore_frame_write(&f, 4094, NULL, 4);
	assert_true(sgxcore_is_zero(r->pages[9].mem + 4094, 2));
	assert_true(sgxcore_is_zero(r->pages[60].mem, 2));
	assert_true(sgxcore_is_zero(r->pages[5].mem, SGX_PAGE_SIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(pages_and_order),
		RIG_TEST(unlock_drops_a_prefix),
		RIG_TEST(write_and_read_cross_pages),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
