// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that are #UD in enclave mode because that is where they are.
 */
#include "text.h"

/* What is known of an instruction's first bytes */
struct bytes {
	const u8 *p;
	size_t n;
};

static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:	/* segment */
	case 0x66: case 0x67:							/* size */
	case 0xf0: case 0xf2: case 0xf3:
	case 0x40 ... 0x4f:							/* REX */
		return true;
	default:
		return false;
	}
}

/* Zero is an ADD, and as ModRM it names none of the registers asked for below. */
static u8 take(struct bytes *b)
{
	if (!b->n)
		return 0;
	b->n--;
	return *b->p++;
}

static u8 reg_field(u8 modrm)
{
	return (modrm >> 3) & 7;
}

static bool is_memory(u8 modrm)
{
	return modrm < 0xc0;
}

/* 0F 01: descriptor tables, virtualization, RDTSCP */
static enum sgxcore_insn group_7(struct bytes *b)
{
	u8 modrm;

	if (!b->n)
		return SGXCORE_INSN_LEGAL;
	modrm = take(b);
	if (reg_field(modrm) == 4)				/* SMSW */
		return SGXCORE_INSN_ILLEGAL;
	if (is_memory(modrm) && reg_field(modrm) < 2)		/* SGDT, SIDT */
		return SGXCORE_INSN_ILLEGAL;
	switch (modrm) {
	case 0xc1:						/* VMCALL */
	case 0xd4:						/* VMFUNC */
	case 0xd9:						/* VMMCALL, AMD's */
		return SGXCORE_INSN_ILLEGAL;
	case 0xf9:						/* RDTSCP */
		return SGXCORE_INSN_TSC;
	default:
		return SGXCORE_INSN_LEGAL;
	}
}

static enum sgxcore_insn two_bytes(struct bytes *b)
{
	switch (take(b)) {
	case 0x00:						/* SLDT, STR */
		return b->n && reg_field(take(b)) < 2 ? SGXCORE_INSN_ILLEGAL : SGXCORE_INSN_LEGAL;
	case 0x01:
		return group_7(b);
	case 0x31:						/* RDTSC */
		return SGXCORE_INSN_TSC;
	case 0x05:						/* SYSCALL */
	case 0x33:						/* RDPMC */
	case 0x34:						/* SYSENTER */
	case 0x37:						/* GETSEC */
	case 0xa1: case 0xa9:					/* POP FS, POP GS */
	case 0xa2:						/* CPUID */
	case 0xb2: case 0xb4: case 0xb5:			/* LSS, LFS, LGS */
		return SGXCORE_INSN_ILLEGAL;
	default:
		return SGXCORE_INSN_LEGAL;
	}
}

static enum sgxcore_insn far_branch(struct bytes *b)
{
	u8 modrm = take(b);

	return is_memory(modrm) && (reg_field(modrm) == 3 || reg_field(modrm) == 5) ?
	       SGXCORE_INSN_ILLEGAL : SGXCORE_INSN_LEGAL;
}

/**
 * sgxcore_insn_class() - may an enclave execute this?
 * @p: where the instruction begins
 * @n: bytes that may be looked at
 *
 * 64-bit mode. Where there are too few bytes to tell, the instruction is legal: it
 * cannot be executed either.
 *
 * Source: SDM, "INTEL SGX INTERACTIONS WITH IA32 AND INTEL 64 ARCHITECTURE",
 * illegal instructions.
 */
enum sgxcore_insn sgxcore_insn_class(const u8 *p, size_t n)
{
	struct bytes b = { p, n < SGXCORE_INSN_MAX ? n : SGXCORE_INSN_MAX };

	while (b.n && is_prefix(*b.p))
		take(&b);
	switch (take(&b)) {
	case 0x0f:
		return two_bytes(&b);
	case 0x6c ... 0x6f:					/* INS, OUTS */
	case 0xe4 ... 0xe7: case 0xec ... 0xef:			/* IN, OUT */
	case 0x8e:						/* MOV to a segment register */
	case 0xca: case 0xcb:					/* far RET */
	case 0xcd:						/* INT n */
	case 0xcf:						/* IRET */
		return SGXCORE_INSN_ILLEGAL;
	case 0xff:
		return far_branch(&b);
	case 0x9c:
		return SGXCORE_INSN_PUSHF;
	default:
		return SGXCORE_INSN_LEGAL;
	}
}
