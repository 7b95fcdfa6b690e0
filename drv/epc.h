/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The EPC pages that the processor offers, by memory node: who has them, and which
 * of them can be taken away.
 */
#ifndef _DRV_EPC_H
#define _DRV_EPC_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct sgxdrv_encl;
struct sgxdrv_encl_page;
struct sgxdrv_user;

/**
 * struct sgxdrv_node - the EPC of a memory node
 * @nid: number of the node; constant
 * @total: pages of the node; constant
 * @evicted: pages that have left it, since load
 * @lock: protects the rest; innermost
 * @free: pages that the EPCM does not hold
 * @ready: struct sgxdrv_lru of enclaves whose turn it may be to lose pages
 * @spent: the same, of those whose turn it is not in this round
 * @encls: both
 * @round: number of the round
 * @nr_free: length of @free; read without the lock, too
 * @nr_lru: pages that can be reclaimed; read without the lock, too
 * @nr_encls: length of @encls
 */
struct sgxdrv_node {
	int nid;
	unsigned long total;
	atomic_long_t evicted;
	spinlock_t lock;
	struct list_head free;
	struct list_head ready;
	struct list_head spent;
	struct list_head encls;
	unsigned long round;
	unsigned long nr_free;
	unsigned long nr_lru;
	unsigned long nr_encls;
};

/**
 * struct sgxdrv_lru - pages of an enclave on a node that can be reclaimed
 * @list: in @ready or @spent of the node, if there are any
 * @all: in @encls of the node, if there are any
 * @pages: those that were looked at longest ago first
 * @nr: length of @pages
 * @credit: pages that may go before the others have their turn
 * @round: in which @credit was given last
 * @encl: constant
 *
 * All protected by the lock of the node.
 */
struct sgxdrv_lru {
	struct list_head list;
	struct list_head all;
	struct list_head pages;
	unsigned long nr;
	unsigned long credit;
	unsigned long round;
	struct sgxdrv_encl *encl;
};

/**
 * struct sgxdrv_epc_page - one page of EPC
 * @list: in @free of the node, or @pages of struct sgxdrv_lru; the node's lock. Empty while the page is
 *	with its user alone, or with a reclaimer
 * @encl: to whose account it goes, NULL if it is free
 * @owner: what is in it, if it can be reclaimed or is with a reclaimer
 * @node: constant
 * @addr: kernel address, the operand of leaves; constant
 * @pfn: page frame, for page tables; constant
 */
struct sgxdrv_epc_page {
	struct list_head list;
	struct sgxdrv_encl *encl;
	struct sgxdrv_encl_page *owner;
	struct sgxdrv_node *node;
	void *addr;
	unsigned long pfn;
};

int sgxdrv_epc_init(void);
void sgxdrv_epc_exit(void);

/* epc.c */
struct sgxdrv_epc_page *sgxdrv_epc_try_alloc(struct sgxdrv_encl *encl);
void sgxdrv_epc_put(struct sgxdrv_epc_page *page);
void sgxdrv_epc_free(struct sgxdrv_epc_page *page, void *secs);

unsigned int sgxdrv_epc_nr_nodes(void);
struct sgxdrv_node *sgxdrv_epc_node(unsigned int n);
unsigned long sgxdrv_epc_total(void);
unsigned long sgxdrv_epc_free_pages(void);

/* lru.c */
void sgxdrv_lru_init(struct sgxdrv_encl *encl);
void sgxdrv_lru_add(struct sgxdrv_epc_page *page, struct sgxdrv_encl_page *owner);
void sgxdrv_lru_del(struct sgxdrv_epc_page *page);
unsigned long sgxdrv_lru_pages(void);

/* reclaim.c */
struct sgxdrv_epc_page *sgxdrv_epc_alloc(struct sgxdrv_encl *encl, unsigned int state);
struct sgxdrv_user *sgxdrv_epc_user_get(void);
int sgxdrv_epc_pin(struct sgxdrv_encl *encl, unsigned int state);
bool sgxdrv_epc_is_plentiful(void);
long sgxdrv_epc_waits(void);
void sgxdrv_epc_release_begin(void);
void sgxdrv_epc_release_end(void);
void sgxdrv_reclaim_freed(void);
void sgxdrv_reclaim_taken(void);
int sgxdrv_reclaim_init(void);
void sgxdrv_reclaim_exit(void);

#endif /* _DRV_EPC_H */
