// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU[EENTER], ENCLU[ERESUME], ENCLU[EEXIT].
 *
 * An entry has two halves. The first looks the pages up, which may sleep; the
 * second locks them and does the work. Both go through the same checks in the
 * manual's order, because the first stops at the first defect it sees and the second
 * may see another state. Between the halves
 * - a page can change its identity, or be blocked because it is about to: its
 *   generation tells, or BLOCKED does, and the instruction executes again;
 * - somebody else can use the TCS: CSSA tells, or STATE, and the entry ends as if it
 *   had come in that moment, with the #GP of a busy TCS.
 */
#include "internal.h"

#define NO_AEP			"RCX, the AEP, is not canonical"
#define NO_FRAME_TO_NOTIFY	"TCS.CSSA has reached NSSA, there is no SSA frame to notify with"

/* Flags that ERESUME takes from the frame */
#define RESUME_FLAGS		(SGX_RFLAGS_CF | SGX_RFLAGS_PF | SGX_RFLAGS_AF | SGX_RFLAGS_ZF | \
				 SGX_RFLAGS_SF | SGX_RFLAGS_DF | SGX_RFLAGS_OF | SGX_RFLAGS_NT | \
				 SGX_RFLAGS_AC | SGX_RFLAGS_ID | SGX_RFLAGS_RF)

/* Where execution goes on inside */
struct target {
	u64 ip;
	u64 fsbase;
	u64 gsbase;
};

static u64 *tcs_state(const struct sgxcore_page *tcs)
{
	return (u64 *)(tcs->mem + offsetof(struct sgx_tcs, state));
}

u32 *sgxcore_tcs_cssa(const struct sgxcore_page *tcs)
{
	return (u32 *)(tcs->mem + offsetof(struct sgx_tcs, ssa_index));
}

static struct sgxcore_outcome tcs_page_check(const struct sgxcore_page *page, u64 la)
{
	if (!page->valid || page->blocked || page->addr != la || page->type != SGX_PT_TCS ||
	    page->pending || page->modified)
		return sgxcore_pf(la, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX);
	return sgxcore_ok();
}

void sgxcore_view_fill(struct sgxcore_view *v, const struct sgxcore_page *tcs_page)
{
	const struct sgx_tcs *tcs = (const struct sgx_tcs *)tcs_page->mem;
	const struct sgx_secs *secs = sgxcore_secs_of(tcs_page->secs);

	v->secs = tcs_page->secs;
	/* EDBGWR may set FLAGS, other threads move CSSA. */
	v->flags = sgxcore_load((u64 *)(tcs_page->mem + offsetof(struct sgx_tcs, flags)));
	v->cssa = sgxcore_load(sgxcore_tcs_cssa(tcs_page));
	v->nssa = tcs->nr_ssa_frames;
	v->ssa_offset = tcs->ssa_offset;
	v->entry_offset = tcs->entry_offset;
	v->fs_offset = tcs->fs_offset;
	v->gs_offset = tcs->gs_offset;
	v->base = secs->base;
	v->size = secs->size;
	v->attributes = sgxcore_secs_attributes(tcs_page->secs);
	v->xfrm = secs->xfrm;
	v->ssa_frame_size = secs->ssa_frame_size;
	v->miscselect = secs->miscselect;
}

/* AEX-Notify is a matter of enclave and thread; a debugger may have them differ. */
static const char *flags_defect(const struct sgxcore_lp *lp, const struct sgxcore_view *v)
{
	u64 known = SGX_TCS_DBGOPTIN;

	if (lp->cpu->model->attr_mask & SGX_ATTR_AEXNOTIFY)
		known |= SGX_TCS_AEXNOTIFY;
	if (v->flags & ~known)
		return "TCS.FLAGS has a reserved bit";
	if (v->flags & SGX_TCS_DBGOPTIN)
		return NULL;
	return !(v->flags & SGX_TCS_AEXNOTIFY) == !(v->attributes & SGX_ATTR_AEXNOTIFY) ?
	       NULL : "TCS.FLAGS.AEXNOTIFY is not that of ATTRIBUTES";
}

/* All of these are #GP. */
static const char *tcs_defect(const struct sgxcore_lp *lp, const struct sgxcore_view *v,
			      bool resume)
{
	const u64 in_page = SGX_PAGE_SIZE - 1;

	if (v->ssa_offset & in_page)
		return "TCS.OSSA is not page aligned";
	if ((v->fs_offset | v->gs_offset) & in_page)
		return "TCS.OFSBASE or OGSBASE is not page aligned";
	if (!(v->attributes & SGX_ATTR_INIT))
		return "the enclave has not been initialized";
	if (!(v->attributes & SGX_ATTR_MODE64BIT))
		return "the enclave is not for 64-bit mode";
	if (v->xfrm & ~lp->xcr0)
		return "XFRM has a component that XCR0 lacks";
	if (resume && !v->cssa)
		return "TCS.CSSA is 0, there is nothing to resume";
	if (!resume && v->cssa >= v->nssa)
		return "TCS.CSSA has reached NSSA, there is no free SSA frame";
	return flags_defect(lp, v);
}

/* The checks up to the SSA frame, on a locked TCS page */
static struct sgxcore_outcome tcs_check(const struct sgxcore_lp *lp,
					struct sgxcore_entry *e, u64 la,
					struct sgxcore_view *v)
{
	struct sgxcore_outcome out;

	if (sgxcore_xlat_moved(&e->tcs))
		return sgxcore_again();
	out = tcs_page_check(e->tcs.page, la);
	if (out.kind != SGXCORE_OK)
		return sgxcore_xlat_fault(&e->tcs, out);
	sgxcore_view_fill(v, e->tcs.page);
	e->eid = sgxcore_secs_private(v->secs)->eid;
	return sgxcore_gp_because(tcs_defect(lp, v, e->resume));
}

/* The frame is locked. The byte is the enclave's, and the processor never clears it. */
static bool wants_notice(const struct sgxcore_view *v, const struct sgxcore_frame *f)
{
	return v->flags & SGX_TCS_AEXNOTIFY &&
	       sgxcore_load(&sgxcore_frame_gprsgx(f)->aexnotify) & SGX_AEXNOTIFY;
}

/* If ERESUME is to be an entry of its own, find the frame that it comes in with. */
static struct sgxcore_outcome notice_find(struct sgxcore_lp *lp, const struct sgxcore_view *v,
					  struct sgxcore_entry *e)
{
	struct sgxcore_outcome out;

	if (!e->resume || !(v->flags & SGX_TCS_AEXNOTIFY))
		return sgxcore_ok();
	out = sgxcore_frame_lock(&e->frame, v);
	if (out.kind != SGXCORE_OK)
		return out;
	e->notify = wants_notice(v, &e->frame);
	sgxcore_frame_unlock(&e->frame, sgxcore_frame_pages(&e->frame));
	if (!e->notify)
		return sgxcore_ok();
	if (v->cssa >= v->nssa)
		return sgxcore_gp_because(NO_FRAME_TO_NOTIFY);
	e->interrupted = e->frame;
	memset(&e->frame, 0, sizeof(e->frame));
	return sgxcore_frame_find(lp, v, v->cssa, &e->frame);
}

/**
 * sgxcore_entry_prepare() - first half of EENTER and ERESUME
 * @lp: the logical processor
 * @leaf: SGX_EENTER or SGX_ERESUME
 * @regs: registers; BX and CX matter
 * @e: filled; @e->xsave is left alone
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_entry_prepare(struct sgxcore_lp *lp, u32 leaf,
					     const struct sgxcore_regs *regs,
					     struct sgxcore_entry *e)
{
	struct sgxcore_outcome out;
	struct sgxcore_view v;

	e->resume = leaf == SGX_ERESUME;
	e->notify = false;
	e->restore = false;
	memset(&e->frame, 0, sizeof(e->frame));

	e->eid = 0;
	if (lp->inside)
		return sgxcore_gp_because("the leaf is not legal inside an enclave");
	if (regs->bx & (SGX_PAGE_SIZE - 1) || !sgxcore_canonical(lp->cpu->model, regs->bx))
		return sgxcore_gp_because("RBX is not the address of a page");
	out = lp->ops->translate(lp, regs->bx, SGXCORE_READ, &e->tcs);
	if (out.kind != SGXCORE_OK)
		return out;
	if (!e->tcs.page)
		return sgxcore_pf(regs->bx, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX);
	if (!sgxcore_canonical(lp->cpu->model, regs->cx))
		return sgxcore_gp_because(NO_AEP);
	if (!sgxcore_lock_shared(e->tcs.page))
		return sgxcore_again();
	out = tcs_check(lp, e, regs->bx, &v);
	sgxcore_unlock_shared(e->tcs.page);
	if (out.kind != SGXCORE_OK)
		return out;

	e->cssa = v.cssa;
	out = sgxcore_frame_find(lp, &v, e->resume ? v.cssa - 1 : v.cssa, &e->frame);
	if (out.kind == SGXCORE_OK)
		out = notice_find(lp, &v, e);
	/* While it slept all pages and the SECS can have gone, and come back to other places. */
	if (out.kind == SGXCORE_FAULT)
		out = sgxcore_xlat_fault(&e->tcs, out);
	return out;
}

static bool target_canonical(const struct sgxcore_lp *lp, const struct target *t)
{
	const struct sgxcore_model *model = lp->cpu->model;

	return sgxcore_canonical(model, t->ip) && sgxcore_canonical(model, t->fsbase) &&
	       sgxcore_canonical(model, t->gsbase);
}

/* Copy the frame; the copy is good if this returns true. */
static bool frame_load(const struct sgxcore_lp *lp, struct sgxcore_entry *e,
		       const struct sgxcore_view *v, struct sgx_gprsgx *gpr)
{
	const struct sgxcore_model *model = lp->cpu->model;
	const u32 header = SGX_XSAVE_HEADER + SGX_XSAVE_HEADER_CHECKED;

	sgxcore_copy_once(gpr, sgxcore_frame_gprsgx(&e->frame), sizeof(*gpr));
	sgxcore_frame_read(&e->frame, 0, e->xsave, sgxcore_xsave_size(model, v->xfrm));
	if (!sgxcore_xsave_valid(model, v->xfrm, e->xsave))
		return false;
	/* Some processors look at the rest of the header as well. */
	memset(e->xsave + header, 0, SGX_XSAVE_EXTENDED - header);
	return true;
}

static void lp_enter(struct sgxcore_lp *lp, const struct sgxcore_entry *e,
		     const struct sgxcore_view *v, const struct sgxcore_regs *regs)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)e->tcs.page->mem;

	tcs->aep = regs->cx;
	lp->aep = regs->cx;
	lp->tcs_la = regs->bx;
	lp->fsbase = regs->fsbase;
	lp->gsbase = regs->gsbase;
	lp->tf = regs->flags & SGX_RFLAGS_TF;
	lp->optin = v->flags & SGX_TCS_DBGOPTIN;
	lp->tcs = e->tcs;
	lp->frame = e->frame;
	lp->base = v->base;
	lp->size = v->size;
	lp->xfrm = v->xfrm;
	lp->miscselect = v->miscselect;
	lp->secs = v->secs;
	lp->secs_gen = sgxcore_load(&v->secs->gen);
	lp->eid = sgxcore_secs_private(v->secs)->eid;
	lp->epoch = sgxcore_track_enter(v->secs);
	lp->pinned = false;
	lp->inside = true;
}

static void regs_load(struct sgxcore_regs *regs, const struct sgx_gprsgx *gpr)
{
	u64 taken = RESUME_FLAGS;

	regs->ax = gpr->ax;
	regs->cx = gpr->cx;
	regs->dx = gpr->dx;
	regs->bx = gpr->bx;
	regs->sp = gpr->sp;
	regs->bp = gpr->bp;
	regs->si = gpr->si;
	regs->di = gpr->di;
	regs->r8 = gpr->r8;
	regs->r9 = gpr->r9;
	regs->r10 = gpr->r10;
	regs->r11 = gpr->r11;
	regs->r12 = gpr->r12;
	regs->r13 = gpr->r13;
	regs->r14 = gpr->r14;
	regs->r15 = gpr->r15;
	if ((regs->flags & SGX_RFLAGS_IOPL) == SGX_RFLAGS_IOPL)
		taken |= SGX_RFLAGS_IF;
	regs->flags = (regs->flags & ~(taken | SGX_RFLAGS_VM)) | (gpr->rflags & taken);
}

static void regs_enter(const struct sgxcore_lp *lp, struct sgxcore_regs *regs,
		       const struct target *t)
{
	regs->ip = t->ip;
	regs->fsbase = t->fsbase;
	regs->gsbase = t->gsbase;
	if (!lp->optin)
		regs->flags &= ~SGX_RFLAGS_TF;
}

/*
 * The TCS is ours: EENTER from here on, or nothing. So does ERESUME that only notifies.
 * Returns why not, or NULL.
 */
static const char *eenter_locked(struct sgxcore_lp *lp, struct sgxcore_entry *e,
			  const struct sgxcore_view *v, struct sgxcore_regs *regs)
{
	struct sgx_gprsgx *gpr = sgxcore_frame_gprsgx(&e->frame);
	struct target t = {
		.ip = v->base + v->entry_offset,
		.fsbase = v->base + v->fs_offset,
		.gsbase = v->base + v->gs_offset,
	};

	if (!target_canonical(lp, &t))
		return "TCS.OENTRY, OFSBASE or OGSBASE gives an address that is not canonical";
	gpr->ursp = regs->sp;
	gpr->urbp = regs->bp;
	lp_enter(lp, e, v, regs);
	lp->ursp = regs->sp;
	lp->urbp = regs->bp;
	regs->ax = v->cssa;
	regs->cx = regs->ip + SGX_ENCLU_LENGTH;
	regs_enter(lp, regs, &t);
	return NULL;
}

/* The same for ERESUME. URSP and URBP in the frame stay those of the EENTER. */
static const char *eresume_locked(struct sgxcore_lp *lp, struct sgxcore_entry *e,
			   const struct sgxcore_view *v, struct sgxcore_regs *regs)
{
	struct sgx_gprsgx gpr;
	struct target t;

	if (!frame_load(lp, e, v, &gpr))
		return "the XSAVE area of the SSA frame cannot be restored";
	t.ip = gpr.rip;
	t.fsbase = gpr.fsbase;
	t.gsbase = gpr.gsbase;
	if (!target_canonical(lp, &t))
		return "RIP, FSBASE or GSBASE of the SSA frame is not canonical";
	lp_enter(lp, e, v, regs);
	lp->ursp = gpr.ursp;
	lp->urbp = gpr.urbp;
	regs_load(regs, &gpr);
	regs_enter(lp, regs, &t);
	sgxcore_store(sgxcore_tcs_cssa(e->tcs.page), v->cssa - 1);
	e->restore = true;
	return NULL;
}

/* TCS and frame are locked and checked; what is left can only be #GP. */
static struct sgxcore_outcome entry_locked(struct sgxcore_lp *lp, struct sgxcore_entry *e,
					   const struct sgxcore_view *v, struct sgxcore_regs *regs)
{
	const char *why = "another thread has been inside meanwhile";
	u64 *state = tcs_state(e->tcs.page);

	if (sgxcore_cmpxchg(state, 0, 1))
		return sgxcore_gp_because("the TCS is in use");
	/*
	 * CSSA and frame only hold still from here on: somebody may have been inside
	 * since they were read.
	 */
	if (sgxcore_load(sgxcore_tcs_cssa(e->tcs.page)) == e->cssa && v->cssa == e->cssa)
		why = e->resume && !e->notify ? eresume_locked(lp, e, v, regs) :
						eenter_locked(lp, e, v, regs);
	if (why)
		sgxcore_store(state, 0);
	return sgxcore_gp_because(why);
}

/* With the frame that the next exit will use, and a TCS that is locked */
static struct sgxcore_outcome enter_with_frame(struct sgxcore_lp *lp, struct sgxcore_entry *e,
					       const struct sgxcore_view *v,
					       struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out = sgxcore_frame_lock(&e->frame, v);

	if (out.kind != SGXCORE_OK)
		return out;
	/* Somebody inside may have changed the mind of the enclave. */
	if (e->resume && !e->notify && wants_notice(v, &e->frame))
		out = sgxcore_again();
	else
		out = entry_locked(lp, e, v, regs);
	sgxcore_frame_unlock(&e->frame, sgxcore_frame_pages(&e->frame));
	return out;
}

static struct sgxcore_outcome enter_to_notify(struct sgxcore_lp *lp, struct sgxcore_entry *e,
					      const struct sgxcore_view *v,
					      struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out = sgxcore_frame_lock(&e->interrupted, v);

	if (out.kind != SGXCORE_OK)
		return out;
	if (!wants_notice(v, &e->interrupted))
		out = sgxcore_again();
	else if (v->cssa >= v->nssa)
		out = sgxcore_gp_because(NO_FRAME_TO_NOTIFY);
	else
		out = enter_with_frame(lp, e, v, regs);
	sgxcore_frame_unlock(&e->interrupted, sgxcore_frame_pages(&e->interrupted));
	return out;
}

/**
 * sgxcore_entry_commit() - second half of EENTER and ERESUME
 * @lp: the logical processor
 * @e: as sgxcore_entry_prepare() filled it
 * @regs: in: as at the ENCLU; out: as inside
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, a fault, or SGXCORE_AGAIN; the last two with nothing changed but
 * the bytes of @e->xsave.
 */
struct sgxcore_outcome sgxcore_entry_commit(struct sgxcore_lp *lp,
					    struct sgxcore_entry *e,
					    struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;
	struct sgxcore_view v;

	if (lp->inside || !sgxcore_canonical(lp->cpu->model, regs->cx))
		return sgxcore_gp_because(NO_AEP);
	if (!sgxcore_lock_shared(e->tcs.page))
		return sgxcore_again();
	out = tcs_check(lp, e, regs->bx, &v);
	if (out.kind == SGXCORE_OK)
		out = e->notify ? enter_to_notify(lp, e, &v, regs) :
				  enter_with_frame(lp, e, &v, regs);
	sgxcore_unlock_shared(e->tcs.page);
	return out;
}
