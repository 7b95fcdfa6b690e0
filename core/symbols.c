// SPDX-License-Identifier: GPL-2.0
/*
 * Functions as the symbol tables have them, for code without unwind information:
 * symbols that are functions and have a size.
 */
#include "text.h"

#define SHT_PROGBITS	1
#define SHT_SYMTAB	2
#define SHT_DYNSYM	11
#define SHT_UNWIND	0x70000001
#define SHF_ALLOC	2
#define STT_FUNC	2
#define STT_GNU_IFUNC	10
#define MAX_SECTIONS	4096

struct shdr {
	u32 name;
	u32 type;
	u64 flags;
	u64 addr;
	u64 offset;
	u64 size;
	u32 link;
	u32 info;
	u64 addralign;
	u64 entsize;
};

struct sym {
	u32 name;
	u8 info;
	u8 other;
	u16 shndx;
	u64 value;
	u64 size;
};

static_assert(sizeof(struct shdr) == 64, "section header");
static_assert(sizeof(struct sym) == 24, "symbol");

static bool is_eh_frame(struct sgxcore_text *t, const struct shdr *sh, u64 names)
{
	static const char eh_frame[] = ".eh_frame";
	char name[sizeof(eh_frame)];

	if (!(sh->flags & SHF_ALLOC) || (sh->type != SHT_PROGBITS && sh->type != SHT_UNWIND))
		return false;
	return sgxcore_text_fetch(t, names + sh->name, name, sizeof(name)) &&
	       !memcmp(name, eh_frame, sizeof(name));
}

static void take_section(struct sgxcore_text *t, const struct shdr *sh, u64 names)
{
	if (sh->offset >> 62 || sh->size >> 62)
		return;
	if (sh->type == SHT_SYMTAB || sh->type == SHT_DYNSYM)
		t->symbols[sh->type == SHT_DYNSYM] = (struct sgxcore_table){
			sh->offset, sh->size / sizeof(struct sym)
		};
	else if (!t->eh_frame_hdr.n && is_eh_frame(t, sh, names))
		sgxcore_unwind_section(t, sh->offset, sh->addr, sh->size);
}

/**
 * sgxcore_symbols_open() - look for the symbol tables, and other sections of use
 * @t: the file
 * @offset: of the section headers in it
 * @n: their number
 * @names: the section that has the names of sections
 */
void sgxcore_symbols_open(struct sgxcore_text *t, u64 offset, unsigned int n,
			  unsigned int names)
{
	struct shdr sh, strings;
	unsigned int i;

	if (n > MAX_SECTIONS || names >= n ||
	    !sgxcore_text_fetch(t, offset + names * sizeof(sh), &strings, sizeof(strings)) ||
	    strings.offset >> 62)
		return;
	for (i = 0; i < n; i++) {
		if (!sgxcore_text_fetch(t, offset + i * sizeof(sh), &sh, sizeof(sh)))
			return;
		take_section(t, &sh, strings.offset);
	}
}

static bool is_around(const struct sym *sym, u64 addr)
{
	u8 type = sym->info & 0xf;

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->shndx &&
	       addr - sym->value < sym->size && sym->value <= ~0ULL - sym->size;
}

static bool find_in_table(struct sgxcore_text *t, const struct sgxcore_table *table, u64 addr,
			  struct sgxcore_function *func)
{
	const u8 *p;
	struct sym sym;
	size_t n;
	u64 i;

	for (i = 0; i < table->n; i++) {
		n = sizeof(sym);
		p = sgxcore_text_window(t, table->offset + i * sizeof(sym), &n);
		if (n < sizeof(sym))
			return false;
		memcpy(&sym, p, sizeof(sym));
		if (is_around(&sym, addr)) {
			*func = (struct sgxcore_function){ sym.value, sym.value + sym.size };
			return true;
		}
	}
	return false;
}

/**
 * sgxcore_symbols_find() - the function around an address
 * @t: the file
 * @addr: the address
 * @func: out
 *
 * Return: false: no symbol says anything about it.
 */
bool sgxcore_symbols_find(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func)
{
	return find_in_table(t, &t->symbols[0], addr, func) ||
	       find_in_table(t, &t->symbols[1], addr, func);
}
