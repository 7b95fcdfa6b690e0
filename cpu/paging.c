// SPDX-License-Identifier: GPL-2.0
/*
 * The ENCLS leaves of EPC paging, as function calls.
 */
#include <linux/export.h>
#include <linux/kernel.h>

#include "leaf.h"

int sgxcpu_eblock(void *addr)
{
	return SGXCPU_LEAF(sgxcore_eblock(&sgxcpu_package, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eblock);

static int etrack(void *secs)
{
	return SGXCPU_LEAF(sgxcore_etrack(&sgxcpu_package, secs));
}

int sgxcpu_etrack(void *secs)
{
	struct sgxcore_page *page = sgxcore_page_of(&sgxcpu_package, secs);
	int ret = etrack(secs);

	if (ret == SGX_PREV_TRK_INCMPL && sgxcpu_track_settle(page))
		ret = etrack(secs);
	/* See who is where, so that an interrupt can make a difference. */
	if (!ret)
		sgxcpu_track_settle(page);
	return ret;
}
EXPORT_SYMBOL_GPL(sgxcpu_etrack);

static int ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	u8 *scratch = sgxcpu_seal_page();
	struct sgxcore_outcome out;

	out = sgxcore_ewb(&sgxcpu_package, pginfo, addr, va_slot, scratch);
	sgxcpu_seal_page_free(scratch);
	return sgxcpu_result(out);
}

/* Entries of the EPCM stay: at worst this is the SECS of another page by now. */
static struct sgxcore_page *owner(void *addr)
{
	struct sgxcore_page *page = sgxcore_page_of(&sgxcpu_package, addr);

	return page ? READ_ONCE(page->secs) : NULL;
}

int sgxcpu_ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	int ret = ewb(pginfo, addr, va_slot);
	struct sgxcore_page *secs;

	if (ret != SGX_NOT_TRACKED)
		return ret;
	secs = owner(addr);
	if (secs && sgxcpu_track_settle(secs))
		ret = ewb(pginfo, addr, va_slot);
	return ret;
}
EXPORT_SYMBOL_GPL(sgxcpu_ewb);

int sgxcpu_eldu(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	might_sleep();
	return sgxcpu_result(sgxcore_eldu(&sgxcpu_package, pginfo, addr, va_slot));
}
EXPORT_SYMBOL_GPL(sgxcpu_eldu);

int sgxcpu_eldb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	might_sleep();
	return sgxcpu_result(sgxcore_eldb(&sgxcpu_package, pginfo, addr, va_slot));
}
EXPORT_SYMBOL_GPL(sgxcpu_eldb);
