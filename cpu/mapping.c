// SPDX-License-Identifier: GPL-2.0
/*
 * Program text as the current process has it mapped: which file is at an address,
 * and what the file says there. Only private mappings of regular files count: in
 * these nothing that is written reaches the file.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "cpu.h"

static bool is_readable(const struct file *file)
{
	return S_ISREG(file_inode(file)->i_mode) && file->f_op->read_iter && !file->f_op->read;
}

/**
 * sgxcpu_vma_is_text() - can this be a program's text?
 * @vma: VMA of the current process
 * @flags: VM_EXEC or VM_MAYEXEC: that it must have
 *
 * Context: mmap_lock held.
 */
bool sgxcpu_vma_is_text(const struct vm_area_struct *vma, unsigned long flags)
{
	return vma->vm_file && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)) &&
	       (vma->vm_flags & flags) == flags && is_readable(vma->vm_file);
}

static bool find_locked(unsigned long start, unsigned long end, unsigned long flags,
			struct sgxcpu_mapping *m)
{
	struct vm_area_struct *vma = find_vma(current->mm, start);

	lockdep_assert_held(&current->mm->mmap_lock);

	while (vma && vma->vm_start < end && !sgxcpu_vma_is_text(vma, flags))
		vma = find_vma(current->mm, vma->vm_end);
	if (!vma || vma->vm_start >= end)
		return false;

	*m = (struct sgxcpu_mapping){
		.file = get_file(vma->vm_file),
		.start = vma->vm_start,
		.end = vma->vm_end,
		.offset = (u64)vma->vm_pgoff << PAGE_SHIFT,
	};
	return true;
}

/**
 * sgxcpu_mapping_find() - the first text in a range of addresses
 * @start: of the range
 * @end: of the range
 * @flags: VM_EXEC or VM_MAYEXEC: that it must have
 * @m: out: the mapping; fput() its file
 *
 * Context: process context, may sleep.
 * Return: true: there is one.
 */
bool sgxcpu_mapping_find(unsigned long start, unsigned long end, unsigned long flags,
			 struct sgxcpu_mapping *m)
{
	bool found;

	if (mmap_read_lock_killable(current->mm))
		return false;
	found = find_locked(start, end, flags, m);
	mmap_read_unlock(current->mm);
	return found;
}

/**
 * sgxcpu_file_read() - read from a file
 * @file: that is_readable() was right about
 * @offset: in it
 * @buf: where to
 * @n: how much
 *
 * Return: the number of bytes there were.
 */
size_t sgxcpu_file_read(struct file *file, u64 offset, void *buf, size_t n)
{
	loff_t pos = offset;
	size_t done = 0;
	ssize_t ret;

	if (pos < 0 || n > MAX_RW_COUNT || pos > LLONG_MAX - (loff_t)n)
		return 0;
	while (done < n) {
		ret = kernel_read(file, buf + done, n - done, &pos);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done;
}

/**
 * sgxcpu_mapping_has_cpuid() - does the file have CPUID where these two bytes are mapped?
 * @m: a mapping
 * @addr: of the first byte; at most one of the two is outside the mapping
 */
bool sgxcpu_mapping_has_cpuid(const struct sgxcpu_mapping *m, unsigned long addr)
{
	u8 bytes[2];

	return sgxcpu_file_read(m->file, m->offset + (addr - m->start), bytes, 2) == 2 &&
	       bytes[0] == SGXCPU_CPUID_0 && bytes[1] == SGXCPU_CPUID_1;
}
