// SPDX-License-Identifier: GPL-2.0
/*
 * The bench: see rig.h.
 */
#include <stdio.h>
#include <openssl/sha.h>

#include "rig.h"

static void sha256_blocks(u32 state[8], const u8 *data, size_t n)
{
	SHA256_CTX ctx = { .md_len = 32 };

	memcpy(ctx.h, state, sizeof(ctx.h));
	while (n--) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
		SHA256_Transform(&ctx, data);
#pragma GCC diagnostic pop
		data += 64;
	}
	memcpy(state, ctx.h, sizeof(ctx.h));
}

static const struct sgxcore_model full_model = {
	.sgx2 = true,
	.misc_mask = SGX_MISC_EXINFO,
	.attr_mask = SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_PROVISIONKEY |
		     SGX_ATTR_EINITTOKENKEY | SGX_ATTR_KSS,
	.xfrm_mask = 0x602ff,
	.size_bits = 36,
	.va_bits = 48,
	.mxcsr_mask = 0xffff,
	.xstate_offset = {
		[2] = 576, [3] = 960, [4] = 1024, [5] = 1088, [6] = 1152, [7] = 1664,
		[9] = 2688, [17] = 2752, [18] = 2816,
	},
	.xstate_size = {
		[2] = 256, [3] = 64, [4] = 64, [5] = 64, [6] = 512, [7] = 1024,
		[9] = 8, [17] = 64, [18] = 8192,
	},
};

static const struct sgxcore_lp_ops lp_ops = { .translate = rig_translate };

static struct rig *rig_of(struct sgxcore_lp *lp)
{
	return (struct rig *)((u8 *)lp->cpu - offsetof(struct rig, cpu));
}

struct rig *rig_new(void)
{
	struct rig *r = aligned_alloc(SGX_PAGE_SIZE, (sizeof(*r) + SGX_PAGE_SIZE - 1) &
				      ~(size_t)(SGX_PAGE_SIZE - 1));

	memset(r, 0, sizeof(*r));
	r->mem = aligned_alloc(SGX_PAGE_SIZE, RIG_MEM);
	memset(r->mem, 0, RIG_MEM);
	r->model = full_model;
	r->crypto = (struct sgxcore_crypto){
		.sha256_blocks = sha256_blocks,
		.gcm_encrypt = seal_gcm_encrypt,
		.gcm_decrypt = seal_gcm_decrypt,
		.cmac = seal_cmac,
	};
	r->sections[0] = (struct sgxcore_section){
		.base = r->mem, .phys = 0x1240000000ULL,
		.nr_pages = RIG_LOW_PAGES, .pages = r->pages,
	};
	r->sections[1] = (struct sgxcore_section){
		.base = r->mem + (RIG_LOW_PAGES + RIG_HOLE_PAGES) * SGX_PAGE_SIZE,
		.phys = 0x80000000ULL,
		.nr_pages = RIG_HIGH_PAGES, .pages = r->pages + RIG_LOW_PAGES,
	};
	r->cpu = (struct sgxcore_cpu){
		.model = &r->model, .crypto = &r->crypto, .paging_key = &r->paging_key,
		.sections = r->sections, .nr_sections = 2,
	};
	sgxcore_section_init(&r->sections[0]);
	sgxcore_section_init(&r->sections[1]);
	r->lp = (struct sgxcore_lp){ .cpu = &r->cpu, .ops = &lp_ops, .xcr0 = 0x602ff };
	r->unmapped = RIG_NONE;
	r->read_only = RIG_NONE;
	r->not_epc = RIG_NONE;
	r->alias_of_tcs = RIG_NONE;
	return r;
}

void rig_free(struct rig *r)
{
	free(r->mem);
	free(r);
}

int rig_setup(void **state)
{
	*state = rig_new();
	return 0;
}

int rig_teardown(void **state)
{
	rig_assert_unlocked(*state);
	rig_free(*state);
	return 0;
}

struct snapshot *rig_snapshot(const struct rig *r)
{
	struct snapshot *s = aligned_alloc(SGX_PAGE_SIZE, sizeof(*s));

	memcpy(&s->rig, r, sizeof(s->rig));
	memcpy(s->mem, r->mem, sizeof(s->mem));
	return s;
}

void rig_assert_unchanged(const struct rig *r, struct snapshot *s)
{
	/* How often page tables were walked is no state, nor is what was encrypted. */
	s->rig.walks = r->walks;
	s->rig.paging_key.calls = r->paging_key.calls;
	assert_memory_equal(&s->rig, r, sizeof(s->rig));
	assert_memory_equal(s->mem, r->mem, sizeof(s->mem));
	free(s);
}

void rig_assert_unlocked(const struct rig *r)
{
	unsigned int i;

	for (i = 0; i < RIG_PAGES; i++) {
		assert_int_equal(r->pages[i].lock, 0);
		assert_int_equal(r->pages[i].extra, 0);
		assert_int_equal(r->pages[i].tracking, 0);
	}
}

/* Fill the source page with a SECS that ECREATE accepts. */
struct sgx_secs *rig_secs_source(struct rig *r)
{
	struct sgx_secs *secs = (struct sgx_secs *)r->src;

	memset(r->src, 0, sizeof(r->src));
	secs->size = RIG_SIZE;
	secs->base = RIG_BASE;
	secs->ssa_frame_size = 1;
	secs->attributes = SGX_ATTR_MODE64BIT;
	secs->xfrm = SGX_XFRM_LEGACY;
	r->info = (struct sgx_pageinfo){
		.srcpge = (unsigned long)r->src,
		.secinfo = (unsigned long)&r->secinfo,
	};
	memset(&r->secinfo, 0, sizeof(r->secinfo));
	return secs;
}

struct sgx_tcs *rig_tcs_source(struct rig *r)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)r->src;

	memset(r->src, 0, sizeof(r->src));
	tcs->ssa_offset = RIG_SSA - RIG_BASE;
	tcs->nr_ssa_frames = 2;
	tcs->entry_offset = RIG_OENTRY;
	tcs->fs_offset = RIG_OFSBASE;
	tcs->gs_offset = RIG_OGSBASE;
	tcs->fs_limit = 0xffffffff;
	tcs->gs_limit = 0xffffffff;
	return tcs;
}

/* With whatever source, PAGEINFO and SECINFO hold now */
struct sgxcore_outcome rig_ecreate(struct rig *r, unsigned int index)
{
	return sgxcore_ecreate(&r->cpu, &r->info, r->pages[index].mem);
}

/* PAGEINFO and SECINFO of an EADD from the source page */
void rig_operands(struct rig *r, struct sgxcore_page *secs, u64 linaddr, u64 flags)
{
	memset(&r->secinfo, 0, sizeof(r->secinfo));
	r->secinfo.flags = flags;
	r->info = (struct sgx_pageinfo){
		.linaddr = linaddr,
		.srcpge = (unsigned long)r->src,
		.secinfo = (unsigned long)&r->secinfo,
		.secs = (unsigned long)secs->mem,
	};
}

struct sgxcore_outcome rig_eadd(struct rig *r, unsigned int index, struct sgxcore_page *secs,
				u64 linaddr, u64 flags)
{
	rig_operands(r, secs, linaddr, flags);
	return sgxcore_eadd(&r->cpu, &r->info, r->pages[index].mem);
}

void rig_measure(struct rig *r, struct sgxcore_page *secs, const struct sgxcore_page *page)
{
	unsigned int off;

	for (off = 0; off < SGX_PAGE_SIZE; off += 256)
		assert_ok(sgxcore_eextend(&r->cpu, secs->mem, page->mem + off));
}

struct sgxcore_page *rig_default_secs(struct rig *r)
{
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	return r->secs;
}

/* What EINIT would do at the end, for tests that are not about EINIT */
void rig_force_init(struct sgxcore_page *secs)
{
	sgxcore_secs_set_init(secs);
}

void rig_enclave(struct rig *r, u64 xfrm, u32 frame_pages, u32 nssa, u64 attributes)
{
	struct sgx_secs *secs = rig_secs_source(r);
	unsigned int index = RIG_PAGES - 1;
	u32 i;

	secs->xfrm = xfrm;
	secs->ssa_frame_size = frame_pages;
	secs->attributes |= attributes;
	secs->miscselect = r->model.misc_mask;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];

	memset(r->src, 0x90, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, r->secs, RIG_CODE, RIG_REG_RW | SGX_SECINFO_X));
	rig_tcs_source(r)->nr_ssa_frames = nssa;
	assert_ok(rig_eadd(r, 2, r->secs, RIG_TCS, SGX_SECINFO_TCS));
	r->tcs = &r->pages[2];
	/* Neighbours in the address space are not neighbours in the EPC. */
	memset(r->src, 0, sizeof(r->src));
	for (i = 0; i < nssa * frame_pages; i++)
		assert_ok(rig_eadd(r, index--, r->secs, RIG_SSA + (u64)i * SGX_PAGE_SIZE,
				   RIG_REG_RW));
	rig_force_init(r->secs);

	r->regs = (struct sgxcore_regs){
		.ax = SGX_EENTER, .cx = RIG_AEP, .dx = 0xd0, .bx = RIG_TCS,
		.sp = 0x7ffe000, .bp = 0x7ffe100, .si = 0x51, .di = 0xd1,
		.r8 = 8, .r9 = 9, .r10 = 10, .r11 = 11, .r12 = 12, .r13 = 13, .r14 = 14,
		.r15 = 15, .flags = 0x246, .ip = RIG_IP,
		.fsbase = 0x7f0000001000, .gsbase = 0x7f0000002000,
	};
}

struct sgxcore_page *rig_page_at(struct rig *r, u64 la)
{
	unsigned int i;

	for (i = 0; i < RIG_PAGES; i++) {
		struct sgxcore_page *page = &r->pages[i];

		if (page->valid && page->secs == r->secs && page->addr == la)
			return page;
	}
	return NULL;
}

struct sgx_gprsgx *rig_gpr(struct rig *r, u32 frame)
{
	u64 size = sgxcore_secs_of(r->secs)->ssa_frame_size;
	struct sgxcore_page *page = rig_page_at(r, RIG_SSA +
						(size * (frame + 1) - 1) * SGX_PAGE_SIZE);

	return (struct sgx_gprsgx *)(page->mem + SGX_GPRSGX_OFFSET);
}

struct sgx_tcs *rig_tcs(struct rig *r)
{
	return (struct sgx_tcs *)r->tcs->mem;
}

struct sgxcore_outcome rig_translate(struct sgxcore_lp *lp, u64 la, enum sgxcore_access access,
				     struct sgxcore_xlat *x)
{
	u32 code = SGX_PFEC_U | (access == SGXCORE_WRITE ? SGX_PFEC_W : 0);
	struct rig *r = rig_of(lp);

	__atomic_add_fetch(&r->walks, 1, __ATOMIC_RELAXED);
	x->page = NULL;
	if (la == r->not_epc)
		return sgxcore_ok();
	x->page = la == r->alias_of_tcs ? r->tcs : rig_page_at(r, la);
	if (la == r->unmapped || !x->page)
		return sgxcore_pf(la, code);
	if (la == r->read_only && access == SGXCORE_WRITE)
		return sgxcore_pf(la, code | SGX_PFEC_P);
	sgxcore_xlat_set(x, x->page);
	return sgxcore_ok();
}

void assert_ok(struct sgxcore_outcome out)
{
	assert_int_equal(out.kind, SGXCORE_OK);
}

void assert_gp(struct sgxcore_outcome out)
{
	assert_int_equal(out.kind, SGXCORE_FAULT);
	assert_int_equal(out.code, SGXCORE_TRAP_GP);
	assert_int_equal(out.error_code, 0);
}

void assert_pf(struct sgxcore_outcome out, u64 addr, u32 error_code)
{
	assert_int_equal(out.kind, SGXCORE_FAULT);
	assert_int_equal(out.code, SGXCORE_TRAP_PF);
	assert_int_equal(out.addr, addr);
	assert_int_equal(out.error_code, error_code);
}

void assert_again(struct sgxcore_outcome out)
{
	assert_int_equal(out.kind, SGXCORE_AGAIN);
}

void assert_status(struct sgxcore_outcome out, u32 code)
{
	assert_int_equal(out.kind, SGXCORE_STATUS);
	assert_int_equal(out.code, code);
	assert_false(out.cf);
}
