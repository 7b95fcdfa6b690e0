// SPDX-License-Identifier: GPL-2.0
/*
 * A crowd of processes does everything that can be done to mappings of enclaves,
 * in any order, while others walk over them, look at them, close their files and
 * kill them. Each process knows what each of its accesses must come to.
 *
 * TORTURE_SECONDS says how long, TORTURE_SEED what: each process draws from a
 * sequence of its own, so what it does is repeated, when it does so is not.
 *
 * Here are those who watch, and the test; torture_work.c and torture_map.c have
 * the others.
 */
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "torture.h"
#include "kselftest_harness.h"

#define SECONDS		20
#define PATIENCE_MS	VT_WAIT(120000)	/* for what is left at the end */
#define MANY_OPS	10000
#define SMALL_EPC	2048		/* pages: a crowd has more */

static const char * const count_names[NR_COUNTS] = {
	"operations", "pages checked", "enclaves", "mappings", "refused", "merged unasked",
	"moved", "forks", "kills", "execs", "files sent", "received", "walks", "looks",
	"files closed by others", "pages evicted", "enclaves without EPC",
};

struct shared *shared;
unsigned int depth, number, op;

void count(enum count what)
{
	__atomic_add_fetch(&shared->counts[what], 1, __ATOMIC_RELAXED);
}

bool over(void)
{
	return vt_ms() > shared->end || __atomic_load_n(&shared->failed, __ATOMIC_RELAXED);
}

void fail(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "# seed %u, process %u/%u, operation %u: %s, errno %d (%s)\n",
		shared->seed, number, depth, op, text, errno, softsgx_last_error());
	__atomic_store_n(&shared->failed, true, __ATOMIC_RELAXED);
	_exit(1);
}

unsigned int any(unsigned int n)
{
	return random() % n;
}

int bad_end(int status)
{
	int code = WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);

	return code == 256 + SIGKILL ? 0 : code;
}

/* ------------------------------------------------------------------ watchers */

static void read_all(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* Its process may have gone. */
	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	count(LOOKS);
}

static u64 nr_evicted(void)
{
	FILE *file = fopen(DEBUGFS "epc", "re");
	char name[32];
	u64 n = 0;

	while (file && fscanf(file, "%31s %llu", name, &n) == 2 && strcmp(name, "ewb"))
		n = 0;
	if (file)
		fclose(file);
	return n;
}

/* Some id from the table, which must make sense as a whole; 0: there is none */
static u64 read_table(void)
{
	FILE *file = fopen(DEBUGFS "enclaves", "r");
	u64 id, last = 0, chosen = 0;
	unsigned int n = 0;
	char line[256], state[16];
	long pages, refs, vmas, processes, stale, busy;

	if (!file || !fgets(line, sizeof(line), file))
		fail("no table");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llu %15s %*s %*s %ld %ld %ld %ld %ld %ld\n", &id, state, &pages,
			   &refs, &vmas, &processes, &stale, &busy) != 8 || id <= last ||
		    refs < 0 || vmas < 0 || pages > NR_ALL || processes < 0 || stale < 0 ||
		    busy < 0)
			fail("table: %s", line);
		last = id;
		if (!any(++n))
			chosen = id;
	}
	fclose(file);
	count(LOOKS);
	return chosen;
}

static void walk(const char *verb)
{
	u64 id = read_table();
	int ret;

	if (!id)
		return;
	ret = vt_walk(verb, id);
	if (ret && ret != -ENOENT)
		fail("%s %llu: %d", verb, id, ret);
	count(WALKS);
}

static void look_at_process(pid_t pid)
{
	static const char * const files[] = { "maps", "smaps", "numa_maps", "status" };
	struct dirent *entry;
	char path[300];
	DIR *dir;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[any(ARRAY_SIZE(files))]);
	read_all(path);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
		if (entry->d_name[0] != '.')
			read_all(path);
	}
	if (dir)
		closedir(dir);
	/* Write-protects or ages PTEs behind the back of the driver */
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	if (any(4))
		return;
	ret = write_file(path, any(2) ? "1" : "4", 1);
	if (ret && ret != -ENOENT && ret != -ESRCH)
		fail("%s: %d", path, ret);
}

static void watcher(void)
{
	/* Few of them among many */
	nice(-10);
	while (!over()) {
		op++;
		switch (any(4)) {
		case 0:
			walk("zap");
			break;
		case 1:
			look_at_process(shared->pids[any(NR_WORKERS)]);
			break;
		default:
			walk("age");
		}
		usleep(any(10000));
	}
	_exit(0);
}

/* Takes files that others have no use for any more, and gives up some later. */
static void closer(void)
{
	int fds[8];
	unsigned int i;
	u64 base;

	memset(fds, -1, sizeof(fds));
	while (!over()) {
		op++;
		i = any(ARRAY_SIZE(fds));
		if (fds[i] >= 0) {
			close(fds[i]);
			count(CLOSED);
		}
		fds[i] = receive_file(&base);
		usleep(any(20000));
	}
	_exit(0);
}

/* ---------------------------------------------------------------------- test */

FIXTURE(torture) {
	struct vt_epc start;
	unsigned int nr_started;
	pid_t pids[NR_PROCS];
};

FIXTURE_SETUP(torture)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	shared = mmap(NULL, sizeof(*shared), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, make_image());
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, shared->box));
	/* Orphans are ours, too. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

FIXTURE_TEARDOWN(torture)
{
	softsgx_image_free(&shared->image);
}

static unsigned int from_env(const char *name, unsigned int value)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : value;
}

static void start(struct _test_data_torture *self, unsigned int i)
{
	number = self->nr_started++;
	self->pids[i] = fork();
	shared->pids[i] = self->pids[i];
	if (self->pids[i])
		return;
	srandom(shared->seed + number * 7919);
	if (i < NR_WORKERS)
		worker();
	else if (i < NR_WORKERS + NR_WATCHERS)
		watcher();
	else
		closer();
}

/* One of ours, which is replaced, or an orphan */
static void reaped(struct _test_data_torture *self, pid_t pid, int status)
{
	unsigned int i;

	if (bad_end(status)) {
		fprintf(stderr, "# process %d ended with %d\n", pid, bad_end(status));
		shared->failed = true;
	}
	for (i = 0; i < NR_PROCS; i++) {
		if (self->pids[i] != pid)
			continue;
		self->pids[i] = 0;
		if (!over())
			start(self, i);
	}
}

/* Returns the number of processes that do not end. */
static int reap_rest(struct _test_data_torture *self)
{
	u64 limit = vt_ms() + PATIENCE_MS;
	int status;
	pid_t pid;

	while (vt_ms() < limit) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0)
			return errno == ECHILD ? 0 : -errno;
		if (pid)
			reaped(self, pid, status);
		else
			usleep(1000);
	}
	return -ETIME;
}

/* On a slow machine with much to debug, teardown takes its time. */
static int settle(const struct vt_epc *want)
{
	unsigned int i;
	int ret = -ETIME;

	for (i = 0; i < 6 && ret; i++)
		ret = vt_epc_settle(want);
	return ret;
}

TEST_F_TIMEOUT(torture, crowd, 7200)
{
	unsigned int seconds = from_env("TORTURE_SECONDS", SECONDS), i;
	u64 next_kill = 0;
	char path[] = DEBUGFS "enclaves", line[256];
	int status;
	pid_t pid;
	FILE *file;

	shared->small_epc = self->start.total <= SMALL_EPC;
	shared->counts[EVICTED] = -nr_evicted();
	shared->seed = from_env("TORTURE_SEED", time(NULL) % 1000000);
	TH_LOG("TORTURE_SEED=%u TORTURE_SECONDS=%u", shared->seed, seconds);
	shared->end = vt_ms() + seconds * 1000ULL;
	srandom(shared->seed);
	for (i = 0; i < NR_PROCS; i++)
		start(self, i);
	while (!over()) {
		usleep(any(30000));
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			reaped(self, pid, status);
		/* However slow the machine, something has to get done in between. */
		if (shared->counts[OPS] < next_kill)
			continue;
		next_kill = shared->counts[OPS] + any(200);
		i = any(NR_PROCS);
		if (self->pids[i] > 0 && !kill(self->pids[i], SIGKILL))
			count(KILLED);
	}
	ASSERT_EQ(0, reap_rest(self));
	EXPECT_FALSE(shared->failed);
	close(shared->box[0]);
	close(shared->box[1]);
	EXPECT_EQ(0, settle(&self->start));

	/* Nothing of all this is left, and all of it has happened if there was time. */
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	ASSERT_NE(NULL, fgets(line, sizeof(line), file));
	EXPECT_EQ(NULL, fgets(line, sizeof(line), file)) {
		TH_LOG("%s", line);
	}
	fclose(file);
	shared->counts[EVICTED] += nr_evicted();
	for (i = 0; i < NR_COUNTS; i++) {
		TH_LOG("%llu %s", shared->counts[i], count_names[i]);
		if (i < EVICTED && shared->counts[OPS] > MANY_OPS)
			EXPECT_LT(0, shared->counts[i]);
	}
	if (shared->small_epc)
		EXPECT_LT(0, shared->counts[EVICTED]);
}

TEST_HARNESS_MAIN
