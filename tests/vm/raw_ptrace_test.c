// SPDX-License-Identifier: GPL-2.0
/*
 * A debugger, and a thread inside an enclave that has not opted in: it sees the
 * program at the AEP, and the enclave as one large instruction.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define MAX_STEPS	100000
#define ENCLU_LENGTH	3

/* Shared by tracer and tracee */
struct shared {
	struct encl_call call;
	struct softsgx_raw raw;
	unsigned long go;
	unsigned long ready;
	bool done;
};

FIXTURE(ptrace)
{
	struct encl encl;
	struct shared *s;
	pid_t pid;
};

FIXTURE_SETUP(ptrace)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };

	encl_load(&self->encl, &spec);
	self->s = mmap(NULL, sizeof(*self->s), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->s);
	ASSERT_EQ(0, softsgx_raw_init(&self->s->raw));
}

FIXTURE_TEARDOWN(ptrace)
{
	if (self->pid) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	encl_unload(&self->encl);
}

static void child(struct _test_data_ptrace *self, unsigned long op)
{
	struct shared *s = self->s;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	if (encl_raw(&self->encl, 0, &s->raw, op, &s->call))
		_exit(2);
	STORE(s->done, true);
	_exit(0);
}

/* A child that is about to do @op, stopped */
static void start(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
		  unsigned long op)
{
	int status;

	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		child(self, op);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	ASSERT_EQ(1, WIFSTOPPED(status));
	ASSERT_EQ(SIGSTOP, WSTOPSIG(status));
}

static void wait_stop(struct __test_metadata *_metadata, struct _test_data_ptrace *self, int sig)
{
	int status;

	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	ASSERT_EQ(1, WIFSTOPPED(status)) {
		TH_LOG("status %#x", status);
	}
	EXPECT_EQ(sig, WSTOPSIG(status));
}

/* PUSHFQ under single-step saves TF, and the POPFQ that belongs to it traps. */
static void finish(struct __test_metadata *_metadata, struct _test_data_ptrace *self)
{
	int status;

	do {
		ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	} while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	EXPECT_EQ(0, status);
	EXPECT_EQ(true, LOAD(self->s->done));
	self->pid = 0;
}

static void get_regs(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
		     struct user_regs_struct *regs)
{
	ASSERT_EQ(0, ptrace(PTRACE_GETREGS, self->pid, NULL, regs));
}

static void step(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
		 struct user_regs_struct *regs)
{
	ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, self->pid, NULL, NULL));
	wait_stop(_metadata, self, SIGTRAP);
	get_regs(_metadata, self, regs);
}

static bool is_inside(const struct _test_data_ptrace *self, u64 rip)
{
	return rip - self->encl.e.base < self->encl.e.size;
}

/* The step ends where the enclave does: right behind the ENCLU. */
static void check_step(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
		       const struct user_regs_struct *regs)
{
	EXPECT_EQ(false, is_inside(self, regs->rip));
	EXPECT_EQ((uintptr_t)softsgx_raw_enclu + ENCLU_LENGTH, regs->rip);
	EXPECT_EQ(SGX_EEXIT, regs->rax);
}

TEST_F_TIMEOUT(ptrace, step_over_enclave, 60)
{
	struct user_regs_struct regs;
	unsigned int i;

	self->s->call.a[0] = 1;
	start(_metadata, self, ENCL_ADD);
	for (i = 0; i < MAX_STEPS; i++) {
		step(_metadata, self, &regs);
		ASSERT_EQ(false, is_inside(self, regs.rip));
		if (regs.rip == (uintptr_t)softsgx_raw_enclu)
			break;
	}
	ASSERT_LT(i, MAX_STEPS);
	EXPECT_EQ(SGX_EENTER, regs.rax);
	EXPECT_EQ(ENCL_PENDING, self->s->call.status);

	step(_metadata, self, &regs);
	check_step(_metadata, self, &regs);
	EXPECT_EQ(ENCL_DONE, self->s->call.status);
	EXPECT_EQ(1, self->s->call.ret);

	/* And on, step by step */
	for (i = 0; i < 20; i++) {
		step(_metadata, self, &regs);
		ASSERT_EQ(false, is_inside(self, regs.rip));
	}
	finish(_metadata, self);
}

static void check_aep(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
		      const struct user_regs_struct *regs)
{
	EXPECT_EQ((uintptr_t)softsgx_raw_aep_resume, regs->rip);
	EXPECT_EQ(SGX_ERESUME, regs->rax);
	EXPECT_EQ(self->encl.tcs[0], regs->rbx);
	EXPECT_EQ((uintptr_t)softsgx_raw_aep_resume, regs->rcx);
	EXPECT_EQ(self->s->raw.stack_top - 16, regs->rsp);
	EXPECT_EQ(0, regs->rdx | regs->rsi | regs->rdi | regs->r8 | regs->r9 | regs->r10 |
		     regs->r11 | regs->r12 | regs->r13 | regs->r14 | regs->r15);
	EXPECT_EQ(0, regs->eflags & (FLAG_CF | FLAG_ZF | FLAG_SF | FLAG_OF | FLAG_PF | FLAG_AF));
	EXPECT_EQ(-1, (long)regs->orig_rax);
}

/* A child that waits inside */
static void start_inside(struct __test_metadata *_metadata, struct _test_data_ptrace *self)
{
	struct shared *s = self->s;

	s->call.a[0] = (uintptr_t)&s->go;
	s->call.a[1] = (uintptr_t)&s->ready;
	start(_metadata, self, ENCL_WAIT);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	while (!LOAD(s->ready))
		usleep(100);
}

TEST_F(ptrace, registers_of_thread_inside)
{
	struct user_regs_struct regs;
	struct user_fpregs_struct fp;
	unsigned int i;

	start_inside(_metadata, self);
	for (i = 0; i < 10; i++) {
		kill(self->pid, SIGUSR1);
		wait_stop(_metadata, self, SIGUSR1);
		get_regs(_metadata, self, &regs);
		check_aep(_metadata, self, &regs);
		ASSERT_EQ(0, ptrace(PTRACE_GETFPREGS, self->pid, NULL, &fp));
		EXPECT_EQ(0x1fb0, fp.mxcsr);
		EXPECT_EQ(0x37f, fp.cwd);
		EXPECT_EQ(0, fp.xmm_space[0] | fp.xmm_space[31] | fp.xmm_space[63]);
		ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
		usleep(1000);
	}
	EXPECT_EQ(false, LOAD(self->s->done));
	kill(self->pid, SIGUSR1);
	wait_stop(_metadata, self, SIGUSR1);
	STORE(self->s->go, 1);
	finish(_metadata, self);
	/* Some may have hit the AEP before the thread was back inside. */
	EXPECT_GE(self->s->raw.aex_count, 1);
}

/* PTRACE_INTERRUPT needs no signal. */
TEST_F(ptrace, seize_and_interrupt)
{
	struct shared *s = self->s;
	struct user_regs_struct regs;
	unsigned int i;
	int status;

	s->call.a[0] = (uintptr_t)&s->go;
	s->call.a[1] = (uintptr_t)&s->ready;
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		if (encl_raw(&self->encl, 0, &s->raw, ENCL_WAIT, &s->call))
			_exit(2);
		STORE(s->done, true);
		_exit(0);
	}
	while (!LOAD(s->ready))
		usleep(100);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->pid, NULL, NULL));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, self->pid, NULL, NULL));
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
		ASSERT_EQ(1, WIFSTOPPED(status));
		get_regs(_metadata, self, &regs);
		check_aep(_metadata, self, &regs);
		if (i < 9)
			ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
		usleep(1000);
	}
	STORE(s->go, 1);
	finish(_metadata, self);
}

/* From the AEP, a step goes through ERESUME to the end of the enclave. */
TEST_F(ptrace, step_from_aep)
{
	struct user_regs_struct regs;
	unsigned int i;

	start_inside(_metadata, self);
	kill(self->pid, SIGUSR1);
	wait_stop(_metadata, self, SIGUSR1);
	STORE(self->s->go, 1);
	/* Two instructions, and the ENCLU */
	for (i = 0; i < 4; i++) {
		step(_metadata, self, &regs);
		ASSERT_EQ(false, is_inside(self, regs.rip));
		if (regs.rax == SGX_EEXIT)
			break;
	}
	check_step(_metadata, self, &regs);
	EXPECT_EQ(ENCL_DONE, self->s->call.status);
	finish(_metadata, self);
}

/* Two entries with the same flags: what the first leaves behind, the second loads. */
static void child_twice(struct _test_data_ptrace *self)
{
	struct shared *s = self->s;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	encl_raw_args(&s->raw, ENCL_ADD, &s->call);
	softsgx_raw_enter(&s->raw, self->encl.tcs[0]);
	s->raw.regs.di = ENCL_ADD;
	s->raw.regs.si = (uintptr_t)&s->call;
	softsgx_raw_enter(&s->raw, self->encl.tcs[0]);
	STORE(s->done, true);
	_exit(0);
}

/* Changes the byte at @addr of the child, and returns what was there. */
static u8 poke(struct __test_metadata *_metadata, struct _test_data_ptrace *self, u64 addr,
	       u8 byte)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, self->pid, (void *)addr, NULL);
	ASSERT_EQ(0, errno);
	ASSERT_EQ(0, ptrace(PTRACE_POKETEXT, self->pid, (void *)addr,
			    (void *)((word & ~0xffL) | byte)));
	return word;
}

/* To the ENCLU, without a step: as a debugger's breakpoint does it */
static void go_to_enclu(struct __test_metadata *_metadata, struct _test_data_ptrace *self,
			struct user_regs_struct *regs)
{
	const u64 enclu = (uintptr_t)softsgx_raw_enclu;
	u8 byte = poke(_metadata, self, enclu, 0xcc);

	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	wait_stop(_metadata, self, SIGTRAP);
	get_regs(_metadata, self, regs);
	ASSERT_EQ(enclu + 1, regs->rip);
	regs->rip = enclu;
	ASSERT_EQ(0, ptrace(PTRACE_SETREGS, self->pid, NULL, regs));
	poke(_metadata, self, enclu, byte);
}

/* One step over the ENCLU, and nothing of it is left for later. */
TEST_F(ptrace, no_trap_after_step)
{
	struct user_regs_struct regs;
	siginfo_t si;
	int status;

	self->s->call.a[0] = 1;
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		child_twice(self);
	wait_stop(_metadata, self, SIGSTOP);
	go_to_enclu(_metadata, self, &regs);
	step(_metadata, self, &regs);
	check_step(_metadata, self, &regs);
	ASSERT_EQ(0, ptrace(PTRACE_GETSIGINFO, self->pid, NULL, &si));
	EXPECT_EQ(TRAP_TRACE, si.si_code);
	EXPECT_EQ((void *)regs.rip, si.si_addr);

	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(true, LOAD(self->s->done));
	EXPECT_EQ(0, self->s->raw.regs.flags & FLAG_TF);
	if (WIFEXITED(status))
		self->pid = 0;
}

/* What the tracer changes at the AEP counts: another leaf, another address. */
TEST_F(ptrace, change_registers)
{
	struct user_regs_struct regs;

	start_inside(_metadata, self);
	kill(self->pid, SIGUSR1);
	wait_stop(_metadata, self, SIGUSR1);
	get_regs(_metadata, self, &regs);
	regs.rip = (uintptr_t)softsgx_raw_bail;
	ASSERT_EQ(0, ptrace(PTRACE_SETREGS, self->pid, NULL, &regs));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	ASSERT_EQ(self->pid, waitpid(self->pid, (int *)&regs, 0));
	EXPECT_EQ(SOFTSGX_RAW_BAILED, self->s->raw.ended);
	self->pid = 0;
	/* The interrupted thread's frame is still there. */
	EXPECT_EQ(1, encl_do(&self->encl, 1, ENCL_ADD, 1, 0, 0));
}

TEST_F(ptrace, killed_inside)
{
	start_inside(_metadata, self);
	kill(self->pid, SIGUSR1);
	wait_stop(_metadata, self, SIGUSR1);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	kill(self->pid, SIGKILL);
	ASSERT_EQ(self->pid, waitpid(self->pid, NULL, 0));
	self->pid = 0;
	/* Its TCS is not in use by anybody. */
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
}

/* Detaching while the thread is at the AEP lets it go on. */
TEST_F(ptrace, detach)
{
	int status;

	start_inside(_metadata, self);
	kill(self->pid, SIGUSR1);
	wait_stop(_metadata, self, SIGUSR1);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->pid, NULL, NULL));
	STORE(self->s->go, 1);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(true, LOAD(self->s->done));
	self->pid = 0;
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
