// SPDX-License-Identifier: GPL-2.0
/*
 * SSA frames as lists of EPC pages. Linear offsets in the XSAVE area are mapped
 * to the pages that were found at entry, which need not be neighbours in the EPC.
 *
 * Enclave code can write to the pages at any time: what is read has to be checked
 * after it was copied.
 */
#include "internal.h"

#define SSA_FAULT		(SGX_PFEC_U | SGX_PFEC_W)

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

static struct sgxcore_outcome frame_page_check(const struct sgxcore_xlat *x,
					       const struct sgxcore_page *secs, u64 la)
{
	const struct sgxcore_page *page = x->page;
	const u8 rw = SGX_SECINFO_R | SGX_SECINFO_W;

	if (sgxcore_xlat_moved(x))
		return sgxcore_again();
	if (!page->valid || page->blocked || page->pending || page->modified ||
	    page->addr != la || page->type != SGX_PT_REG || page->secs != secs ||
	    (page->perm & rw) != rw)
		return sgxcore_xlat_fault(x, sgxcore_pf(la, SSA_FAULT | SGX_PFEC_P | SGX_PFEC_SGX));
	return sgxcore_ok();
}

/*
 * Linear address of frame @index. Every term is the enclave's choice; a sum that
 * does not fit 64 bits is no address.
 */
static bool frame_address(const struct sgxcore_view *v, u32 index, u64 *la)
{
	u64 size = (u64)v->ssa_frame_size << SGX_PAGE_SHIFT;
	u64 offset;

	return !__builtin_mul_overflow(size, index, &offset) &&
	       !__builtin_add_overflow(offset, v->ssa_offset, &offset) &&
	       !__builtin_add_overflow(offset, v->base, la) &&
	       !__builtin_add_overflow(*la, size - 1, &offset);
}

static struct sgxcore_outcome frame_page_find(struct sgxcore_lp *lp, const struct sgxcore_view *v,
					      u64 la, struct sgxcore_xlat *x)
{
	const u32 not_epc = SSA_FAULT | SGX_PFEC_P | SGX_PFEC_SGX;
	struct sgxcore_outcome out;

	if (!sgxcore_canonical(lp->cpu->model, la))
		return sgxcore_gp();
	if (!sgxcore_in_range(la, v->base, v->size))
		return sgxcore_pf(la, not_epc);
	out = lp->ops->translate(lp, la, SGXCORE_WRITE, x);
	if (out.kind != SGXCORE_OK)
		return out;
	if (!x->page)
		return sgxcore_pf(la, not_epc);
	/* On conflict the second half decides. */
	if (sgxcore_lock_lp(x->page)) {
		out = frame_page_check(x, v->secs, la);
		sgxcore_unlock_lp(x->page);
	}
	return out;
}

/**
 * sgxcore_frame_find() - look up the pages of an SSA frame
 * @lp: the logical processor
 * @v: TCS and SECS
 * @index: which frame
 * @f: filled; has to be zero
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_frame_find(struct sgxcore_lp *lp, const struct sgxcore_view *v,
					  u32 index, struct sgxcore_frame *f)
{
	u32 size = sgxcore_xsave_size(lp->cpu->model, v->xfrm);
	unsigned int nr = (size + SGX_PAGE_SIZE - 1) >> SGX_PAGE_SHIFT;
	struct sgxcore_outcome out;
	unsigned int i;

	if (!frame_address(v, index, &f->la))
		return sgxcore_gp();
	f->gpr_la = f->la + ((u64)(v->ssa_frame_size - 1) << SGX_PAGE_SHIFT);
	for (i = 0; i < nr; i++) {
		u64 la = f->la + ((u64)i << SGX_PAGE_SHIFT);

		out = frame_page_find(lp, v, la, &f->xsave[i]);
		if (out.kind != SGXCORE_OK)
			return out;
	}
	if (nr == v->ssa_frame_size) {
		f->gpr = f->xsave[nr - 1];
		return sgxcore_ok();
	}
	return frame_page_find(lp, v, f->gpr_la, &f->gpr);
}

/**
 * sgxcore_frame_lock() - keep an SSA frame in place, if it is one
 * @f: the frame
 * @v: TCS and SECS
 *
 * Return: SGXCORE_OK with all pages locked, or what is wrong with none of them locked.
 */
struct sgxcore_outcome sgxcore_frame_lock(const struct sgxcore_frame *f,
					  const struct sgxcore_view *v)
{
	unsigned int nr = sgxcore_frame_pages(f);
	struct sgxcore_outcome out;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct sgxcore_xlat *x = sgxcore_frame_xlat(f, i);

		if (!sgxcore_lock_lp(x->page)) {
			out = sgxcore_again();
			goto unlock;
		}
		out = frame_page_check(x, v->secs, sgxcore_frame_address(f, i));
		if (out.kind != SGXCORE_OK) {
			i++;
			goto unlock;
		}
	}
	return sgxcore_ok();

unlock:
	sgxcore_frame_unlock(f, i);
	return out;
}

struct sgx_gprsgx *sgxcore_frame_gprsgx(const struct sgxcore_frame *f)
{
	return (struct sgx_gprsgx *)(f->gpr.page->mem + SGX_GPRSGX_OFFSET);
}

/**
 * sgxcore_lp_stores_to() - does the next exit of an LP write to a page?
 * @lp: the logical processor, inside
 * @la: linear address of the page
 *
 * That is its TCS, or in the frame. Hardware has pinned these down at entry; software
 * that pages looks for accessed bits, which no store of an exit sets.
 */
bool sgxcore_lp_stores_to(const struct sgxcore_lp *lp, u64 la)
{
	unsigned int i;

	for (i = 0; i < sgxcore_frame_pages(&lp->frame); i++) {
		if (sgxcore_frame_address(&lp->frame, i) == la)
			return true;
	}
	return lp->tcs_la == la;
}
