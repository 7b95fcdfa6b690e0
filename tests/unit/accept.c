// SPDX-License-Identifier: GPL-2.0
/* Operands of EACCEPT, EACCEPTCOPY and EMODPE, and all of EACCEPT. */
#include "dynamic.h"

static const u32 leaves[] = { SGX_EACCEPT, SGX_EMODPE, SGX_EACCEPTCOPY };

#define FOR_EACH_LEAF(leaf)	for (i = 0; i < 3 && (leaf = leaves[i], true); i++)

/* Operands with which each of the three would be happy */
static void good_operands(struct rig *r, u32 leaf)
{
	static const u64 flags[] = {
		[SGX_EACCEPT] = DYN_NEW_FLAGS, [SGX_EMODPE] = RIG_REG_RW,
		[SGX_EACCEPTCOPY] = RIG_REG_RW,
	};

	dynamic_request(r, leaf == SGX_EMODPE ? DYN_REG_LA : DYN_NEW_LA, flags[leaf]);
	r->regs.dx = DYN_REG_LA;
}

static struct sgx_secinfo *secinfo_of(struct rig *r)
{
	return (struct sgx_secinfo *)(r->pages[DYN_SECINFO_PAGE].mem + (DYN_SECINFO - RIG_CODE));
}

/* Another page answers at the address. */
static void alias(struct rig *r, u64 la, struct sgxcore_page *page)
{
	r->alias_of_tcs = la;
	r->tcs = page;
}

static void no_alias(struct rig *r)
{
	r->alias_of_tcs = RIG_NONE;
	r->tcs = &r->pages[PAGING_TCS];
}

/* --------------------------------------------------------------- operands */

static void rejects_outside(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u32 leaf;

	for (leaf = 0; leaf < 12; leaf++) {
		good_operands(r, SGX_EACCEPT);
		if (leaf < SGX_EACCEPT || leaf > SGX_EACCEPTCOPY)
			REJECTS_GP(r, dynamic_prepare(r, leaf));
	}
	r->model.sgx2 = false;
	REJECTS_GP(r, dynamic_prepare(r, SGX_EACCEPT));
	r->model.sgx2 = true;
	assert_ok(dynamic_prepare(r, SGX_EACCEPT));
	dynamic_leave(r);
	good_operands(r, SGX_EACCEPT);
	REJECTS_GP(r, dynamic_commit(r));
	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		REJECTS_GP(r, dynamic_prepare(r, leaf));
	}
}

/* The enclave went away between the halves. */
static void rejects_abandoned(void **state)
{
	struct rig *r = *state;

	good_operands(r, SGX_EACCEPT);
	assert_ok(dynamic_prepare(r, SGX_EACCEPT));
	sgxcore_lp_abandon(&r->lp);
	REJECTS_PF(r, dynamic_commit(r), DYN_SECINFO, SGX_PFEC_U);
}

static void rejects_addresses(void **state)
{
	static const u64 outside[] = {
		RIG_BASE - 0x1000, RIG_BASE + RIG_SIZE, 0, ~0xfffULL, 1ULL << 47,
	};
	struct rig *r = *state;
	unsigned int i, j;
	u32 leaf;

#define REJECTS_REG(reg, value)						\
	do {								\
		r->regs.reg = value;					\
		REJECTS_GP(r, dynamic_enclu(r, leaf));			\
		good_operands(r, leaf);					\
	} while (0)
	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		REJECTS_REG(bx, DYN_SECINFO + 32);
		REJECTS_REG(bx, DYN_SECINFO + 1);
		REJECTS_REG(cx, r->regs.cx + 64);
		for (j = 0; j < 5; j++) {
			REJECTS_REG(bx, outside[j]);
			REJECTS_REG(cx, outside[j]);
		}
	}
	leaf = SGX_EACCEPTCOPY;
	REJECTS_REG(dx, DYN_REG_LA + 64);
	for (j = 0; j < 5; j++)
		REJECTS_REG(dx, outside[j]);
	good_operands(r, SGX_EMODPE);
	r->regs.dx = 1;
	assert_ok(dynamic_enclu(r, SGX_EMODPE));
}

static void rejects_mappings(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u32 leaf, w;
	u64 cx;

	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		w = leaf == SGX_EACCEPTCOPY ? SGX_PFEC_W : 0;
		cx = r->regs.cx;
		r->unmapped = RIG_CODE;
		REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_SECINFO, SGX_PFEC_U);
		r->unmapped = cx;
		REJECTS_PF(r, dynamic_enclu(r, leaf), cx, SGX_PFEC_U | w);
		r->unmapped = RIG_NONE;
		r->not_epc = RIG_CODE;
		REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_SECINFO, PF_READ);
		r->not_epc = cx;
		REJECTS_PF(r, dynamic_enclu(r, leaf), cx, PF_READ | w);
		r->not_epc = RIG_NONE;
	}
	/* Only EACCEPTCOPY writes. */
	r->read_only = DYN_NEW_LA;
	REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_NEW_LA, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_W);
	r->read_only = RIG_NONE;
	r->unmapped = DYN_REG_LA;
	REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_REG_LA, SGX_PFEC_U);
	r->unmapped = RIG_NONE;
	r->not_epc = DYN_REG_LA;
	REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_REG_LA, PF_READ);
}

static void rejects_secinfo_page(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_SECINFO_PAGE];
	struct sgxcore_page good = *page;
	unsigned int i;
	u32 leaf;

#define REJECTS_SECINFO_PAGE(change)					\
	do {								\
		change;							\
		REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_SECINFO, PF_READ); \
		*page = good;						\
	} while (0)
	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		REJECTS_SECINFO_PAGE(page->blocked = true);
		REJECTS_SECINFO_PAGE(page->pending = true);
		REJECTS_SECINFO_PAGE(page->modified = true);
		REJECTS_SECINFO_PAGE(page->type = SGX_PT_TCS);
		REJECTS_SECINFO_PAGE(page->type = SGX_PT_TRIM);
		REJECTS_SECINFO_PAGE(page->perm = 0);
		REJECTS_SECINFO_PAGE(page->perm = SGX_SECINFO_X);
		/* pages that are somewhere else, or somebody else's, or nobody's */
		alias(r, RIG_CODE, &r->pages[DYN_REG]);
		REJECTS_SECINFO_PAGE((void)0);
		alias(r, RIG_CODE, r->secs);
		REJECTS_SECINFO_PAGE((void)0);
		alias(r, RIG_CODE, &r->pages[PAGING_VA]);
		REJECTS_SECINFO_PAGE((void)0);
		alias(r, RIG_CODE, &r->pages[PAGING_FREE]);
		REJECTS_SECINFO_PAGE((void)0);
		no_alias(r);
		/* PR alone is no obstacle. */
		page->pr = true;
		page->perm = SGX_SECINFO_R;
		assert_ok(dynamic_prepare(r, leaf));
		*page = good;
	}
}

static void rejects_secinfo(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u32 leaf;

	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		secinfo_of(r)->flags |= 0x40;
		REJECTS_GP(r, dynamic_enclu(r, leaf));
		good_operands(r, leaf);
		secinfo_of(r)->flags |= 1ULL << 63;
		REJECTS_GP(r, dynamic_enclu(r, leaf));
		good_operands(r, leaf);
		secinfo_of(r)->reserved[55] = 1;
		REJECTS_GP(r, dynamic_enclu(r, leaf));
	}
}

static void order_of_operands(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u32 leaf;

	FOR_EACH_LEAF(leaf) {
		good_operands(r, leaf);
		/* the page of SECINFO before what SECINFO says */
		secinfo_of(r)->flags |= 0x40;
		r->pages[DYN_SECINFO_PAGE].pending = true;
		REJECTS_PF(r, dynamic_enclu(r, leaf), DYN_SECINFO, PF_READ);
		r->pages[DYN_SECINFO_PAGE].pending = false;
		/* SECINFO before what is at RCX, once that is there */
		alias(r, r->regs.cx, r->secs);
		REJECTS_GP(r, dynamic_enclu(r, leaf));
		no_alias(r);
	}
	/* EACCEPT: all of SECINFO before all of RCX. The others: alignment first. */
	for (i = 0; i < 3; i++) {
		good_operands(r, leaves[i]);
		secinfo_of(r)->flags |= 0x40;
		r->unmapped = r->regs.cx;
		if (leaves[i] == SGX_EACCEPT)
			REJECTS_GP(r, dynamic_enclu(r, leaves[i]));
		else
			REJECTS_PF(r, dynamic_enclu(r, leaves[i]), r->regs.cx,
				   leaves[i] == SGX_EACCEPTCOPY ? 6 : 4);
		r->regs.cx += 8;
		r->unmapped = RIG_CODE;
		if (leaves[i] == SGX_EACCEPT)
			REJECTS_PF(r, dynamic_enclu(r, leaves[i]), DYN_SECINFO, SGX_PFEC_U);
		else
			REJECTS_GP(r, dynamic_enclu(r, leaves[i]));
		r->unmapped = RIG_NONE;
	}
}

/* What leaves between the halves, or has been taken by somebody, is looked up again. */
static void stale_operands(void **state)
{
	struct rig *r = *state;
	unsigned int i, j;
	u32 leaf;

	FOR_EACH_LEAF(leaf) {
		struct sgxcore_page *pages[3] = { &r->pages[DYN_SECINFO_PAGE] };

		good_operands(r, leaf);
		pages[1] = rig_page_at(r, r->regs.cx);
		pages[2] = leaf == SGX_EACCEPTCOPY ? rig_page_at(r, r->regs.dx) : NULL;
		for (j = 0; j < 3 && pages[j]; j++) {
			assert_ok(dynamic_prepare(r, leaf));
			pages[j]->gen++;
			REJECTS_AGAIN(r, dynamic_commit(r));
			pages[j]->gen--;
			pages[j]->blocked = true;
			REJECTS_AGAIN(r, dynamic_commit(r));
			assert_true(sgxcore_lock_exclusive(pages[j]));
			REJECTS_AGAIN(r, dynamic_commit(r));
			sgxcore_unlock_exclusive(pages[j]);
			pages[j]->blocked = false;
		}
	}
	assert_ok(dynamic_prepare(r, SGX_EACCEPT));
	r->pages[DYN_SECINFO_PAGE].pending = true;
	REJECTS_PF(r, dynamic_commit(r), DYN_SECINFO, PF_READ);
}

/* ---------------------------------------------------------------- EACCEPT */

static bool may_be_requested(unsigned int type, u64 state)
{
	if (type == SGX_PT_REG)
		return state == 0x08 || state == 0x20 || state == 0x28;
	return (type == SGX_PT_TCS || type == SGX_PT_TRIM) && state == 0x10;
}

static void eaccept_requests(void **state)
{
	struct rig *r = *state;
	unsigned int type;
	u64 bits;

	for (type = 0; type < 256; type++) {
		for (bits = 0; bits <= 0x38; bits += 8) {
			/* Rights that no page here has */
			dynamic_request(r, DYN_REG_LA, type << 8 | bits | SGX_SECINFO_X);
			if (may_be_requested(type, bits))
				REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT),
					     SGX_PAGE_ATTRIBUTES_MISMATCH);
			else
				REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));
		}
	}
	/* RCX not EPC before the request, the request before what is there */
	dynamic_request(r, DYN_REG_LA, RIG_REG_RW);
	r->not_epc = DYN_REG_LA;
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_REG_LA, PF_READ);
	r->not_epc = RIG_NONE;
	r->pages[DYN_REG].blocked = true;
	REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));
}

static void eaccept_rejects_page(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_NEW];

	dynamic_request(r, DYN_NEW_LA, DYN_NEW_FLAGS);
	page->blocked = true;
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_NEW_LA, PF_READ);
	/* page before conflict, and before attributes */
	page->perm = 1;
	assert_true(sgxcore_lock_extra(page));
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_NEW_LA, PF_READ);
	sgxcore_unlock_extra(page);
	page->perm = 3;
	page->blocked = false;
	alias(r, DYN_NEW_LA, r->secs);
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_NEW_LA, PF_READ);
	alias(r, DYN_NEW_LA, &r->pages[PAGING_VA]);
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_NEW_LA, PF_READ);
	alias(r, DYN_NEW_LA, &r->pages[PAGING_FREE]);
	REJECTS_PF(r, dynamic_enclu(r, SGX_EACCEPT), DYN_NEW_LA, PF_READ);
	no_alias(r);
	/* another enclave's, at this address */
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
	dynamic_request(r, DYN_NEW_LA, DYN_NEW_FLAGS);
	assert_ok(dynamic_prepare(r, SGX_EACCEPT));
	page->secs = &r->pages[30];
	REJECTS_PF(r, dynamic_commit(r), DYN_NEW_LA, PF_READ);
	page->secs = r->secs;
	assert_ok(dynamic_commit(r));
}

static void eaccept_conflicts(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_NEW];

	dynamic_request(r, DYN_NEW_LA, DYN_NEW_FLAGS);
	assert_true(sgxcore_lock_exclusive(page));
	REJECTS_AGAIN(r, dynamic_enclu(r, SGX_EACCEPT));
	sgxcore_unlock_exclusive(page);
	assert_true(sgxcore_lock_extra(page));
	REJECTS_AGAIN(r, dynamic_enclu(r, SGX_EACCEPT));
	/* conflict before attributes */
	page->perm = 1;
	REJECTS_AGAIN(r, dynamic_enclu(r, SGX_EACCEPT));
	page->perm = 3;
	sgxcore_unlock_extra(page);
	assert_true(sgxcore_lock_shared(page));
	assert_ok(dynamic_enclu(r, SGX_EACCEPT));
	sgxcore_unlock_shared(page);
}

static void eaccept_mismatches(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_NEW];
	u64 perm;

#define MISMATCHES(la, flags)						\
	do {								\
		dynamic_request(r, la, flags);				\
		REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_PAGE_ATTRIBUTES_MISMATCH); \
	} while (0)
	for (perm = 0; perm < 8; perm++) {
		if (perm != 3)
			MISMATCHES(DYN_NEW_LA, SGX_SECINFO_REG | SGX_SECINFO_PENDING | perm);
	}
	/* PENDING where it is not, and the reverse */
	MISMATCHES(DYN_REG_LA, DYN_NEW_FLAGS);
	MISMATCHES(DYN_NEW_LA, RIG_REG_RW | SGX_SECINFO_PR);
	MISMATCHES(DYN_NEW_LA, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED);
	MISMATCHES(RIG_TCS, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	page->pending = false;
	page->modified = true;
	MISMATCHES(DYN_NEW_LA, RIG_REG_RW | SGX_SECINFO_PR);
	page->type = SGX_PT_TRIM;
	page->perm = 0;
	MISMATCHES(DYN_NEW_LA, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	/* attributes before tracking */
	page->epoch = sgxcore_track_epoch(r->secs);
	MISMATCHES(DYN_NEW_LA, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED | SGX_SECINFO_R);
	/* a page that belongs to another address */
	alias(r, RIG_BASE + 0x21000, page);
	MISMATCHES(RIG_BASE + 0x21000, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED);
	no_alias(r);
}

static void eaccept_wants_tracking(void **state)
{
	struct rig *r = *state;

	assert_ok(dynamic_emodpr(r, DYN_REG, SGX_SECINFO_R));
	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR);
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_NOT_TRACKED);
	assert_ok(paging_etrack(r, PAGING_SECS));
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_NOT_TRACKED);
	sgxcore_lp_interrupted(&r->lp);
	/* The next restriction is another one. */
	assert_ok(dynamic_emodpr(r, DYN_REG, SGX_SECINFO_R));
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_NOT_TRACKED);
	assert_ok(paging_etrack(r, PAGING_SECS));
	sgxcore_lp_interrupted(&r->lp);
	assert_ok(dynamic_enclu(r, SGX_EACCEPT));
	/* A change of type, tracking before what a TCS says */
	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TCS));
	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_NOT_TRACKED);
	assert_ok(paging_etrack(r, PAGING_SECS));
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_NOT_TRACKED);
	sgxcore_lp_interrupted(&r->lp);
	REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));
}

static void eaccept_rejects_tcs(void **state)
{
	struct rig *r = *state;
	struct sgx_tcs *tcs = (struct sgx_tcs *)r->pages[DYN_REG].mem;

	memset(tcs, 0, sizeof(*tcs));
	tcs->nr_ssa_frames = 1;
	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TCS));
	assert_ok(paging_etrack(r, PAGING_SECS));
	sgxcore_lp_interrupted(&r->lp);
	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
#define REJECTS_TCS(field, bad, good)					\
	do {								\
		field = bad;						\
		REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));		\
		field = good;						\
	} while (0)
	REJECTS_TCS(tcs->state, 1, 0);
	REJECTS_TCS(tcs->flags, SGX_TCS_DBGOPTIN, 0);
	REJECTS_TCS(tcs->ssa_index, 1, 0);
	REJECTS_TCS(tcs->nr_ssa_frames, 0, 1);
	REJECTS_TCS(tcs->aep, 1ULL << 63, 0);
	REJECTS_TCS(tcs->reserved[0], 1, 0);
	REJECTS_TCS(tcs->reserved[4023], 1, 0);
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_MODE64BIT;
	REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));
	tcs->fs_limit = 0xfff;
	REJECTS_GP(r, dynamic_enclu(r, SGX_EACCEPT));
	tcs->gs_limit = 0x1fff;
	/* What entries look at, acceptance does not. CSSA stays what it is. */
	tcs->flags = 6;
	tcs->ssa_offset = 1;
	tcs->ssa_index = 4;
	tcs->nr_ssa_frames = 5;
	assert_ok(dynamic_enclu(r, SGX_EACCEPT));
	assert_int_equal(tcs->ssa_index, 4);
	assert_int_equal(tcs->flags, 6);
}

static void eaccept_result(void **state)
{
	struct rig *r = *state;
	struct snapshot *s;

	dynamic_request(r, DYN_NEW_LA, DYN_NEW_FLAGS | SGX_SECINFO_PR);
	s = rig_snapshot(r);
	assert_ok(dynamic_enclu(r, SGX_EACCEPT));
	dynamic_expect_code(s, 0);
	s->rig.pages[DYN_NEW].pending = false;
	rig_assert_unchanged(r, s);
	assert_int_equal(sgxcore_page_access(&r->pages[DYN_NEW]), 3);
	r->regs.ip = RIG_IP;
	/* There is nothing more to accept; rights may be made sure of. */
	dynamic_request(r, DYN_NEW_LA, DYN_NEW_FLAGS);
	REJECTS_CODE(r, dynamic_enclu(r, SGX_EACCEPT), SGX_PAGE_ATTRIBUTES_MISMATCH);
	dynamic_request(r, DYN_NEW_LA, RIG_REG_RW | SGX_SECINFO_PR);
	s = rig_snapshot(r);
	assert_ok(dynamic_enclu(r, SGX_EACCEPT));
	dynamic_expect_code(s, 0);
	rig_assert_unchanged(r, s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DYN_TEST(rejects_outside),
		DYN_TEST(rejects_abandoned),
		DYN_TEST(rejects_addresses),
		DYN_TEST(rejects_mappings),
		DYN_TEST(rejects_secinfo_page),
		DYN_TEST(rejects_secinfo),
		DYN_TEST(order_of_operands),
		DYN_TEST(stale_operands),
		DYN_TEST(eaccept_requests),
		DYN_TEST(eaccept_rejects_page),
		DYN_TEST(eaccept_conflicts),
		DYN_TEST(eaccept_mismatches),
		DYN_TEST(eaccept_wants_tracking),
		DYN_TEST(eaccept_rejects_tcs),
		DYN_TEST(eaccept_result),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
