// SPDX-License-Identifier: GPL-2.0
/*
 * System calls out of an enclave. Hardware does not let them happen; whether this
 * processor does or not, the kernel has to survive them with nothing lost. That is
 * all that is tested.
 */
#include <asm/prctl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define LIMIT_MS	1500

/*
 * Registers are at the start of the next page, the result goes behind them; then
 * the enclave is left in the usual way.
 */
asm("	.pushsection .rodata\n"
	"syscall_blob:\n"
	"	push	%rbx\n"
	"	mov	4096 + syscall_blob + 0(%rip), %rax\n"
	"	mov	4096 + syscall_blob + 8(%rip), %rdi\n"
	"	mov	4096 + syscall_blob + 16(%rip), %rsi\n"
	"	mov	4096 + syscall_blob + 24(%rip), %rdx\n"
	"	mov	4096 + syscall_blob + 32(%rip), %r10\n"
	"	mov	4096 + syscall_blob + 40(%rip), %r8\n"
	"	mov	4096 + syscall_blob + 48(%rip), %r9\n"
	"	syscall\n"
	"	pop	%rbx\n"
	"	ret\n"
	"syscall_blob_end:\n"
	"	.popsection\n");

static struct encl encl;

static void on_signal(int sig)
{
}

/* In a child: what becomes of it is no matter. */
static void do_syscall(const u64 args[7])
{
	const struct encl_spec spec = {
		.blob = ADDRESS_OF(syscall_blob),
		.blob_size = ADDRESS_OF(syscall_blob_end) - ADDRESS_OF(syscall_blob),
	};
	struct sigaction sa = { .sa_handler = on_signal };
	const struct itimerval it = {
		.it_interval.tv_usec = 50000, .it_value.tv_usec = 50000,
	};
	struct encl_call call = { };
	struct sgx_enclave_run run = { };
	struct encl_visitor v;

	encl_load(&encl, &spec);
	encl_put(&encl, 0, encl.blob_data, args, 7 * sizeof(args[0]));
	encl_visit(&v, &encl, 1);
	/* Some calls wait for a signal, and for nothing else. */
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	call.a[0] = encl.blob;
	encl_run(&encl, 0, ENCL_JUMP, &call, &run);
	_exit(run.function == SGX_EEXIT ? 1 : 2);
}

static void try(struct __test_metadata *_metadata, const u64 args[7])
{
	u64 end = now_ns() + LIMIT_MS * 1000000ULL;
	int status = 0;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		setpgid(0, 0);
		do_syscall(args);
	}
	while (!waitpid(pid, &status, WNOHANG) && now_ns() < end)
		usleep(1000);
	/* Its children, if it got any */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		;
}

#define try(...) do { \
	const u64 args_[7] = { __VA_ARGS__ }; \
	try(_metadata, args_); \
} while (0)

static void prepare(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

TEST(processes)
{
	static const char path[] = "/bin/true";
	static const char *const argv[] = { path, NULL };

	prepare();
	try(SYS_getpid);
	try(SYS_exit, 0);
	try(SYS_exit_group, 0);
	try(SYS_fork);
	try(SYS_vfork);
	try(SYS_clone, SIGCHLD);
	try(SYS_clone, 0x50f00);
	try(SYS_execve, (uintptr_t)path, (uintptr_t)argv, 0);
	try(SYS_kill, 0, SIGUSR1);
	try(SYS_kill, 0, SIGSTOP);
	try(SYS_ptrace, 0);
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST(signals)
{
	static const sigset_t none;

	prepare();
	try(SYS_rt_sigreturn);
	try(SYS_pause);
	try(SYS_rt_sigsuspend, (uintptr_t)&none, 8);
	try(SYS_nanosleep, (uintptr_t)&(struct timespec){ .tv_sec = 1 }, 0);
	try(SYS_restart_syscall);
	try(SYS_futex, (uintptr_t)&none, FUTEX_WAIT, 0, 0);
	try(SYS_tgkill, 0, 0, SIGSEGV);
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST(processor_state)
{
	prepare();
	try(SYS_arch_prctl, ARCH_SET_FS, 0x1234000);
	try(SYS_arch_prctl, ARCH_SET_GS, 0x1234000);
	try(SYS_arch_prctl, ARCH_SET_GS, 0x7ffffffff000);
	try(SYS_arch_prctl, ARCH_SET_CPUID, 0);
	try(SYS_modify_ldt, 1, 0, 16);
	try(SYS_iopl, 3);
	try(SYS_sched_yield);
	try(SYS_seccomp, 0);
	try(SYS_prctl, PR_SET_SECCOMP, 1);
	try(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
	EXPECT_EQ(true, encl_epc_is_back());
}

/* The enclave takes itself away. Its address is not known before it is loaded. */
TEST(memory)
{
	struct encl probe;

	prepare();
	/* Address space layout is the same in a child, nearly always. */
	encl_load(&probe, NULL);
	try(SYS_munmap, 0, 0x7ffffffff000);
	try(SYS_munmap, probe.e.base - probe.e.size, 3 * probe.e.size);
	try(SYS_mprotect, probe.e.base - probe.e.size, 3 * probe.e.size, PROT_NONE);
	try(SYS_mmap, probe.e.base - probe.e.size, 3 * probe.e.size, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	try(SYS_close, 3);
	try(SYS_close_range, 3, ~0U, 0);
	try(SYS_read, 0, probe.e.base, 4096);
	try(SYS_write, 1, probe.tcs[0], 4096);
	encl_unload(&probe);
	EXPECT_EQ(true, encl_epc_is_back());
}

/* INT 80h and SYSENTER, and what else has no business in an enclave */
TEST(other_instructions)
{
	unsigned int i;

	for (i = 0; i < ENCL_NR_FAULTS; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			struct encl_call call = { .a[0] = i };
			struct sgx_enclave_run run = { };

			encl_load(&encl, NULL);
			encl_run(&encl, 0, ENCL_FAULT, &call, &run);
			_exit(run.function == SGX_EEXIT ? 1 : 2);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		if (i >= ENCL_CPUID && i < ENCL_RDTSC && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 1)
			TH_LOG("instruction %u is not stopped", i);
	}
	EXPECT_EQ(true, encl_epc_is_back());
}

TEST_HARNESS_MAIN
