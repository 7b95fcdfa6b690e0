// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel modules the guest needs, in the order to load them.
 *
 * The kernel's list of files says where a module is, and the module itself
 * what it depends on, so an unpacked package does without depmod.
 */
#include <elf.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* To find the root directory and the channels with. */
static const char *const needed[] = {
	"virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay",
};

/* With an initial RAM disk: for that. Without: for the description of the run. */
struct modules {
	const struct kernel *k;
	struct initrd *rd;
	struct blob *config, *data;
	struct list files, builtin; /* paths below moddir */
	struct list done; /* names */
};

/* Is the file at path (up to '.') module name? '-' and '_' are the same. */
static bool names_module(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');

	for (base = base ? base + 1 : path; *name; base++, name++) {
		char a = *base == '-' ? '_' : *base;
		char b = *name == '-' ? '_' : *name;

		if (a != b)
			return false;
	}
	return *base == '.';
}

static const char *find_name(const struct list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (names_module(list->v[i], name))
			return list->v[i];
	return NULL;
}

/* Lines of "PATH" or "PATH: DEPENDENCIES". */
static void read_list(struct list *list, const char *dir, const char *file)
{
	char *path = xprintf("%s/%s", dir, file);
	struct blob b;
	char *line, *save;

	if (exists(path)) {
		blob_load(&b, path);
		for (line = strtok_r(b.data, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			line[strcspn(line, ":")] = '\0';
			list_add(list, line);
		}
	}
	free(path);
}

/* The .modinfo section: "key=value" strings. */
static const char *get_modinfo(const struct blob *b, const char *key)
{
	const Elf64_Ehdr *eh = (const void *)b->data;
	const Elf64_Shdr *sh, *names;
	size_t len = strlen(key);

	if (b->len < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_shoff + (uint64_t)eh->e_shnum * sizeof(*sh) > b->len ||
	    eh->e_shstrndx >= eh->e_shnum)
		return NULL;
	sh = (const void *)(b->data + eh->e_shoff);
	names = sh + eh->e_shstrndx;
	for (int i = 0; i < eh->e_shnum; i++) {
		const char *p = b->data + sh[i].sh_offset;
		const char *end = p + sh[i].sh_size;

		if (strcmp(b->data + names->sh_offset + sh[i].sh_name,
			   ".modinfo"))
			continue;
		for (; p < end; p += strlen(p) + 1)
			if (!strncmp(p, key, len) && p[len] == '=')
				return p + len + 1;
	}
	return NULL;
}

static bool is_done(struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->done.n; i++)
		if (!strcmp(m->done.v[i], name))
			return true;
	list_add(&m->done, xstrdup(name));
	return false;
}

static void add_by_name(struct modules *m, const char *name);

/*
 * "pre: NAMES": what the module will ask modprobe for, which the guest's root may not
 * have. It says itself what is wrong if one of them is missing.
 */
static void add_soft_dependencies(struct modules *m, const struct blob *b)
{
	const char *softdep = get_modinfo(b, "softdep");
	char *copy, *name, *save;

	if (!softdep || strncmp(softdep, "pre: ", 5))
		return;
	copy = xstrdup(softdep + 5);
	for (name = strtok_r(copy, " ", &save); name;
	     name = strtok_r(NULL, " ", &save))
		if (!strchr(name, ':') && find_name(&m->files, name))
			add_by_name(m, name);
	free(copy);
}

static void add_dependencies(struct modules *m, const struct blob *b,
			     const char *path)
{
	const char *depends = get_modinfo(b, "depends");
	char *copy, *name, *save;

	if (!depends)
		die("%s is not a kernel module", path);
	copy = xstrdup(depends);
	for (name = strtok_r(copy, ",", &save); name;
	     name = strtok_r(NULL, ",", &save))
		add_by_name(m, name);
	free(copy);
	if (!m->rd)
		add_soft_dependencies(m, b);
}

static void put_early(struct modules *m, const char *base, const struct blob *b)
{
	char *name = xprintf("%s/%s.ko", GUEST_MODULES + 1, base);

	initrd_file(m->rd, name, 0644, b->data, b->len);
	blob_print(m->config, "early=%s.ko", base);
	free(name);
}

/* "NAME SIZE" or "NAME SIZE PARAMETERS" */
static void put_late(struct modules *m, const char *key, const char *base,
		     const char *params, const struct blob *b)
{
	blob_print(m->config, "%s=%s.ko %zu%s%s", key, base, b->len,
		   *params ? " " : "", params);
	blob_add(m->data, b->data, b->len);
}

/* @key: "late" for what is to be unloaded with --check, "base" for what it needs */
static void add_file(struct modules *m, const char *path, const char *key,
		     const char *params)
{
	char *copy = xstrdup(path), *base = basename(copy);
	struct blob b;

	/* "softsgx.ko.xz" is unpacked here and has become "softsgx.ko". */
	*strstr(base, ".ko") = '\0';
	blob_load(&b, path);
	add_dependencies(m, &b, path);
	if (m->rd)
		put_early(m, base, &b);
	else
		put_late(m, key, base, params, &b);
	free(b.data);
	free(copy);
}

static void add_by_name(struct modules *m, const char *name)
{
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };
	const char *file;
	int len;

	if (is_done(m, name) || find_name(&m->builtin, name))
		return;
	file = find_name(&m->files, name);
	if (!file)
		die("kernel %s has no module %s", m->k->release, name);
	len = strstr(file, ".ko") + 3 - file;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char *path = xprintf("%s/%.*s%s", m->k->moddir, len, file,
				     suffixes[i]);
		bool found = exists(path);

		if (found)
			add_file(m, path, "base", "");
		free(path);
		if (found)
			return;
	}
	die("kernel %s lacks the file of module %s", m->k->release, name);
}

static void add_late(struct modules *m, const char *path, const char *params)
{
	if (!strstr(path, ".ko"))
		die("%s is not a kernel module", path);
	add_file(m, path, "late", params);
}

/* What softsgx_cpu is loaded with; the caller frees it. */
static char *cpu_params(const struct run_options *o)
{
	char *params = xprintf("epc=%lluK%s%s",
			       (unsigned long long)o->epc / 1024,
			       o->model ? " model=" : "",
			       o->model ? o->model : "");

	for (size_t i = 0; i < o->params.n; i++) {
		char *more = xprintf("%s %s", params, o->params.v[i]);

		free(params);
		params = more;
	}
	return params;
}

static void read_lists(struct modules *m)
{
	read_list(&m->builtin, m->k->moddir, "modules.builtin");
	read_list(&m->files, m->k->moddir, "modules.dep");
	if (!m->files.n)
		read_list(&m->files, m->k->moddir, "modules.order");
}

/* All that is needed until the guest is ready */
void modules_early(struct initrd *rd, const struct kernel *k)
{
	struct blob config = { 0 };
	struct modules m = { .k = k, .rd = rd, .config = &config };

	read_lists(&m);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		add_by_name(&m, needed[i]);
	initrd_file(rd, GUEST_CONFIG + 1, 0600, config.data, config.len);
	free(config.data);
}

/* Ours, those of --module, and what they need, even if it is loaded already. */
void modules_late(struct blob *config, struct blob *data, const struct kernel *k,
		  const struct run_options *o)
{
	struct modules m = { .k = k, .config = config, .data = data };
	char *params = cpu_params(o);

	if (!o->no_modules || o->modules.n)
		read_lists(&m);
	is_done(&m, "softsgx_cpu");
	is_done(&m, "softsgx");
	if (!o->no_modules) {
		add_late(&m, k->sgx[0], params);
		add_late(&m, k->sgx[1], "");
	}
	for (size_t i = 0; i < o->modules.n; i++)
		add_late(&m, o->modules.v[i], "");
	free(params);
}
