// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Threads and heap behind the ELF segments; softsgx_enclave.h has the picture.
 */
#include <errno.h>

#include "internal.h"

#define REG_RW (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)

/* Generous, and small enough that the sums below cannot wrap. */
#define MAX_TCS 4096
#define MAX_NSSA 1024
#define MAX_FRAME_PAGES 1024
#define MAX_STACK_PAGES 0x100000U
#define MAX_HEAP_PAGES 0x100000000ULL

static int check_desc(const struct softsgx_desc *desc)
{
	if (desc->nr_tcs > MAX_TCS)
		return softsgx_fail(EINVAL, "more than %d TCS", MAX_TCS);
	if (desc->nssa > MAX_NSSA)
		return softsgx_fail(EINVAL, "more than %d SSA frames",
				    MAX_NSSA);
	if (desc->ssa_frame_pages > MAX_FRAME_PAGES)
		return softsgx_fail(EINVAL, "SSA frame of more than %d pages",
				    MAX_FRAME_PAGES);
	if (desc->stack_pages > MAX_STACK_PAGES)
		return softsgx_fail(EINVAL, "stack of more than %u pages",
				    MAX_STACK_PAGES);
	if (desc->heap_pages > MAX_HEAP_PAGES)
		return softsgx_fail(EINVAL, "heap of more than %llu pages",
				    MAX_HEAP_PAGES);
	return 0;
}

static u64 ssa_size(const struct softsgx_desc *desc)
{
	return (u64)desc->nssa * desc->ssa_frame_pages * SGX_PAGE_SIZE;
}

static void fill_tcs(struct sgx_tcs *tcs, const struct softsgx_image *image,
		     const struct softsgx_desc *desc, u64 offset, u64 entry)
{
	u64 data = offset + SGX_PAGE_SIZE + ssa_size(desc);

	*tcs = (struct sgx_tcs){
		.flags = image->attributes & SGX_ATTR_AEXNOTIFY ? SGX_TCS_AEXNOTIFY : 0,
		.ssa_offset = offset + SGX_PAGE_SIZE,
		.nr_ssa_frames = desc->nssa,
		.entry_offset = entry,
		.fs_offset = data,
		.gs_offset = data + SGX_PAGE_SIZE,
		.fs_limit = 0xffffffff,
		.gs_limit = 0xffffffff,
	};
}

static int add_thread(struct softsgx_image *image,
		      const struct softsgx_desc *desc, u64 tcs_offset,
		      u64 entry)
{
	u64 stack = (u64)desc->stack_pages * SGX_PAGE_SIZE;
	struct sgx_tcs tcs;
	int ret;

	fill_tcs(&tcs, image, desc, tcs_offset, entry);
	ret = softsgx_image_add(image, tcs_offset - stack, stack, NULL, REG_RW,
				true);
	if (ret)
		return ret;
	ret = softsgx_image_add(image, tcs_offset, SGX_PAGE_SIZE, &tcs,
				SGX_SECINFO_TCS, true);
	if (ret)
		return ret;
	return softsgx_image_add(image, tcs_offset + SGX_PAGE_SIZE,
				 ssa_size(desc) + 2 * SGX_PAGE_SIZE, NULL,
				 REG_RW, true);
}

static u64 end_of(const struct softsgx_image *image)
{
	u64 end = 0;
	unsigned int i;

	for (i = 0; i < image->nr_segs; i++) {
		const struct softsgx_segment *seg = &image->segs[i];

		if (end < seg->offset + seg->size)
			end = seg->offset + seg->size;
	}
	return end;
}

static int add_heap(struct softsgx_image *image, struct softsgx_desc *desc,
		    bool measured)
{
	if (!desc->heap_pages)
		return 0;
	desc->heap_offset = end_of(image) + SGX_PAGE_SIZE;
	return softsgx_image_add(image, desc->heap_offset,
				 desc->heap_pages * SGX_PAGE_SIZE, NULL, REG_RW,
				 measured);
}

int softsgx_layout(struct softsgx_image *image, struct softsgx_desc *desc,
		   u64 entry, bool measure_heap)
{
	unsigned int i;
	u64 stack;
	int ret;

	ret = check_desc(desc);
	if (ret)
		return ret;

	stack = (u64)desc->stack_pages * SGX_PAGE_SIZE;
	desc->first_tcs = end_of(image) + SGX_PAGE_SIZE + stack;
	/* hole, stack, TCS, SSA, two pages of thread data */
	desc->tcs_stride = stack + ssa_size(desc) + 4 * SGX_PAGE_SIZE;
	for (i = 0; i < desc->nr_tcs && !ret; i++)
		ret = add_thread(image, desc,
				 desc->first_tcs + i * desc->tcs_stride, entry);
	if (!ret)
		ret = add_heap(image, desc, measure_heap);

	desc->size = image->size;
	return ret;
}
