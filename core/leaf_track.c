// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves that prepare an eviction: EBLOCK, ETRACK.
 */
#include "internal.h"

static struct sgxcore_outcome status_cf(u32 code)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_STATUS, .code = code, .cf = true };
}

static struct sgxcore_outcome eblock_locked(struct sgxcore_page *page)
{
	if (!page->valid)
		return sgxcore_status(SGX_PG_INVLD);
	if (page->type == SGX_PT_SECS)
		return status_cf(SGX_PG_IS_SECS);
	if (page->type == SGX_PT_VA)
		return status_cf(SGX_NOTBLOCKABLE);
	if (sgxcore_load(&page->blocked))
		return status_cf(SGX_BLKSTATE);
	if (sgxcore_load(&page->secs->tracking))
		return sgxcore_status(SGX_ENTRYEPOCH_LOCKED);
	/* Another EBLOCK may share the lock. */
	if (sgxcore_xchg(&page->blocked, true))
		return status_cf(SGX_BLKSTATE);
	/*
	 * Read after BLOCKED was set: whoever comes in later finds the page blocked,
	 * and whoever is inside belongs to this epoch or to an earlier one.
	 */
	page->epoch = sgxcore_track_epoch(page->secs);
	return sgxcore_ok();
}

/**
 * sgxcore_eblock() - ENCLS[EBLOCK]
 * @cpu: the processor
 * @rcx: EPC page
 */
struct sgxcore_outcome sgxcore_eblock(struct sgxcore_cpu *cpu, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *page;

	if (sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	page = sgxcore_page_of(cpu, rcx);
	if (!page)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_shared(page))
		return sgxcore_status(SGX_EPC_PAGE_CONFLICT);
	out = eblock_locked(page);
	sgxcore_unlock_shared(page);
	return out;
}

static struct sgxcore_outcome etrack_locked(struct sgxcore_page *secs, const void *rcx)
{
	struct sgxcore_outcome out = sgxcore_ok();

	if (!sgxcore_lock_tracking(secs))
		return sgxcore_gp();
	if (!secs->valid || secs->type != SGX_PT_SECS)
		out = sgxcore_pf_operand(rcx);
	else if (!sgxcore_track_start(secs))
		out = sgxcore_status(SGX_PREV_TRK_INCMPL);
	sgxcore_unlock_tracking(secs);
	return out;
}

/**
 * sgxcore_etrack() - ENCLS[ETRACK]
 * @cpu: the processor
 * @rcx: SECS
 */
struct sgxcore_outcome sgxcore_etrack(struct sgxcore_cpu *cpu, void *rcx)
{
	struct sgxcore_outcome out;
	struct sgxcore_page *secs;

	if (sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	secs = sgxcore_page_of(cpu, rcx);
	if (!secs)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_shared(secs))
		return sgxcore_gp();
	out = etrack_locked(secs, rcx);
	sgxcore_unlock_shared(secs);
	return out;
}
