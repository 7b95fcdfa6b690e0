// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that come, change and go after EINIT: the whole way of each, through eviction,
 * and under a logical processor that uses them.
 */
#include "dynamic.h"

static u8 image[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));

static struct sgxcore_page *new_page(struct rig *r)
{
	return &r->pages[DYN_NEW];
}

/* Everybody who is inside was interrupted after an ETRACK. */
static void track(struct rig *r)
{
	assert_ok(paging_etrack(r, PAGING_SECS));
	sgxcore_lp_interrupted(&r->lp);
}

static void assert_debuggable(struct rig *r, unsigned int index, bool yes)
{
	void *addr = r->pages[index].mem + offsetof(struct sgx_tcs, flags);
	u64 word = 0;

	if (yes) {
		assert_ok(sgxcore_edbgrd(&r->cpu, &word, addr));
		assert_ok(sgxcore_edbgwr(&r->cpu, word, addr));
	} else {
		assert_status(sgxcore_edbgrd(&r->cpu, &word, addr), SGX_PAGE_NOT_DEBUGGABLE);
		assert_status(sgxcore_edbgwr(&r->cpu, word, addr), SGX_PAGE_NOT_DEBUGGABLE);
	}
}

static struct sgxcore_outcome enter_by(struct sgxcore_lp *lp, u64 tcs)
{
	struct sgxcore_regs regs = { .ax = SGX_EENTER, .bx = tcs, .cx = RIG_AEP };
	struct sgxcore_entry e = { .xsave = image };
	struct sgxcore_outcome out;

	out = sgxcore_entry_prepare(lp, SGX_EENTER, &regs, &e);
	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(lp, &e, &regs) : out;
}

/* A TCS for frame 1 of the enclave, as its own code would write it */
static void write_tcs(struct sgxcore_page *page)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)page->mem;

	memset(tcs, 0, sizeof(*tcs));
	tcs->ssa_offset = RIG_SSA + 0x1000 - RIG_BASE;
	tcs->nr_ssa_frames = 1;
	tcs->entry_offset = RIG_OENTRY;
}

/* ------------------------------------------------------------- whole lives */

static void a_page_is_added(void **state)
{
	struct rig *r = *state;

	assert_debuggable(r, DYN_NEW, false);
	assert_int_equal(sgxcore_page_access(new_page(r)), 0);
	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, DYN_NEW_FLAGS));
	assert_int_equal(sgxcore_page_access(new_page(r)), 3);
	assert_debuggable(r, DYN_NEW, true);
	/* More rights are the enclave's own business. */
	dynamic_request(r, DYN_NEW_LA, SGX_SECINFO_X);
	assert_ok(dynamic_enclu(r, SGX_EMODPE));
	assert_int_equal(sgxcore_page_access(new_page(r)), 7);
}

static void a_page_is_added_with_contents(void **state)
{
	struct rig *r = *state;

	dynamic_request(r, DYN_NEW_LA, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X);
	r->regs.dx = DYN_REG_LA;
	assert_ok(dynamic_enclu(r, SGX_EACCEPTCOPY));
	assert_int_equal(sgxcore_page_access(new_page(r)), 5);
	assert_memory_equal(new_page(r)->mem, r->pages[DYN_REG].mem, SGX_PAGE_SIZE);
	assert_debuggable(r, DYN_NEW, true);
	/* It is a page like any other: source of the next one. */
	assert_ok(dynamic_eaug(r, 30, DYN_NEW_LA + 0x1000));
	dynamic_request(r, DYN_NEW_LA + 0x1000, RIG_REG_RW);
	r->regs.dx = DYN_NEW_LA;
	assert_ok(dynamic_enclu(r, SGX_EACCEPTCOPY));
	assert_memory_equal(new_page(r)->mem, r->pages[30].mem, SGX_PAGE_SIZE);
}

static void rights_go_and_come(void **state)
{
	const u64 request = SGX_SECINFO_REG | SGX_SECINFO_PR | SGX_SECINFO_R;
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];

	assert_ok(dynamic_emodpr(r, DYN_REG, SGX_SECINFO_R));
	/* usable all the time, by debuggers, too */
	assert_int_equal(sgxcore_page_access(page), 1);
	assert_debuggable(r, DYN_REG, true);
	assert_status(dynamic_eaccept(r, DYN_REG_LA, request), SGX_NOT_TRACKED);
	track(r);
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, request));
	assert_false(page->pr);
	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_W);
	assert_ok(dynamic_enclu(r, SGX_EMODPE));
	assert_int_equal(sgxcore_page_access(page), 3);
	/* A page that is only new is not modifiable yet. */
	assert_status(dynamic_emodpr(r, DYN_NEW, 1), SGX_PAGE_NOT_MODIFIABLE);
	assert_status(dynamic_emodt(r, DYN_NEW, SGX_SECINFO_TRIM), SGX_PAGE_NOT_MODIFIABLE);
}

static void a_thread_is_added(void **state)
{
	struct rig *r = *state;
	struct sgxcore_lp lp = {
		.cpu = &r->cpu, .ops = r->lp.ops, .xcr0 = r->lp.xcr0,
	};
	struct sgxcore_regs regs = { .bx = 0x400300 };

	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, DYN_NEW_FLAGS));
	write_tcs(new_page(r));
	assert_pf(enter_by(&lp, DYN_NEW_LA), DYN_NEW_LA, PF_TCS);
	assert_ok(dynamic_emodt(r, DYN_NEW, SGX_SECINFO_TCS));
	assert_pf(enter_by(&lp, DYN_NEW_LA), DYN_NEW_LA, PF_TCS);
	assert_debuggable(r, DYN_NEW, false);
	track(r);
	assert_pf(enter_by(&lp, DYN_NEW_LA), DYN_NEW_LA, PF_TCS);
	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED));
	assert_int_equal(sgxcore_page_access(new_page(r)), 0);
	assert_debuggable(r, DYN_NEW, true);
	assert_ok(enter_by(&lp, DYN_NEW_LA));
	assert_int_equal(sgxcore_track_inside(r->secs), 2);
	assert_ok(sgxcore_eexit(&lp, &regs));
	/* and goes again */
	assert_ok(dynamic_emodt(r, DYN_NEW, SGX_SECINFO_TRIM));
	assert_pf(enter_by(&lp, DYN_NEW_LA), DYN_NEW_LA, PF_TCS);
	track(r);
	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED));
	assert_pf(enter_by(&lp, DYN_NEW_LA), DYN_NEW_LA, PF_TCS);
	assert_ok(sgxcore_eremove(&r->cpu, new_page(r)->mem));
}

static void a_page_is_trimmed(void **state)
{
	const u64 request = SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED;
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];
	int children = r->secs->children;

	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TRIM));
	assert_int_equal(sgxcore_page_access(page), 0);
	/* How a driver finds out whether the enclave has agreed */
	assert_status(dynamic_emodpr(r, DYN_REG, 7), SGX_PAGE_NOT_MODIFIABLE);
	assert_status(sgxcore_eremove(&r->cpu, page->mem), SGX_ENCLAVE_ACT);
	assert_status(dynamic_eaccept(r, DYN_REG_LA, request), SGX_NOT_TRACKED);
	track(r);
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, request));
	assert_pf(dynamic_emodpr(r, DYN_REG, 7), (unsigned long)page->mem, PF_ENCLS);
	/* No leaf but EREMOVE and those of paging knows it any more. */
	assert_int_equal(sgxcore_page_access(page), 0);
	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_R);
	assert_pf(dynamic_enclu(r, SGX_EMODPE), DYN_REG_LA, PF_READ);
	assert_status(dynamic_eaccept(r, DYN_REG_LA, request), SGX_PAGE_ATTRIBUTES_MISMATCH);
	assert_ok(sgxcore_eremove(&r->cpu, page->mem));
	assert_free(page);
	assert_int_equal(r->secs->children, children - 1);
	/* The address is free for another page. */
	assert_ok(dynamic_eaug(r, DYN_REG, DYN_REG_LA));
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, DYN_NEW_FLAGS));
	assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
}

/* -------------------------------------------------------- through eviction */

/* Bits of SECINFO.FLAGS, as PCMD is to have them */
static u64 flags_of(const struct sgxcore_page *page)
{
	return (u64)page->type << SGX_SECINFO_PAGE_TYPE_SHIFT | page->perm |
	       (page->pending ? SGX_SECINFO_PENDING : 0) |
	       (page->modified ? SGX_SECINFO_MODIFIED : 0) | (page->pr ? SGX_SECINFO_PR : 0);
}

/*
 * Out and in again, to an EPC page on which something was blocked a moment ago. All of it
 * is as it was, and there is nothing left to track.
 */
static void out_and_in(struct rig *r, unsigned int from, unsigned int to, bool block)
{
	u64 flags = flags_of(&r->pages[from]);
	struct sgxcore_page *page = &r->pages[to];
	u64 addr = r->pages[from].addr;
	u8 bytes[SGX_PAGE_SIZE];

	memcpy(bytes, r->pages[from].mem, sizeof(bytes));
	assert_ok(paging_eblock(r, from));
	assert_int_equal(sgxcore_page_access(&r->pages[from]), 0);
	track(r);
	assert_ok(paging_ewb(r, from, 0, &blob));
	assert_int_equal(blob.pcmd.secinfo.flags, flags);
	/* A state more or less, and it is another page. */
	blob.pcmd.secinfo.flags ^= SGX_SECINFO_PENDING;
	assert_status(paging_eldu(r, to, 0, &blob), SGX_MAC_COMPARE_FAIL);
	blob.pcmd.secinfo.flags ^= SGX_SECINFO_PENDING | SGX_SECINFO_MODIFIED;
	assert_status(paging_eldu(r, to, 0, &blob), SGX_MAC_COMPARE_FAIL);
	blob.pcmd.secinfo.flags ^= SGX_SECINFO_MODIFIED | SGX_SECINFO_PR;
	assert_status(paging_eldu(r, to, 0, &blob), SGX_MAC_COMPARE_FAIL);
	blob.pcmd.secinfo.flags ^= SGX_SECINFO_PR;
	page->epoch = sgxcore_track_epoch(r->secs);
	assert_ok(block ? paging_eldb(r, to, 0, &blob) : paging_eldu(r, to, 0, &blob));
	assert_int_equal(flags_of(page), flags);
	assert_int_equal(page->blocked, block);
	assert_int_equal(page->addr, addr);
	assert_ptr_equal(page->secs, r->secs);
	assert_memory_equal(page->mem, bytes, sizeof(bytes));
}

static void a_new_page_is_evicted(void **state)
{
	struct rig *r = *state;

	out_and_in(r, DYN_NEW, 30, false);
	assert_int_equal(sgxcore_page_access(&r->pages[30]), 0);
	assert_debuggable(r, 30, false);
	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, DYN_NEW_FLAGS));
	out_and_in(r, 30, 31, false);
	assert_int_equal(sgxcore_page_access(&r->pages[31]), 3);
	/* and by copy */
	assert_ok(dynamic_eaug(r, 32, DYN_NEW_LA + 0x1000));
	out_and_in(r, 32, 33, false);
	dynamic_request(r, DYN_NEW_LA + 0x1000, RIG_REG_RW);
	r->regs.dx = DYN_REG_LA;
	assert_ok(dynamic_enclu(r, SGX_EACCEPTCOPY));
}

static void a_restricted_page_is_evicted(void **state)
{
	struct rig *r = *state;

	assert_ok(dynamic_emodpr(r, DYN_REG, SGX_SECINFO_R));
	out_and_in(r, DYN_REG, 30, false);
	assert_int_equal(sgxcore_page_access(&r->pages[30]), 1);
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, SGX_SECINFO_REG | SGX_SECINFO_PR | 1));
	assert_false(r->pages[30].pr);
}

static void a_trimmed_page_is_evicted(void **state)
{
	const u64 request = SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED;
	struct rig *r = *state;

	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TRIM));
	out_and_in(r, DYN_REG, 30, false);
	assert_status(sgxcore_eremove(&r->cpu, r->pages[30].mem), SGX_ENCLAVE_ACT);
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, request));
	/* accepted, evicted, and still only good for EREMOVE */
	out_and_in(r, 30, 31, false);
	assert_status(dynamic_eaccept(r, DYN_REG_LA, request), SGX_PAGE_ATTRIBUTES_MISMATCH);
	assert_ok(sgxcore_eremove(&r->cpu, r->pages[31].mem));
}

static void a_tcs_to_be_is_evicted(void **state)
{
	const u64 request = SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED;
	struct rig *r = *state;
	struct sgxcore_lp lp = {
		.cpu = &r->cpu, .ops = r->lp.ops, .xcr0 = r->lp.xcr0,
	};

	write_tcs(&r->pages[DYN_REG]);
	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TCS));
	out_and_in(r, DYN_REG, 30, false);
	assert_pf(enter_by(&lp, DYN_REG_LA), DYN_REG_LA, PF_TCS);
	assert_ok(dynamic_eaccept(r, DYN_REG_LA, request));
	out_and_in(r, 30, 31, false);
	assert_ok(enter_by(&lp, DYN_REG_LA));
	sgxcore_lp_abandon(&lp);
}

/* ELDB: nothing can be accepted before the page was out again. */
static void a_blocked_page_comes_back(void **state)
{
	struct rig *r = *state;

	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TRIM));
	out_and_in(r, DYN_REG, 30, true);
	assert_pf(dynamic_eaccept(r, DYN_REG_LA, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED),
		  DYN_REG_LA, PF_READ);
	out_and_in(r, DYN_NEW, 31, true);
	assert_pf(dynamic_eaccept(r, DYN_NEW_LA, DYN_NEW_FLAGS), DYN_NEW_LA, PF_READ);
}

/* A change starts tracking again: what was blocked before it has to wait. */
static void a_blocked_page_is_changed(void **state)
{
	struct rig *r = *state;

	assert_ok(paging_eblock(r, DYN_REG));
	track(r);
	assert_ok(dynamic_emodpr(r, DYN_REG, 1));
	assert_status(paging_ewb(r, DYN_REG, 0, &blob), SGX_NOT_TRACKED);
	track(r);
	assert_ok(dynamic_emodt(r, DYN_REG, SGX_SECINFO_TRIM));
	assert_status(paging_ewb(r, DYN_REG, 0, &blob), SGX_NOT_TRACKED);
	track(r);
	assert_ok(paging_ewb(r, DYN_REG, 0, &blob));
}

/* -------------------------------------------- under a logical processor */

static bool interrupt(struct rig *r)
{
	static const struct sgxcore_event interrupt;
	struct sgxcore_exit x = { .whole = true };
	u8 synthetic[SGX_XSAVE_EXTENDED];

	sgxcore_xsave_synthetic(image, -1);
	while (!sgxcore_exit_begin(&r->lp, &x)) {
		if (!sgxcore_exit_find(&r->lp, &x))
			break;
	}
	return sgxcore_aex(&r->lp, &interrupt, &r->regs, image, synthetic);
}

static void assert_untouched(struct rig *r, const struct sgxcore_page *page, const u8 *bytes)
{
	assert_memory_equal(page->mem, bytes, SGX_PAGE_SIZE);
	assert_false(r->lp.inside);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	rig_assert_unlocked(r);
}

/* What was a frame is a TCS: it must not become one that nobody has accepted. */
static void frame_becomes_tcs(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA);
	u8 bytes[SGX_PAGE_SIZE];

	write_tcs(page);
	assert_ok(dynamic_emodt(r, page - r->pages, SGX_SECINFO_TCS));
	track(r);
	assert_ok(dynamic_eaccept(r, RIG_SSA, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED));
	memcpy(bytes, page->mem, sizeof(bytes));
	assert_false(interrupt(r));
	assert_untouched(r, page, bytes);
}

static void frame_is_trimmed(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA);
	u8 bytes[SGX_PAGE_SIZE];

	assert_ok(dynamic_emodt(r, page - r->pages, SGX_SECINFO_TRIM));
	memcpy(bytes, page->mem, sizeof(bytes));
	assert_false(interrupt(r));
	assert_untouched(r, page, bytes);
}

/* A new page is where the frame was. Nobody has written to it when it is accepted. */
static void frame_is_replaced(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA);

	assert_ok(dynamic_emodt(r, page - r->pages, SGX_SECINFO_TRIM));
	track(r);
	assert_ok(dynamic_eaccept(r, RIG_SSA, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED));
	assert_ok(sgxcore_eremove(&r->cpu, page->mem));
	assert_ok(dynamic_eaug(r, 30, RIG_SSA));
	assert_false(interrupt(r));
	assert_true(sgxcore_is_zero(r->pages[30].mem, SGX_PAGE_SIZE));
	assert_false(r->lp.inside);
}

/* With fewer rights it is a frame all the same, until the next entry. */
static void frame_is_restricted(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA);

	assert_ok(dynamic_emodpr(r, page - r->pages, SGX_SECINFO_R));
	assert_true(interrupt(r));
	assert_int_equal(rig_gpr(r, 0)->rip, RIG_IP);
	((struct sgx_tcs *)r->tcs->mem)->ssa_index = 0;
	assert_pf(enter_by(&r->lp, RIG_TCS), RIG_SSA, PF_SSA);
}

static void tcs_is_trimmed(void **state)
{
	struct rig *r = *state;
	u8 bytes[SGX_PAGE_SIZE];

	assert_ok(dynamic_emodt(r, PAGING_TCS, SGX_SECINFO_TRIM));
	memcpy(bytes, r->tcs->mem, sizeof(bytes));
	assert_false(interrupt(r));
	assert_untouched(r, r->tcs, bytes);
}

static void tcs_is_trimmed_and_removed(void **state)
{
	struct rig *r = *state;

	assert_ok(dynamic_emodt(r, PAGING_TCS, SGX_SECINFO_TRIM));
	track(r);
	assert_ok(dynamic_eaccept(r, RIG_TCS, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED));
	assert_ok(sgxcore_eremove(&r->cpu, r->tcs->mem));
	assert_ok(dynamic_eaug(r, PAGING_TCS, RIG_TCS));
	dynamic_leave(r);
	assert_int_equal(sgxcore_track_inside(r->secs), 0);
	assert_true(sgxcore_is_zero(r->tcs->mem, SGX_PAGE_SIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DYN_TEST(a_page_is_added),
		DYN_TEST(a_page_is_added_with_contents),
		DYN_TEST(rights_go_and_come),
		DYN_TEST(a_thread_is_added),
		DYN_TEST(a_page_is_trimmed),
		DYN_TEST(a_new_page_is_evicted),
		DYN_TEST(a_restricted_page_is_evicted),
		DYN_TEST(a_trimmed_page_is_evicted),
		DYN_TEST(a_tcs_to_be_is_evicted),
		DYN_TEST(a_blocked_page_comes_back),
		DYN_TEST(a_blocked_page_is_changed),
		DYN_TEST(frame_becomes_tcs),
		DYN_TEST(frame_is_trimmed),
		DYN_TEST(frame_is_replaced),
		DYN_TEST(frame_is_restricted),
		DYN_TEST(tcs_is_trimmed),
		DYN_TEST(tcs_is_trimmed_and_removed),
	};

	return cmocka_run_group_tests_name("dynamic_life", tests, NULL, NULL);
}
