// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: the state of a VM that has booted up to where the run begins to matter,
 * kept in the user's cache for the next run with the same machine.
 *
 * A file is of use only if all that it depends on is the same. That is written into
 * it, with a checksum against what disks and interrupted writers do. Whatever does
 * not fit means a boot from the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define MAGIC "softsgx snapshot 1\n"
#define HEAD_SIZE 8192 /* in front of QEMU's part */
#define MAX_SNAPSHOTS 8
#define STALE_SECONDS 3600 /* of files that no run can be writing any more */
#define LANES 4

struct head {
	char magic[24];
	uint64_t sum, size; /* of QEMU's part */
	char key[HEAD_SIZE - 40];
};

/* ------------------------------------------------------------------ the key */

/* A file that is another one has another line. */
static void add_file(struct blob *b, const char *path)
{
	struct stat st;

	if (!path || stat(path, &st))
		return;
	blob_add(b, path, strlen(path));
	blob_print(b, " %lld %llu %lld.%09ld\n", (long long)st.st_size,
		   (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
		   st.st_mtim.tv_nsec);
	b->len--; /* blob_print() ends strings with a NUL byte */
}

static void add_line(struct blob *b, const char *line)
{
	blob_add(b, line, strlen(line));
	blob_add(b, "\n", 1);
}

static char *make_key(const struct run_options *o, const struct kernel *k,
		      const char *accel)
{
	static const char *const lists[] = {
		"", "/modules.dep", "/modules.order", "/modules.builtin",
	};
	struct blob b = { 0 };

	add_line(&b, xprintf("%s mem=%llu cpus=%lu nodes=%lu rw=%zu", accel,
			     (unsigned long long)o->mem, o->cpus, o->nodes,
			     o->rw.n));
	add_line(&b, o->append);
	add_file(&b, "/proc/self/exe");
	add_file(&b, find_init());
	add_file(&b, find_program("qemu-system-x86_64"));
	add_file(&b, k->image);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		add_file(&b, xprintf("%s%s", k->moddir, lists[i]));
	blob_add(&b, "", 1);
	return b.data;
}

/* Four lanes, so that reading memory is what takes time. */
static uint64_t checksum(const void *data, size_t len)
{
	uint64_t h[LANES] = { 1, 2, 3, 4 }, v[LANES], sum = len;
	const char *p = data;
	size_t n = len / sizeof(v);

	for (; n; n--, p += sizeof(v)) {
		memcpy(v, p, sizeof(v));
		for (int i = 0; i < LANES; i++) {
			h[i] = (h[i] ^ v[i]) * 0x9e3779b97f4a7c15;
			h[i] ^= h[i] >> 32;
		}
	}
	memset(v, 0, sizeof(v));
	memcpy(v, p, len % sizeof(v));
	for (int i = 0; i < LANES; i++)
		sum = (sum ^ h[i] ^ v[i]) * 0x9e3779b97f4a7c15 ^ sum >> 29;
	return sum;
}

/* ------------------------------------------------------------------- finding */

/* KVM boots fast enough, and no machine was there to try it on. */
static bool is_possible(const struct run_options *o, const char *accel)
{
	return !o->cold && !strncmp(accel, "tcg", 3);
}

/* s->path is NULL if this run has nothing to do with snapshots. */
void snapshot_find(struct snapshot *s, const struct run_options *o,
		   const struct kernel *k, const char *accel)
{
	char *cache = cache_dir();

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	if (!cache || !is_possible(o, accel))
		return;
	s->key = make_key(o, k, accel);
	if (strlen(s->key) >= sizeof(((struct head *)0)->key))
		return;
	s->path = xprintf("%s/snapshot-%016llx", cache,
			  (unsigned long long)checksum(s->key, strlen(s->key)));
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	/* QEMU begins where the descriptor stands. */
	if (s->fd >= 0 && lseek(s->fd, HEAD_SIZE, SEEK_SET) != HEAD_SIZE) {
		close(s->fd);
		s->fd = -1;
	}
}

static bool sum_of(int fd, uint64_t *sum, uint64_t *size)
{
	struct stat st;
	char *p;

	if (fstat(fd, &st) || st.st_size <= HEAD_SIZE)
		return false;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	*size = st.st_size - HEAD_SIZE;
	*sum = checksum(p + HEAD_SIZE, *size);
	munmap(p, st.st_size);
	return true;
}

/* May take a moment: QEMU can read the file meanwhile. */
bool snapshot_is_good(const struct snapshot *s)
{
	uint64_t sum, size;
	struct head *head = xalloc(NULL, sizeof(*head));
	bool good;

	good = pread(s->fd, head, sizeof(*head), 0) == sizeof(*head) &&
	       !memcmp(head->magic, MAGIC, sizeof(MAGIC)) &&
	       !strncmp(head->key, s->key, sizeof(head->key)) &&
	       sum_of(s->fd, &sum, &size) && sum == head->sum &&
	       size == head->size;
	free(head);
	/* The one that was used last is thrown away last. */
	if (good)
		futimens(s->fd, NULL);
	return good;
}

/* It did not work, so the next run makes another one. */
void snapshot_forget(struct snapshot *s)
{
	unlink(s->path);
	close(s->fd);
	s->fd = -1;
}

/* -------------------------------------------------------------------- saving */

static bool write_head(const struct snapshot *s, int fd)
{
	struct head *head = xalloc(NULL, sizeof(*head));
	bool ok;

	memset(head, 0, sizeof(*head));
	strcpy(head->magic, MAGIC);
	strcpy(head->key, s->key);
	ok = sum_of(fd, &head->sum, &head->size) &&
	     pwrite(fd, head, sizeof(*head), 0) == sizeof(*head);
	free(head);
	return ok;
}

static int by_age(const void *a, const void *b)
{
	struct stat x, y;

	if (stat(*(char *const *)a, &x) || stat(*(char *const *)b, &y))
		return 0;
	return (x.st_mtime < y.st_mtime) - (x.st_mtime > y.st_mtime);
}

/* The newest stay, and what another run may still be writing. */
static void throw_away(const char *cache)
{
	char *pattern = xprintf("%s/snapshot-*", cache);
	time_t stale = time(NULL) - STALE_SECONDS;
	size_t kept = 0;
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		return;
	qsort(g.gl_pathv, g.gl_pathc, sizeof(*g.gl_pathv), by_age);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *path = g.gl_pathv[i];
		struct stat st;

		if (strchr(strrchr(path, '/'), '.')) {
			if (!stat(path, &st) && st.st_mtime < stale)
				unlink(path);
		} else if (++kept > MAX_SNAPSHOTS) {
			unlink(path);
		}
	}
	globfree(&g);
	free(pattern);
}

static const char *save(const struct snapshot *s, struct vm *vm, const char *temp)
{
	int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const char *wrong;

	if (fd < 0)
		return strerror(errno);
	if (lseek(fd, HEAD_SIZE, SEEK_SET) != HEAD_SIZE)
		wrong = strerror(errno);
	else
		wrong = qmp_save(vm->qmp, fd);
	/* A short write, on a full disk, is not always QEMU's to notice. */
	if (!wrong && (fsync(fd) || !write_head(s, fd)))
		wrong = "it cannot be written";
	if (!wrong && rename(temp, s->path))
		wrong = strerror(errno);
	if (wrong)
		unlink(temp);
	close(fd);
	return wrong;
}

/* Keep the state of a VM whose guest is ready; it goes on whether that works or not. */
void snapshot_save(struct snapshot *s, struct vm *vm)
{
	char *temp = xprintf("%s.%d", s->path, getpid());
	const char *wrong = save(s, vm, temp);
	struct stat st;

	if (wrong)
		complain("no snapshot for the next run: %s", wrong);
	else if (!stat(s->path, &st))
		complain("kept a snapshot for the next runs: %s, %lld MiB", s->path,
			 (long long)st.st_size >> 20);
	throw_away(cache_dir());
	free(temp);
}
