/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Shared by the files of libsoftsgx, not for its users.
 */
#ifndef _LIB_INTERNAL_H
#define _LIB_INTERNAL_H

#include "../core/core.h"
#include "softsgx.h"

#define softsgx_page_align(x) \
	(((x) + SGX_PAGE_SIZE - 1) & ~(u64)(SGX_PAGE_SIZE - 1))
#define softsgx_page_aligned(x) (!((x) & (SGX_PAGE_SIZE - 1)))

/* Sets the text of softsgx_last_error(); returns -@err. */
int softsgx_fail(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends threads and heap to an ELF image; @desc is complete afterwards. */
int softsgx_layout(struct softsgx_image *image, struct softsgx_desc *desc,
		   u64 entry, bool measure_heap);

/* Whole file in memory, free with free(); @max bytes at most. */
int softsgx_read_file(const char *path, size_t max, u8 **data, size_t *len);

extern const struct sgxcore_crypto softsgx_crypto;

#endif /* _LIB_INTERNAL_H */
