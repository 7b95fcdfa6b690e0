// SPDX-License-Identifier: GPL-2.0
/* mmap_region() is declared, with these arguments in this order. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>

void *probe = mmap_region;

unsigned long mmap_region(struct file *file, unsigned long addr, unsigned long len,
			  vm_flags_t vm_flags, unsigned long pgoff, struct list_head *uf);
