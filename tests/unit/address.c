// SPDX-License-Identifier: GPL-2.0
/*
 * Operands in memory: which instructions have one, how long they are, and where it is.
 * The same addresses are asked of the CPU, by LEA.
 */
#include <sys/mman.h>

#include "rig.h"
#include "../../core/text.h"

#define OP_XSAVEC	0xc7
#define NONE		SGXCORE_NO_REG

static struct sgxcore_regs some_regs(void)
{
	struct sgxcore_regs r;

	memset(&r, 0, sizeof(r));
	for (unsigned int i = 0; i < 16; i++) {
		u64 v = (0x1111ULL << 32) * (i + 1) + 0x10000000ULL + (i << 12);

		memcpy((u8 *)&r + 8 * i, &v, 8);
	}
	r.ip = 0x400000;
	r.fsbase = 0x7000000000;
	r.gsbase = 0x8000000000;
	return r;
}

static size_t from_hex(u8 *to, const char *hex)
{
	unsigned int byte;
	size_t n = 0;

	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		to[n++] = byte;
	return n;
}

static bool decode(const char *hex, struct sgxcore_memop *m)
{
	u8 bytes[SGXCORE_INSN_MAX + 1];
	size_t n = from_hex(bytes, hex);
	/* On the heap, so that a byte too far is seen. */
	u8 *copy = malloc(n ? n : 1);
	bool ok;

	memcpy(copy, bytes, n);
	ok = sgxcore_insn_memop(copy, n, m);
	free(copy);
	return ok;
}

static void what_has_none(void **state)
{
	static const char *const bad[] = {
		"", "0f", "0fc7", "0fc760", "0fc7a0112233", "0fc7a4", "90", "8b00",
		/* registers */
		"0fc7e0", "0faee8", "0fc7f0", "0faef0",
		/* prefixes that make it another instruction, or none */
		"660fc720", "f30fc720", "f20fc720", "f00fc720", "660fae28", "f30fae28",
		/* other maps, no operand, VEX, EVEX */
		"0f3800c0", "0f380000", "0f3a0f0000", "0f05", "0fa2", "c5f8ae10", "c5fa6f00",
		"62f17c481000",
		/* longer than 15 bytes */
		"3e3e3e3e3e3e3e3e3e3e3e3e3e0fc720",
	};
	struct sgxcore_memop m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (decode(bad[i], &m))
			fail_msg("%s has one", bad[i]);
}

struct sample {
	const char *bytes;
	u8 length, reg, base, index, scale, segment;
	bool wide, short_address;
	s64 disp;
};

static void what_it_is(void **state)
{
	static const struct sample good[] = {
		{ "0fc720", 3, 4, 0, NONE, 0, 0, false, false, 0 },
		{ "480fc720", 4, 4, 0, NONE, 0, 0, true, false, 0 },
		{ "490fc727", 4, 4, 15, NONE, 0, 0, true, false, 0 },
		{ "0fae28", 3, 5, 0, NONE, 0, 0, false, false, 0 },
		{ "410fc7642480", 6, 4, 12, NONE, 0, 0, false, false, -128 },
		{ "0fc7642440", 5, 4, 4, NONE, 0, 0, false, false, 64 },
		{ "0fc76540", 4, 4, 5, NONE, 0, 0, false, false, 64 },
		{ "0fc72540000080", 7, 4, SGXCORE_RIP, NONE, 0, 0, false, false, -0x7fffffc0LL },
		{ "410fc72540000000", 8, 4, SGXCORE_RIP, NONE, 0, 0, false, false, 64 },
		{ "0fc7242540000080", 8, 4, NONE, NONE, 0, 0, false, false, -0x7fffffc0LL },
		{ "0fc724cd40000000", 8, 4, NONE, 1, 3, 0, false, false, 64 },
		{ "430fc724c5ffffffff", 9, 4, NONE, 8, 3, 0, false, false, -1 },
		{ "420fc7242440", 5, 4, 4, 12, 0, 0, false, false, 0 },
		{ "430fc7646d10", 6, 4, 13, 13, 1, 0, false, false, 16 },
		{ "67640fc720", 5, 4, 0, NONE, 0, 0x64, false, true, 0 },
		{ "652e0fc720", 5, 4, 0, NONE, 0, 0x65, false, false, 0 },
		{ "360fc720", 4, 4, 0, NONE, 0, 0, false, false, 0 },
		/* REX in front of a prefix is void. */
		{ "4f360fc720", 5, 4, 0, NONE, 0, 0, false, false, 0 },
	};
	struct sgxcore_memop m;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct sample *s = &good[i];

		if (!decode(s->bytes, &m))
			fail_msg("%s has none", s->bytes);
		if (m.length != s->length || m.reg != s->reg || m.wide != s->wide ||
		    m.base != s->base || m.index != s->index || m.segment != s->segment ||
		    (m.index != NONE && m.scale != s->scale) || m.disp != s->disp ||
		    m.short_address != s->short_address)
			fail_msg("%s: length %u, base %u, index %u, scale %u, disp %lld", s->bytes,
				 m.length, m.base, m.index, m.scale, (long long)m.disp);
	}
}

static u64 address(const char *hex)
{
	struct sgxcore_regs r = some_regs();
	struct sgxcore_memop m;

	assert_true(decode(hex, &m));
	return sgxcore_memop_address(&m, &r);
}

static void where_it_is(void **state)
{
	struct sgxcore_regs r = some_regs();

	(void)state;
	assert_int_equal(r.ax, address("0fc720"));
	assert_int_equal(r.sp + 64, address("0fc7642440"));
	assert_int_equal(r.ip + 7 + 64, address("0fc72540000000"));
	assert_int_equal(r.bp + 8 * r.r12 + 16, address("420fc764e510"));
	assert_int_equal(-0x7fffffc0LL, address("0fc7242540000080"));
	assert_int_equal((u32)r.ax, address("670fc720"));
	assert_int_equal(r.fsbase + (u32)(r.ax - 1), address("64670fc760ff"));
	assert_int_equal(r.gsbase + r.ax, address("650fc720"));
	assert_int_equal((u32)(r.ip + 8 - 64), address("670fc725c0ffffff"));
}

static void which_exception(void **state)
{
	static const struct { const char *bytes; u32 vector; } samples[] = {
		{ "0fc720", SGXCORE_TRAP_GP }, { "0fc72424", SGXCORE_TRAP_SS },
		{ "0fc76500", SGXCORE_TRAP_SS }, { "640fc76500", SGXCORE_TRAP_GP },
		{ "410fc72424", SGXCORE_TRAP_GP }, { "410fc76500", SGXCORE_TRAP_GP },
		{ "0fc7242d00000000", SGXCORE_TRAP_GP }, { "0fc72500000000", SGXCORE_TRAP_GP },
	};
	struct sgxcore_model model = { .va_bits = 48 };
	struct sgxcore_outcome out;
	struct sgxcore_memop m;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		assert_true(decode(samples[i].bytes, &m));
		assert_ok(sgxcore_memop_check(&m, &model, 0x7fffffffffff));
		assert_ok(sgxcore_memop_check(&m, &model, 0xffff800000000000));
		out = sgxcore_memop_check(&m, &model, 0x800000000000);
		assert_int_equal(SGXCORE_FAULT, out.kind);
		assert_int_equal(samples[i].vector, out.code);
		out = sgxcore_memop_check(&m, &model, 0xffff7fffffffffff);
		assert_int_equal(samples[i].vector, out.code);
	}
}

/* ------------------------------------------------------------------ against LEA */

#define CODE_SIZE	4096

/*
 * The instruction becomes LEA RAX, which has no segment, with all registers loaded. Those
 * that the compiler and the stack want are left out: RSP and RBX.
 */
static u64 ask_cpu(u8 *code, const u8 *operand, size_t n, u8 rex, struct sgxcore_regs *r)
{
	u64 in[16], out;
	size_t at = 0;

	memcpy(in, r, sizeof(in));
	code[at++] = 0x48 | (rex & 3);
	code[at++] = 0x8d;
	memcpy(code + at, operand, n);
	code[at] &= 0xc7;
	at += n;
	code[at++] = 0xff;		/* JMP RBX */
	code[at++] = 0xe3;
	asm volatile("push	%%rbp\n"
		     "push	%%rbx\n"
		     "mov	%2, %%rbx\n"
		     "mov	0(%1), %%rax\n"
		     "mov	16(%1), %%rdx\n"
		     "mov	40(%1), %%rbp\n"
		     "mov	48(%1), %%rsi\n"
		     "mov	56(%1), %%rdi\n"
		     "mov	64(%1), %%r8\n"
		     "mov	72(%1), %%r9\n"
		     "mov	80(%1), %%r10\n"
		     "mov	88(%1), %%r11\n"
		     "mov	96(%1), %%r12\n"
		     "mov	104(%1), %%r13\n"
		     "mov	112(%1), %%r14\n"
		     "mov	120(%1), %%r15\n"
		     "mov	8(%1), %%rcx\n"
		     "push	%%rbx\n"
		     "lea	1f(%%rip), %%rbx\n"
		     "ret\n"
		     "1:\n"
		     "pop	%%rbx\n"
		     "pop	%%rbp\n"
		     : "=a"(out)
		     : "c"(in), "d"(code)
		     : "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		       "memory", "cc");
	return out;
}

static bool mentions(const struct sgxcore_memop *m, u8 reg)
{
	return m->base == reg || m->index == reg;
}

/* Whatever ModRM, SIB and displacement: the CPU sees the same address. */
static void as_the_cpu_has_it(void **state)
{
	u8 *code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sgxcore_regs r = some_regs();
	unsigned int round, i, compared = 0;
	u8 insn[SGXCORE_INSN_MAX];
	struct sgxcore_memop m;

	(void)state;
	assert_ptr_not_equal(MAP_FAILED, code);
	srandom(2);
	for (round = 0; round < 100000; round++) {
		for (i = 0; i < sizeof(insn); i++)
			insn[i] = random() >> 8;
		insn[0] = 0x40 | (insn[0] & 0xf);
		insn[1] = 0x0f;
		insn[2] = OP_XSAVEC;
		if (!sgxcore_insn_memop(insn, sizeof(insn), &m) || mentions(&m, 3) ||
		    mentions(&m, 4))
			continue;
		/* LEA is one byte shorter than what is behind REX here, and lies elsewhere. */
		r.ip = (uintptr_t)code - 1;
		if (sgxcore_memop_address(&m, &r) !=
		    ask_cpu(code, insn + 3, m.length - 3, insn[0], &r))
			fail_msg("round %u: ModRM %02x, SIB %02x, REX %02x", round, insn[3],
				 insn[4], insn[0]);
		compared++;
	}
	assert_true(compared > 30000);
	munmap(code, CODE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_none),
		cmocka_unit_test(what_it_is),
		cmocka_unit_test(where_it_is),
		cmocka_unit_test(which_exception),
		cmocka_unit_test(as_the_cpu_has_it),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
