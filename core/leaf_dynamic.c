// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves that change an enclave after EINIT: EAUG, EMODPR, EMODT.
 *
 * The system proposes, the enclave disposes: a page that is new (PENDING) or has
 * another type (MODIFIED) is of no use until the enclave has accepted it, and one
 * with fewer rights (PR) tells the enclave so until then. The two last ones can be
 * accepted when no logical processor can have an old translation any more, so they
 * are stamped with the epoch, as EBLOCK does.
 */
#include "internal.h"

struct eaug {
	struct sgx_pageinfo info;
	struct sgxcore_page *page;
	struct sgxcore_page *secs;
};

static struct sgxcore_outcome eaug_operands(struct sgxcore_cpu *cpu,
					    const struct sgx_pageinfo *rbx, void *rcx,
					    struct eaug *e)
{
	if (!cpu->model->sgx2)
		return sgxcore_gp();
	if (sgxcore_misaligned(rbx, sizeof(e->info)) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	e->page = sgxcore_page_of(cpu, rcx);
	if (!e->page)
		return sgxcore_pf_operand(rcx);

	sgxcore_copy_once(&e->info, rbx, sizeof(e->info));
	if ((e->info.secs | e->info.linaddr) & (SGX_PAGE_SIZE - 1) ||
	    e->info.secinfo & (sizeof(struct sgx_secinfo) - 1) || e->info.srcpge)
		return sgxcore_gp();
	e->secs = sgxcore_page_of(cpu, sgxcore_ptr(e->info.secs));
	if (!e->secs)
		return sgxcore_pf_operand(sgxcore_ptr(e->info.secs));
	return sgxcore_ok();
}

/* Both base locks are held. */
static struct sgxcore_outcome eaug_locked(struct eaug *e)
{
	const u8 flags = SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING;
	const struct sgx_secs *secs = sgxcore_secs_of(e->secs);

	if (!e->secs->valid || e->secs->type != SGX_PT_SECS)
		return sgxcore_pf_operand(sgxcore_ptr(e->info.secs));
	if (!(sgxcore_secs_attributes(e->secs) & SGX_ATTR_INIT) ||
	    !sgxcore_in_range(e->info.linaddr, secs->base, secs->size))
		return sgxcore_gp();
	memset(e->page->mem, 0, SGX_PAGE_SIZE);
	sgxcore_page_validate(e->page, SGX_PT_REG, flags, e->info.linaddr, e->secs);
	return sgxcore_ok();
}

/**
 * sgxcore_eaug() - ENCLS[EAUG]
 * @cpu: the processor
 * @rbx: PAGEINFO; a SECINFO is for shadow stacks, which are in no model yet
 * @rcx: EPC page to add
 */
struct sgxcore_outcome sgxcore_eaug(struct sgxcore_cpu *cpu,
				    const struct sgx_pageinfo *rbx, void *rcx)
{
	struct sgxcore_outcome out;
	struct eaug e;

	out = eaug_operands(cpu, rbx, rcx, &e);
	if (out.kind != SGXCORE_OK)
		return out;

	if (!sgxcore_lock_exclusive(e.page))
		return sgxcore_gp();
	out = sgxcore_gp();
	if (e.page->valid) {
		out = sgxcore_pf_operand(rcx);
	} else if (!e.info.secinfo && sgxcore_lock_shared(e.secs)) {
		out = eaug_locked(&e);
		sgxcore_unlock_shared(e.secs);
	}
	sgxcore_unlock_exclusive(e.page);
	return out;
}

/* Operands of EMODPR and EMODT */
static struct sgxcore_outcome modify_operands(struct sgxcore_cpu *cpu, const void *rbx,
					      const void *rcx, struct sgx_secinfo *secinfo,
					      struct sgxcore_page **page)
{
	if (!cpu->model->sgx2)
		return sgxcore_gp();
	if (sgxcore_misaligned(rbx, sizeof(*secinfo)) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	*page = sgxcore_page_of(cpu, rcx);
	if (!*page)
		return sgxcore_pf_operand(rcx);
	return sgxcore_secinfo_read(rbx, secinfo) ? sgxcore_ok() : sgxcore_gp();
}

static bool is_initialised(const struct sgxcore_page *page)
{
	return sgxcore_secs_attributes(page->secs) & SGX_ATTR_INIT;
}

/* Whoever comes in from here on sees the change; whoever is inside belongs to this epoch. */
static void stamp(struct sgxcore_page *page)
{
	page->epoch = sgxcore_track_epoch(page->secs);
}

/* The base lock is held, shared; so nobody else takes VALID or PT away. */
static struct sgxcore_outcome emodpr_locked(struct sgxcore_page *page, u64 mask, const void *rcx)
{
	struct sgxcore_outcome out = sgxcore_ok();

	if (!page->valid)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_extra(page))
		return sgxcore_status(SGX_EPC_PAGE_CONFLICT);
	/* A driver may tell an accepted trimmed page from a new one by this order. */
	if (page->pending || page->modified) {
		out = sgxcore_status(SGX_PAGE_NOT_MODIFIABLE);
	} else if (page->type != SGX_PT_REG) {
		out = sgxcore_pf_operand(rcx);
	} else if (!is_initialised(page)) {
		out = sgxcore_gp();
	} else {
		sgxcore_store(&page->perm, page->perm & mask & SGX_SECINFO_PERMISSION_MASK);
		sgxcore_store(&page->pr, true);
		stamp(page);
	}
	sgxcore_unlock_extra(page);
	return out;
}

/**
 * sgxcore_emodpr() - ENCLS[EMODPR]
 * @cpu: the processor
 * @rbx: SECINFO; its R, W and X are what may stay
 * @rcx: EPC page
 */
struct sgxcore_outcome sgxcore_emodpr(struct sgxcore_cpu *cpu,
				      const struct sgx_secinfo *rbx, void *rcx)
{
	struct sgx_secinfo secinfo;
	struct sgxcore_outcome out;
	struct sgxcore_page *page;

	out = modify_operands(cpu, rbx, rcx, &secinfo, &page);
	if (out.kind != SGXCORE_OK)
		return out;
	if (!sgxcore_perm_sane(secinfo.flags) || !sgxcore_lock_shared(page))
		return sgxcore_gp();
	out = emodpr_locked(page, secinfo.flags, rcx);
	sgxcore_unlock_shared(page);
	return out;
}

static bool may_become(const struct sgxcore_page *page, u8 type)
{
	return page->type == SGX_PT_REG || (page->type == SGX_PT_TCS && type == SGX_PT_TRIM);
}

/* Both locks of the page are held. */
static struct sgxcore_outcome emodt_locked(struct sgxcore_page *page, u8 type, const void *rcx)
{
	if (!may_become(page, type))
		return sgxcore_pf_operand(rcx);
	if (page->pending || page->modified)
		return sgxcore_status(SGX_PAGE_NOT_MODIFIABLE);
	if (!is_initialised(page))
		return sgxcore_gp();
	sgxcore_store(&page->modified, true);
	sgxcore_store(&page->pr, false);
	sgxcore_store(&page->perm, 0);
	sgxcore_store(&page->type, type);
	stamp(page);
	return sgxcore_ok();
}

/**
 * sgxcore_emodt() - ENCLS[EMODT]
 * @cpu: the processor
 * @rbx: SECINFO; its PAGE_TYPE is the new one, TCS or TRIM
 * @rcx: EPC page
 */
struct sgxcore_outcome sgxcore_emodt(struct sgxcore_cpu *cpu,
				     const struct sgx_secinfo *rbx, void *rcx)
{
	struct sgx_secinfo secinfo;
	struct sgxcore_outcome out;
	struct sgxcore_page *page;
	u64 type;

	out = modify_operands(cpu, rbx, rcx, &secinfo, &page);
	if (out.kind != SGXCORE_OK)
		return out;
	type = sgxcore_secinfo_type(&secinfo) >> SGX_SECINFO_PAGE_TYPE_SHIFT;
	if (type != SGX_PT_TCS && type != SGX_PT_TRIM)
		return sgxcore_gp();

	if (!sgxcore_lock_exclusive(page))
		return sgxcore_status(SGX_EPC_PAGE_CONFLICT);
	if (!page->valid) {
		out = sgxcore_pf_operand(rcx);
	} else if (!sgxcore_lock_extra(page)) {
		out = sgxcore_status(SGX_EPC_PAGE_CONFLICT);
	} else {
		out = emodt_locked(page, type, rcx);
		sgxcore_unlock_extra(page);
	}
	sgxcore_unlock_exclusive(page);
	return out;
}
