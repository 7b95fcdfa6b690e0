/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark of lifetimes share. All of it exits on errors.
 */
#ifndef _TESTS_BENCH_MM_H
#define _TESTS_BENCH_MM_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../vm/common.h"

#define REPETITIONS	15
#define FEW		5		/* repetitions of what takes long */
#define MAX_SEGMENTS	1024
#define MAX_CROWD	64
#define MAX_ENCLAVES	64
#define PASSED		256		/* processes that a file is handed through */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define die(what) do { \
	fprintf(stderr, "mm: %s, line %d: %s: %s\n", __FILE__, __LINE__, what, strerror(errno)); \
	exit(1); \
} while (0)

/* The name of what is measured, for result() */
extern const char *lifetime;

u64 now(void);
void result(const char *what, unsigned int param, const char *unit, double value);
u64 median(u64 *samples, unsigned int n);

/* A number of /proc/self/fdinfo/@fd */
u64 fdinfo(int fd, const char *key);
int open_enclave(void);
void map(int fd, u8 *addr, unsigned int pages);
void map_segments(int fd, u8 *addr, unsigned int n);
void load(struct softsgx_enclave *encl, u64 size);

struct crowd {
	unsigned int n;
	pid_t pids[PASSED];
	int hold[2];
};

typedef void (*member_fn)(void *data);

void crowd_start(struct crowd *crowd, unsigned int n, int fd, member_fn fn, void *data);
void crowd_end(struct crowd *crowd);

struct use {
	int fd;
	u8 *addr;
	unsigned int segments;
	bool touch;
};

/* Members: map (and touch), the same and unmap again, or nothing; @data: struct use */
void member_uses(void *data);
void member_used(void *data);
void member_does_nothing(void *data);

void bench_memory(u8 *area);
void bench_walks(void);

#endif /* _TESTS_BENCH_MM_H */
