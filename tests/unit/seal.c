// SPDX-License-Identifier: GPL-2.0
/* AES-128-GCM by OpenSSL: see seal.h. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "seal.h"

#define MUST(call)	((call) == 1 ? (void)0 : abort())

static EVP_CIPHER_CTX *start(const struct seal_io *io, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	MUST(EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, io->key, io->iv, encrypt));
	if (io->aad_len)
		MUST(EVP_CipherUpdate(ctx, NULL, &n, io->aad, io->aad_len));
	if (io->len)
		MUST(EVP_CipherUpdate(ctx, io->out, &n, io->in, io->len));
	return ctx;
}

void seal(const struct seal_io *io)
{
	EVP_CIPHER_CTX *ctx = start(io, 1);
	u8 end[16];
	int n;

	MUST(EVP_CipherFinal_ex(ctx, end, &n));
	MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, io->mac));
	EVP_CIPHER_CTX_free(ctx);
}

bool unseal(const struct seal_io *io)
{
	EVP_CIPHER_CTX *ctx = start(io, 0);
	u8 end[16];
	bool good;
	int n;

	MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16, io->mac));
	good = EVP_CipherFinal_ex(ctx, end, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

static bool fails(struct seal_key *key)
{
	return ++key->calls == key->fail_at;
}

static struct seal_io io_of(const struct sgxcore_gcm *g, const u8 *in, u8 *out)
{
	return (struct seal_io){
		.key = ((struct seal_key *)g->key)->key, .iv = g->iv,
		.aad = g->aad, .aad_len = sizeof(g->aad),
		.in = in, .out = out, .len = SGX_PAGE_SIZE, .mac = (u8 *)g->mac,
	};
}

bool seal_gcm_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher)
{
	struct seal_io io = io_of(g, plain, cipher);

	if (fails(g->key)) {
		memcpy(cipher, plain, SGX_PAGE_SIZE / 2);
		return false;
	}
	seal(&io);
	return true;
}

enum sgxcore_unsealed seal_gcm_decrypt(const struct sgxcore_gcm *g, u8 *data)
{
	struct seal_io io = io_of(g, data, data);

	if (fails(g->key)) {
		memset(data, 0x66, SGX_PAGE_SIZE / 2);
		return SGXCORE_UNSEAL_FAILED;
	}
	return unseal(&io) ? SGXCORE_UNSEALED : SGXCORE_BAD_MAC;
}

unsigned int seal_cmac_fail_at;

bool seal_cmac(const u8 key[16], const void *data, size_t n, u8 mac[16])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("cipher", "AES-128-CBC", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *type = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(type);
	size_t len;

	MUST(EVP_MAC_init(ctx, key, 16, params));
	MUST(EVP_MAC_update(ctx, data, n));
	MUST(EVP_MAC_final(ctx, mac, &len, 16));
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(type);
	if (seal_cmac_fail_at && !--seal_cmac_fail_at) {
		memset(mac, 0x66, 16);
		return false;
	}
	return true;
}
