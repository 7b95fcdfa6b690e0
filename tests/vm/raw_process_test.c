// SPDX-License-Identifier: GPL-2.0
/*
 * Enclave mode and the life of processes: exit, exec, fork, seccomp, with threads
 * inside. Each test runs its processes to their end and then looks at the EPC.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define EXEC_ARG	"--exec-child"
#define NR_INSIDE	3

/* Run it in a child. Return: its wait status */
static int run(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %m");
	if (!pid) {
		fn();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	return status;
}

#define expect_exit(fn, want) do { \
	int status_ = run(fn); \
	EXPECT_EQ(1, WIFEXITED(status_)); \
	EXPECT_EQ(want, WEXITSTATUS(status_)); \
	EXPECT_EQ(true, encl_epc_is_back()); \
} while (0)

#define expect_signal(fn, want) do { \
	int status_ = run(fn); \
	EXPECT_EQ(1, WIFSIGNALED(status_)); \
	EXPECT_EQ(want, WTERMSIG(status_)); \
	EXPECT_EQ(true, encl_epc_is_back()); \
} while (0)

/* An enclave with threads inside; the first TCS is free. */
static struct encl encl;
static struct encl_visitor visitor[NR_INSIDE];

static void load_and_visit(void)
{
	unsigned int i;

	encl_load(&encl, NULL);
	for (i = 0; i < NR_INSIDE; i++)
		encl_visit(&visitor[i], &encl, i + 1);
}

static void exit_group(void)
{
	load_and_visit();
	_exit(7);
}

TEST(exit_with_threads_inside)
{
	expect_exit(exit_group, 7);
}

static void *exit_group_thread(void *arg)
{
	_exit(8);
}

/* The main thread is inside, too. */
static void exit_from_thread(void)
{
	unsigned long go = 0, ready = 0;
	pthread_t thread;

	load_and_visit();
	if (pthread_create(&thread, NULL, exit_group_thread, NULL))
		die("pthread_create: %m");
	encl_do(&encl, 0, ENCL_WAIT, (uintptr_t)&go, (uintptr_t)&ready, 0);
}

TEST(exit_from_another_thread)
{
	expect_exit(exit_from_thread, 8);
}

static void kill_self(void)
{
	load_and_visit();
	kill(getpid(), SIGKILL);
	pause();
}

TEST(killed_with_threads_inside)
{
	expect_signal(kill_self, SIGKILL);
}

static void stop_and_die(void)
{
	pid_t pid = fork();

	if (!pid) {
		load_and_visit();
		kill(getpid(), SIGSTOP);
		pause();
	}
	waitpid(pid, NULL, WUNTRACED);
	/* Stopped while inside, continued, and killed */
	kill(pid, SIGCONT);
	sleep_ms(100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(stopped_with_threads_inside)
{
	expect_exit(stop_and_die, 0);
}

static void leave_main(void)
{
	load_and_visit();
	/* The process goes on without its main thread, until this one ends. */
	STORE(visitor[0].go, 1);
	STORE(visitor[1].go, 1);
	STORE(visitor[2].go, 1);
	pthread_exit(NULL);
}

TEST(main_thread_exits)
{
	expect_exit(leave_main, 0);
}

static void exec_self(void)
{
	load_and_visit();
	execl("/proc/self/exe", "raw_process_test", EXEC_ARG, NULL);
	die("execl: %m");
}

TEST(exec_with_threads_inside)
{
	expect_exit(exec_self, 42);
}

static void *exec_thread(void *arg)
{
	while (!LOAD(*(unsigned long *)arg))
		sched_yield();
	exec_self();
	return NULL;
}

/* The thread that has been inside becomes the main thread. */
static void exec_from_thread(void)
{
	static struct encl first;
	unsigned long go = 0, ready = 0;
	pthread_t thread;

	encl_load(&first, NULL);
	if (pthread_create(&thread, NULL, exec_thread, &ready))
		die("pthread_create: %m");
	encl_do(&first, 0, ENCL_WAIT, (uintptr_t)&go, (uintptr_t)&ready, 0);
}

TEST(exec_from_another_thread)
{
	expect_exit(exec_from_thread, 42);
}

/* After an exit that is never resumed */
static void exec_after_aex(void)
{
	struct encl_call call = { .a[0] = ENCL_UD2 };
	struct sgx_enclave_run r = { };

	encl_load(&encl, NULL);
	encl_run(&encl, 0, ENCL_FAULT, &call, &r);
	execl("/proc/self/exe", "raw_process_test", EXEC_ARG, NULL);
}

TEST(exec_after_exception)
{
	expect_exit(exec_after_aex, 42);
}

static int fork_child(void)
{
	struct sgx_enclave_run r = { };
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* Threads inside were not copied, their TCSs are in use all the same. */
		if (encl_run(&encl, 1, ENCL_NOP, NULL, &r) != -1 || r.exception_vector != V_GP)
			_exit(1);
		_exit(encl_do(&encl, 0, ENCL_ADD, 1, 0, 0) == 1 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void fork_inside(void)
{
	unsigned int i;

	load_and_visit();
	if (fork_child())
		die("the child failed");
	if (encl_do(&encl, 0, ENCL_ADD, 1, 0, 0) != 2)
		die("parent and child have different enclaves");
	for (i = 0; i < NR_INSIDE; i++) {
		encl_visit_end(&visitor[i]);
		if (visitor[i].ret)
			die("thread %u did not come back", i);
	}
}

TEST(fork_with_threads_inside)
{
	expect_exit(fork_inside, 0);
}

/* The enclave lives as long as the last of its processes. */
static void orphan(void)
{
	int p[2];
	pid_t pid;

	load_and_visit();
	if (pipe(p))
		die("pipe: %m");
	pid = fork();
	if (!pid) {
		char c;

		close(p[1]);
		if (read(p[0], &c, 1))
			_exit(1);
		/* The parent is gone, and with it its threads; the TCSs are free. */
		encl_do(&encl, 0, ENCL_ADD, 1, 0, 0);
		encl_do(&encl, 1, ENCL_ADD, 1, 0, 0);
		_exit(0);
	}
}

TEST(fork_and_exit)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	expect_exit(orphan, 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	EXPECT_EQ(true, encl_epc_is_back());
}

static void fork_often(void)
{
	unsigned int i;

	load_and_visit();
	for (i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid) {
			encl_do(&encl, 0, ENCL_ADD, 1, 1, 0);
			_exit(0);
		}
		if (waitpid(pid, NULL, 0) != pid)
			die("waitpid: %m");
	}
	if (encl_do(&encl, 0, ENCL_GET, 0, 1, 0) != 100)
		die("children were lost");
}

TEST(fork_many_times)
{
	expect_exit(fork_often, 0);
}

static int vm_child(void *arg)
{
	encl_do(&encl, 0, ENCL_ADD, 1, 0, 0);
	_exit(0);
}

/* Another process in the same address space */
static void share_memory(void)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	int status;
	pid_t pid;

	encl_load(&encl, NULL);
	encl_do(&encl, 0, ENCL_ADD, 1, 0, 0);
	pid = clone(vm_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the child failed");
	if (encl_do(&encl, 0, ENCL_GET, 0, 0, 0) != 2)
		die("lost");
}

TEST(clone_vm)
{
	expect_exit(share_memory, 0);
}

static void seccomp_strict(void)
{
	struct encl_call call = { .a[0] = ENCL_UD2 };
	struct sgx_enclave_run r = { };
	unsigned int i;

	encl_load(&encl, NULL);
	softsgx_vdso_enter_enclave();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		die("seccomp: %m");
	/* Enclaves need no system calls, to the kernel's mind. */
	for (i = 0; i < 100; i++) {
		if (encl_run(&encl, 0, ENCL_FAULT, &call, &r) != -1)
			syscall(SYS_exit, 1);
		encl_do(&encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
		if (encl_resume(&encl, 0, &call, &r))
			syscall(SYS_exit, 2);
	}
	syscall(SYS_exit, 3);
}

TEST(no_system_calls)
{
	expect_exit(seccomp_strict, 3);
}

/* A filter that kills: not by what the processor does. */
static void seccomp_filter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(filter), .filter = filter };
	unsigned long go = 0, ready = 0;

	encl_load(&encl, NULL);
	softsgx_vdso_enter_enclave();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp: %m");
	encl_do(&encl, 0, ENCL_ADD, 1, 0, 0);
	STORE(go, 1);
	encl_do(&encl, 0, ENCL_WAIT, (uintptr_t)&go, (uintptr_t)&ready, 0);
	_exit(4);
}

TEST(filtered_system_calls)
{
	expect_exit(seccomp_filter, 4);
}

static void unprivileged(void)
{
	encl_load(&encl, NULL);
	if (setgid(65534) || setuid(65534))
		die("setuid: %m");
	encl_do(&encl, 0, ENCL_ADD, 1, 0, 0);
	encl_do(&encl, 1, ENCL_ADD, 1, 0, 0);
}

TEST(no_privileges_needed_inside)
{
	expect_exit(unprivileged, 0);
}

/* What exec_self() executes. Runs before main(). */
static void __attribute__((constructor)) exec_child(void)
{
	char cmdline[256] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = read(fd, cmdline, sizeof(cmdline) - 1);
	const char *arg = cmdline + strlen(cmdline) + 1;

	close(fd);
	if (n <= 0 || arg >= cmdline + n || strcmp(arg, EXEC_ARG))
		return;
	/* This task may have been inside an enclave in its former life. */
	encl_load(&encl, NULL);
	if (encl_do(&encl, 0, ENCL_ADD, 1, 0, 0) != 1)
		_exit(1);
	_exit(42);
}

TEST_HARNESS_MAIN
