// SPDX-License-Identifier: GPL-2.0
/* EENTER and ERESUME: rejections, their order, races between the halves, effects. */
#include "rig.h"

#define AVX512	0xe7

static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static struct sgxcore_entry entry;

static struct sgxcore_outcome prepare(struct rig *r, u32 leaf)
{
	memset(&entry, 0xa5, sizeof(entry));
	entry.xsave = xsave;
	entry.restore = true;
	return sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &entry);
}

static struct sgxcore_outcome commit(struct rig *r)
{
	return sgxcore_entry_commit(&r->lp, &entry, &r->regs);
}

static struct sgxcore_outcome enter(struct rig *r, u32 leaf)
{
	struct sgxcore_outcome out = prepare(r, leaf);

	return out.kind == SGXCORE_OK ? commit(r) : out;
}

#define EENTER(r)	enter(r, SGX_EENTER)
#define ERESUME(r)	enter(r, SGX_ERESUME)

/* A frame 0 as an AEX leaves it, and the TCS that goes with it */
static struct sgx_gprsgx *interrupted(struct rig *r)
{
	struct sgx_gprsgx *gpr = rig_gpr(r, 0);
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA);
	unsigned int i;

	for (i = 0; i < 16; i++) {
		u64 value = 0x1100 + i;

		memcpy((u8 *)gpr + 8 * i, &value, sizeof(value));
	}
	gpr->rflags = 0x202;
	gpr->rip = RIG_CODE + 0x80;
	gpr->ursp = 0x7ff0000;
	gpr->urbp = 0x7ff0100;
	gpr->fsbase = RIG_BASE + 0x4000;
	gpr->gsbase = RIG_BASE + 0x5000;
	sgxcore_xsave_synthetic(page->mem, -1);
	rig_tcs(r)->ssa_index = 1;
	return gpr;
}

/* ------------------------------------------------------------ rejections */

static void rejects_operands(void **state)
{
	struct rig *r = *state;
	const u64 reg = RIG_CODE;

	rig_enclave(r, 3, 1, 2, 0);
	r->regs.bx = RIG_TCS + 8;
	REJECTS_GP(r, EENTER(r));
	r->regs.bx = reg;
	REJECTS_PF(r, EENTER(r), reg, PF_TCS);
	r->regs.bx = RIG_SSA + 0x20000;
	REJECTS_PF(r, EENTER(r), RIG_SSA + 0x20000, SGX_PFEC_U);
	r->regs.bx = RIG_TCS;
	r->not_epc = RIG_TCS;
	REJECTS_PF(r, EENTER(r), RIG_TCS, PF_TCS);
	r->not_epc = RIG_NONE;
	/* the TCS at an address that is not its own */
	r->alias_of_tcs = RIG_BASE + 0x20000;
	r->regs.bx = r->alias_of_tcs;
	REJECTS_PF(r, EENTER(r), r->alias_of_tcs, PF_TCS);
	r->regs.bx = RIG_TCS;
	r->regs.cx = 1ULL << 47;
	REJECTS_GP(r, EENTER(r));
	r->regs.cx = RIG_AEP;
	/* A read-only mapping of the TCS is enough. */
	r->read_only = RIG_TCS;
	assert_ok(EENTER(r));
}

static void rejects_inside(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	assert_ok(EENTER(r));
	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	REJECTS_GP(r, EENTER(r));
	interrupted(r);
	REJECTS_GP(r, ERESUME(r));
	REJECTS_GP(r, commit(r));
}

static void rejects_tcs_page(void **state)
{
	struct rig *r = *state;
	unsigned int leaf;

	rig_enclave(r, 3, 1, 2, 0);
	interrupted(r);
	for (leaf = SGX_EENTER; leaf <= SGX_ERESUME; leaf++) {
		r->tcs->blocked = true;
		REJECTS_PF(r, enter(r, leaf), RIG_TCS, PF_TCS);
		r->tcs->blocked = false;
		r->tcs->pending = true;
		REJECTS_PF(r, enter(r, leaf), RIG_TCS, PF_TCS);
		r->tcs->pending = false;
		r->tcs->modified = true;
		REJECTS_PF(r, enter(r, leaf), RIG_TCS, PF_TCS);
		r->tcs->modified = false;
		r->tcs->type = SGX_PT_TRIM;
		REJECTS_PF(r, enter(r, leaf), RIG_TCS, PF_TCS);
		r->tcs->type = SGX_PT_TCS;
		assert_true(sgxcore_lock_exclusive(r->tcs));
		REJECTS_AGAIN(r, enter(r, leaf));
		sgxcore_unlock_exclusive(r->tcs);
	}
}

static void rejects_tcs_fields(void **state)
{
	struct rig *r = *state;
	struct sgx_tcs *tcs, good;
	unsigned int leaf;

	rig_enclave(r, 3, 1, 2, 0);
	interrupted(r);
	tcs = rig_tcs(r);
	good = *tcs;
#define REJECTS_TCS(change)						\
	do {								\
		change;							\
		REJECTS_GP(r, enter(r, leaf));				\
		*tcs = good;						\
	} while (0)
	for (leaf = SGX_EENTER; leaf <= SGX_ERESUME; leaf++) {
		REJECTS_TCS(tcs->ssa_offset += 8);
		REJECTS_TCS(tcs->fs_offset += 8);
		REJECTS_TCS(tcs->gs_offset += 8);
		REJECTS_TCS(tcs->flags = SGX_TCS_AEXNOTIFY);
		REJECTS_TCS(tcs->flags = 4);
		REJECTS_TCS(tcs->flags = 1ULL << 63);
		REJECTS_TCS(tcs->state = 1);
	}
	leaf = SGX_EENTER;
	REJECTS_TCS(tcs->ssa_index = 2);
	REJECTS_TCS(tcs->ssa_index = 0xffffffff);
	REJECTS_TCS(tcs->nr_ssa_frames = 0);
	REJECTS_TCS(tcs->nr_ssa_frames = 1);
	REJECTS_TCS(tcs->entry_offset = 1ULL << 47);
	REJECTS_TCS(tcs->fs_offset = 1ULL << 47);
	REJECTS_TCS(tcs->gs_offset = 1ULL << 62);
	leaf = SGX_ERESUME;
	REJECTS_TCS(tcs->ssa_index = 0);
	/* ERESUME does not care for NSSA, nor for the targets of an EENTER. */
	tcs->nr_ssa_frames = 0;
	tcs->entry_offset = 1ULL << 47;
	tcs->fs_offset = 1ULL << 47;
	assert_ok(ERESUME(r));
}

static void rejects_enclave(void **state)
{
	struct rig *r = *state;
	struct sgx_secs *secs;

	rig_enclave(r, AVX512, 1, 2, 0);
	secs = sgxcore_secs_of(r->secs);
	r->lp.xcr0 = 7;
	REJECTS_GP(r, EENTER(r));
	r->lp.xcr0 = ~0ULL;
	secs->attributes &= ~SGX_ATTR_INIT;
	REJECTS_GP(r, EENTER(r));
	secs->attributes |= SGX_ATTR_INIT;
	secs->attributes &= ~SGX_ATTR_MODE64BIT;
	REJECTS_GP(r, EENTER(r));
	secs->attributes |= SGX_ATTR_MODE64BIT;
	assert_ok(EENTER(r));
}

/* Each page of a four-page frame (XSAVE on three of them) has to be just right. */
static void rejects_frame_pages(void **state)
{
	struct rig *r = *state;
	unsigned int i, leaf;

	rig_enclave(r, 0x602e7, 4, 2, 0);
	interrupted(r);
	for (leaf = SGX_EENTER; leaf <= SGX_ERESUME; leaf++) {
		for (i = 0; i < 4; i++) {
			u64 la = RIG_SSA + (leaf == SGX_EENTER ? 0x4000 : 0) + i * 0x1000ULL;
			struct sgxcore_page *page = rig_page_at(r, la);

#define REJECTS_PAGE(change, undo, error_code)				\
	do {								\
		change;							\
		REJECTS_PF(r, enter(r, leaf), la, error_code);		\
		undo;							\
	} while (0)
			REJECTS_PAGE(r->unmapped = la, r->unmapped = RIG_NONE,
				     SGX_PFEC_U | SGX_PFEC_W);
			REJECTS_PAGE(r->read_only = la, r->read_only = RIG_NONE,
				     SGX_PFEC_U | SGX_PFEC_W | SGX_PFEC_P);
			REJECTS_PAGE(r->not_epc = la, r->not_epc = RIG_NONE, PF_SSA);
			REJECTS_PAGE(r->alias_of_tcs = la, r->alias_of_tcs = RIG_NONE, PF_SSA);
			REJECTS_PAGE(page->blocked = true, page->blocked = false, PF_SSA);
			REJECTS_PAGE(page->pending = true, page->pending = false, PF_SSA);
			REJECTS_PAGE(page->modified = true, page->modified = false, PF_SSA);
			REJECTS_PAGE(page->perm = 1, page->perm = 3, PF_SSA);
			REJECTS_PAGE(page->perm = 5, page->perm = 3, PF_SSA);
			REJECTS_PAGE(page->type = SGX_PT_TCS, page->type = SGX_PT_REG, PF_SSA);
			REJECTS_PAGE(page->type = SGX_PT_TRIM, page->type = SGX_PT_REG, PF_SSA);
			assert_true(sgxcore_lock_exclusive(page));
			REJECTS_AGAIN(r, enter(r, leaf));
			sgxcore_unlock_exclusive(page);
		}
	}
}

static void frame_page_of_another_enclave(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page;

	rig_enclave(r, 3, 1, 2, 0);
	page = rig_page_at(r, RIG_SSA);
	assert_ok(prepare(r, SGX_EENTER));
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 20));
	page->secs = &r->pages[20];
	REJECTS_PF(r, commit(r), RIG_SSA, PF_SSA);
	page->secs = r->secs;
}

/* Pages between the XSAVE area and the GPR page need not be there. */
static void gap_in_the_frame_is_fine(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 4, 2, 0);
	r->unmapped = RIG_SSA + 0x1000;
	assert_ok(EENTER(r));
	assert_int_equal(sgxcore_frame_pages(&r->lp.frame), 2);
}

/* An XSAVE area that ends with its page needs no other page. */
static void xsave_area_of_whole_pages(void **state)
{
	struct rig *r = *state;

	r->model.xstate_size[2] = SGX_PAGE_SIZE - 576;
	rig_enclave(r, 7, 2, 1, 0);
	assert_ok(EENTER(r));
	assert_int_equal(sgxcore_frame_pages(&r->lp.frame), 2);
}

static void frame_at_the_base(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	rig_tcs(r)->ssa_offset = 0;
	assert_ok(EENTER(r));
	assert_int_equal(r->lp.frame.la, RIG_BASE);
}

static void hostile_frame_addresses(void **state)
{
	struct rig *r = *state;
	struct sgx_secs *secs;
	struct sgx_tcs *tcs;

	rig_enclave(r, 3, 1, 2, 0);
	tcs = rig_tcs(r);
	secs = sgxcore_secs_of(r->secs);
	/* below and above ELRANGE, not canonical, beyond 64 bits */
	tcs->ssa_offset = RIG_SIZE;
	REJECTS_PF(r, EENTER(r), RIG_BASE + RIG_SIZE, PF_SSA);
	tcs->ssa_offset = 0 - 0x1000ULL;
	REJECTS_GP(r, EENTER(r));
	tcs->ssa_offset = (1ULL << 47) - RIG_BASE;
	REJECTS_GP(r, EENTER(r));
	tcs->ssa_offset = 0xffff800000000000 - RIG_BASE;
	REJECTS_PF(r, EENTER(r), 0xffff800000000000, PF_SSA);
	tcs->ssa_offset = ~0xfffULL - RIG_BASE;
	REJECTS_PF(r, EENTER(r), ~0xfffULL, PF_SSA);
	/* index times size, plus offset, plus base: each of them overflows */
	tcs->nr_ssa_frames = 0xffffffff;
	tcs->ssa_index = 0xfffffffe;
	secs->ssa_frame_size = 0xffffffff;
	REJECTS_GP(r, EENTER(r));
	REJECTS_GP(r, ERESUME(r));
	tcs->ssa_index = 0;
	tcs->ssa_offset = ~0xfffULL;
	REJECTS_GP(r, EENTER(r));
	/* The frame starts well but its last page is nowhere. */
	tcs->ssa_offset = RIG_SSA - RIG_BASE;
	REJECTS_PF(r, EENTER(r), RIG_SSA + (0xfffffffeULL << 12), PF_SSA);
	/* 2^20 frames of 2^44 bytes would be the first one again. */
	secs->ssa_frame_size = 1U << 31;
	tcs->ssa_index = 1U << 21;
	REJECTS_GP(r, EENTER(r));
}

/* ----------------------------------------------------------------- order */

static void order(void **state)
{
	struct rig *r = *state;
	struct sgx_tcs *tcs;
	struct sgxcore_page *ssa;

	rig_enclave(r, AVX512, 1, 2, 0);
	tcs = rig_tcs(r);
	ssa = rig_page_at(r, RIG_SSA);
	/* TCS not mapped before AEP */
	r->regs.cx = 1ULL << 47;
	r->unmapped = RIG_TCS;
	REJECTS_PF(r, EENTER(r), RIG_TCS, SGX_PFEC_U);
	r->unmapped = RIG_NONE;
	/* AEP before what the TCS page is */
	r->tcs->blocked = true;
	REJECTS_GP(r, EENTER(r));
	r->regs.cx = RIG_AEP;
	/* conflict before what the page is */
	assert_true(sgxcore_lock_exclusive(r->tcs));
	REJECTS_AGAIN(r, EENTER(r));
	sgxcore_unlock_exclusive(r->tcs);
	/* what the page is before what it says */
	tcs->flags = 4;
	REJECTS_PF(r, EENTER(r), RIG_TCS, PF_TCS);
	r->tcs->blocked = false;
	/* what it says before the frame */
	ssa->perm = 1;
	REJECTS_GP(r, EENTER(r));
	tcs->flags = 0;
	/* the frame before OENTRY, FS and STATE */
	tcs->entry_offset = 1ULL << 47;
	tcs->state = 1;
	REJECTS_PF(r, EENTER(r), RIG_SSA, PF_SSA);
	r->unmapped = RIG_SSA;
	REJECTS_PF(r, EENTER(r), RIG_SSA, SGX_PFEC_U | SGX_PFEC_W);
}

static void order_of_frame_pages(void **state)
{
	struct rig *r = *state;

	/* EPCM of an earlier page before paging of a later one, and the reverse */
	rig_enclave(r, 0x602e7, 4, 1, 0);
	rig_page_at(r, RIG_SSA + 0x1000)->perm = 1;
	r->unmapped = RIG_SSA + 0x2000;
	REJECTS_PF(r, EENTER(r), RIG_SSA + 0x1000, PF_SSA);
	r->unmapped = RIG_SSA;
	REJECTS_PF(r, EENTER(r), RIG_SSA, SGX_PFEC_U | SGX_PFEC_W);
	r->unmapped = RIG_SSA + 0x3000;
	REJECTS_PF(r, EENTER(r), RIG_SSA + 0x1000, PF_SSA);
}

/* The frame is looked at before its contents are. */
static void order_of_resume(void **state)
{
	struct rig *r = *state;
	struct sgx_gprsgx *gpr;

	rig_enclave(r, 3, 1, 2, 0);
	gpr = interrupted(r);
	gpr->rip = 1ULL << 47;
	rig_page_at(r, RIG_SSA)->blocked = true;
	REJECTS_PF(r, ERESUME(r), RIG_SSA, PF_SSA);
	rig_page_at(r, RIG_SSA)->blocked = false;
	REJECTS_GP(r, ERESUME(r));
}

/* ------------------------------------------------- between the two halves */

static void stale_pages_are_looked_up_again(void **state)
{
	struct rig *r = *state;
	u64 la;

	rig_enclave(r, AVX512, 2, 1, 0);
	for (la = RIG_TCS; la <= RIG_SSA + 0x1000; la += 0x1000) {
		struct sgxcore_page *page = rig_page_at(r, la);

		assert_ok(prepare(r, SGX_EENTER));
		page->gen++;
		REJECTS_AGAIN(r, commit(r));
		page->gen--;
		/* about to leave */
		page->blocked = true;
		REJECTS_AGAIN(r, commit(r));
		assert_true(sgxcore_lock_exclusive(page));
		REJECTS_AGAIN(r, commit(r));
		sgxcore_unlock_exclusive(page);
		page->blocked = false;
	}
	assert_ok(commit(r));
}

static void removed_page_is_stale(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	assert_ok(prepare(r, SGX_EENTER));
	assert_ok(sgxcore_eremove(&r->cpu, rig_page_at(r, RIG_SSA)->mem));
	REJECTS_AGAIN(r, commit(r));
	assert_ok(sgxcore_eremove(&r->cpu, r->tcs->mem));
	REJECTS_AGAIN(r, commit(r));
}

static void commit_repeats_the_checks(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ssa;
	struct sgx_tcs *tcs;

	rig_enclave(r, 3, 1, 2, 0);
	tcs = rig_tcs(r);
	ssa = rig_page_at(r, RIG_SSA);
	assert_ok(prepare(r, SGX_EENTER));
	r->tcs->pending = true;
	REJECTS_PF(r, commit(r), RIG_TCS, PF_TCS);
	r->tcs->pending = false;
	tcs->flags = 4;
	REJECTS_GP(r, commit(r));
	tcs->flags = 0;
	ssa->modified = true;
	REJECTS_PF(r, commit(r), RIG_SSA, PF_SSA);
	ssa->modified = false;
	r->regs.cx = 1ULL << 63;
	REJECTS_GP(r, commit(r));
	r->regs.cx = RIG_AEP;
	assert_true(sgxcore_lock_exclusive(r->tcs));
	REJECTS_AGAIN(r, commit(r));
	sgxcore_unlock_exclusive(r->tcs);
	assert_true(sgxcore_lock_exclusive(ssa));
	REJECTS_AGAIN(r, commit(r));
	sgxcore_unlock_exclusive(ssa);
	tcs->state = 1;
	REJECTS_GP(r, commit(r));
	tcs->state = 0;
	assert_ok(commit(r));
}

/* Somebody was inside and has left by AEX: as if the TCS still were busy. */
static void moved_cssa_is_a_busy_tcs(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 3, 0);
	assert_ok(prepare(r, SGX_EENTER));
	rig_tcs(r)->ssa_index = 1;
	REJECTS_GP(r, commit(r));
	assert_ok(prepare(r, SGX_ERESUME));
	rig_tcs(r)->ssa_index = 2;
	REJECTS_GP(r, commit(r));
	rig_tcs(r)->ssa_index = 0;
	REJECTS_GP(r, commit(r));
}

/* --------------------------------------------------------------- effects */

static void eenter_effects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_regs before, expected;
	struct sgx_tcs *tcs;

	rig_enclave(r, AVX512, 1, 2, 0);
	tcs = rig_tcs(r);
	r->regs.flags = 0x246 | SGX_RFLAGS_DF | SGX_RFLAGS_TF | SGX_RFLAGS_AC;
	before = r->regs;
	tcs->ssa_index = 1;
	assert_ok(EENTER(r));
	expected = before;
	expected.ax = 1;
	expected.cx = RIG_IP + 3;
	expected.ip = RIG_BASE + RIG_OENTRY;
	expected.fsbase = RIG_BASE + RIG_OFSBASE;
	expected.gsbase = RIG_BASE + RIG_OGSBASE;
	expected.flags &= ~SGX_RFLAGS_TF;
	assert_memory_equal(&r->regs, &expected, sizeof(expected));
	assert_int_equal(tcs->state, 1);
	assert_int_equal(tcs->aep, RIG_AEP);
	assert_int_equal(tcs->ssa_index, 1);
	assert_int_equal(rig_gpr(r, 1)->ursp, before.sp);
	assert_int_equal(rig_gpr(r, 1)->urbp, before.bp);
	assert_int_equal(rig_gpr(r, 0)->ursp, 0);
	assert_true(r->lp.inside);
	assert_false(r->lp.optin);
	assert_ptr_equal(r->lp.secs, r->secs);
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
	assert_int_equal(r->lp.tcs_la, RIG_TCS);
	assert_int_equal(r->lp.base, RIG_BASE);
	assert_int_equal(r->lp.size, RIG_SIZE);
	assert_int_equal(r->lp.xfrm, AVX512);
	assert_int_equal(r->lp.miscselect, SGX_MISC_EXINFO);
	assert_int_equal(r->lp.aep, RIG_AEP);
	assert_int_equal(r->lp.fsbase, before.fsbase);
	assert_int_equal(r->lp.gsbase, before.gsbase);
	assert_int_equal(r->lp.tf, SGX_RFLAGS_TF);
	assert_int_equal(r->lp.frame.la, RIG_SSA + 0x1000);
	assert_false(entry.restore);
	rig_assert_unlocked(r);
}

static void opt_in_keeps_tf(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, SGX_ATTR_DEBUG);
	assert_ok(sgxcore_edbgwr(&r->cpu, SGX_TCS_DBGOPTIN, r->tcs->mem + 8));
	r->regs.flags |= SGX_RFLAGS_TF;
	assert_ok(EENTER(r));
	assert_true(r->lp.optin);
	assert_true(r->regs.flags & SGX_RFLAGS_TF);
}

/* OENTRY may lead out of the enclave; the fetch will fault. */
static void oentry_is_not_checked_against_elrange(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	rig_tcs(r)->entry_offset = 0 - RIG_BASE;
	assert_ok(EENTER(r));
	assert_int_equal(r->regs.ip, 0);
}

static void eresume_effects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_regs before;
	struct sgx_gprsgx *gpr;
	struct sgx_tcs *tcs;
	u64 *p;

	rig_enclave(r, 7, 1, 2, 0);
	tcs = rig_tcs(r);
	gpr = interrupted(r);
	/* TF set, IF clear, IOPL 3, VM set in the frame; the rest is loaded */
	gpr->rflags = 0xffffffffffffffffULL & ~SGX_RFLAGS_IF;
	r->regs.flags = 0x202;
	before = r->regs;
	memset(xsave, 0xcc, sizeof(xsave));
	assert_ok(ERESUME(r));
	for (p = (u64 *)&r->regs; p < &r->regs.flags; p++)
		assert_int_equal(*p, 0x1100 + (p - (u64 *)&r->regs));
	assert_int_equal(r->regs.flags, 0x202 | 0xd5 | SGX_RFLAGS_DF | SGX_RFLAGS_OF |
			 SGX_RFLAGS_NT | SGX_RFLAGS_RF | SGX_RFLAGS_AC | SGX_RFLAGS_ID);
	assert_int_equal(r->regs.ip, RIG_CODE + 0x80);
	assert_int_equal(r->regs.fsbase, RIG_BASE + 0x4000);
	assert_int_equal(r->regs.gsbase, RIG_BASE + 0x5000);
	assert_int_equal(tcs->ssa_index, 0);
	assert_int_equal(tcs->state, 1);
	assert_int_equal(tcs->aep, RIG_AEP);
	/* outside stack of the EENTER, not of this ERESUME */
	assert_int_equal(gpr->ursp, 0x7ff0000);
	assert_int_equal(r->lp.ursp, 0x7ff0000);
	assert_int_equal(r->lp.urbp, 0x7ff0100);
	assert_int_equal(r->lp.fsbase, before.fsbase);
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
	assert_true(entry.restore);
	assert_true(sgxcore_xsave_valid(&r->model, 7, xsave));
	assert_memory_equal(xsave, rig_page_at(r, RIG_SSA)->mem, 832);
	assert_int_equal(xsave[832], 0xcc);
	rig_assert_unlocked(r);
}

static void eresume_flags_clear(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	interrupted(r)->rflags = 0;
	r->regs.flags = 0x3fffff & ~SGX_RFLAGS_VM & ~SGX_RFLAGS_IOPL;
	assert_ok(ERESUME(r));
	/* What ERESUME does not load stays: bits 1, 3, 5, 15, IF, VIF, VIP. */
	assert_int_equal(r->regs.flags, 0x18822a);
}

static void eresume_loads_if_at_iopl_3_only(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	interrupted(r)->rflags = 0;
	r->regs.flags = SGX_RFLAGS_IF | SGX_RFLAGS_IOPL | 2;
	assert_ok(ERESUME(r));
	assert_int_equal(r->regs.flags, SGX_RFLAGS_IOPL | 2);
}

static void eresume_rejects_frame_contents(void **state)
{
	static const unsigned int header[] = { 512, 519, 520, 527, 528, 535 };
	struct rig *r = *state;
	struct sgx_gprsgx *gpr, good;
	u8 *mem;
	unsigned int i;

	rig_enclave(r, 3, 1, 2, 0);
	gpr = interrupted(r);
	good = *gpr;
	mem = rig_page_at(r, RIG_SSA)->mem;
	for (i = 0; i < sizeof(header) / sizeof(*header); i++) {
		u8 old = mem[header[i]];

		mem[header[i]] |= 0x80;
		REJECTS_GP(r, ERESUME(r));
		mem[header[i]] = old;
	}
	mem[27] = 0x80;
	REJECTS_GP(r, ERESUME(r));
	mem[27] = 0;
	gpr->rip = 1ULL << 47;
	REJECTS_GP(r, ERESUME(r));
	*gpr = good;
	gpr->fsbase = 0xff00000000000000;
	REJECTS_GP(r, ERESUME(r));
	*gpr = good;
	gpr->gsbase = 0xffff7fffffffffff;
	REJECTS_GP(r, ERESUME(r));
	*gpr = good;
	/* Bytes of the header that do not count are cleared in the copy. */
	memset(mem + 536, 0xff, 40);
	assert_ok(ERESUME(r));
	assert_true(sgxcore_is_zero(xsave + 536, 40));
}

static void failed_resume_leaves_outside(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	interrupted(r)->rip = 1ULL << 47;
	assert_gp(ERESUME(r));
	assert_int_equal(rig_tcs(r)->state, 0);
	assert_int_equal(rig_tcs(r)->ssa_index, 1);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_false(r->lp.inside);
	/* and the TCS is as good as before */
	interrupted(r);
	assert_ok(ERESUME(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(rejects_operands),
		RIG_TEST(rejects_inside),
		RIG_TEST(rejects_tcs_page),
		RIG_TEST(rejects_tcs_fields),
		RIG_TEST(rejects_enclave),
		RIG_TEST(rejects_frame_pages),
		RIG_TEST(frame_page_of_another_enclave),
		RIG_TEST(gap_in_the_frame_is_fine),
		RIG_TEST(xsave_area_of_whole_pages),
		RIG_TEST(frame_at_the_base),
		RIG_TEST(hostile_frame_addresses),
		RIG_TEST(order),
		RIG_TEST(order_of_frame_pages),
		RIG_TEST(order_of_resume),
		RIG_TEST(stale_pages_are_looked_up_again),
		RIG_TEST(removed_page_is_stale),
		RIG_TEST(commit_repeats_the_checks),
		RIG_TEST(moved_cssa_is_a_busy_tcs),
		RIG_TEST(eenter_effects),
		RIG_TEST(opt_in_keeps_tf),
		RIG_TEST(oentry_is_not_checked_against_elrange),
		RIG_TEST(eresume_effects),
		RIG_TEST(eresume_flags_clear),
		RIG_TEST(eresume_loads_if_at_iopl_3_only),
		RIG_TEST(eresume_rejects_frame_contents),
		RIG_TEST(failed_resume_leaves_outside),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
