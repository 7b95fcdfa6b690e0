/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of CPUID share with the program that they execute.
 */
#ifndef _TESTS_VM_CPUID_H
#define _TESTS_VM_CPUID_H

#include <cpuid.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "../../include/arch/sgx_arch.h"
#include "../../include/softsgx/personality.h"

enum { RAX, RBX, RCX, RDX };

typedef void code_fn(u64 regs[4]);
typedef u64 number_fn(u64 n);

#define CODE(name)	extern code_fn name; extern const u8 name##_insn[]

/* tests/vm/cpuid_code.S */
CODE(code_cfi);
CODE(code_symbol);
CODE(code_bare);
CODE(code_prefix);
CODE(code_step);
CODE(code_straddle);
extern const u8 code_step_next[];
extern number_fn code_imm, code_imm_swapped, code_imm64, code_disp, code_disp_sib, code_ud2;
extern const u8 code_data[9];

static const u8 cpuid_bytes[] = { 0x0f, 0xa2 };
static const u8 ud2_bytes[] = { 0x0f, 0x0b };

static inline bool is_cpuid(const u8 *p)
{
	return !memcmp(p, cpuid_bytes, 2);
}

static inline bool is_ud2(const u8 *p)
{
	return !memcmp(p, ud2_bytes, 2);
}

/* With rubbish in the upper halves, which CPUID clears */
static inline void ask(code_fn *fn, u32 leaf, u32 subleaf, u64 regs[4])
{
	const u64 rubbish = 0xdeadbeef00000000;

	regs[RAX] = rubbish | leaf;
	regs[RBX] = ~0ULL;
	regs[RCX] = rubbish | subleaf;
	regs[RDX] = ~0ULL;
	fn(regs);
}

static inline bool shows_sgx(code_fn *fn)
{
	u64 regs[4];

	ask(fn, 7, 0, regs);
	return regs[RBX] & 4;
}

/* A file beside the test program */
static inline void beside(char *path, size_t size, const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[n < 0 ? 0 : n] = 0;
	slash = strrchr(path, '/');
	if (slash)
		snprintf(slash + 1, size - (slash + 1 - path), "%s", name);
}

/* Make sure that the caller, from its first instruction on, is @wanted to see SGX. */
static inline void be_executed(char **argv, bool wanted)
{
	unsigned int old = personality(0xffffffff);
	unsigned int new = wanted ? old | SOFTSGX_PER_CPUID : old & ~SOFTSGX_PER_CPUID;

	if (new == old)
		return;
	if (personality(new) != -1)
		execv("/proc/self/exe", argv);
	_exit(99);
}

#endif /* _TESTS_VM_CPUID_H */
