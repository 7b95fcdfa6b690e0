// SPDX-License-Identifier: GPL-2.0
/* EREMOVE and EPA. */
#include "rig.h"

#define EREMOVE(r, i)	sgxcore_eremove(&(r)->cpu, (r)->pages[i].mem)
#define EPA(r, i)	sgxcore_epa(&(r)->cpu, SGX_PT_VA, (r)->pages[i].mem)

static void assert_gone(const struct sgxcore_page *page)
{
	assert_false(page->valid);
	assert_null(page->secs);
	assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
}

static void eremove_rejects(void **state)
{
	struct rig *r = *state;

	REJECTS_GP(r, sgxcore_eremove(&r->cpu, r->pages[0].mem + 8));
	REJECTS_PF_ENCLS(r, sgxcore_eremove(&r->cpu, r->src), r->src);
	REJECTS_GP(r, sgxcore_eremove(&r->cpu, r->src + 8));
	rig_default_secs(r);
	assert_true(sgxcore_lock_shared(r->secs));
	REJECTS_GP(r, EREMOVE(r, 0));
	sgxcore_unlock_shared(r->secs);
	assert_true(sgxcore_lock_exclusive(r->secs));
	REJECTS_GP(r, EREMOVE(r, 0));
	sgxcore_unlock_exclusive(r->secs);
	/* conflict before VALID=0 */
	assert_true(sgxcore_lock_shared(&r->pages[9]));
	REJECTS_GP(r, EREMOVE(r, 9));
	sgxcore_unlock_shared(&r->pages[9]);
}

static void eremove_of_free_page_is_nothing(void **state)
{
	struct rig *r = *state;
	struct snapshot *s = rig_snapshot(r);

	assert_ok(EREMOVE(r, 7));
	rig_assert_unchanged(r, s);
}

static void eremove_secs_waits_for_children(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	assert_ok(rig_eadd(r, 1, r->secs, RIG_BASE, RIG_REG_RW));
	assert_ok(rig_eadd(r, 2, r->secs, RIG_BASE + 0x1000, RIG_REG_RW));
	REJECTS_STATUS(r, EREMOVE(r, 0), SGX_CHILD_PRESENT);
	assert_ok(EREMOVE(r, 1));
	assert_gone(&r->pages[1]);
	REJECTS_STATUS(r, EREMOVE(r, 0), SGX_CHILD_PRESENT);
	assert_ok(EREMOVE(r, 2));
	assert_int_equal(r->secs->children, 0);
	assert_ok(EREMOVE(r, 0));
	assert_gone(&r->pages[0]);
}

static void eremove_waits_for_threads(void **state)
{
	struct rig *r = *state;
	u32 epoch;

	rig_default_secs(r);
	memset(r->src, 0xee, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, r->secs, RIG_BASE, RIG_REG_RW));
	epoch = sgxcore_track_enter(r->secs);
	REJECTS_STATUS(r, EREMOVE(r, 1), SGX_ENCLAVE_ACT);
	/* child before thread */
	REJECTS_STATUS(r, EREMOVE(r, 0), SGX_CHILD_PRESENT);
	/* a trimmed page that was not accepted yet */
	r->pages[1].type = SGX_PT_TRIM;
	r->pages[1].modified = true;
	REJECTS_STATUS(r, EREMOVE(r, 1), SGX_ENCLAVE_ACT);
	/* accepted: goes in spite of the thread */
	r->pages[1].modified = false;
	assert_ok(EREMOVE(r, 1));
	assert_gone(&r->pages[1]);
	/* The SECS stays as long as a thread refers to it. */
	REJECTS_STATUS(r, EREMOVE(r, 0), SGX_ENCLAVE_ACT);
	sgxcore_track_leave(r->secs, epoch);
	assert_ok(EREMOVE(r, 0));
}

static void eremove_ignores_state_bits(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	rig_tcs_source(r);
	assert_ok(rig_eadd(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS));
	/* STATE of a TCS does not count. */
	((struct sgx_tcs *)r->pages[1].mem)->state = 1;
	r->pages[1].blocked = true;
	r->pages[1].pending = true;
	r->pages[1].modified = true;
	r->pages[1].pr = true;
	assert_ok(EREMOVE(r, 1));
	assert_gone(&r->pages[1]);
	/* None of that is left for the next life. */
	memset(r->src, 0, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, r->secs, RIG_BASE, RIG_REG_RW));
	assert_int_equal(sgxcore_page_access(&r->pages[1]), 3);
	assert_false(r->pages[1].pr);
}

static void epa_rejects(void **state)
{
	struct rig *r = *state;
	u8 *page = r->pages[1].mem;

	REJECTS_GP(r, sgxcore_epa(&r->cpu, 2, page));
	REJECTS_GP(r, sgxcore_epa(&r->cpu, 0x100000003, page));
	REJECTS_GP(r, sgxcore_epa(&r->cpu, SGX_PT_VA, page + 8));
	REJECTS_PF_ENCLS(r, sgxcore_epa(&r->cpu, SGX_PT_VA, r->src), r->src);
	/* RBX before not EPC */
	REJECTS_GP(r, sgxcore_epa(&r->cpu, 2, r->src));
	assert_ok(EPA(r, 1));
	REJECTS_PF_ENCLS(r, EPA(r, 1), page);
	assert_true(sgxcore_lock_shared(&r->pages[1]));
	REJECTS_GP(r, EPA(r, 1));
	sgxcore_unlock_shared(&r->pages[1]);
	rig_default_secs(r);
	REJECTS_PF_ENCLS(r, EPA(r, 0), r->secs->mem);
}

static void epa_makes_an_empty_va(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[RIG_LOW_PAGES];

	memset(page->mem, 0xcc, SGX_PAGE_SIZE);
	assert_ok(EPA(r, RIG_LOW_PAGES));
	assert_true(page->valid);
	assert_int_equal(page->type, SGX_PT_VA);
	assert_int_equal(page->perm, 0);
	assert_int_equal(page->addr, 0);
	assert_null(page->secs);
	assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
	memset(page->mem, 0xcc, SGX_PAGE_SIZE);
	assert_ok(EREMOVE(r, RIG_LOW_PAGES));
	assert_gone(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(eremove_rejects),
		RIG_TEST(eremove_of_free_page_is_nothing),
		RIG_TEST(eremove_secs_waits_for_children),
		RIG_TEST(eremove_waits_for_threads),
		RIG_TEST(eremove_ignores_state_bits),
		RIG_TEST(epa_rejects),
		RIG_TEST(epa_makes_an_empty_va),
	};

	return cmocka_run_group_tests_name("leaf_epc", tests, NULL, NULL);
}
