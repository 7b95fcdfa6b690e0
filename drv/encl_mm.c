// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes an enclave lives in: one entry per (enclave, mm), counted per
 * VMA.
 *
 * An mm gains its first VMA of an enclave under its write mmap_lock (mmap, fork,
 * mremap), so two entries for one mm cannot come up at a time. VMAs go away
 * under the mmap_lock, for reading too, or when nobody else has the mm; the count
 * and the list are therefore always changed under mm_lock.
 *
 * The list is walked under the enclave's SRCU, by readers that own nothing on
 * it: whoever takes an entry off the list frees it after the grace period.
 */
#include <linux/kref.h>
#include <linux/mmap_lock.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include "encl.h"
#include "encl_mm.h"
#include "inject.h"
#include "trace.h"

/**
 * struct sgxdrv_encl_mm - an enclave is mapped in a process
 * @encl: the enclave; a reference is held from before the entry is on the list
 *	until it is freed; constant
 * @mm: the process; a reference to the structure, not to the address space, is
 *	held for walkers; constant
 * @ref: VMAs of @mm that map @encl; at zero the entry leaves the list; changed
 *	under mm_lock
 * @list: in sgxdrv_encl.mm_list; changed under mm_lock, walked under srcu
 * @rcu: the wait for walkers
 * @free_work: what follows the wait
 */
struct sgxdrv_encl_mm {
	struct sgxdrv_encl *encl;
	struct mm_struct *mm;
	struct kref ref;
	struct list_head list;
	struct rcu_head rcu;
	struct work_struct free_work;
};

static void sgxdrv_encl_mm_free_work(struct work_struct *work)
{
	struct sgxdrv_encl_mm *encl_mm = container_of(work, struct sgxdrv_encl_mm, free_work);
	struct sgxdrv_encl *encl = encl_mm->encl;

	trace_sgxdrv_mm_free(encl->id);
	mmdrop(encl_mm->mm);
	kfree(encl_mm);
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

	INIT_WORK(&encl_mm->free_work, sgxdrv_encl_mm_free_work);
	sgxdrv_encl_queue(&encl_mm->free_work);
}

/* By whoever has taken the entry off the list; the wait for walkers is not his. */
static void free_owned(struct sgxdrv_encl_mm *encl_mm)
{
	call_srcu(&encl_mm->encl->srcu, &encl_mm->rcu, free_deferred);
}

static struct sgxdrv_encl_mm *find_locked(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *encl_mm;

	lockdep_assert_held(&encl->mm_lock);

	list_for_each_entry(encl_mm, &encl->mm_list, list) {
		if (encl_mm->mm == mm)
			return encl_mm;
	}
	return NULL;
}

static bool count_vma(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *encl_mm;

	spin_lock(&encl->mm_lock);
	encl_mm = find_locked(encl, mm);
	if (encl_mm)
		kref_get(&encl_mm->ref);
	spin_unlock(&encl->mm_lock);
	return encl_mm;
}

static void publish(struct sgxdrv_encl_mm *encl_mm, struct sgxdrv_encl *encl,
		    struct mm_struct *mm)
{
	lockdep_assert_held_write(&mm->mmap_lock);

	sgxdrv_encl_get(encl);
	mmgrab(mm);
	encl_mm->encl = encl;
	encl_mm->mm = mm;
	kref_init(&encl_mm->ref);

	spin_lock(&encl->mm_lock);
	list_add_rcu(&encl_mm->list, &encl->mm_list);
	spin_unlock(&encl->mm_lock);
	trace_sgxdrv_mm_add(encl->id);
}

/**
 * sgxdrv_encl_mm_add() - count a VMA that mmap makes
 * @encl: the enclave
 * @mm: the process
 *
 * Context: process context, may sleep; write mmap_lock of @mm held.
 * Return: 0 or -ENOMEM.
 */
int sgxdrv_encl_mm_add(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *encl_mm;

	if (count_vma(encl, mm))
		return 0;

	if (sgxdrv_should_fail())
		return -ENOMEM;
	encl_mm = kzalloc(sizeof(*encl_mm), GFP_KERNEL_ACCOUNT);
	if (!encl_mm)
		return -ENOMEM;

	publish(encl_mm, encl, mm);
	return 0;
}

/**
 * sgxdrv_encl_mm_dup() - count a VMA that is a copy of another one
 * @encl: the enclave
 * @mm: the process, a child of the one that has the original, or the same
 *
 * Must not fail: vm_ops->open() has no way to say so, and a child with a mapping
 * that nobody tracks is worse than one that waits for a few bytes.
 *
 * Context: process context, may sleep; write mmap_lock of @mm held.
 */
void sgxdrv_encl_mm_dup(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	if (count_vma(encl, mm))
		return;

	publish(kzalloc(sizeof(struct sgxdrv_encl_mm), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL),
		encl, mm);
}

static void unlink_locked(struct kref *ref)
{
	struct sgxdrv_encl_mm *encl_mm = container_of(ref, struct sgxdrv_encl_mm, ref);

	lockdep_assert_held(&encl_mm->encl->mm_lock);
	list_del_rcu(&encl_mm->list);
}

/**
 * sgxdrv_encl_mm_del() - a VMA is gone
 * @encl: the enclave
 * @mm: the process
 *
 * Context: any task context.
 */
void sgxdrv_encl_mm_del(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *encl_mm;
	bool last = false;

	spin_lock(&encl->mm_lock);
	encl_mm = find_locked(encl, mm);
	if (!WARN_ON_ONCE(!encl_mm))
		last = kref_put(&encl_mm->ref, unlink_locked);
	spin_unlock(&encl->mm_lock);
	if (!last)
		return;

	trace_sgxdrv_mm_release(encl->id);
	free_owned(encl_mm);
}

static void visit(struct mm_struct *mm, sgxdrv_mm_fn fn, void *data)
{
	if (!mmget_not_zero(mm))
		return;

	fn(mm, data);
	/* Taking apart an address space here would hold up the grace period. */
	mmput_async(mm);
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
