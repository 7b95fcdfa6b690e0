/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of races share: a task is held up at a point of the driver
 * (debugfs delay/), others do something meanwhile, and it is still held up when
 * they are done. Then it is let go. So what is tested is the order of events, on any
 * machine that is not slower than LONG_MS allows. HOLD_MS is for those whom the test
 * itself waits for.
 *
 * To be included before kselftest_harness.h.
 */
#ifndef _TESTS_VM_RACE_H
#define _TESTS_VM_RACE_H

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common.h"

#define HOLD_MS		3000
#define LONG_MS		VT_WAIT(30000)	/* nothing that works takes so long */

/* ------------------------------------------------------ enclaves in debugfs */

/**
 * struct row - one enclave in debugfs enclaves
 * @references: those of the file and of the entries
 */
struct row {
	u64 id;
	u64 pages;
	unsigned int references;
	unsigned int vmas;
	unsigned int processes;
	unsigned int stale;
	unsigned int busy;
};

/* The enclave with number @id, or the first one if that is 0. */
static inline int read_row(u64 id, struct row *row)
{
	FILE *file = fopen(DEBUGFS "enclaves", "re");
	int ret = -ENOENT;
	char line[256];

	if (!file)
		return -errno;
	while (ret && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llu %*s %*x %*x %llu %u %u %u %u %u", &row->id, &row->pages,
			   &row->references, &row->vmas, &row->processes, &row->stale,
			   &row->busy) == 7 && (!id || row->id == id))
			ret = 0;
	}
	fclose(file);
	return ret;
}

static inline bool no_enclaves(void)
{
	struct row row;

	return read_row(0, &row) == -ENOENT;
}

/* Number of the enclave behind a file */
static inline u64 id_of(int fd)
{
	char path[64], line[256];
	u64 id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "sgx-enclave: %llu", &id) != 1)
		;
	if (file)
		fclose(file);
	return id;
}

/* Wait up to 10 s until the references of an enclave are so many. */
static inline int await_references(u64 id, unsigned int references)
{
	u64 start = vt_ms();
	struct row row;
	int ret;

	do {
		usleep(1000);
		ret = read_row(id, &row);
	} while (!ret && row.references != references && vt_ms() - start < VT_WAIT(10000));
	return ret ? ret : row.references == references ? 0 : -ETIME;
}

/* -------------------------------------------------------------------- delays */

static const char * const delay_points[] = {
	"mmap", "register", "pinned", "walk", "release", "drain", "free", "teardown", "index",
	"source",
};

/*
 * Wait until somebody is held up at @point, where a delay has been set. -EAGAIN: it
 * is over already.
 */
static inline int await_held(const char *point)
{
	u64 start = vt_ms();

	while (vt_delay_left(point)) {
		if (vt_ms() - start > LONG_MS)
			return -ETIME;
		usleep(1000);
	}
	return vt_delayed() > 0 ? 0 : -EAGAIN;
}

/* Not there yet, or still there */
static inline bool is_held(const char *point)
{
	return vt_delay_left(point) || vt_delayed() > 0;
}

/* No delays set, nobody held up any more */
static inline int end_delays(void)
{
	u64 start = vt_ms();
	unsigned int i;
	int ret = 0;

	for (i = 0; i < sizeof(delay_points) / sizeof(*delay_points) && !ret; i++)
		ret = vt_delay(delay_points[i], 0);
	if (!ret)
		ret = vt_let_go();
	while (!ret && vt_delayed()) {
		if (vt_ms() - start > LONG_MS)
			ret = -ETIME;
		usleep(1000);
	}
	return ret;
}

/* The test itself gets no mapping and no entry, only the file. */
static inline int load_alone(struct softsgx_image *image, struct softsgx_enclave *encl, u64 *id)
{
	int ret = end_delays();

	if (!ret)
		ret = vt_image(image, 0);
	if (!ret)
		ret = vt_load(encl, image);
	if (ret)
		return ret;
	*id = id_of(encl->fd);
	return *id ? 0 : -ENOENT;
}

/* Nothing of it is left, nor of what processes did with it. */
static inline int unload_alone(struct softsgx_image *image, struct softsgx_enclave *encl,
			       const struct vt_epc *start)
{
	int ret = end_delays(), left;

	softsgx_image_free(image);
	softsgx_enclave_close(encl);
	left = vt_epc_settle(start);
	if (!left && !no_enclaves())
		left = -EBUSY;
	return ret ? ret : left;
}

/* A thread that walks all processes of all enclaves, perhaps to be held up */
struct reader {
	pthread_t thread;
	u64 id;
	struct row row;
	int ret;
};

static inline void *reader_thread(void *data)
{
	struct reader *reader = data;

	reader->ret = read_row(reader->id, &reader->row);
	return NULL;
}

static inline int reader_start(struct reader *reader, u64 id)
{
	reader->id = id;
	return -pthread_create(&reader->thread, NULL, reader_thread, reader);
}

static inline int reader_join(struct reader *reader)
{
	int ret = pthread_join(reader->thread, NULL);

	return ret ? -ret : reader->ret;
}

/* ----------------------------------------------------------------- processes */

/* A process that takes steps when told to, each with an answer */
struct worker {
	pid_t pid;
	int sock;
};

typedef int (*step_fn)(struct softsgx_enclave *encl);

static inline void work(int sock, struct softsgx_enclave *encl)
{
	step_fn step;
	int ret;

	while (read(sock, &step, sizeof(step)) == sizeof(step)) {
		ret = step(encl);
		if (write(sock, &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

/* Has what the caller has; @encl is for the steps. */
static inline int worker_start(struct worker *worker, struct softsgx_enclave *encl)
{
	int sock[2];

	worker->pid = -1;
	worker->sock = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock))
		return -errno;
	worker->pid = fork();
	if (!worker->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(sock[1]);
		work(sock[0], encl);
	}
	worker->sock = sock[1];
	close(sock[0]);
	return worker->pid < 0 ? -errno : 0;
}

static inline int worker_tell(struct worker *worker, step_fn step)
{
	return write(worker->sock, &step, sizeof(step)) == sizeof(step) ? 0 : -errno;
}

static inline int worker_answer(struct worker *worker)
{
	struct pollfd pfd = { .fd = worker->sock, .events = POLLIN };
	int ret;

	if (poll(&pfd, 1, LONG_MS) != 1)
		return -ETIME;
	return read(worker->sock, &ret, sizeof(ret)) == sizeof(ret) ? ret : -EPIPE;
}

static inline int worker_do(struct worker *worker, step_fn step)
{
	int ret = worker_tell(worker, step);

	return ret ? ret : worker_answer(worker);
}

static inline int worker_start_do(struct worker *worker, struct softsgx_enclave *encl,
				  step_fn step)
{
	int ret = worker_start(worker, encl);

	return ret ? ret : worker_do(worker, step);
}

/* Returns as soon as the signal is sent. */
static inline int worker_kill(struct worker *worker)
{
	int ret;

	if (worker->pid <= 0)
		return -ESRCH;
	ret = kill(worker->pid, SIGKILL) ? -errno : 0;
	close(worker->sock);
	return ret;
}

static inline int worker_end(struct worker *worker)
{
	int ret = worker_kill(worker);

	return ret ? ret : vt_wait(worker->pid) == 256 + SIGKILL ? 0 : -ECHILD;
}

static inline int step_map(struct softsgx_enclave *encl)
{
	int ret = vt_map(encl, PG_R, 1, PROT_READ);

	return ret ? ret : vt_map(encl, PG_RW, 1, PROT_RW);
}

static inline int step_touch(struct softsgx_enclave *encl)
{
	return !vt_shows(vt_addr(encl, PG_R), PG_R) ? 1 : vt_write(vt_addr(encl, PG_RW));
}

static inline int step_map_touch(struct softsgx_enclave *encl)
{
	int ret = step_map(encl);

	return ret ? ret : step_touch(encl);
}

static inline int step_unmap(struct softsgx_enclave *encl)
{
	return munmap(vt_addr(encl, 0), VT_SIZE) ? -errno : 0;
}

static inline int step_close(struct softsgx_enclave *encl)
{
	return close(encl->fd) ? -errno : 0;
}

/* Neither file nor mapping is left: only the process knows that there was one. */
static inline int step_go_stale(struct softsgx_enclave *encl)
{
	int ret = step_map_touch(encl);

	if (!ret)
		ret = step_unmap(encl);
	return ret ? ret : step_close(encl);
}

/*
 * A process is gone, and the callback that frees its entry is held up. It spins, and
 * nothing else runs on its CPU (the first one, as a rule): look from another one, and
 * once more if that came too late.
 */
static inline int hold_callback(struct softsgx_enclave *encl)
{
	cpu_set_t last;
	int tries, ret = -EAGAIN;
	struct worker worker;

	CPU_ZERO(&last);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
	if (sched_setaffinity(0, sizeof(last), &last))
		return -errno;
	for (tries = 0; tries < 5 && ret == -EAGAIN; tries++) {
		ret = worker_start_do(&worker, encl, step_go_stale);
		if (!ret)
			ret = vt_delay("free", HOLD_MS);
		if (!ret)
			ret = worker_end(&worker);
		if (!ret)
			ret = await_held("free");
	}
	return ret;
}

#endif /* _TESTS_VM_RACE_H */
