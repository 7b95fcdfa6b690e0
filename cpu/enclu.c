// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU: recognising it in front of a #UD, and its leaves.
 */
#include <linux/ptrace.h>
#include <linux/uaccess.h>

#include "leaf.h"

#define MAX_INSN	15

/* Prefixes that ENCLU ignores. The others make it an invalid opcode. */
static bool is_ignored_prefix(u8 byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:	/* segment */
	case 0x67:								/* address size */
	case 0x40 ... 0x4f:							/* REX */
		return true;
	default:
		return false;
	}
}

static bool is_enclu_at(const u8 *b, size_t n)
{
	return n >= 3 && b[0] == 0x0f && b[1] == 0x01 && b[2] == 0xd7;
}

/**
 * sgxcpu_find_enclu() - did ENCLU raise this exception?
 * @regs: of the current task
 *
 * Context: process context of the task, may sleep.
 * Return: the number of (ignored) prefixes in front of it, -1 if it did not.
 */
int sgxcpu_find_enclu(struct pt_regs *regs)
{
	u8 insn[MAX_INSN];
	size_t n, i = 0;

	if (!user_64bit_mode(regs))
		return -1;

	/* A page boundary may follow the instruction: a short copy is no failure. */
	n = MAX_INSN - copy_from_user(insn, (const void __user *)regs->ip, MAX_INSN);
	while (i < n && is_ignored_prefix(insn[i]))
		i++;
	return is_enclu_at(insn + i, n - i) ? i : -1;
}

static const char *leaf_name(u32 leaf)
{
	static const char * const names[] = {
		"EREPORT", "EGETKEY", "EENTER", "ERESUME", "EEXIT", "EACCEPT", "EMODPE",
		"EACCEPTCOPY", "EVERIFYREPORT2", "EDECCSSA",
	};

	return leaf < ARRAY_SIZE(names) ? names[leaf] : "unknown leaf";
}

/* Hardware has nothing but the exception. */
static void explain(u32 leaf, u64 eid, const struct pt_regs *regs,
		    const struct sgxcore_outcome *out)
{
	sgxcpu_explain_enclu(leaf_name(leaf), eid, regs->ip, out);
}

static void count_entry(u32 leaf)
{
	if (leaf == SGX_EENTER)
		sgxcpu_count(SGXCPU_STAT_EENTER);
	else
		sgxcpu_count(SGXCPU_STAT_ERESUME);
}

static struct sgxcore_outcome enter_once(struct sgxcpu_lp *lp, u32 leaf, struct pt_regs *regs,
					 int prefixes, struct sgxcore_entry *entry)
{
	struct sgxcore_outcome out;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	out = sgxcore_entry_prepare(&lp->core, leaf, &r, entry);
	if (out.kind != SGXCORE_OK)
		return out;

	spin_lock(&lp->lock);
	out = sgxcore_entry_commit(&lp->core, entry, &r);
	if (out.kind == SGXCORE_OK)
		lp->noted = false;
	spin_unlock(&lp->lock);
	if (out.kind != SGXCORE_OK)
		return out;

	if (entry->restore)
		sgxcpu_xstate_load(entry->xsave, lp->core.xfrm, true);
	sgxcpu_regs_store(&r, regs);
	count_entry(leaf);
	sgxcpu_mode_enter(lp);
	sgxcpu_step_begin(lp, regs);
	return out;
}

/* EENTER and ERESUME, from outside. */
static struct sgxcore_outcome enter(struct sgxcpu_lp *lp, u32 leaf, struct pt_regs *regs,
				    int prefixes)
{
	struct sgxcore_entry entry = { .xsave = lp->xsave };
	struct sgxcore_outcome out = enter_once(lp, leaf, regs, prefixes, &entry);

	explain(leaf, entry.eid, regs, &out);
	return out;
}

/**
 * sgxcpu_enclu_outside() - execute the ENCLU of a task outside enclave mode
 * @regs: of the current task, RIP at the ENCLU or its prefixes
 * @prefixes: their number
 *
 * Context: #UD handler of the task, may sleep.
 * Return: true if the trap has been dealt with.
 */
bool sgxcpu_enclu_outside(struct pt_regs *regs, int prefixes)
{
	u32 leaf = (u32)regs->ax;
	struct sgxcore_outcome out;
	struct sgxcpu_lp *lp;

	if (leaf != SGX_EENTER && leaf != SGX_ERESUME) {
		out = sgxcore_gp_because("the leaf is not legal outside enclaves");
		explain(leaf, 0, regs, &out);
		return sgxcpu_raise(regs, SGXCORE_TRAP_GP, 0, 0);
	}

	lp = sgxcpu_lp_get();
	if (!lp) {
		/* No memory, not even to complain: try again, as after an OOM fault. */
		return true;
	}

	out = enter(lp, leaf, regs, prefixes);
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_AGAIN)
		return true;
	return sgxcpu_raise(regs, out.code, out.error_code, out.addr);
}

static struct sgxcore_outcome leave(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	struct sgxcore_outcome out;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	sgxcpu_lp_lock_for_exit(lp, false);
	out = sgxcore_eexit(&lp->core, &r);
	spin_unlock(&lp->lock);
	if (out.kind == SGXCORE_OK) {
		sgxcpu_mode_leave(lp);
		sgxcpu_regs_store(&r, regs);
		sgxcpu_count(SGXCPU_STAT_EEXIT);
		sgxcpu_signal_step(regs);
	}
	return out;
}

static struct sgxcore_outcome accept_once(struct sgxcpu_lp *lp, const struct sgxcore_accept *a,
					  struct sgxcore_regs *r)
{
	struct sgxcore_outcome out;

	spin_lock(&lp->lock);
	out = sgxcore_accept_commit(&lp->core, a, r);
	spin_unlock(&lp->lock);
	return out;
}

/*
 * Have those who are inside been interrupted since? Hardware would know by itself. Returns
 * false if nobody has: only one who has left by himself meanwhile can make a difference.
 */
static bool settle(const struct sgxcore_page *page)
{
	struct sgxcore_page *secs = READ_ONCE(page->secs);

	return secs && sgxcpu_track_settle(secs);
}

static bool is_not_tracked(const struct sgxcore_outcome *out)
{
	return out->kind == SGXCORE_STATUS && out->code == SGX_NOT_TRACKED;
}

/* EACCEPT, EACCEPTCOPY and EMODPE */
static struct sgxcore_outcome accept(struct sgxcpu_lp *lp, u32 leaf, struct pt_regs *regs,
				     int prefixes)
{
	struct sgxcore_outcome out;
	struct sgxcore_accept a;
	struct sgxcore_regs r;
	bool progress = true;

	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	out = sgxcore_accept_prepare(&lp->core, leaf, &r, &a);
	if (out.kind != SGXCORE_OK)
		return out;

	for (;;) {
		sgxcpu_regs_load(&r, regs);
		r.ip += prefixes;
		out = accept_once(lp, &a, &r);
		if (!is_not_tracked(&out) || !progress)
			break;
		progress = settle(a.page.page);
	}
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_STATUS) {
		sgxcpu_regs_store(&r, regs);
		sgxcpu_count(SGXCPU_STAT_ACCEPT);
	}
	return out;
}

static struct sgxcore_outcome decssa(struct sgxcpu_lp *lp, struct pt_regs *regs, int prefixes)
{
	struct sgxcore_outcome out;
	struct sgxcore_decssa d;
	struct sgxcore_regs r;

	out = sgxcore_decssa_prepare(&lp->core, &d);
	if (out.kind != SGXCORE_OK)
		return out;
	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	spin_lock(&lp->lock);
	out = sgxcore_decssa_commit(&lp->core, &d, &r);
	spin_unlock(&lp->lock);
	if (out.kind == SGXCORE_OK)
		sgxcpu_regs_store(&r, regs);
	return out;
}

static struct sgxcore_outcome report(struct sgxcpu_lp *lp, struct pt_regs *regs, int prefixes)
{
	struct sgxcore_report *op = &lp->op.report;
	struct sgxcore_outcome out;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	out = sgxcore_report_prepare(&lp->core, &r, op);
	if (out.kind != SGXCORE_OK)
		return out;

	spin_lock(&lp->lock);
	out = sgxcore_report_commit(&lp->core, op, &r);
	spin_unlock(&lp->lock);
	if (out.kind == SGXCORE_OK) {
		sgxcpu_regs_store(&r, regs);
		sgxcpu_count(SGXCPU_STAT_EREPORT);
	}
	return out;
}

static struct sgxcore_outcome getkey(struct sgxcpu_lp *lp, struct pt_regs *regs, int prefixes)
{
	struct sgxcore_getkey *op = &lp->op.getkey;
	struct sgxcore_outcome out;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	out = sgxcore_key_prepare(&lp->core, &r, op);
	if (out.kind != SGXCORE_OK)
		return out;

	spin_lock(&lp->lock);
	out = sgxcore_key_commit(&lp->core, op, &r);
	spin_unlock(&lp->lock);
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_STATUS) {
		sgxcpu_regs_store(&r, regs);
		sgxcpu_count(SGXCPU_STAT_EGETKEY);
	}
	return out;
}

/**
 * sgxcpu_enclu_inside() - execute the ENCLU of a task in enclave mode
 * @lp: of the current task
 * @regs: of the current task, RIP at the ENCLU or its prefixes
 * @prefixes: their number
 *
 * Context: #UD handler of the task, may sleep.
 * Return: true if the trap has been dealt with.
 */
bool sgxcpu_enclu_inside(struct sgxcpu_lp *lp, struct pt_regs *regs, int prefixes)
{
	struct sgxcore_outcome out = sgxcore_gp_because("there is no such leaf inside enclaves");
	u32 leaf = (u32)regs->ax;

	switch (leaf) {
	case SGX_EEXIT:
		out = leave(lp, regs);
		break;
	case SGX_EREPORT:
		out = report(lp, regs, prefixes);
		break;
	case SGX_EGETKEY:
		out = getkey(lp, regs, prefixes);
		break;
	case SGX_EACCEPT:
	case SGX_EMODPE:
	case SGX_EACCEPTCOPY:
		out = accept(lp, leaf, regs, prefixes);
		break;
	case SGX_EDECCSSA:
		out = decssa(lp, regs, prefixes);
		break;
	}
	explain(leaf, lp->core.eid, regs, &out);
	if (out.kind == SGXCORE_FAULT)
		return sgxcpu_exception(lp, regs, out.code, out.error_code, out.addr);
	/* Inside TF waits for one more instruction. */
	sgxcpu_step_check(lp, regs);
	return true;
}
