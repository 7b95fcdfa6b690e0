/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The enclave object: one per open file of /dev/sgx_enclave.
 */
#ifndef _DRV_ENCL_H
#define _DRV_ENCL_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct inode;
struct sgxdrv_epc_page;
struct vm_area_struct;

/**
 * struct sgxdrv_encl_page - one page of an enclave
 * @epc: its EPC page; constant once the record is in the index
 * @max_prot: VM_READ, VM_WRITE, VM_EXEC: what a VMA may ask for at most; constant
 *	once the record is in the index
 */
struct sgxdrv_encl_page {
	struct sgxdrv_epc_page *epc;
	unsigned long max_prot;
};

/* Bits of sgxdrv_encl.flags; all but the first are never cleared. */
enum sgxdrv_encl_flag {
	SGXDRV_ENCL_IOCTL,		/* an ioctl is running: a lock bit */
	SGXDRV_ENCL_CREATED,		/* set under lock */
	SGXDRV_ENCL_INITIALIZED,	/* set under lock */
	SGXDRV_ENCL_DEBUG,		/* set under lock */
};

/**
 * struct sgxdrv_encl - an enclave
 * @ref: held by the file and by each entry of @mm_list; at zero nothing can reach
 *	the enclave, and @release_work takes it apart
 * @flags: enum sgxdrv_encl_flag, atomic bit operations
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
 * @secs: EPC page of the SECS, NULL before CREATE; as @base
 * @pages: struct sgxdrv_encl_page by page offset from @base. Changed under @lock;
 *	ADD_PAGES reserves its slot without, under the IOCTL bit
 * @nr_pages: entries of @pages
 * @mm_lock: protects changes of @mm_list; innermost
 * @mm_list: struct sgxdrv_encl_mm; walked under @srcu
 * @srcu: entries of @mm_list are freed after its grace period
 * @release_work: see @ref
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
	struct sgxdrv_epc_page *secs;
	struct xarray pages;
	unsigned long nr_pages;

	spinlock_t mm_lock;
	struct list_head mm_list;
	struct srcu_struct srcu;

	struct work_struct release_work;
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

struct sgxdrv_encl_page *sgxdrv_encl_page_alloc(unsigned long max_prot);
void sgxdrv_encl_page_free(struct sgxdrv_encl_page *page);
int sgxdrv_encl_link(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page,
		     unsigned long index);
struct sgxdrv_encl_page *sgxdrv_encl_find(struct sgxdrv_encl *encl, struct vm_area_struct *vma,
					  unsigned long addr);
int sgxdrv_encl_walk_pages(struct sgxdrv_encl *encl, unsigned long start,
			   unsigned long end, sgxdrv_page_fn fn, void *data);

int sgxdrv_encl_count(void);

#endif /* _DRV_ENCL_H */
