// SPDX-License-Identifier: GPL-2.0
/*
 * Every state that a tiny enclave can get into: the core and the reference of
 * paging_ref.h do each step in each state, breadth first, until there are no new
 * states. Answers have to agree, and so have the books after each step; what is
 * loaded is what was evicted; in each new state all copies that ought to be worthless
 * are tried in all slots.
 *
 * States are told apart by what decides about the future: numbers of evictions and
 * epochs count only in relation to each other. To get back to a state its steps
 * are done again.
 */
#include "paging_ref.h"
#include "rig.h"

#define NR_FRAMES	6
#define FRAME_VA	4	/* after those of the pages */
#define FRAME_SPARE	5

#define MODEL_BASE	0x100000ULL
#define MODEL_AEP	0x400000ULL

static const u64 linaddr[REF_PAGES] = { 0, MODEL_BASE, MODEL_BASE + 0x1000, MODEL_BASE + 0x2000 };

struct copy {
	u8 data[SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgx_pcmd pcmd;
	u64 linaddr;
	unsigned int eviction;
};

/* All that changes */
struct world {
	u8 mem[NR_FRAMES][SGX_PAGE_SIZE] __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgxcore_page pages[NR_FRAMES];
	struct sgxcore_cpu cpu;
	struct sgxcore_lp lp[REF_THREADS];
	struct copy latest[REF_PAGES];
	struct copy older[REF_PAGES];
	u8 plain[REF_PAGES][SGX_PAGE_SIZE];
	struct ref ref;
};

static struct world w, saved, start;
static struct seal_key key;
static struct sgxcore_section section;
static u8 scratch[SGX_PAGE_SIZE], xsave[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));

/* ------------------------------------------------------------------- steps */

static struct sgxcore_outcome translate(struct sgxcore_lp *lp, u64 la, enum sgxcore_access access,
					struct sgxcore_xlat *x)
{
	unsigned int p;

	(void)lp;
	(void)access;
	for (p = REF_T0; p < REF_PAGES; p++) {
		if (linaddr[p] == la && w.pages[p].valid) {
			sgxcore_xlat_set(x, &w.pages[p]);
			return sgxcore_ok();
		}
	}
	return sgxcore_pf(la, SGX_PFEC_U);
}

static const struct sgxcore_lp_ops ops = { .translate = translate };

static const struct sgxcore_outcome not_possible = { .kind = SGXCORE_AGAIN };

static struct sgxcore_outcome enter(unsigned int t)
{
	struct sgxcore_regs regs = { .cx = MODEL_AEP, .bx = linaddr[REF_T0 + t] };
	struct sgxcore_entry e = { .xsave = xsave };
	struct sgxcore_outcome out;

	if (w.lp[t].inside)
		return not_possible;
	out = sgxcore_entry_prepare(&w.lp[t], SGX_EENTER, &regs, &e);
	return out.kind == SGXCORE_OK ? sgxcore_entry_commit(&w.lp[t], &e, &regs) : out;
}

static struct sgxcore_outcome leave(unsigned int t)
{
	struct sgxcore_regs regs = { .bx = MODEL_AEP };
	struct sgxcore_exit x = { .whole = false };

	if (!w.lp[t].inside)
		return not_possible;
	while (!sgxcore_exit_begin(&w.lp[t], &x)) {
		if (!sgxcore_exit_find(&w.lp[t], &x))
			return not_possible;
	}
	return sgxcore_eexit(&w.lp[t], &regs);
}

static struct sgxcore_outcome drop(unsigned int t)
{
	if (!w.lp[t].inside)
		return not_possible;
	sgxcore_lp_abandon(&w.lp[t]);
	w.lp[t].inside = false;
	return sgxcore_ok();
}

static struct sgxcore_outcome interrupt(unsigned int t)
{
	if (!w.lp[t].inside)
		return not_possible;
	sgxcore_lp_interrupted(&w.lp[t]);
	return sgxcore_ok();
}

static void *slot_of(unsigned int p)
{
	return w.mem[FRAME_VA] + p * SGX_VA_SLOT_SIZE;
}

static struct sgxcore_outcome evict(unsigned int p, unsigned int slot)
{
	struct copy *c = &w.latest[p], before = *c;
	struct sgx_pageinfo info = {
		.srcpge = (unsigned long)c->data, .secinfo = (unsigned long)&c->pcmd,
	};
	struct sgxcore_outcome out;

	memcpy(scratch, w.mem[p], sizeof(scratch));
	if (w.pages[p].valid)
		memcpy(w.plain[p], w.mem[p], SGX_PAGE_SIZE);
	out = sgxcore_ewb(&w.cpu, &info, w.mem[p], slot_of(slot), scratch);
	if (out.kind == SGXCORE_OK || out.cf) {
		w.older[p] = before;
		c->linaddr = info.linaddr;
	}
	return out;
}

static struct sgxcore_outcome load(const struct copy *c, unsigned int frame, unsigned int slot,
				   bool block)
{
	struct sgx_pageinfo info = {
		.srcpge = (unsigned long)c->data, .secinfo = (unsigned long)&c->pcmd,
		.linaddr = c->linaddr,
		.secs = c->pcmd.secinfo.flags ? (unsigned long)w.mem[REF_SECS] : 0,
	};

	return block ? sgxcore_eldb(&w.cpu, &info, w.mem[frame], slot_of(slot)) :
	       sgxcore_eldu(&w.cpu, &info, w.mem[frame], slot_of(slot));
}

static struct sgxcore_outcome load_latest(unsigned int p, unsigned int slot, bool block)
{
	struct sgxcore_outcome out;

	if (!w.latest[p].eviction)
		return not_possible;
	out = load(&w.latest[p], p, slot, block);
	if (out.kind == SGXCORE_OK)
		assert_memory_equal(w.mem[p], w.plain[p], SGX_PAGE_SIZE);
	return out;
}

static struct sgxcore_outcome core_step(enum ref_op op, unsigned int arg)
{
	switch (op) {
	case REF_EENTER:
		return enter(arg);
	case REF_EEXIT:
		return leave(arg);
	case REF_INTERRUPT:
		return interrupt(arg);
	case REF_DROP:
		return drop(arg);
	case REF_ETRACK:
		return sgxcore_etrack(&w.cpu, w.mem[REF_SECS]);
	case REF_EBLOCK:
		return sgxcore_eblock(&w.cpu, w.mem[arg]);
	case REF_EWB:
		return evict(arg, arg);
	case REF_EWB_T0:
		return evict(arg, REF_T0);
	case REF_ELDU:
		return load_latest(arg, arg, false);
	case REF_ELDU_T0:
		return load_latest(arg, REF_T0, false);
	case REF_ELDB:
		return load_latest(arg, arg, true);
	default:
		return sgxcore_eremove(&w.cpu, w.mem[arg]);
	}
}

/* -------------------------------------------------------------- agreement */

static void assert_same_answer(struct sgxcore_outcome out, struct ref_answer expected)
{
	switch (expected.kind) {
	case REF_OK:
		assert_int_equal(out.kind, SGXCORE_OK);
		break;
	case REF_STATUS:
		assert_int_equal(out.kind, SGXCORE_STATUS);
		assert_int_equal(out.code, expected.code);
		assert_int_equal(out.cf, expected.cf);
		break;
	case REF_DISABLED:
		assert_int_equal(out.kind, SGXCORE_AGAIN);
		break;
	default:
		assert_int_equal(out.kind, SGXCORE_FAULT);
		assert_int_equal(out.code, expected.kind == REF_GP ? SGXCORE_TRAP_GP :
				 SGXCORE_TRAP_PF);
	}
}

static void assert_same_page(unsigned int p)
{
	const struct ref_one *ref = &w.ref.page[p];
	const struct sgxcore_page *page = &w.pages[p];

	assert_int_equal(page->lock | page->tracking, 0);
	assert_int_equal(page->valid, ref->where == REF_IN);
	if (!page->valid) {
		assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
		return;
	}
	assert_int_equal(page->blocked, ref->blocked);
	assert_int_equal(page->addr, linaddr[p]);
	assert_ptr_equal(page->secs, p == REF_SECS ? NULL : &w.pages[REF_SECS]);
	assert_int_equal(sgxcore_page_access(page), p == REF_S && !ref->blocked ? 3 : 0);
	if (p == REF_T0 || p == REF_T1)
		assert_int_equal(((struct sgx_tcs *)page->mem)->state, ref->busy);
}

static void assert_same_books(void)
{
	const struct ref *r = &w.ref;
	u32 inside = r->thread[0].counted + r->thread[1].counted;
	unsigned int i;

	for (i = 0; i < REF_PAGES; i++) {
		assert_same_page(i);
		/* a version in the slot just when there is a page to go with it */
		assert_int_equal(*(u64 *)slot_of(i) != 0, r->slot[i] != 0);
	}
	assert_int_equal(w.pages[REF_SECS].children, ref_children(r));
	assert_int_equal(sgxcore_track_inside(&w.pages[REF_SECS]), inside);
	for (i = 0; i < REF_THREADS; i++) {
		assert_int_equal(w.lp[i].inside, r->thread[i].inside);
		assert_int_equal(sgxcore_lp_is_inside(&w.lp[i], &w.pages[REF_SECS]),
				 r->thread[i].counted);
		assert_int_equal(sgxcore_lp_is_awaited(&w.lp[i]), r->thread[i].awaited);
	}
}

static bool step(enum ref_op op, unsigned int arg)
{
	struct ref_answer expected = ref_step(&w.ref, op, arg);

	assert_same_answer(core_step(op, arg), expected);
	if ((op == REF_EWB || op == REF_EWB_T0) && w.ref.page[arg].where == REF_OUT)
		w.latest[arg].eviction = w.ref.page[arg].eviction;
	assert_same_books();
	return expected.kind == REF_OK || expected.cf;
}

/* A second life of a page, or an old one, must not be had from anywhere. */
static void assert_not_loadable(const struct copy *c, unsigned int p)
{
	unsigned int slot;

	for (slot = 0; c->eviction && slot < REF_PAGES; slot++) {
		if (!ref_loadable(&w.ref, p, c->eviction, slot))
			assert_int_not_equal(load(c, FRAME_SPARE, slot, false).kind, SGXCORE_OK);
	}
	assert_false(w.pages[FRAME_SPARE].valid);
	assert_true(sgxcore_is_zero(w.mem[FRAME_SPARE], SGX_PAGE_SIZE));
}

static unsigned int loadable_from(const struct copy *c, unsigned int p)
{
	unsigned int slot, n = 0;

	for (slot = 0; c->eviction && slot < REF_PAGES; slot++)
		n += ref_loadable(&w.ref, p, c->eviction, slot);
	return n;
}

static void probe(void)
{
	unsigned int p;

	for (p = 0; p < REF_PAGES; p++) {
		assert_not_loadable(&w.latest[p], p);
		assert_not_loadable(&w.older[p], p);
		assert_true(loadable_from(&w.latest[p], p) <= (w.ref.page[p].where == REF_OUT));
		assert_int_equal(loadable_from(&w.older[p], p), 0);
	}
	assert_same_books();
}

/* ------------------------------------------------------------------ states */

static u64 put(u64 id, unsigned int bits, u64 value)
{
	assert_true(value < 1ULL << bits);
	return id << bits | value;
}

/* Whose eviction a slot holds, counted from 1 */
static unsigned int holder(unsigned int slot)
{
	unsigned int p;

	for (p = 0; p < REF_PAGES; p++) {
		if (w.ref.slot[slot] && w.ref.slot[slot] == w.ref.page[p].eviction)
			return p + 1;
	}
	return 0;
}

static u64 id_of_page(u64 id, unsigned int p)
{
	const struct ref_one *one = &w.ref.page[p];
	u32 age = (sgxcore_track_epoch(&w.pages[REF_SECS]) - w.pages[p].epoch) & 0xfffff;

	id = put(id, 2, one->where);
	id = put(id, 1, one->blocked);
	id = put(id, 2, one->blocked ? one->cycles : 0);
	id = put(id, 2, one->blocked ? (age > 2 ? 2 : age) : 0);
	id = put(id, 1, one->busy);
	id = put(id, 1, one->eviction != 0);
	return put(id, 3, holder(p));
}

static u64 id_of_state(void)
{
	const struct ref_thread *t = w.ref.thread;
	unsigned int i;
	u64 id = 1;

	for (i = 0; i < REF_PAGES; i++)
		id = id_of_page(id, i);
	for (i = 0; i < REF_THREADS; i++)
		id = put(id, 4, t[i].inside | t[i].counted << 1 | t[i].awaited << 2 |
			 t[i].tcs_same << 3);
	return id;
}

/* How a state was reached first: by a step from another one */
struct node {
	u32 from;
	u8 op;
	u8 arg;
};

#define TABLE_BITS	22
#define MAX_NODES	(1U << (TABLE_BITS - 1))

static u64 *table;
static struct node *nodes;
static u32 nr_nodes;

static bool is_new(u64 id)
{
	u64 i = id * 0x9e3779b97f4a7c15ULL >> (64 - TABLE_BITS);

	while (table[i] && table[i] != id)
		i = (i + 1) & ((1U << TABLE_BITS) - 1);
	if (table[i])
		return false;
	table[i] = id;
	return true;
}

static void go_to(u32 n)
{
	u16 steps[256];
	unsigned int len = 0;

	for (; n; n = nodes[n].from) {
		assert_true(len < 256);
		steps[len++] = nodes[n].op << 8 | nodes[n].arg;
	}
	w = start;
	while (len--)
		assert_true(step(steps[len] >> 8, steps[len] & 0xff));
}

static unsigned int nr_args(enum ref_op op, unsigned int *first)
{
	*first = 0;
	switch (op) {
	case REF_EENTER:
	case REF_EEXIT:
	case REF_INTERRUPT:
	case REF_DROP:
		return REF_THREADS;
	case REF_ETRACK:
		return 1;
	case REF_EWB_T0:
	case REF_ELDU_T0:
	case REF_ELDB:
		*first = REF_S;
		return REF_PAGES;
	default:
		return REF_PAGES;
	}
}

static void try_step(u32 from, enum ref_op op, unsigned int arg)
{
	w = saved;
	if (!step(op, arg) || !is_new(id_of_state()))
		return;
	assert_true(nr_nodes < MAX_NODES);
	nodes[nr_nodes++] = (struct node){ .from = from, .op = op, .arg = arg };
	probe();
}

static void build(void)
{
	static const struct sgxcore_model model = {
		.attr_mask = SGX_ATTR_MODE64BIT, .xfrm_mask = SGX_XFRM_LEGACY, .size_bits = 36,
		.va_bits = 48, .mxcsr_mask = 0xffff,
	};
	static struct sgxcore_crypto crypto;
	struct rig *r = rig_new();
	struct sgx_secs *secs;
	struct sgx_tcs *tcs;
	unsigned int i;

	crypto = r->crypto;
	section = (struct sgxcore_section){
		.base = (u8 *)w.mem, .nr_pages = NR_FRAMES, .pages = w.pages,
	};
	w.cpu = (struct sgxcore_cpu){
		.model = &model, .crypto = &crypto, .paging_key = &key,
		.sections = &section, .nr_sections = 1,
	};
	sgxcore_section_init(&section);
	secs = rig_secs_source(r);
	secs->base = MODEL_BASE;
	secs->size = 0x4000;
	assert_ok(sgxcore_ecreate(&w.cpu, &r->info, w.mem[REF_SECS]));
	tcs = rig_tcs_source(r);
	tcs->ssa_offset = linaddr[REF_S] - MODEL_BASE;
	for (i = REF_T0; i < REF_PAGES; i++) {
		rig_operands(r, &w.pages[REF_SECS], linaddr[i],
			     i == REF_S ? RIG_REG_RW : SGX_SECINFO_TCS);
		assert_ok(sgxcore_eadd(&w.cpu, &r->info, w.mem[i]));
	}
	assert_ok(sgxcore_epa(&w.cpu, SGX_PT_VA, w.mem[FRAME_VA]));
	rig_force_init(&w.pages[REF_SECS]);
	for (i = 0; i < REF_THREADS; i++)
		w.lp[i] = (struct sgxcore_lp){ .cpu = &w.cpu, .ops = &ops, .xcr0 = 3 };
	ref_init(&w.ref);
	rig_free(r);
	start = w;
}

static void all_states(void **state)
{
	unsigned int arg, first, last;
	u64 nr_steps = 0;
	u32 n;
	int op;

	(void)state;
	build();
	table = calloc(1U << TABLE_BITS, sizeof(*table));
	nodes = calloc(MAX_NODES, sizeof(*nodes));
	assert_same_books();
	is_new(id_of_state());
	nr_nodes = 1;
	for (n = 0; n < nr_nodes; n++) {
		go_to(n);
		saved = w;
		for (op = 0; op < REF_OPS; op++) {
			last = nr_args(op, &first);
			for (arg = first; arg < last; arg++, nr_steps++)
				try_step(n, op, arg);
		}
	}
	print_message("# %u states, %llu steps\n", nr_nodes, (unsigned long long)nr_steps);
	assert_true(nr_nodes > 30000);	/* has not become fewer by an oversight */
	free(table);
	free(nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_states),
	};

	return cmocka_run_group_tests_name("paging_model", tests, NULL, NULL);
}
