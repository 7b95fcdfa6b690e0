// SPDX-License-Identifier: GPL-2.0
/*
 * mm_get_unmapped_area() replaced the function pointer in mm_struct by a flag
 * (6.10).
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

static inline unsigned long probe(struct mm_struct *mm, struct file *file)
{
	return mm_get_unmapped_area(mm, file, 0, PAGE_SIZE, 0, 0);
}
