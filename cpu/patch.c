// SPDX-License-Identifier: GPL-2.0
/*
 * Turning CPUID instructions into UD2: 0F A2 into 0F 0B. Only the second byte
 * changes, in one store, so that a thread which is just executing there does
 * either of the two. It goes to the process's own copy of the page.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../core/text.h"
#include "cpu.h"

#define CHUNK		(16 * PAGE_SIZE)
#define MAX_TEXT	SZ_1G
#define BUDGET_BASE	SZ_32M

/**
 * struct patcher - one mapping being looked through
 * @text: the file, for the core
 * @m: the mapping
 * @chunk: of the file
 */
struct patcher {
	struct sgxcore_text text;
	const struct sgxcpu_mapping *m;
	u8 chunk[CHUNK];
};

static bool stopped;

/* A large mapping must not hold up whoever kills its process, or unloads the module. */
static bool should_stop(void)
{
	return fatal_signal_pending(current) || READ_ONCE(stopped);
}

/**
 * sgxcpu_patch_stop() - let those that are in sgxcpu_patch() come to an end
 *
 * Context: any.
 */
void sgxcpu_patch_stop(void)
{
	WRITE_ONCE(stopped, true);
}

/* Between the two looks at the VMA it may have become something else. */
static bool is_still_text(const struct sgxcpu_mapping *m, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(current->mm, addr);

	lockdep_assert_held(&current->mm->mmap_lock);

	return vma && vma->vm_start <= addr && vma->vm_file == m->file &&
	       sgxcpu_vma_is_text(vma, VM_EXEC) &&
	       addr - vma->vm_start + ((u64)vma->vm_pgoff << PAGE_SHIFT) ==
	       addr - m->start + m->offset;
}

/* Returns a byte of the process, or -1. */
static int peek(unsigned long addr)
{
	struct page *page;
	u8 *mem;
	int byte;

	if (wrapper_get_user_page(current->mm, addr, FOLL_FORCE, &page) != 1)
		return -1;
	mem = kmap_local_page(page);
	byte = READ_ONCE(mem[offset_in_page(addr)]);
	kunmap_local(mem);
	put_page(page);
	return byte;
}

static void poke(unsigned long addr, u8 byte)
{
	struct page *page;
	u8 *mem;

	if (wrapper_get_user_page(current->mm, addr, FOLL_FORCE | FOLL_WRITE, &page) != 1)
		return;
	/* A page of the file itself must never get here. */
	if (!WARN_ON_ONCE(!PageAnon(page))) {
		mem = kmap_local_page(page);
		WRITE_ONCE(mem[offset_in_page(addr)], byte);
		kunmap_local(mem);
		set_page_dirty_lock(page);
		sgxcpu_count(SGXCPU_STAT_PATCH);
	}
	put_page(page);
}

/* Program and file may differ by now, for example where text was relocated. */
static void patch_locked(const struct sgxcpu_mapping *m, unsigned long addr)
{
	lockdep_assert_held(&current->mm->mmap_lock);

	if (is_still_text(m, addr) && is_still_text(m, addr + 1) &&
	    peek(addr) == SGXCPU_CPUID_0 && peek(addr + 1) == SGXCPU_CPUID_1)
		poke(addr + 1, SGXCPU_UD2_1);
}

static void patch(const struct sgxcpu_mapping *m, unsigned long addr)
{
	if (mmap_read_lock_killable(current->mm))
		return;
	patch_locked(m, addr);
	mmap_read_unlock(current->mm);
}

/* @n bytes of the chunk, which are at @offset in the file */
static void look_through(struct patcher *p, u64 offset, size_t n)
{
	const u8 *at = p->chunk, *end = p->chunk + n;
	u64 where;

	for (;;) {
		at = sgxcore_find_cpuid(at, end - at);
		if (!at || should_stop())
			return;
		cond_resched();
		where = offset + (at - p->chunk);
		if (sgxcore_text_is_cpuid(&p->text, where))
			patch(p->m, p->m->start + (where - p->m->offset));
		at += 2;
	}
}

/* With one byte more on each side: an instruction may belong to two mappings. */
static void look_through_all(struct patcher *p)
{
	u64 offset = p->m->offset, size = p->m->end - p->m->start;
	u64 end = offset + min_t(u64, size, MAX_TEXT) + 1;
	size_t n;

	if (offset)
		offset--;
	while (offset + 1 < end && !should_stop()) {
		n = sgxcpu_file_read(p->m->file, offset, p->chunk,
				     min_t(u64, CHUNK, end - offset));
		if (n < 2)
			break;
		look_through(p, offset, n);
		offset += n - 1;
		cond_resched();
	}
}

static size_t read_text(void *ctx, u64 offset, void *buf, size_t n)
{
	const struct patcher *p = ctx;

	cond_resched();
	if (should_stop())
		return 0;
	return sgxcpu_file_read(p->m->file, offset, buf, n);
}

/**
 * sgxcpu_patch() - replace the CPUID instructions in a mapping
 * @m: a mapping of text
 *
 * Context: the process itself, no locks held, may sleep.
 */
void sgxcpu_patch(const struct sgxcpu_mapping *m)
{
	struct patcher *p;

	p = sgxcpu_should_fail() ? NULL : kvmalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return;
	memset(&p->text, 0, sizeof(p->text));
	p->m = m;
	p->text.read = read_text;
	p->text.ctx = p;
	p->text.budget = BUDGET_BASE + 4 * min_t(u64, m->end - m->start, MAX_TEXT);
	if (sgxcore_text_open(&p->text))
		look_through_all(p);
	kvfree(p);
}
