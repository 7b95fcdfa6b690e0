// SPDX-License-Identifier: GPL-2.0
/* EBLOCK, ETRACK, EWB, ELDU, ELDB. */
#include "bench.h"

#define SLOT(b, n)	((void *)((b)->epc[VA] + (n) * SGX_VA_SLOT_SIZE))

static void eblock_operand(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, GP, sgxcpu_eblock(b->epc[REG] + 64));
	REFUSES(b, PF, sgxcpu_eblock(b->op.src));
}

static void eblock_free(struct bench *b)
{
	REFUSES(b, SGX_PG_INVLD, sgxcpu_eblock(b->epc[FREE]));
}

static void eblock_type(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, SGX_PG_IS_SECS, sgxcpu_eblock(b->epc[SECS]));
	REFUSES(b, SGX_NOTBLOCKABLE, sgxcpu_eblock(b->epc[VA]));
}

static void eblock_twice(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_eblock(b->epc[REG]));
	REFUSES(b, SGX_BLKSTATE, sgxcpu_eblock(b->epc[REG]));
	ACCEPTS(b, sgxcpu_eblock(b->epc[TCS]));
}

static const struct bench_case eblock_cases[] = {
	{ eblock_operand, "not aligned: #GP; not in the EPC: #PF" },
	{ eblock_free, "free page: SGX_PG_INVLD" },
	{ eblock_type, "SECS: SGX_PG_IS_SECS; VA: SGX_NOTBLOCKABLE" },
	{ eblock_twice, "blocked already: SGX_BLKSTATE" },
};

static void etrack_operand(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, GP, sgxcpu_etrack(b->epc[SECS] + 64));
	REFUSES(b, PF, sgxcpu_etrack(b->op.src));
}

static void etrack_type(struct bench *b)
{
	bench_enclave(b);
	REFUSES(b, PF, sgxcpu_etrack(b->epc[REG]));
	REFUSES(b, PF, sgxcpu_etrack(b->epc[VA]));
	REFUSES(b, PF, sgxcpu_etrack(b->epc[FREE]));
}

static void etrack_good(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	ACCEPTS(b, bench_einit_with(b, SIG_GOOD));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
}

static const struct bench_case etrack_cases[] = {
	{ etrack_operand, "not aligned: #GP; not in the EPC: #PF" },
	{ etrack_type, "no SECS: #PF" },
	{ etrack_good, "nobody inside: as often as you like, also before EINIT" },
};

/* PAGEINFO for EWB to the source page */
static void out_source(struct bench *b)
{
	memset(&b->op, 0, sizeof(b->op));
	b->op.info.srcpge = bench_addr(b->op.src);
	b->op.info.secinfo = bench_addr(&b->op.pcmd);
}

static void block(struct bench *b, unsigned int page)
{
	ACCEPTS(b, sgxcpu_eblock(b->epc[page]));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
}

static void evict(struct bench *b, unsigned int page, unsigned int slot)
{
	block(b, page);
	out_source(b);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[page], SLOT(b, slot)));
}

#define OUT(b, want, change)							\
	do {									\
		out_source(b);							\
		change;								\
		REFUSES(b, want, sgxcpu_ewb(&(b)->op.info, (b)->epc[REG], SLOT(b, 0)));	\
	} while (0)

static void ewb_align(struct bench *b)
{
	bench_enclave(b);
	block(b, REG);
	out_source(b);
	REFUSES(b, GP, sgxcpu_ewb((void *)((u8 *)&b->op.info + 16), b->epc[REG], SLOT(b, 0)));
	REFUSES(b, GP, sgxcpu_ewb(&b->op.info, b->epc[REG] + 64, SLOT(b, 0)));
	REFUSES(b, GP, sgxcpu_ewb(&b->op.info, b->epc[REG], SLOT(b, 0) + 4));
}

static void ewb_not_epc(struct bench *b)
{
	bench_enclave(b);
	out_source(b);
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->op.sig, SLOT(b, 0)));
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->epc[REG], b->op.sig));
}

static void ewb_same_page(struct bench *b)
{
	bench_enclave(b);
	out_source(b);
	REFUSES(b, GP, sgxcpu_ewb(&b->op.info, b->epc[VA], SLOT(b, 0)));
}

static void ewb_pageinfo(struct bench *b)
{
	bench_enclave(b);
	block(b, REG);
	OUT(b, GP, b->op.info.linaddr = 0x1000);
	OUT(b, GP, b->op.info.secs = bench_addr(b->epc[SECS]));
	OUT(b, GP, b->op.info.srcpge += 8);
	OUT(b, GP, b->op.info.secinfo += 64);
}

static void ewb_invalid(struct bench *b)
{
	bench_enclave(b);
	out_source(b);
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
}

static void ewb_no_va(struct bench *b)
{
	bench_enclave(b);
	block(b, REG);
	out_source(b);
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->epc[REG], b->epc[TCS]));
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->epc[REG], b->epc[FREE]));
}

static void ewb_not_blocked(struct bench *b)
{
	bench_enclave(b);
	OUT(b, SGX_PAGE_NOT_BLOCKED, (void)0);
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	OUT(b, SGX_PAGE_NOT_BLOCKED, (void)0);
}

static void ewb_not_tracked(struct bench *b)
{
	bench_enclave(b);
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_eblock(b->epc[REG]));
	OUT(b, SGX_NOT_TRACKED, (void)0);
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	out_source(b);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[REG], SLOT(b, 0)));
}

static void ewb_order(struct bench *b)
{
	bench_enclave(b);
	/* page, version array, BLOCKED */
	out_source(b);
	REFUSES(b, PF, sgxcpu_ewb(&b->op.info, b->epc[REG], b->epc[TCS]));
	OUT(b, GP, (b->op.info.secs = bench_addr(b->epc[SECS])));
}

static void ewb_secs(struct bench *b)
{
	bench_enclave(b);
	out_source(b);
	REFUSES(b, SGX_CHILD_PRESENT, sgxcpu_ewb(&b->op.info, b->epc[SECS], SLOT(b, 0)));
}

static void ewb_occupied(struct bench *b)
{
	bench_enclave(b);
	evict(b, TCS, 3);
	block(b, REG);
	out_source(b);
	GIVES(b, SGX_VA_SLOT_OCCUPIED, sgxcpu_ewb(&b->op.info, b->epc[REG], SLOT(b, 3)));
	/* A warning: the page is out, and the slot is its own. */
	b->op.info.secs = bench_addr(b->epc[SECS]);
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 3)));
}

static void ewb_good(struct bench *b)
{
	bench_enclave(b);
	evict(b, REG, 511);
	HOLDS(b, b->op.info.linaddr == BENCH_BASE + AT_REG);
	HOLDS(b, b->op.pcmd.secinfo.flags == REG_RW);
	HOLDS(b, b->op.src[0] != 0x5a || b->op.src[1] != 0x5a || b->op.src[2] != 0x5a);
	b->data = 0;
	ACCEPTS(b, sgxcpu_edbgrd(SLOT(b, 511), &b->data));
	HOLDS(b, b->data == ~0UL);
	REFUSES(b, SGX_PG_INVLD, sgxcpu_eblock(b->epc[REG]));
}

static const struct bench_case ewb_cases[] = {
	{ ewb_align, "operands not aligned: #GP" },
	{ ewb_not_epc, "page or slot not in the EPC: #PF" },
	{ ewb_same_page, "slot in the page itself: #GP" },
	{ ewb_pageinfo, "LINADDR, SECS, or pointers not aligned: #GP" },
	{ ewb_invalid, "page is not VALID: #PF" },
	{ ewb_no_va, "slot in no version array: #PF" },
	{ ewb_not_blocked, "not blocked: SGX_PAGE_NOT_BLOCKED" },
	{ ewb_not_tracked, "no ETRACK since: SGX_NOT_TRACKED" },
	{ ewb_order, "PAGEINFO before version array before BLOCKED" },
	{ ewb_secs, "SECS with pages: SGX_CHILD_PRESENT" },
	{ ewb_occupied, "slot in use: SGX_VA_SLOT_OCCUPIED, and it is done" },
	{ ewb_good, "ciphertext, PCMD, LINADDR, version" },
};

/* Evicted REG page and operands to load it with */
static void out_and_ready(struct bench *b)
{
	bench_enclave(b);
	evict(b, REG, 0);
	b->op.info.secs = bench_addr(b->epc[SECS]);
}

/* Spoilt, refused, and then the good one is accepted all the same. */
#define IN(b, want, change, undo)						\
	do {									\
		change;								\
		REFUSES(b, want, sgxcpu_eldu(&(b)->op.info, (b)->epc[FREE], SLOT(b, 0)));	\
		undo;								\
	} while (0)

#define FLIP(b, what)	IN(b, SGX_MAC_COMPARE_FAIL, (what) ^= 1, (what) ^= 1)

static void comes_back(struct bench *b)
{
	unsigned int i;

	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	for (i = 0; i < SGX_PAGE_SIZE; i++)
		HOLDS(b, b->epc[FREE][i] == 0x5a);
}

static void eldu_align(struct bench *b)
{
	out_and_ready(b);
	REFUSES(b, GP, sgxcpu_eldu((void *)((u8 *)&b->op.info + 16), b->epc[FREE], SLOT(b, 0)));
	REFUSES(b, GP, sgxcpu_eldu(&b->op.info, b->epc[FREE] + 64, SLOT(b, 0)));
	REFUSES(b, GP, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0) + 4));
	IN(b, GP, b->op.info.srcpge += 8, b->op.info.srcpge -= 8);
	IN(b, GP, b->op.info.secinfo += 64, b->op.info.secinfo -= 64);
	IN(b, GP, b->op.info.secs += 64, b->op.info.secs -= 64);
	comes_back(b);
}

static void eldu_not_epc(struct bench *b)
{
	out_and_ready(b);
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->op.sig, SLOT(b, 0)));
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->epc[FREE], b->op.sig));
	IN(b, PF, b->op.info.secs = bench_addr(b->op.sig),
	   b->op.info.secs = bench_addr(b->epc[SECS]));
	comes_back(b);
}

static void eldu_valid(struct bench *b)
{
	out_and_ready(b);
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->epc[TCS], SLOT(b, 0)));
	/* and before the version array */
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->epc[TCS], b->epc[FREE]));
}

static void eldu_no_va(struct bench *b)
{
	out_and_ready(b);
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->epc[FREE], b->epc[TCS]));
	REFUSES(b, PF, sgxcpu_eldu(&b->op.info, b->epc[FREE], b->epc[FREE + 1]));
}

static void eldu_no_secs(struct bench *b)
{
	out_and_ready(b);
	IN(b, PF, b->op.info.secs = bench_addr(b->epc[TCS]), (void)0);
	IN(b, PF, b->op.info.secs = bench_addr(b->epc[FREE + 1]), (void)0);
	/* none at all: address 0 is not in the EPC */
	IN(b, PF, b->op.info.secs = 0, b->op.info.secs = bench_addr(b->epc[SECS]));
	comes_back(b);
}

static void eldu_page(struct bench *b)
{
	out_and_ready(b);
	FLIP(b, b->op.src[0]);
	FLIP(b, b->op.src[4095]);
	comes_back(b);
}

static void eldu_pcmd(struct bench *b)
{
	out_and_ready(b);
	FLIP(b, b->op.pcmd.mac[0]);
	FLIP(b, b->op.pcmd.mac[15]);
	FLIP(b, b->op.pcmd.secinfo.flags);
	FLIP(b, b->op.pcmd.secinfo.reserved[0]);
	FLIP(b, b->op.pcmd.reserved[0]);
	FLIP(b, b->op.pcmd.reserved[39]);
	comes_back(b);
}

static void eldu_linaddr(struct bench *b)
{
	out_and_ready(b);
	IN(b, SGX_MAC_COMPARE_FAIL, b->op.info.linaddr += 0x1000, b->op.info.linaddr -= 0x1000);
	comes_back(b);
}

static void eldu_type(struct bench *b)
{
	out_and_ready(b);
	/* as a TCS */
	IN(b, SGX_MAC_COMPARE_FAIL, b->op.pcmd.secinfo.flags ^= SGX_SECINFO_TCS ^ SGX_SECINFO_REG,
	   b->op.pcmd.secinfo.flags ^= SGX_SECINFO_TCS ^ SGX_SECINFO_REG);
	/* as an SECS, which has none */
	IN(b, GP, b->op.pcmd.secinfo.flags = SGX_SECINFO_SECS, b->op.pcmd.secinfo.flags = REG_RW);
	comes_back(b);
}

static void eldu_other_enclave(struct bench *b)
{
	bench_enclave(b);
	bench_secs_source(b);
	ACCEPTS(b, sgxcpu_ecreate(&b->op.info, b->epc[FREE + 1]));
	evict(b, REG, 0);
	b->op.info.secs = bench_addr(b->epc[FREE + 1]);
	REFUSES(b, SGX_MAC_COMPARE_FAIL, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	b->op.info.secs = bench_addr(b->epc[SECS]);
	comes_back(b);
}

static void eldu_slot(struct bench *b)
{
	out_and_ready(b);
	REFUSES(b, SGX_MAC_COMPARE_FAIL, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 1)));
	comes_back(b);
}

static void eldu_replay(struct bench *b)
{
	out_and_ready(b);
	comes_back(b);
	/* the slot is empty now */
	REFUSES(b, SGX_MAC_COMPARE_FAIL, sgxcpu_eldu(&b->op.info, b->epc[FREE + 1], SLOT(b, 0)));
	b->data = 1;
	ACCEPTS(b, sgxcpu_edbgrd(SLOT(b, 0), &b->data));
	HOLDS(b, !b->data);
}

static void eldu_old_version(struct bench *b)
{
	struct sgx_pcmd old;

	out_and_ready(b);
	old = b->op.pcmd;
	memcpy(b->op.sig, b->op.src, SGX_PAGE_SIZE);
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[REG], SLOT(b, 0)));
	block(b, REG);
	b->op.info.linaddr = 0;
	b->op.info.secs = 0;
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[REG], SLOT(b, 0)));
	b->op.info.secs = bench_addr(b->epc[SECS]);
	memcpy(b->op.src, b->op.sig, SGX_PAGE_SIZE);
	b->op.pcmd = old;
	REFUSES(b, SGX_MAC_COMPARE_FAIL, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0)));
}

static void eldu_enclave_id(struct bench *b)
{
	out_and_ready(b);
	b->op.pcmd.enclave_id ^= 0xff;
	comes_back(b);
}

static void eldu_tcs(struct bench *b)
{
	bench_enclave(b);
	evict(b, TCS, 7);
	HOLDS(b, b->op.pcmd.secinfo.flags == SGX_SECINFO_TCS);
	b->op.info.secs = bench_addr(b->epc[SECS]);
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 7)));
	/* It is one again. */
	REFUSES(b, SGX_CHILD_PRESENT, sgxcpu_eremove(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_eextend(b->epc[SECS], b->epc[FREE]));
}

static void eldu_va(struct bench *b)
{
	bench_enclave(b);
	evict(b, REG, 9);
	ACCEPTS(b, sgxcpu_epa(b->epc[FREE]));
	b->op.info.linaddr = 0;
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[VA], b->epc[FREE]));
	HOLDS(b, b->op.info.linaddr == 0 && b->op.pcmd.enclave_id == 0);
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[VA], b->epc[FREE]));
	b->data = 0;
	ACCEPTS(b, sgxcpu_edbgrd(SLOT(b, 9), &b->data));
	HOLDS(b, b->data == ~0UL);
}

static void eldu_secs(struct bench *b)
{
	bench_secs(b);
	ACCEPTS(b, sgxcpu_epa(b->epc[VA]));
	out_source(b);
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[SECS], SLOT(b, 0)));
	HOLDS(b, b->op.info.linaddr == 0);
	b->op.info.secs = bench_addr(b->epc[FREE]);
	REFUSES(b, GP, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	b->op.info.secs = 0;
	ACCEPTS(b, sgxcpu_eldu(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	/* at another place, and still an SECS */
	bench_add_source(b, AT_REG, REG_RW);
	b->op.info.secs = bench_addr(b->epc[FREE]);
	ACCEPTS(b, sgxcpu_eadd(&b->op.info, b->epc[REG]));
}

static const struct bench_case eldu_cases[] = {
	{ eldu_align, "operands not aligned: #GP" },
	{ eldu_not_epc, "operands not in the EPC: #PF" },
	{ eldu_valid, "page is VALID: #PF, before the version array" },
	{ eldu_no_va, "slot in no version array: #PF" },
	{ eldu_no_secs, "SECS is none: #PF" },
	{ eldu_page, "page changed: SGX_MAC_COMPARE_FAIL" },
	{ eldu_pcmd, "PCMD changed: SGX_MAC_COMPARE_FAIL" },
	{ eldu_linaddr, "LINADDR changed: SGX_MAC_COMPARE_FAIL" },
	{ eldu_type, "as another type of page" },
	{ eldu_other_enclave, "into another enclave: SGX_MAC_COMPARE_FAIL" },
	{ eldu_slot, "from another slot: SGX_MAC_COMPARE_FAIL" },
	{ eldu_replay, "a second time: SGX_MAC_COMPARE_FAIL" },
	{ eldu_old_version, "an older version: SGX_MAC_COMPARE_FAIL" },
	{ eldu_enclave_id, "PCMD.ENCLAVEID is advice only" },
	{ eldu_tcs, "TCS" },
	{ eldu_va, "version array, with its versions" },
	{ eldu_secs, "SECS: PAGEINFO.SECS: #GP; good: at another place" },
};

static void eldb_blocks(struct bench *b)
{
	out_and_ready(b);
	ACCEPTS(b, sgxcpu_eldb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	REFUSES(b, SGX_BLKSTATE, sgxcpu_eblock(b->epc[FREE]));
}

static void eldb_tracks(struct bench *b)
{
	out_and_ready(b);
	ACCEPTS(b, sgxcpu_eldb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	out_source(b);
	REFUSES(b, SGX_NOT_TRACKED, sgxcpu_ewb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
	ACCEPTS(b, sgxcpu_etrack(b->epc[SECS]));
	ACCEPTS(b, sgxcpu_ewb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
}

static void eldb_tampered(struct bench *b)
{
	out_and_ready(b);
	b->op.src[77] ^= 0x10;
	REFUSES(b, SGX_MAC_COMPARE_FAIL, sgxcpu_eldb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
}

static void eldu_unblocked(struct bench *b)
{
	out_and_ready(b);
	comes_back(b);
	out_source(b);
	REFUSES(b, SGX_PAGE_NOT_BLOCKED, sgxcpu_ewb(&b->op.info, b->epc[FREE], SLOT(b, 0)));
}

static const struct bench_case eldb_cases[] = {
	{ eldb_blocks, "the page is blocked" },
	{ eldb_tracks, "EWB wants an ETRACK" },
	{ eldb_tampered, "page changed: SGX_MAC_COMPARE_FAIL" },
	{ eldu_unblocked, "ELDU: the page is not blocked" },
};

const struct bench_leaf bench_paging[] = {
	BENCH_LEAF("EBLOCK", eblock_cases, BENCH_ANY),
	BENCH_LEAF("ETRACK", etrack_cases, BENCH_ANY),
	BENCH_LEAF("EWB", ewb_cases, BENCH_ANY),
	BENCH_LEAF("ELDU", eldu_cases, BENCH_ANY),
	BENCH_LEAF("ELDB", eldb_cases, BENCH_ANY),
	{ }
};
