// SPDX-License-Identifier: GPL-2.0
/*
 * Operands of ENCLU leaves inside an enclave: linear addresses of the enclave, looked
 * up in the first half of a leaf, locked and checked in the second.
 */
#include "internal.h"

static u64 page_address(u64 la)
{
	return la & ~(SGX_PAGE_SIZE - 1ULL);
}

/* #PF for an operand that is not the EPC page it has to be */
struct sgxcore_outcome sgxcore_operand_pf(u64 la, enum sgxcore_access access)
{
	u32 write = access == SGXCORE_WRITE ? SGX_PFEC_W : 0;

	return sgxcore_pf(la, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX | write);
}

/**
 * sgxcore_operand_find() - look an operand up
 * @lp: the logical processor
 * @la: linear address
 * @access: what for
 * @x: filled
 *
 * Context: May sleep, in translate().
 */
struct sgxcore_outcome sgxcore_operand_find(struct sgxcore_lp *lp, u64 la,
					    enum sgxcore_access access, struct sgxcore_xlat *x)
{
	struct sgxcore_outcome out = lp->ops->translate(lp, page_address(la), access, x);

	if (out.kind != SGXCORE_OK)
		out.addr = la;
	else if (!x->page)
		out = sgxcore_operand_pf(la, access);
	return out;
}

/* Keeps the page in place; nobody else gets a conflict for it. */
struct sgxcore_outcome sgxcore_operand_lock(const struct sgxcore_xlat *x)
{
	if (!sgxcore_lock_lp(x->page))
		return sgxcore_again();
	if (!sgxcore_xlat_moved(x))
		return sgxcore_ok();
	sgxcore_unlock_lp(x->page);
	return sgxcore_again();
}

/* SECS and VA pages are nobody's. Pages of others can be mapped here, too. */
bool sgxcore_operand_is_own(const struct sgxcore_lp *lp, const struct sgxcore_page *page)
{
	return page->valid && page->secs && sgxcore_secs_private(page->secs)->eid == lp->eid;
}

/* A page of the enclave that is what it seems */
bool sgxcore_operand_is_plain(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u64 la)
{
	return sgxcore_operand_is_own(lp, page) && page->type == SGX_PT_REG &&
	       page->addr == page_address(la) && !page->blocked && !page->pending &&
	       !page->modified;
}

/* The same, with the right that the access needs */
bool sgxcore_operand_allows(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u64 la,
			    enum sgxcore_access access)
{
	return sgxcore_operand_is_plain(lp, page, la) && page->perm & access;
}

/**
 * sgxcore_operand_hold() - lock an operand and check it
 * @lp: the logical processor
 * @x: its translation
 * @la: its linear address
 * @access: what for
 *
 * Return: SGXCORE_OK with the page locked: sgxcore_unlock_lp() in the end.
 */
struct sgxcore_outcome sgxcore_operand_hold(const struct sgxcore_lp *lp,
					    const struct sgxcore_xlat *x, u64 la,
					    enum sgxcore_access access)
{
	struct sgxcore_outcome out = sgxcore_operand_lock(x);

	if (out.kind != SGXCORE_OK || sgxcore_operand_allows(lp, x->page, la, access))
		return out;
	out = sgxcore_xlat_fault(x, sgxcore_operand_pf(la, access));
	sgxcore_unlock_lp(x->page);
	return out;
}

/* Where an operand is, in a page that is held */
u8 *sgxcore_operand_ptr(const struct sgxcore_xlat *x, u64 la)
{
	return x->page->mem + (la - page_address(la));
}

/* Has it been blocked, or replaced, since it was looked up? */
bool sgxcore_operand_moved(const struct sgxcore_xlat *x)
{
	return x->page && sgxcore_xlat_moved(x);
}

/**
 * sgxcore_access_prepare() - first half of an access to enclave memory
 * @lp: the logical processor, inside
 * @la: linear address
 * @access: read or write
 * @x: filled
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_access_prepare(struct sgxcore_lp *lp, u64 la,
					      enum sgxcore_access access,
					      struct sgxcore_xlat *x)
{
	memset(x, 0, sizeof(*x));
	return sgxcore_operand_find(lp, la, access, x);
}

/**
 * sgxcore_access_commit() - second half of an access to enclave memory
 * @lp: the logical processor, inside
 * @x: as sgxcore_access_prepare() filled it
 * @la: linear address
 * @access: read or write
 * @buf: memory of the caller
 * @n: bytes, up to the end of the page at most
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, #PF, or SGXCORE_AGAIN; the last two with nothing copied.
 *
 * Source: SDM, "ENCLAVE ACCESS CONTROL AND DATA STRUCTURES", access-control requirements.
 */
struct sgxcore_outcome sgxcore_access_commit(const struct sgxcore_lp *lp,
					     const struct sgxcore_xlat *x, u64 la,
					     enum sgxcore_access access, void *buf, size_t n)
{
	struct sgxcore_outcome out;

	if (sgxcore_warn((la & (SGX_PAGE_SIZE - 1)) + n > SGX_PAGE_SIZE))
		return sgxcore_gp();
	out = sgxcore_operand_hold(lp, x, la, access);
	if (out.kind != SGXCORE_OK)
		return out;
	if (access == SGXCORE_WRITE)
		memcpy(sgxcore_operand_ptr(x, la), buf, n);
	else
		sgxcore_copy_once(buf, sgxcore_operand_ptr(x, la), n);
	sgxcore_unlock_lp(x->page);
	return out;
}
