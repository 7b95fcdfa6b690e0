// SPDX-License-Identifier: GPL-2.0
/*
 * The RSA-3072 signature of a SIGSTRUCT. Q1 and Q2 are the quotients of the two
 * modular multiplications of S^3 mod M, so that no division is needed.
 */
#include "internal.h"

#define LIMBS			SGXCORE_RSA_LIMBS
#define SIGNED_HEAD		offsetof(struct sgx_sigstruct, modulus)
#define SIGNED_BODY		offsetof(struct sgx_sigstruct, miscselect)
#define SIGNED_BODY_LEN		128
#define DIGEST_INFO_LEN		19

static_assert(SGXCORE_RSA_LIMBS * sizeof(u64) == SGX_MODULUS_SIZE, "RSA-3072");
static_assert(SIGNED_HEAD + SIGNED_BODY_LEN == sizeof(((struct sgxcore_rsa_scratch *)0)->msg),
	      "signed ranges");

/* DigestInfo of SHA-256, which precedes the digest in a PKCS#1 v1.5 block */
static const u8 digest_info[DIGEST_INFO_LEN] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};

/*
 * Divide @a * @b by the modulus, given the quotient: the remainder ends up in the
 * lower half of t. False if there is no such remainder, that is, wrong quotient.
 */
static bool reduce_product(struct sgxcore_rsa_scratch *w, const u64 *a, const u64 *b,
			   const u8 *quotient)
{
	memcpy(w->q, quotient, sizeof(w->q));
	if (sgxcore_bn_cmp(w->q, w->m, LIMBS) >= 0)
		return false;
	sgxcore_bn_mul(w->t, a, b, LIMBS);
	sgxcore_bn_mul(w->p, w->q, w->m, LIMBS);
	if (sgxcore_bn_sub(w->t, w->p, 2 * LIMBS))
		return false;
	return sgxcore_is_zero(w->t + LIMBS, LIMBS * sizeof(u64)) &&
	       sgxcore_bn_cmp(w->t, w->m, LIMBS) < 0;
}

/* @le: the decrypted block, first byte last */
static bool padding_matches(const u8 *le, const u8 digest[32])
{
	const u8 *p = le + SGX_MODULUS_SIZE;
	const u8 *end = le + 32 + DIGEST_INFO_LEN + 1;
	unsigned int i;

	if (*--p != 0x00 || *--p != 0x01)
		return false;
	while (p > end) {
		if (*--p != 0xff)
			return false;
	}
	if (*--p != 0x00)
		return false;
	for (i = 0; i < DIGEST_INFO_LEN; i++) {
		if (*--p != digest_info[i])
			return false;
	}
	for (i = 0; i < 32; i++) {
		if (*--p != digest[i])
			return false;
	}
	return true;
}

/**
 * sgxcore_sigstruct_verify() - check the signature, not the rest
 * @sig: the SIGSTRUCT; has to stay unchanged meanwhile
 * @c: primitives
 * @w: room to work in, contents irrelevant
 *
 * Return: true if SIGNATURE, Q1 and Q2 belong to MODULUS and to the signed ranges.
 */
bool sgxcore_sigstruct_verify(const struct sgx_sigstruct *sig, const struct sgxcore_crypto *c,
			      struct sgxcore_rsa_scratch *w)
{
	u8 digest[32];

	memcpy(w->m, sig->modulus, sizeof(w->m));
	memcpy(w->s, sig->signature, sizeof(w->s));
	if (sgxcore_bn_cmp(w->s, w->m, LIMBS) >= 0)
		return false;
	if (!reduce_product(w, w->s, w->s, sig->q1))
		return false;
	memcpy(w->r, w->t, sizeof(w->r));
	if (!reduce_product(w, w->r, w->s, sig->q2))
		return false;

	memcpy(w->msg, sig, SIGNED_HEAD);
	memcpy(w->msg + SIGNED_HEAD, (const u8 *)sig + SIGNED_BODY, SIGNED_BODY_LEN);
	sgxcore_sha256(c, w->msg, sizeof(w->msg), digest);
	return padding_matches((const u8 *)w->t, digest);
}
