// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to know which processes an enclave lives in, with the module that
 * is loaded. Prints a line per figure: lifetime, figure, parameter, unit, value;
 * mm_report.c puts them side by side.
 *
 * usage: mm LIFETIME
 */
#include "mm.h"

#define BIG_SIZE	(256ULL << 20)

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

int main(int argc, char **argv)
{
	u8 *area = vt_anon(MAX_SEGMENTS * PAGE * 2, PROT_NONE);

	lifetime = argc > 1 ? argv[1] : "mm";
	bench_mapping(area);
	bench_fork(area);
	bench_exit(area);
	bench_close(area);
	bench_close_big();
	bench_memory(area);
	bench_walks();
	return 0;
}
