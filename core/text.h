/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bytes of a program file are CPUID instructions? Two bytes 0F A2 may just
 * as well be part of an immediate, or data. They count as an instruction if the
 * file says where the function around them begins, and decoding instruction by
 * instruction from there arrives at them.
 *
 * Files are hostile: everything is read once into memory of our own, every number
 * is checked, and the work is limited by a budget.
 */
#ifndef _CORE_TEXT_H
#define _CORE_TEXT_H

#include "../include/arch/sgx_arch.h"
#include "shim.h"

#define SGXCORE_INSN_MAX	15
#define SGXCORE_TEXT_SEGMENTS	16
#define SGXCORE_TEXT_WINDOW	4096

/* A PT_LOAD: @size bytes of the file at @offset belong at @addr. */
struct sgxcore_segment {
	u64 offset;
	u64 addr;
	u64 size;
	bool exec;
};

/* Addresses of a function, or of what the file calls one */
struct sgxcore_function {
	u64 start;
	u64 end;
};

/* A table in the file: @n entries at @offset */
struct sgxcore_table {
	u64 offset;
	u64 n;
};

/**
 * struct sgxcore_text - an ELF file whose code is being looked at
 * @read: read up to @n bytes of the file; returns how many
 * @ctx: for @read
 * @budget: work that may still be done, about one unit per byte read; when it is
 *	used up, nothing counts as an instruction any more
 * @seg: what is loaded
 * @nr_segs: entries of @seg
 * @eh_frame_hdr: binary search table of the unwind information
 * @eh_frame: the unwind information itself, without entries to count: @n is its size
 * @eh_addr: address of the one that is there; its entries are relative to that
 * @symbols: .symtab and .dynsym
 * @func: where decoding is, empty at first
 * @at: address of the next instruction there; beyond @func if there is none
 * @asked: last address that was asked about; no instruction begins between this
 *	and @at
 * @window: part of the file
 * @window_offset: of @window in the file
 * @window_len: bytes in @window
 */
struct sgxcore_text {
	size_t (*read)(void *ctx, u64 offset, void *buf, size_t n);
	void *ctx;
	u64 budget;

	struct sgxcore_segment seg[SGXCORE_TEXT_SEGMENTS];
	unsigned int nr_segs;
	struct sgxcore_table eh_frame_hdr;
	struct sgxcore_table eh_frame;
	u64 eh_addr;
	struct sgxcore_table symbols[2];
	struct sgxcore_function func;
	u64 at;
	u64 asked;
	u8 window[SGXCORE_TEXT_WINDOW];
	u64 window_offset;
	size_t window_len;
};

/* illegal.c */
enum sgxcore_insn {
	SGXCORE_INSN_LEGAL,
	SGXCORE_INSN_ILLEGAL,		/* #UD */
	SGXCORE_INSN_TSC,		/* reads the time stamp: #UD without SGX2 */
	SGXCORE_INSN_PUSHF,		/* legal, and shows RFLAGS */
};

enum sgxcore_insn sgxcore_insn_class(const u8 *p, size_t n);

#define SGXCORE_NO_REG	0xff
#define SGXCORE_RIP	0xfe

/**
 * struct sgxcore_memop - an instruction 0F xx with an operand in memory
 * @length: bytes of it
 * @opcode: the second one
 * @reg: register field of ModRM, which is a part of many opcodes
 * @wide: REX.W
 * @short_address: the address has 32 bits
 * @segment: prefix 64 (FS) or 65 (GS), else 0
 * @base, @index: registers in encoding order, or SGXCORE_NO_REG; @base can be SGXCORE_RIP
 * @scale: of @index, log2
 * @disp: displacement
 */
struct sgxcore_memop {
	u8 length;
	u8 opcode;
	u8 reg;
	bool wide;
	bool short_address;
	u8 segment;
	u8 base;
	u8 index;
	u8 scale;
	s64 disp;
};

/* insn.c */
size_t sgxcore_insn_length(const u8 *p, size_t n);
bool sgxcore_insn_memop(const u8 *p, size_t n, struct sgxcore_memop *m);
const u8 *sgxcore_find_cpuid(const u8 *p, size_t n);

/* text.c */
bool sgxcore_text_open(struct sgxcore_text *t);
bool sgxcore_text_is_cpuid(struct sgxcore_text *t, u64 offset);
bool sgxcore_text_fetch(struct sgxcore_text *t, u64 offset, void *buf, size_t n);
const u8 *sgxcore_text_window(struct sgxcore_text *t, u64 offset, size_t *n);
const struct sgxcore_segment *sgxcore_text_segment(const struct sgxcore_text *t, u64 addr);

/* unwind.c */
void sgxcore_unwind_open(struct sgxcore_text *t, u64 offset, u64 addr, u64 size);
void sgxcore_unwind_section(struct sgxcore_text *t, u64 offset, u64 addr, u64 size);
bool sgxcore_unwind_find(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func);

/* symbols.c */
void sgxcore_symbols_open(struct sgxcore_text *t, u64 offset, unsigned int n,
			  unsigned int names);
bool sgxcore_symbols_find(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func);

#endif /* _CORE_TEXT_H */
