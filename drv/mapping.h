/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The address space of an enclave, as files have one: all its VMAs, and its PTEs.
 */
#ifndef _DRV_MAPPING_H
#define _DRV_MAPPING_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct file;
struct inode;
struct sgxdrv_encl;

int sgxdrv_mapping_init(void);
void sgxdrv_mapping_exit(void);

struct inode *sgxdrv_mapping_alloc(void);
void sgxdrv_mapping_attach(struct sgxdrv_encl *encl, struct file *file);
void sgxdrv_mapping_zap(struct sgxdrv_encl *encl, unsigned long addr, unsigned long len);
unsigned long sgxdrv_mapping_count_vmas(struct sgxdrv_encl *encl);

/* Which page to show at @addr, and how? Called with the page table locked. */
typedef bool (*sgxdrv_neighbour_fn)(struct vm_area_struct *vma, unsigned long addr,
				    unsigned long *pfn, pgprot_t *prot);

void sgxdrv_mapping_insert_around(struct vm_area_struct *vma, unsigned long addr,
				  sgxdrv_neighbour_fn fn);
int sgxdrv_mapping_insert(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn,
			  pgprot_t prot);

#endif /* _DRV_MAPPING_H */
