// SPDX-License-Identifier: GPL-2.0
/* EACCEPTCOPY and EMODPE, but for their operands, which accept.c has. */
#include "dynamic.h"

static struct sgxcore_outcome eacceptcopy(struct rig *r)
{
	return dynamic_enclu(r, SGX_EACCEPTCOPY);
}

static struct sgxcore_outcome emodpe(struct rig *r)
{
	return dynamic_enclu(r, SGX_EMODPE);
}

static int setup(void **state)
{
	struct rig *r;

	dynamic_setup(state);
	r = *state;
	dynamic_request(r, DYN_NEW_LA, RIG_REG_RW);
	r->regs.dx = DYN_REG_LA;
	return 0;
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

#define WITH(lvalue, bad, check)					\
	do {								\
		__typeof__(lvalue) __good = lvalue;			\
									\
		lvalue = bad;						\
		check;							\
		lvalue = __good;					\
	} while (0)

/* On page 30, another enclave with the same ELRANGE */
static void other_secs(struct rig *r)
{
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
}

/* ------------------------------------------------------------ EACCEPTCOPY */

static void copy_rejects_request(void **state)
{
	struct rig *r = *state;
	unsigned int type;
	u64 dx = r->regs.dx;

	for (type = 0; type < 256; type++) {
		dynamic_request(r, DYN_NEW_LA, type << 8 | 3);
		if (type != SGX_PT_REG)
			REJECTS_GP(r, eacceptcopy(r));
	}
	dynamic_request(r, DYN_NEW_LA, SGX_SECINFO_REG | SGX_SECINFO_W);
	REJECTS_GP(r, eacceptcopy(r));
	dynamic_request(r, DYN_NEW_LA, SGX_SECINFO_REG | SGX_SECINFO_W | SGX_SECINFO_X);
	REJECTS_GP(r, eacceptcopy(r));
	/* before what the source is, and after RDX was looked up */
	r->pages[DYN_REG].perm = 0;
	REJECTS_GP(r, eacceptcopy(r));
	r->unmapped = dx;
	REJECTS_PF(r, eacceptcopy(r), dx, SGX_PFEC_U);
}

#define REJECTS_SOURCE	REJECTS_PF(r, eacceptcopy(r), DYN_REG_LA, PF_READ)

static void copy_rejects_source(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *source = &r->pages[DYN_REG];

	WITH(source->blocked, true, REJECTS_SOURCE);
	WITH(source->pending, true, REJECTS_SOURCE);
	WITH(source->modified, true, REJECTS_SOURCE);
	WITH(source->type, SGX_PT_TCS, REJECTS_SOURCE);
	WITH(source->type, SGX_PT_TRIM, REJECTS_SOURCE);
	WITH(source->perm, 0, REJECTS_SOURCE);
	WITH(source->perm, SGX_SECINFO_X, REJECTS_SOURCE);
	/* source before destination */
	WITH(r->pages[DYN_NEW].pending, false, WITH(source->perm, 0, REJECTS_SOURCE));
	/* a page that belongs to another address */
	r->alias_of_tcs = DYN_REG_LA;
	REJECTS_SOURCE;
	r->alias_of_tcs = RIG_NONE;
	/* a new page is not its own source, nor that of others */
	r->regs.dx = DYN_NEW_LA;
	REJECTS_PF(r, eacceptcopy(r), DYN_NEW_LA, PF_READ);
	r->regs.dx = DYN_REG_LA;
	other_secs(r);
	assert_ok(dynamic_prepare(r, SGX_EACCEPTCOPY));
	WITH(source->secs, &r->pages[30],
	     REJECTS_PF(r, dynamic_commit(r), DYN_REG_LA, PF_READ));
}

#define MISMATCHES	REJECTS_CODE(r, eacceptcopy(r), SGX_PAGE_ATTRIBUTES_MISMATCH)

static void copy_rejects_destination(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_NEW];
	u8 perm;

	WITH(page->pending, false, MISMATCHES);
	WITH(page->modified, true, MISMATCHES);
	WITH(page->blocked, true, MISMATCHES);
	WITH(page->type, SGX_PT_TCS, MISMATCHES);
	WITH(page->type, SGX_PT_TRIM, MISMATCHES);
	for (perm = 0; perm < 8; perm++) {
		if (perm != 3)
			WITH(page->perm, perm, MISMATCHES);
	}
	/* attributes before a conflict */
	assert_true(sgxcore_lock_extra(page));
	WITH(page->pending, false, MISMATCHES);
	REJECTS_AGAIN(r, eacceptcopy(r));
	sgxcore_unlock_extra(page);
	/* pages that are somewhere else, or nobody's */
	r->alias_of_tcs = DYN_NEW_LA;
	MISMATCHES;
	WITH(r->tcs, r->secs, MISMATCHES);
	WITH(r->tcs, &r->pages[PAGING_VA], MISMATCHES);
	WITH(r->tcs, &r->pages[PAGING_FREE], MISMATCHES);
	r->alias_of_tcs = RIG_NONE;
	assert_ok(dynamic_prepare(r, SGX_EACCEPTCOPY));
	other_secs(r);
	WITH(page->secs, &r->pages[30],
	     REJECTS_CODE(r, dynamic_commit(r), SGX_PAGE_ATTRIBUTES_MISMATCH));
}

/* Both pages may be used by others meanwhile. */
static void copy_shares(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_NEW];

	assert_true(sgxcore_lock_shared(page));
	assert_true(sgxcore_lock_shared(&r->pages[DYN_REG]));
	assert_true(sgxcore_lock_extra(&r->pages[DYN_REG]));
	assert_ok(eacceptcopy(r));
	sgxcore_unlock_extra(&r->pages[DYN_REG]);
	sgxcore_unlock_shared(&r->pages[DYN_REG]);
	sgxcore_unlock_shared(page);
}

static void copy_result(void **state)
{
	static const u8 perms[] = { 0, 1, 3, 4, 5, 7 };
	struct rig *r = *state;
	unsigned int i;

	for (i = 0; i < sizeof(perms); i++) {
		struct sgxcore_page *page = &r->pages[30 + i];
		u64 la = DYN_NEW_LA + (i + 1) * 0x1000;
		struct snapshot *s;

		assert_ok(dynamic_eaug(r, 30 + i, la));
		/* States in SECINFO do not matter, nor does tracking. */
		page->epoch = sgxcore_track_epoch(r->secs);
		dynamic_request(r, la, SGX_SECINFO_REG | 0x38 | perms[i]);
		s = rig_snapshot(r);
		assert_ok(eacceptcopy(r));
		dynamic_expect_code(s, 0);
		s->rig.pages[30 + i].perm = perms[i];
		s->rig.pages[30 + i].pending = false;
		memcpy(s->mem + (page->mem - r->mem), r->pages[DYN_REG].mem, SGX_PAGE_SIZE);
		rig_assert_unchanged(r, s);
		assert_false(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
		assert_int_equal(sgxcore_page_access(page), perms[i]);
		MISMATCHES;
	}
	/* Source and SECINFO can be one page, which need not be writable. */
	r->pages[DYN_SECINFO_PAGE].perm = SGX_SECINFO_R;
	dynamic_request(r, DYN_NEW_LA, RIG_REG_RW);
	r->regs.dx = RIG_CODE;
	assert_ok(eacceptcopy(r));
	assert_memory_equal(r->pages[DYN_NEW].mem, r->pages[DYN_SECINFO_PAGE].mem, SGX_PAGE_SIZE);
}

/* ----------------------------------------------------------------- EMODPE */

#define REJECTS_TARGET	REJECTS_PF(r, emodpe(r), DYN_REG_LA, PF_READ)

static void extend_rejects_page(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];

	dynamic_request(r, DYN_REG_LA, RIG_REG_RW);
	WITH(page->pending, true, REJECTS_TARGET);
	WITH(page->modified, true, REJECTS_TARGET);
	WITH(page->blocked, true, REJECTS_TARGET);
	WITH(page->type, SGX_PT_TCS, REJECTS_TARGET);
	WITH(page->type, SGX_PT_TRIM, REJECTS_TARGET);
	/* page before conflict */
	assert_true(sgxcore_lock_extra(page));
	WITH(page->pending, true, REJECTS_TARGET);
	REJECTS_AGAIN(r, emodpe(r));
	sgxcore_unlock_extra(page);
	r->alias_of_tcs = DYN_REG_LA;
	REJECTS_TARGET;
	WITH(r->tcs, r->secs, REJECTS_TARGET);
	WITH(r->tcs, &r->pages[PAGING_VA], REJECTS_TARGET);
	WITH(r->tcs, &r->pages[PAGING_FREE], REJECTS_TARGET);
	r->alias_of_tcs = RIG_NONE;
	other_secs(r);
	assert_ok(dynamic_prepare(r, SGX_EMODPE));
	WITH(page->secs, &r->pages[30],
	     REJECTS_PF(r, dynamic_commit(r), DYN_REG_LA, PF_READ));
	dynamic_request(r, RIG_TCS, RIG_REG_RW);
	REJECTS_PF(r, emodpe(r), RIG_TCS, PF_READ);
}

static void extend_rejects_write_without_read(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];

	dynamic_request(r, DYN_REG_LA, SGX_SECINFO_W);
	page->perm = 0;
	REJECTS_GP(r, emodpe(r));
	page->perm = SGX_SECINFO_X;
	REJECTS_GP(r, emodpe(r));
	/* page before rights */
	WITH(page->pending, true, REJECTS_TARGET);
	/* The result counts, not the request. */
	page->perm = SGX_SECINFO_R;
	assert_ok(emodpe(r));
	assert_int_equal(sgxcore_page_access(page), 3);
}

static void extend_result(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];
	u8 was, more;

	for (was = 0; was < 8; was++) {
		for (more = 0; more < 8; more++) {
			struct snapshot *s;

			if (was == 2 || was == 6 || (was | more) == 2 || (was | more) == 6)
				continue;
			page->perm = was;
			page->pr = more & 1;
			/* PT and states in SECINFO do not matter; PR of the page stays. */
			dynamic_request(r, DYN_REG_LA, SGX_SECINFO_TRIM | 0x38 | more);
			s = rig_snapshot(r);
			assert_ok(emodpe(r));
			s->rig.pages[DYN_REG].perm = was | more;
			s->rig.regs.ip += 3;
			rig_assert_unchanged(r, s);
		}
	}
}

/* The page with SECINFO, and one that others are using */
static void extend_shares(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_SECINFO_PAGE];

	page->perm = SGX_SECINFO_R;
	dynamic_request(r, RIG_CODE, SGX_SECINFO_X);
	assert_true(sgxcore_lock_shared(page));
	assert_ok(emodpe(r));
	sgxcore_unlock_shared(page);
	assert_int_equal(sgxcore_page_access(page), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copy_rejects_request),
		TEST(copy_rejects_source),
		TEST(copy_rejects_destination),
		TEST(copy_shares),
		TEST(copy_result),
		TEST(extend_rejects_page),
		TEST(extend_rejects_write_without_read),
		TEST(extend_result),
		TEST(extend_shares),
	};

	return cmocka_run_group_tests_name("accept_copy", tests, NULL, NULL);
}
