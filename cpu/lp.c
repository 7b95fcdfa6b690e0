// SPDX-License-Identifier: GPL-2.0
/*
 * Logical processors: the table of tasks that have ever executed EENTER.
 *
 * An entry is made at the first EENTER and goes away when the task exits or
 * executes a new program.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <asm/fpu/xcr.h>

#include <softsgx/cpu.h>

#include "cpu.h"

#define LP_BITS		8

struct lp_bucket {
	spinlock_t lock;	/* insertion and removal in @head */
	struct hlist_head head;
};

static struct lp_bucket table[1 << LP_BITS] = {
	[0 ... (1 << LP_BITS) - 1] = { .lock = __SPIN_LOCK_UNLOCKED(table.lock) },
};

static struct lp_bucket *bucket_of(const struct task_struct *task)
{
	return &table[hash_ptr(task, LP_BITS)];
}

/**
 * sgxcpu_lp_find() - the LP of the current task
 *
 * Context: any context of the task itself: nobody else frees a live task's LP.
 * Return: the LP, NULL if the task never executed EENTER.
 */
struct sgxcpu_lp *sgxcpu_lp_find(void)
{
	struct sgxcpu_lp *lp;

	rcu_read_lock();
	hlist_for_each_entry_rcu(lp, &bucket_of(current)->head, node) {
		if (lp->task == current)
			break;
	}
	rcu_read_unlock();
	return lp;
}

static struct sgxcpu_lp *lp_create(void)
{
	const struct sgxcore_model *model = sgxcpu_package.model;
	struct lp_bucket *b = bucket_of(current);
	struct sgxcpu_lp *lp;

	if (sgxcpu_should_fail())
		return NULL;
	lp = kzalloc(struct_size(lp, xsave, sgxcore_xsave_size(model, model->xfrm_mask)),
		     GFP_KERNEL_ACCOUNT);
	if (!lp)
		return NULL;

	spin_lock_init(&lp->lock);
	lp->task = current;
	lp->epcm_page = SGXCPU_NO_EPCM_FAULT;
	lp->core.cpu = &sgxcpu_package;
	lp->core.ops = &sgxcpu_lp_ops;
	lp->core.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);

	spin_lock(&b->lock);
	hlist_add_head_rcu(&lp->node, &b->head);
	spin_unlock(&b->lock);
	return lp;
}

/**
 * sgxcpu_lp_get() - the LP of the current task, made if need be
 *
 * Context: process context, may sleep.
 * Return: the LP, NULL without memory.
 */
struct sgxcpu_lp *sgxcpu_lp_get(void)
{
	return sgxcpu_lp_find() ?: lp_create();
}

static void lp_abandon(struct sgxcpu_lp *lp)
{
	spin_lock(&lp->lock);
	if (lp->core.inside)
		sgxcore_lp_abandon(&lp->core);
	spin_unlock(&lp->lock);
}

static void lp_free(struct sgxcpu_lp *lp, struct lp_bucket *b)
{
	lockdep_assert_held(&b->lock);

	hlist_del_rcu(&lp->node);
	lp_abandon(lp);
	kfree_rcu(lp, rcu);
}

/**
 * sgxcpu_lp_drop() - the current task exits or executes a new program
 *
 * Context: any; does not sleep.
 */
void sgxcpu_lp_drop(void)
{
	struct lp_bucket *b = bucket_of(current);
	struct sgxcpu_lp *lp = sgxcpu_lp_find();

	if (!lp)
		return;

	sgxcpu_mode_leave(lp);
	spin_lock(&b->lock);
	lp_free(lp, b);
	spin_unlock(&b->lock);
}

/* Does arch_do_signal_or_restart() need sgxcpu_signal() first? */
bool sgxcpu_lp_wants_signal(void)
{
	struct sgxcpu_lp *lp = sgxcpu_lp_find();

	return lp && (READ_ONCE(lp->core.inside) || lp->note.armed);
}

/**
 * sgxcpu_lp_lock_for_exit() - take the lock of an LP, its pages being there
 * @lp: of the current task, in enclave mode
 * @whole: for an AEX; else for EEXIT, which needs no frame
 *
 * What has been evicted while the task was inside is loaded again, as often as it leaves
 * again meanwhile. If it is gone for good, or the task dies, the exit goes on without.
 *
 * Context: process context, may sleep long, killable. The caller leaves the enclave,
 * then unlocks.
 */
void sgxcpu_lp_lock_for_exit(struct sgxcpu_lp *lp, bool whole)
{
	struct sgxcore_exit x = { .whole = whole };
	bool there = true;

	spin_lock(&lp->lock);
	while (there && !sgxcore_exit_begin(&lp->core, &x)) {
		spin_unlock(&lp->lock);
		cond_resched();
		lp->leaving = true;
		there = sgxcore_exit_find(&lp->core, &x) && !fatal_signal_pending(current);
		lp->leaving = false;
		spin_lock(&lp->lock);
	}
}

/**
 * sgxcpu_lp_for_each() - look at all LPs
 * @f: called with the lock of the LP held
 * @data: for @f
 *
 * The task of the LP that @f sees does not go away during the call: whoever exits
 * takes its LP off the table first, and is freed a grace period later.
 *
 * Context: any task context; does not sleep.
 */
void sgxcpu_lp_for_each(void (*f)(struct sgxcpu_lp *lp, void *data), void *data)
{
	struct sgxcpu_lp *lp;
	int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		hlist_for_each_entry_rcu(lp, &table[i].head, node) {
			spin_lock(&lp->lock);
			f(lp, data);
			spin_unlock(&lp->lock);
		}
	}
	rcu_read_unlock();
}

static void abandon_if_inside(struct sgxcpu_lp *lp, void *secs)
{
	if (sgxcore_lp_is_inside(&lp->core, secs))
		sgxcore_lp_abandon(&lp->core);
}

void sgxcpu_unmapped(void *secs)
{
	struct sgxcore_page *page = sgxcore_page_of(&sgxcpu_package, secs);

	if (!WARN_ON_ONCE(!page))
		sgxcpu_lp_for_each(abandon_if_inside, page);
}
EXPORT_SYMBOL_GPL(sgxcpu_unmapped);

/* The hooks are gone: no task can enter, find or drop its LP any more. */
void sgxcpu_lp_exit(void)
{
	struct hlist_node *next;
	struct sgxcpu_lp *lp;
	int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		spin_lock(&table[i].lock);
		hlist_for_each_entry_safe(lp, next, &table[i].head, node)
			lp_free(lp, &table[i]);
		spin_unlock(&table[i].lock);
	}
}

/* Does the page fault that the current task takes at @la hit its own enclave? */
static bool fault_is_inside(const struct sgxcpu_lp *lp, unsigned long la)
{
	return READ_ONCE(lp->core.inside) && la - lp->core.base < lp->core.size;
}

unsigned long sgxcpu_page_prot(void *addr, unsigned long la, unsigned long vm_flags,
			       unsigned long access)
{
	const struct sgxcore_page *page = sgxcore_page_of(&sgxcpu_package, addr);
	unsigned long allowed = 0;
	struct sgxcpu_lp *lp;
	u8 perm;

	if (WARN_ON_ONCE(!page))
		return 0;

	/*
	 * What the mapping forbids is not for the EPCM to deny: page tables come first. The
	 * core asks for a page to execute from whatever the mapping says.
	 */
	access &= vm_flags;
	perm = sgxcore_page_access(page);
	if (perm & SGX_SECINFO_R)
		allowed |= VM_READ;
	if (perm & SGX_SECINFO_W)
		allowed |= VM_WRITE;
	if (perm & SGX_SECINFO_X)
		allowed |= VM_EXEC;
	allowed &= vm_flags;

	if (allowed && (allowed & access) == access)
		return allowed;

	lp = access ? sgxcpu_lp_find() : NULL;
	if (lp && fault_is_inside(lp, la))
		lp->epcm_page = la & PAGE_MASK;
	return 0;
}
EXPORT_SYMBOL_GPL(sgxcpu_page_prot);
