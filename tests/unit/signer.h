/* SPDX-License-Identifier: GPL-2.0 */
/* Makes SIGSTRUCTs, with OpenSSL doing the arithmetic. */
#ifndef _TESTS_UNIT_SIGNER_H
#define _TESTS_UNIT_SIGNER_H

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "../../core/core.h"

struct signer {
	EVP_PKEY *key;
	BIGNUM *n;
	BIGNUM *d;
	BN_CTX *ctx;
};

void signer_init(struct signer *s);
void signer_exit(struct signer *s);
/* A SIGSTRUCT that wants nothing: all masks are zero */
void signer_template(struct sgx_sigstruct *sig);
/* Public key, signature and quotients, for the signed ranges as they are */
void signer_sign(const struct signer *s, struct sgx_sigstruct *sig);
/* The same with a block of the caller's (big endian) instead of a PKCS#1 one */
void signer_sign_block(const struct signer *s, struct sgx_sigstruct *sig,
		       const u8 block[SGX_MODULUS_SIZE]);
/* The block that signer_sign() signs, made by hand */
void signer_block(const struct sgx_sigstruct *sig, u8 block[SGX_MODULUS_SIZE]);
/* What IA32_SGXLEPUBKEYHASH has to be for this signer to launch */
void signer_hash(const struct sgx_sigstruct *sig, u64 hash[4]);

#endif /* _TESTS_UNIT_SIGNER_H */
