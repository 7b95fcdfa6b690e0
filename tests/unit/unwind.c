// SPDX-License-Identifier: GPL-2.0
/* Functions by unwind information: what is wrong with it, then what is right. */
#include "textfile.h"

#define NR	20

static u32 start_of(unsigned int n)
{
	return FILE_TEXT + n * 0x40;
}

/* Functions of 0x30 bytes with gaps of 0x10 */
static struct textfile *new_file(unsigned int n)
{
	struct textfile *f = textfile_new();
	unsigned int i;

	for (i = 0; i < n; i++)
		textfile_function(f, start_of(i), 0x30);
	return f;
}

static bool find(struct textfile *f, u32 offset, struct sgxcore_function *func)
{
	return textfile_open(f) && sgxcore_unwind_find(&f->text, ADDR(offset), func);
}

/* With one number changed, no function is found where there was one. */
static void expect_none(u32 offset, u32 value)
{
	struct textfile *f = new_file(1);
	struct sgxcore_function func;

	assert_true(find(f, FILE_TEXT, &func));
	put32(f, offset, value);
	if (find(f, FILE_TEXT, &func))
		fail_msg("%#x at %#x", value, offset);
	textfile_free(f);
}

static void header(void **state)
{
	(void)state;
	expect_none(FILE_UNWIND, 0x3b031b02);
	expect_none(FILE_UNWIND, 0x3b03ff01);
	expect_none(FILE_UNWIND, 0x3b041b01);
	expect_none(FILE_UNWIND, 0x3b0b1b01);
	expect_none(FILE_UNWIND, 0x1b031b01);
	expect_none(FILE_UNWIND, 0x3c031b01);
	/* Entries: none, more than there is room for, any number */
	expect_none(FILE_UNWIND + 8, 0);
	expect_none(FILE_UNWIND + 8, (FILE_FRAME - FILE_UNWIND - 12) / 8 + 1);
	expect_none(FILE_UNWIND + 8, 0x20000000);
	expect_none(FILE_UNWIND + 8, ~0U);
}

static void descriptions(void **state)
{
	(void)state;
	/* Entry: beyond the function, FDE nowhere, FDE that is a CIE */
	expect_none(entry_at(0), FILE_TEXT + 1 - FILE_UNWIND);
	expect_none(entry_at(0) + 4, 0x7fffffff);
	expect_none(entry_at(0) + 4, 0x80000000);
	expect_none(entry_at(0) + 4, FILE_FRAME - FILE_UNWIND);
	expect_none(entry_at(0) + 4, FILE_SHDRS - FILE_UNWIND - 8);
	/* FDE: length, CIE, start that is not the table's, size */
	expect_none(fde_at(0), 0);
	expect_none(fde_at(0), 11);
	expect_none(fde_at(0), ~0U);
	expect_none(fde_at(0) + 4, 0);
	expect_none(fde_at(0) + 4, ~0U);
	expect_none(fde_at(0) + 4, 4);
	expect_none(fde_at(0) + 8, FILE_TEXT + 1 - (fde_at(0) + 8));
	expect_none(fde_at(0) + 12, 0);
	/* CIE: id, version, augmentation, encodings */
	expect_none(FILE_FRAME + 4, 1);
	expect_none(FILE_FRAME + 8, 0x00527a02);
	expect_none(FILE_FRAME + 8, 0x00520001);
	expect_none(FILE_FRAME + 8, 0x00587a01);
	expect_none(FILE_FRAME + 8, 0x00537a01);
	expect_none(FILE_FRAME + 16, 0x00000003);
	expect_none(FILE_FRAME + 16, 0x0000009b);
}

static void gaps(void **state)
{
	struct textfile *f = new_file(NR);
	struct sgxcore_function func;
	unsigned int i;

	(void)state;
	assert_false(find(f, FILE_TEXT - 1, &func));
	for (i = 0; i < NR; i++) {
		assert_false(find(f, start_of(i) + 0x30, &func));
		assert_false(find(f, start_of(i) + 0x3f, &func));
	}
	assert_false(find(f, start_of(NR), &func));
	assert_false(find(f, 0, &func));
	textfile_free(f);
}

static void found(void **state)
{
	struct sgxcore_function func;
	unsigned int n, i;

	(void)state;
	for (n = 1; n <= NR; n++) {
		struct textfile *f = new_file(n);

		for (i = 0; i < n; i++) {
			assert_true(find(f, start_of(i), &func));
			assert_int_equal(ADDR(start_of(i)), func.start);
			assert_int_equal(ADDR(start_of(i) + 0x30), func.end);
			assert_true(find(f, start_of(i) + 0x2f, &func));
			assert_int_equal(ADDR(start_of(i)), func.start);
		}
		textfile_free(f);
	}
}

/* Other augmentations in front of R: "zPLR" with a personality of four bytes */
static void other_augmentations(void **state)
{
	static const u8 cie[] = {
		20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'P', 'L', 'R', 0, 1, 0x78, 16, 7, 0x9b, 1, 2, 3, 4,
		0x1b, 0x1b,
	};
	struct textfile *f = new_file(0);
	struct sgxcore_function func;

	(void)state;
	/* The larger CIE overlaps the first FDE: the second one is used. */
	textfile_function(f, start_of(0), 0x30);
	textfile_function(f, start_of(1), 0x30);
	memcpy(f->mem + FILE_FRAME, cie, sizeof(cie));
	assert_true(find(f, start_of(1), &func));
	f->mem[FILE_FRAME + 18] = 0x00;
	assert_false(find(f, start_of(1), &func));
	textfile_free(f);
}

/* Without the table: sections 0 (names) and 1 (.eh_frame) */
static void use_section(struct textfile *f, const char *name, u64 flags, u64 size)
{
	Elf64_Shdr *sh = (Elf64_Shdr *)(f->mem + FILE_SHDRS);

	put32(f, FILE_UNWIND + 8, 0);
	strcpy((char *)f->mem + FILE_SYMTAB + 1, name);
	sh[0] = (Elf64_Shdr){ .sh_offset = FILE_SYMTAB };
	sh[1] = (Elf64_Shdr){
		.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = flags, .sh_size = size,
		.sh_offset = FILE_FRAME, .sh_addr = ADDR(FILE_FRAME),
	};
}

static void section_of_no_use(void **state)
{
	struct textfile *f = new_file(NR);
	struct sgxcore_function func;

	(void)state;
	use_section(f, ".eh_fram", SHF_ALLOC, 0x1000);
	assert_false(find(f, start_of(0), &func));
	use_section(f, ".eh_frames", SHF_ALLOC, 0x1000);
	assert_false(find(f, start_of(0), &func));
	use_section(f, ".eh_frame", 0, 0x1000);
	assert_false(find(f, start_of(0), &func));
	use_section(f, ".eh_frame", SHF_ALLOC, 24 + 19);
	assert_true(find(f, start_of(0), &func));
	use_section(f, ".eh_frame", SHF_ALLOC, 24 + 15);
	assert_false(find(f, start_of(0), &func));
	/* A record that ends all, or goes beyond all */
	use_section(f, ".eh_frame", SHF_ALLOC, ~0ULL >> 3);
	put32(f, fde_at(3), 0);
	assert_true(find(f, start_of(2), &func));
	assert_false(find(f, start_of(4), &func));
	put32(f, fde_at(3), ~0U - 1);
	assert_false(find(f, start_of(4), &func));
	textfile_free(f);
}

static void found_by_section(void **state)
{
	struct textfile *f = new_file(NR);
	struct sgxcore_function func;
	unsigned int i;

	(void)state;
	use_section(f, ".eh_frame", SHF_ALLOC, 24 + NR * 20);
	for (i = 0; i < NR; i++) {
		assert_true(find(f, start_of(i) + 0x2f, &func));
		assert_int_equal(ADDR(start_of(i)), func.start);
		assert_int_equal(ADDR(start_of(i) + 0x30), func.end);
		assert_false(find(f, start_of(i) + 0x30, &func));
	}
	textfile_free(f);
}

/* Unsorted tables lead to a function that the address is in, or to none. */
static void unsorted(void **state)
{
	struct sgxcore_function func;
	unsigned int round, i, j;

	(void)state;
	srandom(3);
	for (round = 0; round < 500; round++) {
		struct textfile *f = new_file(NR);

		for (i = 0; i < 5; i++) {
			j = random() % NR;
			memmove(f->mem + entry_at(j), f->mem + entry_at(random() % NR), 8);
		}
		for (i = 0; i < NR * 0x40; i += 7) {
			if (find(f, FILE_TEXT + i, &func)) {
				assert_true(func.start <= ADDR(FILE_TEXT + i));
				assert_true(ADDR(FILE_TEXT + i) < func.end);
			}
		}
		textfile_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header),	cmocka_unit_test(descriptions),
		cmocka_unit_test(gaps),		cmocka_unit_test(found),
		cmocka_unit_test(other_augmentations),
		cmocka_unit_test(section_of_no_use),
		cmocka_unit_test(found_by_section),
		cmocka_unit_test(unsorted),
	};

	return cmocka_run_group_tests_name("unwind", tests, NULL, NULL);
}
