// SPDX-License-Identifier: GPL-2.0
/*
 * The enclave object: life, index of pages, asynchronous teardown.
 *
 * References are held by the file and by each process entry (encl_mm.c). The
 * last one to go may be dropped in close(), in munmap() or in exit, so it only
 * queues the teardown. Once the file is gone the others follow by themselves.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <softsgx/cpu.h>

#include "encl.h"
#include "encl_mm.h"
#include "epc.h"
#include "inject.h"
#include "limit.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

/* Pages between two looks at the scheduler, or at waiters for the lock */
#define BATCH	512

static struct workqueue_struct *release_wq;	/* constant after load */
static struct kmem_cache *page_cache;		/* constant after load */
static DEFINE_XARRAY_FLAGS(encls, XA_FLAGS_ACCOUNT);	/* all that exist, by number */
static atomic64_t next_id;
static atomic_t nr_encls;			/* module exit waits for 0 */

/* Enclaves that exist, those being torn down included */
int sgxdrv_encl_count(void)
{
	return atomic_read(&nr_encls);
}

/* While a child is resident so is the SECS. */
static void remove_epc(struct sgxdrv_encl_page *page)
{
	if (!page->epc)
		return;
	sgxdrv_lru_del(page->epc);
	sgxdrv_epc_free(page->epc, page->encl->secs.epc->addr);
}

static void remove_pages(struct sgxdrv_encl *encl)
{
	struct sgxdrv_encl_page *page;
	unsigned long index, n = 0;

	xa_for_each(&encl->pages, index, page) {
		xa_erase(&encl->pages, index);
		encl->nr_pages--;
		remove_epc(page);
		sgxdrv_encl_page_free(page);
		if (!(++n % BATCH))
			cond_resched();
	}
}

static void free_encl(struct sgxdrv_encl *encl)
{
	cleanup_srcu_struct(&encl->srcu);
	iput(encl->inode);
	free_cpumask_var(encl->ioctl_cpus);
	free_cpumask_var(encl->cpus);
	kfree(encl->batch);
	mem_cgroup_put(encl->memcg);
	sgxdrv_user_put(encl->user);
	kfree(encl);
}

/*
 * Nothing else knows the enclave any more: no file, so no VMA and no PTE. Its
 * threads may still run on what their TLBs and the processor remember.
 */
static void sgxdrv_encl_release_work(struct work_struct *work)
{
	struct sgxdrv_encl *encl = container_of(work, struct sgxdrv_encl, release_work);

	trace_sgxdrv_encl_release(encl->id, encl->nr_pages);
	sgxdrv_delay(SGXDRV_DELAY_TEARDOWN);

	/* INIT has not seen to it. */
	if (test_bit(SGXDRV_ENCL_CREATED, &encl->flags) &&
	    !test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		sgxdrv_unpin(encl);
	if (encl->secs.epc)
		sgxcpu_unmapped(encl->secs.epc->addr);
	sgxdrv_encl_not_refused(encl);
	remove_pages(encl);
	remove_epc(&encl->secs);
	sgxdrv_va_destroy(encl);
	sgxdrv_backing_destroy(encl);
	WARN_ON_ONCE(encl->nr_pages);
	WARN_ON_ONCE(!list_empty(&encl->mm_list));
	xa_destroy(&encl->pages);
	mtree_destroy(&encl->manual);
	mutex_destroy(&encl->lock);
	xa_erase(&encls, encl->id);
	/* The callback that freed the last entry may still be on its way out. */
	srcu_barrier(&encl->srcu);
	free_encl(encl);

	sgxdrv_epc_release_end();
	if (atomic_dec_and_test(&nr_encls))
		wake_up_var(&nr_encls);
}

static void queue_release(struct kref *ref)
{
	struct sgxdrv_encl *encl = container_of(ref, struct sgxdrv_encl, ref);

	sgxdrv_encl_queue(&encl->release_work);
}

/**
 * sgxdrv_encl_queue() - run one of the steps that end enclaves
 * @work: what to do; holds a reference to an enclave, or ends one
 *
 * Context: any.
 */
void sgxdrv_encl_queue(struct work_struct *work)
{
	queue_work(release_wq, work);
}

static int publish(struct sgxdrv_encl *encl)
{
	if (sgxdrv_should_fail())
		return -ENOMEM;
	return xa_err(xa_store(&encls, encl->id, encl, GFP_KERNEL_ACCOUNT));
}

/**
 * sgxdrv_encl_alloc() - make an empty enclave
 *
 * Context: process context, may sleep.
 * Return: the enclave with one reference; ERR_PTR() of -ENOMEM, -EMFILE if the user has too
 * many enclaves, -ERESTARTSYS to a task that is killed.
 */
struct sgxdrv_encl *sgxdrv_encl_alloc(void)
{
	struct sgxdrv_encl *encl;
	int ret = -ENOMEM;

	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);
	encl = kzalloc(struct_size(encl, lru, sgxdrv_epc_nr_nodes()), GFP_KERNEL_ACCOUNT);
	if (!encl)
		return ERR_PTR(-ENOMEM);
	encl->user = sgxdrv_epc_user_get();
	if (IS_ERR(encl->user)) {
		ret = PTR_ERR(encl->user);
		goto err_free;
	}
	if (sgxdrv_should_fail() || !zalloc_cpumask_var(&encl->cpus, GFP_KERNEL_ACCOUNT))
		goto err_put_user;
	if (sgxdrv_should_fail() || !zalloc_cpumask_var(&encl->ioctl_cpus, GFP_KERNEL_ACCOUNT))
		goto err_free_cpus;
	encl->batch = sgxdrv_should_fail() ? NULL : kzalloc(sizeof(*encl->batch),
							    GFP_KERNEL_ACCOUNT);
	if (!encl->batch)
		goto err_free_ioctl_cpus;
	encl->batch->encl = encl;
	if (sgxdrv_should_fail() || init_srcu_struct(&encl->srcu))
		goto err_free_batch;
	encl->inode = sgxdrv_mapping_alloc();
	if (IS_ERR(encl->inode))
		goto err_cleanup_srcu;
	encl->id = atomic64_inc_return(&next_id);
	kref_init(&encl->ref);
	mutex_init(&encl->lock);
	xa_init_flags(&encl->pages, XA_FLAGS_ACCOUNT);
	mt_init(&encl->manual);
	spin_lock_init(&encl->mm_lock);
	INIT_LIST_HEAD(&encl->mm_list);
	INIT_LIST_HEAD(&encl->va_pages);
	init_waitqueue_head(&encl->wait);
	sgxdrv_lru_init(encl);
	encl->secs.encl = encl;
	encl->memcg = get_mem_cgroup_from_mm(current->mm);
	INIT_WORK(&encl->release_work, sgxdrv_encl_release_work);
	if (publish(encl))
		goto err_put_inode;
	atomic_inc(&nr_encls);
	return encl;

err_put_inode:
	mem_cgroup_put(encl->memcg);
	mutex_destroy(&encl->lock);
	iput(encl->inode);
err_cleanup_srcu:
	cleanup_srcu_struct(&encl->srcu);
err_free_batch:
	kfree(encl->batch);
err_free_ioctl_cpus:
	free_cpumask_var(encl->ioctl_cpus);
err_free_cpus:
	free_cpumask_var(encl->cpus);
err_put_user:
	sgxdrv_user_put(encl->user);
err_free:
	kfree(encl);
	return ERR_PTR(ret);
}

/**
 * sgxdrv_encl_get_next() - find an enclave by its number
 * @id: the number
 *
 * Context: any task context.
 * Return: the enclave of that number, or else the one with the next higher that
 * exists, with a reference; NULL if there is none.
 */
struct sgxdrv_encl *sgxdrv_encl_get_next(u64 id)
{
	struct sgxdrv_encl *encl;
	unsigned long index;

	xa_lock(&encls);
	xa_for_each_start(&encls, index, encl, id) {
		if (kref_get_unless_zero(&encl->ref))
			break;
	}
	xa_unlock(&encls);
	return encl;
}

void sgxdrv_encl_get(struct sgxdrv_encl *encl)
{
	kref_get(&encl->ref);
}

/**
 * sgxdrv_encl_put() - drop a reference to an enclave
 * @encl: the enclave
 *
 * Context: any; the teardown of the enclave runs elsewhere.
 */
void sgxdrv_encl_put(struct sgxdrv_encl *encl)
{
	kref_put(&encl->ref, queue_release);
}

/**
 * sgxdrv_encl_end() - the file of an enclave is gone
 * @encl: the enclave; the reference of the file is dropped
 *
 * With the file the last VMA has gone. Whoever wants EPC pages may wait for those of
 * this enclave from now on, grace periods of its entries included.
 *
 * Context: any task context; waits for nothing.
 */
void sgxdrv_encl_end(struct sgxdrv_encl *encl)
{
	sgxdrv_epc_release_begin();
	sgxdrv_encl_mm_drain(encl);
	sgxdrv_encl_put(encl);
}

/**
 * sgxdrv_encl_page_alloc() - make a page record
 * @encl: the enclave
 * @addr: linear address of the page
 * @max_prot: VM_READ, VM_WRITE, VM_EXEC
 * @type: SGX_PT_REG or SGX_PT_TCS
 *
 * Context: process context, may sleep.
 * Return: the record without an EPC page, or NULL without memory.
 */
struct sgxdrv_encl_page *sgxdrv_encl_page_alloc(struct sgxdrv_encl *encl, unsigned long addr,
						unsigned long max_prot, u8 type)
{
	struct sgxdrv_encl_page *page;

	if (sgxdrv_should_fail())
		return NULL;
	page = kmem_cache_zalloc(page_cache, GFP_KERNEL);
	if (!page)
		return NULL;
	page->encl = encl;
	page->addr = addr;
	page->max_prot = max_prot;
	page->type = type;
	return page;
}

void sgxdrv_encl_page_free(struct sgxdrv_encl_page *page)
{
	kmem_cache_free(page_cache, page);
}

/**
 * sgxdrv_encl_link() - make a page known, to reclaimers as well
 * @encl: the enclave
 * @page: complete record with an EPC page; the enclave owns it from now on. Its place in
 *	the index is reserved
 *
 * Context: process context, enclave lock held.
 * Return: 0, or an error of the index, which a reserved slot rules out.
 */
int sgxdrv_encl_link(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page)
{
	unsigned long index = PFN_DOWN(page->addr - encl->base);
	int ret;

	lockdep_assert_held(&encl->lock);

	ret = xa_err(xa_store(&encl->pages, index, page, GFP_NOWAIT));
	if (ret)
		return ret;
	encl->nr_pages++;
	atomic_long_inc(&encl->nr_resident);
	page->state = SGXDRV_PAGE_RESIDENT;
	sgxdrv_lru_add(page->epc, page);
	return 0;
}

/**
 * sgxdrv_encl_unlink() - forget a page
 * @encl: the enclave
 * @page: REMOVING, without an EPC page; the caller frees it
 *
 * Context: process context, enclave lock and RECLAIM bit held.
 */
void sgxdrv_encl_unlink(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page)
{
	lockdep_assert_held(&encl->lock);

	xa_erase(&encl->pages, PFN_DOWN(page->addr - encl->base));
	encl->nr_pages--;
	atomic_long_dec(&encl->nr_resident);
}

/* A task that waits for the page at @addr */
struct page_wait {
	struct wait_queue_entry entry;
	unsigned long addr;
};

static int wake_for_page(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct page_wait *wait = container_of(entry, struct page_wait, entry);

	if (wait->addr != (unsigned long)key)
		return 0;
	return autoremove_wake_function(entry, mode, flags, key);
}

/**
 * sgxdrv_encl_wake() - wake tasks that wait for a page
 * @encl: the enclave
 * @addr: linear address of the page, 0: the SECS; its state has changed
 *
 * Context: process context.
 */
void sgxdrv_encl_wake(struct sgxdrv_encl *encl, unsigned long addr)
{
	/* Behind the new state: pairs with the acquire in make_one_resident(). */
	atomic_long_inc_return_release(&encl->seq);
	__wake_up(&encl->wait, TASK_NORMAL, 0, (void *)addr);
}

/**
 * sgxdrv_encl_wait_for_page() - wait for the state of a page to change
 * @encl: the enclave
 * @addr: linear address of the page, 0: the SECS
 * @seq: of the enclave, read before the state of the page
 *
 * A change of another page before the task sleeps ends the wait, too.
 *
 * Context: process context, sleeps.
 * Return: 0, or -ERESTARTSYS to a task that is killed.
 */
int sgxdrv_encl_wait_for_page(struct sgxdrv_encl *encl, unsigned long addr, long seq)
{
	struct page_wait wait = { .addr = addr };
	long ret;

	init_wait(&wait.entry);
	wait.entry.func = wake_for_page;
	ret = prepare_to_wait_event(&encl->wait, &wait.entry, TASK_KILLABLE);
	if (!ret && atomic_long_read(&encl->seq) == seq)
		schedule();
	finish_wait(&encl->wait, &wait.entry);
	return ret;
}

/**
 * sgxdrv_encl_lookup() - the page at an address
 * @encl: the enclave
 * @addr: linear address
 *
 * Context: process context, enclave lock held; the result is good while it is.
 * Return: the page, or NULL if there is none.
 */
struct sgxdrv_encl_page *sgxdrv_encl_lookup(struct sgxdrv_encl *encl, unsigned long addr)
{
	lockdep_assert_held(&encl->lock);

	if (addr - encl->base >= encl->size)
		return NULL;
	return xa_load(&encl->pages, PFN_DOWN(addr - encl->base));
}

/**
 * sgxdrv_encl_find() - the page that a VMA shows at an address
 * @encl: the enclave
 * @vma: mapping of it
 * @addr: linear address in @vma
 *
 * Context: process context, enclave lock held; the result is good while it is.
 * Return: the page; NULL if there is none, the VMA allows more than the page, or
 * mremap() has brought the VMA from elsewhere.
 */
struct sgxdrv_encl_page *sgxdrv_encl_find(struct sgxdrv_encl *encl, struct vm_area_struct *vma,
					  unsigned long addr)
{
	struct sgxdrv_encl_page *page;

	lockdep_assert_held(&encl->lock);

	if (vma->vm_pgoff != PFN_DOWN(vma->vm_start))
		return NULL;

	page = sgxdrv_encl_lookup(encl, addr);
	if (page && (vma->vm_flags & VM_ACCESS_FLAGS & ~page->max_prot))
		return NULL;
	return page;
}

/* Breathe: others want the lock, and the range may be huge. */
static void relax_lock(struct sgxdrv_encl *encl)
{
	mutex_unlock(&encl->lock);
	cond_resched();
	mutex_lock(&encl->lock);
}

/**
 * sgxdrv_encl_walk_pages() - call a function for each page that exists
 * @encl: the enclave
 * @start: first linear address
 * @end: end of the range
 * @fn: called under the enclave lock; anything but 0 ends the walk
 * @data: for @fn
 *
 * A page that ADD_PAGES adds during the walk may be missed: to its user it was
 * added after the walk.
 *
 * Context: process context, may sleep; takes the enclave lock.
 * Return: 0, or what @fn returned.
 */
int sgxdrv_encl_walk_pages(struct sgxdrv_encl *encl, unsigned long start,
			   unsigned long end, sgxdrv_page_fn fn, void *data)
{
	struct sgxdrv_encl_page *page;
	unsigned long index, n = 0;
	int ret = 0;

	mutex_lock(&encl->lock);
	start = max(start, encl->base);
	end = min(end, encl->base + encl->size);
	if (start >= end)
		goto unlock;

	start -= encl->base;
	end -= encl->base;
	xa_for_each_range(&encl->pages, index, page, PFN_DOWN(start), PFN_DOWN(end - 1)) {
		sgxdrv_delay(SGXDRV_DELAY_INDEX);
		ret = fn(page, encl->base + (index << PAGE_SHIFT), data);
		if (ret)
			break;
		if (!(++n % BATCH))
			relax_lock(encl);
	}
unlock:
	mutex_unlock(&encl->lock);
	return ret;
}

/**
 * sgxdrv_encl_init() - prepare for enclaves
 *
 * Return: 0 or -ENOMEM.
 */
int __init sgxdrv_encl_init(void)
{
	page_cache = KMEM_CACHE(sgxdrv_encl_page, SLAB_ACCOUNT);
	if (!page_cache)
		return -ENOMEM;

	release_wq = alloc_workqueue("softsgx_release", WQ_UNBOUND, 0);
	if (!release_wq)
		goto err_destroy_cache;
	return 0;

err_destroy_cache:
	kmem_cache_destroy(page_cache);
	return -ENOMEM;
}

/*
 * No file is open any more; waits until all enclaves are gone. Some may still be
 * waiting for a grace period, with nothing of theirs on the queue yet.
 */
void sgxdrv_encl_exit(void)
{
	wait_var_event(&nr_encls, !atomic_read(&nr_encls));
	destroy_workqueue(release_wq);
	kmem_cache_destroy(page_cache);
}
