// SPDX-License-Identifier: GPL-2.0
/* The terminal softsgx was started on. */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

static struct termios saved;
static bool is_raw;

static bool is_plain_file(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode));
}

/*
 * Keys go through untouched when COMMAND has the terminal for itself. In a
 * pipeline they do not: the next program may want it (a pager), and the
 * terminal would be restored behind its back.
 */
void terminal_probe(struct terminal *t)
{
	bool out;

	for (int i = 0; i < 3; i++)
		t->tty[i] = isatty(i);
	out = t->tty[1] || (t->tty[2] && is_plain_file(STDOUT_FILENO));
	t->raw = t->tty[0] && out;
	t->saved = t->tty[0] && !tcgetattr(STDIN_FILENO, &t->termios);
}

void terminal_restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

void terminal_raw(struct terminal *t)
{
	struct termios raw;

	if (!t->raw || !t->saved)
		return;
	saved = t->termios;
	raw = saved;
	cfmakeraw(&raw);
	is_raw = true;
	atexit(terminal_restore);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}
