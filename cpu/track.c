// SPDX-License-Identifier: GPL-2.0
/*
 * Which tasks have been inside an enclave, on a CPU and in user mode, ever since the
 * last ETRACK? The core counts tasks that have left by themselves out. The others
 * are looked at here, when ETRACK or EWB would fail because of them.
 *
 * A look comes after the ETRACK. A task has been outside in the sense of the manual if
 *
 * - it is not on a CPU now, or is the one that looks;
 * - the first look found it on a CPU, and it has been taken off a CPU since: it may be back
 *   by now, on the same one, without any IPI of a driver that asks which CPUs are concerned;
 * - that CPU has had a driver's IPI since. Either the task was interrupted by it, or it
 *   was not running there any more. (It cannot have been about to: the scheduler
 *   sets on_cpu and switches with interrupts off.)
 *
 * So the IPI handler has nothing to look up: it counts. The first look is noted in the
 * LP; the note is void once the LP belongs to a newer epoch.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include <softsgx/cpu.h>

#include "cpu.h"

static DEFINE_PER_CPU(unsigned long, interruptions);

void sgxcpu_interrupted(void)
{
	this_cpu_inc(interruptions);
}
EXPORT_SYMBOL_GPL(sgxcpu_interrupted);

static unsigned long interruptions_of(int cpu)
{
	return READ_ONCE(per_cpu(interruptions, cpu));
}

/* The CPU that executes @task, -1 if none does. */
static int executes_on(const struct task_struct *task)
{
#ifdef CONFIG_SMP
	/* Pairs with the release in the scheduler, after the last step of the task. */
	if (!smp_load_acquire(&task->on_cpu))
		return -1;
	return task_cpu(task);
#else
	return task == current ? 0 : -1;
#endif
}

/* How often it has been taken off a CPU. It is in the kernel when this changes. */
static unsigned long switches_of(const struct task_struct *task)
{
	return READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
}

static bool was_outside(const struct sgxcpu_lp *lp, int cpu)
{
	if (cpu < 0 || lp->task == current)
		return true;
	return lp->noted && (switches_of(lp->task) != lp->switches || lp->cpu != cpu ||
			     interruptions_of(cpu) != lp->interruptions);
}

/* @cpu: where the task is. Returns true if the LP has just been counted out. */
static bool settle(struct sgxcpu_lp *lp, int cpu)
{
	lockdep_assert_held(&lp->lock);

	if (!sgxcore_lp_is_awaited(&lp->core))
		return false;
	if (was_outside(lp, cpu)) {
		sgxcore_lp_interrupted(&lp->core);
		lp->noted = false;
		return true;
	}
	if (!lp->noted) {
		lp->cpu = cpu;
		lp->switches = switches_of(lp->task);
		lp->interruptions = interruptions_of(cpu);
		lp->noted = true;
	}
	return false;
}

/* @mask: CPUs with tasks inside, or NULL */
struct look {
	const struct sgxcore_page *secs;
	struct cpumask *mask;
	bool progress;
};

/*
 * Whoever is not in the mask must be settled by the same look: it may be back on a CPU
 * before the interrupts are sent.
 */
static void look_at(struct sgxcpu_lp *lp, void *data)
{
	struct look *look = data;
	int cpu;

	if (!sgxcore_lp_is_inside(&lp->core, look->secs))
		return;
	cpu = executes_on(lp->task);
	look->progress |= settle(lp, cpu);
	if (look->mask && cpu >= 0)
		cpumask_set_cpu(cpu, look->mask);
}

/**
 * sgxcpu_track_settle() - count out whoever has been outside since the last ETRACK
 * @secs: SECS
 *
 * Context: any task context; does not sleep.
 * Return: true if there was somebody.
 */
bool sgxcpu_track_settle(struct sgxcore_page *secs)
{
	struct look look = { .secs = secs };

	sgxcpu_lp_for_each(look_at, &look);
	return look.progress;
}

void sgxcpu_inside_mask(void *secs, struct cpumask *mask)
{
	struct look look = {
		.secs = sgxcore_page_of(&sgxcpu_package, secs),
		.mask = mask,
	};

	cpumask_clear(mask);
	if (!WARN_ON_ONCE(!look.secs))
		sgxcpu_lp_for_each(look_at, &look);
}
EXPORT_SYMBOL_GPL(sgxcpu_inside_mask);

struct mark {
	const struct sgxcore_page *secs;
	const unsigned long *addrs;
	unsigned int nr;
	unsigned long *used;
};

static void mark_pages(struct sgxcpu_lp *lp, void *data)
{
	struct mark *mark = data;
	unsigned int i;

	if (!sgxcore_lp_is_inside(&lp->core, mark->secs))
		return;
	for (i = 0; i < mark->nr; i++) {
		if (sgxcore_lp_stores_to(&lp->core, mark->addrs[i]))
			__set_bit(i, mark->used);
	}
}

void sgxcpu_mark_frames(void *secs, const unsigned long *addrs, unsigned int nr,
			unsigned long *used)
{
	struct mark mark = {
		.secs = sgxcore_page_of(&sgxcpu_package, secs),
		.addrs = addrs,
		.nr = nr,
		.used = used,
	};

	if (!WARN_ON_ONCE(!mark.secs) && sgxcore_track_inside(mark.secs))
		sgxcpu_lp_for_each(mark_pages, &mark);
}
EXPORT_SYMBOL_GPL(sgxcpu_mark_frames);
