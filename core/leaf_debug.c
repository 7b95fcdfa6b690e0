// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves for debuggers: EDBGRD, EDBGWR.
 */
#include "internal.h"

#define VA_SLOT_UNUSED_BITS	7ULL

static struct sgxcore_page *lookup(struct sgxcore_cpu *cpu, const void *rcx,
				   struct sgxcore_outcome *out)
{
	struct sgxcore_page *page;

	*out = sgxcore_gp();
	if (sgxcore_misaligned(rcx, sizeof(u64)))
		return NULL;
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		*out = sgxcore_pf_operand(rcx);
	else if (sgxcore_lock_shared(page))
		return page;
	return NULL;
}

static u64 *word_of(const struct sgxcore_page *page, const void *rcx)
{
	return (u64 *)(page->mem + ((unsigned long)rcx & (SGX_PAGE_SIZE - 1)));
}

static bool belongs_to_debug_enclave(const struct sgxcore_page *page)
{
	return sgxcore_secs_attributes(page->secs) & SGX_ATTR_DEBUG;
}

static struct sgxcore_outcome state_check(const struct sgxcore_page *page, const void *rcx)
{
	if (!page->valid || (page->type != SGX_PT_REG && page->type != SGX_PT_TCS))
		return sgxcore_pf_operand(rcx);
	if (page->pending || page->modified)
		return sgxcore_status(SGX_PAGE_NOT_DEBUGGABLE);
	return sgxcore_ok();
}

static struct sgxcore_outcome edbgrd_locked(const struct sgxcore_page *page, const void *rcx,
					    u64 *data)
{
	unsigned long offset = (unsigned long)rcx & (SGX_PAGE_SIZE - 1);
	struct sgxcore_outcome out;

	/* Versions are secret; that a slot is in use is not. */
	if (page->valid && page->type == SGX_PT_VA) {
		*data = sgxcore_load(word_of(page, rcx)) & ~VA_SLOT_UNUSED_BITS ? ~0ULL : 0;
		return sgxcore_ok();
	}
	out = state_check(page, rcx);
	if (out.kind != SGXCORE_OK)
		return out;
	if (page->type == SGX_PT_TCS && offset >= SGX_TCS_LIMIT)
		return sgxcore_gp();
	if (!belongs_to_debug_enclave(page))
		return sgxcore_gp();
	*data = sgxcore_load(word_of(page, rcx));
	return sgxcore_ok();
}

/**
 * sgxcore_edbgrd() - ENCLS[EDBGRD]
 * @cpu: the processor
 * @rbx_out: eight bytes read; untouched on failure
 * @rcx: address in an EPC page
 */
struct sgxcore_outcome sgxcore_edbgrd(struct sgxcore_cpu *cpu, u64 *rbx_out, const void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *page = lookup(cpu, rcx, &out);

	if (!page)
		return out;
	out = edbgrd_locked(page, rcx, rbx_out);
	sgxcore_unlock_shared(page);
	return out;
}

static struct sgxcore_outcome edbgwr_locked(struct sgxcore_page *page, const void *rcx, u64 data)
{
	unsigned long offset = (unsigned long)rcx & (SGX_PAGE_SIZE - 1);
	struct sgxcore_outcome out;

	out = state_check(page, rcx);
	if (out.kind != SGXCORE_OK)
		return out;
	if (page->type == SGX_PT_TCS && offset != offsetof(struct sgx_tcs, flags))
		return sgxcore_gp();
	if (!belongs_to_debug_enclave(page))
		return sgxcore_gp();
	sgxcore_store(word_of(page, rcx), data);
	return sgxcore_ok();
}

/**
 * sgxcore_edbgwr() - ENCLS[EDBGWR]
 * @cpu: the processor
 * @rbx: eight bytes to write
 * @rcx: address in an EPC page
 */
struct sgxcore_outcome sgxcore_edbgwr(struct sgxcore_cpu *cpu, u64 rbx, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *page = lookup(cpu, rcx, &out);

	if (!page)
		return out;
	out = edbgwr_locked(page, rcx, rbx);
	sgxcore_unlock_shared(page);
	return out;
}
