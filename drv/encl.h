/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The enclave object: one per open file of /dev/sgx_enclave.
 */
#ifndef _DRV_ENCL_H
#define _DRV_ENCL_H

#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "epc.h"

struct file;
struct inode;
struct mem_cgroup;
struct sgxdrv_batch;
struct sgxdrv_encl;
struct sgxdrv_epc_page;
struct sgxdrv_user;
struct sgxdrv_va_page;
struct vm_area_struct;

/* Where a page of an enclave is */
enum sgxdrv_page_state {
	SGXDRV_PAGE_NONE,	/* nowhere: the SECS before CREATE */
	SGXDRV_PAGE_RESIDENT,	/* in the EPC */
	SGXDRV_PAGE_LEAVING,	/* in the EPC, in the hands of a reclaimer: wait */
	SGXDRV_PAGE_LOADING,	/* on its way into the EPC, in the hands of a task: wait */
	SGXDRV_PAGE_REMOVING,	/* about to be forgotten: wait, then there is a hole */
	SGXDRV_PAGE_EVICTED,	/* in the backing file, its version in a VA slot */
	SGXDRV_PAGE_LOST,	/* the enclave is dead, and the page gone */
};

/**
 * struct sgxdrv_encl_page - one page of an enclave, or its SECS
 * @encl: the enclave; constant
 * @addr: linear address, 0 for the SECS; constant
 * @max_prot: VM_READ, VM_WRITE, VM_EXEC: what a VMA may ask for at most; enclave lock
 *	once the record is in the index
 * @type: SGX_PT_REG, SGX_PT_TCS or SGX_PT_TRIM; enclave lock
 * @state: where it is. LEAVING and LOADING begin under the enclave lock, and end without it
 *	at the hands of the one task that has begun them; all else happens under the lock
 * @epc: its EPC page if RESIDENT, LEAVING or LOADING; as @state
 * @va: VA page if EVICTED, LEAVING or LOADING; enclave lock
 * @slot: number of the slot in @va; as @va
 */
struct sgxdrv_encl_page {
	struct sgxdrv_encl *encl;
	unsigned long addr;
	unsigned long max_prot;
	u8 type;
	enum sgxdrv_page_state state;
	struct sgxdrv_epc_page *epc;
	struct sgxdrv_va_page *va;
	unsigned int slot;
};

/* Bits of sgxdrv_encl.flags */
enum sgxdrv_encl_flag {
	SGXDRV_ENCL_IOCTL,		/* an ioctl is running: a lock bit */
	SGXDRV_ENCL_CREATED,		/* set under lock */
	SGXDRV_ENCL_INITIALIZED,	/* set under lock */
	SGXDRV_ENCL_DEBUG,		/* set under lock */
	SGXDRV_ENCL_DEAD,		/* paging has failed: no page is of use any more */
	SGXDRV_ENCL_RECLAIM,		/* page records are in somebody's hands: a lock bit */
};

/* What paging counts */
enum sgxdrv_count {
	SGXDRV_COUNT_EWB,	/* pages written */
	SGXDRV_COUNT_ELDU,	/* pages loaded */
	SGXDRV_COUNT_WAITS,	/* faults and walks that waited */
	SGXDRV_COUNT_BATCHES,	/* with one ETRACK each */
	SGXDRV_COUNT_AGED,	/* pages looked at */
	SGXDRV_COUNT_YOUNG,	/* of these, in use */
	SGXDRV_COUNT_FAILED,	/* pages that could not be written for now */
	SGXDRV_COUNT_EAUG,	/* pages added after INIT */
	SGXDRV_COUNT_REMOVED,	/* pages removed at the wish of the enclave */
	SGXDRV_COUNT_FAULTS,	/* page faults, each once */
	SGXDRV_NR_COUNTS
};

/**
 * struct sgxdrv_encl - an enclave
 * @ref: held by the file and by each entry of @mm_list; at zero nothing can reach
 *	the enclave, and @release_work takes it apart
 * @flags: enum sgxdrv_encl_flag, atomic bit operations; all but the first and the
 *	last are never cleared
 * @id: its number, never used again; constant
 * @inode: its i_mapping is the address space of the enclave; constant
 * @lock: protects @pages and @nr_pages; held while a page is put into a page
 *	table, so that it cannot leave meanwhile. Nests inside mmap_lock,
 *	outside page table locks, the lock of @pages and the EPC free list's
 * @base: of ELRANGE; written once, by CREATE, under @lock and the IOCTL bit, read
 *	under either
 * @size: of ELRANGE, 0 before CREATE; otherwise as @base
 * @attributes: ATTRIBUTES of the SECS; IOCTL bit
 * @attributes_mask: ATTRIBUTES that INIT allows; IOCTL bit
 * @secs: the SECS, NONE before CREATE; resident as long as a child is, and until INIT
 * @pages: struct sgxdrv_encl_page by page offset from @base. Changed under @lock, and
 *	after INIT entries leave under the RECLAIM bit as well; ADD_PAGES reserves its
 *	slot without, under the IOCTL bit
 * @nr_pages: entries of @pages
 * @nr_resident: of these, RESIDENT, LEAVING, LOADING and REMOVING; goes up under @lock
 * @manual: page offsets at which no page comes about by itself; @lock
 * @grown: end of the last range that page faults have made pages for; @lock
 * @growth: its length in pages; @lock
 * @va_pages: struct sgxdrv_va_page; @lock
 * @nr_va: their number; @lock
 * @nr_slots: pages that may need a slot one day, each of which has one for sure; @lock
 * @backing: shmem file of evicted pages and their PCMD; constant after CREATE
 * @nr_epc: EPC pages of all kinds
 * @user: who opened it; constant
 * @memcg: whom @backing is charged to: the opener; constant
 * @seq: goes up whenever a page has stopped LEAVING, LOADING or REMOVING
 * @wait: struct page_wait, for @seq
 * @cpus: scratch of whoever has the RECLAIM bit
 * @ioctl_cpus: the same for the IOCTL bit
 * @batch: what he works on
 * @refused: evictions in a row that got no memory; written under the RECLAIM bit
 * @waits: sgxdrv_epc_waits() at the first of these; as @refused
 * @retry_at: in jiffies, when to try the next one; as @refused
 * @stuck: EPC pages that count as staying because of that; as @refused
 * @counts: by enum sgxdrv_count
 * @mm_lock: protects changes of @mm_list; innermost
 * @mm_list: struct sgxdrv_encl_mm; walked under @srcu
 * @srcu: entries of @mm_list are freed after its grace period
 * @release_work: see @ref
 * @lru: by node that has EPC; the node's lock
 */
struct sgxdrv_encl {
	struct kref ref;
	unsigned long flags;
	u64 id;
	struct inode *inode;

	struct mutex lock;
	unsigned long base;
	unsigned long size;
	u64 attributes;
	u64 attributes_mask;
	struct sgxdrv_encl_page secs;
	struct xarray pages;
	unsigned long nr_pages;
	atomic_long_t nr_resident;
	struct maple_tree manual;
	unsigned long grown;
	unsigned int growth;

	struct list_head va_pages;
	unsigned long nr_va;
	unsigned long nr_slots;
	struct file *backing;
	atomic_long_t nr_epc;
	struct sgxdrv_user *user;
	struct mem_cgroup *memcg;
	atomic_long_t seq;
	wait_queue_head_t wait;
	cpumask_var_t cpus;
	cpumask_var_t ioctl_cpus;
	struct sgxdrv_batch *batch;
	unsigned int refused;
	long waits;
	unsigned long retry_at;
	long stuck;
	atomic_long_t counts[SGXDRV_NR_COUNTS];

	spinlock_t mm_lock;
	struct list_head mm_list;
	struct srcu_struct srcu;

	struct work_struct release_work;
	struct sgxdrv_lru lru[];
};

typedef int (*sgxdrv_page_fn)(struct sgxdrv_encl_page *page, unsigned long addr, void *data);

int sgxdrv_encl_init(void);
void sgxdrv_encl_exit(void);

struct sgxdrv_encl *sgxdrv_encl_alloc(void);
struct sgxdrv_encl *sgxdrv_encl_get_next(u64 id);
void sgxdrv_encl_get(struct sgxdrv_encl *encl);
void sgxdrv_encl_put(struct sgxdrv_encl *encl);
void sgxdrv_encl_end(struct sgxdrv_encl *encl);
void sgxdrv_encl_queue(struct work_struct *work);

struct sgxdrv_encl_page *sgxdrv_encl_page_alloc(struct sgxdrv_encl *encl, unsigned long addr,
						unsigned long max_prot, u8 type);
void sgxdrv_encl_page_free(struct sgxdrv_encl_page *page);
int sgxdrv_encl_link(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page);
void sgxdrv_encl_unlink(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page);
void sgxdrv_encl_wake(struct sgxdrv_encl *encl, unsigned long addr);
int sgxdrv_encl_wait_for_page(struct sgxdrv_encl *encl, unsigned long addr, long seq);
struct sgxdrv_encl_page *sgxdrv_encl_lookup(struct sgxdrv_encl *encl, unsigned long addr);
struct sgxdrv_encl_page *sgxdrv_encl_find(struct sgxdrv_encl *encl, struct vm_area_struct *vma,
					  unsigned long addr);
int sgxdrv_encl_walk_pages(struct sgxdrv_encl *encl, unsigned long start,
			   unsigned long end, sgxdrv_page_fn fn, void *data);

int sgxdrv_encl_count(void);

#endif /* _DRV_ENCL_H */
