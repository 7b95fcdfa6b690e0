// SPDX-License-Identifier: GPL-2.0
/*
 * Which text is changed for CPUID, when, and that nothing else ever is: not the
 * file, not memory that others see, not what a hostile file calls code.
 */
#include <elf.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cpuid.h"
#include "util.h"
#include "kselftest_harness.h"

#define FAIL_ALLOC	"/sys/kernel/debug/softsgx_cpu/fail_alloc"
#define RACE_MS		1500
#define MUTANTS		200

#define TEXT		PAGE		/* offset of the text in the library */
#define TEXT_PAGES	3

/* The library as a file; offsets in it are those in memory */
FIXTURE(text)
{
	char path[256];
	int fd;
	u64 size;
	u64 cfi, symbol, bare, straddle;
	u8 *file;
};

static u64 offset_of(void *lib, const char *name)
{
	void *at = dlsym(lib, name);
	Dl_info info;

	return at && dladdr(at, &info) ? at - info.dli_fbase : 0;
}

FIXTURE_SETUP(text)
{
	struct stat st;
	void *lib;

	beside(self->path, sizeof(self->path), "cpuid_lib.so");
	self->fd = open(self->path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, fstat(self->fd, &st));
	self->size = st.st_size;
	self->file = malloc(st.st_size);
	ASSERT_EQ(st.st_size, pread(self->fd, self->file, st.st_size, 0));

	lib = dlopen(self->path, RTLD_NOW | RTLD_LOCAL);
	ASSERT_NE(NULL, lib);
	self->cfi = offset_of(lib, "code_cfi_insn");
	self->symbol = offset_of(lib, "code_symbol_insn");
	self->bare = offset_of(lib, "code_bare_insn");
	self->straddle = offset_of(lib, "code_straddle_insn");
	ASSERT_EQ(0, dlclose(lib));
	ASSERT_EQ(PAGE - 1, self->straddle % PAGE);
	ASSERT_EQ(true, is_cpuid(self->file + self->straddle));
}

FIXTURE_TEARDOWN(text)
{
	free(self->file);
	close(self->fd);
}

/* All of the text, at an address such that ADDRESS + OFFSET fits */
static u8 *map_text(int fd, int prot, int flags)
{
	u8 *p = mmap(NULL, TEXT_PAGES * PAGE, prot, flags, fd, TEXT);

	return p == MAP_FAILED ? NULL : p - TEXT;
}

static void unmap_text(u8 *lib)
{
	munmap(lib + TEXT, TEXT_PAGES * PAGE);
}

static bool is_changed(const struct _test_data_text *self, const u8 *lib)
{
	return is_ud2(lib + self->cfi) && is_ud2(lib + self->symbol) &&
	       is_ud2(lib + self->straddle) && is_cpuid(lib + self->bare);
}

static u64 text_size(const struct _test_data_text *self)
{
	u64 left = self->size - TEXT;

	return left < TEXT_PAGES * PAGE ? left : TEXT_PAGES * PAGE;
}

static bool is_original(const struct _test_data_text *self, const u8 *lib)
{
	return !memcmp(lib + TEXT, self->file + TEXT, text_size(self));
}

TEST_F(text, dlopen)
{
	void *lib = dlopen(self->path, RTLD_NOW | RTLD_LOCAL);
	code_fn *fn;

	ASSERT_NE(NULL, lib);
	fn = (code_fn *)dlsym(lib, "code_cfi");
	EXPECT_NE((void *)code_cfi, (void *)fn);
	EXPECT_EQ(true, is_ud2(dlsym(lib, "code_cfi_insn")));
	EXPECT_EQ(true, shows_sgx(fn));
	EXPECT_EQ(true, shows_sgx((code_fn *)dlsym(lib, "code_straddle")));
	EXPECT_EQ(false, shows_sgx((code_fn *)dlsym(lib, "code_bare")));
	EXPECT_EQ(0x110fa211, ((number_fn *)dlsym(lib, "code_imm"))(0));
	ASSERT_EQ(0, dlclose(lib));
}

/* Nothing but executable private mappings of files */
TEST_F(text, what_is_left_alone)
{
	u8 *lib, *anon;

	lib = map_text(self->fd, PROT_READ, MAP_PRIVATE);
	ASSERT_NE(NULL, lib);
	EXPECT_EQ(true, is_original(self, lib));
	unmap_text(lib);

	lib = map_text(self->fd, PROT_RX, MAP_SHARED);
	ASSERT_NE(NULL, lib);
	EXPECT_EQ(true, is_original(self, lib));
	EXPECT_EQ(false, shows_sgx((code_fn *)(lib + (self->cfi - 0x12))));
	unmap_text(lib);

	anon = vt_anon(TEXT_PAGES * PAGE, PROT_RW);
	memcpy(anon, self->file + TEXT, text_size(self));
	ASSERT_EQ(0, mprotect(anon, TEXT_PAGES * PAGE, PROT_RX));
	EXPECT_EQ(true, is_original(self, anon - TEXT));
	munmap(anon, TEXT_PAGES * PAGE);
}

TEST_F(text, opted_out)
{
	pid_t pid = fork();

	if (!pid) {
		personality(personality(0xffffffff) & ~SOFTSGX_PER_CPUID);
		_exit(!is_original(self, map_text(self->fd, PROT_RX, MAP_PRIVATE)));
	}
	EXPECT_EQ(0, vt_wait(pid));
}

TEST_F(text, mmap_by_hand)
{
	u8 *lib = map_text(self->fd, PROT_RX, MAP_PRIVATE);
	u8 *again = malloc(self->size);

	ASSERT_NE(NULL, lib);
	EXPECT_EQ(true, is_changed(self, lib));
	EXPECT_EQ(true, shows_sgx((code_fn *)(lib + (self->cfi - 0x12))));
	unmap_text(lib);
	ASSERT_EQ(self->size, pread(self->fd, again, self->size, 0));
	EXPECT_EQ(0, memcmp(again, self->file, self->size));
	free(again);
}

TEST_F(text, executable_later)
{
	u8 *lib = map_text(self->fd, PROT_READ, MAP_PRIVATE);

	ASSERT_NE(NULL, lib);
	ASSERT_EQ(0, mprotect(lib + TEXT, TEXT_PAGES * PAGE, PROT_RX));
	EXPECT_EQ(true, is_changed(self, lib));
	unmap_text(lib);
}

/* As the dynamic linker does with text relocations */
TEST_F(text, written_and_executable_again)
{
	u8 *lib = map_text(self->fd, PROT_RX, MAP_PRIVATE);

	ASSERT_NE(NULL, lib);
	ASSERT_EQ(0, mprotect(lib + TEXT, TEXT_PAGES * PAGE, PROT_RW));
	EXPECT_EQ(true, is_changed(self, lib));
	memcpy(lib + TEXT, self->file + TEXT, text_size(self));
	/* No CPUID any more: not to be touched, whatever the file says */
	lib[self->symbol] = 0x90;
	ASSERT_EQ(0, mprotect(lib + TEXT, TEXT_PAGES * PAGE, PROT_RX));
	EXPECT_EQ(true, is_ud2(lib + self->cfi));
	EXPECT_EQ(0x90, lib[self->symbol]);
	EXPECT_EQ(0xa2, lib[self->symbol + 1]);
	unmap_text(lib);
}

/* An instruction in two mappings becomes complete with the second, in any order. */
TEST_F(text, mapped_in_pieces)
{
	const u64 first = self->straddle / PAGE * PAGE;
	int i;

	for (i = 0; i < 2; i++) {
		u8 *lib = map_text(self->fd, PROT_READ, MAP_PRIVATE);

		ASSERT_NE(NULL, lib);
		ASSERT_EQ(0, mprotect(lib + first + i * PAGE, PAGE, PROT_RX));
		EXPECT_EQ(true, is_cpuid(lib + self->straddle));
		/* Other rights, so that they do not become one VMA */
		ASSERT_EQ(0, mprotect(lib + first + !i * PAGE, PAGE, PROT_RWX));
		EXPECT_EQ(true, is_ud2(lib + self->straddle));
		EXPECT_EQ(true, shows_sgx((code_fn *)(lib + (self->straddle & -PAGE))));
		unmap_text(lib);
	}
}

TEST_F(text, many_at_once)
{
	u8 *lib[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(lib); i++) {
		lib[i] = map_text(self->fd, PROT_RX, MAP_PRIVATE);
		ASSERT_NE(NULL, lib[i]);
	}
	for (i = 0; i < ARRAY_SIZE(lib); i++) {
		EXPECT_EQ(true, is_changed(self, lib[i]));
		unmap_text(lib[i]);
	}
}

/* Without memory CPUID is native, and the next mapping is as ever. */
TEST_F(text, no_memory)
{
	u8 *lib;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, write_file(FAIL_ALLOC, "1", 1));
		lib = map_text(self->fd, PROT_RX, MAP_PRIVATE);
		ASSERT_NE(NULL, lib);
		EXPECT_EQ(true, is_original(self, lib));
		unmap_text(lib);
	}
	ASSERT_EQ(0, write_file(FAIL_ALLOC, "0", 1));
	lib = map_text(self->fd, PROT_RX, MAP_PRIVATE);
	EXPECT_EQ(true, is_changed(self, lib));
	unmap_text(lib);
}

/* ---------------------------------------------------------------------- races */

struct race {
	const char *path;
	u8 *at;
	u64 until;
};

/* Text here, */
static void *map_private(void *arg)
{
	const struct race *r = arg;
	int fd = open(r->path, O_RDONLY);

	while (vt_ms() < r->until)
		mmap(r->at, TEXT_PAGES * PAGE, PROT_RX, MAP_PRIVATE | MAP_FIXED, fd, TEXT);
	close(fd);
	return NULL;
}

/* and now something else: nothing, or what must not change. */
static void *map_shared(void *arg)
{
	const struct race *r = arg;
	int fd = open(r->path, O_RDWR);

	while (vt_ms() < r->until) {
		munmap(r->at, TEXT_PAGES * PAGE);
		mmap(r->at, TEXT_PAGES * PAGE, PROT_RWX, MAP_SHARED | MAP_FIXED, fd, TEXT);
	}
	close(fd);
	return NULL;
}

static int write_copy(const char *path, const u8 *data, u64 size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd >= 0 && write(fd, data, size) != size) {
		close(fd);
		return -1;
	}
	return fd;
}

TEST_F_TIMEOUT(text, mapping_goes_away, 60)
{
	struct race r = { .path = "/dev/shm/cpuid_race", .until = vt_ms() + RACE_MS };
	int fd = write_copy(r.path, self->file, self->size);
	u8 *now = malloc(self->size);
	pthread_t t[2];

	ASSERT_LE(0, fd);
	r.at = vt_anon(TEXT_PAGES * PAGE, PROT_NONE);
	ASSERT_EQ(0, pthread_create(&t[0], NULL, map_private, &r));
	ASSERT_EQ(0, pthread_create(&t[1], NULL, map_shared, &r));
	ASSERT_EQ(0, pthread_join(t[0], NULL));
	ASSERT_EQ(0, pthread_join(t[1], NULL));
	ASSERT_EQ(self->size, pread(fd, now, self->size, 0));
	EXPECT_EQ(0, memcmp(now, self->file, self->size));
	unlink(r.path);
	close(fd);
	free(now);
}

static void *ask_always(void *arg)
{
	code_fn *fn = arg;
	u64 until = vt_ms() + RACE_MS, regs[4];

	/* Native or not, it is an answer. */
	while (vt_ms() < until) {
		ask(fn, 0x80000000, 0, regs);
		if (regs[RAX] < 0x80000000)
			return ask_always;
	}
	return NULL;
}

/* Threads execute what is being changed. */
TEST_F_TIMEOUT(text, changed_while_executed, 60)
{
	u8 *lib = map_text(self->fd, PROT_RX, MAP_PRIVATE);
	u64 page = self->cfi & -PAGE, until = vt_ms() + RACE_MS;
	pthread_t t;
	void *wrong;

	ASSERT_EQ(0, mprotect(lib + page, PAGE, PROT_RWX));
	ASSERT_EQ(0, pthread_create(&t, NULL, ask_always, lib + (self->cfi - 0x12)));
	while (vt_ms() < until) {
		__atomic_store_n(lib + self->cfi + 1, 0xa2, __ATOMIC_RELAXED);
		ASSERT_EQ(0, mprotect(lib + page, PAGE, PROT_RX));
		EXPECT_EQ(true, is_ud2(lib + self->cfi));
		ASSERT_EQ(0, mprotect(lib + page, PAGE, PROT_RWX));
	}
	ASSERT_EQ(0, pthread_join(t, &wrong));
	EXPECT_EQ(NULL, wrong);
	unmap_text(lib);
}

/* Exiting on the way: a thread that maps while its process is killed */
TEST_F_TIMEOUT(text, killed_while_mapping, 60)
{
	int i;

	for (i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (;;)
				unmap_text(map_text(self->fd, PROT_RX, MAP_PRIVATE));
		}
		usleep(3000 + i * 100);
		kill(pid, SIGKILL);
		EXPECT_EQ(256 + SIGKILL, vt_wait(pid));
	}
}

/* -------------------------------------------------------------- hostile files */

/* Is @now the file but for second bytes of CPUID? */
static bool differs_only_in_pairs(const u8 *now, const u8 *file, u64 size)
{
	u64 i;

	for (i = 0; i < size; i++) {
		if (now[i] == file[i])
			continue;
		if (!i || now[i] != 0x0b || file[i] != 0xa2 || file[i - 1] != 0x0f)
			return false;
	}
	return true;
}

/* Map the file as text, all of it, and by executing it. */
static void try_file(struct __test_metadata *_metadata, const u8 *data, u64 size)
{
	static const char path[] = "/dev/shm/cpuid_hostile";
	int fd = write_copy(path, data, size);
	pid_t pid;
	u8 *p;

	ASSERT_LE(0, fd);
	p = mmap(NULL, (size + PAGE - 1) & -PAGE, PROT_RX, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p != MAP_FAILED) {
		EXPECT_EQ(true, differs_only_in_pairs(p, data, size));
		munmap(p, (size + PAGE - 1) & -PAGE);
	}
	pid = vfork();
	if (!pid) {
		execl(path, path, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	unlink(path);
}

TEST_F_TIMEOUT(text, truncated, 120)
{
	static const u64 sizes[] = { 1, 4, 63, 64, 65, 120, 568, 0x1000, 0x1013, 0x1014, 0x2000,
				     0x3000, 0x4000, 0x400b, 0x400c, 0x4060, 0x4090, 0x5000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		try_file(_metadata, self->file, sizes[i]);
}

/* Numbers that matter, in the headers and in the unwind information */
TEST_F_TIMEOUT(text, mutated, 300)
{
	static const u64 values[] = { 0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, 1ULL << 62,
				      1ULL << 63, ~0ULL, 0xfffffffffffff000, 0xa20f };
	u8 *copy = malloc(self->size);
	int i, j;

	srandom(7);
	for (i = 0; i < MUTANTS; i++) {
		memcpy(copy, self->file, self->size);
		for (j = random() % 4; j >= 0; j--) {
			u64 value = values[random() % ARRAY_SIZE(values)];
			u64 at = random() & 1 ? random() % 0x238 : 0x4000 + random() % 0x140;

			memcpy(copy + at, &value, 1 << random() % 4);
		}
		try_file(_metadata, copy, self->size);
	}
	free(copy);
}

/* A large file of nothing but pairs, which belong to one function or to none */
TEST_F_TIMEOUT(text, nothing_but_pairs, 120)
{
	const u64 size = 2 << 20;
	u8 *data = malloc(size);
	u64 i, start = vt_ms();

	for (i = 0; i < size; i += 2)
		memcpy(data + i, cpuid_bytes, 2);
	try_file(_metadata, data, size);
	memcpy(data, self->file, self->size);
	try_file(_metadata, data, size);
	TH_LOG("%llu ms", vt_ms() - start);
	free(data);
}

static void __attribute__((constructor)) opt_in(int argc, char **argv)
{
	be_executed(argv, true);
}

TEST_HARNESS_MAIN
