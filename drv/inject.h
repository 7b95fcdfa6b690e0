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

/* Injection points left until one fails; 0: off. */
extern atomic_t sgxdrv_fail_nth;

void sgxdrv_inject_init(struct dentry *dir);
bool sgxdrv_should_fail_slow(void);

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

#endif /* _DRV_INJECT_H */
