// SPDX-License-Identifier: GPL-2.0
/*
 * The list of processes an enclave lives in: one entry per (enclave, mm).
 *
 * The list is walked under the enclave's SRCU, by readers that own nothing on
 * it. Whoever takes an entry off the list owns it, and frees it after the grace
 * period. That may be two parties at a time, the exit of the process and the end
 * of the file: @linked, under mm_lock, makes it one.
 */
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "encl.h"
#include "encl_mm.h"
#include "inject.h"
#include "trace.h"

static void sgxdrv_encl_mm_free_work(struct work_struct *work)
{
	struct sgxdrv_encl_mm *encl_mm = container_of(work, struct sgxdrv_encl_mm, free_work);
	struct sgxdrv_encl *encl = encl_mm->encl;
	struct mm_struct *mm = encl_mm->mm;

	trace_sgxdrv_mm_free(encl->id);
	sgxdrv_encl_mm_destroy(encl_mm);
	mmdrop(mm);
	sgxdrv_encl_put(encl);
}

/*
 * Runs with bottom halves off, between callbacks of others: the end of an
 * enclave, which the last reference brings about, and the end of an mm have to
 * happen elsewhere.
 */
static void free_deferred(struct rcu_head *rcu)
{
	struct sgxdrv_encl_mm *encl_mm = container_of(rcu, struct sgxdrv_encl_mm, rcu);

	sgxdrv_delay(SGXDRV_DELAY_FREE);
	INIT_WORK(&encl_mm->free_work, sgxdrv_encl_mm_free_work);
	sgxdrv_encl_queue(&encl_mm->free_work);
}

/**
 * sgxdrv_encl_mm_free() - free an entry, once no walker can be looking at it
 * @encl_mm: off the list; the caller owns it
 *
 * Context: any; the wait happens elsewhere.
 */
void sgxdrv_encl_mm_free(struct sgxdrv_encl_mm *encl_mm)
{
	call_srcu(&encl_mm->encl->srcu, &encl_mm->rcu, free_deferred);
}

/**
 * sgxdrv_encl_mm_link() - put an entry on the list
 * @encl_mm: a new entry
 * @encl: the enclave
 * @mm: the process, which has no entry for @encl
 *
 * Context: any task context.
 */
void sgxdrv_encl_mm_link(struct sgxdrv_encl_mm *encl_mm, struct sgxdrv_encl *encl,
			 struct mm_struct *mm)
{
	sgxdrv_encl_get(encl);
	mmgrab(mm);
	encl_mm->encl = encl;
	encl_mm->mm = mm;
	encl_mm->linked = true;

	spin_lock(&encl->mm_lock);
	list_add_rcu(&encl_mm->list, &encl->mm_list);
	spin_unlock(&encl->mm_lock);
	trace_sgxdrv_mm_add(encl->id);
}

static void unlink_locked(struct sgxdrv_encl_mm *encl_mm)
{
	lockdep_assert_held(&encl_mm->encl->mm_lock);

	encl_mm->linked = false;
	list_del_rcu(&encl_mm->list);
}

/**
 * sgxdrv_encl_mm_unlink() - take an entry off the list
 * @encl_mm: an entry that cannot be freed meanwhile
 *
 * Context: any task context.
 * Return: true if the caller owns the entry now, false if somebody else does.
 */
bool sgxdrv_encl_mm_unlink(struct sgxdrv_encl_mm *encl_mm)
{
	struct sgxdrv_encl *encl = encl_mm->encl;
	bool owned;

	spin_lock(&encl->mm_lock);
	owned = encl_mm->linked;
	if (owned)
		unlink_locked(encl_mm);
	spin_unlock(&encl->mm_lock);
	return owned;
}

/**
 * sgxdrv_encl_mm_unlink_first() - take some entry off the list
 * @encl: the enclave
 *
 * Context: any task context.
 * Return: an entry, which the caller owns, or NULL if the list is empty.
 */
struct sgxdrv_encl_mm *sgxdrv_encl_mm_unlink_first(struct sgxdrv_encl *encl)
{
	struct sgxdrv_encl_mm *encl_mm;

	spin_lock(&encl->mm_lock);
	encl_mm = list_first_entry_or_null(&encl->mm_list, struct sgxdrv_encl_mm, list);
	if (encl_mm)
		unlink_locked(encl_mm);
	spin_unlock(&encl->mm_lock);
	return encl_mm;
}

static void visit(struct mm_struct *mm, sgxdrv_mm_fn fn, void *data)
{
	if (!mmget_not_zero(mm))
		return;

	fn(mm, data);
	sgxdrv_delay(SGXDRV_DELAY_PINNED);
	/* Taking apart an address space here would hold up the grace period. */
	mmput_async(mm);
	sgxdrv_delay(SGXDRV_DELAY_WALK);
}

/**
 * sgxdrv_encl_mm_walk() - call a function for each process an enclave lives in
 * @encl: the enclave; the caller holds a reference
 * @fn: called with the address space pinned. Runs in a read section that the end
 *	of every entry waits for, so it must not wait for an mmap_lock
 * @data: for @fn
 *
 * Processes that come or go meanwhile may be missed or met; one that is exiting is
 * passed over.
 *
 * Context: process context, may sleep; no mmap_lock held.
 */
void sgxdrv_encl_mm_walk(struct sgxdrv_encl *encl, sgxdrv_mm_fn fn, void *data)
{
	struct sgxdrv_encl_mm *encl_mm;
	int idx;

	idx = srcu_read_lock(&encl->srcu);
	list_for_each_entry_srcu(encl_mm, &encl->mm_list, list, srcu_read_lock_held(&encl->srcu))
		visit(encl_mm->mm, fn, data);
	srcu_read_unlock(&encl->srcu, idx);
}
