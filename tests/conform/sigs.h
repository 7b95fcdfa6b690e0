/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SIGSTRUCTs for bench_enclave(): made and signed when the tests are built (see gensigs.c),
 * because the kernel has no private keys.
 */
#ifndef _TESTS_CONFORM_SIGS_H
#define _TESTS_CONFORM_SIGS_H

#include <arch/sgx_arch.h>

enum conform_sig {
	SIG_GOOD,
	SIG_HASH,		/* another ENCLAVEHASH */
	SIG_SIGNER,		/* of another signer */
	SIG_NO_DEBUG,		/* all ATTRIBUTES in the mask, MODE64BIT only */
	SIG_DEBUG,		/* the same with DEBUG */
	SIG_XFRM,		/* XFRM 7, all in the mask */
	SIG_MISC,		/* MISCSELECT 1, in the mask */
	SIG_FAMILY,		/* with ISVFAMILYID */
	SIG_EXTPROD,		/* with ISVEXTPRODID */
	SIG_HEADER,		/* a byte of HEADER */
	SIG_HEADER2,		/* a byte of HEADER2 */
	SIG_VENDOR,		/* VENDOR 1 */
	SIG_INTEL,		/* VENDOR 8086H */
	SIG_EXPONENT,		/* 65537 */
	SIG_RESERVED1,		/* byte 44 */
	SIG_RESERVED2,		/* byte 910 */
	SIG_RESERVED3,		/* byte 992 */
	SIG_FAMILY_HASH,	/* with ISVFAMILYID and another ENCLAVEHASH */
	SIG_HASH_NO_DEBUG,	/* another ENCLAVEHASH, and as SIG_NO_DEBUG */
	SIG_SIGNER_NO_DEBUG,	/* of another signer, and as SIG_NO_DEBUG */
	SIG_NR,
};

extern const u8 conform_sigs[SIG_NR][sizeof(struct sgx_sigstruct)];

/* IA32_SGXLEPUBKEYHASH for the signer of all of them but one */
extern const u64 conform_signer[4];

#endif /* _TESTS_CONFORM_SIGS_H */
