// SPDX-License-Identifier: GPL-2.0
/* Writing the initial RAM disk: an uncompressed "newc" cpio archive. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "run.h"

static void put(struct initrd *rd, const void *data, size_t len)
{
	if (!write_full(rd->fd, data, len))
		die("cannot write the initial RAM disk: %s", strerror(errno));
	rd->len += len;
}

/* Names and contents start at multiples of four bytes. */
static void pad(struct initrd *rd)
{
	put(rd, "\0\0\0", -rd->len & 3);
}

static void entry(struct initrd *rd, const char *name, unsigned int mode,
		  dev_t rdev, const void *data, size_t len)
{
	char head[111];

	/* ino mode uid gid nlink mtime size dev(2) rdev(2) namesize check */
	snprintf(head, sizeof(head),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		 ++rd->ino, mode, 0, 0, 1, 0, (unsigned int)len, 0, 0,
		 major(rdev), minor(rdev), (unsigned int)strlen(name) + 1, 0);
	put(rd, head, 110);
	put(rd, name, strlen(name) + 1);
	pad(rd);
	put(rd, data, len);
	pad(rd);
}

void initrd_start(struct initrd *rd)
{
	memset(rd, 0, sizeof(*rd));
	rd->fd = temp_file();
	entry(rd, "dev", S_IFDIR | 0755, 0, NULL, 0);
	entry(rd, "modules", S_IFDIR | 0755, 0, NULL, 0);
	/* Opened by the kernel for PID 1's complaints. */
	entry(rd, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
}

void initrd_file(struct initrd *rd, const char *name, unsigned int mode,
		 const void *data, size_t len)
{
	entry(rd, name, S_IFREG | mode, 0, data, len);
}

void initrd_finish(struct initrd *rd)
{
	entry(rd, "TRAILER!!!", 0, 0, NULL, 0);
}

/* Beside softsgx in a build tree, in libexec when installed. */
const char *find_init(void)
{
	char *dir = exe_dir();
	const char *const paths[] = {
		xprintf("%s/softsgx-init", dir),
		xprintf("%s/../libexec/softsgx/softsgx-init", dir),
		xprintf("%s/../lib/softsgx/softsgx-init", dir),
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (exists(paths[i]))
			return paths[i];
	die("%s not found: run make", paths[0]);
}

void initrd_add_init(struct initrd *rd)
{
	struct blob b;

	blob_load(&b, find_init());
	initrd_file(rd, "init", 0755, b.data, b.len);
	free(b.data);
}
