// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Loading, one function for each step of the kernel interface.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define ENCLAVE_DEVICE "/dev/sgx_enclave"
#define PROVISION_DEVICE "/dev/sgx_provision"

int softsgx_enclave_open(struct softsgx_enclave *encl)
{
	*encl = (struct softsgx_enclave){
		.fd = open(ENCLAVE_DEVICE, O_RDWR | O_CLOEXEC),
	};
	if (encl->fd < 0)
		return softsgx_fail(errno, "%s: %s", ENCLAVE_DEVICE,
				    strerror(errno));
	return 0;
}

void softsgx_enclave_close(struct softsgx_enclave *encl)
{
	if (encl->area)
		munmap(encl->area, encl->area_size);
	if (encl->fd >= 0)
		close(encl->fd);
	*encl = (struct softsgx_enclave){ .fd = -1 };
}

/*
 * Twice the size always holds one naturally aligned block; the rest is given
 * back.
 */
int softsgx_enclave_reserve(struct softsgx_enclave *encl, u64 size)
{
	u64 start, base, end;
	void *p;

	if (size < SGX_PAGE_SIZE || size & (size - 1) || size > 1ULL << 46)
		return softsgx_fail(EINVAL,
				    "enclave size %#llx is not a power of two",
				    size);
	p = mmap(NULL, 2 * size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return softsgx_fail(errno, "cannot reserve %#llx bytes: %s",
				    2 * size, strerror(errno));

	start = (uintptr_t)p;
	base = (start + size - 1) & ~(size - 1);
	end = start + 2 * size;
	if (base > start)
		munmap(p, base - start);
	if (end > base + size)
		munmap((void *)(uintptr_t)(base + size), end - base - size);

	encl->base = base;
	encl->size = size;
	encl->area = (void *)(uintptr_t)base;
	encl->area_size = size;
	return 0;
}

int softsgx_enclave_create(struct softsgx_enclave *encl,
			   const struct sgx_secs *secs)
{
	struct sgx_enclave_create arg = { .src = (uintptr_t)secs };

	const char *hint = "";

	if (!ioctl(encl->fd, SGX_IOC_ENCLAVE_CREATE, &arg))
		return 0;
	if (errno == EIO)
		hint = " (the processor refused the SECS)";
	return softsgx_fail(errno, "create: %s%s", strerror(errno), hint);
}

static int add_failed(const struct sgx_enclave_add_pages *arg)
{
	const char *hint = "";

	if (errno == EBUSY)
		hint = " (a page exists there, or another call is running)";
	else if (errno == EIO)
		hint = " (the processor refused the page)";
	return softsgx_fail(errno, "add pages at %#llx: %s%s", arg->offset,
			    strerror(errno), hint);
}

int softsgx_enclave_add(struct softsgx_enclave *encl,
			const struct softsgx_segment *seg)
{
	struct sgx_secinfo secinfo = { .flags = seg->flags };
	struct sgx_enclave_add_pages arg = {
		.src = (uintptr_t)seg->src,
		.offset = seg->offset,
		.length = seg->size,
		.secinfo = (uintptr_t)&secinfo,
		.flags = seg->measured ? SGX_PAGE_MEASURE : 0,
	};

	while (arg.length) {
		int ret;

		arg.count = 0;
		ret = ioctl(encl->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg);
		if (ret && errno != EINTR)
			return add_failed(&arg);
		if (arg.count > arg.length || (!ret && !arg.count))
			return softsgx_fail(EIO,
					    "add pages at %#llx: bad count",
					    arg.offset);
		arg.src += arg.count;
		arg.offset += arg.count;
		arg.length -= arg.count;
	}
	return 0;
}

int softsgx_enclave_provision(struct softsgx_enclave *encl)
{
	struct sgx_enclave_provision arg;
	int fd = open(PROVISION_DEVICE, O_RDWR | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return softsgx_fail(errno, "%s: %s", PROVISION_DEVICE,
				    strerror(errno));
	arg.fd = fd;
	if (ioctl(encl->fd, SGX_IOC_ENCLAVE_PROVISION, &arg))
		ret = softsgx_fail(errno, "provision: %s", strerror(errno));
	close(fd);
	return ret;
}

static const char *init_hint(int err)
{
	switch (err) {
	case EPERM:
		return " (the processor refused: wrong measurement, signature or attributes)";
	case EACCES:
		return " (these attributes need permission)";
	case EINVAL:
		return " (reserved bits in the SIGSTRUCT, or wrong order of calls)";
	default:
		return "";
	}
}

int softsgx_enclave_init(struct softsgx_enclave *encl,
			 const struct sgx_sigstruct *sig)
{
	struct sgx_enclave_init arg = { .sigstruct = (uintptr_t)sig };
	int ret;

	do {
		ret = ioctl(encl->fd, SGX_IOC_ENCLAVE_INIT, &arg);
	} while (ret < 0 && errno == EINTR);
	/* In-tree drivers before 5.11 answered with a positive SGX code. */
	if (ret > 0)
		return softsgx_fail(EPERM, "init: SGX error code %d", ret);
	if (ret)
		return softsgx_fail(errno, "init: %s%s", strerror(errno),
				    init_hint(errno));
	return 0;
}

static int prot_of(const struct softsgx_segment *seg)
{
	int prot = PROT_NONE;

	if ((seg->flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS)
		return PROT_READ | PROT_WRITE;
	if (seg->flags & SGX_SECINFO_R)
		prot |= PROT_READ;
	if (seg->flags & SGX_SECINFO_W)
		prot |= PROT_WRITE;
	if (seg->flags & SGX_SECINFO_X)
		prot |= PROT_EXEC;
	return prot;
}

int softsgx_enclave_map(struct softsgx_enclave *encl,
			const struct softsgx_segment *seg)
{
	void *addr = (void *)(uintptr_t)(encl->base + seg->offset);
	const char *hint = "";

	if (mmap(addr, seg->size, prot_of(seg), MAP_SHARED | MAP_FIXED,
		 encl->fd, 0) != MAP_FAILED)
		return 0;
	if (errno == EPERM)
		hint = " (is /dev mounted noexec?)";
	return softsgx_fail(errno, "map %p+%#llx: %s%s", addr, seg->size,
			    strerror(errno), hint);
}

static int add_all(struct softsgx_enclave *encl,
		   const struct softsgx_image *image)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < image->nr_segs && !ret; i++)
		ret = softsgx_enclave_add(encl, &image->segs[i]);
	return ret;
}

static int map_all(struct softsgx_enclave *encl,
		   const struct softsgx_image *image)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < image->nr_segs && !ret; i++)
		ret = softsgx_enclave_map(encl, &image->segs[i]);
	return ret;
}

int softsgx_enclave_load(struct softsgx_enclave *encl,
			 const struct softsgx_image *image,
			 const struct sgx_sigstruct *sig)
{
	struct sgx_secs secs;
	int ret = 0;

	if (!encl->size)
		ret = softsgx_enclave_reserve(encl, image->size);
	if (ret)
		return ret;
	softsgx_image_secs(image, encl->base, &secs);
	ret = softsgx_enclave_create(encl, &secs);
	if (!ret)
		ret = add_all(encl, image);
	if (!ret)
		ret = softsgx_enclave_init(encl, sig);
	if (!ret)
		ret = map_all(encl, image);
	return ret;
}
