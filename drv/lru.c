// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages may be reclaimed, in which order.
 *
 * Each node has a list of all pages in use, VA pages excepted. Reclaim takes pages
 * from the front and puts those that turn out to be in use back at the end: the
 * clock of old.
 */
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/wait_bit.h>

#include "encl.h"
#include "epc.h"
#include "paging.h"

/* Entries that a reclaimer looks at to fill a batch with pages of one enclave */
#define SCAN_MAX	256

/* Entries between two moments in which others may have the lock */
#define SCAN_STEP	1024

static void add_locked(struct sgxdrv_node *node, struct sgxdrv_epc_page *page)
{
	lockdep_assert_held(&node->lock);

	list_add_tail(&page->list, &node->lru);
	WRITE_ONCE(node->nr_lru, node->nr_lru + 1);
}

static void del_locked(struct sgxdrv_node *node, struct sgxdrv_epc_page *page)
{
	lockdep_assert_held(&node->lock);

	list_del_init(&page->list);
	WRITE_ONCE(node->nr_lru, node->nr_lru - 1);
}

/**
 * sgxdrv_lru_add() - let a page be reclaimed
 * @page: in use, or back from a reclaimer
 * @owner: what is in it
 *
 * Context: any task context.
 */
void sgxdrv_lru_add(struct sgxdrv_epc_page *page, struct sgxdrv_encl_page *owner)
{
	struct sgxdrv_node *node = page->node;

	spin_lock(&node->lock);
	page->owner = owner;
	add_locked(node, page);
	spin_unlock(&node->lock);
}

/**
 * sgxdrv_lru_del() - keep reclaimers away from a page
 * @page: with no reclaimer, since no reclaimer has a reference to the enclave or the
 *	enclave's RECLAIM bit is held
 *
 * Context: any task context.
 */
void sgxdrv_lru_del(struct sgxdrv_epc_page *page)
{
	struct sgxdrv_node *node = page->node;

	spin_lock(&node->lock);
	if (!list_empty(&page->list))
		del_locked(node, page);
	spin_unlock(&node->lock);
}

/* Pages that can be reclaimed, by and large */
unsigned long sgxdrv_lru_pages(void)
{
	unsigned long sum = 0;
	unsigned int n;

	for (n = 0; n < sgxdrv_epc_nr_nodes(); n++)
		sum += READ_ONCE(sgxdrv_epc_node(n)->nr_lru);
	return sum;
}

/**
 * struct search - for pages of one enclave
 * @target: of whom
 * @max: how many
 * @batch: that of the enclave, once that is found
 */
struct search {
	const struct sgxdrv_target *target;
	unsigned int max;
	struct sgxdrv_batch *batch;
};

/* An enclave that is being taken apart, or has a reclaimer already, is none. */
static bool choose(struct search *search, struct sgxdrv_encl *encl)
{
	if (search->batch)
		return search->batch->encl == encl;
	if (!sgxdrv_target_has(search->target, encl))
		return false;
	/* Whose list is long has a reclaimer, mostly: do not write to what all look at. */
	if (test_bit(SGXDRV_ENCL_RECLAIM, &encl->flags))
		return false;
	if (!kref_get_unless_zero(&encl->ref))
		return false;
	if (test_and_set_bit_lock(SGXDRV_ENCL_RECLAIM, &encl->flags)) {
		sgxdrv_encl_put(encl);
		return false;
	}
	search->batch = encl->batch;
	search->batch->nr = 0;
	return true;
}

/**
 * sgxdrv_encl_begin_reclaim() - keep reclaimers away from an enclave
 * @encl: the enclave
 *
 * From now on no page of it is LEAVING, and its page records are nobody else's.
 *
 * Context: process context, may sleep; no lock held. To be kept short: whoever needs a
 * free page may have no others to evict.
 * Return: 0; -EINTR to a task that is killed.
 */
int sgxdrv_encl_begin_reclaim(struct sgxdrv_encl *encl)
{
	return wait_on_bit_lock(&encl->flags, SGXDRV_ENCL_RECLAIM, TASK_KILLABLE) ? -EINTR : 0;
}

/**
 * sgxdrv_encl_end_reclaim() - let others reclaim
 * @encl: the enclave
 *
 * Context: any task context; RECLAIM bit held.
 */
void sgxdrv_encl_end_reclaim(struct sgxdrv_encl *encl)
{
	clear_and_wake_up_bit(SGXDRV_ENCL_RECLAIM, &encl->flags);
}

/* A mark in the list, owned by nobody, stands for the place. */
static void relax(struct sgxdrv_node *node)
{
	spin_unlock(&node->lock);
	cond_resched();
	spin_lock(&node->lock);
}

/* Those of an enclave that is left alone for now are no longer in the way. */
static void take(struct search *search, struct sgxdrv_epc_page *page)
{
	if (!page->owner)
		return;
	if (sgxdrv_encl_is_paused(page->owner->encl)) {
		list_move_tail(&page->list, &page->node->lru);
		return;
	}
	if (!choose(search, page->owner->encl))
		return;
	del_locked(page->node, page);
	search->batch->victims[search->batch->nr++].page = page->owner;
}

static bool is_full(const struct search *search)
{
	return search->batch && search->batch->nr == search->max;
}

/*
 * Pages of one enclave mostly stand together, so a short look fills the batch. Who has
 * to find pages of somebody in particular looks until there is one.
 */
static void isolate_from(struct sgxdrv_node *node, struct search *search)
{
	bool targeted = search->target->encl || search->target->user;
	struct sgxdrv_epc_page mark = { .node = node };
	struct sgxdrv_epc_page *page;
	unsigned long scanned = 0, max;

	spin_lock(&node->lock);
	list_add(&mark.list, &node->lru);
	max = node->nr_lru;
	while (!list_is_last(&mark.list, &node->lru) && !is_full(search) && scanned < max) {
		page = list_next_entry(&mark, list);
		list_move(&mark.list, &page->list);
		take(search, page);
		if (++scanned > SCAN_MAX && (search->batch || !targeted))
			break;
		if (!(scanned % SCAN_STEP))
			relax(node);
	}
	list_del(&mark.list);
	spin_unlock(&node->lock);
}

static int by_addr(const void *a, const void *b)
{
	const struct sgxdrv_victim *x = a, *y = b;

	return x->page->addr < y->page->addr ? -1 : x->page->addr > y->page->addr;
}

/**
 * sgxdrv_lru_isolate() - take the oldest page, and more of the same enclave
 * @target: of whom
 * @max: how many
 *
 * Context: process context, may sleep.
 * Return: the batch of an enclave, in the order of addresses, with a reference to it and
 * its RECLAIM bit; NULL if there was no page.
 */
struct sgxdrv_batch *sgxdrv_lru_isolate(const struct sgxdrv_target *target, unsigned int max)
{
	static atomic_t turn;
	unsigned int nr = sgxdrv_epc_nr_nodes(), first = atomic_inc_return(&turn), n;
	struct search search = { .target = target, .max = max };
	struct sgxdrv_batch *batch;

	for (n = 0; n < nr && !search.batch; n++)
		isolate_from(sgxdrv_epc_node((first + n) % nr), &search);
	batch = search.batch;
	if (batch)
		sort(batch->victims, batch->nr, sizeof(batch->victims[0]), by_addr, NULL);
	return batch;
}
