// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of the processor: debugfs softsgx_cpu/stats. Its cipher: softsgx_cpu/cipher.
 */
#include <linux/debugfs.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>

#include "cpu.h"

DEFINE_PER_CPU(struct sgxcpu_stats, sgxcpu_stats);

static const char * const names[SGXCPU_STAT_NR] = {
	[SGXCPU_STAT_EENTER] = "eenter",
	[SGXCPU_STAT_ERESUME] = "eresume",
	[SGXCPU_STAT_EEXIT] = "eexit",
	[SGXCPU_STAT_AEX] = "aex",
	[SGXCPU_STAT_FAULT] = "enclu_faults",
	[SGXCPU_STAT_ACCEPT] = "accept",
	[SGXCPU_STAT_EREPORT] = "ereport",
	[SGXCPU_STAT_EGETKEY] = "egetkey",
	[SGXCPU_STAT_CPUID] = "cpuid",
	[SGXCPU_STAT_COMPACT] = "xsave_compacted",
	[SGXCPU_STAT_PATCH] = "cpuid_patched",
	[SGXCPU_STAT_ILLEGAL] = "illegal",
	[SGXCPU_STAT_STEP] = "steps",
};

static struct dentry *dir;

/* For tests: this many allocations are going to fail. */
static atomic_t fail_alloc;

bool sgxcpu_should_fail(void)
{
	return unlikely(atomic_read(&fail_alloc)) && atomic_dec_if_positive(&fail_alloc) >= 0;
}

static u64 sum(enum sgxcpu_stat stat)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += per_cpu(sgxcpu_stats, cpu).n[stat];
	return n;
}

static int stats_show(struct seq_file *m, void *v)
{
	int i;

	for (i = 0; i < SGXCPU_STAT_NR; i++)
		seq_printf(m, "%s %llu\n", names[i], sum(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int cipher_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", sgxcpu_seal_driver());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cipher);

void sgxcpu_stats_init(void)
{
	dir = debugfs_create_dir("softsgx_cpu", NULL);
	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	debugfs_create_file("cipher", 0444, dir, NULL, &cipher_fops);
	debugfs_create_atomic_t("fail_alloc", 0600, dir, &fail_alloc);
}

void sgxcpu_stats_exit(void)
{
	debugfs_remove_recursive(dir);
}
