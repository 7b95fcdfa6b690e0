// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * MRENCLAVE, with the same code that measures in the processor.
 *
 * The core asks for the compression function alone, which OpenSSL 3 offers only
 * as a deprecated function.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "internal.h"

static void sha256_blocks(u32 state[8], const u8 *data, size_t n)
{
	SHA256_CTX ctx = { 0 };

	memcpy(ctx.h, state, sizeof(ctx.h));
	for (; n; n--, data += SHA256_CBLOCK)
		SHA256_Transform(&ctx, data);
	memcpy(state, ctx.h, sizeof(ctx.h));
}

const struct sgxcore_crypto softsgx_crypto = {
	.sha256_blocks = sha256_blocks,
};

static void measure_page(struct sgxcore_measure *m,
			 const struct softsgx_segment *seg, u64 pos)
{
	struct sgx_secinfo secinfo = { .flags = seg->flags };
	unsigned int i;

	sgxcore_measure_eadd(m, &softsgx_crypto, seg->offset + pos, &secinfo);
	if (!seg->measured)
		return;
	for (i = 0; i < SGX_PAGE_SIZE; i += 256)
		sgxcore_measure_eextend(m, &softsgx_crypto,
					seg->offset + pos + i,
					seg->src + pos + i);
}

void softsgx_image_measure(const struct softsgx_image *image,
			   u8 mrenclave[SOFTSGX_HASH_SIZE])
{
	struct sgxcore_measure m;
	unsigned int i;
	u64 pos;

	sgxcore_measure_ecreate(&m, &softsgx_crypto, image->ssa_frame_pages,
				image->size);
	for (i = 0; i < image->nr_segs; i++) {
		for (pos = 0; pos < image->segs[i].size; pos += SGX_PAGE_SIZE)
			measure_page(&m, &image->segs[i], pos);
	}
	sgxcore_measure_final(&m, &softsgx_crypto, mrenclave);
}
