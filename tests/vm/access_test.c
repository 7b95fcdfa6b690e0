// SPDX-License-Identifier: GPL-2.0
/*
 * Ways into enclave memory other than the program's own accesses: debuggers, which
 * must get in (debug enclaves only), and what takes pages, which must not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "common.h"
#include "kselftest_harness.h"

#define DISK_SIZE	65536

FIXTURE(access) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	int mem;
};

FIXTURE_VARIANT(access) {
	u64 attributes;
};

FIXTURE_VARIANT_ADD(access, production) {
	.attributes = 0,
};

FIXTURE_VARIANT_ADD(access, debug) {
	.attributes = SGX_ATTR_DEBUG,
};

FIXTURE_SETUP(access)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_build(&self->encl, variant->attributes));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	ASSERT_EQ(0, vt_map(&self->encl, PG_HOLE, 1, PROT_RW));
	self->mem = open("/proc/self/mem", O_RDWR);
	ASSERT_LE(0, self->mem);
}

FIXTURE_TEARDOWN(access)
{
	close(self->mem);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static ssize_t peek(int mem, const void *addr, void *buf, size_t len)
{
	ssize_t n = pread(mem, buf, len, (uintptr_t)addr);

	return n < 0 ? -errno : n;
}

static ssize_t poke(int mem, void *addr, const void *buf, size_t len)
{
	ssize_t n = pwrite(mem, buf, len, (uintptr_t)addr);

	return n < 0 ? -errno : n;
}

static const unsigned int regular[] = { PG_RW, PG_R, PG_RX, PG_RWX, PG_X, PG_NONE };

TEST_F(access, only_debug_enclaves)
{
	bool debug = variant->attributes & SGX_ATTR_DEBUG;
	unsigned int i;
	u8 byte;

	for (i = 0; i < ARRAY_SIZE(regular); i++) {
		u8 *addr = vt_addr(&self->encl, regular[i]) + 9;

		byte = 0;
		EXPECT_EQ(debug ? 1 : -EIO, peek(self->mem, addr, &byte, 1)) {
			TH_LOG("page %u", regular[i]);
		}
		EXPECT_EQ(debug ? vt_byte(regular[i], 9) : 0, byte);
		EXPECT_EQ(debug ? 1 : -EIO, poke(self->mem, addr, &byte, 1)) {
			TH_LOG("page %u", regular[i]);
		}
	}
	EXPECT_EQ(debug ? 1 : -EIO, peek(self->mem, vt_addr(&self->encl, PG_TCS), &byte, 1));
	EXPECT_EQ(-EIO, peek(self->mem, vt_addr(&self->encl, PG_HOLE), &byte, 1));
	EXPECT_EQ(-EIO, poke(self->mem, vt_addr(&self->encl, PG_HOLE), &byte, 1));
	/* Only what is mapped */
	ASSERT_EQ(0, munmap(vt_addr(&self->encl, PG_R), PAGE));
	EXPECT_EQ(-EIO, peek(self->mem, vt_addr(&self->encl, PG_R), &byte, 1));
}

/*
 * Nothing that takes pages gets one, whatever the enclave. The core's word for a
 * PTE without a page is EEXIST; some callers make EFAULT of it.
 */
#define NO_PAGE	EEXIST

TEST_F(access, process_vm)
{
	u8 buf[16];
	struct iovec local = { buf, sizeof(buf) };
	struct iovec remote = { .iov_len = sizeof(buf) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regular); i++) {
		remote.iov_base = vt_addr(&self->encl, regular[i]);
		EXPECT_EQ(-1, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
		EXPECT_EQ(EFAULT, errno);
	}
}

TEST_F(access, vmsplice)
{
	struct iovec iov = { vt_addr(&self->encl, PG_RW), PAGE };
	int fds[2];

	ASSERT_EQ(0, vt_write(vt_addr(&self->encl, PG_RW)));
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, vmsplice(fds[1], &iov, 1, 0));
	EXPECT_EQ(NO_PAGE, errno);
	EXPECT_EQ(-1, vmsplice(fds[1], &iov, 1, SPLICE_F_GIFT));
	EXPECT_EQ(NO_PAGE, errno);
}

TEST_F(access, futex)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);

	ASSERT_EQ(0, vt_write(addr));
	EXPECT_EQ(-1, syscall(SYS_futex, addr, FUTEX_WAKE, 1, NULL, NULL, 0));
	EXPECT_EQ(NO_PAGE, errno);
}

TEST_F(access, madvise)
{
	u8 *addr = vt_addr(&self->encl, PG_R);

	EXPECT_TRUE(vt_shows(addr, PG_R));
	EXPECT_EQ(0, madvise(addr, PAGE, MADV_DONTNEED));
	EXPECT_TRUE(vt_shows(addr, PG_R));
	EXPECT_NE(0, madvise(addr, PAGE, MADV_REMOVE));
	EXPECT_NE(0, madvise(addr, PAGE, MADV_FREE));
	mlock(addr, PAGE);
	EXPECT_TRUE(vt_shows(addr, PG_R));
	munlock(addr, PAGE);
	EXPECT_TRUE(vt_shows(addr, PG_R));
}

/* A block device, for O_DIRECT, since what the root file system does is not known */
static int open_disk(int *loop)
{
	int ctl, nr, file = memfd_create("disk", 0);
	char path[32];

	*loop = -1;
	if (file < 0 || ftruncate(file, DISK_SIZE))
		return -errno;
	if (system("modprobe loop 2>/dev/null"))
		return -ENODEV;
	ctl = open("/dev/loop-control", O_RDWR);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	close(ctl);
	snprintf(path, sizeof(path), "/dev/loop%d", nr);
	*loop = open(path, O_RDWR);
	if (*loop < 0 || ioctl(*loop, LOOP_SET_FD, file))
		return -errno;
	close(file);
	return open(path, O_RDWR | O_DIRECT);
}

TEST_F(access, direct_io)
{
	u8 *plain = vt_anon(PAGE, PROT_RW), *addr = vt_addr(&self->encl, PG_RW);
	int loop, disk = open_disk(&loop);

	if (disk == -ENODEV)
		SKIP(return, "no module for loop devices in this VM");
	ASSERT_LE(0, disk);
	ASSERT_EQ(PAGE, pwrite(disk, plain, PAGE, 0));
	ASSERT_EQ(0, vt_write(addr));
	EXPECT_EQ(-1, pwrite(disk, addr, PAGE, 0));
	EXPECT_EQ(NO_PAGE, errno);
	EXPECT_EQ(-1, pread(disk, addr, PAGE, 0));
	EXPECT_EQ(NO_PAGE, errno);
	close(disk);
	ioctl(loop, LOOP_CLR_FD);
	close(loop);
}

FIXTURE(debugger) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	int mem;
};

FIXTURE_SETUP(debugger)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_build(&self->encl, SGX_ATTR_DEBUG));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	self->mem = open("/proc/self/mem", O_RDWR);
	ASSERT_LE(0, self->mem);
}

FIXTURE_TEARDOWN(debugger)
{
	close(self->mem);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Every small piece: 1 to 17 bytes at any place in two words */
TEST_F(debugger, read_pieces)
{
	u8 *addr = vt_addr(&self->encl, PG_RX), buf[32];
	unsigned int off, len, i;

	for (off = 1000; off < 1016; off++) {
		for (len = 1; len <= 17; len++) {
			memset(buf, 0xaa, sizeof(buf));
			ASSERT_EQ(len, peek(self->mem, addr + off, buf, len));
			for (i = 0; i < len; i++) {
				ASSERT_EQ(vt_byte(PG_RX, off + i), buf[i]) {
					TH_LOG("byte %u of %u bytes at %u", i, len, off);
				}
			}
			ASSERT_EQ(0xaa, buf[len]);
		}
	}
}

static void write_pieces(struct __test_metadata *_metadata, struct _test_data_debugger *self,
			 unsigned int page)
{
	static u8 want[SGX_PAGE_SIZE], got[SGX_PAGE_SIZE];
	u8 *addr = vt_addr(&self->encl, page), buf[17];
	unsigned int off, len, i, n = 0;

	ASSERT_EQ(PAGE, peek(self->mem, addr, want, PAGE));
	for (off = 2000; off < 2016; off++) {
		for (len = 1; len <= 17; len++, n++) {
			for (i = 0; i < len; i++)
				buf[i] = n * 17 + i;
			memcpy(want + off, buf, len);
			ASSERT_EQ(len, poke(self->mem, addr + off, buf, len));
			ASSERT_EQ(PAGE, peek(self->mem, addr, got, PAGE));
			ASSERT_EQ(0, memcmp(want, got, PAGE)) {
				TH_LOG("%u bytes at %u of page %u", len, off, page);
			}
		}
	}
}

TEST_F(debugger, write_pieces)
{
	write_pieces(_metadata, self, PG_RW);
}

/* Neither the mapping nor the EPCM allows writing: breakpoints must work. */
TEST_F(debugger, write_pieces_of_code)
{
	write_pieces(_metadata, self, PG_RX);
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(&self->encl, PG_RX)));
}

TEST_F(debugger, page_without_rights)
{
	write_pieces(_metadata, self, PG_NONE);
}

TEST_F(debugger, mapping_without_rights)
{
	ASSERT_EQ(0, mprotect(vt_addr(&self->encl, PG_RW), PAGE, PROT_NONE));
	write_pieces(_metadata, self, PG_RW);
}

/* The whole enclave in one call, up to the first hole */
TEST_F(debugger, across_pages)
{
	u8 *buf = vt_anon(PG_COUNT * PAGE, PROT_RW);
	unsigned int page, i;

	EXPECT_EQ(3 * PAGE, peek(self->mem, vt_addr(&self->encl, PG_R), buf, 3 * PAGE));
	for (page = PG_R, i = 0; i < 3 * PAGE; i++) {
		ASSERT_EQ(vt_byte(page + i / PAGE, i % PAGE), buf[i]) {
			TH_LOG("byte %u", i);
		}
	}
	ASSERT_EQ(0, vt_map(&self->encl, PG_HOLE, 1, PROT_RW));
	EXPECT_EQ(PAGE, peek(self->mem, vt_addr(&self->encl, PG_UNMEASURED), buf, 2 * PAGE));
	EXPECT_EQ(5, peek(self->mem, vt_addr(&self->encl, PG_HOLE) - 5, buf, 10));
	EXPECT_EQ(5, poke(self->mem, vt_addr(&self->encl, PG_HOLE) - 5, buf, 10));
}

TEST_F(debugger, tcs)
{
	u8 *addr = vt_addr(&self->encl, PG_TCS);
	u64 flags = SGX_TCS_DBGOPTIN;
	struct sgx_tcs tcs = {};
	u8 byte = 0;

	/* What the processor has defined can be read, the rest of the page not. */
	EXPECT_EQ(offsetof(struct sgx_tcs, reserved),
		  peek(self->mem, addr, &tcs, offsetof(struct sgx_tcs, reserved)));
	EXPECT_EQ(PG_RW * PAGE, tcs.ssa_offset);
	EXPECT_EQ(1, tcs.nr_ssa_frames);
	EXPECT_EQ(0, tcs.flags);
	EXPECT_EQ(-EIO, peek(self->mem, addr + sizeof(tcs) - 8, &byte, 1));

	/* Only FLAGS can be written. */
	EXPECT_EQ(8, poke(self->mem, addr + offsetof(struct sgx_tcs, flags), &flags, 8));
	EXPECT_EQ(8, peek(self->mem, addr + offsetof(struct sgx_tcs, flags), &tcs.flags, 8));
	EXPECT_EQ(SGX_TCS_DBGOPTIN, tcs.flags);
	EXPECT_EQ(1, poke(self->mem, addr + offsetof(struct sgx_tcs, flags), &byte, 1));
	EXPECT_EQ(-EIO, poke(self->mem, addr, &byte, 1));
	EXPECT_EQ(-EIO, poke(self->mem, addr + offsetof(struct sgx_tcs, ssa_offset), &byte, 1));
	EXPECT_EQ(-EIO, poke(self->mem, addr + offsetof(struct sgx_tcs, entry_offset), &flags, 8));
	EXPECT_EQ(-EIO, poke(self->mem, addr + 4088, &flags, 8));
}

/* Before INIT, and before there is an enclave at all */
TEST_F(debugger, early)
{
	struct softsgx_image image;
	u8 byte = 0;

	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, vt_image(&image, SGX_ATTR_DEBUG));
	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, vt_reserve(&self->encl, VT_SIZE));
	ASSERT_EQ(0, vt_map(&self->encl, PG_R, 1, PROT_READ));
	EXPECT_EQ(-EIO, peek(self->mem, vt_addr(&self->encl, PG_R), &byte, 1));
	softsgx_enclave_close(&self->encl);

	ASSERT_EQ(0, vt_load(&self->encl, &image));
	ASSERT_EQ(0, vt_map(&self->encl, PG_R, 1, PROT_READ));
	EXPECT_EQ(1, peek(self->mem, vt_addr(&self->encl, PG_R) + 3, &byte, 1));
	EXPECT_EQ(vt_byte(PG_R, 3), byte);
	softsgx_image_free(&image);
}

/* From another process, as debuggers do it */
TEST_F(debugger, ptrace)
{
	u8 *addr = vt_addr(&self->encl, PG_RX);
	pid_t pid = fork();
	long word, want;
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(sizeof(want), peek(self->mem, addr + 13, &want, sizeof(want)));
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, addr + 13, NULL);
	EXPECT_EQ(0, errno);
	EXPECT_EQ(want, word);
	EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, pid, addr + 13, 0x1122334455667788));
	/* The page is the same one in both processes. */
	EXPECT_EQ(sizeof(want), peek(self->mem, addr + 13, &want, sizeof(want)));
	EXPECT_EQ(0x1122334455667788, want);
	EXPECT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(0, vt_wait(pid));
}

TEST_HARNESS_MAIN
