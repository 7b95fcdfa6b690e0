// SPDX-License-Identifier: GPL-2.0
/*
 * What an enclave consists of and who has it: /proc/PID/fdinfo/FD.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/seq_file.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "mapping.h"

/**
 * struct mm_counts - the processes of an enclave
 * @encl: the enclave
 * @processes: entries whose process has a VMA
 * @stale: entries whose process lives on without one
 * @busy: entries whose process changes its mappings just now: not looked at
 */
struct mm_counts {
	struct sgxdrv_encl *encl;
	unsigned int processes;
	unsigned int stale;
	unsigned int busy;
};

static bool maps(struct mm_struct *mm, struct sgxdrv_encl *encl)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	lockdep_assert_held(&mm->mmap_lock);

	for_each_vma(vmi, vma) {
		if (vma->vm_ops == &sgxdrv_vm_ops && sgxdrv_encl_of(vma) == encl)
			return true;
	}
	return false;
}

static void count_mm(struct mm_struct *mm, void *data)
{
	struct mm_counts *counts = data;
	bool found;

	if (!mmap_read_trylock(mm)) {
		counts->busy++;
		return;
	}
	found = maps(mm, counts->encl);
	mmap_read_unlock(mm);

	if (found)
		counts->processes++;
	else
		counts->stale++;
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
	struct mm_counts counts = { .encl = encl };
	unsigned long base, size, nr_pages;

	mutex_lock(&encl->lock);
	base = encl->base;
	size = encl->size;
	nr_pages = encl->nr_pages;
	mutex_unlock(&encl->lock);
	sgxdrv_encl_mm_walk(encl, count_mm, &counts);

	seq_printf(m, "sgx-enclave:\t%llu\n", encl->id);
	seq_printf(m, "sgx-base:\t0x%lx\n", base);
	seq_printf(m, "sgx-size:\t0x%lx\n", size);
	seq_printf(m, "sgx-pages:\t%lu\n", nr_pages);
	seq_printf(m, "sgx-references:\t%u\n", kref_read(&encl->ref));
	seq_printf(m, "sgx-processes:\t%u\n", counts.processes);
	seq_printf(m, "sgx-stale:\t%u\n", counts.stale);
	seq_printf(m, "sgx-busy:\t%u\n", counts.busy);
	seq_printf(m, "sgx-vmas:\t%lu\n", sgxdrv_mapping_count_vmas(encl));
}
