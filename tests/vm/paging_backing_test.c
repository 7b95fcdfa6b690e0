// SPDX-License-Identifier: GPL-2.0
/*
 * Backing memory that cannot be read, as when a swap device fails (debugfs fail/backing):
 * a page whose contents are there is lost, and its enclave; one that is still in the EPC
 * stays there; all others go on.
 */
#include "paging.h"
#include "kselftest_harness.h"

#define OTHER_SEED	9

FIXTURE(backing) {
	struct scene s;
	struct softsgx_enclave other;
	int kmsg;
};

FIXTURE_SETUP(backing)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_EQ(0, paging_load(&self->other, NR_SCENE));
	stamp_all(&self->other, NR_SCENE, OTHER_SEED);
	self->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->kmsg);
	lseek(self->kmsg, 0, SEEK_END);
}

FIXTURE_TEARDOWN(backing)
{
	close(self->kmsg);
	EXPECT_EQ(0, scene_calm(&self->s));
	EXPECT_FALSE(is_dead(self->other.fd));
	EXPECT_EQ(-1, unstamped(&self->other, NR_SCENE, OTHER_SEED));
	softsgx_enclave_close(&self->other);
	EXPECT_EQ(0, scene_end(&self->s));
}

/* Lines since the test has begun that say that page @page was the end of our enclave */
static unsigned int log_lines(struct _test_data_backing *self, u64 page)
{
	char line[1024], what[128];
	unsigned int n = 0;
	ssize_t len;

	snprintf(what, sizeof(what), "enclave %llu at 0x%llx is lost: backing memory of page 0x%llx: -5 ",
		 self->s.id, self->s.encl.base, page);
	while ((len = read(self->kmsg, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		n += !!strstr(line, what);
	}
	return n;
}

static void is_useless(struct __test_metadata *_metadata, struct softsgx_enclave *encl)
{
	struct sgx_sigstruct sig = {};
	int i;

	for (i = 0; i < NR_SCENE; i++) {
		EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, i)));
		EXPECT_EQ(SIGBUS, vt_write(vt_addr(encl, i)));
	}
	EXPECT_EQ(-EIO, vt_ioc_init(encl->fd, &sig));
}

/* -------------------------------------------------------------------------- loads */

/*
 * Reclaimers come to rest, or the failure would be theirs: those that are at the enclave
 * that has taken all the EPC keep it from going, and all others have no reason to go on.
 */
static int await_rest(void)
{
	u64 start = vt_ms();
	struct vt_epc epc;
	int ret;

	do {
		usleep(HOLD_MS / 10 * 1000);
		ret = vt_epc_read(&epc);
		if (!ret && vt_ms() - start > PRESS_MS)
			ret = -ETIME;
	} while (!ret && (epc.enclaves != 2 || epc.free < epc.total / 2));
	return ret;
}

/* The SECS and the last page are there, page 0 is not: it is the next to be read. */
static int send_first(struct _test_data_backing *self)
{
	int ret = press_out(self->s.encl.fd);

	if (!ret)
		ret = await_rest();
	if (!ret && !stamped(&self->s.encl, NR_SCENE - 1, 1))
		ret = 1;
	return ret ? ret : fail_leaf("backing", 1);
}

/* One failure is enough, and it is told once. */
TEST_F_TIMEOUT(backing, load, 60)
{
	struct softsgx_enclave *encl = &self->s.encl;

	ASSERT_EQ(0, send_first(self));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, 0)));
	EXPECT_EQ((uintptr_t)vt_addr(encl, 0), (uintptr_t)vt_fault_addr);
	EXPECT_EQ(0, fail_leaf_left("backing"));
	EXPECT_TRUE(is_dead(encl->fd));
	is_useless(_metadata, encl);
	EXPECT_EQ(1, log_lines(self, encl->base));

	/* What it has goes to others before it is closed. */
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, await_resident(encl->fd, 0));
	EXPECT_EQ(0, scene_calm(&self->s));
	is_useless(_metadata, encl);
	EXPECT_EQ(0, log_lines(self, encl->base));
}

/* The SECS, which is out as well, comes first: it belongs to no address. */
TEST_F_TIMEOUT(backing, load_of_secs, 60)
{
	struct softsgx_enclave *encl = &self->s.encl;

	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	ASSERT_EQ(0, await_resident(encl->fd, 0));
	ASSERT_EQ(0, press_goes_on(&self->s.press));
	ASSERT_EQ(0, scene_calm(&self->s));
	ASSERT_EQ(0, await_rest());
	ASSERT_EQ(0, fail_leaf("backing", 1));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, 0)));
	EXPECT_EQ(0, fail_leaf_left("backing"));
	EXPECT_TRUE(is_dead(encl->fd));
	EXPECT_EQ(1, log_lines(self, 0));
	is_useless(_metadata, encl);
	softsgx_enclave_close(encl);
	ASSERT_EQ(0, paging_load(encl, NR_SCENE));
}

/* A program that takes no signals: it ends, the one beside it does not. */
static int step_read(struct softsgx_enclave *encl)
{
	return LOAD_WORD((u64 *)vt_addr(encl, 0)) == word_of(1, 0, 0) ? 0 : 1;
}

static int step_other(struct softsgx_enclave *encl)
{
	return unstamped(encl, NR_SCENE, OTHER_SEED) == -1 ? 0 : 1;
}

TEST_F_TIMEOUT(backing, program, 60)
{
	struct worker victim, beside;

	ASSERT_EQ(0, worker_start(&victim, &self->s.encl));
	ASSERT_EQ(0, worker_start(&beside, &self->other));
	ASSERT_EQ(0, send_first(self));
	EXPECT_EQ(-EPIPE, worker_do(&victim, step_read));
	EXPECT_EQ(0, worker_kill(&victim));
	EXPECT_EQ(256 + SIGBUS, vt_wait(victim.pid));
	EXPECT_TRUE(is_dead(self->s.encl.fd));
	EXPECT_EQ(1, log_lines(self, self->s.encl.base));
	EXPECT_EQ(0, worker_do(&beside, step_other));
	EXPECT_EQ(0, worker_end(&beside));
}

/* While one task reads it in vain another one waits for the page: both are told. */
static int step_sigbus(struct softsgx_enclave *encl)
{
	return vt_read(vt_addr(encl, 0));
}

TEST_F_TIMEOUT(backing, waited_for, 60)
{
	struct worker loader, other;
	long before;

	ASSERT_EQ(0, worker_start(&loader, &self->s.encl));
	ASSERT_EQ(0, worker_start(&other, &self->s.encl));
	ASSERT_EQ(0, send_first(self));
	ASSERT_EQ(0, delay_only(self->s.id));
	ASSERT_EQ(0, vt_delay("loading", LONG_MS));
	ASSERT_EQ(0, worker_tell(&loader, step_sigbus));
	ASSERT_EQ(0, await_held("loading"));
	before = counted(self->s.encl.fd, WAITS);
	ASSERT_EQ(0, worker_tell(&other, step_sigbus));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	EXPECT_TRUE(is_held("loading"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(SIGBUS, worker_answer(&loader));
	EXPECT_EQ(SIGBUS, worker_answer(&other));
	EXPECT_EQ(1, log_lines(self, self->s.encl.base));
	EXPECT_EQ(0, worker_end(&loader));
	EXPECT_EQ(0, worker_end(&other));
}

/* ---------------------------------------------------------------------- evictions */

FIXTURE(evict) {
	struct scene s;
};

/* @times: of the pages of a batch */
FIXTURE_VARIANT(evict) {
	unsigned int times;
};

FIXTURE_VARIANT_ADD(evict, one) {
	.times = 1,
};

FIXTURE_VARIANT_ADD(evict, some) {
	.times = NR_SCENE / 2,
};

FIXTURE_VARIANT_ADD(evict, all) {
	.times = NR_SCENE,
};

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(evict)
{
	/* Where a check has failed it is stopped still, and would never end. */
	if (self->s.press.shared)
		kill(self->s.press.worker.pid, SIGCONT);
	EXPECT_EQ(0, scene_end(&self->s));
}

/* Each page that has no memory stays, and is counted; the rest of its batch goes. */
TEST_F_TIMEOUT(evict, put_back, 90)
{
	int fd = self->s.encl.fd;
	u64 start;

	/* While its reclaimer is held up all others come to rest. */
	ASSERT_EQ(0, scene_hold(&self->s, "isolated", LONG_MS));
	ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGSTOP));
	usleep(HOLD_MS / 10 * 1000);
	ASSERT_EQ(0, counted(fd, FAILED));
	ASSERT_EQ(NR_SCENE, info_now(fd).resident);
	ASSERT_EQ(0, fail_leaf("backing", variant->times));
	ASSERT_TRUE(is_held("isolated"));
	EXPECT_EQ(0, vt_let_go());
	start = vt_ms();
	while (fail_leaf_left("backing") && vt_ms() - start < PRESS_MS)
		usleep(1000);
	EXPECT_EQ(0, fail_leaf_left("backing"));
	EXPECT_TRUE(await_count(fd, FAILED, variant->times));
	EXPECT_EQ(variant->times, counted(fd, FAILED));

	ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGCONT));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, await_resident(fd, 0));
	EXPECT_EQ(variant->times, counted(fd, FAILED));
	EXPECT_FALSE(is_dead(fd));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

TEST_HARNESS_MAIN
