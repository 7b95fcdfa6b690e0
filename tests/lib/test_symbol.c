// SPDX-License-Identifier: GPL-2.0
/*
 * Symbol lookup: the vDSO of this machine, and images with one kind of hash
 * table each, built here in memory.
 */
#include <elf.h>
#include <sys/auxv.h>

#include "test.h"

/* Symbols: 0 is empty, 1 undefined, 2 to 4 defined */
#define NR_SYMS 5

/* Not 0: some vDSO images were linked that way. */
#define LINKED_AT 0x700000

struct object {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	Elf64_Dyn dyn[5];
	Elf64_Sym sym[NR_SYMS];
	char str[64];
	u32 hash[4];
	u32 gnu[4 + 2 + 2 + NR_SYMS];
} __attribute__((aligned(8)));

static void set_dyn(Elf64_Dyn *dyn, long tag, u64 offset)
{
	dyn->d_tag = tag;
	dyn->d_un.d_ptr = LINKED_AT + offset;
}

static void make(struct object *o, bool gnu)
{
	static const char names[] = "\0absent\0one\0two\0three";
	static const u32 at[NR_SYMS] = { 0, 1, 8, 12, 16 };
	/* 2 buckets, first symbol 2, 1 bloom word; one chain ends at 3 */
	static const u32 table[] = { 2, 2, 1, 6, ~0U, ~0U, 2, 4, 0, 1, 1 };
	int i;

	memset(o, 0, sizeof(*o));
	o->e.e_phoff = offsetof(struct object, p);
	o->e.e_phnum = 2;
	o->p[0].p_type = PT_LOAD;
	o->p[0].p_vaddr = LINKED_AT;
	o->p[1].p_type = PT_DYNAMIC;
	o->p[1].p_offset = offsetof(struct object, dyn);
	memcpy(o->str, names, sizeof(names));
	for (i = 1; i < NR_SYMS; i++) {
		o->sym[i].st_name = at[i];
		o->sym[i].st_value = LINKED_AT + 16 * i;
		o->sym[i].st_shndx = i == 1 ? SHN_UNDEF : 1;
	}
	o->hash[1] = NR_SYMS;
	memcpy(o->gnu, table, sizeof(table));
	set_dyn(&o->dyn[0], DT_SYMTAB, offsetof(struct object, sym));
	set_dyn(&o->dyn[1], DT_STRTAB, offsetof(struct object, str));
	if (gnu)
		set_dyn(&o->dyn[2], DT_GNU_HASH, offsetof(struct object, gnu));
	else
		set_dyn(&o->dyn[2], DT_HASH, offsetof(struct object, hash));
}

static void check(bool gnu)
{
	struct object o;

	make(&o, gnu);
	assert_ptr_equal(softsgx_elf_symbol(&o, "one"), (u8 *)&o + 32);
	assert_ptr_equal(softsgx_elf_symbol(&o, "two"), (u8 *)&o + 48);
	assert_ptr_equal(softsgx_elf_symbol(&o, "three"), (u8 *)&o + 64);
	assert_null(softsgx_elf_symbol(&o, "absent"));
	assert_null(softsgx_elf_symbol(&o, "on"));
	o.dyn[2].d_tag = DT_DEBUG;
	assert_null(softsgx_elf_symbol(&o, "one"));
	o.e.e_phnum = 1;
	assert_null(softsgx_elf_symbol(&o, "one"));
}

static void test_sysv(void **state)
{
	check(false);
}

static void test_gnu(void **state)
{
	check(true);
}

static void test_vdso(void **state)
{
	const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (!vdso)
		skip();
	assert_non_null(softsgx_elf_symbol(vdso, "__vdso_clock_gettime"));
	assert_null(softsgx_elf_symbol(vdso, "__vdso_nonsense"));
	assert_ptr_equal(softsgx_vdso_enter_enclave(),
			 softsgx_elf_symbol(vdso, "__vdso_sgx_enter_enclave"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sysv),
		cmocka_unit_test(test_gnu),
		cmocka_unit_test(test_vdso),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
