// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU leaves by which an enclave agrees to changes of its pages, or makes its own:
 * EACCEPT, EACCEPTCOPY, EMODPE.
 *
 * Operands are linear addresses of the enclave. As in an entry the first half has them
 * translated and stops where hardware would; the second one looks at everything again
 * on locked pages. Operands that the manual lets others use at the same time are held
 * as an entry holds its frame: nobody gets a conflict for them, and whoever wants such a
 * page alone waits. If somebody has it alone, the instruction executes again. So it does in a
 * conflict of two leaves, for which the manual has a #GP: a window of some cycles there is as
 * long here as somebody takes the CPU away, and enclaves are not made for it.
 */
#include "internal.h"

#define STATES		(SGX_SECINFO_PENDING | SGX_SECINFO_MODIFIED | SGX_SECINFO_PR)
#define RW		(SGX_SECINFO_R | SGX_SECINFO_W)

static u64 page_address(u64 la)
{
	return la & ~(SGX_PAGE_SIZE - 1ULL);
}

static struct sgxcore_outcome secinfo_read(const struct sgxcore_lp *lp,
					   const struct sgxcore_xlat *x, u64 la,
					   struct sgx_secinfo *secinfo)
{
	struct sgxcore_outcome out = sgxcore_operand_hold(lp, x, la, SGXCORE_READ);

	if (out.kind != SGXCORE_OK)
		return out;
	if (!sgxcore_secinfo_read(sgxcore_operand_ptr(x, la), secinfo))
		out = sgxcore_gp();
	sgxcore_unlock_lp(x->page);
	return out;
}

/*
 * A page can be blocked while it is being looked at. Whatever was found wrong, then, may
 * be no fault of the enclave.
 */
static struct sgxcore_outcome checked(const struct sgxcore_accept *a, struct sgxcore_outcome out)
{
	if (out.kind != SGXCORE_OK &&
	    (sgxcore_operand_moved(&a->secinfo) || sgxcore_operand_moved(&a->page) ||
	     sgxcore_operand_moved(&a->source)))
		return sgxcore_again();
	return out;
}

/* ------------------------------------------------------------- first half */

static bool is_page_operand(const struct sgxcore_lp *lp, u64 la)
{
	return la == page_address(la) && sgxcore_in_range(la, lp->base, lp->size);
}

static bool targets_valid(const struct sgxcore_lp *lp, u32 leaf, const struct sgxcore_regs *regs)
{
	return is_page_operand(lp, regs->cx) &&
	       (leaf != SGX_EACCEPTCOPY || is_page_operand(lp, regs->dx));
}

static struct sgxcore_outcome targets_find(struct sgxcore_lp *lp, const struct sgxcore_regs *regs,
					   struct sgxcore_accept *a)
{
	bool copy = a->leaf == SGX_EACCEPTCOPY;
	struct sgxcore_outcome out;

	out = sgxcore_operand_find(lp, regs->cx, copy ? SGXCORE_WRITE : SGXCORE_READ, &a->page);
	if (out.kind == SGXCORE_OK && copy)
		out = sgxcore_operand_find(lp, regs->dx, SGXCORE_READ, &a->source);
	return out;
}

/**
 * sgxcore_accept_prepare() - first half of EACCEPT, EACCEPTCOPY and EMODPE
 * @lp: the logical processor
 * @leaf: which of them
 * @regs: registers; BX, CX and DX matter
 * @a: filled
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_accept_prepare(struct sgxcore_lp *lp, u32 leaf,
					      const struct sgxcore_regs *regs,
					      struct sgxcore_accept *a)
{
	struct sgx_secinfo secinfo;
	struct sgxcore_outcome out;

	memset(a, 0, sizeof(*a));
	a->leaf = leaf;
	if (!lp->cpu->model->sgx2 || leaf < SGX_EACCEPT || leaf > SGX_EACCEPTCOPY || !lp->inside)
		return sgxcore_gp();
	if (regs->bx & (sizeof(secinfo) - 1) || !sgxcore_in_range(regs->bx, lp->base, lp->size))
		return sgxcore_gp();
	/* EACCEPT alone reads SECINFO before it looks at RCX. */
	if (leaf != SGX_EACCEPT && !targets_valid(lp, leaf, regs))
		return sgxcore_gp();
	out = sgxcore_operand_find(lp, regs->bx, SGXCORE_READ, &a->secinfo);
	if (out.kind == SGXCORE_OK && leaf == SGX_EACCEPT) {
		out = secinfo_read(lp, &a->secinfo, regs->bx, &secinfo);
		if (out.kind == SGXCORE_OK && !targets_valid(lp, leaf, regs))
			out = sgxcore_gp();
	}
	return out.kind == SGXCORE_OK ? targets_find(lp, regs, a) : out;
}

/* ---------------------------------------------------------------- EACCEPT */

/* Can there be a page that is waiting for this? */
static bool request_valid(const struct sgx_secinfo *secinfo)
{
	u64 state = secinfo->flags & STATES;

	switch (sgxcore_secinfo_type(secinfo)) {
	case SGX_SECINFO_REG:
		return state && !(state & SGX_SECINFO_MODIFIED);
	case SGX_SECINFO_TCS:
	case SGX_SECINFO_TRIM:
		return state == SGX_SECINFO_MODIFIED;
	default:
		return false;
	}
}

static bool is_acceptable(const struct sgxcore_lp *lp, const struct sgxcore_page *page)
{
	return sgxcore_operand_is_own(lp, page) && !page->blocked;
}

/* PR is no matter: an enclave may make sure of rights that nobody has changed. */
static bool is_as_requested(const struct sgxcore_page *page, u64 flags, u64 la)
{
	u64 is = (u64)page->type << SGX_SECINFO_PAGE_TYPE_SHIFT | page->perm;

	if (page->pending)
		is |= SGX_SECINFO_PENDING;
	if (page->modified)
		is |= SGX_SECINFO_MODIFIED;
	return page->addr == la && is == (flags & ~SGX_SECINFO_PR);
}

/* A page that is only new cannot be in any TLB. */
static bool is_tracked(const struct sgxcore_page *page)
{
	return !(page->modified || page->pr) || sgxcore_track_done(page->secs, page->epoch);
}

/* What EADD would have made sure of, and what it would have reset */
static bool is_fresh_tcs(const struct sgxcore_page *page)
{
	const struct sgx_tcs *tcs = (const struct sgx_tcs *)page->mem;

	return sgxcore_tcs_acceptable(tcs, sgxcore_secs_attributes(page->secs)) &&
	       !(tcs->flags & SGX_TCS_DBGOPTIN) && tcs->ssa_index < tcs->nr_ssa_frames &&
	       !tcs->aep && !tcs->state;
}

/* Both locks of the page are held. */
static struct sgxcore_outcome eaccept_locked(const struct sgxcore_lp *lp,
					     struct sgxcore_page *page, u64 flags, u64 la)
{
	if (!is_acceptable(lp, page))
		return sgxcore_operand_pf(la, SGXCORE_READ);
	if (!is_as_requested(page, flags, la))
		return sgxcore_status(SGX_PAGE_ATTRIBUTES_MISMATCH);
	if (!is_tracked(page))
		return sgxcore_status(SGX_NOT_TRACKED);
	if (page->type == SGX_PT_TCS && !is_fresh_tcs(page))
		return sgxcore_gp();
	sgxcore_store(&page->pr, false);
	sgxcore_store(&page->modified, false);
	sgxcore_store(&page->pending, false);
	return sgxcore_ok();
}

static struct sgxcore_outcome eaccept_shared(const struct sgxcore_lp *lp,
					     const struct sgxcore_xlat *x, u64 flags, u64 la)
{
	struct sgxcore_outcome out;

	if (sgxcore_xlat_moved(x))
		return sgxcore_again();
	if (!is_acceptable(lp, x->page))
		return sgxcore_operand_pf(la, SGXCORE_READ);
	if (!sgxcore_lock_extra(x->page))
		return sgxcore_again();
	out = eaccept_locked(lp, x->page, flags, la);
	sgxcore_unlock_extra(x->page);
	return out;
}

static struct sgxcore_outcome eaccept(const struct sgxcore_lp *lp, const struct sgxcore_accept *a,
				      const struct sgx_secinfo *secinfo, u64 la)
{
	struct sgxcore_outcome out;

	if (!request_valid(secinfo))
		return sgxcore_gp();
	if (!sgxcore_lock_shared(a->page.page))
		return sgxcore_again();
	out = eaccept_shared(lp, &a->page, secinfo->flags, la);
	sgxcore_unlock_shared(a->page.page);
	return out;
}

/* ------------------------------------------------------------ EACCEPTCOPY */

static bool is_new(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u64 la)
{
	return sgxcore_operand_is_own(lp, page) && page->type == SGX_PT_REG && page->addr == la &&
	       page->pending && !page->modified && !page->blocked && page->perm == RW;
}

/* Source and destination stay in place. */
static struct sgxcore_outcome copy_locked(const struct sgxcore_lp *lp, struct sgxcore_page *page,
					  const struct sgxcore_page *source, u8 perm, u64 la)
{
	struct sgxcore_outcome out = sgxcore_ok();

	if (!is_new(lp, page, la))
		return sgxcore_status(SGX_PAGE_ATTRIBUTES_MISMATCH);
	if (!sgxcore_lock_extra(page))
		return sgxcore_again();
	if (is_new(lp, page, la)) {
		sgxcore_copy_once(page->mem, source->mem, SGX_PAGE_SIZE);
		sgxcore_store(&page->perm, perm);
		sgxcore_store(&page->pending, false);
	} else {
		out = sgxcore_status(SGX_PAGE_ATTRIBUTES_MISMATCH);
	}
	sgxcore_unlock_extra(page);
	return out;
}

static struct sgxcore_outcome eacceptcopy(const struct sgxcore_lp *lp,
					  const struct sgxcore_accept *a,
					  const struct sgx_secinfo *secinfo,
					  const struct sgxcore_regs *regs)
{
	u8 perm = secinfo->flags & SGX_SECINFO_PERMISSION_MASK;
	struct sgxcore_page *source = a->source.page;
	struct sgxcore_page *page = a->page.page;
	struct sgxcore_outcome out;

	if (!sgxcore_perm_sane(perm) || sgxcore_secinfo_type(secinfo) != SGX_SECINFO_REG)
		return sgxcore_gp();
	out = sgxcore_operand_lock(&a->source);
	if (out.kind != SGXCORE_OK)
		return out;
	if (sgxcore_operand_allows(lp, source, regs->dx, SGXCORE_READ))
		out = sgxcore_operand_lock(&a->page);
	else
		out = sgxcore_operand_pf(regs->dx, SGXCORE_READ);
	if (out.kind == SGXCORE_OK) {
		out = copy_locked(lp, page, source, perm, regs->cx);
		sgxcore_unlock_lp(page);
	}
	sgxcore_unlock_lp(source);
	return out;
}

/* ----------------------------------------------------------------- EMODPE */

static struct sgxcore_outcome extend_locked(const struct sgxcore_lp *lp,
					    struct sgxcore_page *page, u8 perm, u64 la)
{
	struct sgxcore_outcome out = sgxcore_ok();

	if (!sgxcore_operand_is_plain(lp, page, la))
		return sgxcore_operand_pf(la, SGXCORE_READ);
	if (!sgxcore_lock_extra(page))
		return sgxcore_again();
	if (!sgxcore_operand_is_plain(lp, page, la))
		out = sgxcore_operand_pf(la, SGXCORE_READ);
	else if (!sgxcore_perm_sane(page->perm | perm))
		out = sgxcore_gp();
	else
		sgxcore_store(&page->perm, page->perm | perm);
	sgxcore_unlock_extra(page);
	return out;
}

static struct sgxcore_outcome emodpe(const struct sgxcore_lp *lp, const struct sgxcore_accept *a,
				     const struct sgx_secinfo *secinfo, u64 la)
{
	u8 perm = secinfo->flags & SGX_SECINFO_PERMISSION_MASK;
	struct sgxcore_outcome out = sgxcore_operand_lock(&a->page);

	if (out.kind != SGXCORE_OK)
		return out;
	out = extend_locked(lp, a->page.page, perm, la);
	sgxcore_unlock_lp(a->page.page);
	return out;
}

/* ------------------------------------------------------------ second half */

static struct sgxcore_outcome accept(const struct sgxcore_lp *lp, const struct sgxcore_accept *a,
				     const struct sgxcore_regs *regs)
{
	struct sgx_secinfo secinfo;
	struct sgxcore_outcome out;

	out = secinfo_read(lp, &a->secinfo, regs->bx, &secinfo);
	if (out.kind != SGXCORE_OK)
		return out;
	switch (a->leaf) {
	case SGX_EACCEPT:
		return eaccept(lp, a, &secinfo, regs->cx);
	case SGX_EACCEPTCOPY:
		return eacceptcopy(lp, a, &secinfo, regs);
	default:
		return emodpe(lp, a, &secinfo, regs->cx);
	}
}

static void retire(struct sgxcore_regs *regs, u32 leaf, const struct sgxcore_outcome *out)
{
	regs->ip += SGX_ENCLU_LENGTH;
	if (leaf == SGX_EMODPE)
		return;
	sgxcore_regs_result(regs, out);
}

/**
 * sgxcore_accept_commit() - second half of EACCEPT, EACCEPTCOPY and EMODPE
 * @lp: the logical processor
 * @a: as sgxcore_accept_prepare() filled it
 * @regs: in: as at the ENCLU; out: as after it
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, an error code that is in RAX, too, a fault, or SGXCORE_AGAIN; the
 * last two with nothing changed.
 */
struct sgxcore_outcome sgxcore_accept_commit(struct sgxcore_lp *lp,
					     const struct sgxcore_accept *a,
					     struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;

	/* Nothing is mapped any more in an enclave that was taken away. */
	if (!lp->secs)
		return lp->inside ? sgxcore_pf(regs->bx, SGX_PFEC_U) : sgxcore_gp();
	out = checked(a, accept(lp, a, regs));
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_STATUS)
		retire(regs, a->leaf, &out);
	return out;
}
