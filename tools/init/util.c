// SPDX-License-Identifier: GPL-2.0
/* Failing, talking to the host, and small helpers. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

/* Long enough for a host that is busy: the ports come up on their own. */
#define PORT_WAIT_MS 30000

static int ctl_fd = -1;

void ms_sleep(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/*
 * Tell the host and stop. The host ends the VM when it has read the frame; the
 * reboot is for a host that does not, and for failures before there are ports.
 */
void fail(const char *fmt, ...)
{
	char text[FRAME_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (ctl_fd >= 0) {
		send_frame(FRAME_FAIL, text, n);
		ms_sleep(10000);
	} else {
		dprintf(STDERR_FILENO, "\n" CONSOLE_FAIL "%s\n", text);
	}
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			poll(&pfd, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

void send_frame(uint32_t type, const void *data, uint32_t len)
{
	char buf[sizeof(struct frame_head) + FRAME_MAX];
	struct frame_head head = { .type = type, .len = len };

	memcpy(buf, &head, sizeof(head));
	if (len)
		memcpy(buf + sizeof(head), data, len);
	write_all(ctl_fd, buf, sizeof(head) + len);
}

static int port_open(int nr)
{
	char path[32];
	struct pollfd pfd = { .events = POLLIN };

	snprintf(path, sizeof(path), "/dev/vport0p%d", nr);
	for (int ms = 0; ms < PORT_WAIT_MS; ms++) {
		pfd.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (pfd.fd >= 0)
			break;
		ms_sleep(1);
	}
	if (pfd.fd < 0)
		fail("cannot open %s: %s", path, strerror(errno));
	/* Until the host's side is known to be open, reads return 0. */
	for (int ms = 0; ms < PORT_WAIT_MS; ms++) {
		if (poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP))
			return pfd.fd;
		ms_sleep(1);
	}
	fail("the host does not open %s", path);
}

void ports_open(int fds[PORT_END])
{
	for (int nr = PORT_CTL; nr < PORT_END; nr++) {
		fds[nr] = port_open(nr);
		if (nr == PORT_CTL)
			ctl_fd = fds[nr];
	}
}

/* Like mkdir -p, without complaint: who uses the directory finds out. */
void make_dirs(const char *path)
{
	char buf[4096];
	size_t len = strlen(path);

	if (len >= sizeof(buf))
		return;
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(buf, 0755);
		*p = '/';
	}
	mkdir(buf, 0755);
}
