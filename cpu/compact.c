// SPDX-License-Identifier: GPL-2.0
/*
 * XSAVEC, and XRSTOR of compacted images, on CPUs that have neither: every processor
 * with SGX has them. XSAVEC is #UD there, XRSTOR #GP for the sake of XCOMP_BV[63].
 *
 * Outside enclaves they are executed for all processes: CPUID says that they are there to
 * some of them, which may have given up the bit for that since, and a dynamic linker that
 * has been told once uses them until its process ends.
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/trapnr.h>

#include "../core/text.h"
#include "cpu.h"

/* 0F C7 /4, 0F AE /5 */
#define OPCODE_XSAVEC	0xc7
#define REG_XSAVEC	4
#define OPCODE_XRSTOR	0xae
#define REG_XRSTOR	5

#define OPERAND_ALIGN	64

/**
 * struct execution - one of the two instructions
 * @memory: its operand, for the core
 * @insn: what it is
 * @lp: LP of a task in enclave mode; NULL outside
 * @la: linear address of the operand
 * @xfrm: components that are enabled
 * @rfbm: those of them that are asked for
 * @image: large enough for @xfrm, in standard format
 */
struct execution {
	struct sgxcore_memory memory;
	struct sgxcore_memop insn;
	struct sgxcpu_lp *lp;
	u64 la;
	u64 xfrm;
	u64 rfbm;
	u8 *image;
};

/* ------------------------------------------------------------------ the operand */

static struct sgxcore_outcome copy_inside(struct sgxcpu_lp *lp, u64 la, void *buf, size_t n,
					  enum sgxcore_access access)
{
	struct sgxcore_outcome out;
	struct sgxcore_xlat x;

	out = sgxcore_access_prepare(&lp->core, la, access, &x);
	if (out.kind != SGXCORE_OK)
		return out;
	spin_lock(&lp->lock);
	out = sgxcore_access_commit(&lp->core, &x, la, access, buf, n);
	spin_unlock(&lp->lock);
	return out;
}

/*
 * The page table entry of ordinary memory has refused. If it can be read, it is there; what
 * is in the kernel's half counts as being there, too.
 */
static struct sgxcore_outcome refused(u64 la, enum sgxcore_access access)
{
	u32 code = SGX_PFEC_U | (access == SGXCORE_WRITE ? SGX_PFEC_W : 0);
	u8 byte;

	if (la >= TASK_SIZE_MAX || !copy_from_user_nofault(&byte, (void __user *)la, 1))
		code |= SGX_PFEC_P;
	return sgxcore_pf(la, code);
}

static struct sgxcore_outcome copy_outside(u64 la, void *buf, size_t n,
					   enum sgxcore_access access)
{
	void __user *user = (void __user *)la;
	size_t left;

	if (access == SGXCORE_WRITE)
		left = copy_to_user(user, buf, n);
	else
		left = copy_from_user(buf, user, n);
	return left ? refused(la + n - left, access) : sgxcore_ok();
}

static bool is_in_enclave(const struct sgxcpu_lp *lp, u64 la)
{
	return lp && la - lp->core.base < lp->core.size;
}

/* A page at a time: its neighbour can be something else. */
static struct sgxcore_outcome copy(const struct execution *e, u64 la, void *buf, size_t n,
				   enum sgxcore_access access)
{
	struct sgxcore_outcome out = sgxcore_ok();
	size_t len;

	for (; n && out.kind == SGXCORE_OK; n -= len, la += len, buf += len) {
		len = min_t(size_t, n, PAGE_SIZE - offset_in_page(la));
		out = sgxcore_memop_check(&e->insn, sgxcpu_package.model, la);
		if (out.kind != SGXCORE_OK)
			break;
		if (is_in_enclave(e->lp, la))
			out = copy_inside(e->lp, la, buf, len, access);
		else
			out = copy_outside(la, buf, len, access);
	}
	return out;
}

static struct sgxcore_outcome read(const struct sgxcore_memory *m, u32 offset, void *buf, u32 n)
{
	const struct execution *e = container_of(m, struct execution, memory);

	return copy(e, e->la + offset, buf, n, SGXCORE_READ);
}

static struct sgxcore_outcome write(const struct sgxcore_memory *m, u32 offset, const void *buf,
				    u32 n)
{
	const struct execution *e = container_of(m, struct execution, memory);

	return copy(e, e->la + offset, (void *)buf, n, SGXCORE_WRITE);
}

/* -------------------------------------------------------------- the instructions */

static struct sgxcore_outcome xsavec(struct execution *e)
{
	sgxcpu_xstate_save(e->image, e->rfbm, e->insn.wide);
	return sgxcore_xsavec(sgxcpu_package.model, e->rfbm, e->image, &e->memory);
}

static struct sgxcore_outcome xrstor(struct execution *e, bool *compacted)
{
	struct sgxcore_outcome out;

	out = sgxcore_xrstor(sgxcpu_package.model, e->xfrm, e->rfbm, e->image, &e->memory,
			     compacted);
	if (out.kind == SGXCORE_OK && *compacted)
		sgxcpu_xstate_load(e->image, e->rfbm, e->insn.wide);
	return out;
}

/* An address that is not aligned is #GP whatever the format: the CPU's own, of XRSTOR. */
static struct sgxcore_outcome execute(struct execution *e, bool *ours)
{
	struct sgxcore_outcome out;

	*ours = e->insn.opcode == OPCODE_XSAVEC;
	out = sgxcore_memop_check(&e->insn, sgxcpu_package.model, e->la);
	if (out.kind == SGXCORE_OK && e->la % OPERAND_ALIGN)
		out = sgxcore_gp();
	if (out.kind != SGXCORE_OK)
		return out;
	return *ours ? xsavec(e) : xrstor(e, ours);
}

static bool is_one(const struct sgxcore_memop *insn, int vector)
{
	if (vector == X86_TRAP_UD)
		return insn->opcode == OPCODE_XSAVEC && insn->reg == REG_XSAVEC;
	return insn->opcode == OPCODE_XRSTOR && insn->reg == REG_XRSTOR;
}

static bool find(struct execution *e, const struct pt_regs *regs, int vector)
{
	u8 bytes[SGXCORE_INSN_MAX];
	size_t n;

	/* A page boundary may follow the instruction: a short copy is no failure. */
	n = sizeof(bytes) - copy_from_user(bytes, (const void __user *)regs->ip, sizeof(bytes));
	return sgxcore_insn_memop(bytes, n, &e->insn) && is_one(&e->insn, vector);
}

static bool prepare(struct execution *e, const struct pt_regs *regs)
{
	const struct sgxcore_model *model = sgxcpu_package.model;
	struct sgxcore_regs r;

	sgxcpu_regs_load(&r, regs);
	e->la = sgxcore_memop_address(&e->insn, &r);
	e->xfrm = e->lp ? e->lp->core.xfrm : model->xcr0;
	e->rfbm = e->xfrm & ((u64)(u32)regs->dx << 32 | (u32)regs->ax);
	if (e->lp)
		e->image = e->lp->xsave;
	else
		e->image = kzalloc(sgxcore_xsave_size(model, e->xfrm), GFP_KERNEL);
	return e->image;
}

static void done(struct execution *e, struct pt_regs *regs)
{
	regs->ip += e->insn.length;
	regs->flags &= ~X86_EFLAGS_RF;
	sgxcpu_count(SGXCPU_STAT_COMPACT);
	/* Inside TF waits for one more instruction, as behind an ENCLU there. */
	if (e->lp)
		sgxcpu_step_check(e->lp, regs);
	else
		sgxcpu_signal_step(regs);
}

static bool finish(struct execution *e, struct pt_regs *regs, const struct sgxcore_outcome *out)
{
	switch (out->kind) {
	case SGXCORE_OK:
		done(e, regs);
		return true;
	case SGXCORE_FAULT:
		if (!e->lp)
			return sgxcpu_raise(regs, out->code, out->error_code, out->addr);
		return sgxcpu_exception(e->lp, regs, out->code, out->error_code, out->addr);
	default:
		/* The instruction executes again, after whatever is in its way. */
		return true;
	}
}

static bool may_be_one(struct pt_regs *regs, int vector)
{
	return !boot_cpu_has(X86_FEATURE_XSAVEC) && user_64bit_mode(regs) &&
	       (vector == X86_TRAP_UD || vector == X86_TRAP_GP);
}

/**
 * sgxcpu_compact_trap() - was it XSAVEC, or XRSTOR of a compacted image?
 * @lp: LP of the current task in enclave mode, NULL outside
 * @regs: of the current task
 * @vector: of the exception
 *
 * Context: exception handler of the task, may sleep.
 * Return: true: it was, and has been executed, or has raised another exception. Without
 * memory, outside, it will be tried again.
 */
bool sgxcpu_compact_trap(struct sgxcpu_lp *lp, struct pt_regs *regs, int vector)
{
	struct execution e = { .memory = { .read = read, .write = write }, .lp = lp };
	struct sgxcore_outcome out;
	bool ours;

	if (!may_be_one(regs, vector) || !find(&e, regs, vector))
		return false;
	if (!prepare(&e, regs))
		return true;
	out = execute(&e, &ours);
	if (!lp)
		kfree(e.image);
	if (!ours && out.kind == SGXCORE_OK)
		return false;
	return finish(&e, regs, &out);
}
