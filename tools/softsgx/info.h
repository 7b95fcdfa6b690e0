/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of "softsgx info". */
#ifndef SOFTSGX_INFO_H
#define SOFTSGX_INFO_H

#include "cmd.h"

#define INFO_SECTIONS 8

/* What CPUID says: EAX, EBX, ECX, EDX of each leaf */
struct info_cpuid {
	uint32_t max[4]; /* 0 */
	uint32_t features[4]; /* 1 */
	uint32_t extended[4]; /* 7 */
	uint32_t sgx[2 + INFO_SECTIONS][4]; /* 12H */
};

struct info_section {
	uint64_t start, size;
};

struct info_device {
	const char *path;
	bool there, ours;
	unsigned int mode;
};

/* What there is, for people and for programs. */
struct info {
	bool cpu_loaded, driver_loaded;
	char model[32]; /* or "" */
	bool answered; /* to a process that opts in */
	bool opted_in; /* this one */
	char vendor[13]; /* CPUID.0 */
	uint32_t signature; /* CPUID.1:EAX */
	bool real; /* the machine has SGX of its own */
	uint32_t eax, misc; /* CPUID.12H.0 */
	uint64_t attributes, xfrm; /* CPUID.12H.1 */
	unsigned int size_bits;
	struct info_section sections[INFO_SECTIONS];
	unsigned int nr_sections;
	struct info_device devices[2];
	bool vdso, fsgsbase;
	uint64_t xcr0; /* 0: no XSAVE */
	bool step; /* all instructions inside are looked at */
	char flags[4096]; /* of the CPU, each between spaces */
};

/* A bit of some word, and its name */
struct info_bit {
	uint64_t bit;
	const char *name;
};

/*
 * Instructions that are #UD inside on hardware. Do they trap here?
 * @needs: a flag of /proc/cpuinfo, INFO_STEP, or NULL: always
 */
#define INFO_STEP "step" /* the processor's parameter, which makes all trap */

struct info_trap {
	const char *name;
	const char *needs;
};

/* info.c */
void info_collect(struct info *i);
bool info_has_sgx(const struct info_cpuid *c);
bool info_traps_now(const struct info *i, const struct info_trap *t);

/* info_cpuid.c */
void info_cpuid_here(struct info_cpuid *c);
bool info_cpuid_opted_in(struct info_cpuid *c);
int info_cpuid_print(void);
uint64_t info_xcr0(const struct info_cpuid *c);
bool info_has_vdso(void);

/* info_table.c: all end with a name of NULL */
extern const struct info_bit info_features[];
extern const struct info_bit info_attributes[];
extern const struct info_bit info_misc[];
extern const struct info_bit info_xfrm[];
extern const struct info_trap info_traps[];

/* info_print.c */
void info_print(const struct info *i);
void info_print_json(const struct info *i);

#endif
