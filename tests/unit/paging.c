// SPDX-License-Identifier: GPL-2.0
/* See paging.h. */
#include "paging.h"

struct blob blob, blob2;
static u8 scratch[SGX_PAGE_SIZE];

int paging_setup(void **state)
{
	struct rig *r = rig_new();
	unsigned int i;

	*state = r;
	rig_enclave(r, SGX_XFRM_LEGACY, 1, 2, SGX_ATTR_DEBUG);
	sgxcore_secs_of(r->secs)->attributes &= ~SGX_ATTR_INIT;
	for (i = 0; i < SGX_PAGE_SIZE; i++)
		r->src[i] = (u8)(i * 7 + i / 256);
	assert_ok(rig_eadd(r, PAGING_REG2, r->secs, RIG_BASE + 0x10000, RIG_REG_RW));
	rig_force_init(r->secs);
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[PAGING_VA].mem));
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[PAGING_VA2].mem));
	memset(&blob, 0, sizeof(blob));
	memset(&blob2, 0, sizeof(blob2));
	return 0;
}

void *paging_slot(struct rig *r, unsigned int va, unsigned int slot)
{
	return r->pages[va].mem + slot * SGX_VA_SLOT_SIZE;
}

u64 paging_version(struct rig *r, unsigned int va, unsigned int slot)
{
	return *(u64 *)paging_slot(r, va, slot);
}

struct sgxcore_outcome paging_eblock(struct rig *r, unsigned int index)
{
	return sgxcore_eblock(&r->cpu, r->pages[index].mem);
}

struct sgxcore_outcome paging_etrack(struct rig *r, unsigned int index)
{
	return sgxcore_etrack(&r->cpu, r->pages[index].mem);
}

static struct sgx_pageinfo info_of(const struct blob *b)
{
	return (struct sgx_pageinfo){
		.srcpge = (unsigned long)b->data,
		.secinfo = (unsigned long)&b->pcmd,
	};
}

void paging_info(struct rig *r, const struct blob *b)
{
	r->info = info_of(b);
}

struct sgxcore_outcome paging_ewb_raw(struct rig *r, void *rcx, void *rdx)
{
	return sgxcore_ewb(&r->cpu, &r->info, rcx, rdx, scratch);
}

struct sgxcore_outcome paging_ewb(struct rig *r, unsigned int index, unsigned int slot,
				  struct blob *b)
{
	struct sgxcore_page *secs = r->pages[index].secs;
	struct sgx_pageinfo info = info_of(b);
	struct sgxcore_outcome out;

	out = sgxcore_ewb(&r->cpu, &info, r->pages[index].mem, paging_slot(r, PAGING_VA, slot),
			  scratch);
	if (r->pages[index].valid) {
		assert_int_equal(info.linaddr, 0);
		return out;
	}
	b->linaddr = info.linaddr;
	b->secs = secs ? (unsigned long)secs->mem : 0;
	return out;
}

static struct sgxcore_outcome load(struct rig *r, unsigned int index, unsigned int slot,
				   const struct blob *b, bool block)
{
	struct sgx_pageinfo info = info_of(b);
	void *rdx = paging_slot(r, PAGING_VA, slot);
	void *rcx = r->pages[index].mem;

	info.linaddr = b->linaddr;
	info.secs = b->secs;
	return block ? sgxcore_eldb(&r->cpu, &info, rcx, rdx) :
	       sgxcore_eldu(&r->cpu, &info, rcx, rdx);
}

struct sgxcore_outcome paging_eldu(struct rig *r, unsigned int index, unsigned int slot,
				   const struct blob *b)
{
	return load(r, index, slot, b, false);
}

struct sgxcore_outcome paging_eldb(struct rig *r, unsigned int index, unsigned int slot,
				   const struct blob *b)
{
	return load(r, index, slot, b, true);
}

void paging_evict(struct rig *r, unsigned int index, unsigned int slot, struct blob *b)
{
	struct sgxcore_page *page = &r->pages[index];

	if (page->secs) {
		assert_ok(paging_eblock(r, index));
		assert_ok(sgxcore_etrack(&r->cpu, page->secs->mem));
	}
	assert_ok(paging_ewb(r, index, slot, b));
}

void assert_status_cf(struct sgxcore_outcome out, u32 code)
{
	assert_int_equal(out.kind, SGXCORE_STATUS);
	assert_int_equal(out.code, code);
	assert_true(out.cf);
}

void assert_free(const struct sgxcore_page *page)
{
	assert_false(page->valid);
	assert_null(page->secs);
	assert_true(sgxcore_is_zero(page->mem, SGX_PAGE_SIZE));
}
