// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults on enclave memory.
 *
 * A PTE never allows more than the EPCM does: that is what makes the page tables
 * stand in for the check that an SGX processor makes on every TLB miss.
 */
#include <linux/mm.h>

#include <softsgx/cpu.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "epc.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

static unsigned long access_of(const struct vm_fault *vmf)
{
	if (vmf->flags & FAULT_FLAG_WRITE)
		return VM_WRITE;
	if (vmf->flags & FAULT_FLAG_INSTRUCTION)
		return VM_EXEC;
	return VM_READ;
}

/* x86 page tables know nothing that can be accessed but not read. */
static unsigned long vma_rights(const struct vm_area_struct *vma)
{
	unsigned long rights = vma->vm_flags & VM_ACCESS_FLAGS;

	return rights ? rights | VM_READ : 0;
}

/*
 * What the PTE may allow, 0 if the EPCM denies the access. The processor is told
 * about accesses of the user only: those of the kernel, in system calls, fail
 * without an exception that it would have to report.
 */
static unsigned long pte_rights(const struct vm_fault *vmf, const struct sgxdrv_encl_page *page)
{
	bool user = vmf->flags & FAULT_FLAG_USER;
	unsigned long access = access_of(vmf);
	unsigned long rights;

	rights = sgxcpu_page_prot(page->epc->addr, vmf->real_address, vma_rights(vmf->vma),
				  user ? access : 0);
	if (access == VM_WRITE && !(rights & VM_WRITE))
		return 0;
	return rights;
}

/* A page that is there, and has been accepted, will be wanted like the one next to it. */
static bool neighbour(struct vm_area_struct *vma, unsigned long addr, unsigned long *pfn,
		      pgprot_t *prot)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_encl_page *page = sgxdrv_encl_find(encl, vma, addr);
	unsigned long rights;

	if (!page || page->state != SGXDRV_PAGE_RESIDENT)
		return false;
	rights = sgxcpu_page_prot(page->epc->addr, addr, vma_rights(vma), 0);
	*pfn = page->epc->pfn;
	*prot = vm_get_page_prot((vma->vm_flags & ~VM_ACCESS_FLAGS) | rights);
	return rights;
}

/* Returns 0 with @result, or an error of sgxdrv_encl_demand(). */
static int map_page_locked(struct vm_fault *vmf, struct sgxdrv_wait *wait, vm_fault_t *result)
{
	struct vm_area_struct *vma = vmf->vma;
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct sgxdrv_encl_page *page;
	unsigned long rights;
	pgprot_t prot;
	int ret;

	lockdep_assert_held(&encl->lock);

	*result = VM_FAULT_SIGBUS;
	page = sgxdrv_encl_demand(encl, vma, vmf->address, wait);
	if (IS_ERR(page))
		return PTR_ERR(page);

	*result = VM_FAULT_SIGSEGV;
	rights = pte_rights(vmf, page);
	if (!rights)
		return 0;

	prot = vm_get_page_prot((vma->vm_flags & ~VM_ACCESS_FLAGS) | rights);
	ret = sgxdrv_mapping_insert(vma, vmf->address, page->epc->pfn, prot);
	*result = ret ? VM_FAULT_OOM : VM_FAULT_NOPAGE;
	if (!ret)
		sgxdrv_mapping_insert_around(vma, vmf->address, neighbour);
	return 0;
}

/*
 * Neither in the EPC nor to be had at once. The first time, wait without the mmap_lock:
 * it may be long, and others want to map and unmap. Whatever has come of it, the
 * next try tells. The second time, insist.
 */
static vm_fault_t wait_for_page(struct vm_fault *vmf, struct sgxdrv_wait *wait)
{
	unsigned int flags = vmf->flags;

	/* A free EPC page is in hand, and nothing to wait for. */
	if (wait->want == SGXDRV_WANT_LOAD && !(flags & FAULT_FLAG_RETRY_NOWAIT))
		return 0;
	if (!(flags & FAULT_FLAG_ALLOW_RETRY) || (flags & (FAULT_FLAG_TRIED | FAULT_FLAG_MKWRITE)))
		return 0;
	if (!(flags & FAULT_FLAG_RETRY_NOWAIT))
		sgxdrv_encl_load_unlocked(vmf->vma, vmf->address, wait);
	return VM_FAULT_RETRY;
}

static int map_page_once(struct vm_fault *vmf, struct sgxdrv_wait *wait, vm_fault_t *result)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vmf->vma);
	int ret;

	mutex_lock(&encl->lock);
	ret = map_page_locked(vmf, wait, result);
	mutex_unlock(&encl->lock);
	if (ret)
		*result = VM_FAULT_SIGBUS;
	return ret;
}

static vm_fault_t map_page(struct vm_fault *vmf)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vmf->vma);
	/* The kernel gets nothing from a page that is new, and a debugger may not have it. */
	struct sgxdrv_wait wait = { .augment = vmf->flags & FAULT_FLAG_USER };
	vm_fault_t result;
	int ret;

	if (!(vmf->flags & FAULT_FLAG_TRIED))
		sgxdrv_count(encl, SGXDRV_COUNT_FAULTS, 1);
	while (map_page_once(vmf, &wait, &result) == -EAGAIN) {
		result = wait_for_page(vmf, &wait);
		if (result) {
			sgxdrv_encl_wait_end(&wait);
			return result;
		}
		ret = sgxdrv_encl_wait(encl, &wait);
		if (ret) {
			/* A task that is being killed does not care what it is told. */
			result = VM_FAULT_SIGBUS;
			break;
		}
	}
	sgxdrv_encl_wait_end(&wait);
	trace_sgxdrv_fault(encl->id, vmf->real_address, access_of(vmf),
			   (__force unsigned int)result);
	return result;
}

/*
 * First use of a mapping that fork has made. Whatever went wrong, the next try
 * tells: without memory the core tries again as well, and a signal that would be
 * in the way is delivered first if the access is the program's.
 */
static vm_fault_t track_first(struct vm_fault *vmf)
{
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		sgxdrv_vma_track_unlocked(vmf->vma, vmf->address);
	return VM_FAULT_RETRY;
}

/**
 * sgxdrv_fault() - no PTE for an address in an enclave mapping
 * @vmf: the fault
 *
 * Context: process context, mmap_lock held for reading (without map_pages() the
 * core does not call with the lock of the VMA alone); takes the enclave lock.
 * Return: VM_FAULT_NOPAGE with a PTE in place; VM_FAULT_SIGBUS if no page belongs
 * there, it must not have the protection of the VMA, the enclave is dead, or there is
 * no memory for the page and never will be; VM_FAULT_SIGSEGV if the EPCM denies the
 * access; VM_FAULT_OOM without memory for page tables; VM_FAULT_RETRY, with the
 * mmap_lock released unless the caller must not wait.
 */
vm_fault_t sgxdrv_fault(struct vm_fault *vmf)
{
	if (!sgxdrv_vma_tracked(vmf->vma))
		return track_first(vmf);
	return map_page(vmf);
}

/**
 * sgxdrv_pfn_mkwrite() - write access, VMA writable, PTE not
 * @vmf: the fault
 *
 * After mprotect() PTEs are read-only, since this hook exists; EPCM permissions
 * may have been too when the PTE was made. A new PTE is put in place here, not by
 * the core, which would do so without the enclave lock.
 *
 * Where there is a PTE the process has its entry, even if the VMA does not know,
 * and the core would not understand VM_FAULT_RETRY here.
 *
 * Context: as sgxdrv_fault().
 * Return: as sgxdrv_fault(), but not VM_FAULT_RETRY.
 */
vm_fault_t sgxdrv_pfn_mkwrite(struct vm_fault *vmf)
{
	return map_page(vmf);
}
