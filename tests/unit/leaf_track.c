// SPDX-License-Identifier: GPL-2.0
/* EBLOCK and ETRACK. */
#include "paging.h"

static void eblock_rejects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *reg = &r->pages[PAGING_REG];

	REJECTS_GP(r, sgxcore_eblock(&r->cpu, reg->mem + 8));
	REJECTS_GP(r, sgxcore_eblock(&r->cpu, r->src + 8));
	REJECTS_PF_ENCLS(r, sgxcore_eblock(&r->cpu, r->src), r->src);
	REJECTS_STATUS(r, paging_eblock(r, PAGING_FREE), SGX_PG_INVLD);
	REJECTS_STATUS_CF(r, paging_eblock(r, PAGING_SECS), SGX_PG_IS_SECS);
	REJECTS_STATUS_CF(r, paging_eblock(r, PAGING_VA), SGX_NOTBLOCKABLE);
	/* conflict before anything about the page */
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_FREE]));
	REJECTS_STATUS(r, paging_eblock(r, PAGING_FREE), SGX_EPC_PAGE_CONFLICT);
	sgxcore_unlock_exclusive(&r->pages[PAGING_FREE]);
	assert_true(sgxcore_lock_tracking(r->secs));
	REJECTS_STATUS(r, paging_eblock(r, PAGING_REG), SGX_ENTRYEPOCH_LOCKED);
	sgxcore_unlock_tracking(r->secs);
	/* A sharer is no conflict. */
	assert_true(sgxcore_lock_shared(reg));
	assert_ok(paging_eblock(r, PAGING_REG));
	sgxcore_unlock_shared(reg);
	REJECTS_STATUS_CF(r, paging_eblock(r, PAGING_REG), SGX_BLKSTATE);
	/* blocked before tracked */
	assert_true(sgxcore_lock_tracking(r->secs));
	REJECTS_STATUS_CF(r, paging_eblock(r, PAGING_REG), SGX_BLKSTATE);
	sgxcore_unlock_tracking(r->secs);
}

static void eblock_effects(void **state)
{
	static const u8 types[] = { SGX_PT_REG, SGX_PT_TCS, SGX_PT_TRIM };
	struct rig *r = *state;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct snapshot *s;

		r->pages[PAGING_REG].type = types[i];
		assert_ok(paging_etrack(r, PAGING_SECS));
		s = rig_snapshot(r);
		assert_ok(paging_eblock(r, PAGING_REG));
		assert_int_equal(r->pages[PAGING_REG].epoch, i + 1);
		s->rig.pages[PAGING_REG].blocked = true;
		s->rig.pages[PAGING_REG].epoch = i + 1;
		rig_assert_unchanged(r, s);
		assert_int_equal(sgxcore_page_access(&r->pages[PAGING_REG]), 0);
		r->pages[PAGING_REG].blocked = false;
	}
	/* also before EINIT, and whatever the other states are */
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_INIT;
	r->pages[PAGING_REG].pending = true;
	r->pages[PAGING_REG].modified = true;
	r->pages[PAGING_REG].pr = true;
	assert_ok(paging_eblock(r, PAGING_REG));
	assert_true(r->pages[PAGING_REG].pending && r->pages[PAGING_REG].pr);
}

static struct sgxcore_outcome enter(struct rig *r, u32 leaf)
{
	static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
	struct sgxcore_entry e = { .xsave = xsave };
	struct sgxcore_outcome out;

	out = sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &e);
	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(&r->lp, &e, &r->regs) : out;
}

/* A page that was mapped although it is blocked: hardware's answer */
static void no_entry_through_blocked_pages(void **state)
{
	struct rig *r = *state;

	assert_ok(sgxcore_eblock(&r->cpu, r->tcs->mem));
	REJECTS_PF(r, enter(r, SGX_EENTER), RIG_TCS, PF_TCS);
	REJECTS_PF(r, enter(r, SGX_ERESUME), RIG_TCS, PF_TCS);
	r->tcs->blocked = false;
	assert_ok(sgxcore_eblock(&r->cpu, rig_page_at(r, RIG_SSA)->mem));
	REJECTS_PF(r, enter(r, SGX_EENTER), RIG_SSA, PF_SSA);
	((struct sgx_tcs *)r->tcs->mem)->ssa_index = 1;
	REJECTS_PF(r, enter(r, SGX_ERESUME), RIG_SSA, PF_SSA);
}

static void etrack_rejects(void **state)
{
	struct rig *r = *state;

	REJECTS_GP(r, sgxcore_etrack(&r->cpu, r->secs->mem + 8));
	REJECTS_GP(r, sgxcore_etrack(&r->cpu, r->src + 8));
	REJECTS_PF_ENCLS(r, sgxcore_etrack(&r->cpu, r->src), r->src);
	REJECTS_PF_ENCLS(r, paging_etrack(r, PAGING_REG), r->pages[PAGING_REG].mem);
	REJECTS_PF_ENCLS(r, paging_etrack(r, PAGING_VA), r->pages[PAGING_VA].mem);
	REJECTS_PF_ENCLS(r, paging_etrack(r, PAGING_FREE), r->pages[PAGING_FREE].mem);
	/* conflicts before what the page is */
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_REG]));
	REJECTS_GP(r, paging_etrack(r, PAGING_REG));
	sgxcore_unlock_exclusive(&r->pages[PAGING_REG]);
	assert_true(sgxcore_lock_tracking(&r->pages[PAGING_REG]));
	REJECTS_GP(r, paging_etrack(r, PAGING_REG));
	sgxcore_unlock_tracking(&r->pages[PAGING_REG]);
	assert_true(sgxcore_lock_tracking(r->secs));
	REJECTS_GP(r, paging_etrack(r, PAGING_SECS));
	sgxcore_unlock_tracking(r->secs);
}

static void etrack_waits_for_the_cycle_before(void **state)
{
	struct rig *r = *state;
	u32 first;

	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(paging_etrack(r, PAGING_SECS));
	sgxcore_unlock_shared(r->secs);
	assert_ok(enter(r, SGX_EENTER));
	first = r->lp.epoch;
	assert_ok(paging_etrack(r, PAGING_SECS));
	assert_true(sgxcore_lp_is_awaited(&r->lp));
	REJECTS_STATUS(r, paging_etrack(r, PAGING_SECS), SGX_PREV_TRK_INCMPL);
	sgxcore_lp_interrupted(&r->lp);
	assert_false(sgxcore_lp_is_awaited(&r->lp));
	assert_int_not_equal(r->lp.epoch, first);
	assert_ok(paging_etrack(r, PAGING_SECS));
	REJECTS_STATUS(r, paging_etrack(r, PAGING_SECS), SGX_PREV_TRK_INCMPL);
	r->regs.bx = 0x400300;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_ok(paging_etrack(r, PAGING_SECS));
	/* Nobody is inside: nothing to interrupt. */
	sgxcore_lp_interrupted(&r->lp);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGING_TEST(eblock_rejects),
		PAGING_TEST(eblock_effects),
		PAGING_TEST(no_entry_through_blocked_pages),
		PAGING_TEST(etrack_rejects),
		PAGING_TEST(etrack_waits_for_the_cycle_before),
	};

	return cmocka_run_group_tests_name("leaf_track", tests, NULL, NULL);
}
