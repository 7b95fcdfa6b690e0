// SPDX-License-Identifier: GPL-2.0
/*
 * How long an enclave lives in a process: from the first mapping, or in a child
 * of fork the first use of one, to the exit of the process or the end of the
 * file, whichever comes first. Nothing is counted per VMA, so VMAs merge; the
 * price is an entry that stays when the last VMA of a process goes before both.
 *
 * A process that has VMAs of enclaves has one mmu_notifier, whatever their
 * number. Its release() is the exit.
 *
 * Lock order: mmap_lock, sgxdrv_mm.lock, sgxdrv_encl.mm_lock.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "inject.h"
#include "trace.h"

/**
 * struct sgxdrv_mm - a process with enclaves
 * @mn: registered with the process; each entry is a user of it
 * @lock: protects @entries
 * @entries: struct tracked_mm, not yet popped by release() or a drain
 */
struct sgxdrv_mm {
	struct mmu_notifier mn;
	spinlock_t lock;
	struct list_head entries;
};

/**
 * struct tracked_mm - an entry, as this file makes them
 * @encl_mm: the part that the list knows
 * @smm: its process; constant
 * @node: in @smm->entries; protected by @smm->lock. Once release() has made the
 *	entry its own, on a list of release()'s
 */
struct tracked_mm {
	struct sgxdrv_encl_mm encl_mm;
	struct sgxdrv_mm *smm;
	struct list_head node;
};

static atomic_t nr_mms;		/* struct sgxdrv_mm; module exit waits for 0 */

static struct tracked_mm *tracked_mm_of(struct sgxdrv_encl_mm *encl_mm)
{
	return container_of(encl_mm, struct tracked_mm, encl_mm);
}

static struct mmu_notifier *sgxdrv_mm_alloc_notifier(struct mm_struct *mm)
{
	struct sgxdrv_mm *smm;

	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);
	smm = kzalloc(sizeof(*smm), GFP_KERNEL_ACCOUNT);
	if (!smm)
		return ERR_PTR(-ENOMEM);

	spin_lock_init(&smm->lock);
	INIT_LIST_HEAD(&smm->entries);
	atomic_inc(&nr_mms);
	/* A signal now, and the registration fails. */
	sgxdrv_delay(SGXDRV_DELAY_REGISTER);
	return &smm->mn;
}

/* Also runs between callbacks of the core's SRCU, with bottom halves off. */
static void sgxdrv_mm_free_notifier(struct mmu_notifier *mn)
{
	struct sgxdrv_mm *smm = container_of(mn, struct sgxdrv_mm, mn);

	WARN_ON_ONCE(!list_empty(&smm->entries));
	kfree(smm);
	if (atomic_dec_and_test(&nr_mms))
		wake_up_var(&nr_mms);
}

/* Pops all entries; those that no drain has been faster with go to @owned. */
static void disown(struct sgxdrv_mm *smm, struct list_head *owned)
{
	struct tracked_mm *entry, *tmp;

	/* A drain pops before it frees, so what is found here cannot go away. */
	spin_lock(&smm->lock);
	list_for_each_entry_safe(entry, tmp, &smm->entries, node) {
		list_del_init(&entry->node);
		if (sgxdrv_encl_mm_unlink(&entry->encl_mm))
			list_add_tail(&entry->node, owned);
	}
	spin_unlock(&smm->lock);
}

/*
 * The process exits: no thread of it runs any more, its VMAs are still there.
 * Runs in a read section of the core's SRCU, so @mn stays.
 */
static void sgxdrv_mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct sgxdrv_mm *smm = container_of(mn, struct sgxdrv_mm, mn);
	struct tracked_mm *entry, *tmp;
	LIST_HEAD(owned);

	disown(smm, &owned);
	sgxdrv_delay(SGXDRV_DELAY_RELEASE);
	list_for_each_entry_safe(entry, tmp, &owned, node) {
		trace_sgxdrv_mm_release(entry->encl_mm.encl->id);
		sgxdrv_encl_mm_free(&entry->encl_mm);
	}
}

static const struct mmu_notifier_ops notifier_ops = {
	.release	= sgxdrv_mm_release,
	.alloc_notifier	= sgxdrv_mm_alloc_notifier,
	.free_notifier	= sgxdrv_mm_free_notifier,
};

/* A loader maps one segment after the other: its entry is the latest. */
static bool has_latest_entry(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct sgxdrv_encl_mm *latest;
	bool found;

	spin_lock(&encl->mm_lock);
	latest = list_first_entry_or_null(&encl->mm_list, struct sgxdrv_encl_mm, list);
	found = latest && latest->mm == mm;
	spin_unlock(&encl->mm_lock);
	return found;
}

static bool has_entry(struct sgxdrv_mm *smm, struct sgxdrv_encl *encl)
{
	struct tracked_mm *entry;
	bool found = false;

	spin_lock(&smm->lock);
	list_for_each_entry(entry, &smm->entries, node) {
		found = entry->encl_mm.encl == encl;
		if (found)
			break;
	}
	spin_unlock(&smm->lock);
	return found;
}

/* The reference to @smm becomes the entry's. */
static int add_entry(struct sgxdrv_mm *smm, struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct tracked_mm *entry;

	if (sgxdrv_should_fail())
		return -ENOMEM;
	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;

	entry->smm = smm;
	spin_lock(&smm->lock);
	list_add(&entry->node, &smm->entries);
	sgxdrv_encl_mm_link(&entry->encl_mm, encl, mm);
	spin_unlock(&smm->lock);
	return 0;
}

/* Write mmap_lock held: two entries for one process cannot come up at a time. */
static int track(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	struct mmu_notifier *mn;
	struct sgxdrv_mm *smm;
	int ret = 0;

	if (has_latest_entry(encl, mm))
		return 0;

	mn = mmu_notifier_get_locked(&notifier_ops, mm);
	if (IS_ERR(mn))
		return PTR_ERR(mn);

	smm = container_of(mn, struct sgxdrv_mm, mn);
	if (!has_entry(smm, encl)) {
		ret = add_entry(smm, encl, mm);
		if (!ret)
			return 0;
	}
	mmu_notifier_put(mn);
	return ret;
}

/*
 * The core gives up a registration when a signal is pending. A page fault in a
 * system call cannot go back to have it delivered, and a program whose timer is
 * faster than the registration would never get its mapping; so signals wait.
 */
static int track_undisturbed(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	bool notify = test_and_clear_thread_flag(TIF_NOTIFY_SIGNAL);
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	ret = track(encl, mm);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (notify)
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	return ret;
}

/**
 * sgxdrv_vma_track() - see to it that the process of a VMA has its entry
 * @vma: mapping of an enclave
 *
 * Context: process context, may sleep; write mmap_lock of the process held.
 * Return: 0; -ENOMEM; -EINTR if work for the task has come in, as signals do, and
 * this is the first enclave of the process: worth another try.
 */
int sgxdrv_vma_track(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	int ret;

	lockdep_assert_held_write(&mm->mmap_lock);

	ret = track(sgxdrv_encl_of(vma), mm);
	if (ret == -EINTR)
		ret = track_undisturbed(sgxdrv_encl_of(vma), mm);
	if (!ret)
		vma->vm_private_data = mm;
	return ret;
}

/**
 * sgxdrv_vma_tracked() - is it known that the process has its entry?
 * @vma: mapping of an enclave
 *
 * A VMA that has come about by a merge may not know what one of its parts knew.
 *
 * Context: mmap_lock of the process held. The answer stays right as long as the VMA
 * is there: neither exit nor the end of the file can come before it goes.
 */
bool sgxdrv_vma_tracked(const struct vm_area_struct *vma)
{
	return vma->vm_private_data == vma->vm_mm;
}

/*
 * A copy, by fork, split or move. A child has no PTEs yet, and no entry: it gets
 * one at the first fault, where failure can be dealt with, and most children
 * never have one. Must not stay marked: mm_structs are reused.
 */
void sgxdrv_vma_open(struct vm_area_struct *vma)
{
	if (vma->vm_private_data != vma->vm_mm)
		vma->vm_private_data = NULL;
}

/**
 * sgxdrv_encl_mm_drain() - end all entries of an enclave
 * @encl: its file is at the end, so it has no VMAs and gets no more entries
 *
 * What is left are processes that had a VMA once. Waits for nothing.
 *
 * Context: any task context.
 */
void sgxdrv_encl_mm_drain(struct sgxdrv_encl *encl)
{
	struct sgxdrv_encl_mm *encl_mm;

	while ((encl_mm = sgxdrv_encl_mm_unlink_first(encl))) {
		struct tracked_mm *entry = tracked_mm_of(encl_mm);

		sgxdrv_delay(SGXDRV_DELAY_DRAIN);
		spin_lock(&entry->smm->lock);
		list_del_init(&entry->node);
		spin_unlock(&entry->smm->lock);
		trace_sgxdrv_mm_drain(encl->id);
		sgxdrv_encl_mm_free(encl_mm);
	}
}

/**
 * sgxdrv_encl_mm_destroy() - give back what an entry has of its process
 * @encl_mm: nobody knows it any more; freed
 *
 * Context: process context, may sleep.
 */
void sgxdrv_encl_mm_destroy(struct sgxdrv_encl_mm *encl_mm)
{
	struct tracked_mm *entry = tracked_mm_of(encl_mm);

	mmu_notifier_put(&entry->smm->mn);
	kfree(entry);
}

/* All enclaves are gone, hence all entries; notifiers may wait for a grace period. */
void sgxdrv_track_exit(void)
{
	wait_var_event(&nr_mms, !atomic_read(&nr_mms));
	mmu_notifier_synchronize();
	/* The callback that took the count to 0 has bottom halves off till it returns. */
	synchronize_rcu();
}
