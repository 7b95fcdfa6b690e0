// SPDX-License-Identifier: GPL-2.0
/*
 * Signals for exceptions: what a program with its own handlers sees must be
 * what hardware would have shown it, although the kernel decided on the signal
 * before the enclave was left.
 */
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "cpu.h"

/* The signal for an exception that the current task has just been sent. */
static struct kernel_siginfo *find_pending(u64 addr)
{
	struct sigqueue *q;

	lockdep_assert_held(&current->sighand->siglock);

	list_for_each_entry(q, &current->pending.list, list) {
		if (q->info.si_code <= 0)
			continue;
		switch (q->info.si_signo) {
		case SIGSEGV:
		case SIGBUS:
		case SIGILL:
		case SIGFPE:
		case SIGTRAP:
			if ((u64)q->info.si_addr == addr)
				return &q->info;
		}
	}
	return NULL;
}

static void set_trap(u8 vector, u32 error_code, u64 addr)
{
	current->thread.trap_nr = vector;
	current->thread.error_code = error_code;
	if (vector == SGXCORE_TRAP_PF)
		current->thread.cr2 = addr;
}

/**
 * sgxcpu_signal_fixup() - apply the LP's note to the signal it is about
 * @lp: of the current task, with an armed note
 *
 * Context: process context of the task, before its signals are delivered.
 */
void sgxcpu_signal_fixup(struct sgxcpu_lp *lp)
{
	struct sgxcpu_note *note = &lp->note;
	struct kernel_siginfo *info;

	note->armed = false;
	spin_lock_irq(&current->sighand->siglock);
	info = find_pending(note->match);
	if (info) {
		info->si_addr = (void __user *)note->addr;
		if (note->epcm)
			info->si_code = SEGV_ACCERR;
		/* What the synthetic state says, not the enclave's */
		if (note->vector == SGXCORE_TRAP_MF || note->vector == SGXCORE_TRAP_XM)
			info->si_code = FPE_FLTINV;
		set_trap(note->vector, note->error_code, note->addr);
	}
	spin_unlock_irq(&current->sighand->siglock);
}

static int signal_of(u8 vector)
{
	switch (vector) {
	case SGXCORE_TRAP_DB:
		return SIGTRAP;
	case SGXCORE_TRAP_UD:
		return SIGILL;
	case SGXCORE_TRAP_SS:
		return SIGBUS;
	default:
		return SIGSEGV;
	}
}

static void describe(struct kernel_siginfo *info, u8 vector, u32 error_code, u64 addr)
{
	if (vector == SGXCORE_TRAP_DB)
		info->si_code = TRAP_TRACE;
	else if (vector == SGXCORE_TRAP_UD)
		info->si_code = ILL_ILLOPN;
	else
		info->si_code = error_code & SGX_PFEC_P ? SEGV_ACCERR : SEGV_MAPERR;
	memset(&info->_sifields, 0, sizeof(info->_sifields));
	info->si_addr = (void __user *)addr;
}

/**
 * sgxcpu_signal_force() - send the signal for an exception that the processor raised
 * @vector: #DB, #UD, #SS, #GP or #PF
 * @error_code: of the exception
 * @addr: #DB, #UD: address of the instruction; #PF: the faulting address
 *
 * force_sig() knows no address, so it is filled in behind it: only the task
 * itself takes signals off its own queue.
 */
void sgxcpu_signal_force(u8 vector, u32 error_code, u64 addr)
{
	int sig = signal_of(vector);
	struct sigqueue *q;

	set_trap(vector, error_code, addr);
	force_sig(sig);
	if (vector == SGXCORE_TRAP_GP || vector == SGXCORE_TRAP_SS)
		return;

	spin_lock_irq(&current->sighand->siglock);
	list_for_each_entry(q, &current->pending.list, list) {
		if (q->info.si_signo == sig && q->info.si_code == SI_KERNEL) {
			describe(&q->info, vector, error_code, addr);
			break;
		}
	}
	spin_unlock_irq(&current->sighand->siglock);
}

/**
 * sgxcpu_signal_step() - the trap that comes behind an instruction in single-step mode
 * @regs: of the current task, outside enclave mode, behind an instruction that has been
 *	executed in software
 */
void sgxcpu_signal_step(const struct pt_regs *regs)
{
	if (!(regs->flags & X86_EFLAGS_TF) || test_thread_flag(TIF_BLOCKSTEP))
		return;
	current->thread.virtual_dr6 |= DR_STEP;
	sgxcpu_signal_force(SGXCORE_TRAP_DB, 0, regs->ip);
}

/* Is the reason for this trip through the signal code a #DB of the task's own? */
bool sgxcpu_signal_is_debug(void)
{
	bool debug = false;
	struct sigqueue *q;

	if (current->thread.trap_nr != X86_TRAP_DB)
		return false;

	spin_lock_irq(&current->sighand->siglock);
	list_for_each_entry(q, &current->pending.list, list)
		debug |= q->info.si_signo == SIGTRAP && q->info.si_code > 0;
	spin_unlock_irq(&current->sighand->siglock);
	return debug;
}
