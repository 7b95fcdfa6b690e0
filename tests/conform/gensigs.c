// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the SIGSTRUCTs of sigs.h, with keys that nobody keeps. The measurement is computed here
 * once more, from what bench_enclave() does.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "../unit/signer.h"

#define BLOCK	64

static u8 measurement[32];

static void put(u8 block[BLOCK], unsigned int where, u64 value, unsigned int size)
{
	memcpy(block + where, &value, size);
}

static void add_page(SHA256_CTX *c, u64 offset, u64 flags)
{
	u8 block[BLOCK] = "EADD";

	put(block, 8, offset, 8);
	put(block, 16, flags, 8);
	SHA256_Update(c, block, BLOCK);
}

static void extend_page(SHA256_CTX *c, u64 offset, const u8 *page)
{
	unsigned int i;

	for (i = 0; i < SGX_PAGE_SIZE; i += 256) {
		u8 block[BLOCK] = "EEXTEND";

		put(block, 8, offset + i, 8);
		SHA256_Update(c, block, BLOCK);
		SHA256_Update(c, page + i, 256);
	}
}

static void measure(void)
{
	u8 block[BLOCK] = "ECREATE";
	u8 page[SGX_PAGE_SIZE];
	SHA256_CTX c;

	memset(page, 0x5a, sizeof(page));
	SHA256_Init(&c);
	put(block, 8, 1, 4);
	put(block, 12, BENCH_SIZE, 8);
	SHA256_Update(&c, block, BLOCK);
	add_page(&c, AT_REG, REG_RW);
	extend_page(&c, AT_REG, page);
	add_page(&c, AT_TCS, SGX_SECINFO_TCS);
	SHA256_Final(measurement, &c);
}

static void no_debug(struct sgx_sigstruct *sig)
{
	sig->attributes = SGX_ATTR_MODE64BIT;
	sig->attributes_mask = ~0ULL;
}

static void spoil(struct sgx_sigstruct *sig, enum conform_sig which)
{
	switch (which) {
	case SIG_HASH:
	case SIG_FAMILY_HASH:
	case SIG_HASH_NO_DEBUG:
		sig->mrenclave[0] ^= 1;
		break;
	case SIG_XFRM:
		sig->xfrm = 7;
		sig->xfrm_mask = ~0ULL;
		break;
	case SIG_MISC:
		sig->miscselect = 1;
		sig->misc_mask = 1;
		break;
	case SIG_EXTPROD:
		sig->isv_ext_prod_id[0] = 1;
		break;
	case SIG_HEADER:
		sig->header[15] = 1;
		break;
	case SIG_HEADER2:
		sig->header2[15] = 1;
		break;
	case SIG_VENDOR:
		sig->vendor = 1;
		break;
	case SIG_INTEL:
		sig->vendor = 0x8086;
		break;
	case SIG_EXPONENT:
		sig->exponent = 65537;
		break;
	case SIG_RESERVED1:
		((u8 *)sig)[44] = 1;
		break;
	case SIG_RESERVED2:
		((u8 *)sig)[910] = 1;
		break;
	case SIG_RESERVED3:
		((u8 *)sig)[992] = 1;
		break;
	default:
		break;
	}
	if (which == SIG_FAMILY || which == SIG_FAMILY_HASH)
		sig->isv_family_id[15] = 1;
	if (which == SIG_NO_DEBUG || which == SIG_HASH_NO_DEBUG || which == SIG_SIGNER_NO_DEBUG)
		no_debug(sig);
	if (which == SIG_DEBUG) {
		no_debug(sig);
		sig->attributes |= SGX_ATTR_DEBUG;
	}
}

static void print_bytes(const u8 *p, size_t n)
{
	size_t i;

	printf("\t{");
	for (i = 0; i < n; i++)
		printf("%s%u,", i % 20 ? " " : "\n\t\t", p[i]);
	printf("\n\t},\n");
}

static void print_sig(const struct signer *signer, enum conform_sig which)
{
	struct sgx_sigstruct sig;

	signer_template(&sig);
	memcpy(sig.mrenclave, measurement, sizeof(measurement));
	sig.isv_prod_id = 0x1234;
	sig.isv_svn = 0x56;
	spoil(&sig, which);
	signer_sign(signer, &sig);
	print_bytes((u8 *)&sig, sizeof(sig));
}

static void print_signer(const struct signer *signer)
{
	struct sgx_sigstruct sig;
	u64 hash[4];

	signer_template(&sig);
	signer_sign(signer, &sig);
	signer_hash(&sig, hash);
	printf("const u64 conform_signer[4] = {\n\t%#llxULL, %#llxULL,\n"
	       "\t%#llxULL, %#llxULL,\n};\n", hash[0], hash[1], hash[2], hash[3]);
}

int main(void)
{
	struct signer signer, other;
	unsigned int i;

	measure();
	signer_init(&signer);
	signer_init(&other);
	printf("#include \"sigs.h\"\n\n"
	       "const u8 conform_sigs[SIG_NR][sizeof(struct sgx_sigstruct)] = {\n");
	for (i = 0; i < SIG_NR; i++)
		print_sig(i == SIG_SIGNER || i == SIG_SIGNER_NO_DEBUG ? &other : &signer, i);
	printf("};\n\n");
	print_signer(&signer);
	signer_exit(&signer);
	signer_exit(&other);
	return 0;
}
