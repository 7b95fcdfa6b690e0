// SPDX-License-Identifier: GPL-2.0
/*
 * Having QEMU write the state of a VM to a file. The file is handed over as a
 * descriptor, because QEMU may neither open files nor start programs.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define ANSWER_MS 10000
#define SAVE_STEPS 2000
#define SAVE_STEP_NS 10000000L

/* A line of QEMU's, without what does not fit. False: there is none. */
static bool read_line(int qmp, char *line, size_t size)
{
	struct pollfd pfd = { .fd = qmp, .events = POLLIN };
	size_t len = 0;
	char c;

	for (;;) {
		if (poll(&pfd, 1, ANSWER_MS) != 1 || read(qmp, &c, 1) != 1)
			return false;
		if (c == '\n')
			break;
		if (len + 1 < size)
			line[len++] = c;
	}
	line[len] = '\0';
	return true;
}

/* The answer to a command: events may come before it. */
static bool read_answer(int qmp, char *line, size_t size)
{
	do {
		if (!read_line(qmp, line, size))
			return false;
	} while (strncmp(line, "{\"return\"", 9) && strncmp(line, "{\"error\"", 8));
	return line[2] == 'r';
}

static bool ask(int qmp, const char *command, char *line, size_t size)
{
	return write_full(qmp, command, strlen(command)) &&
	       read_answer(qmp, line, size);
}

static bool tell(int qmp, const char *command)
{
	char line[1024];

	return ask(qmp, command, line, sizeof(line));
}

static bool hand_over(int qmp, int fd)
{
	static const char command[] =
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}\n";
	struct iovec iov = { (char *)command, sizeof(command) - 1 };
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(fd))];
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	char line[1024];

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(qmp, &msg, MSG_NOSIGNAL) == sizeof(command) - 1 &&
	       read_answer(qmp, line, sizeof(line));
}

static const char *await_saved(int qmp)
{
	const struct timespec step = { .tv_nsec = SAVE_STEP_NS };
	char line[4096];

	for (int i = 0; i < SAVE_STEPS; i++) {
		if (!ask(qmp, "{\"execute\":\"query-migrate\"}\n", line, sizeof(line)))
			return "QEMU does not answer";
		if (strstr(line, "\"completed\""))
			return NULL;
		if (strstr(line, "\"failed\"") || strstr(line, "\"cancelled\""))
			return "it cannot be written";
		nanosleep(&step, NULL);
	}
	return "it takes too long";
}

/*
 * Write the state to fd, from its offset on. QEMU stops the VM for the last part: one
 * that was stopped before would be restored as such. Return NULL, or what went wrong.
 */
const char *qmp_save(int qmp, int fd)
{
	const char *wrong = NULL;
	char line[1024];

	if (!read_line(qmp, line, sizeof(line)) ||
	    !tell(qmp, "{\"execute\":\"qmp_capabilities\"}\n"))
		return "QEMU does not answer";
	if (!tell(qmp, "{\"execute\":\"migrate-set-parameters\",\"arguments\":"
		       "{\"max-bandwidth\":100000000000}}\n") ||
	    !hand_over(qmp, fd) ||
	    !tell(qmp, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}\n"))
		wrong = "QEMU refuses";
	if (!wrong)
		wrong = await_saved(qmp);
	/* Without it nothing goes on, which the boot's time-out will notice. */
	if (!tell(qmp, "{\"execute\":\"cont\"}\n"))
		wrong = "QEMU does not go on";
	return wrong;
}
