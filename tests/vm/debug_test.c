// SPDX-License-Identifier: GPL-2.0
/*
 * Debugging as people do it: another process reads and writes a debug enclave, resident
 * or not, sets breakpoints in it, and goes through it step by step.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define EPC_FILE	"/sys/kernel/debug/softsgx/epc"
#define INT3		0xcc
#define NR_CALLS	20
#define MAX_STEPS	20000
#define TIMES		2
#define SEED		11
#define TCS_FIELDS	72		/* what is behind them is reserved */

/* Shared by debugger and debugged */
struct shared {
	struct encl_call call;
	struct softsgx_raw raw;
	int calls;
};

FIXTURE(debug)
{
	struct encl encl;
	struct shared *s;
	pid_t pid;
	int mem;
};

static void child(struct _test_data_debug *self)
{
	struct shared *s = self->s;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	for (; s->calls < NR_CALLS; s->calls++) {
		s->call = (struct encl_call){ .a[0] = self->encl.info.ret_insn };
		if (encl_raw(&self->encl, 0, &s->raw, ENCL_JUMP, &s->call))
			_exit(2);
	}
	_exit(0);
}

static void start(struct __test_metadata *_metadata, struct _test_data_debug *self,
		  u64 attributes)
{
	const struct encl_spec spec = { .options.attributes = attributes };
	char path[32];
	int status;

	encl_load(&self->encl, &spec);
	self->s = mmap(NULL, sizeof(*self->s), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->s);
	ASSERT_EQ(0, softsgx_raw_init(&self->s->raw));
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		child(self);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	snprintf(path, sizeof(path), "/proc/%d/mem", self->pid);
	self->mem = open(path, O_RDWR);
	ASSERT_LE(0, self->mem);
}

static void stop(struct _test_data_debug *self)
{
	close(self->mem);
	if (self->pid) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	encl_unload(&self->encl);
}

FIXTURE_SETUP(debug)
{
	start(_metadata, self, SGX_ATTR_DEBUG);
}

FIXTURE_TEARDOWN(debug)
{
	stop(self);
}

static u64 flags_of(const struct encl *encl, unsigned int n)
{
	return encl->tcs[n] + offsetof(struct sgx_tcs, flags);
}

static bool opt_in(struct _test_data_debug *self)
{
	const u64 flags = SGX_TCS_DBGOPTIN;

	return pwrite(self->mem, &flags, 8, flags_of(&self->encl, 0)) == 8;
}

/* Returns the word that was there. */
static long set_breakpoint(struct _test_data_debug *self)
{
	const u64 addr = self->encl.info.ret_insn;
	long word = ptrace(PTRACE_PEEKTEXT, self->pid, addr, NULL);

	if (ptrace(PTRACE_POKETEXT, self->pid, addr, (word & ~0xffL) | INT3))
		die("breakpoint: %m");
	return word;
}

static void clear_breakpoint(struct _test_data_debug *self, long word)
{
	if (ptrace(PTRACE_POKETEXT, self->pid, self->encl.info.ret_insn, word))
		die("breakpoint: %m");
}

/* Go on and stop with @sig; what the frame says then */
static struct sgx_gprsgx go_on(struct __test_metadata *_metadata, struct _test_data_debug *self,
			       int how, int sig)
{
	struct sgx_gprsgx gpr = { };
	int status = 0;

	EXPECT_EQ(0, ptrace(how, self->pid, NULL, NULL));
	EXPECT_EQ(self->pid, waitpid(self->pid, &status, 0));
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != sig)
		die("status %#x instead of signal %d", status, sig);
	EXPECT_EQ(sizeof(gpr), pread(self->mem, &gpr, sizeof(gpr),
				     encl_gprsgx(&self->encl, 0, 0)));
	return gpr;
}

static void finish(struct __test_metadata *_metadata, struct _test_data_debug *self)
{
	int status;

	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->pid, NULL, NULL));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(NR_CALLS, self->s->calls);
	self->pid = 0;
}

/* ------------------------------------------------------------------------ negative */

/* A production enclave shows and takes nothing, and cannot be opted in. */
TEST_F(debug, production_enclave)
{
	const u64 addr = self->encl.info.ret_insn & -8ULL;
	u64 word;

	stop(self);
	start(_metadata, self, 0);
	errno = 0;
	EXPECT_EQ(-1, ptrace(PTRACE_PEEKTEXT, self->pid, addr, NULL));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, ptrace(PTRACE_POKETEXT, self->pid, addr, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pread(self->mem, &word, 8, addr));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pread(self->mem, &word, 8, encl_gprsgx(&self->encl, 0, 0)));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(false, opt_in(self));
	finish(_metadata, self);
}

/* What debuggers do at the start: read the fields of each TCS, and set the flag. */
TEST_F(debug, each_tcs)
{
	const u64 flags = SGX_TCS_DBGOPTIN;
	u8 before[TCS_FIELDS], after[TCS_FIELDS];
	unsigned int n;

	for (n = 0; n < self->encl.nr_tcs; n++) {
		ASSERT_EQ(sizeof(before), pread(self->mem, before, sizeof(before),
						self->encl.tcs[n]));
		ASSERT_EQ(8, pwrite(self->mem, &flags, 8, flags_of(&self->encl, n)));
		ASSERT_EQ(sizeof(after), pread(self->mem, after, sizeof(after),
					       self->encl.tcs[n]));
		before[offsetof(struct sgx_tcs, flags)] |= SGX_TCS_DBGOPTIN;
		EXPECT_EQ(0, memcmp(before, after, sizeof(before)));
	}
	EXPECT_EQ(ENCL_NR_TCS, n);
	finish(_metadata, self);
}

/* Without opting in, a breakpoint is an illegal instruction. */
TEST_F(debug, breakpoint_without_opt_in)
{
	struct sgx_gprsgx gpr;
	long word;

	word = set_breakpoint(self);
	gpr = go_on(_metadata, self, PTRACE_CONT, SIGILL);
	EXPECT_EQ(EXITINFO(V_UD), gpr.exitinfo);
	EXPECT_EQ(self->encl.info.ret_insn, gpr.rip);
	clear_breakpoint(self, word);
	finish(_metadata, self);
}

/* ------------------------------------------------------------ breakpoints, single step */

static void check_aep(struct __test_metadata *_metadata, struct _test_data_debug *self)
{
	struct user_regs_struct regs;

	ASSERT_EQ(0, ptrace(PTRACE_GETREGS, self->pid, NULL, &regs));
	EXPECT_EQ((uintptr_t)softsgx_raw_aep_resume, regs.rip);
	EXPECT_EQ(SGX_ERESUME, regs.rax);
	EXPECT_EQ(self->encl.tcs[0], regs.rbx);
}

TEST_F(debug, breakpoint)
{
	struct sgx_gprsgx gpr;
	long word;
	u8 code;

	ASSERT_EQ(true, opt_in(self));
	word = set_breakpoint(self);
	gpr = go_on(_metadata, self, PTRACE_CONT, SIGTRAP);
	EXPECT_EQ(EXITINFO_BP, gpr.exitinfo);
	EXPECT_EQ(self->encl.info.ret_insn, gpr.rip);
	EXPECT_EQ(ENCL_PENDING, self->s->call.status);
	check_aep(_metadata, self);
	/* It does not go away by itself. */
	gpr = go_on(_metadata, self, PTRACE_CONT, SIGTRAP);
	EXPECT_EQ(self->encl.info.ret_insn, gpr.rip);
	clear_breakpoint(self, word);
	finish(_metadata, self);
	encl_get(&self->encl, 1, &code, self->encl.info.ret_insn, 1);
	EXPECT_EQ(word & 0xff, code);
}

/* The tracer sees the task at the AEP; when it is there again, one instruction is over. */
static struct sgx_gprsgx step_inside(struct __test_metadata *_metadata,
				     struct _test_data_debug *self, bool *out)
{
	struct user_regs_struct regs;
	struct sgx_gprsgx gpr;

	do {
		gpr = go_on(_metadata, self, PTRACE_SINGLESTEP, SIGTRAP);
		if (ptrace(PTRACE_GETREGS, self->pid, NULL, &regs))
			die("registers: %m");
		*out = regs.rax == SGX_EEXIT;
	} while (!*out && regs.rip != (uintptr_t)softsgx_raw_aep_resume);
	return gpr;
}

/* As debuggers do it: over the breakpoint with the old code, then set it again */
TEST_F_TIMEOUT(debug, breakpoint_stays, 60)
{
	struct sgx_gprsgx gpr;
	bool out;
	long word;
	int i;

	ASSERT_EQ(true, opt_in(self));
	word = set_breakpoint(self);
	for (i = 0; i < NR_CALLS; i++) {
		gpr = go_on(_metadata, self, PTRACE_CONT, SIGTRAP);
		ASSERT_EQ(EXITINFO_BP, gpr.exitinfo);
		ASSERT_EQ(self->encl.info.ret_insn, gpr.rip);
		ASSERT_EQ(i, self->s->calls);
		clear_breakpoint(self, word);
		gpr = step_inside(_metadata, self, &out);
		ASSERT_EQ(false, out);
		EXPECT_EQ(EXITINFO(V_DB), gpr.exitinfo);
		EXPECT_NE(self->encl.info.ret_insn, gpr.rip);
		set_breakpoint(self);
	}
	clear_breakpoint(self, word);
	finish(_metadata, self);
}

/* From the breakpoint to the end, each instruction */
TEST_F_TIMEOUT(debug, step_through, 60)
{
	u64 last = self->encl.info.ret_insn;
	struct sgx_gprsgx gpr;
	unsigned int n;
	bool out;
	long word;

	ASSERT_EQ(true, opt_in(self));
	word = set_breakpoint(self);
	go_on(_metadata, self, PTRACE_CONT, SIGTRAP);
	clear_breakpoint(self, word);
	for (n = 0; n < MAX_STEPS; n++) {
		gpr = step_inside(_metadata, self, &out);
		if (out)
			break;
		ASSERT_EQ(EXITINFO(V_DB), gpr.exitinfo);
		ASSERT_EQ(true, gpr.rip - self->encl.e.base < self->encl.e.size);
		ASSERT_NE(last, gpr.rip);
		ASSERT_EQ(0, gpr.rflags & FLAG_TF);
		last = gpr.rip;
	}
	TH_LOG("%u steps", n);
	ASSERT_LT(n, MAX_STEPS);
	EXPECT_LT(10, n);
	EXPECT_EQ(ENCL_DONE, self->s->call.status);
	finish(_metadata, self);
}

/* ------------------------------------------------------------------- evicted pages */

FIXTURE(evicted)
{
	struct encl encl;
	pid_t pid;
	int mem;
};

static long epc_number(const char *name)
{
	FILE *file = fopen(EPC_FILE, "re");
	char word[32];
	long n = -1;

	while (file && fscanf(file, "%31s %ld", word, &n) == 2 && strcmp(word, name))
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/* A process that only has the enclave; one page in the EPC is another one out of it. */
FIXTURE_SETUP(evicted)
{
	struct encl_spec spec = { .options.attributes = SGX_ATTR_DEBUG };
	long total = epc_number("total_pages");
	char path[32];
	int status;

	if (total > 1024)
		SKIP(return, "for an EPC of 4M at most");
	spec.options.heap_pages = TIMES * total;
	encl_load(&self->encl, &spec);
	self->pid = fork();
	if (!self->pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", self->pid);
	self->mem = open(path, O_RDWR);
	ASSERT_LE(0, self->mem);
	encl_do(&self->encl, 0, ENCL_FILL, self->encl.info.heap, self->encl.info.heap_size, SEED);
}

FIXTURE_TEARDOWN(evicted)
{
	close(self->mem);
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	encl_unload(&self->encl);
}

/* What ENCL_FILL writes */
static u64 pattern(u64 addr)
{
	return (addr ^ SEED) * 0x9e3779b97f4a7c15UL;
}

TEST_F_TIMEOUT(evicted, read, 120)
{
	u64 end = self->encl.info.heap + self->encl.info.heap_size, addr, word;
	long before = epc_number("ewb");

	for (addr = self->encl.info.heap + 8; addr < end; addr += SGX_PAGE_SIZE) {
		errno = 0;
		ASSERT_EQ(pattern(addr), ptrace(PTRACE_PEEKDATA, self->pid, addr, NULL));
		ASSERT_EQ(0, errno);
		ASSERT_EQ(8, pread(self->mem, &word, 8, addr + 8));
		ASSERT_EQ(pattern(addr + 8), word);
	}
	EXPECT_LT(before, epc_number("ewb"));
}

TEST_F_TIMEOUT(evicted, write, 120)
{
	u64 start = self->encl.info.heap, end = start + self->encl.info.heap_size, addr, word;

	for (addr = start; addr < end; addr += SGX_PAGE_SIZE) {
		word = ~addr;
		ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, self->pid, addr, addr));
		ASSERT_EQ(8, pwrite(self->mem, &word, 8, addr + 4088));
	}
	/* All of it has been away since. */
	for (addr = start; addr < end; addr += SGX_PAGE_SIZE) {
		ASSERT_EQ(addr, encl_do(&self->encl, 1, ENCL_READ, addr, 0, 0));
		ASSERT_EQ(pattern(addr + 8), encl_do(&self->encl, 1, ENCL_READ, addr + 8, 0, 0));
		ASSERT_EQ(~addr, encl_do(&self->encl, 1, ENCL_READ, addr + 4088, 0, 0));
	}
}

/* The flag is in a TCS that has never been used, and goes away and comes back. */
TEST_F_TIMEOUT(evicted, opt_in, 120)
{
	u64 flags = SGX_TCS_DBGOPTIN;
	u64 where = flags_of(&self->encl, 3);

	ASSERT_EQ(8, pwrite(self->mem, &flags, 8, where));
	encl_do(&self->encl, 0, ENCL_FILL, self->encl.info.heap, self->encl.info.heap_size, 1);
	ASSERT_EQ(8, pread(self->mem, &flags, 8, where));
	EXPECT_EQ(SGX_TCS_DBGOPTIN, flags);
	encl_catch(SIGTRAP, 0);
	encl_caught.bail = true;
	if (!fork()) {
		struct encl_call call = { .a[0] = ENCL_INT3 };
		struct softsgx_raw raw;

		softsgx_raw_init(&raw);
		encl_raw(&self->encl, 3, &raw, ENCL_FAULT, &call);
		_exit(encl_caught.n == 1 && raw.ended == SOFTSGX_RAW_BAILED ? 0 : 1);
	}
	ASSERT_LT(0, wait((int *)&flags));
	EXPECT_EQ(0, (int)flags);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
