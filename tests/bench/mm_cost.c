// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs that entries stay: memory, and the walk over all processes.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "mm.h"

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
static void hand_through(u8 *area, bool live)
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

void bench_memory(u8 *area)
{
	enter_group();
	hand_through(area, true);
	hand_through(area, false);
	leave_group();
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

void bench_walks(void)
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
