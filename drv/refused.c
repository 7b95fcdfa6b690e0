// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves whose pages cannot be evicted because the memory for them cannot be had, mostly
 * at the limit of a memory cgroup.
 *
 * Reclaim leaves such an enclave alone for a while, and longer each time. Its pages count
 * as pages that stay. While they are within the limit for those, the enclave keeps them.
 * Beyond it, and if a task has had to wait for EPC pages meanwhile, the enclave is lost:
 * the cost of a limit falls on the enclave that is at it.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "epc.h"
#include "limit.h"
#include "paging.h"

#define FIRST_PAUSE	msecs_to_jiffies(20)
#define LONGEST		3	/* times that a pause doubles */
#define REFUSALS	4	/* until the enclave may be lost, 140 ms after the first */

/**
 * sgxdrv_encl_is_paused() - is it too early to try evictions again?
 * @encl: the enclave
 *
 * Context: any; without the RECLAIM bit the answer is a guess.
 */
bool sgxdrv_encl_is_paused(const struct sgxdrv_encl *encl)
{
	if (!READ_ONCE(encl->refused) || test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return false;
	return time_before(jiffies, READ_ONCE(encl->retry_at));
}

/**
 * sgxdrv_encl_refused() - no page of a batch could be evicted for want of memory
 * @encl: whose
 * @wanted: a task at its limit evicts them to get on
 *
 * Context: process context, may sleep; RECLAIM bit held, no lock; takes the enclave lock.
 */
void sgxdrv_encl_refused(struct sgxdrv_encl *encl, bool wanted)
{
	unsigned int n = encl->refused;

	if (!n)
		encl->waits = sgxdrv_epc_waits();
	wanted |= encl->waits != sgxdrv_epc_waits();
	WRITE_ONCE(encl->retry_at, jiffies + (FIRST_PAUSE << min_t(unsigned int, n, LONGEST)));
	WRITE_ONCE(encl->refused, n + 1);
	sgxdrv_stick(encl, atomic_long_read(&encl->nr_epc));
	if (!wanted || n + 1 < REFUSALS || !sgxdrv_sticks_too_much(encl))
		return;

	/* Or the next time, rather than to wait for a lock */
	if (!mutex_trylock(&encl->lock))
		return;
	sgxdrv_encl_kill(encl, "memory for the eviction", 0, -ENOMEM);
	mutex_unlock(&encl->lock);
	sgxdrv_encl_not_refused(encl);
}

/**
 * sgxdrv_encl_not_refused() - pages of an enclave can leave
 * @encl: the enclave
 *
 * Context: RECLAIM bit held, or nothing else knows the enclave.
 */
void sgxdrv_encl_not_refused(struct sgxdrv_encl *encl)
{
	if (!encl->refused)
		return;
	WRITE_ONCE(encl->refused, 0);
	sgxdrv_stick(encl, 0);
}
