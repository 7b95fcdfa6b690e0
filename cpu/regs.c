// SPDX-License-Identifier: GPL-2.0
/*
 * Integer registers: struct pt_regs, and FS and GS, which live in the CPU while
 * their task runs.
 */
#include <linux/ptrace.h>
#include <asm/segment.h>
#include <asm/fsgsbase.h>
#include <asm/msr.h>

#include "cpu.h"

/* In the kernel the user's GS base is the inactive one. */
static u64 user_gsbase(void)
{
	u64 base;

	rdmsrl(MSR_KERNEL_GS_BASE, base);
	return base;
}

void sgxcpu_regs_load(struct sgxcore_regs *r, const struct pt_regs *regs)
{
	*r = (struct sgxcore_regs){
		.ax = regs->ax, .cx = regs->cx, .dx = regs->dx, .bx = regs->bx,
		.sp = regs->sp, .bp = regs->bp, .si = regs->si, .di = regs->di,
		.r8 = regs->r8, .r9 = regs->r9, .r10 = regs->r10, .r11 = regs->r11,
		.r12 = regs->r12, .r13 = regs->r13, .r14 = regs->r14, .r15 = regs->r15,
		.flags = regs->flags,
		.ip = regs->ip,
		.fsbase = rdfsbase(),
		.gsbase = user_gsbase(),
	};
}

/**
 * sgxcpu_regs_store() - give the current task other registers
 * @r: the registers
 * @regs: of the current task
 *
 * The core has checked that RIP and both bases are canonical, and has let only
 * user-changeable bits into RFLAGS.
 */
void sgxcpu_regs_store(const struct sgxcore_regs *r, struct pt_regs *regs)
{
	regs->ax = r->ax;
	regs->cx = r->cx;
	regs->dx = r->dx;
	regs->bx = r->bx;
	regs->sp = r->sp;
	regs->bp = r->bp;
	regs->si = r->si;
	regs->di = r->di;
	regs->r8 = r->r8;
	regs->r9 = r->r9;
	regs->r10 = r->r10;
	regs->r11 = r->r11;
	regs->r12 = r->r12;
	regs->r13 = r->r13;
	regs->r14 = r->r14;
	regs->r15 = r->r15;
	regs->flags = r->flags;
	regs->ip = r->ip;
	/* A far jump, or SYSENTER, may have left 64-bit mode. */
	if (!user_64bit_mode(regs)) {
		regs->cs = __USER_CS;
		regs->ss = __USER_DS;
	}
	/* Whatever system call this was, it must not be restarted at the new RIP. */
	regs->orig_ax = -1;

	wrfsbase(r->fsbase);
	wrmsrl(MSR_KERNEL_GS_BASE, r->gsbase);
}
