// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver tells about enclaves: /proc/PID/fdinfo/FD, debugfs
 * softsgx/enclaves, and the walks that softsgx/walk starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common.h"
#include "kselftest_harness.h"

#define WAIT_MS		10000
#define MAX_PROCS	16
#define NOBODY		65534
/* More than three batches of the walk, and not a multiple */
#define NR_PAGES	100
#define REG_RW		(SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)
#define HEAD		"enclave state base size pages references vmas processes stale busy\n"
/* VMAs after vt_map_all(): TCS and RW are one */
#define ALL_VMAS	7
#define BUSY		-1

/* For helpers, in whatever process: ends it. */
#define MUST(cond)	must(cond, __LINE__, #cond)

static void must(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# line %d: %s, errno %d\n", line, what, errno);
	_exit(1);
}

/* ------------------------------------------------------------ what is told */

struct info {
	u64 id;
	char state[16];
	u64 base;
	u64 size;
	long pages;
	long references;
	long vmas;
	long processes;
	long stale;
	long busy;
	unsigned int nr_procs;
	struct {
		int pid;
		long vmas;
	} procs[MAX_PROCS];
};

static void add_process(struct info *info, const char *line)
{
	unsigned int i = info->nr_procs++;
	char what[16];

	MUST(i < MAX_PROCS);
	MUST(sscanf(line, "sgx-process:\t%d %15s\n", &info->procs[i].pid, what) == 2);
	info->procs[i].vmas = strcmp(what, "busy") ? atol(what) : BUSY;
}

/* Fields in their order, each once, with the processes where they belong */
static int info_of(int pid, int fd, struct info *info)
{
	char path[64], line[256];
	unsigned int fields = 0;
	FILE *file;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "sgx-", 4))
			continue;
		if (!strncmp(line, "sgx-process:", 12)) {
			MUST(fields == 7);
			add_process(info, line);
			continue;
		}
		switch (fields++) {
		case 0:
			MUST(sscanf(line, "sgx-enclave:\t%llu\n", &info->id) == 1);
			break;
		case 1:
			MUST(sscanf(line, "sgx-state:\t%15s\n", info->state) == 1);
			break;
		case 2:
			MUST(sscanf(line, "sgx-base:\t0x%llx\n", &info->base) == 1);
			break;
		case 3:
			MUST(sscanf(line, "sgx-size:\t0x%llx\n", &info->size) == 1);
			break;
		case 4:
			MUST(sscanf(line, "sgx-pages:\t%ld\n", &info->pages) == 1);
			break;
		case 5:
			MUST(sscanf(line, "sgx-references:\t%ld\n", &info->references) == 1);
			break;
		case 6:
			MUST(sscanf(line, "sgx-vmas:\t%ld\n", &info->vmas) == 1);
			break;
		case 7:
			MUST(sscanf(line, "sgx-processes:\t%ld\n", &info->processes) == 1);
			break;
		case 8:
			MUST(sscanf(line, "sgx-stale:\t%ld\n", &info->stale) == 1);
			break;
		case 9:
			MUST(sscanf(line, "sgx-busy:\t%ld\n", &info->busy) == 1);
			break;
		}
	}
	fclose(file);
	MUST(fields == 10);
	MUST(info->nr_procs == info->processes + info->stale + info->busy);
	return 0;
}

static int own_info(int fd, struct info *info)
{
	return info_of(getpid(), fd, info);
}

/* The line of an enclave in the table */
static int table_line(u64 id, struct info *info)
{
	FILE *file = fopen(DEBUGFS "enclaves", "r");
	u64 last = 0;
	char line[256];
	int ret = -ENOENT;
	struct info l;

	if (!file)
		return -errno;
	MUST(fgets(line, sizeof(line), file) && !strcmp(line, HEAD));
	while (fgets(line, sizeof(line), file)) {
		memset(&l, 0, sizeof(l));
		MUST(sscanf(line, "%llu %15s 0x%llx 0x%llx %ld %ld %ld %ld %ld %ld\n", &l.id,
			    l.state, &l.base, &l.size, &l.pages, &l.references, &l.vmas,
			    &l.processes, &l.stale, &l.busy) == 10);
		MUST(l.id > last);
		last = l.id;
		if (l.id == id) {
			*info = l;
			ret = 0;
		}
	}
	fclose(file);
	return ret;
}

/* Both say the same. */
static bool table_agrees(const struct info *info)
{
	struct info l;

	if (table_line(info->id, &l))
		return false;
	return !strcmp(l.state, info->state) && l.base == info->base && l.size == info->size &&
	       l.pages == info->pages && l.references == info->references &&
	       l.vmas == info->vmas && l.processes == info->processes &&
	       l.stale == info->stale && l.busy == info->busy;
}

/* VMAs of a process, BUSY, or -ENOENT if it has no entry */
static long process_vmas(const struct info *info, int pid)
{
	unsigned int i;

	for (i = 0; i < info->nr_procs; i++) {
		if (info->procs[i].pid == pid)
			return info->procs[i].vmas;
	}
	return -ENOENT;
}

/* Entries go away some time after their processes. */
static void wait_references(int fd, long references, struct info *info)
{
	u64 start = vt_ms();

	for (;;) {
		MUST(!own_info(fd, info));
		if (info->references == references || vt_ms() - start > WAIT_MS)
			return;
		usleep(1000);
	}
}

/* ------------------------------------------------------------------- walks */

struct walk {
	u64 encl;
	long pages;
	long young;
	u64 ns;
};

static int walk_write(const void *text, size_t len)
{
	int fd = open(DEBUGFS "walk", O_WRONLY | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n != len)
		ret = n < 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

static void walk_read(struct walk *walk)
{
	FILE *file = fopen(DEBUGFS "walk", "r");

	MUST(!!file);
	MUST(fscanf(file, "enclave %llu\npages %ld\nyoung %ld\nns %llu\n", &walk->encl,
		    &walk->pages, &walk->young, &walk->ns) == 4);
	fclose(file);
}

/* Returns an error or the number of pages that have been used. */
static long walk(const char *verb, u64 id, long pages)
{
	struct walk walk;
	char cmd[32];
	int ret;

	snprintf(cmd, sizeof(cmd), "%s %llu", verb, id);
	ret = walk_write(cmd, strlen(cmd));
	if (ret)
		return ret;
	walk_read(&walk);
	MUST(walk.encl == id);
	MUST(walk.pages == pages);
	return walk.young;
}

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

/* ---------------------------------------------------------- standard enclave */

FIXTURE(info) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct info info;
	int up[2];	/* child to test */
	int down[2];
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, pipe(self->up));
	ASSERT_EQ(0, pipe(self->down));
}

FIXTURE_TEARDOWN(info)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Ids of enclaves that are no more; a number is never used again. */
TEST_F_TIMEOUT(info, no_such_enclave, 60)
{
	struct softsgx_enclave other;
	u64 id;

	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, own_info(self->encl.fd, &self->info));
	id = self->info.id;
	EXPECT_LT(0, id);
	EXPECT_EQ(0, walk("age", id, 0));
	EXPECT_EQ(0, walk("zap", id, 0));
	EXPECT_EQ(-ENOENT, walk("age", id + 1, 0));
	EXPECT_EQ(-ENOENT, walk("age", id + 1000000, 0));
	EXPECT_EQ(-ENOENT, walk("zap", ~0ULL, 0));
	EXPECT_EQ(-ENOENT, walk("zap", 0, 0));

	ASSERT_EQ(0, softsgx_enclave_open(&other));
	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, own_info(other.fd, &self->info));
	EXPECT_LT(id, self->info.id);
	softsgx_enclave_close(&other);
	ASSERT_EQ(0, vt_epc_settle(&self->start));
	EXPECT_EQ(-ENOENT, walk("age", id, 0));
	EXPECT_EQ(-ENOENT, walk("zap", id, 0));
	EXPECT_EQ(-ENOENT, table_line(id, &self->info));
}

TEST_F_TIMEOUT(info, bad_commands, 60)
{
	static const struct {
		const char *text;
		int ret;
	} cmds[] = {
		{ "", -EINVAL },
		{ " ", -EINVAL },
		{ "\n", -EINVAL },
		{ "age", -EINVAL },
		{ "age ", -EINVAL },
		{ "age\n", -EINVAL },
		{ "age x", -EINVAL },
		{ "age -1", -EINVAL },
		{ "age 1x", -EINVAL },
		{ "age 1 2", -EINVAL },
		{ "age  1", -EINVAL },
		{ "age 1 ", -EINVAL },
		{ " age 1", -EINVAL },
		{ "1", -EINVAL },
		{ "1 age", -EINVAL },
		{ "Age 1", -EINVAL },
		{ "ag 1", -EINVAL },
		{ "agezap 1", -EINVAL },
		{ "zap", -EINVAL },
		{ "age 18446744073709551616", -ERANGE },
		{ "age 99999999999999999999", -ERANGE },
		/* 31 bytes fit, 32 do not; there is no enclave 0. */
		{ "age 000000000000000000000000000", -ENOENT },
		{ "age 0000000000000000000000000000", -EINVAL },
		{ "age 1 and some more text that does not fit", -EINVAL },
	};
	static char big[65536];
	struct walk before, after;
	unsigned int i;
	char cmd[32];

	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, own_info(self->encl.fd, &self->info));
	ASSERT_EQ(0, walk("zap", self->info.id, 0));
	walk_read(&before);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(cmds[i].ret, walk_write(cmds[i].text, strlen(cmds[i].text))) {
			TH_LOG("\"%s\"", cmds[i].text);
		}
	}
	memset(big, 'a', sizeof(big));
	EXPECT_EQ(-EINVAL, walk_write(big, sizeof(big)));
	EXPECT_EQ(-EFAULT, walk_write((void *)8, 8));
	/* A zero byte ends the text. */
	EXPECT_EQ(-EINVAL, walk_write("age\0 1", 6));
	/* The right verb is not enough, and the wrong one is told from a wrong number. */
	snprintf(cmd, sizeof(cmd), "look %llu", self->info.id);
	EXPECT_EQ(-EINVAL, walk_write(cmd, strlen(cmd)));
	walk_read(&after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	/* Other ways to write a number, and what echo(1) adds */
	snprintf(cmd, sizeof(cmd), "age 0x%llx\n", self->info.id);
	EXPECT_EQ(0, walk_write(cmd, strlen(cmd)));
}

static int unprivileged(void)
{
	static const char * const files[] = { "enclaves", "walk" };
	struct softsgx_enclave encl;
	struct info info;
	unsigned int i;

	MUST(!setgid(NOBODY) && !setuid(NOBODY));
	MUST(!prctl(PR_SET_DUMPABLE, 1));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char path[64];

		snprintf(path, sizeof(path), DEBUGFS "%s", files[i]);
		MUST(open(path, O_RDONLY) == -1 && errno == EACCES);
		MUST(open(path, O_WRONLY) == -1 && errno == EACCES);
	}
	/* His own enclave is his to look at, that of others is not. */
	MUST(!softsgx_enclave_open(&encl));
	MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encl.fd, 0) != MAP_FAILED);
	MUST(!own_info(encl.fd, &info));
	MUST(info.id > 0);
	MUST(info.vmas == 1 && info.processes == 1 && process_vmas(&info, getpid()) == 1);
	MUST(info_of(getppid(), 0, &info) < 0);
	return 0;
}

TEST_F_TIMEOUT(info, unprivileged, 60)
{
	pid_t pid = fork();

	if (!pid)
		_exit(unprivileged());
	EXPECT_EQ(0, vt_wait(pid));
}

TEST_F_TIMEOUT(info, no_enclaves, 60)
{
	char text[512] = {};
	int fd = open(DEBUGFS "enclaves", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(0, strcmp(HEAD, text)) {
		TH_LOG("%s", text);
	}
	close(fd);
}

static void expect_info(struct __test_metadata *_metadata, struct _test_data_info *self,
			const char *state, long pages, long references, long vmas)
{
	struct info *info = &self->info;

	ASSERT_EQ(0, own_info(self->encl.fd, info));
	EXPECT_STREQ(state, info->state);
	EXPECT_EQ(self->encl.base, info->base);
	EXPECT_EQ(self->encl.base ? self->encl.size : 0, info->size);
	EXPECT_EQ(pages, info->pages);
	EXPECT_EQ(references, info->references);
	EXPECT_EQ(vmas, info->vmas);
	EXPECT_EQ(vmas ? 1 : 0, info->processes);
	EXPECT_EQ(references - 1 - info->processes, info->stale);
	EXPECT_EQ(0, info->busy);
	EXPECT_EQ(references > 1 ? vmas : -ENOENT, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));
}

TEST_F_TIMEOUT(info, states, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct sgx_secs secs;
	unsigned int i;
	u8 *first;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_sign(&image, &sig));
	ASSERT_EQ(0, softsgx_enclave_open(encl));
	expect_info(_metadata, self, "new", 0, 1, 0);

	/* A mapping does not wait for the enclave, and stays an entry when it goes. */
	first = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encl->fd, 0);
	ASSERT_NE(MAP_FAILED, first);
	expect_info(_metadata, self, "new", 0, 2, 1);
	ASSERT_EQ(0, munmap(first, PAGE));
	expect_info(_metadata, self, "new", 0, 2, 0);

	ASSERT_EQ(0, vt_reserve(encl, image.size));
	softsgx_image_secs(&image, encl->base, &secs);
	ASSERT_EQ(0, softsgx_enclave_create(encl, &secs));
	expect_info(_metadata, self, "created", 0, 2, 0);
	for (i = 0; i < image.nr_segs; i++) {
		ASSERT_EQ(0, softsgx_enclave_add(encl, &image.segs[i]));
		expect_info(_metadata, self, "created", i + 1, 2, 0);
	}
	/* It is there already. */
	EXPECT_GT(0, vt_ioc_add(encl->fd, image.segs[0].src, 0, PAGE, SGX_SECINFO_TCS, 0, NULL));
	expect_info(_metadata, self, "created", image.nr_segs, 2, 0);
	/* Refused, then accepted */
	sig.modulus[0] ^= 1;
	EXPECT_NE(0, vt_ioc_init(encl->fd, &sig));
	expect_info(_metadata, self, "created", image.nr_segs, 2, 0);
	sig.modulus[0] ^= 1;
	ASSERT_EQ(0, vt_ioc_init(encl->fd, &sig));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 0);

	ASSERT_EQ(0, vt_map_all(encl));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS);
	ASSERT_EQ(0, mprotect(vt_addr(encl, PG_RW), PAGE, PROT_READ));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS);
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_TCS), PAGE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS - 1);
	ASSERT_EQ(0, munmap(vt_addr(encl, 0), VT_SIZE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 0);
	ASSERT_EQ(0, vt_map(encl, PG_HOLE, 1, PROT_NONE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 1);
	softsgx_image_free(&image);
}

TEST_F_TIMEOUT(info, several_enclaves, 60)
{
	struct softsgx_enclave encls[8];
	struct info infos[8];
	unsigned int i;
	void *mapping;

	for (i = 0; i < ARRAY_SIZE(encls); i++) {
		ASSERT_EQ(0, softsgx_enclave_open(&encls[i]));
		ASSERT_EQ(0, own_info(encls[i].fd, &infos[i]));
		EXPECT_TRUE(!i || infos[i].id == infos[i - 1].id + 1);
	}
	mapping = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encls[3].fd, 0);
	ASSERT_NE(MAP_FAILED, mapping);
	ASSERT_EQ(0, own_info(encls[3].fd, &infos[3]));
	softsgx_enclave_close(&encls[1]);
	softsgx_enclave_close(&encls[3]);	/* a VMA keeps it */
	for (i = 0; i < ARRAY_SIZE(encls); i++) {
		if (i != 1 && i != 3)
			EXPECT_TRUE(table_agrees(&infos[i]));
	}
	EXPECT_EQ(0, table_line(infos[3].id, &self->info));
	EXPECT_EQ(1, self->info.vmas);
	EXPECT_EQ(1, self->info.processes);
	EXPECT_EQ(0, walk("age", infos[3].id, 0));
	for (i = 0; i < ARRAY_SIZE(encls); i++)
		softsgx_enclave_close(&encls[i]);
	ASSERT_EQ(0, munmap(mapping, PAGE));
}

/* --------------------------------------------------------------- processes */

/* Each byte from the test is a step. */
static int forked_child(struct _test_data_info *self)
{
	struct softsgx_enclave *encl = &self->encl;
	int in = self->down[0], out = self->up[1];
	struct info info;

	MUST(!vt_tell(out) && !vt_await(in));
	MUST(vt_shows(vt_addr(encl, PG_R), PG_R));
	MUST(!own_info(encl->fd, &info));
	MUST(process_vmas(&info, getpid()) == ALL_VMAS);
	MUST(!vt_tell(out) && !vt_await(in));
	MUST(!munmap(vt_addr(encl, PG_RX), PAGE));
	MUST(!vt_tell(out) && !vt_await(in));
	MUST(!munmap(vt_addr(encl, 0), VT_SIZE));
	MUST(!vt_tell(out) && !vt_await(in));
	return 0;
}

TEST_F_TIMEOUT(info, fork, 60)
{
	struct info *info = &self->info;
	int fd;
	pid_t pid;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	ASSERT_EQ(0, vt_read(vt_addr(&self->encl, PG_R)));
	fd = self->encl.fd;
	pid = fork();
	if (!pid)
		_exit(forked_child(self));

	/* VMAs are there at once, an entry comes with the first use. */
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS, info->vmas);
	EXPECT_EQ(2, info->references);
	EXPECT_EQ(1, info->processes);
	EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS, info->vmas);
	EXPECT_EQ(3, info->references);
	EXPECT_EQ(2, info->processes);
	EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS - 1, info->vmas);
	EXPECT_EQ(ALL_VMAS - 1, process_vmas(info, pid));
	/* The same, asked for at the other process */
	ASSERT_EQ(0, info_of(pid, fd, info));
	EXPECT_EQ(ALL_VMAS - 1, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(ALL_VMAS, info->vmas);
	EXPECT_EQ(3, info->references);
	EXPECT_EQ(1, info->processes);
	EXPECT_EQ(1, info->stale);
	EXPECT_EQ(0, process_vmas(info, pid));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
	wait_references(fd, 2, info);
	EXPECT_EQ(2, info->references);
	EXPECT_EQ(0, info->stale);
	EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));
}

/* Also if the process ends with its mappings, of its own accord or not */
TEST_F_TIMEOUT(info, exit_with_mappings, 60)
{
	struct info *info = &self->info;
	unsigned int i;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	fd = self->encl.fd;
	for (i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			MUST(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
			MUST(!vt_tell(self->up[1]));
			if (i == 1)
				_exit(0);
			if (i == 2)
				execlp("true", "true", NULL);
			for (;;)
				pause();
		}
		ASSERT_EQ(0, vt_await(self->up[0]));
		if (!i) {
			ASSERT_EQ(0, own_info(fd, info));
			EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
			ASSERT_EQ(0, kill(pid, SIGKILL));
		}
		EXPECT_EQ(i ? 0 : 256 + SIGKILL, vt_wait(pid));
		wait_references(fd, 2, info);
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(ALL_VMAS, info->vmas);
		EXPECT_EQ(1, info->processes);
		EXPECT_EQ(0, info->stale);
		EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	}
}

/* exec takes the entry along with the mappings, though the file stays open. */
TEST_F_TIMEOUT(info, exec_keeps_file, 60)
{
	struct info *info = &self->info;
	pid_t pid;
	char c;
	int fd;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	fd = self->encl.fd;
	pid = fork();
	if (!pid) {
		MUST(!vt_map_all(&self->encl));
		MUST(!fcntl(fd, F_SETFD, 0));
		MUST(!dup2(self->down[0], 0) && dup2(self->up[1], 1) == 1);
		close(self->down[1]);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	/* What it answers shows that exec is over. */
	ASSERT_EQ(1, write(self->down[1], "x", 1));
	ASSERT_EQ(1, read(self->up[0], &c, 1));
	wait_references(fd, 1, info);
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->vmas);
	EXPECT_EQ(0, info->nr_procs);
	ASSERT_EQ(0, info_of(pid, fd, info));
	EXPECT_EQ(0, info->nr_procs);
	close(self->down[1]);
	EXPECT_EQ(0, vt_wait(pid));
}

static int send_enclave(int sock, struct softsgx_enclave *encl)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { encl, sizeof(*encl) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &encl->fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == sizeof(*encl) ? 0 : -errno;
}

static int receive_enclave(int sock, struct softsgx_enclave *encl)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { encl, sizeof(*encl) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (recvmsg(sock, &msg, 0) != sizeof(*encl) || !CMSG_FIRSTHDR(&msg))
		return -EPROTO;
	memcpy(&encl->fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	encl->area = NULL;
	return 0;
}

static int receiver(struct _test_data_info *self, int sock)
{
	int in = self->down[0], out = self->up[1];
	struct softsgx_enclave encl;
	unsigned int i;

	MUST(!receive_enclave(sock, &encl));
	MUST(!vt_tell(out) && !vt_await(in));
	for (i = 0; i < 2; i++) {
		MUST(!vt_map_all(&encl));
		MUST(!vt_tell(out) && !vt_await(in));
		MUST(!munmap(vt_addr(&encl, 0), VT_SIZE));
		MUST(!vt_tell(out) && !vt_await(in));
	}
	MUST(!vt_map(&encl, PG_R, 1, PROT_READ));
	MUST(!close(encl.fd));
	MUST(vt_shows(vt_addr(&encl, PG_R), PG_R));
	MUST(!vt_tell(out) && !vt_await(in));
	return 0;
}

/* The test itself never maps anything. */
TEST_F_TIMEOUT(info, passed_to_other_process, 60)
{
	struct info *info = &self->info;
	int sock[2], fd;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	pid = fork();
	if (!pid)
		_exit(receiver(self, sock[0]));
	ASSERT_EQ(0, vt_build(&self->encl, 0));
	fd = self->encl.fd;
	ASSERT_EQ(0, send_enclave(sock[1], &self->encl));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->nr_procs);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vt_tell(self->down[1]));
		ASSERT_EQ(0, vt_await(self->up[0]));
		ASSERT_EQ(0, own_info(fd, info));
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(ALL_VMAS, info->vmas);
		EXPECT_EQ(1, info->nr_procs);
		EXPECT_EQ(1, info->processes);
		EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
		EXPECT_TRUE(table_agrees(info));

		ASSERT_EQ(0, vt_tell(self->down[1]));
		ASSERT_EQ(0, vt_await(self->up[0]));
		ASSERT_EQ(0, own_info(fd, info));
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(0, info->vmas);
		EXPECT_EQ(1, info->stale);
		EXPECT_EQ(0, process_vmas(info, pid));
		EXPECT_TRUE(table_agrees(info));
	}

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(1, process_vmas(info, pid));
	EXPECT_EQ(0, info->stale);
	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
	wait_references(fd, 1, info);
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->nr_procs);
	close(sock[0]);
	close(sock[1]);
}

/* A process is called what the reader's PID namespace calls it. */
TEST_F_TIMEOUT(info, pid_namespace, 60)
{
	struct info *info = &self->info;
	pid_t parent = getpid(), pid;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no PID namespaces: errno %d", errno);
	pid = fork();
	if (!pid) {
		struct info mine;
		char self_pid[16] = "";

		MUST(getpid() == 1);
		MUST(!vt_read(vt_addr(&self->encl, PG_R)));
		/* /proc has the names of the namespace it was mounted in. */
		MUST(readlink("/proc/self", self_pid, sizeof(self_pid) - 1) > 0);
		MUST(!info_of(atoi(self_pid), self->encl.fd, &mine));
		MUST(mine.nr_procs == 2);
		MUST(process_vmas(&mine, 1) == ALL_VMAS);
		MUST(process_vmas(&mine, 0) == ALL_VMAS);
		MUST(!vt_tell(self->up[1]) && !vt_await(self->down[0]));
		_exit(0);
	}
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(self->encl.fd, info));
	EXPECT_EQ(2, info->nr_procs);
	EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, parent));
	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
}

/* -------------------------------------------------------------------- busy */

static void set_delay(unsigned int ms)
{
	FILE *file = fopen(DEBUGFS "delay/mmap", "w");

	MUST(!!file);
	MUST(fprintf(file, "%u", ms) > 0);
	MUST(!fclose(file));
}

static int nr_delayed(void)
{
	FILE *file = fopen(DEBUGFS "delayed", "r");
	int n = -1;

	MUST(!!file);
	MUST(fscanf(file, "%d", &n) == 1);
	fclose(file);
	return n;
}

static int busy_child(struct _test_data_info *self, unsigned int ms)
{
	MUST(!vt_read(vt_addr(&self->encl, PG_R)));
	set_delay(ms);
	MUST(!vt_tell(self->up[1]));
	MUST(!vt_map(&self->encl, PG_HOLE, 1, PROT_NONE));
	MUST(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
	return 0;
}

/*
 * A process that is held in its mmap() is not waited for: no count of its VMAs,
 * and all pages count as used. Its PTEs go nevertheless.
 */
TEST_F_TIMEOUT(info, busy, 120)
{
	struct softsgx_enclave *encl = &self->encl;
	struct info *info = &self->info;
	bool agrees, held = false;
	long first, second;
	unsigned int ms;
	u64 start;
	pid_t pid;

	ASSERT_EQ(0, vt_build(encl, 0));
	ASSERT_EQ(0, vt_map_all(encl));
	/* Longer if this machine is too slow to look while it lasts */
	for (ms = 1000; ms <= 30000 && !held; ms *= 5) {
		pid = fork();
		if (!pid)
			_exit(busy_child(self, ms));
		ASSERT_EQ(0, vt_await(self->up[0]));
		start = vt_ms();
		while (!nr_delayed() && vt_ms() - start < ms)
			usleep(1000);
		ASSERT_EQ(0, own_info(encl->fd, info));
		agrees = table_agrees(info);
		first = walk("age", info->id, PG_HOLE);
		second = walk("age", info->id, PG_HOLE);
		EXPECT_EQ(0, walk("zap", info->id, PG_HOLE));
		held = nr_delayed() == 1;
		if (held) {
			EXPECT_EQ(1, info->busy);
			EXPECT_EQ(1, info->processes);
			EXPECT_EQ(0, info->stale);
			EXPECT_EQ(BUSY, process_vmas(info, pid));
			EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
			EXPECT_EQ(2 * ALL_VMAS, info->vmas);
			EXPECT_TRUE(agrees);
			EXPECT_EQ(PG_HOLE, first);
			EXPECT_EQ(PG_HOLE, second);
			EXPECT_EQ(1, nr_delayed());
		}
		EXPECT_EQ(0, vt_wait(pid));
	}
	EXPECT_TRUE(held);
	wait_references(encl->fd, 2, info);
	EXPECT_EQ(0, info->busy);
	EXPECT_EQ(1, info->processes);
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
}

/* ------------------------------------------------------------------ age, zap */

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
	unsigned int i, k;
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
	for (i = 0; i < NR_PAGES; i++) {
		for (k = 0; k < PAGE; k++)
			src[i * PAGE + k] = vt_byte(i, k);
	}
	ASSERT_EQ(0, vt_ioc_add(self->encl.fd, src, 0, NR_PAGES * PAGE, REG_RW, 0, &count));
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
	unsigned int round, i;

	EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
	for (round = 0; round < 3; round++) {
		touch(encl, 0, 1);
		EXPECT_EQ(NR_PAGES, nr_present(encl, NR_PAGES));
		EXPECT_EQ(0, walk("zap", self->id, NR_PAGES));
		EXPECT_EQ(0, nr_present(encl, NR_PAGES));
		EXPECT_EQ(0, walk("age", self->id, NR_PAGES));
		for (i = 0; i < NR_PAGES; i += 9) {
			EXPECT_TRUE(vt_shows(vt_addr(encl, i), i));
			EXPECT_EQ(1 + i / 9, nr_present(encl, NR_PAGES));
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
