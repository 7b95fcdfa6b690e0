// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction of a batch of pages of one enclave.
 *
 * The steps are those of the manual, each once for the batch: PTEs go in all
 * processes, EBLOCK, ETRACK, an interrupt for whoever is inside, EWB. What can fail
 * for want of memory comes before, so that a page that is blocked does leave. If it
 * then does not, it is lost: there is no way to unblock it. So is the enclave.
 *
 * Meanwhile pages are LEAVING. A task that needs one waits until its fate is decided; the
 * enclave lock is free, for those that need others.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

#define TRACK_TRIES	16

static bool is_secs(const struct sgxdrv_encl_page *page)
{
	return page == &page->encl->secs;
}

static void kill_encl(struct sgxdrv_encl *encl, const char *what, unsigned long addr, int ret)
{
	mutex_lock(&encl->lock);
	sgxdrv_encl_kill(encl, what, addr, ret);
	mutex_unlock(&encl->lock);
}

/* Drops victim @i of the batch, which stays in order. */
static void drop_victim(struct sgxdrv_batch *batch, unsigned int i)
{
	struct sgxdrv_victim *v = &batch->victims[i];

	memmove(v, v + 1, (--batch->nr - i) * sizeof(*v));
}

/* ------------------------------------------------------- what can fail harmlessly */

/*
 * No OOM kill on account of an eviction: there are other pages. Returns whether memory is
 * to be had, for one page at least.
 */
static bool get_backings(struct sgxdrv_batch *batch)
{
	const gfp_t flags = __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
	struct sgxdrv_victim *v;
	unsigned int i = 0;

	while (i < batch->nr) {
		v = &batch->victims[i];
		if (!sgxdrv_backing_get(v->page, &v->backing, flags)) {
			i++;
			continue;
		}
		sgxdrv_count(batch->encl, SGXDRV_COUNT_FAILED, 1);
		sgxdrv_lru_add(v->page->epc, v->page);
		drop_victim(batch, i);
	}
	return batch->nr;
}

/* The SECS may go when nobody needs it, and EINIT has finished its measurement. */
static bool may_leave(const struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;

	lockdep_assert_held(&encl->lock);

	if (is_secs(page))
		return !atomic_long_read(&encl->nr_resident) &&
		       test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags);
	return true;
}

/*
 * The owner of the lock may be off the CPU for long, throttled or of low priority. The
 * threads serve all users, so they do not wait for it. A task at its limit does, since
 * the enclave is its own or its user's.
 */
static bool try_lock(struct sgxdrv_batch *batch)
{
	struct mutex *lock = &batch->encl->lock;

	batch->held = batch->wanted ? mutex_lock_killable(lock) : !mutex_trylock(lock);
	return !batch->held;
}

/* Drops victim @i, for which nothing has been done but to find memory. */
static void put_back(struct sgxdrv_batch *batch, unsigned int i)
{
	struct sgxdrv_victim *v = &batch->victims[i];

	sgxdrv_backing_put(&v->backing, false);
	sgxdrv_lru_add(v->page->epc, v->page);
	drop_victim(batch, i);
}

static void begin(struct sgxdrv_batch *batch)
{
	struct sgxdrv_encl *encl = batch->encl;
	struct sgxdrv_victim *v;
	unsigned int i = 0;

	if (!try_lock(batch)) {
		while (batch->nr)
			put_back(batch, 0);
		return;
	}
	while (i < batch->nr) {
		v = &batch->victims[i];
		if (may_leave(v->page) && sgxdrv_va_take(encl, v->page)) {
			v->page->state = SGXDRV_PAGE_LEAVING;
			i++;
			continue;
		}
		put_back(batch, i);
	}
	mutex_unlock(&encl->lock);
	sgxdrv_delay_for(SGXDRV_DELAY_LEAVING, encl->id);
}

/* ------------------------------------------------------------------- the protocol */

/* Neighbours together: each zap visits all VMAs, and flushes TLBs. */
static void zap(struct sgxdrv_batch *batch)
{
	struct sgxdrv_victim *v = batch->victims;
	unsigned int i, n;

	for (i = 0; i < batch->nr; i += n) {
		for (n = 1; i + n < batch->nr; n++) {
			if (v[i + n].page->addr != v[i].page->addr + n * PAGE_SIZE)
				break;
		}
		if (!is_secs(v[i].page))
			sgxdrv_mapping_zap(batch->encl, v[i].page->addr, n * PAGE_SIZE);
	}
}

/* The enclave may be at the page with a leaf of its own, a command at ETRACK. */
static bool is_in_use(int ret)
{
	return sgxcpu_faulted(ret) || ret == SGX_EPC_PAGE_CONFLICT || ret == SGX_ENTRYEPOCH_LOCKED;
}

static int block(struct sgxdrv_encl_page *page)
{
	unsigned int tries = 0;
	int ret;

	if (is_secs(page))
		return 0;
	do {
		ret = sgxdrv_eblock(page->epc->addr);
	} while (is_in_use(ret) && sgxdrv_leaf_again(&tries));
	return ret;
}

static int block_all(struct sgxdrv_batch *batch)
{
	unsigned int i;
	int ret;

	for (i = 0; i < batch->nr; i++) {
		ret = block(batch->victims[i].page);
		if (ret) {
			kill_encl(batch->encl, "EBLOCK", batch->victims[i].page->addr, ret);
			return ret;
		}
	}
	return 0;
}

static int track(struct sgxdrv_encl *encl)
{
	int ret = sgxdrv_encl_etrack(encl, encl->cpus);

	if (ret)
		kill_encl(encl, "ETRACK", 0, ret);
	return ret;
}

static int ewb_once(struct sgxdrv_victim *v)
{
	void *data = kmap_local_page(v->backing.data);
	void *pcmd = kmap_local_page(v->backing.pcmd) + v->backing.pcmd_offset;
	struct sgx_pageinfo pginfo __aligned(32) = {
		.srcpge = (unsigned long)data,
		.secinfo = (unsigned long)pcmd,
	};
	int ret;

	ret = sgxdrv_ewb(&pginfo, v->page->epc->addr, sgxdrv_va_slot(v->page));
	kunmap_local(pcmd);
	kunmap_local(data);
	return ret;
}

/* A slot that was occupied has overwritten the version of another page. */
static int ewb(struct sgxdrv_victim *v)
{
	struct sgxdrv_encl *encl = v->page->encl;
	unsigned int tries = 0, rounds = 0;
	int ret;

	for (;;) {
		ret = ewb_once(v);
		if (ret == SGX_NOT_TRACKED && rounds++ < TRACK_TRIES) {
			if (track(encl))
				return ret;
		} else if (!sgxcpu_faulted(ret) || !sgxdrv_leaf_again(&tries)) {
			break;
		}
	}
	if (ret)
		kill_encl(encl, "EWB", v->page->addr, ret);
	return ret == SGX_VA_SLOT_OCCUPIED ? 0 : ret;
}

/* ------------------------------------------------------------------------ the end */

/*
 * The enclave lock is not taken: its owner may be off the CPU for long. So the state is
 * written last, and read with acquire by tasks that hold the lock.
 */
static void gone(struct sgxdrv_encl_page *page, enum sgxdrv_page_state state)
{
	struct sgxdrv_encl *encl = page->encl;

	page->epc = NULL;
	if (!is_secs(page))
		atomic_long_dec(&encl->nr_resident);
	/* Pairs with the acquire in make_one_resident(). */
	smp_store_release(&page->state, state);
	sgxdrv_encl_wake(encl, page->addr);
}

static void finish(struct sgxdrv_victim *v)
{
	struct sgxdrv_epc_page *epc = v->page->epc;

	sgxdrv_backing_put(&v->backing, true);
	gone(v->page, SGXDRV_PAGE_EVICTED);
	atomic_long_inc(&epc->node->evicted);
	sgxdrv_epc_put(epc);
}

/* The page is not usable any more, but still there. */
static void fail(struct sgxdrv_victim *v)
{
	struct sgxdrv_encl *encl = v->page->encl;

	sgxdrv_backing_put(&v->backing, false);
	mutex_lock(&encl->lock);
	v->page->state = SGXDRV_PAGE_RESIDENT;
	sgxdrv_va_release(v->page);
	sgxdrv_encl_wake(encl, v->page->addr);
	mutex_unlock(&encl->lock);
	sgxdrv_lru_add(v->page->epc, v->page);
}

static unsigned int write_all(struct sgxdrv_batch *batch)
{
	unsigned int i, done = 0;
	bool bad;

	bad = block_all(batch) || track(batch->encl);
	sgxdrv_delay_for(SGXDRV_DELAY_EWB, batch->encl->id);
	for (i = 0; i < batch->nr; i++) {
		if (bad || ewb(&batch->victims[i])) {
			bad = true;
			fail(&batch->victims[i]);
			continue;
		}
		finish(&batch->victims[i]);
		done++;
	}
	return done;
}

/* ------------------------------------------------------------------ dead enclaves */

static bool begin_drop(struct sgxdrv_batch *batch, struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;
	bool go;

	if (!try_lock(batch))
		return false;
	go = !is_secs(page) || !atomic_long_read(&encl->nr_resident);
	if (go)
		page->state = SGXDRV_PAGE_LEAVING;
	mutex_unlock(&encl->lock);
	return go;
}

static bool drop_one(struct sgxdrv_batch *batch, struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;
	struct sgxdrv_epc_page *epc = page->epc;

	if (!begin_drop(batch, page)) {
		sgxdrv_lru_add(epc, page);
		return false;
	}

	sgxdrv_delay_for(SGXDRV_DELAY_LEAVING, encl->id);
	if (!is_secs(page))
		sgxdrv_mapping_zap(encl, page->addr, PAGE_SIZE);
	sgxdrv_epc_free(epc, encl->secs.epc->addr);
	gone(page, SGXDRV_PAGE_LOST);
	return true;
}

/* Nobody wants these back. */
static unsigned int drop_all(struct sgxdrv_batch *batch)
{
	unsigned int i, done = 0;

	for (i = 0; i < batch->nr; i++)
		done += drop_one(batch, batch->victims[i].page);
	return done;
}

/**
 * sgxdrv_evict() - make pages leave the EPC
 * @batch: old pages; those that stay go back on the LRU list
 *
 * Context: process context, may sleep; no enclave lock held, the enclave's RECLAIM bit
 * is.
 * Return: number of pages that have become free; if there is none, the batch may say why.
 */
unsigned int sgxdrv_evict(struct sgxdrv_batch *batch)
{
	struct sgxdrv_encl *encl = batch->encl;
	unsigned int done;

	if (test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return drop_all(batch);

	if (!get_backings(batch)) {
		sgxdrv_encl_refused(encl, batch->wanted);
		return 0;
	}
	sgxdrv_encl_not_refused(encl);
	begin(batch);
	if (!batch->nr)
		return 0;
	zap(batch);
	done = write_all(batch);
	sgxdrv_count(encl, SGXDRV_COUNT_EWB, done);
	sgxdrv_count(encl, SGXDRV_COUNT_BATCHES, 1);
	trace_sgxdrv_evict(encl->id, batch->nr, done);
	return done;
}
