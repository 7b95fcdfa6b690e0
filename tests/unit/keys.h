/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bench with a logical processor inside an enclave that has all there is, for
 * EREPORT and EGETKEY: what they read is in one page, what they write in another.
 */
#ifndef _TESTS_UNIT_KEYS_H
#define _TESTS_UNIT_KEYS_H

#include "dynamic.h"

#define KEYS_IN		DYN_REG
#define KEYS_IN_LA	DYN_REG_LA
#define KEYS_IN2_LA	(DYN_REG_LA + 0x800)
#define KEYS_OUT	DYN_NEW
#define KEYS_OUT_LA	(DYN_NEW_LA + 0x200)

#define KEYS_ATTRS	(SGX_ATTR_PROVISIONKEY | SGX_ATTR_EINITTOKENKEY | SGX_ATTR_KSS)
#define KEYS_POLICIES	0x3f

int keys_setup(void **state);

/* The request in KEYS_IN: a sealing key, everything valid; RBX and RCX for it */
struct sgx_keyrequest *keys_request(struct rig *r, u16 keyname);
/* TARGETINFO at KEYS_IN, for the enclave itself, and REPORTDATA at KEYS_IN2 */
struct sgx_targetinfo *keys_target(struct rig *r);

struct sgxcore_outcome keys_getkey(struct rig *r);
struct sgxcore_outcome keys_report(struct rig *r);
/* The halves */
struct sgxcore_outcome keys_getkey_prepare(struct rig *r);
struct sgxcore_outcome keys_getkey_commit(struct rig *r);
struct sgxcore_outcome keys_report_prepare(struct rig *r);
struct sgxcore_outcome keys_report_commit(struct rig *r);

/* Where they write */
u8 *keys_out(struct rig *r);

#define KEYS_TEST(f)	cmocka_unit_test_setup_teardown(f, keys_setup, rig_teardown)

#define WITH(lvalue, bad, check)					\
	do {								\
		__typeof__(lvalue) __good = lvalue;			\
									\
		lvalue = bad;						\
		check;							\
		lvalue = __good;					\
	} while (0)

/*
 * What no operand may be. @page is its page, @right the one that the access needs, and
 * @check fails with the #PF of it.
 */
#define REJECTS_PAGE_STATES(r, page, right, check)			\
	do {								\
		WITH((page)->blocked, true, check);			\
		WITH((page)->pending, true, check);			\
		WITH((page)->modified, true, check);			\
		WITH((page)->type, SGX_PT_TCS, check);			\
		WITH((page)->type, SGX_PT_TRIM, check);			\
		WITH((page)->perm, (u8)~(right) & 7, check);		\
	} while (0)

#endif /* _TESTS_UNIT_KEYS_H */
