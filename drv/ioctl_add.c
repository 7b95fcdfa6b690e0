// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_ADD_PAGES
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include "drv.h"
#include "encl.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "paging.h"
#include "trace.h"

#define EEXTEND_BLOCK	256

static int check_secinfo(const struct sgx_secinfo *secinfo)
{
	u64 perm = secinfo->flags & SGX_SECINFO_PERMISSION_MASK;
	u64 type = secinfo->flags & SGX_SECINFO_PAGE_TYPE_MASK;

	if (type != SGX_SECINFO_REG && type != SGX_SECINFO_TCS)
		return -EINVAL;
	if ((perm & SGX_SECINFO_W) && !(perm & SGX_SECINFO_R))
		return -EINVAL;
	/* EADD would clear them, and the measurement would not fit. */
	if (type == SGX_SECINFO_TCS && perm)
		return -EINVAL;
	if (secinfo->flags & ~(SGX_SECINFO_PERMISSION_MASK | SGX_SECINFO_PAGE_TYPE_MASK))
		return -EINVAL;
	if (memchr_inv(secinfo->reserved, 0, sizeof(secinfo->reserved)))
		return -EINVAL;
	return 0;
}

static bool is_tcs(const struct sgx_secinfo *secinfo)
{
	return (secinfo->flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS;
}

/* The most that a VMA may allow; a TCS must be mapped read-write to be entered. */
static unsigned long max_prot(const struct sgx_secinfo *secinfo)
{
	unsigned long prot = 0;

	if (is_tcs(secinfo))
		return VM_READ | VM_WRITE;

	if (secinfo->flags & SGX_SECINFO_R)
		prot |= VM_READ;
	if (secinfo->flags & SGX_SECINFO_W)
		prot |= VM_WRITE;
	if (secinfo->flags & SGX_SECINFO_X)
		prot |= VM_EXEC;
	return prot;
}

/*
 * The slot is reserved before the page is built, because EADD cannot be undone:
 * it has changed the measurement. A reserved slot looks empty to everybody else.
 */
static int reserve_slot(struct sgxdrv_encl *encl, unsigned long index)
{
	if (xa_load(&encl->pages, index))
		return -EBUSY;
	if (sgxdrv_should_fail())
		return -ENOMEM;
	return xa_reserve(&encl->pages, index, GFP_KERNEL);
}

/*
 * Code must not get executable by way of an enclave if its file system forbids it. The
 * mapping that is looked at is the one whose page is taken, hence the lock over both. A
 * page that is not there is for fault_in_source(), which may take long.
 */
static int try_pin_source(unsigned long src, struct page **page)
{
	struct vm_area_struct *vma;
	int ret = 0;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	vma = find_vma(current->mm, src);
	if (!vma)
		ret = -EFAULT;
	else if (!(vma->vm_flags & VM_MAYEXEC))
		ret = -EACCES;
	sgxdrv_delay(SGXDRV_DELAY_SOURCE);
	if (!ret && wrapper_get_own_page(src, FOLL_NOFAULT, page) != 1)
		ret = -EAGAIN;
	mmap_read_unlock(current->mm);
	return ret;
}

static int fault_in_source(unsigned long src)
{
	struct page *page;

	if (signal_pending(current))
		return -ERESTARTSYS;
	if (get_user_pages_unlocked(src, 1, &page, 0) != 1)
		return -EFAULT;
	put_page(page);
	return 0;
}

/* Text of a program that wants to see SGX in CPUID is not what its file has. */
static int take_original(unsigned long src, struct page **page)
{
	struct page *copy = sgxdrv_should_fail() ? NULL : alloc_page(GFP_KERNEL);

	if (!copy)
		return -ENOMEM;
	copy_highpage(copy, *page);
	sgxcpu_original_text(src, page_address(copy));
	put_page(*page);
	*page = copy;
	return 0;
}

static int pin_source(unsigned long src, struct page **page)
{
	int ret;

	if (sgxdrv_should_fail())
		return -EFAULT;
	while ((ret = try_pin_source(src, page)) == -EAGAIN) {
		ret = fault_in_source(src);
		if (ret)
			return ret;
	}
	if (ret || !sgxcpu_cpuid_wanted())
		return ret;
	ret = take_original(src, page);
	if (ret)
		put_page(*page);
	return ret;
}

static int eadd(struct sgxdrv_encl *encl, struct sgxdrv_epc_page *epc, unsigned long addr,
		struct page *src, struct sgx_secinfo *secinfo)
{
	void *from = kmap_local_page(src);
	struct sgx_pageinfo pginfo = {
		.linaddr = addr,
		.srcpge = (unsigned long)from,
		.secinfo = (unsigned long)secinfo,
		.secs = (unsigned long)encl->secs.epc->addr,
	};
	int ret;

	lockdep_assert_held(&encl->lock);

	ret = sgxdrv_eadd(&pginfo, epc->addr);
	kunmap_local(from);
	return ret ? -EIO : 0;
}

static int eextend(struct sgxdrv_encl *encl, struct sgxdrv_epc_page *epc)
{
	unsigned long offset;

	lockdep_assert_held(&encl->lock);

	for (offset = 0; offset < PAGE_SIZE; offset += EEXTEND_BLOCK) {
		if (sgxdrv_eextend(encl->secs.epc->addr, epc->addr + offset))
			return -EIO;
	}
	return 0;
}

/*
 * The enclave may have been lost while the source was waited for, and its SECS dropped.
 * The page is linked last, so a failure leaves nothing to uncount.
 */
static int build_page(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page,
		      struct page *src, struct sgx_secinfo *secinfo, bool measure)
{
	int ret;

	mutex_lock(&encl->lock);
	ret = test_bit(SGXDRV_ENCL_DEAD, &encl->flags) ? -EIO : 0;
	if (!ret)
		ret = eadd(encl, page->epc, page->addr, src, secinfo);
	if (!ret && measure)
		ret = eextend(encl, page->epc);
	if (!ret)
		ret = sgxdrv_encl_link(encl, page);
	mutex_unlock(&encl->lock);
	return ret;
}

static int add_page(struct sgxdrv_encl *encl, unsigned long src, unsigned long offset,
		    struct sgx_secinfo *secinfo, bool measure)
{
	struct sgxdrv_encl_page *page;
	struct page *src_page;
	int ret;

	page = sgxdrv_encl_page_alloc(encl, encl->base + offset, max_prot(secinfo),
				      is_tcs(secinfo) ? SGX_PT_TCS : SGX_PT_REG);
	if (!page)
		return -ENOMEM;

	ret = sgxdrv_va_reserve(encl);
	if (ret)
		goto err_free_page;

	ret = reserve_slot(encl, PFN_DOWN(offset));
	if (ret)
		goto err_unreserve;

	/* The source may keep the call waiting for ever; an EPC page does not wait with it. */
	ret = pin_source(src, &src_page);
	if (ret)
		goto err_release_slot;

	page->epc = sgxdrv_epc_alloc(encl, TASK_INTERRUPTIBLE);
	if (IS_ERR(page->epc)) {
		ret = PTR_ERR(page->epc);
		goto err_put_source;
	}

	ret = build_page(encl, page, src_page, secinfo, measure);
	if (ret)
		goto err_free_epc;
	put_page(src_page);
	return 0;

err_free_epc:
	/* EREMOVE also undoes an EADD. Nobody is inside before EINIT. */
	sgxdrv_epc_free(page->epc, NULL);
err_put_source:
	put_page(src_page);
err_release_slot:
	xa_release(&encl->pages, PFN_DOWN(offset));
err_unreserve:
	sgxdrv_va_unreserve(encl, 1);
err_free_page:
	sgxdrv_encl_page_free(page);
	return ret;
}

/* Sets the count of @params; see the signal rules of sgxdrv_ioc_add_pages(). */
static int add_each_page(struct sgxdrv_encl *encl, struct sgx_enclave_add_pages *params,
			 struct sgx_secinfo *secinfo)
{
	bool measure = params->flags & SGX_PAGE_MEASURE;
	int ret = 0;
	u64 done;

	for (done = 0; done < params->length; done += PAGE_SIZE) {
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		cond_resched();

		ret = add_page(encl, params->src + done, params->offset + done, secinfo,
			       measure);
		trace_sgxdrv_page_add(encl->id, encl->base + params->offset + done,
				      secinfo->flags, ret);
		if (ret)
			break;
	}

	params->count = done;
	return ret == -ERESTARTSYS && done ? 0 : ret;
}

/**
 * sgxdrv_ioc_add_pages() - EADD pages, and EEXTEND them if asked to
 * @encl: the enclave
 * @arg: struct sgx_enclave_add_pages in user memory
 *
 * The count is written back whenever a page was tried. A signal before the first
 * page restarts the call, a later one ends it with a short count: loaders do not
 * expect one for any other reason.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -EINVAL if not created, already initialised, or an argument is bad;
 * -EFAULT; -ERESTARTSYS; -ENOMEM; -EBUSY if a page exists; -EACCES if the source
 * must not be executed; -EIO if a leaf fails or the enclave has been lost.
 */
long sgxdrv_ioc_add_pages(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_add_pages params;
	struct sgx_secinfo secinfo;
	int ret;

	if (!test_bit(SGXDRV_ENCL_CREATED, &encl->flags) ||
	    test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		return -EINVAL;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;
	if (!IS_ALIGNED(params.src, PAGE_SIZE) ||
	    sgxdrv_check_range(encl, params.offset, params.length))
		return -EINVAL;
	if (copy_from_user(&secinfo, u64_to_user_ptr(params.secinfo), sizeof(secinfo)))
		return -EFAULT;
	if (check_secinfo(&secinfo))
		return -EINVAL;

	ret = add_each_page(encl, &params, &secinfo);
	if (copy_to_user(arg, &params, sizeof(params)))
		return -EFAULT;
	return ret;
}
