// SPDX-License-Identifier: GPL-2.0
/*
 * VMAs that merge in a child, where some of them come from its parent and others
 * do not; and that nobody can take pages of a merged VMA, there or in the parent.
 */
#include <signal.h>
#include <sys/uio.h>

#include "merge.h"
#include "kselftest_harness.h"

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

TEST_HARNESS_MAIN
