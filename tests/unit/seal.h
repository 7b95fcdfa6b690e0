/* SPDX-License-Identifier: GPL-2.0 */
/* AES-128-GCM and CMAC for the core under test, by OpenSSL; it can be told to fail. */
#ifndef _TESTS_UNIT_SEAL_H
#define _TESTS_UNIT_SEAL_H

#include "../../core/core.h"

/**
 * struct seal_key - what &sgxcore_cpu.paging_key points to
 * @key: AES key
 * @calls: how often it has been used
 * @fail_at: the call, counted from 1, that fails; 0 for none
 */
struct seal_key {
	u8 key[16];
	unsigned int calls;
	unsigned int fail_at;
};

struct seal_io {
	const u8 *key;
	const u8 *iv;
	const u8 *aad;
	int aad_len;
	const u8 *in;
	u8 *out;
	int len;
	u8 *mac;
};

void seal(const struct seal_io *io);
/* False if the tag is wrong */
bool unseal(const struct seal_io *io);

bool seal_gcm_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher);
enum sgxcore_unsealed seal_gcm_decrypt(const struct sgxcore_gcm *g, u8 *data);

/* AES-128-CMAC; fails at the seal_cmac_fail_at-th call from now, counted from 1. */
extern unsigned int seal_cmac_fail_at;
bool seal_cmac(const u8 key[16], const void *data, size_t n, u8 mac[16]);

#endif /* _TESTS_UNIT_SEAL_H */
