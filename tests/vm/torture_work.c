// SPDX-License-Identifier: GPL-2.0
/*
 * A worker of torture_test: it builds enclaves, passes them around, maps them in
 * any way, forks and kills children that do the same, and ends in any way.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "kselftest.h"
#include "torture.h"

#define MAX_HELD	4
#define MAX_KIDS	3
#define MAX_DEPTH	2
#define NR_SLOTS	4096		/* address ranges */

static struct held helds[MAX_HELD];
static pid_t kids[MAX_KIDS];
static bool left;		/* the parent, by fork: a life shorter than its own */

static struct held *free_slot(void)
{
	unsigned int i;

	for (i = 0; i < MAX_HELD; i++) {
		if (!helds[i].used)
			return &helds[i];
	}
	return NULL;
}

static struct held *some_slot(void)
{
	struct held *h = &helds[any(MAX_HELD)];

	return h->used ? h : NULL;
}

/* The file first, the mappings first, or a part of it only */
static void drop(struct held *h)
{
	unsigned int how = any(4);

	if (how != 0 && h->fd >= 0) {
		close(h->fd);
		h->fd = -1;
	}
	if (how == 1)
		return;
	munmap(address(h, 0), SIZE);
	if (h->fd >= 0)
		close(h->fd);
	h->used = false;
}

/* --------------------------------------------------- building, passing around */

/* Those of one user may fill a quarter of the EPC with pages that cannot be evicted. */
static void no_epc(struct held *h, const char *what)
{
	if (errno != ENOMEM || !shared->small_epc)
		fail(what);
	close(h->fd);
	munmap(address(h, 0), SIZE);
	h->used = false;
	count(NO_EPC);
}

static void build(void)
{
	struct softsgx_enclave encl = { .fd = -1 };
	struct held *h = free_slot();
	struct sgx_secs secs;
	unsigned int i;

	if (!h || !take_range(h, FIRST_SLOT + any(NR_SLOTS) * SIZE))
		return;
	if (softsgx_enclave_open(&encl))
		fail("open");
	h->fd = encl.fd;
	encl.base = h->base;
	encl.size = SIZE;
	softsgx_image_secs(&shared->image, h->base, &secs);
	if (softsgx_enclave_create(&encl, &secs))
		return no_epc(h, "create");
	for (i = 0; i < shared->image.nr_segs; i++) {
		if (softsgx_enclave_add(&encl, &shared->image.segs[i]))
			return no_epc(h, "add");
	}
	if (any(4) && softsgx_enclave_init(&encl, &shared->sig))
		fail("init");
	count(BUILT);
	if (any(4))
		map_all(h);
}

static void send_file(const struct held *h)
{
	struct softsgx_enclave encl = { .fd = h->fd, .base = h->base };
	int ret;

	if (h->fd < 0)
		return;
	/* Nobody waits: the queue is short. */
	ret = send_enclave(shared->box[0], &encl, MSG_DONTWAIT);
	if (!ret)
		count(SENT);
	else if (ret != -EAGAIN && ret != -ETOOMANYREFS)
		fail("sendmsg: %d", ret);
}

int receive_file(u64 *base)
{
	struct softsgx_enclave encl;
	int ret = receive_enclave(shared->box[1], &encl, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (ret == -EPROTO)
		fail("no file in a message");
	if (ret)
		return -1;
	*base = encl.base;
	return encl.fd;
}

static void receive(void)
{
	struct held *h = free_slot();
	u64 base;
	int fd;

	if (!h)
		return;
	fd = receive_file(&base);
	if (fd < 0)
		return;
	count(RECEIVED);
	if (!take_range(h, base)) {
		close(fd);
		return;
	}
	h->fd = fd;
	if (any(4))
		map_all(h);
}

/* ----------------------------------------------------------------- processes */

static void end_kid(unsigned int i, bool murder)
{
	pid_t pid = kids[i];
	int status;

	if (murder) {
		kill(pid, SIGKILL);
		count(KILLED);
	}
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	kids[i] = 0;
	if (bad_end(status))
		fail("process %d ended with %d", pid, bad_end(status));
}

static void child_starts(unsigned int seed)
{
	unsigned int i, page;

	depth++;
	op = 0;
	left = true;
	srandom(seed);
	memset(kids, 0, sizeof(kids));
	for (i = 0; i < MAX_HELD; i++) {
		for (page = 0; helds[i].used && page < NR_ALL; page++) {
			if (helds[i].no_fork[page])
				forget(&helds[i], page, 1);
		}
	}
}

static void do_fork(void)
{
	unsigned int seed = random(), i = any(MAX_KIDS);

	if (depth == MAX_DEPTH)
		return;
	if (kids[i])
		end_kid(i, any(2));
	kids[i] = fork();
	if (kids[i] < 0)
		fail("fork");
	count(FORKED);
	if (!kids[i])
		child_starts(seed);
}

static void end_of_child(void)
{
	unsigned int i;

	switch (any(4)) {
	case 0:
		count(EXECS);
		execlp("true", "true", NULL);
		fail("exec");
		break;
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2:
		/* In order */
		for (i = 0; i < MAX_HELD; i++) {
			if (helds[i].used)
				munmap(address(&helds[i], 0), SIZE);
		}
		break;
	}
	_exit(0);
}

static void some_op(void)
{
	struct held *h = some_slot();
	unsigned int page = any(NR_ALL), nr = 1 + any(any(3) ? 4 : NR_ALL);

	if (page + nr > NR_ALL)
		nr = NR_ALL - page;
	op++;
	count(OPS);
	if (!h) {
		if (any(3))
			build();
		else
			receive();
		return;
	}
	switch (any(26)) {
	case 0:
		drop(h);
		break;
	case 1:
		send_file(h);
		break;
	case 2:
		receive();
		break;
	case 3:
	case 4:
		do_fork();
		break;
	case 5:
		unmap(h, page, nr);
		break;
	case 6:
		move(h, page, nr);
		break;
	case 7:
		grow(h, page);
		break;
	case 8:
	case 9:
		advise(h, page, nr);
		break;
	case 10:
		system_call(h, page);
		break;
	case 11:
	case 12:
	case 13:
		protect(h, page, nr);
		break;
	case 14:
	case 15:
	case 16:
	case 17:
		map(h, page, nr);
		break;
	case 18:
		map_unasked(h, page);
		break;
	case 19:
		map_all(h);
		break;
	default:
		check_pages(h, page, nr);
	}
}

void worker(void)
{
	unsigned int life = 100 + any(500), i;

	reserve((void *)SCRATCH, SIZE, MAP_FIXED_NOREPLACE);
	for (;;) {
		some_op();
		if (over() || op > (left ? life / 10 : life))
			break;
	}
	for (i = 0; i < MAX_KIDS; i++) {
		if (kids[i] > 0)
			end_kid(i, any(2));
	}
	if (left)
		end_of_child();
	_exit(0);
}
