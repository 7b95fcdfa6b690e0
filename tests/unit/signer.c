// SPDX-License-Identifier: GPL-2.0
/* See signer.h. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "signer.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

void signer_init(struct signer *s)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	BIGNUM *e = BN_new();

	BN_set_word(e, 3);
	memset(s, 0, sizeof(*s));
	must(EVP_PKEY_keygen_init(ctx) > 0);
	must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, SGX_MODULUS_SIZE * 8) > 0);
	must(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0);
	must(EVP_PKEY_generate(ctx, &s->key) > 0);
	must(EVP_PKEY_get_bn_param(s->key, OSSL_PKEY_PARAM_RSA_N, &s->n));
	must(EVP_PKEY_get_bn_param(s->key, OSSL_PKEY_PARAM_RSA_D, &s->d));
	s->ctx = BN_CTX_new();
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
}

void signer_exit(struct signer *s)
{
	EVP_PKEY_free(s->key);
	BN_free(s->n);
	BN_free(s->d);
	BN_CTX_free(s->ctx);
}

void signer_template(struct sgx_sigstruct *sig)
{
	static const u8 header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1 };
	static const u8 header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1 };

	memset(sig, 0, sizeof(*sig));
	memcpy(sig->header, header, sizeof(header));
	memcpy(sig->header2, header2, sizeof(header2));
	sig->date = 0x20240229;
	sig->exponent = 3;
}

static void signed_bytes(const struct sgx_sigstruct *sig, u8 msg[256])
{
	memcpy(msg, sig, 128);
	memcpy(msg + 128, (const u8 *)sig + 900, 128);
}

static void put(u8 *field, const BIGNUM *n)
{
	must(BN_bn2lebinpad(n, field, SGX_MODULUS_SIZE) == SGX_MODULUS_SIZE);
}

/* q1 = S * S / M, q2 = (S * S mod M) * S / M */
static void put_signature(const struct signer *s, struct sgx_sigstruct *sig, const BIGNUM *sign)
{
	BIGNUM *q1 = BN_new(), *q2 = BN_new(), *r = BN_new(), *t = BN_new();

	must(BN_sqr(t, sign, s->ctx));
	must(BN_div(q1, r, t, s->n, s->ctx));
	must(BN_mul(t, r, sign, s->ctx));
	must(BN_div(q2, NULL, t, s->n, s->ctx));
	put(sig->modulus, s->n);
	put(sig->signature, sign);
	put(sig->q1, q1);
	put(sig->q2, q2);
	BN_free(q1);
	BN_free(q2);
	BN_free(r);
	BN_free(t);
}

void signer_sign(const struct signer *s, struct sgx_sigstruct *sig)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	u8 out[SGX_MODULUS_SIZE];
	size_t len = sizeof(out);
	BIGNUM *sign;
	u8 msg[256];

	signed_bytes(sig, msg);
	must(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, s->key) > 0);
	must(EVP_DigestSign(md, out, &len, msg, sizeof(msg)) > 0 && len == sizeof(out));
	sign = BN_bin2bn(out, sizeof(out), NULL);
	put_signature(s, sig, sign);
	BN_free(sign);
	EVP_MD_CTX_free(md);
}

void signer_sign_block(const struct signer *s, struct sgx_sigstruct *sig,
		       const u8 block[SGX_MODULUS_SIZE])
{
	BIGNUM *em = BN_bin2bn(block, SGX_MODULUS_SIZE, NULL);
	BIGNUM *sign = BN_new();

	must(BN_mod_exp(sign, em, s->d, s->n, s->ctx));
	put_signature(s, sig, sign);
	BN_free(em);
	BN_free(sign);
}

void signer_block(const struct sgx_sigstruct *sig, u8 block[SGX_MODULUS_SIZE])
{
	static const u8 info[] = {
		0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
	};
	u8 msg[256];

	signed_bytes(sig, msg);
	memset(block, 0xff, SGX_MODULUS_SIZE);
	block[0] = 0;
	block[1] = 1;
	block[332] = 0;
	memcpy(block + 333, info, sizeof(info));
	SHA256(msg, sizeof(msg), block + 352);
}

void signer_hash(const struct sgx_sigstruct *sig, u64 hash[4])
{
	SHA256(sig->modulus, sizeof(sig->modulus), (u8 *)hash);
}
