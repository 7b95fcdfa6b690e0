// SPDX-License-Identifier: GPL-2.0
/* ECREATE, EADD, EEXTEND. */
#include "bench.h"

/* ECREATE of the good source with a change */
#define CREATE(b, want, change)						\
	do {								\
		struct sgx_secs *secs = bench_secs_source(b);		\
									\
		change;							\
		(void)secs;						\
		REFUSES(b, want, bench_ecreate(b));			\
	} while (0)

#define CREATE_OK(b, change)						\
	do {								\
		struct sgx_secs *secs = bench_secs_source(b);		\
									\
		change;							\
		(void)secs;						\
		ACCEPTS(b, bench_ecreate(b));				\
		ACCEPTS(b, sgxcpu_eremove((b)->epc[SECS]));		\
	} while (0)

static void ecreate_rbx(struct bench *b)
{
	bench_secs_source(b);
	REFUSES(b, GP, sgxcpu_ecreate((void *)((u8 *)&b->op.info + 16), b->epc[SECS]));
}

static void ecreate_rcx(struct bench *b)
{
	bench_secs_source(b);
	REFUSES(b, GP, sgxcpu_ecreate(&b->op.info, b->epc[SECS] + 8));
	REFUSES(b, GP, sgxcpu_ecreate(&b->op.info, b->epc[SECS] + 2048));
}

static void ecreate_not_epc(struct bench *b)
{
	bench_secs_source(b);
	REFUSES(b, PF, sgxcpu_ecreate(&b->op.info, b->op.sig));
}

static void ecreate_order_epc(struct bench *b)
{
	bench_secs_source(b);
	REFUSES(b, GP, sgxcpu_ecreate(&b->op.info, b->op.sig + 8));
	b->op.info.linaddr = 1;
	REFUSES(b, PF, sgxcpu_ecreate(&b->op.info, b->op.sig));
}

static void ecreate_srcpge(struct bench *b)
{
	CREATE(b, GP, b->op.info.srcpge += 8);
}

static void ecreate_secinfo_align(struct bench *b)
{
	CREATE(b, GP, b->op.info.secinfo += 32);
}

static void ecreate_linaddr(struct bench *b)
{
	CREATE(b, GP, b->op.info.linaddr = 0x1000);
}

static void ecreate_secs(struct bench *b)
{
	CREATE(b, GP, b->op.info.secs = bench_addr(b->epc[FREE]));
}

static void ecreate_type(struct bench *b)
{
	CREATE(b, GP, b->op.secinfo.flags = SGX_SECINFO_REG);
	CREATE(b, GP, b->op.secinfo.flags = SGX_SECINFO_TCS);
	CREATE(b, GP, b->op.secinfo.flags = SGX_SECINFO_VA);
}

static void ecreate_secinfo_reserved(struct bench *b)
{
	CREATE(b, GP, b->op.secinfo.flags = 1 << 6);
	CREATE(b, GP, b->op.secinfo.flags = 1 << 16);
	CREATE(b, GP, b->op.secinfo.reserved[0] = 1);
	CREATE(b, GP, b->op.secinfo.reserved[55] = 1);
}

static void ecreate_valid(struct bench *b)
{
	bench_secs(b);
	CREATE(b, PF, (void)0);
}

static void ecreate_order_valid(struct bench *b)
{
	bench_secs(b);
	CREATE(b, GP, b->op.info.linaddr = 0x1000);
	CREATE(b, PF, secs->size = 0);
}

static void ecreate_size(struct bench *b)
{
	CREATE(b, GP, secs->size = 0);
	CREATE(b, GP, secs->size = 0x1000);
	CREATE(b, GP, secs->size = 0x3000);
	CREATE_OK(b, secs->size = 0x2000);
}

static void ecreate_size_limit(struct bench *b)
{
	CREATE(b, GP, (secs->base = 0, secs->size = 1ULL << 63));
	CREATE_OK(b, (secs->base = 0, secs->size = 1ULL << 35));
}

static void ecreate_base(struct bench *b)
{
	CREATE(b, GP, secs->base = BENCH_BASE + 0x1000);
	CREATE(b, GP, secs->base = BENCH_BASE + BENCH_SIZE / 2);
	CREATE_OK(b, secs->base = 0);
}

static void ecreate_canonical(struct bench *b)
{
	CREATE(b, GP, secs->base = 1ULL << 56);
	CREATE(b, GP, secs->base = 1ULL << 63);
}

static void ecreate_32bit(struct bench *b)
{
	CREATE(b, GP, (secs->attributes = 0, secs->base = 1ULL << 32));
	CREATE_OK(b, secs->attributes = 0);
}

static void ecreate_xfrm_legacy(struct bench *b)
{
	CREATE(b, GP, secs->xfrm = 0);
	CREATE(b, GP, secs->xfrm = 1);
	CREATE(b, GP, secs->xfrm = 2);
}

static void ecreate_xfrm_bits(struct bench *b)
{
	unsigned int bit;

	for (bit = 2; bit < 64; bit++)
		if (!(b->xfrm >> bit & 1))
			CREATE(b, GP, secs->xfrm |= 1ULL << bit);
}

static void ecreate_xfrm_avx512(struct bench *b)
{
	CREATE(b, GP, secs->xfrm = 0x23);
	CREATE(b, GP, secs->xfrm = 0x27);
	CREATE(b, GP, secs->xfrm = 0xe3);
}

static void ecreate_frame(struct bench *b)
{
	CREATE(b, GP, secs->ssa_frame_size = 0);
	CREATE_OK(b, secs->ssa_frame_size = 100);
}

static void ecreate_misc(struct bench *b)
{
	CREATE(b, GP, secs->miscselect = 1u << 31);
	CREATE(b, GP, secs->miscselect = ~b->misc & (b->misc + 1));
	CREATE_OK(b, secs->miscselect = b->misc);
}

static void ecreate_attributes(struct bench *b)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(b->attributes >> bit & 1))
			CREATE(b, GP, secs->attributes |= 1ULL << bit);
	CREATE_OK(b, secs->attributes = b->attributes);
}

static void ecreate_init(struct bench *b)
{
	CREATE(b, GP, secs->attributes |= SGX_ATTR_INIT);
}

static void ecreate_config(struct bench *b)
{
	CREATE(b, GP, secs->config_id[0] = 1);
	CREATE(b, GP, secs->config_id[63] = 1);
	CREATE(b, GP, secs->config_svn = 1);
	if (b->attributes & SGX_ATTR_KSS)
		CREATE_OK(b, (secs->attributes |= SGX_ATTR_KSS, secs->config_id[0] = 1,
			      secs->config_svn = 1));
}

static void ecreate_reserved(struct bench *b)
{
	static const unsigned int where[] = {
		24, 31, 32, 33, 47, 96, 127, 160, 191, 262, 4095,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(where); i++)
		CREATE(b, GP, b->op.src[where[i]] = 1);
}

static void ecreate_good(struct bench *b)
{
	struct sgx_secs *secs = bench_secs_source(b);

	secs->isv_prod_id = 5;
	secs->isv_svn = 6;
	ACCEPTS(b, bench_ecreate(b));
	secs = (struct sgx_secs *)b->epc[SECS];
	HOLDS(b, !secs->isv_prod_id && !secs->isv_svn);
	HOLDS(b, secs->base == BENCH_BASE && secs->size == BENCH_SIZE);
}

static const struct bench_case ecreate_cases[] = {
	{ ecreate_rbx, "PAGEINFO not at 32 bytes: #GP" },
	{ ecreate_rcx, "SECS not at a page: #GP" },
	{ ecreate_not_epc, "SECS not in the EPC: #PF" },
	{ ecreate_order_epc, "alignment before EPC before PAGEINFO" },
	{ ecreate_srcpge, "SRCPGE not at a page: #GP" },
	{ ecreate_secinfo_align, "SECINFO not at 64 bytes: #GP" },
	{ ecreate_linaddr, "PAGEINFO.LINADDR: #GP" },
	{ ecreate_secs, "PAGEINFO.SECS: #GP" },
	{ ecreate_type, "PAGE_TYPE is not SECS: #GP" },
	{ ecreate_secinfo_reserved, "reserved in SECINFO: #GP" },
	{ ecreate_valid, "page is VALID: #PF" },
	{ ecreate_order_valid, "PAGEINFO before VALID before contents" },
	{ ecreate_size, "SIZE too small, no power of two: #GP" },
	{ ecreate_size_limit, "SIZE beyond CPUID: #GP" },
	{ ecreate_base, "BASE no multiple of SIZE: #GP" },
	{ ecreate_canonical, "BASE not canonical: #GP" },
	{ ecreate_32bit, "32-bit enclave above 4 GiB: #GP" },
	{ ecreate_xfrm_legacy, "XFRM without x87 or SSE: #GP" },
	{ ecreate_xfrm_bits, "XFRM beyond CPUID: #GP" },
	{ ecreate_xfrm_avx512, "XFRM with a part of AVX-512: #GP" },
	{ ecreate_frame, "SSAFRAMESIZE too small: #GP" },
	{ ecreate_misc, "MISCSELECT beyond CPUID: #GP" },
	{ ecreate_attributes, "ATTRIBUTES beyond CPUID: #GP" },
	{ ecreate_init, "ATTRIBUTES.INIT: #GP" },
	{ ecreate_config, "CONFIGID, CONFIGSVN without KSS: #GP" },
	{ ecreate_reserved, "reserved in SECS: #GP" },
	{ ecreate_good, "good: ISV fields are cleared" },
};

/* EADD of a good REG page with a change */
#define ADD(b, want, change)						\
	do {								\
		bench_add_source(b, AT_FREE, REG_RW);			\
		change;							\
		REFUSES(b, want, sgxcpu_eadd(&(b)->op.info, (b)->epc[FREE]));	\
	} while (0)

#define ADD_OK(b, change)						\
	do {								\
		bench_add_source(b, AT_FREE, REG_RW);			\
		change;							\
		ACCEPTS(b, sgxcpu_eadd(&(b)->op.info, (b)->epc[FREE]));	\
		ACCEPTS(b, sgxcpu_eremove((b)->epc[FREE]));		\
	} while (0)

#define ADD_TCS(b, want, change)					\
	do {								\
		struct sgx_tcs *tcs = bench_tcs_source(b);		\
									\
		change;							\
		(void)tcs;						\
		REFUSES(b, want, sgxcpu_eadd(&(b)->op.info, (b)->epc[FREE]));	\
	} while (0)

static void eadd_align(struct bench *b)
{
	bench_secs(b);
	bench_add_source(b, AT_FREE, REG_RW);
	REFUSES(b, GP, sgxcpu_eadd((void *)((u8 *)&b->op.info + 16), b->epc[FREE]));
	REFUSES(b, GP, sgxcpu_eadd(&b->op.info, b->epc[FREE] + 64));
}

static void eadd_not_epc(struct bench *b)
{
	bench_secs(b);
	bench_add_source(b, AT_FREE, REG_RW);
	REFUSES(b, PF, sgxcpu_eadd(&b->op.info, b->op.sig));
}

static void eadd_pointers(struct bench *b)
{
	bench_secs(b);
	ADD(b, GP, b->op.info.srcpge += 8);
	ADD(b, GP, b->op.info.secs += 8);
	ADD(b, GP, b->op.info.linaddr += 8);
	ADD(b, GP, b->op.info.secinfo += 32);
}

static void eadd_secs_not_epc(struct bench *b)
{
	bench_secs(b);
	ADD(b, PF, b->op.info.secs = bench_addr(b->op.sig));
}

static void eadd_type(struct bench *b)
{
	bench_secs(b);
	ADD(b, GP, b->op.secinfo.flags = SGX_SECINFO_SECS | 3);
	ADD(b, GP, b->op.secinfo.flags = SGX_SECINFO_VA | 3);
	ADD(b, GP, b->op.secinfo.flags = SGX_SECINFO_TRIM | 3);
}

static void eadd_reserved(struct bench *b)
{
	bench_secs(b);
	ADD(b, GP, b->op.secinfo.flags |= 1 << 6);
	ADD(b, GP, b->op.secinfo.flags |= 1 << 16);
	ADD(b, GP, b->op.secinfo.reserved[0] = 1);
}

static void eadd_valid(struct bench *b)
{
	bench_enclave(b);
	bench_add_source(b, AT_FREE, REG_RW);
	REFUSES(b, PF, sgxcpu_eadd(&b->op.info, b->epc[REG]));
}

static void eadd_secs_type(struct bench *b)
{
	bench_enclave(b);
	ADD(b, PF, b->op.info.secs = bench_addr(b->epc[REG]));
	ADD(b, PF, b->op.info.secs = bench_addr(b->epc[VA]));
	ADD(b, PF, b->op.info.secs = bench_addr(b->epc[FREE + 1]));
}

static void eadd_order(struct bench *b)
{
	bench_enclave(b);
	/* SECINFO, then VALID, then the SECS, then contents and LINADDR */
	bench_add_source(b, AT_FREE, SGX_SECINFO_VA);
	REFUSES(b, GP, sgxcpu_eadd(&b->op.info, b->epc[REG]));
	ADD(b, PF, (b->op.info.secs = bench_addr(b->epc[REG]), b->op.info.linaddr = 0));
}

static void eadd_write_only(struct bench *b)
{
	bench_secs(b);
	ADD(b, GP, b->op.secinfo.flags = SGX_SECINFO_REG | SGX_SECINFO_W);
	ADD(b, GP, b->op.secinfo.flags = SGX_SECINFO_REG | SGX_SECINFO_W | SGX_SECINFO_X);
	ADD_OK(b, b->op.secinfo.flags = SGX_SECINFO_REG);
	ADD_OK(b, b->op.secinfo.flags = SGX_SECINFO_REG | SGX_SECINFO_X);
}

static void eadd_range(struct bench *b)
{
	bench_secs(b);
	ADD(b, GP, b->op.info.linaddr = BENCH_BASE - 0x1000);
	ADD(b, GP, b->op.info.linaddr = BENCH_BASE + BENCH_SIZE);
	ADD_OK(b, b->op.info.linaddr = BENCH_BASE);
	ADD_OK(b, b->op.info.linaddr = BENCH_BASE + BENCH_SIZE - 0x1000);
}

static void eadd_tcs_reserved(struct bench *b)
{
	bench_secs(b);
	ADD_TCS(b, GP, b->op.src[72] = 1);
	ADD_TCS(b, GP, b->op.src[4095] = 1);
}

static void eadd_tcs_limits(struct bench *b)
{
	bench_secs_source(b)->attributes = 0;
	ACCEPTS(b, bench_ecreate(b));
	ADD_TCS(b, GP, tcs->fs_limit = 0xffff0000);
	ADD_TCS(b, GP, tcs->gs_limit = 0xfffffffe);
}

static void eadd_tcs_cleared(struct bench *b)
{
	struct sgx_tcs *tcs;

	bench_secs(b);
	tcs = bench_tcs_source(b);
	tcs->state = 1;
	tcs->ssa_index = 5;
	tcs->aep = 0x1000;
	tcs->flags = SGX_TCS_DBGOPTIN;
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[TCS]));
	tcs = (struct sgx_tcs *)b->epc[TCS];
	HOLDS(b, !tcs->state && !tcs->ssa_index && !tcs->aep && !tcs->flags);
}

static void eadd_tcs_flags(struct bench *b)
{
	bench_secs(b);
	bench_tcs_source(b)->flags = 4;
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[TCS]));
}

static void eadd_initialised(struct bench *b)
{
	bench_initialised(b);
	ADD(b, GP, (void)0);
}

static void eadd_twice(struct bench *b)
{
	bench_secs(b);
	bench_add_source(b, AT_REG, REG_RW);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[REG]));
	bench_add_source(b, AT_REG, REG_RW);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[FREE]));
	HOLDS(b, !memcmp(b->epc[FREE], b->op.src, SGX_PAGE_SIZE));
}

static const struct bench_case eadd_cases[] = {
	{ eadd_align, "operands not aligned: #GP" },
	{ eadd_not_epc, "page not in the EPC: #PF" },
	{ eadd_pointers, "pointers in PAGEINFO not aligned: #GP" },
	{ eadd_secs_not_epc, "SECS not in the EPC: #PF" },
	{ eadd_type, "PAGE_TYPE is neither REG nor TCS: #GP" },
	{ eadd_reserved, "reserved in SECINFO: #GP" },
	{ eadd_valid, "page is VALID: #PF" },
	{ eadd_secs_type, "SECS is no SECS: #PF" },
	{ eadd_order, "SECINFO before VALID, SECS before LINADDR" },
	{ eadd_write_only, "W without R: #GP" },
	{ eadd_range, "LINADDR outside the enclave: #GP" },
	{ eadd_tcs_reserved, "reserved in TCS: #GP" },
	{ eadd_tcs_limits, "32-bit TCS with limits not at a page: #GP" },
	{ eadd_tcs_cleared, "TCS: STATE, DBGOPTIN, CSSA, AEP are cleared" },
	{ eadd_tcs_flags, "TCS: reserved FLAGS are EENTER's business" },
	{ eadd_initialised, "enclave is initialised: #GP" },
	{ eadd_twice, "two pages may claim one address" },
};

static void eextend_align(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, GP, sgxcpu_eextend(b->epc[SECS] + 8, b->epc[REG]));
	REFUSES(b, GP, sgxcpu_eextend(b->epc[SECS], b->epc[REG] + 128));
}

static void eextend_not_epc(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, PF, sgxcpu_eextend(b->op.src, b->epc[REG]));
	REFUSES(b, PF, sgxcpu_eextend(b->epc[SECS], b->op.src));
}

static void eextend_type(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, PF, sgxcpu_eextend(b->epc[SECS], b->epc[SECS]));
	REFUSES(b, PF, sgxcpu_eextend(b->epc[SECS], b->epc[VA]));
	REFUSES(b, PF, sgxcpu_eextend(b->epc[SECS], b->epc[FREE]));
}

static void eextend_owner(struct bench *b)
{
	bench_enclave(b);
	bench_secs_source(b);
	ACCEPTS(b, sgxcpu_ecreate(&b->op.info, b->epc[FREE]));
	REFUSES(b, GP, sgxcpu_eextend(b->epc[FREE], b->epc[REG]));
	REFUSES(b, GP, sgxcpu_eextend(b->epc[VA], b->epc[REG]));
}

static void eextend_initialised(struct bench *b)
{
	bench_initialised(b);
	REFUSES(b, GP, sgxcpu_eextend(b->epc[SECS], b->epc[REG]));
}

static void eextend_tcs(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_eextend(b->epc[SECS], b->epc[TCS] + 256));
}

static void eextend_again(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_eextend(b->epc[SECS], b->epc[REG]));
	GIVES(b, SGX_INVALID_MEASUREMENT, bench_einit_with(b, SIG_GOOD));
}

static const struct bench_case eextend_cases[] = {
	{ eextend_align, "operands not aligned: #GP" },
	{ eextend_not_epc, "operands not in the EPC: #PF" },
	{ eextend_type, "page is SECS, VA or free: #PF" },
	{ eextend_owner, "SECS is not the page's: #GP" },
	{ eextend_initialised, "enclave is initialised: #GP" },
	{ eextend_tcs, "a TCS can be measured" },
	{ eextend_again, "each time counts" },
};

const struct bench_leaf bench_build[] = {
	BENCH_LEAF("ECREATE", ecreate_cases, BENCH_ANY),
	BENCH_LEAF("EADD", eadd_cases, BENCH_ANY),
	BENCH_LEAF("EEXTEND", eextend_cases, BENCH_ANY),
	{ }
};
