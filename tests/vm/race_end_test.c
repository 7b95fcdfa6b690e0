// SPDX-License-Identifier: GPL-2.0
/*
 * Races at the end: of processes that an enclave lives in, of its file, of the
 * enclave. Whoever is late must still find what he is looking at, nobody waits for
 * somebody else, and in the end nothing is left.
 */
#include <fcntl.h>

#include "race.h"
#include "kselftest_harness.h"

#define NR_STALE	64
#define NR_FILES	200
#define NR_ROUNDS	10

FIXTURE(end) {
	struct vt_epc start;
	struct softsgx_image image;
	struct softsgx_enclave encl;
	struct reader reader;
	u64 id;
};

FIXTURE_SETUP(end)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load_alone(&self->image, &self->encl, &self->id)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(end)
{
	EXPECT_EQ(0, unload_alone(&self->image, &self->encl, &self->start));
}

static int close_file(struct softsgx_enclave *encl)
{
	int ret = close(encl->fd) ? -errno : 0;

	encl->fd = -1;
	return ret;
}

static long enclaves(const struct vt_epc *start)
{
	struct vt_epc now;

	return vt_epc_read(&now) ? -1 : now.enclaves - start->enclaves;
}

/*
 * A walker stands on the entry of a process that ends, or on the one before it.
 * Walkers own nothing, so the entries must wait until it has gone.
 */
TEST_F_TIMEOUT(end, walker_on_entry_of_exiting_process, 90)
{
	struct worker workers[4];
	struct row before, now;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_start_do(&workers[i], &self->encl, step_map_touch));
	ASSERT_EQ(0, vt_delay("walk", LONG_MS));
	ASSERT_EQ(0, reader_start(&self->reader, self->id));
	ASSERT_EQ(0, await_held("walk"));
	ASSERT_EQ(0, read_row(self->id, &before));
	EXPECT_EQ(ARRAY_SIZE(workers), before.processes);

	/* The latest comes first on the list. */
	EXPECT_EQ(0, worker_end(&workers[3]));
	EXPECT_EQ(0, worker_end(&workers[2]));
	usleep(HOLD_MS / 10 * 1000);
	ASSERT_EQ(0, read_row(self->id, &now));
	ASSERT_TRUE(is_held("walk"));
	EXPECT_EQ(ARRAY_SIZE(workers) - 2, now.processes);
	EXPECT_EQ(before.references, now.references);

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&self->reader));
	/* The one it stood on, and those that are still there */
	EXPECT_LE(3, self->reader.row.processes);
	EXPECT_GE(4, self->reader.row.processes);
	EXPECT_EQ(0, await_references(self->id, 1 + ARRAY_SIZE(workers) - 2));
	EXPECT_EQ(0, worker_end(&workers[0]));
	EXPECT_EQ(0, worker_end(&workers[1]));
}

/* The same with the end of the file in place of the end of the process */
TEST_F_TIMEOUT(end, walker_on_entry_of_closed_file, 90)
{
	struct worker workers[2];
	struct row before, now;

	ASSERT_EQ(0, worker_start_do(&workers[0], &self->encl, step_go_stale));
	ASSERT_EQ(0, worker_start_do(&workers[1], &self->encl, step_go_stale));
	ASSERT_EQ(0, vt_delay("walk", LONG_MS));
	ASSERT_EQ(0, reader_start(&self->reader, self->id));
	ASSERT_EQ(0, await_held("walk"));
	ASSERT_EQ(0, read_row(self->id, &before));
	EXPECT_EQ(2, before.stale);

	ASSERT_EQ(0, close_file(&self->encl));
	usleep(HOLD_MS / 10 * 1000);
	ASSERT_EQ(0, read_row(self->id, &now));
	ASSERT_TRUE(is_held("walk"));
	EXPECT_EQ(0, now.stale);
	/* Less the file's */
	EXPECT_EQ(before.references - 1, now.references);

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&self->reader));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	EXPECT_EQ(0, worker_end(&workers[0]));
	EXPECT_EQ(0, worker_end(&workers[1]));
}

/*
 * The walker is the last user of an address space. Taking it apart is not his
 * business: in his read section it would hold up the end of all entries.
 */
TEST_F_TIMEOUT(end, walker_has_last_user, 90)
{
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_map_touch));
	ASSERT_EQ(0, vt_delay("pinned", LONG_MS));
	ASSERT_EQ(0, vt_delay("release", LONG_MS));
	ASSERT_EQ(0, reader_start(&self->reader, self->id));
	ASSERT_EQ(0, await_held("pinned"));
	EXPECT_EQ(0, worker_end(&worker));
	ASSERT_LT(0, vt_delay_left("release")) {
		TH_LOG("the process has been the last user itself");
	}

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&self->reader));
	EXPECT_TRUE(is_held("release"));
	EXPECT_EQ(1, self->reader.row.processes);
	EXPECT_EQ(0, await_held("release"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, await_references(self->id, 1));
}

/*
 * Between taking its entry off the list and freeing it, an exiting process has
 * only that to keep the enclave: the file goes, and finds no entries.
 */
TEST_F_TIMEOUT(end, file_ends_during_exit, 90)
{
	struct worker worker;
	struct row row;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_go_stale));
	ASSERT_EQ(0, vt_delay("release", LONG_MS));
	ASSERT_EQ(0, worker_kill(&worker));
	ASSERT_EQ(0, await_held("release"));
	ASSERT_EQ(0, read_row(self->id, &row));
	EXPECT_EQ(0, row.stale);

	ASSERT_EQ(0, close_file(&self->encl));
	usleep(HOLD_MS / 10 * 1000);
	ASSERT_TRUE(is_held("release"));
	EXPECT_EQ(1, enclaves(&self->start));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(256 + SIGKILL, vt_wait(worker.pid));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static void *close_thread(void *data)
{
	return (void *)(long)close_file(data);
}

/* The other way round: the end of the file has the entry, the process knows it still. */
TEST_F_TIMEOUT(end, exit_during_end_of_file, 90)
{
	struct worker worker;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_go_stale));
	ASSERT_EQ(0, vt_delay("drain", LONG_MS));
	ASSERT_EQ(0, pthread_create(&thread, NULL, close_thread, &self->encl));
	ASSERT_EQ(0, await_held("drain"));
	EXPECT_EQ(0, worker_end(&worker));
	EXPECT_TRUE(is_held("drain"));
	EXPECT_EQ(0, vt_let_go());
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/*
 * The entry has the last reference, and drops it after a callback that must not
 * sleep, whereas the end of an enclave does.
 */
TEST_F_TIMEOUT(end, file_ends_during_callback, 90)
{
	ASSERT_EQ(0, hold_callback(&self->encl));
	ASSERT_EQ(0, close_file(&self->encl));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* The end of a process and that of a file: the first one frees the entry. */
static int open_files(int fds[NR_FILES])
{
	unsigned int i;

	for (i = 0; i < NR_FILES; i++) {
		fds[i] = open(ENCL_DEV, O_RDWR);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

static int step_use_and_close(struct softsgx_enclave *unused)
{
	unsigned int i;
	void *p;

	for (i = 3; i < NR_FILES + 32; i++) {
		p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, i, 0);
		if (p == MAP_FAILED)
			continue;
		munmap(p, PAGE);
		close(i);
	}
	return 0;
}

/*
 * An exit goes through all enclaves of the process in one go, those last that came
 * first. Whoever closes their files meanwhile, oldest first, comes in between.
 */
TEST_F_TIMEOUT(end, exit_and_end_of_file, 300)
{
	unsigned int i, round;
	struct worker worker;
	int fds[NR_FILES];

	softsgx_enclave_close(&self->encl);
	for (round = 0; round < NR_ROUNDS; round++) {
		ASSERT_EQ(0, open_files(fds));
		ASSERT_EQ(0, worker_start_do(&worker, NULL, step_use_and_close));
		ASSERT_EQ(0, worker_kill(&worker));
		for (i = 0; i < NR_FILES; i++)
			close(fds[i]);
		EXPECT_EQ(256 + SIGKILL, vt_wait(worker.pid));
		ASSERT_EQ(0, vt_epc_settle(&self->start)) {
			TH_LOG("round %u", round);
		}
	}
}

/*
 * Many processes have used the enclave and live on, a walker is on his way: neither
 * delays close(), and the teardown delays no other enclave.
 */
TEST_F_TIMEOUT(end, close_waits_for_nobody, 120)
{
	static struct worker workers[NR_STALE];
	struct softsgx_enclave other = { .fd = -1 };
	struct vt_epc before;
	struct row row;
	unsigned int i;

	for (i = 0; i < NR_STALE; i++)
		ASSERT_EQ(0, worker_start_do(&workers[i], &self->encl, step_go_stale));
	ASSERT_EQ(0, read_row(self->id, &row));
	EXPECT_EQ(NR_STALE, row.stale);
	ASSERT_EQ(0, vt_delay("walk", LONG_MS));
	ASSERT_EQ(0, reader_start(&self->reader, self->id));
	ASSERT_EQ(0, await_held("walk"));
	ASSERT_EQ(0, close_file(&self->encl));
	EXPECT_TRUE(is_held("walk"));

	ASSERT_EQ(0, vt_delay("teardown", LONG_MS));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&self->reader));
	ASSERT_EQ(0, await_held("teardown"));
	ASSERT_EQ(0, vt_epc_read(&before));
	EXPECT_EQ(1, before.enclaves - self->start.enclaves);
	EXPECT_EQ(0, vt_load(&other, &self->image));
	EXPECT_EQ(0, step_map_touch(&other));
	softsgx_enclave_close(&other);
	EXPECT_EQ(0, vt_epc_settle(&before));
	EXPECT_TRUE(is_held("teardown"));

	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
	for (i = 0; i < NR_STALE; i++)
		EXPECT_EQ(0, worker_end(&workers[i]));
}

/* The same where close() drops the last reference itself */
TEST_F_TIMEOUT(end, close_leaves_teardown_to_others, 90)
{
	ASSERT_EQ(0, vt_delay("teardown", LONG_MS));
	ASSERT_EQ(0, close_file(&self->encl));
	EXPECT_TRUE(is_held("teardown"));
	EXPECT_EQ(1, enclaves(&self->start));
	EXPECT_EQ(0, await_held("teardown"));
}

TEST_HARNESS_MAIN
