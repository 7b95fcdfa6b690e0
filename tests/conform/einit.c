// SPDX-License-Identifier: GPL-2.0
/* EINIT: operands, SIGSTRUCT, signature, measurement, attributes, launch, in that order. */
#include "bench.h"

#define SIG(b)		((struct sgx_sigstruct *)(b)->op.sig)
#define TOKEN(b)	((struct sgx_einittoken *)(b)->op.token)

/* With the operands as they are */
#define EINIT(b)	sgxcpu_einit((b)->op.sig, (b)->op.token, (b)->epc[SECS])

/* A SIGSTRUCT that was changed after it was signed */
#define INIT(b, want, change)			\
	do {					\
		bench_sigstruct(b, SIG_GOOD);	\
		change;				\
		REFUSES(b, want, EINIT(b));	\
	} while (0)

/* Another SIGSTRUCT */
#define INIT_WITH(b, want, which)		\
	do {					\
		bench_sigstruct(b, which);	\
		REFUSES(b, want, EINIT(b));	\
	} while (0)

static void rbx(struct bench *b)
{
	bench_enclave(b);
	bench_sigstruct(b, SIG_GOOD);
	memmove(b->op.sig + 512, b->op.sig, sizeof(struct sgx_sigstruct));
	REFUSES(b, GP, sgxcpu_einit(b->op.sig + 512, b->op.token, b->epc[SECS]));
}

static void rcx(struct bench *b)
{
	bench_enclave(b);
	bench_sigstruct(b, SIG_GOOD);
	REFUSES(b, GP, sgxcpu_einit(b->op.sig, b->op.token, b->epc[SECS] + 2048));
}

static void rdx(struct bench *b)
{
	bench_enclave(b);
	bench_sigstruct(b, SIG_GOOD);
	REFUSES(b, GP, sgxcpu_einit(b->op.sig, b->op.token + 256, b->epc[SECS]));
}

static void not_epc(struct bench *b)
{
	bench_sigstruct(b, SIG_GOOD);
	REFUSES(b, PF, sgxcpu_einit(b->op.sig, b->op.token, b->op.src));
	/* before anything in SIGSTRUCT */
	b->op.sig[0] ^= 1;
	REFUSES(b, PF, sgxcpu_einit(b->op.sig, b->op.token, b->op.src));
}

static void header(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_HEADER);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_HEADER2);
}

static void vendor(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_VENDOR);
	bench_sigstruct(b, SIG_INTEL);
	ACCEPTS(b, EINIT(b));
}

static void exponent(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_EXPONENT);
}

static void reserved_signed(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_RESERVED1);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_RESERVED2);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_RESERVED3);
}

static void reserved_unsigned(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_SIG_STRUCT, b->op.sig[1028] = 1);
	INIT(b, SGX_INVALID_SIG_STRUCT, b->op.sig[1039] = 1);
}

static void signature(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->signature[0] ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->signature[383] ^= 0x80);
}

static void quotients(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->q1[5] ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->q2[5] ^= 1);
}

static void modulus(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->modulus[9] ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, memset(SIG(b)->modulus, 0, SGX_MODULUS_SIZE));
}

static void signed_fields(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->date ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->swdefined ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->mrenclave[0] ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->isv_svn ^= 1);
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->isv_ext_prod_id[15] ^= 1);
}

static void order_sigstruct(struct bench *b)
{
	bench_enclave(b);
	/* SIGSTRUCT, then the signature, then the page */
	INIT(b, SGX_INVALID_SIG_STRUCT, (b->op.sig[0] ^= 1, SIG(b)->signature[0] ^= 1));
	bench_sigstruct(b, SIG_GOOD);
	SIG(b)->signature[0] ^= 1;
	REFUSES(b, SGX_INVALID_SIGNATURE, sgxcpu_einit(b->op.sig, b->op.token, b->epc[REG]));
}

static void not_secs(struct bench *b)
{
	bench_enclave(b);
	bench_sigstruct(b, SIG_GOOD);
	REFUSES(b, PF, sgxcpu_einit(b->op.sig, b->op.token, b->epc[REG]));
	REFUSES(b, PF, sgxcpu_einit(b->op.sig, b->op.token, b->epc[VA]));
	REFUSES(b, PF, sgxcpu_einit(b->op.sig, b->op.token, b->epc[FREE]));
}

static void initialised(struct bench *b)
{
	bench_initialised(b);
	INIT_WITH(b, GP, SIG_GOOD);
	INIT_WITH(b, GP, SIG_HASH);
}

static void family(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_FAMILY);
	INIT_WITH(b, SGX_INVALID_SIG_STRUCT, SIG_FAMILY_HASH);
	GIVES(b, OK, bench_einit_with(b, SIG_EXTPROD));
}

static void family_kss(struct bench *b)
{
	if (!(b->attributes & SGX_ATTR_KSS))
		return;
	bench_enclave_with(b, SGX_ATTR_KSS);
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_FAMILY_HASH);
	ACCEPTS(b, bench_einit_with(b, SIG_FAMILY));
}

static void measurement(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_HASH);
	/* and unsigned it would not have come this far */
	INIT(b, SGX_INVALID_SIGNATURE, SIG(b)->mrenclave[31] ^= 1);
}

static void order_measurement(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_HASH_NO_DEBUG);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_SIGNER_NO_DEBUG);
}

static void launch_key(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_EINITTOKENKEY);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_SIGNER);
	ACCEPTS(b, bench_einit_with(b, SIG_GOOD));
}

static void attributes(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_NO_DEBUG);
	ACCEPTS(b, bench_einit_with(b, SIG_DEBUG));
}

static void attributes_missing(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_DEBUG);
	ACCEPTS(b, bench_einit_with(b, SIG_NO_DEBUG));
}

static void attributes_unmasked(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG | SGX_ATTR_PROVISIONKEY);
	ACCEPTS(b, bench_einit_with(b, SIG_GOOD));
}

static void xfrm(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_XFRM);
}

static void misc(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_ATTRIBUTE, SIG_MISC);
}

static void signer(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_EINITTOKEN, SIG_SIGNER);
	/* Other bits of VALID are none. */
	bench_sigstruct(b, SIG_SIGNER);
	TOKEN(b)->valid = 2;
	REFUSES(b, SGX_INVALID_EINITTOKEN, EINIT(b));
	/* Without a token its other fields are nothing, either. */
	bench_sigstruct(b, SIG_GOOD);
	TOKEN(b)->reserved1[0] = 1;
	ACCEPTS(b, EINIT(b));
}

static void token_reserved(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_EINITTOKEN, (TOKEN(b)->valid = 1, TOKEN(b)->reserved1[0] = 1));
	INIT(b, SGX_INVALID_EINITTOKEN, TOKEN(b)->valid = 3);
}

static void token_debug(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_EINITTOKEN,
	     (TOKEN(b)->valid = 1, TOKEN(b)->masked_attributes_le = SGX_ATTR_DEBUG));
}

static void token_cpusvn(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_CPUSVN,
	     (TOKEN(b)->valid = 1, memset(TOKEN(b)->cpusvnle, 0xff, 16)));
	/* DEBUG and reserved come before */
	INIT(b, SGX_INVALID_EINITTOKEN, (TOKEN(b)->valid = 1, TOKEN(b)->reserved2[0] = 1,
					 memset(TOKEN(b)->cpusvnle, 0xff, 16)));
}

static void token_mac(struct bench *b)
{
	bench_enclave(b);
	INIT(b, SGX_INVALID_EINITTOKEN, TOKEN(b)->valid = 1);
}

static void extended_after(struct bench *b)
{
	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_HASH);
	bench_add_source(b, AT_FREE, REG_RW);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[FREE]));
	/* Now it is another enclave. */
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_GOOD);
}

static void good(struct bench *b)
{
	const struct sgx_secs *secs = (struct sgx_secs *)b->epc[SECS];
	const struct sgx_sigstruct *sig = SIG(b);

	bench_enclave(b);
	INIT_WITH(b, SGX_INVALID_MEASUREMENT, SIG_HASH);
	ACCEPTS(b, bench_einit_with(b, SIG_GOOD));
	HOLDS(b, secs->attributes & SGX_ATTR_INIT);
	HOLDS(b, !memcmp(secs->mrenclave, sig->mrenclave, 32));
	HOLDS(b, !memcmp(secs->mrsigner, conform_signer, 32));
	HOLDS(b, secs->isv_prod_id == sig->isv_prod_id && secs->isv_svn == sig->isv_svn);
	HOLDS(b, sig->isv_prod_id && sig->isv_svn);
}

static const struct bench_case cases[] = {
	{ rbx, "SIGSTRUCT not at a page: #GP" },
	{ rcx, "SECS not at a page: #GP" },
	{ rdx, "EINITTOKEN not at 512 bytes: #GP" },
	{ not_epc, "SECS not in the EPC: #PF, before SIGSTRUCT" },
	{ header, "HEADER, HEADER2: SGX_INVALID_SIG_STRUCT" },
	{ vendor, "VENDOR is 0 or 8086H: SGX_INVALID_SIG_STRUCT" },
	{ exponent, "EXPONENT is not 3: SGX_INVALID_SIG_STRUCT" },
	{ reserved_signed, "reserved in the signed ranges: SGX_INVALID_SIG_STRUCT" },
	{ reserved_unsigned, "reserved elsewhere: SGX_INVALID_SIG_STRUCT" },
	{ signature, "SIGNATURE: SGX_INVALID_SIGNATURE" },
	{ quotients, "Q1, Q2: SGX_INVALID_SIGNATURE" },
	{ modulus, "MODULUS: SGX_INVALID_SIGNATURE" },
	{ signed_fields, "what is signed: SGX_INVALID_SIGNATURE" },
	{ order_sigstruct, "SIGSTRUCT before signature before SECS" },
	{ not_secs, "page is no SECS: #PF" },
	{ initialised, "initialised already: #GP, before the measurement" },
	{ family, "ISVFAMILYID without KSS: SGX_INVALID_SIG_STRUCT, before the measurement" },
	{ family_kss, "ISVFAMILYID with KSS" },
	{ measurement, "ENCLAVEHASH: SGX_INVALID_MEASUREMENT" },
	{ order_measurement, "measurement before ATTRIBUTES before launch" },
	{ launch_key, "EINITTOKENKEY of another signer: SGX_INVALID_ATTRIBUTE" },
	{ attributes, "DEBUG, not wanted: SGX_INVALID_ATTRIBUTE" },
	{ attributes_missing, "no DEBUG, wanted: SGX_INVALID_ATTRIBUTE" },
	{ attributes_unmasked, "ATTRIBUTES not in the mask do not matter" },
	{ xfrm, "XFRM: SGX_INVALID_ATTRIBUTE" },
	{ misc, "MISCSELECT: SGX_INVALID_ATTRIBUTE" },
	{ signer, "IA32_SGXLEPUBKEYHASH of another, no token: SGX_INVALID_EINITTOKEN" },
	{ token_reserved, "reserved in EINITTOKEN: SGX_INVALID_EINITTOKEN" },
	{ token_debug, "EINITTOKEN of a debug launch enclave: SGX_INVALID_EINITTOKEN" },
	{ token_cpusvn, "CPUSVNLE of the future: SGX_INVALID_CPUSVN" },
	{ token_mac, "MAC: SGX_INVALID_EINITTOKEN" },
	{ extended_after, "can be built on after a failure" },
	{ good, "good: INIT and identity are set, also after a failure" },
};

const struct bench_leaf bench_einit[] = {
	BENCH_LEAF("EINIT", cases, BENCH_ANY),
	{ }
};
