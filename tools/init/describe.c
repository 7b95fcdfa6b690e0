// SPDX-License-Identifier: GPL-2.0
/*
 * The description of the run, and what a guest that was restored from a snapshot
 * cannot know: the time, and random numbers of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define BITS_PER_BYTE 8

/* Until the host is there reads return 0: a snapshot waits here for its next host. */
static void read_exact(int fd, void *data, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (!n) {
			ms_sleep(1);
		} else if (errno == EAGAIN) {
			poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			fail("cannot read from the host: %s", strerror(errno));
		}
	}
}

static char *read_block(int fd, size_t len)
{
	char *buf = malloc(len + 1);

	if (!buf)
		fail("out of memory");
	read_exact(fd, buf, len);
	buf[len] = '\0';
	return buf;
}

static void read_frame(int fd, uint32_t type, void *data, uint32_t len)
{
	struct frame_head head;

	read_exact(fd, &head, sizeof(head));
	if (head.type != type || head.len != len)
		fail("the host sent a frame of type %u", head.type);
	read_exact(fd, data, len);
}

/* What a clock has missed in a snapshot, and what the boot took to read it */
static void set_clock(int ctl)
{
	struct frame_time time;
	struct timespec ts;

	send_frame(FRAME_ASK_TIME, NULL, 0);
	read_frame(ctl, FRAME_TIME, &time, sizeof(time));
	ts.tv_sec = time.sec;
	ts.tv_nsec = time.nsec;
	if (clock_settime(CLOCK_REALTIME, &ts))
		fail("cannot set the clock: %s", strerror(errno));
}

static void stir_random(const struct config *cfg)
{
	struct {
		struct rand_pool_info info;
		unsigned char seed[RUN_SEED_SIZE];
	} pool = {
		.info.entropy_count = RUN_SEED_SIZE * BITS_PER_BYTE,
		.info.buf_size = RUN_SEED_SIZE,
	};
	int fd;

	if (!cfg->have_random)
		return;
	memcpy(pool.seed, cfg->random, sizeof(pool.seed));
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG))
		fail("cannot seed random numbers: %s", strerror(errno));
	close(fd);
}

/*
 * Say that all that is the same for all runs is done, and wait for what is not. This
 * is where a snapshot is taken, and goes on.
 */
void describe_wait(struct config *cfg, int ctl)
{
	struct run_head head;

	send_frame(FRAME_READY, NULL, 0);
	read_exact(ctl, &head, sizeof(head));
	config_parse(cfg, read_block(ctl, head.config_len), head.config_len);
	cfg->modules = read_block(ctl, head.modules_len);
	cfg->modules_len = head.modules_len;
	set_clock(ctl);
	stir_random(cfg);
}
