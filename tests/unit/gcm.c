// SPDX-License-Identifier: GPL-2.0
/*
 * That evicted pages are AES-128-GCM: the tests' primitive against a published
 * vector, and an evicted page against an implementation that shares nothing with it.
 */
#include <openssl/sha.h>

#include "paging.h"

static u8 nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void hex(u8 *out, const char *s)
{
	for (; *s; s += 2)
		*out++ = nibble(s[0]) << 4 | nibble(s[1]);
}

static void assert_hex(const u8 *bytes, const char *s)
{
	u8 expected[64];

	hex(expected, s);
	assert_memory_equal(bytes, expected, strlen(s) / 2);
}

/* Test case 4 of the GCM specification */
static void published_vector(void **state)
{
	u8 key[16], iv[12], aad[20], plain[60], out[60], mac[16], back[60];
	struct seal_io io = {
		.key = key, .iv = iv, .aad = aad, .aad_len = sizeof(aad),
		.in = plain, .out = out, .len = sizeof(plain), .mac = mac,
	};

	(void)state;
	hex(key, "feffe9928665731c6d6a8f9467308308");
	hex(iv, "cafebabefacedbaddecaf888");
	hex(aad, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
	hex(plain, "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72");
	hex(plain + 32, "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
	seal(&io);
	assert_hex(out, "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e");
	assert_hex(out + 32, "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091");
	assert_hex(mac, "5bc94fbc3221a5db94fae95ae7121a47");

	io.in = out;
	io.out = back;
	assert_true(unseal(&io));
	assert_memory_equal(back, plain, sizeof(plain));
	mac[15] ^= 1;
	assert_false(unseal(&io));
}

/*
 * Key 00..0f, EID 1, LINADDR 10010000H, SECINFO.FLAGS 203H, version 8: header and IV as
 * leaf_paging.c makes them, page as paging_setup() fills it.
 */
static void evicted_page(void **state)
{
	struct rig *r = *state;
	u8 digest[32];
	unsigned int i;

	for (i = 0; i < sizeof(r->paging_key.key); i++)
		r->paging_key.key[i] = i;
	paging_evict(r, PAGING_REG2, 0, &blob);
	assert_hex(blob.data, "c8b08cb9fd71a8df633d9561985a1393");
	assert_hex(blob.data + SGX_PAGE_SIZE - 16, "32438d17cde1d6144e0fffda84132bcd");
	assert_hex(blob.pcmd.mac, "b0466ae355b6a045190c8438a5b9f2a4");
	SHA256(blob.data, sizeof(blob.data), digest);
	assert_hex(digest, "53a3ec0ecb76687fdb00f161160478103c885e6f51babe595ebad9f0685f361a");
}

static struct sgxcore_gcm seen[64];

static bool note_and_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher)
{
	seen[((struct seal_key *)g->key)->calls % 64] = *g;
	return seal_gcm_encrypt(g, plain, cipher);
}

/* Two pages under one IV would give both away, and the MAC key with them. */
static void ivs_differ(void **state)
{
	struct rig *r = *state;
	unsigned int i, j;

	r->crypto.gcm_encrypt = note_and_encrypt;
	for (i = 0; i < 20; i++) {
		/* failures and refused loads included */
		r->paging_key.fail_at = i % 5 == 0 ? r->paging_key.calls + 1 : 0;
		assert_ok(paging_eblock(r, PAGING_REG2));
		assert_ok(paging_etrack(r, PAGING_SECS));
		if (paging_ewb(r, PAGING_REG2, 0, &blob).kind != SGXCORE_OK)
			assert_ok(paging_ewb(r, PAGING_REG2, 0, &blob));
		blob.data[0] ^= 1;
		assert_status(paging_eldu(r, PAGING_REG2, 0, &blob), SGX_MAC_COMPARE_FAIL);
		blob.data[0] ^= 1;
		assert_ok(paging_eldu(r, PAGING_REG2, 0, &blob));
	}
	for (i = 0; i < r->paging_key.calls; i++) {
		for (j = 0; j < i; j++) {
			if (!sgxcore_is_zero(seen[i].iv, 12))
				assert_memory_not_equal(seen[i].iv, seen[j].iv, 12);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vector),
		PAGING_TEST(evicted_page),
		PAGING_TEST(ivs_differ),
	};

	return cmocka_run_group_tests_name("gcm", tests, NULL, NULL);
}
