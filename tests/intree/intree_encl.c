// SPDX-License-Identifier: GPL-2.0
/*
 * encl.c of the kernel's SGX driver. A page table entry stands for the processor's look
 * into the EPCM, so it never allows more than that does; and what hardware does with
 * threads whose enclave is gone is said to the processor.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "sgx/encl.h"
#include "intree.h"

/* The fault that a task serves: insertions do not say which access they are for. */
static DEFINE_XARRAY(faults);

struct fault {
	struct vm_fault *vmf;
	bool denied;
};

static vm_fault_t insert_page(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn);
static vm_fault_t sgx_vma_fault(struct vm_fault *vmf);

/* Names that are not followed by a bracket stay: those are meant to be ours. */
#define sgx_vma_fault(vmf)		sgx_vma_fault_of_kernel(vmf)
#define sgx_encl_release(ref)		sgx_encl_release_of_kernel(ref)
#define sgx_vm_ops			sgx_vm_ops_of_kernel
#define vmf_insert_pfn(vma, addr, pfn)	insert_page(vma, addr, pfn)
#include "sgx/encl.c"
#undef vmf_insert_pfn
#undef sgx_vm_ops
#undef sgx_encl_release
#undef sgx_vma_fault

static unsigned long access_of(const struct vm_fault *vmf)
{
	if (vmf->flags & FAULT_FLAG_WRITE)
		return VM_WRITE;
	return vmf->flags & FAULT_FLAG_INSTRUCTION ? VM_EXEC : VM_READ;
}

static void *epc_of(unsigned long pfn)
{
	unsigned long nr, start, n;
	void *base;

	for (n = 0; (base = sgxcpu_epc_section(n, &start, &nr)); n++) {
		if (pfn - start < nr)
			return base + PFN_PHYS(pfn - start);
	}
	return NULL;
}

static unsigned long rights_of(const struct vm_area_struct *vma, unsigned long addr,
			       unsigned long pfn, unsigned long access)
{
	unsigned long flags = vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);

	return sgxcpu_page_prot(epc_of(pfn), addr, flags ? flags | VM_READ : 0, access);
}

/* The enclave lock is held. */
static vm_fault_t insert_page(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn)
{
	struct fault *fault = xa_load(&faults, (unsigned long)current >> 6);
	struct vm_fault *vmf = fault ? fault->vmf : NULL;
	unsigned long rights, access;
	pgprot_t prot;

	/* A walk needs no entry. */
	if (!vmf)
		return VM_FAULT_NOPAGE;
	access = access_of(vmf);
	rights = rights_of(vma, vmf->real_address, pfn,
			   vmf->flags & FAULT_FLAG_USER ? access : 0);
	if (!rights || (access == VM_WRITE && !(rights & VM_WRITE))) {
		fault->denied = true;
		return VM_FAULT_NOPAGE;
	}
	/* There may be one that allows less. */
	zap_vma_ptes(vma, addr, PAGE_SIZE);
	prot = vm_get_page_prot((vma->vm_flags & ~(VM_READ | VM_WRITE | VM_EXEC)) | rights);
	return vmf_insert_pfn_prot(vma, addr, pfn, prot);
}

static vm_fault_t sgx_vma_fault(struct vm_fault *vmf)
{
	struct fault fault = { .vmf = vmf };
	vm_fault_t ret;

	if (xa_err(xa_store(&faults, (unsigned long)current >> 6, &fault, GFP_KERNEL)))
		return VM_FAULT_OOM;
	ret = sgx_vma_fault_of_kernel(vmf);
	xa_erase(&faults, (unsigned long)current >> 6);
	return ret == VM_FAULT_NOPAGE && fault.denied ? VM_FAULT_SIGSEGV : ret;
}

/* The core gives all entries what the mapping allows; those that must not have it go first. */
static int protect(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   unsigned long newflags)
{
	unsigned long prot = newflags & (VM_READ | VM_WRITE | VM_EXEC), index;
	struct sgx_encl *encl = vma->vm_private_data;
	int ret = sgx_vma_mprotect(vma, start, end, newflags);
	struct sgx_encl_page *entry;
	void *epc;

	if (ret || !encl)
		return ret;
	mutex_lock(&encl->lock);
	xa_for_each_range(&encl->page_array, index, entry, PFN_DOWN(start), PFN_DOWN(end - 1)) {
		epc = entry->epc_page ? sgx_get_epc_virt_addr(entry->epc_page) : NULL;
		if (epc && sgxcpu_page_prot(epc, index << PAGE_SHIFT, prot, 0) != prot)
			zap_vma_ptes(vma, index << PAGE_SHIFT, PAGE_SIZE);
	}
	mutex_unlock(&encl->lock);
	return 0;
}

const struct vm_operations_struct sgx_vm_ops = {
	.fault		= sgx_vma_fault,
	.pfn_mkwrite	= sgx_vma_fault,
	.mprotect	= protect,
	.open		= sgx_vma_open,
	.access		= sgx_vma_access,
};

/* Nothing maps the enclave any more: hardware has nobody inside by now. */
void sgx_encl_release(struct kref *ref)
{
	struct sgx_encl *encl = container_of(ref, struct sgx_encl, refcount);

	if (encl->secs.epc_page)
		sgxcpu_unmapped(sgx_get_epc_virt_addr(encl->secs.epc_page));
	sgx_encl_release_of_kernel(ref);
}

static int walk_locked(void *walk, struct vm_area_struct *vma, unsigned long la)
{
	struct sgx_encl *encl = vma->vm_private_data;
	struct sgx_encl_page *entry;

	entry = sgx_encl_load_page_in_vma(encl, la, vma->vm_flags);
	if (IS_ERR(entry))
		return PTR_ERR(entry) == -EBUSY ? -EAGAIN : -EFAULT;
	intree_found(walk, sgx_get_epc_virt_addr(entry->epc_page));
	return 0;
}

static int walk_encl(void *walk, struct vm_area_struct *vma, unsigned long la)
{
	struct sgx_encl *encl = vma->vm_private_data;
	int ret;

	if (!encl)
		return -EFAULT;
	if (!xa_load(&encl->page_array, PFN_DOWN(la)) &&
	    sgx_encl_eaug_page(vma, encl, la & PAGE_MASK) == VM_FAULT_NOPAGE)
		return -EAGAIN;
	mutex_lock(&encl->lock);
	ret = walk_locked(walk, vma, la);
	mutex_unlock(&encl->lock);
	return ret;
}

static int walk_once(void *walk, unsigned long la, bool write)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret;

	if (mmap_read_lock_killable(mm))
		return -EFAULT;
	vma = vma_lookup(mm, la);
	if (!vma || !(vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)))
		ret = -EFAULT;
	else if (write && !(vma->vm_flags & VM_WRITE))
		ret = -EACCES;
	else if (vma->vm_ops != &sgx_vm_ops)
		ret = -ENXIO;
	else
		ret = walk_encl(walk, vma, la);
	mmap_read_unlock(mm);
	return ret;
}

int intree_walk(void *walk, unsigned long la, bool write)
{
	int ret;

	while ((ret = walk_once(walk, la, write)) == -EAGAIN) {
		if (fatal_signal_pending(current))
			return -EFAULT;
		cond_resched();
	}
	return ret;
}

static int fetch_locked(struct vm_area_struct *vma, unsigned long la)
{
	struct sgx_encl *encl = vma->vm_private_data;
	struct sgx_encl_page *entry;
	int ret = 0;

	mutex_lock(&encl->lock);
	entry = xa_load(&encl->page_array, PFN_DOWN(la));
	if (entry && entry->epc_page &&
	    !(rights_of(vma, la, PFN_DOWN(sgx_get_epc_phys_addr(entry->epc_page)), 0) & VM_EXEC))
		ret = -EPERM;
	mutex_unlock(&encl->lock);
	/* The next fault makes one that allows it. */
	if (!ret)
		zap_vma_ptes(vma, la & PAGE_MASK, PAGE_SIZE);
	return ret;
}

int intree_fetch(unsigned long la)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret = -EACCES;

	if (mmap_read_lock_killable(mm))
		return -EACCES;
	vma = vma_lookup(mm, la);
	if (vma && vma->vm_ops == &sgx_vm_ops && vma->vm_private_data && vma->vm_flags & VM_EXEC)
		ret = fetch_locked(vma, la);
	mmap_read_unlock(mm);
	return ret;
}
