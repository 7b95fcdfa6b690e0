// SPDX-License-Identifier: GPL-2.0
/*
 * Version arrays: EPC pages with room for the versions of 512 evicted pages each.
 *
 * An eviction must not need an EPC page. So each page of an enclave has a slot
 * reserved from before it is added, and which one it is shows when it is evicted.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "limit.h"
#include "paging.h"

#define VA_SLOTS	512
#define SLOT_SIZE	8

/* More than half a page of slots unused beside a whole one: then that one goes. */
#define SLACK		(VA_SLOTS / 2)

/**
 * struct sgxdrv_va_page - a VA page
 * @list: in the enclave's
 * @epc: its EPC page
 * @used: number of bits in @slots
 * @slots: which are
 *
 * All protected by the enclave lock.
 */
struct sgxdrv_va_page {
	struct list_head list;
	struct sgxdrv_epc_page *epc;
	unsigned int used;
	DECLARE_BITMAP(slots, VA_SLOTS);
};

static bool are_all_reserved(const struct sgxdrv_encl *encl)
{
	lockdep_assert_held(&encl->lock);

	return encl->nr_slots == encl->nr_va * VA_SLOTS;
}

/**
 * sgxdrv_va_try_reserve() - make sure of a slot for one more page
 * @encl: the enclave
 *
 * Context: process context, enclave lock held. sgxdrv_va_cancel() takes it back.
 * Return: false if it takes another VA page: sgxdrv_va_add().
 */
bool sgxdrv_va_try_reserve(struct sgxdrv_encl *encl)
{
	if (are_all_reserved(encl))
		return false;
	encl->nr_slots++;
	return true;
}

/* The page has not come about, and the lock not been dropped. */
void sgxdrv_va_cancel(struct sgxdrv_encl *encl)
{
	lockdep_assert_held(&encl->lock);

	encl->nr_slots--;
}

/* Returns a VA page or an ERR_PTR(). */
static struct sgxdrv_va_page *alloc_va(struct sgxdrv_encl *encl, unsigned int state)
{
	struct sgxdrv_va_page *va;
	int ret;

	va = sgxdrv_should_fail() ? NULL : kzalloc(sizeof(*va), GFP_KERNEL_ACCOUNT);
	if (!va)
		return ERR_PTR(-ENOMEM);
	ret = sgxdrv_epc_pin(encl, state);
	if (ret)
		goto err_free;
	va->epc = sgxdrv_epc_alloc(encl, state);
	if (IS_ERR(va->epc)) {
		ret = PTR_ERR(va->epc);
		goto err_unpin;
	}
	if (sgxdrv_epa(va->epc->addr)) {
		ret = -EIO;
		goto err_put_epc;
	}
	return va;

err_put_epc:
	sgxdrv_epc_put(va->epc);
err_unpin:
	sgxdrv_unpin(encl);
err_free:
	kfree(va);
	return ERR_PTR(ret);
}

static void free_va(struct sgxdrv_encl *encl, struct sgxdrv_va_page *va)
{
	sgxdrv_unpin(encl);
	sgxdrv_epc_free(va->epc, NULL);
	kfree(va);
}

/**
 * sgxdrv_va_add() - add a VA page if all slots are reserved
 * @encl: the enclave
 * @state: TASK_INTERRUPTIBLE or TASK_KILLABLE: which signals end a wait
 *
 * Several threads may find that there is no slot left; one page is enough for all.
 *
 * Context: process context, may sleep long; no lock but perhaps an mmap_lock held for
 * reading.
 * Return: 0; -ENOMEM, also if the user has too many VA pages; -ERESTARTSYS; -EIO if EPA
 * fails.
 */
int sgxdrv_va_add(struct sgxdrv_encl *encl, unsigned int state)
{
	struct sgxdrv_va_page *va = alloc_va(encl, state);

	if (IS_ERR(va))
		return PTR_ERR(va);
	mutex_lock(&encl->lock);
	if (are_all_reserved(encl)) {
		list_add_tail(&va->list, &encl->va_pages);
		encl->nr_va++;
		va = NULL;
	}
	mutex_unlock(&encl->lock);
	if (va)
		free_va(encl, va);
	return 0;
}

/**
 * sgxdrv_va_reserve() - make sure of a slot for one more page
 * @encl: the enclave
 *
 * Context: process context, may sleep; no lock held.
 * Return: 0 or an error of sgxdrv_va_add().
 */
int sgxdrv_va_reserve(struct sgxdrv_encl *encl)
{
	bool done;
	int ret;

	for (;;) {
		mutex_lock(&encl->lock);
		done = sgxdrv_va_try_reserve(encl);
		mutex_unlock(&encl->lock);
		if (done)
			return 0;
		ret = sgxdrv_va_add(encl, TASK_INTERRUPTIBLE);
		if (ret)
			return ret;
	}
}

/* The last one that is empty, if the slots of the others are enough for all */
static struct sgxdrv_va_page *take_spare(struct sgxdrv_encl *encl)
{
	struct sgxdrv_va_page *va;

	lockdep_assert_held(&encl->lock);

	if (encl->nr_slots && encl->nr_slots + SLACK > (encl->nr_va - 1) * VA_SLOTS)
		return NULL;
	list_for_each_entry_reverse(va, &encl->va_pages, list) {
		if (va->used)
			continue;
		list_del(&va->list);
		encl->nr_va--;
		return va;
	}
	return NULL;
}

/**
 * sgxdrv_va_unreserve() - pages have gone, have not come about, or left a VA page empty
 * @encl: the enclave
 * @nr: number of pages that need no slot any more, SGXDRV_BATCH_MAX at most
 *
 * Context: process context, may sleep; no lock but perhaps an mmap_lock held for reading.
 */
void sgxdrv_va_unreserve(struct sgxdrv_encl *encl, unsigned int nr)
{
	struct sgxdrv_va_page *va;

	BUILD_BUG_ON(SGXDRV_BATCH_MAX > VA_SLOTS);

	mutex_lock(&encl->lock);
	encl->nr_slots -= nr;
	va = take_spare(encl);
	mutex_unlock(&encl->lock);
	if (va)
		free_va(encl, va);
}

/**
 * sgxdrv_va_take() - give a page its slot
 * @encl: the enclave
 * @page: to be evicted; gets @va and @slot
 *
 * Pages that come first fill up first, so that the last ones become empty.
 *
 * Context: process context, enclave lock held.
 * Return: false if there is none, which a reservation rules out.
 */
bool sgxdrv_va_take(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page)
{
	struct sgxdrv_va_page *va;

	lockdep_assert_held(&encl->lock);

	list_for_each_entry(va, &encl->va_pages, list) {
		if (va->used == VA_SLOTS)
			continue;
		page->va = va;
		page->slot = find_first_zero_bit(va->slots, VA_SLOTS);
		__set_bit(page->slot, va->slots);
		va->used++;
		return true;
	}
	WARN_ON_ONCE(1);
	return false;
}

/**
 * sgxdrv_va_release() - take a page's slot back
 * @page: loaded, or not evicted after all
 *
 * Context: process context, enclave lock held.
 * Return: whether the VA page is empty now, so that it may be spare: sgxdrv_va_unreserve().
 */
bool sgxdrv_va_release(struct sgxdrv_encl_page *page)
{
	struct sgxdrv_va_page *va = page->va;

	lockdep_assert_held(&page->encl->lock);

	__clear_bit(page->slot, va->slots);
	page->va = NULL;
	return !--va->used;
}

/* Operand of EWB and ELDU */
void *sgxdrv_va_slot(const struct sgxdrv_encl_page *page)
{
	return page->va->epc->addr + page->slot * SLOT_SIZE;
}

/**
 * sgxdrv_va_destroy() - give all VA pages back
 * @encl: an enclave that nobody knows any more
 *
 * Context: process context, may sleep.
 */
void sgxdrv_va_destroy(struct sgxdrv_encl *encl)
{
	struct sgxdrv_va_page *va, *next;

	list_for_each_entry_safe(va, next, &encl->va_pages, list) {
		list_del(&va->list);
		free_va(encl, va);
	}
}
