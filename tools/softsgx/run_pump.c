// SPDX-License-Identifier: GPL-2.0
/*
 * One thread per standard descriptor moves bytes between it and its port. The
 * descriptors are shared with other programs, so they cannot be made
 * non-blocking, and a stalled one must not stop the others.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "run.h"

#define PUMP_SIZE 65536
#define EOF_KEY 4

static void notify(const struct pump *p)
{
	uint64_t one = 1;

	if (write(p->event, &one, sizeof(one)) < 0)
		return; /* the counter is full: there is news already */
}

/* Someone else may have made the descriptor non-blocking. */
static ssize_t read_some(int fd, char *buf, size_t len)
{
	for (;;) {
		ssize_t n = read(fd, buf, len);
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			poll(&pfd, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
}

static void *pump_thread(void *arg)
{
	struct pump *p = arg;
	char *buf = xalloc(NULL, PUMP_SIZE + 1);
	ssize_t n;

	for (;;) {
		n = read_some(p->from, buf, PUMP_SIZE);
		if (n < 0 || (!n && !p->cooked))
			break;
		/* The end-of-file key gave us what there is, without a newline. */
		if (p->cooked && (!n || buf[n - 1] != '\n'))
			buf[n++] = EOF_KEY;
		if (!p->closed && !write_full(p->to, buf, n))
			__atomic_store_n(&p->closed, true, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&p->total, n, __ATOMIC_SEQ_CST);
		notify(p);
	}
	__atomic_store_n(&p->ended, true, __ATOMIC_SEQ_CST);
	notify(p);
	free(buf);
	return NULL;
}

void pump_start(struct pump *p, int from, int to, int event)
{
	p->from = from;
	p->to = to;
	p->event = event;
	if (pthread_create(&p->thread, NULL, pump_thread, p))
		die("cannot create a thread");
}
