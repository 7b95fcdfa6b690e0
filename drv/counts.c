// SPDX-License-Identifier: GPL-2.0
/*
 * What paging has done, for each enclave and since the module was loaded.
 */
#include <linux/atomic.h>

#include "paging.h"

static atomic_long_t totals[SGXDRV_NR_COUNTS];

const char * const sgxdrv_count_names[SGXDRV_NR_COUNTS] = {
	[SGXDRV_COUNT_EWB]	= "ewb",
	[SGXDRV_COUNT_ELDU]	= "eldu",
	[SGXDRV_COUNT_WAITS]	= "waits",
	[SGXDRV_COUNT_BATCHES]	= "batches",
	[SGXDRV_COUNT_AGED]	= "aged",
	[SGXDRV_COUNT_YOUNG]	= "young",
	[SGXDRV_COUNT_FAILED]	= "failed",
	[SGXDRV_COUNT_EAUG]	= "eaug",
	[SGXDRV_COUNT_REMOVED]	= "removed",
	[SGXDRV_COUNT_FAULTS]	= "faults",
};

/**
 * sgxdrv_count() - count something
 * @encl: of which enclave
 * @what: enum sgxdrv_count
 * @n: how many more
 *
 * Context: any.
 */
void sgxdrv_count(struct sgxdrv_encl *encl, enum sgxdrv_count what, unsigned long n)
{
	atomic_long_add(n, &encl->counts[what]);
	atomic_long_add(n, &totals[what]);
}

long sgxdrv_count_total(enum sgxdrv_count what)
{
	return atomic_long_read(&totals[what]);
}
