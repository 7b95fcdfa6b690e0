// SPDX-License-Identifier: GPL-2.0
/*
 * How long an enclave lives: as long as a file or a mapping, in whatever process
 * and whatever order they go away. The fixture's end checks that it does not live
 * any longer.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "util.h"
#include "kselftest_harness.h"

#define NR_ENCLAVES	64

FIXTURE(life) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	int pipe[2];
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl = (struct softsgx_enclave){ .fd = -1 };
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

FIXTURE_TEARDOWN(life)
{
	softsgx_enclave_close(&self->encl);
	close(self->pipe[0]);
	close(self->pipe[1]);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static int build_and_map(struct softsgx_enclave *encl)
{
	int ret = vt_build(encl, 0);

	return ret ? ret : vt_map_all(encl);
}

/* For processes without a test around them: 0 if all pages are as they should be. */
static int check(const struct softsgx_enclave *encl)
{
	if (!vt_shows(vt_addr(encl, PG_R), PG_R))
		return 1;
	if (!vt_shows(vt_addr(encl, PG_RX), PG_RX))
		return 2;
	if (vt_write(vt_addr(encl, PG_UNMEASURED)))
		return 3;
	if (vt_write(vt_addr(encl, PG_R)) != SIGSEGV)
		return 4;
	return 0;
}

/* Between the start and now, in enclaves; teardown has had its time. */
static long alive(const struct vt_epc *start)
{
	struct vt_epc now;

	return vt_epc_read(&now) ? -1 : now.enclaves - start->enclaves;
}

TEST_F(life, fork)
{
	pid_t pid;

	ASSERT_EQ(0, build_and_map(&self->encl));
	pid = fork();
	if (!pid)
		_exit(check(&self->encl));
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, check(&self->encl));
}

/* Pages that the parent has touched already are there for the child as well. */
TEST_F(life, fork_after_touch)
{
	u8 *rw;
	pid_t pid;

	ASSERT_EQ(0, build_and_map(&self->encl));
	ASSERT_EQ(0, check(&self->encl));
	rw = vt_addr(&self->encl, PG_RW);
	ASSERT_EQ(0, vt_write(rw));
	pid = fork();
	if (!pid)
		_exit(check(&self->encl) || vt_write(rw));
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, check(&self->encl));
}

/* Everything that can be done to a mapping works on the child's copy. */
TEST_F(life, child_changes_mappings)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *rw;
	pid_t pid;

	ASSERT_EQ(0, build_and_map(encl));
	rw = vt_addr(encl, PG_RW);
	ASSERT_EQ(0, vt_write(rw));
	pid = fork();
	if (!pid) {
		if (mprotect(rw, PAGE, PROT_READ) || vt_read(rw) || vt_write(rw) != SIGSEGV)
			_exit(10);
		if (mprotect(rw, PAGE, PROT_RW) || vt_write(rw))
			_exit(11);
		if (mprotect(rw, PAGE, PROT_RWX) != -1 || errno != EACCES)
			_exit(12);
		if (vt_map(encl, PG_HOLE, 2, PROT_RWX) || vt_map(encl, PG_R, 1, PROT_READ))
			_exit(13);
		if (munmap(rw, PAGE) || vt_read(rw) != SIGSEGV)
			_exit(14);
		_exit(check(encl));
	}
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, vt_write(rw));
	EXPECT_EQ(0, check(encl));
}

TEST_F(life, parent_exits_first)
{
	int pids[2];
	pid_t child, pid;

	ASSERT_EQ(0, pipe(pids));
	pid = fork();
	if (!pid) {
		if (build_and_map(&self->encl))
			_exit(1);
		child = fork();
		if (!child) {
			/* Until told that the parent is gone */
			close(self->encl.fd);
			_exit(vt_await(self->pipe[0]) ? 20 : check(&self->encl));
		}
		_exit(write(pids[1], &child, sizeof(child)) != sizeof(child));
	}
	EXPECT_EQ(0, vt_wait(pid));
	ASSERT_EQ(sizeof(child), read(pids[0], &child, sizeof(child)));
	EXPECT_EQ(1, alive(&self->start));
	ASSERT_EQ(0, vt_tell(self->pipe[1]));
	EXPECT_EQ(0, vt_wait(child));
}

TEST_F(life, child_exits_first)
{
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, build_and_map(&self->encl));
	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid)
			_exit(i % 2 ? 0 : check(&self->encl));
		EXPECT_EQ(0, vt_wait(pid));
		EXPECT_EQ(0, check(&self->encl));
	}
	EXPECT_EQ(1, alive(&self->start));
}

/* Four generations, each alive without those before */
TEST_F(life, generations)
{
	unsigned int i;
	pid_t pid = 0;
	int status;

	ASSERT_EQ(0, build_and_map(&self->encl));
	for (i = 0; i < 4 && !pid; i++) {
		pid = fork();
		if (!pid && i == 3)
			_exit(vt_await(self->pipe[0]) ? 20 : check(&self->encl));
		if (pid && i)
			_exit(0);
	}
	EXPECT_EQ(0, vt_wait(pid));
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(1, alive(&self->start));
	ASSERT_EQ(0, vt_tell(self->pipe[1]));
	while ((pid = waitpid(-1, &status, 0)) > 0) {
		EXPECT_EQ(0, status) {
			TH_LOG("process %d", pid);
		}
	}
}

static int use_received(int sock)
{
	struct softsgx_enclave encl;
	u8 *base;

	if (receive_enclave(sock, &encl, 0))
		return 31;
	base = vt_addr(&encl, 0);
	if (mmap(base, VT_SIZE, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, encl.fd,
		 0) != base)
		return 32;
	if (vt_map_all(&encl))
		return 33;
	if (vt_ioctl(encl.fd, SGX_IOC_ENCLAVE_INIT, NULL) != -EINVAL)
		return 34;
	close(encl.fd);
	return check(&encl);
}

/* The file goes to a process that has nothing to do with the builder. */
TEST_F(life, passed_to_other_process)
{
	pid_t builder, user;
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	user = fork();
	if (!user) {
		/* The builder is gone and the file is in the socket only. */
		_exit(vt_await(self->pipe[0]) ? 20 : use_received(sock[0]));
	}
	builder = fork();
	if (!builder)
		_exit(build_and_map(&self->encl) || send_enclave(sock[1], &self->encl, 0));
	EXPECT_EQ(0, vt_wait(builder));
	EXPECT_EQ(1, alive(&self->start));
	ASSERT_EQ(0, vt_tell(self->pipe[1]));
	EXPECT_EQ(0, vt_wait(user));
	close(sock[0]);
	close(sock[1]);
}

/* A file that nobody ever takes out of its socket */
TEST_F(life, lost_in_socket)
{
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	ASSERT_EQ(0, build_and_map(&self->encl));
	ASSERT_EQ(0, send_enclave(sock[1], &self->encl, 0));
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(1, alive(&self->start));
	close(sock[0]);
	close(sock[1]);
}

TEST_F(life, munmap_parts)
{
	struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_build(encl, 0));
	ASSERT_EQ(0, vt_map(encl, 0, PG_COUNT, PROT_NONE));
	ASSERT_EQ(0, mprotect(vt_addr(encl, PG_R), 2 * PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(vt_addr(encl, PG_UNMEASURED), PAGE, PROT_RW));
	EXPECT_EQ(0, check(encl));
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_RWX), PAGE));
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_TCS), PAGE));
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_COUNT - 1), PAGE));
	EXPECT_EQ(0, check(encl));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, PG_RWX)));
	ASSERT_EQ(0, munmap(vt_addr(encl, 0), VT_SIZE));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, PG_R)));
	ASSERT_EQ(0, vt_map_all(encl));
	EXPECT_EQ(0, check(encl));
}

TEST_F(life, close_before_munmap)
{
	unsigned int page;

	ASSERT_EQ(0, build_and_map(&self->encl));
	ASSERT_EQ(0, close(self->encl.fd));
	self->encl.fd = -1;
	EXPECT_EQ(0, check(&self->encl));
	for (page = 0; page < PG_HOLE; page++) {
		EXPECT_EQ(1, alive(&self->start));
		ASSERT_EQ(0, munmap(vt_addr(&self->encl, page), PAGE));
	}
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F(life, munmap_before_close)
{
	ASSERT_EQ(0, build_and_map(&self->encl));
	ASSERT_EQ(0, munmap(vt_addr(&self->encl, 0), PG_HOLE * PAGE));
	EXPECT_EQ(1, alive(&self->start));
	ASSERT_EQ(0, close(self->encl.fd));
	self->encl.fd = -1;
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F(life, dup)
{
	int other;

	ASSERT_EQ(0, build_and_map(&self->encl));
	ASSERT_EQ(0, munmap(vt_addr(&self->encl, 0), PG_HOLE * PAGE));
	other = dup(self->encl.fd);
	ASSERT_EQ(0, close(self->encl.fd));
	self->encl.fd = other;
	EXPECT_EQ(1, alive(&self->start));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	EXPECT_EQ(0, check(&self->encl));
	EXPECT_EQ(-EINVAL, vt_ioctl(other, SGX_IOC_ENCLAVE_CREATE, NULL));
}

/* exec takes the mappings and, unless told otherwise, leaves the file. */
TEST_F(life, exec)
{
	pid_t pid;

	pid = fork();
	if (!pid) {
		if (build_and_map(&self->encl) || check(&self->encl))
			_exit(40);
		execlp("true", "true", NULL);
		_exit(41);
	}
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F(life, exec_keeps_file)
{
	int in[2], out[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(in));
	ASSERT_EQ(0, pipe(out));
	pid = fork();
	if (!pid) {
		if (build_and_map(&self->encl) || fcntl(self->encl.fd, F_SETFD, 0) ||
		    dup2(in[0], 0) || dup2(out[1], 1) != 1)
			_exit(40);
		close(in[1]);
		execlp("cat", "cat", NULL);
		_exit(41);
	}
	/* What it answers shows that exec is over. */
	ASSERT_EQ(1, write(in[1], "x", 1));
	ASSERT_EQ(1, read(out[0], &c, 1));
	EXPECT_EQ(1, alive(&self->start));
	close(in[1]);
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F(life, many_enclaves)
{
	static struct softsgx_enclave encls[NR_ENCLAVES];
	unsigned int i;

	for (i = 0; i < NR_ENCLAVES; i++) {
		ASSERT_EQ(0, build_and_map(&encls[i])) {
			TH_LOG("enclave %u: %s", i, softsgx_last_error());
		}
	}
	EXPECT_EQ(NR_ENCLAVES, alive(&self->start));
	for (i = 0; i < NR_ENCLAVES; i++) {
		EXPECT_EQ(0, check(&encls[i])) {
			TH_LOG("enclave %u", i);
		}
	}
	/* Every second one first: the others must not notice. */
	for (i = 0; i < NR_ENCLAVES; i += 2)
		softsgx_enclave_close(&encls[i]);
	for (i = 1; i < NR_ENCLAVES; i += 2) {
		EXPECT_EQ(0, check(&encls[i]));
		softsgx_enclave_close(&encls[i]);
	}
}

TEST_HARNESS_MAIN
