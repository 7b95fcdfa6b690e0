// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction ENCLU itself: its encodings, leaves, and the signals for those
 * that fail outside of an enclave.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define ENCLU_LENGTH	3
#define AEP_OFFSET	64
#define MAX_INSN	15

FIXTURE(enclu)
{
	struct encl encl;
	struct softsgx_raw raw;
	u8 *code;			/* two pages with all rights, then a hole */
	u64 seed;
};

static sigjmp_buf env;

FIXTURE_SETUP(enclu)
{
	encl_load(&self->encl, NULL);
	ASSERT_EQ(0, softsgx_raw_init(&self->raw));
	self->code = mmap(NULL, 3 * SGX_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->code);
	munmap(self->code + 2 * SGX_PAGE_SIZE, SGX_PAGE_SIZE);
	self->seed = 5;
	encl_caught.bail = true;
	encl_catch_faults(0);
}

FIXTURE_TEARDOWN(enclu)
{
	softsgx_raw_free(&self->raw);
	encl_unload(&self->encl);
}

static void check_gp(struct __test_metadata *_metadata, const char *rip)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;

	EXPECT_EQ(SIGSEGV, encl_caught.info.si_signo);
	EXPECT_EQ(SI_KERNEL, encl_caught.info.si_code);
	EXPECT_EQ(NULL, encl_caught.info.si_addr);
	EXPECT_EQ(V_GP, g[REG_TRAPNO]);
	EXPECT_EQ(0, g[REG_ERR]);
	EXPECT_EQ((uintptr_t)rip, g[REG_RIP]);
}

/* A leaf that fails changes no register and no flag. */
static void check_unchanged(struct __test_metadata *_metadata, const struct softsgx_regs *in)
{
	static const int order[] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
		REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	};
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	const u64 *want = (const u64 *)in;
	unsigned int r;

	for (r = 0; r < ARRAY_SIZE(order); r++) {
		if (order[r] == REG_RSP)
			continue;
		EXPECT_EQ(want[r], g[order[r]]) {
			TH_LOG("register %u", r);
		}
	}
	EXPECT_EQ(in->flags, g[REG_EFL] & ~FLAG_RF);
}

static void fail(struct __test_metadata *_metadata, struct _test_data_enclu *self, u64 ax, u64 bx,
		 u64 cx)
{
	struct softsgx_regs in;

	encl_random(&self->seed, &self->raw.regs, sizeof(self->raw.regs));
	self->raw.regs.ax = ax;
	self->raw.regs.bx = bx;
	self->raw.regs.cx = cx;
	self->raw.regs.flags = FLAG_ONE | FLAG_IF | FLAG_CF | FLAG_ZF | FLAG_SF | FLAG_OF;
	in = self->raw.regs;
	encl_caught.n = 0;
	softsgx_raw_run(&self->raw);
	EXPECT_EQ(SOFTSGX_RAW_BAILED, self->raw.ended);
	ASSERT_EQ(1, encl_caught.n);
	check_unchanged(_metadata, &in);
}

#define fail(...) fail(_metadata, self, __VA_ARGS__)

TEST_F(enclu, leaves_outside)
{
	static const u64 leaves[] = {
		SGX_EREPORT, SGX_EGETKEY, SGX_EEXIT, SGX_EACCEPT, SGX_EMODPE, SGX_EACCEPTCOPY,
		SGX_EVERIFYREPORT2, SGX_EDECCSSA, 0x0a, 0x10, 0x7fffffff, 0xffffffff,
		0x200000000, 0xffffffff00000004,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		fail(leaves[i], self->encl.tcs[0], (uintptr_t)softsgx_raw_aep_return);
		check_gp(_metadata, softsgx_raw_enclu);
	}
}

TEST_F(enclu, general_protection)
{
	u64 tcs = self->encl.tcs[0];
	u64 aep = (uintptr_t)softsgx_raw_aep_return;
	struct encl_visitor t;

	fail(SGX_EENTER, tcs + 1, aep);
	check_gp(_metadata, softsgx_raw_enclu);
	fail(SGX_EENTER, tcs, 1ULL << 63);
	check_gp(_metadata, softsgx_raw_enclu);
	fail(SGX_EENTER, tcs, 0x800000000000);
	check_gp(_metadata, softsgx_raw_enclu);
	fail(SGX_ERESUME, tcs, aep);
	check_gp(_metadata, softsgx_raw_enclu);

	encl_visit(&t, &self->encl, 0);
	fail(SGX_EENTER, tcs, aep);
	check_gp(_metadata, softsgx_raw_enclu);
	fail(SGX_ERESUME, tcs, aep);
	check_gp(_metadata, softsgx_raw_enclu);
	encl_visit_end(&t);
	EXPECT_EQ(0, t.ret);
}

static void check_pf(struct __test_metadata *_metadata, int code, unsigned int error, u64 addr)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;

	EXPECT_EQ(SIGSEGV, encl_caught.info.si_signo);
	EXPECT_EQ(code, encl_caught.info.si_code);
	EXPECT_EQ(addr, (uintptr_t)encl_caught.info.si_addr);
	EXPECT_EQ(V_PF, g[REG_TRAPNO]);
	EXPECT_EQ(error, g[REG_ERR]);
	EXPECT_EQ(addr, g[REG_CR2]);
	EXPECT_EQ((uintptr_t)softsgx_raw_enclu, g[REG_RIP]);
}

TEST_F(enclu, page_fault)
{
	u64 aep = (uintptr_t)softsgx_raw_aep_return;
	u64 scratch = self->encl.info.scratch;
	u64 frame = encl_frame(&self->encl, 0, 0);

	fail(SGX_EENTER, 0, aep);
	check_pf(_metadata, SEGV_MAPERR, 4, 0);
	fail(SGX_EENTER, scratch, aep);
	check_pf(_metadata, SEGV_ACCERR, 0x8005, scratch);
	munmap((void *)frame, SGX_PAGE_SIZE);
	fail(SGX_EENTER, self->encl.tcs[0], aep);
	check_pf(_metadata, SEGV_MAPERR, 6, frame);
}

static u64 good_tcs;

static void correct_tcs(int sig, siginfo_t *info, ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RBX] = good_tcs;
}

/* A fault: the instruction is executed again when the handler returns. */
TEST_F(enclu, handler_corrects_operand)
{
	good_tcs = self->encl.tcs[1];
	encl_caught.hook = correct_tcs;
	encl_caught.bail = false;
	encl_raw_args(&self->raw, ENCL_NOP, NULL);
	softsgx_raw_enter(&self->raw, self->encl.tcs[0] + 8);
	EXPECT_EQ(1, encl_caught.n);
	EXPECT_EQ(SOFTSGX_RAW_EXIT, self->raw.ended);
}

/* enclu_call(code, tcs, aep): CALL with registers for an EENTER; the code returns. */

asm("	.pushsection .text\n"
	"enclu_call:\n"
	"	push	%rbp\n"
	"	push	%rbx\n"
	"	push	%r12\n"
	"	mov	%rdi, %r12\n"
	"	mov	%rsi, %rbx\n"
	"	mov	%rdx, %rcx\n"
	"	mov	$2, %eax\n"
	"	xor	%edi, %edi\n"
	"	xor	%esi, %esi\n"
	"	call	*%r12\n"
	"	pop	%r12\n"
	"	pop	%rbx\n"
	"	pop	%rbp\n"
	"	ret\n"
	"	.popsection\n");

static void jump_out(int sig, siginfo_t *info, ucontext_t *uc)
{
	siglongjmp(env, 1);
}

/* 0, or the signal that executing @insn and a RET at @at causes */
static int execute(struct _test_data_enclu *self, u8 *at, const u8 *insn, size_t len)
{
	void (*call)(const u8 *code, u64 tcs, const u8 *aep);
	u8 *aep = self->code + AEP_OFFSET;

	call = (void *)ADDRESS_OF(enclu_call);
	memcpy(aep, "\x0f\x01\xd7\xc3", 4);
	memcpy(at, insn, len);
	if (at + len < self->code + 2 * SGX_PAGE_SIZE)
		at[len] = 0xc3;
	encl_caught.n = 0;
	encl_caught.bail = false;
	encl_caught.hook = jump_out;
	if (!sigsetjmp(env, 1))
		call(at, self->encl.tcs[0], aep);
	return encl_caught.n ? encl_caught.info.si_signo : 0;
}

static int prefixed(struct _test_data_enclu *self, const u8 *prefixes, size_t n)
{
	u8 insn[MAX_INSN + 4];

	memcpy(insn, prefixes, n);
	memcpy(insn + n, "\x0f\x01\xd7", ENCLU_LENGTH);
	return execute(self, self->code + 256, insn, n + ENCLU_LENGTH);
}

TEST_F(enclu, prefixes)
{
	static const u8 ignored[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67, 0x40, 0x41, 0x48, 0x4f,
	};
	static const u8 invalid[] = { 0x66, 0xf2, 0xf3, 0xf0 };
	u8 many[MAX_INSN];
	unsigned int i;

	EXPECT_EQ(0, prefixed(self, NULL, 0));
	for (i = 0; i < ARRAY_SIZE(ignored); i++) {
		const u8 *p = &ignored[i];

		EXPECT_EQ(0, prefixed(self, p, 1)) {
			TH_LOG("prefix %#x", *p);
		}
	}
	EXPECT_EQ(0, prefixed(self, (const u8 *)"\x2e\x67\x64\x41", 4));
	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		const u8 *p = &invalid[i];

		EXPECT_EQ(SIGILL, prefixed(self, p, 1)) {
			TH_LOG("prefix %#x", *p);
		}
		EXPECT_EQ(V_UD, encl_caught.uc.uc_mcontext.gregs[REG_TRAPNO]);
		EXPECT_EQ((uintptr_t)self->code + 256, (uintptr_t)encl_caught.info.si_addr);
	}
	EXPECT_EQ(SIGILL, prefixed(self, (const u8 *)"\x2e\x66", 2));
	EXPECT_EQ(SIGILL, prefixed(self, (const u8 *)"\xf3\x48", 2));
	/* A REX prefix that is not the last one counts for nothing. */
	EXPECT_EQ(SIGILL, prefixed(self, (const u8 *)"\x48\x66", 2));
	EXPECT_EQ(0, prefixed(self, (const u8 *)"\x48\x2e", 2));

	memset(many, 0x2e, sizeof(many));
	EXPECT_EQ(0, prefixed(self, many, MAX_INSN - ENCLU_LENGTH));
	EXPECT_EQ(SIGSEGV, prefixed(self, many, MAX_INSN - ENCLU_LENGTH + 1));
}

/* ENCLU is known by its last byte: its neighbours are other instructions. */
TEST_F(enclu, neighbours)
{
	static const u8 encls[] = { 0x0f, 0x01, 0xcf };
	static const u8 enclv[] = { 0x0f, 0x01, 0xc0 };
	static const u8 ud2[] = { 0x0f, 0x0b };

	EXPECT_NE(0, execute(self, self->code + 256, encls, sizeof(encls)));
	EXPECT_EQ(SIGILL, execute(self, self->code + 256, enclv, sizeof(enclv)));
	EXPECT_EQ(SIGILL, execute(self, self->code + 256, ud2, sizeof(ud2)));
}

TEST_F(enclu, page_borders)
{
	static const u8 insn[] = { 0x0f, 0x01, 0xd7 };
	static const u8 long_insn[] = { 0x2e, 0x2e, 0x2e, 0x0f, 0x01, 0xd7 };
	u8 *end = self->code + 2 * SGX_PAGE_SIZE;
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	unsigned int i;

	for (i = 1; i < sizeof(long_insn); i++)
		EXPECT_EQ(0, execute(self, self->code + SGX_PAGE_SIZE - i, long_insn,
				     sizeof(long_insn)));

	/* Nothing behind it: the EEXIT gets there, and faults. */
	EXPECT_EQ(SIGSEGV, execute(self, end - sizeof(insn), insn, sizeof(insn)));
	EXPECT_EQ((uintptr_t)end, g[REG_RIP]);
	EXPECT_EQ(SGX_EEXIT, g[REG_RAX]);
	EXPECT_EQ(0, prefixed(self, NULL, 0));
	/* Cut off */
	EXPECT_EQ(SIGSEGV, execute(self, end - 2, insn, 2));
	EXPECT_EQ((uintptr_t)end, (uintptr_t)encl_caught.info.si_addr);
	EXPECT_EQ((uintptr_t)end - 2, g[REG_RIP]);
}

TEST_F(enclu, all_threads_inside)
{
	struct encl_visitor t[ENCL_NR_TCS];
	unsigned int i;

	for (i = 0; i < ENCL_NR_TCS; i++)
		encl_visit(&t[i], &self->encl, i);
	for (i = 0; i < ENCL_NR_TCS; i++)
		encl_visit_end(&t[i]);
	for (i = 0; i < ENCL_NR_TCS; i++)
		EXPECT_EQ(0, t[i].ret);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
