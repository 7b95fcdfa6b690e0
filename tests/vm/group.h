/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memory cgroup that the memory for evicted pages of some enclaves is charged to: that of
 * those that are opened in it.
 *
 * To be included before kselftest_harness.h.
 */
#ifndef _TESTS_VM_GROUP_H
#define _TESTS_VM_GROUP_H

#include <sys/stat.h>

#include "util.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/paging"

static inline int write_text(const char *path, const char *text)
{
	return write_file(path, text, strlen(text));
}

static inline int write_number(const char *path, long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", n);
	return write_text(path, text);
}

static inline int group_make(void)
{
	int ret = write_text(CGROUPS "/cgroup.subtree_control", "+memory");

	if (!ret)
		ret = mkdir(GROUP, 0755) ? -errno : 0;
	return ret;
}

static inline int group_remove(void)
{
	/* What is charged keeps the group in use for a moment. */
	usleep(100000);
	return rmdir(GROUP) ? -errno : 0;
}

static inline int group_enter(pid_t pid)
{
	return write_number(GROUP "/cgroup.procs", pid);
}

/* The memory of its enclaves stays the group's. */
static inline int group_leave(pid_t pid)
{
	return write_number(CGROUPS "/cgroup.procs", pid);
}

static inline int group_limit(long bytes)
{
	return write_number(GROUP "/memory.max", bytes);
}

/* Its value of a line of a file that has a name and a number in each; -1: there is none */
static inline long number_of_line(const char *path, const char *line)
{
	FILE *file = fopen(path, "re");
	char name[64];
	long n = -1;

	while (file && fscanf(file, "%63s %ld", name, &n) == 2 && strcmp(name, line))
		n = -1;
	if (file)
		fclose(file);
	return n;
}

#endif /* _TESTS_VM_GROUP_H */
