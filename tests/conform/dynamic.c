// SPDX-License-Identifier: GPL-2.0
/* EAUG, EMODPR, EMODT; what a state means to other leaves. */
#include "bench.h"

static void aug_source(struct bench *b)
{
	memset(&b->op, 0, sizeof(b->op));
	b->op.info.linaddr = BENCH_BASE + AT_FREE;
	b->op.info.secs = bench_addr(b->epc[SECS]);
}

#define AUG(b, want, change)							\
	do {									\
		aug_source(b);							\
		change;								\
		REFUSES(b, want, sgxcpu_eaug(&(b)->op.info, (b)->epc[FREE]));	\
	} while (0)

static void augment(struct bench *b)
{
	aug_source(b);
	ACCEPTS(b, sgxcpu_eaug(&b->op.info, b->epc[FREE]));
}

static void eaug_align(struct bench *b)
{
	bench_initialised(b);
	aug_source(b);
	REFUSES(b, GP, sgxcpu_eaug((void *)((u8 *)&b->op.info + 16), b->epc[FREE]));
	REFUSES(b, GP, sgxcpu_eaug(&b->op.info, b->epc[FREE] + 64));
	AUG(b, GP, b->op.info.linaddr += 8);
	AUG(b, GP, b->op.info.secs += 8);
}

static void eaug_not_epc(struct bench *b)
{
	bench_initialised(b);
	aug_source(b);
	REFUSES(b, PF, sgxcpu_eaug(&b->op.info, b->op.src));
	AUG(b, PF, b->op.info.secs = bench_addr(b->op.src));
}

static void eaug_srcpge(struct bench *b)
{
	bench_initialised(b);
	AUG(b, GP, b->op.info.srcpge = bench_addr(b->op.src));
}

static void eaug_secinfo(struct bench *b)
{
	bench_initialised(b);
	AUG(b, GP, (b->op.secinfo.flags = REG_RW,
		    b->op.info.secinfo = bench_addr(&b->op.secinfo)));
}

static void eaug_valid(struct bench *b)
{
	bench_initialised(b);
	aug_source(b);
	REFUSES(b, PF, sgxcpu_eaug(&b->op.info, b->epc[REG]));
	/* before the SECS */
	b->op.info.secs = bench_addr(b->epc[FREE]);
	REFUSES(b, PF, sgxcpu_eaug(&b->op.info, b->epc[REG]));
}

static void eaug_secs(struct bench *b)
{
	bench_initialised(b);
	AUG(b, PF, b->op.info.secs = bench_addr(b->epc[REG]));
	AUG(b, PF, b->op.info.secs = bench_addr(b->epc[VA]));
	AUG(b, PF, b->op.info.secs = bench_addr(b->epc[FREE + 1]));
}

static void eaug_uninitialised(struct bench *b)
{
	bench_enclave(b);
	AUG(b, GP, (void)0);
}

static void eaug_range(struct bench *b)
{
	bench_initialised(b);
	AUG(b, GP, b->op.info.linaddr = BENCH_BASE - 0x1000);
	AUG(b, GP, b->op.info.linaddr = BENCH_BASE + BENCH_SIZE);
}

static void eaug_good(struct bench *b)
{
	static const u8 zero[64];

	bench_initialised_with(b, SGX_ATTR_DEBUG);
	augment(b);
	HOLDS(b, !memcmp(b->epc[FREE], zero, sizeof(zero)));
	REFUSES(b, SGX_PAGE_NOT_DEBUGGABLE, sgxcpu_edbgrd(b->epc[FREE], &b->data));
	REFUSES(b, SGX_PAGE_NOT_DEBUGGABLE, sgxcpu_edbgwr(b->epc[FREE], &b->data));
}

static void eaug_evicted(struct bench *b)
{
	bench_initialised(b);
	augment(b);
	ACCEPTS(b, sgxcpu_eblock(b->epc[FREE]));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	memset(&b->op, 0, sizeof(b->op));
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.pcmd);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[FREE], b->epc[VA]));
	HOLDS(b, b->op.pcmd.secinfo.flags == (REG_RW | SGX_SECINFO_PENDING));
	b->op.info.secs = bench_addr(b->epc[SECS]);
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[FREE + 1], b->epc[VA]));
	b->op.secinfo.flags = SGX_SECINFO_R;
	REFUSES(b, SGX_PAGE_NOT_MODIFIABLE, sgxcpu_emodpr(&b->op.secinfo, b->epc[FREE + 1]));
}

static const struct bench_case eaug_cases[] = {
	{ eaug_align, "operands not aligned: #GP" },
	{ eaug_not_epc, "page or SECS not in the EPC: #PF" },
	{ eaug_srcpge, "SRCPGE: #GP" },
	{ eaug_secinfo, "SECINFO without shadow stacks: #GP" },
	{ eaug_valid, "page is VALID: #PF, before the SECS" },
	{ eaug_secs, "SECS is none: #PF" },
	{ eaug_uninitialised, "enclave not initialised: #GP" },
	{ eaug_range, "LINADDR outside the enclave: #GP" },
	{ eaug_good, "zero, and PENDING: SGX_PAGE_NOT_DEBUGGABLE" },
	{ eaug_evicted, "PENDING survives EWB and ELDU" },
};

/* What EMODPR and EMODT get; nothing else is left in the operands. */
static struct sgx_secinfo *secinfo(struct bench *b, u64 flags)
{
	memset(&b->op, 0, sizeof(b->op));
	b->op.secinfo.flags = flags;
	return &b->op.secinfo;
}

#define MODPR(b, want, flags, page)				\
	do {							\
		secinfo(b, flags);				\
		REFUSES(b, want, sgxcpu_emodpr(&(b)->op.secinfo, page));	\
	} while (0)
#define MODT(b, want, flags, page)				\
	do {							\
		secinfo(b, flags);				\
		REFUSES(b, want, sgxcpu_emodt(&(b)->op.secinfo, page));	\
	} while (0)

static void emodpr_operand(struct bench *b)
{
	bench_initialised(b);
	secinfo(b, SGX_SECINFO_R);
	REFUSES(b, GP, sgxcpu_emodpr((void *)((u8 *)&b->op.secinfo + 32), b->epc[REG]));
	MODPR(b, GP, SGX_SECINFO_R, b->epc[REG] + 64);
	MODPR(b, PF, SGX_SECINFO_R, b->op.src);
}

static void emodpr_reserved(struct bench *b)
{
	bench_initialised(b);
	MODPR(b, GP, SGX_SECINFO_R | 1 << 6, b->epc[REG]);
	MODPR(b, GP, SGX_SECINFO_R | 1 << 16, b->epc[REG]);
	secinfo(b, SGX_SECINFO_R)->reserved[3] = 1;
	REFUSES(b, GP, sgxcpu_emodpr(&b->op.secinfo, b->epc[REG]));
}

static void emodpr_write_only(struct bench *b)
{
	bench_initialised(b);
	MODPR(b, GP, SGX_SECINFO_W, b->epc[REG]);
	MODPR(b, GP, SGX_SECINFO_W | SGX_SECINFO_X, b->epc[REG]);
	/* before anything about the page */
	MODPR(b, GP, SGX_SECINFO_W, b->epc[FREE]);
}

static void emodpr_free(struct bench *b)
{
	bench_initialised(b);
	MODPR(b, PF, SGX_SECINFO_R, b->epc[FREE]);
}

static void emodpr_pending(struct bench *b)
{
	bench_initialised(b);
	augment(b);
	MODPR(b, SGX_PAGE_NOT_MODIFIABLE, SGX_SECINFO_R, b->epc[FREE]);
}

static void emodpr_trimmed(struct bench *b)
{
	bench_initialised(b);
	ACCEPTS(b, sgxcpu_emodt(secinfo(b, SGX_SECINFO_TRIM), b->epc[REG]));
	/* MODIFIED comes before the type: drivers tell states apart by this. */
	MODPR(b, SGX_PAGE_NOT_MODIFIABLE, SGX_SECINFO_R, b->epc[REG]);
}

static void emodpr_type(struct bench *b)
{
	bench_initialised(b);
	MODPR(b, PF, SGX_SECINFO_R, b->epc[TCS]);
	MODPR(b, PF, SGX_SECINFO_R, b->epc[SECS]);
	MODPR(b, PF, SGX_SECINFO_R, b->epc[VA]);
}

static void emodpr_uninitialised(struct bench *b)
{
	bench_enclave(b);
	MODPR(b, GP, SGX_SECINFO_R, b->epc[REG]);
	MODPR(b, PF, SGX_SECINFO_R, b->epc[TCS]);
}

/* The rights are seen in the PCMD. */
static void emodpr_good(struct bench *b)
{
	bench_initialised(b);
	ACCEPTS(b, sgxcpu_emodpr(secinfo(b, SGX_SECINFO_R | SGX_SECINFO_X), b->epc[REG]));
	ACCEPTS(b, sgxcpu_emodpr(secinfo(b, SGX_SECINFO_R), b->epc[REG]));
	ACCEPTS(b, sgxcpu_eblock(b->epc[REG]));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	memset(&b->op, 0, sizeof(b->op));
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.pcmd);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[REG], b->epc[VA]));
	HOLDS(b, b->op.pcmd.secinfo.flags ==
		 (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR));
}

static const struct bench_case emodpr_cases[] = {
	{ emodpr_operand, "operands not aligned: #GP; not in the EPC: #PF" },
	{ emodpr_reserved, "reserved in SECINFO: #GP" },
	{ emodpr_write_only, "W without R: #GP" },
	{ emodpr_free, "page is not VALID: #PF" },
	{ emodpr_pending, "PENDING: SGX_PAGE_NOT_MODIFIABLE" },
	{ emodpr_trimmed, "MODIFIED: SGX_PAGE_NOT_MODIFIABLE, before the type" },
	{ emodpr_type, "not REG: #PF" },
	{ emodpr_uninitialised, "enclave not initialised: #GP, after the type" },
	{ emodpr_good, "rights only shrink, again and again; PR" },
};

static void emodt_operand(struct bench *b)
{
	bench_initialised(b);
	secinfo(b, SGX_SECINFO_TRIM);
	REFUSES(b, GP, sgxcpu_emodt((void *)((u8 *)&b->op.secinfo + 32), b->epc[REG]));
	MODT(b, GP, SGX_SECINFO_TRIM, b->epc[REG] + 64);
	MODT(b, PF, SGX_SECINFO_TRIM, b->op.src);
}

static void emodt_type(struct bench *b)
{
	bench_initialised(b);
	MODT(b, GP, SGX_SECINFO_REG, b->epc[REG]);
	MODT(b, GP, SGX_SECINFO_SECS, b->epc[REG]);
	MODT(b, GP, SGX_SECINFO_VA, b->epc[REG]);
}

static void emodt_reserved(struct bench *b)
{
	bench_initialised(b);
	MODT(b, GP, SGX_SECINFO_TRIM | 1 << 6, b->epc[REG]);
	secinfo(b, SGX_SECINFO_TRIM)->reserved[55] = 1;
	REFUSES(b, GP, sgxcpu_emodt(&b->op.secinfo, b->epc[REG]));
}

static void emodt_free(struct bench *b)
{
	bench_initialised(b);
	MODT(b, PF, SGX_SECINFO_TRIM, b->epc[FREE]);
}

static void emodt_from(struct bench *b)
{
	bench_initialised(b);
	MODT(b, PF, SGX_SECINFO_TCS, b->epc[TCS]);
	MODT(b, PF, SGX_SECINFO_TRIM, b->epc[SECS]);
	MODT(b, PF, SGX_SECINFO_TRIM, b->epc[VA]);
}

static void emodt_trimmed(struct bench *b)
{
	bench_initialised(b);
	ACCEPTS(b, sgxcpu_emodt(secinfo(b, SGX_SECINFO_TRIM), b->epc[TCS]));
	MODT(b, PF, SGX_SECINFO_TRIM, b->epc[TCS]);
	MODT(b, PF, SGX_SECINFO_TCS, b->epc[TCS]);
}

static void emodt_state(struct bench *b)
{
	bench_initialised(b);
	augment(b);
	MODT(b, SGX_PAGE_NOT_MODIFIABLE, SGX_SECINFO_TRIM, b->epc[FREE]);
	ACCEPTS(b, sgxcpu_emodt(secinfo(b, SGX_SECINFO_TCS), b->epc[REG]));
	MODT(b, SGX_PAGE_NOT_MODIFIABLE, SGX_SECINFO_TRIM, b->epc[REG]);
}

static void emodt_uninitialised(struct bench *b)
{
	bench_enclave(b);
	MODT(b, GP, SGX_SECINFO_TRIM, b->epc[REG]);
	MODT(b, PF, SGX_SECINFO_TCS, b->epc[TCS]);
}

static void emodt_good(struct bench *b)
{
	bench_initialised_with(b, SGX_ATTR_DEBUG);
	ACCEPTS(b, sgxcpu_emodpr(secinfo(b, SGX_SECINFO_R), b->epc[REG]));
	ACCEPTS(b, sgxcpu_emodt(secinfo(b, SGX_SECINFO_TCS), b->epc[REG]));
	REFUSES(b, SGX_PAGE_NOT_DEBUGGABLE, sgxcpu_edbgrd(b->epc[REG], &b->data));
	ACCEPTS(b, sgxcpu_eblock(b->epc[REG]));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	memset(&b->op, 0, sizeof(b->op));
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.pcmd);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[REG], b->epc[VA]));
	HOLDS(b, b->op.pcmd.secinfo.flags == (SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED));
}

static void emodt_removed(struct bench *b)
{
	bench_initialised(b);
	ACCEPTS(b, sgxcpu_emodt(secinfo(b, SGX_SECINFO_TRIM), b->epc[REG]));
	ACCEPTS(b, sgxcpu_eremove(b->epc[REG]));
}

static const struct bench_case emodt_cases[] = {
	{ emodt_operand, "operands not aligned: #GP; not in the EPC: #PF" },
	{ emodt_type, "to anything but TCS and TRIM: #GP" },
	{ emodt_reserved, "reserved in SECINFO: #GP" },
	{ emodt_free, "page is not VALID: #PF" },
	{ emodt_from, "TCS to TCS; SECS; VA: #PF" },
	{ emodt_trimmed, "from TRIM: #PF, before MODIFIED" },
	{ emodt_state, "PENDING, MODIFIED: SGX_PAGE_NOT_MODIFIABLE" },
	{ emodt_uninitialised, "enclave not initialised: #GP, after the type" },
	{ emodt_good, "no rights, MODIFIED, PR is gone" },
	{ emodt_removed, "a trimmed page can be removed" },
};

static void sgx1_eaug(struct bench *b)
{
	bench_initialised(b);
	AUG(b, GP, (void)0);
	AUG(b, GP, b->op.info.secs = bench_addr(b->op.src));
}

static void sgx1_emodpr(struct bench *b)
{
	bench_initialised(b);
	MODPR(b, GP, SGX_SECINFO_R, b->epc[REG]);
	MODPR(b, GP, SGX_SECINFO_R, b->op.src);
}

static void sgx1_emodt(struct bench *b)
{
	bench_initialised(b);
	MODT(b, GP, SGX_SECINFO_TRIM, b->epc[REG]);
	MODT(b, GP, SGX_SECINFO_TRIM, b->op.src);
}

static const struct bench_case sgx1_cases[] = {
	{ sgx1_eaug, "EAUG: #GP, whatever the operands" },
	{ sgx1_emodpr, "EMODPR: #GP, whatever the operands" },
	{ sgx1_emodt, "EMODT: #GP, whatever the operands" },
};

const struct bench_leaf bench_dynamic[] = {
	BENCH_LEAF("EAUG", eaug_cases, BENCH_SGX2),
	BENCH_LEAF("EMODPR", emodpr_cases, BENCH_SGX2),
	BENCH_LEAF("EMODT", emodt_cases, BENCH_SGX2),
	BENCH_LEAF("SGX1", sgx1_cases, BENCH_SGX1),
	{ }
};
