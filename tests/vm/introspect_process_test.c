// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver tells about the processes that have to do with an enclave: with
 * mappings, without any more, busy, ended, in another namespace.
 */
#include <sched.h>
#include <signal.h>

#include "introspect.h"
#include "kselftest_harness.h"

FIXTURE(info) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct info info;
	int up[2];	/* child to test */
	int down[2];
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, pipe(self->up));
	ASSERT_EQ(0, pipe(self->down));
}

FIXTURE_TEARDOWN(info)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Ids of enclaves that are no more; a number is never used again. */

/* Each byte from the test is a step. */
static int forked_child(struct _test_data_info *self)
{
	struct softsgx_enclave *encl = &self->encl;
	int in = self->down[0], out = self->up[1];
	struct info info;

	MUST(!vt_tell(out) && !vt_await(in));
	MUST(vt_shows(vt_addr(encl, PG_R), PG_R));
	MUST(!own_info(encl->fd, &info));
	MUST(process_vmas(&info, getpid()) == ALL_VMAS);
	MUST(!vt_tell(out) && !vt_await(in));
	MUST(!munmap(vt_addr(encl, PG_RX), PAGE));
	MUST(!vt_tell(out) && !vt_await(in));
	MUST(!munmap(vt_addr(encl, 0), VT_SIZE));
	MUST(!vt_tell(out) && !vt_await(in));
	return 0;
}

TEST_F_TIMEOUT(info, fork, 60)
{
	struct info *info = &self->info;
	int fd;
	pid_t pid;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	ASSERT_EQ(0, vt_read(vt_addr(&self->encl, PG_R)));
	fd = self->encl.fd;
	pid = fork();
	if (!pid)
		_exit(forked_child(self));

	/* VMAs are there at once, an entry comes with the first use. */
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS, info->vmas);
	EXPECT_EQ(2, info->references);
	EXPECT_EQ(1, info->processes);
	EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS, info->vmas);
	EXPECT_EQ(3, info->references);
	EXPECT_EQ(2, info->processes);
	EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(2 * ALL_VMAS - 1, info->vmas);
	EXPECT_EQ(ALL_VMAS - 1, process_vmas(info, pid));
	/* The same, asked for at the other process */
	ASSERT_EQ(0, info_of(pid, fd, info));
	EXPECT_EQ(ALL_VMAS - 1, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(ALL_VMAS, info->vmas);
	EXPECT_EQ(3, info->references);
	EXPECT_EQ(1, info->processes);
	EXPECT_EQ(1, info->stale);
	EXPECT_EQ(0, process_vmas(info, pid));
	EXPECT_TRUE(table_agrees(info));

	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
	wait_references(fd, 2, info);
	EXPECT_EQ(2, info->references);
	EXPECT_EQ(0, info->stale);
	EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));
}

/* Also if the process ends with its mappings, of its own accord or not */
TEST_F_TIMEOUT(info, exit_with_mappings, 60)
{
	struct info *info = &self->info;
	unsigned int i;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	fd = self->encl.fd;
	for (i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			MUST(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
			MUST(!vt_tell(self->up[1]));
			if (i == 1)
				_exit(0);
			if (i == 2)
				execlp("true", "true", NULL);
			for (;;)
				pause();
		}
		ASSERT_EQ(0, vt_await(self->up[0]));
		if (!i) {
			ASSERT_EQ(0, own_info(fd, info));
			EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
			ASSERT_EQ(0, kill(pid, SIGKILL));
		}
		EXPECT_EQ(i ? 0 : 256 + SIGKILL, vt_wait(pid));
		wait_references(fd, 2, info);
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(ALL_VMAS, info->vmas);
		EXPECT_EQ(1, info->processes);
		EXPECT_EQ(0, info->stale);
		EXPECT_EQ(-ENOENT, process_vmas(info, pid));
	}
}

/* exec takes the entry along with the mappings, though the file stays open. */
TEST_F_TIMEOUT(info, exec_keeps_file, 60)
{
	struct info *info = &self->info;
	pid_t pid;
	char c;
	int fd;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	fd = self->encl.fd;
	pid = fork();
	if (!pid) {
		MUST(!vt_map_all(&self->encl));
		MUST(!fcntl(fd, F_SETFD, 0));
		MUST(!dup2(self->down[0], 0) && dup2(self->up[1], 1) == 1);
		close(self->down[1]);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	/* What it answers shows that exec is over. */
	ASSERT_EQ(1, write(self->down[1], "x", 1));
	ASSERT_EQ(1, read(self->up[0], &c, 1));
	wait_references(fd, 1, info);
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->vmas);
	EXPECT_EQ(0, info->nr_procs);
	ASSERT_EQ(0, info_of(pid, fd, info));
	EXPECT_EQ(0, info->nr_procs);
	close(self->down[1]);
	EXPECT_EQ(0, vt_wait(pid));
}

static int receiver(struct _test_data_info *self, int sock)
{
	int in = self->down[0], out = self->up[1];
	struct softsgx_enclave encl;
	unsigned int i;

	MUST(!receive_enclave(sock, &encl, 0));
	MUST(!vt_tell(out) && !vt_await(in));
	for (i = 0; i < 2; i++) {
		MUST(!vt_map_all(&encl));
		MUST(!vt_tell(out) && !vt_await(in));
		MUST(!munmap(vt_addr(&encl, 0), VT_SIZE));
		MUST(!vt_tell(out) && !vt_await(in));
	}
	MUST(!vt_map(&encl, PG_R, 1, PROT_READ));
	MUST(!close(encl.fd));
	MUST(vt_shows(vt_addr(&encl, PG_R), PG_R));
	MUST(!vt_tell(out) && !vt_await(in));
	return 0;
}

/* The test itself never maps anything. */
TEST_F_TIMEOUT(info, passed_to_other_process, 60)
{
	struct info *info = &self->info;
	int sock[2], fd;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	pid = fork();
	if (!pid)
		_exit(receiver(self, sock[0]));
	ASSERT_EQ(0, vt_build(&self->encl, 0));
	fd = self->encl.fd;
	ASSERT_EQ(0, send_enclave(sock[1], &self->encl, 0));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->nr_procs);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vt_tell(self->down[1]));
		ASSERT_EQ(0, vt_await(self->up[0]));
		ASSERT_EQ(0, own_info(fd, info));
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(ALL_VMAS, info->vmas);
		EXPECT_EQ(1, info->nr_procs);
		EXPECT_EQ(1, info->processes);
		EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
		EXPECT_TRUE(table_agrees(info));

		ASSERT_EQ(0, vt_tell(self->down[1]));
		ASSERT_EQ(0, vt_await(self->up[0]));
		ASSERT_EQ(0, own_info(fd, info));
		EXPECT_EQ(2, info->references);
		EXPECT_EQ(0, info->vmas);
		EXPECT_EQ(1, info->stale);
		EXPECT_EQ(0, process_vmas(info, pid));
		EXPECT_TRUE(table_agrees(info));
	}

	ASSERT_EQ(0, vt_tell(self->down[1]));
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(fd, info));
	EXPECT_EQ(1, process_vmas(info, pid));
	EXPECT_EQ(0, info->stale);
	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
	wait_references(fd, 1, info);
	EXPECT_EQ(1, info->references);
	EXPECT_EQ(0, info->nr_procs);
	close(sock[0]);
	close(sock[1]);
}

/* A process is called what the reader's PID namespace calls it. */
TEST_F_TIMEOUT(info, pid_namespace, 60)
{
	struct info *info = &self->info;
	pid_t parent = getpid(), pid;

	ASSERT_EQ(0, vt_build(&self->encl, 0));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no PID namespaces: errno %d", errno);
	pid = fork();
	if (!pid) {
		struct info mine;
		char self_pid[16] = "";

		MUST(getpid() == 1);
		MUST(!vt_read(vt_addr(&self->encl, PG_R)));
		/* /proc has the names of the namespace it was mounted in. */
		MUST(readlink("/proc/self", self_pid, sizeof(self_pid) - 1) > 0);
		MUST(!info_of(atoi(self_pid), self->encl.fd, &mine));
		MUST(mine.nr_procs == 2);
		MUST(process_vmas(&mine, 1) == ALL_VMAS);
		MUST(process_vmas(&mine, 0) == ALL_VMAS);
		MUST(!vt_tell(self->up[1]) && !vt_await(self->down[0]));
		_exit(0);
	}
	ASSERT_EQ(0, vt_await(self->up[0]));
	ASSERT_EQ(0, own_info(self->encl.fd, info));
	EXPECT_EQ(2, info->nr_procs);
	EXPECT_EQ(ALL_VMAS, process_vmas(info, pid));
	EXPECT_EQ(ALL_VMAS, process_vmas(info, parent));
	ASSERT_EQ(0, vt_tell(self->down[1]));
	EXPECT_EQ(0, vt_wait(pid));
}

static int busy_child(struct _test_data_info *self, unsigned int ms)
{
	MUST(!vt_read(vt_addr(&self->encl, PG_R)));
	MUST(!vt_delay("mmap", ms));
	MUST(!vt_tell(self->up[1]));
	MUST(!vt_map(&self->encl, PG_HOLE, 1, PROT_NONE));
	MUST(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
	return 0;
}

/*
 * A process that is held in its mmap() is not waited for: no count of its VMAs,
 * and all pages count as used. Its PTEs go nevertheless.
 */
TEST_F_TIMEOUT(info, busy, 120)
{
	struct softsgx_enclave *encl = &self->encl;
	struct info *info = &self->info;
	bool agrees, held = false;
	long first, second;
	unsigned int ms;
	u64 start;
	pid_t pid;

	ASSERT_EQ(0, vt_build(encl, 0));
	ASSERT_EQ(0, vt_map_all(encl));
	/* Longer if this machine is too slow to look while it lasts */
	for (ms = 1000; ms <= 30000 && !held; ms *= 5) {
		pid = fork();
		if (!pid)
			_exit(busy_child(self, ms));
		ASSERT_EQ(0, vt_await(self->up[0]));
		start = vt_ms();
		while (!vt_delayed() && vt_ms() - start < ms)
			usleep(1000);
		ASSERT_EQ(0, own_info(encl->fd, info));
		agrees = table_agrees(info);
		first = walk("age", info->id, PG_HOLE);
		second = walk("age", info->id, PG_HOLE);
		EXPECT_EQ(0, walk("zap", info->id, PG_HOLE));
		held = vt_delayed() == 1;
		if (held) {
			EXPECT_EQ(1, info->busy);
			EXPECT_EQ(1, info->processes);
			EXPECT_EQ(0, info->stale);
			EXPECT_EQ(BUSY, process_vmas(info, pid));
			EXPECT_EQ(ALL_VMAS, process_vmas(info, getpid()));
			EXPECT_EQ(2 * ALL_VMAS, info->vmas);
			EXPECT_TRUE(agrees);
			EXPECT_EQ(PG_HOLE, first);
			EXPECT_EQ(PG_HOLE, second);
			EXPECT_EQ(1, vt_delayed());
		}
		EXPECT_EQ(0, vt_wait(pid));
	}
	EXPECT_TRUE(held);
	wait_references(encl->fd, 2, info);
	EXPECT_EQ(0, info->busy);
	EXPECT_EQ(1, info->processes);
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
}

TEST_HARNESS_MAIN
