// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to know which processes an enclave lives in, with the module that
 * is loaded. Prints a line per figure: lifetime, figure, parameter, unit, value;
 * mm_report.c puts them side by side.
 *
 * usage: mm LIFETIME
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../vm/common.h"

#define REPETITIONS	15
#define FEW		5		/* repetitions of what takes long */
#define MAX_SEGMENTS	1024
#define MAX_CROWD	64
#define MAX_ENCLAVES	64
#define BIG_SIZE	(256ULL << 20)
#define PASSED		256		/* processes that a file is handed through */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *lifetime;

#define die(what) do { \
	fprintf(stderr, "mm: line %d: %s: %s\n", __LINE__, what, strerror(errno)); \
	exit(1); \
} while (0)

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void result(const char *what, unsigned int param, const char *unit, double value)
{
	printf("%s\t%s\t%u\t%s\t%.0f\n", lifetime, what, param, unit, value);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static u64 median(u64 *samples, unsigned int n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return samples[n / 2];
}

static u64 fdinfo(int fd, const char *key)
{
	char path[64], line[256];
	u64 value = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (!found && fgets(line, sizeof(line), file)) {
		found = !strncmp(line, key, strlen(key)) && line[strlen(key)] == ':';
		if (found)
			value = strtoull(line + strlen(key) + 1, NULL, 0);
	}
	fclose(file);
	if (!found)
		die(key);
	return value;
}

static int age_once(u64 id, u64 *pages, u64 *ns)
{
	FILE *file = fopen(DEBUGFS "walk", "w");
	int n;

	if (!file)
		return -errno;
	fprintf(file, "age %llu\n", id);
	if (fclose(file))
		return -errno;

	file = fopen(DEBUGFS "walk", "r");
	if (!file)
		return -errno;
	n = fscanf(file, "enclave %*u pages %llu young %*u ns %llu", pages, ns);
	fclose(file);
	return n == 2 ? 0 : -EINVAL;
}

static int open_enclave(void)
{
	int fd = open(ENCL_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(ENCL_DEV);
	return fd;
}

static void map(int fd, u8 *addr, unsigned int pages)
{
	if (mmap(addr, pages * PAGE, PROT_RW, MAP_SHARED | MAP_FIXED, fd, 0) != addr)
		die("mmap");
}

/* As a loader does it that maps its segments one by one */
static void map_segments(int fd, u8 *addr, unsigned int n)
{
	while (n--) {
		map(fd, addr, 1);
		addr += PAGE;
	}
}

/* ------------------------------------------------------------------ processes */

struct crowd {
	unsigned int n;
	pid_t pids[PASSED];
	int hold[2];
};

typedef void (*member_fn)(void *data);

/* Processes that do something and stay. They do not keep @fd. */
static void crowd_start(struct crowd *crowd, unsigned int n, int fd, member_fn fn, void *data)
{
	int ready[2];
	unsigned int i;

	crowd->n = n;
	if (pipe(crowd->hold) || pipe(ready))
		die("pipe");
	for (i = 0; i < n; i++) {
		crowd->pids[i] = fork();
		if (crowd->pids[i] < 0)
			die("fork");
		if (crowd->pids[i])
			continue;
		close(crowd->hold[1]);
		fn(data);
		close(fd);
		vt_tell(ready[1]);
		vt_await(crowd->hold[0]);
		_exit(0);
	}
	for (i = 0; i < n; i++) {
		if (vt_await(ready[0]))
			die("a process");
	}
	close(ready[0]);
	close(ready[1]);
}

static void crowd_end(struct crowd *crowd)
{
	unsigned int i;

	close(crowd->hold[1]);
	close(crowd->hold[0]);
	for (i = 0; i < crowd->n; i++) {
		if (vt_wait(crowd->pids[i]))
			die("a process");
	}
}

struct use {
	int fd;
	u8 *addr;
	unsigned int segments;
	bool touch;
};

static void member_uses(void *data)
{
	const struct use *use = data;
	unsigned int i;

	map_segments(use->fd, use->addr, use->segments);
	for (i = 0; use->touch && i < use->segments; i++)
		*(volatile u8 *)(use->addr + i * PAGE);
}

static void member_used(void *data)
{
	const struct use *use = data;

	member_uses(data);
	munmap(use->addr, use->segments * PAGE);
}

static void member_does_nothing(void *data)
{
}

/* ------------------------------------------------------------------- mappings */

static void bench_mapping(u8 *area)
{
	u64 map_ns[REPETITIONS], split_ns[REPETITIONS], start;
	struct softsgx_enclave stat = { .fd = open_enclave() };
	unsigned int i;
	int fd = stat.fd;

	map_segments(fd, area, MAX_SEGMENTS);
	result("VMAs after segment mmaps", MAX_SEGMENTS, "VMAs",
	       fdinfo(fd, "sgx-vmas"));
	munmap(area, MAX_SEGMENTS * PAGE);

	/* A hole keeps the first mapping from merging with what is measured. */
	map(fd, area, 64);
	for (i = 0; i < REPETITIONS; i++) {
		start = now();
		map(fd, area + 128 * PAGE, 1);
		munmap(area + 128 * PAGE, PAGE);
		map_ns[i] = now() - start;
	}
	result("mmap + munmap", 1, "ns", median(map_ns, REPETITIONS));

	for (i = 0; i < REPETITIONS; i++) {
		start = now();
		mprotect(area + 32 * PAGE, PAGE, PROT_READ);
		mprotect(area + 32 * PAGE, PAGE, PROT_RW);
		split_ns[i] = now() - start;
	}
	result("mprotect split + restore", 1, "ns", median(split_ns, REPETITIONS));
	munmap(area, 256 * PAGE);
	close(fd);
}

static u64 fork_exit(void)
{
	u64 start = now();
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (vt_wait(pid))
		die("fork");
	return now() - start;
}

static void bench_fork(u8 *area)
{
	static const unsigned int counts[] = { 0, 1, 8, MAX_ENCLAVES };
	int fds[MAX_ENCLAVES];
	u64 ns[REPETITIONS];
	unsigned int i, k, have = 0;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (; have < counts[i]; have++) {
			fds[have] = open_enclave();
			map(fds[have], area + have * 2 * PAGE, 1);
		}
		for (k = 0; k < REPETITIONS; k++)
			ns[k] = fork_exit();
		result("fork + exit, enclaves mapped", have, "us", median(ns, REPETITIONS) / 1e3);
	}
	munmap(area, MAX_ENCLAVES * 2 * PAGE);
	while (have)
		close(fds[--have]);
}

/* From the signal to the end, of a process with that many segments */
static void bench_exit(u8 *area)
{
	static const unsigned int counts[] = { 1, MAX_SEGMENTS };
	struct use use = { .addr = area };
	struct crowd crowd;
	unsigned int i, k;
	u64 ns[FEW], start;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (k = 0; k < FEW; k++) {
			use.fd = open_enclave();
			use.segments = counts[i];
			crowd_start(&crowd, 1, use.fd, member_uses, &use);
			start = now();
			kill(crowd.pids[0], SIGKILL);
			vt_wait(crowd.pids[0]);
			ns[k] = now() - start;
			crowd.n = 0;
			crowd_end(&crowd);
			close(use.fd);
		}
		result("exit, segments mapped", counts[i], "us", median(ns, FEW) / 1e3);
	}
}

/* ---------------------------------------------------------------------- close */

static u64 timed_close(int fd)
{
	u64 start = now();

	close(fd);
	return now() - start;
}

static u64 close_with_stale(int fd, u8 *area, unsigned int stale)
{
	struct use use = { .fd = fd, .addr = area, .segments = 1 };
	struct crowd crowd;
	u64 ns;

	crowd_start(&crowd, stale, fd, member_used, &use);
	ns = timed_close(fd);
	crowd_end(&crowd);
	return ns;
}

static void bench_close(u8 *area)
{
	static const unsigned int counts[] = { 0, 1, 8, MAX_CROWD };
	unsigned int i, k;
	u64 ns[FEW];

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (k = 0; k < FEW; k++)
			ns[k] = close_with_stale(open_enclave(), area, counts[i]);
		result("close, stale processes", counts[i], "us", median(ns, FEW) / 1e3);
	}
}

/* An enclave of @size bytes, all pages there */
static void load(struct softsgx_enclave *encl, u64 size)
{
	struct softsgx_image image;
	u64 count;
	void *src;

	if (vt_image(&image, 0))
		die("image");
	while (image.size < size)
		image.size *= 2;
	src = vt_anon(size, PROT_READ);
	if (vt_create(encl, &image) ||
	    vt_ioc_add(encl->fd, src, 0, size, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W,
		       0, &count) || count != size)
		die("enclave");
	munmap(src, size);
	softsgx_image_free(&image);
}

/* The area that is reserved for the enclave goes first, so that close() is timed alone. */
static void bench_close_big(void)
{
	struct softsgx_enclave encl;
	struct vt_epc start;
	u64 ns[3], empty[3];
	unsigned int i;

	vt_epc_read(&start);
	start.free = start.total;
	start.enclaves = 0;
	for (i = 0; i < ARRAY_SIZE(ns); i++) {
		load(&encl, BIG_SIZE);
		ns[i] = close_with_stale(encl.fd, vt_addr(&encl, 0), MAX_CROWD);
		munmap(encl.area, encl.area_size);
		if (vt_epc_settle(&start))
			die("EPC");
		load(&encl, PAGE);
		empty[i] = close_with_stale(encl.fd, vt_addr(&encl, 0), 0);
		munmap(encl.area, encl.area_size);
	}
	result("close, MiB with 64 stale processes", BIG_SIZE >> 20, "us",
	       median(ns, ARRAY_SIZE(ns)) / 1e3);
	result("close, MiB with 64 stale processes", 0, "us",
	       median(empty, ARRAY_SIZE(empty)) / 1e3);
}

/* --------------------------------------------------------------------- memory */

#define CGROUPS		"/tmp/cgroup"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* What the processes of the group have made the kernel allocate is charged to it. */
static void enter_group(void)
{
	mkdir(CGROUPS, 0700);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		die("mount");
	write_text(CGROUPS "/cgroup.subtree_control", "+memory");
	mkdir(CGROUPS "/bench", 0700);
	write_text(CGROUPS "/bench/cgroup.procs", "0");
}

static void leave_group(void)
{
	write_text(CGROUPS "/cgroup.procs", "0");
	rmdir(CGROUPS "/bench");
	umount(CGROUPS);
}

/* Bytes; the counters are brought up to date every two seconds. */
static double group_bytes(void)
{
	FILE *file;
	char key[64];
	double value, found = -1;

	usleep(2500000);
	file = fopen(CGROUPS "/bench/memory.stat", "r");
	if (!file)
		die("memory.stat");
	while (found < 0 && fscanf(file, "%63s %lf", key, &value) == 2)
		found = strcmp(key, "kernel") ? -1 : value;
	fclose(file);
	return found;
}

/* The file goes through many processes, which live on or not. */
static void bench_memory(u8 *area, bool live)
{
	struct use use = { .fd = open_enclave(), .addr = area, .segments = 1 };
	struct crowd crowd;
	double bytes;

	crowd_start(&crowd, PASSED, use.fd, member_used, &use);
	if (!live)
		crowd_end(&crowd);
	bytes = group_bytes();
	result(live ? "references, live processes had the file" :
	       "references, exited processes had the file", PASSED, "refs",
	       fdinfo(use.fd, "sgx-references"));
	close(use.fd);
	bytes -= group_bytes();
	if (live)
		crowd_end(&crowd);
	result(live ? "memory of entries, live processes" :
	       "memory of entries, exited processes", PASSED, "KiB", bytes / 1024);
}

/* ----------------------------------------------------------------------- walk */

/* ns for one page of a walk over all pages */
static double age(u64 id)
{
	u64 ns[FEW], pages = 1;
	unsigned int i;

	for (i = 0; i < FEW; i++) {
		if (age_once(id, &pages, &ns[i]))
			die("walk");
	}
	return (double)median(ns, FEW) / pages;
}

static void bench_walk(const char *what, unsigned int param, unsigned int processes,
		       unsigned int segments, member_fn fn)
{
	struct softsgx_enclave encl;
	struct use use = { .segments = segments, .touch = true };
	struct crowd crowd;

	load(&encl, MAX_SEGMENTS * PAGE);
	use.fd = encl.fd;
	use.addr = vt_addr(&encl, 0);
	crowd_start(&crowd, processes, encl.fd, fn, &use);
	result(what, param, "ns/page", age(fdinfo(encl.fd, "sgx-enclave")));
	crowd_end(&crowd);
	softsgx_enclave_close(&encl);
}

/* Processes that had the enclave and have exited, nothing else */
static void bench_walk_exited(unsigned int processes)
{
	struct softsgx_enclave encl;
	struct use use = { .segments = 1 };
	struct crowd crowd;

	load(&encl, MAX_SEGMENTS * PAGE);
	use.fd = encl.fd;
	use.addr = vt_addr(&encl, 0);
	crowd_start(&crowd, processes, encl.fd, member_used, &use);
	crowd_end(&crowd);
	result("walk, processes exited", processes, "ns/page",
	       age(fdinfo(encl.fd, "sgx-enclave")));
	softsgx_enclave_close(&encl);
}

static void bench_walks(void)
{
	static const unsigned int crowds[] = { 1, 4, 16, MAX_CROWD };
	static const unsigned int segments[] = { 1, 64, MAX_SEGMENTS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(crowds); i++)
		bench_walk("walk, processes mapping it", crowds[i], crowds[i], 64, member_uses);
	for (i = 0; i < ARRAY_SIZE(segments); i++)
		bench_walk("walk, segments of one process", segments[i], 1, segments[i],
			   member_uses);
	for (i = 0; i < ARRAY_SIZE(crowds); i++)
		bench_walk("walk, stale processes", crowds[i], crowds[i], 1, member_used);
	for (i = 0; i < ARRAY_SIZE(crowds); i++)
		bench_walk_exited(crowds[i]);
	bench_walk("walk, nobody", 0, 0, 1, member_does_nothing);
}

int main(int argc, char **argv)
{
	u8 *area = vt_anon(MAX_SEGMENTS * PAGE * 2, PROT_NONE);

	lifetime = argc > 1 ? argv[1] : "mm";
	bench_mapping(area);
	bench_fork(area);
	bench_exit(area);
	bench_close(area);
	bench_close_big();
	enter_group();
	bench_memory(area, true);
	bench_memory(area, false);
	leave_group();
	bench_walks();
	return 0;
}
