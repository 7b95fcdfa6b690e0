/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of paging share: enclaves with patterns in them, others that take
 * the EPC away from them, counters, failures of leaves.
 *
 * To be included before kselftest_harness.h.
 */
#ifndef _TESTS_VM_PAGING_H
#define _TESTS_VM_PAGING_H

#include <sys/wait.h>

#include "introspect.h"
#include "merge.h"
#include "race.h"

#define WORDS		(PAGE / sizeof(u64))
#define PRESS_MS	20000

static const char * const paging_points[] = { "isolated", "leaving", "ewb" };
static const char * const paging_leaves[] = { "eblock", "etrack", "ewb", "eldu" };

/* No delays and no failures, nobody held up any more */
static inline int paging_calm(void)
{
	unsigned int i;
	char path[64];
	int ret = vt_fail_nth(0);

	for (i = 0; i < sizeof(paging_points) / sizeof(*paging_points) && !ret; i++)
		ret = vt_delay(paging_points[i], 0);
	for (i = 0; i < sizeof(paging_leaves) / sizeof(*paging_leaves) && !ret; i++) {
		snprintf(path, sizeof(path), DEBUGFS "fail/%s", paging_leaves[i]);
		ret = write_file(path, "0", 1);
	}
	return ret ? ret : end_delays();
}

/* Let the next @times calls of a leaf fault. */
static inline int fail_leaf(const char *leaf, unsigned int times)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), DEBUGFS "fail/%s", leaf);
	snprintf(text, sizeof(text), "%u", times);
	return write_file(path, text, strlen(text));
}

static inline long fail_leaf_left(const char *leaf)
{
	char path[64];
	long n = -1;
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "fail/%s", leaf);
	file = fopen(path, "re");
	if (file && fscanf(file, "%ld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/* ------------------------------------------------------------------- numbers */

/* A line of debugfs epc, or of another file like that; -1: there is none */
static inline long debugfs_number(const char *name)
{
	FILE *file = fopen(DEBUGFS "epc", "re");
	char word[32];
	long n = -1;

	while (file && fscanf(file, "%31s %ld", word, &n) == 2 && strcmp(word, name))
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/* Dies if the file does not say what it should. */
static inline struct info info_now(int fd)
{
	struct info info;

	MUST(!own_info(fd, &info));
	return info;
}

static inline long counted(int fd, unsigned int what)
{
	return info_now(fd).counts[what];
}

static inline bool is_dead(int fd)
{
	return !strcmp(info_now(fd).state, "dead");
}

/* Wait up to 10 s: what somebody counts, he counts soon. */
static inline bool await_count(int fd, unsigned int what, long least)
{
	u64 start = vt_ms();

	while (counted(fd, what) < least) {
		if (vt_ms() - start > 10000)
			return false;
		usleep(1000);
	}
	return true;
}

/* The wait of whoever is held up counts already. */
static inline bool await_waiter(int fd, long before)
{
	return await_count(fd, WAITS, before + 1);
}

/* ------------------------------------------------------------------ patterns */

static inline u64 word_of(u64 seed, unsigned int page, unsigned int word)
{
	u64 x = (seed << 40 ^ (u64)page << 16 ^ word) + 1;

	return (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
}

static inline void stamp(const struct softsgx_enclave *encl, unsigned int page, u64 seed)
{
	volatile u64 *words = (volatile u64 *)vt_addr(encl, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		words[i] = word_of(seed, page, i);
}

static inline bool stamped(const struct softsgx_enclave *encl, unsigned int page, u64 seed)
{
	volatile u64 *words = (volatile u64 *)vt_addr(encl, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++) {
		if (words[i] != word_of(seed, page, i))
			return false;
	}
	return true;
}

static inline void stamp_all(const struct softsgx_enclave *encl, unsigned int nr, u64 seed)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		stamp(encl, i, seed);
}

/* The first page with something else in it, or -1 */
static inline long unstamped(const struct softsgx_enclave *encl, unsigned int nr, u64 seed)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!stamped(encl, i, seed))
			return i;
	}
	return -1;
}

/* ------------------------------------------------------------------ enclaves */

static inline u64 range_for(unsigned int nr)
{
	u64 size = PAGE;

	while (size < nr * PAGE)
		size *= 2;
	return size;
}

/* An enclave of @nr pages, all RW, mapped and initialised */
static inline int paging_load(struct softsgx_enclave *encl, unsigned int nr)
{
	int ret = load(encl, 0, nr, range_for(nr), 0);

	return ret ? ret : vt_map(encl, 0, nr, PROT_RW);
}

/**
 * struct press - a process that uses more memory of an enclave than there is EPC
 * @worker: the process
 * @shared: what it shares with the test
 */
struct press {
	struct worker worker;
	struct press_shared {
		bool stop;
		bool ready;
		u64 rounds;
		int ret;
	} *shared;
};

static inline void press_work(struct press_shared *shared, unsigned int nr)
{
	struct softsgx_enclave encl;
	unsigned int i;

	shared->ret = paging_load(&encl, nr);
	if (shared->ret)
		_exit(1);
	__atomic_store_n(&shared->ready, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
		for (i = 0; i < nr; i++)
			vt_write(vt_addr(&encl, i));
		__atomic_add_fetch(&shared->rounds, 1, __ATOMIC_SEQ_CST);
	}
	_exit(0);
}

/* Until press_end() all EPC pages that nobody else uses are its. */
static inline int press_start(struct press *press, unsigned int nr)
{
	press->shared = mmap(NULL, PAGE, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (press->shared == MAP_FAILED)
		return -errno;
	press->worker.sock = -1;
	press->worker.pid = fork();
	if (!press->worker.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		press_work(press->shared, nr);
	}
	return press->worker.pid < 0 ? -errno : 0;
}

static inline u64 press_rounds(const struct press *press)
{
	return __atomic_load_n(&press->shared->rounds, __ATOMIC_SEQ_CST);
}

/* It goes on: wait for two more rounds, the second of which is a whole one. */
static inline int press_goes_on(const struct press *press)
{
	u64 from = press_rounds(press), start = vt_ms();

	while (press_rounds(press) < from + 2) {
		if (vt_ms() - start > PRESS_MS)
			return -ETIME;
		usleep(1000);
	}
	return 0;
}

static inline int press_end(struct press *press)
{
	int ret;

	__atomic_store_n(&press->shared->stop, true, __ATOMIC_SEQ_CST);
	ret = vt_wait(press->worker.pid);
	munmap(press->shared, PAGE);
	return ret;
}

/* Wait until so few pages of an enclave are in the EPC. */
static inline int await_resident(int fd, long most)
{
	u64 start = vt_ms();

	while (info_now(fd).resident > most) {
		if (vt_ms() - start > PRESS_MS)
			return -ETIME;
		usleep(1000);
	}
	return 0;
}

/* No page of an enclave is in the EPC when this returns, unless somebody uses it. */
static inline int press_out(int fd)
{
	struct press press = {};
	struct vt_epc epc;
	int ret = vt_epc_read(&epc), end;

	if (!ret)
		ret = press_start(&press, 2 * epc.total);
	if (ret)
		return ret;
	ret = await_resident(fd, 0);
	end = press_end(&press);
	return ret ? ret : end;
}

/* Nothing of it counts as used: it is the first to go. */
static inline int make_old(int fd)
{
	return vt_walk("zap", id_of(fd));
}

#endif /* _TESTS_VM_PAGING_H */
