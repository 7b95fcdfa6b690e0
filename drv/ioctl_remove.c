// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_REMOVE_PAGES
 *
 * Pages that the enclave has agreed to lose: trimmed, and the trim accepted. While they
 * go they are REMOVING. Whoever reaches for one waits, then finds that there is none, so no
 * page table entry comes back for an EPC page that is about to be somebody else's.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include "drv.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

/**
 * struct removal - a command at work
 * @encl: the enclave
 * @addr: linear address of the first page
 * @len: in bytes
 * @done: in bytes
 * @nr: pages after these that are REMOVING
 * @pages: their records
 * @epc: their EPC pages
 */
struct removal {
	struct sgxdrv_encl *encl;
	unsigned long addr;
	unsigned long len;
	unsigned long done;
	unsigned int nr;
	struct sgxdrv_encl_page *pages[SGXDRV_BATCH_MAX];
	struct sgxdrv_epc_page *epc[SGXDRV_BATCH_MAX];
};

/* EMODPR faults on a trimmed page once the enclave has accepted that. */
static bool is_accepted(struct sgxdrv_encl_page *page)
{
	struct sgx_secinfo secinfo __aligned(64) = {
		.flags = SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_X,
	};
	unsigned int tries = 0;
	int ret;

	do {
		ret = sgxdrv_emodpr(&secinfo, page->epc->addr);
	} while (sgxdrv_is_conflict(ret) && sgxdrv_leaf_again(&tries));
	return ret == (SGXCPU_FAULT | X86_TRAP_PF);
}

/* Returns 0 with the page REMOVING. */
static int take_one(struct removal *r, unsigned long addr, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = r->encl;
	struct sgxdrv_encl_page *page;
	int ret;

	lockdep_assert_held(&encl->lock);

	page = sgxdrv_encl_lookup(encl, addr);
	if (!page)
		return -EFAULT;
	ret = sgxdrv_encl_make_resident(encl, page, wait);
	if (ret)
		return ret;
	if (page->type != SGX_PT_TRIM || !is_accepted(page))
		return -EPERM;
	page->state = SGXDRV_PAGE_REMOVING;
	r->pages[r->nr] = page;
	r->epc[r->nr++] = page->epc;
	page->epc = NULL;
	return 0;
}

static int take_some(struct removal *r, struct sgxdrv_wait *wait)
{
	unsigned long addr = r->addr + r->done, end = r->addr + r->len;
	struct sgxdrv_encl *encl = r->encl;
	int ret = 0;

	r->nr = 0;
	if (mutex_lock_killable(&encl->lock))
		return -EINTR;
	for (; addr < end && r->nr < SGXDRV_BATCH_MAX && !ret; addr += PAGE_SIZE)
		ret = take_one(r, addr, wait);
	mutex_unlock(&encl->lock);
	return ret;
}

static void forget(struct removal *r)
{
	struct sgxdrv_encl *encl = r->encl;
	unsigned int i;

	mutex_lock(&encl->lock);
	for (i = 0; i < r->nr; i++) {
		sgxdrv_encl_unlink(encl, r->pages[i]);
		sgxdrv_encl_wake(encl, r->pages[i]->addr);
	}
	mutex_unlock(&encl->lock);
	for (i = 0; i < r->nr; i++)
		sgxdrv_encl_page_free(r->pages[i]);
	sgxdrv_va_unreserve(encl, r->nr);
}

static void remove_some(struct removal *r)
{
	struct sgxdrv_encl *encl = r->encl;
	unsigned int i;

	if (!r->nr)
		return;
	sgxdrv_mapping_zap(encl, r->addr + r->done, r->nr * PAGE_SIZE);
	sgxdrv_delay_for(SGXDRV_DELAY_REMOVING, encl->id);
	for (i = 0; i < r->nr; i++) {
		sgxdrv_lru_del(r->epc[i]);
		sgxdrv_epc_free(r->epc[i], NULL);
	}
	sgxdrv_backing_drop(r->pages[0], r->nr);
	sgxdrv_count(encl, SGXDRV_COUNT_REMOVED, r->nr);
	forget(r);
	r->done += r->nr * PAGE_SIZE;
}

/*
 * Reclaimers stay away, since they would have pages in their hands that are forgotten
 * here. But not while this waits for what they have to do.
 */
static int remove_all(struct removal *r)
{
	struct sgxdrv_encl *encl = r->encl;
	struct sgxdrv_wait wait = {};
	int ret = 0;

	while (!ret && r->done < r->len) {
		ret = sgxdrv_encl_begin_reclaim(encl);
		if (ret)
			break;
		ret = take_some(r, &wait);
		remove_some(r);
		sgxdrv_encl_end_reclaim(encl);
		cond_resched();
		if (ret == -EAGAIN)
			ret = sgxdrv_encl_wait(encl, &wait);
		else if (!ret && r->done < r->len && signal_pending(current))
			ret = -EINTR;
	}
	sgxdrv_encl_wait_end(&wait);
	trace_sgxdrv_remove(encl->id, r->addr, r->done, ret);
	return ret == -ENOMEM ? -EFAULT : ret;
}

/**
 * sgxdrv_ioc_remove_pages() - EREMOVE pages
 * @encl: the enclave
 * @arg: struct sgx_enclave_remove_pages in user memory
 *
 * The count is written back once the arguments have been found valid. A signal ends the
 * work after some pages.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -ENODEV without SGX2; -EINVAL before INIT and for bad arguments; -EFAULT;
 * -EPERM for pages that the enclave has not agreed to lose; -ENOMEM; -EINTR; -EIO.
 */
long sgxdrv_ioc_remove_pages(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_remove_pages params;
	struct removal *r;
	int ret;

	if (!sgxdrv_has_sgx2())
		return -ENODEV;
	if (!test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		return -EINVAL;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;
	if (sgxdrv_check_range(encl, params.offset, params.length) || params.count)
		return -EINVAL;

	r = sgxdrv_should_fail() ? NULL : kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	r->encl = encl;
	r->addr = encl->base + params.offset;
	r->len = params.length;
	ret = remove_all(r);
	params.count = r->done;
	kfree(r);
	return copy_to_user(arg, &params, sizeof(params)) ? -EFAULT : ret;
}
