// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection for tests: debugfs softsgx/fail_nth.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "inject.h"

atomic_t sgxdrv_fail_nth;

/**
 * sgxdrv_should_fail_slow() - count down to the injected failure
 *
 * Context: any; see sgxdrv_should_fail().
 * Return: true for exactly one caller, the one that takes the count to 0.
 */
bool sgxdrv_should_fail_slow(void)
{
	return !atomic_dec_if_positive(&sgxdrv_fail_nth);
}

static int sgxdrv_fail_nth_get(void *data, u64 *val)
{
	*val = atomic_read(&sgxdrv_fail_nth);
	return 0;
}

static int sgxdrv_fail_nth_set(void *data, u64 val)
{
	if (val > INT_MAX)
		return -EINVAL;

	atomic_set(&sgxdrv_fail_nth, val);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(fail_nth_fops, sgxdrv_fail_nth_get, sgxdrv_fail_nth_set, "%llu\n");

void sgxdrv_inject_init(struct dentry *dir)
{
	debugfs_create_file_unsafe("fail_nth", 0600, dir, NULL, &fail_nth_fops);
}
