// SPDX-License-Identifier: GPL-2.0
/*
 * How EPC pages become free, and how tasks wait for them.
 *
 * Threads reclaim between two watermarks, each from another enclave. A task that finds no
 * free page waits for them: its own time may be rationed (cpu.max, SCHED_IDLE), and pages
 * of others must not be in its hands when it loses the CPU. Only at a limit does it evict
 * pages itself, those of the same enclave or user. There is no memory only when nothing
 * can be reclaimed and nothing is on its way.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include <softsgx/cpu.h>

#include "drv.h"
#include "encl.h"
#include "epc.h"
#include "inject.h"
#include "paging.h"

#define MIN_THREADS	2	/* one may be held up, by a lock or for want of memory */
#define MAX_THREADS	4
#define LOW_SHARE	32	/* of the EPC: begin */
#define MIN_LOW		2
#define BATCH_SHARE	16	/* of the EPC: at most for one batch */
#define MIN_BATCH	2
#define NAP		msecs_to_jiffies(20)
#define NAPS		16	/* before nothing is taken for never */
#define PATIENCE	5	/* naps in which no reclaimer has evicted a page */

static struct task_struct *threads[MAX_THREADS];	/* constant after load */
static unsigned long low, high;				/* constant after load */
static DECLARE_WAIT_QUEUE_HEAD(reclaim_wait);		/* for work */
static DECLARE_WAIT_QUEUE_HEAD(epc_wait);		/* for free pages */

/* Enclaves that are being torn down, and batches: EPC pages on their way */
static atomic_t nr_releasing;
static atomic_t nr_batches;

static atomic_long_t nr_evicted;	/* since load */
static atomic_long_t nr_waits;		/* since load: of tasks, for any page */
static bool stuck;			/* the last thread to look found nothing that can go */

static bool is_low(void)
{
	return sgxdrv_epc_free_pages() < low;
}

/* May pages be used that nobody has asked for yet? */
bool sgxdrv_epc_is_plentiful(void)
{
	return sgxdrv_epc_free_pages() > 2 * high;
}

/**
 * sgxdrv_reclaim_taken() - a page has been taken off a free list
 *
 * Context: any task context.
 */
void sgxdrv_reclaim_taken(void)
{
	if (is_low() && wq_has_sleeper(&reclaim_wait))
		wake_up(&reclaim_wait);
}

/**
 * sgxdrv_reclaim_freed() - a page has been put on a free list
 *
 * It is for one task of those that wait for any page, and perhaps for one at its limit.
 *
 * Context: any task context.
 */
void sgxdrv_reclaim_freed(void)
{
	if (wq_has_sleeper(&epc_wait))
		wake_up(&epc_wait);
}

/* Its pages are on a list by now: a free list or the LRU list. */
static void ended(atomic_t *counter)
{
	/* Fully ordered: pairs with the acquire in pages_on_their_way(). */
	if (atomic_dec_and_test(counter))
		wake_up(&epc_wait);
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
	ended(&nr_releasing);
}

static bool pages_on_their_way(void)
{
	return atomic_read_acquire(&nr_releasing) || atomic_read_acquire(&nr_batches);
}

/* --------------------------------------------------------------------- one batch */

/**
 * struct effort - how hard somebody tries to reclaim
 * @target: whose pages
 * @background: no task waits for the effort itself
 * @patient: as sgxdrv_lru_isolate() has it
 * @busy: all that there was to try was with other reclaimers
 * @scanned: pages looked at since one was freed
 * @held: pages not looked at since then, as the lock of their enclave was held
 * @evicted: value of @nr_evicted that has been seen
 * @naps: times that there was no way to get one
 */
struct effort {
	struct sgxdrv_target target;
	bool background;
	bool patient;
	bool busy;
	unsigned long scanned;
	unsigned long held;
	long evicted;
	unsigned int naps;
};

/* Once all pages have been looked at and were in use, any will do. */
static bool takes_young(const struct effort *effort)
{
	return effort->scanned > sgxdrv_target_pages(&effort->target);
}

/* All have been looked at again, and again, and none could go. */
static bool is_hopeless(const struct effort *effort)
{
	unsigned long pages = sgxdrv_target_pages(&effort->target);

	return effort->scanned + effort->held > 4 * pages + SGXDRV_BATCH_MAX;
}

/*
 * Takes pages in use out of the batch: those that have been accessed, and those that exits
 * of threads inside write to. The SECS is as long as it has children.
 */
static void keep_young(struct sgxdrv_batch *batch)
{
	DECLARE_BITMAP(young, SGXDRV_BATCH_MAX);
	unsigned long addrs[SGXDRV_BATCH_MAX];
	unsigned int i, n = 0;

	for (i = 0; i < batch->nr; i++)
		addrs[i] = batch->victims[i].page->addr;
	sgxdrv_encl_age(batch->encl, addrs, batch->nr, young);
	/* It is there as long as the pages are, and only a reclaimer evicts these. */
	sgxcpu_mark_frames(batch->encl->secs.epc->addr, addrs, batch->nr, young);
	sgxdrv_count(batch->encl, SGXDRV_COUNT_AGED, batch->nr);
	sgxdrv_count(batch->encl, SGXDRV_COUNT_YOUNG, bitmap_weight(young, batch->nr));
	for (i = 0; i < batch->nr; i++) {
		struct sgxdrv_encl_page *page = batch->victims[i].page;

		if (test_bit(i, young))
			sgxdrv_lru_add(page->epc, page);
		else
			batch->victims[n++] = batch->victims[i];
	}
	batch->nr = n;
}

static void end_batch(struct sgxdrv_encl *encl)
{
	sgxdrv_encl_end_reclaim(encl);
	sgxdrv_encl_put(encl);
}

static unsigned int max_batch(void)
{
	return clamp_t(unsigned long, sgxdrv_epc_total() / BATCH_SHARE, MIN_BATCH,
		       SGXDRV_BATCH_MAX);
}

/* Returns the number of pages freed. */
static unsigned int reclaim_batch(struct effort *effort, struct sgxdrv_batch *batch)
{
	unsigned int nr = batch->nr, done = 0;

	batch->wanted = !effort->background;
	batch->held = false;
	sgxdrv_delay_for(SGXDRV_DELAY_ISOLATED, batch->encl->id);
	if (!takes_young(effort))
		keep_young(batch);
	if (batch->nr)
		done = sgxdrv_evict(batch);
	if (batch->held)
		effort->held += nr;
	else
		effort->scanned += nr;
	end_batch(batch->encl);
	return done;
}

/* Returns the number of pages freed. @found: whether there was one to try. */
static unsigned int reclaim(struct effort *effort, bool *found)
{
	struct sgxdrv_batch *batch;
	unsigned int done = 0;

	/* Counted from before its pages leave the list. */
	atomic_inc(&nr_batches);
	batch = sgxdrv_lru_isolate(&effort->target, max_batch(), effort->patient);
	effort->busy = batch == ERR_PTR(-EBUSY);
	*found = !IS_ERR_OR_NULL(batch);
	if (*found)
		done = reclaim_batch(effort, batch);
	if (done) {
		WRITE_ONCE(stuck, false);
		atomic_long_add(done, &nr_evicted);
	}
	ended(&nr_batches);
	if (done) {
		effort->scanned = 0;
		effort->held = 0;
		effort->naps = 0;
	}
	return done;
}

/* ------------------------------------------------------------- who needs one now */

static bool is_targeted(const struct effort *effort)
{
	return effort->target.encl || effort->target.user;
}

/*
 * Wait for a page that somebody else makes free; @blind: whatever there is, it is not
 * for us. Returns 0 or -ERESTARTSYS.
 */
static int doze(unsigned int state, bool blind)
{
	DEFINE_WAIT(wait);
	long ret;

	if (!blind)
		wait.flags = WQ_FLAG_EXCLUSIVE;
	ret = prepare_to_wait_event(&epc_wait, &wait, state);
	if (!ret && (blind || !sgxdrv_epc_free_pages())) {
		if (!blind)
			atomic_long_inc(&nr_waits);
		schedule_timeout(NAP);
	}
	finish_wait(&epc_wait, &wait);
	return ret;
}

/* How many times tasks had to wait for a page of whichever enclave, since load */
long sgxdrv_epc_waits(void)
{
	return atomic_long_read(&nr_waits);
}

/* At a limit. Returns true if there may be a page now; else @none: nothing can go. */
static bool reclaim_own(struct effort *effort, bool *none)
{
	bool found;

	if (reclaim(effort, &found))
		return true;
	*none = !effort->busy && !pages_on_their_way() && (!found || is_hopeless(effort));
	return found && !*none;
}

static bool nothing_comes(struct effort *effort)
{
	long evicted = atomic_long_read(&nr_evicted);

	if (evicted != effort->evicted)
		effort->naps = 0;
	effort->evicted = evicted;
	return !pages_on_their_way() && READ_ONCE(stuck);
}

/**
 * sgxdrv_epc_alloc() - take a free EPC page, or wait for one
 * @encl: the enclave it is for; at a limit, pages of the enclave or its user have to go
 * @state: TASK_INTERRUPTIBLE or TASK_KILLABLE: which signals end the wait
 *
 * Context: process context, may sleep long; no lock but perhaps an mmap_lock held for
 * reading.
 * Return: the page; ERR_PTR(-ENOMEM) if none can become free; ERR_PTR(-ERESTARTSYS).
 */
struct sgxdrv_epc_page *sgxdrv_epc_alloc(struct sgxdrv_encl *encl, unsigned int state)
{
	struct effort effort = {};
	struct sgxdrv_epc_page *page;
	bool none;
	int ret;

	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);

	for (;;) {
		page = sgxdrv_epc_try_alloc(encl);
		if (page)
			return page;
		if (signal_pending_state(state, current))
			return ERR_PTR(-ERESTARTSYS);
		cond_resched();
		sgxdrv_limit_of(encl, &effort.target);
		/* Below the limit again: nobody else has to pay. */
		if (!is_targeted(&effort) && sgxdrv_epc_free_pages())
			continue;
		if (!is_targeted(&effort))
			none = nothing_comes(&effort);
		else if (reclaim_own(&effort, &none))
			continue;
		/* Pages in somebody's hand are on no list for a moment. */
		if (none && ++effort.naps > NAPS)
			return ERR_PTR(-ENOMEM);
		ret = doze(state, is_targeted(&effort));
		if (ret)
			return ERR_PTR(ret);
	}
}

/**
 * sgxdrv_epc_pin() - account for an EPC page that cannot be evicted
 * @encl: who wants one
 * @state: TASK_INTERRUPTIBLE or TASK_KILLABLE: which signals end a wait
 *
 * Enclaves that are being torn down give theirs back, so wait for these rather than
 * fail. @nr_releasing is read first: what has ended by then has been given back.
 *
 * Context: process context, may sleep; no lock held.
 * Return: 0; -ENOMEM if the user has too many of these; -ERESTARTSYS.
 */
int sgxdrv_epc_pin(struct sgxdrv_encl *encl, unsigned int state)
{
	bool coming;
	int ret;

	for (;;) {
		coming = atomic_read_acquire(&nr_releasing);
		if (!sgxdrv_pin(encl))
			return 0;
		if (!coming)
			return -ENOMEM;
		ret = doze(state, true);
		if (ret)
			return ret;
	}
}

/**
 * sgxdrv_epc_user_get() - count one more enclave of the current user
 *
 * Waits for enclaves that are being torn down, as sgxdrv_epc_pin() does.
 *
 * Context: process context, may sleep; no lock held.
 * Return: the account with a reference; ERR_PTR() of -ENOMEM, -EMFILE if the user has too
 * many enclaves, -ERESTARTSYS to a task that is killed.
 */
struct sgxdrv_user *sgxdrv_epc_user_get(void)
{
	struct sgxdrv_user *user;
	bool coming;
	int ret;

	for (;;) {
		coming = atomic_read_acquire(&nr_releasing);
		user = sgxdrv_user_get();
		if (!coming || user != ERR_PTR(-EMFILE))
			return user;
		ret = doze(TASK_KILLABLE, true);
		if (ret)
			return ERR_PTR(ret);
	}
}

/* ------------------------------------------------------------------- background */

/* What is not hopeless are the enclaves whose locks are held: let their owners run. */
static bool wait_for_owners(struct effort *effort)
{
	if (!effort->held)
		return false;
	schedule_timeout_interruptible(1);
	effort->scanned = 0;
	effort->held = 0;
	return true;
}

static void reclaim_to_high(bool patient)
{
	struct effort effort = { .background = true, .patient = patient };
	bool found;

	while (sgxdrv_epc_free_pages() < high && !kthread_should_stop()) {
		if (!reclaim(&effort, &found) && (!found || is_hopeless(&effort)) &&
		    !wait_for_owners(&effort)) {
			WRITE_ONCE(stuck, !effort.busy);
			break;
		}
		cond_resched();
	}
}

/* Returns true if nothing has been evicted meanwhile. */
static bool nap_in_vain(void)
{
	long evicted = atomic_long_read(&nr_evicted);

	schedule_timeout_interruptible(NAP);
	return evicted == atomic_long_read(&nr_evicted);
}

/*
 * A nap in between: what could not be reclaimed just now can't at once. When nothing is
 * evicted for long, the reclaimer that others leave the work to may be held up.
 */
static int reclaim_thread(void *unused)
{
	unsigned int vain = 0;

	while (!kthread_should_stop()) {
		wait_event_interruptible_exclusive(reclaim_wait,
						   kthread_should_stop() || is_low());
		reclaim_to_high(vain < PATIENCE);
		if (is_low() && !kthread_should_stop() && nap_in_vain())
			vain++;
		else
			vain = 0;
	}
	return 0;
}

/**
 * sgxdrv_reclaim_init() - start the threads
 *
 * Return: 0 or -ENOMEM.
 */
int __init sgxdrv_reclaim_init(void)
{
	unsigned int nr = clamp_t(unsigned int, num_present_cpus(), MIN_THREADS, MAX_THREADS), i;

	low = max_t(unsigned long, sgxdrv_epc_total() / LOW_SHARE, MIN_LOW);
	high = 2 * low;
	for (i = 0; i < nr; i++) {
		threads[i] = kthread_run(reclaim_thread, NULL, "softsgx/%u", i);
		if (IS_ERR(threads[i])) {
			threads[i] = NULL;
			sgxdrv_reclaim_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

/* No enclave is left that anybody could want a page for. */
void sgxdrv_reclaim_exit(void)
{
	unsigned int i;

	for (i = 0; i < MAX_THREADS; i++) {
		if (threads[i])
			kthread_stop(threads[i]);
		threads[i] = NULL;
	}
}
