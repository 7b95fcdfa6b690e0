// SPDX-License-Identifier: GPL-2.0
/*
 * Merging at mmap() time, on kernels that would do it later.
 *
 * VMAs merge if their file offsets continue each other, so sgxdrv_mmap() puts in
 * offsets of its own. The core tries to merge once more after that, but some
 * kernels do so with the offset that the program has passed, which for most
 * loaders is 0. There the VMAs would merge no earlier than at the next mprotect():
 * nothing else that a driver can reach looks at neighbours. So the offset is put
 * right before the core gets to see it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "drv.h"

#ifdef wrapper_mmap_region

/* mmap_region(file, addr, len, vm_flags, pgoff, ...), about to begin */
static int sgxdrv_fix_offset(struct kprobe *kp, struct pt_regs *regs)
{
	const struct file *file = (const struct file *)regs->di;

	if (file && sgxdrv_is_encl_file(file))
		regs->r8 = PFN_DOWN(regs->si);
	return 0;
}

static struct kprobe probe = {
	.symbol_name	= "mmap_region",
	.pre_handler	= sgxdrv_fix_offset,
};
static bool probed;	/* constant after load */

/* Without it everything works, with more VMAs for a while. */
void __init sgxdrv_merge_init(void)
{
	int ret = register_kprobe(&probe);

	probed = !ret;
	if (ret)
		pr_info("no kprobe (%d): mappings merge at mprotect(), not at mmap()\n", ret);
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

void sgxdrv_merge_exit(void)
{
}

#endif
