// SPDX-License-Identifier: GPL-2.0
/*
 * For the benchmark only (track.c is what ships): an enclave lives in a process
 * as long as the process has a VMA of it. That takes an open() that must not
 * fail and a close() for every VMA. Having close() keeps VMAs from merging on 6.1;
 * later kernels merge a new one into its neighbour nevertheless, and the count of
 * what .mmap has seen would never go back to 0. SGXDRV_VMA_FLAGS has one of
 * VM_SPECIAL against that.
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

/**
 * struct counted_mm - an entry, as this file makes them
 * @encl_mm: the part that the list knows
 * @vmas: their number; protected by mm_lock
 */
struct counted_mm {
	struct sgxdrv_encl_mm encl_mm;
	unsigned int vmas;
};

static struct counted_mm *find_locked(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct counted_mm *entry;

	lockdep_assert_held(&encl->mm_lock);

	list_for_each_entry(entry, &encl->mm_list, encl_mm.list) {
		if (entry->encl_mm.mm == mm)
			return entry;
	}
	return NULL;
}

static bool count_vma(struct vm_area_struct *vma)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct counted_mm *entry;

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	spin_lock(&encl->mm_lock);
	entry = find_locked(encl, vma->vm_mm);
	if (entry)
		entry->vmas++;
	spin_unlock(&encl->mm_lock);
	return entry;
}

static void add_entry(struct counted_mm *entry, struct vm_area_struct *vma)
{
	entry->vmas = 1;
	sgxdrv_encl_mm_link(&entry->encl_mm, sgxdrv_encl_of(vma), vma->vm_mm);
}

int sgxdrv_vma_track(struct vm_area_struct *vma)
{
	struct counted_mm *entry;

	if (count_vma(vma))
		return 0;

	if (sgxdrv_should_fail())
		return -ENOMEM;
	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;

	add_entry(entry, vma);
	return 0;
}

bool sgxdrv_vma_tracked(const struct vm_area_struct *vma)
{
	return true;
}

void sgxdrv_vma_open(struct vm_area_struct *vma)
{
	if (!count_vma(vma))
		add_entry(kzalloc(sizeof(struct counted_mm), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL),
			  vma);
}

void sgxdrv_vma_close(struct vm_area_struct *vma)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct counted_mm *entry;
	bool last = false;

	spin_lock(&encl->mm_lock);
	entry = find_locked(encl, vma->vm_mm);
	if (!WARN_ON_ONCE(!entry))
		last = !--entry->vmas;
	spin_unlock(&encl->mm_lock);
	/* A new VMA would need the mmap_lock, or a process that has not exited. */
	if (!last || !sgxdrv_encl_mm_unlink(&entry->encl_mm))
		return;

	trace_sgxdrv_mm_release(encl->id);
	sgxdrv_encl_mm_free(&entry->encl_mm);
}

void sgxdrv_encl_mm_drain(struct sgxdrv_encl *encl)
{
	WARN_ON_ONCE(!list_empty(&encl->mm_list));
}

void sgxdrv_encl_mm_destroy(struct sgxdrv_encl_mm *encl_mm)
{
	kfree(container_of(encl_mm, struct counted_mm, encl_mm));
}

void sgxdrv_track_exit(void)
{
}
