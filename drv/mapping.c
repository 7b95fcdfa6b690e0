// SPDX-License-Identifier: GPL-2.0
/*
 * The address space of an enclave: an inode of its own behind the open file, so
 * that the core keeps all VMAs of the enclave in one i_mmap, in whatever process
 * they are. The file offset of a page is its linear address.
 *
 * PTEs are special: there is no struct page for get_user_pages() or a core dump
 * to find. A VMA that says so with VM_PFNMAP would never merge, so the PTEs do.
 * Without VM_PFNMAP fork copies none; the child faults them in.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "encl.h"
#include "inject.h"
#include "mapping.h"

#define SGXDRV_MAGIC	0x53475853	/* no program gets to see it */
#define AROUND		(16 * PAGE_SIZE)	/* what a fault makes PTEs for */

static struct vfsmount *mnt;		/* constant after load */

static int sgxdrv_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, SGXDRV_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: the mount is ours and would keep the module loaded. */
static struct file_system_type fs_type = {
	.name			= "softsgx",
	.init_fs_context	= sgxdrv_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * sgxdrv_mapping_alloc() - make an inode for an enclave
 *
 * Context: process context, may sleep.
 * Return: the inode, given back with iput(), or an ERR_PTR().
 */
struct inode *sgxdrv_mapping_alloc(void)
{
	if (sgxdrv_should_fail())
		return ERR_PTR(-ENOMEM);
	return alloc_anon_inode(mnt->mnt_sb);
}

/**
 * sgxdrv_mapping_attach() - let mappings of a file belong to the enclave
 * @encl: the enclave
 * @file: about to be opened
 *
 * The reference of the file to the enclave covers the inode.
 */
void sgxdrv_mapping_attach(struct sgxdrv_encl *encl, struct file *file)
{
	file->f_mapping = encl->inode->i_mapping;
}

/**
 * sgxdrv_mapping_zap() - take away the PTEs of a range in all processes
 * @encl: the enclave
 * @addr: linear address of the first page
 * @len: size in bytes
 *
 * Reaches processes that are being forked as well: a VMA is in i_mmap before the
 * first PTE of it exists, and nobody but the fault handler makes PTEs.
 *
 * Context: process context, may sleep; takes the lock of i_mmap, but no mmap_lock:
 * a process that is stuck with its own delays nobody.
 */
void sgxdrv_mapping_zap(struct sgxdrv_encl *encl, unsigned long addr, unsigned long len)
{
	unmap_mapping_range(encl->inode->i_mapping, addr, len, 1);
}

/**
 * sgxdrv_mapping_count_vmas() - VMAs of an enclave, in all processes
 * @encl: the enclave
 *
 * Context: process context, may sleep; takes the lock of i_mmap.
 */
unsigned long sgxdrv_mapping_count_vmas(struct sgxdrv_encl *encl)
{
	struct address_space *mapping = encl->inode->i_mapping;
	struct rb_node *node;
	unsigned long n = 0;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node; node = rb_next(node))
		n++;
	i_mmap_unlock_read(mapping);
	return n;
}

struct insert {
	struct mm_struct *mm;
	pte_t pte;
};

/*
 * There may be a PTE already: of another thread that was faster, or of a mapping
 * that was not writable. It shows the same page and allows no more, so no TLB has
 * to be flushed.
 */
static int insert_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct insert *insert = data;

	set_pte_at(insert->mm, addr, pte, insert->pte);
	return 0;
}

/**
 * sgxdrv_mapping_insert() - show a page
 * @vma: mapping of an enclave
 * @addr: linear address of the page
 * @pfn: page frame
 * @prot: rights, at least those of the PTE that may be there
 *
 * Context: process context, may sleep; mmap_lock held for reading.
 * Return: 0 or -ENOMEM.
 */
int sgxdrv_mapping_insert(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
			  pgprot_t prot)
{
	struct insert insert = {
		.mm = vma->vm_mm,
		.pte = pte_mkyoung(pte_mkspecial(pfn_pte(pfn, prot))),
	};

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	if (sgxdrv_should_fail())
		return -ENOMEM;
	return apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, insert_pte, &insert);
}

struct around {
	struct vm_area_struct *vma;
	sgxdrv_neighbour_fn fn;
};

static int insert_neighbour(pte_t *pte, unsigned long addr, void *data)
{
	struct around *around = data;
	unsigned long pfn;
	pgprot_t prot;

	if (pte_none(*pte) && around->fn(around->vma, addr, &pfn, &prot))
		set_pte_at(around->vma->vm_mm, addr, pte,
			   pte_mkold(pte_mkspecial(pfn_pte(pfn, prot))));
	return 0;
}

/**
 * sgxdrv_mapping_insert_around() - show pages before somebody asks for them
 * @vma: mapping of an enclave
 * @addr: linear address of a page for which there is a PTE
 * @fn: says which pages
 *
 * Pages that have none yet, in an aligned window around @addr. These do not count as used.
 *
 * Context: process context; mmap_lock held for reading.
 */
void sgxdrv_mapping_insert_around(struct vm_area_struct *vma, unsigned long addr,
				  sgxdrv_neighbour_fn fn)
{
	struct around around = { .vma = vma, .fn = fn };
	unsigned long start = max(ALIGN_DOWN(addr, AROUND), vma->vm_start);
	unsigned long end = min(ALIGN_DOWN(addr, AROUND) + AROUND, vma->vm_end);

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	/* The page table exists, so it cannot fail. If it did there would be fewer PTEs. */
	apply_to_page_range(vma->vm_mm, start, end - start, insert_neighbour, &around);
}

/**
 * sgxdrv_mapping_init() - make a place for the inodes
 *
 * Return: 0 or an error of kern_mount(), -ENOMEM.
 */
int __init sgxdrv_mapping_init(void)
{
	mnt = kern_mount(&fs_type);
	return PTR_ERR_OR_ZERO(mnt);
}

/* All enclaves are gone. */
void sgxdrv_mapping_exit(void)
{
	kern_unmount(mnt);
}
