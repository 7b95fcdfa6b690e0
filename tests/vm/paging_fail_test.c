// SPDX-License-Identifier: GPL-2.0
/*
 * Leaves of paging that fault: for a while, which nobody must notice, and for good,
 * which one enclave does not survive, and all others do.
 */
#include <fcntl.h>

#include "paging.h"
#include "kselftest_harness.h"

#define OTHER_SEED	9
#define SWEEP		400

FIXTURE(fail) {
	struct scene s;
	struct softsgx_enclave other;
	int kmsg;
};

/* @for_good: more than is tried, but not so many that the next one fails as well */
FIXTURE_VARIANT(fail) {
	const char *leaf;
	unsigned int for_good;
};

FIXTURE_VARIANT_ADD(fail, eblock) {
	.leaf = "eblock",
	.for_good = 200,
};

FIXTURE_VARIANT_ADD(fail, etrack) {
	.leaf = "etrack",
	.for_good = 200,
};

FIXTURE_VARIANT_ADD(fail, ewb) {
	.leaf = "ewb",
	.for_good = 200,
};

FIXTURE_VARIANT_ADD(fail, eldu) {
	.leaf = "eldu",
	.for_good = 200,
};

FIXTURE_SETUP(fail)
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

FIXTURE_TEARDOWN(fail)
{
	close(self->kmsg);
	EXPECT_EQ(0, scene_calm(&self->s));
	EXPECT_FALSE(is_dead(self->other.fd));
	EXPECT_EQ(-1, unstamped(&self->other, NR_SCENE, OTHER_SEED));
	softsgx_enclave_close(&self->other);
	EXPECT_EQ(0, scene_end(&self->s));
}

static int press(struct _test_data_fail *self)
{
	return press_start(&self->s.press, 2 * self->s.start.total);
}

/* Lines about the loss of an enclave since the test has begun */
static unsigned int log_lines(struct _test_data_fail *self)
{
	char line[1024], what[64];
	unsigned int n = 0;
	ssize_t len;

	snprintf(what, sizeof(what), "enclave %llu at 0x%llx is lost: ", self->s.id,
		 self->s.encl.base);
	while ((len = read(self->kmsg, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		n += !!strstr(line, what);
	}
	return n;
}

/* ------------------------------------------------------------------ for a while */

/* Once, some times, and as often as a leaf is tried, less a few */
TEST_F_TIMEOUT(fail, survived, 90)
{
	static const unsigned int times[] = { 1, 2, 10, 60, 100 };
	int i;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		ASSERT_EQ(0, make_old(self->s.encl.fd));
		ASSERT_EQ(0, fail_leaf(variant->leaf, times[i]));
		ASSERT_EQ(0, press(self));
		EXPECT_EQ(0, press_goes_on(&self->s.press));
		EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
		EXPECT_EQ(0, scene_calm(&self->s));
		EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1)) {
			TH_LOG("%s fails %u times", variant->leaf, times[i]);
		}
		EXPECT_EQ(0, fail_leaf_left(variant->leaf));
	}
	EXPECT_FALSE(is_dead(self->s.encl.fd));
	EXPECT_EQ(0, log_lines(self));
}

/* ---------------------------------------------------------------------- for good */

/* Only reclaimers of our enclave, or loads for it, meet the failures. */
static void lose(struct __test_metadata *_metadata, struct _test_data_fail *self,
		 const FIXTURE_VARIANT(fail) *variant)
{
	int fd = self->s.encl.fd;
	u64 start = vt_ms();

	if (!strcmp(variant->leaf, "eldu")) {
		ASSERT_EQ(0, press_out(fd));
		ASSERT_EQ(0, fail_leaf(variant->leaf, variant->for_good));
		EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 0)));
	} else {
		/* While its reclaimer is held up all others come to rest. */
		ASSERT_EQ(0, scene_hold(&self->s, "leaving", LONG_MS));
		ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGSTOP));
		usleep(HOLD_MS / 10 * 1000);
		ASSERT_EQ(0, fail_leaf(variant->leaf, variant->for_good));
		ASSERT_TRUE(is_held("leaving"));
		EXPECT_EQ(0, vt_let_go());
		while (!is_dead(fd) && vt_ms() - start < PRESS_MS)
			usleep(1000);
		ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGCONT));
	}
	EXPECT_TRUE(is_dead(fd));
}

#define lose() lose(_metadata, self, variant)

static void is_useless(struct __test_metadata *_metadata, struct softsgx_enclave *encl)
{
	struct sgx_sigstruct sig = {};
	u64 count;
	int i;

	for (i = 0; i < NR_SCENE; i++) {
		EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, i)));
		EXPECT_EQ(SIGBUS, vt_write(vt_addr(encl, i)));
	}
	EXPECT_EQ(-EIO, vt_ioc_add(encl->fd, vt_anon(PAGE, PROT_READ), 0, PAGE, REG(PROT_READ), 0,
				   &count));
	EXPECT_EQ(-EIO, vt_ioc_init(encl->fd, &sig));
}

/* Told once; all of it comes back, the first part before anybody closes it. */
TEST_F_TIMEOUT(fail, lost, 90)
{
	lose();
	is_useless(_metadata, &self->s.encl);
	EXPECT_EQ(1, log_lines(self));
	if (!self->s.press.shared)
		ASSERT_EQ(0, press(self));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(0, scene_calm(&self->s));
	is_useless(_metadata, &self->s.encl);
	EXPECT_EQ(0, log_lines(self));
}

/* Closed at once: nothing is left of it. */
TEST_F_TIMEOUT(fail, lost_and_closed, 90)
{
	lose();
	softsgx_enclave_close(&self->s.encl);
	EXPECT_EQ(0, scene_calm(&self->s));
	ASSERT_EQ(0, paging_load(&self->s.encl, NR_SCENE));
}

/* Mappings of what is lost can be changed, passed on, and taken away. */
TEST_F_TIMEOUT(fail, lost_and_mapped, 90)
{
	struct softsgx_enclave *encl = &self->s.encl;
	pid_t pid;

	lose();
	EXPECT_EQ(0, mprotect(vt_addr(encl, 0), PAGE, PROT_READ));
	pid = fork();
	if (!pid)
		_exit(vt_read(vt_addr(encl, 0)) == SIGBUS ? 0 : 1);
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, munmap(vt_addr(encl, 0), 2 * PAGE));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, 1)));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, 2)));
}

FIXTURE(waiter) {
	struct scene s;
};

FIXTURE_SETUP(waiter)
{
	ASSERT_EQ(0, scene_start(&self->s));
}

FIXTURE_TEARDOWN(waiter)
{
	EXPECT_EQ(0, scene_end(&self->s));
}

/* Who waits for a page that is leaving is told that it will never be back. */
static int step_sigbus(struct softsgx_enclave *encl)
{
	int sig = 0, i;

	for (i = 0; i < NR_SCENE && !sig; i++)
		sig = vt_read(vt_addr(encl, i));
	return sig;
}

TEST_F_TIMEOUT(waiter, lost_while_waited_for, 90)
{
	long before = counted(self->s.encl.fd, WAITS);
	struct worker worker;

	ASSERT_EQ(0, worker_start(&worker, &self->s.encl));
	ASSERT_EQ(0, scene_hold(&self->s, "ewb", LONG_MS));
	ASSERT_EQ(0, worker_tell(&worker, step_sigbus));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGSTOP));
	usleep(100000);
	ASSERT_EQ(0, fail_leaf("ewb", 200));
	EXPECT_TRUE(is_held("ewb"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(SIGBUS, worker_answer(&worker));
	EXPECT_TRUE(is_dead(self->s.encl.fd));
	EXPECT_EQ(0, worker_end(&worker));
	ASSERT_EQ(0, kill(self->s.press.worker.pid, SIGCONT));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
}

/* ------------------------------------------------------ each step, one at a time */

FIXTURE(sweep) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int nr;
};

FIXTURE_SETUP(sweep)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->nr = 2 * self->start.total;
	ASSERT_EQ(0, paging_load(&self->encl, self->nr));
	stamp_all(&self->encl, self->nr, 1);
}

FIXTURE_TEARDOWN(sweep)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/*
 * Memory and leaves fail, one after the other. A page for which there is no memory
 * may be SIGBUS then, but not for ever, and nothing of it is lost.
 */
TEST_F_TIMEOUT(sweep, nth, 120)
{
	unsigned int nth, page = 0, refused = 0;
	int sig;

	for (nth = 1; nth <= SWEEP; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		do {
			page = (page + 1) % self->nr;
			sig = vt_read(vt_addr(&self->encl, page));
			ASSERT_TRUE(!sig || sig == SIGBUS);
			refused += !!sig;
		} while (vt_fail_left() > 0);
		ASSERT_FALSE(is_dead(self->encl.fd)) {
			TH_LOG("%u-th step", nth);
		}
		ASSERT_TRUE(stamped(&self->encl, page, 1));
	}
	EXPECT_EQ(-1, unstamped(&self->encl, self->nr, 1));
	TH_LOG("%u accesses refused", refused);
	EXPECT_LE(1, refused);
	EXPECT_GT(SWEEP / 2, refused);
}

TEST_HARNESS_MAIN
