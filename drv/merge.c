// SPDX-License-Identifier: GPL-2.0
/*
 * Merging at mmap() time, on kernels that need help with it.
 *
 * VMAs merge if their file offsets continue each other, so sgxdrv_mmap() puts in
 * offsets of its own and changes a flag, upon which the core tries to merge once
 * more. 6.12 does so with the offset that the program has passed, which a loader
 * has no reason to choose well, and with a maple tree iterator that stands where
 * preparations for storing the new VMA have left it: inside the tree instead of at
 * a leaf if the new range has parts in several leaves. From there commit_merge()
 * does not find the VMA that it extends, and warns.
 *
 * So mmap_region() gets the right offset if the new range lies in one hole or in
 * one VMA, which is one entry of the tree and thus in one leaf, and an offset that
 * no VMA has otherwise, whatever the program has passed. The VMAs of the latter
 * case merge at the next mprotect(), in other code.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "drv.h"

#ifdef wrapper_mmap_region

/* No VMA of ours has it, so nothing merges. */
#define NO_OFFSET	BIT(51)

static bool is_one_entry(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = find_vma(current->mm, start);

	if (!vma || vma->vm_start >= end)
		return true;
	return vma->vm_start <= start && vma->vm_end >= end;
}

/* mmap_region(file, addr, len, vm_flags, pgoff, ...), about to begin */
static int sgxdrv_fix_offset(struct kprobe *kp, struct pt_regs *regs)
{
	const struct file *file = (const struct file *)regs->di;

	if (!file || !sgxdrv_is_encl_file(file))
		return 0;
	regs->r8 = is_one_entry(regs->si, regs->si + regs->dx) ? PFN_DOWN(regs->si) :
								   NO_OFFSET;
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
