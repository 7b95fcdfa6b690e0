// SPDX-License-Identifier: GPL-2.0
/*
 * Free EPC pages. A page on the free list is one that the EPCM does not hold.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <softsgx/cpu.h>

#include "encls.h"
#include "epc.h"
#include "inject.h"

/* EREMOVE meets leaves of tasks that are on their way out; they are short. */
#define EREMOVE_SPINS	32
#define EREMOVE_TRIES	1000

static struct sgxdrv_epc_page *epc_pages;	/* constant after load */
static unsigned long epc_total;			/* constant after load */

static DEFINE_SPINLOCK(free_lock);
static LIST_HEAD(free_list);			/* protected by @free_lock */
static unsigned long nr_free;			/* written under @free_lock */

/* Enclaves that are being torn down: EPC pages on their way back. */
static atomic_t nr_releasing;
static DECLARE_WAIT_QUEUE_HEAD(epc_wait);

static void put_free(struct sgxdrv_epc_page *page)
{
	spin_lock(&free_lock);
	list_add(&page->list, &free_list);
	WRITE_ONCE(nr_free, nr_free + 1);
	spin_unlock(&free_lock);
}

static struct sgxdrv_epc_page *take_free(void)
{
	struct sgxdrv_epc_page *page;

	spin_lock(&free_lock);
	page = list_first_entry_or_null(&free_list, struct sgxdrv_epc_page, list);
	if (page) {
		list_del(&page->list);
		WRITE_ONCE(nr_free, nr_free - 1);
	}
	spin_unlock(&free_lock);
	return page;
}

/*
 * @nr_releasing is read first: once it is 0, all that the finished releases gave
 * back is on the free list. Pairs with sgxdrv_epc_release_end().
 */
static bool alloc_settled(struct sgxdrv_epc_page **page)
{
	bool more = atomic_read_acquire(&nr_releasing);

	*page = take_free();
	return *page || !more;
}

/**
 * sgxdrv_epc_alloc() - take a free EPC page
 *
 * While enclaves are being torn down pages are on their way, so wait for them
 * rather than fail.
 *
 * Context: process context, no locks held; may sleep.
 * Return: the page; ERR_PTR(-ENOMEM) if there is none; ERR_PTR(-ERESTARTSYS) if
 * a signal came while waiting for one.
 */
struct sgxdrv_epc_page *sgxdrv_epc_alloc(void)
{
	struct sgxdrv_epc_page *page = NULL;
	int ret;

	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);

	ret = wait_event_interruptible(epc_wait, alloc_settled(&page));
	if (page)
		return page;

	return ERR_PTR(ret ?: -ENOMEM);
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
 * @secs: SECS of an enclave that no address space maps any more, or NULL if no
 *	task can be inside the enclave for another reason
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

	put_free(page);
	if (wq_has_sleeper(&epc_wait))
		wake_up_interruptible(&epc_wait);
}

/**
 * sgxdrv_epc_release_begin() - announce that EPC pages will come back
 *
 * Context: any. Paired with sgxdrv_epc_release_end().
 */
void sgxdrv_epc_release_begin(void)
{
	atomic_inc(&nr_releasing);
}

/**
 * sgxdrv_epc_release_end() - all pages announced have come back
 *
 * Context: process context.
 */
void sgxdrv_epc_release_end(void)
{
	/* Fully ordered: pairs with the acquire in alloc_settled(). */
	if (atomic_dec_and_test(&nr_releasing))
		wake_up_interruptible_all(&epc_wait);
}

/* Pages that exist, in use, free, and out of circulation */
unsigned long sgxdrv_epc_total(void)
{
	return epc_total;
}

unsigned long sgxdrv_epc_free_pages(void)
{
	return READ_ONCE(nr_free);
}

static unsigned long count_pages(void)
{
	unsigned long pfn, nr_pages, total = 0;
	unsigned int n;

	for (n = 0; sgxcpu_epc_section(n, &pfn, &nr_pages); n++)
		total += nr_pages;
	return total;
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

	epc_pages = kvcalloc(epc_total, sizeof(*epc_pages), GFP_KERNEL);
	if (!epc_pages)
		return -ENOMEM;

	enumerate_pages();
	stuck = sanitize_pages();
	if (stuck)
		stuck = sanitize_pages();
	if (stuck)
		pr_warn("%lu EPC pages cannot be removed and stay unused\n", stuck);
	return 0;
}

/* All enclaves are gone. */
void sgxdrv_epc_exit(void)
{
	kvfree(epc_pages);
}
