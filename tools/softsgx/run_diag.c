// SPDX-License-Identifier: GPL-2.0
/* Saying in one line why there is no exit status to pass on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run.h"

/* What tells most comes first. */
static const char *const telling[] = {
	CONSOLE_FAIL,
	"Kernel panic - not syncing: ",
	"BUG: ",
	"Oops: ",
};

/* Line up to its end in buf, without "[    1.234567] " or " [T1]". */
static void copy_line(char *buf, size_t size, const char *line)
{
	size_t len = strcspn(line, "\r\n");

	if (len >= size)
		len = size - 1;
	memcpy(buf, line, len);
	buf[len] = '\0';
}

static bool find_line(const struct blob *log, const char *what, char *buf,
		      size_t size)
{
	const char *at = strstr(log->data, what);

	if (at)
		copy_line(buf, size, at);
	return at;
}

/* panic_on_warn names itself only: say which warning it was, too. */
static void add_warning(const struct blob *log, char *buf, size_t size)
{
	char warning[256];
	size_t len = strlen(buf);

	if (strstr(buf, "panic_on_warn") &&
	    find_line(log, "WARNING: ", warning, sizeof(warning)))
		snprintf(buf + len, size - len, " (%s)", warning);
}

static void read_text(struct blob *b, int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		blob_read(b, fd, "the console's log");
	else
		blob_add(b, "", 0);
	/* Firmware may print zeros: keep the text searchable. */
	for (size_t i = 0; i < b->len; i++)
		if (!b->data[i])
			b->data[i] = ' ';
}

void diagnose(struct vm *vm, const char *when)
{
	struct blob log = { 0 }, errors = { 0 };
	char line[512];

	terminal_restore();
	read_text(&log, vm->console);
	read_text(&errors, vm->errors);
	for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
		if (!find_line(&log, telling[i], line, sizeof(line)))
			continue;
		add_warning(&log, line, sizeof(line));
		die("the VM %s: %s", when, line);
	}
	if (errors.len) {
		copy_line(line, sizeof(line), errors.data);
		die("the VM %s: %s", when, line);
	}
	die("the VM %s: use --log FILE to see its console", when);
}
