// SPDX-License-Identifier: GPL-2.0
/*
 * The page walk for operands of ENCLU: the driver knows the page tables, so it
 * is asked, as the MMU would ask them.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/srcu.h>

#include <softsgx/cpu.h>

#include "cpu.h"

#define EXIT_NAP	msecs_to_jiffies(20)	/* while there is no memory */

/* The result of a walk goes straight into the core's translation. */
struct sgxcpu_walk {
	struct sgxcore_xlat *xlat;
};

static DEFINE_MUTEX(walker_lock);	/* changes of @walker */
static const struct sgxcpu_walker __rcu *walker;
/* Readers are walks; they sleep. */
static struct srcu_struct walker_srcu;

int sgxcpu_set_walker(const struct sgxcpu_walker *w)
{
	int ret = -EBUSY;

	mutex_lock(&walker_lock);
	if (!rcu_access_pointer(walker)) {
		rcu_assign_pointer(walker, w);
		ret = 0;
	}
	mutex_unlock(&walker_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(sgxcpu_set_walker);

void sgxcpu_clear_walker(const struct sgxcpu_walker *w)
{
	mutex_lock(&walker_lock);
	if (!WARN_ON_ONCE(rcu_access_pointer(walker) != w))
		RCU_INIT_POINTER(walker, NULL);
	mutex_unlock(&walker_lock);
	synchronize_srcu(&walker_srcu);
}
EXPORT_SYMBOL_GPL(sgxcpu_clear_walker);

void sgxcpu_walk_found(struct sgxcpu_walk *walk, void *addr)
{
	struct sgxcore_page *page = sgxcore_page_of(&sgxcpu_package, addr);

	if (WARN_ON_ONCE(!page))
		return;
	sgxcore_xlat_set(walk->xlat, page);
}
EXPORT_SYMBOL_GPL(sgxcpu_walk_found);

static int walk_page(struct sgxcpu_walk *walk, u64 la, bool write)
{
	const struct sgxcpu_walker *w;
	int ret = -EFAULT;
	int idx;

	idx = srcu_read_lock(&walker_srcu);
	w = srcu_dereference(walker, &walker_srcu);
	if (w)
		ret = w->walk(walk, la, write);
	srcu_read_unlock(&walker_srcu, idx);
	return ret;
}

/**
 * sgxcpu_walk_fetch() - look again at an entry that forbids to execute
 * @la: linear address
 *
 * Context: process context, may sleep.
 * Return: as sgxcpu_walker.fetch(), -EACCES without a driver.
 */
int sgxcpu_walk_fetch(u64 la)
{
	const struct sgxcpu_walker *w;
	int ret = -EACCES;
	int idx;

	idx = srcu_read_lock(&walker_srcu);
	w = srcu_dereference(walker, &walker_srcu);
	if (w)
		ret = w->fetch(la);
	srcu_read_unlock(&walker_srcu, idx);
	return ret;
}

/* May the page that an exit needs be there the next time? Not for a task that dies. */
static bool exit_waits(int ret)
{
	switch (ret) {
	case -EINTR:
		break;
	case -ENOMEM:
		schedule_timeout_killable(EXIT_NAP);
		break;
	default:
		return false;
	}
	return !fatal_signal_pending(current);
}

/*
 * A signal is delivered before the leaf is tried again; what is left of the leaf's
 * work may take for ever. An exit is what makes way for the signal, and without its
 * frame the state of the enclave's thread is lost: it waits until its pages are there.
 */
static int walk_or_signal(struct sgxcpu_walk *walk, const struct sgxcpu_lp *lp, u64 la, bool write)
{
	int ret;

	do {
		ret = walk_page(walk, la, write);
	} while (lp->leaving && exit_waits(ret));
	return ret;
}

static struct sgxcore_outcome translate(struct sgxcore_lp *lp, u64 la,
					enum sgxcore_access access,
					struct sgxcore_xlat *x)
{
	struct sgxcpu_walk walk = { .xlat = x };
	bool write = access == SGXCORE_WRITE;
	u32 code = SGX_PFEC_U | (write ? SGX_PFEC_W : 0);

	x->page = NULL;
	/* As for an access: what is in the kernel's half is no business of a program. */
	if (la >= TASK_SIZE_MAX)
		code |= SGX_PFEC_P;

	switch (walk_or_signal(&walk, container_of(lp, struct sgxcpu_lp, core), la, write)) {
	case 0:
	case -ENXIO:
		return sgxcore_ok();
	case -EINTR:
		return sgxcore_again();
	case -EACCES:
		return sgxcore_pf(la, code | SGX_PFEC_P);
	default:
		return sgxcore_pf(la, code);
	}
}

const struct sgxcore_lp_ops sgxcpu_lp_ops = {
	.translate = translate,
};

int sgxcpu_walk_init(void)
{
	return init_srcu_struct(&walker_srcu);
}

void sgxcpu_walk_exit(void)
{
	cleanup_srcu_struct(&walker_srcu);
}
