// SPDX-License-Identifier: GPL-2.0
/*
 * Linear addresses of memory operands, for instructions that are executed in software.
 */
#include "internal.h"
#include "text.h"

#define RSP	4
#define RBP	5

static_assert(offsetof(struct sgxcore_regs, r15) == 15 * sizeof(u64),
	      "registers are not in encoding order");

static u64 value(const struct sgxcore_memop *m, const struct sgxcore_regs *regs, u8 reg)
{
	u64 v;

	if (reg == SGXCORE_NO_REG)
		return 0;
	if (reg == SGXCORE_RIP)
		return regs->ip + m->length;
	memcpy(&v, (const u8 *)regs + reg * sizeof(v), sizeof(v));
	return v;
}

/**
 * sgxcore_memop_address() - where is the operand?
 * @m: the instruction
 * @regs: registers, RIP at the instruction
 *
 * Return: the linear address, of 64-bit mode.
 *
 * Source: SDM volume 1, "Specifying an Offset", and volume 3, segmentation in 64-bit
 * mode: only FS and GS have a base.
 */
u64 sgxcore_memop_address(const struct sgxcore_memop *m, const struct sgxcore_regs *regs)
{
	u64 ea = value(m, regs, m->base) + (value(m, regs, m->index) << m->scale) + m->disp;

	if (m->short_address)
		ea = (u32)ea;
	switch (m->segment) {
	case 0x64:
		return ea + regs->fsbase;
	case 0x65:
		return ea + regs->gsbase;
	default:
		return ea;
	}
}

/**
 * sgxcore_memop_check() - is an address of the operand one at all?
 * @m: the instruction
 * @model: the processor's model
 * @la: linear address
 *
 * Return: SGXCORE_OK, or the exception for a non-canonical address: #SS(0) if the stack
 * segment is meant, else #GP(0).
 */
struct sgxcore_outcome sgxcore_memop_check(const struct sgxcore_memop *m,
					   const struct sgxcore_model *model, u64 la)
{
	struct sgxcore_outcome out = sgxcore_gp();

	if (sgxcore_canonical(model, la))
		return sgxcore_ok();
	if (!m->segment && (m->base == RSP || m->base == RBP))
		out.code = SGXCORE_TRAP_SS;
	return out;
}
