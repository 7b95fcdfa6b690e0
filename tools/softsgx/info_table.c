// SPDX-License-Identifier: GPL-2.0
/* Names of bits, and what this processor can do about instructions. */
#include "info.h"

const struct info_bit info_features[] = {
	{ 1 << 0, "sgx1" },
	{ 1 << 1, "sgx2" },
	{ 1 << 11, "edeccssa" },
	{ 0, NULL },
};

const struct info_bit info_attributes[] = {
	{ 1 << 1, "debug" },
	{ 1 << 2, "mode64bit" },
	{ 1 << 4, "provisionkey" },
	{ 1 << 5, "einittokenkey" },
	{ 1 << 6, "cet" },
	{ 1 << 7, "kss" },
	{ 1 << 10, "aexnotify" },
	{ 0, NULL },
};

const struct info_bit info_misc[] = {
	{ 1 << 0, "exinfo" },
	{ 1 << 1, "cpinfo" },
	{ 0, NULL },
};

const struct info_bit info_xfrm[] = {
	{ 1 << 0, "x87" },
	{ 1 << 1, "sse" },
	{ 1 << 2, "avx" },
	{ 3 << 3, "mpx" },
	{ 7 << 5, "avx512" },
	{ 1 << 9, "pkru" },
	{ 3 << 17, "amx" },
	{ 0, NULL },
};

/*
 * Not legal inside enclaves. What does not trap executes, or faults, as outside; the
 * list is the processor's, see docs/enclave-mode.md.
 */
const struct info_trap info_traps[] = {
	{ "enclu", NULL },
	{ "int3", NULL },
	{ "syscall", NULL },
	{ "int", NULL },
	{ "in", NULL },
	{ "out", NULL },
	{ "ins", NULL },
	{ "outs", NULL },
	{ "rdpmc", NULL },
	{ "getsec", NULL },
	{ "vmcall", NULL },
	{ "sgdt", "umip" },
	{ "sidt", "umip" },
	{ "sldt", "umip" },
	{ "str", "umip" },
	{ "smsw", "umip" },
	{ "cpuid", "cpuid_fault" },
	{ "far-call", INFO_STEP },
	{ "far-jmp", INFO_STEP },
	{ "far-ret", INFO_STEP },
	{ "iret", INFO_STEP },
	{ "mov-seg", INFO_STEP },
	{ "pop-seg", INFO_STEP },
	{ "lss", INFO_STEP },
	{ "jmp-outside", INFO_STEP },
	{ NULL, NULL },
};
