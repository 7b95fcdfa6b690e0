// SPDX-License-Identifier: GPL-2.0
/* While the VM runs: the control channel, signals, and the end of it all. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define START_TIMEOUT 120 /* seconds; an emulated debug kernel takes long */
#define EXIT_CHECK 120 /* 124 would be timeout(1) */

struct loop {
	struct vm *vm;
	struct terminal *t;
	int sigfd, event;
	struct pump in, out, err;
	bool in_told, out_told, err_told; /* the guest knows it ended */
	bool started, ended, dead;
	struct frame_exit result;
	char check[FRAME_MAX];
	int killers; /* signals so far that ask to end */
	time_t deadline;
};

static const int handled[] = {
	SIGCHLD, SIGWINCH, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2,
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void send_winsize(struct loop *l)
{
	struct winsize ws;

	for (int i = 0; i < 3; i++) {
		if (l->t->tty[i] && !ioctl(i, TIOCGWINSZ, &ws)) {
			frame_send(l->vm, FRAME_WINSZ, &ws, sizeof(ws));
			return;
		}
	}
}

static void on_started(struct loop *l)
{
	l->started = true;
	terminal_raw(l->t);
	/* It may have changed while the VM was booting. */
	send_winsize(l);
	pump_start(&l->in, STDIN_FILENO, l->vm->port[PORT_IN], l->event);
}

static void on_exit_frame(struct loop *l, const char *data, uint32_t len)
{
	if (len < sizeof(l->result))
		return;
	memcpy(&l->result, data, sizeof(l->result));
	len -= sizeof(l->result);
	memcpy(l->check, data + sizeof(l->result), len);
	l->check[len] = '\0';
	l->ended = true;
}

static void handle_frame(struct loop *l, const struct frame_head *head,
			 const char *data)
{
	switch (head->type) {
	case FRAME_STARTED:
		on_started(l);
		break;
	case FRAME_EXIT:
		on_exit_frame(l, data, head->len);
		break;
	case FRAME_FAIL:
		terminal_restore();
		die("%.*s", (int)head->len, data);
	}
}

static void read_frames(struct loop *l)
{
	struct frame_head head;
	char data[FRAME_MAX];

	frames_read(l->vm);
	while (frames_take(l->vm, &head, data))
		handle_frame(l, &head, data);
}

/* The first such signal is COMMAND's to handle, the second one is final. */
static void on_killer(struct loop *l, int32_t sig)
{
	if (!l->started || l->killers++) {
		qemu_kill();
		terminal_restore();
		exit(128 + sig);
	}
	frame_send(l->vm, FRAME_SIGNAL, &sig, sizeof(sig));
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;
	int32_t sig;

	if (read(l->sigfd, &info, sizeof(info)) != sizeof(info))
		return;
	sig = info.ssi_signo;
	switch (sig) {
	case SIGCHLD:
		l->dead = l->dead || qemu_wait(l->vm) >= 0;
		break;
	case SIGWINCH:
		send_winsize(l);
		break;
	case SIGUSR1:
	case SIGUSR2:
		if (l->started)
			frame_send(l->vm, FRAME_SIGNAL, &sig, sizeof(sig));
		break;
	default:
		on_killer(l, sig);
	}
}

static bool get(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static uint64_t total(const struct pump *p)
{
	return __atomic_load_n(&p->total, __ATOMIC_SEQ_CST);
}

static void tell_closed(struct loop *l, const struct pump *p, uint32_t port,
			bool *told)
{
	if (*told || !get(&p->closed))
		return;
	*told = true;
	frame_send(l->vm, FRAME_OUT_CLOSED, &port, sizeof(port));
}

static void on_pump_event(struct loop *l)
{
	uint64_t count;

	if (read(l->event, &count, sizeof(count)) < 0)
		return;
	if (l->started && !l->in_told && get(&l->in.ended)) {
		count = total(&l->in);
		l->in_told = true;
		frame_send(l->vm, FRAME_STDIN_END, &count, sizeof(count));
	}
	tell_closed(l, &l->out, PORT_OUT, &l->out_told);
	tell_closed(l, &l->err, PORT_ERR, &l->err_told);
}

/* With count bytes written on, or nobody to write to, there is no more. */
static bool output_done(const struct pump *p, uint64_t count)
{
	return get(&p->closed) || get(&p->ended) || total(p) >= count;
}

static bool all_done(const struct loop *l)
{
	if (l->ended)
		return output_done(&l->out, l->result.out) &&
		       output_done(&l->err, l->result.err);
	/* The VM is gone: what it sent before is still worth passing on. */
	return l->dead && get(&l->out.ended) && get(&l->err.ended);
}

static void wait_for_work(struct loop *l)
{
	struct pollfd pfd[] = {
		{ .fd = l->sigfd, .events = POLLIN },
		{ .fd = l->event, .events = POLLIN },
		{ .fd = l->dead ? -1 : l->vm->port[PORT_CTL],
		  .events = POLLIN },
	};

	poll(pfd, 3, 1000);
	if (pfd[1].revents)
		on_pump_event(l);
	if (pfd[2].revents)
		read_frames(l);
	if (pfd[0].revents)
		on_signal(l);
	/* The frame may have come just before the end. */
	if (l->dead)
		read_frames(l);
	if (qemu_is_stuck(l->vm))
		diagnose(l->vm, "died");
	if (!l->started && now() >= l->deadline)
		diagnose(l->vm, "did not start the command in time");
}

static int exit_status(const struct loop *l)
{
	int status = l->result.status;

	terminal_restore();
	if (l->result.check_len) {
		complain("check: %s", l->check);
		return EXIT_CHECK;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* Called before QEMU is started, so that none of its signals is missed. */
int run_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		sigaddset(&set, handled[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Restoring the terminal must work from the background, too. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd: %s", strerror(errno));
	return fd;
}

/* Return the exit status of softsgx. */
int run_loop(struct vm *vm, struct terminal *t, int sigfd)
{
	static struct loop loop;
	struct loop *l = &loop;

	l->vm = vm;
	l->t = t;
	l->sigfd = sigfd;
	l->in.cooked = t->tty[0] && !t->raw;
	l->deadline = now() + START_TIMEOUT;
	l->event = eventfd(0, EFD_CLOEXEC);
	if (l->event < 0)
		die("eventfd: %s", strerror(errno));
	pump_start(&l->out, vm->port[PORT_OUT], STDOUT_FILENO, l->event);
	pump_start(&l->err, vm->port[PORT_ERR], STDERR_FILENO, l->event);
	while (!all_done(l))
		wait_for_work(l);
	if (!l->ended)
		diagnose(vm, l->started ? "died" : "did not boot");
	qemu_kill();
	return exit_status(l);
}
