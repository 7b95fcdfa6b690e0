// SPDX-License-Identifier: GPL-2.0
/*
 * MRENCLAVE: the log of 64-byte blocks that ECREATE, EADD and EEXTEND hash, and
 * SHA-256 on top of a borrowed compression function.
 */
#include "internal.h"

#define SHA256_BLOCK		64

static const u32 sha256_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static void put_be32(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 24);
	p[1] = (u8)(v >> 16);
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
}

/* Pad and hash the last @n < 64 bytes of a message of @total bytes. */
static void sha256_finish(const struct sgxcore_crypto *c, u32 state[8], const u8 *tail,
			  size_t n, u64 total, u8 out[32])
{
	u8 buf[2 * SHA256_BLOCK] = { 0 };
	size_t blocks = n + 9 > SHA256_BLOCK ? 2 : 1;
	u8 *len = buf + blocks * SHA256_BLOCK - 8;
	unsigned int i;

	if (n)
		memcpy(buf, tail, n);
	buf[n] = 0x80;
	put_be32(len, (u32)(total >> 29));
	put_be32(len + 4, (u32)(total << 3));
	c->sha256_blocks(state, buf, blocks);
	for (i = 0; i < 8; i++)
		put_be32(out + 4 * i, state[i]);
}

/**
 * sgxcore_sha256() - SHA-256 of a buffer
 * @c: primitives
 * @data: message
 * @len: its length in bytes
 * @out: digest
 */
void sgxcore_sha256(const struct sgxcore_crypto *c, const u8 *data, size_t len, u8 out[32])
{
	size_t blocks = len / SHA256_BLOCK;
	u32 state[8];

	memcpy(state, sha256_iv, sizeof(state));
	if (blocks)
		c->sha256_blocks(state, data, blocks);
	sha256_finish(c, state, data + blocks * SHA256_BLOCK, len % SHA256_BLOCK, len, out);
}

static void hash_block(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
		       const u8 block[SHA256_BLOCK])
{
	c->sha256_blocks(m->state, block, 1);
	m->blocks++;
}

/**
 * sgxcore_measure_ecreate() - start a log
 * @m: the log; what it held is forgotten
 * @c: primitives
 * @ssa_frame_size: SECS.SSAFRAMESIZE
 * @size: SECS.SIZE
 */
void sgxcore_measure_ecreate(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			     u32 ssa_frame_size, u64 size)
{
	u8 block[SHA256_BLOCK] = "ECREATE";

	memcpy(m->state, sha256_iv, sizeof(m->state));
	m->blocks = 0;
	memcpy(block + 8, &ssa_frame_size, sizeof(ssa_frame_size));
	memcpy(block + 12, &size, sizeof(size));
	hash_block(m, c, block);
}

/**
 * sgxcore_measure_eadd() - log a new page
 * @m: the log
 * @c: primitives
 * @offset: of the page from BASEADDR
 * @secinfo: as EADD gets it; for a TCS the permissions have to be clear already
 */
void sgxcore_measure_eadd(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			  u64 offset, const struct sgx_secinfo *secinfo)
{
	u8 block[SHA256_BLOCK] = "EADD";

	memcpy(block + 8, &offset, sizeof(offset));
	memcpy(block + 16, secinfo, sizeof(block) - 16);
	hash_block(m, c, block);
}

/**
 * sgxcore_measure_eextend() - log 256 bytes of a page
 * @m: the log
 * @c: primitives
 * @offset: of the bytes from BASEADDR
 * @chunk: the bytes
 */
void sgxcore_measure_eextend(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			     u64 offset, const u8 chunk[256])
{
	u8 block[SHA256_BLOCK] = "EEXTEND";

	memcpy(block + 8, &offset, sizeof(offset));
	hash_block(m, c, block);
	c->sha256_blocks(m->state, chunk, 4);
	m->blocks += 4;
}

/**
 * sgxcore_measure_final() - MRENCLAVE of the log as it stands
 * @m: the log, unchanged
 * @c: primitives
 * @mrenclave: the measurement
 */
void sgxcore_measure_final(const struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			   u8 mrenclave[32])
{
	u32 state[8];

	memcpy(state, m->state, sizeof(state));
	sha256_finish(c, state, NULL, 0, m->blocks * SHA256_BLOCK, mrenclave);
}
