/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ENCLS by the manual: cases that see nothing of a processor but its leaves (the interface
 * of <softsgx/cpu.h>). The same sources run as a program, on the core alone, and as a kernel
 * module, on softsgx_cpu.
 *
 * A leaf that refuses must change nothing: operands and EPC are compared each time.
 */
#ifndef _TESTS_CONFORM_BENCH_H
#define _TESTS_CONFORM_BENCH_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <stdbool.h>
#include <string.h>
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))
#endif

#include <softsgx/cpu.h>

#include "sigs.h"

#define BENCH_EPC	12
#define BENCH_BASE	0x10000000ULL
#define BENCH_SIZE	0x10000ULL

/* How a leaf ends */
#define OK		0
#define GP		(SGXCPU_FAULT | 13)
#define PF		(SGXCPU_FAULT | 14)

#define REG_RW		(SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)

/* The pages of bench_enclave() by their place in the EPC; from FREE on they are free. */
enum { SECS, REG, TCS, VA, FREE };

/* Offsets in the enclave: those two pages, and one that nothing is at */
#define AT_REG		0x0000
#define AT_TCS		0x1000
#define AT_FREE		0x3000

struct bench_operands {
	u8 src[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	u8 sig[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	u8 token[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgx_pcmd pcmd;
	struct sgx_pageinfo info;
	struct sgx_secinfo secinfo;
};

/**
 * struct bench - operands, EPC, and what a case has found; page-aligned
 * @op: what leaves get as operands
 * @epc: pages that are free before each case and after it
 * @sgx2: does the processor have EAUG, EMODPR and EMODT?
 * @attributes: that ECREATE accepts
 * @xfrm: that ECREATE accepts
 * @misc: that ECREATE accepts
 * @data: EDBGRD
 * @line: of the first check that failed in this case, 0 if there is none
 * @what: the check
 * @got: result
 */
struct bench {
	struct bench_operands op;
	struct bench_operands saved_op;
	u8 saved_epc[BENCH_EPC][SGX_PAGE_SIZE];
	u8 *epc[BENCH_EPC];
	bool sgx2;
	u64 attributes;
	u64 xfrm;
	u32 misc;
	unsigned long data;
	unsigned int line;
	const char *what;
	int got;
};

struct bench_case {
	void (*run)(struct bench *b);
	const char *text;
};

/* Which processors a leaf is tested on */
enum bench_needs { BENCH_ANY, BENCH_SGX1, BENCH_SGX2 };

/**
 * struct bench_leaf - the cases of one leaf
 * @name: the leaf
 * @cases: in the order of its checks
 * @nr: of them
 * @needs: the processor that they are for
 */
struct bench_leaf {
	const char *name;
	const struct bench_case *cases;
	unsigned int nr;
	enum bench_needs needs;
};

#define BENCH_LEAF(leaf, array, which) \
	{ .name = leaf, .cases = array, .nr = ARRAY_SIZE(array), .needs = which }

extern const struct bench_leaf bench_build[], bench_einit[], bench_page[], bench_paging[],
			       bench_dynamic[];

/* Results of leaves: REFUSES() wants nothing changed, too. */
#define GIVES(b, want, call)	bench_check(b, call, want, __LINE__, #call)
#define ACCEPTS(b, call)	GIVES(b, OK, call)
#define HOLDS(b, condition)	bench_check(b, !(condition), 0, __LINE__, #condition)
#define REFUSES(b, want, call)					\
	do {							\
		bench_save(b);					\
		bench_check(b, call, want, __LINE__, #call);	\
		bench_unchanged(b, __LINE__, #call);		\
	} while (0)

/* What the program and the module provide */
void bench_report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* All cases, as TAP; returns whether all have passed. */
bool bench_run(struct bench *b);

void bench_check(struct bench *b, int got, int want, unsigned int line, const char *what);
void bench_save(struct bench *b);
void bench_unchanged(struct bench *b, unsigned int line, const char *what);

static inline u64 bench_addr(const void *p)
{
	return (unsigned long)p;
}

/* Operands that are good, for cases to spoil */
struct sgx_secs *bench_secs_source(struct bench *b);
struct sgx_tcs *bench_tcs_source(struct bench *b);
void bench_add_source(struct bench *b, u64 offset, u64 flags);
void bench_sigstruct(struct bench *b, enum conform_sig which);

/* Leaves with these operands */
int bench_ecreate(struct bench *b);
int bench_einit_with(struct bench *b, enum conform_sig which);

/* An SECS; an enclave before EINIT, with a REG page, a TCS and a version array; after it */
void bench_secs(struct bench *b);
void bench_enclave(struct bench *b);
void bench_enclave_with(struct bench *b, u64 attributes);
void bench_initialised(struct bench *b);
void bench_initialised_with(struct bench *b, u64 attributes);

#endif /* _TESTS_CONFORM_BENCH_H */
