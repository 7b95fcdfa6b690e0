// SPDX-License-Identifier: GPL-2.0
/* AEX-Notify: flags that have to match, and the ERESUME that tells instead of resuming. */
#include <string.h>

#include "rig.h"

static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static struct sgxcore_entry entry;

static struct sgxcore_outcome prepare(struct rig *r, u32 leaf)
{
	memset(&entry, 0xa5, sizeof(entry));
	entry.xsave = xsave;
	entry.notify = true;
	entry.restore = true;
	return sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &entry);
}

static struct sgxcore_outcome enter(struct rig *r, u32 leaf)
{
	struct sgxcore_outcome out = prepare(r, leaf);

	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(&r->lp, &entry, &r->regs) : out;
}

#define EENTER(r)	enter(r, SGX_EENTER)
#define ERESUME(r)	enter(r, SGX_ERESUME)

static struct rig *enclave(void **state, u32 nssa, u64 attributes)
{
	struct rig *r = *state;

	r->model.attr_mask |= SGX_ATTR_AEXNOTIFY;
	rig_enclave(r, 3, 1, nssa, attributes);
	if (attributes & SGX_ATTR_AEXNOTIFY)
		rig_tcs(r)->flags = SGX_TCS_AEXNOTIFY;
	return r;
}

static struct sgxcore_regs at_entry(struct rig *r)
{
	struct sgxcore_regs regs = r->regs;

	regs.bx = RIG_TCS;
	regs.cx = RIG_AEP;
	regs.ip = RIG_IP;
	return regs;
}

/* In, out by an interrupt, and what the enclave has set in its frame */
static void interrupt(struct rig *r, u8 aexnotify)
{
	const struct sgxcore_event ev = { 0 };
	static const u8 zero[SGXCORE_XSAVE_MAX];
	u8 synthetic[576];

	r->regs = at_entry(r);
	assert_ok(EENTER(r));
	r->regs.ip = RIG_CODE + 0x80;
	r->regs.dx = 0x5eed;
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, zero, synthetic));
	rig_gpr(r, rig_tcs(r)->ssa_index - 1)->aexnotify = aexnotify;
	r->regs.ip = RIG_IP;
}

/* ------------------------------------------------------------- the flags */

static void is_reserved_elsewhere(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	rig_tcs(r)->flags = SGX_TCS_AEXNOTIFY;
	REJECTS_GP(r, EENTER(r));
	rig_tcs(r)->flags = SGX_TCS_AEXNOTIFY | SGX_TCS_DBGOPTIN;
	REJECTS_GP(r, EENTER(r));
	rig_tcs(r)->ssa_index = 1;
	REJECTS_GP(r, ERESUME(r));
}

/* The byte means nothing on such a processor, nor in such an enclave. */
static void byte_alone(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 1, 0);
	interrupt(r, 0xff);
	assert_ok(ERESUME(r));
	assert_int_equal(RIG_CODE + 0x80, r->regs.ip);
	assert_int_equal(0, rig_tcs(r)->ssa_index);
	assert_int_equal(0xff, rig_gpr(r, 0)->aexnotify);
}

static void flags_match(void **state)
{
	u64 with = SGX_ATTR_AEXNOTIFY;
	struct rig *r = enclave(state, 2, with);

	rig_tcs(r)->flags = 0;
	REJECTS_GP(r, EENTER(r));
	rig_tcs(r)->ssa_index = 1;
	REJECTS_GP(r, ERESUME(r));
	rig_tcs(r)->ssa_index = 0;
	rig_tcs(r)->flags = SGX_TCS_AEXNOTIFY | 4;
	REJECTS_GP(r, EENTER(r));
	rig_tcs(r)->flags = SGX_TCS_AEXNOTIFY;
	sgxcore_secs_of(r->secs)->attributes &= ~with;
	REJECTS_GP(r, EENTER(r));
	/* A debugger may have them differ, either way. */
	rig_tcs(r)->flags |= SGX_TCS_DBGOPTIN;
	assert_ok(prepare(r, SGX_EENTER));
	sgxcore_secs_of(r->secs)->attributes |= with;
	rig_tcs(r)->flags = SGX_TCS_DBGOPTIN;
	assert_ok(EENTER(r));
}

/* The first half has seen a TCS that is another one now. */
static void flags_change_between(void **state)
{
	struct rig *r = enclave(state, 2, SGX_ATTR_AEXNOTIFY);

	assert_ok(prepare(r, SGX_EENTER));
	rig_tcs(r)->flags = 0;
	REJECTS_GP(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
}

/* -------------------------------------------------------------- ERESUME */

static void resumes_unless_asked(void **state)
{
	struct rig *r = enclave(state, 1, SGX_ATTR_AEXNOTIFY);

	/* All bits but the one: no frame to spare is needed. */
	interrupt(r, 0xfe);
	assert_ok(ERESUME(r));
	assert_true(entry.restore);
	assert_int_equal(RIG_CODE + 0x80, r->regs.ip);
	assert_int_equal(0x5eed, r->regs.dx);
	assert_int_equal(0, rig_tcs(r)->ssa_index);
}

static void no_spare_frame(void **state)
{
	struct rig *r = enclave(state, 1, SGX_ATTR_AEXNOTIFY);

	interrupt(r, 1);
	REJECTS_GP(r, ERESUME(r));
	/* The frame to resume from comes first. */
	rig_page_at(r, RIG_SSA)->blocked = true;
	REJECTS_PF(r, ERESUME(r), RIG_SSA, PF_SSA);
	rig_page_at(r, RIG_SSA)->blocked = false;
	rig_gpr(r, 0)->aexnotify = 0;
	assert_ok(ERESUME(r));
}

static void bad_spare_frame(void **state)
{
	struct rig *r = enclave(state, 2, SGX_ATTR_AEXNOTIFY);
	u64 la = RIG_SSA + SGX_PAGE_SIZE;
	struct sgxcore_page *page;

	interrupt(r, 1);
	page = rig_page_at(r, la);
	page->perm = SGX_SECINFO_R;
	REJECTS_PF(r, ERESUME(r), la, PF_SSA);
	page->perm = SGX_SECINFO_R | SGX_SECINFO_W;
	page->pending = true;
	REJECTS_PF(r, ERESUME(r), la, PF_SSA);
	page->pending = false;
	r->unmapped = la;
	REJECTS_PF(r, ERESUME(r), la, SGX_PFEC_U | SGX_PFEC_W);
	r->unmapped = RIG_NONE;
	rig_tcs(r)->entry_offset = 1ULL << 47;
	REJECTS_GP(r, ERESUME(r));
	rig_tcs(r)->entry_offset = RIG_OENTRY;
	rig_tcs(r)->state = 1;
	REJECTS_GP(r, ERESUME(r));
	rig_tcs(r)->state = 0;
	assert_ok(ERESUME(r));
}

static void notifies(void **state)
{
	struct rig *r = enclave(state, 2, SGX_ATTR_AEXNOTIFY);
	struct sgxcore_regs before, expected;
	u8 frame0[SGX_PAGE_SIZE];

	interrupt(r, 1);
	memset(rig_page_at(r, RIG_SSA)->mem, 0xff, 576); /* nobody loads it */
	memcpy(frame0, rig_page_at(r, RIG_SSA)->mem, sizeof(frame0));
	r->regs.sp = 0x1234560;
	r->regs.bp = 0x1234568;
	r->regs.flags |= SGX_RFLAGS_TF | SGX_RFLAGS_DF;
	before = r->regs;
	assert_ok(ERESUME(r));
	expected = before;
	expected.ax = 1;
	expected.cx = RIG_IP + 3;
	expected.ip = RIG_BASE + RIG_OENTRY;
	expected.fsbase = RIG_BASE + RIG_OFSBASE;
	expected.gsbase = RIG_BASE + RIG_OGSBASE;
	expected.flags &= ~SGX_RFLAGS_TF;
	assert_memory_equal(&expected, &r->regs, sizeof(expected));
	assert_false(entry.restore);
	assert_int_equal(1, rig_tcs(r)->ssa_index);
	assert_int_equal(1, rig_tcs(r)->state);
	assert_int_equal(before.sp, rig_gpr(r, 1)->ursp);
	assert_int_equal(before.bp, rig_gpr(r, 1)->urbp);
	assert_memory_equal(frame0, rig_page_at(r, RIG_SSA)->mem, sizeof(frame0));
	assert_int_equal(before.fsbase, r->lp.fsbase);
	assert_ptr_equal(rig_page_at(r, RIG_SSA + SGX_PAGE_SIZE), r->lp.frame.gpr.page);
}

/* Interrupted while it is being told: the next exit is in the next frame. */
static void nested(void **state)
{
	struct rig *r = enclave(state, 3, SGX_ATTR_AEXNOTIFY);
	static const u8 zero[SGXCORE_XSAVE_MAX];
	const struct sgxcore_event ev = { .exception = true, .vector = SGXCORE_TRAP_UD };
	u8 synthetic[576];

	interrupt(r, 1);
	assert_ok(ERESUME(r));
	r->regs.ip = RIG_CODE + 0x90;
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, zero, synthetic));
	assert_int_equal(2, rig_tcs(r)->ssa_index);
	assert_int_equal(RIG_CODE + 0x90, rig_gpr(r, 1)->rip);
	assert_int_equal(RIG_CODE + 0x80, rig_gpr(r, 0)->rip);
	/* Frame 1 has not asked. */
	assert_ok(ERESUME(r));
	assert_int_equal(RIG_CODE + 0x90, r->regs.ip);
	assert_int_equal(1, rig_tcs(r)->ssa_index);
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, zero, synthetic));
	rig_gpr(r, 1)->aexnotify = 1;
	assert_ok(ERESUME(r));
	assert_int_equal(2, r->regs.ax);
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, zero, synthetic));
	assert_int_equal(3, rig_tcs(r)->ssa_index);
	rig_gpr(r, 2)->aexnotify = 1;
	REJECTS_GP(r, ERESUME(r));
}

/* The byte changes between the halves: once more, with the right frame. */
static void byte_changes_between(void **state)
{
	struct rig *r = enclave(state, 2, SGX_ATTR_AEXNOTIFY);

	interrupt(r, 0);
	assert_ok(prepare(r, SGX_ERESUME));
	rig_gpr(r, 0)->aexnotify = 1;
	REJECTS_AGAIN(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
	assert_ok(prepare(r, SGX_ERESUME));
	rig_gpr(r, 0)->aexnotify = 0;
	REJECTS_AGAIN(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
	assert_ok(ERESUME(r));
}

static void frames_move_between(void **state)
{
	struct rig *r = enclave(state, 2, SGX_ATTR_AEXNOTIFY);
	unsigned int i;

	interrupt(r, 1);
	for (i = 0; i < 2; i++) {
		struct sgxcore_page *page = rig_page_at(r, RIG_SSA + i * SGX_PAGE_SIZE);

		assert_ok(prepare(r, SGX_ERESUME));
		page->gen++;
		REJECTS_AGAIN(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
		assert_ok(prepare(r, SGX_ERESUME));
		page->blocked = true;
		REJECTS_AGAIN(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
		page->blocked = false;
		assert_ok(prepare(r, SGX_ERESUME));
		page->type = SGX_PT_TRIM;
		REJECTS_PF(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs), page->addr, PF_SSA);
		page->type = SGX_PT_REG;
	}
	/* NSSA and CSSA as a debugger or another thread may leave them */
	assert_ok(prepare(r, SGX_ERESUME));
	rig_tcs(r)->nr_ssa_frames = 1;
	REJECTS_GP(r, sgxcore_entry_commit(&r->lp, &entry, &r->regs));
	rig_tcs(r)->nr_ssa_frames = 2;
	assert_ok(ERESUME(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(is_reserved_elsewhere),
		RIG_TEST(byte_alone),
		RIG_TEST(flags_match),
		RIG_TEST(flags_change_between),
		RIG_TEST(resumes_unless_asked),
		RIG_TEST(no_spare_frame),
		RIG_TEST(bad_spare_frame),
		RIG_TEST(notifies),
		RIG_TEST(nested),
		RIG_TEST(byte_changes_between),
		RIG_TEST(frames_move_between),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
