// SPDX-License-Identifier: GPL-2.0
/*
 * The unwind information of lib/enter.S: its code runs in single steps, and at each
 * instruction an unwinder has to find the caller, its stack and its registers.
 *
 * There is no enclave. ENCLU does what one would do to the registers.
 */
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

#include "test.h"

#define TF 0x100
#define ENCLU_LENGTH 3

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What an ENCLU ends with */
enum how {
	EXIT,
	AEX,
	BAIL,
};

/* Numbers of DWARF */
enum { DW_RBX = 3, DW_RBP = 6, DW_R12 = 12, DW_R15 = 15 };

void unwind_call(void (*fn)(void *), void *arg);
extern const char unwind_return[];
extern u64 unwind_rbp, unwind_rsp;

int main(void);

struct walk {
	bool caller;
	bool registers;
	bool reached_main;
};

static struct softsgx_raw raw;
static enum how how;
static unsigned int nr_steps, nr_bad;
static u64 first_bad;

static bool registers_are_back(struct _Unwind_Context *context)
{
	unsigned int i;

	for (i = DW_R12; i <= DW_R15; i++) {
		if (_Unwind_GetGR(context, i) != i)
			return false;
	}
	return _Unwind_GetGR(context, DW_RBX) == 0x3b &&
	       _Unwind_GetGR(context, DW_RBP) == unwind_rbp &&
	       _Unwind_GetCFA(context) == unwind_rsp;
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *arg)
{
	u64 ip = _Unwind_GetIP(context);
	struct walk *walk = arg;

	if (ip == (uintptr_t)unwind_return) {
		walk->caller = true;
		walk->registers = registers_are_back(context);
	}
	if (_Unwind_FindEnclosingFunction((void *)ip) == (void *)main)
		walk->reached_main = true;
	return _URC_NO_REASON;
}

static void look(u64 ip)
{
	struct walk walk = { 0 };

	_Unwind_Backtrace(visit, &walk);
	nr_steps++;
	if (walk.caller && walk.registers && walk.reached_main)
		return;
	if (!nr_bad++)
		first_bad = ip;
}

/* The unwinder takes an address for a return address, and looks in front of it. */
static bool is_enter_S(u64 ip)
{
	const void *fn = _Unwind_FindEnclosingFunction((void *)(ip + 1));

	return fn == (void *)softsgx_raw_run ||
	       fn == (void *)softsgx_enter_with;
}

static void stepped(int sig, siginfo_t *si, void *context)
{
	const ucontext_t *uc = context;
	u64 ip = uc->uc_mcontext.gregs[REG_RIP];

	if (is_enter_S(ip))
		look(ip);
}

/* All registers but RSP are the enclave's. */
static void spoil(greg_t *g)
{
	static const int regs[] = {
		REG_RCX, REG_RDX, REG_RBX, REG_RBP, REG_RSI, REG_RDI, REG_R8,
		REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++)
		g[regs[i]] = 0x1111 * i;
}

static void enclu(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	u64 aep = g[REG_RCX];
	u64 ip = g[REG_RIP];

	if (memcmp((void *)(uintptr_t)ip, "\x0f\x01\xd7", ENCLU_LENGTH))
		abort();
	look(ip);
	spoil(g);
	if (how == BAIL) {
		g[REG_RIP] = (uintptr_t)softsgx_raw_bail;
	} else if (how == AEX) {
		g[REG_RIP] = aep;
		how = EXIT;
	} else {
		g[REG_RIP] = ip + ENCLU_LENGTH;
	}
	g[REG_EFL] |= TF;
	/* The unwinder starts from what the handler returns to. */
	look(g[REG_RIP]);
}

static void set_handler(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigaction(sig, &sa, NULL);
}

static void trap_flag_on(void)
{
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void trap_flag_off(void)
{
	asm volatile("pushfq; andl $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void step_through(void (*fn)(void *), void *arg)
{
	static char stack[256 * 1024];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	stack_t none = { .ss_flags = SS_DISABLE };

	sigaltstack(&ss, NULL);
	set_handler(SIGTRAP, stepped);
	set_handler(SIGILL, enclu);
	set_handler(SIGSEGV, enclu);
	trap_flag_on();
	unwind_call(fn, arg);
	trap_flag_off();
	sigaltstack(&none, NULL);
}

/* Unwinds from each instruction, and there are so many of them at least. */
static void watch(void (*fn)(void *), void *arg, unsigned int at_least)
{
	nr_steps = 0;
	nr_bad = 0;
	step_through(fn, arg);
	if (nr_bad)
		print_error("%u of %u fail, the first at softsgx_raw_run%+ld\n",
			    nr_bad, nr_steps,
			    (long)(first_bad - (uintptr_t)softsgx_raw_run));
	assert_int_equal(nr_bad, 0);
	assert_true(nr_steps >= at_least);
}

static void enter_raw(void *aep)
{
	raw.regs.ax = SGX_EENTER;
	raw.regs.cx = (uintptr_t)aep;
	raw.regs.flags = 0x202 | TF;
	softsgx_raw_run(&raw);
}

static void test_exit(void **state)
{
	how = EXIT;
	watch(enter_raw, NULL, 70);
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
}

static void test_aep_return(void **state)
{
	how = AEX;
	watch(enter_raw, (void *)softsgx_raw_aep_return, 70);
	assert_int_equal(raw.ended, SOFTSGX_RAW_AEX);
}

static void test_aep_resume(void **state)
{
	how = AEX;
	watch(enter_raw, (void *)softsgx_raw_aep_resume, 75);
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
}

static void test_bail(void **state)
{
	how = BAIL;
	watch(enter_raw, NULL, 45);
	assert_int_equal(raw.ended, SOFTSGX_RAW_BAILED);
}

/* In the place of the function in the vDSO */
static int fake_vdso(unsigned long rdi, unsigned long rsi, unsigned long rdx,
		     unsigned int function, unsigned long r8, unsigned long r9,
		     struct sgx_enclave_run *run)
{
	look((uintptr_t)fake_vdso);
	return 0;
}

static void enter_with(void *arg)
{
	struct sgx_enclave_run run = { 0 };
	struct softsgx_args args = { 0 };

	softsgx_enter_with(fake_vdso, &run, SGX_EENTER, &args);
}

static void test_vdso(void **state)
{
	watch(enter_with, NULL, 34);
}

static int setup(void **state)
{
	return softsgx_raw_init(&raw);
}

static int teardown(void **state)
{
	softsgx_raw_free(&raw);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_aep_return),
		cmocka_unit_test(test_aep_resume),
		cmocka_unit_test(test_bail),
		cmocka_unit_test(test_vdso),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
