// SPDX-License-Identifier: GPL-2.0
/* CPUID in program files: made to order, made to harm, and those of this machine. */
#include <stdio.h>
#include <stdlib.h>

#include "textfile.h"

#define FUNC	(FILE_TEXT + 0x100)
#define LIMIT	(64UL << 20)

static const u8 cpuid[] = { 0x0f, 0xa2 };
static const u8 mov_imm[] = { 0xb8, 0x0f, 0xa2, 0x0f, 0xa2 };

static struct textfile *new_file(u32 size)
{
	struct textfile *f = textfile_new();

	textfile_function(f, FUNC, size);
	return f;
}

static void expect(struct textfile *f, u32 offset, bool expected)
{
	assert_int_equal(expected, sgxcore_text_is_cpuid(&f->text, offset));
}

static void no_program(void **state)
{
	static const u32 changes[][2] = {
		{ 0, 0 }, { 4, 0x00010101 }, { 4, 0x00010202 }, { 16, 0x00030003 },
		{ 36, 0xffffffff }, { 52, 0x00390040 }, { 56, 0x00400000 },
		{ 56, 0x0040ffff },
	};
	struct textfile *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		f = new_file(0x100);
		assert_true(textfile_open(f));
		put32(f, changes[i][0], changes[i][1]);
		assert_false(textfile_open(f));
		textfile_free(f);
	}
	f = new_file(0x100);
	for (f->size = 0; f->size < 64 + 3 * 56; f->size++)
		assert_false(textfile_open(f));
	textfile_free(f);
}

static void no_instruction(void **state)
{
	struct textfile *f = new_file(0x100);

	(void)state;
	textfile_code(f, FUNC + 0x10, mov_imm, sizeof(mov_imm));
	textfile_code(f, FUNC + 0x20, "\x66", 1);
	textfile_code(f, FUNC + 0x21, cpuid, 2);
	textfile_code(f, FUNC + 0xff, cpuid, 2);
	textfile_code(f, FUNC + 0x140, cpuid, 2);
	textfile_code(f, FILE_UNWIND - 1, cpuid, 2);
	assert_true(textfile_open(f));
	/* no such bytes; immediates; behind a prefix; leaving the function; outside */
	expect(f, FUNC + 0x08, false);
	expect(f, FUNC + 0x11, false);
	expect(f, FUNC + 0x13, false);
	expect(f, FUNC + 0x21, false);
	expect(f, FUNC + 0xff, false);
	expect(f, FUNC + 0x140, false);
	expect(f, FILE_UNWIND - 1, false);
	expect(f, FILE_UNWIND, false);
	expect(f, FILE_SIZE, false);
	assert_false(sgxcore_text_is_cpuid(&f->text, ~0ULL));
	textfile_free(f);
}

/* Behind bytes that are no instruction nobody knows where the next one begins. */
static void nonsense_before(void **state)
{
	struct textfile *f = new_file(0x100);

	(void)state;
	textfile_code(f, FUNC + 0x08, cpuid, 2);
	textfile_code(f, FUNC + 0x10, "\x06", 1);
	textfile_code(f, FUNC + 0x20, cpuid, 2);
	textfile_code(f, FUNC + 0x30, cpuid, 2);
	assert_true(textfile_open(f));
	expect(f, FUNC + 0x08, true);
	expect(f, FUNC + 0x20, false);
	expect(f, FUNC + 0x30, false);
	textfile_free(f);
}

static void function_that_leaves_its_segment(void **state)
{
	struct textfile *f = new_file(FILE_TEXT_SIZE);

	(void)state;
	textfile_code(f, FUNC, cpuid, 2);
	assert_true(textfile_open(f));
	expect(f, FUNC, false);
	textfile_free(f);
}

static void instructions(void **state)
{
	struct textfile *f = new_file(0x100);

	(void)state;
	textfile_code(f, FUNC, cpuid, 2);
	textfile_code(f, FUNC + 0x10, mov_imm, sizeof(mov_imm));
	textfile_code(f, FUNC + 0x15, cpuid, 2);
	textfile_code(f, FUNC + 0xfe, cpuid, 2);
	textfile_code(f, FUNC + 0x140, cpuid, 2);
	textfile_symbol(f, FUNC + 0x13e, 4, STT_FUNC);
	assert_true(textfile_open(f));
	expect(f, FUNC, true);
	expect(f, FUNC + 0x15, true);
	expect(f, FUNC + 0xfe, true);
	expect(f, FUNC + 0x140, true);
	/* in any order */
	expect(f, FUNC + 0x15, true);
	expect(f, FUNC + 0x11, false);
	expect(f, FUNC, true);
	textfile_free(f);
}

/* Longer than the window, with instructions across its ends */
static void long_function(void **state)
{
	const u32 size = 0x4800;
	struct textfile *f = new_file(size);
	u32 at;

	(void)state;
	for (at = 0; at + 7 <= size; at += 7) {
		textfile_code(f, FUNC + at, mov_imm, sizeof(mov_imm));
		textfile_code(f, FUNC + at + 5, cpuid, 2);
	}
	assert_true(textfile_open(f));
	for (at = 0; at + 7 <= size; at += 7) {
		expect(f, FUNC + at + 1, false);
		expect(f, FUNC + at + 3, false);
		expect(f, FUNC + at + 5, true);
	}
	textfile_free(f);
}

static void budget(void **state)
{
	struct textfile *f = new_file(0x4800);
	u32 at;

	(void)state;
	memset(f->mem + FUNC, 0, 0x4800);
	for (at = 0; at < 0x4800; at += 2)
		textfile_code(f, FUNC + at, cpuid, 2);
	assert_true(textfile_open(f));
	expect(f, FUNC, true);
	f->text.budget = 20000;
	f->reads = 0;
	for (at = 0; at < 0x4800; at += 2)
		(void)sgxcore_text_is_cpuid(&f->text, FUNC + at);
	expect(f, FUNC + 0x4000, false);
	assert_true(f->reads < 100);
	textfile_free(f);
}

/* Whatever is wrong: no byte out of bounds, an end, and only CPUID is CPUID. */
static void mutants(void **state)
{
	unsigned int round, i;

	(void)state;
	srandom(5);
	for (round = 0; round < 5000; round++) {
		struct textfile *f = new_file(0x100 + random() % 0x400);
		u32 at;

		textfile_symbol(f, FUNC + 0x2000, 0x800, STT_FUNC);
		for (i = 0; i < 40; i++)
			textfile_code(f, FUNC + random() % 0x2800, i & 1 ? cpuid : mov_imm, 2);
		for (i = random() % 4; i; i--) {
			static const u32 where[] = { 0, FILE_UNWIND, FILE_FRAME, FILE_SHDRS };

			at = where[random() % 4] + random() % 0xe0;
			put32(f, at, random() & 1 ? ~0U >> random() % 32 : (u32)random());
		}
		if (!(random() % 8))
			f->size = random() % FILE_SIZE;
		if (textfile_open(f)) {
			for (at = FUNC; at < FUNC + 0x2800; at += 1 + random() % 3) {
				if (sgxcore_text_is_cpuid(&f->text, at))
					assert_memory_equal(f->mem + at, cpuid, 2);
			}
		}
		assert_true(f->reads < 200000);
		textfile_free(f);
	}
}

/* -------------------------------------------------------------- real programs */

static size_t read_real(void *ctx, u64 offset, void *buf, size_t n)
{
	return fseek(ctx, offset, SEEK_SET) ? 0 : fread(buf, 1, n, ctx);
}

/* Bit map of the offsets at which objdump shows CPUID; in libraries, addresses */
static u8 *disassemble(const char *path, unsigned long *n)
{
	u8 *map = calloc(1, LIMIT);
	unsigned long addr;
	char command[256];
	FILE *p;

	snprintf(command, sizeof(command),
		 "objdump -d %s 2>/dev/null | grep -w 'cpuid *$'", path);
	p = popen(command, "r");
	*n = 0;
	while (p && fscanf(p, "%lx:%*[^\n]", &addr) == 1) {
		if (addr < LIMIT && !map[addr])
			map[addr] = 1, ++*n;
	}
	if (p)
		pclose(p);
	return map;
}

static unsigned long compare(struct sgxcore_text *t, const u8 *map, FILE *file)
{
	unsigned long found = 0;
	size_t size, at = 0;
	const u8 *p;
	u8 *data;

	fseek(file, 0, SEEK_END);
	size = ftell(file);
	data = malloc(size);
	assert_int_equal(size, read_real(file, 0, data, size));
	while ((p = sgxcore_find_cpuid(data + at, size - at))) {
		at = p - data;
		if (sgxcore_text_is_cpuid(t, at)) {
			const struct sgxcore_segment *seg = t->seg;

			while (at - seg->offset >= seg->size)
				seg++;
			assert_true(map[at - seg->offset + seg->addr]);
			found++;
		}
		at += 2;
	}
	free(data);
	return found;
}

static void real_programs(void **state)
{
	static const char *const paths[] = {
		"/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	};
	unsigned long n, found;
	unsigned int i;

	(void)state;
	if (system("objdump --version >/dev/null 2>&1")) {
		print_message("# SKIP objdump is not installed\n");
		skip();
	}
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct sgxcore_text t = { .read = read_real, .budget = 256 << 20 };
		FILE *file = fopen(paths[i], "r");
		u8 *map;

		if (!file)
			continue;
		map = disassemble(paths[i], &n);
		t.ctx = file;
		assert_true(sgxcore_text_open(&t));
		found = compare(&t, map, file);
		print_message("# %s: %lu of %lu\n", paths[i], found, n);
		/* Where constants are among the code, objdump shows them as code. */
		if (i < 2)
			assert_int_equal(n, found);
		free(map);
		fclose(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_program),
		cmocka_unit_test(no_instruction),
		cmocka_unit_test(nonsense_before),
		cmocka_unit_test(function_that_leaves_its_segment),
		cmocka_unit_test(instructions),
		cmocka_unit_test(long_function),
		cmocka_unit_test(budget),
		cmocka_unit_test(mutants),
		cmocka_unit_test(real_programs),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
