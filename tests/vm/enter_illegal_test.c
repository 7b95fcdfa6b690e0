// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that an enclave may not execute: #UD where they stand, nothing done.
 * Each of them with and without single step; what does not trap by itself, with.
 */
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2		/* si_code; newer than the C library */
#endif

#define STEP_PARAMETER	"/sys/module/softsgx_cpu/parameters/step"
#define SLOT		64
#define RET		0xc3
#define MAX_BYTES	12

/**
 * struct sample - an instruction
 * @name: for messages
 * @bytes, @n: its code
 * @steps: traps under single step only
 * @optional: feature of the CPU without which it does not trap by itself, or NULL
 */
struct sample {
	const char *name;
	u8 bytes[MAX_BYTES];
	unsigned int n;
	bool steps;
	const char *optional;
};

#define CODE(...)	.bytes = { __VA_ARGS__ }, .n = sizeof((const u8[]){ __VA_ARGS__ })

static const struct sample samples[] = {
	{ "syscall", CODE(0x0f, 0x05) },
	{ "int 80h", CODE(0xcd, 0x80) },
	{ "int 0", CODE(0xcd, 0x00) },
	{ "int 1", CODE(0xcd, 0x01) },
	{ "int 3", CODE(0xcd, 0x03) },
	{ "int 4", CODE(0xcd, 0x04) },
	{ "int 20h", CODE(0xcd, 0x20) },
	{ "int ffh", CODE(0xcd, 0xff) },
	{ "in al, imm", CODE(0xe4, 0x80) },
	{ "in eax, imm", CODE(0xe5, 0x80) },
	{ "out imm, al", CODE(0xe6, 0x80) },
	{ "out imm, eax", CODE(0xe7, 0x80) },
	{ "in al, dx", CODE(0xec) },
	{ "out dx, al", CODE(0xee) },
	{ "in ax, dx", CODE(0x66, 0xed) },
	{ "insb", CODE(0x6c) },
	{ "rep outsb", CODE(0xf3, 0x6e) },
	{ "in eax, dx", CODE(0xed) },
	{ "out dx, eax", CODE(0xef) },
	{ "insd", CODE(0x6d) },
	{ "rep insb", CODE(0xf3, 0x6c) },
	{ "insw", CODE(0x66, 0x6d) },
	{ "outsd", CODE(0x6f) },
	{ "outsb from fs", CODE(0x64, 0x6e) },
	{ "rdpmc", CODE(0x0f, 0x33) },
	{ "rdpmc with prefix", CODE(0x48, 0x0f, 0x33) },
	{ "vmmcall", CODE(0x0f, 0x01, 0xd9) },
	{ "vmfunc", CODE(0x0f, 0x01, 0xd4) },
	{ "getsec", CODE(0x0f, 0x37) },
	{ "vmcall", CODE(0x0f, 0x01, 0xc1) },
	{ "sgdt", CODE(0x0f, 0x01, 0x44, 0x24, 0xe0), .optional = " umip" },
	{ "sidt", CODE(0x0f, 0x01, 0x4c, 0x24, 0xe0), .optional = " umip" },
	{ "smsw", CODE(0x0f, 0x01, 0xe0), .optional = " umip" },
	{ "sldt", CODE(0x0f, 0x00, 0xc0), .optional = " umip" },
	{ "str", CODE(0x0f, 0x00, 0xc8), .optional = " umip" },
	{ "cpuid", CODE(0x0f, 0xa2), .optional = " cpuid_fault" },
	{ "cpuid with prefix", CODE(0x48, 0x0f, 0xa2), .optional = " cpuid_fault" },
	{ "far call", CODE(0xff, 0x5c, 0x24, 0xe0), .steps = true },
	{ "far jmp", CODE(0x48, 0xff, 0x6c, 0x24, 0xe0), .steps = true },
	{ "far ret", CODE(0xcb), .steps = true },
	{ "iretq", CODE(0x48, 0xcf), .steps = true },
	{ "lss", CODE(0x0f, 0xb2, 0x44, 0x24, 0xe0), .steps = true },
	{ "lfs", CODE(0x0f, 0xb4, 0x44, 0x24, 0xe0), .steps = true },
	{ "mov ds", CODE(0x8e, 0xd8), .steps = true },
	{ "mov ss", CODE(0x8e, 0xd0), .steps = true },
	{ "mov gs", CODE(0x8e, 0xe8), .steps = true },
	{ "pop fs", CODE(0x0f, 0xa1), .steps = true },
	{ "pop gs", CODE(0x0f, 0xa9), .steps = true },
};

/* What else is in the page of code */
enum extra {
	EXTRA_PUSHF = ARRAY_SIZE(samples),	/* RAX = RFLAGS */
	EXTRA_POPF,				/* POPF with TF clear, then CPUID */
	EXTRA_TSC,
	EXTRA_TSCP,
	EXTRA_JUMP,				/* to RDI, which is outside */
	EXTRA_NR,
};

static const struct sample extras[] = {
	[EXTRA_PUSHF] = { "pushf", CODE(0x9c, 0x58) },
	[EXTRA_POPF] = { "popf", CODE(0x9c, 0x9d, 0x0f, 0xa2) },
	[EXTRA_TSC] = { "rdtsc", CODE(0x0f, 0x31) },
	[EXTRA_TSCP] = { "rdtscp", CODE(0x0f, 0x01, 0xf9) },
	/* mov (rip + one page), rax; jmp *rax */
	[EXTRA_JUMP] = { "jmp", CODE(0x48, 0x8b, 0x05, 0xf9, 0x0f, 0x00, 0x00, 0xff, 0xe0) },
};

static bool cpu_has(const char *flag)
{
	char line[4096];
	bool has = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && !has && fgets(line, sizeof(line), f))
		has = !strncmp(line, "flags", 5) && strstr(line, flag);
	if (f)
		fclose(f);
	return has;
}

static void set_step(bool on)
{
	FILE *f = fopen(STEP_PARAMETER, "w");

	if (!f || fputs(on ? "1" : "0", f) < 0 || fclose(f))
		die("%s cannot be set", STEP_PARAMETER);
}

static void make_blob(u8 *blob)
{
	unsigned int i;

	memset(blob, 0x90, SGX_PAGE_SIZE);
	for (i = 0; i < EXTRA_NR; i++) {
		const struct sample *s = i < ARRAY_SIZE(samples) ? &samples[i] : &extras[i];

		memcpy(blob + i * SLOT, s->bytes, s->n);
		blob[i * SLOT + s->n] = RET;
	}
}

FIXTURE(illegal)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	struct encl_ssa ssa;
	u8 blob[SGX_PAGE_SIZE];
};

FIXTURE_VARIANT(illegal)
{
	bool step;
};

FIXTURE_VARIANT_ADD(illegal, native)
{
	.step = false,
};

FIXTURE_VARIANT_ADD(illegal, step)
{
	.step = true,
};

FIXTURE_SETUP(illegal)
{
	struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };

	make_blob(self->blob);
	spec.blob = self->blob;
	spec.blob_size = sizeof(self->blob);
	encl_load(&self->encl, &spec);
	set_step(variant->step);
}

FIXTURE_TEARDOWN(illegal)
{
	set_step(false);
	encl_unload(&self->encl);
}

static u64 code_of(const struct encl *encl, unsigned int i)
{
	return encl->blob + i * SLOT;
}

static bool call_code(struct _test_data_illegal *self, unsigned int i)
{
	self->call = (struct encl_call){ .a[0] = code_of(&self->encl, i) };
	return !encl_run(&self->encl, 0, ENCL_JUMP, &self->call, &self->run);
}

/* The enclave has been left with #UD at @rip; go on @n bytes behind it. */
static void check_ud(struct __test_metadata *_metadata, struct _test_data_illegal *self,
		     const char *name, u64 rip, unsigned int n)
{
	ASSERT_EQ(SGX_ERESUME, self->run.function) {
		TH_LOG("%s", name);
	}
	EXPECT_EQ(V_UD, self->run.exception_vector) {
		TH_LOG("%s", name);
	}
	EXPECT_EQ(0, self->run.exception_error_code);
	encl_ssa(&self->encl, 0, &self->ssa);
	EXPECT_EQ(EXITINFO(V_UD), self->ssa.exitinfo);
	EXPECT_EQ(rip, self->ssa.rip) {
		TH_LOG("%s: RIP is wrong", name);
	}
	EXPECT_EQ(0, self->ssa.rflags & FLAG_TF);
	self->ssa.rip = rip + n;
	encl_do(&self->encl, 0, ENCL_SSA_SET, ENCL_LAST_FRAME, (uintptr_t)&self->ssa, 0);
	EXPECT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run)) {
		TH_LOG("%s: cannot go on", name);
	}
}

static bool traps(const struct sample *s, bool step)
{
	return step || (!s->steps && (!s->optional || cpu_has(s->optional)));
}

TEST_F(illegal, each_instruction)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		if (!traps(s, variant->step))
			continue;
		EXPECT_FALSE(call_code(self, i)) {
			TH_LOG("%s does not trap", s->name);
		}
		check_ud(_metadata, self, s->name, code_of(&self->encl, i), s->n);
	}
}

/* Nothing of it has been executed: RAX is still the number of the system call. */
TEST_F(illegal, system_call_is_not_made)
{
	static const struct {
		unsigned int fault;
		u64 ax;
	} calls[] = { { ENCL_SYSCALL, SYS_getpid }, { ENCL_INT80, 20 } };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (n = 0; n < 100; n++) {
			self->call = (struct encl_call){ .a[0] = calls[i].fault };
			ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call,
					       &self->run));
			EXPECT_EQ(V_UD, self->run.exception_vector);
			encl_ssa(&self->encl, 0, &self->ssa);
			EXPECT_EQ(calls[i].ax, self->ssa.gpr[ENCL_RAX]);
			encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
			ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
			EXPECT_EQ(calls[i].ax, self->call.ret);
			EXPECT_LT(0, syscall(SYS_getpid));
		}
	}
}

TEST_F(illegal, allowed)
{
	struct encl_call *call = &self->call;

	*call = (struct encl_call){ .a[0] = ENCL_XGETBV };
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, call, &self->run));
	*call = (struct encl_call){ .a[0] = ENCL_RDTSC };
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, call, &self->run));
	*call = (struct encl_call){ .a[0] = ENCL_RDTSCP };
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, call, &self->run));
	*call = (struct encl_call){ .a[0] = 0x1234 };
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_BASES, call, &self->run));
}

/* Other exceptions are what they are. */
TEST_F(illegal, other_exceptions)
{
	static const struct {
		unsigned int fault, vector;
	} others[] = { { ENCL_UD2, V_UD }, { ENCL_DIV0, V_DE }, { ENCL_HLT, V_GP },
		       { ENCL_NONCANON, V_GP }, { ENCL_INT3, V_UD } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		self->call = (struct encl_call){ .a[0] = others[i].fault };
		ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
		EXPECT_EQ(others[i].vector, self->run.exception_vector);
		encl_ssa(&self->encl, 0, &self->ssa);
		EXPECT_EQ(EXITINFO(others[i].vector), self->ssa.exitinfo);
		EXPECT_EQ(0, self->ssa.rflags & FLAG_TF);
		encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
		ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	}
}

TEST_F(illegal, flags_inside)
{
	ASSERT_TRUE(call_code(self, EXTRA_PUSHF));
	EXPECT_EQ(0, self->call.ret & FLAG_TF);
	EXPECT_EQ(FLAG_ONE, self->call.ret & FLAG_ONE);
}

static bool flags_have_tf(void)
{
	unsigned long flags;

	asm volatile("pushfq; pop %0" : "=r"(flags));
	return flags & FLAG_TF;
}

TEST_F(illegal, flags_outside)
{
	ASSERT_TRUE(call_code(self, EXTRA_PUSHF));
	EXPECT_FALSE(flags_have_tf());
	EXPECT_FALSE(call_code(self, 0));
	EXPECT_FALSE(flags_have_tf());
	check_ud(_metadata, self, samples[0].name, code_of(&self->encl, 0), samples[0].n);
	EXPECT_FALSE(flags_have_tf());
}

/* POPF takes TF away, and yet the CPUID behind it is seen. */
TEST_F(illegal, popf)
{
	if (!variant->step)
		SKIP(return, "about single step");
	EXPECT_FALSE(call_code(self, EXTRA_POPF));
	check_ud(_metadata, self, "cpuid", code_of(&self->encl, EXTRA_POPF) + 2, 2);
}

TEST_F(illegal, execution_outside)
{
	u64 outside = (uintptr_t)getpid;

	if (!variant->step)
		SKIP(return, "only single step notices");
	encl_put(&self->encl, 0, code_of(&self->encl, EXTRA_JUMP) + SGX_PAGE_SIZE, &outside,
		 sizeof(outside));
	EXPECT_FALSE(call_code(self, EXTRA_JUMP));
	ASSERT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(V_GP, self->run.exception_vector);
	encl_ssa(&self->encl, 0, &self->ssa);
	EXPECT_EQ(EXITINFO(V_GP), self->ssa.exitinfo);
	EXPECT_EQ(outside, self->ssa.rip);
}

/* A program that has its own system calls dispatched still has that afterwards. */
static char selector;
static volatile int dispatched;

static void on_sigsys(int sig, siginfo_t *info, void *uc)
{
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	dispatched = info->si_code == SYS_USER_DISPATCH ? info->si_syscall : -1;
}

TEST_F(illegal, user_dispatch)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	int i;

	sigaction(SIGSYS, &sa, NULL);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	ASSERT_EQ(0, prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector));
	for (i = 0; i < 2; i++) {
		selector = SYSCALL_DISPATCH_FILTER_BLOCK;
		EXPECT_FALSE(call_code(self, 0));
		selector = SYSCALL_DISPATCH_FILTER_ALLOW;
		check_ud(_metadata, self, samples[0].name, code_of(&self->encl, 0), samples[0].n);
		EXPECT_EQ(0, dispatched);
		selector = SYSCALL_DISPATCH_FILTER_BLOCK;
		syscall(SYS_getppid);
		EXPECT_EQ(SYS_getppid, dispatched);
		dispatched = 0;
	}
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
}

/* ---------------------------------------------------- what a tracer sees */

#define NR_TRACED 20

static void traced(struct _test_data_illegal *self)
{
	int i;

	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	for (i = 0; i < NR_TRACED; i++) {
		if (call_code(self, 0))
			_exit(2);
		syscall(SYS_getppid);
	}
	_exit(0);
}

/* Entries and exits of system calls alternate, and none comes from the enclave. */
TEST_F(illegal, tracer)
{
	struct __ptrace_syscall_info info;
	int status, entries = 0, exits = 0, calls = 0;
	pid_t pid = fork();

	if (!pid) {
		/* An enclave is not inherited. */
		const struct encl_spec spec = { .blob = self->blob,
						.blob_size = sizeof(self->blob),
						.options.nssa = NR_TRACED + 2 };

		encl_load(&self->encl, &spec);
		traced(self);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, pid, 0, 0));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		if (!WIFSTOPPED(status))
			break;
		ASSERT_EQ(SIGTRAP | 0x80, WSTOPSIG(status));
		ASSERT_LT(0, ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info));
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			ASSERT_EQ(entries++, exits);
			calls += info.entry.nr == SYS_getppid;
		} else {
			ASSERT_EQ(++exits, entries);
		}
	}
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(NR_TRACED, calls);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
