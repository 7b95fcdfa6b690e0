// SPDX-License-Identifier: GPL-2.0
/*
 * Multi-precision arithmetic, as little as an RSA check with supplied quotients
 * takes. Everything here is public data: no care about timing.
 */
#include "internal.h"

/**
 * sgxcore_bn_mul() - @r = @a * @b
 * @r: 2 * @n limbs, apart from @a and @b
 * @a: @n limbs
 * @b: @n limbs
 * @n: length
 */
void sgxcore_bn_mul(u64 *r, const u64 *a, const u64 *b, unsigned int n)
{
	unsigned int i, j;

	memset(r, 0, 2 * n * sizeof(*r));
	for (i = 0; i < n; i++) {
		u64 carry = 0;

		for (j = 0; j < n; j++) {
			unsigned __int128 t = (unsigned __int128)a[i] * b[j] + r[i + j] + carry;

			r[i + j] = (u64)t;
			carry = (u64)(t >> 64);
		}
		r[i + n] = carry;
	}
}

/**
 * sgxcore_bn_sub() - @a -= @b
 * @a: @n limbs
 * @b: @n limbs
 * @n: length
 *
 * Return: true if @b was the larger one; @a has wrapped then.
 */
bool sgxcore_bn_sub(u64 *a, const u64 *b, unsigned int n)
{
	bool borrow = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u64 diff = a[i] - b[i];
		bool under = a[i] < b[i] || (borrow && !diff);

		a[i] = diff - borrow;
		borrow = under;
	}
	return borrow;
}

/**
 * sgxcore_bn_cmp() - compare
 * @a: @n limbs
 * @b: @n limbs
 * @n: length
 *
 * Return: negative, 0, positive like memcmp().
 */
int sgxcore_bn_cmp(const u64 *a, const u64 *b, unsigned int n)
{
	while (n--) {
		if (a[n] != b[n])
			return a[n] < b[n] ? -1 : 1;
	}
	return 0;
}
