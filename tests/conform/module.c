// SPDX-License-Identifier: GPL-2.0
/*
 * The cases on softsgx_cpu, in the kernel, with the EPC to themselves: no driver may be loaded.
 * What they have found is in the file softsgx_conform of debugfs, as TAP.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define REPORT_SIZE	(64 * 1024)

static struct debugfs_blob_wrapper report;
static struct dentry *file;

void bench_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report.size += vscnprintf((char *)report.data + report.size, REPORT_SIZE - report.size,
				  fmt, ap);
	va_end(ap);
}

static void set_signer(void *unused)
{
	sgxcpu_wrmsr_lepubkeyhash(conform_signer);
}

/* The pages of a driver would not be free. */
static int take_epc(struct bench *b)
{
	unsigned long pfn, nr_pages;
	u8 *base = sgxcpu_epc_section(0, &pfn, &nr_pages);
	unsigned int i;

	if (!base || nr_pages < BENCH_EPC)
		return -ENOSPC;
	for (i = 0; i < BENCH_EPC; i++) {
		b->epc[i] = base + i * SGX_PAGE_SIZE;
		if (sgxcpu_eblock(b->epc[i]) != SGX_PG_INVLD)
			return -EBUSY;
	}
	return 0;
}

static int __init conform_init(void)
{
	struct bench *b = vzalloc(sizeof(*b));
	int ret = -ENOMEM;

	report.data = vzalloc(REPORT_SIZE);
	if (!b || !report.data)
		goto err;
	ret = take_epc(b);
	if (ret)
		goto err;
	on_each_cpu(set_signer, NULL, 1);
	bench_run(b);
	vfree(b);
	file = debugfs_create_blob("softsgx_conform", 0400, NULL, &report);
	return 0;
err:
	vfree(report.data);
	vfree(b);
	return ret;
}
module_init(conform_init);

static void __exit conform_exit(void)
{
	debugfs_remove(file);
	vfree(report.data);
}
module_exit(conform_exit);

MODULE_DESCRIPTION("SoftSGX: ENCLS by the manual");
MODULE_LICENSE("GPL");
