// SPDX-License-Identifier: GPL-2.0
/* EEXIT, AEX and what follows it, the enclave taken away. */
#include "rig.h"

#define TARGET	0x400300ULL

static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static u8 synthetic[SGX_XSAVE_EXTENDED + 8];
static u8 state_inside[SGXCORE_XSAVE_MAX];

static struct sgxcore_outcome enter(struct rig *r, u32 leaf)
{
	struct sgxcore_entry e = { .xsave = xsave };
	struct sgxcore_outcome out = sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &e);

	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(&r->lp, &e, &r->regs) : out;
}

static void fill_regs(struct sgxcore_regs *regs, u64 base)
{
	u64 *p = (u64 *)regs;
	unsigned int i;

	for (i = 0; i < sizeof(*regs) / sizeof(*p); i++)
		p[i] = base + i;
}

/* Inside, with recognisable registers and extended state */
static void inside(struct rig *r, u64 xfrm, u32 frame_pages)
{
	u64 xstate_bv = xfrm;
	unsigned int i;

	rig_enclave(r, xfrm, frame_pages, 2, 0);
	assert_ok(enter(r, SGX_EENTER));
	fill_regs(&r->regs, 0x2200);
	r->regs.flags = 0x246;
	r->regs.ip = RIG_CODE + 0x99;
	r->regs.fsbase = RIG_BASE + 0x6000;
	r->regs.gsbase = RIG_BASE + 0x7000;
	for (i = 0; i < sizeof(state_inside); i++)
		state_inside[i] = (u8)(i * 31 + 5);
	memset(state_inside + 24, 0, 4);
	state_inside[24] = 0x80;
	memset(state_inside + 512, 0, 64);
	memcpy(state_inside + 512, &xstate_bv, sizeof(xstate_bv));
}

static bool aex(struct rig *r, const struct sgxcore_event *ev)
{
	memset(synthetic, 0xee, sizeof(synthetic));
	return sgxcore_aex(&r->lp, ev, &r->regs, state_inside, synthetic);
}

static const struct sgxcore_event interrupt = { 0 };

/* ----------------------------------------------------------------- EEXIT */

static void eexit_rejects(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	r->regs.bx = TARGET;
	REJECTS_GP(r, sgxcore_eexit(&r->lp, &r->regs));
	r->regs.bx = RIG_TCS;
	assert_ok(enter(r, SGX_EENTER));
	r->regs.bx = 1ULL << 47;
	REJECTS_GP(r, sgxcore_eexit(&r->lp, &r->regs));
	r->regs.bx = 0xffff7fffffffffff;
	REJECTS_GP(r, sgxcore_eexit(&r->lp, &r->regs));
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
}

static void eexit_effects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_regs expected;

	inside(r, 3, 1);
	r->regs.ax = SGX_EEXIT;
	r->regs.bx = TARGET;
	expected = r->regs;
	expected.ip = TARGET;
	expected.cx = RIG_AEP;
	expected.fsbase = 0x7f0000001000;
	expected.gsbase = 0x7f0000002000;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_memory_equal(&r->regs, &expected, sizeof(expected));
	assert_int_equal(rig_tcs(r)->state, 0);
	assert_int_equal(rig_tcs(r)->ssa_index, 0);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_false(r->lp.inside);
	assert_null(r->lp.secs);
	rig_assert_unlocked(r);
}

static void tf_comes_back(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	r->regs.flags |= SGX_RFLAGS_TF;
	assert_ok(enter(r, SGX_EENTER));
	assert_false(r->regs.flags & SGX_RFLAGS_TF);
	r->regs.bx = TARGET;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_true(r->regs.flags & SGX_RFLAGS_TF);

	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	assert_ok(enter(r, SGX_EENTER));
	assert_true(aex(r, &interrupt));
	assert_true(r->regs.flags & SGX_RFLAGS_TF);
	assert_false(rig_gpr(r, 0)->rflags & SGX_RFLAGS_TF);
}

static void opt_in_tf_is_left_alone(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, SGX_ATTR_DEBUG);
	assert_ok(sgxcore_edbgwr(&r->cpu, SGX_TCS_DBGOPTIN, r->tcs->mem + 8));
	assert_ok(enter(r, SGX_EENTER));
	r->regs.flags |= SGX_RFLAGS_TF;
	assert_true(aex(r, &interrupt));
	assert_true(r->regs.flags & SGX_RFLAGS_TF);
	assert_false(rig_gpr(r, 0)->rflags & SGX_RFLAGS_TF);
	/* ERESUME neither loads nor clears it. */
	assert_ok(enter(r, SGX_ERESUME));
	assert_true(r->regs.flags & SGX_RFLAGS_TF);
	r->regs.bx = TARGET;
	r->regs.flags &= ~SGX_RFLAGS_TF;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_false(r->regs.flags & SGX_RFLAGS_TF);
}

/* ------------------------------------------------------------------- AEX */

static void aex_registers(void **state)
{
	struct rig *r = *state;
	struct sgxcore_regs at_event, expected = { 0 };
	const struct sgx_gprsgx *gpr;

	inside(r, 3, 1);
	gpr = rig_gpr(r, 0);
	r->regs.flags = 0x3fffff & ~SGX_RFLAGS_VM;
	at_event = r->regs;
	assert_true(aex(r, &interrupt));

	assert_memory_equal(gpr, &at_event, 16 * sizeof(u64));
	assert_int_equal(gpr->rflags, at_event.flags & ~SGX_RFLAGS_TF);
	assert_int_equal(gpr->rip, at_event.ip);
	assert_int_equal(gpr->fsbase, at_event.fsbase);
	assert_int_equal(gpr->gsbase, at_event.gsbase);
	assert_int_equal(gpr->ursp, 0x7ffe000);
	assert_int_equal(gpr->urbp, 0x7ffe100);
	assert_int_equal(gpr->exitinfo, 0);

	expected.ax = 3;
	expected.bx = RIG_TCS;
	expected.cx = RIG_AEP;
	expected.ip = RIG_AEP;
	expected.sp = 0x7ffe000;
	expected.bp = 0x7ffe100;
	expected.flags = at_event.flags & ~(0xd5 | SGX_RFLAGS_OF | SGX_RFLAGS_RF | SGX_RFLAGS_TF);
	expected.fsbase = 0x7f0000001000;
	expected.gsbase = 0x7f0000002000;
	assert_memory_equal(&r->regs, &expected, sizeof(expected));
	assert_int_equal(rig_tcs(r)->ssa_index, 1);
	assert_int_equal(rig_tcs(r)->state, 0);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_false(r->lp.inside);
	assert_int_equal(synthetic[24] | synthetic[25] << 8, 0x1fb0);
	assert_int_equal(synthetic[SGX_XSAVE_EXTENDED], 0xee);
	rig_assert_unlocked(r);
}

/* Everything that the manual does not name in the frame belongs to software. */
static void aex_keeps_the_rest_of_the_frame(void **state)
{
	struct rig *r = *state;
	struct sgx_gprsgx *gpr;
	unsigned int i;
	u8 *mem;

	inside(r, 3, 1);
	gpr = rig_gpr(r, 0);
	mem = rig_page_at(r, RIG_SSA)->mem;
	memset(mem, 0x99, SGX_PAGE_SIZE - sizeof(*gpr));
	gpr->aexnotify = 0x99;
	memset(gpr->reserved, 0x99, sizeof(gpr->reserved));
	assert_true(aex(r, &interrupt));
	assert_memory_equal(mem, state_inside, 464);
	for (i = 464; i < 512; i++)
		assert_int_equal(mem[i], 0x99);
	assert_memory_equal(mem + 512, state_inside + 512, 8);
	assert_true(sgxcore_is_zero(mem + 520, 16));
	for (i = 536; i < SGX_PAGE_SIZE - sizeof(*gpr); i++)
		assert_int_equal(mem[i], 0x99);
	assert_int_equal(gpr->reserved[0], 0x99);
	assert_int_equal(gpr->aexnotify, 0x99);
}

/* XSAVE area on three scattered pages */
static void aex_writes_all_components(void **state)
{
	static const struct { u32 off, size; } used[] = {
		{ 576, 256 }, { 1088, 1600 }, { 2688, 8 }, { 2752, 8256 },
	};
	struct rig *r = *state;
	u8 area[SGXCORE_XSAVE_MAX];
	unsigned int i;

	inside(r, 0x602e7, 4);
	for (i = 0; i < 3; i++)
		memset(rig_page_at(r, RIG_SSA + i * 0x1000ULL)->mem, 0x99, SGX_PAGE_SIZE);
	assert_true(aex(r, &interrupt));
	for (i = 0; i < 3; i++)
		memcpy(area + i * 0x1000, rig_page_at(r, RIG_SSA + i * 0x1000ULL)->mem, 0x1000);
	for (i = 0; i < 4; i++)
		assert_memory_equal(area + used[i].off, state_inside + used[i].off, used[i].size);
	/* MPX is not in XFRM, 2696 is padding. */
	assert_int_equal(area[960], 0x99);
	assert_int_equal(area[1087], 0x99);
	assert_int_equal(area[2700], 0x99);
	assert_int_equal(area[11008], 0x99);
}

static void aex_masks_xstate_bv(void **state)
{
	struct rig *r = *state;
	u64 xstate_bv = ~0ULL;
	u8 *mem;

	inside(r, 7, 1);
	mem = rig_page_at(r, RIG_SSA)->mem;
	memcpy(state_inside + 512, &xstate_bv, sizeof(xstate_bv));
	memset(state_inside + 520, 0xff, 16);
	assert_true(aex(r, &interrupt));
	assert_true(sgxcore_xsave_valid(&r->model, 7, mem));
	assert_int_equal(mem[512], 7);
	/* A component in its initial state is zero, whatever the image holds. */
	r->regs.bx = RIG_TCS;
	assert_ok(enter(r, SGX_ERESUME));
	memset(state_inside + 512, 0, 24);
	state_inside[512] = 3;
	assert_true(aex(r, &interrupt));
	assert_int_equal(mem[512], 3);
	assert_true(sgxcore_is_zero(mem + 576, 256));
}

static u32 exitinfo_after(struct rig *r, bool exception, u8 vector, u32 error_code)
{
	const struct sgxcore_event ev = { .exception = exception, .vector = vector,
					  .error_code = error_code, .addr = RIG_BASE + 0x1234 };
	struct sgx_gprsgx *gpr = rig_gpr(r, 0);
	struct sgx_exinfo *exinfo = (struct sgx_exinfo *)gpr - 1;
	struct sgxcore_regs regs = r->regs;

	gpr->exitinfo = 0xffffffff;
	memset(exinfo, 0x99, sizeof(*exinfo));
	rig_tcs(r)->ssa_index = 0;
	r->regs = (struct sgxcore_regs){ .bx = RIG_TCS, .cx = RIG_AEP, .flags = 2 };
	assert_ok(enter(r, SGX_EENTER));
	assert_true(aex(r, &ev));
	r->regs = regs;
	return gpr->exitinfo;
}

static void exitinfo(void **state)
{
	struct rig *r = *state;
	unsigned int vector;
	const struct sgx_exinfo *exinfo;

	rig_enclave(r, 3, 1, 2, 0);
	exinfo = (struct sgx_exinfo *)rig_gpr(r, 0) - 1;
	for (vector = 0; vector < 256; vector++) {
		u32 info = exitinfo_after(r, true, vector, 0);

		switch (vector) {
		case 0: case 1: case 5: case 6: case 13: case 16: case 17: case 19:
			assert_int_equal(info, 0x80000300 | vector);
			break;
		case 3:
			assert_int_equal(info, 0x80000603);
			break;
		default:
			assert_int_equal(info, 0);
		}
		if (vector != SGXCORE_TRAP_GP)
			assert_int_equal(exinfo->maddr, 0x9999999999999999);
		assert_int_equal(exitinfo_after(r, false, vector, 0), 0);
	}
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_PF, 0x8007), 0x8000030e);
	assert_int_equal(exinfo->maddr, RIG_BASE + 0x1234);
	assert_int_equal(exinfo->errcd, 0x8007);
	assert_int_equal(exinfo->reserved, 0);
	/* a fault of the supervisor */
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_PF, 0x0003), 0);
	assert_int_equal(exinfo->maddr, 0x9999999999999999);
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_GP, 0x18), 0x8000030d);
	assert_int_equal(exinfo->maddr, 0);
	assert_int_equal(exinfo->errcd, 0x18);
}

static void exitinfo_without_exinfo(void **state)
{
	struct rig *r = *state;
	const struct sgx_exinfo *exinfo;

	r->model.misc_mask = 0;
	rig_enclave(r, 3, 1, 2, 0);
	exinfo = (struct sgx_exinfo *)rig_gpr(r, 0) - 1;
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_PF, 0x8007), 0);
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_GP, 0), 0);
	assert_int_equal(exinfo->maddr, 0x9999999999999999);
	assert_int_equal(exitinfo_after(r, true, SGXCORE_TRAP_UD, 0), 0x80000306);
}

static void synthetic_state_of_fp_exceptions(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	exitinfo_after(r, true, SGXCORE_TRAP_MF, 0);
	assert_int_equal(synthetic[0] | synthetic[1] << 8, 0x037e);
	assert_int_equal(synthetic[2] | synthetic[3] << 8, 0x8081);
	exitinfo_after(r, true, SGXCORE_TRAP_XM, 0);
	assert_int_equal(synthetic[24] | synthetic[25] << 8, 0x1f01);
	/* an interrupt whose vector happens to be the same */
	exitinfo_after(r, false, SGXCORE_TRAP_XM, 0);
	assert_int_equal(synthetic[24] | synthetic[25] << 8, 0x1fb0);
}

static void aex_and_resume_are_transparent(void **state)
{
	struct rig *r = *state;
	struct sgxcore_regs at_event;

	inside(r, 0x602e7, 4);
	at_event = r->regs;
	assert_true(aex(r, &interrupt));
	memset(xsave, 0, sizeof(xsave));
	assert_ok(enter(r, SGX_ERESUME));
	assert_memory_equal(&r->regs, &at_event, sizeof(at_event));
	assert_memory_equal(xsave, state_inside, 464);
	assert_memory_equal(xsave + 512, state_inside + 512, 64 + 256);
	assert_memory_equal(xsave + 2752, state_inside + 2752, 8256);
	assert_int_equal(rig_tcs(r)->ssa_index, 0);
}

/* Runtimes move the outside stack pointer through the frame. */
static void aex_takes_the_outside_stack_from_the_frame(void **state)
{
	struct rig *r = *state;

	inside(r, 3, 1);
	rig_gpr(r, 0)->ursp = 0x1230;
	rig_gpr(r, 0)->urbp = 0x4560;
	assert_true(aex(r, &interrupt));
	assert_int_equal(r->regs.sp, 0x1230);
	assert_int_equal(r->regs.bp, 0x4560);
}

/* An exception handler changes where the interrupted code goes on. */
static void nested_handler(void **state)
{
	struct rig *r = *state;
	const struct sgxcore_event ud = { .exception = true, .vector = SGXCORE_TRAP_UD };

	inside(r, 3, 1);
	assert_true(aex(r, &ud));
	assert_ok(enter(r, SGX_EENTER));
	assert_int_equal(r->regs.ax, 1);
	assert_int_equal(r->lp.frame.la, RIG_SSA + 0x1000);
	rig_gpr(r, 0)->rip = RIG_CODE + 0x777;
	r->regs.bx = TARGET;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_int_equal(rig_tcs(r)->ssa_index, 1);
	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	assert_ok(enter(r, SGX_ERESUME));
	assert_int_equal(r->regs.ip, RIG_CODE + 0x777);
	/* and with both frames in use there is no third entry */
	assert_true(aex(r, &ud));
	assert_ok(enter(r, SGX_EENTER));
	assert_true(aex(r, &ud));
	REJECTS_GP(r, enter(r, SGX_EENTER));
}

/* ------------------------------------------------------ pages taken away */

static void aex_without_its_frame(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ssa;
	u8 before[SGX_PAGE_SIZE];

	inside(r, 3, 1);
	ssa = rig_page_at(r, RIG_SSA);
	ssa->gen++;
	memcpy(before, ssa->mem, sizeof(before));
	assert_false(aex(r, &interrupt));
	assert_memory_equal(ssa->mem, before, sizeof(before));
	assert_false(r->lp.inside);
	assert_int_equal(r->regs.ip, RIG_AEP);
	assert_int_equal(r->regs.sp, 0x7ffe000);
	assert_int_equal(r->regs.fsbase, 0x7f0000001000);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	/* unusable: there is nothing to resume */
	assert_int_equal(rig_tcs(r)->state, 1);
	assert_int_equal(rig_tcs(r)->ssa_index, 0);
}

static void aex_gives_up_on_a_locked_frame(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *last;

	inside(r, 0x602e7, 4);
	last = rig_page_at(r, RIG_SSA + 0x3000);
	assert_true(sgxcore_lock_exclusive(last));
	assert_false(aex(r, &interrupt));
	sgxcore_unlock_exclusive(last);
	assert_false(r->lp.inside);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	rig_assert_unlocked(r);
}

static void aex_gives_up_on_a_locked_tcs(void **state)
{
	struct rig *r = *state;

	inside(r, 3, 1);
	assert_true(sgxcore_lock_exclusive(r->tcs));
	assert_false(aex(r, &interrupt));
	sgxcore_unlock_exclusive(r->tcs);
	assert_int_equal(rig_tcs(r)->state, 1);
	assert_int_equal(rig_tcs(r)->ssa_index, 0);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
}

static void exit_without_its_tcs(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *tcs;

	inside(r, 3, 1);
	tcs = r->tcs;
	/* as when the TCS was trimmed, accepted and removed: another life, same page */
	tcs->type = SGX_PT_TRIM;
	assert_ok(sgxcore_eremove(&r->cpu, tcs->mem));
	memset(r->src, 0x44, sizeof(r->src));
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, tcs->mem));
	r->regs.bx = TARGET;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_true(sgxcore_is_zero(tcs->mem, SGX_PAGE_SIZE));
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
}

static void abandoned_threads_still_come_out(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	inside(r, 3, 1);
	sgxcore_lp_abandon(&r->lp);
	assert_true(r->lp.inside);
	assert_null(r->lp.secs);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_int_equal(rig_tcs(r)->state, 0);
	/* The enclave may go now. */
	for (i = 1; i < RIG_PAGES; i++)
		assert_ok(sgxcore_eremove(&r->cpu, r->pages[i].mem));
	assert_ok(sgxcore_eremove(&r->cpu, r->secs->mem));
	/* twice is once */
	sgxcore_lp_abandon(&r->lp);
	assert_false(aex(r, &interrupt));
	assert_false(r->lp.inside);
	assert_int_equal(r->regs.ip, RIG_AEP);
	assert_int_equal(r->regs.sp, 0x7ffe000);
	assert_int_equal(r->regs.bp, 0x7ffe100);
	assert_int_equal(r->regs.fsbase, 0x7f0000001000);
	assert_true(sgxcore_is_zero(r->mem, RIG_MEM));
	/* outside: nothing to abandon */
	sgxcore_lp_abandon(&r->lp);
	assert_false(r->lp.inside);
}

static void abandoned_threads_may_eexit(void **state)
{
	struct rig *r = *state;

	inside(r, 3, 1);
	sgxcore_lp_abandon(&r->lp);
	r->regs.bx = 1ULL << 47;
	REJECTS_GP(r, sgxcore_eexit(&r->lp, &r->regs));
	r->regs.bx = TARGET;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_int_equal(r->regs.ip, TARGET);
	assert_int_equal(r->regs.cx, RIG_AEP);
	assert_int_equal(r->regs.gsbase, 0x7f0000002000);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	/* and the TCS can be entered again */
	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	assert_ok(enter(r, SGX_EENTER));
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
}

static void running_threads_keep_pages(void **state)
{
	struct rig *r = *state;

	inside(r, 3, 1);
	REJECTS_STATUS(r, sgxcore_eremove(&r->cpu, rig_page_at(r, RIG_SSA)->mem),
		       SGX_ENCLAVE_ACT);
	REJECTS_STATUS(r, sgxcore_eremove(&r->cpu, r->tcs->mem), SGX_ENCLAVE_ACT);
	assert_true(aex(r, &interrupt));
	assert_ok(sgxcore_eremove(&r->cpu, r->tcs->mem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(eexit_rejects),
		RIG_TEST(eexit_effects),
		RIG_TEST(tf_comes_back),
		RIG_TEST(opt_in_tf_is_left_alone),
		RIG_TEST(aex_registers),
		RIG_TEST(aex_keeps_the_rest_of_the_frame),
		RIG_TEST(aex_writes_all_components),
		RIG_TEST(aex_masks_xstate_bv),
		RIG_TEST(exitinfo),
		RIG_TEST(exitinfo_without_exinfo),
		RIG_TEST(synthetic_state_of_fp_exceptions),
		RIG_TEST(aex_and_resume_are_transparent),
		RIG_TEST(aex_takes_the_outside_stack_from_the_frame),
		RIG_TEST(nested_handler),
		RIG_TEST(aex_without_its_frame),
		RIG_TEST(aex_gives_up_on_a_locked_frame),
		RIG_TEST(aex_gives_up_on_a_locked_tcs),
		RIG_TEST(exit_without_its_tcs),
		RIG_TEST(abandoned_threads_still_come_out),
		RIG_TEST(abandoned_threads_may_eexit),
		RIG_TEST(running_threads_keep_pages),
	};

	return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
