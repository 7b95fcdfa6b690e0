// SPDX-License-Identifier: GPL-2.0
/*
 * SSA frames as lists of EPC pages. Linear offsets in the XSAVE area are mapped
 * to the pages that were found at entry, which need not be neighbours in the EPC.
 *
 * Enclave code can write to the pages at any time: what is read has to be checked
 * after it was copied.
 */
#include "internal.h"

static unsigned int xsave_pages(const struct sgxcore_frame *f)
{
	unsigned int n = 0;

	while (n < SGXCORE_SSA_PAGES - 1 && f->xsave[n].page)
		n++;
	return n;
}

/* Pages to lock: those of the XSAVE area and, last, the one with GPRSGX */
unsigned int sgxcore_frame_pages(const struct sgxcore_frame *f)
{
	return xsave_pages(f) + 1;
}

const struct sgxcore_xlat *sgxcore_frame_xlat(const struct sgxcore_frame *f, unsigned int i)
{
	return i < xsave_pages(f) ? &f->xsave[i] : &f->gpr;
}

/* Linear address of page @i in the order of sgxcore_frame_xlat() */
u64 sgxcore_frame_address(const struct sgxcore_frame *f, unsigned int i)
{
	return i < xsave_pages(f) ? f->la + ((u64)i << SGX_PAGE_SHIFT) : f->gpr_la;
}

/**
 * sgxcore_frame_unlock() - let the pages go
 * @f: the frame
 * @n: how many of its pages are locked, from the first one on
 */
void sgxcore_frame_unlock(const struct sgxcore_frame *f, unsigned int n)
{
	while (n--)
		sgxcore_unlock_lp(sgxcore_frame_xlat(f, n)->page);
}

/* Longest piece of [@off, @off + @n) in one page of the XSAVE area; NULL outside */
static u8 *piece(const struct sgxcore_frame *f, u32 off, u32 *n)
{
	u32 index = off >> SGX_PAGE_SHIFT;
	u32 in_page = off & (SGX_PAGE_SIZE - 1);

	if (sgxcore_warn(index >= xsave_pages(f)))
		return NULL;
	if (*n > SGX_PAGE_SIZE - in_page)
		*n = SGX_PAGE_SIZE - in_page;
	return f->xsave[index].page->mem + in_page;
}

/**
 * sgxcore_frame_read() - take a private copy of a part of the XSAVE area
 * @f: the frame, its pages locked
 * @off: offset in the frame
 * @dst: where to
 * @n: length
 */
void sgxcore_frame_read(const struct sgxcore_frame *f, u32 off, void *dst, u32 n)
{
	while (n) {
		u32 len = n;
		u8 *p = piece(f, off, &len);

		if (!p)
			return;
		sgxcore_copy_once(dst, p, len);
		dst = (u8 *)dst + len;
		off += len;
		n -= len;
	}
}

/**
 * sgxcore_frame_write() - fill a part of the XSAVE area
 * @f: the frame, its pages locked
 * @off: offset in the frame
 * @src: where from; NULL for zeros
 * @n: length
 */
void sgxcore_frame_write(const struct sgxcore_frame *f, u32 off, const void *src, u32 n)
{
	while (n) {
		u32 len = n;
		u8 *p = piece(f, off, &len);

		if (!p)
			return;
		if (src) {
			memcpy(p, src, len);
			src = (const u8 *)src + len;
		} else {
			memset(p, 0, len);
		}
		off += len;
		n -= len;
	}
}
