/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which processes an enclave lives in.
 */
#ifndef _DRV_ENCL_MM_H
#define _DRV_ENCL_MM_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct mm_struct;
struct sgxdrv_encl;
struct vm_area_struct;

/**
 * struct sgxdrv_encl_mm - an enclave lives in a process
 * @encl: the enclave; a reference is held from before the entry is on the list
 *	until it is freed; constant
 * @mm: the process; a reference to the structure, not to the address space, is
 *	held as long; constant
 * @linked: on the list; changed under mm_lock. Whoever clears it owns the entry
 * @list: in sgxdrv_encl.mm_list; changed under mm_lock, walked under srcu
 * @rcu: the owner's wait for walkers
 * @free_work: what follows the wait
 */
struct sgxdrv_encl_mm {
	struct sgxdrv_encl *encl;
	struct mm_struct *mm;
	bool linked;
	struct list_head list;
	struct rcu_head rcu;
	struct work_struct free_work;
};

typedef void (*sgxdrv_mm_fn)(struct mm_struct *mm, void *data);

/* encl_mm.c */
void sgxdrv_encl_mm_link(struct sgxdrv_encl_mm *encl_mm, struct sgxdrv_encl *encl,
			 struct mm_struct *mm);
bool sgxdrv_encl_mm_unlink(struct sgxdrv_encl_mm *encl_mm);
struct sgxdrv_encl_mm *sgxdrv_encl_mm_unlink_first(struct sgxdrv_encl *encl);
void sgxdrv_encl_mm_free(struct sgxdrv_encl_mm *encl_mm);
void sgxdrv_encl_mm_walk(struct sgxdrv_encl *encl, sgxdrv_mm_fn fn, void *data);

/* vma.c */
int sgxdrv_vma_track_unlocked(struct vm_area_struct *vma, unsigned long addr);

/* track.c, or for the benchmark one of track_*.c */
bool sgxdrv_vma_tracked(const struct vm_area_struct *vma);
int sgxdrv_vma_track(struct vm_area_struct *vma);
void sgxdrv_vma_open(struct vm_area_struct *vma);
void sgxdrv_encl_mm_drain(struct sgxdrv_encl *encl);
void sgxdrv_encl_mm_destroy(struct sgxdrv_encl_mm *encl_mm);
void sgxdrv_track_exit(void);

#ifdef SGXDRV_COUNT_VMAS
void sgxdrv_vma_close(struct vm_area_struct *vma);
#define SGXDRV_VMA_CLOSE sgxdrv_vma_close
#define SGXDRV_VMA_FLAGS (VM_DONTDUMP | VM_DONTEXPAND)
#else
#define SGXDRV_VMA_CLOSE NULL
#define SGXDRV_VMA_FLAGS VM_DONTDUMP
#endif

#endif /* _DRV_ENCL_MM_H */
