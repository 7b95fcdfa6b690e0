// SPDX-License-Identifier: GPL-2.0
/* ECREATE, EADD, EEXTEND: rejections first, then which of two defects wins. */
#include "rig.h"

#define ECREATE(r)	sgxcore_ecreate(&(r)->cpu, &(r)->info, (r)->pages[0].mem)

/* ECREATE with one change to the good source gets #GP and changes nothing. */
#define ECREATE_REJECTS(r, change)					\
	do {								\
		struct sgx_secs *secs = rig_secs_source(r);		\
									\
		change;							\
		(void)secs;						\
		REJECTS_GP(r, ECREATE(r));				\
	} while (0)

#define ECREATE_ACCEPTS(r, change)					\
	do {								\
		struct sgx_secs *secs = rig_secs_source(r);		\
									\
		change;							\
		(void)secs;						\
		assert_ok(ECREATE(r));					\
		assert_ok(sgxcore_eremove(&(r)->cpu, (r)->pages[0].mem)); \
	} while (0)

static void ecreate_rejects_operands(void **state)
{
	struct rig *r = *state;
	u8 *page = r->pages[0].mem;

	rig_secs_source(r);
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, (void *)((u8 *)&r->info + 16), page));
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, &r->info, page + 1));
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, &r->info, page + 2048));
	REJECTS_PF_ENCLS(r, sgxcore_ecreate(&r->cpu, &r->info, r->sig_page), r->sig_page);
	/* A good SECS, but misaligned */
	ECREATE_REJECTS(r, (memmove(r->src + 8, r->src, SGX_PAGE_SIZE - 8), r->info.srcpge += 8));
	ECREATE_REJECTS(r, r->info.secinfo += 32);
	ECREATE_REJECTS(r, r->info.linaddr = 0x1000);
	ECREATE_REJECTS(r, r->info.secs = (unsigned long)page);
	ECREATE_REJECTS(r, r->secinfo.flags = SGX_SECINFO_REG);
	ECREATE_REJECTS(r, r->secinfo.flags = SGX_SECINFO_TCS);
	ECREATE_REJECTS(r, r->secinfo.flags = 0x40);
	ECREATE_REJECTS(r, r->secinfo.flags = 0x80);
	ECREATE_REJECTS(r, r->secinfo.flags = 1ULL << 16);
	ECREATE_REJECTS(r, r->secinfo.flags = 1ULL << 63);
	ECREATE_REJECTS(r, r->secinfo.reserved[0] = 1);
	ECREATE_REJECTS(r, r->secinfo.reserved[55] = 1);
}

static void ecreate_rejects_range(void **state)
{
	struct rig *r = *state;

	ECREATE_REJECTS(r, secs->size = 0);
	ECREATE_REJECTS(r, secs->size = 0x1000);
	ECREATE_REJECTS(r, secs->size = 0x3000);
	ECREATE_REJECTS(r, secs->size = 0x40001);
	ECREATE_REJECTS(r, secs->base = RIG_BASE + 0x1000);
	ECREATE_REJECTS(r, secs->base = RIG_BASE + RIG_SIZE / 2);
	ECREATE_REJECTS(r, secs->base = 1ULL << 47);
	ECREATE_REJECTS(r, secs->base = 1ULL << 63);
	ECREATE_REJECTS(r, (secs->base = 0, secs->size = 1ULL << 36));
	ECREATE_REJECTS(r, (secs->base = 0, secs->size = 1ULL << 63));
	ECREATE_REJECTS(r, (secs->attributes = 0, secs->base = 1ULL << 32));
	ECREATE_REJECTS(r, (secs->attributes = 0, secs->base = 0, secs->size = 1ULL << 31));
	ECREATE_ACCEPTS(r, secs->size = 0x2000);
	ECREATE_ACCEPTS(r, (secs->base = 0, secs->size = 1ULL << 35));
	ECREATE_ACCEPTS(r, secs->base = 0xffff800000000000);
	ECREATE_ACCEPTS(r, secs->base = 0xfffffffffffc0000);
	ECREATE_ACCEPTS(r, (secs->attributes = 0, secs->base = 0, secs->size = 1ULL << 30));
	r->model.va_bits = 57;
	ECREATE_ACCEPTS(r, secs->base = 1ULL << 47);
	ECREATE_REJECTS(r, secs->base = 1ULL << 56);
}

static void ecreate_rejects_features(void **state)
{
	static const u64 xfrm[] = { 0, 1, 2, 0x8000000000000003, 0x23, 0xb, 0x103, 0x20003 };
	static const u64 attributes[] = { 1, 8, 0x40, 0x100, 0x200, 0x400, 1ULL << 63 };
	struct rig *r = *state;
	unsigned int i;

	for (i = 0; i < sizeof(xfrm) / sizeof(*xfrm); i++)
		ECREATE_REJECTS(r, secs->xfrm = xfrm[i]);
	for (i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		ECREATE_REJECTS(r, secs->attributes |= attributes[i]);
	ECREATE_REJECTS(r, secs->miscselect = 2);
	ECREATE_REJECTS(r, secs->miscselect = 0x80000001);
	ECREATE_ACCEPTS(r, secs->miscselect = 1);
	r->model.misc_mask = 0;
	ECREATE_REJECTS(r, secs->miscselect = 1);
	ECREATE_ACCEPTS(r, secs->miscselect = 0);
	r->model.xfrm_mask = 3;
	ECREATE_REJECTS(r, secs->xfrm = 7);
	/* INIT is nobody's to offer. */
	r->model.attr_mask |= SGX_ATTR_INIT;
	ECREATE_REJECTS(r, secs->attributes |= SGX_ATTR_INIT);
	ECREATE_ACCEPTS(r, secs->attributes |= SGX_ATTR_DEBUG | SGX_ATTR_PROVISIONKEY |
					       SGX_ATTR_EINITTOKENKEY | SGX_ATTR_KSS);
}

static void ecreate_rejects_small_frames(void **state)
{
	struct rig *r = *state;

	ECREATE_REJECTS(r, secs->ssa_frame_size = 0);
	ECREATE_ACCEPTS(r, secs->xfrm = 0x2e7);
	ECREATE_REJECTS(r, secs->xfrm = 0x602e7);
	ECREATE_REJECTS(r, (secs->xfrm = 0x602e7, secs->ssa_frame_size = 2));
	ECREATE_ACCEPTS(r, (secs->xfrm = 0x602e7, secs->ssa_frame_size = 3));
	ECREATE_ACCEPTS(r, secs->ssa_frame_size = 0xffffffff);
	/* EXINFO is what makes it too large. */
	r->model.xstate_offset[2] = 576;
	r->model.xstate_size[2] = SGX_PAGE_SIZE - 576 - 184;
	ECREATE_ACCEPTS(r, secs->xfrm = 7);
	ECREATE_REJECTS(r, (secs->xfrm = 7, secs->miscselect = 1));
	/* As much as an exit has room for, and more */
	r->model.xstate_size[2] = SGXCORE_XSAVE_MAX - 576;
	ECREATE_ACCEPTS(r, (secs->xfrm = 7, secs->ssa_frame_size = 4));
	r->model.xstate_size[2] = SGXCORE_XSAVE_MAX - 576 + 1;
	ECREATE_REJECTS(r, (secs->xfrm = 7, secs->ssa_frame_size = 100));
}

static void ecreate_rejects_reserved(void **state)
{
	static const unsigned int where[] = {
		24, 31, 32, 33, 47, 96, 127, 160, 191, 262, 263, 512, 600, 4095,
	};
	struct rig *r = *state;
	unsigned int i;

	for (i = 0; i < sizeof(where) / sizeof(*where); i++)
		ECREATE_REJECTS(r, r->src[where[i]] = 1);
	ECREATE_REJECTS(r, secs->config_id[0] = 1);
	ECREATE_REJECTS(r, secs->config_id[63] = 1);
	ECREATE_REJECTS(r, secs->config_svn = 1);
	ECREATE_ACCEPTS(r, (secs->attributes |= SGX_ATTR_KSS, secs->config_id[0] = 1,
			    secs->config_svn = 1));
}

static void ecreate_order(void **state)
{
	struct rig *r = *state;
	u8 *not_epc = r->sig_page;
	u8 *used = r->pages[3].mem;

	/* not EPC before PAGEINFO */
	rig_secs_source(r)->size = 0;
	r->info.linaddr = 1;
	REJECTS_PF_ENCLS(r, sgxcore_ecreate(&r->cpu, &r->info, not_epc), not_epc);
	/* alignment before not EPC */
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, &r->info, not_epc + 1));
	/* PAGEINFO before VALID, VALID before contents */
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, used));
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, &r->info, used));
	rig_secs_source(r)->size = 0;
	REJECTS_PF_ENCLS(r, sgxcore_ecreate(&r->cpu, &r->info, used), used);
	/* conflict before VALID */
	assert_true(sgxcore_lock_shared(&r->pages[3]));
	REJECTS_GP(r, sgxcore_ecreate(&r->cpu, &r->info, used));
	sgxcore_unlock_shared(&r->pages[3]);
	rig_secs_source(r);
	assert_true(sgxcore_lock_shared(&r->pages[0]));
	REJECTS_GP(r, ECREATE(r));
	sgxcore_unlock_shared(&r->pages[0]);
}

static void ecreate_makes_a_secs(void **state)
{
	struct rig *r = *state;
	struct sgx_secs *source = rig_secs_source(r);
	struct sgxcore_page *page = &r->pages[0];
	struct sgx_secs *secs;
	u32 gen = page->gen;
	u64 eid;

	source->isv_prod_id = 5;
	source->isv_svn = 6;
	memset(source->mrenclave, 7, sizeof(source->mrenclave));
	assert_ok(ECREATE(r));
	assert_true(page->valid);
	assert_int_equal(page->type, SGX_PT_SECS);
	assert_int_equal(page->perm, 0);
	assert_int_equal(page->addr, 0);
	assert_null(page->secs);
	assert_int_not_equal(page->gen, gen);
	secs = sgxcore_secs_of(page);
	assert_int_equal(secs->isv_prod_id, 0);
	assert_int_equal(secs->isv_svn, 0);
	assert_true(sgxcore_is_zero(secs->mrenclave, sizeof(secs->mrenclave)));
	eid = sgxcore_secs_private(page)->eid;
	assert_int_not_equal(eid, 0);
	assert_ok(rig_ecreate(r, 1));
	assert_int_not_equal(sgxcore_secs_private(&r->pages[1])->eid, eid);
	/* An EID is never used again, not even with the page. */
	assert_ok(sgxcore_eremove(&r->cpu, page->mem));
	assert_ok(ECREATE(r));
	assert_int_equal(sgxcore_secs_private(page)->eid, eid + 2);
}

#define EADD(r, linaddr, flags)	rig_eadd(r, 1, (r)->secs, linaddr, flags)

/* EADD with one change to good operands gets #GP and changes nothing. */
#define EADD_REJECTS(r, change)						\
	do {								\
		rig_tcs_source(r);					\
		rig_operands(r, (r)->secs, RIG_BASE, RIG_REG_RW);	\
		change;							\
		REJECTS_GP(r, sgxcore_eadd(&(r)->cpu, &(r)->info, (r)->pages[1].mem)); \
	} while (0)

#define EADD_GP(r, i, secs, la, f)					\
	do {								\
		rig_operands(r, secs, la, f);				\
		REJECTS_GP(r, sgxcore_eadd(&(r)->cpu, &(r)->info, (r)->pages[i].mem)); \
	} while (0)

#define EADD_PF(r, i, secs, la, f, addr)				\
	do {								\
		rig_operands(r, secs, la, f);				\
		REJECTS_PF_ENCLS(r, sgxcore_eadd(&(r)->cpu, &(r)->info, (r)->pages[i].mem), \
				 addr);					\
	} while (0)

static void eadd_rejects_operands(void **state)
{
	static const u64 flags[] = {
		SGX_SECINFO_SECS | 3, 0x303, 0x403, 0x503, 0x603, 0xff03, 0x202, 0x206, 0x243,
		0x283, 0x10203, 0x20b, 0x213, 0x223, 0x108, 0x8000000000000203,
	};
	struct rig *r = *state;
	u8 *page = r->pages[1].mem;
	unsigned int i;

	rig_default_secs(r);
	rig_operands(r, r->secs, RIG_BASE, RIG_REG_RW);
	REJECTS_GP(r, sgxcore_eadd(&r->cpu, (void *)((u8 *)&r->info + 16), page));
	REJECTS_GP(r, sgxcore_eadd(&r->cpu, &r->info, page + 64));
	REJECTS_PF_ENCLS(r, sgxcore_eadd(&r->cpu, &r->info, r->sig_page), r->sig_page);
	EADD_REJECTS(r, r->info.srcpge += 64);
	EADD_REJECTS(r, r->info.secs += 64);
	EADD_REJECTS(r, r->info.linaddr += 64);
	EADD_REJECTS(r, r->info.secinfo += 32);
	EADD_REJECTS(r, r->secinfo.reserved[0] = 1);
	EADD_REJECTS(r, r->secinfo.reserved[55] = 1);
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		EADD_REJECTS(r, r->secinfo.flags = flags[i]);
	rig_operands(r, r->secs, RIG_BASE, RIG_REG_RW);
	r->info.secs = (unsigned long)r->sig_page;
	REJECTS_PF_ENCLS(r, sgxcore_eadd(&r->cpu, &r->info, page), r->sig_page);
}

static void eadd_rejects_wrong_pages(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	/* used target */
	assert_ok(EADD(r, RIG_BASE, RIG_REG_RW));
	EADD_PF(r, 1, r->secs, RIG_BASE + 0x1000, RIG_REG_RW, r->pages[1].mem);
	/* the SECS is its own target */
	EADD_PF(r, 0, r->secs, RIG_BASE, RIG_REG_RW, r->secs->mem);
	/* not a SECS: REG, VA, free */
	EADD_PF(r, 2, &r->pages[1], RIG_BASE, RIG_REG_RW, r->pages[1].mem);
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[3].mem));
	EADD_PF(r, 2, &r->pages[3], RIG_BASE, RIG_REG_RW, r->pages[3].mem);
	EADD_PF(r, 2, &r->pages[4], RIG_BASE, RIG_REG_RW, r->pages[4].mem);
	/* target is the "SECS" as well: locked already */
	EADD_GP(r, 4, &r->pages[4], RIG_BASE, RIG_REG_RW);
}

static void eadd_rejects_range_and_init(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	EADD_GP(r, 1, r->secs, RIG_BASE - 0x1000, RIG_REG_RW);
	EADD_GP(r, 1, r->secs, RIG_BASE + RIG_SIZE, RIG_REG_RW);
	EADD_GP(r, 1, r->secs, 0, RIG_REG_RW);
	EADD_GP(r, 1, r->secs, ~0xfffULL, RIG_REG_RW);
	assert_ok(EADD(r, RIG_BASE + RIG_SIZE - 0x1000, RIG_REG_RW));
	rig_force_init(r->secs);
	EADD_GP(r, 2, r->secs, RIG_BASE, RIG_REG_RW);
}

static void eadd_at_the_end_of_the_address_space(void **state)
{
	struct rig *r = *state;

	rig_secs_source(r)->base = 0 - RIG_SIZE;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	EADD_GP(r, 1, r->secs, 0 - RIG_SIZE - 0x1000, RIG_REG_RW);
	EADD_GP(r, 1, r->secs, 0, RIG_REG_RW);
	assert_ok(EADD(r, ~0xfffULL, RIG_REG_RW));
}

static void eadd_rejects_tcs(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	rig_tcs_source(r);
	r->src[72] = 1;
	EADD_GP(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS);
	rig_tcs_source(r);
	r->src[4095] = 1;
	EADD_GP(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS);
	/* The same bytes are fine in a REG page. */
	assert_ok(EADD(r, RIG_TCS, RIG_REG_RW));
}

static void eadd_checks_limits_of_32_bit_enclaves(void **state)
{
	struct rig *r = *state;

	rig_secs_source(r)->attributes = 0;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	rig_tcs_source(r)->fs_limit = 0xffffeffe;
	EADD_GP(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS);
	rig_tcs_source(r)->gs_limit = 0;
	EADD_GP(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS);
	rig_tcs_source(r)->gs_limit = 0xfff;
	assert_ok(EADD(r, RIG_TCS, SGX_SECINFO_TCS));
}

static void eadd_forces_tcs_fields(void **state)
{
	struct rig *r = *state;
	const struct sgx_tcs *tcs = (struct sgx_tcs *)r->pages[1].mem;
	struct sgx_tcs *source;

	rig_default_secs(r);
	source = rig_tcs_source(r);
	source->state = 1;
	source->flags = SGX_TCS_DBGOPTIN | 6;
	source->ssa_index = 5;
	source->aep = 0x1234;
	assert_ok(EADD(r, RIG_TCS, SGX_SECINFO_TCS | 7));
	assert_int_equal(r->pages[1].type, SGX_PT_TCS);
	assert_int_equal(r->pages[1].perm, 0);
	assert_int_equal(tcs->state, 0);
	assert_int_equal(tcs->flags, 6);
	assert_int_equal(tcs->ssa_index, 0);
	assert_int_equal(tcs->aep, 0);
	assert_int_equal(tcs->ssa_offset, source->ssa_offset);
}

static void eadd_fills_the_epcm(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[1];

	rig_default_secs(r);
	memset(r->src, 0x77, sizeof(r->src));
	assert_ok(EADD(r, RIG_BASE + 0x5000, SGX_SECINFO_REG | 5));
	assert_true(page->valid);
	assert_int_equal(page->type, SGX_PT_REG);
	assert_int_equal(page->perm, 5);
	assert_int_equal(page->addr, RIG_BASE + 0x5000);
	assert_ptr_equal(page->secs, r->secs);
	assert_int_equal(r->secs->children, 1);
	assert_memory_equal(page->mem, r->src, SGX_PAGE_SIZE);
	assert_int_equal(sgxcore_secs_private(r->secs)->measure.blocks, 2);
	/* Two pages may claim one address. */
	assert_ok(rig_eadd(r, 2, r->secs, RIG_BASE + 0x5000, SGX_SECINFO_REG));
	assert_int_equal(r->secs->children, 2);
}

static void eadd_conflicts(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	assert_true(sgxcore_lock_shared(&r->pages[1]));
	EADD_GP(r, 1, r->secs, RIG_BASE, RIG_REG_RW);
	sgxcore_unlock_shared(&r->pages[1]);
	assert_true(sgxcore_lock_exclusive(r->secs));
	EADD_GP(r, 1, r->secs, RIG_BASE, RIG_REG_RW);
	sgxcore_unlock_exclusive(r->secs);
	assert_true(sgxcore_lock_extra(r->secs));
	EADD_GP(r, 1, r->secs, RIG_BASE, RIG_REG_RW);
	sgxcore_unlock_extra(r->secs);
	/* Shared on the SECS is no conflict. */
	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(EADD(r, RIG_BASE, RIG_REG_RW));
	sgxcore_unlock_shared(r->secs);
}

static void eadd_order(void **state)
{
	struct rig *r = *state;

	rig_default_secs(r);
	assert_ok(rig_eadd(r, 5, r->secs, RIG_BASE, RIG_REG_RW));
	/* SECS not EPC before SECINFO */
	rig_operands(r, r->secs, RIG_BASE, 0x40);
	r->info.secs = (unsigned long)r->sig_page;
	REJECTS_PF_ENCLS(r, sgxcore_eadd(&r->cpu, &r->info, r->pages[1].mem), r->sig_page);
	/* target not EPC before misaligned LINADDR */
	rig_operands(r, r->secs, RIG_BASE + 1, RIG_REG_RW);
	REJECTS_PF_ENCLS(r, sgxcore_eadd(&r->cpu, &r->info, r->sig_page), r->sig_page);
	/* LINADDR misaligned before SECS not EPC */
	r->info.secs = (unsigned long)r->sig_page;
	REJECTS_GP(r, sgxcore_eadd(&r->cpu, &r->info, r->pages[1].mem));
	/* SECINFO before VALID target */
	EADD_GP(r, 5, r->secs, RIG_BASE, 0x40);
	/* VALID target before no SECS, no SECS before contents */
	EADD_PF(r, 5, &r->pages[7], RIG_BASE, RIG_REG_RW, r->pages[5].mem);
	EADD_PF(r, 1, &r->pages[7], 0, 0x202, r->pages[7].mem);
	/* conflict on the SECS before its type */
	assert_true(sgxcore_lock_exclusive(&r->pages[7]));
	EADD_GP(r, 1, &r->pages[7], RIG_BASE, RIG_REG_RW);
	sgxcore_unlock_exclusive(&r->pages[7]);
}

static void eextend_rejects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_cpu *cpu = &r->cpu;
	u8 *page = r->pages[1].mem;
	u8 *secs;

	secs = rig_default_secs(r)->mem;
	assert_ok(EADD(r, RIG_BASE, RIG_REG_RW));
	assert_ok(sgxcore_epa(cpu, SGX_PT_VA, r->pages[3].mem));
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 4));
	REJECTS_GP(r, sgxcore_eextend(cpu, secs + 256, page));
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, r->src, page), r->src);
	REJECTS_GP(r, sgxcore_eextend(cpu, secs, page + 128));
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, secs, r->src + 256), r->src + 256);
	/* another SECS, no SECS at all */
	REJECTS_GP(r, sgxcore_eextend(cpu, r->pages[4].mem, page));
	REJECTS_GP(r, sgxcore_eextend(cpu, r->pages[9].mem, page));
	/* chunk in a SECS, a VA, a free, a trimmed page */
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, secs, secs), secs);
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, secs, r->pages[3].mem), r->pages[3].mem);
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, secs, r->pages[9].mem + 256),
			 r->pages[9].mem + 256);
	r->pages[1].type = SGX_PT_TRIM;
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, secs, page), page);
	r->pages[1].type = SGX_PT_REG;
	/* not EPC before misaligned chunk; wrong type before wrong SECS */
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, r->src, page + 1), r->src);
	REJECTS_PF_ENCLS(r, sgxcore_eextend(cpu, r->pages[4].mem, secs), secs);
	rig_force_init(r->secs);
	REJECTS_GP(r, sgxcore_eextend(cpu, secs, page));
}

static void eextend_conflicts(void **state)
{
	struct rig *r = *state;
	u8 *page = r->pages[1].mem;
	u8 *secs = rig_default_secs(r)->mem;

	assert_ok(EADD(r, RIG_BASE, RIG_REG_RW));
	assert_true(sgxcore_lock_exclusive(&r->pages[1]));
	REJECTS_GP(r, sgxcore_eextend(&r->cpu, secs, page));
	sgxcore_unlock_exclusive(&r->pages[1]);
	assert_true(sgxcore_lock_extra(r->secs));
	REJECTS_GP(r, sgxcore_eextend(&r->cpu, secs, page));
	sgxcore_unlock_extra(r->secs);
	/* The SECS is used concurrently, the page shared. */
	assert_true(sgxcore_lock_exclusive(r->secs));
	assert_true(sgxcore_lock_shared(&r->pages[1]));
	assert_ok(sgxcore_eextend(&r->cpu, secs, page));
	sgxcore_unlock_shared(&r->pages[1]);
	sgxcore_unlock_exclusive(r->secs);
	assert_int_equal(sgxcore_secs_private(r->secs)->measure.blocks, 7);
	assert_ok(sgxcore_eextend(&r->cpu, secs, page));
	assert_int_equal(sgxcore_secs_private(r->secs)->measure.blocks, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(ecreate_rejects_operands),
		RIG_TEST(ecreate_rejects_range),
		RIG_TEST(ecreate_rejects_features),
		RIG_TEST(ecreate_rejects_small_frames),
		RIG_TEST(ecreate_rejects_reserved),
		RIG_TEST(ecreate_order),
		RIG_TEST(ecreate_makes_a_secs),
		RIG_TEST(eadd_rejects_operands),
		RIG_TEST(eadd_rejects_wrong_pages),
		RIG_TEST(eadd_rejects_range_and_init),
		RIG_TEST(eadd_at_the_end_of_the_address_space),
		RIG_TEST(eadd_rejects_tcs),
		RIG_TEST(eadd_checks_limits_of_32_bit_enclaves),
		RIG_TEST(eadd_forces_tcs_fields),
		RIG_TEST(eadd_fills_the_epcm),
		RIG_TEST(eadd_conflicts),
		RIG_TEST(eadd_order),
		RIG_TEST(eextend_rejects),
		RIG_TEST(eextend_conflicts),
	};

	return cmocka_run_group_tests_name("leaf_build", tests, NULL, NULL);
}
