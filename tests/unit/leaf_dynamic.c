// SPDX-License-Identifier: GPL-2.0
/* EAUG, EMODPR and EMODT: rejections, their order, effects. */
#include "paging.h"

#define NEW_LA		(RIG_BASE + 0x20000)

/* Not of the bench: a rejection is compared with the bench as it was before the call. */
static struct sgx_secinfo secinfo;

static struct sgxcore_page *page_of(struct rig *r, unsigned int index)
{
	return &r->pages[index];
}

static struct sgxcore_outcome eaug(struct rig *r, unsigned int index)
{
	return sgxcore_eaug(&r->cpu, &r->info, r->pages[index].mem);
}

static struct sgxcore_outcome emodpr(struct rig *r, unsigned int index, u64 flags)
{
	secinfo.flags = flags;
	return sgxcore_emodpr(&r->cpu, &secinfo, r->pages[index].mem);
}

static struct sgxcore_outcome emodt(struct rig *r, unsigned int index, u64 flags)
{
	secinfo.flags = flags;
	return sgxcore_emodt(&r->cpu, &secinfo, r->pages[index].mem);
}

static int setup(void **state)
{
	struct rig *r;

	paging_setup(state);
	r = *state;
	r->info = (struct sgx_pageinfo){
		.linaddr = NEW_LA, .secs = (unsigned long)r->secs->mem,
	};
	memset(&secinfo, 0, sizeof(secinfo));
	return 0;
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

/* One bad operand; then all is well again. */
#define REJECTS_INFO_GP(change)						\
	do {								\
		struct sgx_pageinfo __good = r->info;			\
									\
		change;							\
		REJECTS_GP(r, eaug(r, PAGING_FREE));			\
		r->info = __good;					\
	} while (0)

#define REJECTS_SECS(addr)						\
	do {								\
		r->info.secs = (unsigned long)(addr);			\
		REJECTS_PF_ENCLS(r, eaug(r, PAGING_FREE), addr);	\
		r->info.secs = (unsigned long)r->secs->mem;		\
	} while (0)

static void unknown_to_the_model(void **state)
{
	struct rig *r = *state;

	r->model.sgx2 = false;
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	REJECTS_GP(r, emodpr(r, PAGING_REG, SGX_SECINFO_R));
	REJECTS_GP(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM));
	/* before there is a look at the operands */
	REJECTS_GP(r, sgxcore_eaug(&r->cpu, &r->info, r->src));
	REJECTS_GP(r, sgxcore_emodpr(&r->cpu, &secinfo, r->src));
	REJECTS_GP(r, sgxcore_emodt(&r->cpu, &secinfo, r->src));
}

/* ------------------------------------------------------------------- EAUG */

static void eaug_rejects_operands(void **state)
{
	struct rig *r = *state;
	struct sgx_pageinfo *odd = (void *)((u8 *)&r->info + 16);
	u8 *free_page = r->pages[PAGING_FREE].mem;

	REJECTS_GP(r, sgxcore_eaug(&r->cpu, odd, free_page));
	REJECTS_GP(r, sgxcore_eaug(&r->cpu, &r->info, free_page + 8));
	REJECTS_PF_ENCLS(r, sgxcore_eaug(&r->cpu, &r->info, r->src), r->src);
	REJECTS_GP(r, sgxcore_eaug(&r->cpu, odd, r->src));
	REJECTS_INFO_GP(r->info.secs += 8);
	REJECTS_INFO_GP(r->info.linaddr += 8);
	REJECTS_INFO_GP(r->info.secinfo = 32);
	REJECTS_INFO_GP(r->info.srcpge = (unsigned long)r->src);
	REJECTS_INFO_GP(r->info.srcpge = 1);
	/* for a shadow stack, or for nothing that EAUG could make */
	REJECTS_INFO_GP(r->info.secinfo = (unsigned long)&secinfo);
	secinfo.flags = RIG_REG_RW;
	REJECTS_INFO_GP(r->info.secinfo = (unsigned long)&secinfo);
	REJECTS_INFO_GP(r->info.linaddr = RIG_BASE - 0x1000);
	REJECTS_INFO_GP(r->info.linaddr = RIG_BASE + RIG_SIZE);
	REJECTS_INFO_GP(r->info.linaddr = 0);
	REJECTS_SECS(r->src);
}

static void eaug_rejects_state(void **state)
{
	struct rig *r = *state;

	REJECTS_PF_ENCLS(r, eaug(r, PAGING_REG), r->pages[PAGING_REG].mem);
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_SECS), r->secs->mem);
	REJECTS_SECS(r->pages[PAGING_REG].mem);
	REJECTS_SECS(r->pages[PAGING_TCS].mem);
	REJECTS_SECS(r->pages[PAGING_VA].mem);
	REJECTS_SECS(r->pages[PAGING_FREE + 1].mem);
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_INIT;
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	rig_force_init(r->secs);
	assert_ok(eaug(r, PAGING_FREE));
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_FREE), r->pages[PAGING_FREE].mem);
}

static void eaug_conflicts(void **state)
{
	struct rig *r = *state;

	assert_true(sgxcore_lock_shared(page_of(r, PAGING_FREE)));
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	sgxcore_unlock_shared(page_of(r, PAGING_FREE));
	/* conflict before VALID */
	assert_true(sgxcore_lock_shared(page_of(r, PAGING_REG)));
	REJECTS_GP(r, eaug(r, PAGING_REG));
	sgxcore_unlock_shared(page_of(r, PAGING_REG));
	assert_true(sgxcore_lock_exclusive(r->secs));
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	/* VALID before a conflict on the SECS */
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_REG), r->pages[PAGING_REG].mem);
	sgxcore_unlock_exclusive(r->secs);
	/* one page for both */
	r->info.secs = (unsigned long)r->pages[PAGING_FREE].mem;
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	r->info.secs = (unsigned long)r->secs->mem;
	/* Those who measure, or add at the same time, are no conflict. */
	assert_true(sgxcore_lock_extra(r->secs));
	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(eaug(r, PAGING_FREE));
	sgxcore_unlock_shared(r->secs);
	sgxcore_unlock_extra(r->secs);
}

static void eaug_order(void **state)
{
	struct rig *r = *state;
	u8 *reg = r->pages[PAGING_REG].mem;

	/* SRCPGE before an SECS that is not EPC, which comes before what the page is */
	r->info.secs = (unsigned long)r->src;
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_REG), r->src);
	REJECTS_INFO_GP(r->info.srcpge = SGX_PAGE_SIZE);
	/* VALID before a SECINFO, before what the SECS is, before INIT and LINADDR */
	r->info.secinfo = (unsigned long)&secinfo;
	r->info.secs = (unsigned long)reg;
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_REG), reg);
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	r->info.secinfo = 0;
	r->info.linaddr = 0;
	REJECTS_PF_ENCLS(r, eaug(r, PAGING_FREE), reg);
	/* conflict before what the SECS is */
	assert_true(sgxcore_lock_exclusive(page_of(r, PAGING_REG)));
	REJECTS_GP(r, eaug(r, PAGING_FREE));
	sgxcore_unlock_exclusive(page_of(r, PAGING_REG));
}

static void eaug_adds_a_pending_page(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_FREE);
	int children = r->secs->children;
	struct snapshot *s;

	memset(page->mem, 0xcc, SGX_PAGE_SIZE);
	r->info.linaddr = RIG_BASE + RIG_SIZE - 0x1000;
	s = rig_snapshot(r);
	assert_ok(eaug(r, PAGING_FREE));
	assert_true(page->valid && page->pending);
	assert_false(page->blocked || page->modified || page->pr);
	assert_int_equal(page->type, SGX_PT_REG);
	assert_int_equal(page->perm, 3);
	assert_int_equal(page->addr, RIG_BASE + RIG_SIZE - 0x1000);
	assert_ptr_equal(page->secs, r->secs);
	assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
	assert_int_equal(sgxcore_page_access(page), 0);
	assert_int_equal(r->secs->children, children + 1);
	assert_int_equal(page->gen, s->rig.pages[PAGING_FREE].gen + 1);
	/* and nothing else; the enclave is not measured again */
	s->rig.pages[PAGING_FREE] = *page;
	s->rig.pages[PAGING_SECS].children++;
	memset(s->mem + (page->mem - r->mem), 0, SGX_PAGE_SIZE);
	rig_assert_unchanged(r, s);
	/* One address may be claimed twice; page tables decide. */
	assert_ok(eaug(r, PAGING_FREE + 1));
}

/* ----------------------------------------------------------------- EMODPR */

static void emodpr_rejects_operands(void **state)
{
	struct rig *r = *state;
	struct sgx_secinfo *odd = (void *)((u8 *)&secinfo + 32);
	u8 *reg = r->pages[PAGING_REG].mem;

	REJECTS_GP(r, sgxcore_emodpr(&r->cpu, odd, reg));
	REJECTS_GP(r, sgxcore_emodpr(&r->cpu, &secinfo, reg + 8));
	REJECTS_PF_ENCLS(r, sgxcore_emodpr(&r->cpu, &secinfo, r->src), r->src);
	REJECTS_GP(r, emodpr(r, PAGING_REG, 0x40));
	REJECTS_GP(r, emodpr(r, PAGING_REG, 0x80));
	REJECTS_GP(r, emodpr(r, PAGING_REG, 0x10000));
	REJECTS_GP(r, emodpr(r, PAGING_REG, SGX_SECINFO_W));
	REJECTS_GP(r, emodpr(r, PAGING_REG, SGX_SECINFO_W | SGX_SECINFO_X));
	secinfo.reserved[55] = 1;
	REJECTS_GP(r, emodpr(r, PAGING_REG, SGX_SECINFO_R));
	/* not EPC before SECINFO, which comes before VALID */
	REJECTS_PF_ENCLS(r, sgxcore_emodpr(&r->cpu, &secinfo, r->src), r->src);
	REJECTS_GP(r, emodpr(r, PAGING_FREE, SGX_SECINFO_R));
	secinfo.reserved[55] = 0;
	REJECTS_GP(r, emodpr(r, PAGING_FREE, SGX_SECINFO_W));
}

static void emodpr_rejects_state(void **state)
{
	static const unsigned int others[] = {
		PAGING_FREE, PAGING_SECS, PAGING_VA, PAGING_TCS,
	};
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_REG);
	unsigned int i;

	for (i = 0; i < 4; i++)
		REJECTS_PF_ENCLS(r, emodpr(r, others[i], 1), r->pages[others[i]].mem);
	page->pending = true;
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 1), SGX_PAGE_NOT_MODIFIABLE);
	page->pending = false;
	page->modified = true;
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 1), SGX_PAGE_NOT_MODIFIABLE);
	/* A driver tells trimmed pages from accepted ones: state before type. */
	page->type = SGX_PT_TRIM;
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 7), SGX_PAGE_NOT_MODIFIABLE);
	page->modified = false;
	REJECTS_PF_ENCLS(r, emodpr(r, PAGING_REG, 7), page->mem);
	/* type before INIT, state before INIT */
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_INIT;
	REJECTS_PF_ENCLS(r, emodpr(r, PAGING_REG, 7), page->mem);
	page->type = SGX_PT_REG;
	REJECTS_GP(r, emodpr(r, PAGING_REG, 7));
	page->pending = true;
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 7), SGX_PAGE_NOT_MODIFIABLE);
}

static void emodpr_conflicts(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_REG);

	assert_true(sgxcore_lock_exclusive(page));
	REJECTS_GP(r, emodpr(r, PAGING_REG, 1));
	sgxcore_unlock_exclusive(page);
	/* conflict before VALID */
	assert_true(sgxcore_lock_exclusive(page_of(r, PAGING_FREE)));
	REJECTS_GP(r, emodpr(r, PAGING_FREE, 1));
	sgxcore_unlock_exclusive(page_of(r, PAGING_FREE));
	/* the second lock: after VALID, before anything else */
	assert_true(sgxcore_lock_extra(page));
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 1), SGX_EPC_PAGE_CONFLICT);
	page->pending = true;
	REJECTS_STATUS(r, emodpr(r, PAGING_REG, 1), SGX_EPC_PAGE_CONFLICT);
	page->pending = false;
	sgxcore_unlock_extra(page);
	assert_true(sgxcore_lock_extra(page_of(r, PAGING_FREE)));
	REJECTS_PF_ENCLS(r, emodpr(r, PAGING_FREE, 1), r->pages[PAGING_FREE].mem);
	sgxcore_unlock_extra(page_of(r, PAGING_FREE));
	/* A sharer is none, nor is an exit. */
	assert_true(sgxcore_lock_shared(page));
	assert_true(sgxcore_lock_lp(page));
	assert_ok(emodpr(r, PAGING_REG, 1));
	sgxcore_unlock_lp(page);
	sgxcore_unlock_shared(page);
}

static void emodpr_takes_rights(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_REG);
	u8 was, mask;

	for (was = 0; was < 8; was++) {
		for (mask = 0; mask < 8; mask++) {
			struct snapshot *s;

			if (was == 2 || was == 6 || mask == 2 || mask == 6)
				continue;
			page->perm = was;
			page->pr = false;
			assert_ok(paging_etrack(r, PAGING_SECS));
			s = rig_snapshot(r);
			/* PT and states in SECINFO do not matter, PR may be there already. */
			assert_ok(emodpr(r, PAGING_REG, mask | SGX_SECINFO_TRIM | 0x38));
			assert_ok(emodpr(r, PAGING_REG, mask));
			assert_int_equal(sgxcore_page_access(page), was & mask);
			s->rig.pages[PAGING_REG].perm = was & mask;
			s->rig.pages[PAGING_REG].pr = true;
			s->rig.pages[PAGING_REG].epoch = sgxcore_track_epoch(r->secs);
					rig_assert_unchanged(r, s);
		}
	}
}

/* ------------------------------------------------------------------ EMODT */

static void emodt_rejects_operands(void **state)
{
	static const u64 types[] = { 0, SGX_SECINFO_REG, SGX_SECINFO_VA, 0x500, 0x600, 0xff00 };
	struct rig *r = *state;
	struct sgx_secinfo *odd = (void *)((u8 *)&secinfo + 32);
	u8 *reg = r->pages[PAGING_REG].mem;
	unsigned int i;

	secinfo.flags = SGX_SECINFO_TRIM;
	REJECTS_GP(r, sgxcore_emodt(&r->cpu, odd, reg));
	REJECTS_GP(r, sgxcore_emodt(&r->cpu, &secinfo, reg + 8));
	REJECTS_PF_ENCLS(r, sgxcore_emodt(&r->cpu, &secinfo, r->src), r->src);
	for (i = 0; i < 6; i++)
		REJECTS_GP(r, emodt(r, PAGING_REG, types[i]));
	REJECTS_GP(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM | 0x40));
	REJECTS_GP(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM | 1ULL << 16));
	secinfo.reserved[0] = 1;
	REJECTS_GP(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM));
	/* not EPC before SECINFO, which comes before VALID */
	REJECTS_PF_ENCLS(r, sgxcore_emodt(&r->cpu, &secinfo, r->src), r->src);
	REJECTS_GP(r, emodt(r, PAGING_FREE, SGX_SECINFO_TRIM));
	secinfo.reserved[0] = 0;
	REJECTS_GP(r, emodt(r, PAGING_FREE, SGX_SECINFO_REG));
}

static void emodt_rejects_state(void **state)
{
	static const unsigned int others[] = { PAGING_FREE, PAGING_SECS, PAGING_VA };
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_REG);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		u8 *mem = r->pages[others[i]].mem;

		REJECTS_PF_ENCLS(r, emodt(r, others[i], SGX_SECINFO_TRIM), mem);
		REJECTS_PF_ENCLS(r, emodt(r, others[i], SGX_SECINFO_TCS), mem);
	}
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_TCS, SGX_SECINFO_TCS), r->tcs->mem);
	page->pending = true;
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), SGX_PAGE_NOT_MODIFIABLE);
	page->pending = false;
	page->modified = true;
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TCS), SGX_PAGE_NOT_MODIFIABLE);
	/* type before state */
	page->type = SGX_PT_TRIM;
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), page->mem);
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_REG, SGX_SECINFO_TCS), page->mem);
	page->modified = false;
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), page->mem);
	/* type before INIT, state before INIT */
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_INIT;
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), page->mem);
	page->type = SGX_PT_REG;
	REJECTS_GP(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM));
	page->pending = true;
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), SGX_PAGE_NOT_MODIFIABLE);
}

static void emodt_conflicts(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = page_of(r, PAGING_REG);
	struct sgxcore_page *empty = page_of(r, PAGING_FREE);

	assert_true(sgxcore_lock_shared(page));
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), SGX_EPC_PAGE_CONFLICT);
	sgxcore_unlock_shared(page);
	/* the first lock before VALID, the second one after it */
	assert_true(sgxcore_lock_exclusive(empty));
	REJECTS_STATUS(r, emodt(r, PAGING_FREE, SGX_SECINFO_TRIM), SGX_EPC_PAGE_CONFLICT);
	sgxcore_unlock_exclusive(empty);
	assert_true(sgxcore_lock_extra(empty));
	REJECTS_PF_ENCLS(r, emodt(r, PAGING_FREE, SGX_SECINFO_TRIM), empty->mem);
	sgxcore_unlock_extra(empty);
	assert_true(sgxcore_lock_extra(page));
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), SGX_EPC_PAGE_CONFLICT);
	/* conflict before type */
	page->type = SGX_PT_TRIM;
	REJECTS_STATUS(r, emodt(r, PAGING_REG, SGX_SECINFO_TRIM), SGX_EPC_PAGE_CONFLICT);
	page->type = SGX_PT_REG;
	sgxcore_unlock_extra(page);
	assert_ok(emodt(r, PAGING_REG, SGX_SECINFO_TRIM));
}

static void assert_emodt(struct rig *r, unsigned int index, u8 type, u64 more)
{
	struct sgxcore_page *page = page_of(r, index);
	struct sgxcore_page was = *page;
	struct snapshot *s;

	assert_ok(paging_etrack(r, PAGING_SECS));
	s = rig_snapshot(r);
	assert_ok(emodt(r, index, (u64)type << SGX_SECINFO_PAGE_TYPE_SHIFT | more));
	assert_int_equal(sgxcore_page_access(page), 0);
	s->rig.pages[index].type = type;
	s->rig.pages[index].perm = 0;
	s->rig.pages[index].modified = true;
	s->rig.pages[index].pr = false;
	s->rig.pages[index].epoch = sgxcore_track_epoch(r->secs);
	rig_assert_unchanged(r, s);
	*page = was;
}

static void emodt_changes_the_type(void **state)
{
	struct rig *r = *state;

	assert_emodt(r, PAGING_REG, SGX_PT_TCS, 0);
	assert_emodt(r, PAGING_REG, SGX_PT_TRIM, 0);
	assert_emodt(r, PAGING_TCS, SGX_PT_TRIM, 0);
	/* Rights and states in SECINFO do not matter; PR of the page goes, BLOCKED stays. */
	r->pages[PAGING_REG].pr = true;
	r->pages[PAGING_REG].blocked = true;
	assert_emodt(r, PAGING_REG, SGX_PT_TRIM, 0x3f);
	/* also with somebody inside */
	sgxcore_track_enter(r->secs);
	assert_emodt(r, PAGING_REG2, SGX_PT_TRIM, SGX_SECINFO_R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_to_the_model),
		TEST(eaug_rejects_operands),
		TEST(eaug_rejects_state),
		TEST(eaug_conflicts),
		TEST(eaug_order),
		TEST(eaug_adds_a_pending_page),
		TEST(emodpr_rejects_operands),
		TEST(emodpr_rejects_state),
		TEST(emodpr_conflicts),
		TEST(emodpr_takes_rights),
		TEST(emodt_rejects_operands),
		TEST(emodt_rejects_state),
		TEST(emodt_conflicts),
		TEST(emodt_changes_the_type),
	};

	return cmocka_run_group_tests_name("leaf_dynamic", tests, NULL, NULL);
}
