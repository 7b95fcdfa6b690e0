// SPDX-License-Identifier: GPL-2.0
/*
 * The driver is unloaded right after the last close, while something of an enclave
 * is still under way: rmmod waits for it, and nothing runs in code that is gone.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "race.h"
#include "kselftest_harness.h"

#define NR_WORKERS	8
#define NR_ROUNDS	15

FIXTURE(unload) {
	struct softsgx_image image;
	struct softsgx_enclave encl;
	u64 id;
};

/* A command of the shell; rmmod that never ends must not take the test with it. */
static int run(const char *command)
{
	u64 start = vt_ms();
	int status = 0;
	pid_t pid;

	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (vt_ms() - start > LONG_MS)
			return -ETIME;
		usleep(1000);
	}
	return status;
}

static int unload(void)
{
	return run("rmmod softsgx");
}

static int load(void)
{
	return run("insmod build/kmod/$(uname -r)/softsgx.ko");
}

/* The test itself has no mapping and no entry, only the file. */
FIXTURE_SETUP(unload)
{
	ASSERT_EQ(0, access(DEBUGFS, X_OK));
	ASSERT_EQ(0, end_delays());
	ASSERT_TRUE(no_enclaves());
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	self->id = id_of(self->encl.fd);
}

FIXTURE_TEARDOWN(unload)
{
	struct vt_epc epc;

	softsgx_image_free(&self->image);
	EXPECT_EQ(0, vt_epc_read(&epc));
	EXPECT_EQ(epc.total, epc.free);
	EXPECT_EQ(0, epc.enclaves);
	EXPECT_TRUE(no_enclaves());
}

/* A process has done with the enclave, and is on its way out. */
TEST_F_TIMEOUT(unload, while_process_exits, 90)
{
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_go_stale));
	ASSERT_EQ(0, vt_delay("release", HOLD_MS));
	ASSERT_EQ(0, worker_kill(&worker));
	ASSERT_EQ(0, await_held("release"));
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, unload());
	EXPECT_EQ(256 + SIGKILL, vt_wait(worker.pid));
	ASSERT_EQ(0, load());
}

/*
 * The same when the enclave is gone already: the file was faster than the process,
 * and the process still runs the driver's code.
 */
TEST_F_TIMEOUT(unload, while_process_without_enclave_exits, 90)
{
	struct reader reader;
	struct worker worker;
	struct vt_epc epc;

	ASSERT_EQ(0, vt_epc_read(&epc));
	epc.free = epc.total;
	epc.enclaves = 0;
	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_go_stale));
	/* Until the process is there the entry must not be freed, though drained. */
	ASSERT_EQ(0, vt_delay("walk", HOLD_MS));
	ASSERT_EQ(0, reader_start(&reader, self->id));
	ASSERT_EQ(0, await_held("walk"));
	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, vt_delay("release", 3 * HOLD_MS));
	ASSERT_EQ(0, worker_kill(&worker));
	EXPECT_EQ(0, reader_join(&reader));
	ASSERT_EQ(0, vt_epc_settle(&epc));
	ASSERT_EQ(0, vt_delay_left("release"));
	EXPECT_EQ(1, vt_delayed());
	EXPECT_EQ(0, unload());
	EXPECT_EQ(256 + SIGKILL, vt_wait(worker.pid));
	ASSERT_EQ(0, load());
}

/* Nothing is on a queue yet: a callback runs. */
TEST_F_TIMEOUT(unload, while_callback_runs, 90)
{
	ASSERT_EQ(0, hold_callback(&self->encl));
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, unload());
	ASSERT_EQ(0, load());
}

TEST_F_TIMEOUT(unload, while_enclave_is_torn_down, 90)
{
	ASSERT_EQ(0, step_map_touch(&self->encl));
	ASSERT_EQ(0, vt_delay("teardown", HOLD_MS));
	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, munmap(vt_addr(&self->encl, 0), VT_SIZE));
	ASSERT_EQ(0, await_held("teardown"));
	EXPECT_EQ(0, unload());
	ASSERT_EQ(0, load());
}

TEST_F_TIMEOUT(unload, while_table_is_read, 90)
{
	struct reader reader;
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_go_stale));
	ASSERT_EQ(0, vt_delay("walk", LONG_MS));
	ASSERT_EQ(0, reader_start(&reader, self->id));
	ASSERT_EQ(0, await_held("walk"));
	softsgx_enclave_close(&self->encl);
	/* An open table is a user; what the reader has delayed is none. */
	EXPECT_NE(0, unload());
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, reader_join(&reader));
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, worker_end(&worker));
	ASSERT_EQ(0, load());
}

/* Whatever may be under way, with processes that end and others that live on */
TEST_F_TIMEOUT(unload, right_after_crowd, 300)
{
	struct worker workers[NR_WORKERS];
	unsigned int i, round;

	for (round = 0; round < NR_ROUNDS; round++) {
		for (i = 0; i < NR_WORKERS; i++)
			ASSERT_EQ(0, worker_start_do(&workers[i], &self->encl,
						     i % 3 ? step_map_touch : step_go_stale));
		softsgx_enclave_close(&self->encl);
		for (i = 0; i < NR_WORKERS; i++) {
			if (i % 3 || round % 2)
				ASSERT_EQ(0, worker_end(&workers[i]));
		}
		ASSERT_EQ(0, unload()) {
			TH_LOG("round %u", round);
		}
		for (i = 0; i < NR_WORKERS; i += 3) {
			if (!(round % 2))
				ASSERT_EQ(0, worker_end(&workers[i]));
		}
		ASSERT_EQ(0, load());
		ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	}
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, unload());
	ASSERT_EQ(0, load());
}

TEST_HARNESS_MAIN
