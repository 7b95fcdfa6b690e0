/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program file made to order, in memory: code, unwind information, symbols.
 */
#ifndef _UNIT_TEXTFILE_H
#define _UNIT_TEXTFILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "../../core/text.h"

#define FILE_SIZE	0xa000
#define FILE_TEXT	0x1000		/* offsets in the file */
#define FILE_TEXT_SIZE	0x5000
#define FILE_UNWIND	0x6000
#define FILE_FRAME	0x6400
#define FILE_SHDRS	0x8000
#define FILE_SYMTAB	0x8200
#define FILE_BASE	0x400000	/* addresses are that much larger */

#define ADDR(offset)	(FILE_BASE + (offset))

struct textfile {
	u8 *mem;
	size_t size;
	unsigned long reads;
	unsigned int nr_fdes;
	unsigned int nr_symbols;
	u32 frame;			/* where the next FDE goes */
	struct sgxcore_text text;
};

static inline size_t textfile_read(void *ctx, u64 offset, void *buf, size_t n)
{
	struct textfile *f = ctx;

	f->reads++;
	if (offset >= f->size)
		return 0;
	if (n > f->size - offset)
		n = f->size - offset;
	memcpy(buf, f->mem + offset, n);
	return n;
}

static inline void put32(struct textfile *f, u32 offset, u32 value)
{
	memcpy(f->mem + offset, &value, sizeof(value));
}

static inline void textfile_headers(struct textfile *f)
{
	const Elf64_Ehdr eh = {
		.e_ident = "\177ELF\2\1\1", .e_type = ET_DYN, .e_machine = EM_X86_64,
		.e_phoff = sizeof(eh), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
		.e_shoff = FILE_SHDRS, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 2,
	};
	const Elf64_Phdr ph[] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = FILE_TEXT,
		  .p_vaddr = ADDR(FILE_TEXT), .p_filesz = FILE_TEXT_SIZE },
		{ .p_type = PT_LOAD, .p_flags = PF_R, .p_offset = FILE_UNWIND,
		  .p_vaddr = ADDR(FILE_UNWIND), .p_filesz = FILE_SHDRS - FILE_UNWIND },
		{ .p_type = PT_GNU_EH_FRAME, .p_flags = PF_R, .p_offset = FILE_UNWIND,
		  .p_vaddr = ADDR(FILE_UNWIND), .p_filesz = FILE_FRAME - FILE_UNWIND },
	};

	memcpy(f->mem, &eh, sizeof(eh));
	memcpy(f->mem + sizeof(eh), ph, sizeof(ph));
}

static inline void textfile_unwind(struct textfile *f)
{
	static const u8 hdr[] = { 1, 0x1b, 0x03, 0x3b };
	/* Length, id, version 1, "zR", factors 1 and -8, RA 16, 1 byte: pcrel sdata4 */
	static const u8 cie[] = {
		20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0, 0, 0, 0, 0, 0, 0,
	};

	memcpy(f->mem + FILE_UNWIND, hdr, sizeof(hdr));
	memcpy(f->mem + FILE_FRAME, cie, sizeof(cie));
	f->frame = FILE_FRAME + sizeof(cie);
}

static inline struct textfile *textfile_new(void)
{
	struct textfile *f = calloc(1, sizeof(*f));

	f->size = FILE_SIZE;
	f->mem = calloc(1, f->size);
	memset(f->mem + FILE_TEXT, 0x90, FILE_TEXT_SIZE);
	textfile_headers(f);
	textfile_unwind(f);
	return f;
}

static inline void textfile_free(struct textfile *f)
{
	free(f->mem);
	free(f);
}

/* Offset in the file of the FDE and of the table's entry for function @n */
static inline u32 fde_at(unsigned int n)
{
	return FILE_FRAME + 24 + n * 20;
}

static inline u32 entry_at(unsigned int n)
{
	return FILE_UNWIND + 12 + n * 8;
}

/* In ascending order */
static inline void textfile_function(struct textfile *f, u32 start, u32 size)
{
	u32 fde = fde_at(f->nr_fdes), entry = entry_at(f->nr_fdes);

	put32(f, fde, 16);
	put32(f, fde + 4, fde + 4 - FILE_FRAME);
	put32(f, fde + 8, start - (fde + 8));
	put32(f, fde + 12, size);
	put32(f, entry, start - FILE_UNWIND);
	put32(f, entry + 4, fde - FILE_UNWIND);
	put32(f, FILE_UNWIND + 8, ++f->nr_fdes);
}

static inline void textfile_symbol(struct textfile *f, u32 start, u32 size, u8 type)
{
	const Elf64_Sym sym = {
		.st_value = ADDR(start), .st_size = size, .st_shndx = 1,
		.st_info = ELF64_ST_INFO(STB_LOCAL, type),
	};
	const Elf64_Shdr sh = {
		.sh_type = SHT_SYMTAB, .sh_offset = FILE_SYMTAB,
		.sh_size = (f->nr_symbols + 1) * sizeof(sym),
	};

	memcpy(f->mem + FILE_SYMTAB + f->nr_symbols++ * sizeof(sym), &sym, sizeof(sym));
	memcpy(f->mem + FILE_SHDRS + sizeof(sh), &sh, sizeof(sh));
}

static inline void textfile_code(struct textfile *f, u32 offset, const void *code, size_t n)
{
	memcpy(f->mem + offset, code, n);
}

static inline bool textfile_open(struct textfile *f)
{
	memset(&f->text, 0, sizeof(f->text));
	f->text.read = textfile_read;
	f->text.ctx = f;
	f->text.budget = 16 << 20;
	return sgxcore_text_open(&f->text);
}

#endif /* _UNIT_TEXTFILE_H */
