// SPDX-License-Identifier: GPL-2.0
/*
 * The first EENTER of a process that has inherited an enclave: its entry in the list of
 * the enclave takes memory, which a memory cgroup may refuse, and time, in which a signal
 * may come. Neither keeps the process in the kernel.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "encl_util.h"
#include "race.h"
#include "util.h"
#include "kselftest_harness.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/enter"
#define DIES_MS		VT_WAIT(10000)	/* enough for anything that ends at all */
#define CAME_BACK	7

/* What the child leaves for the test */
struct told {
	int ret;
	int n_signals;
	u64 leaf;
	struct sgx_enclave_run run;
};

FIXTURE(inherited) {
	struct encl encl;
	struct told *told;
	int ready[2];
	int go[2];
	pid_t pid;
};

static struct told *told;

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	told->n_signals++;
	told->leaf = uc->uc_mcontext.gregs[REG_RAX];
}

/*
 * With an enclave of its own the child uses once all that it needs later: then its entry
 * is all that takes memory. Without, it is registered with the mm core at the first EENTER.
 */
static void child(struct _test_data_inherited *self, bool prepared)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	static struct encl_call call = { .a = { 1 } };
	static struct encl own;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	told = self->told;
	sigaction(SIGUSR1, &sa, NULL);
	if (prepared) {
		encl_load(&own, NULL);
		MUST(!encl_run(&own, 0, ENCL_LOOP, &call, &told->run));
	}
	memset(&told->run, 0, sizeof(told->run));
	MUST(!vt_tell(self->ready[1]));
	MUST(!vt_await(self->go[0]));
	told->ret = encl_run(&self->encl, 1, ENCL_LOOP, &call, &told->run);
	_exit(CAME_BACK);
}

FIXTURE_SETUP(inherited)
{
	ASSERT_EQ(0, end_delays());
	self->told = mmap(NULL, PAGE, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->told);
	memset(self->told, 0, sizeof(*self->told));
	ASSERT_EQ(0, pipe(self->ready));
	ASSERT_EQ(0, pipe(self->go));
	encl_load(&self->encl, NULL);
	self->pid = 0;
}

static int start(struct _test_data_inherited *self, bool prepared)
{
	self->pid = fork();
	if (!self->pid)
		child(self, prepared);
	return self->pid < 0 ? -errno : vt_await(self->ready[0]);
}

FIXTURE_TEARDOWN(inherited)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		vt_wait(self->pid);
	}
	EXPECT_EQ(0, end_delays());
	encl_unload(&self->encl);
}

static int write_text(const char *path, const char *text)
{
	return write_file(path, text, strlen(text));
}

static int write_number(const char *path, long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", n);
	return write_text(path, text);
}

/* From now on the child is refused all memory that it does not have. */
static int limit(pid_t pid)
{
	int ret = write_text(CGROUPS "/cgroup.subtree_control", "+memory");

	if (!ret && mkdir(GROUP, 0755) && errno != EEXIST)
		ret = -errno;
	if (!ret)
		ret = write_text(GROUP "/memory.max", "0");
	return ret ? ret : write_number(GROUP "/cgroup.procs", pid);
}

/* As vt_wait(), or -ETIME */
static int wait_for_end(pid_t *pid)
{
	u64 start = vt_ms();
	siginfo_t info;

	do {
		info.si_pid = 0;
		if (waitid(P_PID, *pid, &info, WEXITED | WNOHANG | WNOWAIT))
			return -errno;
		if (info.si_pid) {
			pid_t ended = *pid;

			*pid = 0;
			return vt_wait(ended);
		}
		usleep(1000);
	} while (vt_ms() - start < DIES_MS);
	return -ETIME;
}

static int rm_group(void)
{
	u64 start = vt_ms();

	while (rmdir(GROUP) && errno == EBUSY && vt_ms() - start < DIES_MS)
		usleep(1000);
	return access(GROUP, F_OK) ? 0 : -EBUSY;
}

/* The group is short of memory, so its only process is killed, and that works. */
TEST_F(inherited, killed_at_limit)
{
	ASSERT_EQ(0, start(self, true));
	ASSERT_EQ(0, limit(self->pid));
	ASSERT_EQ(0, vt_tell(self->go[1]));
	EXPECT_EQ(256 + SIGKILL, wait_for_end(&self->pid));
	EXPECT_EQ(0, rm_group());
}

/* It must not be killed, so it is told: the page is not to be had. */
TEST_F(inherited, refused_at_limit)
{
	char path[64];

	ASSERT_EQ(0, start(self, true));
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", self->pid);
	ASSERT_EQ(0, write_text(path, "-1000"));
	ASSERT_EQ(0, limit(self->pid));
	ASSERT_EQ(0, vt_tell(self->go[1]));
	EXPECT_EQ(CAME_BACK, wait_for_end(&self->pid));
	EXPECT_EQ(-1, self->told->ret);
	EXPECT_EQ(SGX_EENTER, self->told->run.function);
	EXPECT_EQ(V_PF, self->told->run.exception_vector);
	EXPECT_EQ(self->encl.tcs[1], self->told->run.exception_addr);
	EXPECT_EQ(0, rm_group());
}

/* SIGKILL reaches a process that is held up on its way in. */
TEST_F(inherited, killed_on_the_way)
{
	ASSERT_EQ(0, start(self, false));
	ASSERT_EQ(0, vt_delay("register", LONG_MS));
	ASSERT_EQ(0, vt_tell(self->go[1]));
	ASSERT_EQ(0, await_held("register"));
	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(0, vt_let_go());
	EXPECT_EQ(256 + SIGKILL, wait_for_end(&self->pid));
}

/* The handler comes first: RAX is EENTER's, not the ERESUME of an AEX; then it enters. */
TEST_F(inherited, signal_on_the_way)
{
	ASSERT_EQ(0, start(self, false));
	ASSERT_EQ(0, vt_delay("register", LONG_MS));
	ASSERT_EQ(0, vt_tell(self->go[1]));
	ASSERT_EQ(0, await_held("register"));
	ASSERT_EQ(0, kill(self->pid, SIGUSR1));
	ASSERT_EQ(0, vt_let_go());
	EXPECT_EQ(CAME_BACK, wait_for_end(&self->pid));
	EXPECT_EQ(1, self->told->n_signals);
	EXPECT_EQ(SGX_EENTER, self->told->leaf);
	EXPECT_EQ(0, self->told->ret);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
