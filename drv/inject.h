/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection for tests: the N-th injection point from now fails, once.
 */
#ifndef _DRV_INJECT_H
#define _DRV_INJECT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

struct dentry;

/* Where a test can hold up the driver, to open the window of a race */
enum sgxdrv_delay {
	SGXDRV_DELAY_MMAP,	/* in mmap(), write mmap_lock held */
	SGXDRV_DELAY_REGISTER,	/* a signal now, and a registration fails */
	SGXDRV_DELAY_PINNED,	/* in a walk of processes, one of them pinned */
	SGXDRV_DELAY_WALK,	/* in a walk, not pinned any more */
	SGXDRV_DELAY_RELEASE,	/* a process exits, its entries are off the lists */
	SGXDRV_DELAY_DRAIN,	/* a file has ended, an entry is off one of its lists */
	SGXDRV_DELAY_FREE,	/* between grace period and free */
	SGXDRV_DELAY_TEARDOWN,	/* nobody knows the enclave any more */
	SGXDRV_DELAY_INDEX,	/* in a walk of pages, enclave lock held */
	SGXDRV_DELAY_ISOLATED,	/* pages are with a reclaimer, who has done nothing yet */
	SGXDRV_DELAY_LEAVING,	/* pages are LEAVING, their PTEs still there */
	SGXDRV_DELAY_EWB,	/* blocked and tracked, about to be written */
	SGXDRV_DELAY_AUGMENT,	/* a page does not exist, EAUG is next, enclave lock held */
	SGXDRV_DELAY_REMOVING,	/* pages are REMOVING, their PTEs gone */
	SGXDRV_DELAY_LOADING,	/* a page is LOADING, ELDU is next */
	SGXDRV_DELAY_SOURCE,	/* the source of a page has been looked at, mmap_lock held */
	SGXDRV_NR_DELAYS
};

extern atomic_t sgxdrv_delay_ms[SGXDRV_NR_DELAYS];

/* Leaves, and what else comes with them, that fail as often as a test says */
enum sgxdrv_leaf {
	SGXDRV_LEAF_EBLOCK,
	SGXDRV_LEAF_ETRACK,
	SGXDRV_LEAF_EWB,
	SGXDRV_LEAF_ELDU,
	SGXDRV_LEAF_EAUG,
	SGXDRV_LEAF_EMODPR,
	SGXDRV_LEAF_EMODT,
	SGXDRV_LEAF_EREMOVE,
	SGXDRV_LEAF_BACKING,	/* no leaf: backing memory cannot be read */
	SGXDRV_NR_LEAVES
};

extern atomic_t sgxdrv_leaf_failures[SGXDRV_NR_LEAVES];

/* Injection points left until one fails; 0: off. */
extern atomic_t sgxdrv_fail_nth;

void sgxdrv_inject_init(struct dentry *dir);
void sgxdrv_corrupt_init(struct dentry *dir);
bool sgxdrv_should_fail_slow(void);
bool sgxdrv_leaf_fails_slow(enum sgxdrv_leaf leaf);
void sgxdrv_delay_slow(enum sgxdrv_delay point);
void sgxdrv_delay_for_slow(enum sgxdrv_delay point, u64 id);

/**
 * sgxdrv_should_fail() - an injection point
 *
 * Stands before each allocation and each ENCLS leaf, except where failure is
 * not possible by design (fork) or has nobody to report it to (module load).
 *
 * Context: any.
 * Return: true if the caller must behave as if its next step had failed.
 */
static inline bool sgxdrv_should_fail(void)
{
	return unlikely(atomic_read(&sgxdrv_fail_nth)) && sgxdrv_should_fail_slow();
}

/**
 * sgxdrv_told_to_fail() - an injection point that has failures of its own only
 * @leaf: which one
 *
 * Context: any.
 * Return: true if what comes next must be taken to have failed.
 */
static inline bool sgxdrv_told_to_fail(enum sgxdrv_leaf leaf)
{
	return unlikely(atomic_read(&sgxdrv_leaf_failures[leaf])) && sgxdrv_leaf_fails_slow(leaf);
}

/**
 * sgxdrv_leaf_fails() - an injection point before a leaf of paging
 * @leaf: which one
 *
 * Context: any.
 * Return: true if the leaf must be taken to have faulted.
 */
static inline bool sgxdrv_leaf_fails(enum sgxdrv_leaf leaf)
{
	return sgxdrv_should_fail() || sgxdrv_told_to_fail(leaf);
}

/**
 * sgxdrv_delay() - a place where a test can hold up the driver
 * @point: which one
 *
 * Context: any; sleeps if it may.
 */
static inline void sgxdrv_delay(enum sgxdrv_delay point)
{
	if (unlikely(atomic_read(&sgxdrv_delay_ms[point])))
		sgxdrv_delay_slow(point);
}

/**
 * sgxdrv_delay_for() - a place where a test can hold up the work on one enclave
 * @point: which one
 * @id: number of the enclave that it is about
 *
 * Context: any; sleeps if it may.
 */
static inline void sgxdrv_delay_for(enum sgxdrv_delay point, u64 id)
{
	if (unlikely(atomic_read(&sgxdrv_delay_ms[point])))
		sgxdrv_delay_for_slow(point, id);
}

#endif /* _DRV_INJECT_H */
