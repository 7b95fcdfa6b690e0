/* SPDX-License-Identifier: GPL-2.0 */
/* An enclave on the bench with version arrays, and pages outside the EPC. */
#ifndef _TESTS_UNIT_PAGING_H
#define _TESTS_UNIT_PAGING_H

#include "rig.h"

/* EPC pages: rig_enclave() takes 0 to 2 and some at the end. */
#define PAGING_SECS	0
#define PAGING_REG	1
#define PAGING_TCS	2
#define PAGING_REG2	3
#define PAGING_VA	10
#define PAGING_VA2	11
#define PAGING_FREE	20

/* What the system keeps of an evicted page */
struct blob {
	u8 data[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgx_pcmd pcmd;
	u64 linaddr;
	u64 secs;
};

extern struct blob blob, blob2;

/* Setup: initialised enclave with a second REG page at RIG_BASE + 0x10000, two VA pages */
int paging_setup(void **state);

void *paging_slot(struct rig *r, unsigned int va, unsigned int slot);
u64 paging_version(struct rig *r, unsigned int va, unsigned int slot);
struct sgxcore_outcome paging_eblock(struct rig *r, unsigned int index);
struct sgxcore_outcome paging_etrack(struct rig *r, unsigned int index);
/* To @b, slot @slot of PAGING_VA */
struct sgxcore_outcome paging_ewb(struct rig *r, unsigned int index, unsigned int slot,
				  struct blob *b);
struct sgxcore_outcome paging_eldu(struct rig *r, unsigned int index, unsigned int slot,
				   const struct blob *b);
struct sgxcore_outcome paging_eldb(struct rig *r, unsigned int index, unsigned int slot,
				   const struct blob *b);
/* Blocked, tracked, evicted; all of it has to work */
void paging_evict(struct rig *r, unsigned int index, unsigned int slot, struct blob *b);

/* With whatever r->info holds */
struct sgxcore_outcome paging_ewb_raw(struct rig *r, void *rcx, void *rdx);
/* For @b, which is to be evicted */
void paging_info(struct rig *r, const struct blob *b);

void assert_status_cf(struct sgxcore_outcome out, u32 code);
/* Free, and nothing left */
void assert_free(const struct sgxcore_page *page);

#define REJECTS_STATUS_CF(r, call, code)				\
	do {								\
		struct snapshot *__s = rig_snapshot(r);			\
									\
		assert_status_cf(call, code);				\
		rig_assert_unchanged(r, __s);				\
	} while (0)

#define PAGING_TEST(f)	cmocka_unit_test_setup_teardown(f, paging_setup, rig_teardown)

#endif /* _TESTS_UNIT_PAGING_H */
