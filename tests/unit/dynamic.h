/* SPDX-License-Identifier: GPL-2.0 */
/* The bench with a logical processor inside, and leaves that change the enclave. */
#ifndef _TESTS_UNIT_DYNAMIC_H
#define _TESTS_UNIT_DYNAMIC_H

#include "paging.h"

/* SECINFO is in the code page. */
#define DYN_SECINFO	(RIG_CODE + 0x140)
#define DYN_SECINFO_PAGE PAGING_REG
/* An ordinary page, and one that was added after EINIT */
#define DYN_REG		PAGING_REG2
#define DYN_REG_LA	(RIG_BASE + 0x10000)
#define DYN_NEW		21
#define DYN_NEW_LA	(RIG_BASE + 0x20000)

#define DYN_NEW_FLAGS	(RIG_REG_RW | SGX_SECINFO_PENDING)

extern struct sgxcore_accept dynamic_op;

/* Setup: as paging_setup(); DYN_NEW is PENDING, the logical processor inside */
int dynamic_setup(void **state);

void dynamic_enter(struct rig *r);
void dynamic_leave(struct rig *r);

/* Operands of the next ENCLU: SECINFO.FLAGS, RCX. RDX stays. */
void dynamic_request(struct rig *r, u64 rcx, u64 flags);
struct sgxcore_outcome dynamic_prepare(struct rig *r, u32 leaf);
struct sgxcore_outcome dynamic_commit(struct rig *r);
struct sgxcore_outcome dynamic_enclu(struct rig *r, u32 leaf);
struct sgxcore_outcome dynamic_eaccept(struct rig *r, u64 rcx, u64 flags);

/* At @la, on a free page */
struct sgxcore_outcome dynamic_eaug(struct rig *r, unsigned int index, u64 la);
struct sgxcore_outcome dynamic_emodpr(struct rig *r, unsigned int index, u64 perm);
struct sgxcore_outcome dynamic_emodt(struct rig *r, unsigned int index, u64 type);

/* A snapshot becomes what a leaf with this result leaves. */
void dynamic_expect_code(struct snapshot *s, u32 code);

/* RAX and flags tell, and nothing else has changed. */
#define REJECTS_CODE(r, call, error)					\
	do {								\
		struct snapshot *__c = rig_snapshot(r);			\
									\
		assert_status(call, error);				\
		dynamic_expect_code(__c, error);			\
		rig_assert_unchanged(r, __c);				\
		(r)->regs.ip = RIG_IP;					\
	} while (0)

#define PF_READ		(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX)
#define PF_WRITE	(PF_READ | SGX_PFEC_W)

#define DYN_TEST(f)	cmocka_unit_test_setup_teardown(f, dynamic_setup, rig_teardown)

#endif /* _TESTS_UNIT_DYNAMIC_H */
