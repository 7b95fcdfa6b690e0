// SPDX-License-Identifier: GPL-2.0
/*
 * Enclave memory that is closed outside enclave mode, by protection keys: module
 * parameter isolate=1. Mappings of enclaves get a key to which programs have no rights;
 * a task that enters opens it for itself, and closes it when it leaves.
 *
 * It is always the same key, the last one, and marked as taken in each process that
 * needs it: pkey_alloc() would have to hand out all others before. If a program has done
 * that, it has rights to the key, and keeps them.
 *
 * Protection keys do not stop the fetching of instructions.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pkeys.h>
#include <linux/ptrace.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <asm/pkru.h>

#include <softsgx/cpu.h>

#include "cpu.h"

#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS

#define PKEY		15
#define PKRU_SHIFT	(PKEY * PKRU_BITS_PER_PKEY)
#define PKRU_MASK	((PKRU_AD_BIT | PKRU_WD_BIT) << PKRU_SHIFT)
#define VM_PKEYS	((unsigned long)PKEY << VM_PKEY_SHIFT)

static bool isolate;
module_param(isolate, bool, 0644);
MODULE_PARM_DESC(isolate, "Close enclave memory outside enclave mode, if the CPU has protection keys (N)");

unsigned long sgxcpu_vma_flags(struct mm_struct *mm)
{
	lockdep_assert_held_write(&mm->mmap_lock);

	if (!READ_ONCE(isolate) || !arch_pkeys_enabled())
		return 0;
	mm_set_pkey_allocated(mm, PKEY);
	return VM_PKEYS;
}
EXPORT_SYMBOL_GPL(sgxcpu_vma_flags);

/* Whatever the parameter is by now */
static bool has_key(struct mm_struct *mm)
{
	return arch_pkeys_enabled() && READ_ONCE(mm_pkey_allocation_map(mm)) & BIT(PKEY);
}

/**
 * sgxcpu_isolate_open() - the current task has come into an enclave
 * @lp: its LP
 */
void sgxcpu_isolate_open(struct sgxcpu_lp *lp)
{
	u32 pkru;

	if (!has_key(current->mm))
		return;
	pkru = rdpkru();
	lp->mode.pkru = pkru & PKRU_MASK;
	if (lp->mode.pkru)
		wrpkru(pkru & ~PKRU_MASK);
}

/**
 * sgxcpu_isolate_close() - the current task is outside, or about to be
 * @lp: its LP
 */
void sgxcpu_isolate_close(struct sgxcpu_lp *lp)
{
	if (lp->mode.pkru)
		wrpkru((rdpkru() & ~PKRU_MASK) | lp->mode.pkru);
	lp->mode.pkru = 0;
}

static bool is_closed(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool ret;

	if (mmap_read_lock_killable(mm))
		return false;
	vma = vma_lookup(mm, addr);
	ret = vma && vma_pkey(vma) == PKEY;
	mmap_read_unlock(mm);
	return ret;
}

/**
 * sgxcpu_isolate_report() - tell the log of a page fault outside if it was at a closed door
 * @regs: of the current task
 * @addr: CR2
 *
 * Context: page fault handler of the task, may sleep.
 */
void sgxcpu_isolate_report(const struct pt_regs *regs, u64 addr)
{
	static DEFINE_RATELIMIT_STATE(reports, 5 * HZ, 10);

	if (!READ_ONCE(isolate) || !has_key(current->mm) || !is_closed(current->mm, addr) ||
	    !__ratelimit(&reports))
		return;
	pr_info("%s[%d]: access to enclave memory from outside, address %llx, RIP %lx\n",
		current->comm, task_pid_nr(current), addr, regs->ip);
}

#else /* a kernel without protection keys */

unsigned long sgxcpu_vma_flags(struct mm_struct *mm)
{
	return 0;
}
EXPORT_SYMBOL_GPL(sgxcpu_vma_flags);

void sgxcpu_isolate_open(struct sgxcpu_lp *lp)
{
}

void sgxcpu_isolate_close(struct sgxcpu_lp *lp)
{
}

void sgxcpu_isolate_report(const struct pt_regs *regs, u64 addr)
{
}

#endif
