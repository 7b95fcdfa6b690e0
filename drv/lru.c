// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages may be reclaimed, in which order.
 *
 * An enclave has a list of its pages in use on each node, VA pages excepted. Reclaim takes
 * pages from the front and puts those that turn out to be in use back at the end: the
 * clock of old.
 *
 * Between enclaves it goes by rounds. In each round an enclave gets credit for a part of
 * its pages; once that is enough for a batch, the batch is taken. So all enclaves lose the
 * same share of their pages, those that are not in use at least, and each search is short.
 * An enclave that is with another reclaimer saves its credit. When it has credit for all
 * of its pages no round begins until some is used: else smaller ones would pay for it.
 */
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/wait_bit.h>

#include "encl.h"
#include "epc.h"
#include "paging.h"

#define ROUNDS		4	/* in which an enclave gets credit for all of its pages */

/* Enclaves between two moments in which others may have the lock */
#define SCAN_STEP	256

static struct sgxdrv_lru *lru_of(struct sgxdrv_encl *encl, struct sgxdrv_node *node)
{
	return &encl->lru[node - sgxdrv_epc_node(0)];
}

static void add_locked(struct sgxdrv_node *node, struct sgxdrv_epc_page *page)
{
	struct sgxdrv_lru *lru = lru_of(page->owner->encl, node);

	lockdep_assert_held(&node->lock);

	list_add_tail(&page->list, &lru->pages);
	WRITE_ONCE(node->nr_lru, node->nr_lru + 1);
	if (lru->nr++)
		return;
	lru->credit = 0;
	lru->round = node->round;
	list_add_tail(&lru->list, &node->spent);
	list_add_tail(&lru->all, &node->encls);
	node->nr_encls++;
}

static void del_locked(struct sgxdrv_node *node, struct sgxdrv_epc_page *page)
{
	struct sgxdrv_lru *lru = lru_of(page->owner->encl, node);

	lockdep_assert_held(&node->lock);

	list_del_init(&page->list);
	WRITE_ONCE(node->nr_lru, node->nr_lru - 1);
	if (--lru->nr)
		return;
	list_del(&lru->list);
	list_del(&lru->all);
	node->nr_encls--;
}

/**
 * sgxdrv_lru_init() - prepare the lists of an enclave
 * @encl: the enclave
 */
void sgxdrv_lru_init(struct sgxdrv_encl *encl)
{
	unsigned int n;

	for (n = 0; n < sgxdrv_epc_nr_nodes(); n++) {
		encl->lru[n].encl = encl;
		INIT_LIST_HEAD(&encl->lru[n].pages);
	}
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
 * @patient: an enclave may keep a round from beginning
 * @waits: one does
 * @busy: an enclave that has pages to give is with another reclaimer
 * @first_busy: the first of these in this round, not to be looked into
 * @batch: that of the enclave, once that is found
 */
struct search {
	const struct sgxdrv_target *target;
	unsigned int max;
	bool patient;
	bool waits;
	bool busy;
	const struct sgxdrv_lru *first_busy;
	struct sgxdrv_batch *batch;
};

/* An enclave that is being taken apart, or has a reclaimer already, is none. */
static bool choose(struct search *search, struct sgxdrv_encl *encl)
{
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

static void relax(struct sgxdrv_node *node)
{
	spin_unlock(&node->lock);
	cond_resched();
	spin_lock(&node->lock);
}

static unsigned long share(const struct sgxdrv_lru *lru)
{
	return DIV_ROUND_UP(lru->nr, ROUNDS);
}

static void take(struct search *search, struct sgxdrv_node *node, struct sgxdrv_lru *lru,
		 unsigned long nr)
{
	struct sgxdrv_batch *batch = search->batch;
	struct sgxdrv_epc_page *page;

	lockdep_assert_held(&node->lock);

	while (batch->nr < nr) {
		page = list_first_entry(&lru->pages, struct sgxdrv_epc_page, list);
		del_locked(node, page);
		batch->victims[batch->nr++].page = page->owner;
	}
	lru->credit -= min_t(unsigned long, lru->credit, batch->nr);
}

/* --------------------------------------------------------------------- by rounds */

static unsigned long wanted(const struct search *search, const struct sgxdrv_lru *lru)
{
	return min_t(unsigned long, search->max, lru->nr);
}

static bool has_credit(const struct search *search, const struct sgxdrv_lru *lru)
{
	return lru->credit >= wanted(search, lru);
}

static unsigned long next_credit(const struct sgxdrv_lru *lru)
{
	return lru->credit + share(lru);
}

static void give_credit(struct sgxdrv_node *node, struct sgxdrv_lru *lru)
{
	if (lru->round == node->round)
		return;
	lru->round = node->round;
	lru->credit = min(next_credit(lru), lru->nr);
}

/* It has a reclaimer. */
static void pass_by(struct search *search, struct sgxdrv_node *node, struct sgxdrv_lru *lru)
{
	if (!search->first_busy)
		search->first_busy = lru;
	search->busy = true;
	search->waits |= search->patient && next_credit(lru) > lru->nr;
	list_move_tail(&lru->list, &node->ready);
}

static void visit(struct search *search, struct sgxdrv_node *node, struct sgxdrv_lru *lru)
{
	give_credit(node, lru);
	if (!has_credit(search, lru) || sgxdrv_encl_is_paused(lru->encl)) {
		list_move_tail(&lru->list, &node->spent);
		return;
	}
	if (!choose(search, lru->encl)) {
		pass_by(search, node, lru);
		return;
	}
	take(search, node, lru, wanted(search, lru));
	if (lru->nr && !has_credit(search, lru))
		list_move_tail(&lru->list, &node->spent);
}

/* Returns true if the next round may begin. */
static bool visit_all(struct search *search, struct sgxdrv_node *node)
{
	struct sgxdrv_lru *lru;
	unsigned long n;

	search->first_busy = NULL;
	for (n = 1; n <= node->nr_encls && !list_empty(&node->ready); n++) {
		lru = list_first_entry(&node->ready, struct sgxdrv_lru, list);
		if (lru == search->first_busy)
			break;
		visit(search, node, lru);
		if (search->batch)
			return false;
		if (!(n % SCAN_STEP))
			relax(node);
	}
	return !search->waits;
}

static void isolate_from_all(struct search *search, struct sgxdrv_node *node)
{
	unsigned int n;

	for (n = 0; n <= ROUNDS && visit_all(search, node); n++) {
		list_splice_tail_init(&node->spent, &node->ready);
		node->round++;
	}
}

/* ------------------------------------------------------------------- at a limit */

/*
 * No more than a share at a time, since all are of one user, who needs few. A mark in the
 * list, of no enclave, stands for the place.
 */
static void isolate_from_some(struct search *search, struct sgxdrv_node *node)
{
	struct sgxdrv_lru mark = {}, *lru;
	unsigned long n = 0, max = node->nr_encls;

	list_add(&mark.all, &node->encls);
	while (!list_is_last(&mark.all, &node->encls) && !search->batch && n++ < max) {
		lru = list_next_entry(&mark, all);
		list_move(&mark.all, &lru->all);
		if (lru->encl && sgxdrv_target_has(search->target, lru->encl) &&
		    !sgxdrv_encl_is_paused(lru->encl)) {
			search->busy |= !choose(search, lru->encl);
			list_move_tail(&lru->all, &node->encls);
		}
		if (search->batch)
			take(search, node, lru, min_t(unsigned long, search->max, share(lru)));
		else if (!(n % SCAN_STEP))
			relax(node);
	}
	list_del(&mark.all);
}

static void isolate_from(struct search *search, struct sgxdrv_node *node)
{
	spin_lock(&node->lock);
	if (search->target->encl || search->target->user)
		isolate_from_some(search, node);
	else
		isolate_from_all(search, node);
	spin_unlock(&node->lock);
}

static int by_addr(const void *a, const void *b)
{
	const struct sgxdrv_victim *x = a, *y = b;

	return x->page->addr < y->page->addr ? -1 : x->page->addr > y->page->addr;
}

/**
 * sgxdrv_lru_isolate() - take the oldest pages of an enclave
 * @target: of which enclaves
 * @max: how many pages
 * @patient: without a target: rather none than those of an enclave whose turn it is not,
 *	while that of another one is with another reclaimer
 *
 * Context: process context, may sleep.
 * Return: the batch of an enclave, in the order of addresses, with a reference to it and
 * its RECLAIM bit; NULL if there was no page; ERR_PTR(-EBUSY) if those that there are have
 * a reclaimer.
 */
struct sgxdrv_batch *sgxdrv_lru_isolate(const struct sgxdrv_target *target, unsigned int max,
					bool patient)
{
	static atomic_t turn;
	unsigned int nr = sgxdrv_epc_nr_nodes(), first = atomic_inc_return(&turn), n;
	struct search search = { .target = target, .max = max, .patient = patient };
	struct sgxdrv_batch *batch;

	for (n = 0; n < nr && !search.batch; n++)
		isolate_from(&search, sgxdrv_epc_node((first + n) % nr));
	batch = search.batch;
	if (!batch)
		return search.busy ? ERR_PTR(-EBUSY) : NULL;
	sort(batch->victims, batch->nr, sizeof(batch->victims[0]), by_addr, NULL);
	return batch;
}
