// SPDX-License-Identifier: GPL-2.0
/*
 * Finding a kernel: its image, its drivers, and our modules built for it.
 *
 * An image may be installed, or unpacked from its Debian package without root
 * (scripts/fetch-kernel) into a directory named after the release.
 */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static const char *const sgx_names[2] = { "softsgx_cpu.ko", "softsgx.ko" };

/* Directories that hold one directory per unpacked release. */
static void kernel_dirs(struct list *dirs)
{
	const char *env = getenv("SOFTSGX_KERNELS");
	char *cache = cache_dir();

	memset(dirs, 0, sizeof(*dirs));
	if (env && *env)
		list_add(dirs, xstrdup(env));
	if (cache)
		list_add(dirs, xprintf("%s/kernels", cache));
	list_add(dirs, xprintf("%s/kernels", exe_dir()));
}

/* A directory with headers only has no list of what is built in. */
static char *find_moddir(const char *root, const char *release)
{
	static const char *const libs[] = { "lib", "usr/lib" };

	for (size_t i = 0; i < 2; i++) {
		char *dir = xprintf("%s/%s/modules/%s", root, libs[i], release);
		char *list = xprintf("%s/modules.builtin", dir);
		bool found = exists(list);

		free(list);
		if (found)
			return dir;
		free(dir);
	}
	return NULL;
}

static bool find_in(struct kernel *k, const char *root, const char *release)
{
	char *image = xprintf("%s/boot/vmlinuz-%s", root, release);
	char *moddir = find_moddir(root, release);

	if (!moddir || access(image, R_OK)) {
		free(image);
		free(moddir);
		return false;
	}
	k->release = xstrdup(release);
	k->image = image;
	k->moddir = moddir;
	k->installed = !*root;
	return true;
}

static bool find_kernel(struct kernel *k, const char *release)
{
	struct list dirs;

	if (strchr(release, '/') || !*release)
		return false;
	if (find_in(k, "", release))
		return true;
	kernel_dirs(&dirs);
	for (size_t i = 0; i < dirs.n; i++)
		if (find_in(k, xprintf("%s/%s", dirs.v[i], release), release))
			return true;
	return false;
}

/* nftw() passes no context. */
static struct kernel *walk_kernel;

static int walk_file(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)st;
	for (int i = 0; i < 2 && type == FTW_F; i++) {
		const char *name = path + ftw->base;
		size_t len = strlen(sgx_names[i]);

		if (!strncmp(name, sgx_names[i], len) &&
		    (!name[len] || name[len] == '.'))
			walk_kernel->sgx[i] = xstrdup(path);
	}
	return 0;
}

/* Built here, else installed by DKMS or by hand. */
static bool find_sgx(struct kernel *k, const char *release)
{
	char *updates = xprintf("/lib/modules/%s/updates", release);

	for (int i = 0; i < 2; i++) {
		k->sgx[i] = xprintf("%s/kmod/%s/%s", exe_dir(), release,
				    sgx_names[i]);
		if (!exists(k->sgx[i]))
			k->sgx[i] = NULL;
	}
	if (!k->sgx[0] || !k->sgx[1]) {
		k->sgx[0] = NULL;
		k->sgx[1] = NULL;
		walk_kernel = k;
		nftw(updates, walk_file, 8, FTW_PHYS);
	}
	free(updates);
	return k->sgx[0] && k->sgx[1];
}

/* Add the names in a directory that start with prefix, without it. */
static void add_releases(struct list *list, const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	size_t len = strlen(prefix);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, len))
			list_add(list, xstrdup(e->d_name + len));
	closedir(d);
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

static bool find_newest(struct kernel *k, bool need_sgx)
{
	struct list dirs, releases = { 0 };

	kernel_dirs(&dirs);
	add_releases(&releases, xprintf("%s/kmod", exe_dir()), "");
	add_releases(&releases, "/boot", "vmlinuz-");
	for (size_t i = 0; i < dirs.n; i++)
		add_releases(&releases, dirs.v[i], "");
	if (releases.n)
		qsort(releases.v, releases.n, sizeof(*releases.v), by_version);
	for (size_t i = 0; i < releases.n; i++) {
		/* Slow, and for those who ask for it by name. */
		if (strstr(releases.v[i], "debug"))
			continue;
		if (need_sgx && !find_sgx(k, releases.v[i]))
			continue;
		if (find_kernel(k, releases.v[i]))
			return true;
	}
	return false;
}

void kernel_find(struct kernel *k, const char *release, bool need_sgx)
{
	memset(k, 0, sizeof(*k));
	if (!release) {
		if (find_newest(k, need_sgx))
			return;
		if (need_sgx)
			die("no kernel with modules built for it found: run make");
		die("no kernel found: install the Debian package linux-image-amd64");
	}
	if (!find_kernel(k, release))
		die("unknown kernel %s: install linux-image-%s, or use scripts/fetch-kernel",
		    release, release);
	if (need_sgx && !find_sgx(k, release))
		die("no modules built for kernel %s: run make", release);
}
