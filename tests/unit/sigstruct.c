// SPDX-License-Identifier: GPL-2.0
/* The RSA check against signatures that OpenSSL made, and against forgeries. */
#include "rig.h"
#include "signer.h"

static struct signer signer;
static struct sgx_sigstruct good;
static struct sgxcore_rsa_scratch scratch;

static int make_key(void **state)
{
	(void)state;
	signer_init(&signer);
	signer_template(&good);
	good.isv_svn = 7;
	memset(good.mrenclave, 0x5a, sizeof(good.mrenclave));
	signer_sign(&signer, &good);
	return 0;
}

static int drop_key(void **state)
{
	(void)state;
	signer_exit(&signer);
	return 0;
}

static bool verify(struct rig *r, const struct sgx_sigstruct *sig)
{
	struct sgx_sigstruct before = *sig;
	bool ok;

	memset(&scratch, 0xa5, sizeof(scratch));
	ok = sgxcore_sigstruct_verify(sig, &r->crypto, &scratch);
	assert_memory_equal(sig, &before, sizeof(before));
	return ok;
}

static void accepts_openssl(void **state)
{
	struct sgx_sigstruct sig = good;
	u8 block[SGX_MODULUS_SIZE];

	assert_true(verify(*state, &good));
	signer_block(&sig, block);
	signer_sign_block(&signer, &sig, block);
	assert_memory_equal(&sig, &good, sizeof(sig));
	assert_true(verify(*state, &sig));
}

static void rejects_any_flip(void **state)
{
	const size_t q1 = offsetof(struct sgx_sigstruct, q1);
	unsigned int i;

	for (i = 0; i < sizeof(good); i++) {
		struct sgx_sigstruct sig = good;
		bool irrelevant = (i >= 512 && i < 516) || (i >= 1028 && i < q1);

		((u8 *)&sig)[i] ^= 1U << (i % 8);
		assert_int_equal(verify(*state, &sig), irrelevant);
	}
}

static void add_to(u8 *field, int delta)
{
	BIGNUM *n = BN_lebin2bn(field, SGX_MODULUS_SIZE, NULL);

	if (delta > 0)
		BN_add_word(n, delta);
	else
		BN_sub_word(n, -delta);
	BN_bn2lebinpad(n, field, SGX_MODULUS_SIZE);
	BN_free(n);
}

static void rejects_wrong_quotients(void **state)
{
	static const int delta[] = { 1, -1, 2, -2 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct sgx_sigstruct sig = good;

		add_to(sig.q1, delta[i]);
		assert_false(verify(*state, &sig));
		sig = good;
		add_to(sig.q2, delta[i]);
		assert_false(verify(*state, &sig));
	}
}

/*
 * Q1 one too small leaves a remainder of r + M; Q2 larger by S makes up for it, and
 * S^3 mod M comes out right. Not every signature has room for that.
 */
static void rejects_quotients_that_compensate(void **state)
{
	struct sgx_sigstruct sig = good;
	unsigned int i, found = 0;

	for (i = 0; i < 400 && found < 40; i++) {
		BIGNUM *s, *q2, *sum = BN_new();

		sig.swdefined = i;
		signer_sign(&signer, &sig);
		assert_true(verify(*state, &sig));
		s = BN_lebin2bn(sig.signature, SGX_MODULUS_SIZE, NULL);
		q2 = BN_lebin2bn(sig.q2, SGX_MODULUS_SIZE, NULL);
		BN_add(sum, q2, s);
		if (BN_cmp(sum, signer.n) < 0) {
			found++;
			add_to(sig.q1, -1);
			BN_bn2lebinpad(sum, sig.q2, SGX_MODULUS_SIZE);
			assert_false(verify(*state, &sig));
		}
		BN_free(s);
		BN_free(q2);
		BN_free(sum);
	}
	assert_int_not_equal(found, 0);
}

static void rejects_operands_from_the_modulus_on(void **state)
{
	struct sgx_sigstruct sig = good;

	memcpy(sig.signature, sig.modulus, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	memset(sig.signature, 0xff, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	sig = good;
	memcpy(sig.q1, sig.modulus, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	memset(sig.q1, 0xff, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	sig = good;
	memcpy(sig.q2, sig.modulus, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	memset(sig.q2, 0xff, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
}

static void rejects_degenerate_keys(void **state)
{
	struct sgx_sigstruct sig = good;

	memset(sig.modulus, 0, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	memset(sig.signature, 0, SGX_MODULUS_SIZE);
	memset(sig.q1, 0, SGX_MODULUS_SIZE);
	memset(sig.q2, 0, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	sig.modulus[0] = 1;
	assert_false(verify(*state, &sig));
	memset(sig.modulus, 0xff, SGX_MODULUS_SIZE);
	assert_false(verify(*state, &sig));
	sig.signature[0] = 1;
	assert_false(verify(*state, &sig));
}

static void rejects_bad_padding(void **state)
{
	static const unsigned int where[] = {
		0, 1, 2, 3, 100, 330, 331, 332, 333, 340, 350, 351, 352, 383,
	};
	unsigned int i;

	for (i = 0; i < sizeof(where) / sizeof(*where); i++) {
		struct sgx_sigstruct sig = good;
		u8 block[SGX_MODULUS_SIZE];

		signer_block(&sig, block);
		block[where[i]] ^= 1;
		signer_sign_block(&signer, &sig, block);
		assert_false(verify(*state, &sig));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(accepts_openssl),
		RIG_TEST(rejects_any_flip),
		RIG_TEST(rejects_wrong_quotients),
		RIG_TEST(rejects_quotients_that_compensate),
		RIG_TEST(rejects_operands_from_the_modulus_on),
		RIG_TEST(rejects_degenerate_keys),
		RIG_TEST(rejects_bad_padding),
	};

	return cmocka_run_group_tests_name("sigstruct", tests, make_key, drop_key);
}
