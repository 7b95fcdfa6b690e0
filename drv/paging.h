/* SPDX-License-Identifier: GPL-2.0 */
/*
 * EPC paging: pages that leave the EPC, where they are meanwhile, how they return.
 */
#ifndef _DRV_PAGING_H
#define _DRV_PAGING_H

#include <linux/mm_types.h>
#include <linux/types.h>

#include "encl.h"
#include "limit.h"

#define SGXDRV_BATCH_MAX	64

/**
 * struct sgxdrv_backing - memory for an evicted page
 * @data: for its contents
 * @pcmd: for its PCMD, at @pcmd_offset
 * @pcmd_offset: in bytes
 */
struct sgxdrv_backing {
	struct page *data;
	struct page *pcmd;
	unsigned int pcmd_offset;
};

/**
 * struct sgxdrv_batch - pages of an enclave that a reclaimer works on; RECLAIM bit
 * @encl: the enclave; constant
 * @wanted: a task at its limit evicts them to get on
 * @held: out: pages stay because the enclave lock was not to be had
 * @nr: used of @victims
 * @victims: pages, off the LRU list, and where they will go
 */
struct sgxdrv_batch {
	struct sgxdrv_encl *encl;
	bool wanted;
	bool held;
	unsigned int nr;
	struct sgxdrv_victim {
		struct sgxdrv_encl_page *page;
		struct sgxdrv_backing backing;
	} victims[SGXDRV_BATCH_MAX];
};

/* What somebody who wants a page has to wait for */
enum sgxdrv_want {
	SGXDRV_WANT_SEQ,	/* the state of the page at @addr to change */
	SGXDRV_WANT_EPC,	/* an EPC page */
	SGXDRV_WANT_SLOT,	/* a slot in a VA page */
	SGXDRV_WANT_LOAD,	/* a page to be loaded, by whoever waits */
};

/**
 * struct sgxdrv_wait - what somebody who wants a page has to wait for, and has got
 * @augment: if there is no page, EAUG one; set by whoever has seen the mapping
 * @epc: a free EPC page that is in hand, or NULL
 * @loading: page that is LOADING at the hands of the task, or NULL
 * @want: what for
 * @addr: with SGXDRV_WANT_SEQ, of which page
 * @seq: the enclave's, seen under its lock
 */
struct sgxdrv_wait {
	bool augment;
	struct sgxdrv_epc_page *epc;
	struct sgxdrv_encl_page *loading;
	enum sgxdrv_want want;
	unsigned long addr;
	long seq;
};

/* leaf.c */
bool sgxdrv_leaf_again(unsigned int *tries);
int sgxdrv_encl_etrack(struct sgxdrv_encl *encl, struct cpumask *cpus);

/* lru.c */
struct sgxdrv_batch *sgxdrv_lru_isolate(const struct sgxdrv_target *target, unsigned int max,
					bool patient);
int sgxdrv_encl_begin_reclaim(struct sgxdrv_encl *encl);
void sgxdrv_encl_end_reclaim(struct sgxdrv_encl *encl);

/* augment.c */
struct sgxdrv_encl_page *sgxdrv_augment(struct sgxdrv_encl *encl, unsigned long addr,
					struct sgxdrv_wait *wait);
void sgxdrv_augment_more(struct sgxdrv_encl *encl, unsigned long addr, unsigned long end);
int sgxdrv_augment_range(struct sgxdrv_encl *encl, unsigned long addr, unsigned long len,
			 bool insist, unsigned long *done);
bool sgxdrv_has_sgx2(void);

/* refused.c */
bool sgxdrv_encl_is_paused(const struct sgxdrv_encl *encl);
void sgxdrv_encl_refused(struct sgxdrv_encl *encl, bool wanted);
void sgxdrv_encl_not_refused(struct sgxdrv_encl *encl);

/* evict.c */
unsigned int sgxdrv_evict(struct sgxdrv_batch *batch);

/* load.c */
int sgxdrv_encl_make_resident(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page,
			      struct sgxdrv_wait *wait);
int sgxdrv_encl_make_secs_resident(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait);
struct sgxdrv_epc_page *sgxdrv_encl_take_epc(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait);
struct sgxdrv_encl_page *sgxdrv_encl_demand(struct sgxdrv_encl *encl, struct vm_area_struct *vma,
					    unsigned long addr, struct sgxdrv_wait *wait);
int sgxdrv_encl_wait(struct sgxdrv_encl *encl, struct sgxdrv_wait *wait);
void sgxdrv_encl_wait_end(struct sgxdrv_wait *wait);
int sgxdrv_encl_load_unlocked(struct vm_area_struct *vma, unsigned long addr,
			      struct sgxdrv_wait *wait);
void sgxdrv_encl_kill(struct sgxdrv_encl *encl, const char *what, unsigned long addr, int ret);

/* va.c */
int sgxdrv_va_reserve(struct sgxdrv_encl *encl);
bool sgxdrv_va_try_reserve(struct sgxdrv_encl *encl);
void sgxdrv_va_cancel(struct sgxdrv_encl *encl);
int sgxdrv_va_add(struct sgxdrv_encl *encl, unsigned int state);
void sgxdrv_va_unreserve(struct sgxdrv_encl *encl, unsigned int nr);
bool sgxdrv_va_take(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page);
bool sgxdrv_va_release(struct sgxdrv_encl_page *page);
void *sgxdrv_va_slot(const struct sgxdrv_encl_page *page);
void sgxdrv_va_destroy(struct sgxdrv_encl *encl);

/* backing.c */
int sgxdrv_backing_create(struct sgxdrv_encl *encl, unsigned long size);
void sgxdrv_backing_destroy(struct sgxdrv_encl *encl);
int sgxdrv_backing_get(struct sgxdrv_encl_page *page, struct sgxdrv_backing *backing, gfp_t flags);
void sgxdrv_backing_put(struct sgxdrv_backing *backing, bool dirty);
void sgxdrv_backing_drop(struct sgxdrv_encl_page *page, unsigned int nr);

/* counts.c */
void sgxdrv_count(struct sgxdrv_encl *encl, enum sgxdrv_count what, unsigned long n);
long sgxdrv_count_total(enum sgxdrv_count what);
extern const char * const sgxdrv_count_names[SGXDRV_NR_COUNTS];

#endif /* _DRV_PAGING_H */
