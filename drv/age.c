// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of an enclave have been used since the last look: the walk over
 * all its processes that reclaim begins with.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"

struct age {
	struct sgxdrv_encl *encl;
	const unsigned long *addrs;
	unsigned int nr;
	unsigned long *young;
};

/* Pages of the batch that are neighbours: @first is the number of the one at @addr. */
struct run {
	struct age *age;
	unsigned long addr;
	unsigned int first;
};

static int age_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct run *run = data;

	if (pte_present(*pte) &&
	    test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pte))
		__set_bit(run->first + PFN_DOWN(addr - run->addr), run->age->young);
	return 0;
}

/* What the last look for a VMA has found: @vma is the first one that ends after @from. */
struct cursor {
	unsigned long from;
	struct vm_area_struct *vma;
};

/* Also remembers gaps: most pages of a batch are neighbours. */
static struct vm_area_struct *lookup(struct cursor *cursor, struct mm_struct *mm,
				     unsigned long addr)
{
	if (addr < cursor->from || (cursor->vma && addr >= cursor->vma->vm_end)) {
		cursor->from = addr;
		cursor->vma = find_vma(mm, addr);
	}
	return cursor->vma && addr >= cursor->vma->vm_start ? cursor->vma : NULL;
}

/* One walk of the page tables for all of a run. Returns its length. */
static unsigned int age_run(struct age *age, struct vm_area_struct *vma, unsigned int first)
{
	const unsigned long *addrs = age->addrs;
	struct run run = { .age = age, .addr = addrs[first], .first = first };
	unsigned int n = 1;

	while (first + n < age->nr && addrs[first + n] == run.addr + n * PAGE_SIZE &&
	       addrs[first + n] < vma->vm_end)
		n++;
	apply_to_existing_page_range(vma->vm_mm, run.addr, n * PAGE_SIZE, age_pte, &run);
	return n;
}

/* Returns the number of pages that are done with, from number @first on. */
static unsigned int age_from(struct age *age, struct cursor *cursor, struct mm_struct *mm,
			     unsigned int first)
{
	struct vm_area_struct *vma = lookup(cursor, mm, age->addrs[first]);

	lockdep_assert_held(&mm->mmap_lock);

	if (!vma || vma->vm_ops != &sgxdrv_vm_ops || sgxdrv_encl_of(vma) != age->encl)
		return 1;
	return age_run(age, vma, first);
}

/*
 * Who changes his mappings just now is at work with the enclave, and may be for
 * long: his pages count as used, rather than that everybody waits for him.
 */
static void age_mm(struct mm_struct *mm, void *data)
{
	struct cursor cursor = { .from = ULONG_MAX };
	struct age *age = data;
	unsigned int i = 0;

	if (!mmap_read_trylock(mm)) {
		bitmap_fill(age->young, age->nr);
		return;
	}
	while (i < age->nr)
		i += age_from(age, &cursor, mm, i);
	mmap_read_unlock(mm);
}

/**
 * sgxdrv_encl_age() - find and forget which pages have been used
 * @encl: the enclave; the caller holds a reference
 * @addrs: linear addresses of pages, ascending
 * @nr: their number
 * @young: out: a bit for each, set if a process has used the page since the last
 *	time, or may have
 *
 * TLBs are not flushed: a page that is used without a TLB miss may look old, as
 * everywhere in the kernel.
 *
 * Context: process context, may sleep; no mmap_lock held.
 */
void sgxdrv_encl_age(struct sgxdrv_encl *encl, const unsigned long *addrs, unsigned int nr,
		     unsigned long *young)
{
	struct age age = { .encl = encl, .addrs = addrs, .nr = nr, .young = young };

	bitmap_zero(young, nr);
	sgxdrv_encl_mm_walk(encl, age_mm, &age);
}
