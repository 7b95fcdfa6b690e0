// SPDX-License-Identifier: GPL-2.0
/* Which instructions an enclave may execute: all of the manual's list, and its neighbours. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/text.h"

static const char * const illegal[] = {
	"0fa2", "0f05", "0f34", "0f33", "0f37",
	"0f0100", "0f0108", "0f010d11223344",			/* SGDT, SIDT */
	"0f0120", "0f01e0", "0f01e7",				/* SMSW */
	"0f0000", "0f00c0", "0f0008", "0f00c8",			/* SLDT, STR */
	"0f01c1", "0f01d4", "0f01d9",
	"e411", "e511", "e611", "e711", "ec", "ed", "ee", "ef",
	"6c", "6d", "6e", "6f", "f36c", "f36f",
	"cd03", "cd04", "cd80", "cdff", "cf", "48cf", "cb", "48cb", "ca1100",
	"ff18", "48ff18", "ff28", "48ff28", "ff6c2410",		/* far CALL and JMP */
	"0fb200", "0fb400", "0fb500", "480fb200",
	"8ee0", "8ed8", "668ee0", "8e20", "0fa1", "0fa9", "660fa1", "480fa9",
	/* prefixes in front */
	"480fa2", "660fa2", "f30fa2", "2e0f05", "4f0f05", "6466480f05", "67ec",
};

static const char * const tsc[] = { "0f31", "0f01f9", "480f31", "f30f31" };

static const char * const legal[] = {
	"", "48", "0f", "0f00", "0f01", "ff",			/* cut short */
	"90", "c3", "cc", "f1", "f4", "fa", "fb",
	"0f01d7", "0f01d0", "0f01d5", "0f01d6", "0f01ca", "0f01cb",	/* ENCLU, XGETBV, ... */
	"0f0110", "0f0118", "0f0138",				/* LGDT, LIDT, INVLPG: #GP anyway */
	"0f0010", "0f00d8", "0f00e0", "0f00e8",			/* LLDT, LTR, VERR, VERW */
	"0f0b", "0f30", "0f32", "0fa0", "0fa8", "0fae", "0fb0", "0fb3", "0fb6",
	"8cd8", "8c00", "8f00", "ff10", "ff20", "ff30", "ffd0", "ffd8", "ffe8", "ffe0",
	"f3480faed0", "0fc7f0", "0fc7f8", "9d",
	/* the bytes are there, but not the opcode */
	"b80fa20000", "050f050000", "c70500000000cd80",
};

static size_t from_hex(u8 *to, const char *hex)
{
	size_t n = 0;
	unsigned int byte;

	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		to[n++] = byte;
	return n;
}

static void check(const char *hex, enum sgxcore_insn expected)
{
	u8 bytes[SGXCORE_INSN_MAX];
	size_t n = from_hex(bytes, hex);
	enum sgxcore_insn class;
	u8 *copy;

	/* On the heap, so that a byte too far is seen. */
	copy = malloc(n ? n : 1);
	memcpy(copy, bytes, n);
	class = sgxcore_insn_class(copy, n);
	free(copy);
	if (class != expected)
		fail_msg("%s: %d instead of %d", hex, class, expected);
}

#define CHECK_ALL(list, expected) do {						\
	for (size_t i = 0; i < sizeof(list) / sizeof(*(list)); i++)		\
		check((list)[i], expected);					\
} while (0)

static void the_manuals_list(void **state)
{
	(void)state;
	CHECK_ALL(illegal, SGXCORE_INSN_ILLEGAL);
}

static void time_stamps(void **state)
{
	(void)state;
	CHECK_ALL(tsc, SGXCORE_INSN_TSC);
}

static void others(void **state)
{
	(void)state;
	CHECK_ALL(legal, SGXCORE_INSN_LEGAL);
	check("9c", SGXCORE_INSN_PUSHF);
	check("669c", SGXCORE_INSN_PUSHF);
}

/* On the heap, so that a byte too far is seen; what is not there does not count. */
static void cut_short(void **state)
{
	u8 bytes[SGXCORE_INSN_MAX];
	size_t i, n;
	u8 *copy;

	(void)state;
	for (i = 0; i < sizeof(illegal) / sizeof(*illegal); i++) {
		for (n = from_hex(bytes, illegal[i]); n > 0; n--) {
			copy = malloc(n - 1 ? n - 1 : 1);
			memcpy(copy, bytes, n - 1);
			sgxcore_insn_class(copy, n - 1);
			free(copy);
		}
	}
	check("666666666666666666666666666666", SGXCORE_INSN_LEGAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manuals_list),
		cmocka_unit_test(time_stamps),
		cmocka_unit_test(others),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
