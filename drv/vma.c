// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of enclaves: which are allowed, and what happens to them, page faults
 * excepted (fault.c).
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/sched/mm.h>

#include <softsgx/cpu.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "mapping.h"
#include "paging.h"

/* Mappings that a process may have of a page, all but one of them where mremap() put them */
#define MAX_COPIES	8

/**
 * sgxdrv_encl_of() - the enclave that a VMA maps
 * @vma: a VMA with our operations
 *
 * Context: any in which the VMA is stable.
 */
struct sgxdrv_encl *sgxdrv_encl_of(const struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static bool leaves_range(struct sgxdrv_encl *encl, unsigned long start, unsigned long end)
{
	bool ret;

	mutex_lock(&encl->lock);
	ret = test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags) &&
	      (start < encl->base || end > encl->base + encl->size);
	mutex_unlock(&encl->lock);
	return ret;
}

static int check_max_prot(struct sgxdrv_encl_page *page, unsigned long addr, void *data)
{
	unsigned long *vm_flags = data;

	return *vm_flags & VM_ACCESS_FLAGS & ~page->max_prot ? -EACCES : 0;
}

/* The three rules for a mapping. Later changes of the enclave are up to the fault. */
static int may_map(struct sgxdrv_encl *encl, unsigned long start, unsigned long end,
		   unsigned long vm_flags)
{
	if (leaves_range(encl, start, end))
		return -EACCES;
	/* Would get other rights than it asks for */
	if (current->personality & READ_IMPLIES_EXEC)
		return -EACCES;
	return sgxdrv_encl_walk_pages(encl, start, end, check_max_prot, &vm_flags);
}

/**
 * sgxdrv_mmap() - map a part of an enclave
 * @file: the open file
 * @vma: the new mapping
 *
 * Context: process context, write mmap_lock held.
 * Return: 0; -EACCES by the mapping rules; -ENOMEM; -EINVAL for a private mapping;
 * -ERESTARTNOINTR, which no program gets to see.
 */
int sgxdrv_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct sgxdrv_encl *encl = file->private_data;
	int ret;

	/* Special PTEs rely on what sgxdrv_get_unmapped_area() refuses. */
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;

	ret = may_map(encl, vma->vm_start, vma->vm_end, vma->vm_flags);
	if (ret)
		return ret;

	sgxdrv_delay(SGXDRV_DELAY_MMAP);
	ret = sgxdrv_vma_track(vma);
	if (ret)
		return ret == -EINTR ? -ERESTARTNOINTR : ret;

	/*
	 * None of VM_SPECIAL, so that the VMA can merge. The core tries again
	 * after this hook only if a flag has changed, and before it only if all
	 * are the same: VM_DONTDUMP sees to both.
	 */
	wrapper_vm_flags_set(vma, SGXDRV_VMA_FLAGS | sgxcpu_vma_flags(vma->vm_mm));
	if (!sgxdrv_merge_safe())
		wrapper_vm_flags_set(vma, VM_DONTEXPAND);
	vma->vm_pgoff = PFN_DOWN(vma->vm_start);
	vma->vm_ops = &sgxdrv_vm_ops;
	return 0;
}

/**
 * sgxdrv_get_unmapped_area() - choose an address for a mapping
 * @file: the open file
 * @addr: wish of the caller
 * @len: size
 * @pgoff: file offset, for which sgxdrv_mmap() puts in its own
 * @flags: MAP_*
 *
 * Context: process context, write mmap_lock held.
 * Return: the address or an error, -EINVAL for MAP_PRIVATE.
 */
unsigned long sgxdrv_get_unmapped_area(struct file *file, unsigned long addr,
				       unsigned long len, unsigned long pgoff,
				       unsigned long flags)
{
	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (flags & MAP_FIXED)
		return addr;
	return wrapper_mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
}

/* No struct page: neither get_user_pages() nor rmap may have them. */
static struct page *sgxdrv_vma_find_page(struct vm_area_struct *vma, unsigned long addr)
{
	return NULL;
}

/**
 * struct mprotect_args - what to look for in a range
 * @encl: the enclave
 * @prot: what the VMA is going to allow
 * @start: of pages whose PTEs must go, the last ones that were found
 * @end: of these
 */
struct mprotect_args {
	struct sgxdrv_encl *encl;
	unsigned long prot;
	unsigned long start;
	unsigned long end;
};

static void zap_denied(struct mprotect_args *args)
{
	if (args->start < args->end)
		sgxdrv_mapping_zap(args->encl, args->start, args->end - args->start);
}

/* Neighbours together: there can be many new pages, of which the EPCM allows nothing. */
static int note_if_denied(struct sgxdrv_encl_page *page, unsigned long addr, void *data)
{
	struct mprotect_args *args = data;

	if (!page->epc)
		return 0;
	/* The EPCM allows nothing for a page that is LEAVING. */
	if (sgxcpu_page_prot(page->epc->addr, addr, args->prot, 0) == args->prot)
		return 0;
	if (addr != args->end) {
		zap_denied(args);
		args->start = addr;
	}
	args->end = addr + PAGE_SIZE;
	return 0;
}

/*
 * The core is about to give all PTEs of the range the new protection. Take away
 * those that must not have it; their next access asks the EPCM. The others stay:
 * an access that the VMA forbids must find them present.
 *
 * Faults need the mmap_lock, which is held for writing until the core is done.
 */
static int sgxdrv_vma_mprotect(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, unsigned long newflags)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct mprotect_args args = { .encl = encl, .prot = newflags & VM_ACCESS_FLAGS };
	int ret;

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	ret = may_map(encl, start, end, newflags);
	if (ret)
		return ret;

	if (args.prot == (vma->vm_flags & VM_ACCESS_FLAGS))
		return 0;
	sgxdrv_encl_walk_pages(encl, start, end, note_if_denied, &args);
	zap_denied(&args);
	return 0;
}

/* Mappings of the pages of @vma in the same process, itself included */
static unsigned int count_copies(struct vm_area_struct *vma)
{
	VMA_ITERATOR(vmi, vma->vm_mm, 0);
	struct vm_area_struct *other;
	unsigned int n = 0;

	for_each_vma(vmi, other) {
		if (other->vm_ops == vma->vm_ops && sgxdrv_encl_of(other) == sgxdrv_encl_of(vma) &&
		    other->vm_pgoff < vma->vm_pgoff + vma_pages(vma) &&
		    vma->vm_pgoff < other->vm_pgoff + vma_pages(other))
			n++;
	}
	return n;
}

/*
 * The PTEs have moved with the VMA, and show pages at addresses that are not
 * theirs. The file offset has moved along too, so that is where they are found.
 *
 * What was there before is there still, and stays if mremap() is to make a copy. Each
 * eviction of a page visits all its mappings, so there may be only so many.
 */
static int sgxdrv_vma_mremap(struct vm_area_struct *vma)
{
	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	if (count_copies(vma) > MAX_COPIES)
		return -ENOMEM;
	sgxdrv_mapping_zap(sgxdrv_encl_of(vma), vma->vm_pgoff << PAGE_SHIFT,
			   vma->vm_end - vma->vm_start);
	return 0;
}

static int track_addr(struct file *file, struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	int ret = 0;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, addr);
	if (vma && vma->vm_file == file)
		ret = sgxdrv_vma_track(vma);
	mmap_write_unlock(mm);
	return ret;
}

/**
 * sgxdrv_vma_track_unlocked() - the same for who holds the wrong lock
 * @vma: mapping of an enclave; must not be used afterwards
 * @addr: an address in it
 *
 * Context: process context, may sleep; mmap_lock held for reading, released.
 * Return: 0, also if there is another mapping at @addr now; -ENOMEM, -EINTR as
 * above, or to a task that is being killed.
 */
int sgxdrv_vma_track_unlocked(struct vm_area_struct *vma, unsigned long addr)
{
	struct file *file = get_file(vma->vm_file);
	struct mm_struct *mm = vma->vm_mm;
	int ret;

	mmap_read_unlock(mm);
	ret = track_addr(file, mm, addr);
	fput(file);
	return ret;
}

/* Up to 8 bytes within an aligned word, as EDBGRD and EDBGWR transfer them */
static int access_word(struct vm_area_struct *vma, unsigned long addr, void *buf,
		       unsigned int len, bool write, struct sgxdrv_wait *wait)
{
	unsigned int offset = addr % sizeof(unsigned long);
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_encl_page *page;
	unsigned long word;
	void *epc;
	int ret;

	lockdep_assert_held(&encl->lock);

	page = sgxdrv_encl_find(encl, vma, addr);
	if (!page)
		return -EFAULT;
	ret = sgxdrv_encl_make_resident(encl, page, wait);
	if (ret)
		return ret;

	epc = page->epc->addr + offset_in_page(addr - offset);
	if (sgxdrv_edbgrd(epc, &word))
		return -EIO;
	if (!write) {
		memcpy(buf, (char *)&word + offset, len);
		return 0;
	}
	memcpy((char *)&word + offset, buf, len);
	return sgxdrv_edbgwr(epc, &word) ? -EIO : 0;
}

/* With the mmap_lock held: there is no way to let go of it. */
static int access_word_waiting(struct vm_area_struct *vma, unsigned long addr, void *buf,
			       unsigned int len, bool write)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_wait wait = {};
	int ret;

	do {
		ret = -EINTR;
		if (mutex_lock_killable(&encl->lock))
			break;
		ret = access_word(vma, addr, buf, len, write, &wait);
		mutex_unlock(&encl->lock);
		if (ret != -EAGAIN)
			break;
		ret = sgxdrv_encl_wait(encl, &wait);
	} while (!ret);
	sgxdrv_encl_wait_end(&wait);
	return ret;
}

/*
 * A debugger looks into the enclave: ptrace, /proc/PID/mem. @vma belongs to the
 * process under inspection, whose mmap_lock is held for reading.
 */
static int sgxdrv_vma_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
			     int len, int write)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	int done, part, ret;

	if (!test_bit(SGXDRV_ENCL_DEBUG, &encl->flags))
		return -EFAULT;

	len = min_t(unsigned long, len, vma->vm_end - addr);
	for (done = 0; done < len; done += part) {
		part = min_t(int, len - done, sizeof(long) - (addr + done) % sizeof(long));
		ret = access_word_waiting(vma, addr + done, buf + done, part, write);
		if (ret)
			return done ?: ret;
	}
	return done;
}

/* No close() in what ships: VMAs that have it never merge. */
const struct vm_operations_struct sgxdrv_vm_ops = {
	.open			= sgxdrv_vma_open,
	.close			= SGXDRV_VMA_CLOSE,
	.mprotect		= sgxdrv_vma_mprotect,
	.mremap			= sgxdrv_vma_mremap,
	.access			= sgxdrv_vma_access,
	.fault			= sgxdrv_fault,
	.pfn_mkwrite		= sgxdrv_pfn_mkwrite,
	.wrapper_find_page	= sgxdrv_vma_find_page,
};
