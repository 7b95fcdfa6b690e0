// SPDX-License-Identifier: GPL-2.0
/* Lengths of instructions: cases by hand, and real programs against objdump. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/text.h"

#define MAX_LINE	512

struct sample {
	const char *bytes;		/* hexadecimal, with what may follow */
	size_t length;			/* 0: none */
};

static const struct sample invalid[] = {
	{ "", 0 },
	{ "0f", 0 },
	{ "06", 0 }, { "27", 0 }, { "60", 0 }, { "9a1122334455", 0 }, { "d400", 0 },
	{ "0f04", 0 }, { "0f2411", 0 }, { "0f3900", 0 }, { "0fa600", 0 },
	/* cut short: immediate, displacement, SIB, prefixes only */
	{ "b8112233", 0 }, { "8b80112233", 0 }, { "8b04", 0 }, { "6666f248", 0 },
	{ "48b811223344556677", 0 }, { "f600", 0 },
	/* longer than 15 bytes */
	{ "66666666666666666666666666666690", 0 },
	/* VEX and EVEX behind REX, 66, F2, F3, LOCK; unknown maps; reserved bits */
	{ "48c5f877", 0 }, { "66c5f877", 0 }, { "f3c5f877", 0 }, { "f0c5f877", 0 },
	{ "c4e07877c0", 0 }, { "c4e47858c0", 0 }, { "62f96c4858c0", 0 }, { "62f1684858c0", 0 },
	{ "62f46c4858c0", 0 },
	/* AMD XOP; near branches that AMD and Intel see differently */
	{ "8fe878c0c011", 0 }, { "66e811223344", 0 }, { "660f8411223344", 0 },
};

static const struct sample valid[] = {
	{ "90", 1 }, { "c3", 1 }, { "0fa2", 2 }, { "0f0b", 2 }, { "0f05", 2 }, { "f390", 2 },
	{ "0f01d7", 3 }, { "f30f1efa", 4 }, { "480fa2", 3 },
	/* the pair that is no CPUID: immediate, displacement, moffs */
	{ "b80fa20000", 5 }, { "48b80fa20fa20fa20fa2", 10 }, { "66b80fa2", 4 },
	{ "8b800fa20000", 6 }, { "8b050fa20000", 6 }, { "a10fa20fa20fa20fa2", 9 },
	{ "67a10fa20fa2", 6 }, { "c7000fa20000", 6 }, { "66c7000fa2", 5 }, { "48c7c00fa20000", 7 },
	{ "680fa20000", 5 }, { "66680fa2", 4 }, { "c20fa2", 3 }, { "c80fa200", 4 },
	/* ModRM and SIB */
	{ "8b00", 2 }, { "8b4011", 3 }, { "8b8011223344", 6 }, { "8bc0", 2 }, { "8b0424", 3 },
	{ "8b042511223344", 7 }, { "8b442411", 4 }, { "8b842411223344", 7 }, { "418b4500", 4 },
	{ "418b0424", 4 }, { "428b042d11223344", 8 },
	/* TEST and its neighbours in group 3 */
	{ "f6c011", 3 }, { "f6c811", 3 }, { "f6d0", 2 }, { "f7c011223344", 6 }, { "66f7c01122", 5 },
	{ "f7d8", 2 }, { "48f7c011223344", 7 },
	/* control and debug registers have no memory form */
	{ "0f2000", 3 }, { "0f2304", 3 },
	/* branches; REX.W makes 66 harmless */
	{ "e811223344", 5 }, { "eb11", 2 }, { "0f8411223344", 6 }, { "666648e811223344", 8 },
	/* REX in front of a prefix is void: MOV keeps its short immediate */
	{ "4866b81122", 5 },
	/* other maps */
	{ "660f3800c1", 5 }, { "660f3a0fc111", 6 }, { "0f38f000", 4 }, { "0f70c011", 4 },
	{ "f30fb8c0", 4 }, { "0fc7f0", 3 }, { "0fbae011", 4 }, { "0f0dc0", 3 },
	/* VEX, EVEX */
	{ "c5f877", 3 }, { "c5f858c1", 4 }, { "c5f870c111", 5 }, { "c4e27918c1", 5 },
	{ "c4e37918c111", 6 }, { "c4e37918042411", 7 }, { "c5fd6f0511223344", 8 },
	{ "62f16c4858c1", 6 }, { "62f17c48104011", 7 }, { "62f36d4825c111", 7 },
	{ "62f57c4858c1", 6 }, { "62f17d4870c111", 7 }, { "62f26c4898842411223344", 11 },
};

static size_t from_hex(u8 *to, const char *hex)
{
	size_t n = 0;
	unsigned int byte;

	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		to[n++] = byte;
	return n;
}

static void check_sample(const struct sample *s, bool pad)
{
	u8 bytes[2 * SGXCORE_INSN_MAX] = { };
	size_t n = from_hex(bytes, s->bytes), length;
	u8 *copy;

	/* On the heap, so that a byte too far is seen. */
	n = pad ? sizeof(bytes) : n;
	copy = malloc(n ? n : 1);
	memcpy(copy, bytes, n);
	length = sgxcore_insn_length(copy, n);
	free(copy);
	if (length != s->length)
		fail_msg("%s: %zu instead of %zu", s->bytes, length, s->length);
}

static void what_is_no_instruction(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		check_sample(&invalid[i], false);
}

static void what_is_one(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
		check_sample(&valid[i], false);
		check_sample(&valid[i], true);
	}
}

/* Whatever the bytes, the length is one of them, and the same with more behind. */
static void any_bytes(void **state)
{
	u8 bytes[SGXCORE_INSN_MAX + 1];
	size_t n, length;
	unsigned int round, i;

	(void)state;
	srandom(1);
	for (round = 0; round < 300000; round++) {
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = random() >> 8;
		length = sgxcore_insn_length(bytes, sizeof(bytes));
		assert_true(length <= SGXCORE_INSN_MAX);
		for (n = 0; n < length; n++)
			assert_int_equal(0, sgxcore_insn_length(bytes, n));
		if (length)
			assert_int_equal(length, sgxcore_insn_length(bytes, length));
	}
}

static void pairs_are_found(void **state)
{
	u8 bytes[64];
	size_t n, at;

	(void)state;
	for (n = 0; n < sizeof(bytes); n++) {
		memset(bytes, 0xa2, sizeof(bytes));
		assert_null(sgxcore_find_cpuid(bytes, n));
		memset(bytes, 0x0f, sizeof(bytes));
		assert_null(sgxcore_find_cpuid(bytes, n));
		for (at = 0; at + 1 < n; at++) {
			memset(bytes, 0xa2, sizeof(bytes));
			bytes[at] = 0x0f;
			assert_ptr_equal(bytes + at, sgxcore_find_cpuid(bytes, n));
			memset(bytes, 0xa3, sizeof(bytes));
			bytes[at] = 0x0f;
			assert_null(sgxcore_find_cpuid(bytes, n));
			bytes[at + 1] = 0xa2;
			assert_ptr_equal(bytes + at, sgxcore_find_cpuid(bytes, n));
		}
	}
}

/* ------------------------------------------------- against the disassembler */

struct tally {
	unsigned long same;
	unsigned long none;
	unsigned long wrong;
};

/*
 * A line is "address:TABbytesTABtext". What objdump does not know either it calls
 * "(bad)", and a lone prefix has a line of its own.
 */
static void compare_line(struct tally *t, const char *line)
{
	const char *bytes = strchr(line, '\t'), *text;
	u8 insn[64];
	size_t n = 0, length;
	unsigned int byte;

	if (!bytes)
		return;
	text = strchr(++bytes, '\t');
	if (!text || strstr(text, "(bad)"))
		return;
	while (n < sizeof(insn) && bytes[3 * n] > ' ' && sscanf(bytes + 3 * n, "%2x", &byte) == 1)
		insn[n++] = byte;
	/* FWAIT is an instruction of its own, although it is shown with the next. */
	if (n > 1 && insn[0] == 0x9b)
		memmove(insn, insn + 1, --n);
	length = sgxcore_insn_length(insn, n);
	if (length == n) {
		t->same++;
	} else if (!length) {
		t->none++;
		if (t->none < 4)
			print_message("# not decoded: %s", line);
	} else {
		t->wrong++;
		print_message("# %zu bytes: %s", length, line);
	}
}

static struct tally compare_file(const char *path)
{
	char command[MAX_LINE], line[MAX_LINE];
	struct tally t = { };
	FILE *f;

	snprintf(command, sizeof(command), "objdump -dw -j .text %s 2>/dev/null", path);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		compare_line(&t, line);
	if (f)
		pclose(f);
	return t;
}

static void lengths_are_those_of_objdump(void **state)
{
	static const char *const files[] = {
		"/usr/bin/objdump", "/lib/x86_64-linux-gnu/libc.so.6",
		"/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	};
	struct tally t;
	size_t i;

	(void)state;
	if (system("objdump --version >/dev/null 2>&1")) {
		print_message("# SKIP objdump is not installed\n");
		skip();
	}
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		t = compare_file(files[i]);
		print_message("# %s: %lu same, %lu not decoded, %lu wrong\n", files[i], t.same,
			      t.none, t.wrong);
		assert_int_equal(0, t.wrong);
		assert_true(t.none * 1000 <= t.same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_instruction),
		cmocka_unit_test(what_is_one),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(pairs_are_found),
		cmocka_unit_test(lengths_are_those_of_objdump),
	};

	return cmocka_run_group_tests_name("insn", tests, NULL, NULL);
}
