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

/* kmemleak takes nothing younger than 5 s for a leak. */
#define KMEMLEAK_AGE_MS 6000

static void load_file(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), GUEST_MODULES "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open %s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		fail("cannot load module %s: %s", name, strerror(errno));
	close(fd);
	/* What is loaded need not be in a snapshot twice. */
	unlink(path);
}

void modules_early(const struct config *cfg)
{
	for (size_t i = 0; i < cfg->early.n; i++)
		load_file(cfg->early.v[i]);
}

/* "NAME SIZE PARAMETERS"; return the size, which is that of the contents at @data. */
static size_t load_late(const char *entry, const char *data, size_t left)
{
	char *params = "";
	size_t size = 0;

	if (strchr(entry, ' '))
		size = strtoul(strchr(entry, ' '), &params, 10);
	if (!size || size > left)
		fail("the host sent no module %s", entry);
	if (syscall(SYS_init_module, data, size, params + strspn(params, " ")) &&
	    errno != EEXIST)
		fail("cannot load module %s: %s", entry, strerror(errno));
	return size;
}

/* With it, waiting for all CPUs takes no time. Hooks wait for that again and again. */
static void expedite(const char *value)
{
	int fd = open("/sys/kernel/rcu_expedited", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, 1) != 1)
		fail("cannot set rcu_expedited: %s", strerror(errno));
	close(fd);
}

/* Loaded from the caller's root, so that the kernel finds modprobe there. */
void modules_late(const struct config *cfg)
{
	size_t off = 0;

	expedite("1");
	for (size_t i = 0; i < cfg->late.n; i++)
		off += load_late(cfg->late.v[i], cfg->modules + off,
				 cfg->modules_len - off);
	expedite("0");
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

/*
 * Where the kernel has kmemleak: what nothing refers to now that the modules are gone. All
 * of it goes to the console, the first line into the text.
 */
static void scan_memory(char *text, size_t len)
{
	int fd = open("/sys/kernel/debug/kmemleak", O_RDWR | O_CLOEXEC), kmsg;
	char line[1024];
	FILE *report;

	if (fd < 0)
		return;
	ms_sleep(KMEMLEAK_AGE_MS);
	report = fdopen(fd, "r");
	if (!report || write(fd, "scan", 4) != 4) {
		snprintf(text, len, "kmemleak cannot scan: %s", strerror(errno));
		close(fd);
		return;
	}
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	while (fgets(line, sizeof(line), report)) {
		dprintf(kmsg, "<4>kmemleak: %s", line);
		line[strcspn(line, "\n")] = '\0';
		if (!text[0])
			snprintf(text, len, "kmemleak: %s", line);
	}
	close(kmsg);
	fclose(report);
}

/* Leave in text why the run was not clean, or nothing. */
void modules_check(const struct config *cfg, char *text, size_t len)
{
	text[0] = '\0';
	for (size_t i = cfg->ours.n; i-- > 0;) {
		char name[128];

		snprintf(name, sizeof(name), "%.*s",
			 (int)strcspn(cfg->ours.v[i], "."), cfg->ours.v[i]);
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
	if (!text[0])
		scan_memory(text, len);
}
