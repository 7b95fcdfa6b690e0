// SPDX-License-Identifier: GPL-2.0
/*
 * For the benchmark only (track.c is what ships): an enclave lives in a process
 * from the first mapping to the end of the file. The exit of the process is not
 * noticed, so its entry, and its mm_struct with it, stays until the file goes.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "inject.h"
#include "trace.h"

/* The reference of an entry keeps the address of its mm from being used again. */
static bool has_entry(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *encl_mm;
	bool found = false;

	spin_lock(&encl->mm_lock);
	list_for_each_entry(encl_mm, &encl->mm_list, list) {
		found = encl_mm->mm == mm;
		if (found)
			break;
	}
	spin_unlock(&encl->mm_lock);
	return found;
}

int sgxdrv_vma_track(struct vm_area_struct *vma)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_encl_mm *encl_mm;

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	if (!has_entry(encl, vma->vm_mm)) {
		if (sgxdrv_should_fail())
			return -ENOMEM;
		encl_mm = kzalloc(sizeof(*encl_mm), GFP_KERNEL_ACCOUNT);
		if (!encl_mm)
			return -ENOMEM;
		sgxdrv_encl_mm_link(encl_mm, encl, vma->vm_mm);
	}
	vma->vm_private_data = vma->vm_mm;
	return 0;
}

bool sgxdrv_vma_tracked(const struct vm_area_struct *vma)
{
	return vma->vm_private_data == vma->vm_mm;
}

void sgxdrv_vma_open(struct vm_area_struct *vma)
{
	if (vma->vm_private_data != vma->vm_mm)
		vma->vm_private_data = NULL;
}

void sgxdrv_encl_mm_drain(struct sgxdrv_encl *encl)
{
	struct sgxdrv_encl_mm *encl_mm;

	while ((encl_mm = sgxdrv_encl_mm_unlink_first(encl))) {
		trace_sgxdrv_mm_drain(encl->id);
		sgxdrv_encl_mm_free(encl_mm);
	}
}

void sgxdrv_encl_mm_destroy(struct sgxdrv_encl_mm *encl_mm)
{
	kfree(encl_mm);
}

void sgxdrv_track_exit(void)
{
}
