// SPDX-License-Identifier: GPL-2.0
/*
 * Pages come back: the one way to have the SECS and a page in the EPC.
 *
 * A page is LOADING while ELDU, which may have to wait for memory, runs without the enclave
 * lock. Other tasks that need the page wait for it; other pages are loaded beside.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "drv.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

/**
 * sgxdrv_encl_kill() - an enclave cannot go on
 * @encl: the enclave
 * @what: the leaf that has failed, or what else
 * @addr: for which page; 0: the SECS or none
 * @ret: its result
 *
 * From now on accesses end in SIGBUS, entries in #PF, commands in EIO. Reclaim drops
 * the pages when it comes by.
 *
 * Context: process context, may sleep; enclave lock held, so that no PTE is made any
 * more.
 */
void sgxdrv_encl_kill(struct sgxdrv_encl *encl, const char *what, unsigned long addr, int ret)
{
	lockdep_assert_held(&encl->lock);

	if (test_and_set_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return;
	sgxdrv_mapping_zap(encl, encl->base, encl->size);
	pr_err("enclave %llu at 0x%lx is lost: %s of page 0x%lx: %d (0x%x)\n", encl->id,
	       encl->base, what, addr, ret, ret);
	trace_sgxdrv_kill(encl->id, addr, ret);
}

static void kill_unlocked(struct sgxdrv_encl_page *page, const char *what, int ret)
{
	mutex_lock(&page->encl->lock);
	sgxdrv_encl_kill(page->encl, what, page->addr, ret);
	mutex_unlock(&page->encl->lock);
}

/* The SECS stays: the page counts as resident. */
static int eldu_once(struct sgxdrv_encl_page *page, struct sgxdrv_backing *backing)
{
	struct sgxdrv_encl *encl = page->encl;
	void *data = kmap_local_page(backing->data);
	void *pcmd = kmap_local_page(backing->pcmd) + backing->pcmd_offset;
	struct sgx_pageinfo pginfo __aligned(32) = {
		.linaddr = page->addr,
		.srcpge = (unsigned long)data,
		.secinfo = (unsigned long)pcmd,
	};
	int ret;

	if (page != &encl->secs)
		pginfo.secs = (unsigned long)encl->secs.epc->addr;
	ret = sgxdrv_eldu(&pginfo, page->epc->addr, sgxdrv_va_slot(page));
	kunmap_local(pcmd);
	kunmap_local(data);
	return ret;
}

static int eldu(struct sgxdrv_encl_page *page)
{
	struct sgxdrv_backing backing;
	unsigned int tries = 0;
	int ret;

	ret = sgxdrv_backing_get(page, &backing, 0);
	if (ret == -ENOMEM || ret == -EINTR)
		return ret;
	if (ret) {
		kill_unlocked(page, "backing memory", ret);
		return -EIO;
	}
	/* A #GP means that the leaf met another one, or the cipher had no memory. */
	do {
		ret = eldu_once(page, &backing);
	} while (sgxcpu_faulted(ret) && sgxdrv_leaf_again(&tries));
	sgxdrv_backing_put(&backing, false);
	if (!ret)
		return 0;
	kill_unlocked(page, "ELDU", ret);
	return -EIO;
}

/**
 * sgxdrv_encl_take_epc() - the EPC page that is in hand, or a free one
 * @encl: whom it is for
 * @wait: where one may be in hand; says what for if there is none
 *
 * Context: process context; waits for nothing.
 * Return: the page or NULL.
 */
struct sgxdrv_epc_page *sgxdrv_encl_take_epc(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait)
{
	struct sgxdrv_epc_page *epc = wait->epc ?: sgxdrv_epc_try_alloc(encl);

	wait->epc = NULL;
	if (!epc)
		wait->want = SGXDRV_WANT_EPC;
	return epc;
}

static int begin_load(struct sgxdrv_encl_page *page, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = page->encl;
	struct sgxdrv_epc_page *epc;

	lockdep_assert_held(&encl->lock);

	epc = sgxdrv_encl_take_epc(encl, wait);
	if (!epc)
		return -EAGAIN;
	page->epc = epc;
	page->state = SGXDRV_PAGE_LOADING;
	if (page != &encl->secs)
		atomic_long_inc(&encl->nr_resident);
	wait->loading = page;
	wait->want = SGXDRV_WANT_LOAD;
	return -EAGAIN;
}

static void end_load(struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;
	unsigned long addr = page->addr;
	bool va_empty;

	mutex_lock(&encl->lock);
	va_empty = sgxdrv_va_release(page);
	page->state = SGXDRV_PAGE_RESIDENT;
	sgxdrv_lru_add(page->epc, page);
	/* From here on a task may remove it. */
	mutex_unlock(&encl->lock);
	sgxdrv_encl_wake(encl, addr);
	sgxdrv_count(encl, SGXDRV_COUNT_ELDU, 1);
	trace_sgxdrv_load(encl->id, addr);
	if (va_empty)
		sgxdrv_va_unreserve(encl, 0);
}

static void cancel_load(struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;
	struct sgxdrv_epc_page *epc = page->epc;
	unsigned long addr = page->addr;

	page->epc = NULL;
	if (page != &encl->secs)
		atomic_long_dec(&encl->nr_resident);
	/* Pairs with the acquire in make_one_resident(). */
	smp_store_release(&page->state, SGXDRV_PAGE_EVICTED);
	sgxdrv_encl_wake(encl, addr);
	sgxdrv_epc_put(epc);
}

static int load(struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl_page *page = wait->loading;
	int ret;

	wait->loading = NULL;
	sgxdrv_delay_for(SGXDRV_DELAY_LOADING, page->encl->id);
	ret = eldu(page);
	if (ret)
		cancel_load(page);
	else
		end_load(page);
	return ret;
}

static int make_one_resident(struct sgxdrv_encl_page *page, struct sgxdrv_wait *wait)
{
	enum sgxdrv_page_state state;

	/* Before the state: a task that has seen it in vain must not miss the end of it. */
	wait->addr = page->addr;
	wait->seq = atomic_long_read_acquire(&page->encl->seq);
	/* Pairs with the release at the end of LEAVING and LOADING, which need no lock. */
	state = smp_load_acquire(&page->state);
	switch (state) {
	case SGXDRV_PAGE_RESIDENT:
		return 0;
	case SGXDRV_PAGE_EVICTED:
		return begin_load(page, wait);
	case SGXDRV_PAGE_LEAVING:
	case SGXDRV_PAGE_LOADING:
	case SGXDRV_PAGE_REMOVING:
		wait->want = SGXDRV_WANT_SEQ;
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/* As sgxdrv_encl_make_resident(), for what needs the SECS alone */
int sgxdrv_encl_make_secs_resident(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait)
{
	lockdep_assert_held(&encl->lock);

	if (test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return -EIO;
	return make_one_resident(&encl->secs, wait);
}

/**
 * sgxdrv_encl_make_resident() - have a page, and the SECS, in the EPC
 * @encl: the enclave
 * @page: a page of it
 * @wait: all zero at first
 *
 * Both stay as long as the enclave lock is held. On -EAGAIN drop it, call
 * sgxdrv_encl_wait(), look for the page again, and come back with the same @wait.
 * sgxdrv_encl_wait_end() comes last, whatever happened.
 *
 * Context: process context, enclave lock held.
 * Return: 0; -EAGAIN; -ENOMEM if memory for it cannot be had; -EIO if the enclave is
 * dead.
 */
int sgxdrv_encl_make_resident(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page,
			      struct sgxdrv_wait *wait)
{
	int ret;

	ret = sgxdrv_encl_make_secs_resident(encl, wait);
	return ret ? ret : make_one_resident(page, wait);
}

/**
 * sgxdrv_encl_demand() - the page that a user access needs, in the EPC
 * @encl: the enclave
 * @vma: mapping of it
 * @addr: linear address in @vma
 * @wait: as above
 *
 * If there is none, it comes about, and others after it in the same mapping.
 *
 * Context: process context, enclave lock held; the result is good while it is.
 * Return: the page; ERR_PTR(-EFAULT) if there is none and cannot be, the VMA allows more
 * than the page, or mremap() has brought the VMA from elsewhere; or an error of
 * sgxdrv_encl_make_resident().
 */
struct sgxdrv_encl_page *sgxdrv_encl_demand(struct sgxdrv_encl *encl, struct vm_area_struct *vma,
					    unsigned long addr, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl_page *page;
	int ret;

	lockdep_assert_held(&encl->lock);

	if (vma->vm_pgoff != PFN_DOWN(vma->vm_start))
		return ERR_PTR(-EFAULT);
	addr &= PAGE_MASK;
	if (wait->augment && !sgxdrv_encl_lookup(encl, addr)) {
		page = sgxdrv_augment(encl, addr, wait);
		if (!IS_ERR(page))
			sgxdrv_augment_more(encl, addr, vma->vm_end);
		return page;
	}
	page = sgxdrv_encl_find(encl, vma, addr);
	if (!page)
		return ERR_PTR(-EFAULT);
	ret = sgxdrv_encl_make_resident(encl, page, wait);
	return ret ? ERR_PTR(ret) : page;
}

static int wait_for_epc(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait)
{
	struct sgxdrv_epc_page *epc = sgxdrv_epc_alloc(encl, TASK_KILLABLE);

	if (IS_ERR(epc))
		return PTR_ERR(epc);
	wait->epc = epc;
	return 0;
}

/**
 * sgxdrv_encl_wait() - wait for what sgxdrv_encl_make_resident() did not have
 * @encl: the enclave, which cannot go away
 * @wait: what for
 *
 * Context: process context; no lock but perhaps an mmap_lock held for reading.
 * Return: 0; -ENOMEM if no EPC page, or no memory for the contents, can be had; -EIO if a
 * leaf fails; -EINTR to a task that is killed.
 */
int sgxdrv_encl_wait(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait)
{
	int ret;

	if (wait->want != SGXDRV_WANT_LOAD)
		sgxdrv_count(encl, SGXDRV_COUNT_WAITS, 1);
	switch (wait->want) {
	case SGXDRV_WANT_EPC:
		ret = wait_for_epc(encl, wait);
		break;
	case SGXDRV_WANT_SLOT:
		ret = sgxdrv_va_add(encl, TASK_KILLABLE);
		break;
	case SGXDRV_WANT_LOAD:
		return load(wait);
	default:
		ret = sgxdrv_encl_wait_for_page(encl, wait->addr, wait->seq);
	}
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/* Gives back what is in hand: also a page that is LOADING, if the wait was left out. */
void sgxdrv_encl_wait_end(struct sgxdrv_wait *wait)
{
	if (wait->loading)
		cancel_load(wait->loading);
	wait->loading = NULL;
	if (wait->epc)
		sgxdrv_epc_put(wait->epc);
	wait->epc = NULL;
}

static int try_load(struct sgxdrv_encl *encl, unsigned long addr, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl_page *page;
	int ret = 0;

	if (mutex_lock_killable(&encl->lock))
		return -EINTR;
	page = sgxdrv_encl_lookup(encl, addr);
	if (page)
		ret = sgxdrv_encl_make_resident(encl, page, wait);
	else if (wait->augment)
		ret = PTR_ERR_OR_ZERO(sgxdrv_augment(encl, addr & PAGE_MASK, wait));
	mutex_unlock(&encl->lock);
	return ret;
}

/**
 * sgxdrv_encl_load_unlocked() - wait for a page without the mmap_lock
 * @vma: mapping of the enclave; must not be used afterwards
 * @addr: linear address of the page
 * @wait: after -EAGAIN of sgxdrv_encl_make_resident()
 *
 * Context: process context, may sleep; mmap_lock held for reading, released.
 * Return: 0 if the page was resident, for a moment at least; -ENOMEM; -EIO; -EINTR to a
 * task that is killed.
 */
int sgxdrv_encl_load_unlocked(struct vm_area_struct *vma, unsigned long addr,
			      struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_of(vma);
	struct file *file = get_file(vma->vm_file);
	int ret;

	mmap_read_unlock(vma->vm_mm);
	do {
		ret = sgxdrv_encl_wait(encl, wait);
		if (!ret)
			ret = try_load(encl, addr, wait);
	} while (ret == -EAGAIN);
	sgxdrv_encl_wait_end(wait);
	fput(file);
	return ret;
}
