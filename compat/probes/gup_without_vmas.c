// SPDX-License-Identifier: GPL-2.0
/* get_user_pages_remote() lost its argument for VMAs (6.5). */
#include <linux/mm.h>

static inline long probe(struct mm_struct *mm, struct page **page)
{
	return get_user_pages_remote(mm, 0, 1, 0, page, NULL);
}
