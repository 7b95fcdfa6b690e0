// SPDX-License-Identifier: GPL-2.0
/*
 * As long as vma_merge() was declared here (before 6.5), mmap_region() took the file
 * offset for its second attempt to merge from the VMA, where a driver may have
 * changed it.
 */
#include <linux/mm.h>

void *probe = vma_merge;
