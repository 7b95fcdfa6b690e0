// SPDX-License-Identifier: GPL-2.0
/* EDECCSSA: one frame down. */
#include <string.h>

#include "rig.h"

static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static struct sgxcore_decssa d;

static struct sgxcore_outcome prepare(struct rig *r)
{
	memset(&d, 0xa5, sizeof(d));
	return sgxcore_decssa_prepare(&r->lp, &d);
}

static struct sgxcore_outcome commit(struct rig *r)
{
	return sgxcore_decssa_commit(&r->lp, &d, &r->regs);
}

static struct sgxcore_outcome decssa(struct rig *r)
{
	struct sgxcore_outcome out = prepare(r);

	return out.kind == SGXCORE_OK ? commit(r) : out;
}

static void leave(struct rig *r, u64 ip)
{
	const struct sgxcore_event ev = { 0 };
	static const u8 zero[SGXCORE_XSAVE_MAX];
	u8 synthetic[576];

	r->regs.ip = ip;
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, zero, synthetic));
	r->regs.ip = RIG_IP;
}

static void enter(struct rig *r, u64 sp)
{
	struct sgxcore_entry e = { .xsave = xsave };

	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	r->regs.sp = sp;
	r->regs.bp = sp + 8;
	r->regs.ip = RIG_IP;
	assert_ok(sgxcore_entry_prepare(&r->lp, SGX_EENTER, &r->regs, &e));
	assert_ok(sgxcore_entry_commit(&r->lp, &e, &r->regs));
}

/* Inside, at CSSA @level */
static struct rig *inside(void **state, u32 frame_pages, u32 level)
{
	struct rig *r = *state;
	u32 i;

	r->model.edeccssa = true;
	rig_enclave(r, 3, frame_pages, 4, 0);
	for (i = 0; i < level; i++) {
		enter(r, 0x7000000 + 0x1000 * i);
		leave(r, RIG_CODE + 0x100 * i);
	}
	enter(r, 0x7000000 + 0x1000 * i);
	r->regs.ax = SGX_EDECCSSA;
	return r;
}

static void model_without(void **state)
{
	struct rig *r = inside(state, 1, 1);

	r->model.edeccssa = false;
	REJECTS_GP(r, decssa(r));
	/* Neither AEX-Notify nor SGX2 matters. */
	r->model.edeccssa = true;
	r->model.sgx2 = false;
	assert_ok(decssa(r));
}

static void outside(void **state)
{
	struct rig *r = inside(state, 1, 1);

	leave(r, RIG_CODE);
	REJECTS_GP(r, decssa(r));
}

static void frame_zero(void **state)
{
	struct rig *r = inside(state, 1, 0);

	REJECTS_GP(r, decssa(r));
	/* Before anything about frames */
	r->unmapped = RIG_SSA;
	REJECTS_GP(r, decssa(r));
}

static void bad_tcs(void **state)
{
	struct rig *r = inside(state, 1, 1);

	r->unmapped = RIG_TCS;
	REJECTS_PF(r, decssa(r), RIG_TCS, SGX_PFEC_U);
	r->unmapped = RIG_NONE;
	r->not_epc = RIG_TCS;
	REJECTS_PF(r, decssa(r), RIG_TCS, PF_TCS);
	r->not_epc = RIG_NONE;
	r->tcs->type = SGX_PT_TRIM;
	REJECTS_PF(r, decssa(r), RIG_TCS, PF_TCS);
	r->tcs->type = SGX_PT_TCS;
	r->lp.eid++;
	REJECTS_PF(r, decssa(r), RIG_TCS, PF_TCS);
	r->lp.eid--;
	assert_true(sgxcore_lock_exclusive(r->tcs));
	REJECTS_AGAIN(r, decssa(r));
	sgxcore_unlock_exclusive(r->tcs);
	r->read_only = RIG_TCS;
	assert_ok(decssa(r));
}

static void bad_frame(void **state)
{
	struct rig *r = inside(state, 2, 2);
	u64 frame = RIG_SSA + 2 * SGX_PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		u64 la = frame + i * SGX_PAGE_SIZE;
		struct sgxcore_page *page = rig_page_at(r, la);

		page->blocked = true;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		page->blocked = false;
		page->pending = true;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		page->pending = false;
		page->modified = true;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		page->modified = false;
		page->type = SGX_PT_TRIM;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		page->type = SGX_PT_REG;
		page->perm = SGX_SECINFO_R;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		page->perm = SGX_SECINFO_R | SGX_SECINFO_W;
		r->unmapped = la;
		REJECTS_PF(r, decssa(r), la, SGX_PFEC_U | SGX_PFEC_W);
		r->unmapped = RIG_NONE;
		r->read_only = la;
		REJECTS_PF(r, decssa(r), la, SGX_PFEC_U | SGX_PFEC_W | SGX_PFEC_P);
		r->read_only = RIG_NONE;
		r->not_epc = la;
		REJECTS_PF(r, decssa(r), la, PF_SSA);
		r->not_epc = RIG_NONE;
	}
	/* The frame that is in use now is of no interest. */
	rig_page_at(r, RIG_SSA + 4 * SGX_PAGE_SIZE)->perm = 0;
	assert_ok(decssa(r));
}

static void goes_down(void **state)
{
	struct rig *r = inside(state, 1, 2);
	struct sgxcore_regs expected = r->regs;

	assert_ok(decssa(r));
	expected.ip += 3;
	assert_memory_equal(&expected, &r->regs, sizeof(expected));
	assert_int_equal(1, rig_tcs(r)->ssa_index);
	assert_int_equal(1, rig_tcs(r)->state);
	assert_ok(decssa(r));
	assert_int_equal(0, rig_tcs(r)->ssa_index);
	REJECTS_GP(r, decssa(r));

	/* The exit that follows: in that frame, and to the stack of the entry that used it */
	leave(r, RIG_CODE + 0x700);
	assert_int_equal(1, rig_tcs(r)->ssa_index);
	assert_int_equal(0, rig_tcs(r)->state);
	assert_int_equal(RIG_CODE + 0x700, rig_gpr(r, 0)->rip);
	assert_int_equal(RIG_CODE + 0x100, rig_gpr(r, 1)->rip);
	assert_int_equal(0x7000000, r->regs.sp);
	assert_int_equal(0x7000008, r->regs.bp);
}

/* Those of the frame count, which are the enclave's to change. */
static void stack_of_frame(void **state)
{
	struct rig *r = inside(state, 1, 1);

	rig_gpr(r, 0)->ursp = 0xabc0;
	assert_ok(decssa(r));
	assert_int_equal(0xabc0, r->lp.ursp);
	rig_gpr(r, 0)->ursp = 0xdef0;
	leave(r, RIG_CODE);
	assert_int_equal(0xdef0, r->regs.sp);
}

static void exits_after(void **state)
{
	struct rig *r = inside(state, 1, 1);

	assert_ok(decssa(r));
	r->regs.bx = 0x400300;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_int_equal(0, rig_tcs(r)->ssa_index);
	assert_int_equal(0, rig_tcs(r)->state);
}

static void changes_between(void **state)
{
	struct rig *r = inside(state, 1, 2);
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA + SGX_PAGE_SIZE);

	assert_ok(prepare(r));
	r->tcs->gen++;
	REJECTS_AGAIN(r, commit(r));
	assert_ok(prepare(r));
	page->gen++;
	REJECTS_AGAIN(r, commit(r));
	assert_ok(prepare(r));
	page->blocked = true;
	REJECTS_AGAIN(r, commit(r));
	page->blocked = false;
	assert_ok(prepare(r));
	page->type = SGX_PT_TRIM;
	REJECTS_PF(r, commit(r), page->addr, PF_SSA);
	page->type = SGX_PT_REG;
	assert_ok(prepare(r));
	rig_tcs(r)->ssa_index = 1;
	REJECTS_AGAIN(r, commit(r));
	rig_tcs(r)->ssa_index = 0;
	REJECTS_GP(r, commit(r));
	rig_tcs(r)->ssa_index = 2;
	/* The lookup of the entry is stale; it takes the new one. */
	assert_ok(decssa(r));
	leave(r, RIG_CODE + 0x20);
	assert_int_equal(2, rig_tcs(r)->ssa_index);
}

static void enclave_is_gone(void **state)
{
	struct rig *r = inside(state, 1, 1);

	assert_ok(prepare(r));
	sgxcore_lp_abandon(&r->lp);
	REJECTS_PF(r, commit(r), RIG_TCS, PF_TCS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(model_without),
		RIG_TEST(outside),
		RIG_TEST(frame_zero),
		RIG_TEST(bad_tcs),
		RIG_TEST(bad_frame),
		RIG_TEST(goes_down),
		RIG_TEST(stack_of_frame),
		RIG_TEST(exits_after),
		RIG_TEST(changes_between),
		RIG_TEST(enclave_is_gone),
	};

	return cmocka_run_group_tests_name("decssa", tests, NULL, NULL);
}
