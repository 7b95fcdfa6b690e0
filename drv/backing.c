// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for evicted pages: a shmem file per enclave, which can be swapped out and
 * is charged to the memory cgroup of whoever opened the enclave.
 *
 *	0                 size of ELRANGE     + 1 page
 *	| pages of the enclave | the SECS | PCMD, 128 bytes for each of them |
 *
 * It stays until the page is removed or the enclave goes. What belongs to a page that is
 * back is of no use, but it saves the next eviction from allocating, and from failing; and
 * it is never more than the EPC, since these pages are there.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

#include <arch/sgx_arch.h>

#include "inject.h"
#include "paging.h"

#define PCMD_SIZE	sizeof(struct sgx_pcmd)

/**
 * sgxdrv_backing_create() - prepare for evictions
 * @encl: the enclave
 * @size: of ELRANGE
 *
 * Context: process context, may sleep; IOCTL bit held.
 * Return: 0; -ENOMEM; or another error of shmem.
 */
int sgxdrv_backing_create(struct sgxdrv_encl *encl, unsigned long size)
{
	unsigned long pcmd = ((size >> PAGE_SHIFT) + 1) * PCMD_SIZE;
	struct file *file;

	if (sgxdrv_should_fail())
		return -ENOMEM;
	file = shmem_file_setup("softsgx", size + PAGE_SIZE + PAGE_ALIGN(pcmd), VM_NORESERVE);
	/* It has no inode then, for want of memory. */
	if (file == ERR_PTR(-ENOSPC))
		return -ENOMEM;
	if (IS_ERR(file))
		return PTR_ERR(file);
	encl->backing = file;
	return 0;
}

void sgxdrv_backing_destroy(struct sgxdrv_encl *encl)
{
	if (encl->backing)
		fput(encl->backing);
	encl->backing = NULL;
}

/* Number of a page among all those that can be evicted */
static unsigned long number_of(const struct sgxdrv_encl_page *page)
{
	struct sgxdrv_encl *encl = page->encl;

	return PFN_DOWN(page == &encl->secs ? encl->size : page->addr - encl->base);
}

static struct page *get_page_at(struct sgxdrv_encl *encl, pgoff_t index, gfp_t flags)
{
	struct address_space *mapping = encl->backing->f_mapping;
	gfp_t gfp = mapping_gfp_mask(mapping) | flags;
	struct mem_cgroup *old;
	struct page *page;

	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);
	/* As for a page whose swap cannot be read */
	if (sgxdrv_told_to_fail(SGXDRV_LEAF_BACKING))
		return ERR_PTR(-EIO);
	old = set_active_memcg(encl->memcg);
	page = shmem_read_mapping_page_gfp(mapping, index, gfp);
	set_active_memcg(old);
	return page;
}

/**
 * sgxdrv_backing_get() - get hold of the memory of a page
 * @page: whose
 * @backing: written
 * @flags: __GFP_* beside those of the file
 *
 * Context: process context, may sleep, and wait for swapped pages to come in.
 * Return: 0; -ENOMEM, also at the limit of the memory cgroup; -EIO.
 */
int sgxdrv_backing_get(struct sgxdrv_encl_page *page, struct sgxdrv_backing *backing, gfp_t flags)
{
	unsigned long number = number_of(page);
	loff_t pcmd = page->encl->size + PAGE_SIZE + (loff_t)number * PCMD_SIZE;

	backing->data = get_page_at(page->encl, number, flags);
	if (IS_ERR(backing->data))
		return PTR_ERR(backing->data);
	backing->pcmd = get_page_at(page->encl, pcmd >> PAGE_SHIFT, flags);
	if (IS_ERR(backing->pcmd)) {
		put_page(backing->data);
		return PTR_ERR(backing->pcmd);
	}
	backing->pcmd_offset = offset_in_page(pcmd);
	return 0;
}

/**
 * sgxdrv_backing_put() - let go of the memory of a page
 * @backing: as sgxdrv_backing_get() has made it
 * @dirty: it has been written to
 *
 * Context: any task context.
 */
void sgxdrv_backing_put(struct sgxdrv_backing *backing, bool dirty)
{
	if (dirty) {
		set_page_dirty(backing->data);
		set_page_dirty(backing->pcmd);
	}
	put_page(backing->data);
	put_page(backing->pcmd);
}

/**
 * sgxdrv_backing_drop() - lose the contents of pages
 * @page: the first one
 * @nr: their number; none of the others is the SECS
 *
 * For pages that are removed. Their PCMD shares its page with that of others, so it stays.
 *
 * Context: process context, may sleep.
 */
void sgxdrv_backing_drop(struct sgxdrv_encl_page *page, unsigned int nr)
{
	loff_t start = (loff_t)number_of(page) << PAGE_SHIFT;

	shmem_truncate_range(file_inode(page->encl->backing), start,
			     start + ((loff_t)nr << PAGE_SHIFT) - 1);
}
