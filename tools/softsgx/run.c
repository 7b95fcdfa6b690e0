// SPDX-License-Identifier: GPL-2.0
/*
 * softsgx run: a command in a throw-away VM that has SGX.
 *
 * The VM sees the caller's files, and what it writes to them is lost with it
 * unless --rw says otherwise. Nothing on the host needs root or a module.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static int open_console(const struct run_options *o)
{
	int fd;

	if (!o->log)
		return temp_file();
	fd = open(o->log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		die("--log %s: %s", o->log, strerror(errno));
	return fd;
}

static int make_initrd(const struct run_options *o, const struct kernel *k,
		       const struct terminal *t)
{
	struct initrd rd;
	struct blob config = { 0 };

	config_write(&config, o, k, t);
	initrd_start(&rd);
	initrd_add_init(&rd);
	modules_add(&rd, &config, k, o);
	initrd_file(&rd, GUEST_CONFIG + 1, 0600, config.data, config.len);
	initrd_finish(&rd);
	return rd.fd;
}

/* Whatever is not open would make room for our own descriptors there. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int cmd_run(int argc, char **argv)
{
	struct run_options o;
	struct kernel k;
	struct terminal t;
	struct vm vm;
	struct boot boot = { 0 };
	int sigfd;

	fill_standard_fds();
	run_options_parse(&o, argc, argv);
	qemu_check();
	kernel_find(&k, o.release, !o.no_modules);
	terminal_probe(&t);
	boot.console = open_console(&o);
	boot.initrd = make_initrd(&o, &k, &t);
	boot.image = image_open(&k);
	boot.accel = accel_choose(&k, boot.image);
	boot.mem = o.mem;
	boot.cpus = o.cpus;
	boot.append = o.append;
	boot.rw = &o.rw;
	sigfd = run_signals();
	qemu_start(&vm, &boot);
	return run_loop(&vm, &t, sigfd);
}
