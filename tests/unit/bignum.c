// SPDX-License-Identifier: GPL-2.0
/* Arithmetic against OpenSSL's. */
#include <openssl/bn.h>
#include <openssl/rand.h>

#include "rig.h"

#define LIMBS	SGXCORE_RSA_LIMBS
#define ROUNDS	300

/* Runs of ones and zeros reach the carries that uniform numbers hardly ever do. */
static void random_limbs(u64 *a, unsigned int round)
{
	unsigned int i;

	RAND_bytes((u8 *)a, LIMBS * sizeof(*a));
	for (i = 0; i < LIMBS && round % 3; i++) {
		if (a[i] % 3 == 0)
			a[i] = round % 3 == 1 ? ~0ULL : 0;
	}
}

static BIGNUM *to_bn(const u64 *a, unsigned int n)
{
	return BN_lebin2bn((const u8 *)a, n * sizeof(*a), NULL);
}

static void mul_matches_openssl(void **state)
{
	u64 a[LIMBS], b[LIMBS], r[2 * LIMBS], expected[2 * LIMBS];
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *product = BN_new();
	unsigned int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		BIGNUM *x, *y;

		random_limbs(a, i);
		random_limbs(b, i / 3);
		x = to_bn(a, LIMBS);
		y = to_bn(b, LIMBS);
		assert_true(BN_mul(product, x, y, ctx));
		BN_bn2lebinpad(product, (u8 *)expected, sizeof(expected));
		sgxcore_bn_mul(r, a, b, LIMBS);
		assert_memory_equal(r, expected, sizeof(r));
		BN_free(x);
		BN_free(y);
	}
	BN_free(product);
	BN_CTX_free(ctx);
}

static void sub_and_cmp_match_openssl(void **state)
{
	u64 a[LIMBS], b[LIMBS], expected[LIMBS];
	BIGNUM *diff = BN_new();
	unsigned int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		BIGNUM *x, *y;
		int order;

		random_limbs(a, i);
		random_limbs(b, i / 3);
		if (i % 5 == 0)
			memcpy(b + 1, a + 1, sizeof(b) - sizeof(*b));
		x = to_bn(a, LIMBS);
		y = to_bn(b, LIMBS);
		order = BN_cmp(x, y);
		assert_int_equal(sgxcore_bn_cmp(a, b, LIMBS), order);
		BN_sub(diff, x, y);
		if (order < 0) {
			BN_zero(diff);
			BN_set_bit(diff, LIMBS * 64);
			BN_add(diff, diff, x);
			BN_sub(diff, diff, y);
		}
		BN_bn2lebinpad(diff, (u8 *)expected, sizeof(expected));
		assert_int_equal(sgxcore_bn_sub(a, b, LIMBS), order < 0);
		assert_memory_equal(a, expected, sizeof(a));
		BN_free(x);
		BN_free(y);
	}
	BN_free(diff);
}

static void sub_of_equals_is_zero(void **state)
{
	u64 a[LIMBS], b[LIMBS];

	(void)state;
	memset(a, 0xff, sizeof(a));
	memcpy(b, a, sizeof(a));
	assert_int_equal(sgxcore_bn_cmp(a, b, LIMBS), 0);
	assert_false(sgxcore_bn_sub(a, b, LIMBS));
	assert_true(sgxcore_is_zero(a, sizeof(a)));
}

static void borrow_runs_through_zeros(void **state)
{
	u64 a[LIMBS] = { 0 }, b[LIMBS] = { 1 };

	(void)state;
	assert_true(sgxcore_bn_sub(a, b, LIMBS));
	memset(b, 0xff, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mul_matches_openssl),
		cmocka_unit_test(sub_and_cmp_match_openssl),
		cmocka_unit_test(sub_of_equals_is_zero),
		cmocka_unit_test(borrow_runs_through_zeros),
	};

	return cmocka_run_group_tests_name("bignum", tests, NULL, NULL);
}
