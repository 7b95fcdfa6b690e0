// SPDX-License-Identifier: GPL-2.0
/*
 * EPC pages by memory node: the free ones, and how the others become free.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include <softsgx/cpu.h>

#include "encls.h"
#include "epc.h"
#include "limit.h"

/* EREMOVE meets leaves of tasks that are on their way out; they are short. */
#define EREMOVE_SPINS	32
#define EREMOVE_TRIES	1000

/* All constant after load */
static struct sgxdrv_epc_page *epc_pages;
static unsigned long epc_total;
static struct sgxdrv_node *nodes;		/* only those that have EPC */
static unsigned int nr_nodes;
static struct sgxdrv_node *node_of[MAX_NUMNODES];	/* NULL: has no EPC */

unsigned int sgxdrv_epc_nr_nodes(void)
{
	return nr_nodes;
}

struct sgxdrv_node *sgxdrv_epc_node(unsigned int n)
{
	return &nodes[n];
}

static void put_free(struct sgxdrv_epc_page *page)
{
	struct sgxdrv_node *node = page->node;

	spin_lock(&node->lock);
	page->owner = NULL;
	list_add(&page->list, &node->free);
	WRITE_ONCE(node->nr_free, node->nr_free + 1);
	spin_unlock(&node->lock);
}

static struct sgxdrv_epc_page *take_free(struct sgxdrv_node *node)
{
	struct sgxdrv_epc_page *page;

	if (!READ_ONCE(node->nr_free))
		return NULL;
	spin_lock(&node->lock);
	page = list_first_entry_or_null(&node->free, struct sgxdrv_epc_page, list);
	if (page) {
		list_del_init(&page->list);
		WRITE_ONCE(node->nr_free, node->nr_free - 1);
	}
	spin_unlock(&node->lock);
	return page;
}

/**
 * sgxdrv_epc_try_alloc() - take a free EPC page if there is one
 * @encl: who wants it, and is not at a limit
 *
 * Of the node of the executing CPU rather than of another one.
 *
 * Context: any task context; waits for nothing.
 * Return: the page, or NULL, also at a limit.
 */
struct sgxdrv_epc_page *sgxdrv_epc_try_alloc(struct sgxdrv_encl *encl)
{
	struct sgxdrv_node *local = node_of[numa_mem_id()];
	struct sgxdrv_epc_page *page;
	unsigned int n;

	if (!sgxdrv_charge(encl))
		return NULL;
	page = local ? take_free(local) : NULL;
	for (n = 0; n < nr_nodes && !page; n++)
		page = take_free(&nodes[n]);
	if (!page) {
		sgxdrv_uncharge(encl);
		return NULL;
	}
	page->encl = encl;
	sgxdrv_reclaim_taken();
	return page;
}

/**
 * sgxdrv_epc_put() - put a page on the free list
 * @page: a page that the EPCM does not hold
 *
 * Context: any task context.
 */
void sgxdrv_epc_put(struct sgxdrv_epc_page *page)
{
	sgxdrv_uncharge(page->encl);
	page->encl = NULL;
	put_free(page);
	sgxdrv_reclaim_freed();
}

static int eremove(struct sgxdrv_epc_page *page, void *secs)
{
	unsigned int i;
	int ret;

	for (i = 0; i < EREMOVE_TRIES; i++) {
		ret = sgxdrv_eremove(page->addr);
		if (!ret || ret == SGX_CHILD_PRESENT)
			return ret;

		if (ret == SGX_ENCLAVE_ACT && secs)
			sgxcpu_unmapped(secs);
		if (i < EREMOVE_SPINS)
			cond_resched();
		else
			usleep_range(500, 1000);
	}
	return ret;
}

/**
 * sgxdrv_epc_free() - EREMOVE a page and put it on the free list
 * @page: a page that no page table maps
 * @secs: SECS of an enclave that no address space maps any more, or whose threads may
 *	be thrown out; NULL if no task can be inside the enclave
 *
 * A page that the EPCM will not let go stays out of circulation.
 *
 * Context: process context, may sleep; no locks that sgxcpu_unmapped() or a page
 * walk could want.
 */
void sgxdrv_epc_free(struct sgxdrv_epc_page *page, void *secs)
{
	int ret = eremove(page, secs);

	if (WARN_ONCE(ret, "EREMOVE returned %d (0x%x)\n", ret, ret))
		return;
	sgxdrv_epc_put(page);
}

/* Pages that exist, in use, free, and out of circulation */
unsigned long sgxdrv_epc_total(void)
{
	return epc_total;
}

unsigned long sgxdrv_epc_free_pages(void)
{
	unsigned long sum = 0;
	unsigned int n;

	for (n = 0; n < nr_nodes; n++)
		sum += READ_ONCE(nodes[n].nr_free);
	return sum;
}

static unsigned long count_pages(void)
{
	unsigned long pfn, nr_pages, total = 0;
	unsigned int n;

	for (n = 0; sgxcpu_epc_section(n, &pfn, &nr_pages); n++)
		total += nr_pages;
	return total;
}

static struct sgxdrv_node *make_node(unsigned int nid)
{
	struct sgxdrv_node *node = node_of[nid];

	if (node)
		return node;
	node = &nodes[nr_nodes++];
	node->nid = nid;
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->free);
	INIT_LIST_HEAD(&node->ready);
	INIT_LIST_HEAD(&node->spent);
	INIT_LIST_HEAD(&node->encls);
	node_of[nid] = node;
	return node;
}

static void enumerate_pages(void)
{
	struct sgxdrv_epc_page *page = epc_pages;
	unsigned long pfn, nr_pages, i;
	unsigned int n;
	void *base;

	for (n = 0; (base = sgxcpu_epc_section(n, &pfn, &nr_pages)); n++) {
		for (i = 0; i < nr_pages; i++, page++) {
			INIT_LIST_HEAD(&page->list);
			page->node = make_node(pfn_to_nid(pfn + i));
			page->node->total++;
			page->addr = base + i * PAGE_SIZE;
			page->pfn = pfn + i;
		}
	}
}

/* Returns how many pages the EPCM still holds. */
static unsigned long sanitize_pages(void)
{
	unsigned long i, stuck = 0;

	for (i = 0; i < epc_total; i++) {
		struct sgxdrv_epc_page *page = &epc_pages[i];

		if (list_empty(&page->list)) {
			if (sgxcpu_eremove(page->addr))
				stuck++;
			else
				put_free(page);
		}
		if (!(i % 1024))
			cond_resched();
	}
	return stuck;
}

/**
 * sgxdrv_epc_init() - take over the EPC
 *
 * An earlier driver may have left pages behind. A SECS can go only after its
 * children, hence two passes.
 *
 * Return: 0, -ENODEV if the processor has no EPC, -ENOMEM.
 */
int __init sgxdrv_epc_init(void)
{
	unsigned long stuck;

	epc_total = count_pages();
	if (!epc_total)
		return -ENODEV;

	nodes = kcalloc(nr_node_ids, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		return -ENOMEM;
	epc_pages = kvcalloc(epc_total, sizeof(*epc_pages), GFP_KERNEL);
	if (!epc_pages)
		goto err_free_nodes;

	enumerate_pages();
	stuck = sanitize_pages();
	if (stuck)
		stuck = sanitize_pages();
	if (stuck)
		pr_warn("%lu EPC pages cannot be removed and stay unused\n", stuck);
	return 0;

err_free_nodes:
	kfree(nodes);
	return -ENOMEM;
}

/* All enclaves are gone. */
void sgxdrv_epc_exit(void)
{
	kvfree(epc_pages);
	kfree(nodes);
}
