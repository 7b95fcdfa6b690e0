// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU: recognising it in front of a #UD, and its leaves.
 */
#include <linux/ptrace.h>
#include <linux/uaccess.h>

#include "cpu.h"

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
 * sgxcpu_find_enclu() - did ENCLU raise this #UD?
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

static void count_entry(u32 leaf)
{
	if (leaf == SGX_EENTER)
		sgxcpu_count(SGXCPU_STAT_EENTER);
	else
		sgxcpu_count(SGXCPU_STAT_ERESUME);
}

/* EENTER and ERESUME, from outside. */
static struct sgxcore_outcome enter(struct sgxcpu_lp *lp, u32 leaf, struct pt_regs *regs,
				    int prefixes)
{
	struct sgxcore_entry entry = { .xsave = lp->xsave };
	struct sgxcore_outcome out;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	r.ip += prefixes;
	out = sgxcore_entry_prepare(&lp->core, leaf, &r, &entry);
	if (out.kind != SGXCORE_OK)
		return out;

	spin_lock(&lp->lock);
	out = sgxcore_entry_commit(&lp->core, &entry, &r);
	if (out.kind == SGXCORE_OK)
		lp->noted = false;
	spin_unlock(&lp->lock);
	if (out.kind != SGXCORE_OK)
		return out;

	if (entry.restore)
		sgxcpu_xstate_load(entry.xsave, lp->core.xfrm);
	sgxcpu_regs_store(&r, regs);
	count_entry(leaf);
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

	if (leaf != SGX_EENTER && leaf != SGX_ERESUME)
		return sgxcpu_raise(regs, SGXCORE_TRAP_GP, 0, 0);

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
		sgxcpu_regs_store(&r, regs);
		sgxcpu_count(SGXCPU_STAT_EEXIT);
	}
	return out;
}

/**
 * sgxcpu_enclu_inside() - execute the ENCLU of a task in enclave mode
 * @lp: of the current task
 * @regs: of the current task, RIP at the ENCLU
 *
 * Context: #UD handler of the task, may sleep.
 * Return: true if the trap has been dealt with.
 */
bool sgxcpu_enclu_inside(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	struct sgxcore_outcome out = sgxcore_gp();

	if ((u32)regs->ax == SGX_EEXIT)
		out = leave(lp, regs);
	if (out.kind == SGXCORE_OK)
		return true;
	return sgxcpu_exception(lp, regs, out.code, out.error_code, out.addr);
}
