// SPDX-License-Identifier: GPL-2.0
/*
 * The file tree of the guest: the caller's root directory, read-only over 9p,
 * below an overlay in memory, so that COMMAND may write anywhere and nothing
 * of it lasts; then the kernel's own file systems and the --rw directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define NEWROOT "/newroot"
#define LOWER "/lower"
#define UPPER "/upper"

/* The transport's largest message: fewer, larger ones cost less under TCG. */
#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=1048576"

struct fs_mount {
	const char *type, *target, *options;
	unsigned long flags;
	bool optional;
};

/* No MS_NOEXEC on /dev: enclave pages are mapped executable from there. */
static const struct fs_mount early_mounts[] = {
	{ "devtmpfs", "/dev", "mode=755", MS_NOSUID, false },
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
};

/* Mounted in this order in the new root. */
static const struct fs_mount root_mounts[] = {
	{ "devpts", NEWROOT "/dev/pts", "gid=5,mode=620,ptmxmode=666",
	  MS_NOSUID | MS_NOEXEC, false },
	{ "tmpfs", NEWROOT "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV,
	  false },
	{ "mqueue", NEWROOT "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV, true },
	{ "cgroup2", NEWROOT "/sys/fs/cgroup", NULL,
	  MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	/* For all to look in: what may be written has a mode of its own. */
	{ "debugfs", NEWROOT "/sys/kernel/debug", "mode=755", 0, true },
	{ "tracefs", NEWROOT "/sys/kernel/tracing", NULL, 0, true },
};

static void mount_one(const struct fs_mount *m)
{
	if (mount(m->type, m->target, m->type, m->flags, m->options) &&
	    !m->optional)
		fail("cannot mount %s on %s: %s", m->type, m->target,
		     strerror(errno));
}

void fs_early(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(early_mounts); i++) {
		mkdir(early_mounts[i].target, 0755);
		mount_one(&early_mounts[i]);
	}
}

static void mount_overlay(void)
{
	mkdir(LOWER, 0755);
	mkdir(UPPER, 0755);
	mkdir(NEWROOT, 0755);
	/*
	 * The host's files do not change under COMMAND's feet often enough to
	 * ask about each of them again, so cache what was seen.
	 */
	if (mount(TAG_ROOT, LOWER, "9p", MS_RDONLY,
		  P9_OPTIONS ",cache=loose,access=any"))
		fail("cannot mount the host's root directory: %s",
		     strerror(errno));
	if (mount("upper", UPPER, "tmpfs", 0, "mode=755,size=75%"))
		fail("cannot mount a tmpfs: %s", strerror(errno));
	mkdir(UPPER "/data", 0755);
	mkdir(UPPER "/work", 0755);
	/* redirect_dir: let rename() of the host's directories work. */
	if (mount("overlay", NEWROOT, "overlay", 0,
		  "lowerdir=" LOWER ",upperdir=" UPPER "/data,workdir=" UPPER
		  "/work,redirect_dir=on"))
		fail("cannot mount the overlay: %s", strerror(errno));
}

static void move_mounts(void)
{
	char to[64];

	for (size_t i = 0; i < ARRAY_SIZE(early_mounts); i++) {
		snprintf(to, sizeof(to), NEWROOT "%s", early_mounts[i].target);
		mkdir(to, 0755);
		if (mount(early_mounts[i].target, to, NULL, MS_MOVE, NULL))
			fail("cannot move %s: %s", early_mounts[i].target,
			     strerror(errno));
	}
}

static void device_links(void)
{
	symlink("/proc/self/fd", NEWROOT "/dev/fd");
	symlink("fd/0", NEWROOT "/dev/stdin");
	symlink("fd/1", NEWROOT "/dev/stdout");
	symlink("fd/2", NEWROOT "/dev/stderr");
}

/*
 * Let modprobe find the modules of a kernel that is unpacked somewhere else;
 * what the host has in /lib/modules/RELEASE (headers) stays visible below.
 */
static void mount_modules(const struct config *cfg)
{
	char from[4096], to[512], options[8192];

	snprintf(from, sizeof(from), LOWER "%s", cfg->moddir);
	snprintf(to, sizeof(to), NEWROOT "/lib/modules/%s", cfg->release);
	make_dirs(to);
	snprintf(options, sizeof(options),
		 "lowerdir=%s:" LOWER "/lib/modules/%s", from, cfg->release);
	if (mount("overlay", to, "overlay", MS_RDONLY, options))
		mount(from, to, NULL, MS_BIND, NULL);
}

static void mount_rw(size_t nr, const char *dir)
{
	char tag[16], to[4096 + sizeof(NEWROOT)];

	snprintf(tag, sizeof(tag), TAG_RW "%zu", nr);
	snprintf(to, sizeof(to), NEWROOT "%s", dir);
	make_dirs(to);
	/* mmap: as little caching as shared writable mappings allow. */
	if (mount(tag, to, "9p", 0, P9_OPTIONS ",cache=mmap"))
		fail("cannot mount %s: %s", dir, strerror(errno));
}

void fs_root(const struct config *cfg)
{
	mount_overlay();
	move_mounts();
	for (size_t i = 0; i < ARRAY_SIZE(root_mounts); i++) {
		mkdir(root_mounts[i].target, 0755);
		mount_one(&root_mounts[i]);
	}
	device_links();
	if (cfg->moddir)
		mount_modules(cfg);
	for (size_t i = 0; i < cfg->rw.n; i++)
		mount_rw(i, cfg->rw.v[i]);
}

void fs_enter(void)
{
	if (chdir(NEWROOT) || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fail("cannot enter the root directory: %s", strerror(errno));
}
