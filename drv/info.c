// SPDX-License-Identifier: GPL-2.0
/*
 * What an enclave consists of and who has it: /proc/PID/fdinfo/FD, and for all
 * enclaves debugfs softsgx/enclaves.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "mapping.h"
#include "paging.h"

/**
 * struct mm_counts - the processes of an enclave
 * @encl: the enclave
 * @m: where to print a line for each, or NULL
 * @processes: entries whose process has a VMA
 * @stale: entries whose process lives on without one
 * @busy: entries whose process changes its mappings just now: not looked at
 */
struct mm_counts {
	struct sgxdrv_encl *encl;
	struct seq_file *m;
	unsigned int processes;
	unsigned int stale;
	unsigned int busy;
};

/* Returns a negative number if the process changes its mappings just now. */
static long count_vmas(struct sgxdrv_encl *encl, struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	long n = 0;

	if (!mmap_read_trylock(mm))
		return -1;
	for_each_vma(vmi, vma) {
		if (vma->vm_ops == &sgxdrv_vm_ops && sgxdrv_encl_of(vma) == encl)
			n++;
	}
	mmap_read_unlock(mm);
	return n;
}

/* As the reader's PID namespace has it; 0 if it does not, or nobody knows. */
static pid_t pid_of(struct mm_struct *mm)
{
	struct task_struct *owner;
	pid_t pid = 0;

	rcu_read_lock();
	owner = wrapper_mm_owner(mm);
	if (owner)
		pid = task_tgid_vnr(owner);
	rcu_read_unlock();
	return pid;
}

static void count_mm(struct mm_struct *mm, void *data)
{
	struct mm_counts *counts = data;
	long n = count_vmas(counts->encl, mm);

	if (n < 0)
		counts->busy++;
	else if (n)
		counts->processes++;
	else
		counts->stale++;
	if (!counts->m)
		return;

	seq_printf(counts->m, "sgx-process:\t%d ", pid_of(mm));
	if (n < 0)
		seq_puts(counts->m, "busy\n");
	else
		seq_printf(counts->m, "%ld\n", n);
}

static const char *state_of(struct sgxdrv_encl *encl)
{
	if (test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return "dead";
	if (test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		return "initialized";
	return test_bit(SGXDRV_ENCL_CREATED, &encl->flags) ? "created" : "new";
}

struct info {
	unsigned long base;
	unsigned long size;
	unsigned long nr_pages;
	unsigned long nr_resident;
	unsigned long nr_va;
};

static void get_info(struct sgxdrv_encl *encl, struct info *info)
{
	mutex_lock(&encl->lock);
	info->base = encl->base;
	info->size = encl->size;
	info->nr_pages = encl->nr_pages;
	info->nr_resident = atomic_long_read(&encl->nr_resident);
	info->nr_va = encl->nr_va;
	mutex_unlock(&encl->lock);
}

/**
 * sgxdrv_encl_show() - print what an enclave consists of
 * @m: where to
 * @encl: the enclave; the caller holds a reference
 *
 * Context: process context, may sleep; takes the enclave lock.
 */
void sgxdrv_encl_show(struct seq_file *m, struct sgxdrv_encl *encl)
{
	struct mm_counts counts = { .encl = encl, .m = m };
	struct info info;
	unsigned int i;

	get_info(encl, &info);
	seq_printf(m, "sgx-enclave:\t%llu\n", encl->id);
	seq_printf(m, "sgx-state:\t%s\n", state_of(encl));
	seq_printf(m, "sgx-base:\t0x%lx\n", info.base);
	seq_printf(m, "sgx-size:\t0x%lx\n", info.size);
	seq_printf(m, "sgx-pages:\t%lu\n", info.nr_pages);
	seq_printf(m, "sgx-references:\t%u\n", kref_read(&encl->ref));
	seq_printf(m, "sgx-vmas:\t%lu\n", sgxdrv_mapping_count_vmas(encl));
	sgxdrv_encl_mm_walk(encl, count_mm, &counts);
	seq_printf(m, "sgx-processes:\t%u\n", counts.processes);
	seq_printf(m, "sgx-stale:\t%u\n", counts.stale);
	seq_printf(m, "sgx-busy:\t%u\n", counts.busy);
	seq_printf(m, "sgx-resident:\t%lu\n", info.nr_resident);
	seq_printf(m, "sgx-va-pages:\t%lu\n", info.nr_va);
	for (i = 0; i < SGXDRV_NR_COUNTS; i++)
		seq_printf(m, "sgx-%s:\t%ld\n", sgxdrv_count_names[i],
			   atomic_long_read(&encl->counts[i]));
}

/**
 * sgxdrv_encl_show_line() - the same in a line of a table
 * @m: where to
 * @encl: the enclave, of which the caller holds a reference; NULL: the head line
 *
 * Context: as sgxdrv_encl_show().
 */
void sgxdrv_encl_show_line(struct seq_file *m, struct sgxdrv_encl *encl)
{
	struct mm_counts counts = { .encl = encl };
	struct info info;

	if (!encl) {
		seq_puts(m, "enclave state base size pages references vmas processes stale busy\n");
		return;
	}
	get_info(encl, &info);
	sgxdrv_encl_mm_walk(encl, count_mm, &counts);
	/* Less the one that the caller holds to look at it */
	seq_printf(m, "%llu %s 0x%lx 0x%lx %lu %u %lu %u %u %u\n", encl->id, state_of(encl),
		   info.base, info.size, info.nr_pages, kref_read(&encl->ref) - 1,
		   sgxdrv_mapping_count_vmas(encl), counts.processes, counts.stale, counts.busy);
}
