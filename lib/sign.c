// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * SIGSTRUCT: filling, signing and checking. All big numbers in it are little
 * endian.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <time.h>

#include "internal.h"

#define SIGNED_SIZE 256

static const u8 header1[16] = { 0x06, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 0x01 };
static const u8 header2[16] = { 0x01, 0x01, 0, 0, 0x60, 0, 0, 0,
				0x60, 0,    0, 0, 0x01, 0, 0, 0 };

/* Today as a number whose hexadecimal digits read yyyymmdd */
static u32 today(void)
{
	char digits[16];
	struct tm tm;
	time_t now = time(NULL);

	if (!gmtime_r(&now, &tm) ||
	    !strftime(digits, sizeof(digits), "%Y%m%d", &tm))
		return 0;
	return strtoul(digits, NULL, 16);
}

void softsgx_sign_defaults(struct softsgx_sign_params *params)
{
	*params = (struct softsgx_sign_params){
		.date = today(),
		.attributes = SGX_ATTR_MODE64BIT,
		.attributes_mask = ~0ULL,
		.xfrm = SGX_XFRM_LEGACY,
		.xfrm_mask = ~0ULL,
		.misc_mask = ~0U,
	};
}

void softsgx_sign_fill(struct sgx_sigstruct *sig,
		       const struct softsgx_sign_params *params,
		       const u8 mrenclave[SOFTSGX_HASH_SIZE])
{
	*sig = (struct sgx_sigstruct){
		.vendor = params->vendor,
		.date = params->date,
		.swdefined = params->swdefined,
		.miscselect = params->miscselect,
		.misc_mask = params->misc_mask,
		.attributes = params->attributes,
		.xfrm = params->xfrm,
		.attributes_mask = params->attributes_mask,
		.xfrm_mask = params->xfrm_mask,
		.isv_prod_id = params->isv_prod_id,
		.isv_svn = params->isv_svn,
	};
	memcpy(sig->header, header1, sizeof(header1));
	memcpy(sig->header2, header2, sizeof(header2));
	memcpy(sig->mrenclave, mrenclave, SOFTSGX_HASH_SIZE);
	memcpy(sig->isv_family_id, params->isv_family_id, 16);
	memcpy(sig->isv_ext_prod_id, params->isv_ext_prod_id, 16);
}

static void signed_bytes(const struct sgx_sigstruct *sig, u8 out[SIGNED_SIZE])
{
	const u8 *p = (const u8 *)sig;

	memcpy(out, p, 128);
	memcpy(out + 128, p + 900, 128);
}

static bool put(BIGNUM *n, u8 out[SGX_MODULUS_SIZE])
{
	return BN_bn2lebinpad(n, out, SGX_MODULUS_SIZE) == SGX_MODULUS_SIZE;
}

static BIGNUM *get(const u8 in[SGX_MODULUS_SIZE])
{
	return BN_lebin2bn(in, SGX_MODULUS_SIZE, NULL);
}

static bool put_modulus(struct sgx_sigstruct *sig, EVP_PKEY *key)
{
	BIGNUM *n = NULL, *e = NULL;
	bool ok;

	ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) &&
	     EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) &&
	     BN_num_bits(n) == SGX_MODULUS_SIZE * 8 && BN_is_word(e, RSA_3) &&
	     put(n, sig->modulus);
	sig->exponent = RSA_3;
	BN_free(n);
	BN_free(e);
	return ok;
}

/* OpenSSL writes the signature with the most significant byte first. */
static void reverse(u8 *p, size_t len)
{
	size_t i;

	for (i = 0; i < len / 2; i++) {
		u8 tmp = p[i];

		p[i] = p[len - 1 - i];
		p[len - 1 - i] = tmp;
	}
}

static bool put_signature(struct sgx_sigstruct *sig, EVP_PKEY *key)
{
	size_t len = sizeof(sig->signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	u8 msg[SIGNED_SIZE];
	bool ok;

	/* The default padding is PKCS #1 v1.5, as SGX wants it. */
	signed_bytes(sig, msg);
	ok = ctx &&
	     EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	     EVP_DigestSign(ctx, sig->signature, &len, msg, sizeof(msg)) == 1 &&
	     len == sizeof(sig->signature);
	reverse(sig->signature, sizeof(sig->signature));
	EVP_MD_CTX_free(ctx);
	return ok;
}

/*
 * What spares the processor two divisions: q1 = floor(S^2 / M) and
 * q2 = floor((S^3 - q1 * S * M) / M) = floor(S * (S^2 mod M) / M).
 */
static bool compute_q(const struct sgx_sigstruct *sig, u8 q1[SGX_MODULUS_SIZE],
		      u8 q2[SGX_MODULUS_SIZE])
{
	BIGNUM *s = get(sig->signature), *m = get(sig->modulus);
	BIGNUM *t = BN_new(), *q = BN_new(), *r = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	bool ok;

	ok = s && m && t && q && r && ctx && !BN_is_zero(m) &&
	     BN_sqr(t, s, ctx) && BN_div(q, r, t, m, ctx) && put(q, q1) &&
	     BN_mul(t, s, r, ctx) && BN_div(q, NULL, t, m, ctx) && put(q, q2);
	BN_CTX_free(ctx);
	BN_free(r);
	BN_free(q);
	BN_free(t);
	BN_free(m);
	BN_free(s);
	return ok;
}

int softsgx_sign_finish(struct sgx_sigstruct *sig, EVP_PKEY *key)
{
	if (!put_modulus(sig, key))
		return softsgx_fail(EINVAL,
				    "the key is not RSA-%d with exponent 3",
				    SGX_MODULUS_SIZE * 8);
	if (!put_signature(sig, key) || !compute_q(sig, sig->q1, sig->q2))
		return softsgx_fail(EIO, "OpenSSL cannot sign with this key");
	return 0;
}

/* Public key from the modulus in a SIGSTRUCT */
static EVP_PKEY *public_key(const struct sgx_sigstruct *sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	u8 n[SGX_MODULUS_SIZE];
	u32 e = RSA_3;
	OSSL_PARAM params[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, n, sizeof(n)),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, &e, sizeof(e)),
		OSSL_PARAM_END,
	};
	EVP_PKEY *key = NULL;

	/* Parameters are in host order, which is that of the SIGSTRUCT. */
	memcpy(n, sig->modulus, sizeof(n));
	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool signature_good(const struct sgx_sigstruct *sig)
{
	EVP_PKEY *key = public_key(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	u8 s[SGX_MODULUS_SIZE];
	u8 msg[SIGNED_SIZE];
	bool ok;

	signed_bytes(sig, msg);
	memcpy(s, sig->signature, sizeof(s));
	reverse(s, sizeof(s));
	ok = key && ctx &&
	     EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, s, sizeof(s), msg, sizeof(msg)) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static bool all_zero(const u8 *p, size_t len)
{
	while (len--) {
		if (*p++)
			return false;
	}
	return true;
}

static bool fields_good(const struct sgx_sigstruct *sig)
{
	return !memcmp(sig->header, header1, sizeof(header1)) &&
	       !memcmp(sig->header2, header2, sizeof(header2)) &&
	       (!sig->vendor || sig->vendor == 0x8086) &&
	       sig->exponent == RSA_3 &&
	       all_zero(sig->reserved1, sizeof(sig->reserved1)) &&
	       all_zero(sig->reserved2, sizeof(sig->reserved2)) &&
	       all_zero(sig->reserved3, sizeof(sig->reserved3)) &&
	       all_zero(sig->reserved4, sizeof(sig->reserved4));
}

int softsgx_sign_verify(const struct sgx_sigstruct *sig)
{
	u8 q1[SGX_MODULUS_SIZE], q2[SGX_MODULUS_SIZE];

	if (!fields_good(sig))
		return softsgx_fail(EINVAL,
				    "SIGSTRUCT: header or reserved bytes");
	if (!signature_good(sig))
		return softsgx_fail(EBADMSG, "SIGSTRUCT: wrong signature");
	if (!compute_q(sig, q1, q2))
		return softsgx_fail(ENOMEM, "SIGSTRUCT: cannot compute q1, q2");
	if (memcmp(q1, sig->q1, sizeof(q1)) || memcmp(q2, sig->q2, sizeof(q2)))
		return softsgx_fail(EBADMSG, "SIGSTRUCT: wrong q1 or q2");
	return 0;
}

void softsgx_sign_mrsigner(const struct sgx_sigstruct *sig,
			   u8 mrsigner[SOFTSGX_HASH_SIZE])
{
	sgxcore_sha256(&softsgx_crypto, sig->modulus, sizeof(sig->modulus),
		       mrsigner);
}

int softsgx_image_sign(const struct softsgx_image *image, EVP_PKEY *key,
		       struct sgx_sigstruct *sig)
{
	struct softsgx_sign_params params;
	u8 mrenclave[SOFTSGX_HASH_SIZE];

	softsgx_sign_defaults(&params);
	params.attributes = image->attributes;
	params.xfrm = image->xfrm;
	params.miscselect = image->miscselect;
	softsgx_image_measure(image, mrenclave);
	softsgx_sign_fill(sig, &params, mrenclave);
	return softsgx_sign_finish(sig, key);
}
