// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * From an ELF file to an image. The file is not trusted: nothing is read
 * before its place is known to lie inside the file.
 */
#include <elf.h>
#include <errno.h>

#include "internal.h"

/* Larger enclaves get their memory as heap, not as a file. */
#define ELF_SPAN_MAX 0x100000000ULL
#define FILE_MAX 0x100000000ULL

struct elf_file {
	const u8 *data;
	size_t len;
	const Elf64_Ehdr *ehdr;
};

#define bad_elf(...) softsgx_fail(ENOEXEC, __VA_ARGS__)

/* NULL if [offset, offset + size) is not inside the file or misaligned. */
static const void *at(const struct elf_file *f, u64 offset, u64 size)
{
	if (offset > f->len || size > f->len - offset)
		return NULL;
	if ((uintptr_t)(f->data + offset) & 7)
		return NULL;
	return f->data + offset;
}

static int check_header(const struct elf_file *f)
{
	const Elf64_Ehdr *h = f->ehdr;

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG))
		return bad_elf("not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return bad_elf("not an ELF file for x86-64");
	if (h->e_type != ET_DYN && h->e_type != ET_EXEC)
		return bad_elf("ELF file is not linked");
	if (!h->e_phnum || h->e_phentsize != sizeof(Elf64_Phdr))
		return bad_elf("ELF file without usable program headers");
	if (!at(f, h->e_phoff, (u64)h->e_phnum * sizeof(Elf64_Phdr)))
		return bad_elf("ELF program headers outside the file");
	return 0;
}

static const Elf64_Phdr *phdr(const struct elf_file *f, unsigned int i)
{
	return (const Elf64_Phdr *)(f->data + f->ehdr->e_phoff) + i;
}

static int check_load(const struct elf_file *f, const Elf64_Phdr *p)
{
	if (p->p_filesz > p->p_memsz)
		return bad_elf("ELF segment at %#lx has more data than memory",
			       p->p_vaddr);
	if (p->p_offset > f->len || p->p_filesz > f->len - p->p_offset)
		return bad_elf("ELF segment at %#lx lies outside the file",
			       p->p_vaddr);
	if (p->p_vaddr > ELF_SPAN_MAX || p->p_memsz > ELF_SPAN_MAX ||
	    p->p_vaddr + p->p_memsz > ELF_SPAN_MAX)
		return softsgx_fail(EFBIG, "ELF segment at %#lx is too large",
				    p->p_vaddr);
	if (!(p->p_flags & PF_R))
		return bad_elf("ELF segment at %#lx is not readable",
			       p->p_vaddr);
	return 0;
}

static u64 secinfo_flags(const Elf64_Phdr *p)
{
	u64 flags = SGX_SECINFO_REG;

	if (p->p_flags & PF_R)
		flags |= SGX_SECINFO_R;
	if (p->p_flags & PF_W)
		flags |= SGX_SECINFO_W;
	if (p->p_flags & PF_X)
		flags |= SGX_SECINFO_X;
	return flags;
}

static int add_load(struct softsgx_image *image, const struct elf_file *f,
		    const Elf64_Phdr *p)
{
	u64 start = p->p_vaddr & ~(u64)(SGX_PAGE_SIZE - 1);
	u64 end = softsgx_page_align(p->p_vaddr + p->p_memsz);
	int ret;

	if (!p->p_memsz)
		return 0;
	ret = check_load(f, p);
	if (ret)
		return ret;
	ret = softsgx_image_add(image, start, end - start, NULL,
				secinfo_flags(p), true);
	if (ret == -EEXIST)
		return bad_elf("ELF segment at %#lx shares a page with another",
			       p->p_vaddr);
	if (ret)
		return ret;
	memcpy(image->segs[image->nr_segs - 1].src + (p->p_vaddr - start),
	       f->data + p->p_offset, p->p_filesz);
	return 0;
}

/* Nobody relocates an enclave, and its measurement would depend on it. */
static int check_dynamic(const struct elf_file *f, const Elf64_Phdr *p)
{
	const Elf64_Dyn *dyn = at(f, p->p_offset, p->p_filesz);
	u64 i;

	if (!dyn)
		return bad_elf("ELF dynamic section outside the file");
	for (i = 0; i < p->p_filesz / sizeof(*dyn); i++) {
		switch (dyn[i].d_tag) {
		case DT_NULL:
			return 0;
		case DT_NEEDED:
			return bad_elf("the enclave needs a shared library");
		case DT_RELASZ:
		case DT_RELSZ:
		case DT_RELRSZ:
		case DT_PLTRELSZ:
			if (dyn[i].d_un.d_val)
				return bad_elf("the enclave needs relocation");
		}
	}
	return 0;
}

static int add_phdr(struct softsgx_image *image, const struct elf_file *f,
		    const Elf64_Phdr *p)
{
	switch (p->p_type) {
	case PT_LOAD:
		return add_load(image, f, p);
	case PT_DYNAMIC:
		return check_dynamic(f, p);
	case PT_INTERP:
		return bad_elf("the enclave needs a dynamic linker");
	case PT_TLS:
		return bad_elf("thread-local variables are not supported");
	default:
		return 0;
	}
}

/* Bytes of the image that hold [vaddr, vaddr + size), all in one segment */
static void *image_at(const struct softsgx_image *image, u64 vaddr, u64 size,
		      u64 flags)
{
	unsigned int i;

	for (i = 0; i < image->nr_segs; i++) {
		const struct softsgx_segment *seg = &image->segs[i];

		if (vaddr >= seg->offset && vaddr - seg->offset < seg->size &&
		    size <= seg->size - (vaddr - seg->offset) &&
		    (seg->flags & flags) == flags)
			return seg->src + (vaddr - seg->offset);
	}
	return NULL;
}

static int add_segments(struct softsgx_image *image, const struct elf_file *f)
{
	unsigned int i;
	int ret;

	for (i = 0; i < f->ehdr->e_phnum; i++) {
		ret = add_phdr(image, f, phdr(f, i));
		if (ret)
			return ret;
	}
	if (!image_at(image, f->ehdr->e_entry, 1, SGX_SECINFO_X))
		return bad_elf("ELF entry point %#lx is not executable",
			       f->ehdr->e_entry);
	return 0;
}

static bool name_is(const struct elf_file *f, const Elf64_Shdr *strtab,
		    u32 name, const char *want)
{
	u64 len = strlen(want) + 1;

	if (strtab->sh_offset > f->len ||
	    strtab->sh_size > f->len - strtab->sh_offset)
		return false;
	if (name > strtab->sh_size || len > strtab->sh_size - name)
		return false;
	return !memcmp(f->data + strtab->sh_offset + name, want, len);
}

static const Elf64_Shdr *find_section(const struct elf_file *f,
				      const char *name)
{
	const Elf64_Ehdr *h = f->ehdr;
	const Elf64_Shdr *s;
	unsigned int i;

	if (!h->e_shoff || h->e_shentsize != sizeof(*s) ||
	    h->e_shstrndx >= h->e_shnum)
		return NULL;
	s = at(f, h->e_shoff, (u64)h->e_shnum * sizeof(*s));
	if (!s)
		return NULL;
	for (i = 0; i < h->e_shnum; i++) {
		if (name_is(f, &s[h->e_shstrndx], s[i].sh_name, name))
			return &s[i];
	}
	return NULL;
}

/* *@desc stays NULL if the file has no descriptor. */
static int find_desc(const struct softsgx_image *image,
		     const struct elf_file *f, struct softsgx_desc **desc)
{
	const Elf64_Shdr *s = find_section(f, SOFTSGX_DESC_SECTION);
	struct softsgx_desc *d;

	*desc = NULL;
	if (!s)
		return 0;
	if (s->sh_size < sizeof(*d) || s->sh_addr & 7)
		return bad_elf("section %s is too small or misaligned",
			       SOFTSGX_DESC_SECTION);
	d = image_at(image, s->sh_addr, sizeof(*d), 0);
	if (!d || d->magic != SOFTSGX_DESC_MAGIC)
		return bad_elf("section %s holds no descriptor",
			       SOFTSGX_DESC_SECTION);
	*desc = d;
	return 0;
}

static u64 pick(u64 option, u64 desc, u64 otherwise)
{
	if (option)
		return option;
	return desc ? desc : otherwise;
}

static void settle(struct softsgx_desc *out, const struct softsgx_desc *d,
		   const struct softsgx_options *o)
{
	*out = (struct softsgx_desc){
		.magic = SOFTSGX_DESC_MAGIC,
		.nr_tcs = pick(o->nr_tcs, d->nr_tcs, 1),
		.nssa = pick(o->nssa, d->nssa, 2),
		.ssa_frame_pages =
			pick(o->ssa_frame_pages, d->ssa_frame_pages, 1),
		.stack_pages = pick(o->stack_pages, d->stack_pages, 4),
		.heap_pages = pick(o->heap_pages, d->heap_pages, 0),
	};
}

static int build(struct softsgx_image *image, const struct elf_file *f,
		 const struct softsgx_options *o)
{
	static const struct softsgx_desc none;
	struct softsgx_desc *desc;
	int ret;

	ret = check_header(f);
	if (!ret)
		ret = add_segments(image, f);
	if (!ret)
		ret = find_desc(image, f, &desc);
	if (ret)
		return ret;

	settle(&image->layout, desc ? desc : &none, o);
	image->ssa_frame_pages = image->layout.ssa_frame_pages;
	image->attributes |= o->attributes;
	image->xfrm = pick(o->xfrm, 0, SGX_XFRM_LEGACY);
	image->miscselect = o->miscselect;
	ret = softsgx_layout(image, &image->layout, f->ehdr->e_entry,
			     o->measure_heap);
	if (!ret && desc)
		*desc = image->layout;
	return ret;
}

int softsgx_image_from_elf(struct softsgx_image *image, const void *elf,
			   size_t len, const struct softsgx_options *options)
{
	static const struct softsgx_options none;
	struct elf_file f = { .data = elf, .len = len };
	int ret;

	f.ehdr = at(&f, 0, sizeof(*f.ehdr));
	softsgx_image_init(image);
	ret = build(image, &f, options ? options : &none);
	if (ret)
		softsgx_image_free(image);
	return ret;
}

int softsgx_image_load(struct softsgx_image *image, const char *path,
		       const struct softsgx_options *options)
{
	char reason[256];
	size_t len;
	u8 *data;
	int ret;

	ret = softsgx_read_file(path, FILE_MAX, &data, &len);
	if (ret)
		return ret;
	ret = softsgx_image_from_elf(image, data, len, options);
	free(data);
	if (ret) {
		snprintf(reason, sizeof(reason), "%s", softsgx_last_error());
		softsgx_fail(-ret, "%s: %s", path, reason);
	}
	return ret;
}
