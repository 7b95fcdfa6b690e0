// SPDX-License-Identifier: GPL-2.0
/* EREMOVE, EPA, EDBGRD, EDBGWR. */
#include "bench.h"

static void eremove_operand(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, GP, sgxcpu_eremove(b->epc[REG] + 64));
	REFUSES(b, PF, sgxcpu_eremove(b->op.src));
	REFUSES(b, GP, sgxcpu_eremove(b->op.src + 64));
}

static void eremove_free(struct bench *b)
{
	ACCEPTS(b, sgxcpu_eremove(b->epc[FREE]));
}

static void eremove_secs(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, SGX_CHILD_PRESENT, sgxcpu_eremove(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[REG]));
	REFUSES(b, SGX_CHILD_PRESENT, sgxcpu_eremove(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[TCS]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[SECS]));
}

static void eremove_each(struct bench *b)
{
	static const u8 zero[64];

	bench_initialised(b);
	ACCEPTS(b, sgxcpu_eremove(b->epc[VA]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[TCS]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[REG]));
	HOLDS(b, !memcmp(b->epc[REG], zero, sizeof(zero)));
}

static void eremove_blocked(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_eblock(b->epc[REG]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[REG]));
	REFUSES(b, SGX_PG_INVLD, sgxcpu_eblock(b->epc[REG]));
}

static const struct bench_case eremove_cases[] = {
	{ eremove_operand, "not aligned: #GP, before not in the EPC: #PF" },
	{ eremove_free, "a free page" },
	{ eremove_secs, "SECS with pages: SGX_CHILD_PRESENT" },
	{ eremove_each, "VA, TCS, REG; their memory is zero" },
	{ eremove_blocked, "a blocked page" },
};

static void epa_operand(struct bench *b)
{
	REFUSES(b, GP, sgxcpu_epa(b->epc[FREE] + 64));
	REFUSES(b, PF, sgxcpu_epa(b->op.src));
}

static void epa_valid(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, PF, sgxcpu_epa(b->epc[VA]));
	REFUSES(b, PF, sgxcpu_epa(b->epc[REG]));
	REFUSES(b, PF, sgxcpu_epa(b->epc[SECS]));
}

static void epa_good(struct bench *b)
{
	unsigned int i;

	ACCEPTS(b, sgxcpu_epa(b->epc[FREE]));
	for (i = 0; i < SGX_PAGE_SIZE; i += 8) {
		b->data = 1;
		ACCEPTS(b, sgxcpu_edbgrd(b->epc[FREE] + i, &b->data));
		HOLDS(b, !b->data);
	}
}

static const struct bench_case epa_cases[] = {
	{ epa_operand, "not aligned: #GP; not in the EPC: #PF" },
	{ epa_valid, "page is VALID: #PF" },
	{ epa_good, "all slots are empty" },
};

static void edbgrd_operand(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	REFUSES(b, GP, sgxcpu_edbgrd(b->epc[REG] + 4, &b->data));
	REFUSES(b, PF, sgxcpu_edbgrd(b->op.src, &b->data));
}

static void edbgrd_type(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	REFUSES(b, PF, sgxcpu_edbgrd(b->epc[SECS], &b->data));
	REFUSES(b, PF, sgxcpu_edbgrd(b->epc[FREE], &b->data));
}

static void edbgrd_production(struct bench *b)
{
	bench_enclave(b);
	b->data = 77;
	REFUSES(b, GP, sgxcpu_edbgrd(b->epc[REG], &b->data));
	REFUSES(b, GP, sgxcpu_edbgrd(b->epc[TCS], &b->data));
	HOLDS(b, b->data == 77);
}

static void edbgrd_tcs(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	ACCEPTS(b, sgxcpu_edbgrd(b->epc[TCS] + 64, &b->data));
	HOLDS(b, b->data == ~0UL);
	REFUSES(b, GP, sgxcpu_edbgrd(b->epc[TCS] + 72, &b->data));
	REFUSES(b, GP, sgxcpu_edbgrd(b->epc[TCS] + 4088, &b->data));
}

static void edbgrd_good(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	ACCEPTS(b, sgxcpu_edbgrd(b->epc[REG] + 4088, &b->data));
	HOLDS(b, b->data == 0x5a5a5a5a5a5a5a5a);
}

static const struct bench_case edbgrd_cases[] = {
	{ edbgrd_operand, "not aligned: #GP; not in the EPC: #PF" },
	{ edbgrd_type, "SECS, free page: #PF" },
	{ edbgrd_production, "enclave without DEBUG: #GP" },
	{ edbgrd_tcs, "TCS beyond its fields: #GP" },
	{ edbgrd_good, "reads eight bytes" },
};

static void edbgwr_operand(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	REFUSES(b, GP, sgxcpu_edbgwr(b->epc[REG] + 4, &b->data));
	REFUSES(b, PF, sgxcpu_edbgwr(b->op.src, &b->data));
}

static void edbgwr_type(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	REFUSES(b, PF, sgxcpu_edbgwr(b->epc[SECS], &b->data));
	REFUSES(b, PF, sgxcpu_edbgwr(b->epc[VA], &b->data));
	REFUSES(b, PF, sgxcpu_edbgwr(b->epc[FREE], &b->data));
}

static void edbgwr_production(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, GP, sgxcpu_edbgwr(b->epc[REG], &b->data));
	REFUSES(b, GP, sgxcpu_edbgwr(b->epc[TCS] + 8, &b->data));
}

static void edbgwr_tcs(struct bench *b)
{
	const struct sgx_tcs *tcs = (struct sgx_tcs *)b->epc[TCS];

	bench_enclave_with(b, SGX_ATTR_DEBUG);
	b->data = SGX_TCS_DBGOPTIN;
	REFUSES(b, GP, sgxcpu_edbgwr(b->epc[TCS], &b->data));
	REFUSES(b, GP, sgxcpu_edbgwr(b->epc[TCS] + 16, &b->data));
	ACCEPTS(b, sgxcpu_edbgwr(b->epc[TCS] + 8, &b->data));
	HOLDS(b, tcs->flags == SGX_TCS_DBGOPTIN);
}

static void edbgwr_good(struct bench *b)
{
	bench_enclave_with(b, SGX_ATTR_DEBUG);
	bench_add_source(b, AT_FREE, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[FREE]));
	b->data = 0x1234567890;
	ACCEPTS(b, sgxcpu_edbgwr(b->epc[FREE] + 8, &b->data));
	b->data = 0;
	ACCEPTS(b, sgxcpu_edbgrd(b->epc[FREE] + 8, &b->data));
	HOLDS(b, b->data == 0x1234567890);
}

static const struct bench_case edbgwr_cases[] = {
	{ edbgwr_operand, "not aligned: #GP; not in the EPC: #PF" },
	{ edbgwr_type, "SECS, VA, free page: #PF" },
	{ edbgwr_production, "enclave without DEBUG: #GP" },
	{ edbgwr_tcs, "TCS: FLAGS only, else #GP" },
	{ edbgwr_good, "writes what the EPCM does not let the enclave write" },
};

const struct bench_leaf bench_page[] = {
	BENCH_LEAF("EREMOVE", eremove_cases, BENCH_ANY),
	BENCH_LEAF("EPA", epa_cases, BENCH_ANY),
	BENCH_LEAF("EDBGRD", edbgrd_cases, BENCH_ANY),
	BENCH_LEAF("EDBGWR", edbgwr_cases, BENCH_ANY),
	{ }
};
