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

static int age_pte(pte_t *pte, unsigned long addr, void *data)
{
	bool *young = data;

	if (pte_present(*pte) &&
	    test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pte))
		*young = true;
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

static bool age_page(struct age *age, struct cursor *cursor, struct mm_struct *mm,
		     unsigned long addr)
{
	struct vm_area_struct *vma = lookup(cursor, mm, addr);
	bool young = false;

	lockdep_assert_held(&mm->mmap_lock);

	if (vma && vma->vm_ops == &sgxdrv_vm_ops && sgxdrv_encl_of(vma) == age->encl)
		apply_to_existing_page_range(mm, addr, PAGE_SIZE, age_pte, &young);
	return young;
}

/*
 * Who changes his mappings just now is at work with the enclave, and may be for
 * long: his pages count as used, rather than that everybody waits for him.
 */
static void age_mm(struct mm_struct *mm, void *data)
{
	struct cursor cursor = { .from = ULONG_MAX };
	struct age *age = data;
	unsigned int i;

	if (!mmap_read_trylock(mm)) {
		bitmap_fill(age->young, age->nr);
		return;
	}
	for (i = 0; i < age->nr; i++) {
		if (age_page(age, &cursor, mm, age->addrs[i]))
			__set_bit(i, age->young);
	}
	mmap_read_unlock(mm);
}

/**
 * sgxdrv_encl_age() - find and forget which pages have been used
 * @encl: the enclave; the caller holds a reference
 * @addrs: linear addresses of pages
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
