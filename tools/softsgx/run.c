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

static int make_initrd(const struct kernel *k)
{
	struct initrd rd;

	initrd_start(&rd);
	initrd_add_init(&rd);
	modules_early(&rd, k);
	initrd_finish(&rd);
	return rd.fd;
}

/* Whatever is not open would make room for our own descriptors there. */
static void fill_standard_fds(bool closed[3])
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		closed[fd] = fcntl(fd, F_GETFD) < 0;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What a run is made of, whatever way the VM comes up */
struct run {
	struct boot boot;
	struct blob description;
	struct snapshot snapshot;
	struct vm vm;
	int sigfd;
};

static bool start_restored(struct run *r)
{
	bool good;

	r->boot.incoming = r->snapshot.fd;
	r->boot.monitor = false;
	qemu_start(&r->vm, &r->boot);
	good = snapshot_is_good(&r->snapshot);
	if (good && run_handshake(&r->vm, &r->description, r->sigfd, NULL, true))
		return true;
	complain("the snapshot %s: booting instead", good ? "does not start" : "is damaged");
	qemu_discard(&r->vm);
	snapshot_forget(&r->snapshot);
	return false;
}

static bool start_cold(struct run *r, struct snapshot *save)
{
	r->boot.incoming = -1;
	r->boot.monitor = save;
	qemu_start(&r->vm, &r->boot);
	return run_handshake(&r->vm, &r->description, r->sigfd, save, false);
}

/* Ends the program if no VM can be had. */
static void start(struct run *r, const struct kernel *k)
{
	struct snapshot *save = r->snapshot.path ? &r->snapshot : NULL;

	if (r->snapshot.fd >= 0 && start_restored(r))
		return;
	r->boot.initrd = make_initrd(k);
	if (start_cold(r, save))
		return;
	if (!save)
		diagnose(&r->vm, "did not boot");
	qemu_discard(&r->vm);
	if (!start_cold(r, NULL))
		diagnose(&r->vm, "did not boot");
}

int cmd_run(int argc, char **argv)
{
	static struct run run;
	struct run *r = &run;
	struct run_options o;
	struct kernel k;
	struct terminal t = {};

	fill_standard_fds(t.closed);
	run_options_parse(&o, argc, argv);
	qemu_check();
	kernel_find(&k, o.release, !o.no_modules);
	terminal_probe(&t);
	r->boot.console = open_console(&o);
	r->boot.image = image_open(&k);
	r->boot.accel = accel_choose(&k, r->boot.image);
	r->boot.mem = o.mem;
	r->boot.cpus = o.cpus;
	r->boot.nodes = o.nodes;
	r->boot.append = o.append;
	r->boot.rw = &o.rw;
	describe_run(&r->description, &o, &k, &t);
	snapshot_find(&r->snapshot, &o, &k, r->boot.accel);
	r->sigfd = run_signals();
	start(r, &k);
	return run_loop(&r->vm, &t, r->sigfd);
}
