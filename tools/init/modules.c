// SPDX-License-Identifier: GPL-2.0
/* Loading kernel modules, and the verdict of --check when all is over. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

/* Teardown in the modules may be asynchronous: a reference may drop late. */
#define UNLOAD_WAIT_MS 10000

static int *late_fds;

static int open_module(const char *entry, const char **params)
{
	char path[512];
	const char *space = strchr(entry, ' ');
	int len = space ? space - entry : (int)strlen(entry);
	int fd;

	snprintf(path, sizeof(path), GUEST_MODULES "/%.*s", len, entry);
	*params = space ? space + 1 : "";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open %s: %s", path, strerror(errno));
	return fd;
}

static void insert(int fd, const char *entry, const char *params)
{
	if (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST)
		fail("cannot load module %s: %s", entry, strerror(errno));
	close(fd);
}

void modules_early(const struct config *cfg)
{
	const char *params;

	for (size_t i = 0; i < cfg->early.n; i++) {
		int fd = open_module(cfg->early.v[i], &params);

		insert(fd, cfg->early.v[i], params);
	}
}

/* The files are out of reach once the root directory is another one. */
void modules_open_late(const struct config *cfg)
{
	const char *params;

	late_fds = calloc(cfg->late.n + 1, sizeof(*late_fds));
	if (!late_fds)
		fail("out of memory");
	for (size_t i = 0; i < cfg->late.n; i++)
		late_fds[i] = open_module(cfg->late.v[i], &params);
}

/* Loaded from the caller's root, so that the kernel finds modprobe there. */
void modules_late(const struct config *cfg)
{
	for (size_t i = 0; i < cfg->late.n; i++) {
		const char *space = strchr(cfg->late.v[i], ' ');

		insert(late_fds[i], cfg->late.v[i], space ? space + 1 : "");
	}
	chmod("/dev/sgx_enclave", 0666);
	chmod("/dev/sgx_provision", 0666);
}

static bool unload(const char *name)
{
	for (int ms = 0; ms < UNLOAD_WAIT_MS; ms += 20) {
		if (!syscall(SYS_delete_module, name, O_NONBLOCK))
			return true;
		if (errno == ENOENT)
			return true;
		if (errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK)
			return false;
		ms_sleep(20);
	}
	return false;
}

static bool is_bad_line(const char *line)
{
	static const char *const bad[] = {
		"WARNING: ",
		"BUG: ",
		"kernel BUG at",
		"KASAN",
		"KCSAN: ",
		"KFENCE: ",
		"UBSAN: ",
		"Oops",
		"INFO: possible",
		"possible recursive locking",
		"suspicious RCU",
		"bad unlock balance",
		"inconsistent lock state",
		"held lock freed",
		"still has locks held",
		"lock held when returning",
		"sleeping function called",
		"scheduling while atomic",
		"INFO: task ",
		"detected stall",
		"refcount_t: ",
		"ODEBUG: ",
		"general protection fault,",	/* the kernel's own, not "traps: PROGRAM ..." */
		"general protection fault:",
		"unable to handle",
		"unreferenced object",
		"suspected memory leaks",
		"list_add corruption",
		"list_del corruption",
		"Objects remaining in",
		"Bad page state",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (strstr(line, bad[i]))
			return true;
	return false;
}

/* A user program that crashes is no fault of the kernel. */
static bool is_kernel_line(const char *record)
{
	return strtoul(record, NULL, 10) < 8;
}

static void scan_log(char *text, size_t len)
{
	char record[8192];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	for (;;) {
		char *line;

		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* records were overwritten: go on */
		if (n <= 0)
			break;
		record[n] = '\0';
		line = strchr(record, ';');
		if (!line || !is_kernel_line(record) || !is_bad_line(line))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, len, "kernel log: %s", line + 1);
		break;
	}
	close(fd);
}

/* Leave in text why the run was not clean, or nothing. */
void modules_check(const struct config *cfg, char *text, size_t len)
{
	text[0] = '\0';
	for (size_t i = cfg->late.n; i-- > 0;) {
		char name[128];

		snprintf(name, sizeof(name), "%.*s",
			 (int)strcspn(cfg->late.v[i], "."), cfg->late.v[i]);
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		if (unload(name))
			continue;
		snprintf(text, len, "module %s cannot be unloaded: %s", name,
			 strerror(errno));
		return;
	}
	scan_log(text, len);
}
