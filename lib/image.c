// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Enclave images: a list of segments and the SECS fields that go with them.
 */
#include <errno.h>
#include <sys/mman.h>

#include "internal.h"

/* Nothing larger fits into the user half of a 48-bit address space. */
#define IMAGE_SIZE_MAX 0x400000000000ULL

void softsgx_image_init(struct softsgx_image *image)
{
	*image = (struct softsgx_image){
		.size = 2 * SGX_PAGE_SIZE,
		.ssa_frame_pages = 1,
		.attributes = SGX_ATTR_MODE64BIT,
		.xfrm = SGX_XFRM_LEGACY,
	};
}

void softsgx_image_free(struct softsgx_image *image)
{
	unsigned int i;

	for (i = 0; i < image->nr_segs; i++)
		munmap(image->segs[i].src, image->segs[i].size);
	free(image->segs);
	softsgx_image_init(image);
}

static u64 enclave_size(u64 end)
{
	u64 size = 2 * SGX_PAGE_SIZE;

	while (size < end)
		size *= 2;
	return size;
}

static const struct softsgx_segment *
find_overlap(const struct softsgx_image *image, u64 offset, u64 size)
{
	unsigned int i;

	for (i = 0; i < image->nr_segs; i++) {
		const struct softsgx_segment *seg = &image->segs[i];

		if (offset < seg->offset + seg->size &&
		    seg->offset < offset + size)
			return seg;
	}
	return NULL;
}

static int check_range(const struct softsgx_image *image, u64 offset, u64 size)
{
	const struct softsgx_segment *other;

	if (!size || !softsgx_page_aligned(offset | size))
		return softsgx_fail(EINVAL,
				    "segment %#llx+%#llx is not page aligned",
				    offset, size);
	if (offset > IMAGE_SIZE_MAX || size > IMAGE_SIZE_MAX - offset)
		return softsgx_fail(EFBIG, "segment %#llx+%#llx is too large",
				    offset, size);

	other = find_overlap(image, offset, size);
	if (other)
		return softsgx_fail(EEXIST,
				    "segment %#llx+%#llx overlaps %#llx+%#llx",
				    offset, size, other->offset, other->size);
	return 0;
}

static int grow(struct softsgx_image *image)
{
	struct softsgx_segment *segs;

	segs = realloc(image->segs, (image->nr_segs + 1) * sizeof(*segs));
	if (!segs)
		return softsgx_fail(ENOMEM, "out of memory for segments");
	image->segs = segs;
	return 0;
}

int softsgx_image_add(struct softsgx_image *image, u64 offset, u64 size,
		      const void *src, u64 flags, bool measured)
{
	void *copy;
	u64 fit;
	int ret;

	ret = check_range(image, offset, size);
	if (!ret)
		ret = grow(image);
	if (ret)
		return ret;

	/* The driver wants page-aligned sources; zeroes cost nothing this way. */
	copy = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		return softsgx_fail(ENOMEM, "out of memory for %#llx bytes",
				    size);
	if (src)
		memcpy(copy, src, size);

	image->segs[image->nr_segs++] = (struct softsgx_segment){
		.offset = offset,
		.size = size,
		.src = copy,
		.flags = flags,
		.measured = measured,
	};
	fit = enclave_size(offset + size);
	if (image->size < fit)
		image->size = fit;
	return 0;
}

static bool is_tcs(const struct softsgx_segment *seg)
{
	return (seg->flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS;
}

struct sgx_tcs *softsgx_image_tcs(const struct softsgx_image *image,
				  unsigned int n, u64 *offset)
{
	unsigned int i;

	for (i = 0; i < image->nr_segs; i++) {
		const struct softsgx_segment *seg = &image->segs[i];
		u64 pages = seg->size / SGX_PAGE_SIZE;

		if (!is_tcs(seg))
			continue;
		if (n < pages) {
			if (offset)
				*offset = seg->offset + n * SGX_PAGE_SIZE;
			return (void *)(seg->src + n * SGX_PAGE_SIZE);
		}
		n -= pages;
	}
	return NULL;
}

void softsgx_image_secs(const struct softsgx_image *image, u64 base,
			struct sgx_secs *secs)
{
	*secs = (struct sgx_secs){
		.size = image->size,
		.base = base,
		.ssa_frame_size = image->ssa_frame_pages,
		.miscselect = image->miscselect,
		.attributes = image->attributes,
		.xfrm = image->xfrm,
		.config_svn = image->config_svn,
	};
	memcpy(secs->config_id, image->config_id, sizeof(secs->config_id));
}
