// SPDX-License-Identifier: GPL-2.0
/*
 * Sudden ends and crowds: processes killed in the middle of commands, large
 * enclaves that go away, many processes at once, signals all the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "common.h"
#include "kselftest_harness.h"

#define NR_WORKERS	8
#define STORM_MS	4000
#define NR_SIGNALS	20000
#define REG_R		(SGX_SECINFO_REG | SGX_SECINFO_R)

FIXTURE(storm) {
	struct vt_epc start;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
};

FIXTURE_SETUP(storm)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
}

FIXTURE_TEARDOWN(storm)
{
	softsgx_image_free(&self->image);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Bytes for a large enclave: at most 48 MiB and three quarters of the EPC */
static u64 large(const struct vt_epc *epc)
{
	u64 size = epc->total * PAGE / 4 * 3 / PAGE * PAGE;

	return size < 48ULL << 20 ? size : 48ULL << 20;
}

static int load_large(struct softsgx_enclave *encl, struct softsgx_image *image, u64 size)
{
	u64 count;
	int ret;

	while (image->size < size)
		image->size *= 2;
	ret = vt_create(encl, image);
	if (ret)
		return ret;
	ret = vt_ioc_add(encl->fd, vt_anon(size, PROT_READ), 0, size, REG_R, 0, &count);
	return ret ? ret : count == size ? 0 : -EAGAIN;
}

/*
 * close() leaves the work to others, and whoever needs the EPC pages next gets
 * them without a failure.
 */
TEST_F_TIMEOUT(storm, large_enclave, 120)
{
	u64 size = large(&self->start);
	struct softsgx_enclave encl;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, load_large(&encl, &self->image, size)) {
			TH_LOG("round %u", i);
		}
		ASSERT_EQ(0, vt_map(&encl, 0, size / PAGE, PROT_READ));
		ASSERT_EQ(0, vt_read(vt_addr(&encl, 0)));
		ASSERT_EQ(0, vt_read(vt_addr(&encl, size / PAGE - 1)));
		softsgx_enclave_close(&encl);
	}
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* The file is closed while a command runs on it. */
struct add {
	int fd;
	struct vt_stall stall;
	int ret;
	u64 count;
};

static void *add_thread(void *data)
{
	struct add *add = data;

	add->ret = vt_ioc_add(add->fd, add->stall.mem, 0, add->stall.size, REG_R, 1,
			      &add->count);
	return NULL;
}

TEST_F(storm, close_while_adding)
{
	struct softsgx_enclave encl;
	pthread_t thread;
	struct add add;

	ASSERT_EQ(0, vt_create(&encl, &self->image));
	add.fd = encl.fd;
	ASSERT_EQ(0, vt_stall_init(&add.stall, 2 * PAGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_thread, &add));
	ASSERT_EQ(0, vt_stall_wait(&add.stall, 0));
	softsgx_enclave_close(&encl);
	ASSERT_EQ(0, vt_stall_fill(&add.stall, 0, NULL));
	ASSERT_EQ(0, vt_stall_wait(&add.stall, 1));
	ASSERT_EQ(0, vt_stall_fill(&add.stall, 1, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, add.ret);
	EXPECT_EQ(2 * PAGE, add.count);
	vt_stall_free(&add.stall);
}

/* Killed while it waits for its source, with a page added already */
TEST_F(storm, kill_while_adding)
{
	struct softsgx_enclave encl;
	struct add add;
	int pipefd[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	if (!pid) {
		pthread_t thread;

		if (vt_create(&encl, &self->image) || vt_stall_init(&add.stall, 4 * PAGE))
			_exit(1);
		add.fd = encl.fd;
		if (vt_map(&encl, 0, PG_COUNT, PROT_READ) ||
		    pthread_create(&thread, NULL, add_thread, &add) ||
		    vt_stall_wait(&add.stall, 0) || vt_stall_fill(&add.stall, 0, NULL) ||
		    vt_stall_wait(&add.stall, 1) || vt_tell(pipefd[1]))
			_exit(2);
		pause();
	}
	ASSERT_EQ(0, vt_await(pipefd[0]));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(256 + SIGKILL, vt_wait(pid));
}

TEST_F_TIMEOUT(storm, kill_busy_adders, 120)
{
	u64 size = large(&self->start) / 4;
	struct softsgx_enclave encl;
	unsigned int i;
	pid_t pid;

	srandom(1);
	for (i = 0; i < 30; i++) {
		pid = fork();
		if (!pid) {
			while (!load_large(&encl, &self->image, size))
				softsgx_enclave_close(&encl);
			_exit(1);
		}
		usleep(random() % 30000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(256 + SIGKILL, vt_wait(pid)) {
			TH_LOG("round %u: %s", i, softsgx_last_error());
		}
	}
}

/* One life of an enclave, cut short at any step */
static int some_life(struct softsgx_image *image, struct sgx_sigstruct *sig)
{
	unsigned int steps = random() % 8, i;
	struct softsgx_enclave encl = { .fd = -1 };
	pid_t pid = -1;
	int ret;

	ret = steps ? vt_create(&encl, image) : softsgx_enclave_open(&encl);
	for (i = 0; i < image->nr_segs && steps > 1 && !ret; i++)
		ret = softsgx_enclave_add(&encl, &image->segs[i]);
	if (!ret && steps > 2)
		ret = softsgx_enclave_init(&encl, sig);
	if (!ret && steps > 3)
		ret = vt_map_all(&encl);
	if (!ret && steps > 4 && !vt_shows(vt_addr(&encl, PG_R), PG_R))
		ret = 1;
	if (!ret && steps > 5) {
		pid = fork();
		if (!pid)
			_exit(!vt_shows(vt_addr(&encl, PG_RX), PG_RX));
	}
	if (steps & 1)
		softsgx_enclave_close(&encl);
	else if (encl.area)
		munmap(encl.area, encl.area_size / 2);
	if (pid > 0 && vt_wait(pid))
		ret = 2;
	softsgx_enclave_close(&encl);
	return ret;
}

static void worker(unsigned int seed, struct softsgx_image *image, struct sgx_sigstruct *sig)
{
	srandom(seed);
	while (!some_life(image, sig))
		;
	fprintf(stderr, "# a life failed: %s\n", softsgx_last_error());
	_exit(1);
}

TEST_F_TIMEOUT(storm, crowd, 120)
{
	unsigned int seed = 0, deaths = 0, i;
	pid_t pids[NR_WORKERS] = {};
	u64 start = vt_ms();

	while (vt_ms() - start < STORM_MS) {
		for (i = 0; i < NR_WORKERS; i++) {
			if (pids[i])
				continue;
			seed++;
			pids[i] = fork();
			if (!pids[i])
				worker(seed, &self->image, &self->sig);
		}
		usleep(random() % 20000);
		i = random() % NR_WORKERS;
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		EXPECT_EQ(256 + SIGKILL, vt_wait(pids[i]));
		pids[i] = 0;
		deaths++;
	}
	for (i = 0; i < NR_WORKERS; i++) {
		if (!pids[i])
			continue;
		kill(pids[i], SIGKILL);
		EXPECT_EQ(256 + SIGKILL, vt_wait(pids[i]));
	}
	TH_LOG("%u processes killed", deaths);
}

static int nr_signals;	/* atomic */

/* Ends by itself: a timer this fast may let nothing else run. */
static void on_alarm(int sig)
{
	struct itimerval off = {};

	if (__atomic_add_fetch(&nr_signals, 1, __ATOMIC_RELAXED) >= NR_SIGNALS)
		setitimer(ITIMER_REAL, &off, NULL);
}

static void start_signals(void)
{
	struct itimerval timer = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 };
	struct sigaction act = { .sa_handler = on_alarm };

	__atomic_store_n(&nr_signals, 0, __ATOMIC_RELAXED);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_signals(void)
{
	struct itimerval off = {};

	setitimer(ITIMER_REAL, &off, NULL);
}

/* No mmap() may leave something behind, interrupted or not. */
TEST_F_TIMEOUT(storm, signals_during_mmap, 60)
{
	unsigned int done = 0, interrupted = 0, seen;
	u64 start = vt_ms();
	int fd, err = 0;
	void *p;

	start_signals();
	while (vt_ms() - start < STORM_MS / 2 && !err) {
		fd = open(ENCL_DEV, O_RDWR);
		if (fd < 0) {
			err = errno == EINTR ? 0 : errno;
			continue;
		}
		p = mmap(NULL, PAGE, PROT_RW, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED) {
			err = errno == EINTR ? 0 : errno;
			interrupted++;
		} else {
			munmap(p, PAGE);
			done++;
		}
		close(fd);
	}
	stop_signals();
	seen = __atomic_load_n(&nr_signals, __ATOMIC_RELAXED);
	EXPECT_EQ(0, err);
	EXPECT_LE(1, done);
	TH_LOG("%u signals, %u mappings, %u interrupted", seen, done, interrupted);
}

/* Each child has a mapping that works, whatever arrived during its fork(). */
TEST_F_TIMEOUT(storm, signals_during_fork, 60)
{
	unsigned int done = 0, bad = 0, seen;
	struct softsgx_enclave encl;
	u64 start;
	pid_t pid;
	int ret;
	u8 *rw;

	ASSERT_EQ(0, vt_build(&encl, 0));
	ASSERT_EQ(0, vt_map_all(&encl));
	rw = vt_addr(&encl, PG_RW);
	start_signals();
	start = vt_ms();
	while (vt_ms() - start < STORM_MS / 2) {
		pid = fork();
		if (!pid) {
			if (!vt_shows(vt_addr(&encl, PG_R), PG_R) || vt_write(rw))
				_exit(1);
			if (mprotect(rw, PAGE, PROT_READ) || vt_read(rw))
				_exit(2);
			_exit(munmap(rw, PAGE) ? 3 : 0);
		}
		if (pid < 0)
			continue;
		do {
			ret = vt_wait(pid);
		} while (ret == -EINTR);
		bad += !!ret;
		done++;
	}
	stop_signals();
	seen = __atomic_load_n(&nr_signals, __ATOMIC_RELAXED);
	EXPECT_EQ(0, bad);
	EXPECT_LE(1, done);
	TH_LOG("%u signals, %u children", seen, done);
	EXPECT_EQ(0, vt_write(rw));
	softsgx_enclave_close(&encl);
}

TEST_HARNESS_MAIN
