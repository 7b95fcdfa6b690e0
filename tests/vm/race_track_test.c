// SPDX-License-Identifier: GPL-2.0
/*
 * How an enclave comes to know of a process: in mmap(), and in a child of fork at
 * the first use. It may fail, and signals may come meanwhile.
 */
#include "race.h"
#include "kselftest_harness.h"

#define NTH_MAX		100	/* more injection points than a step has */
#define NR_CHILDREN	48
#define NR_MMS		200

FIXTURE(track) {
	struct vt_epc start;
	struct softsgx_image image;
	struct softsgx_enclave encl;
	u64 id;
};

FIXTURE_SETUP(track)
{
	ASSERT_EQ(0, vt_fail_nth(0));
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, load_alone(&self->image, &self->encl, &self->id)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(track)
{
	EXPECT_EQ(0, vt_fail_nth(0));
	EXPECT_EQ(0, unload_alone(&self->image, &self->encl, &self->start));
}

/* ------------------------------------------------------------------- failure */

static unsigned int nth;	/* what fails in the next step_failing() */

/* A process that is new to the driver: mmap() fails, then works. */
static int step_failing_map(struct softsgx_enclave *encl)
{
	int ret, left;

	vt_fail_nth(nth);
	ret = vt_map(encl, PG_R, 1, PROT_READ);
	left = vt_fail_left();
	vt_fail_nth(0);
	if (ret && (ret != -ENOMEM || left))
		return -1;
	return step_map_touch(encl) ? -2 : !left;
}

/*
 * What a child does first with the mapping that fork has made; each has to work, if
 * not at the first try. Steps answer if the failure has come.
 */
enum first {
	FIRST_TOUCH,
	FIRST_SYSCALL,
	FIRST_MPROTECT,
	FIRST_MAP_OVER,
	FIRST_MUNMAP,
	FIRST_FORK,
	NR_FIRST
};

static enum first first;

static int use_in_syscall(struct softsgx_enclave *encl)
{
	int fds[2], ret;

	if (pipe(fds))
		return -errno;
	ret = write(fds[1], vt_addr(encl, PG_R), 1) == 1 ? 0 : -errno;
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static int use_first(struct softsgx_enclave *encl)
{
	u8 *r = vt_addr(encl, PG_R);
	pid_t pid;

	switch (first) {
	case FIRST_TOUCH:
		/* Out of memory for page tables is a signal, where there is a limit. */
		return vt_read(r) ? -ENOMEM : 0;
	case FIRST_SYSCALL:
		return use_in_syscall(encl);
	case FIRST_MPROTECT:
		return mprotect(r, PAGE, PROT_NONE) || mprotect(r, PAGE, PROT_READ) ? -errno : 0;
	case FIRST_MAP_OVER:
		return vt_map(encl, PG_R, 1, PROT_READ);
	case FIRST_MUNMAP:
		return munmap(r, PAGE) ? -errno : 0;
	case FIRST_FORK:
		pid = fork();
		if (!pid)
			_exit(step_touch(encl));
		return vt_wait(pid);
	default:
		return -EINVAL;
	}
}

static int step_failing_use(struct softsgx_enclave *encl)
{
	int ret, left;

	vt_fail_nth(nth);
	ret = use_first(encl);
	left = vt_fail_left();
	vt_fail_nth(0);
	if (ret && (left || use_first(encl)))
		return -1;
	if (first == FIRST_MUNMAP) {
		if (vt_read(vt_addr(encl, PG_R)) != SIGSEGV || vt_write(vt_addr(encl, PG_RW)))
			return -2;
	} else if (first == FIRST_TOUCH || first == FIRST_SYSCALL) {
		/* Not the other mapping, whose first use would make good for this one */
		if (!vt_shows(vt_addr(encl, PG_R), PG_R))
			return -3;
	} else if (step_touch(encl)) {
		return -4;
	}
	return !left;
}

/* The step for each injection point that it comes to, in a new process */
static unsigned int sweep(struct __test_metadata *_metadata, struct _test_data_track *self,
			  step_fn step, unsigned int references)
{
	struct worker worker;
	int fired = 1;

	for (nth = 1; nth < NTH_MAX && fired > 0 && _metadata->passed; nth++) {
		EXPECT_EQ(0, worker_start(&worker, &self->encl));
		fired = worker_do(&worker, step);
		EXPECT_LE(0, fired) {
			TH_LOG("injection point %u, first use %d: %d", nth, first, fired);
		}
		/* One entry for the process, not two and not none */
		EXPECT_EQ(0, await_references(self->id, references + 1));
		EXPECT_EQ(0, worker_end(&worker));
		EXPECT_EQ(0, await_references(self->id, references));
	}
	EXPECT_GT(NTH_MAX, nth);
	return nth - 2;
}

TEST_F_TIMEOUT(track, mmap_fails, 120)
{
	unsigned int points = sweep(_metadata, self, step_failing_map, 1);

	/* The notifier and the entry at least */
	EXPECT_LE(2, points);
}

TEST_F_TIMEOUT(track, first_use_fails, 300)
{
	unsigned int points;

	ASSERT_EQ(0, step_map(&self->encl));
	for (first = 0; first < NR_FIRST && _metadata->passed; first++) {
		points = sweep(_metadata, self, step_failing_use, 2);
		TH_LOG("%d: %u injection points", first, points);
		if (first == FIRST_TOUCH || first == FIRST_SYSCALL || first == FIRST_MAP_OVER)
			EXPECT_LE(2, points);
	}
}

/* A failed mmap() of the first enclave leaves nothing. */
TEST_F_TIMEOUT(track, failed_mmap_leaves_nothing, 60)
{
	struct row row;

	for (nth = 1; nth <= 2; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		EXPECT_EQ(-ENOMEM, vt_map(&self->encl, PG_R, 1, PROT_READ));
		EXPECT_EQ(0, vt_fail_left());
		ASSERT_EQ(0, read_row(self->id, &row));
		EXPECT_EQ(1, row.references);
		EXPECT_EQ(0, row.processes + row.stale + row.busy);
		EXPECT_EQ(0, row.vmas);
	}
	EXPECT_EQ(0, step_map_touch(&self->encl));
}

/* Objects of a slab cache in use, or a negative number */
static long objects(const char *cache)
{
	char path[64], name[32], line[256];
	long n, found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	file = fopen(path, "we");
	if (file) {
		fputs("1", file);
		fclose(file);
	}
	file = fopen("/proc/slabinfo", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %ld", name, &n) == 2 && !strcmp(name, cache))
			found = n;
	}
	fclose(file);
	return found;
}

/* Fails when the notifier is there already, then works. */
static int step_fail_and_map(struct softsgx_enclave *encl)
{
	int ret;

	vt_fail_nth(2);
	ret = step_map(encl);
	vt_fail_nth(0);
	if (ret != -ENOMEM)
		return -EINVAL;
	return step_map_touch(encl);
}

/*
 * What the driver has of a process must end with it. A user of the notifier too
 * many would keep the mm_struct, and the module for ever.
 */
TEST_F_TIMEOUT(track, processes_end_for_good, 240)
{
	struct worker worker;
	long before, after = 0;
	unsigned int i;

	before = objects("mm_struct");
	if (before < 0)
		SKIP(return, "no /proc/slabinfo: %ld", before);
	for (i = 0; i < NR_MMS; i++) {
		ASSERT_EQ(0, worker_start_do(&worker, &self->encl, i % 2 ? step_go_stale :
					     step_fail_and_map));
		ASSERT_EQ(0, worker_end(&worker));
	}
	EXPECT_EQ(0, await_references(self->id, 1));
	for (i = 0; i < 100; i++) {
		after = objects("mm_struct");
		if (after < before + NR_MMS / 4)
			break;
		usleep(100000);
	}
	EXPECT_GT(before + NR_MMS / 4, after);
	TH_LOG("%ld mm_structs, then %ld", before, after);
}

/* ------------------------------------------------------------------- signals */

static int nr_signals;	/* atomic */

static void on_signal(int sig)
{
	__atomic_add_fetch(&nr_signals, 1, __ATOMIC_RELAXED);
}

static int step_handle_signals(struct softsgx_enclave *encl)
{
	/* Without SA_RESTART: an interrupted call would show. */
	struct sigaction act = { .sa_handler = on_signal };

	return sigaction(SIGUSR1, &act, NULL) ? -errno : 0;
}

static int step_map_once(struct softsgx_enclave *encl)
{
	return vt_map(encl, PG_R, 1, PROT_READ);
}

static int step_signals(struct softsgx_enclave *encl)
{
	return __atomic_load_n(&nr_signals, __ATOMIC_RELAXED);
}

static int step_use_first(struct softsgx_enclave *encl)
{
	return use_first(encl);
}

/* A signal in the middle of the registration is seen after it, and by nobody else. */
static void signalled(struct __test_metadata *_metadata, struct _test_data_track *self,
		      step_fn step)
{
	struct worker worker;

	ASSERT_EQ(0, worker_start_do(&worker, &self->encl, step_handle_signals));
	ASSERT_EQ(0, vt_delay("register", LONG_MS));
	ASSERT_EQ(0, worker_tell(&worker, step));
	ASSERT_EQ(0, await_held("register"));
	ASSERT_EQ(0, kill(worker.pid, SIGUSR1));
	EXPECT_TRUE(is_held("register"));
	EXPECT_EQ(0, vt_let_go());
	EXPECT_EQ(0, worker_answer(&worker));
	EXPECT_EQ(1, worker_do(&worker, step_signals));
	EXPECT_EQ(0, worker_do(&worker, step_touch));
	EXPECT_EQ(0, worker_end(&worker));
}

TEST_F_TIMEOUT(track, signal_during_mmap, 60)
{
	signalled(_metadata, self, step_map);
}

TEST_F_TIMEOUT(track, signal_during_first_use, 60)
{
	ASSERT_EQ(0, step_map(&self->encl));
	first = FIRST_TOUCH;
	signalled(_metadata, self, step_use_first);
}

/* In a system call there is no going back to have the signal delivered first. */
TEST_F_TIMEOUT(track, signal_during_first_use_by_kernel, 60)
{
	ASSERT_EQ(0, step_map(&self->encl));
	first = FIRST_SYSCALL;
	signalled(_metadata, self, step_use_first);
}

TEST_F_TIMEOUT(track, killed_during_registration, 90)
{
	static const step_fn steps[] = { step_map_once, step_use_first };
	struct worker worker;
	unsigned int i;

	first = FIRST_TOUCH;
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		ASSERT_EQ(0, worker_start(&worker, &self->encl));
		ASSERT_EQ(0, vt_delay("register", LONG_MS));
		ASSERT_EQ(0, worker_tell(&worker, steps[i]));
		ASSERT_EQ(0, await_held("register"));
		EXPECT_EQ(0, worker_kill(&worker));
		EXPECT_TRUE(is_held("register"));
		EXPECT_EQ(0, vt_let_go());
		EXPECT_EQ(256 + SIGKILL, vt_wait(worker.pid));
		EXPECT_EQ(0, await_references(self->id, 1 + i));
		ASSERT_EQ(0, step_map(&self->encl));
	}
}

/* ------------------------------------------------------------- several of them */

/* However often processes map, and whoever was the last to do so: an entry for each */
TEST_F_TIMEOUT(track, mapped_in_turn, 60)
{
	struct worker workers[3];
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_start(&workers[i], &self->encl));
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(workers); i++)
			EXPECT_EQ(0, worker_do(&workers[i], step_map_touch));
		EXPECT_EQ(0, await_references(self->id, 1 + ARRAY_SIZE(workers)));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_end(&workers[i]));
	EXPECT_EQ(0, await_references(self->id, 1));
}

/* Two threads use a new mapping at a time: one entry, and both get on. */
static void *toucher(void *data)
{
	return (void *)(long)vt_read(vt_addr(data, PG_R));
}

static int step_touch_twice(struct softsgx_enclave *encl)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, toucher, encl))
		return -EAGAIN;
	/* Not vt_write(): handlers of signals belong to both. */
	asm volatile("movb $0x5a, (%0)" : : "r" (vt_addr(encl, PG_RW)) : "memory");
	if (pthread_join(thread, &result))
		return -EDEADLK;
	return (long)result;
}

TEST_F_TIMEOUT(track, two_threads_at_first_use, 60)
{
	struct worker worker;
	unsigned int i;

	ASSERT_EQ(0, step_map(&self->encl));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, worker_start(&worker, &self->encl));
		ASSERT_EQ(0, vt_delay("register", 50));
		EXPECT_EQ(0, worker_do(&worker, step_touch_twice));
		EXPECT_EQ(0, await_references(self->id, 3));
		EXPECT_EQ(0, worker_end(&worker));
		EXPECT_EQ(0, await_references(self->id, 2));
	}
}

/* They end when the caller does. */
static int step_children(struct softsgx_enclave *encl)
{
	unsigned int i;
	int fds[2];

	if (pipe(fds))
		return -errno;
	for (i = 0; i < NR_CHILDREN; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (step_touch(encl) || vt_tell(fds[1]))
			_exit(1);
		for (;;)
			pause();
	}
	for (i = 0; i < NR_CHILDREN; i++) {
		if (vt_await(fds[0]))
			return -EIO;
	}
	return 0;
}

/*
 * mm_structs are used again. What a mapping says about the process that it was
 * copied from must not be taken for the truth in one that happens to be at the same
 * place: a grandchild, when the grandparent is gone.
 */
TEST_F_TIMEOUT(track, mm_struct_is_used_again, 120)
{
	struct worker child = { .pid = -1 };
	struct row row;
	int sock[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	pid = fork();
	if (!pid) {
		close(sock[1]);
		if (step_map_touch(&self->encl))
			_exit(1);
		if (!fork())
			work(sock[0], &self->encl);
		_exit(0);
	}
	close(sock[0]);
	child.sock = sock[1];
	ASSERT_EQ(0, vt_wait(pid));
	ASSERT_EQ(0, await_references(self->id, 1));
	EXPECT_EQ(0, worker_do(&child, step_children));
	ASSERT_EQ(0, read_row(self->id, &row));
	EXPECT_EQ(NR_CHILDREN, row.processes);
	EXPECT_EQ(1 + NR_CHILDREN, row.references);
	close(child.sock);
	EXPECT_EQ(0, await_references(self->id, 1));
}

TEST_HARNESS_MAIN
