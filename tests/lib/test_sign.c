// SPDX-License-Identifier: GPL-2.0
/*
 * SIGSTRUCT, judged by OpenSSL and by the arithmetic that EINIT does.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <unistd.h>

#include "test.h"

static EVP_PKEY *key;

static int setup(void **state)
{
	return softsgx_key_generate(&key);
}

static int teardown(void **state)
{
	softsgx_key_free(key);
	return 0;
}

static void make(struct sgx_sigstruct *sig)
{
	struct softsgx_sign_params params;
	u8 hash[32];

	memset(hash, 0xab, sizeof(hash));
	softsgx_sign_defaults(&params);
	params.isv_prod_id = 0x1234;
	params.isv_svn = 0x5678;
	softsgx_sign_fill(sig, &params, hash);
	assert_int_equal(softsgx_sign_finish(sig, key), 0);
}

static void test_fields(void **state)
{
	static const u8 header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1 };
	static const u8 header2[16] = { 1,    1, 0, 0, 0x60, 0, 0, 0,
					0x60, 0, 0, 0, 1,    0, 0, 0 };
	struct sgx_sigstruct sig;

	make(&sig);
	assert_memory_equal(&sig, header, 16);
	assert_memory_equal((u8 *)&sig + 24, header2, 16);
	assert_int_equal(sig.exponent, 3);
	assert_true(sig.date > 0x20200000 && sig.date < 0x21000000);
	assert_int_equal(sig.attributes, 4);
	assert_int_equal(sig.attributes_mask, ~0ULL);
	assert_int_equal(((u8 *)&sig)[1024], 0x34);
	assert_int_equal(((u8 *)&sig)[1027], 0x56);
	assert_int_equal(((u8 *)&sig)[991], 0xab);
}

/* OpenSSL's own view: public key of @key, big-endian signature */
static void test_openssl_verifies(void **state)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct sgx_sigstruct sig;
	u8 msg[256], s[384];
	int i;

	make(&sig);
	memcpy(msg, &sig, 128);
	memcpy(msg + 128, (u8 *)&sig + 900, 128);
	for (i = 0; i < 384; i++)
		s[i] = sig.signature[383 - i];
	assert_int_equal(
		EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(ctx, s, sizeof(s), msg, sizeof(msg)),
			 1);
	EVP_MD_CTX_free(ctx);
}

/* S * S - q1 * M = r and r * S - q2 * M = PKCS #1 block, both below M */
static void test_q1_q2(void **state)
{
	struct sgx_sigstruct sig;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m, *s, *q1, *q2, *r = BN_new(), *t = BN_new();
	u8 block[384];
	int i;

	make(&sig);
	m = BN_lebin2bn(sig.modulus, 384, NULL);
	s = BN_lebin2bn(sig.signature, 384, NULL);
	q1 = BN_lebin2bn(sig.q1, 384, NULL);
	q2 = BN_lebin2bn(sig.q2, 384, NULL);
	BN_sqr(r, s, ctx);
	BN_mul(t, q1, m, ctx);
	BN_sub(r, r, t);
	assert_true(!BN_is_negative(r) && BN_cmp(r, m) < 0);
	BN_mul(r, r, s, ctx);
	BN_mul(t, q2, m, ctx);
	BN_sub(r, r, t);
	assert_true(!BN_is_negative(r) && BN_cmp(r, m) < 0);
	BN_bn2binpad(r, block, sizeof(block));
	assert_int_equal(block[0], 0);
	assert_int_equal(block[1], 1);
	for (i = 2; i < 332; i++)
		assert_int_equal(block[i], 0xff);
	assert_int_equal(block[332], 0);
	assert_int_equal(block[333], 0x30);
	BN_free(m);
	BN_free(s);
	BN_free(q1);
	BN_free(q2);
	BN_free(r);
	BN_free(t);
	BN_CTX_free(ctx);
}

/* Every byte matters, except those that are neither signed nor checked. */
static void test_verify(void **state)
{
	struct sgx_sigstruct sig;
	size_t i;

	make(&sig);
	assert_int_equal(softsgx_sign_verify(&sig), 0);
	for (i = 0; i < sizeof(sig); i += i < 128 || i > 890 ? 7 : 61) {
		((u8 *)&sig)[i] ^= 0x10;
		assert_int_not_equal(softsgx_sign_verify(&sig), 0);
		((u8 *)&sig)[i] ^= 0x10;
	}
	memset(sig.modulus, 0, sizeof(sig.modulus));
	assert_int_equal(softsgx_sign_verify(&sig), -EBADMSG);
	memset(&sig, 0, sizeof(sig));
	assert_int_equal(softsgx_sign_verify(&sig), -EINVAL);
}

/* A correct signature of a wrong field is refused for the field. */
static void test_signed_nonsense(void **state)
{
	struct sgx_sigstruct sig;

	make(&sig);
	sig.vendor = 1;
	assert_int_equal(softsgx_sign_finish(&sig, key), 0);
	assert_int_equal(softsgx_sign_verify(&sig), -EINVAL);
	sig.vendor = 0x8086;
	assert_int_equal(softsgx_sign_finish(&sig, key), 0);
	assert_int_equal(softsgx_sign_verify(&sig), 0);
}

static void test_mrsigner(void **state)
{
	struct sgx_sigstruct sig;
	u8 expected[32], got[32];

	make(&sig);
	SHA256(sig.modulus, sizeof(sig.modulus), expected);
	softsgx_sign_mrsigner(&sig, got);
	assert_memory_equal(got, expected, 32);
}

static const char *selftest_key(void)
{
	const char *path =
		built("ksrc-6.1/tools/testing/selftests/sgx/sign_key.pem");

	return access(path, R_OK) ? NULL : path;
}

static void test_golden_mrsigner(void **state)
{
	const char *path = selftest_key();
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	EVP_PKEY *golden;
	u8 mrsigner[32];

	if (!path) {
		print_message("no kernel source below %s/ksrc-6.1: skipped\n",
			      getenv("B") ? getenv("B") : "build");
		skip();
	}
	assert_int_equal(softsgx_key_load(path, &golden), 0);
	softsgx_image_init(&image);
	assert_int_equal(softsgx_image_sign(&image, golden, &sig), 0);
	softsgx_sign_mrsigner(&sig, mrsigner);
	assert_hash(
		mrsigner,
		"2f9f8fd4fe12d77232f1d87571ca8252ca27714efe7705e46222cffd5a22e8c4");
	softsgx_image_free(&image);
	softsgx_key_free(golden);
}

static void test_image_sign(void **state)
{
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	u8 mrenclave[32];

	softsgx_image_init(&image);
	image.attributes |= SGX_ATTR_DEBUG;
	image.miscselect = 1;
	image.xfrm = 7;
	assert_int_equal(softsgx_image_sign(&image, key, &sig), 0);
	assert_int_equal(softsgx_sign_verify(&sig), 0);
	softsgx_image_measure(&image, mrenclave);
	assert_memory_equal(sig.mrenclave, mrenclave, 32);
	assert_int_equal(sig.attributes, 6);
	assert_int_equal(sig.miscselect, 1);
	assert_int_equal(sig.xfrm, 7);
	softsgx_image_free(&image);
}

static void refuse(const char *type, unsigned int bits, unsigned int e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	BIGNUM *exponent = BN_new();
	struct sgx_sigstruct sig = { 0 };
	EVP_PKEY *wrong = NULL;

	EVP_PKEY_keygen_init(ctx);
	if (bits) {
		BN_set_word(exponent, e);
		EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits);
		EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent);
	}
	assert_int_equal(EVP_PKEY_generate(ctx, &wrong), 1);
	assert_int_equal(softsgx_sign_finish(&sig, wrong), -EINVAL);
	EVP_PKEY_free(wrong);
	EVP_PKEY_CTX_free(ctx);
	BN_free(exponent);
}

static void test_wrong_keys(void **state)
{
	refuse("RSA", 2048, 3);
	refuse("RSA", 3072, 65537);
	refuse("ED25519", 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_openssl_verifies),
		cmocka_unit_test(test_q1_q2),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_signed_nonsense),
		cmocka_unit_test(test_mrsigner),
		cmocka_unit_test(test_golden_mrsigner),
		cmocka_unit_test(test_image_sign),
		cmocka_unit_test(test_wrong_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
