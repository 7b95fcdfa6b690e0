// SPDX-License-Identifier: GPL-2.0
/*
 * Each operation on a page in each state, in the EPC and outside of it. What has to come
 * of it is written down from the manual and the contract of the driver.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

/* A command failed with this errno and this result. */
#define IOC(errno, result)	(0x40000000U | (errno) << 8 | (result))
#define MISMATCH	SGX_PAGE_ATTRIBUTES_MISMATCH
#define NOT_NOW		IOC(EFAULT, SGX_PAGE_NOT_MODIFIABLE)
#define NO_PAGE		IOC(EFAULT, 0)
#define NOT_THIS	IOC(EINVAL, 0)
#define NOT_YET		IOC(EPERM, 0)
/* Mapped read-write: page tables come before the EPCM. There may be a PTE or not. */
#define NOT_MAPPED_X	PF(SGX_PFEC_U | SGX_PFEC_I)
/* Works, but takes more than one page. */
#define UNTRIED		~0U

enum state {
	HOLE,
	NEW,
	REGULAR,
	CUT,
	CUT_DONE,
	TCS_NEW,
	TCS_DONE,
	TRIM_NEW,
	TRIM_DONE,
	NR_STATES
};

static const char * const state_names[NR_STATES] = {
	"hole", "new", "regular", "restricted", "restricted and accepted", "made a TCS", "TCS",
	"trimmed", "trimmed and accepted",
};

enum action {
	DO_RESTRICT,
	DO_RESTRICT_RWX,
	DO_TO_TCS,
	DO_TO_TRIM,
	DO_REMOVE,
	DO_AUGMENT,
	DO_ACCEPT_NEW,
	DO_ACCEPT_CUT_R,
	DO_ACCEPT_CUT_RW,
	DO_ACCEPT_TCS,
	DO_ACCEPT_TRIM,
	DO_EXTEND,
	DO_COPY_TO,
	DO_COPY_FROM,
	DO_READ,
	DO_WRITE,
	DO_EXEC,
	DO_ENTER,
	NR_ACTIONS
};

static const char * const action_names[NR_ACTIONS] = {
	"RESTRICT to R", "RESTRICT to RWX", "MODIFY to TCS", "MODIFY to TRIM", "REMOVE",
	"AUGMENT", "EACCEPT new", "EACCEPT restricted to R", "EACCEPT restricted to RW",
	"EACCEPT TCS", "EACCEPT TRIM", "EMODPE", "EACCEPTCOPY to it", "EACCEPTCOPY from it",
	"read", "write", "fetch", "EENTER",
};

/*
 * Who reaches for a hole finds a new page; only of this is there no operation that finds
 * it as it was. Rights that restricting has left to a page are R.
 */
static const u32 expected[NR_ACTIONS][NR_STATES] = {
	[DO_RESTRICT] = { NO_PAGE, NOT_NOW, 0, 0, 0, NOT_THIS, NOT_THIS, NOT_THIS, NOT_THIS },
	[DO_RESTRICT_RWX] = { NO_PAGE, NOT_NOW, 0, 0, 0, NOT_THIS, NOT_THIS, NOT_THIS, NOT_THIS },
	[DO_TO_TCS] = { NO_PAGE, NOT_NOW, 0, 0, 0, NOT_THIS, NOT_THIS, NOT_THIS, NOT_THIS },
	[DO_TO_TRIM] = { NO_PAGE, NOT_NOW, 0, 0, 0, NOT_NOW, 0, NOT_THIS, NOT_THIS },
	[DO_REMOVE] = { NO_PAGE, NOT_YET, NOT_YET, NOT_YET, NOT_YET, NOT_YET, NOT_YET, NOT_YET,
			0 },
	[DO_AUGMENT] = { 0, 0, 0, 0, 0, 0, 0, 0, 0 },
	[DO_ACCEPT_NEW] = { 0, 0, MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH,
			    MISMATCH },
	/* EACCEPT does not compare PR. */
	[DO_ACCEPT_CUT_R] = { MISMATCH, MISMATCH, MISMATCH, 0, 0, MISMATCH, MISMATCH, MISMATCH,
			      MISMATCH },
	[DO_ACCEPT_CUT_RW] = { MISMATCH, MISMATCH, 0, MISMATCH, MISMATCH, MISMATCH, MISMATCH,
			       MISMATCH, MISMATCH },
	[DO_ACCEPT_TCS] = { MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH, 0, MISMATCH,
			    MISMATCH, MISMATCH },
	[DO_ACCEPT_TRIM] = { MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH,
			     MISMATCH, 0, MISMATCH },
	[DO_EXTEND] = { NO_READ, NO_READ, 0, 0, 0, NO_READ, NO_READ, NO_READ, NO_READ },
	[DO_COPY_TO] = { 0, 0, MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH,
			 MISMATCH },
	[DO_COPY_FROM] = { NO_READ, NO_READ, 0, 0, 0, NO_READ, NO_READ, NO_READ, NO_READ },
	[DO_READ] = { NO_READ, NO_READ, 0, 0, 0, NO_READ, NO_READ, NO_READ, NO_READ },
	[DO_WRITE] = { NO_WRITE, NO_WRITE, 0, NO_WRITE, NO_WRITE, NO_WRITE, NO_WRITE, NO_WRITE,
		       NO_WRITE },
	[DO_EXEC] = { NO_EXEC, NO_EXEC, NO_EXEC, NO_EXEC, NO_EXEC, NOT_MAPPED_X, NOT_MAPPED_X,
		      NO_EXEC, NO_EXEC },
	[DO_ENTER] = { NO_READ, NO_READ, NO_READ, NO_READ, NO_READ, NO_READ, UNTRIED, NO_READ,
		       NO_READ },
};

/* Behind the pages of the table: something to copy from, and places to copy to */
#define SOURCE	(NR_STATES * NR_ACTIONS)
#define DEST	(SOURCE + 1)

static unsigned int page_of(enum state state, enum action action)
{
	return state * NR_ACTIONS + action;
}

FIXTURE(state) {
	struct dyn d;
};

FIXTURE_VARIANT(state) {
	bool evicted;
};

FIXTURE_VARIANT_ADD(state, resident) {
	.evicted = false,
};

FIXTURE_VARIANT_ADD(state, evicted) {
	.evicted = true,
};

FIXTURE_SETUP(state)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(state)
{
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* ---------------------------------------------------------------------- states */

static int to_tcs(const struct dyn *d, unsigned int first)
{
	unsigned int i;

	for (i = 0; i < NR_ACTIONS; i++)
		dyn_fill_tcs(d, first + i);
	if (!dyn_did(dyn_modify(d, first, NR_ACTIONS, SGX_PT_TCS), NR_ACTIONS))
		return -1;
	return dyn_map(d, first, NR_ACTIONS, PROT_RW);
}

/* A row of pages, one for each action */
static int prepare(const struct dyn *d, enum state state)
{
	unsigned int first = page_of(state, 0), i;

	if (state == HOLE)
		return 0;
	if (state == NEW)
		return dyn_did(dyn_augment(d, first, NR_ACTIONS, SOFTSGX_AUGMENT_NOW),
			       NR_ACTIONS) ? 0 : -1;
	if (dyn_add(d, first, NR_ACTIONS))
		return -1;
	if (state == TCS_NEW || state == TCS_DONE)
		return to_tcs(d, first);
	for (i = 0; i < NR_ACTIONS; i++)
		encl_do(&d->encl, 0, ENCL_WRITE, dyn_at(d, first + i), ENCL_CODE, 0);
	if (state == CUT || state == CUT_DONE)
		return dyn_did(dyn_restrict(d, first, NR_ACTIONS, PROT_READ), NR_ACTIONS) ? 0 : -1;
	if (state == TRIM_NEW || state == TRIM_DONE)
		return dyn_did(dyn_modify(d, first, NR_ACTIONS, SGX_PT_TRIM), NR_ACTIONS) ? 0 : -1;
	return 0;
}

static int accept_row(const struct dyn *d, enum state state, u64 flags)
{
	unsigned int first = page_of(state, 0);

	return dyn_accept_range(d, flags, first, NR_ACTIONS) == NR_ACTIONS ? 0 : -1;
}

static int prepare_all(const struct dyn *d)
{
	unsigned int state;
	int ret = dyn_add(d, SOURCE, 1);

	for (state = 0; state < NR_STATES && !ret; state++)
		ret = prepare(d, state);
	if (!ret)
		ret = accept_row(d, CUT_DONE, IS_CUT(PROT_READ));
	if (!ret)
		ret = accept_row(d, TCS_DONE, IS_TCS);
	if (!ret)
		ret = accept_row(d, TRIM_DONE, IS_TRIM);
	return ret;
}

/* --------------------------------------------------------------------- actions */

/* What fails has done nothing. */
static u32 answer(struct dyn_res res)
{
	if (!res.ret && !res.result && res.count == PAGE)
		return 0;
	return res.ret && !res.count ? IOC(-res.ret, (u32)res.result) : ~1U;
}

static u32 enter(const struct dyn *d, unsigned int page)
{
	struct encl other = d->encl;
	struct sgx_enclave_run run = {};

	other.tcs[3] = dyn_at(d, page);
	encl_run(&other, 3, ENCL_NOP, NULL, &run);
	if (run.function != SGX_EENTER || run.exception_addr != dyn_at(d, page))
		return ~1U;
	return BAD(run.exception_vector, run.exception_error_code);
}

static u32 try(const struct dyn *d, enum action action, unsigned int page)
{
	u32 out;

	switch (action) {
	case DO_RESTRICT:
		return answer(dyn_restrict(d, page, 1, PROT_READ));
	case DO_RESTRICT_RWX:
		return answer(dyn_restrict(d, page, 1, PROT_RWX));
	case DO_TO_TCS:
		return answer(dyn_modify(d, page, 1, SGX_PT_TCS));
	case DO_TO_TRIM:
		return answer(dyn_modify(d, page, 1, SGX_PT_TRIM));
	case DO_REMOVE:
		return answer(dyn_remove(d, page, 1));
	case DO_AUGMENT:
		return answer(dyn_augment(d, page, 1, SOFTSGX_AUGMENT_NOW));
	case DO_ACCEPT_NEW:
		return dyn_accept(d, IS_NEW, page);
	case DO_ACCEPT_CUT_R:
		return dyn_accept(d, IS_CUT(PROT_READ), page);
	case DO_ACCEPT_CUT_RW:
		return dyn_accept(d, IS_CUT(PROT_RW), page);
	case DO_ACCEPT_TCS:
		return dyn_accept(d, IS_TCS, page);
	case DO_ACCEPT_TRIM:
		return dyn_accept(d, IS_TRIM, page);
	case DO_EXTEND:
		return dyn_extend(d, PROT_RX, page);
	case DO_COPY_TO:
		return dyn_copy(d, PROT_RX, page, SOURCE);
	case DO_COPY_FROM:
		return dyn_copy(d, PROT_RX, DEST + page / NR_ACTIONS, page);
	case DO_READ:
		out = dyn_read(d, page);
		return out == ENCL_CODE ? 0 : out;
	case DO_WRITE:
		return dyn_write(d, page, 1);
	case DO_EXEC:
		out = dyn_exec(d, page);
		return (out & ~SGX_PFEC_P) == NOT_MAPPED_X ? NOT_MAPPED_X : out;
	default:
		return enter(d, page);
	}
}

/* What a page is after an action that has failed: what it was before. */
static enum state after(enum state state, enum action action)
{
	return state == HOLE && action > DO_AUGMENT ? NEW : state;
}

static void check(struct __test_metadata *_metadata, const struct dyn *d, enum state state,
		  enum action action)
{
	unsigned int page = page_of(state, action);
	u32 want = expected[action][state];

	if (want == UNTRIED)
		return;
	EXPECT_EQ(want, try(d, action, page)) {
		TH_LOG("%s: %s", state_names[state], action_names[action]);
	}
	if (!want)
		return;
	state = after(state, action);
	EXPECT_EQ(expected[action][state], try(d, action, page)) {
		TH_LOG("again, %s: %s", state_names[state], action_names[action]);
	}
}

TEST_F_TIMEOUT(state, all, 60)
{
	unsigned int state, action;

	ASSERT_EQ(0, prepare_all(&self->d));
	if (variant->evicted)
		ASSERT_EQ(0, press_out(self->d.encl.e.fd));
	/* In this order pages of a row leave gaps between those that are tried next. */
	for (action = 0; action < NR_ACTIONS; action++) {
		for (state = 0; state < NR_STATES; state++)
			check(_metadata, &self->d, state, action);
	}
}

TEST_HARNESS_MAIN
