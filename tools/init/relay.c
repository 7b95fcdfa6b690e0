// SPDX-License-Identifier: GPL-2.0
/*
 * Between the ports and COMMAND: three pumps for its standard descriptors, the
 * control channel, and the death of children. Everything is non-blocking; what
 * cannot go on yet holds back its own stream only.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

/* The port driver sends at most this much in one go. */
#define PUMP_SIZE 32768

/* What COMMAND last wrote to a terminal takes a moment to come through. */
#define TTY_GRACE_MS 50

#define END_UNKNOWN UINT64_MAX

struct pump {
	int from, to; /* -1: closed */
	size_t len, off;
	uint64_t total; /* bytes taken from "from" */
	uint64_t end; /* stop there, or END_UNKNOWN */
	int *owned; /* "from" or "to", whichever is COMMAND's */
	char buf[PUMP_SIZE];
};

/* The last one empties a terminal nobody on the host looks at. */
enum { PUMP_IN, PUMP_OUT, PUMP_ERR, PUMP_DROP, NPUMPS };

struct relay {
	const struct config *cfg;
	struct command *cmd;
	int ports[PORT_END];
	int sigfd;
	struct pump pump[NPUMPS];
	char frames[4 * FRAME_MAX];
	size_t frames_len;
	bool exited;
	int status;
	struct timespec exit_time;
};

static void pump_close(struct relay *r, struct pump *p, int *fd)
{
	/* The terminal has other users; the ports stay open to the end. */
	if (*fd != r->cmd->master && p->owned == fd)
		close(*fd);
	*fd = -1;
}

static void pump_fill(struct relay *r, struct pump *p)
{
	uint64_t left = p->end - p->total;
	ssize_t n;

	if (p->from < 0 || p->len || !left)
		return;
	n = read(p->from, p->buf, left < PUMP_SIZE ? left : PUMP_SIZE);
	if (n > 0) {
		p->len = n;
		p->off = 0;
		p->total += n;
	} else if (p->owned == &p->from && (!n || errno == EIO)) {
		pump_close(r, p, &p->from);
	}
}

static void pump_drain(struct relay *r, struct pump *p)
{
	while (p->len) {
		ssize_t n = p->len;

		if (p->to >= 0)
			n = write(p->to, p->buf + p->off, p->len);
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			/* No reader: take no more, and drop what there is. */
			pump_close(r, p, &p->to);
			p->from = -1;
			n = p->len;
		}
		p->off += n;
		p->len -= n;
	}
}

static void pump_run(struct relay *r, struct pump *p)
{
	pump_fill(r, p);
	pump_drain(r, p);
	if (p->to >= 0 && !p->len && p->total == p->end) {
		pump_close(r, p, &p->to);
		p->from = -1;
	}
}

static bool grace_is_over(const struct relay *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - r->exit_time.tv_sec) * 1000 +
		       (now.tv_nsec - r->exit_time.tv_nsec) / 1000000 >=
	       TTY_GRACE_MS;
}

/* With COMMAND dead: is all it wrote on its way to the host? */
static bool pump_is_done(const struct relay *r, const struct pump *p)
{
	struct pollfd pfd = { .fd = p->from, .events = POLLIN };

	if (p->len)
		return false;
	if (p->from < 0)
		return true;
	poll(&pfd, 1, 0);
	if (pfd.revents & POLLIN)
		return false;
	return p->from != r->cmd->master || grace_is_over(r);
}

static void reap(struct relay *r)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(r->sigfd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != r->cmd->pid)
			continue;
		r->exited = true;
		r->status = status;
		clock_gettime(CLOCK_MONOTONIC, &r->exit_time);
		/* From here on, reading the terminal may come to an end. */
		if (r->cmd->slave >= 0)
			close(r->cmd->slave);
	}
}

/* What a key would send goes to the whole job, the rest to COMMAND alone. */
static void send_signal(struct relay *r, int sig)
{
	pid_t pid = r->cmd->pid;

	if (!r->exited)
		kill(sig == SIGINT || sig == SIGQUIT ? -pid : pid, sig);
}

static void close_output(struct relay *r, uint32_t port)
{
	struct pump *p = &r->pump[port == PORT_OUT ? PUMP_OUT : PUMP_ERR];

	if (p->from == r->cmd->master)
		p->to = -1;
	else if (p->from >= 0)
		pump_close(r, p, &p->from);
	p->len = 0;
}

static void handle_frame(struct relay *r, const struct frame_head *head,
			 const char *data)
{
	int32_t sig;
	uint32_t port;

	switch (head->type) {
	case FRAME_WINSZ:
		if (r->cmd->master >= 0)
			ioctl(r->cmd->master, TIOCSWINSZ, data);
		break;
	case FRAME_SIGNAL:
		memcpy(&sig, data, sizeof(sig));
		send_signal(r, sig);
		break;
	case FRAME_STDIN_END:
		memcpy(&r->pump[PUMP_IN].end, data, sizeof(uint64_t));
		break;
	case FRAME_OUT_CLOSED:
		memcpy(&port, data, sizeof(port));
		close_output(r, port);
		break;
	}
}

static void read_frames(struct relay *r)
{
	struct frame_head head;
	ssize_t n = read(r->ports[PORT_CTL], r->frames + r->frames_len,
			 sizeof(r->frames) - r->frames_len);
	size_t off = 0;

	if (n <= 0)
		return;
	r->frames_len += n;
	while (r->frames_len - off >= sizeof(head)) {
		memcpy(&head, r->frames + off, sizeof(head));
		if (head.len > FRAME_MAX)
			fail("the host sent a broken frame");
		if (r->frames_len - off < sizeof(head) + head.len)
			break;
		handle_frame(r, &head, r->frames + off + sizeof(head));
		off += sizeof(head) + head.len;
	}
	memmove(r->frames, r->frames + off, r->frames_len - off);
	r->frames_len -= off;
}

static struct pollfd pump_pollfd(const struct pump *p)
{
	if (p->len)
		return (struct pollfd){ .fd = p->to, .events = POLLOUT };
	return (struct pollfd){ .fd = p->from, .events = POLLIN };
}

static void wait_for_work(struct relay *r)
{
	struct pollfd pfd[NPUMPS + 2];

	for (int i = 0; i < NPUMPS; i++)
		pfd[i] = pump_pollfd(&r->pump[i]);
	pfd[NPUMPS].fd = r->sigfd;
	pfd[NPUMPS].events = POLLIN;
	pfd[NPUMPS + 1].fd = r->ports[PORT_CTL];
	pfd[NPUMPS + 1].events = POLLIN;
	poll(pfd, NPUMPS + 2, r->exited ? 5 : -1);
	if (pfd[NPUMPS].revents)
		reap(r);
	if (pfd[NPUMPS + 1].revents)
		read_frames(r);
}

static void pump_init(struct pump *p, int from, int to, bool output)
{
	p->from = from;
	p->to = to;
	p->owned = output ? &p->from : &p->to;
	p->end = END_UNKNOWN;
}

static void connect_pumps(struct relay *r)
{
	struct command *cmd = r->cmd;
	const bool *tty = r->cfg->tty;

	pump_init(&r->pump[PUMP_IN], r->ports[PORT_IN], cmd->in, false);
	pump_init(&r->pump[PUMP_OUT], cmd->out, r->ports[PORT_OUT], true);
	/* A terminal has one stream of output, and needs one reader of it. */
	pump_init(&r->pump[PUMP_ERR], tty[1] && tty[2] ? -1 : cmd->err,
		  r->ports[PORT_ERR], true);
	pump_init(&r->pump[PUMP_DROP], tty[1] || tty[2] ? -1 : cmd->master, -1,
		  true);
}

static bool all_done(const struct relay *r)
{
	return r->exited && pump_is_done(r, &r->pump[PUMP_OUT]) &&
	       pump_is_done(r, &r->pump[PUMP_ERR]);
}

/* Serve COMMAND until it has ended and all its output is on its way. */
void relay_run(const struct config *cfg, const int ports[PORT_END],
	       struct command *cmd, struct frame_exit *result)
{
	static struct relay relay;
	struct relay *r = &relay;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	r->sigfd = signalfd(-1, &chld, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r->sigfd < 0)
		fail("signalfd: %s", strerror(errno));
	r->cfg = cfg;
	r->cmd = cmd;
	memcpy(r->ports, ports, sizeof(r->ports));
	connect_pumps(r);
	reap(r);
	while (!all_done(r)) {
		wait_for_work(r);
		for (int i = 0; i < NPUMPS; i++)
			pump_run(r, &r->pump[i]);
	}
	result->status = r->status;
	result->out = r->pump[PUMP_OUT].total;
	result->err = r->pump[PUMP_ERR].total;
}
