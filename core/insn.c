// SPDX-License-Identifier: GPL-2.0
/*
 * Lengths and memory operands of instructions in 64-bit mode. What is not an instruction there, or is
 * of different length on Intel's and AMD's processors, has none.
 */
#include "text.h"

/*
 * What follows an opcode byte, a character each:
 *  . nothing		  - no such instruction
 *  m ModRM		  c ModRM that always means registers
 *  b imm8  w imm16  z imm of operand size, 32 bits at most
 *  B, Z: ModRM and that  q imm of operand size, 64 bits too
 *  o address		  e imm16 and imm8 (ENTER)
 *  r rel32		  t ModRM, and imm8 for TEST  T the same with z
 *  P legacy prefix	  R REX prefix
 *  2 escape 0F		  5 VEX, two bytes  4 VEX, three bytes  6 EVEX
 */
static const char one_byte[] =
	/* 0123456789abcdef */
	"mmmmbz--mmmmbz-2"	/* 00 */
	"mmmmbz--mmmmbz--"	/* 10 */
	"mmmmbzP-mmmmbzP-"	/* 20 */
	"mmmmbzP-mmmmbzP-"	/* 30 */
	"RRRRRRRRRRRRRRRR"	/* 40 */
	"................"	/* 50 */
	"--6mPPPPzZbB...."	/* 60 */
	"bbbbbbbbbbbbbbbb"	/* 70 */
	"BZ-Bmmmmmmmmmmmm"	/* 80 */
	"..........-....."	/* 90 */
	"oooo....bz......"	/* a0 */
	"bbbbbbbbqqqqqqqq"	/* b0 */
	"BBw.45BZe.w..b-."	/* c0 */
	"mmmm---.mmmmmmmm"	/* d0 */
	"bbbbbbbbrr-b...."	/* e0 */
	"P.PP..tT......mm";	/* f0 */

static const char two_bytes[] =
	/* 0123456789abcdef */
	"mmmm-.....-.-m.B"	/* 00 */
	"mmmmmmmmmmmmmmmm"	/* 10 */
	"cccc----mmmmmmmm"	/* 20 */
	"......-.--------"	/* 30: 38 and 3a are escapes */
	"mmmmmmmmmmmmmmmm"	/* 40 */
	"mmmmmmmmmmmmmmmm"	/* 50 */
	"mmmmmmmmmmmmmmmm"	/* 60 */
	"BBBBmmm.mm--mmmm"	/* 70 */
	"rrrrrrrrrrrrrrrr"	/* 80 */
	"mmmmmmmmmmmmmmmm"	/* 90 */
	"...mBm--...mBmmm"	/* a0 */
	"mmmmmmmmmmBmmmmm"	/* b0 */
	"mmBmBBBm........"	/* c0 */
	"mmmmmmmmmmmmmmmm"	/* d0 */
	"mmmmmmmmmmmmmmmm"	/* e0 */
	"mmmmmmmmmmmmmmmm";	/* f0 */

/**
 * struct decoder - an instruction on its way
 * @p: its first byte
 * @n: bytes there are, SGXCORE_INSN_MAX at most
 * @len: bytes used so far; more than @n if there are not enough
 * @rex: REX prefix, 0: none
 * @opsize: there is a prefix 66
 * @adsize: there is a prefix 67
 * @other: there is a prefix F0, F2 or F3
 * @segment: prefix 64 or 65, 0: none. The other segment prefixes are void
 * @second: the opcode behind 0F, if that is all of it; else 0
 * @modrm_at: index of ModRM, 0: none
 */
struct decoder {
	const u8 *p;
	size_t n;
	size_t len;
	u8 rex;
	bool opsize;
	bool adsize;
	bool other;
	u8 segment;
	u8 second;
	size_t modrm_at;
};

#define REX_B	0x01
#define REX_X	0x02
#define REX_W	0x08

/* Zero behind the end: what is wrong with the length shows in the end. */
static u8 next(struct decoder *i)
{
	u8 byte = i->len < i->n ? i->p[i->len] : 0;

	i->len++;
	return byte;
}

static void take_prefix(struct decoder *i, u8 byte)
{
	/* REX counts only directly in front of the opcode. */
	i->rex = 0;
	switch (byte) {
	case 0x64: case 0x65:
		i->segment = byte;
		break;
	case 0x66:
		i->opsize = true;
		break;
	case 0x67:
		i->adsize = true;
		break;
	case 0xf0: case 0xf2: case 0xf3:
		i->other = true;
		break;
	}
}

/* Returns the register field. */
static u8 take_modrm(struct decoder *i)
{
	u8 modrm = next(i);
	u8 mod = modrm >> 6, rm = modrm & 7;
	u8 base = rm;

	i->modrm_at = i->len - 1;
	if (mod == 3)
		return (modrm >> 3) & 7;
	if (rm == 4)
		base = next(i) & 7;
	if (mod == 1)
		i->len += 1;
	else if (mod == 2 || (!mod && base == 5))
		i->len += 4;
	return (modrm >> 3) & 7;
}

static size_t operand_size(const struct decoder *i)
{
	return i->opsize && !(i->rex & REX_W) ? 2 : 4;
}

/* Processors do not agree on a near branch with operand size prefix. */
static bool take_branch(struct decoder *i)
{
	i->len += 4;
	return !i->opsize || (i->rex & REX_W);
}

static bool take_operands(struct decoder *i, char kind)
{
	switch (kind) {
	case '.':
		return true;
	case 'm':
		take_modrm(i);
		return true;
	case 'c':
	case 'b':
		i->len += 1;
		return true;
	case 'w':
		i->len += 2;
		return true;
	case 'e':
		i->len += 3;
		return true;
	case 'z':
		i->len += operand_size(i);
		return true;
	case 'q':
		i->len += i->rex & REX_W ? 8 : operand_size(i);
		return true;
	case 'o':
		i->len += i->adsize ? 4 : 8;
		return true;
	case 'B':
		take_modrm(i);
		i->len += 1;
		return true;
	case 'Z':
		take_modrm(i);
		i->len += operand_size(i);
		return true;
	case 't':
		i->len += take_modrm(i) < 2;
		return true;
	case 'T':
		i->len += take_modrm(i) < 2 ? operand_size(i) : 0;
		return true;
	case 'r':
		return take_branch(i);
	default:
		return false;
	}
}

static bool take_two_bytes(struct decoder *i)
{
	u8 opcode = next(i);

	switch (opcode) {
	case 0x38:
		next(i);
		return take_operands(i, 'm');
	case 0x3a:
		next(i);
		return take_operands(i, 'B');
	case 0x78:
	case 0x79:
		/* VMREAD, VMWRITE; with a prefix AMD's EXTRQ and INSERTQ */
		return !i->opsize && !i->other && take_operands(i, 'm');
	default:
		i->second = opcode;
		return take_operands(i, two_bytes[opcode]);
	}
}

/* Opcode and operands after a VEX or EVEX prefix that names map @map */
static bool take_vector(struct decoder *i, u8 map, bool evex)
{
	u8 opcode = next(i);

	switch (map) {
	case 1:
		if (opcode == 0x77)
			return !evex;
		return take_operands(i, two_bytes[opcode] == 'B' ? 'B' : 'm');
	case 2:
		return take_operands(i, 'm');
	case 3:
		return take_operands(i, 'B');
	case 5:
	case 6:
		return evex && take_operands(i, 'm');
	default:
		return false;
	}
}

static bool take_evex(struct decoder *i)
{
	u8 p0 = next(i), p1 = next(i);

	next(i);
	if ((p0 & 0x08) || !(p1 & 0x04))
		return false;
	return take_vector(i, p0 & 7, true);
}

static bool take_vex3(struct decoder *i)
{
	u8 map = next(i) & 0x1f;

	next(i);
	return take_vector(i, map, false);
}

static bool take_vex(struct decoder *i, char kind)
{
	if (i->rex || i->opsize || i->other)
		return false;
	switch (kind) {
	case '4':
		return take_vex3(i);
	case '5':
		next(i);
		return take_vector(i, 1, false);
	default:
		return take_evex(i);
	}
}

/* POP, or the first byte of an AMD XOP prefix */
static bool is_xop(const struct decoder *i, u8 opcode)
{
	return opcode == 0x8f && i->len < i->n && (i->p[i->len] & 0x38);
}

static bool decode(struct decoder *i)
{
	u8 opcode;

	for (;;) {
		opcode = next(i);
		if (one_byte[opcode] == 'P')
			take_prefix(i, opcode);
		else if (one_byte[opcode] == 'R')
			i->rex = opcode;
		else
			break;
		if (i->len >= i->n)
			return false;
	}

	switch (one_byte[opcode]) {
	case '2':
		return take_two_bytes(i);
	case '4':
	case '5':
	case '6':
		return take_vex(i, one_byte[opcode]);
	default:
		return !is_xop(i, opcode) && take_operands(i, one_byte[opcode]);
	}
}

/**
 * sgxcore_insn_length() - how long is the instruction?
 * @p: where it begins
 * @n: bytes that may be looked at
 *
 * Return: its length; 0 if it is none, or not within @n bytes.
 */
size_t sgxcore_insn_length(const u8 *p, size_t n)
{
	struct decoder i = { .p = p, .n = n < SGXCORE_INSN_MAX ? n : SGXCORE_INSN_MAX };

	if (!i.n || !decode(&i) || i.len > i.n)
		return 0;
	return i.len;
}

/* Displacement of 8 or 32 bits, little-endian, with its sign */
static s64 displacement(const u8 *p, unsigned int size)
{
	if (!size)
		return 0;
	if (size == 1)
		return (s8)p[0];
	return (s32)(p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24);
}

/* SIB at @sib, behind a ModRM with this @mod. False: a displacement instead of the base */
static bool take_sib(const struct decoder *i, u8 sib, u8 mod, struct sgxcore_memop *m)
{
	u8 index = (sib >> 3 & 7) | (i->rex & REX_X ? 8 : 0);

	/* RSP is no index; R12 is one. */
	if (index != 4)
		m->index = index;
	m->scale = sib >> 6;
	m->base = (sib & 7) | (i->rex & REX_B ? 8 : 0);
	if (mod || (sib & 7) != 5)
		return true;
	m->base = SGXCORE_NO_REG;
	return false;
}

/* Where ModRM means memory: all of it is within the instruction. */
static void take_memory(const struct decoder *i, struct sgxcore_memop *m)
{
	const u8 *p = i->p + i->modrm_at;
	u8 mod = *p >> 6, rm = *p & 7;
	unsigned int size = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	p++;
	if (rm == 4) {
		if (!take_sib(i, *p++, mod, m))
			size = 4;
	} else if (!mod && rm == 5) {
		m->base = SGXCORE_RIP;
		size = 4;
	} else {
		m->base = rm | (i->rex & REX_B ? 8 : 0);
	}
	m->disp = displacement(p, size);
}

/**
 * sgxcore_insn_memop() - take an instruction with an operand in memory to pieces
 * @p: where the instruction begins
 * @n: bytes that may be looked at
 * @m: filled
 *
 * 64-bit mode; opcodes 0F xx without a prefix 66, F0, F2 or F3, which would make another
 * instruction of it, or none.
 *
 * Return: false if it is not of this kind, or not within @n bytes.
 *
 * Source: SDM volume 2, "INSTRUCTION FORMAT", ModR/M, SIB and REX.
 */
bool sgxcore_insn_memop(const u8 *p, size_t n, struct sgxcore_memop *m)
{
	struct decoder i = { .p = p, .n = n < SGXCORE_INSN_MAX ? n : SGXCORE_INSN_MAX };

	if (!i.n || !decode(&i) || i.len > i.n || !i.second || !i.modrm_at)
		return false;
	if (i.opsize || i.other || p[i.modrm_at] >= 0xc0)
		return false;
	*m = (struct sgxcore_memop){
		.length = i.len, .opcode = i.second, .reg = p[i.modrm_at] >> 3 & 7,
		.wide = i.rex & REX_W, .short_address = i.adsize, .segment = i.segment,
		.base = SGXCORE_NO_REG, .index = SGXCORE_NO_REG,
	};
	take_memory(&i, m);
	return true;
}

#define ONES	0x0101010101010101ULL
#define HIGHS	0x8080808080808080ULL

/* May @word have a byte A2? Rarely true if it has none, never false if it has. */
static bool may_have_a2(u64 word)
{
	word ^= ONES * 0xa2;
	return (word - ONES) & ~word & HIGHS;
}

/**
 * sgxcore_find_cpuid() - find the bytes 0F A2
 * @p: where to look
 * @n: how far
 *
 * Return: the first of the two bytes, NULL if they are not there.
 */
const u8 *sgxcore_find_cpuid(const u8 *p, size_t n)
{
	size_t i = 1;
	u64 word;

	while (i < n) {
		if (n - i >= sizeof(word)) {
			memcpy(&word, p + i, sizeof(word));
			if (!may_have_a2(word)) {
				i += sizeof(word);
				continue;
			}
		}
		if (p[i] == 0xa2 && p[i - 1] == 0x0f)
			return p + i - 1;
		i++;
	}
	return NULL;
}
