// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves that build an enclave: ECREATE, EADD, EEXTEND. Checks are in the
 * manual's order, which decides what a call with two defects gets.
 *
 * Sources may be writable by somebody else, so everything is copied once; pages
 * straight into the EPC, where nobody can reach them, and checked there.
 */
#include "internal.h"

#define MIN_ENCLAVE_SIZE	(2 * SGX_PAGE_SIZE)
#define LIMIT_LOW_BITS		0xfff
#define EXTEND_SIZE		256

/* Copies it; false if a reserved bit is set. */
bool sgxcore_secinfo_read(const void *src, struct sgx_secinfo *secinfo)
{
	sgxcore_copy_once(secinfo, src, sizeof(*secinfo));
	return !(secinfo->flags & ~SGX_SECINFO_DEFINED) &&
	       sgxcore_is_zero(secinfo->reserved, sizeof(secinfo->reserved));
}

static bool secs_reserved_clear(const struct sgx_secs *secs)
{
	/* CET is in no model yet: its fields are as good as reserved. */
	return !secs->cet_leg_bitmap_offset && !secs->cet_attributes &&
	       sgxcore_is_zero(secs->reserved1, sizeof(secs->reserved1)) &&
	       sgxcore_is_zero(secs->reserved2, sizeof(secs->reserved2)) &&
	       sgxcore_is_zero(secs->reserved3, sizeof(secs->reserved3)) &&
	       sgxcore_is_zero(secs->reserved4, sizeof(secs->reserved4));
}

static bool secs_config_valid(const struct sgx_secs *secs)
{
	return secs->attributes & SGX_ATTR_KSS ||
	       (!secs->config_svn && sgxcore_is_zero(secs->config_id, sizeof(secs->config_id)));
}

static bool secs_ssa_fits(const struct sgxcore_model *model, const struct sgx_secs *secs)
{
	u64 need = sgxcore_xsave_size(model, secs->xfrm);

	if (need > SGXCORE_XSAVE_MAX)
		return false;
	if (secs->miscselect & SGX_MISC_EXINFO)
		need += sizeof(struct sgx_exinfo);
	need += sizeof(struct sgx_gprsgx);
	return (u64)secs->ssa_frame_size << SGX_PAGE_SHIFT >= need;
}

static const char *secs_range_defect(const struct sgxcore_model *model,
				     const struct sgx_secs *secs)
{
	bool wide = secs->attributes & SGX_ATTR_MODE64BIT;
	u8 size_bits = wide ? model->size_bits : SGXCORE_SIZE_BITS_NOT64;

	if (wide ? !sgxcore_canonical(model, secs->base) : secs->base >> 32 != 0)
		return "SECS.BASE is not canonical";
	if (secs->size < MIN_ENCLAVE_SIZE || secs->size & (secs->size - 1) ||
	    secs->size >> size_bits)
		return "SECS.SIZE is no power of two, or too small or large";
	if (secs->base & (secs->size - 1))
		return "SECS.BASE is no multiple of SECS.SIZE";
	return NULL;
}

/* In the manual's order; NULL if there is none */
static const char *secs_defect(const struct sgxcore_model *model, const struct sgx_secs *secs)
{
	const char *defect;

	if (!sgxcore_xfrm_legal(model, secs->xfrm))
		return "SECS.XFRM has bits that the processor does not offer, or not together";
	if (secs->miscselect & ~model->misc_mask)
		return "SECS.MISCSELECT has bits that the processor does not offer";
	if (secs->attributes & (~model->attr_mask | SGX_ATTR_INIT))
		return "SECS.ATTRIBUTES has bits that the processor does not offer";
	if (!secs_ssa_fits(model, secs))
		return "SECS.SSAFRAMESIZE is too small for XFRM and MISCSELECT";
	defect = secs_range_defect(model, secs);
	if (defect)
		return defect;
	if (!secs_reserved_clear(secs))
		return "a reserved field of the SECS is not zero";
	if (!secs_config_valid(secs))
		return "SECS.CONFIGID or CONFIGSVN without ATTRIBUTES.KSS";
	return NULL;
}

static void secs_start(struct sgxcore_cpu *cpu, struct sgxcore_page *page)
{
	struct sgxcore_secs_private *priv = sgxcore_secs_private(page);
	struct sgx_secs *secs = sgxcore_secs_of(page);

	memset(secs->mrenclave, 0, sizeof(secs->mrenclave));
	secs->isv_prod_id = 0;
	secs->isv_svn = 0;
	priv->eid = sgxcore_inc_return(&cpu->last_eid);
	sgxcore_measure_ecreate(&priv->measure, cpu->crypto, secs->ssa_frame_size, secs->size);
}

/**
 * sgxcore_ecreate() - ENCLS[ECREATE]
 * @cpu: the processor
 * @rbx: PAGEINFO
 * @rcx: EPC page that becomes the SECS
 */
struct sgxcore_outcome sgxcore_ecreate(struct sgxcore_cpu *cpu,
				       const struct sgx_pageinfo *rbx, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgx_secinfo secinfo;
	struct sgx_pageinfo info;
	struct sgxcore_page *page;

	if (sgxcore_misaligned(rbx, sizeof(info)) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		return sgxcore_pf_operand(rcx);

	sgxcore_copy_once(&info, rbx, sizeof(info));
	if (info.srcpge & (SGX_PAGE_SIZE - 1) || info.secinfo & (sizeof(secinfo) - 1) ||
	    info.linaddr || info.secs)
		return sgxcore_gp();
	if (!sgxcore_secinfo_read(sgxcore_ptr(info.secinfo), &secinfo) ||
	    sgxcore_secinfo_type(&secinfo) != SGX_SECINFO_SECS)
		return sgxcore_gp();

	if (!sgxcore_lock_exclusive(page))
		return sgxcore_gp();
	if (page->valid) {
		out = sgxcore_pf_operand(rcx);
		goto unlock;
	}
	sgxcore_copy_once(page->mem, sgxcore_ptr(info.srcpge), SGX_PAGE_SIZE);
	out = sgxcore_gp_because(secs_defect(cpu->model, sgxcore_secs_of(page)));
	if (out.kind != SGXCORE_OK) {
		memset(page->mem, 0, SGX_PAGE_SIZE);
		goto unlock;
	}
	secs_start(cpu, page);
	sgxcore_page_validate(page, SGX_PT_SECS, 0, 0, NULL);
unlock:
	sgxcore_unlock_exclusive(page);
	return out;
}

/* What EADD is asked for, copied from its operands */
struct eadd {
	struct sgx_pageinfo info;
	struct sgx_secinfo secinfo;
	struct sgxcore_page *page;
	struct sgxcore_page *secs;
	bool tcs;
};

static struct sgxcore_outcome eadd_operands(struct sgxcore_cpu *cpu,
					    const struct sgx_pageinfo *rbx, void *rcx,
					    struct eadd *e)
{
	const u64 in_page = SGX_PAGE_SIZE - 1;
	u64 state = SGX_SECINFO_PENDING | SGX_SECINFO_MODIFIED | SGX_SECINFO_PR;

	if (sgxcore_misaligned(rbx, sizeof(e->info)) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	e->page = sgxcore_page_of(cpu, rcx);
	if (!e->page)
		return sgxcore_pf_operand(rcx);

	sgxcore_copy_once(&e->info, rbx, sizeof(e->info));
	if ((e->info.srcpge | e->info.secs | e->info.linaddr) & in_page ||
	    e->info.secinfo & (sizeof(e->secinfo) - 1))
		return sgxcore_gp();
	e->secs = sgxcore_page_of(cpu, sgxcore_ptr(e->info.secs));
	if (!e->secs)
		return sgxcore_pf_operand(sgxcore_ptr(e->info.secs));

	/* The manual is silent on state bits, which would be measured but not set. */
	if (!sgxcore_secinfo_read(sgxcore_ptr(e->info.secinfo), &e->secinfo) ||
	    e->secinfo.flags & state)
		return sgxcore_gp_because("SECINFO has reserved bits set");
	e->tcs = sgxcore_secinfo_type(&e->secinfo) == SGX_SECINFO_TCS;
	if (!e->tcs && sgxcore_secinfo_type(&e->secinfo) != SGX_SECINFO_REG)
		return sgxcore_gp_because("SECINFO is of neither a regular page nor a TCS");
	return sgxcore_ok();
}

/* What EADD and EACCEPT both ask of a TCS */
bool sgxcore_tcs_acceptable(const struct sgx_tcs *tcs, u64 attributes)
{
	if (!sgxcore_is_zero((const u8 *)tcs + SGX_TCS_LIMIT, SGX_PAGE_SIZE - SGX_TCS_LIMIT))
		return false;
	return attributes & SGX_ATTR_MODE64BIT ||
	       ((tcs->fs_limit & LIMIT_LOW_BITS) == LIMIT_LOW_BITS &&
		(tcs->gs_limit & LIMIT_LOW_BITS) == LIMIT_LOW_BITS);
}

/* @e->page holds the new contents but is not valid yet. */
static const char *eadd_defect(const struct eadd *e)
{
	const struct sgx_secs *secs = sgxcore_secs_of(e->secs);

	if (e->tcs) {
		if (!sgxcore_tcs_acceptable((struct sgx_tcs *)e->page->mem, secs->attributes))
			return "a reserved field of the TCS is not zero";
	} else if (!sgxcore_perm_sane(e->secinfo.flags)) {
		return "SECINFO has W without R";
	}
	if (!sgxcore_in_range(e->info.linaddr, secs->base, secs->size))
		return "the page is outside ELRANGE";
	return NULL;
}

static void eadd_commit(struct sgxcore_cpu *cpu, struct eadd *e)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)e->page->mem;
	u64 offset = e->info.linaddr - sgxcore_secs_of(e->secs)->base;

	if (e->tcs) {
		e->secinfo.flags &= ~SGX_SECINFO_PERMISSION_MASK;
		tcs->flags &= ~SGX_TCS_DBGOPTIN;
		tcs->ssa_index = 0;
		tcs->aep = 0;
		tcs->state = 0;
	}
	sgxcore_measure_eadd(&sgxcore_secs_private(e->secs)->measure, cpu->crypto, offset,
			     &e->secinfo);
	sgxcore_page_validate(e->page, e->tcs ? SGX_PT_TCS : SGX_PT_REG,
			      e->secinfo.flags & SGX_SECINFO_PERMISSION_MASK,
			      e->info.linaddr, e->secs);
}

/* Both base locks are held; everything that fails from here on is a #GP. */
static struct sgxcore_outcome eadd_locked(struct sgxcore_cpu *cpu, struct eadd *e)
{
	struct sgxcore_outcome out;

	sgxcore_copy_once(e->page->mem, sgxcore_ptr(e->info.srcpge), SGX_PAGE_SIZE);
	out = sgxcore_gp_because(eadd_defect(e));
	if (out.kind != SGXCORE_OK)
		goto scrub;
	out = sgxcore_gp();
	if (!sgxcore_lock_extra(e->secs))
		goto scrub;
	if (sgxcore_secs_attributes(e->secs) & SGX_ATTR_INIT) {
		out = sgxcore_gp_because("the enclave has been initialized");
		goto unlock_extra;
	}
	eadd_commit(cpu, e);
	sgxcore_unlock_extra(e->secs);
	return sgxcore_ok();

unlock_extra:
	sgxcore_unlock_extra(e->secs);
scrub:
	memset(e->page->mem, 0, SGX_PAGE_SIZE);
	return out;
}

/**
 * sgxcore_eadd() - ENCLS[EADD]
 * @cpu: the processor
 * @rbx: PAGEINFO
 * @rcx: EPC page to add
 */
struct sgxcore_outcome sgxcore_eadd(struct sgxcore_cpu *cpu,
				    const struct sgx_pageinfo *rbx, void *rcx)
{
	struct sgxcore_outcome out;
	struct eadd e;

	out = eadd_operands(cpu, rbx, rcx, &e);
	if (out.kind != SGXCORE_OK)
		return out;

	if (!sgxcore_lock_exclusive(e.page))
		return sgxcore_gp();
	if (e.page->valid) {
		out = sgxcore_pf_operand(rcx);
		goto unlock_page;
	}
	if (!sgxcore_lock_shared(e.secs)) {
		out = sgxcore_gp();
		goto unlock_page;
	}
	if (!e.secs->valid || e.secs->type != SGX_PT_SECS)
		out = sgxcore_pf_operand(sgxcore_ptr(e.info.secs));
	else
		out = eadd_locked(cpu, &e);
	sgxcore_unlock_shared(e.secs);
unlock_page:
	sgxcore_unlock_exclusive(e.page);
	return out;
}

/* @page is locked; @secs is what the caller says its SECS is. */
static struct sgxcore_outcome eextend_locked(struct sgxcore_cpu *cpu, struct sgxcore_page *secs,
					     struct sgxcore_page *page, const void *rcx)
{
	u64 in_page = (unsigned long)rcx & (SGX_PAGE_SIZE - 1);
	struct sgxcore_outcome out = sgxcore_gp();
	struct sgxcore_measure *log;
	u64 offset;

	if (!page->valid || (page->type != SGX_PT_REG && page->type != SGX_PT_TCS))
		return sgxcore_pf_operand(rcx);
	if (page->secs != secs || !sgxcore_lock_extra(secs))
		return out;
	if (sgxcore_secs_attributes(secs) & SGX_ATTR_INIT)
		goto unlock_extra;

	log = &sgxcore_secs_private(secs)->measure;
	offset = page->addr - sgxcore_secs_of(secs)->base + in_page;
	sgxcore_measure_eextend(log, cpu->crypto, offset, page->mem + in_page);
	out = sgxcore_ok();
unlock_extra:
	sgxcore_unlock_extra(secs);
	return out;
}

/**
 * sgxcore_eextend() - ENCLS[EEXTEND]
 * @cpu: the processor
 * @rbx: SECS
 * @rcx: 256 bytes in an EPC page of the enclave
 */
struct sgxcore_outcome sgxcore_eextend(struct sgxcore_cpu *cpu, void *rbx, void *rcx)
{
	struct sgxcore_page *secs, *page;
	struct sgxcore_outcome out;

	if (sgxcore_misaligned(rbx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	secs = sgxcore_page_of(cpu, rbx);
	if (!secs)
		return sgxcore_pf_operand(rbx);
	if (sgxcore_misaligned(rcx, EXTEND_SIZE))
		return sgxcore_gp();
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		return sgxcore_pf_operand(rcx);

	if (!sgxcore_lock_shared(page))
		return sgxcore_gp();
	out = eextend_locked(cpu, secs, page, rcx);
	sgxcore_unlock_shared(page);
	return out;
}
