// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection for tests: debugfs softsgx/fail_nth, softsgx/fail/, softsgx/delay/,
 * softsgx/delayed_enclave. Whatever is written to softsgx/delayed ends all delays.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/wait.h>

#include "inject.h"

#define MAX_DELAY_MS	60000

atomic_t sgxdrv_fail_nth;
atomic_t sgxdrv_delay_ms[SGXDRV_NR_DELAYS];
atomic_t sgxdrv_leaf_failures[SGXDRV_NR_LEAVES];

/* The only enclave whose reclaimers are to be held up; 0: any */
static u64 delayed_enclave;

/* Tasks that are being held up: a test waits for its victim to get there. */
static atomic_t delayed;

/* Counts up to let all of these go. */
static atomic_t let_go;
static DECLARE_WAIT_QUEUE_HEAD(let_go_wait);

static const char * const delay_names[SGXDRV_NR_DELAYS] = {
	[SGXDRV_DELAY_MMAP]	= "mmap",
	[SGXDRV_DELAY_REGISTER]	= "register",
	[SGXDRV_DELAY_PINNED]	= "pinned",
	[SGXDRV_DELAY_WALK]	= "walk",
	[SGXDRV_DELAY_RELEASE]	= "release",
	[SGXDRV_DELAY_DRAIN]	= "drain",
	[SGXDRV_DELAY_FREE]	= "free",
	[SGXDRV_DELAY_TEARDOWN]	= "teardown",
	[SGXDRV_DELAY_INDEX]	= "index",
	[SGXDRV_DELAY_ISOLATED]	= "isolated",
	[SGXDRV_DELAY_LEAVING]	= "leaving",
	[SGXDRV_DELAY_EWB]	= "ewb",
	[SGXDRV_DELAY_AUGMENT]	= "augment",
	[SGXDRV_DELAY_REMOVING]	= "removing",
	[SGXDRV_DELAY_LOADING]	= "loading",
	[SGXDRV_DELAY_SOURCE]	= "source",
};

static const char * const leaf_names[SGXDRV_NR_LEAVES] = {
	[SGXDRV_LEAF_EBLOCK]	= "eblock",
	[SGXDRV_LEAF_ETRACK]	= "etrack",
	[SGXDRV_LEAF_EWB]	= "ewb",
	[SGXDRV_LEAF_ELDU]	= "eldu",
	[SGXDRV_LEAF_EAUG]	= "eaug",
	[SGXDRV_LEAF_EMODPR]	= "emodpr",
	[SGXDRV_LEAF_EMODT]	= "emodt",
	[SGXDRV_LEAF_EREMOVE]	= "eremove",
	[SGXDRV_LEAF_BACKING]	= "backing",
};

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

/**
 * sgxdrv_leaf_fails_slow() - use up one of the failures of a leaf
 * @leaf: which one
 *
 * Context: any; see sgxdrv_told_to_fail().
 * Return: true if there was one left.
 */
bool sgxdrv_leaf_fails_slow(enum sgxdrv_leaf leaf)
{
	return atomic_dec_if_positive(&sgxdrv_leaf_failures[leaf]) >= 0;
}

static void hold(unsigned int ms, int turn)
{
	if (!in_softirq()) {
		wait_event_timeout(let_go_wait, atomic_read(&let_go) != turn, msecs_to_jiffies(ms));
		return;
	}
	while (ms-- && atomic_read(&let_go) == turn)
		mdelay(1);
}

/**
 * sgxdrv_delay_slow() - hold up the caller, once
 * @point: where it is
 *
 * Whoever comes first takes the delay; it has to be set again for the next one.
 *
 * Context: any; see sgxdrv_delay(). With bottom halves off it spins.
 */
void sgxdrv_delay_slow(enum sgxdrv_delay point)
{
	int turn = atomic_read(&let_go);
	unsigned int ms;

	/* In this order: no delay left and nobody delayed means that it is over. */
	atomic_inc(&delayed);
	ms = atomic_xchg(&sgxdrv_delay_ms[point], 0);
	if (ms)
		hold(ms, turn);
	atomic_dec(&delayed);
}

/**
 * sgxdrv_delay_for_slow() - hold up the caller if he works on the enclave in question
 * @point: where it is
 * @id: number of the enclave
 *
 * Context: any; see sgxdrv_delay_for().
 */
void sgxdrv_delay_for_slow(enum sgxdrv_delay point, u64 id)
{
	u64 only = READ_ONCE(delayed_enclave);

	if (!only || only == id)
		sgxdrv_delay_slow(point);
}

static int sgxdrv_atomic_get(void *data, u64 *val)
{
	*val = atomic_read((atomic_t *)data);
	return 0;
}

static int sgxdrv_fail_nth_set(void *data, u64 val)
{
	if (val > INT_MAX)
		return -EINVAL;

	atomic_set(data, val);
	return 0;
}

static int sgxdrv_delay_set(void *data, u64 val)
{
	if (val > MAX_DELAY_MS)
		return -EINVAL;

	atomic_set(data, val);
	return 0;
}

static int sgxdrv_let_go(void *data, u64 val)
{
	atomic_inc(&let_go);
	wake_up_all(&let_go_wait);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(fail_nth_fops, sgxdrv_atomic_get, sgxdrv_fail_nth_set, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(delay_fops, sgxdrv_atomic_get, sgxdrv_delay_set, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(delayed_fops, sgxdrv_atomic_get, sgxdrv_let_go, "%llu\n");

void sgxdrv_inject_init(struct dentry *dir)
{
	struct dentry *delay = debugfs_create_dir("delay", dir);
	struct dentry *fail = debugfs_create_dir("fail", dir);
	unsigned int i;

	debugfs_create_file_unsafe("fail_nth", 0600, dir, &sgxdrv_fail_nth, &fail_nth_fops);
	debugfs_create_file_unsafe("delayed", 0600, dir, &delayed, &delayed_fops);
	debugfs_create_u64("delayed_enclave", 0600, dir, &delayed_enclave);
	for (i = 0; i < SGXDRV_NR_DELAYS; i++)
		debugfs_create_file_unsafe(delay_names[i], 0600, delay, &sgxdrv_delay_ms[i],
					   &delay_fops);
	for (i = 0; i < SGXDRV_NR_LEAVES; i++)
		debugfs_create_file_unsafe(leaf_names[i], 0600, fail, &sgxdrv_leaf_failures[i],
					   &fail_nth_fops);
}
