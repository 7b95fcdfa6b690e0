// SPDX-License-Identifier: GPL-2.0
/*
 * ELF files, mostly bad ones.
 */
#include <elf.h>
#include <errno.h>

#include "test.h"

#define NR_PHDRS 4

/* A small enclave that is changed in one place by each test */
struct file {
	Elf64_Ehdr e;
	Elf64_Phdr p[NR_PHDRS];
	u8 pad[0x1000 - sizeof(Elf64_Ehdr) - NR_PHDRS * sizeof(Elf64_Phdr)];
	u8 text[0x800];
	struct softsgx_desc desc;
	Elf64_Dyn dyn[4];
	char names[64];
	Elf64_Shdr s[3];
} __attribute__((aligned(8)));

static void add_sections(struct file *f)
{
	static const char names[] = "\0.softsgx\0.shstrtab";

	memcpy(f->names, names, sizeof(names));
	f->e.e_shoff = offsetof(struct file, s);
	f->e.e_shnum = 3;
	f->e.e_shentsize = sizeof(f->s[0]);
	f->e.e_shstrndx = 2;
	f->s[1].sh_name = 1;
	f->s[1].sh_addr = 0x2000;
	f->s[1].sh_size = sizeof(f->desc);
	f->s[2].sh_name = 10;
	f->s[2].sh_offset = offsetof(struct file, names);
	f->s[2].sh_size = sizeof(f->names);
}

static void add_load(Elf64_Phdr *p, u32 flags, u64 vaddr, u64 offset, u64 size)
{
	p->p_type = PT_LOAD;
	p->p_flags = flags;
	p->p_vaddr = vaddr;
	p->p_offset = offset;
	p->p_filesz = size;
	p->p_memsz = size;
}

static void make(struct file *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->e.e_ident, ELFMAG, SELFMAG);
	f->e.e_ident[EI_CLASS] = ELFCLASS64;
	f->e.e_ident[EI_DATA] = ELFDATA2LSB;
	f->e.e_machine = EM_X86_64;
	f->e.e_type = ET_DYN;
	f->e.e_entry = 0x10;
	f->e.e_phoff = offsetof(struct file, p);
	f->e.e_phnum = NR_PHDRS;
	f->e.e_phentsize = sizeof(f->p[0]);
	memset(f->text, 0xcc, sizeof(f->text));
	add_load(&f->p[0], PF_R | PF_X, 0, offsetof(struct file, text),
		 sizeof(f->text));
	add_load(&f->p[1], PF_R, 0x2000, offsetof(struct file, desc),
		 sizeof(f->desc));
	add_load(&f->p[2], PF_R | PF_W, 0x3000, 0, 0);
	f->p[2].p_memsz = 0x1800;
	add_load(&f->p[3], PF_R, 0, offsetof(struct file, dyn), sizeof(f->dyn));
	f->p[3].p_type = PT_DYNAMIC;
	f->desc.magic = SOFTSGX_DESC_MAGIC;
	f->desc.nr_tcs = 2;
	f->desc.nssa = 3;
	f->desc.stack_pages = 2;
	f->desc.heap_pages = 5;
	add_sections(f);
}

static int parse(const struct file *f, size_t len)
{
	struct softsgx_image image;
	int ret = softsgx_image_from_elf(&image, f, len, NULL);

	if (!ret)
		softsgx_image_free(&image);
	return ret;
}

static void test_layout(void **state)
{
	struct softsgx_image image;
	const struct softsgx_desc *d;
	const struct sgx_tcs *tcs;
	u64 offset;
	struct file f;

	make(&f);
	assert_int_equal(softsgx_image_from_elf(&image, &f, sizeof(f), NULL),
			 0);
	assert_int_equal(image.segs[0].flags, 0x205);
	assert_int_equal(image.segs[0].size, 0x1000);
	assert_int_equal(image.segs[0].src[0x7ff], 0xcc);
	assert_int_equal(image.segs[0].src[0x800], 0);
	assert_int_equal(image.segs[1].flags, 0x201);
	assert_int_equal(image.segs[2].flags, 0x203);
	assert_int_equal(image.segs[2].size, 0x2000);

	/* hole, 2 pages of stack, TCS, 3 SSA, 2 data; twice; hole, heap */
	d = (const void *)image.segs[1].src;
	assert_int_equal(d->first_tcs, 0x8000);
	assert_int_equal(d->tcs_stride, 0x9000);
	assert_int_equal(d->heap_offset, 0x18000);
	assert_int_equal(d->size, 0x20000);
	assert_int_equal(image.size, 0x20000);
	assert_memory_equal(d, &image.layout, sizeof(*d));

	tcs = softsgx_image_tcs(&image, 1, &offset);
	assert_int_equal(offset, 0x11000);
	assert_int_equal(tcs->ssa_offset, 0x12000);
	assert_int_equal(tcs->nr_ssa_frames, 3);
	assert_int_equal(tcs->entry_offset, 0x10);
	assert_int_equal(tcs->fs_offset, 0x15000);
	assert_int_equal(tcs->gs_offset, 0x16000);
	assert_null(softsgx_image_tcs(&image, 2, NULL));
	assert_false(image.segs[image.nr_segs - 1].measured);
	softsgx_image_free(&image);
}

static void test_options(void **state)
{
	struct softsgx_options o = { .nr_tcs = 1,
				     .nssa = 1,
				     .ssa_frame_pages = 4,
				     .stack_pages = 1,
				     .heap_pages = 1,
				     .measure_heap = true,
				     .attributes = SGX_ATTR_DEBUG,
				     .xfrm = 7,
				     .miscselect = 1 };
	struct softsgx_image image;
	struct file f;

	make(&f);
	assert_int_equal(softsgx_image_from_elf(&image, &f, sizeof(f), &o), 0);
	assert_int_equal(image.layout.tcs_stride, 0x9000);
	assert_int_equal(image.ssa_frame_pages, 4);
	assert_int_equal(image.attributes, 6);
	assert_int_equal(image.xfrm, 7);
	assert_int_equal(image.miscselect, 1);
	assert_true(image.segs[image.nr_segs - 1].measured);
	softsgx_image_free(&image);

	o.nr_tcs = 1 << 20;
	assert_int_equal(softsgx_image_from_elf(&image, &f, sizeof(f), &o),
			 -EINVAL);
	o.nr_tcs = 1;
	o.heap_pages = ~0ULL;
	assert_int_equal(softsgx_image_from_elf(&image, &f, sizeof(f), &o),
			 -EINVAL);
}

static void test_no_descriptor(void **state)
{
	struct softsgx_image image;
	struct file f;

	make(&f);
	f.e.e_shnum = 0;
	assert_int_equal(softsgx_image_from_elf(&image, &f, sizeof(f), NULL),
			 0);
	assert_int_equal(image.layout.nr_tcs, 1);
	assert_int_equal(image.layout.nssa, 2);
	assert_int_equal(image.layout.stack_pages, 4);
	assert_int_equal(image.layout.heap_offset, 0);
	softsgx_image_free(&image);
}

/* No prefix of the file may be read beyond its end. */
static void test_truncated(void **state)
{
	size_t len;
	struct file f;

	make(&f);
	for (len = 0; len < offsetof(struct file, names); len += 8) {
		struct file *copy = malloc(len);
		int ret;

		memcpy(copy, &f, len);
		ret = parse(copy, len);
		free(copy);
		assert_int_equal(ret, -ENOEXEC);
	}
}

/* make(), one change, the result */
#define refuse(change, err)                                        \
	do {                                                       \
		struct file f;                                     \
		make(&f);                                          \
		change;                                            \
		assert_int_equal(parse(&f, sizeof(f)), -(err));    \
		assert_string_not_equal(softsgx_last_error(), ""); \
	} while (0)

static void test_header(void **state)
{
	refuse(f.e.e_ident[1] = 'e', ENOEXEC);
	refuse(f.e.e_ident[EI_CLASS] = ELFCLASS32, ENOEXEC);
	refuse(f.e.e_ident[EI_DATA] = ELFDATA2MSB, ENOEXEC);
	refuse(f.e.e_machine = EM_AARCH64, ENOEXEC);
	refuse(f.e.e_type = ET_REL, ENOEXEC);
	refuse(f.e.e_phnum = 0, ENOEXEC);
	refuse(f.e.e_phnum = 0xffff, ENOEXEC);
	refuse(f.e.e_phentsize = 32, ENOEXEC);
	refuse(f.e.e_phoff = ~7ULL, ENOEXEC);
	refuse(f.e.e_phoff = 65, ENOEXEC);
	refuse(f.e.e_entry = 0x3000, ENOEXEC);
	refuse(f.e.e_entry = ~0ULL, ENOEXEC);
}

static void test_segments(void **state)
{
	refuse(f.p[1].p_vaddr = 0x0ff8, ENOEXEC);
	refuse(f.p[1].p_vaddr = 0x800, ENOEXEC);
	refuse(f.p[1].p_vaddr = 0x3ff8, ENOEXEC);
	refuse(f.p[0].p_filesz = f.p[0].p_memsz + 1, ENOEXEC);
	refuse(f.p[0].p_offset = ~0ULL, ENOEXEC);
	refuse((f.p[0].p_filesz = 1UL << 31, f.p[0].p_memsz = 1UL << 31),
	       ENOEXEC);
	refuse(f.p[2].p_memsz = ~0ULL, EFBIG);
	refuse(f.p[2].p_vaddr = ~0xfffULL, EFBIG);
	refuse(f.p[2].p_memsz = (1ULL << 32) - 0x2000, EFBIG);
	refuse(f.p[2].p_flags = PF_W, ENOEXEC);
	refuse(f.p[2].p_flags = 0, ENOEXEC);
	refuse(f.p[3].p_type = PT_INTERP, ENOEXEC);
	refuse(f.p[3].p_type = PT_TLS, ENOEXEC);
}

static void test_dynamic(void **state)
{
	refuse(f.p[3].p_offset = sizeof(f) - 8, ENOEXEC);
	refuse(f.dyn[0].d_tag = DT_NEEDED, ENOEXEC);
	refuse((f.dyn[0].d_tag = DT_RELASZ, f.dyn[0].d_un.d_val = 24), ENOEXEC);
	refuse((f.dyn[0].d_tag = DT_RELR, f.dyn[1].d_tag = DT_RELRSZ,
		f.dyn[1].d_un.d_val = 8),
	       ENOEXEC);
}

static void test_descriptor(void **state)
{
	refuse(f.desc.magic++, ENOEXEC);
	refuse(f.s[1].sh_size = 8, ENOEXEC);
	refuse(f.s[1].sh_addr = 0x2fe0, ENOEXEC);
	refuse(f.s[1].sh_addr = ~7ULL, ENOEXEC);
	refuse(f.s[1].sh_addr = 0x2004, ENOEXEC);
	refuse(f.desc.nssa = ~0U, EINVAL);
	refuse(f.desc.ssa_frame_pages = ~0U, EINVAL);
	refuse(f.desc.stack_pages = ~0U, EINVAL);
	refuse(f.desc.heap_pages = ~0ULL, EINVAL);
}

/* Damaged section headers mean: no descriptor. */
static void test_section_headers(void **state)
{
	struct file f;

	make(&f);
	f.s[2].sh_offset = ~0ULL;
	assert_int_equal(parse(&f, sizeof(f)), 0);
	make(&f);
	f.s[2].sh_size = ~0ULL;
	assert_int_equal(parse(&f, sizeof(f)), 0);
	make(&f);
	f.s[1].sh_name = ~0U;
	assert_int_equal(parse(&f, sizeof(f)), 0);
	make(&f);
	f.e.e_shoff = sizeof(f) - 8;
	assert_int_equal(parse(&f, sizeof(f)), 0);
	make(&f);
	f.e.e_shstrndx = 7;
	assert_int_equal(parse(&f, sizeof(f)), 0);
}

static void test_files(void **state)
{
	struct softsgx_image image;

	assert_int_equal(softsgx_image_load(&image, "/no/such/file", NULL),
			 -ENOENT);
	assert_string_equal(softsgx_last_error(),
			    "/no/such/file: No such file or directory");
	assert_int_equal(softsgx_image_load(&image, "/", NULL), -EINVAL);
	assert_int_equal(softsgx_image_load(&image, "Makefile", NULL),
			 -ENOEXEC);
	assert_int_equal(softsgx_image_load(&image, "/proc/self/exe", NULL),
			 -ENOEXEC);
	assert_int_equal(softsgx_image_load(&image,
					    built("tests/encl/test_encl.elf"),
					    NULL),
			 0);
	softsgx_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_dynamic),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_section_headers),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
