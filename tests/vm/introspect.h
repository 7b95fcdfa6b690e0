/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the driver tells about an enclave, read strictly: /proc/PID/fdinfo/FD,
 * debugfs softsgx/enclaves, and debugfs softsgx/walk.
 */
#ifndef _TESTS_VM_INTROSPECT_H
#define _TESTS_VM_INTROSPECT_H

#include <stdlib.h>

#include "util.h"

#define WAIT_MS		VT_WAIT(10000)
#define MAX_PROCS	16
#define HEAD		"enclave state base size pages references vmas processes stale busy\n"
/* VMAs after vt_map_all(): TCS and RW are one */
#define ALL_VMAS	7
#define BUSY		-1

/* What paging counts, as fdinfo and debugfs epc name it */
enum {
	EWB,
	ELDU,
	WAITS,
	BATCHES,
	AGED,
	YOUNG,
	FAILED,
	EAUG,
	REMOVED,
	FAULTS,
	NR_COUNTS
};

static const char * const count_names[NR_COUNTS] = {
	"ewb", "eldu", "waits", "batches", "aged", "young", "failed", "eaug", "removed",
	"faults",
};

/* ------------------------------------------------------------ what is told */

struct info {
	u64 id;
	char state[16];
	u64 base;
	u64 size;
	long pages;
	long references;
	long vmas;
	long processes;
	long stale;
	long busy;
	long resident;
	long va_pages;
	long counts[NR_COUNTS];
	unsigned int nr_procs;
	struct {
		int pid;
		long vmas;
	} procs[MAX_PROCS];
};

static inline void add_process(struct info *info, const char *line)
{
	unsigned int i = info->nr_procs++;
	char what[16];

	MUST(i < MAX_PROCS);
	MUST(sscanf(line, "sgx-process:\t%d %15s\n", &info->procs[i].pid, what) == 2);
	info->procs[i].vmas = strcmp(what, "busy") ? atol(what) : BUSY;
}

/* The fields that paging adds, @n of which have been there */
static inline void add_count(struct info *info, unsigned int n, const char *line)
{
	char name[32];
	long value;

	MUST(sscanf(line, "sgx-%31[^:]:\t%ld\n", name, &value) == 2);
	if (n == 0) {
		MUST(!strcmp(name, "resident"));
		info->resident = value;
	} else if (n == 1) {
		MUST(!strcmp(name, "va-pages"));
		info->va_pages = value;
	} else {
		MUST(n - 2 < NR_COUNTS && !strcmp(name, count_names[n - 2]));
		info->counts[n - 2] = value;
	}
}

/* Fields in their order, each once, with the processes where they belong */
static inline int info_of(int pid, int fd, struct info *info)
{
	char path[64], line[256];
	unsigned int fields = 0;
	FILE *file;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "sgx-", 4))
			continue;
		if (!strncmp(line, "sgx-process:", 12)) {
			MUST(fields == 7);
			add_process(info, line);
			continue;
		}
		switch (fields++) {
		case 0:
			MUST(sscanf(line, "sgx-enclave:\t%llu\n", &info->id) == 1);
			break;
		case 1:
			MUST(sscanf(line, "sgx-state:\t%15s\n", info->state) == 1);
			break;
		case 2:
			MUST(sscanf(line, "sgx-base:\t0x%llx\n", &info->base) == 1);
			break;
		case 3:
			MUST(sscanf(line, "sgx-size:\t0x%llx\n", &info->size) == 1);
			break;
		case 4:
			MUST(sscanf(line, "sgx-pages:\t%ld\n", &info->pages) == 1);
			break;
		case 5:
			MUST(sscanf(line, "sgx-references:\t%ld\n", &info->references) == 1);
			break;
		case 6:
			MUST(sscanf(line, "sgx-vmas:\t%ld\n", &info->vmas) == 1);
			break;
		case 7:
			MUST(sscanf(line, "sgx-processes:\t%ld\n", &info->processes) == 1);
			break;
		case 8:
			MUST(sscanf(line, "sgx-stale:\t%ld\n", &info->stale) == 1);
			break;
		case 9:
			MUST(sscanf(line, "sgx-busy:\t%ld\n", &info->busy) == 1);
			break;
		default:
			add_count(info, fields - 11, line);
			break;
		}
	}
	fclose(file);
	MUST(fields == 12 + NR_COUNTS);
	MUST(info->resident <= info->pages);
	MUST(info->nr_procs == info->processes + info->stale + info->busy);
	return 0;
}

static inline int own_info(int fd, struct info *info)
{
	return info_of(getpid(), fd, info);
}

/* The line of an enclave in the table */
static inline int table_line(u64 id, struct info *info)
{
	FILE *file = fopen(DEBUGFS "enclaves", "r");
	u64 last = 0;
	char line[256];
	int ret = -ENOENT;
	struct info l;

	if (!file)
		return -errno;
	MUST(fgets(line, sizeof(line), file) && !strcmp(line, HEAD));
	while (fgets(line, sizeof(line), file)) {
		memset(&l, 0, sizeof(l));
		MUST(sscanf(line, "%llu %15s 0x%llx 0x%llx %ld %ld %ld %ld %ld %ld\n", &l.id,
			    l.state, &l.base, &l.size, &l.pages, &l.references, &l.vmas,
			    &l.processes, &l.stale, &l.busy) == 10);
		MUST(l.id > last);
		last = l.id;
		if (l.id == id) {
			*info = l;
			ret = 0;
		}
	}
	fclose(file);
	return ret;
}

/* Both say the same. */
static inline bool table_agrees(const struct info *info)
{
	struct info l;

	if (table_line(info->id, &l))
		return false;
	return !strcmp(l.state, info->state) && l.base == info->base && l.size == info->size &&
	       l.pages == info->pages && l.references == info->references &&
	       l.vmas == info->vmas && l.processes == info->processes &&
	       l.stale == info->stale && l.busy == info->busy;
}

/* VMAs of a process, BUSY, or -ENOENT if it has no entry */
static inline long process_vmas(const struct info *info, int pid)
{
	unsigned int i;

	for (i = 0; i < info->nr_procs; i++) {
		if (info->procs[i].pid == pid)
			return info->procs[i].vmas;
	}
	return -ENOENT;
}

/* Entries go away some time after their processes. */
static inline void wait_references(int fd, long references, struct info *info)
{
	u64 start = vt_ms();

	for (;;) {
		MUST(!own_info(fd, info));
		if (info->references == references || vt_ms() - start > WAIT_MS)
			return;
		usleep(1000);
	}
}

/* ------------------------------------------------------------------- walks */

struct walk {
	u64 encl;
	long pages;
	long young;
	u64 ns;
};

static inline void walk_read(struct walk *walk)
{
	FILE *file = fopen(DEBUGFS "walk", "r");

	MUST(!!file);
	MUST(fscanf(file, "enclave %llu\npages %ld\nyoung %ld\nns %llu\n", &walk->encl,
		    &walk->pages, &walk->young, &walk->ns) == 4);
	fclose(file);
}

/* Returns an error or the number of pages that have been used. */
static inline long walk(const char *verb, u64 id, long pages)
{
	struct walk walk;
	int ret = vt_walk(verb, id);

	if (ret)
		return ret;
	walk_read(&walk);
	MUST(walk.encl == id);
	MUST(walk.pages == pages);
	return walk.young;
}

#endif /* _TESTS_VM_INTROSPECT_H */
