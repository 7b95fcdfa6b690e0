// SPDX-License-Identifier: GPL-2.0
/*
 * The driver is unloaded right after the last close, with reclaimers at work.
 */
#include "paging.h"
#include "kselftest_harness.h"

FIXTURE(unload) {
	struct scene s;
};

FIXTURE_VARIANT(unload) {
	const char *point;
};

FIXTURE_VARIANT_ADD(unload, isolated) {
	.point = "isolated",
};

FIXTURE_VARIANT_ADD(unload, leaving) {
	.point = "leaving",
};

FIXTURE_VARIANT_ADD(unload, ewb) {
	.point = "ewb",
};

FIXTURE_SETUP(unload)
{
	ASSERT_EQ(0, access(DEBUGFS, X_OK));
	ASSERT_EQ(0, scene_start(&self->s));
}

FIXTURE_TEARDOWN(unload)
{
	struct vt_epc epc;

	EXPECT_EQ(0, vt_epc_read(&epc));
	EXPECT_EQ(epc.total, epc.free);
	EXPECT_EQ(0, epc.enclaves);
	EXPECT_EQ(0, debugfs_number("lru_pages"));
	EXPECT_EQ(0, debugfs_number("ewb"));
}

static int run(const char *command)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return vt_wait(pid);
}

/* A thread that is left behind may sleep for good, and so do no harm just now. */
static int reload(void)
{
	int ret = run("rmmod softsgx");

	if (!ret)
		ret = run("! grep -s '^softsgx/' /proc/[0-9]*/comm");
	return ret ? ret : run("insmod build/kmod/$(uname -r)/softsgx.ko");
}

/* A reclaimer holds pages of an enclave that ends, and is a task of the module. */
TEST_F_TIMEOUT(unload, while_held, 60)
{
	ASSERT_EQ(0, scene_hold(&self->s, variant->point, HOLD_MS));
	ASSERT_EQ(0, munmap((void *)self->s.encl.base, self->s.encl.size));
	softsgx_enclave_close(&self->s.encl);
	kill(self->s.press.worker.pid, SIGKILL);
	vt_wait(self->s.press.worker.pid);
	ASSERT_EQ(0, reload());
}

/* However far it has come */
TEST_F_TIMEOUT(unload, at_any_time, 300)
{
	unsigned int round;

	softsgx_enclave_close(&self->s.encl);
	for (round = 0; round < 12; round++) {
		ASSERT_EQ(0, scene_start(&self->s));
		ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
		usleep(round * 100000);
		kill(self->s.press.worker.pid, SIGKILL);
		vt_wait(self->s.press.worker.pid);
		EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
		softsgx_enclave_close(&self->s.encl);
		ASSERT_EQ(0, reload()) {
			TH_LOG("round %u", round);
		}
	}
}

TEST_HARNESS_MAIN
