// SPDX-License-Identifier: GPL-2.0
/*
 * Two logical processors and a hostile enclave: the input chooses its shape, what
 * is in TCS and SSA, and a sequence of leaves, events, removals and page states.
 * After each step the books have to balance, and whatever ERESUME hands back has to
 * be fit for the registers of the machine.
 */
#include "../unit/rig.h"

#define NR_LPS		2
#define MAX_STEPS	200
#define OUTSIDE_FS	0x7f0000001000ULL
#define OUTSIDE_GS	0x7f0000002000ULL

/* What ERESUME may take from a frame, with IOPL below 3 */
#define LOADABLE_FLAGS	0x254cd5ULL

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				__LINE__, #cond);			\
			abort();					\
		}							\
	} while (0)

struct input {
	const u8 *p;
	size_t left;
};

struct bench {
	struct rig *r;
	struct input *in;
	struct sgxcore_lp lp[NR_LPS];
	struct sgxcore_regs regs[NR_LPS];
	u8 *xsave;
	u8 *image;
	u32 xsave_size;
	u64 xfrm;
	u32 frame_pages;
};

static const u8 zeros[SGX_PAGE_SIZE];

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static void take_bytes(struct input *in, void *dst, size_t n)
{
	u8 *p = dst;

	while (n--)
		*p++ = take(in);
}

static u64 take_u64(struct input *in)
{
	u64 v;

	take_bytes(in, &v, sizeof(v));
	return v;
}

/* A number near something that matters, or any number */
static u64 take_address(struct input *in)
{
	static const u64 landmarks[] = {
		0, RIG_BASE, RIG_CODE, RIG_TCS, RIG_SSA, RIG_BASE + RIG_SIZE, RIG_SIZE,
		1ULL << 47, (1ULL << 47) - 1, 0xffff800000000000, ~0xfffULL, ~0ULL, 1ULL << 63,
		0 - RIG_BASE, RIG_AEP,
	};
	u8 choice = take(in);

	if (choice >= 0xf0)
		return take_u64(in);
	return landmarks[choice % (sizeof(landmarks) / sizeof(*landmarks))] +
	       ((choice & 0x10 ? 0 - 0x1000ULL : 0x1000ULL) * (choice >> 5));
}

static struct sgxcore_page *take_page(struct bench *b)
{
	return &b->r->pages[take(b->in) % RIG_PAGES];
}

static bool canonical(const struct bench *b, u64 addr)
{
	return sgxcore_canonical(&b->r->model, addr);
}

/* -------------------------------------------------------------- invariants */

static void check_page(const struct bench *b, const struct sgxcore_page *page)
{
	CHECK(page->lock == 0 && page->extra == 0);
	CHECK(page->valid || !memcmp(page->mem, zeros, SGX_PAGE_SIZE));
	CHECK(!page->valid || page->type == SGX_PT_SECS || page->type == SGX_PT_VA ||
	      page->secs == b->r->secs);
	CHECK(page->type == SGX_PT_REG || !page->valid || !sgxcore_page_access(page));
}

static void check_books(const struct bench *b)
{
	const struct rig *r = b->r;
	int children = 0, lps = 0;
	unsigned int i;

	for (i = 0; i < RIG_PAGES; i++) {
		check_page(b, &r->pages[i]);
		children += r->pages[i].valid && r->pages[i].secs == r->secs;
	}
	for (i = 0; i < NR_LPS; i++) {
		CHECK(b->lp[i].inside || !b->lp[i].secs);
		lps += b->lp[i].secs == r->secs;
	}
	CHECK(!r->secs->valid || r->secs->children == children);
	CHECK(!r->secs->valid || (int)sgxcore_track_inside(r->secs) == lps);
	CHECK(r->secs->valid || (!children && !lps));
}

static void check_entered(const struct bench *b, unsigned int i, const struct sgxcore_entry *e,
			  const struct sgxcore_regs *before)
{
	const struct sgxcore_regs *regs = &b->regs[i];
	const struct sgxcore_lp *lp = &b->lp[i];
	u64 may_change = e->resume ? LOADABLE_FLAGS : 0;
	unsigned int n;

	CHECK(lp->inside && lp->secs == b->r->secs);
	CHECK(canonical(b, regs->ip) && canonical(b, regs->fsbase) && canonical(b, regs->gsbase));
	CHECK(canonical(b, lp->aep));
	if (!lp->optin)
		may_change |= SGX_RFLAGS_TF;
	CHECK(!((regs->flags ^ before->flags) & ~may_change));
	CHECK(lp->optin || !(regs->flags & SGX_RFLAGS_TF));
	CHECK(e->restore == e->resume);
	CHECK(!e->restore || sgxcore_xsave_valid(&b->r->model, lp->xfrm, b->xsave));
	for (n = 0; n < sgxcore_frame_pages(&lp->frame); n++) {
		const struct sgxcore_xlat *x = sgxcore_frame_xlat(&lp->frame, n);

		CHECK(x->page->valid && x->page->type == SGX_PT_REG && x->gen == x->page->gen);
		CHECK(x->page->secs == lp->secs && (x->page->perm & 3) == 3);
		CHECK(x->page->addr - lp->base < lp->size);
	}
}

static void check_outside(const struct bench *b, unsigned int i)
{
	CHECK(!b->lp[i].inside && !b->lp[i].secs);
	CHECK(b->regs[i].fsbase == OUTSIDE_FS && b->regs[i].gsbase == OUTSIDE_GS);
	CHECK(canonical(b, b->regs[i].ip));
}

/* ------------------------------------------------------------------- steps */

static void step_remove(struct bench *b)
{
	(void)sgxcore_eremove(&b->r->cpu, take_page(b)->mem + (take(b->in) & 0x80 ? 8 : 0));
}

/* States to which leaves would take many steps, and some to which none would */
static void step_page_state(struct bench *b)
{
	struct sgxcore_page *page = take_page(b);
	u8 bits = take(b->in);

	if (!page->valid || !page->secs)
		return;
	page->blocked = bits & 1;
	page->pending = bits & 2;
	page->modified = bits & 4;
	page->perm = bits & 8 ? 3 : bits >> 5;
	if (bits & 16 && page->modified)
		page->type = SGX_PT_TRIM;
}

static void step_tcs(struct bench *b)
{
	struct sgxcore_page *tcs = b->r->tcs;
	unsigned int off = 8 + take(b->in) % (SGX_TCS_LIMIT - 8);
	unsigned int n = take(b->in) % 9;

	if (tcs->valid && tcs->type == SGX_PT_TCS && off + n <= SGX_TCS_LIMIT)
		take_bytes(b->in, tcs->mem + off, n);
}

static void step_tcs_good(struct bench *b)
{
	struct sgxcore_page *tcs = b->r->tcs;
	u64 state;

	if (!tcs->valid || tcs->type != SGX_PT_TCS)
		return;
	rig_tcs_source(b->r)->ssa_index = take(b->in) % 3;
	memcpy(&state, tcs->mem, sizeof(state));
	memcpy(tcs->mem, b->r->src, SGX_TCS_LIMIT);
	memcpy(tcs->mem, &state, sizeof(state));
}

static struct sgxcore_page *frame_page(struct bench *b, u32 frame, u32 index)
{
	return rig_page_at(b->r, RIG_SSA + ((u64)frame * b->frame_pages + index) * SGX_PAGE_SIZE);
}

/* Make a frame that ERESUME would take, and then spoil it a little. */
static void step_frame(struct bench *b)
{
	u32 frame = take(b->in) % 2;
	struct sgxcore_page *first = frame_page(b, frame, 0);
	struct sgxcore_page *last = frame_page(b, frame, b->frame_pages - 1);
	struct sgx_gprsgx *gpr;
	u8 spoil;

	if (!first || !last)
		return;
	sgxcore_xsave_synthetic(first->mem, -1);
	gpr = (struct sgx_gprsgx *)(last->mem + SGX_GPRSGX_OFFSET);
	gpr->rip = RIG_CODE;
	gpr->fsbase = RIG_BASE;
	gpr->gsbase = RIG_BASE;
	spoil = take(b->in);
	if (spoil & 1)
		gpr->rip = take_address(b->in);
	if (spoil & 2)
		gpr->fsbase = take_address(b->in);
	if (spoil & 4)
		gpr->gsbase = take_address(b->in);
	if (spoil & 8)
		gpr->rflags = take_u64(b->in);
	if (spoil & 16)
		take_bytes(b->in, first->mem + SGX_XSAVE_HEADER, take(b->in) % 64);
	if (spoil & 32)
		take_bytes(b->in, first->mem + SGX_XSAVE_MXCSR, 4);
	if (spoil & 64)
		take_bytes(b->in, first->mem + (take(b->in) << 4), 16);
}

static void step_between(struct bench *b)
{
	switch (take(b->in) % 8) {
	case 0:
		step_remove(b);
		break;
	case 1:
		step_page_state(b);
		break;
	case 2:
		step_tcs(b);
		break;
	case 3:
		step_frame(b);
		break;
	default:
		break;
	}
}

static void step_enter(struct bench *b, unsigned int i, u32 leaf)
{
	struct sgxcore_entry e = { .xsave = b->xsave };
	struct sgxcore_lp lp_before;
	struct sgxcore_regs before;
	struct sgxcore_outcome out;
	u8 how = take(b->in);

	if (!b->lp[i].inside) {
		b->regs[i].bx = how & 1 ? take_address(b->in) : RIG_TCS;
		b->regs[i].cx = how & 2 ? take_address(b->in) : RIG_AEP;
		b->regs[i].ip = RIG_IP;
		b->regs[i].fsbase = OUTSIDE_FS;
		b->regs[i].gsbase = OUTSIDE_GS;
		if (how & 4)
			b->regs[i].flags = 0x202 | (take_u64(b->in) & 0x240dd5);
	}
	before = b->regs[i];
	lp_before = b->lp[i];
	out = sgxcore_entry_prepare(&b->lp[i], leaf, &b->regs[i], &e);
	if (out.kind == SGXCORE_OK) {
		if (how & 8)
			step_between(b);
		out = sgxcore_entry_commit(&b->lp[i], &e, &b->regs[i]);
	}
	if (out.kind == SGXCORE_OK) {
		check_entered(b, i, &e, &before);
		return;
	}
	CHECK(out.kind == SGXCORE_FAULT || out.kind == SGXCORE_AGAIN);
	CHECK(out.kind == SGXCORE_AGAIN || out.code == SGXCORE_TRAP_GP ||
	      out.code == SGXCORE_TRAP_PF);
	CHECK(!memcmp(&before, &b->regs[i], sizeof(before)));
	CHECK(!memcmp(&lp_before, &b->lp[i], sizeof(lp_before)));
}

static void step_exit(struct bench *b, unsigned int i)
{
	struct sgxcore_outcome out;

	if (b->lp[i].inside)
		b->regs[i].bx = take_address(b->in);
	out = sgxcore_eexit(&b->lp[i], &b->regs[i]);
	if (out.kind == SGXCORE_OK)
		check_outside(b, i);
}

static void step_aex(struct bench *b, unsigned int i)
{
	struct sgxcore_event ev;
	u64 xstate_bv;
	u8 *synthetic;
	bool was_abandoned = !b->lp[i].secs;

	if (!b->lp[i].inside)
		return;
	ev = (struct sgxcore_event){
		.exception = take(b->in) & 1, .vector = take(b->in) % 32,
		.error_code = take(b->in), .addr = take_u64(b->in),
	};
	/* Enclave code has changed its registers meanwhile. */
	take_bytes(b->in, &b->regs[i].ax, 3 * sizeof(u64));
	b->regs[i].ip = RIG_CODE + take(b->in);
	take_bytes(b->in, b->image, 24);
	xstate_bv = take(b->in);
	memcpy(b->image + SGX_XSAVE_HEADER, &xstate_bv, sizeof(xstate_bv));
	synthetic = malloc(SGX_XSAVE_EXTENDED);
	CHECK(!sgxcore_aex(&b->lp[i], &ev, &b->regs[i], b->image, synthetic) || !was_abandoned);
	CHECK(sgxcore_xsave_valid(&b->r->model, SGX_XFRM_LEGACY, synthetic));
	free(synthetic);
	CHECK(b->regs[i].ax == SGX_ERESUME && b->regs[i].ip == b->lp[i].aep);
	check_outside(b, i);
}

static u64 take_secinfo(struct bench *b)
{
	u64 flags = take(b->in) & 0x3f;

	return flags | (u64)(take(b->in) % 5) << SGX_SECINFO_PAGE_TYPE_SHIFT;
}

/* What the enclave would have to say to agree with a page as it is now */
static u64 request_for(const struct sgxcore_page *page)
{
	u64 flags = (u64)page->type << SGX_SECINFO_PAGE_TYPE_SHIFT | page->perm;

	if (page->modified)
		return flags | SGX_SECINFO_MODIFIED;
	return flags | (page->pending ? SGX_SECINFO_PENDING : SGX_SECINFO_PR);
}

/* EACCEPT, EACCEPTCOPY, EMODPE, or a leaf that is none of them */
static void step_accept(struct bench *b, unsigned int i)
{
	struct sgxcore_page *code = rig_page_at(b->r, RIG_CODE);
	struct sgxcore_regs *regs = &b->regs[i];
	u32 leaf = SGX_EACCEPT + take(b->in) % 4;
	struct sgx_secinfo secinfo = { .flags = take_secinfo(b) };
	const struct sgxcore_page *page = take_page(b);
	struct sgxcore_outcome out;
	struct sgxcore_regs before;
	struct sgxcore_accept a;
	u8 how = take(b->in);

	regs->bx = how & 1 ? take_address(b->in) : RIG_CODE + 64;
	regs->cx = how & 2 ? take_address(b->in) : RIG_BASE + take(b->in) % 64 * 0x1000;
	regs->dx = how & 4 ? take_address(b->in) : RIG_BASE + take(b->in) % 8 * 0x1000;
	if (how & 16) {
		regs->cx = page->addr;
		secinfo.flags = request_for(page);
	}
	if (code)
		memcpy(code->mem + 64, &secinfo, sizeof(secinfo));
	before = *regs;
	out = sgxcore_accept_prepare(&b->lp[i], leaf, regs, &a);
	if (out.kind == SGXCORE_OK) {
		if (how & 8)
			step_between(b);
		out = sgxcore_accept_commit(&b->lp[i], &a, regs);
	}
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_STATUS) {
		CHECK(b->lp[i].inside && regs->ip == before.ip + 3);
		CHECK(leaf == SGX_EMODPE || regs->ax == out.code);
		return;
	}
	CHECK(out.kind == SGXCORE_AGAIN || out.code == SGXCORE_TRAP_GP ||
	      out.code == SGXCORE_TRAP_PF);
	CHECK(!memcmp(&before, regs, sizeof(before)));
}

/* What a driver would do, and what would be a mistake */
static void step_dynamic(struct bench *b)
{
	struct sgx_secinfo secinfo = { .flags = take_secinfo(b) };
	u8 *page = take_page(b)->mem;
	struct sgx_pageinfo info = {
		.linaddr = RIG_BASE + take(b->in) % 80 * 0x1000ULL,
		.secs = (unsigned long)b->r->secs->mem,
	};
	unsigned int i;

	switch (take(b->in) % 4) {
	case 0:
		(void)sgxcore_eaug(&b->r->cpu, &info, page);
		break;
	case 1:
		(void)sgxcore_emodpr(&b->r->cpu, &secinfo, page);
		break;
	case 2:
		(void)sgxcore_emodt(&b->r->cpu, &secinfo, page);
		break;
	default:
		(void)sgxcore_etrack(&b->r->cpu, b->r->secs->mem);
		for (i = 0; i < NR_LPS; i++)
			sgxcore_lp_interrupted(&b->lp[i]);
	}
}

static void step_encls(struct bench *b)
{
	struct rig *r = b->r;
	u8 *page = take_page(b)->mem;
	u8 which = take(b->in);
	u64 data;

	switch (which % 6) {
	case 0:
		(void)sgxcore_epa(&r->cpu, take(b->in) % 4, page);
		break;
	case 1:
		(void)sgxcore_eextend(&r->cpu, r->secs->mem, page + take(b->in) * 16);
		break;
	case 2:
		(void)sgxcore_edbgrd(&r->cpu, &data, page + take(b->in) * 8);
		break;
	case 3:
		(void)sgxcore_edbgwr(&r->cpu, take_u64(b->in) & 3, page + take(b->in));
		break;
	case 4:
		rig_operands(r, &r->pages[take(b->in) % RIG_PAGES], take_address(b->in),
			     take(b->in) | (u64)(take(b->in) % 4) << 8);
		(void)sgxcore_eadd(&r->cpu, &r->info, page);
		break;
	default:
		rig_secs_source(r);
		take_bytes(b->in, r->src + take(b->in), take(b->in) % 8);
		(void)sgxcore_ecreate(&r->cpu, &r->info, page);
	}
}

/* A SECS of another enclave on the bench would only confuse the books. */
static void drop_other_enclaves(struct bench *b)
{
	struct rig *r = b->r;
	unsigned int i;

	for (i = 0; i < RIG_PAGES; i++) {
		struct sgxcore_page *page = &r->pages[i];

		if (page->valid && page->secs && page->secs != r->secs)
			CHECK(sgxcore_eremove(&r->cpu, page->mem).kind == SGXCORE_OK);
	}
	for (i = 0; i < RIG_PAGES; i++) {
		struct sgxcore_page *page = &r->pages[i];

		if (page->valid && page->type == SGX_PT_SECS && page != r->secs)
			CHECK(sgxcore_eremove(&r->cpu, page->mem).kind == SGXCORE_OK);
	}
}

static void step(struct bench *b)
{
	u8 op = take(b->in);
	unsigned int i = op >> 7;

	switch (op % 20) {
	case 0: case 1: case 2:
		step_enter(b, i, SGX_EENTER);
		break;
	case 3: case 4: case 5:
		step_enter(b, i, SGX_ERESUME);
		break;
	case 6:
		step_exit(b, i);
		break;
	case 7: case 8:
		step_aex(b, i);
		break;
	case 9:
		sgxcore_lp_abandon(&b->lp[i]);
		break;
	case 10:
		step_remove(b);
		break;
	case 11:
		step_page_state(b);
		break;
	case 12:
		step_tcs(b);
		break;
	case 13:
		step_tcs_good(b);
		break;
	case 14:
		step_frame(b);
		break;
	case 15: case 16:
		step_accept(b, i);
		break;
	case 17: case 18:
		step_dynamic(b);
		break;
	default:
		step_encls(b);
		drop_other_enclaves(b);
	}
}

/* ------------------------------------------------------------------ set-up */

static void build(struct bench *b)
{
	static const struct { u64 xfrm; u32 pages; } shapes[] = {
		{ 3, 1 }, { 7, 1 }, { 0xe7, 1 }, { 0x2e7, 2 }, { 0x602e7, 3 }, { 0x602e7, 4 },
	};
	struct rig *r = b->r;
	u8 shape = take(b->in);
	u8 spoil = take(b->in);
	struct sgx_secs *secs = rig_secs_source(r);
	unsigned int i;

	b->xfrm = shapes[shape % 6].xfrm;
	b->frame_pages = shapes[shape % 6].pages;
	secs->xfrm = b->xfrm;
	secs->ssa_frame_size = b->frame_pages;
	secs->miscselect = shape >> 7;
	secs->attributes |= SGX_ATTR_DEBUG;
	CHECK(rig_ecreate(r, 0).kind == SGXCORE_OK);
	r->secs = &r->pages[0];
	rig_tcs_source(r);
	if (spoil & 1)
		take_bytes(b->in, r->src + take(b->in) % 64, 8);
	CHECK(rig_eadd(r, 1, r->secs, RIG_TCS, SGX_SECINFO_TCS).kind == SGXCORE_OK);
	r->tcs = &r->pages[1];
	memset(r->src, 0, sizeof(r->src));
	CHECK(rig_eadd(r, 2, r->secs, RIG_CODE, RIG_REG_RW).kind == SGXCORE_OK);
	for (i = 0; i < 2 * b->frame_pages; i++)
		CHECK(rig_eadd(r, RIG_PAGES - 1 - i, r->secs, RIG_SSA + (u64)i * SGX_PAGE_SIZE,
			       RIG_REG_RW).kind == SGXCORE_OK);
	if (!(spoil & 2) || take(b->in) & 1)
		rig_force_init(r->secs);
	/* Buffers of exactly the size that is needed: anything beyond is an error. */
	b->xsave_size = sgxcore_xsave_size(&r->model, b->xfrm);
	b->xsave = malloc(b->xsave_size);
	b->image = calloc(1, b->xsave_size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { .p = data, .left = size };
	struct bench b = { .r = rig_new(), .in = &in };
	unsigned int i;

	build(&b);
	for (i = 0; i < NR_LPS; i++) {
		b.lp[i] = b.r->lp;
		b.regs[i] = (struct sgxcore_regs){ .flags = 0x202, .sp = 0x7ffe000,
						   .ip = RIG_IP, .fsbase = OUTSIDE_FS,
						   .gsbase = OUTSIDE_GS };
	}
	check_books(&b);
	for (i = 0; i < MAX_STEPS && in.left; i++) {
		step(&b);
		check_books(&b);
	}
	free(b.xsave);
	free(b.image);
	rig_free(b.r);
	return 0;
}
