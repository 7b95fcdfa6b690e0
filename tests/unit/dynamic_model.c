// SPDX-License-Identifier: GPL-2.0
/*
 * Each leaf on a page in each state, against the rules of dynamic_ref.h. Then the rules
 * by themselves: what of all that can a page come to be?
 */
#include "dynamic.h"
#include "dynamic_ref.h"

/* --------------------------------------------------------------- the core */

#define EPOCH	100ULL

static struct rig *r;
static struct sgxcore_page *page;
static int other_children;

/* The page has these fields only, or is zero. */
static void write_tcs(struct sgxcore_page *to, bool good)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)to->mem;

	memset(tcs, 0, offsetof(struct sgx_tcs, reserved));
	if (!good)
		return;
	tcs->ssa_offset = RIG_SSA + 0x1000 - RIG_BASE;
	tcs->nr_ssa_frames = 1;
}

static void build(const struct dref *p)
{
	page->valid = p->in;
	page->type = p->type;
	page->perm = p->perm;
	page->pending = p->pending;
	page->modified = p->modified;
	page->pr = p->pr;
	page->blocked = p->blocked;
	page->addr = DYN_NEW_LA;
	page->secs = p->in ? r->secs : NULL;
	page->epoch = EPOCH - p->cycles;
	write_tcs(page, p->good);
	r->secs->children = other_children + p->in;
	r->secs->track = EPOCH << 44 | (p->awaited ? 1 << 22 : 1);
	r->lp.epoch = p->awaited ? EPOCH - 1 : EPOCH;
}

static struct sgxcore_outcome out_and_in(bool block)
{
	struct sgxcore_outcome out = paging_ewb(r, DYN_NEW, 0, &blob);

	if (out.kind != SGXCORE_OK)
		return out;
	assert_free(page);
	return block ? paging_eldb(r, DYN_NEW, 0, &blob) : paging_eldu(r, DYN_NEW, 0, &blob);
}

static struct sgxcore_outcome enclu(u32 leaf, u64 flags)
{
	dynamic_request(r, DYN_NEW_LA, flags);
	r->regs.dx = DYN_REG_LA;
	return dynamic_enclu(r, leaf);
}

static struct sgxcore_outcome edbgrd(void)
{
	u64 word;

	return sgxcore_edbgrd(&r->cpu, &word, page->mem);
}

static struct sgxcore_outcome enter_and_leave(void)
{
	static u8 xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
	struct sgxcore_lp lp = { .cpu = &r->cpu, .ops = r->lp.ops, .xcr0 = r->lp.xcr0 };
	struct sgxcore_regs regs = { .bx = DYN_NEW_LA, .cx = RIG_AEP };
	struct sgxcore_entry e = { .xsave = xsave };
	struct sgxcore_outcome out;

	out = sgxcore_entry_prepare(&lp, SGX_EENTER, &regs, &e);
	if (out.kind == SGXCORE_OK)
		out = sgxcore_entry_commit(&lp, &e, &regs);
	if (out.kind == SGXCORE_OK)
		assert_ok(sgxcore_eexit(&lp, &regs));
	return out;
}

static struct sgxcore_outcome core_step(enum dref_op op, u64 arg)
{
	switch (op) {
	case DREF_EAUG:
		return dynamic_eaug(r, DYN_NEW, DYN_NEW_LA);
	case DREF_EMODPR:
		return dynamic_emodpr(r, DYN_NEW, arg);
	case DREF_EMODT:
		return dynamic_emodt(r, DYN_NEW, arg << SGX_SECINFO_PAGE_TYPE_SHIFT);
	case DREF_EACCEPT:
		return enclu(SGX_EACCEPT, arg);
	case DREF_EACCEPTCOPY:
		return enclu(SGX_EACCEPTCOPY, SGX_SECINFO_REG | arg);
	case DREF_EMODPE:
		return enclu(SGX_EMODPE, arg);
	case DREF_EBLOCK:
		return paging_eblock(r, DYN_NEW);
	case DREF_ETRACK:
		return paging_etrack(r, PAGING_SECS);
	case DREF_EWB_ELDU:
	case DREF_EWB_ELDB:
		return out_and_in(op == DREF_EWB_ELDB);
	case DREF_EREMOVE:
		return sgxcore_eremove(&r->cpu, page->mem);
	case DREF_EDBGRD:
		return edbgrd();
	case DREF_EENTER:
		return enter_and_leave();
	default:
		sgxcore_lp_interrupted(&r->lp);
		return sgxcore_ok();
	}
}

static void assert_same(const struct dref *p)
{
	u32 cycles = sgxcore_track_epoch(r->secs) - page->epoch;
	bool plain = p->type == 2 && !p->pending && !p->modified && !p->blocked;

	assert_int_equal(page->valid, p->in);
	assert_int_equal(r->secs->children, other_children + p->in);
	assert_int_equal(sgxcore_lp_is_awaited(&r->lp), p->awaited);
	assert_int_equal(sgxcore_page_access(page), p->in && plain ? p->perm : 0);
	if (!p->in) {
		assert_free(page);
		return;
	}
	assert_int_equal(page->type, p->type);
	assert_int_equal(page->perm, p->perm);
	assert_int_equal(page->pending, p->pending);
	assert_int_equal(page->modified, p->modified);
	assert_int_equal(page->pr, p->pr);
	assert_int_equal(page->blocked, p->blocked);
	assert_int_equal(page->addr, DYN_NEW_LA);
	assert_int_equal(((struct sgx_tcs *)page->mem)->nr_ssa_frames, p->good);
	if (p->modified || p->pr || p->blocked)
		assert_int_equal(cycles > 2 ? 2 : cycles, p->cycles);
}

static void check_step(const struct dref *from, enum dref_op op, u64 arg)
{
	struct dref to = *from;
	struct dref_answer expected;
	struct sgxcore_outcome out;

	build(from);
	out = core_step(op, arg);
	expected = dref_step(&to, op, arg);
	assert_int_equal(out.kind, expected.kind);
	assert_int_equal(out.code, expected.code);
	assert_int_equal(out.cf, expected.cf);
	assert_same(&to);
}

/* -------------------------------------------------------------- all states */

static const u8 types[] = { 1, 2, 4 };

#define NR_STATES	(3 * 8 * 16 * 3 * 4 + 2)

/* The last two are those without a page. */
static struct dref state_of(unsigned int id)
{
	struct dref p = { .awaited = id & 1 };

	if (id >= NR_STATES - 2)
		return p;
	p.in = true;
	p.good = id >> 1 & 1;
	p.pending = id >> 2 & 1;
	p.modified = id >> 3 & 1;
	p.pr = id >> 4 & 1;
	p.blocked = id >> 5 & 1;
	p.perm = id >> 6 & 7;
	p.type = types[(id >> 9) % 3];
	p.cycles = (id >> 9) / 3;
	return p;
}

static unsigned int id_of(const struct dref *p)
{
	unsigned int type = p->type == 4 ? 2 : p->type - 1;

	if (!p->in)
		return NR_STATES - 2 + p->awaited;
	return (type + 3 * p->cycles) << 9 | p->perm << 6 | p->blocked << 5 | p->pr << 4 |
	       p->modified << 3 | p->pending << 2 | p->good << 1 | p->awaited;
}

/* Argument @n of @op; false if there are not as many. */
static bool argument(enum dref_op op, unsigned int n, u64 *arg)
{
	switch (op) {
	case DREF_EMODT:
		*arg = n ? SGX_PT_TRIM : SGX_PT_TCS;
		return n < 2;
	case DREF_EACCEPT:
		*arg = n & 0x3f;
		if (n < 3 * 64)
			*arg |= (u64)types[n / 64] << SGX_SECINFO_PAGE_TYPE_SHIFT;
		return n < 3 * 64;
	case DREF_EMODPR:
	case DREF_EACCEPTCOPY:
	case DREF_EMODPE:
		/* EMODPR answers a mask that is not sane before it looks at the page. */
		*arg = op == DREF_EMODPR && !dref_sane(n) ? 0 : n;
		return n < 8;
	default:
		*arg = 0;
		return n < 1;
	}
}

static void each_leaf_in_each_state(void **state)
{
	unsigned int id, n, nr_steps = 0;
	enum dref_op op;
	u64 arg;

	r = *state;
	page = &r->pages[DYN_NEW];
	other_children = r->secs->children - 1;
	memset(r->pages[DYN_REG].mem, 0, SGX_PAGE_SIZE);
	write_tcs(&r->pages[DYN_REG], true);
	for (id = 0; id < NR_STATES; id++) {
		struct dref from = state_of(id);

		assert_int_equal(id_of(&from), id);
		for (op = 0; op < DREF_OPS; op++) {
			for (n = 0; argument(op, n, &arg); n++, nr_steps++)
				check_step(&from, op, arg);
		}
	}
	print_message("# %u steps\n", nr_steps);
}

static void assert_sound(const struct dref *p)
{
	if (!p->in)
		return;
	assert_true(dref_sane(p->perm));
	assert_true(p->type == 2 || !p->perm);
	if (p->pending)
		assert_true(p->type == 2 && p->perm == 3 && !p->modified && !p->pr && !p->good);
	if (p->modified)
		assert_true(p->type != 2 && !p->pr);
	if (p->pr)
		assert_true(p->type == 2);
	/* whoever can be entered was fit for it */
	if (p->type == 1 && !p->modified)
		assert_true(p->good);
}

static bool reached[NR_STATES];
static unsigned int queue[NR_STATES], nr_queued;

static void reach(const struct dref *p)
{
	assert_sound(p);
	if (reached[id_of(p)])
		return;
	reached[id_of(p)] = true;
	queue[nr_queued++] = id_of(p);
}

/* From no page at all, and from what EADD makes */
static void what_can_become_of_a_page(void **state)
{
	struct dref p = { 0 };
	unsigned int i, n;
	enum dref_op op;
	u64 arg;

	(void)state;
	reach(&p);
	p = (struct dref){ .in = true, .type = 1, .good = true };
	reach(&p);
	for (i = 0; i < 8; i++) {
		p = (struct dref){ .in = true, .type = 2, .perm = i, .good = true };
		if (dref_sane(i))
			reach(&p);
	}
	for (i = 0; i < nr_queued; i++) {
		for (op = 0; op < DREF_OPS; op++) {
			for (n = 0; argument(op, n, &arg); n++) {
				p = state_of(queue[i]);
				dref_step(&p, op, arg);
				reach(&p);
			}
		}
	}
	print_message("# %u of %u states\n", nr_queued, NR_STATES);
	assert_true(nr_queued > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DYN_TEST(each_leaf_in_each_state),
		cmocka_unit_test(what_can_become_of_a_page),
	};

	return cmocka_run_group_tests_name("dynamic_model", tests, NULL, NULL);
}
