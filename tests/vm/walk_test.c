// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over all mappings of an enclave, in all processes: which of its pages have
 * been used, and away with all PTEs.
 */
#include "introspect.h"
#include "kselftest_harness.h"

/* More than three batches of the walk, and not a multiple */
#define NR_PAGES	100

/* Without it a page can be used and still look old; the core does the same here. */
static void flush_tlb(void)
{
	u64 size = 64 * PAGE;
	u8 *p = vt_anon(size, PROT_RW);

	memset(p, 1, size);
	munmap(p, size);
}

static long nr_present(const struct softsgx_enclave *encl, unsigned int nr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry;
	long n = 0;
	unsigned int i;

	MUST(fd >= 0);
	for (i = 0; i < nr; i++) {
		MUST(pread(fd, &entry, sizeof(entry),
			   (uintptr_t)vt_addr(encl, i) / PAGE * sizeof(entry)) == sizeof(entry));
		n += entry >> 63;
	}
	close(fd);
	return n;
}

FIXTURE(walk) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	u64 id;
	int up[2];
	int down[2];
};

FIXTURE_SETUP(walk)
{
	struct softsgx_image image;
	struct info info;
	unsigned int i;
	u64 count = 0;
	u8 *src;

	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, pipe(self->up));
	ASSERT_EQ(0, pipe(self->down));
	ASSERT_EQ(0, vt_image(&image, 0));
	image.size = 2 * NR_PAGES * PAGE;
	while (image.size & (image.size - 1))
		image.size += image.size & -image.size;
	ASSERT_EQ(0, vt_create(&self->encl, &image));
	softsgx_image_free(&image);
	src = vt_anon(NR_PAGES * PAGE, PROT_RW);
	for (i = 0; i < NR_PAGES; i++)
		fill(src + i * PAGE, i);
	ASSERT_EQ(0, vt_ioc_add(self->encl.fd, src, 0, NR_PAGES * PAGE, REG(PROT_RW), 0, &count));
	ASSERT_EQ(NR_PAGES * PAGE, count);
	munmap(src, NR_PAGES * PAGE);
	ASSERT_EQ(0, own_info(self->encl.fd, &info));
	self->id = info.id;
	ASSERT_EQ(0, vt_map(&self->encl, 0, NR_PAGES, PROT_RW));
}

FIXTURE_TEARDOWN(walk)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Every @step-th page from @first on; returns how many these are. */
static long touch(const struct softsgx_enclave *encl, unsigned int first, unsigned int step)
{
	unsigned int i;
	long n = 0;

	flush_tlb();
	for (i = first; i < NR_PAGES; i += step, n++)
		MUST(!vt_read(vt_addr(encl, i) + n % PAGE));
	return n;
}

TEST_F_TIMEOUT(walk, age_nothing_used, 60)
{
	unsigned int i;

	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	EXPECT_EQ(0, nr_present(&self->encl, NR_PAGES));
	ASSERT_EQ(NR_PAGES, touch(&self->encl, 0, 1));
	EXPECT_EQ(NR_PAGES, nr_present(&self->encl, NR_PAGES));
	EXPECT_EQ(NR_PAGES, walk("age", self->id, NR_PAGES));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	/* Only looked at */
	EXPECT_EQ(NR_PAGES, nr_present(&self->encl, NR_PAGES));
	/* Other things than use */
	flush_tlb();
	ASSERT_EQ(0, mprotect(vt_addr(&self->encl, 0), 10 * PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(vt_addr(&self->encl, 0), 10 * PAGE, PROT_RW));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	ASSERT_EQ(0, madvise(vt_addr(&self->encl, 0), 10 * PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	ASSERT_EQ(0, munmap(vt_addr(&self->encl, 0), 10 * PAGE));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
}

TEST_F_TIMEOUT(walk, age_follows_use, 60)
{
	static const unsigned int steps[] = { 1, 2, 3, 7, 32, 33, 99, 100 };
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i, first;
	long n;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		for (first = 0; first < 3; first++) {
			n = touch(encl, first, steps[i]);
			EXPECT_EQ(n, walk("age", self->id, NR_PAGES)) {
				TH_LOG("from %u, step %u", first, steps[i]);
			}
			EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
		}
	}
	/* Edges of batches */
	for (i = 30; i < NR_PAGES; i += 32) {
		flush_tlb();
		ASSERT_EQ(0, vt_write(vt_addr(encl, i + 1)));
		ASSERT_EQ(0, vt_write(vt_addr(encl, i + 2)));
		EXPECT_EQ(2, walk("age", self->id, NR_PAGES));
	}
	/* Several times is once, and nothing is forgotten before it is asked for. */
	for (i = 0; i < 5; i++)
		touch(encl, 4, 40);
	touch(encl, 5, 40);
	EXPECT_EQ(6, walk("age", self->id, NR_PAGES));
	/* A mapping that has moved shows no pages. */
	touch(encl, 0, 1);
	ASSERT_EQ(vt_addr(encl, NR_PAGES),
		  mremap(vt_addr(encl, 90), 10 * PAGE, 10 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 vt_addr(encl, NR_PAGES)));
	EXPECT_EQ(90, walk("age", self->id, NR_PAGES));
}

/* Bytes from the test: the first page to use, or 255 for the end; the step is 10. */
static int user(struct _test_data_walk *self)
{
	u8 first;

	for (;;) {
		MUST(read(self->down[0], &first, 1) == 1);
		if (first == 255)
			return 0;
		touch(&self->encl, first, 10);
		MUST(!vt_tell(self->up[1]));
	}
}

static void let_use(struct _test_data_walk *self, u8 first)
{
	MUST(write(self->down[1], &first, 1) == 1);
	MUST(!vt_await(self->up[0]));
}

/* A page is used if one process has used it, whichever it is. */
TEST_F_TIMEOUT(walk, age_children, 60)
{
	u8 end = 255;
	pid_t pid;

	touch(&self->encl, 0, 1);
	pid = fork();
	if (!pid)
		_exit(user(self));
	EXPECT_EQ(NR_PAGES, walk("age", self->id, NR_PAGES));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	/* First use in the child, then again */
	let_use(self, 3);
	EXPECT_EQ(10, walk("age", self->id, NR_PAGES));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
	let_use(self, 3);
	EXPECT_EQ(10, walk("age", self->id, NR_PAGES));
	/* Both, the same pages and others */
	let_use(self, 3);
	touch(&self->encl, 3, 10);
	EXPECT_EQ(10, walk("age", self->id, NR_PAGES));
	let_use(self, 4);
	touch(&self->encl, 3, 10);
	EXPECT_EQ(20, walk("age", self->id, NR_PAGES));
	touch(&self->encl, 7, 10);
	EXPECT_EQ(10, walk("age", self->id, NR_PAGES));
	/* What a process has used goes with it. */
	let_use(self, 5);
	ASSERT_EQ(1, write(self->down[1], &end, 1));
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
}

TEST_F_TIMEOUT(walk, zap, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int round, around, i;

	EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
	for (round = 0; round < 3; round++) {
		touch(encl, 0, 1);
		EXPECT_EQ(NR_PAGES, nr_present(encl, NR_PAGES));
		EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
		EXPECT_EQ(0, nr_present(encl, NR_PAGES));
		EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
		/* A fault makes entries around, but these do not count as used. */
		for (i = 0; i < NR_PAGES; i += 9) {
			EXPECT_TRUE(vt_shows(vt_addr(encl, i), i));
			around = i / 16 * 16 + 16;
			EXPECT_EQ(around > NR_PAGES ? NR_PAGES : around,
				  nr_present(encl, NR_PAGES));
		}
		EXPECT_EQ(12, walk("age", self->id, NR_PAGES));
	}
	/* What has been written stays. */
	ASSERT_EQ(0, vt_write(vt_addr(encl, 50)));
	i = *vt_addr(encl, 50);
	EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
	EXPECT_EQ(i, *vt_addr(encl, 50));
}

static int zapped_child(struct _test_data_walk *self)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int i;

	MUST(touch(encl, 0, 1) == NR_PAGES);
	MUST(nr_present(encl, NR_PAGES) == NR_PAGES);
	MUST(!vt_tell(self->up[1]) && !vt_await(self->down[0]));
	MUST(nr_present(encl, NR_PAGES) == 0);
	for (i = 0; i < NR_PAGES; i += 7)
		MUST(vt_shows(vt_addr(encl, i), i));
	return 0;
}

TEST_F_TIMEOUT(walk, zap_children, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	pid_t pids[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(zapped_child(self));
		ASSERT_EQ(0, vt_await(self->up[0]));
	}
	touch(encl, 0, 1);
	EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
	EXPECT_EQ(0, nr_present(encl, NR_PAGES));
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		ASSERT_EQ(0, vt_tell(self->down[1]));
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, vt_wait(pids[i]));
	EXPECT_TRUE(vt_shows(vt_addr(encl, 99), 99));
}

/* The file is gone, the mapping is what keeps the enclave. */
TEST_F_TIMEOUT(walk, without_file, 60)
{
	ASSERT_EQ(0, close(self->encl.fd));
	self->encl.fd = -1;
	touch(&self->encl, 0, 4);
	EXPECT_EQ(NR_PAGES / 4, walk("age", self->id, NR_PAGES));
	EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
	EXPECT_EQ(0, nr_present(&self->encl, NR_PAGES));
	EXPECT_TRUE(vt_shows(vt_addr(&self->encl, 8), 8));
}

TEST_HARNESS_MAIN
