// SPDX-License-Identifier: GPL-2.0
/* Starting COMMAND as the caller would have: descriptors, user, directory. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../include/softsgx/personality.h"
#include "init.h"

#define PIPE_SIZE 1048576
#define EXIT_CANNOT_EXEC 126
#define EXIT_NOT_FOUND 127

struct ends {
	int guest[3]; /* kept by this process, or -1 */
	int command[3]; /* become COMMAND's 0, 1 and 2; -1: closed */
};

static void make_pipe(struct ends *ends, int nr)
{
	int fd[2];
	int mine = nr == STDIN_FILENO;

	if (pipe2(fd, O_CLOEXEC))
		fail("cannot create a pipe: %s", strerror(errno));
	fcntl(fd[0], F_SETPIPE_SZ, PIPE_SIZE);
	ends->guest[nr] = fd[mine];
	ends->command[nr] = fd[!mine];
	fcntl(fd[mine], F_SETFL, O_NONBLOCK);
}

/*
 * Where the host's terminal still edits lines and echoes, ours must not do so
 * again: it passes on whole lines, and the end-of-file key as such.
 */
static void set_cooked(struct termios *t)
{
	t->c_iflag &= ~(ICRNL | IXON | INLCR | IGNCR);
	t->c_oflag &= ~OPOST;
	t->c_lflag &= ~(ECHO | ECHONL | ISIG | IEXTEN);
	t->c_lflag |= ICANON;
	t->c_cc[VEOF] = 4;
	t->c_cc[VERASE] = _POSIX_VDISABLE;
	t->c_cc[VKILL] = _POSIX_VDISABLE;
	t->c_cc[VEOL] = _POSIX_VDISABLE;
}

static int make_terminal(const struct config *cfg, int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios t;

	if (master < 0 || grantpt(master) || unlockpt(master))
		fail("cannot create a terminal: %s", strerror(errno));
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0)
		fail("cannot open the terminal: %s", strerror(errno));
	if (fchown(*slave, cfg->uid, -1))
		fail("cannot give away the terminal: %s", strerror(errno));
	ioctl(*slave, TIOCSWINSZ, &cfg->winsz);
	tcgetattr(*slave, &t);
	if (cfg->have_termios)
		t = cfg->termios;
	if (!cfg->raw)
		set_cooked(&t);
	tcsetattr(*slave, TCSANOW, &t);
	return master;
}

static void become_caller(const struct config *cfg)
{
	if (setgroups(cfg->ngroups, cfg->groups) ||
	    setresgid(cfg->gid, cfg->gid, cfg->gid) ||
	    setresuid(cfg->uid, cfg->uid, cfg->uid)) {
		dprintf(STDERR_FILENO, "softsgx: cannot become user %u: %s\n",
			cfg->uid, strerror(errno));
		_exit(EXIT_CANNOT_EXEC);
	}
	umask(cfg->umask);
}

static void exec_command(const struct config *cfg, const struct ends *ends,
			 bool terminal)
{
	sigset_t none;

	setsid();
	for (int i = 0; i < 3; i++) {
		if (ends->command[i] < 0)
			close(i);
		else
			dup2(ends->command[i], i);
	}
	for (int i = 0; i < 3 && terminal; i++)
		if (cfg->tty[i] && !ioctl(i, TIOCSCTTY, 0))
			break;
	become_caller(cfg);
	if (cfg->cpuid)
		personality(PER_LINUX | SOFTSGX_PER_CPUID);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	environ = cfg->env.n ? cfg->env.v : (char *[]){ NULL };
	execvp(cfg->args.v[0], cfg->args.v);
	dprintf(STDERR_FILENO, "softsgx: cannot run %s: %s\n", cfg->args.v[0],
		strerror(errno));
	_exit(errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND :
						    EXIT_CANNOT_EXEC);
}

void command_start(const struct config *cfg, struct command *cmd)
{
	struct ends ends;
	bool terminal = cfg->tty[0] || cfg->tty[1] || cfg->tty[2];
	int slave = -1;

	if (chdir(cfg->cwd))
		fail("cannot enter %s in the VM: %s", cfg->cwd,
		     strerror(errno));
	cmd->master = terminal ? make_terminal(cfg, &slave) : -1;
	for (int i = 0; i < 3; i++) {
		if (cfg->tty[i]) {
			ends.guest[i] = cmd->master;
			ends.command[i] = slave;
		} else if (cfg->closed[i]) {
			ends.guest[i] = -1;
			ends.command[i] = -1;
		} else {
			make_pipe(&ends, i);
		}
	}
	cmd->pid = fork();
	if (cmd->pid < 0)
		fail("cannot fork: %s", strerror(errno));
	if (!cmd->pid)
		exec_command(cfg, &ends, terminal);
	for (int i = 0; i < 3; i++)
		if (!cfg->tty[i] && !cfg->closed[i])
			close(ends.command[i]);
	cmd->slave = slave;
	cmd->in = ends.guest[STDIN_FILENO];
	cmd->out = ends.guest[STDOUT_FILENO];
	cmd->err = ends.guest[STDERR_FILENO];
}
