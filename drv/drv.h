/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the driver offer each other, apart from the objects.
 */
#ifndef _DRV_DRV_H
#define _DRV_DRV_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct file;
struct seq_file;
struct sgxdrv_encl;
struct vm_fault;

/* dev.c */
int sgxdrv_dev_init(void);
void sgxdrv_dev_exit(void);
bool sgxdrv_is_encl_file(const struct file *file);
bool sgxdrv_is_provision_file(const struct file *file);

/* ioctl.c */
long sgxdrv_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int sgxdrv_check_range(const struct sgxdrv_encl *encl, u64 offset, u64 length);

/* ioctl_create.c, ioctl_add.c, ioctl_init.c: the IOCTL bit of the enclave is held */
long sgxdrv_ioc_create(struct sgxdrv_encl *encl, void __user *arg);
long sgxdrv_ioc_add_pages(struct sgxdrv_encl *encl, void __user *arg);
long sgxdrv_ioc_init(struct sgxdrv_encl *encl, void __user *arg);

/* ioctl_change.c, ioctl_remove.c, ioctl_augment.c: as above */
long sgxdrv_ioc_restrict_permissions(struct sgxdrv_encl *encl, void __user *arg);
long sgxdrv_ioc_modify_types(struct sgxdrv_encl *encl, void __user *arg);
long sgxdrv_ioc_remove_pages(struct sgxdrv_encl *encl, void __user *arg);
long sgxdrv_ioc_augment(struct sgxdrv_encl *encl, void __user *arg);
int sgxdrv_fadvise(struct file *file, loff_t offset, loff_t len, int advice);

/* augment.c */
void sgxdrv_augment_init(void);

/* vma.c */
extern const struct vm_operations_struct sgxdrv_vm_ops;
struct sgxdrv_encl *sgxdrv_encl_of(const struct vm_area_struct *vma);
int sgxdrv_mmap(struct file *file, struct vm_area_struct *vma);
unsigned long sgxdrv_get_unmapped_area(struct file *file, unsigned long addr,
				       unsigned long len, unsigned long pgoff,
				       unsigned long flags);

/* merge.c */
void sgxdrv_merge_init(void);
void sgxdrv_merge_exit(void);
bool sgxdrv_merge_safe(void);

/* fault.c */
vm_fault_t sgxdrv_fault(struct vm_fault *vmf);
vm_fault_t sgxdrv_pfn_mkwrite(struct vm_fault *vmf);

/* info.c */
void sgxdrv_encl_show(struct seq_file *m, struct sgxdrv_encl *encl);
void sgxdrv_encl_show_line(struct seq_file *m, struct sgxdrv_encl *encl);

/* age.c */
void sgxdrv_encl_age(struct sgxdrv_encl *encl, const unsigned long *addrs, unsigned int nr,
		     unsigned long *young);

/* walk.c */
int sgxdrv_walk_init(void);
void sgxdrv_walk_exit(void);

/* debugfs.c */
void sgxdrv_debugfs_init(void);
void sgxdrv_debugfs_exit(void);

#endif /* _DRV_DRV_H */
