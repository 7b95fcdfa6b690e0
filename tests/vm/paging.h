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
#define PRESS_MS	VT_WAIT(20000)

/* Of memory that others change as well */
#define LOAD_WORD(p)	__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define STORE_WORD(p, v)	__atomic_store_n(p, v, __ATOMIC_SEQ_CST)

static const char * const paging_points[] = { "isolated", "leaving", "ewb", "loading" };
static const char * const paging_leaves[] = {
	"eblock", "etrack", "ewb", "eldu", "backing",
};

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
	if (!ret)
		ret = write_file(DEBUGFS "delayed_enclave", "0", 1);
	return ret ? ret : end_delays();
}

/* From now on delays of paging are for the reclaimers of one enclave only. */
static inline int delay_only(u64 id)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", id);
	return write_file(DEBUGFS "delayed_enclave", text, strlen(text));
}

/* Let the next @times calls of a leaf fault. */
static inline int fail_leaf(const char *leaf, unsigned int times)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), DEBUGFS "fail/%s", leaf);
	snprintf(text, sizeof(text), "%u", times);
	return write_file(path, text, strlen(text));
}

/* All that a file says is a number; -1: it does not */
static inline long number_in(const char *path)
{
	FILE *file = fopen(path, "re");
	long n = -1;

	if (file && fscanf(file, "%ld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

static inline long fail_leaf_left(const char *leaf)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "fail/%s", leaf);
	return number_in(path);
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
		if (vt_ms() - start > VT_WAIT(10000))
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
	u64 *words = (u64 *)vt_addr(encl, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		STORE_WORD(words + i, word_of(seed, page, i));
}

static inline bool stamped(const struct softsgx_enclave *encl, unsigned int page, u64 seed)
{
	u64 *words = (u64 *)vt_addr(encl, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++) {
		if (LOAD_WORD(words + i) != word_of(seed, page, i))
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

/* The same for a process that may be stopped meanwhile, which cuts ADD_PAGES short */
static inline int paging_load_stopped(struct softsgx_enclave *encl, unsigned int nr)
{
	int ret;

	do {
		ret = paging_load(encl, nr);
		if (ret)
			softsgx_enclave_close(encl);
	} while (ret == -EAGAIN || ret == -EINTR);
	return ret;
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

	shared->ret = paging_load_stopped(&encl, nr);
	if (shared->ret)
		_exit(1);
	STORE_WORD(&shared->ready, true);
	while (!LOAD_WORD(&shared->stop)) {
		for (i = 0; i < nr && !LOAD_WORD(&shared->stop); i++)
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
	return LOAD_WORD(&press->shared->rounds);
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

	STORE_WORD(&press->shared->stop, true);
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

/* --------------------------------------------------------------------- reclaimers */

/* Fewer pages than a batch has, so all of them are in the same hands. */
#define NR_SCENE	8

/**
 * struct scene - an enclave in the hands of a reclaimer
 * @start: the EPC before
 * @encl: the enclave: NR_SCENE pages, stamped 1
 * @id: its number
 * @press: whoever needs its EPC pages
 */
struct scene {
	struct vt_epc start;
	struct softsgx_enclave encl;
	u64 id;
	struct press press;
};

static inline int scene_start(struct scene *scene)
{
	int ret = paging_calm();

	if (!ret)
		ret = vt_epc_read(&scene->start);
	if (!ret)
		ret = paging_load(&scene->encl, NR_SCENE);
	if (ret)
		return ret;
	scene->id = id_of(scene->encl.fd);
	stamp_all(&scene->encl, NR_SCENE, 1);
	return 0;
}

/*
 * The enclave's pages are the oldest, so the first batch is theirs. Returns when
 * a reclaimer has them, and is held up at @point.
 */
static inline int scene_hold(struct scene *scene, const char *point, unsigned int ms)
{
	int ret = vt_walk("zap", scene->id);

	if (!ret)
		ret = delay_only(scene->id);
	if (!ret)
		ret = vt_delay(point, ms);
	if (!ret)
		ret = press_start(&scene->press, 2 * scene->start.total);
	return ret ? ret : await_held(point);
}

static inline int scene_calm(struct scene *scene)
{
	int ret = 0;

	if (scene->press.shared)
		ret = press_end(&scene->press);
	scene->press.shared = NULL;
	return ret;
}

static inline int scene_end(struct scene *scene)
{
	int ret = scene_calm(scene), left;

	softsgx_enclave_close(&scene->encl);
	left = paging_calm();
	if (!ret)
		ret = left;
	left = vt_epc_settle(&scene->start);
	return ret ? ret : left;
}

static inline int step_stamped(struct softsgx_enclave *encl)
{
	return unstamped(encl, NR_SCENE, 1) == -1 ? 0 : 1;
}

static inline int step_stamp(struct softsgx_enclave *encl)
{
	stamp_all(encl, NR_SCENE, 2);
	return 0;
}

#endif /* _TESTS_VM_PAGING_H */
