/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The EPC pages that the processor offers, and who has them.
 */
#ifndef _DRV_EPC_H
#define _DRV_EPC_H

#include <linux/list.h>

/**
 * struct sgxdrv_epc_page - one page of EPC
 * @list: on the free list; protected by the free list's lock. Meaningless while
 *	the page is allocated
 * @addr: kernel address, the operand of leaves; constant
 * @pfn: page frame, for page tables; constant
 */
struct sgxdrv_epc_page {
	struct list_head list;
	void *addr;
	unsigned long pfn;
};

int sgxdrv_epc_init(void);
void sgxdrv_epc_exit(void);

struct sgxdrv_epc_page *sgxdrv_epc_alloc(void);
void sgxdrv_epc_free(struct sgxdrv_epc_page *page, void *secs);

void sgxdrv_epc_release_begin(void);
void sgxdrv_epc_release_end(void);

unsigned long sgxdrv_epc_total(void);
unsigned long sgxdrv_epc_free_pages(void);

#endif /* _DRV_EPC_H */
