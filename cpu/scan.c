// SPDX-License-Identifier: GPL-2.0
/*
 * Text that has just been mapped, or made executable, is looked through before
 * its process returns to user mode. Until then a request stands in a table, at
 * most one for a task: what comes in the meantime widens its range.
 */
#include <linux/auxvec.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include <softsgx/cpu.h>

#include "cpu.h"

#define SCAN_BITS	6

/**
 * struct request - look through a range of addresses
 * @node: in the table; protected by its lock
 * @task: key; only this task finds, changes or removes the request
 * @work: runs on the way to user mode, or when the task exits
 * @start: of the range
 * @end: of the range
 */
struct request {
	struct hlist_node node;
	struct task_struct *task;
	struct callback_head work;
	unsigned long start;
	unsigned long end;
};

static struct hlist_head table[1 << SCAN_BITS];
static DEFINE_SPINLOCK(table_lock);

static struct hlist_head *bucket(void)
{
	return &table[hash_ptr(current, SCAN_BITS)];
}

static bool widen_own_request(unsigned long start, unsigned long end)
{
	struct request *r;
	unsigned long flags;

	spin_lock_irqsave(&table_lock, flags);
	hlist_for_each_entry(r, bucket(), node) {
		if (r->task == current) {
			r->start = min(r->start, start);
			r->end = max(r->end, end);
			break;
		}
	}
	spin_unlock_irqrestore(&table_lock, flags);
	return r;
}

/* Without memory, or in a task that is about to exit, CPUID stays what it is. */
static struct request *add_request(task_work_func_t func)
{
	struct request *r;
	unsigned long flags;

	if (sgxcpu_should_fail())
		return NULL;
	r = kzalloc(sizeof(*r), GFP_ATOMIC | __GFP_NOWARN);
	if (!r)
		return NULL;
	r->task = current;
	init_task_work(&r->work, func);
	if (task_work_add(current, &r->work, TWA_RESUME)) {
		kfree(r);
		return NULL;
	}
	spin_lock_irqsave(&table_lock, flags);
	hlist_add_head(&r->node, bucket());
	spin_unlock_irqrestore(&table_lock, flags);
	return r;
}

/**
 * sgxcpu_scan_queue() - the current process has a new VMA, or one with new rights
 * @vma: the VMA
 * @func: to be called before the task returns to user mode, with the argument for
 *	sgxcpu_scan_run()
 *
 * Context: any of the task's own, mmap_lock held; does not sleep.
 * Return: true: @func will be called once more.
 */
bool sgxcpu_scan_queue(const struct vm_area_struct *vma, task_work_func_t func)
{
	struct request *r;

	if (!sgxcpu_cpuid_wanted() || (current->flags & PF_KTHREAD) ||
	    vma->vm_mm != current->mm || !sgxcpu_vma_is_text(vma, VM_EXEC))
		return false;
	if (widen_own_request(vma->vm_start, vma->vm_end))
		return false;
	r = add_request(func);
	if (!r)
		return false;
	r->start = vma->vm_start;
	r->end = vma->vm_end;
	return true;
}

/*
 * A program that has gained rights by being executed is not for its caller to
 * change. The kernel tells its own C library so.
 */
static bool has_gained_rights(const struct mm_struct *mm)
{
	int i;

	for (i = 0; i + 1 < AT_VECTOR_SIZE && mm->saved_auxv[i] != AT_NULL; i += 2) {
		if (mm->saved_auxv[i] == AT_SECURE)
			return mm->saved_auxv[i + 1];
	}
	return true;
}

static void scan(unsigned long start, unsigned long end)
{
	struct sgxcpu_mapping m;

	while (start < end && sgxcpu_mapping_find(start, end, VM_EXEC, &m)) {
		sgxcpu_patch(&m);
		fput(m.file);
		start = m.end;
		cond_resched();
	}
}

/**
 * sgxcpu_scan_run() - do what sgxcpu_scan_queue() has put off
 * @work: argument of the callback
 *
 * Context: the task on its way to user mode; or exiting, without an mm.
 */
void sgxcpu_scan_run(struct callback_head *work)
{
	struct request *r = container_of(work, struct request, work);
	unsigned long flags;

	spin_lock_irqsave(&table_lock, flags);
	hlist_del(&r->node);
	spin_unlock_irqrestore(&table_lock, flags);

	if (current->mm && user_64bit_mode(current_pt_regs()) && !has_gained_rights(current->mm))
		scan(r->start, r->end);
	kfree(r);
}
