// SPDX-License-Identifier: GPL-2.0
/*
 * VMAs of an enclave merge: a loader that maps page by page must not run into
 * max_map_count. And what a merged VMA may show, which is no more than its parts.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "common.h"
#include "kselftest_harness.h"

#define NR_PAGES	4096
#define NR_MANY		100000
#define NR_STEPS	3000
#define NR_SMALL	64
#define REG_RW		(SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)
#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

/* For helpers, in whatever process: ends it. */
#define MUST(cond)	must(cond, __LINE__, #cond)

static void must(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# line %d: %s, errno %d\n", line, what, errno);
	_exit(1);
}

/* ------------------------------------------------------- enclaves and counts */

static void fill(u8 *data, unsigned int page)
{
	unsigned int i;

	for (i = 0; i < PAGE; i++)
		data[i] = vt_byte(page, i);
}

/*
 * An initialised enclave of @nr pages, all RW, in a range of @size bytes, at @base
 * if that is not 0. No copy of the contents is left in ordinary memory.
 */
static int load(struct softsgx_enclave *encl, u64 base, unsigned int nr, u64 size,
		u64 attributes)
{
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct sgx_secs secs;
	u64 count = 0;
	unsigned int i;
	u8 *src;
	int ret;

	*encl = (struct softsgx_enclave){ .fd = -1 };
	softsgx_image_init(&image);
	image.attributes |= attributes;
	ret = softsgx_image_add(&image, 0, nr * PAGE, NULL, REG_RW, false);
	image.size = size;
	if (!ret)
		ret = vt_sign(&image, &sig);
	if (!ret)
		ret = softsgx_enclave_open(encl);
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
	ret = vt_ioc_add(encl->fd, src, 0, nr * PAGE, REG_RW, 0, &count);
	munmap(src, nr * PAGE);
	if (!ret && count != nr * PAGE)
		ret = -EAGAIN;
	if (!ret)
		ret = softsgx_enclave_init(encl, &sig);
free:
	softsgx_image_free(&image);
	return ret;
}

/* VMAs of whatever enclave that reach into a range */
static long maps_vmas(u64 from, u64 to)
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
static long fdinfo_vmas(int fd)
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

static long own_vmas(const struct softsgx_enclave *encl)
{
	return maps_vmas(encl->base, encl->base + encl->size);
}

/* The only enclave, in the only process: both counts agree, wherever its VMAs are. */
static long vmas(const struct softsgx_enclave *encl)
{
	long maps = maps_vmas(0, ~0ULL), fdinfo = fdinfo_vmas(encl->fd);

	if (maps == fdinfo)
		return maps;
	fprintf(stderr, "# maps: %ld VMAs, fdinfo: %ld\n", maps, fdinfo);
	return -EPROTO;
}

static int map_at(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot,
		  u64 offset)
{
	if (mmap(vt_addr(encl, page), nr * PAGE, prot, MAP_SHARED | MAP_FIXED, encl->fd,
		 offset) == MAP_FAILED)
		return -errno;
	return 0;
}

/* With the file offset that the page has in the driver's eyes */
static int map_natural(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot)
{
	return map_at(encl, page, nr, prot, (uintptr_t)vt_addr(encl, page));
}

/* Back to how it was reserved; nothing else gets into the gap. */
static int unmap(const struct softsgx_enclave *encl, int page, unsigned int nr)
{
	if (mmap(vt_addr(encl, page), nr * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static int protect(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot)
{
	return mprotect(vt_addr(encl, page), nr * PAGE, prot) ? -errno : 0;
}

static int advise(const struct softsgx_enclave *encl, int page, unsigned int nr, int advice)
{
	return madvise(vt_addr(encl, page), nr * PAGE, advice) ? -errno : 0;
}

/* A byte that vt_write() changes into what it is already */
static u8 *spot(const struct softsgx_enclave *encl, int page)
{
	unsigned int i;

	for (i = 0; i < 256 && vt_byte(page, i) != 0x5a; i++)
		;
	return vt_addr(encl, page) + i;
}

/* vt_shows(), with a look at some of the bytes */
static bool shows_some(const u8 *addr, unsigned int page)
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
static int wrong_page(const struct softsgx_enclave *encl, int page, unsigned int nr)
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

/* Only some of the pages, where there are many */
static int wrong_sample(const struct softsgx_enclave *encl)
{
	unsigned int i;

	for (i = random() % 16; i < NR_PAGES; i += 16) {
		if (!shows_some(vt_addr(encl, i), i))
			return i;
	}
	return -1;
}

/* As wrong_page(), for writing */
static int unwritable_page(const struct softsgx_enclave *encl, int page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (vt_write(spot(encl, page + i)))
			return page + i;
	}
	return -1;
}

static int in_child(int (*fn)(struct softsgx_enclave *encl), struct softsgx_enclave *encl)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(encl));
	return vt_wait(pid);
}

/* ------------------------------------------------- small enclave, what stays */

FIXTURE(merge) {
	struct vt_epc start;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(merge)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load(&self->encl, 0, NR_SMALL, NR_SMALL * PAGE, 0)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(merge)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F_TIMEOUT(merge, different_rights_do_not, 60)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_WRITE, PROT_RW };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	for (i = 0; i < NR_SMALL; i++)
		ASSERT_EQ(0, vt_map(encl, i, 1, prots[i % 4]));
	EXPECT_EQ(NR_SMALL, vmas(encl));
	for (i = 0; i < NR_SMALL; i++) {
		EXPECT_EQ(prots[i % 4] & PROT_WRITE ? 0 : SIGSEGV, vt_write(spot(encl, i)));
		EXPECT_EQ(prots[i % 4] ? 0 : SIGSEGV, vt_read(vt_addr(encl, i)));
	}
	EXPECT_EQ(NR_SMALL, vmas(encl));
}

TEST_F_TIMEOUT(merge, not_across_holes, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	for (i = 0; i < NR_SMALL; i += 2)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_READ));
	EXPECT_EQ(NR_SMALL / 2, vmas(encl));
	for (i = 0; i < NR_SMALL; i++)
		EXPECT_EQ(i % 2 ? SIGSEGV : 0, vt_read(vt_addr(encl, i)));
	for (i = 1; i < NR_SMALL; i += 2)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_READ));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* Two enclaves side by side, mapped in turns with any offset */
TEST_F_TIMEOUT(merge, not_with_neighbours, 60)
{
	struct softsgx_enclave *encl = &self->encl, next;
	unsigned int i;

	ASSERT_EQ(0, load(&next, encl->base + encl->size, NR_SMALL, NR_SMALL * PAGE, 0));
	for (i = 0; i < NR_SMALL; i++) {
		ASSERT_EQ(0, i % 2 ? map_natural(encl, NR_SMALL - 1 - i, 1, PROT_RW) :
				     vt_map(encl, NR_SMALL - 1 - i, 1, PROT_RW));
		ASSERT_EQ(0, i % 2 ? map_natural(&next, i, 1, PROT_RW) :
				     vt_map(&next, i, 1, PROT_RW));
		ASSERT_EQ(2, maps_vmas(0, ~0ULL));
	}
	EXPECT_EQ(1, fdinfo_vmas(encl->fd));
	EXPECT_EQ(1, fdinfo_vmas(next.fd));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, wrong_page(&next, 0, NR_SMALL));

	/* Both in one call, too */
	ASSERT_EQ(0, protect(encl, NR_SMALL - 2, 4, PROT_READ));
	EXPECT_EQ(4, maps_vmas(0, ~0ULL));
	ASSERT_EQ(0, protect(encl, NR_SMALL - 2, 4, PROT_RW));
	EXPECT_EQ(2, maps_vmas(0, ~0ULL));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, wrong_page(&next, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(&next, 0, NR_SMALL));
	ASSERT_EQ(0, unmap(&next, 0, NR_SMALL));
	softsgx_enclave_close(&next);
	EXPECT_EQ(1, vmas(encl));
}

/* A second descriptor is the same file, a second open() is another enclave. */
TEST_F_TIMEOUT(merge, duplicate_descriptor, 60)
{
	struct softsgx_enclave *encl = &self->encl, other = *encl;
	int copy = dup(encl->fd), fresh;

	ASSERT_LE(0, copy);
	other.fd = copy;
	ASSERT_EQ(0, vt_map(encl, 0, 4, PROT_RW));
	ASSERT_EQ(0, vt_map(&other, 4, 4, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, 8));
	fresh = open(ENCL_DEV, O_RDWR);
	other.fd = fresh;
	ASSERT_EQ(0, vt_map(&other, 8, 4, PROT_RW));
	EXPECT_EQ(2, own_vmas(encl));
	EXPECT_EQ(1, fdinfo_vmas(encl->fd));
	EXPECT_EQ(1, fdinfo_vmas(fresh));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, 8)));
	close(fresh);
	close(copy);
}

TEST_F_TIMEOUT(merge, munmap_parts, 60)
{
	struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	ASSERT_EQ(0, munmap(vt_addr(encl, 20), 3 * PAGE));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, 21)));
	ASSERT_EQ(0, vt_map(encl, 21, 1, PROT_RW));
	EXPECT_EQ(3, vmas(encl));
	ASSERT_EQ(0, vt_map(encl, 20, 1, PROT_RW));
	EXPECT_EQ(2, vmas(encl));
	ASSERT_EQ(0, vt_map(encl, 22, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));

	/* Both ends, and back */
	ASSERT_EQ(0, munmap(vt_addr(encl, 0), PAGE));
	ASSERT_EQ(0, munmap(vt_addr(encl, NR_SMALL - 1), PAGE));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 1, NR_SMALL - 2));
	ASSERT_EQ(0, map_natural(encl, 0, 1, PROT_RW));
	ASSERT_EQ(0, map_natural(encl, NR_SMALL - 1, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, map_over, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *anon = vt_addr(encl, 30);

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	ASSERT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, vt_map(encl, 10, 5, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, vt_map(encl, 10, 5, PROT_READ));
	EXPECT_EQ(3, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(SIGSEGV, vt_write(spot(encl, 12)));
	ASSERT_EQ(0, map_natural(encl, 9, 7, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));

	/* Ordinary memory in between, and over it again */
	ASSERT_EQ(anon, mmap(anon, 2 * PAGE, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			     -1, 0));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(0, vt_write(anon));
	EXPECT_EQ(0x5a, *anon);
	EXPECT_EQ(-1, wrong_page(encl, 0, 30));
	EXPECT_EQ(-1, wrong_page(encl, 32, NR_SMALL - 32));
	ASSERT_EQ(0, vt_map(encl, 30, 2, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* remap_file_pages() may choose a page of a file, but not of an enclave. */
TEST_F_TIMEOUT(merge, remap_file_pages, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *addr = vt_addr(encl, 7);

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	if (remap_file_pages(addr, PAGE, 0, (uintptr_t)vt_addr(encl, 9) / PAGE, 0) == 0)
		EXPECT_TRUE(vt_shows(addr, 7));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, mremap_in_place, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *base = vt_addr(encl, 0);

	ASSERT_EQ(0, vt_map(encl, 0, 16, PROT_RW));
	ASSERT_EQ(-1, wrong_page(encl, 0, 16));
	ASSERT_EQ(base, mremap(base, 8 * PAGE, 4 * PAGE, 0));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, 5)));
	EXPECT_EQ(-1, wrong_page(encl, 0, 4));
	EXPECT_EQ(-1, wrong_page(encl, 8, 8));
	/* Into the gap, up to the other part */
	ASSERT_EQ(base, mremap(base, 4 * PAGE, 8 * PAGE, 0));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, 16));
	EXPECT_EQ(-1, unwritable_page(encl, 0, 16));
}

TEST_F_TIMEOUT(merge, mremap_there_and_back, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *from = vt_addr(encl, 20), *to = vt_addr(encl, NR_SMALL + 3);
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	for (i = 1; i <= 8; i *= 2) {
		ASSERT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		ASSERT_EQ(to, mremap(from, i * PAGE, i * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
		EXPECT_EQ(3, vmas(encl));
		EXPECT_EQ(SIGBUS, vt_read(to));
		EXPECT_EQ(SIGBUS, vt_write(to + (i - 1) * PAGE));
		EXPECT_EQ(SIGSEGV, vt_read(from));
		EXPECT_EQ(-1, wrong_page(encl, 0, 20));
		ASSERT_EQ(from, mremap(to, i * PAGE, i * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				       from));
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
	}
	/* Into its own middle, where it must not merge with what is right there */
	to = vt_addr(encl, 40);
	ASSERT_EQ(to, mremap(from, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(4, vmas(encl));
	EXPECT_EQ(SIGBUS, vt_read(to));
	EXPECT_EQ(-1, wrong_page(encl, 24, 16));
	EXPECT_EQ(-1, wrong_page(encl, 44, NR_SMALL - 44));
	ASSERT_EQ(0, protect(encl, 30, 20, PROT_READ));
	ASSERT_EQ(0, protect(encl, 30, 20, PROT_RW));
	EXPECT_EQ(4, vmas(encl));
	EXPECT_EQ(SIGBUS, vt_read(to));
	ASSERT_EQ(0, vt_map(encl, 20, 4, PROT_RW));
	ASSERT_EQ(0, vt_map(encl, 40, 4, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, madvise_flags, 60)
{
	static const struct {
		int set, clear;
	} flags[] = {
		{ MADV_DODUMP, MADV_DONTDUMP },
		{ MADV_DONTFORK, MADV_DOFORK },
		{ MADV_RANDOM, MADV_NORMAL },
		{ MADV_SEQUENTIAL, MADV_NORMAL },
	};
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ASSERT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
		ASSERT_EQ(0, advise(encl, 10, 2, flags[i].set)) {
			TH_LOG("advice %d: errno %d", flags[i].set, errno);
		}
		EXPECT_EQ(3, vmas(encl));
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
		ASSERT_EQ(0, advise(encl, 11, 1, flags[i].clear));
		EXPECT_EQ(3, vmas(encl));
		ASSERT_EQ(0, advise(encl, 10, 1, flags[i].clear));
		EXPECT_EQ(1, vmas(encl)) {
			TH_LOG("advice %d", flags[i].set);
		}
		EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	}
	/* No flags, only PTEs */
	ASSERT_EQ(0, advise(encl, 10, 20, MADV_DONTNEED));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

TEST_F_TIMEOUT(merge, mlock, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_SMALL, PROT_RW));
	ASSERT_EQ(0, mlock(vt_addr(encl, 10), 4 * PAGE));
	EXPECT_EQ(3, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, munlock(vt_addr(encl, 10), 4 * PAGE));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));

	ASSERT_EQ(0, unmap(encl, 0, NR_SMALL));
	ASSERT_EQ(0, mlockall(MCL_FUTURE));
	for (i = 0; i < NR_SMALL; i++)
		ASSERT_EQ(0, vt_map(encl, i, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, unwritable_page(encl, 0, NR_SMALL));
	ASSERT_EQ(0, munlockall());
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_SMALL));
}

/* What takes pages gets none of a merged VMA either, nor does /proc/PID/mem. */
static int cannot_take(const struct softsgx_enclave *encl, unsigned int page)
{
	struct iovec remote = { vt_addr(encl, page) + 16, 64 };
	u8 buf[64] = {};
	struct iovec local = { buf, sizeof(buf) };
	int fds[2], mem = open("/proc/self/mem", O_RDWR);

	MUST(mem >= 0);
	MUST(pread(mem, buf, sizeof(buf), (uintptr_t)remote.iov_base) == -1 && errno == EIO);
	MUST(pwrite(mem, buf, sizeof(buf), (uintptr_t)remote.iov_base) == -1 && errno == EIO);
	close(mem);
	MUST(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == -1 && errno == EFAULT);
	MUST(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == -1 && errno == EFAULT);
	MUST(!pipe(fds));
	MUST(vmsplice(fds[1], &remote, 1, 0) == -1 && errno == EEXIST);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int child_cannot_take(struct softsgx_enclave *encl)
{
	unsigned int i;

	for (i = 0; i < 24; i++)
		MUST(!cannot_take(encl, i));
	MUST(wrong_page(encl, 0, 24) == -1);
	MUST(!cannot_take(encl, 5));
	return 0;
}

TEST_F_TIMEOUT(merge, pages_cannot_be_taken, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	for (i = 0; i < 24; i++)
		ASSERT_EQ(0, i % 2 ? vt_map(encl, i, 1, PROT_RW) :
				     map_natural(encl, i, 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	/* Without PTEs, and in a child without having used it */
	EXPECT_EQ(0, in_child(child_cannot_take, encl));
	EXPECT_EQ(0, child_cannot_take(encl));
	EXPECT_EQ(0, in_child(child_cannot_take, encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, 24));
}

/* Anything in any order, against a simple idea of what there should be */
struct model {
	int prot[NR_SMALL];	/* -1: not mapped */
};

static long model_vmas(const struct model *model)
{
	unsigned int i;
	long n = 0;

	for (i = 0; i < NR_SMALL; i++)
		n += model->prot[i] >= 0 && (!i || model->prot[i] != model->prot[i - 1]);
	return n;
}

static bool all_mapped(const struct model *model, unsigned int page, unsigned int nr)
{
	while (nr--) {
		if (model->prot[page + nr] < 0)
			return false;
	}
	return true;
}

static int some_step(struct softsgx_enclave *encl, struct model *model)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_RW, PROT_RW };
	unsigned int page = random() % NR_SMALL, nr = 1 + random() % (NR_SMALL - page);
	int prot = prots[random() % 4], ret = 0;
	unsigned int i;

	if (random() % 2)
		nr = 1 + nr % 3;
	if (page + nr > NR_SMALL)
		nr = NR_SMALL - page;
	switch (random() % 8) {
	case 0:
		prot = -1;
		ret = unmap(encl, page, nr);
		break;
	case 1:
	case 2:
		ret = vt_map(encl, page, nr, prot);
		break;
	case 3:
		ret = map_natural(encl, page, nr, prot);
		break;
	case 4:
		ret = map_at(encl, page, nr, prot, random() % NR_SMALL * PAGE);
		break;
	case 5:
		if (all_mapped(model, page, nr))
			advise(encl, page, nr, MADV_DONTNEED);
		return 0;
	default:
		if (!all_mapped(model, page, nr))
			return 0;
		ret = protect(encl, page, nr, prot);
	}
	for (i = page; i < page + nr; i++)
		model->prot[i] = prot;
	return ret;
}

static int model_page_ok(struct softsgx_enclave *encl, const struct model *model,
			 unsigned int page)
{
	if (model->prot[page] > 0)
		MUST(shows_some(vt_addr(encl, page), page));
	else
		MUST(vt_read(vt_addr(encl, page)) == SIGSEGV);
	MUST(vt_write(spot(encl, page)) == (model->prot[page] == PROT_RW ? 0 : SIGSEGV));
	return 0;
}

TEST_F_TIMEOUT(merge, any_order, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i, page;
	struct model model;
	u64 start = vt_ms();

	srandom(3);
	memset(&model, -1, sizeof(model));
	for (i = 0; i < NR_STEPS && vt_ms() - start < 20000; i++) {
		ASSERT_EQ(0, some_step(encl, &model));
		ASSERT_EQ(model_vmas(&model), vmas(encl)) {
			TH_LOG("step %u", i);
		}
		page = random() % NR_SMALL;
		ASSERT_EQ(0, model_page_ok(encl, &model, page)) {
			TH_LOG("step %u, page %u", i, page);
		}
	}
	for (i = 0; i < NR_SMALL; i++)
		EXPECT_EQ(0, model_page_ok(encl, &model, i));
}

/* ---------------------------------------------------------------------- fork */

/* VMAs of the child may not know that it has its entry, or that it has none. */
static int maps_behind(struct softsgx_enclave *encl)
{
	MUST(!vt_map(encl, 8, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(wrong_page(encl, 0, 12) == -1);
	MUST(unwritable_page(encl, 0, 12) == -1);
	return 0;
}

static int maps_in_front(struct softsgx_enclave *encl)
{
	MUST(!vt_map(encl, 0, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(wrong_page(encl, 0, 8) == -1);
	MUST(unwritable_page(encl, 0, 8) == -1);
	return 0;
}

static int maps_between(struct softsgx_enclave *encl)
{
	MUST(own_vmas(encl) == 2);
	MUST(!map_natural(encl, 4, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(unwritable_page(encl, 0, 12) == -1);
	MUST(wrong_page(encl, 0, 12) == -1);
	MUST(!protect(encl, 2, 4, PROT_READ));
	MUST(!protect(encl, 2, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(unwritable_page(encl, 0, 12) == -1);
	return 0;
}

TEST_F_TIMEOUT(merge, fork_then_map, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int touched;

	for (touched = 0; touched < 2; touched++) {
		ASSERT_EQ(0, vt_map(encl, 0, 8, PROT_RW));
		if (touched)
			ASSERT_EQ(-1, unwritable_page(encl, 0, 8));
		EXPECT_EQ(0, in_child(maps_behind, encl));
		ASSERT_EQ(0, unmap(encl, 0, 4));
		EXPECT_EQ(0, in_child(maps_in_front, encl));
		ASSERT_EQ(0, vt_map(encl, 0, 4, PROT_RW));
		ASSERT_EQ(0, unmap(encl, 4, 4));
		ASSERT_EQ(0, vt_map(encl, 8, 4, PROT_RW));
		EXPECT_EQ(0, in_child(maps_between, encl));
		EXPECT_EQ(2, vmas(encl));
		EXPECT_EQ(-1, wrong_page(encl, 0, 4));
		ASSERT_EQ(0, unmap(encl, 0, 12));
	}
}

/*
 * Pages 0 to 3 are RW, 4 to 7 R. Use one part only, let it merge with the other:
 * whichever VMA stays, PTEs of the used part are there and must stay good.
 */
static int used_part_joins(struct softsgx_enclave *encl, unsigned int used, bool write_first)
{
	unsigned int other = 4 - used;
	int prot = used ? PROT_RW : PROT_READ;

	MUST(own_vmas(encl) == 2);
	MUST(wrong_page(encl, used, 4) == -1);
	if (!used && write_first)
		MUST(unwritable_page(encl, 0, 4) == -1);
	/* The used part gets the rights of the other. */
	MUST(!protect(encl, used, 4, prot));
	MUST(own_vmas(encl) == 1);
	if (prot == PROT_READ) {
		MUST(vt_write(spot(encl, 0)) == SIGSEGV);
		MUST(!protect(encl, 0, 8, PROT_RW));
		MUST(own_vmas(encl) == 1);
	}
	/* PTEs that are present and read-only; then pages that have none */
	MUST(unwritable_page(encl, used, 4) == -1);
	MUST(unwritable_page(encl, other, 4) == -1);
	MUST(wrong_page(encl, 0, 8) == -1);
	/* And all of it once more, now that everything is there */
	MUST(!protect(encl, 0, 8, PROT_READ));
	MUST(vt_write(spot(encl, 5)) == SIGSEGV);
	MUST(!protect(encl, 0, 8, PROT_RW));
	MUST(unwritable_page(encl, 0, 8) == -1);
	MUST(own_vmas(encl) == 1);
	return 0;
}

static int front_joins_unwritten(struct softsgx_enclave *encl)
{
	return used_part_joins(encl, 0, false);
}

static int front_joins(struct softsgx_enclave *encl)
{
	return used_part_joins(encl, 0, true);
}

static int back_joins(struct softsgx_enclave *encl)
{
	return used_part_joins(encl, 4, false);
}

/* The unused part moves to the rights of the used one. */
static int unused_joins_front(struct softsgx_enclave *encl)
{
	MUST(unwritable_page(encl, 0, 4) == -1);
	MUST(!protect(encl, 4, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(unwritable_page(encl, 0, 8) == -1);
	MUST(wrong_page(encl, 0, 8) == -1);
	return 0;
}

static int unused_joins_back(struct softsgx_enclave *encl)
{
	MUST(wrong_page(encl, 4, 4) == -1);
	MUST(!protect(encl, 0, 4, PROT_READ));
	MUST(own_vmas(encl) == 1);
	MUST(!protect(encl, 0, 8, PROT_RW));
	MUST(unwritable_page(encl, 4, 4) == -1);
	MUST(unwritable_page(encl, 0, 4) == -1);
	MUST(wrong_page(encl, 0, 8) == -1);
	return 0;
}

/* The parent of a child that has a merged VMA, of which it knows only a part */
static int grandchild(struct softsgx_enclave *encl)
{
	MUST(wrong_page(encl, 0, 4) == -1);
	MUST(!protect(encl, 0, 4, PROT_READ));
	MUST(own_vmas(encl) == 1);
	MUST(in_child(unused_joins_back, encl) == 0);
	MUST(!protect(encl, 0, 8, PROT_RW));
	MUST(in_child(unused_joins_front, encl) == 0);
	MUST(unwritable_page(encl, 0, 8) == -1);
	MUST(in_child(maps_behind, encl) == 0);
	return 0;
}

TEST_F_TIMEOUT(merge, fork_then_mprotect, 60)
{
	int (*const fns[])(struct softsgx_enclave *encl) = {
		front_joins_unwritten, front_joins, back_joins, unused_joins_front,
		unused_joins_back, grandchild,
	};
	struct softsgx_enclave *encl = &self->encl;
	unsigned int touched, i;

	ASSERT_EQ(0, vt_map(encl, 0, 4, PROT_RW));
	ASSERT_EQ(0, vt_map(encl, 4, 4, PROT_READ));
	for (touched = 0; touched < 2; touched++) {
		if (touched)
			ASSERT_EQ(-1, wrong_page(encl, 0, 8));
		for (i = 0; i < ARRAY_SIZE(fns); i++) {
			EXPECT_EQ(0, in_child(fns[i], encl)) {
				TH_LOG("case %u, parent has %sused it", i, touched ? "" : "not ");
			}
		}
		EXPECT_EQ(2, vmas(encl));
	}
	EXPECT_EQ(-1, unwritable_page(encl, 0, 4));
	EXPECT_EQ(-1, wrong_page(encl, 4, 4));
}

/* First use is the kernel's, on behalf of the child */
static int kernel_uses(struct softsgx_enclave *encl)
{
	u8 buf[2 * PAGE];
	unsigned int i;
	int fds[2];

	for (i = 0; i < 2; i++)
		fill(buf + i * PAGE, 7 + i);
	MUST(!vt_map(encl, 8, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(!pipe(fds));
	/* Pages 7 and 8: old part and new part */
	MUST(write(fds[1], buf, sizeof(buf)) == sizeof(buf));
	MUST(read(fds[0], vt_addr(encl, 7), sizeof(buf)) == sizeof(buf));
	MUST(write(fds[1], vt_addr(encl, 6), 4 * PAGE) == 4 * PAGE);
	MUST(read(fds[0], buf, sizeof(buf)) == sizeof(buf));
	MUST(buf[0] == vt_byte(6, 0) || buf[0] == 0xff);
	MUST(wrong_page(encl, 0, 12) == -1);
	return 0;
}

static int populates(struct softsgx_enclave *encl)
{
	MUST(!vt_map(encl, 8, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(!advise(encl, 2, 8, MADV_POPULATE_READ));
	MUST(!protect(encl, 0, 12, PROT_READ));
	MUST(!protect(encl, 0, 12, PROT_RW));
	MUST(!advise(encl, 0, 12, MADV_POPULATE_WRITE));
	MUST(unwritable_page(encl, 0, 12) == -1);
	MUST(wrong_page(encl, 0, 12) == -1);
	return 0;
}

static int locks(struct softsgx_enclave *encl)
{
	MUST(!mlock(vt_addr(encl, 0), 8 * PAGE));
	MUST(!vt_map(encl, 8, 4, PROT_RW));
	MUST(own_vmas(encl) == 2);
	MUST(!mlock(vt_addr(encl, 8), 4 * PAGE));
	MUST(own_vmas(encl) == 1);
	MUST(wrong_page(encl, 0, 12) == -1);
	MUST(!munlock(vt_addr(encl, 0), 12 * PAGE));
	MUST(own_vmas(encl) == 1);
	MUST(unwritable_page(encl, 0, 12) == -1);
	return 0;
}

static int moves(struct softsgx_enclave *encl)
{
	u8 *from = vt_addr(encl, 2), *to = vt_addr(encl, NR_SMALL + 1);

	MUST(mremap(from, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	MUST(vt_read(to) == SIGBUS);
	MUST(mremap(to, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, from) == from);
	MUST(!vt_map(encl, 8, 4, PROT_RW));
	MUST(own_vmas(encl) == 1);
	MUST(unwritable_page(encl, 0, 12) == -1);
	MUST(wrong_page(encl, 0, 12) == -1);
	return 0;
}

TEST_F_TIMEOUT(merge, fork_then_anything, 60)
{
	int (*const fns[])(struct softsgx_enclave *encl) = {
		kernel_uses, populates, locks, moves, child_cannot_take,
	};
	struct softsgx_enclave *encl = &self->encl;
	unsigned int touched, i;

	ASSERT_EQ(0, vt_map(encl, 0, 8, PROT_RW));
	for (touched = 0; touched < 2; touched++) {
		if (touched)
			ASSERT_EQ(-1, wrong_page(encl, 0, 8));
		for (i = 0; i < ARRAY_SIZE(fns) - 1; i++) {
			EXPECT_EQ(0, in_child(fns[i], encl)) {
				TH_LOG("case %u, parent has %sused it", i, touched ? "" : "not ");
			}
		}
	}
	/* Not inherited, so not merged with what the child maps */
	ASSERT_EQ(0, vt_map(encl, 0, 24, PROT_RW));
	ASSERT_EQ(0, advise(encl, 4, 4, MADV_DONTFORK));
	EXPECT_EQ(3, vmas(encl));
	EXPECT_EQ(0, in_child(maps_between, encl));
	ASSERT_EQ(0, advise(encl, 4, 4, MADV_DOFORK));
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(0, in_child(child_cannot_take, encl));
}

/* --------------------------------------- merged before the driver has been asked */

FIXTURE(unasked) {
	struct vt_epc start;
	struct softsgx_enclave encl;
};

FIXTURE_VARIANT(unasked) {
	bool natural;
};

FIXTURE_VARIANT_ADD(unasked, natural_offset) {
	.natural = true,
};

FIXTURE_VARIANT_ADD(unasked, offset_0) {
	.natural = false,
};

FIXTURE_SETUP(unasked)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_build(&self->encl, SGX_ATTR_DEBUG));
}

FIXTURE_TEARDOWN(unasked)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Neither to the program nor to the kernel nor to a debugger */
static int shows_nothing(struct softsgx_enclave *encl, int page, int sig)
{
	u8 *addr = vt_addr(encl, page), byte;
	int mem = open("/proc/self/mem", O_RDWR), fds[2];

	MUST(vt_read(addr) == sig);
	MUST(vt_write(addr) == sig);
	MUST(!pipe(fds));
	MUST(write(fds[1], addr, 1) == -1 && errno == EFAULT);
	MUST(write(fds[1], "", 1) == 1);
	MUST(read(fds[0], addr, 1) == -1 && errno == EFAULT);
	MUST(pread(mem, &byte, 1, (uintptr_t)addr) == -1 && errno == EIO);
	close(mem);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/*
 * VM_DONTDUMP, which the driver sets, is what keeps the core from merging a new
 * mapping without a question. A program can take it away, and then gets away with
 * a mapping that the driver would have refused, but with nothing in it.
 */
static const struct {
	const char *name;
	int first;
	int page;
	int prot;
} too_much[] = {
	{ "R in RW", PG_RW, PG_R, PROT_RW },
	{ "R in RWX", PG_RWX, PG_RX, PROT_RWX },
	{ "X in RWX", PG_RWX, PG_X, PROT_RWX },
	{ "none in RW", PG_UNMEASURED, PG_NONE, PROT_RW },
	{ "R in the W of a hole", PG_HOLE, PG_UNMEASURED, PROT_RWX },
	{ "behind the end", PG_COUNT - 1, PG_COUNT, PROT_RW },
	{ "in front of the start", PG_TCS, -1, PROT_RW },
};

static int map_unasked(struct softsgx_enclave *encl, unsigned int i, bool natural)
{
	MUST(!vt_map(encl, too_much[i].first, 1, too_much[i].prot));
	MUST(vt_map(encl, too_much[i].page, 1, too_much[i].prot) == -EACCES);
	MUST(!unmap(encl, too_much[i].page, 1));
	MUST(!advise(encl, too_much[i].first, 1, MADV_DODUMP));
	return natural ? map_natural(encl, too_much[i].page, 1, too_much[i].prot) :
			 vt_map(encl, too_much[i].page, 1, too_much[i].prot);
}

TEST_F_TIMEOUT(unasked, nothing_is_gained, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i, merged = 0;
	int ret;

	for (i = 0; i < ARRAY_SIZE(too_much); i++) {
		int page = too_much[i].page, prot = too_much[i].prot;

		ret = map_unasked(encl, i, variant->natural);
		if (ret) {
			EXPECT_EQ(-EACCES, ret) {
				TH_LOG("%s", too_much[i].name);
			}
			EXPECT_EQ(1, vmas(encl));
			ASSERT_EQ(0, unmap(encl, too_much[i].first, 1));
			continue;
		}
		merged++;
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(0, shows_nothing(encl, page, SIGBUS)) {
			TH_LOG("%s", too_much[i].name);
		}
		/* Now the driver is asked, even if nothing changes. */
		EXPECT_EQ(-EACCES, protect(encl, page, 1, prot)) {
			TH_LOG("%s", too_much[i].name);
		}
		EXPECT_EQ(0, advise(encl, page, 1, MADV_DONTDUMP));
		EXPECT_EQ(0, shows_nothing(encl, page, SIGBUS));
		EXPECT_EQ(0, advise(encl, too_much[i].first, 1, MADV_DONTDUMP));
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(0, shows_nothing(encl, page, SIGBUS));
		EXPECT_NE(0, advise(encl, page, 1, MADV_POPULATE_READ));
		EXPECT_NE(0, advise(encl, page, 1, MADV_POPULATE_WRITE));
		EXPECT_EQ(0, shows_nothing(encl, page, SIGBUS));
		ASSERT_EQ(0, unmap(encl, page, 1));
		ASSERT_EQ(0, unmap(encl, too_much[i].first, 1));
	}
	TH_LOG("%u of %zu merged unasked", merged, ARRAY_SIZE(too_much));
}

static int child_gains_nothing(struct softsgx_enclave *encl)
{
	MUST(!shows_nothing(encl, PG_R, SIGBUS));
	MUST(!vt_write(vt_addr(encl, PG_RW)));
	MUST(!shows_nothing(encl, PG_R, SIGBUS));
	MUST(protect(encl, PG_RW, 2, PROT_RW) == -EACCES);
	MUST(!protect(encl, PG_RW, 2, PROT_READ));
	MUST(vt_shows(vt_addr(encl, PG_R), PG_R));
	MUST(vt_write(vt_addr(encl, PG_R)) == SIGSEGV);
	MUST(protect(encl, PG_RW, 2, PROT_RW) == -EACCES);
	MUST(vt_write(vt_addr(encl, PG_R)) == SIGSEGV);
	MUST(!protect(encl, PG_RW, 1, PROT_RW));
	MUST(vt_shows(vt_addr(encl, PG_R), PG_R));
	MUST(vt_write(vt_addr(encl, PG_R)) == SIGSEGV);
	MUST(!vt_write(vt_addr(encl, PG_RW)));
	return 0;
}

TEST_F_TIMEOUT(unasked, fork, 60)
{
	struct softsgx_enclave *encl = &self->encl;

	/* Some kernels ask the driver first, unless mremap() does it. */
	if (map_unasked(encl, 0, variant->natural)) {
		ASSERT_EQ(0, munmap(vt_addr(encl, PG_R), PAGE));
		ASSERT_EQ(vt_addr(encl, PG_RW), mremap(vt_addr(encl, PG_RW), PAGE, 2 * PAGE, 0));
	}
	EXPECT_EQ(0, in_child(child_gains_nothing, encl));
	EXPECT_EQ(0, shows_nothing(encl, PG_R, SIGBUS));
	EXPECT_EQ(0, child_gains_nothing(encl));
}

/* mremap() asks nobody either when it grows a mapping. */
TEST_F_TIMEOUT(unasked, mremap_grows, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *rw = vt_addr(encl, PG_RW);

	ASSERT_EQ(0, vt_map(encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, vt_map(encl, PG_RX, 1, PROT_RX));
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_R), PAGE));
	ASSERT_EQ(rw, mremap(rw, PAGE, 2 * PAGE, 0));
	EXPECT_EQ(2, vmas(encl));
	EXPECT_EQ(0, vt_write(rw));
	EXPECT_EQ(0, shows_nothing(encl, PG_R, SIGBUS));
	EXPECT_EQ(0, in_child(child_gains_nothing, encl));
	EXPECT_EQ(0, child_gains_nothing(encl));
}

/* A debugger sees all of a merged mapping, in a child that has never used it too. */
TEST_F_TIMEOUT(unasked, debugger, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	static u8 buf[3 * SGX_PAGE_SIZE];
	int mem, gate[2];
	char path[32];
	unsigned int i;
	pid_t pid;

	for (i = PG_R; i <= PG_RWX; i++)
		ASSERT_EQ(0, variant->natural ? map_natural(encl, i, 1, PROT_READ) :
						vt_map(encl, i, 1, PROT_READ));
	EXPECT_EQ(1, vmas(encl));
	ASSERT_EQ(0, pipe(gate));
	pid = fork();
	if (!pid) {
		close(gate[1]);
		_exit(vt_await(gate[0]) != -EPIPE);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY);
	ASSERT_LE(0, mem);
	EXPECT_EQ(sizeof(buf), pread(mem, buf, sizeof(buf), (uintptr_t)vt_addr(encl, PG_R)));
	for (i = 0; i < sizeof(buf); i++) {
		ASSERT_EQ(vt_byte(PG_R + i / PAGE, i % PAGE), buf[i]) {
			TH_LOG("byte %u", i);
		}
	}
	close(mem);
	close(gate[1]);
	EXPECT_EQ(0, vt_wait(pid));
}

/* ------------------------------------------------------------------ core dumps */

FIXTURE(dump) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	char pattern[256];
	bool saved;
	char core[64];
};

FIXTURE_VARIANT(dump) {
	u64 attributes;
	bool dodump;
};

FIXTURE_VARIANT_ADD(dump, production) {
	.attributes = 0,
};

FIXTURE_VARIANT_ADD(dump, production_dodump) {
	.attributes = 0,
	.dodump = true,
};

FIXTURE_VARIANT_ADD(dump, debug) {
	.attributes = SGX_ATTR_DEBUG,
};

FIXTURE_VARIANT_ADD(dump, debug_dodump) {
	.attributes = SGX_ATTR_DEBUG,
	.dodump = true,
};

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != strlen(text))
		ret = -errno;
	close(fd);
	return ret;
}

FIXTURE_SETUP(dump)
{
	int fd = open(CORE_PATTERN, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	self->encl.fd = -1;
	ASSERT_EQ(0, vt_epc_read(&self->start));
	if (fd < 0)
		return;		/* no core dumps in this kernel */
	n = read(fd, self->pattern, sizeof(self->pattern) - 1);
	close(fd);
	ASSERT_LE(0, n);
	self->saved = true;
	ASSERT_EQ(0, write_text(CORE_PATTERN, "/tmp/softsgx-core.%p"));
	ASSERT_EQ(0, load(&self->encl, 0, NR_SMALL, NR_SMALL * PAGE, variant->attributes));
	for (n = 0; n < NR_SMALL; n++)
		ASSERT_EQ(0, vt_map(&self->encl, n, 1, PROT_RW));
}

FIXTURE_TEARDOWN(dump)
{
	if (self->saved)
		EXPECT_EQ(0, write_text(CORE_PATTERN, self->pattern));
	if (self->core[0])
		unlink(self->core);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

#define MARKER_SIZE	64

static u8 marker[MARKER_SIZE];		/* in the memory of the child only */

static void make_marker(u8 *p)
{
	unsigned int i;

	for (i = 0; i < MARKER_SIZE; i++)
		p[i] = (i * i * 13 + 101) ^ (i << 2);
}

static int crash(struct softsgx_enclave *encl, bool dodump)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	MUST(!setrlimit(RLIMIT_CORE, &unlimited));
	/* Shared mappings too, or the enclave would be left out for that alone */
	MUST(!write_text("/proc/self/coredump_filter", "0x7f"));
	MUST(wrong_page(encl, 0, NR_SMALL) == -1);
	MUST(unwritable_page(encl, 0, NR_SMALL) == -1);
	if (dodump)
		MUST(!advise(encl, 0, NR_SMALL, MADV_DODUMP));
	make_marker(marker);
	abort();
}

/* What the core says about the enclave: bytes of it in the file, all zeroes */
static int check_enclave_part(const u8 *core, size_t size, const struct softsgx_enclave *encl,
			      u64 *dumped)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)core;
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)(core + ehdr->e_phoff);
	unsigned int i;
	u64 k;

	*dumped = 0;
	for (i = 0; i < ehdr->e_phnum; i++, phdr++) {
		if (phdr->p_type != PT_LOAD || phdr->p_vaddr < encl->base ||
		    phdr->p_vaddr >= encl->base + encl->size)
			continue;
		if (phdr->p_offset + phdr->p_filesz > size)
			return -EINVAL;
		*dumped += phdr->p_filesz;
		for (k = 0; k < phdr->p_filesz; k++) {
			if (core[phdr->p_offset + k])
				return -EPERM;
		}
	}
	return 0;
}

/*
 * A core dump takes pages as get_user_pages() does and does not ask as a debugger
 * does, so debug enclaves are not in it either: zeroes, if the program insists.
 */
TEST_F_TIMEOUT(dump, has_nothing_of_the_enclave, 60)
{
	static u8 want[SGX_PAGE_SIZE];
	int status, fd;
	unsigned int i;
	u64 dumped;
	off_t size;
	pid_t pid;
	u8 *core;

	if (!self->saved)
		SKIP(return, "this kernel makes no core dumps");
	EXPECT_EQ(1, vmas(&self->encl));
	pid = fork();
	if (!pid)
		_exit(crash(&self->encl, variant->dodump));
	snprintf(self->core, sizeof(self->core), "/tmp/softsgx-core.%d", pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(SIGABRT, WTERMSIG(status));
	if (!WCOREDUMP(status))
		SKIP(return, "no core was dumped");

	fd = open(self->core, O_RDONLY);
	ASSERT_LE(0, fd);
	size = lseek(fd, 0, SEEK_END);
	ASSERT_LT(PAGE, size);
	core = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, core);
	close(fd);

	make_marker(want);
	EXPECT_NE(NULL, memmem(core, size, want, MARKER_SIZE));
	for (i = 0; i < NR_SMALL; i++) {
		fill(want, i);
		EXPECT_EQ(NULL, memmem(core, size, want, MARKER_SIZE)) {
			TH_LOG("page %u", i);
		}
	}
	EXPECT_EQ(0, check_enclave_part(core, size, &self->encl, &dumped));
	EXPECT_EQ(variant->dodump ? NR_SMALL * PAGE : 0, dumped);
	munmap(core, size);
	EXPECT_EQ(-1, wrong_page(&self->encl, 0, NR_SMALL));
}

/* --------------------------------------------------------------- large enclaves */

FIXTURE(large) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int order[NR_PAGES];
};

FIXTURE_SETUP(large)
{
	unsigned int i, k, tmp;

	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load(&self->encl, 0, NR_PAGES, NR_PAGES * PAGE, 0)) {
		TH_LOG("%s", softsgx_last_error());
	}
	srandom(1);
	for (i = 0; i < NR_PAGES; i++)
		self->order[i] = i;
	for (i = NR_PAGES - 1; i; i--) {
		k = random() % (i + 1);
		tmp = self->order[i];
		self->order[i] = self->order[k];
		self->order[k] = tmp;
	}
}

FIXTURE_TEARDOWN(large)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

enum offset { OFFSET_0, OFFSET_NATURAL, OFFSET_LINEAR, OFFSET_ANY, NR_OFFSETS };

static u64 offset_of(const struct softsgx_enclave *encl, unsigned int page, enum offset offset)
{
	switch (offset) {
	case OFFSET_NATURAL:
		return encl->base + page * PAGE;
	case OFFSET_LINEAR:
		return page * PAGE;
	case OFFSET_ANY:
		return random() % NR_PAGES * PAGE;
	default:
		return 0;
	}
}

/* One page at a time; @order: of the pages, NULL for upwards */
static void map_pages(struct __test_metadata *_metadata, const struct softsgx_enclave *encl,
		      const unsigned int *order, bool down, enum offset offset)
{
	unsigned int i, page;

	for (i = 0; i < NR_PAGES; i++) {
		page = order ? order[i] : down ? NR_PAGES - 1 - i : i;
		ASSERT_EQ(0, map_at(encl, page, 1, PROT_RW, offset_of(encl, page, offset))) {
			TH_LOG("page %u", page);
		}
		/* Also on the way */
		if (!order && !(i & (i - 1))) {
			ASSERT_EQ(1, vmas(encl)) {
				TH_LOG("%u pages, offset %d", i + 1, offset);
			}
		}
	}
	EXPECT_EQ(1, vmas(encl)) {
		TH_LOG("offset %d", offset);
	}
	EXPECT_EQ(-1, wrong_sample(encl)) {
		TH_LOG("offset %d", offset);
	}
	ASSERT_EQ(0, unmap(encl, 0, NR_PAGES));
}

TEST_F_TIMEOUT(large, upwards, 300)
{
	enum offset offset;

	for (offset = 0; offset < NR_OFFSETS; offset++)
		map_pages(_metadata, &self->encl, NULL, false, offset);
}

TEST_F_TIMEOUT(large, downwards, 300)
{
	enum offset offset;

	for (offset = 0; offset < NR_OFFSETS; offset++)
		map_pages(_metadata, &self->encl, NULL, true, offset);
}

TEST_F_TIMEOUT(large, random_order, 300)
{
	enum offset offset;

	for (offset = 0; offset < NR_OFFSETS; offset++)
		map_pages(_metadata, &self->encl, self->order, false, offset);
}

/* Every second page gets other rights, and gets the same ones again. */
TEST_F_TIMEOUT(large, mprotect_alternates, 300)
{
	static const int prots[] = { PROT_READ, PROT_NONE };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int k, i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (k = 0; k < ARRAY_SIZE(prots); k++) {
		ASSERT_EQ(-1, unwritable_page(encl, 0, NR_PAGES));
		for (i = k; i < NR_PAGES; i += 2)
			ASSERT_EQ(0, protect(encl, i, 1, prots[k]));
		EXPECT_EQ(NR_PAGES, vmas(encl));
		for (i = k; i < NR_PAGES; i += 64) {
			EXPECT_EQ(prots[k] ? 0 : SIGSEGV, vt_read(vt_addr(encl, i)));
			EXPECT_EQ(SIGSEGV, vt_write(spot(encl, i)));
			EXPECT_EQ(0, vt_write(spot(encl, i ^ 1)));
		}
		if (k) {
			/* At once */
			ASSERT_EQ(0, protect(encl, 0, NR_PAGES, PROT_RW));
			EXPECT_EQ(1, vmas(encl));
		}
		for (i = 0; i < NR_PAGES; i++)
			ASSERT_EQ(0, protect(encl, self->order[i], 1, PROT_RW));
		EXPECT_EQ(1, vmas(encl));
		EXPECT_EQ(-1, wrong_sample(encl));
	}
}

/* Page by page over what is there, and with holes that close in any order */
TEST_F_TIMEOUT(large, remap_and_refill, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (i = 0; i < NR_PAGES; i++)
		ASSERT_EQ(0, vt_map(encl, self->order[i], 1, PROT_RW));
	EXPECT_EQ(1, vmas(encl));
	for (i = 0; i < NR_PAGES; i += 2)
		ASSERT_EQ(0, unmap(encl, i, 1));
	EXPECT_EQ(NR_PAGES / 2, vmas(encl));
	for (i = 0; i < NR_PAGES; i++) {
		if (self->order[i] % 2 == 0)
			ASSERT_EQ(0, vt_map(encl, self->order[i], 1, PROT_RW));
	}
	EXPECT_EQ(1, vmas(encl));
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_PAGES));
}

/* 4 MiB move by moving page tables: no PTE is looked at. */
TEST_F_TIMEOUT(large, mremap_page_tables, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *from = vt_addr(encl, 512), *to = vt_addr(encl, NR_PAGES + 512);
	unsigned int round, i;

	ASSERT_EQ(0, vt_map(encl, 0, NR_PAGES, PROT_RW));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(-1, wrong_sample(encl));
		ASSERT_EQ(to, mremap(from, 1024 * PAGE, 1024 * PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
		EXPECT_EQ(3, vmas(encl));
		for (i = 0; i < 1024; i += 31) {
			EXPECT_EQ(SIGBUS, vt_read(to + i * PAGE));
			EXPECT_EQ(SIGBUS, vt_write(to + i * PAGE));
			EXPECT_EQ(SIGSEGV, vt_read(from + i * PAGE));
		}
		ASSERT_EQ(from, mremap(to, 1024 * PAGE, 1024 * PAGE,
				       MREMAP_MAYMOVE | MREMAP_FIXED, from));
		EXPECT_EQ(1, vmas(encl));
	}
	EXPECT_EQ(-1, wrong_page(encl, 0, NR_PAGES));
}

/*
 * More one-page mappings than max_map_count allows VMAs, most of them without a
 * page: only mappings cost. Not many more where they cost much.
 */
TEST_F_TIMEOUT(merge, max_map_count, 600)
{
	struct softsgx_enclave encl;
	unsigned long max = 0;
	unsigned int i;
	FILE *file;
	u64 start;

	file = fopen("/proc/sys/vm/max_map_count", "r");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%lu", &max));
	fclose(file);
	ASSERT_LT(max + 1000, NR_MANY);
	ASSERT_EQ(0, load(&encl, 0, NR_SMALL, 131072 * PAGE, 0));
	start = vt_ms();
	for (i = 0; i < NR_MANY; i++) {
		if (i > max + 1000 && vt_ms() - start > 20000)
			break;
		ASSERT_EQ(0, vt_map(&encl, i, 1, PROT_RW)) {
			TH_LOG("mapping %u", i);
		}
	}
	TH_LOG("%u mappings", i);
	EXPECT_EQ(1, vmas(&encl));
	EXPECT_EQ(-1, wrong_page(&encl, 0, NR_SMALL));
	EXPECT_EQ(-1, unwritable_page(&encl, 0, NR_SMALL));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&encl, NR_SMALL)));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&encl, i - 1)));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(&encl, i)));
	softsgx_enclave_close(&encl);
}

TEST_HARNESS_MAIN
