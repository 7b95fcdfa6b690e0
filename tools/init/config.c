// SPDX-License-Identifier: GPL-2.0
/*
 * What the host says: "key=value" strings, each ended by a NUL byte, so that any
 * argument or environment variable fits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

static void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		fail("out of memory");
	return p;
}

static void add_string(struct strings *list, char *s)
{
	list->v = grow(list->v, (list->n + 2) * sizeof(*list->v));
	list->v[list->n++] = s;
	list->v[list->n] = NULL;
}

static void add_group(struct config *cfg, const char *value)
{
	size_t size = (cfg->ngroups + 1) * sizeof(*cfg->groups);

	cfg->groups = grow(cfg->groups, size);
	cfg->groups[cfg->ngroups++] = strtoul(value, NULL, 10);
}

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Structures of the terminal travel as hexadecimal bytes. */
static bool from_hex(void *to, size_t size, const char *hex)
{
	unsigned char *p = to;

	if (strlen(hex) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++)
		p[i] = hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]);
	return true;
}

static struct strings *list_of(struct config *cfg, const char *key)
{
	const struct {
		const char *key;
		struct strings *list;
	} lists[] = {
		{ "arg", &cfg->args },	  { "env", &cfg->env },
		{ "early", &cfg->early }, { "base", &cfg->late },
		{ "late", &cfg->late },
		{ "rw", &cfg->rw },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!strcmp(lists[i].key, key))
			return lists[i].list;
	return NULL;
}

/* One for each standard descriptor */
static void set_flags(bool flags[3], const char *value)
{
	for (int i = 0; i < 3 && value[i]; i++)
		flags[i] = value[i] == '1';
}

static void set_text(struct config *cfg, const char *key, char *value)
{
	if (!strcmp(key, "cwd"))
		cfg->cwd = value;
	else if (!strcmp(key, "hostname"))
		cfg->hostname = value;
	else if (!strcmp(key, "release"))
		cfg->release = value;
	else if (!strcmp(key, "moddir"))
		cfg->moddir = value;
	else if (!strcmp(key, "winsz"))
		from_hex(&cfg->winsz, sizeof(cfg->winsz), value);
	else if (!strcmp(key, "random"))
		cfg->have_random =
			from_hex(cfg->random, sizeof(cfg->random), value);
	else if (!strcmp(key, "termios"))
		cfg->have_termios =
			from_hex(&cfg->termios, sizeof(cfg->termios), value);
	else if (!strcmp(key, "tty"))
		set_flags(cfg->tty, value);
	else if (!strcmp(key, "closed"))
		set_flags(cfg->closed, value);
	else
		fail("configuration: unknown key %s", key);
}

static void set_one(struct config *cfg, const char *key, char *value)
{
	struct strings *list = list_of(cfg, key);

	if (!strcmp(key, "late"))
		add_string(&cfg->ours, value);
	if (list)
		add_string(list, value);
	else if (!strcmp(key, "uid"))
		cfg->uid = strtoul(value, NULL, 10);
	else if (!strcmp(key, "gid"))
		cfg->gid = strtoul(value, NULL, 10);
	else if (!strcmp(key, "group"))
		add_group(cfg, value);
	else if (!strcmp(key, "umask"))
		cfg->umask = strtoul(value, NULL, 10);
	else if (!strcmp(key, "raw"))
		cfg->raw = true;
	else if (!strcmp(key, "cpuid"))
		cfg->cpuid = true;
	else if (!strcmp(key, "check"))
		cfg->check = true;
	else if (!strcmp(key, "probe"))
		cfg->probe = true;
	else
		set_text(cfg, key, value);
}

static char *read_whole(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *buf;
	size_t off = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		fail("cannot open %s: %s", path, strerror(errno));
	buf = grow(NULL, st.st_size + 1);
	while (off < (size_t)st.st_size) {
		n = read(fd, buf + off, st.st_size - off);
		if (n <= 0)
			fail("cannot read %s", path);
		off += n;
	}
	buf[off] = '\0';
	close(fd);
	*len = off;
	return buf;
}

/* The strings stay in use. */
void config_parse(struct config *cfg, char *p, size_t len)
{
	char *end = p + len;

	while (p < end) {
		char *next = p + strlen(p) + 1;
		char *value = strchr(p, '=');

		if (!value)
			fail("configuration: no value for %s", p);
		*value++ = '\0';
		set_one(cfg, p, value);
		p = next;
	}
}

void config_read(struct config *cfg)
{
	size_t len;
	char *p = read_whole(GUEST_CONFIG, &len);

	config_parse(cfg, p, len);
}
