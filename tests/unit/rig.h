/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A processor on the bench: EPC, model, operands and one logical processor in one
 * structure, so that a snapshot of it shows whether a failed leaf left anything
 * behind.
 */
#ifndef _TESTS_UNIT_RIG_H
#define _TESTS_UNIT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../core/internal.h"
#include "seal.h"

/* Two sections with a hole between them */
#define RIG_LOW_PAGES		48
#define RIG_HOLE_PAGES		1
#define RIG_HIGH_PAGES		16
#define RIG_PAGES		(RIG_LOW_PAGES + RIG_HIGH_PAGES)
#define RIG_MEM			((RIG_PAGES + RIG_HOLE_PAGES) * SGX_PAGE_SIZE)

#define RIG_BASE		0x10000000ULL
#define RIG_SIZE		0x40000ULL
#define RIG_NONE		(~0ULL)

#define RIG_REG_RW		(SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)

/* Linear layout of rig_enclave() */
#define RIG_CODE		(RIG_BASE + 0x0000)
#define RIG_TCS			(RIG_BASE + 0x1000)
#define RIG_SSA			(RIG_BASE + 0x2000)
#define RIG_OENTRY		0x40
#define RIG_OFSBASE		0x30000
#define RIG_OGSBASE		0x31000
#define RIG_AEP			0x400100ULL
#define RIG_IP			0x400200ULL

struct rig {
	u8 src[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	u8 sig_page[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	u8 token_page[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgx_pageinfo info;
	struct sgx_secinfo secinfo;
	struct sgxcore_model model;
	struct sgxcore_crypto crypto;
	struct seal_key paging_key;
	struct sgxcore_section sections[2];
	struct sgxcore_page pages[RIG_PAGES];
	struct sgxcore_cpu cpu;
	struct sgxcore_lp lp;
	struct sgxcore_regs regs;
	u8 *mem;
	struct sgxcore_page *secs;
	struct sgxcore_page *tcs;

	/* The page tables: identity by ENCLAVEADDRESS, but for these addresses */
	u64 unmapped;
	u64 read_only;
	u64 not_epc;
	u64 alias_of_tcs;
	unsigned int walks;
};

struct snapshot {
	struct rig rig;
	u8 mem[RIG_MEM];
};

struct rig *rig_new(void);
void rig_free(struct rig *r);
int rig_setup(void **state);
int rig_teardown(void **state);

struct snapshot *rig_snapshot(const struct rig *r);
/* Frees the snapshot. */
void rig_assert_unchanged(const struct rig *r, struct snapshot *snap);
void rig_assert_unlocked(const struct rig *r);

struct sgx_secs *rig_secs_source(struct rig *r);
struct sgx_tcs *rig_tcs_source(struct rig *r);
struct sgxcore_outcome rig_ecreate(struct rig *r, unsigned int index);
void rig_operands(struct rig *r, struct sgxcore_page *secs, u64 linaddr, u64 flags);
struct sgxcore_outcome rig_eadd(struct rig *r, unsigned int index, struct sgxcore_page *secs,
				u64 linaddr, u64 flags);
void rig_measure(struct rig *r, struct sgxcore_page *secs, const struct sgxcore_page *page);
/* A SECS on page 0 with the default source */
struct sgxcore_page *rig_default_secs(struct rig *r);
void rig_force_init(struct sgxcore_page *secs);
/* Initialised enclave with code page, one TCS and @nssa frames of @frame_pages */
void rig_enclave(struct rig *r, u64 xfrm, u32 frame_pages, u32 nssa, u64 attributes);
struct sgxcore_page *rig_page_at(struct rig *r, u64 la);
struct sgx_gprsgx *rig_gpr(struct rig *r, u32 frame);
struct sgx_tcs *rig_tcs(struct rig *r);
struct sgxcore_outcome rig_translate(struct sgxcore_lp *lp, u64 la, enum sgxcore_access access,
				     struct sgxcore_xlat *x);

void assert_ok(struct sgxcore_outcome out);
void assert_gp(struct sgxcore_outcome out);
void assert_pf(struct sgxcore_outcome out, u64 addr, u32 error_code);
void assert_again(struct sgxcore_outcome out);
void assert_status(struct sgxcore_outcome out, u32 code);

#define PF_ENCLS	(SGX_PFEC_P | SGX_PFEC_SGX)
#define PF_TCS		(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX)
#define PF_SSA		(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_W | SGX_PFEC_SGX)

/* The failure has the given shape and has changed nothing. */
#define REJECTS_GP(r, call)						\
	do {								\
		struct snapshot *__s = rig_snapshot(r);			\
									\
		assert_gp(call);					\
		rig_assert_unchanged(r, __s);				\
	} while (0)

#define REJECTS_PF(r, call, addr, error_code)				\
	do {								\
		struct snapshot *__s = rig_snapshot(r);			\
									\
		assert_pf(call, addr, error_code);			\
		rig_assert_unchanged(r, __s);				\
	} while (0)

#define REJECTS_PF_ENCLS(r, call, operand) \
	REJECTS_PF(r, call, (unsigned long)(operand), PF_ENCLS)

#define REJECTS_STATUS(r, call, code)					\
	do {								\
		struct snapshot *__s = rig_snapshot(r);			\
									\
		assert_status(call, code);				\
		rig_assert_unchanged(r, __s);				\
	} while (0)

#define REJECTS_AGAIN(r, call)						\
	do {								\
		struct snapshot *__s = rig_snapshot(r);			\
									\
		assert_again(call);					\
		rig_assert_unchanged(r, __s);				\
	} while (0)

#define RIG_TEST(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif /* _TESTS_UNIT_RIG_H */
