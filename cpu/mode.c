// SPDX-License-Identifier: GPL-2.0
/*
 * Enclave mode: instructions that are #UD because of where they are. Those that
 * trap by themselves, if only as #GP, are recognised there (event.c). The others need
 * a switch that is on while the task is inside, and that the scheduler knows
 * how to move with it:
 *
 *  SYSCALL, INT 80H   syscall user dispatch. Its flag sends the task to
 *                     syscall_user_dispatch() before anything else of a system call;
 *                     that function is redirected for tasks inside.
 *  RDTSC, RDTSCP      CR4.TSD, with TIF_NOTSC; only in models where they are illegal.
 *  CPUID              CPUID faulting of the CPU, with TIF_NOCPUID, where there is any.
 *  SGDT and the like  UMIP, which is always on if there is any. The kernel's emulation
 *                     is kept from it.
 *
 * The rest (far transfers, loads of segment registers) traps under single step
 * only: step.c.
 */
#include <linux/ptrace.h>
#include <linux/syscall_user_dispatch.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

#include "../core/text.h"
#include "cpu.h"

#define SYSCALL_LENGTH	2		/* of INT n, too */

static void begin_dispatch(struct sgxcpu_lp *lp)
{
	/* The program may use it for itself. */
	if (test_syscall_work(SYSCALL_USER_DISPATCH))
		return;
	lp->mode.dispatch = true;
	set_syscall_work(SYSCALL_USER_DISPATCH);
}

static void end_dispatch(struct sgxcpu_lp *lp)
{
	if (lp->mode.dispatch)
		clear_task_syscall_work(lp->task, SYSCALL_USER_DISPATCH);
	lp->mode.dispatch = false;
}

static void begin_no_tsc(struct sgxcpu_lp *lp)
{
	if (lp->core.cpu->model->rdtsc)
		return;
	preempt_disable();
	if (!test_and_set_thread_flag(TIF_NOTSC)) {
		cr4_set_bits(X86_CR4_TSD);
		lp->mode.no_tsc = true;
	}
	preempt_enable();
}

static void end_no_tsc(struct sgxcpu_lp *lp)
{
	if (!lp->mode.no_tsc)
		return;
	preempt_disable();
	clear_thread_flag(TIF_NOTSC);
	cr4_clear_bits(X86_CR4_TSD);
	preempt_enable();
	lp->mode.no_tsc = false;
}

/* The kernel's copy of this register differs by that one bit, which it always sets or clears. */
static void write_cpuid_fault(bool on)
{
	u64 features;

	if (rdmsrl_safe(MSR_MISC_FEATURES_ENABLES, &features))
		return;
	features &= ~MSR_MISC_FEATURES_ENABLES_CPUID_FAULT;
	if (on)
		features |= MSR_MISC_FEATURES_ENABLES_CPUID_FAULT;
	wrmsrl_safe(MSR_MISC_FEATURES_ENABLES, features);
}

static void begin_no_cpuid(struct sgxcpu_lp *lp)
{
	if (!boot_cpu_has(X86_FEATURE_CPUID_FAULT))
		return;
	preempt_disable();
	if (!test_and_set_thread_flag(TIF_NOCPUID)) {
		write_cpuid_fault(true);
		lp->mode.no_cpuid = true;
	}
	preempt_enable();
}

static void end_no_cpuid(struct sgxcpu_lp *lp)
{
	if (!lp->mode.no_cpuid)
		return;
	preempt_disable();
	clear_thread_flag(TIF_NOCPUID);
	write_cpuid_fault(false);
	preempt_enable();
	lp->mode.no_cpuid = false;
}

/**
 * sgxcpu_mode_enter() - the current task has come into an enclave
 * @lp: its LP
 */
void sgxcpu_mode_enter(struct sgxcpu_lp *lp)
{
	begin_dispatch(lp);
	begin_no_tsc(lp);
	begin_no_cpuid(lp);
	sgxcpu_isolate_open(lp);
}

/**
 * sgxcpu_mode_leave() - the current task is outside, or about to be
 * @lp: its LP; nothing happens if that has been done
 */
void sgxcpu_mode_leave(struct sgxcpu_lp *lp)
{
	end_dispatch(lp);
	end_no_tsc(lp);
	end_no_cpuid(lp);
	sgxcpu_isolate_close(lp);
	lp->mode.step = false;
	lp->mode.pushf = false;
}

/*
 * What is left to a task that is inside when the processor goes away. The time stamp
 * and CPUID stay as they are: whoever clears these flags has to be the task. Its enclave
 * is gone, and so is it at its next instruction.
 */
static void stop(struct sgxcpu_lp *lp, void *unused)
{
	end_dispatch(lp);
}

/**
 * sgxcpu_mode_stop() - the processor is going away
 *
 * Context: no task can be sent here any more, but each still drops its LP at exit.
 */
void sgxcpu_mode_stop(void)
{
	sgxcpu_lp_for_each(stop, NULL);
}

/* Does syscall_user_dispatch() of the current task belong to sgxcpu_mode_syscall()? */
bool sgxcpu_mode_wants_syscall(void)
{
	const struct sgxcpu_lp *lp = sgxcpu_lp_find();

	return lp && (READ_ONCE(lp->core.inside) || lp->mode.dispatch);
}

/* The kernel must not emulate for an enclave what UMIP has stopped. */
bool sgxcpu_mode_wants_umip(void)
{
	const struct sgxcpu_lp *lp = sgxcpu_lp_find();

	return lp && READ_ONCE(lp->core.inside);
}

/*
 * Back to the instruction. What it has changed already is lost: RCX and R11 with
 * SYSCALL, the upper half of RAX with INT 80H. A SYSENTER, where 64-bit mode has it,
 * leaves nothing to go back to.
 */
static void rewind(struct pt_regs *regs)
{
	regs->ax = regs->orig_ax;
	if (sgxcpu_mode_forbids_at(regs->ip - SYSCALL_LENGTH))
		regs->ip -= SYSCALL_LENGTH;
}

/**
 * sgxcpu_mode_syscall() - in place of syscall_user_dispatch()
 * @regs: of the current task
 *
 * Context: start of a system call, interrupts on, may sleep.
 * Return: true: there is to be no system call.
 */
bool sgxcpu_mode_syscall(struct pt_regs *regs)
{
	struct sgxcpu_lp *lp = sgxcpu_lp_find();
	bool ours = lp->mode.dispatch;

	if (!lp->core.inside) {
		end_dispatch(lp);
		return false;
	}
	rewind(regs);
	sgxcpu_count(SGXCPU_STAT_ILLEGAL);
	sgxcpu_exception(lp, regs, SGXCORE_TRAP_UD, 0, 0);
	/*
	 * Tracers have not seen a system call begin, so they must not see it end. That takes
	 * the flag once more; the next system call clears it, see above.
	 */
	if (ours)
		begin_dispatch(lp);
	current->syscall_dispatch.on_dispatch = true;
	return true;
}

/**
 * sgxcpu_mode_forbids() - is this instruction #UD inside?
 * @insn: its bytes
 * @n: how many there are
 */
bool sgxcpu_mode_forbids(const u8 *insn, size_t n)
{
	switch (sgxcore_insn_class(insn, n)) {
	case SGXCORE_INSN_ILLEGAL:
		return true;
	case SGXCORE_INSN_TSC:
		return !sgxcpu_package.model->rdtsc;
	default:
		return false;
	}
}

/**
 * sgxcpu_mode_forbids_at() - is the instruction at @ip #UD inside?
 * @ip: user address
 *
 * Context: process context, may sleep.
 */
bool sgxcpu_mode_forbids_at(unsigned long ip)
{
	u8 insn[SGXCORE_INSN_MAX];

	return sgxcpu_mode_forbids(insn, sizeof(insn) -
				   copy_from_user(insn, (const void __user *)ip, sizeof(insn)));
}
