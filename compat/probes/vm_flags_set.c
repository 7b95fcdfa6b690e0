// SPDX-License-Identifier: GPL-2.0
/*
 * vm_flags_set() came with per-VMA locks (6.3). Where it exists vm_flags is
 * const; before, the flags were changed in place under the write mmap_lock.
 */
#include <linux/mm.h>

static inline void probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTDUMP);
}
