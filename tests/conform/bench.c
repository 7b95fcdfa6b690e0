// SPDX-License-Identifier: GPL-2.0
/* See bench.h. */
#include "bench.h"

static const struct bench_leaf *const groups[] = {
	bench_build, bench_einit, bench_page, bench_paging, bench_dynamic,
};

void bench_check(struct bench *b, int got, int want, unsigned int line, const char *what)
{
	if (got == want || b->line)
		return;
	b->line = line;
	b->what = what;
	b->got = got;
}

void bench_save(struct bench *b)
{
	unsigned int i;

	b->saved_op = b->op;
	for (i = 0; i < BENCH_EPC; i++)
		memcpy(b->saved_epc[i], b->epc[i], SGX_PAGE_SIZE);
}

void bench_unchanged(struct bench *b, unsigned int line, const char *what)
{
	unsigned int i;

	bench_check(b, memcmp(&b->saved_op, &b->op, sizeof(b->op)) != 0, 0, line, what);
	for (i = 0; i < BENCH_EPC; i++)
		bench_check(b, memcmp(b->saved_epc[i], b->epc[i], SGX_PAGE_SIZE) != 0, 0, line,
			    what);
}

struct sgx_secs *bench_secs_source(struct bench *b)
{
	struct sgx_secs *secs = (struct sgx_secs *)b->op.src;

	memset(&b->op, 0, sizeof(b->op));
	secs->size = BENCH_SIZE;
	secs->base = BENCH_BASE;
	secs->ssa_frame_size = 1;
	secs->attributes = SGX_ATTR_MODE64BIT;
	secs->xfrm = SGX_XFRM_LEGACY;
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.secinfo);
	return secs;
}

struct sgx_tcs *bench_tcs_source(struct bench *b)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)b->op.src;

	bench_add_source(b, AT_TCS, SGX_SECINFO_TCS);
	memset(tcs, 0, sizeof(*tcs));
	tcs->nr_ssa_frames = 1;
	tcs->fs_limit = 0xffffffff;
	tcs->gs_limit = 0xffffffff;
	return tcs;
}

void bench_add_source(struct bench *b, u64 offset, u64 flags)
{
	memset(&b->op, 0, sizeof(b->op));
	memset(b->op.src, 0x5a, sizeof(b->op.src));
	b->op.secinfo.flags = flags;
	b->op.info.linaddr = BENCH_BASE + offset;
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.secinfo);
	b->op.info.secs = bench_addr(b->epc[SECS]);
}

void bench_sigstruct(struct bench *b, enum conform_sig which)
{
	memset(&b->op, 0, sizeof(b->op));
	memcpy(b->op.sig, conform_sigs[which], sizeof(conform_sigs[which]));
}

int bench_ecreate(struct bench *b)
{
	return sgxcpu_ecreate(&b->op.info, b->epc[SECS]);
}

int bench_einit_with(struct bench *b, enum conform_sig which)
{
	bench_sigstruct(b, which);
	return sgxcpu_einit(b->op.sig, b->op.token, b->epc[SECS]);
}

void bench_secs(struct bench *b)
{
	bench_secs_source(b);
	ACCEPTS(b, bench_ecreate(b));
}

void bench_enclave_with(struct bench *b, u64 attributes)
{
	unsigned int offset;

	bench_secs_source(b)->attributes |= attributes;
	ACCEPTS(b, bench_ecreate(b));
	bench_add_source(b, AT_REG, REG_RW);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[REG]));
	for (offset = 0; offset < SGX_PAGE_SIZE; offset += 256)
		ACCEPTS(b, sgxcpu_eextend(b->epc[SECS], b->epc[REG] + offset));
	bench_tcs_source(b);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[TCS]));
	ACCEPTS(b, sgxcpu_epa(b->epc[VA]));
}

void bench_enclave(struct bench *b)
{
	bench_enclave_with(b, 0);
}

void bench_initialised_with(struct bench *b, u64 attributes)
{
	bench_enclave_with(b, attributes);
	ACCEPTS(b, bench_einit_with(b, SIG_GOOD));
}

void bench_initialised(struct bench *b)
{
	bench_initialised_with(b, 0);
}

/* First what belongs to an SECS, then that */
static void remove_all(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_EPC; i++)
		sgxcpu_eremove(b->epc[i]);
	for (i = 0; i < BENCH_EPC; i++)
		ACCEPTS(b, sgxcpu_eremove(b->epc[i]));
}

static bool run_case(struct bench *b, const char *leaf, const struct bench_case *c, unsigned int n)
{
	b->line = 0;
	memset(&b->op, 0, sizeof(b->op));
	c->run(b);
	remove_all(b);
	bench_report("%sok %u - %s: %s\n", b->line ? "not " : "", n, leaf, c->text);
	if (b->line)
		bench_report("# line %u: %s: %#x\n", b->line, b->what, b->got);
	return !b->line;
}

static void read_cpuid(struct bench *b)
{
	u32 r[4];

	sgxcpu_cpuid12(0, r);
	b->sgx2 = r[0] & 2;
	b->misc = r[1];
	sgxcpu_cpuid12(1, r);
	b->attributes = r[0] | (u64)r[1] << 32;
	b->xfrm = r[2] | (u64)r[3] << 32;
}

static bool applies(const struct bench *b, const struct bench_leaf *leaf)
{
	return leaf->needs == BENCH_ANY || leaf->needs == (b->sgx2 ? BENCH_SGX2 : BENCH_SGX1);
}

static unsigned int count(const struct bench *b)
{
	const struct bench_leaf *leaf;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		for (leaf = groups[i]; leaf->name; leaf++)
			n += applies(b, leaf) ? leaf->nr : 0;
	return n;
}

bool bench_run(struct bench *b)
{
	const struct bench_leaf *leaf;
	unsigned int i, j, n = 0;
	bool passed = true;

	read_cpuid(b);
	bench_report("1..%u\n", count(b));
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		for (leaf = groups[i]; leaf->name; leaf++)
			for (j = 0; j < leaf->nr && applies(b, leaf); j++)
				passed &= run_case(b, leaf->name, &leaf->cases[j], ++n);
	return passed;
}
