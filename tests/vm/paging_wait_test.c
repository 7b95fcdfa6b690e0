// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for whom: those who need a page that is leaving, or the SECS, sleep until
 * its fate is decided; nobody waits for a process that is stuck.
 */
#include "paging.h"
#include "kselftest_harness.h"

FIXTURE(wait) {
	struct scene s;
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(wait)
{
	EXPECT_FALSE(is_dead(self->s.encl.fd));
	EXPECT_EQ(0, scene_end(&self->s));
}

#define hold(point) ASSERT_EQ(0, scene_hold(&self->s, point, LONG_MS))

/* ------------------------------------------------------------------------ asleep */

/* Milliseconds of CPU time that a process has had */
static long cpu_ms(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	MUST(!!file);
	MUST(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		    &user, &system) == 2);
	fclose(file);
	return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* Who waits for a page that is leaving does so without a look every now and then. */
TEST_F_TIMEOUT(wait, asleep, 60)
{
	int fd = self->s.encl.fd;
	struct worker worker;
	long before, ms;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	before = counted(fd, WAITS);
	hold("leaving");
	ms = cpu_ms(worker.pid);
	ASSERT_EQ(0, worker_tell(&worker, step_stamped));
	ASSERT_TRUE(await_waiter(fd, before));
	usleep(HOLD_MS / 2 * 1000);
	EXPECT_GE(HOLD_MS / 10, cpu_ms(worker.pid) - ms);
	EXPECT_EQ(before + 1, counted(fd, WAITS));
	EXPECT_TRUE(is_held("leaving"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&worker));
	EXPECT_EQ(0, worker_end(&worker));
}

/* The wait is not in the way of the process's other threads, nor of looks at it. */
TEST_F_TIMEOUT(wait, without_mmap_lock, 60)
{
	long before = counted(self->s.encl.fd, WAITS);
	char path[64], line[256];
	struct worker worker;
	FILE *maps;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	hold("leaving");
	ASSERT_EQ(0, worker_tell(&worker, step_stamped));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	EXPECT_EQ(0, info_now(self->s.encl.fd).busy);
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", worker.pid);
	/* Takes the mmap_lock for writing. */
	EXPECT_EQ(0, write_file(path, "4", 1));
	snprintf(path, sizeof(path), "/proc/%d/maps", worker.pid);
	maps = fopen(path, "re");
	ASSERT_NE(NULL, maps);
	while (fgets(line, sizeof(line), maps))
		;
	fclose(maps);
	EXPECT_TRUE(is_held("leaving"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&worker));
	EXPECT_EQ(0, worker_end(&worker));
}

/* Stopped while it waits: the page goes, and comes back when the process does. */
TEST_F_TIMEOUT(wait, stopped, 60)
{
	long before = counted(self->s.encl.fd, WAITS);
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->s.encl, step_stamped));
	hold("leaving");
	ASSERT_EQ(0, worker_tell(&worker, step_stamped));
	ASSERT_TRUE(await_waiter(self->s.encl.fd, before));
	ASSERT_EQ(0, kill(worker.pid, SIGSTOP));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	ASSERT_EQ(0, kill(worker.pid, SIGCONT));
	EXPECT_EQ(0, worker_answer(&worker));
	EXPECT_EQ(0, worker_end(&worker));
}

/* -------------------------------------------------------------------------- SECS */

/* Pages that have gone and not come back: the SECS is one of them, or it is not. */
static bool secs_is_out(int fd)
{
	struct info info = info_now(fd);

	return info.counts[EWB] - info.counts[ELDU] > info.pages - info.resident;
}

/*
 * First a reclaimer has the pages of the enclave; when they are gone, the only thing
 * of it that he can have is the SECS.
 */
static int hold_secs(struct scene *scene, const char *point)
{
	u64 start = vt_ms();
	int ret = scene_hold(scene, "ewb", LONG_MS);

	if (!ret)
		ret = vt_delay(point, LONG_MS);
	if (!ret)
		ret = vt_let_go();
	while (!ret && info_now(scene->encl.fd).resident) {
		if (vt_ms() - start > PRESS_MS)
			ret = -ETIME;
	}
	return ret ? ret : await_held(point);
}

static void secs_held(struct __test_metadata *_metadata, struct _test_data_wait *self,
		      const char *point)
{
	int fd = self->s.encl.fd;
	struct worker workers[2];
	unsigned int i;
	long before;

	before = counted(fd, WAITS);
	ASSERT_EQ(0, hold_secs(&self->s, point));
	ASSERT_EQ(0, info_now(fd).resident);
	ASSERT_FALSE(secs_is_out(fd));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		ASSERT_EQ(0, worker_start(&workers[i], &self->s.encl));
		ASSERT_EQ(0, worker_tell(&workers[i], step_stamped));
	}
	ASSERT_TRUE(await_count(fd, WAITS, before + 2));
	EXPECT_TRUE(is_held(point));
	EXPECT_EQ(0, info_now(fd).resident);
	EXPECT_EQ(0, vt_let_go());
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		EXPECT_EQ(0, worker_answer(&workers[i]));
		EXPECT_EQ(0, worker_end(&workers[i]));
	}
}

/* A page is wanted whose SECS is leaving. */
TEST_F_TIMEOUT(wait, secs_leaving, 60)
{
	secs_held(_metadata, self, "leaving");
}

TEST_F_TIMEOUT(wait, secs_written, 60)
{
	secs_held(_metadata, self, "ewb");
}

/*
 * A page comes back while the SECS, which nobody needed a moment ago, is with a
 * reclaimer: then it stays.
 */
TEST_F_TIMEOUT(wait, secs_isolated, 60)
{
	int fd = self->s.encl.fd;

	ASSERT_EQ(0, hold_secs(&self->s, "isolated"));
	ASSERT_EQ(0, info_now(fd).resident);
	ASSERT_FALSE(secs_is_out(fd));
	EXPECT_TRUE(stamped(&self->s.encl, 0, 1));
	EXPECT_TRUE(is_held("isolated"));
	EXPECT_LE(1, info_now(fd).resident);
	EXPECT_FALSE(secs_is_out(fd));
	EXPECT_EQ(0, vt_let_go());
	while (is_held("isolated"))
		usleep(1000);
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

/* Everything of the enclave is out, and needed again. */
TEST_F_TIMEOUT(wait, secs_out, 60)
{
	int fd = self->s.encl.fd;
	u64 start = vt_ms();

	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	while (!secs_is_out(fd) && vt_ms() - start < PRESS_MS)
		usleep(1000);
	EXPECT_TRUE(secs_is_out(fd));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	EXPECT_EQ(0, scene_calm(&self->s));
	EXPECT_TRUE(stamped(&self->s.encl, 0, 1));
	EXPECT_FALSE(secs_is_out(fd));
}

/* ----------------------------------------------------------------- stuck processes */

static int step_map_first(struct softsgx_enclave *encl)
{
	return vt_map(encl, 0, 1, PROT_RW);
}

/* It has its mmap_lock for long. Its pages can go, and everybody else can, too. */
TEST_F_TIMEOUT(wait, stuck_process, 60)
{
	struct worker stuck, other;
	struct softsgx_enclave encl;

	ASSERT_EQ(0, worker_start_do(&other, &self->s.encl, step_stamped));
	ASSERT_EQ(0, worker_start_do(&stuck, &self->s.encl, step_stamped));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	while (!self->s.press.shared->ready)
		usleep(1000);
	ASSERT_EQ(0, vt_delay("mmap", LONG_MS));
	ASSERT_EQ(0, worker_tell(&stuck, step_map_first));
	ASSERT_EQ(0, await_held("mmap"));

	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(0, worker_do(&other, step_stamped));
	EXPECT_EQ(0, worker_end(&other));
	EXPECT_EQ(0, paging_load(&encl, NR_SCENE));
	softsgx_enclave_close(&encl);
	EXPECT_TRUE(is_held("mmap")) {
		TH_LOG("somebody has waited for the process that is stuck");
	}
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&stuck));
	EXPECT_EQ(0, worker_do(&stuck, step_stamped));
	EXPECT_EQ(0, worker_end(&stuck));
}

/* ------------------------------------------------------------------ two reclaimers */

/* Two hold pages of two enclaves, and what is left is enough for everybody else. */
TEST_F_TIMEOUT(wait, two_reclaimers, 60)
{
	struct softsgx_enclave second;

	ASSERT_EQ(0, paging_load(&second, NR_SCENE));
	stamp_all(&second, NR_SCENE, 1);
	ASSERT_EQ(0, make_old(second.fd));
	ASSERT_EQ(0, make_old(self->s.encl.fd));
	/* Whoever is second at the first point is first at the second. */
	ASSERT_EQ(0, vt_delay("leaving", LONG_MS));
	ASSERT_EQ(0, vt_delay("ewb", LONG_MS));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	ASSERT_EQ(0, await_held("leaving"));
	ASSERT_EQ(0, await_held("ewb"));
	EXPECT_EQ(2, vt_delayed());
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(-1, unstamped(&second, NR_SCENE, 1));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(0, await_resident(second.fd, 0));
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
	EXPECT_EQ(-1, unstamped(&second, NR_SCENE, 1));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	softsgx_enclave_close(&second);
}

TEST_HARNESS_MAIN
