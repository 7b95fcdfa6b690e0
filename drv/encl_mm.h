/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which processes an enclave lives in.
 */
#ifndef _DRV_ENCL_MM_H
#define _DRV_ENCL_MM_H

struct mm_struct;
struct sgxdrv_encl;

int sgxdrv_encl_mm_add(struct sgxdrv_encl *encl, struct mm_struct *mm);
void sgxdrv_encl_mm_dup(struct sgxdrv_encl *encl, struct mm_struct *mm);
void sgxdrv_encl_mm_del(struct sgxdrv_encl *encl, struct mm_struct *mm);

typedef void (*sgxdrv_mm_fn)(struct mm_struct *mm, void *data);
void sgxdrv_encl_mm_walk(struct sgxdrv_encl *encl, sgxdrv_mm_fn fn, void *data);

#endif /* _DRV_ENCL_MM_H */
