// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves on single EPC pages: EREMOVE, EPA.
 */
#include "internal.h"

static struct sgxcore_outcome eremove_locked(struct sgxcore_page *page)
{
	bool trimmed = page->type == SGX_PT_TRIM && !page->modified;

	if (!page->valid)
		return sgxcore_ok();
	if (page->type == SGX_PT_SECS) {
		if (sgxcore_load(&page->children))
			return sgxcore_status(SGX_CHILD_PRESENT);
		/*
		 * A TCS under a running thread can have gone as a trimmed page. The
		 * thread still points here.
		 */
		if (sgxcore_track_inside(page))
			return sgxcore_status(SGX_ENCLAVE_ACT);
	} else if (page->type != SGX_PT_VA && !trimmed) {
		if (sgxcore_track_inside(page->secs))
			return sgxcore_status(SGX_ENCLAVE_ACT);
	}
	sgxcore_page_invalidate(page);
	return sgxcore_ok();
}

/**
 * sgxcore_eremove() - ENCLS[EREMOVE]
 * @cpu: the processor
 * @rcx: EPC page
 *
 * The memory of a page that was removed is zero.
 */
struct sgxcore_outcome sgxcore_eremove(struct sgxcore_cpu *cpu, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *page;

	if (sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_exclusive(page))
		return sgxcore_gp();
	out = eremove_locked(page);
	sgxcore_unlock_exclusive(page);
	return out;
}

/**
 * sgxcore_epa() - ENCLS[EPA]
 * @cpu: the processor
 * @rbx: has to be PT_VA
 * @rcx: EPC page that becomes a version array
 */
struct sgxcore_outcome sgxcore_epa(struct sgxcore_cpu *cpu, u64 rbx, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *page;

	if (rbx != SGX_PT_VA || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_exclusive(page))
		return sgxcore_gp();
	if (page->valid) {
		out = sgxcore_pf_operand(rcx);
		goto unlock;
	}
	memset(page->mem, 0, SGX_PAGE_SIZE);
	sgxcore_page_validate(page, SGX_PT_VA, 0, 0, NULL);
	out = sgxcore_ok();
unlock:
	sgxcore_unlock_exclusive(page);
	return out;
}
