// SPDX-License-Identifier: GPL-2.0
/* EPCM look-up, locks, generations, access rights, CPUID.12H. */
#include <pthread.h>
#include <time.h>

#include "rig.h"

static void page_of_knows_only_the_sections(void **state)
{
	struct rig *r = *state;
	u8 *hole = r->mem + RIG_LOW_PAGES * SGX_PAGE_SIZE;

	assert_ptr_equal(sgxcore_page_of(&r->cpu, r->mem), &r->pages[0]);
	assert_ptr_equal(sgxcore_page_of(&r->cpu, hole - 1), &r->pages[RIG_LOW_PAGES - 1]);
	assert_null(sgxcore_page_of(&r->cpu, hole));
	assert_null(sgxcore_page_of(&r->cpu, hole + SGX_PAGE_SIZE - 1));
	assert_ptr_equal(sgxcore_page_of(&r->cpu, hole + SGX_PAGE_SIZE),
			 &r->pages[RIG_LOW_PAGES]);
	assert_null(sgxcore_page_of(&r->cpu, r->mem - 1));
	assert_null(sgxcore_page_of(&r->cpu, r->mem + RIG_MEM));
	assert_null(sgxcore_page_of(&r->cpu, NULL));
	assert_null(sgxcore_page_of(&r->cpu, (void *)~0UL));
}

static void section_init_links_memory(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	memset(r->pages, 0xff, RIG_LOW_PAGES * sizeof(*r->pages));
	sgxcore_section_init(&r->sections[0]);
	for (i = 0; i < RIG_PAGES; i++) {
		assert_int_equal(r->pages[i].lock, 0);
		assert_false(r->pages[i].valid);
		assert_ptr_equal(sgxcore_page_of(&r->cpu, r->pages[i].mem), &r->pages[i]);
	}
}

static void exclusive_excludes_all(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[0];

	assert_true(sgxcore_lock_exclusive(page));
	assert_false(sgxcore_lock_exclusive(page));
	assert_false(sgxcore_lock_shared(page));
	assert_false(sgxcore_lock_lp(page));
	assert_false(sgxcore_lock_lp_patiently(page));
	sgxcore_unlock_exclusive(page);
	assert_int_equal(page->lock, 0);
}

static void a_long_lock_excludes_all(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[0];

	assert_false(sgxcore_is_locked_long(page));
	assert_true(sgxcore_lock_exclusive_long(page));
	assert_true(sgxcore_is_locked_long(page));
	assert_false(sgxcore_lock_exclusive_long(page));
	assert_false(sgxcore_lock_exclusive(page));
	assert_false(sgxcore_lock_shared_long(page));
	assert_false(sgxcore_lock_shared(page));
	assert_false(sgxcore_lock_lp(page));
	assert_false(sgxcore_lock_lp_patiently(page));
	sgxcore_unlock_exclusive_long(page);
	assert_true(sgxcore_lock_shared_long(page));
	assert_true(sgxcore_lock_shared(page));
	assert_true(sgxcore_lock_lp(page));
	assert_false(sgxcore_lock_exclusive_long(page));
	sgxcore_unlock_lp(page);
	sgxcore_unlock_shared(page);
	sgxcore_unlock_shared_long(page);
	assert_int_equal(page->lock, 0);
}

static void shared_excludes_exclusive_only(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[0];

	assert_true(sgxcore_lock_shared(page));
	assert_true(sgxcore_lock_shared(page));
	assert_true(sgxcore_lock_lp_patiently(page));
	assert_false(sgxcore_lock_exclusive(page));
	assert_true(sgxcore_lock_extra(page));
	assert_false(sgxcore_lock_extra(page));
	sgxcore_unlock_extra(page);
	assert_true(sgxcore_lock_tracking(page));
	assert_false(sgxcore_lock_tracking(page));
	sgxcore_unlock_tracking(page);
	sgxcore_unlock_lp(page);
	assert_false(sgxcore_lock_exclusive(page));
	assert_true(sgxcore_lock_lp(page));
	sgxcore_unlock_shared(page);
	sgxcore_unlock_shared(page);
	/* an LP that stays: given up in the end */
	assert_false(sgxcore_lock_exclusive(page));
	sgxcore_unlock_lp(page);
	assert_true(sgxcore_lock_exclusive(page));
	sgxcore_unlock_exclusive(page);
}

static void *hold_for_a_moment(void *arg)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
	sgxcore_unlock_lp(arg);
	return NULL;
}

static void an_exit_is_waited_for(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[0];
	pthread_t thread;
	unsigned int i;
	bool locked = false;

	assert_true(sgxcore_lock_lp(page));
	assert_int_equal(pthread_create(&thread, NULL, hold_for_a_moment, page), 0);
	/* The machine may be busy with other things. */
	for (i = 0; !locked && i < 1000; i++)
		locked = sgxcore_lock_exclusive(page);
	pthread_join(thread, NULL);
	assert_true(locked);
	sgxcore_unlock_exclusive(page);
}

static void leaves_conflict_at_once(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[0];

	assert_true(sgxcore_lock_lp(page));
	assert_true(sgxcore_lock_shared(page));
	assert_false(sgxcore_lock_exclusive(page));
	sgxcore_unlock_lp(page);
	assert_false(sgxcore_lock_exclusive(page));
	sgxcore_unlock_shared(page);
	assert_true(sgxcore_lock_exclusive(page));
	sgxcore_unlock_exclusive(page);
}

static void generation_follows_valid(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[5];
	u32 gen = page->gen;

	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, page->mem));
	assert_int_not_equal(page->gen, gen);
	gen = page->gen;
	assert_ok(sgxcore_eremove(&r->cpu, page->mem));
	assert_int_not_equal(page->gen, gen);
	gen = page->gen;
	assert_ok(sgxcore_eremove(&r->cpu, page->mem));
	assert_int_equal(page->gen, gen);
}

static void access_is_for_usable_reg_pages(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[9];
	const u8 rx = SGX_SECINFO_R | SGX_SECINFO_X;
	struct sgxcore_page *secs = rig_default_secs(r);

	assert_int_equal(sgxcore_page_access(page), 0);
	assert_int_equal(sgxcore_page_access(secs), 0);
	assert_ok(rig_eadd(r, 9, secs, RIG_CODE, SGX_SECINFO_REG | rx));
	assert_int_equal(sgxcore_page_access(page), rx);
	page->pr = true;
	assert_int_equal(sgxcore_page_access(page), rx);
	page->pr = false;
	page->blocked = true;
	assert_int_equal(sgxcore_page_access(page), 0);
	page->blocked = false;
	page->pending = true;
	assert_int_equal(sgxcore_page_access(page), 0);
	page->pending = false;
	page->modified = true;
	assert_int_equal(sgxcore_page_access(page), 0);
	page->modified = false;
	page->type = SGX_PT_TRIM;
	assert_int_equal(sgxcore_page_access(page), 0);
	page->type = SGX_PT_TCS;
	assert_int_equal(sgxcore_page_access(page), 0);
}

static void cpuid_enumerates_model_and_sections(void **state)
{
	struct rig *r = *state;
	u32 out[4];

	sgxcore_cpuid12(&r->cpu, 0, out);
	assert_int_equal(out[0], 3);
	assert_int_equal(out[1], SGX_MISC_EXINFO);
	assert_int_equal(out[2], 0);
	assert_int_equal(out[3], 0x241f);

	r->model.sgx2 = false;
	sgxcore_cpuid12(&r->cpu, 0, out);
	assert_int_equal(out[0], 1);

	r->model.attr_mask |= SGX_ATTR_INIT | 1ULL << 40;
	r->model.xfrm_mask = 0x100000007;
	sgxcore_cpuid12(&r->cpu, 1, out);
	assert_int_equal(out[0], 0xb6);
	assert_int_equal(out[1], 0x100);
	assert_int_equal(out[2], 7);
	assert_int_equal(out[3], 1);

	sgxcore_cpuid12(&r->cpu, 2, out);
	assert_int_equal(out[0], 0x40000001);
	assert_int_equal(out[1], 0x12);
	assert_int_equal(out[2], RIG_LOW_PAGES * SGX_PAGE_SIZE | 1);
	assert_int_equal(out[3], 0);
	sgxcore_cpuid12(&r->cpu, 3, out);
	assert_int_equal(out[0], 0x80000001);
	r->sections[1].nr_pages = 0x1234567;
	sgxcore_cpuid12(&r->cpu, 3, out);
	assert_int_equal(out[2], 0x34567001);
	assert_int_equal(out[3], 0x12);
	sgxcore_cpuid12(&r->cpu, 4, out);
	assert_true(sgxcore_is_zero(out, sizeof(out)));
	sgxcore_cpuid12(&r->cpu, ~0U, out);
	assert_true(sgxcore_is_zero(out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(page_of_knows_only_the_sections),
		RIG_TEST(section_init_links_memory),
		RIG_TEST(exclusive_excludes_all),
		RIG_TEST(a_long_lock_excludes_all),
		RIG_TEST(shared_excludes_exclusive_only),
		RIG_TEST(an_exit_is_waited_for),
		RIG_TEST(leaves_conflict_at_once),
		RIG_TEST(generation_follows_valid),
		RIG_TEST(access_is_for_usable_reg_pages),
		RIG_TEST(cpuid_enumerates_model_and_sections),
	};

	return cmocka_run_group_tests_name("epc", tests, NULL, NULL);
}
