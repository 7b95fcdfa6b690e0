// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU[EDECCSSA]: a handler of exits goes on as what has been interrupted, one SSA
 * frame down, with the registers it has.
 *
 * Two halves, as for an entry. TCS and frames can have been evicted under a task that is
 * inside; the first half has them loaded again, where on hardware they could not go.
 */
#include "internal.h"

/* The TCS of this entry, and not another one in its place. It is locked. */
static bool is_ours(const struct sgxcore_lp *lp, const struct sgxcore_page *page)
{
	return page->valid && page->type == SGX_PT_TCS && !page->blocked &&
	       page->addr == lp->tcs_la && page->secs &&
	       sgxcore_secs_private(page->secs)->eid == lp->eid;
}

static struct sgxcore_outcome tcs_fault(const struct sgxcore_lp *lp)
{
	return sgxcore_pf(lp->tcs_la, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX);
}

/* On SGXCORE_OK the TCS is locked. */
static struct sgxcore_outcome tcs_lock(const struct sgxcore_lp *lp, const struct sgxcore_xlat *x,
				       struct sgxcore_view *v)
{
	struct sgxcore_outcome out;

	if (!sgxcore_lock_lp(x->page))
		return sgxcore_again();
	if (sgxcore_xlat_moved(x)) {
		out = sgxcore_again();
	} else if (!is_ours(lp, x->page)) {
		out = sgxcore_xlat_fault(x, tcs_fault(lp));
	} else {
		sgxcore_view_fill(v, x->page);
		out = sgxcore_gp_because(v->cssa ? NULL : "TCS.CSSA is 0");
	}
	if (out.kind != SGXCORE_OK)
		sgxcore_unlock_lp(x->page);
	return out;
}

/**
 * sgxcore_decssa_prepare() - first half of EDECCSSA
 * @lp: the logical processor
 * @d: filled
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_decssa_prepare(struct sgxcore_lp *lp, struct sgxcore_decssa *d)
{
	struct sgxcore_outcome out;
	struct sgxcore_view v;

	memset(d, 0, sizeof(*d));
	if (!sgxcore_model_has_enclu(lp->cpu->model, SGX_EDECCSSA) || !lp->inside)
		return sgxcore_gp();
	out = lp->ops->translate(lp, lp->tcs_la, SGXCORE_READ, &d->tcs);
	if (out.kind != SGXCORE_OK)
		return out;
	if (!d->tcs.page)
		return tcs_fault(lp);
	out = tcs_lock(lp, &d->tcs, &v);
	if (out.kind != SGXCORE_OK)
		return out;
	sgxcore_unlock_lp(d->tcs.page);

	d->cssa = v.cssa;
	out = sgxcore_frame_find(lp, &v, v.cssa - 1, &d->frame);
	/* While it slept TCS and SECS can have gone, and come back to other places. */
	if (out.kind == SGXCORE_FAULT)
		out = sgxcore_xlat_fault(&d->tcs, out);
	return out;
}

/* TCS and frame are locked. */
static void go_down(struct sgxcore_lp *lp, const struct sgxcore_decssa *d)
{
	const struct sgx_gprsgx *gpr = sgxcore_frame_gprsgx(&d->frame);

	sgxcore_store(sgxcore_tcs_cssa(d->tcs.page), d->cssa - 1);
	lp->tcs = d->tcs;
	lp->frame = d->frame;
	/* What the entry stored that has used this frame first */
	lp->ursp = gpr->ursp;
	lp->urbp = gpr->urbp;
	sgxcore_secs_follow(lp);
}

/**
 * sgxcore_decssa_commit() - second half of EDECCSSA
 * @lp: the logical processor
 * @d: as sgxcore_decssa_prepare() filled it
 * @regs: registers; IP alone changes
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, a fault, or SGXCORE_AGAIN; the last two with nothing changed.
 */
struct sgxcore_outcome sgxcore_decssa_commit(struct sgxcore_lp *lp,
					     const struct sgxcore_decssa *d,
					     struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;
	struct sgxcore_view v;

	/* Without an enclave the exit that follows this fault saves nothing. */
	if (!lp->inside || !lp->secs)
		return tcs_fault(lp);
	out = tcs_lock(lp, &d->tcs, &v);
	if (out.kind != SGXCORE_OK)
		return out;
	/* Nobody but this LP moves CSSA, unless a debugger does. */
	out = v.cssa == d->cssa ? sgxcore_frame_lock(&d->frame, &v) : sgxcore_again();
	if (out.kind == SGXCORE_OK) {
		go_down(lp, d);
		regs->ip += SGX_ENCLU_LENGTH;
		sgxcore_frame_unlock(&d->frame, sgxcore_frame_pages(&d->frame));
	}
	sgxcore_unlock_lp(d->tcs.page);
	return out;
}
