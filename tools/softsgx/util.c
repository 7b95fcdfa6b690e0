// SPDX-License-Identifier: GPL-2.0
/* Errors, strings, files. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

/* Always one line, whatever a file name or a kernel message has in it. */
static void vcomplain(const char *fmt, va_list ap)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	for (char *p = line; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	fflush(stdout);
	dprintf(STDERR_FILENO, "softsgx: %s\n", line);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	exit(EXIT_SOFTSGX);
}

void *xalloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		die("out of memory");
	return p;
}

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	return s;
}

char *xstrdup(const char *s)
{
	return xprintf("%s", s);
}

/* Digits and at most one of K, M, G, T. */
bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*size = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, toupper((unsigned char)*end));
	if (!unit || end[1])
		return false;
	for (int i = unit - units; i >= 0; i--)
		if (__builtin_mul_overflow(*size, 1024, size))
			return false;
	return true;
}

bool parse_number(const char *text, unsigned long *n)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*n = strtoul(text, &end, 10);
	return !errno && !*end;
}

bool write_full(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			/* Someone we share the descriptor with made it so. */
			poll(&pfd, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* The path of a program in PATH, or NULL. */
char *find_program(const char *name)
{
	const char *dirs = getenv("PATH");

	if (!dirs || !*dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	while (*dirs) {
		int len = strcspn(dirs, ":");
		char *path = xprintf("%.*s/%s", len, dirs, name);

		if (len && !access(path, X_OK))
			return path;
		free(path);
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

/* Where this program was started from: its companions are beside it. */
char *exe_dir(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		die("cannot find my own program: is /proc mounted?");
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return xstrdup(path[0] ? path : "/");
}

/* The user's cache directory for softsgx, made if missing; NULL: none. */
char *cache_dir(void)
{
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char *base, *dir;

	if (xdg && xdg[0] == '/')
		base = xstrdup(xdg);
	else if (home && home[0] == '/')
		base = xprintf("%s/.cache", home);
	else
		return NULL;
	dir = xprintf("%s/softsgx", base);
	mkdir(base, 0700);
	mkdir(dir, 0755);
	free(base);
	return dir;
}

/*
 * A file in $TMPDIR that has lost its name before anything is written to it:
 * no way of ending can leave it behind.
 */
int temp_file(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xprintf("%s/softsgx-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	char *file;
	int fd;

	if (!mkdtemp(dir))
		die("cannot create a directory like %s: %s", dir,
		    strerror(errno));
	file = xprintf("%s/file", dir);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		int error = errno;

		rmdir(dir);
		die("cannot create %s: %s", file, strerror(error));
	}
	unlink(file);
	rmdir(dir);
	free(file);
	free(dir);
	return fd;
}
