// SPDX-License-Identifier: GPL-2.0
/* Functions by symbol. */
#include "textfile.h"

static bool find(struct textfile *f, u64 addr, struct sgxcore_function *func)
{
	return textfile_open(f) && sgxcore_symbols_find(&f->text, addr, func);
}

static void what_is_no_function(void **state)
{
	struct textfile *f = textfile_new();
	struct sgxcore_function func;

	(void)state;
	assert_false(find(f, ADDR(FILE_TEXT), &func));
	textfile_symbol(f, FILE_TEXT, 0x10, STT_OBJECT);
	textfile_symbol(f, FILE_TEXT, 0x10, STT_NOTYPE);
	textfile_symbol(f, FILE_TEXT, 0, STT_FUNC);
	textfile_symbol(f, FILE_TEXT + 1, 0x10, STT_FUNC);
	assert_false(find(f, ADDR(FILE_TEXT), &func));
	assert_false(find(f, ADDR(FILE_TEXT + 0x11), &func));
	textfile_free(f);
}

/* Size, offset and number of what the section headers say */
static void wrong_sections(void **state)
{
	static const u64 values[] = { 1, 23, 1ULL << 62, ~0ULL, 1ULL << 40, FILE_SIZE };
	struct sgxcore_function func;
	unsigned int i, field;
	Elf64_Shdr *sh;
	Elf64_Ehdr *eh;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
		for (field = 0; field < 3; field++) {
			struct textfile *f = textfile_new();

			textfile_symbol(f, FILE_TEXT + 0x100, 0x10, STT_FUNC);
			sh = (Elf64_Shdr *)(f->mem + FILE_SHDRS) + 1;
			eh = (Elf64_Ehdr *)f->mem;
			if (field == 0)
				sh->sh_size = values[i];
			else if (field == 1)
				sh->sh_offset = values[i];
			else
				eh->e_shoff = values[i];
			(void)find(f, ADDR(FILE_TEXT), &func);
			assert_false(find(f, ADDR(FILE_TEXT), &func));
			textfile_free(f);
		}
	}
}

static void end_of_address_space(void **state)
{
	struct textfile *f = textfile_new();
	struct sgxcore_function func;
	Elf64_Sym *sym = (Elf64_Sym *)(f->mem + FILE_SYMTAB);

	(void)state;
	textfile_symbol(f, FILE_TEXT, 0x10, STT_FUNC);
	sym->st_value = ~0ULL - 4;
	assert_false(find(f, ~0ULL - 2, &func));
	textfile_free(f);
}

static void found(void **state)
{
	struct textfile *f = textfile_new();
	struct sgxcore_function func;
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++)
		textfile_symbol(f, FILE_TEXT + i * 0x20, 0x18, i % 2 ? STT_FUNC : STT_GNU_IFUNC);
	for (i = 0; i < 100; i++) {
		assert_true(find(f, ADDR(FILE_TEXT + i * 0x20 + 0x17), &func));
		assert_int_equal(ADDR(FILE_TEXT + i * 0x20), func.start);
		assert_int_equal(ADDR(FILE_TEXT + i * 0x20 + 0x18), func.end);
		assert_false(find(f, ADDR(FILE_TEXT + i * 0x20 + 0x18), &func));
	}
	textfile_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_function),
		cmocka_unit_test(wrong_sections),
		cmocka_unit_test(end_of_address_space),
		cmocka_unit_test(found),
	};

	return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
