// SPDX-License-Identifier: GPL-2.0
/*
 * ELF files: what is loaded, which function an address belongs to, and whether
 * an instruction begins there.
 */
#include "text.h"

#define FETCH_COST	256
#define NO_ADDRESS	~0ULL

#define EI_CLASS	4
#define EI_DATA		5
#define EHDR_SIZE	64
#define PHDR_SIZE	56
#define SHDR_SIZE	64
#define MAX_PHDRS	64

#define ELFCLASS64	2
#define ELFDATA2LSB	1
#define EM_X86_64	62
#define PT_LOAD		1
#define PT_GNU_EH_FRAME	0x6474e550
#define PF_X		1

struct ehdr {
	u8 ident[16];
	u16 type;
	u16 machine;
	u32 version;
	u64 entry;
	u64 phoff;
	u64 shoff;
	u32 flags;
	u16 ehsize;
	u16 phentsize;
	u16 phnum;
	u16 shentsize;
	u16 shnum;
	u16 shstrndx;
};

struct phdr {
	u32 type;
	u32 flags;
	u64 offset;
	u64 vaddr;
	u64 paddr;
	u64 filesz;
	u64 memsz;
	u64 align;
};

static_assert(sizeof(struct ehdr) == EHDR_SIZE, "ELF header");
static_assert(sizeof(struct phdr) == PHDR_SIZE, "program header");

static bool pay(struct sgxcore_text *t, u64 cost)
{
	if (t->budget < cost) {
		t->budget = 0;
		return false;
	}
	t->budget -= cost;
	return true;
}

/**
 * sgxcore_text_fetch() - read a little, from anywhere
 * @t: the file
 * @offset: in it
 * @buf: where to
 * @n: how much
 *
 * Return: true: all of it has been read.
 */
bool sgxcore_text_fetch(struct sgxcore_text *t, u64 offset, void *buf, size_t n)
{
	return pay(t, FETCH_COST + n) && offset <= NO_ADDRESS - n &&
	       t->read(t->ctx, offset, buf, n) == n;
}

/**
 * sgxcore_text_window() - look at the file, where the next look will be behind it
 * @t: the file
 * @offset: in it
 * @n: in: bytes wanted, at most SGXCORE_TEXT_WINDOW; out: bytes there are
 *
 * Return: the bytes, valid until the next call.
 */
const u8 *sgxcore_text_window(struct sgxcore_text *t, u64 offset, size_t *n)
{
	u64 skip = offset - t->window_offset;
	size_t left = skip < t->window_len ? t->window_len - skip : 0;

	if (left < *n) {
		skip = 0;
		left = 0;
		t->window_len = 0;
		if (pay(t, sizeof(t->window)) && offset <= NO_ADDRESS - sizeof(t->window))
			left = t->read(t->ctx, offset, t->window, sizeof(t->window));
		t->window_offset = offset;
		t->window_len = left;
	}
	if (*n > left)
		*n = left;
	return t->window + skip;
}

static void add_segment(struct sgxcore_text *t, const struct phdr *ph)
{
	if (t->nr_segs == SGXCORE_TEXT_SEGMENTS || !ph->filesz)
		return;
	if (ph->offset > NO_ADDRESS - ph->filesz || ph->vaddr > NO_ADDRESS - ph->filesz)
		return;
	t->seg[t->nr_segs++] = (struct sgxcore_segment){
		.offset = ph->offset,
		.addr = ph->vaddr,
		.size = ph->filesz,
		.exec = ph->flags & PF_X,
	};
}

static bool read_segments(struct sgxcore_text *t, const struct ehdr *eh)
{
	struct phdr ph;
	unsigned int i;

	if (eh->phentsize != PHDR_SIZE || eh->phnum > MAX_PHDRS || eh->phoff >> 62)
		return false;
	for (i = 0; i < eh->phnum; i++) {
		if (!sgxcore_text_fetch(t, eh->phoff + i * PHDR_SIZE, &ph, sizeof(ph)))
			return false;
		if (ph.type == PT_LOAD)
			add_segment(t, &ph);
		else if (ph.type == PT_GNU_EH_FRAME)
			sgxcore_unwind_open(t, ph.offset, ph.vaddr, ph.filesz);
	}
	return t->nr_segs;
}

/**
 * sgxcore_text_open() - begin with a file
 * @t: with @read, @ctx and @budget set, the rest zero
 *
 * Return: false: no program of this processor.
 */
bool sgxcore_text_open(struct sgxcore_text *t)
{
	struct ehdr eh;

	if (!sgxcore_text_fetch(t, 0, &eh, sizeof(eh)))
		return false;
	if (memcmp(eh.ident, "\177ELF", 4) || eh.ident[EI_CLASS] != ELFCLASS64 ||
	    eh.ident[EI_DATA] != ELFDATA2LSB || eh.machine != EM_X86_64)
		return false;
	if (!read_segments(t, &eh))
		return false;
	/* Stripped of them, a program still has its unwind information. */
	if (eh.shentsize == SHDR_SIZE && !(eh.shoff >> 62))
		sgxcore_symbols_open(t, eh.shoff, eh.shnum, eh.shstrndx);
	return true;
}

static const struct sgxcore_segment *exec_segment(const struct sgxcore_text *t, u64 offset)
{
	unsigned int i;

	for (i = 0; i < t->nr_segs; i++) {
		if (t->seg[i].exec && offset - t->seg[i].offset < t->seg[i].size)
			return &t->seg[i];
	}
	return NULL;
}

/* The segment that has @addr in it, NULL: none */
const struct sgxcore_segment *sgxcore_text_segment(const struct sgxcore_text *t, u64 addr)
{
	unsigned int i;

	for (i = 0; i < t->nr_segs; i++) {
		if (addr - t->seg[i].addr < t->seg[i].size)
			return &t->seg[i];
	}
	return NULL;
}

static bool inside(const struct sgxcore_function *func, u64 addr)
{
	return addr - func->start < func->end - func->start;
}

/* A function that leaves its segment is none. */
static bool find_function(struct sgxcore_text *t, const struct sgxcore_segment *seg, u64 addr)
{
	struct sgxcore_function func = { };

	t->func = func;
	if (!sgxcore_unwind_find(t, addr, &func) && !sgxcore_symbols_find(t, addr, &func))
		return false;
	if (func.start < seg->addr || func.end - seg->addr > seg->size || !inside(&func, addr))
		return false;
	t->func = func;
	t->at = func.start;
	return true;
}

/* Go on decoding up to @addr, or for ever wrong behind what is no instruction. */
static void decode_to(struct sgxcore_text *t, const struct sgxcore_segment *seg, u64 addr)
{
	const u8 *p;
	size_t n;

	while (t->at < addr) {
		n = SGXCORE_INSN_MAX;
		if (n > t->func.end - t->at)
			n = t->func.end - t->at;
		p = sgxcore_text_window(t, t->at - seg->addr + seg->offset, &n);
		n = sgxcore_insn_length(p, n);
		t->at = n ? t->at + n : NO_ADDRESS;
	}
}

/**
 * sgxcore_text_is_cpuid() - is this a CPUID instruction?
 * @t: the file, opened
 * @offset: of the bytes 0F A2 in it. Asking in ascending order saves work
 *
 * Return: true: it is. False may also mean that the file does not say enough.
 */
bool sgxcore_text_is_cpuid(struct sgxcore_text *t, u64 offset)
{
	const struct sgxcore_segment *seg = exec_segment(t, offset);
	u8 bytes[2];
	u64 addr;

	if (!seg || seg->size - (offset - seg->offset) < sizeof(bytes))
		return false;
	addr = offset - seg->offset + seg->addr;
	if (!inside(&t->func, addr) || addr < t->asked) {
		if (!find_function(t, seg, addr))
			return false;
	}
	t->asked = addr;
	decode_to(t, seg, addr);
	return t->at == addr && addr + sizeof(bytes) <= t->func.end &&
	       sgxcore_text_fetch(t, offset, bytes, sizeof(bytes)) &&
	       bytes[0] == 0x0f && bytes[1] == 0xa2;
}
