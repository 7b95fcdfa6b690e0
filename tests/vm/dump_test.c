// SPDX-License-Identifier: GPL-2.0
/*
 * What is not for others to see stays so: pages in a VMA that the core has merged
 * before the driver was asked, and enclaves in core dumps.
 */
#include <linux/elf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "merge.h"
#include "kselftest_harness.h"

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"
#define NEW_PATTERN	"/tmp/softsgx-core.%p"

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
	ASSERT_EQ(0, write_file(CORE_PATTERN, NEW_PATTERN, strlen(NEW_PATTERN)));
	ASSERT_EQ(0, load(&self->encl, 0, NR_SMALL, NR_SMALL * PAGE, variant->attributes));
	for (n = 0; n < NR_SMALL; n++)
		ASSERT_EQ(0, vt_map(&self->encl, n, 1, PROT_RW));
}

FIXTURE_TEARDOWN(dump)
{
	if (self->saved)
		EXPECT_EQ(0, write_file(CORE_PATTERN, self->pattern, strlen(self->pattern)));
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
	MUST(!write_file("/proc/self/coredump_filter", "0x7f", 4));
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
	const struct elf64_hdr *ehdr = (const struct elf64_hdr *)core;
	const struct elf64_phdr *phdr = (const struct elf64_phdr *)(core + ehdr->e_phoff);
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

TEST_HARNESS_MAIN
