// SPDX-License-Identifier: GPL-2.0
/*
 * An LP whose task does not run stays inside, while TCS, frame, and all of its enclave
 * are evicted. It comes out as if nothing had happened.
 */
#include "paging.h"

static u8 image[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static u8 synthetic[SGX_XSAVE_EXTENDED];
static const struct sgxcore_event interrupt = { 0 };

static struct blob blobs[RIG_PAGES];

static struct sgxcore_outcome enter(struct rig *r, u32 leaf)
{
	struct sgxcore_entry e = { .xsave = image };
	struct sgxcore_outcome out;

	out = sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &e);
	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(&r->lp, &e, &r->regs) : out;
}

static void inside(struct rig *r)
{
	assert_ok(enter(r, SGX_EENTER));
	r->regs.dx = 0x1dea;
	r->regs.fsbase = RIG_BASE;
	r->regs.gsbase = RIG_BASE;
	sgxcore_xsave_synthetic(image, -1);
}

/* Blocked, tracked in spite of the LP, evicted; its address is not mapped any more. */
static void evict(struct rig *r, struct sgxcore_page *page)
{
	unsigned int i = page - r->pages;

	assert_ok(paging_eblock(r, i));
	assert_ok(sgxcore_etrack(&r->cpu, r->secs->mem));
	assert_status(paging_ewb(r, i, i, &blobs[i]), SGX_NOT_TRACKED);
	sgxcore_lp_interrupted(&r->lp);
	assert_ok(paging_ewb(r, i, i, &blobs[i]));
}

static struct sgxcore_page *reload(struct rig *r, unsigned int from, unsigned int to)
{
	blobs[from].secs = (unsigned long)r->secs->mem;
	assert_ok(paging_eldu(r, to, from, &blobs[from]));
	return &r->pages[to];
}

static bool begin(struct rig *r, struct sgxcore_exit *x, bool whole)
{
	*x = (struct sgxcore_exit){ .whole = whole };
	return sgxcore_exit_begin(&r->lp, x);
}

static void assert_left(struct rig *r)
{
	assert_false(r->lp.inside);
	assert_null(r->lp.secs);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	rig_assert_unlocked(r);
}

static void aex_finds_its_frame_again(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ssa = rig_page_at(r, RIG_SSA);
	struct sgxcore_exit x;

	inside(r);
	evict(r, ssa);
	evict(r, r->tcs);
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
	assert_false(begin(r, &x, true));
	/* Nothing is mapped yet. */
	assert_false(sgxcore_exit_find(&r->lp, &x));
	rig_assert_unlocked(r);
	ssa = reload(r, ssa - r->pages, 40);
	r->tcs = reload(r, PAGING_TCS, 41);
	/* what was there before belongs to somebody else by now */
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[PAGING_TCS].mem));
	assert_false(begin(r, &x, true));
	assert_true(sgxcore_exit_find(&r->lp, &x));
	assert_true(sgxcore_exit_begin(&r->lp, &x));
	assert_int_equal(((struct sgx_tcs *)r->tcs->mem)->state, 1);
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_int_equal(rig_gpr(r, 0)->dx, 0x1dea);
	assert_int_equal(((struct sgx_tcs *)r->tcs->mem)->state, 0);
	assert_int_equal(((struct sgx_tcs *)r->tcs->mem)->ssa_index, 1);
	assert_true(sgxcore_is_zero(r->pages[PAGING_TCS].mem, SGX_PAGE_SIZE));
	assert_left(r);
	assert_ok(enter(r, SGX_ERESUME));
	assert_int_equal(r->regs.dx, 0x1dea);
}

static void which_pages_an_exit_writes_to(void **state)
{
	struct rig *r = *state;

	inside(r);
	assert_true(sgxcore_lp_stores_to(&r->lp, RIG_TCS));
	assert_true(sgxcore_lp_stores_to(&r->lp, RIG_SSA));
	assert_false(sgxcore_lp_stores_to(&r->lp, RIG_SSA + SGX_PAGE_SIZE));
	assert_false(sgxcore_lp_stores_to(&r->lp, RIG_BASE));
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	/* CSSA is 1 */
	assert_ok(enter(r, SGX_EENTER));
	assert_false(sgxcore_lp_stores_to(&r->lp, RIG_SSA));
	assert_true(sgxcore_lp_stores_to(&r->lp, RIG_SSA + SGX_PAGE_SIZE));
}

static void eexit_needs_no_frame(void **state)
{
	struct rig *r = *state;
	struct sgxcore_exit x;

	inside(r);
	evict(r, rig_page_at(r, RIG_SSA));
	assert_true(begin(r, &x, false));
	/* An EEXIT that faults lets go of the TCS. */
	r->regs.bx = 1ULL << 47;
	assert_gp(sgxcore_eexit(&r->lp, &r->regs));
	rig_assert_unlocked(r);
	evict(r, r->tcs);
	assert_false(begin(r, &x, false));
	r->tcs = reload(r, PAGING_TCS, 41);
	assert_true(sgxcore_exit_find(&r->lp, &x));
	assert_true(sgxcore_exit_begin(&r->lp, &x));
	r->regs.bx = 0x400300;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	assert_int_equal(((struct sgx_tcs *)r->tcs->mem)->state, 0);
	assert_left(r);
}

static void pinned_pages_stay(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ssa = rig_page_at(r, RIG_SSA);
	struct sgxcore_exit x;

	inside(r);
	assert_ok(paging_eblock(r, ssa - r->pages));
	assert_ok(paging_etrack(r, PAGING_SECS));
	sgxcore_lp_interrupted(&r->lp);
	/* A blocked page is good enough for an exit, and does not leave during it. */
	assert_true(begin(r, &x, true));
	assert_gp(paging_ewb(r, ssa - r->pages, 0, &blob));
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_ok(paging_ewb(r, ssa - r->pages, 0, &blob));
	assert_left(r);
}

/* The translation waits until the leaf is done: an exit that tries again would spin. */
static void a_page_on_its_way_is_looked_up(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ssa = rig_page_at(r, RIG_SSA);
	struct sgxcore_exit x;
	unsigned int walks;

	inside(r);
	assert_true(sgxcore_lock_exclusive_long(ssa));
	assert_false(begin(r, &x, true));
	walks = r->walks;
	assert_true(sgxcore_exit_find(&r->lp, &x));
	/* It has the XSAVE area and GPRSGX. */
	assert_int_equal(r->walks, walks + 2);
	assert_false(sgxcore_exit_begin(&r->lp, &x));
	sgxcore_unlock_exclusive_long(ssa);
	assert_true(sgxcore_exit_find(&r->lp, &x));
	assert_true(sgxcore_exit_begin(&r->lp, &x));
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_left(r);
}

static void evicted_again_in_between(void **state)
{
	struct rig *r = *state;
	struct sgxcore_exit x;

	inside(r);
	evict(r, r->tcs);
	r->tcs = reload(r, PAGING_TCS, 41);
	assert_false(begin(r, &x, true));
	assert_true(sgxcore_exit_find(&r->lp, &x));
	evict(r, r->tcs);
	assert_false(sgxcore_exit_begin(&r->lp, &x));
	r->tcs = reload(r, 41, 42);
	assert_true(sgxcore_exit_find(&r->lp, &x));
	assert_true(sgxcore_exit_begin(&r->lp, &x));
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_left(r);
}

/* A page of another enclave, or of another kind, at the address of ours */
static void impostors_are_not_used(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *ours = r->secs;
	struct sgxcore_exit x;

	inside(r);
	evict(r, r->tcs);
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
	rig_tcs_source(r);
	assert_ok(rig_eadd(r, 31, &r->pages[30], RIG_TCS, SGX_SECINFO_TCS));
	r->secs = &r->pages[30];
	assert_false(begin(r, &x, true));
	assert_false(sgxcore_exit_find(&r->lp, &x));
	r->secs = ours;
	memset(r->src, 0, sizeof(r->src));
	sgxcore_secs_of(ours)->attributes &= ~SGX_ATTR_INIT;
	assert_ok(rig_eadd(r, 32, ours, RIG_TCS, RIG_REG_RW));
	assert_false(begin(r, &x, true));
	assert_false(sgxcore_exit_find(&r->lp, &x));
	/* It comes out all the same. */
	assert_false(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_left(r);
}

/* The enclave goes out as a whole and comes back at other places. */
static void evict_all(struct rig *r)
{
	unsigned int i;

	for (i = 1; i < RIG_PAGES; i++) {
		if (r->pages[i].valid && r->pages[i].secs == r->secs)
			evict(r, &r->pages[i]);
	}
	assert_ok(paging_ewb(r, PAGING_SECS, 0, &blobs[0]));
	assert_false(sgxcore_lp_is_inside(&r->lp, r->secs));
}

static void whole_enclave_under_an_lp(void **state)
{
	struct rig *r = *state;
	unsigned int ssa = rig_page_at(r, RIG_SSA) - r->pages;
	struct sgxcore_page *before = r->secs;
	struct sgxcore_exit x;
	u64 track;

	inside(r);
	evict_all(r);
	/* another enclave on the page of the SECS, with somebody inside */
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, PAGING_SECS));
	sgxcore_track_enter(before);
	assert_ok(paging_etrack(r, PAGING_SECS));
	track = before->track;
	assert_ok(paging_eldu(r, 35, 0, &blobs[0]));
	r->secs = &r->pages[35];
	r->tcs = reload(r, PAGING_TCS, 41);
	reload(r, ssa, 42);
	sgxcore_lp_interrupted(&r->lp);
	assert_false(sgxcore_lp_is_awaited(&r->lp));
	assert_false(begin(r, &x, true));
	assert_true(sgxcore_exit_find(&r->lp, &x));
	assert_true(sgxcore_exit_begin(&r->lp, &x));
	assert_int_equal(sgxcore_track_inside(r->secs), 1);
	assert_true(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_int_equal(rig_gpr(r, 0)->dx, 0x1dea);
	assert_left(r);
	assert_int_equal(before->track, track);
}

static void lost_enclave_under_an_lp(void **state)
{
	struct rig *r = *state;
	struct sgxcore_exit x;
	unsigned int how;

	for (how = 0; how < 3; how++) {
		u64 track;

		inside(r);
		evict_all(r);
		sgxcore_track_enter(r->secs);
		track = r->secs->track;
		if (how == 0) {
			sgxcore_lp_abandon(&r->lp);
			r->regs.bx = 0;
			assert_ok(sgxcore_eexit(&r->lp, &r->regs));
		} else if (how == 1) {
			r->regs.bx = 0;
			assert_ok(sgxcore_eexit(&r->lp, &r->regs));
		} else {
			assert_false(begin(r, &x, true));
			assert_false(sgxcore_exit_find(&r->lp, &x));
			assert_false(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
		}
		assert_int_equal(r->secs->track, track);
		sgxcore_track_leave(r->secs, sgxcore_track_epoch(r->secs));
		assert_left(r);
		assert_int_equal(rig_teardown(state), 0);
		paging_setup(state);
		r = *state;
	}
}

static void nothing_to_begin(void **state)
{
	struct rig *r = *state;
	struct sgxcore_exit x;

	inside(r);
	sgxcore_lp_abandon(&r->lp);
	assert_true(begin(r, &x, true));
	assert_false(sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic));
	assert_left(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGING_TEST(aex_finds_its_frame_again),
		PAGING_TEST(which_pages_an_exit_writes_to),
		PAGING_TEST(eexit_needs_no_frame),
		PAGING_TEST(pinned_pages_stay),
		PAGING_TEST(a_page_on_its_way_is_looked_up),
		PAGING_TEST(evicted_again_in_between),
		PAGING_TEST(impostors_are_not_used),
		PAGING_TEST(whole_enclave_under_an_lp),
		PAGING_TEST(lost_enclave_under_an_lp),
		PAGING_TEST(nothing_to_begin),
	};

	return cmocka_run_group_tests_name("paging_exit", tests, NULL, NULL);
}
