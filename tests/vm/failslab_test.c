// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail inside the kernel, on behalf of the driver: each one that
 * a step makes, in turn. Takes a kernel with failslab and fail-nth.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc/"
#define MAX_NTH		400

/* Exit status of a process that has tried a step */
enum attempt {
	DONE,		/* no allocation failed, the step succeeded */
	FAILED,		/* one failed, the step reported ENOMEM, or did without */
	BAD,
};

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

#define NEED_FAILSLAB() do { \
	if (access("/proc/self/fail-nth", W_OK) || access(FAILSLAB, F_OK)) \
		SKIP(return, "kernel without failslab"); \
} while (0)

FIXTURE(failslab) {
	struct vt_epc start;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(failslab)
{
	/* Also what may sleep */
	write_file(FAILSLAB "ignore-gfp-wait", "N");
	write_file(FAIL_PAGE "ignore-gfp-wait", "N");
	write_file(FAIL_PAGE "min-order", "0");
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(0, vt_build(&self->encl, 0));
}

FIXTURE_TEARDOWN(failslab)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static int fail_fd = -1;

static void arm(unsigned int nth)
{
	char text[16];

	if (fail_fd < 0)
		fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	snprintf(text, sizeof(text), "%u", nth);
	if (pwrite(fail_fd, text, strlen(text), 0) < 0)
		_exit(BAD);
}

/* True if the failure has happened; none will from now on. */
static bool disarm(void)
{
	char text[16] = "";

	if (pread(fail_fd, text, sizeof(text) - 1, 0) < 0)
		_exit(BAD);
	arm(0);
	return !atoi(text);
}

typedef int (*step_fn)(struct softsgx_enclave *encl, unsigned int nth);

/* Each allocation of a step in turn, each time in a process of its own */
static int each_allocation(struct softsgx_enclave *encl, step_fn fn)
{
	unsigned int nth, failed = 0;
	int status;
	pid_t pid;

	for (nth = 1; nth < MAX_NTH; nth++) {
		pid = fork();
		if (!pid)
			_exit(fn(encl, nth));
		status = vt_wait(pid);
		if (status == DONE)
			return failed ? 0 : -ENODATA;
		if (status != FAILED)
			return nth * 1000 + status;
		failed++;
	}
	return -E2BIG;
}

static int verdict(bool injected, int ret, bool works)
{
	if (ret && !(injected && ret == -ENOMEM))
		return BAD;
	if (!ret && !works)
		return BAD + 1;
	return injected ? FAILED : DONE;
}

static bool usable(struct softsgx_enclave *encl)
{
	return vt_shows(vt_addr(encl, PG_R), PG_R);
}

static int try_open(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected;
	int fd, ret;

	arm(nth);
	fd = open(ENCL_DEV, O_RDWR);
	ret = fd < 0 ? -errno : 0;
	injected = disarm();
	return verdict(injected, ret, true);
}

TEST_F_TIMEOUT(failslab, open, 300)
{
	NEED_FAILSLAB();
	EXPECT_EQ(0, each_allocation(&self->encl, try_open));
}

/* The first mapping of a process, so a registration as well */
static int try_mmap(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected;
	int ret;

	arm(nth);
	ret = vt_map(encl, PG_R, 1, PROT_READ);
	injected = disarm();
	return verdict(injected, ret, usable(encl));
}

TEST_F_TIMEOUT(failslab, first_mmap, 300)
{
	NEED_FAILSLAB();
	EXPECT_EQ(0, each_allocation(&self->encl, try_mmap));
}

/* A fault cannot report anything: it is tried again. */
static int try_touch(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected, works;

	arm(nth);
	works = usable(encl);
	injected = disarm();
	return verdict(injected, 0, works);
}

TEST_F_TIMEOUT(failslab, first_touch_in_child, 300)
{
	NEED_FAILSLAB();
	ASSERT_EQ(0, vt_map_all(&self->encl));
	ASSERT_TRUE(usable(&self->encl));
	EXPECT_EQ(0, each_allocation(&self->encl, try_touch));
	EXPECT_TRUE(usable(&self->encl));
}

/* fork() of a process with an enclave, by a child that has used it */
static int try_fork(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected;
	pid_t pid;
	int ret;

	if (!usable(encl))
		return BAD;
	arm(nth);
	pid = fork();
	ret = pid < 0 ? -errno : 0;
	if (!pid)
		_exit(!usable(encl));
	injected = disarm();
	if (pid > 0 && vt_wait(pid))
		return BAD + 2;
	return verdict(injected, ret, usable(encl));
}

TEST_F_TIMEOUT(failslab, fork, 600)
{
	NEED_FAILSLAB();
	ASSERT_EQ(0, vt_map_all(&self->encl));
	EXPECT_EQ(0, each_allocation(&self->encl, try_fork));
	EXPECT_TRUE(usable(&self->encl));
}

/* Splits a mapping in three. */
static int try_mprotect(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected;
	int ret;

	if (vt_map(encl, PG_TCS, 5, PROT_READ))
		return BAD;
	arm(nth);
	ret = mprotect(vt_addr(encl, PG_RW), PAGE, PROT_RW) ? -errno : 0;
	injected = disarm();
	return verdict(injected, ret, usable(encl));
}

TEST_F_TIMEOUT(failslab, mprotect, 300)
{
	NEED_FAILSLAB();
	EXPECT_EQ(0, each_allocation(&self->encl, try_mprotect));
}

static int try_munmap(struct softsgx_enclave *encl, unsigned int nth)
{
	bool injected;
	int ret;

	if (vt_map(encl, PG_TCS, 5, PROT_READ) || !usable(encl))
		return BAD;
	arm(nth);
	ret = munmap(vt_addr(encl, PG_RW), PAGE) ? -errno : 0;
	injected = disarm();
	return verdict(injected, ret, usable(encl));
}

TEST_F_TIMEOUT(failslab, munmap, 300)
{
	NEED_FAILSLAB();
	EXPECT_EQ(0, each_allocation(&self->encl, try_munmap));
}

/* A whole life; errors must be clean, nothing more. */
static int try_life(struct softsgx_enclave *unused, unsigned int nth)
{
	struct softsgx_enclave encl = { .fd = -1 };
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	bool injected;
	unsigned int i;
	int ret;

	if (vt_image(&image, 0) || vt_sign(&image, &sig))
		return BAD;
	arm(nth);
	ret = vt_create(&encl, &image);
	for (i = 0; i < image.nr_segs && !ret; i++)
		ret = softsgx_enclave_add(&encl, &image.segs[i]);
	if (!ret)
		ret = softsgx_enclave_init(&encl, &sig);
	if (!ret)
		ret = vt_map_all(&encl);
	injected = disarm();
	return verdict(injected, ret, usable(&encl));
}

TEST_F_TIMEOUT(failslab, life, 900)
{
	NEED_FAILSLAB();
	EXPECT_EQ(0, each_allocation(&self->encl, try_life));
}

TEST_HARNESS_MAIN
