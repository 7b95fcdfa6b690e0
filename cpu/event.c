// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions and signals: what ends enclave mode, and how the program learns
 * of it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/trapnr.h>

#include "cpu.h"

#define INT3_OPCODE	0xcc
#define INT_N_LENGTH	2

static void aex(struct sgxcpu_lp *lp, struct pt_regs *regs, const struct sgxcore_event *ev)
{
	u64 xfrm = lp->core.xfrm, ip = regs->ip;
	struct sgxcore_regs r;
	bool there, saved;

	sgxcpu_mode_leave(lp);
	sgxcpu_regs_load(&r, regs);
	sgxcpu_xstate_save(lp->xsave, xfrm, true);

	sgxcpu_lp_lock_for_exit(lp, true);
	there = lp->core.secs;
	saved = sgxcore_aex(&lp->core, ev, &r, lp->xsave, lp->synthetic);
	spin_unlock(&lp->lock);
	/* The frame is not mapped any more, or the enclave is dead: its driver has said why. */
	if (there && !saved && !fatal_signal_pending(current))
		pr_warn_ratelimited("%s[%d]: enclave %llu: the state of a thread is lost: no SSA frame for TCS 0x%llx at 0x%llx\n",
				    current->comm, current->pid, lp->core.eid,
				    lp->core.tcs_la, ip);

	sgxcpu_xstate_load(lp->synthetic, xfrm, true);
	sgxcpu_regs_store(&r, regs);
	sgxcpu_count(SGXCPU_STAT_AEX);
}

static void arm_note(struct sgxcpu_lp *lp, u8 vector, u32 error_code, u64 match,
		     u64 addr)
{
	lp->note = (struct sgxcpu_note){
		.armed = true,
		.epcm = error_code & SGX_PFEC_SGX,
		.vector = vector,
		.error_code = error_code,
		.match = match,
		.addr = addr,
	};
}

/**
 * sgxcpu_raise() - deliver an exception that the kernel knows nothing of
 * @regs: of the current task; RIP is where the exception is reported
 * @vector: #UD, #SS, #GP or #PF
 * @error_code: of the exception
 * @addr: CR2 of a #PF
 *
 * Return: true: the trap has been dealt with.
 */
bool sgxcpu_raise(struct pt_regs *regs, int vector, u32 error_code, u64 addr)
{
	sgxcpu_count(SGXCPU_STAT_FAULT);
	if (sgxcpu_vdso_fixup(regs, vector, error_code, addr))
		return true;

	sgxcpu_signal_force(vector, error_code, vector == SGXCORE_TRAP_PF ? addr : regs->ip);
	return true;
}

/**
 * sgxcpu_exception() - an exception inside that the kernel does not know of
 * @lp: of the current task, in enclave mode
 * @regs: of the current task; RIP is at the instruction
 * @vector: #UD, #SS, #GP or #PF
 * @error_code: that comes with it
 * @addr: CR2 of a #PF
 *
 * For faults of ENCLU leaves and of instructions that are executed in software, and
 * for exceptions that enclave mode turns into others.
 *
 * Return: true: the trap has been dealt with.
 */
bool sgxcpu_exception(struct sgxcpu_lp *lp, struct pt_regs *regs, int vector,
		      u32 error_code, u64 addr)
{
	const struct sgxcore_event ev = {
		.exception = true, .vector = vector,
		.error_code = error_code, .addr = addr,
	};

	aex(lp, regs, &ev);
	return sgxcpu_raise(regs, vector, error_code,
			    vector == SGXCORE_TRAP_PF ? addr & PAGE_MASK : addr);
}

/* INT3 and INT 3 differ in length, and only the first is #BP for a debugger. */
static bool is_int3(const struct pt_regs *regs)
{
	u8 opcode;

	return !get_user(opcode, (const u8 __user *)(regs->ip - 1)) && opcode == INT3_OPCODE;
}

static bool breakpoint(struct sgxcpu_lp *lp, struct pt_regs *regs)
{
	const struct sgxcore_event ev = { .exception = true, .vector = SGXCORE_TRAP_BP };
	bool int3 = is_int3(regs);

	regs->ip -= int3 ? 1 : 2;
	if (!int3 || !lp->core.optin)
		return sgxcpu_exception(lp, regs, SGXCORE_TRAP_UD, 0, 0);

	aex(lp, regs, &ev);
	return false;
}

/* Did the driver's handler refuse this fault because of the EPCM? */
static u32 page_fault_code(struct sgxcpu_lp *lp, u32 error_code, u64 addr)
{
	bool epcm = lp->epcm_page == (addr & PAGE_MASK);

	lp->epcm_page = SGXCPU_NO_EPCM_FAULT;
	return epcm ? error_code | SGX_PFEC_P | SGX_PFEC_SGX : error_code;
}

/*
 * A fetch that a page table entry forbids does not get as far as the driver. It may be
 * that the enclave has extended the rights of the page since (EMODPE), or that the entry
 * forbids it on behalf of the EPCM. Returns true if it is worth another try.
 */
static bool fetch_again(struct sgxcpu_lp *lp, u32 error_code, u64 addr)
{
	const u32 fetch = SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_I;

	if ((error_code & fetch) != fetch || addr - lp->core.base >= lp->core.size)
		return false;
	switch (sgxcpu_walk_fetch(addr)) {
	case 0:
		return true;
	case -EPERM:
		lp->epcm_page = addr & PAGE_MASK;
		return false;
	default:
		return false;
	}
}

/*
 * Exceptions that an illegal instruction can raise on its own account are not what
 * enclave mode makes of it. INT 4 is the one that traps behind itself.
 */
static bool is_illegal(struct pt_regs *regs, int vector)
{
	switch (vector) {
	case X86_TRAP_OF:
		regs->ip -= INT_N_LENGTH;
		return true;
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
	case X86_TRAP_PF:
	case X86_TRAP_AC:
		return sgxcpu_mode_forbids_at(regs->ip);
	default:
		return false;
	}
}

/*
 * A CPU that has SGX, below a hypervisor that keeps it to itself, executes the leaf. To it
 * the operands are no EPC pages: #GP, or #PF with PFEC.SGX.
 */
static bool may_be_enclu(int vector, u32 error_code)
{
	switch (vector) {
	case SGXCORE_TRAP_UD:
	case SGXCORE_TRAP_GP:
		return true;
	case SGXCORE_TRAP_PF:
		return error_code & SGX_PFEC_SGX;
	default:
		return false;
	}
}

static bool trap_inside(struct sgxcpu_lp *lp, struct pt_regs *regs, int vector,
			u32 error_code, u64 addr)
{
	struct sgxcore_event ev = { .exception = true, .vector = vector };
	u64 match = regs->ip;
	int prefixes;

	if (vector == SGXCORE_TRAP_BP)
		return breakpoint(lp, regs);
	if (is_illegal(regs, vector)) {
		sgxcpu_count(SGXCPU_STAT_ILLEGAL);
		return sgxcpu_exception(lp, regs, SGXCORE_TRAP_UD, 0, 0);
	}
	if (may_be_enclu(vector, error_code)) {
		prefixes = sgxcpu_find_enclu(regs);
		if (prefixes >= 0)
			return sgxcpu_enclu_inside(lp, regs, prefixes);
	}
	if (sgxcpu_compact_trap(lp, regs, vector))
		return true;

	if (vector == SGXCORE_TRAP_PF) {
		if (fetch_again(lp, error_code, addr))
			return true;
		error_code = page_fault_code(lp, error_code, addr);
		match = addr;
	}
	ev.error_code = error_code;
	ev.addr = addr;
	aex(lp, regs, &ev);

	addr &= PAGE_MASK;
	if (sgxcpu_vdso_fixup(regs, vector, error_code, addr))
		return true;

	/* For these the kernel takes the address only now. */
	if (vector == SGXCORE_TRAP_MF || vector == SGXCORE_TRAP_XM)
		match = regs->ip;

	arm_note(lp, vector, error_code, match,
		 vector == SGXCORE_TRAP_PF ? addr : regs->ip);
	return false;
}

/**
 * sgxcpu_trap() - a user-mode exception that is about to become a signal
 * @regs: of the current task
 * @vector: of the exception
 * @error_code: that comes with it
 * @addr: CR2 of a #PF
 *
 * Context: exception handler of the task, interrupts on, may sleep.
 * Return: true if there is to be no signal (from the kernel).
 */
bool sgxcpu_trap(struct pt_regs *regs, int vector, u32 error_code, u64 addr)
{
	struct sgxcpu_lp *lp = sgxcpu_lp_find();
	int prefixes;

	if (lp && lp->core.inside)
		return trap_inside(lp, regs, vector, error_code, addr);
	if (may_be_enclu(vector, error_code)) {
		prefixes = sgxcpu_find_enclu(regs);
		if (prefixes >= 0)
			return sgxcpu_enclu_outside(regs, prefixes);
	}
	if (vector == SGXCORE_TRAP_UD && sgxcpu_cpuid_trap(regs))
		return true;
	if (sgxcpu_compact_trap(NULL, regs, vector))
		return true;
	if (vector == SGXCORE_TRAP_PF)
		sgxcpu_isolate_report(regs, addr);
	return sgxcpu_vdso_fixup(regs, vector, error_code, addr);
}

/**
 * sgxcpu_signal() - signals of the current task are about to be delivered
 * @regs: of the current task
 *
 * An enclave is left before its task takes a signal. The return to user mode
 * goes on to deliver the signal once this is done.
 *
 * Context: return path to user mode, interrupts on, may sleep.
 */
void sgxcpu_signal(struct pt_regs *regs)
{
	struct sgxcpu_lp *lp = sgxcpu_lp_find();
	struct sgxcore_event ev = { };
	u64 ip;

	if (!lp)
		return;
	if (lp->core.inside) {
		ip = regs->ip;
		if (sgxcpu_signal_is_debug())
			ev = (struct sgxcore_event){ .exception = true,
						     .vector = SGXCORE_TRAP_DB };
		aex(lp, regs, &ev);
		if (ev.exception)
			arm_note(lp, SGXCORE_TRAP_DB, 0, ip, regs->ip);
	}
	if (lp->note.armed)
		sgxcpu_signal_fixup(lp);
}
