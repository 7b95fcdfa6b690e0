// SPDX-License-Identifier: GPL-2.0
/*
 * The page walk for operands of ENCLU. Runs on each EENTER, so it is short.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include <softsgx/cpu.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "epc.h"
#include "mapping.h"
#include "paging.h"

/* The page must not leave before the processor has seen it in the EPCM. */
static int walk_locked(struct sgxcpu_walk *walk, struct vm_area_struct *vma, unsigned long la,
		       struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_encl_page *page = sgxdrv_encl_demand(encl, vma, la, wait);

	if (IS_ERR(page))
		return PTR_ERR(page);
	sgxcpu_walk_found(walk, page->epc->addr);
	return 0;
}

/* What may be another one at the next try; the rest is a fault for good. */
static int walk_error(int ret)
{
	return ret == -EINTR || ret == -ENOMEM ? ret : -EFAULT;
}

/* As walk_once() */
static int walk_encl(struct sgxcpu_walk *walk, struct vm_area_struct *vma, unsigned long la)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_wait wait = { .augment = true };
	int ret = -EINTR;

	if (!mutex_lock_killable(&encl->lock)) {
		ret = walk_locked(walk, vma, la, &wait);
		mutex_unlock(&encl->lock);
	}
	if (ret == -EAGAIN) {
		ret = sgxdrv_encl_load_unlocked(vma, la, &wait);
		return ret ? walk_error(ret) : -EAGAIN;
	}
	sgxdrv_encl_wait_end(&wait);
	mmap_read_unlock(vma->vm_mm);
	return ret ? walk_error(ret) : 0;
}

/*
 * First use of a mapping that fork has made. -EINTR is worth another try: it was a
 * signal, which sgxdrv_walk() looks at. Memory that is not to be had now may never be.
 */
static int walk_track(struct vm_area_struct *vma, unsigned long la)
{
	return sgxdrv_vma_track_unlocked(vma, la) == -ENOMEM ? -ENOMEM : -EAGAIN;
}

/* Returns with the mmap_lock released; -EAGAIN when there is a chance to get further. */
static int walk_once(struct sgxcpu_walk *walk, unsigned long la, bool write)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	vma = vma_lookup(mm, la);
	if (!vma || !(vma->vm_flags & VM_ACCESS_FLAGS))
		ret = -EFAULT;	/* PROT_NONE is not present */
	else if (write && !(vma->vm_flags & VM_WRITE))
		ret = -EACCES;	/* whatever can be accessed at all can be read */
	else if (vma->vm_ops != &sgxdrv_vm_ops)
		ret = -ENXIO;
	else if (!sgxdrv_vma_tracked(vma))
		return walk_track(vma, la);
	else
		return walk_encl(walk, vma, la);

	mmap_read_unlock(mm);
	return ret;
}

/*
 * Each time round the walk has got further: the process has its entry, or the page was
 * there for a moment. A signal ends it nevertheless, whatever is still missing.
 */
static int sgxdrv_walk(struct sgxcpu_walk *walk, unsigned long la, bool write)
{
	int ret;

	for (;;) {
		ret = walk_once(walk, la, write);
		if (ret != -EAGAIN)
			return ret;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* As sgxcpu_walker.fetch(). What is not in the EPC has no entry any more. */
static int fetch_locked(struct vm_area_struct *vma, unsigned long la)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	unsigned long vm_flags = vma->vm_flags & VM_ACCESS_FLAGS;
	struct sgxdrv_encl_page *page;
	unsigned long rights;
	pgprot_t prot;

	lockdep_assert_held(&encl->lock);

	page = sgxdrv_encl_find(encl, vma, la);
	if (!page || page->state != SGXDRV_PAGE_RESIDENT)
		return 0;
	rights = sgxcpu_page_prot(page->epc->addr, la, vm_flags | VM_READ, 0);
	if (!(rights & VM_EXEC))
		return -EPERM;
	prot = vm_get_page_prot((vma->vm_flags & ~VM_ACCESS_FLAGS) | rights);
	return sgxdrv_mapping_insert(vma, la & PAGE_MASK, page->epc->pfn, prot);
}

static int sgxdrv_walk_fetch(unsigned long la)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret = -EACCES;

	if (mmap_read_lock_killable(mm))
		return -EACCES;
	vma = vma_lookup(mm, la);
	if (vma && vma->vm_ops == &sgxdrv_vm_ops && vma->vm_flags & VM_EXEC) {
		struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);

		mutex_lock(&encl->lock);
		ret = fetch_locked(vma, la);
		mutex_unlock(&encl->lock);
	}
	mmap_read_unlock(mm);
	/* Without memory for page tables: try again, as the core does. */
	return ret == -ENOMEM ? 0 : ret;
}

static const struct sgxcpu_walker walker = {
	.owner	= THIS_MODULE,
	.walk	= sgxdrv_walk,
	.fetch	= sgxdrv_walk_fetch,
};

/**
 * sgxdrv_walk_init() - let the processor use the page walk
 *
 * Return: 0, or -EBUSY if another driver has done so.
 */
int __init sgxdrv_walk_init(void)
{
	return sgxcpu_set_walker(&walker);
}

/* Returns when no walk is running any more. */
void sgxdrv_walk_exit(void)
{
	sgxcpu_clear_walker(&walker);
}
