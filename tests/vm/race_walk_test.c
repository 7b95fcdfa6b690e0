// SPDX-License-Identifier: GPL-2.0
/*
 * Races of walks, over the processes of an enclave and over its pages, with
 * processes that come, fault, change their mappings, and with commands.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "race.h"
#include "kselftest_harness.h"

#define NR_WORKERS	6
#define STORM_MS	5000
#define NR_PAGES	64
#define REG_R		(SGX_SECINFO_REG | SGX_SECINFO_R)

FIXTURE(walk) {
	struct vt_epc start;
	struct softsgx_image image;
	struct softsgx_enclave encl;
	struct reader reader;
	u64 id;
};

FIXTURE_SETUP(walk)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load_alone(&self->image, &self->encl, &self->id)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(walk)
{
	EXPECT_EQ(0, unload_alone(&self->image, &self->encl, &self->start));
}

/* What the last walk has found: "pages", "young" */
static long walked(const char *what)
{
	FILE *file = fopen(DEBUGFS "walk", "re");
	long n = -ENOENT;
	char name[32];

	if (!file)
		return -errno;
	while (n < 0 && fscanf(file, "%31s %ld", name, &n) == 2) {
		if (strcmp(name, what))
			n = -ENOENT;
	}
	fclose(file);
	return n;
}

static long age(u64 id)
{
	int ret = vt_walk("age", id);

	return ret ? ret : walked("young");
}

static int step_mprotect(struct softsgx_enclave *encl)
{
	u8 *rw = vt_addr(encl, PG_RW);

	if (mprotect(rw, PAGE, PROT_NONE) || mprotect(rw, PAGE, PROT_RW))
		return -errno;
	return vt_write(rw);
}

/* ------------------------------------------------- a walker, and all others */

/*
 * A walker on his way keeps entries from being freed, but nobody who holds a lock
 * waits for him: mappings, forks, first faults and ends go on.
 */
static void walker_held(struct __test_metadata *_metadata, struct _test_data_walk *self,
			const char *point)
{
	struct softsgx_enclave *encl = &self->encl;
	struct worker old, mapper, child;

	ASSERT_EQ(0, worker_start_do(&old, encl, step_map_touch));
	ASSERT_EQ(0, worker_start(&mapper, encl));
	ASSERT_EQ(0, vt_delay(point, LONG_MS));
	ASSERT_EQ(0, reader_start(&self->reader, self->id));
	ASSERT_EQ(0, await_held(point));

	EXPECT_EQ(0, worker_do(&mapper, step_map_touch));
	EXPECT_EQ(0, worker_do(&old, step_mprotect));
	EXPECT_EQ(0, worker_do(&old, step_unmap));
	EXPECT_EQ(0, step_map(encl));
	EXPECT_EQ(0, worker_start_do(&child, encl, step_touch));
	EXPECT_EQ(0, worker_end(&child));
	EXPECT_EQ(0, worker_end(&mapper));
	EXPECT_EQ(0, worker_end(&old));
	EXPECT_TRUE(is_held(point));

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&self->reader));
	/* File and test */
	EXPECT_EQ(0, await_references(self->id, 2));
}

TEST_F_TIMEOUT(walk, walker_holds_up_nobody, 90)
{
	walker_held(_metadata, self, "walk");
}

TEST_F_TIMEOUT(walk, walker_with_mm_holds_up_nobody, 90)
{
	walker_held(_metadata, self, "pinned");
}

/*
 * A process that holds its mmap_lock for long, as all in mmap(), mprotect() and
 * fork() do: walks pass it over, and do not wait.
 */
TEST_F_TIMEOUT(walk, stuck_process_holds_up_nobody, 120)
{
	struct softsgx_enclave other = { .fd = -1 };
	struct worker stuck, user;
	struct vt_epc before;
	struct row row;

	ASSERT_EQ(0, worker_start_do(&stuck, &self->encl, step_map_touch));
	ASSERT_EQ(0, worker_start_do(&user, &self->encl, step_map_touch));
	EXPECT_LT(0, age(self->id));
	EXPECT_EQ(0, age(self->id));
	ASSERT_EQ(0, vt_epc_read(&before));
	ASSERT_EQ(0, vt_delay("mmap", LONG_MS));
	ASSERT_EQ(0, worker_tell(&stuck, step_map));
	ASSERT_EQ(0, await_held("mmap"));

	/* Its pages count as used: it is at work with the enclave. */
	EXPECT_EQ(PG_HOLE, age(self->id));
	EXPECT_TRUE(is_held("mmap")) {
		TH_LOG("ageing has waited");
	}
	ASSERT_EQ(0, read_row(self->id, &row));
	EXPECT_EQ(1, row.busy);
	EXPECT_EQ(1, row.processes);
	EXPECT_NE(0, id_of(self->encl.fd));
	EXPECT_TRUE(is_held("mmap")) {
		TH_LOG("the table has waited");
	}
	EXPECT_EQ(0, vt_walk("zap", self->id));
	EXPECT_EQ(PG_HOLE, walked("pages"));
	EXPECT_TRUE(is_held("mmap")) {
		TH_LOG("zap has waited");
	}
	EXPECT_EQ(0, worker_do(&user, step_touch));
	EXPECT_EQ(0, worker_end(&user));
	EXPECT_EQ(0, vt_load(&other, &self->image));
	EXPECT_EQ(0, step_map_touch(&other));
	softsgx_enclave_close(&other);
	EXPECT_EQ(0, vt_epc_settle(&before));
	EXPECT_TRUE(is_held("mmap")) {
		TH_LOG("another enclave or process has waited");
	}

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&stuck));
	EXPECT_EQ(0, worker_do(&stuck, step_touch));
	EXPECT_EQ(0, worker_end(&stuck));
}

/* ---------------------------------------------------------- children of fork */

/* Ageing sees what a child of fork uses, and only the child. */
TEST_F_TIMEOUT(walk, child_is_aged, 90)
{
	struct softsgx_enclave *encl = &self->encl;
	struct worker child;

	ASSERT_EQ(0, step_map(encl));
	ASSERT_EQ(0, worker_start(&child, encl));
	ASSERT_EQ(0, step_unmap(encl));
	EXPECT_EQ(0, age(self->id));
	EXPECT_EQ(0, worker_do(&child, step_touch));
	EXPECT_EQ(2, age(self->id));
	EXPECT_EQ(0, age(self->id));
	/* The second time without a fault that the driver would see */
	EXPECT_EQ(0, worker_do(&child, step_mprotect));
	EXPECT_EQ(1, age(self->id));
	EXPECT_EQ(0, worker_end(&child));
}

/* Each page of the mapping that has a PTE, by bits; negative on error */
static long present(pid_t pid, const struct softsgx_enclave *encl)
{
	u64 entries[PG_COUNT] = {};
	char path[64];
	unsigned int i;
	long bits = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pread(fd, entries, sizeof(entries), encl->base / PAGE * sizeof(u64)) !=
	    sizeof(entries))
		bits = -EIO;
	close(fd);
	for (i = 0; i < PG_COUNT && bits >= 0; i++)
		bits |= (entries[i] >> 63) << i;
	return bits;
}

/* Children that touch what they have just got, for a while, and a last one stays. */
static int step_fork_storm(struct softsgx_enclave *encl)
{
	u64 start = vt_ms();
	int ret = 0;
	pid_t pid;

	while (!ret && vt_ms() - start < STORM_MS) {
		pid = fork();
		if (!pid)
			_exit(step_touch(encl) || step_mprotect(encl) || step_touch(encl));
		ret = vt_wait(pid);
		if (!ret)
			ret = step_touch(encl);
	}
	return ret;
}

/*
 * PTEs come and go in all processes, those included that are being forked. After a
 * zap while all stand still there is none anywhere, and the next access works.
 */
TEST_F_TIMEOUT(walk, zap_against_fork, 120)
{
	struct softsgx_enclave *encl = &self->encl;
	struct worker workers[NR_WORKERS];
	u64 start = vt_ms();
	unsigned int i, n;

	ASSERT_EQ(0, step_map(encl));
	for (i = 0; i < NR_WORKERS; i++) {
		ASSERT_EQ(0, worker_start(&workers[i], encl));
		ASSERT_EQ(0, worker_tell(&workers[i], step_fork_storm));
	}
	for (n = 0; vt_ms() - start < STORM_MS; n++) {
		ASSERT_EQ(0, vt_walk(n % 4 ? "zap" : "age", self->id));
		usleep(random() % 2000);
	}
	for (i = 0; i < NR_WORKERS; i++) {
		EXPECT_EQ(0, worker_answer(&workers[i]));
		EXPECT_EQ(0, worker_do(&workers[i], step_touch));
		EXPECT_EQ(1 << PG_R | 1 << PG_RW, present(workers[i].pid, encl));
	}
	ASSERT_EQ(0, vt_walk("zap", self->id));
	for (i = 0; i < NR_WORKERS; i++) {
		EXPECT_EQ(0, present(workers[i].pid, encl));
		EXPECT_EQ(0, worker_do(&workers[i], step_touch));
		EXPECT_EQ(0, worker_end(&workers[i]));
	}
	TH_LOG("%u walks", n);
	EXPECT_LE(2, n);
}

/* ------------------------------------------------ the index against commands */

/*
 * mmap() and mprotect() look at the pages that exist. The index holds still for
 * that: a command that adds one waits, as does a fault.
 */
static void index_held(struct __test_metadata *_metadata, struct _test_data_walk *self,
		       step_fn step)
{
	struct softsgx_enclave *encl = &self->encl;
	struct worker mapper, user;
	u64 count = 0;

	ASSERT_EQ(0, worker_start_do(&mapper, encl, step_map_touch));
	ASSERT_EQ(0, worker_start_do(&user, encl, step_map_touch));
	ASSERT_EQ(0, vt_walk("zap", self->id));
	ASSERT_EQ(0, vt_delay("index", HOLD_MS));
	ASSERT_EQ(0, worker_tell(&mapper, step));
	ASSERT_EQ(0, await_held("index"));
	ASSERT_EQ(0, worker_tell(&user, step_touch));
	EXPECT_EQ(0, vt_ioc_add(encl->fd, vt_anon(PAGE, PROT_READ), PG_HOLE * PAGE, PAGE, REG_R,
				0, &count));
	EXPECT_FALSE(is_held("index")) {
		TH_LOG("the page came while the index was being walked");
	}
	EXPECT_EQ(PAGE, count);
	EXPECT_EQ(0, worker_answer(&user));
	EXPECT_EQ(0, worker_answer(&mapper));
	EXPECT_EQ(0, worker_do(&mapper, step_touch));
	EXPECT_EQ(0, worker_end(&mapper));
	EXPECT_EQ(0, worker_end(&user));
}

TEST_F_TIMEOUT(walk, mmap_against_add, 90)
{
	index_held(_metadata, self, step_map);
}

TEST_F_TIMEOUT(walk, mprotect_against_add, 90)
{
	index_held(_metadata, self, step_mprotect);
}

/*
 * Maps and protects pages while they come. Whichever is first, no page is ever
 * writable that must not be. What is left at the end are pages that can be read.
 */
static int step_map_all_time(struct softsgx_enclave *encl)
{
	u8 *base = vt_addr(encl, 0), *addr;
	u64 start = vt_ms();
	unsigned int n;

	for (n = 0; vt_ms() - start < STORM_MS / 2; n++) {
		addr = base + (PG_COUNT + n % NR_PAGES) * PAGE;
		if (mmap(addr, PAGE, PROT_RW, MAP_SHARED | MAP_FIXED, encl->fd, 0) !=
		    MAP_FAILED) {
			if (!vt_write(addr))
				return 1;
		} else if (errno != EACCES) {
			return -errno;
		}
		if (mmap(base, (PG_COUNT + NR_PAGES) * PAGE, PROT_NONE, MAP_SHARED | MAP_FIXED,
			 encl->fd, 0) == MAP_FAILED)
			return -errno;
		if (mprotect(addr, PAGE, PROT_READ))
			return -errno;
		if (vt_read(addr) == SIGSEGV)
			return 2;
	}
	for (n = 0; n < NR_PAGES; n++) {
		addr = base + (PG_COUNT + n) * PAGE;
		if (mprotect(addr, PAGE, PROT_RW) != -1 || errno != EACCES)
			return 3;
		if (mprotect(addr, PAGE, PROT_READ) || vt_read(addr))
			return 4;
	}
	return 0;
}

TEST_F_TIMEOUT(walk, mappings_against_add, 120)
{
	struct softsgx_enclave encl = { .fd = -1 };
	struct worker workers[3];
	unsigned int i;
	u64 count;
	void *src;

	self->image.size = 8 * VT_SIZE;
	ASSERT_EQ(0, vt_create(&encl, &self->image));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		ASSERT_EQ(0, worker_start(&workers[i], &encl));
		ASSERT_EQ(0, worker_tell(&workers[i], step_map_all_time));
	}
	src = vt_anon(PAGE, PROT_READ);
	for (i = 0; i < NR_PAGES; i++) {
		EXPECT_EQ(0, vt_ioc_add(encl.fd, src, (PG_COUNT + i) * PAGE, PAGE, REG_R, 0,
					&count));
		usleep(STORM_MS / 4 * 1000 / NR_PAGES);
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		EXPECT_EQ(0, worker_answer(&workers[i]));
		EXPECT_EQ(0, worker_end(&workers[i]));
	}
	softsgx_enclave_close(&encl);
}

TEST_HARNESS_MAIN
