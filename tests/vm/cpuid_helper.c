// SPDX-License-Identifier: GPL-2.0
/*
 * Executed by the tests of CPUID: tells by its exit status what it sees. 0: no SGX,
 * and its text is as it was. 1: SGX, by way of changed text. Anything else is wrong.
 */
#include "cpuid.h"

static int look(void)
{
	bool patched = is_ud2(code_cfi_insn);

	if (!patched && !is_cpuid(code_cfi_insn))
		return 10;
	if (is_ud2(code_symbol_insn) != patched || is_ud2(code_straddle_insn) != patched)
		return 11;
	if (!is_cpuid(code_bare_insn))
		return 12;
	if (shows_sgx(code_cfi) != patched || shows_sgx(code_symbol) != patched)
		return 13;
	if (shows_sgx(code_bare))
		return 14;
	return patched;
}

/* helper [N]: the last of N executions looks */
int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;
	char number[16];

	if (left > 0) {
		snprintf(number, sizeof(number), "%d", left - 1);
		execl("/proc/self/exe", argv[0], number, NULL);
		return 20;
	}
	return look();
}
