// SPDX-License-Identifier: GPL-2.0
/*
 * Until the guest knows what to run: it comes up, a snapshot of it may be kept, it is
 * told the run and the time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define BOOT_TIMEOUT 180 /* seconds; an emulated debug kernel takes long */
#define RESTORE_TIMEOUT 30 /* of which all but the first is a busy host's */
#define POLL_MS 200

struct handshake {
	struct vm *vm;
	const struct blob *description;
	size_t sent;
	struct snapshot *save; /* or NULL */
	int sigfd;
	bool ready; /* for the description */
	bool dead, done;
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static time_t boot_timeout(void)
{
	const char *text = getenv("SOFTSGX_BOOT_TIMEOUT");
	unsigned long n;

	return text && parse_number(text, &n) && n < 86400 ? (time_t)n :
							     BOOT_TIMEOUT;
}

static void send_time(struct vm *vm)
{
	struct frame_time time;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	time.sec = ts.tv_sec;
	time.nsec = ts.tv_nsec;
	frame_send(vm, FRAME_TIME, &time, sizeof(time));
}

static void on_ready(struct handshake *h)
{
	if (h->save)
		snapshot_save(h->save, h->vm);
	h->ready = true;
}

static void on_frames(struct handshake *h)
{
	struct frame_head head;
	char data[FRAME_MAX];

	frames_read(h->vm);
	while (!h->done && frames_take(h->vm, &head, data)) {
		switch (head.type) {
		case FRAME_READY:
			on_ready(h);
			break;
		case FRAME_ASK_TIME:
			send_time(h->vm);
			h->done = true;
			break;
		case FRAME_FAIL:
			die("%.*s", (int)head.len, data);
		}
	}
}

/* There is no command yet that could do anything with a signal. */
static void on_signal(struct handshake *h)
{
	struct signalfd_siginfo info;

	if (read(h->sigfd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		h->dead = h->dead || qemu_wait(h->vm) >= 0;
		break;
	case SIGWINCH:
	case SIGUSR1:
	case SIGUSR2:
		break;
	default:
		qemu_kill();
		exit(128 + info.ssi_signo);
	}
}

static bool is_sending(const struct handshake *h)
{
	return h->ready && h->sent < h->description->len;
}

/* As much as there is room for: a guest that does not read must not hold us up. */
static void send_more(struct handshake *h)
{
	ssize_t n = send(h->vm->port[PORT_CTL], h->description->data + h->sent,
			 h->description->len - h->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		h->sent += n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		h->dead = true;
}

static void wait_for_work(struct handshake *h)
{
	struct pollfd pfd[] = {
		{ .fd = h->sigfd, .events = POLLIN },
		{ .fd = h->vm->port[PORT_CTL],
		  .events = POLLIN | (is_sending(h) ? POLLOUT : 0) },
	};

	poll(pfd, 2, POLL_MS);
	if (pfd[1].revents & (POLLIN | POLLHUP))
		on_frames(h);
	if (is_sending(h) && pfd[1].revents & POLLOUT)
		send_more(h);
	if (pfd[0].revents)
		on_signal(h);
	/* What it had to say may have come just before the end. */
	if (h->dead)
		on_frames(h);
	if (qemu_is_stuck(h->vm))
		h->dead = true;
}

/*
 * Return whether the guest is about to start the command; false: the VM is of no use.
 * A guest that is restored has been ready for long.
 */
bool run_handshake(struct vm *vm, const struct blob *description, int sigfd,
		   struct snapshot *save, bool restored)
{
	struct handshake h = {
		.vm = vm,
		.description = description,
		.sigfd = sigfd,
		.save = save,
		.ready = restored,
	};
	time_t deadline = now() + (restored ? RESTORE_TIMEOUT : boot_timeout());

	while (!h.done && !h.dead) {
		wait_for_work(&h);
		if (now() < deadline)
			continue;
		if (restored)
			break;
		diagnose(vm, "did not boot in time");
	}
	return h.done;
}
