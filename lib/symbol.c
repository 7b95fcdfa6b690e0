// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Symbol lookup in the vDSO. Section headers may be missing there, so the
 * number of symbols has to come from one of the hash tables.
 */
#include <elf.h>

#include "internal.h"

struct dynamic {
	const Elf64_Sym *symtab;
	const char *strtab;
	const u32 *hash;
	const u32 *gnu_hash;
};

static bool read_phdrs(const Elf64_Ehdr *ehdr, const Elf64_Dyn **dyn, u64 *bias)
{
	const Elf64_Phdr *p;
	bool found = false;
	unsigned int i;

	*dyn = NULL;
	p = (const Elf64_Phdr *)((const u8 *)ehdr + ehdr->e_phoff);
	for (i = 0; i < ehdr->e_phnum; i++) {
		if (p[i].p_type == PT_LOAD && !found) {
			*bias = (uintptr_t)ehdr + p[i].p_offset - p[i].p_vaddr;
			found = true;
		} else if (p[i].p_type == PT_DYNAMIC) {
			*dyn = (const Elf64_Dyn *)((const u8 *)ehdr +
						   p[i].p_offset);
		}
	}
	return found && *dyn;
}

static void read_dynamic(struct dynamic *d, const Elf64_Dyn *dyn, u64 bias)
{
	*d = (struct dynamic){ 0 };
	for (; dyn->d_tag != DT_NULL; dyn++) {
		const void *p = (const void *)(dyn->d_un.d_ptr + bias);

		if (dyn->d_tag == DT_SYMTAB)
			d->symtab = p;
		else if (dyn->d_tag == DT_STRTAB)
			d->strtab = p;
		else if (dyn->d_tag == DT_HASH)
			d->hash = p;
		else if (dyn->d_tag == DT_GNU_HASH)
			d->gnu_hash = p;
	}
}

/*
 * Header: buckets, first hashed symbol, words of the bloom filter, shift. The
 * last symbol is the end of the chain that starts last.
 */
static u32 gnu_hash_count(const u32 *h)
{
	const u32 *buckets = h + 4 + h[2] * 2;
	const u32 *chains = buckets + h[0];
	u32 last = 0, i;

	for (i = 0; i < h[0]; i++) {
		if (buckets[i] > last)
			last = buckets[i];
	}
	if (last < h[1])
		return h[1];
	while (!(chains[last - h[1]] & 1))
		last++;
	return last + 1;
}

void *softsgx_elf_symbol(const void *ehdr, const char *name)
{
	const Elf64_Dyn *dyn;
	struct dynamic d;
	u32 count, i;
	u64 bias = 0;

	if (!read_phdrs(ehdr, &dyn, &bias))
		return NULL;
	read_dynamic(&d, dyn, bias);
	if (!d.symtab || !d.strtab || (!d.hash && !d.gnu_hash))
		return NULL;
	count = d.hash ? d.hash[1] : gnu_hash_count(d.gnu_hash);
	for (i = 0; i < count; i++) {
		if (d.symtab[i].st_shndx != SHN_UNDEF &&
		    !strcmp(d.strtab + d.symtab[i].st_name, name))
			return (void *)(d.symtab[i].st_value + bias);
	}
	return NULL;
}
