// SPDX-License-Identifier: GPL-2.0
/* The caller's surroundings, written down for softsgx-init. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

static void add_hex(struct blob *b, const char *key, const void *data,
		    size_t len)
{
	const unsigned char *p = data;
	char *hex = xalloc(NULL, 2 * len + 1);

	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", p[i]);
	blob_print(b, "%s=%s", key, hex);
	free(hex);
}

/* Guests that start from one snapshot must not throw the same dice. */
static void add_random(struct blob *b)
{
	unsigned char seed[RUN_SEED_SIZE];

	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		add_hex(b, "random", seed, sizeof(seed));
}

static void add_user(struct blob *b)
{
	int n = getgroups(0, NULL);
	gid_t *groups = xalloc(NULL, (n + 1) * sizeof(*groups));
	mode_t mask = umask(0);

	umask(mask);
	n = getgroups(n, groups);
	for (int i = 0; i < n; i++)
		blob_print(b, "group=%u", groups[i]);
	free(groups);
	blob_print(b, "uid=%u", getuid());
	blob_print(b, "gid=%u", getgid());
	blob_print(b, "umask=%u", mask);
}

static void add_terminal(struct blob *b, const struct terminal *t)
{
	struct winsize ws;

	blob_print(b, "tty=%d%d%d", t->tty[0], t->tty[1], t->tty[2]);
	blob_print(b, "closed=%d%d%d", t->closed[0], t->closed[1], t->closed[2]);
	if (t->raw)
		blob_print(b, "raw=1");
	for (int i = 0; i < 3; i++) {
		if (!t->tty[i])
			continue;
		if (!ioctl(i, TIOCGWINSZ, &ws))
			add_hex(b, "winsz", &ws, sizeof(ws));
		break;
	}
	if (t->saved)
		add_hex(b, "termios", &t->termios, sizeof(t->termios));
}

static void add_strings(struct blob *b, const char *key, char **v)
{
	while (v && *v)
		blob_print(b, "%s=%s", key, *v++);
}

static void config_write(struct blob *b, const struct run_options *o,
			 const struct kernel *k, const struct terminal *t)
{
	char cwd[PATH_MAX], hostname[HOST_NAME_MAX + 1] = "softsgx";

	if (!getcwd(cwd, sizeof(cwd)))
		die("cannot tell the current directory: %s", strerror(errno));
	gethostname(hostname, sizeof(hostname) - 1);
	add_strings(b, "arg", o->command);
	add_strings(b, "env", environ);
	add_strings(b, "rw", o->rw.v);
	blob_print(b, "cwd=%s", cwd);
	blob_print(b, "hostname=%s", hostname);
	blob_print(b, "release=%s", k->release);
	if (!k->installed)
		blob_print(b, "moddir=%s", k->moddir);
	if (!o->no_cpuid && !o->no_modules)
		blob_print(b, "cpuid=1");
	if (o->check)
		blob_print(b, "check=1");
	add_user(b);
	add_terminal(b, t);
	add_random(b);
}

/* struct run_head, the strings, the modules */
void describe_run(struct blob *b, const struct run_options *o,
		  const struct kernel *k, const struct terminal *t)
{
	struct blob config = { 0 }, modules = { 0 };
	struct run_head head;

	config_write(&config, o, k, t);
	modules_late(&config, &modules, k, o);
	head.config_len = config.len;
	head.modules_len = modules.len;
	blob_add(b, &head, sizeof(head));
	blob_add(b, config.data, config.len);
	blob_add(b, modules.data, modules.len);
	free(config.data);
	free(modules.data);
}
