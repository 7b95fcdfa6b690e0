// SPDX-License-Identifier: GPL-2.0
/*
 * No merging at mmap() time, on kernels that would do it wrong.
 *
 * VMAs merge if their file offsets continue each other, so sgxdrv_mmap() puts in
 * offsets of its own and changes a flag, upon which the core tries to merge once
 * more. 6.12 does so with the offset that the program has passed. If that happens
 * to be right, commit_merge() now and then warns about a maple tree iterator that
 * stands elsewhere: any program could provoke it. So enclave files get an offset
 * there that no VMA has. Their VMAs merge at the next mprotect(), in other code.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "drv.h"

#ifdef wrapper_mmap_region

/* No VMA of ours has it, so nothing merges. */
#define NO_OFFSET	(1UL << 51)

/* mmap_region(file, addr, len, vm_flags, pgoff, ...), about to begin */
static int sgxdrv_fix_offset(struct kprobe *kp, struct pt_regs *regs)
{
	const struct file *file = (const struct file *)regs->di;

	if (file && sgxdrv_is_encl_file(file))
		regs->r8 = NO_OFFSET;
	return 0;
}

static struct kprobe probe = {
	.symbol_name	= "mmap_region",
	.pre_handler	= sgxdrv_fix_offset,
};
static bool probed;	/* constant after load */

/* Without it everything works, with more VMAs. */
void __init sgxdrv_merge_init(void)
{
	int ret = register_kprobe(&probe);

	probed = !ret;
	if (ret)
		pr_info("no kprobe (%d): mappings will not merge\n", ret);
}

/* Without the kprobe a program may pass the right offset itself. */
bool sgxdrv_merge_safe(void)
{
	return probed;
}

void sgxdrv_merge_exit(void)
{
	if (probed)
		unregister_kprobe(&probe);
}

#else

void __init sgxdrv_merge_init(void)
{
}

bool sgxdrv_merge_safe(void)
{
	return true;
}

void sgxdrv_merge_exit(void)
{
}

#endif
