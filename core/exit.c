// SPDX-License-Identifier: GPL-2.0
/*
 * The ways out of an enclave: EEXIT, asynchronous exit, and the enclave going away.
 *
 * None of them can fail for want of a page: what the exit would have written is lost
 * with the page, the logical processor is outside all the same.
 */
#include "internal.h"

/* Flags that an asynchronous exit clears */
#define AEX_FLAGS_CLEARED	(SGX_RFLAGS_CF | SGX_RFLAGS_PF | SGX_RFLAGS_AF | SGX_RFLAGS_ZF | \
				 SGX_RFLAGS_SF | SGX_RFLAGS_OF | SGX_RFLAGS_RF)

static bool xlat_lock(const struct sgxcore_xlat *x)
{
	if (!x->page || !sgxcore_lock_lp_patiently(x->page))
		return false;
	if (sgxcore_load(&x->page->gen) == x->gen && x->page->valid)
		return true;
	sgxcore_unlock_lp(x->page);
	return false;
}

/*
 * A page that the enclave has let the system turn into something else under the LP is
 * gone, too: it must not be written to as what it was.
 */
static bool xlat_lock_as(const struct sgxcore_xlat *x, u8 type)
{
	if (!xlat_lock(x))
		return false;
	if (x->page->type == type)
		return true;
	sgxcore_unlock_lp(x->page);
	return false;
}

static bool frame_lock(const struct sgxcore_frame *f)
{
	unsigned int nr = sgxcore_frame_pages(f);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!xlat_lock_as(sgxcore_frame_xlat(f, i), SGX_PT_REG)) {
			sgxcore_frame_unlock(f, i);
			return false;
		}
	}
	return true;
}

/*
 * The SECS was evicted under the LP, and has come back with the TCS, which is locked.
 * As after an entry the LP counts as inside again.
 */
void sgxcore_secs_follow(struct sgxcore_lp *lp)
{
	struct sgxcore_page *secs = lp->tcs.page->secs;

	if (sgxcore_lp_is_inside(lp, secs))
		return;
	lp->secs = secs;
	lp->secs_gen = sgxcore_load(&secs->gen);
	lp->epoch = sgxcore_track_enter(secs);
}

static bool pages_lock(struct sgxcore_lp *lp, bool whole)
{
	if (!xlat_lock_as(&lp->tcs, SGX_PT_TCS))
		return false;
	if (whole && !frame_lock(&lp->frame)) {
		sgxcore_unlock_lp(lp->tcs.page);
		return false;
	}
	sgxcore_secs_follow(lp);
	return true;
}

/* sgxcore_exit_begin() may have done it, for a whole exit or for EEXIT. */
static bool pages_locked(struct sgxcore_lp *lp, bool whole)
{
	bool locked = lp->pinned || pages_lock(lp, whole);

	lp->pinned = false;
	return locked;
}

static void unpin_tcs(struct sgxcore_lp *lp)
{
	if (lp->pinned)
		sgxcore_unlock_lp(lp->tcs.page);
	lp->pinned = false;
}

/* The TCS becomes inactive, and the locks are dropped. */
static void pages_release(struct sgxcore_lp *lp, bool whole)
{
	u8 *mem = lp->tcs.page->mem;
	u32 *cssa = (u32 *)(mem + offsetof(struct sgx_tcs, ssa_index));

	if (whole) {
		sgxcore_store(cssa, sgxcore_load(cssa) + 1);
		sgxcore_frame_unlock(&lp->frame, sgxcore_frame_pages(&lp->frame));
	}
	sgxcore_store((u64 *)(mem + offsetof(struct sgx_tcs, state)), 0);
	sgxcore_unlock_lp(lp->tcs.page);
}

static void secs_leave(struct sgxcore_lp *lp)
{
	if (sgxcore_lp_is_inside(lp, lp->secs))
		sgxcore_track_leave(lp->secs, lp->epoch);
	lp->secs = NULL;
	memset(&lp->tcs, 0, sizeof(lp->tcs));
	memset(&lp->frame, 0, sizeof(lp->frame));
}

/**
 * sgxcore_exit_begin() - hold the pages of an exit in place
 * @lp: the logical processor, inside
 * @x: @x->whole set, the rest zero; or as sgxcore_exit_find() left it
 *
 * Context: Does not sleep. The caller holds the lock of @lp, and when this has
 * returned true keeps it until it has called sgxcore_aex() (@x->whole) or
 * sgxcore_eexit().
 * Return: false if a page has left the EPC.
 */
bool sgxcore_exit_begin(struct sgxcore_lp *lp, struct sgxcore_exit *x)
{
	if (!lp->secs)
		return true;
	if (x->found) {
		lp->tcs = x->tcs;
		lp->frame = x->frame;
	}
	lp->pinned = pages_lock(lp, x->whole);
	x->found = false;
	x->tcs = lp->tcs;
	x->frame = lp->frame;
	return lp->pinned;
}

/* Is the page that is mapped at @la now the one that was there at the entry? */
static bool is_ours(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u8 type, u64 la)
{
	return page->type == type && !page->pending && page->addr == la &&
	       sgxcore_secs_private(page->secs)->eid == lp->eid;
}

static bool find_again(struct sgxcore_lp *lp, u64 la, u8 type, struct sgxcore_xlat *x)
{
	enum sgxcore_access access = type == SGX_PT_TCS ? SGXCORE_READ : SGXCORE_WRITE;
	struct sgxcore_xlat new = { 0 };
	bool ours;

	/* Still there, but what is it? If a leaf has it that may sleep, translate() waits. */
	if (sgxcore_load(&x->page->gen) == x->gen && !sgxcore_is_locked_long(x->page))
		return sgxcore_load(&x->page->type) == type;
	if (lp->ops->translate(lp, la, access, &new).kind != SGXCORE_OK || !new.page)
		return false;
	/* It can be on its way out again: then there is a next time. */
	if (xlat_lock(&new)) {
		ours = is_ours(lp, new.page, type, la);
		sgxcore_unlock_lp(new.page);
		if (!ours)
			return false;
	}
	*x = new;
	return true;
}

/**
 * sgxcore_exit_find() - look up the pages of an exit that have been evicted
 * @lp: the logical processor, of the current task
 * @x: as sgxcore_exit_begin() left it
 *
 * Context: May sleep, in translate(). The lock of @lp is not held.
 * Return: false if one of them is not to be had.
 */
bool sgxcore_exit_find(struct sgxcore_lp *lp, struct sgxcore_exit *x)
{
	struct sgxcore_frame *f = &x->frame;
	unsigned int nr = sgxcore_frame_pages(f);
	unsigned int i;

	x->found = find_again(lp, lp->tcs_la, SGX_PT_TCS, &x->tcs);
	for (i = 0; x->whole && x->found && i < nr; i++) {
		struct sgxcore_xlat *xlat = (struct sgxcore_xlat *)sgxcore_frame_xlat(f, i);

		x->found = find_again(lp, sgxcore_frame_address(f, i), SGX_PT_REG, xlat);
	}
	return x->found;
}

static void regs_outside(struct sgxcore_lp *lp, struct sgxcore_regs *regs)
{
	regs->fsbase = lp->fsbase;
	regs->gsbase = lp->gsbase;
	if (!lp->optin)
		regs->flags = (regs->flags & ~SGX_RFLAGS_TF) | lp->tf;
	lp->inside = false;
}

/**
 * sgxcore_eexit() - ENCLU[EEXIT]
 * @lp: the logical processor
 * @regs: in: as at the ENCLU; out: as outside
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 */
struct sgxcore_outcome sgxcore_eexit(struct sgxcore_lp *lp, struct sgxcore_regs *regs)
{
	if (!lp->inside || !sgxcore_canonical(lp->cpu->model, regs->bx)) {
		unpin_tcs(lp);
		return sgxcore_gp_because("RBX, where to go, is not canonical");
	}
	if (lp->secs) {
		if (pages_locked(lp, false))
			pages_release(lp, false);
		secs_leave(lp);
	}
	regs->ip = regs->bx;
	regs->cx = lp->aep;
	regs_outside(lp, regs);
	return sgxcore_ok();
}

static u32 exit_info(const struct sgxcore_event *ev, bool exinfo)
{
	u32 hardware = SGX_EXITINFO_VALID | SGX_EXITINFO_TYPE_HW | ev->vector;

	if (!ev->exception)
		return 0;
	switch (ev->vector) {
	case SGXCORE_TRAP_DE:
	case SGXCORE_TRAP_DB:
	case SGXCORE_TRAP_BR:
	case SGXCORE_TRAP_UD:
	case SGXCORE_TRAP_MF:
	case SGXCORE_TRAP_AC:
	case SGXCORE_TRAP_XM:
		return hardware;
	case SGXCORE_TRAP_BP:
		return SGX_EXITINFO_VALID | SGX_EXITINFO_TYPE_SW | ev->vector;
	case SGXCORE_TRAP_GP:
		return exinfo ? hardware : 0;
	case SGXCORE_TRAP_PF:
		return exinfo && ev->error_code & SGX_PFEC_U ? hardware : 0;
	default:
		return 0;
	}
}

static void save_gprs(struct sgx_gprsgx *gpr, const struct sgxcore_regs *regs, u32 exitinfo)
{
	gpr->ax = regs->ax;
	gpr->cx = regs->cx;
	gpr->dx = regs->dx;
	gpr->bx = regs->bx;
	gpr->sp = regs->sp;
	gpr->bp = regs->bp;
	gpr->si = regs->si;
	gpr->di = regs->di;
	gpr->r8 = regs->r8;
	gpr->r9 = regs->r9;
	gpr->r10 = regs->r10;
	gpr->r11 = regs->r11;
	gpr->r12 = regs->r12;
	gpr->r13 = regs->r13;
	gpr->r14 = regs->r14;
	gpr->r15 = regs->r15;
	gpr->rflags = regs->flags & ~SGX_RFLAGS_TF;
	gpr->rip = regs->ip;
	gpr->exitinfo = exitinfo;
	gpr->fsbase = regs->fsbase;
	gpr->gsbase = regs->gsbase;
}

static void save_exinfo(u8 *gpr_page, const struct sgxcore_event *ev)
{
	struct sgx_exinfo *exinfo = (struct sgx_exinfo *)(gpr_page + SGX_EXINFO_OFFSET);

	exinfo->maddr = ev->vector == SGXCORE_TRAP_PF ? ev->addr : 0;
	exinfo->errcd = ev->error_code;
	exinfo->reserved = 0;
}

/*
 * What XSAVE64 with RFBM = XFRM would leave. A component that is not in XSTATE_BV
 * has its initial value, which is zero for all but the legacy ones.
 */
static void save_xsave(const struct sgxcore_lp *lp, const u8 *xsave)
{
	const struct sgxcore_model *model = lp->cpu->model;
	u8 header[SGX_XSAVE_HEADER_CHECKED] = { 0 };
	u64 xstate_bv;
	unsigned int x;

	memcpy(&xstate_bv, xsave + SGX_XSAVE_HEADER, sizeof(xstate_bv));
	xstate_bv &= lp->xfrm;
	memcpy(header, &xstate_bv, sizeof(xstate_bv));
	sgxcore_frame_write(&lp->frame, 0, xsave, SGX_XSAVE_LEGACY_SAVED);
	sgxcore_frame_write(&lp->frame, SGX_XSAVE_HEADER, header, sizeof(header));
	for (x = 2; x < 63; x++) {
		u32 off = model->xstate_offset[x];

		if (!(lp->xfrm >> x & 1))
			continue;
		sgxcore_frame_write(&lp->frame, off, xstate_bv >> x & 1 ? xsave + off : NULL,
				    model->xstate_size[x]);
	}
}

static void save_frame(struct sgxcore_lp *lp, const struct sgxcore_event *ev,
		       const struct sgxcore_regs *regs, const u8 *xsave)
{
	u32 info = exit_info(ev, lp->miscselect & SGX_MISC_EXINFO);
	u8 *gpr_page = lp->frame.gpr.page->mem;
	struct sgx_gprsgx *gpr = (struct sgx_gprsgx *)(gpr_page + SGX_GPRSGX_OFFSET);

	save_xsave(lp, xsave);
	save_gprs(gpr, regs, info);
	if (info && (ev->vector == SGXCORE_TRAP_GP || ev->vector == SGXCORE_TRAP_PF))
		save_exinfo(gpr_page, ev);
	lp->ursp = gpr->ursp;
	lp->urbp = gpr->urbp;
}

static void regs_synthetic(struct sgxcore_lp *lp, struct sgxcore_regs *regs)
{
	u64 flags = regs->flags & ~AEX_FLAGS_CLEARED;

	memset(regs, 0, sizeof(*regs));
	regs->ax = SGX_ERESUME;
	regs->bx = lp->tcs_la;
	regs->cx = lp->aep;
	regs->ip = lp->aep;
	regs->sp = lp->ursp;
	regs->bp = lp->urbp;
	regs->flags = flags;
	regs_outside(lp, regs);
}

/**
 * sgxcore_aex() - leave the enclave asynchronously
 * @lp: the logical processor, inside
 * @ev: what caused it
 * @regs: in: registers at the event; out: synthetic ones
 * @xsave: extended state at the event
 * @synthetic: extended state to load, 576 bytes
 *
 * A page of the frame that somebody keeps locked counts as gone, after a bounded
 * number of attempts: an exit has no way to say "conflict".
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: false if the frame could not be written; the TCS stays busy then,
 * because there is nothing to resume.
 */
bool sgxcore_aex(struct sgxcore_lp *lp, const struct sgxcore_event *ev,
		 struct sgxcore_regs *regs, const u8 *xsave, u8 *synthetic)
{
	bool saved = false;

	if (sgxcore_warn(!lp->inside))
		return false;
	if (lp->secs) {
		saved = pages_locked(lp, true);
		if (saved) {
			save_frame(lp, ev, regs, xsave);
			pages_release(lp, true);
		}
		secs_leave(lp);
	}
	sgxcore_xsave_synthetic(synthetic, ev->exception ? ev->vector : -1);
	regs_synthetic(lp, regs);
	return saved;
}

/**
 * sgxcore_lp_abandon() - take the enclave away from under a logical processor
 * @lp: the logical processor; nothing happens if it is outside
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 */
void sgxcore_lp_abandon(struct sgxcore_lp *lp)
{
	if (!lp->secs)
		return;
	if (pages_locked(lp, false))
		pages_release(lp, false);
	secs_leave(lp);
}
