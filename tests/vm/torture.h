/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of torture_test share: what all processes know, what each knows
 * about its mappings, and what it can do to them.
 */
#ifndef _TESTS_VM_TORTURE_H
#define _TESTS_VM_TORTURE_H

#include "util.h"

#define NR_WORKERS	12
#define NR_WATCHERS	2
#define NR_CLOSERS	1
#define NR_PROCS	(NR_WORKERS + NR_WATCHERS + NR_CLOSERS)
#define NR_PAGES	40		/* 0 to 39; the rest of the enclave is holes */
#define NR_ALL		64
#define SIZE		(NR_ALL * PAGE)
#define FIRST_SLOT	0x100000000000ULL
#define SCRATCH		(FIRST_SLOT - 2 * SIZE)
#define NOT_MAPPED	-1

enum count {
	OPS, CHECKS, BUILT, MAPPED, REFUSED, UNASKED, MOVED, FORKED, KILLED, EXECS,
	SENT, RECEIVED, WALKS, LOOKS, CLOSED, EVICTED, NO_EPC, NR_COUNTS,
};

/* Of all processes */
struct shared {
	u64 end;
	bool failed;
	bool small_epc;			/* pages are evicted, those that cannot be run out */
	pid_t pids[NR_PROCS];		/* to look at; may be gone already */
	u64 counts[NR_COUNTS];
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	int box[2];			/* enclaves to whoever takes them */
	unsigned int seed;
};

extern struct shared *shared;
extern unsigned int depth;	/* number of forks from a worker */
extern unsigned int number;	/* of the sequence */
extern unsigned int op;		/* in this process */

void count(enum count what);
bool over(void);
void fail(const char *fmt, ...);
unsigned int any(unsigned int n);
/* 0 if a process has ended as it may; its exit status or 256 + signal if not */
int bad_end(int status);

/* ------------------------------------------------------- mappings of a process */

/**
 * struct held - an enclave that a process has to do with
 * @used: the slot is
 * @fd: its file or -1
 * @base: address
 * @dumpable: it may have VMAs without VM_DONTDUMP, into which the core merges others
 * @prot: by page: protection of the VMA, or NOT_MAPPED
 * @no_fork: by page: a child will not have it
 */
struct held {
	bool used;
	int fd;
	u64 base;
	bool dumpable;
	signed char prot[NR_ALL];
	bool no_fork[NR_ALL];
};

int make_image(void);
u8 *address(const struct held *h, unsigned int page);
void reserve(void *addr, u64 size, int flags);
/* Not mapped any more */
void forget(struct held *h, unsigned int page, unsigned int nr);
/* A range in which there is nothing yet; false if there is something */
bool take_range(struct held *h, u64 base);

/* These know what must come of it, and fail() if something else does. */
void check_pages(const struct held *h, unsigned int page, unsigned int nr);
void map(struct held *h, unsigned int page, unsigned int nr);
/* As a loader does it */
void map_all(struct held *h);
/* Into a VMA that the core extends without asking the driver */
void map_unasked(struct held *h, unsigned int page);
void protect(struct held *h, unsigned int page, unsigned int nr);
void unmap(struct held *h, unsigned int page, unsigned int nr);
/* Away, where nothing shows, and usually back */
void move(struct held *h, unsigned int page, unsigned int nr);
void grow(struct held *h, unsigned int page);
void advise(struct held *h, unsigned int page, unsigned int nr);
/* The kernel on behalf of the program: at most one page, up to the first fault */
void system_call(struct held *h, unsigned int page);

/* ----------------------------------------------------------------- processes */

/* Returns a file that somebody has sent, or -1. */
int receive_file(u64 *base);
/* Does not return. */
void worker(void);

#endif /* _TESTS_VM_TORTURE_H */
