// SPDX-License-Identifier: GPL-2.0
/*
 * Enclave code under single step: each instruction is looked at before it is
 * executed. That takes some thousand cycles for each, and finds what nothing
 * else does: CPUID on CPUs that cannot make it trap, far transfers, loads of
 * segment registers, and execution outside ELRANGE. Module parameter step=1.
 *
 * The look is taken in the #DB handler, which may not sleep. If the bytes are not
 * there, or there is something to do, it is done on the way back to user mode.
 *
 * A debugger that has opted in needs RFLAGS.TF for itself; there is no stepping then.
 */
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>

#include "../core/text.h"
#include "cpu.h"

static bool step;
module_param(step, bool, 0644);
MODULE_PARM_DESC(step, "Look at each instruction in enclaves, slowly (N)");

enum verdict {
	FINE,
	FORBIDDEN,			/* #UD */
	OUTSIDE,			/* #GP: outside ELRANGE */
	UNKNOWN,			/* the bytes are not there */
};

static enum verdict judge(struct sgxcpu_lp *lp, const u8 *insn, size_t n)
{
	if (!n)
		return UNKNOWN;
	if (sgxcpu_mode_forbids(insn, n))
		return FORBIDDEN;
	lp->mode.pushf = sgxcore_insn_class(insn, n) == SGXCORE_INSN_PUSHF;
	return FINE;
}

static bool is_elsewhere(const struct sgxcpu_lp *lp, unsigned long ip)
{
	return ip - lp->core.base >= lp->core.size;
}

/* Up to the end of the page, if nothing is behind it */
static enum verdict judge_quickly(struct sgxcpu_lp *lp, unsigned long ip)
{
	u8 insn[SGXCORE_INSN_MAX];
	size_t n = sizeof(insn);

	if (is_elsewhere(lp, ip))
		return OUTSIDE;
	if (copy_from_user_nofault(insn, (const void __user *)ip, n)) {
		n = min_t(size_t, n, PAGE_SIZE - offset_in_page(ip));
		if (copy_from_user_nofault(insn, (const void __user *)ip, n))
			n = 0;
	}
	return judge(lp, insn, n);
}

static enum verdict judge_slowly(struct sgxcpu_lp *lp, unsigned long ip)
{
	u8 insn[SGXCORE_INSN_MAX];
	size_t n = sizeof(insn);

	if (is_elsewhere(lp, ip))
		return OUTSIDE;
	n -= copy_from_user(insn, (const void __user *)ip, n);
	return judge(lp, insn, n);
}

/**
 * sgxcpu_step_check() - look at the next instruction of a task inside
 * @lp: of the current task
 * @regs: of the current task
 *
 * Nothing happens unless it is being stepped. Where RIP cannot be read it will
 * fault by itself.
 *
 * Context: process context of the task, may sleep.
 */
void sgxcpu_step_check(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	if (!lp->core.inside || !lp->mode.step)
		return;
	switch (judge_slowly(lp, regs->ip)) {
	case FORBIDDEN:
		sgxcpu_count(SGXCPU_STAT_ILLEGAL);
		sgxcpu_exception(lp, regs, SGXCORE_TRAP_UD, 0, 0);
		break;
	case OUTSIDE:
		sgxcpu_exception(lp, regs, SGXCORE_TRAP_GP, 0, 0);
		break;
	default:
		break;
	}
}

/**
 * sgxcpu_step_begin() - the current task has come into an enclave
 * @lp: its LP
 * @regs: of the current task, as inside
 *
 * Context: process context of the task, may sleep.
 */
void sgxcpu_step_begin(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	if (!READ_ONCE(step) || lp->core.optin)
		return;
	lp->mode.step = true;
	regs->flags |= X86_EFLAGS_TF;
	sgxcpu_step_check(lp, regs);
}

/* TF is not to be seen on the stack. */
static void correct_flags(struct sgxcpu_lp *lp, const struct pt_regs *regs)
{
	u8 __user *second = (u8 __user *)regs->sp + 1;
	u8 byte;

	lp->mode.pushf = false;
	if (copy_from_user_nofault(&byte, second, sizeof(byte)))
		return;
	byte &= ~(X86_EFLAGS_TF >> 8);
	/* The page has just been written to. */
	copy_to_user_nofault(second, &byte, sizeof(byte));
}

/* Without memory the instruction is executed as it is. */
static void put_off(void)
{
	struct callback_head *work = kzalloc(sizeof(*work), GFP_ATOMIC | __GFP_NOWARN);

	if (work && !sgxcpu_hooks_put_off(work))
		kfree(work);
}

/**
 * sgxcpu_step_run() - take the look that could not be taken in the handler
 * @work: argument of the callback
 *
 * Context: the task on its way to user mode; or exiting.
 */
void sgxcpu_step_run(struct callback_head *work)
{
	struct sgxcpu_lp *lp = sgxcpu_lp_find();

	kfree(work);
	if (lp && !(current->flags & PF_EXITING))
		sgxcpu_step_check(lp, current_pt_regs());
}

static void stepped(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	sgxcpu_count(SGXCPU_STAT_STEP);
	if (lp->mode.pushf)
		correct_flags(lp, regs);
	/* POPF may have cleared it. */
	regs->flags |= X86_EFLAGS_TF;
	if (judge_quickly(lp, regs->ip) != FINE)
		put_off();
}

/* #DB, interrupts off */
static int on_die(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;
	unsigned long *dr6 = ERR_PTR(args->err);
	struct sgxcpu_lp *lp;

	if (event != DIE_DEBUG || !user_mode(args->regs))
		return NOTIFY_DONE;
	lp = sgxcpu_lp_find();
	if (!lp || !lp->core.inside || !lp->mode.step || !(*dr6 & DR_STEP))
		return NOTIFY_DONE;

	stepped(lp, args->regs);
	*dr6 &= ~DR_STEP;
	current->thread.virtual_dr6 &= ~DR_STEP;
	/* There may have been a breakpoint, too. */
	return *dr6 & DR_TRAP_BITS ? NOTIFY_DONE : NOTIFY_STOP;
}

static struct notifier_block die_notifier = { .notifier_call = on_die };

int sgxcpu_step_init(void)
{
	return register_die_notifier(&die_notifier);
}

/* Returns when no handler is running any more; work may still be on its way. */
void sgxcpu_step_exit(void)
{
	unregister_die_notifier(&die_notifier);
}
