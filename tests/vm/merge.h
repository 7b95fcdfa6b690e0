/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of merged VMAs share: enclaves of RW pages, counts of VMAs,
 * changes of mappings, and looks at all pages of a range.
 */
#ifndef _TESTS_VM_MERGE_H
#define _TESTS_VM_MERGE_H

#include "util.h"

#define NR_SMALL	64

/* ------------------------------------------------------- enclaves and counts */

/* As load(), with a file that is open already */
static inline int load_opened(struct softsgx_enclave *encl, u64 base, unsigned int nr, u64 size,
			      u64 attributes)
{
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct sgx_secs secs;
	u64 count = 0;
	unsigned int i;
	u8 *src;
	int ret;

	softsgx_image_init(&image);
	image.attributes |= attributes;
	ret = softsgx_image_add(&image, 0, nr * PAGE, NULL, REG(PROT_RW), false);
	image.size = size;
	if (!ret)
		ret = vt_sign(&image, &sig);
	if (!ret && !base)
		ret = vt_reserve(encl, size);
	if (ret)
		goto free;
	if (base) {
		encl->base = base;
		encl->size = size;
	}
	softsgx_image_secs(&image, encl->base, &secs);
	ret = softsgx_enclave_create(encl, &secs);
	if (ret)
		goto free;

	src = vt_anon(nr * PAGE, PROT_RW);
	for (i = 0; i < nr; i++)
		fill(src + i * PAGE, i);
	ret = vt_ioc_add(encl->fd, src, 0, nr * PAGE, REG(PROT_RW), 0, &count);
	munmap(src, nr * PAGE);
	if (!ret && count != nr * PAGE)
		ret = -EAGAIN;
	if (!ret)
		ret = softsgx_enclave_init(encl, &sig);
free:
	softsgx_image_free(&image);
	return ret;
}

/*
 * An initialised enclave of @nr pages, all RW, in a range of @size bytes, at @base
 * if that is not 0. No copy of the contents is left in ordinary memory.
 */
static inline int load(struct softsgx_enclave *encl, u64 base, unsigned int nr, u64 size,
		       u64 attributes)
{
	int ret;

	*encl = (struct softsgx_enclave){ .fd = -1 };
	ret = softsgx_enclave_open(encl);
	return ret ? ret : load_opened(encl, base, nr, size, attributes);
}

/* VMAs of whatever enclave that reach into a range */
static inline long maps_vmas(u64 from, u64 to)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	u64 start, end;
	long n = 0;

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "sgx_enclave"))
			continue;
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			n = -EINVAL;
		else if (start < to && end > from)
			n++;
	}
	fclose(maps);
	return n;
}

/* VMAs of an enclave in all processes */
static inline long fdinfo_vmas(int fd)
{
	char path[64], line[256];
	long n = -ENODATA;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	if (!info)
		return -errno;
	while (fgets(line, sizeof(line), info))
		sscanf(line, "sgx-vmas: %ld", &n);
	fclose(info);
	return n;
}

static inline long own_vmas(const struct softsgx_enclave *encl)
{
	return maps_vmas(encl->base, encl->base + encl->size);
}

/* The only enclave, in the only process: both counts agree, wherever its VMAs are. */
static inline long vmas(const struct softsgx_enclave *encl)
{
	long maps = maps_vmas(0, ~0ULL), fdinfo = fdinfo_vmas(encl->fd);

	if (maps == fdinfo)
		return maps;
	fprintf(stderr, "# maps: %ld VMAs, fdinfo: %ld\n", maps, fdinfo);
	return -EPROTO;
}

static inline int map_at(const struct softsgx_enclave *encl, int page, unsigned int nr,
			 int prot, u64 offset)
{
	if (mmap(vt_addr(encl, page), nr * PAGE, prot, MAP_SHARED | MAP_FIXED, encl->fd,
		 offset) == MAP_FAILED)
		return -errno;
	return 0;
}

/* With the file offset that the page has in the driver's eyes */
static inline int map_natural(const struct softsgx_enclave *encl, int page, unsigned int nr,
			      int prot)
{
	return map_at(encl, page, nr, prot, (uintptr_t)vt_addr(encl, page));
}

/* Back to how it was reserved; nothing else gets into the gap. */
static inline int unmap(const struct softsgx_enclave *encl, int page, unsigned int nr)
{
	if (mmap(vt_addr(encl, page), nr * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static inline int protect(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot)
{
	return mprotect(vt_addr(encl, page), nr * PAGE, prot) ? -errno : 0;
}

/*
 * After mapping pages over several VMAs: where the driver has to help the kernel
 * with merging, these merge only now.
 */
static inline int merge_over(const struct softsgx_enclave *encl, int page, unsigned int nr,
			     int prot)
{
	FILE *list = fopen("/sys/kernel/debug/kprobes/list", "r");
	bool helped = false;
	char line[256];
	int ret;

	while (list && fgets(line, sizeof(line), list))
		helped |= !!strstr(line, "mmap_region");
	if (list)
		fclose(list);
	if (!helped)
		return 0;
	ret = protect(encl, page, nr, prot ? PROT_NONE : PROT_READ);
	return ret ? ret : protect(encl, page, nr, prot);
}

static inline int advise(const struct softsgx_enclave *encl, int page, unsigned int nr, int advice)
{
	return madvise(vt_addr(encl, page), nr * PAGE, advice) ? -errno : 0;
}

static inline u8 *spot(const struct softsgx_enclave *encl, int page)
{
	return vt_addr(encl, page) + spot_in(page);
}

/* vt_shows(), with a look at some of the bytes */
static inline bool shows_some(const u8 *addr, unsigned int page)
{
	bool ones = true, contents = true;
	unsigned int i;

	if (vt_read(addr))
		return false;
	for (i = page % 89; i < PAGE; i += 89) {
		ones &= addr[i] == 0xff;
		contents &= addr[i] == vt_byte(page, i);
	}
	return ones || contents;
}

/* The first of some pages that does not show what it should, or -1 */
static inline int wrong_page(const struct softsgx_enclave *encl, int page, unsigned int nr)
{
	unsigned int i;

	if (!vt_shows(vt_addr(encl, page), page))
		return page;
	for (i = 1; i < nr; i++) {
		if (!shows_some(vt_addr(encl, page + i), page + i))
			return page + i;
	}
	return -1;
}

/* As wrong_page(), for writing */
static inline int unwritable_page(const struct softsgx_enclave *encl, int page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (vt_write(spot(encl, page + i)))
			return page + i;
	}
	return -1;
}

static inline int in_child(int (*fn)(struct softsgx_enclave *encl), struct softsgx_enclave *encl)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(encl));
	return vt_wait(pid);
}

#endif /* _TESTS_VM_MERGE_H */
