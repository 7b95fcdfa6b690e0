/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the parts of the kernel's driver as a module.
 */
#ifndef _INTREE_H
#define _INTREE_H

#include <linux/types.h>

/* intree_driver.c */
void intree_driver_exit(void);

/* intree_walk.c: knows the processor's structures, and not those of <asm/sgx.h> */
int intree_walk_init(void);
void intree_walk_exit(void);
void intree_found(void *walk, void *epc);

/* intree_encl.c: as struct sgxcpu_walker has them */
int intree_walk(void *walk, unsigned long la, bool write);
int intree_fetch(unsigned long la);

#endif /* _INTREE_H */
