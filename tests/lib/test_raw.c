// SPDX-License-Identifier: GPL-2.0
/*
 * Entering, by both ways, with the real enclaves on the fake processor. What
 * the processor does is not tested here; the code on both sides of it is.
 */
#include <sys/time.h>
#include <unistd.h>

#include "../encl/ops.h"
#include "fake_cpu.h"
#include "test.h"

static struct softsgx_image image;
static struct softsgx_raw raw;
static u64 base, tcs, tcs2;

static int setup(void **state)
{
	u64 offset;

	if (softsgx_image_load(&image, built("tests/encl/test_encl.elf"),
			       NULL)) {
		fprintf(stderr, "%s\n", softsgx_last_error());
		return -1;
	}
	base = fake_cpu_load(&image);
	softsgx_image_tcs(&image, 0, &offset);
	tcs = base + offset;
	softsgx_image_tcs(&image, 1, &offset);
	tcs2 = base + offset;
	return softsgx_raw_init(&raw);
}

static int teardown(void **state)
{
	softsgx_raw_free(&raw);
	fake_cpu_unload(&image, base);
	softsgx_image_free(&image);
	return 0;
}

static void start(u64 t, enum encl_op op, struct encl_call *call)
{
	memset(&raw.regs, 0, sizeof(raw.regs));
	raw.regs.di = op;
	raw.regs.si = (uintptr_t)call;
	call->status = ENCL_PENDING;
	softsgx_raw_enter_once(&raw, t, SGX_EENTER);
}

static void run(u64 t, enum encl_op op, struct encl_call *call)
{
	start(t, op, call);
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
	assert_int_equal(call->status, ENCL_DONE);
}

static void test_data(void **state)
{
	struct encl_call call = { .a = { 42, 3 } };

	run(tcs, ENCL_PUT, &call);
	call.a[0] = 0;
	run(tcs2, ENCL_GET, &call);
	assert_int_equal(call.ret, 42);
	call.a[0] = 8;
	run(tcs, ENCL_ADD, &call);
	assert_int_equal(call.ret, 50);

	start(tcs, ENCL_NOP, &call);
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
	assert_int_equal(raw.regs.ax, SGX_EEXIT);
	start(tcs, ENCL_NR_OPS, &call);
	assert_int_equal(call.status, ENCL_UNKNOWN);
}

static void test_info(void **state)
{
	struct encl_info info;
	struct encl_call call = { .a = { (uintptr_t)&info } };

	run(tcs2, ENCL_INFO, &call);
	assert_int_equal(info.base, base);
	assert_int_equal(info.size, image.size);
	assert_int_equal(info.tcs, tcs2);
	assert_int_equal(info.cssa, 0);
	assert_int_equal(info.nssa, ENCL_NSSA);
	assert_int_equal(info.heap_size, ENCL_HEAP_PAGES * SGX_PAGE_SIZE);
	assert_int_equal(info.scratch % SGX_PAGE_SIZE, 0);

	call.a[0] = info.heap;
	call.a[1] = info.heap_size;
	call.a[2] = 7;
	run(tcs, ENCL_FILL, &call);
	run(tcs2, ENCL_CHECK, &call);
	assert_int_equal(call.ret, 0);
	call.a[2] = 8;
	run(tcs, ENCL_CHECK, &call);
	assert_int_equal(call.ret, info.heap_size / 8);

	call.a[0] = 7 * 1024;
	run(tcs, ENCL_STACK, &call);
	call.a[0] = info.ret_insn;
	run(tcs, ENCL_JUMP, &call);
}

static void test_memory(void **state)
{
	struct encl_info info;
	struct encl_call call = { .a = { (uintptr_t)&info } };
	u64 word = 0x1122334455667788;

	run(tcs, ENCL_INFO, &call);
	call.a[0] = info.scratch;
	call.a[1] = (uintptr_t)&word;
	call.a[2] = sizeof(word);
	run(tcs, ENCL_COPY, &call);
	run(tcs, ENCL_READ, &call);
	assert_int_equal(call.ret, word);
	call.a[0] = (uintptr_t)&word;
	call.a[1] = 5;
	run(tcs, ENCL_WRITE, &call);
	assert_int_equal(word, 5);
}

/* At the AEP: registers, and what FXSAVE saw there */
static void assert_synthetic(void)
{
	const struct softsgx_regs *r = &raw.regs;
	u32 mxcsr;

	assert_int_equal(raw.ended, SOFTSGX_RAW_AEX);
	assert_int_equal(r->ax, SGX_ERESUME);
	assert_int_equal(r->bx, tcs);
	assert_int_equal(r->cx, (uintptr_t)softsgx_raw_aep_return);
	assert_int_equal(r->dx | r->si | r->di | r->r8 | r->r9 | r->r10, 0);
	assert_int_equal(r->r11 | r->r12 | r->r13 | r->r14 | r->r15, 0);
	assert_int_equal(r->sp, raw.stack_top - 16);
	memcpy(&mxcsr, raw.fx + 24, sizeof(mxcsr));
	assert_int_equal(mxcsr, 0x1fb0);
}

static void resume(void)
{
	softsgx_raw_enter_once(&raw, tcs, SGX_ERESUME);
}

static void test_faults(void **state)
{
	static const u8 vectors[] = {
		[ENCL_UD2] = 6,	 [ENCL_DIV0] = 0,   [ENCL_INT3] = 3,
		[ENCL_INT1] = 1, [ENCL_ALIGN] = 17, [ENCL_X87] = 16,
		[ENCL_SSE] = 19, [ENCL_HLT] = 13,   [ENCL_NONCANON] = 13,
	};
	unsigned int i;

	for (i = 0; i < sizeof(vectors); i++) {
		struct encl_call call = { .a = { i } };
		struct encl_ssa ssa;
		struct encl_call fix = { .a = { ENCL_LAST_FRAME,
						(uintptr_t)&ssa } };

		start(tcs, ENCL_FAULT, &call);
		assert_synthetic();
		run(tcs, ENCL_SSA_GET, &fix);
		assert_int_equal(ssa.exitinfo & 0xff, vectors[i]);
		assert_int_equal(ssa.gsbase - ssa.fsbase, SGX_PAGE_SIZE);
		run(tcs, ENCL_SSA_SKIP, &fix);
		assert_int_equal(fix.ret, ssa.rip);
		resume();
		assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
		assert_int_equal(call.status, ENCL_DONE);
	}
}

static void test_allowed(void **state)
{
	struct encl_call call = { .a = { ENCL_XGETBV } };

	run(tcs, ENCL_FAULT, &call);
	assert_int_equal(call.ret & 3, 3);
	call.a[0] = ENCL_CPUID;
	run(tcs, ENCL_FAULT, &call);
	call.a[0] = ENCL_SYSCALL;
	run(tcs, ENCL_FAULT, &call);
	assert_int_equal(call.ret, getpid());
	call.a[0] = ENCL_RDTSCP;
	run(tcs, ENCL_FAULT, &call);
	call.a[0] = ENCL_NR_FAULTS;
	start(tcs, ENCL_FAULT, &call);
	assert_int_equal(call.status, ENCL_UNKNOWN);
}

/* Four levels deep, and back */
static void test_nested(void **state)
{
	struct encl_call call[ENCL_NSSA - 1] = { 0 };
	struct encl_call fix = { .a = { ENCL_LAST_FRAME } };
	int i;

	for (i = 0; i < ENCL_NSSA - 1; i++) {
		call[i].a[0] = ENCL_UD2;
		start(tcs, ENCL_FAULT, &call[i]);
		assert_synthetic();
	}
	for (i = ENCL_NSSA - 2; i >= 0; i--) {
		fix.a[1] = 2; /* UD2 has two bytes */
		run(tcs, ENCL_SSA_ADD_RIP, &fix);
		resume();
		assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
		assert_int_equal(call[i].status, ENCL_DONE);
	}
}

static void fill_regs(struct encl_regs *r, bool ymm)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 16; i++) {
		r->gpr[i] = 0x0101010101010101UL * (i + 1);
		memset(r->vec[i], 0x80 + i, ymm ? 32 : 16);
	}
	r->flags = 0xed7; /* all arithmetic flags, DF, IF */
	r->mxcsr = 0x7f80;
	r->fcw = 0x27f;
}

static void test_regs_ud2(void **state)
{
	struct encl_call call = { .a = { ENCL_REGS_UD2 } };
	struct encl_call fix = { .a = { ENCL_LAST_FRAME } };
	struct encl_regs before;
	struct encl_ssa ssa;

	fill_regs(&before, false);
	call.regs = before;
	start(tcs, ENCL_REGS, &call);
	assert_synthetic();
	fix.a[1] = (uintptr_t)&ssa;
	run(tcs, ENCL_SSA_GET, &fix);
	assert_memory_equal(ssa.gpr, before.gpr, sizeof(ssa.gpr));
	run(tcs, ENCL_SSA_SKIP, &fix);
	resume();
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
	/* RF may have been set in what the exception pushed */
	call.regs.flags &= ~0x10000UL;
	assert_memory_equal(&call.regs, &before, sizeof(before));
}

static u64 go;

static void set_go(struct encl_call *call)
{
	struct itimerval timer = { .it_value.tv_usec = 20000 };

	fill_regs(&call->regs, true);
	call->regs.gpr[ENCL_RCX] = 0;
	call->regs.gpr[ENCL_R15] = (uintptr_t)&go;
	go = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A signal hits the loop; AEX, flag set, ERESUME */
static void test_regs_spin(void **state)
{
	struct encl_call call = { .a = { ENCL_REGS_SPIN } };
	struct encl_regs before;

	if (__builtin_cpu_supports("avx"))
		call.a[0] |= ENCL_REGS_YMM;
	set_go(&call);
	before = call.regs;
	start(tcs, ENCL_REGS, &call);
	assert_synthetic();
	go = 77;
	resume();
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
	before.gpr[ENCL_RCX] = 77;
	if (!(call.a[0] & ENCL_REGS_YMM)) {
		for (int i = 0; i < 16; i++)
			memcpy(call.regs.vec[i] + 16, before.vec[i] + 16, 16);
	}
	assert_memory_equal(&call.regs, &before, sizeof(before));
}

static void test_aep_resume(void **state)
{
	struct itimerval timer = { .it_value.tv_usec = 5000 };
	struct encl_call call = { .a = { 100000000 } };

	timer.it_interval = timer.it_value;
	memset(&raw.regs, 0, sizeof(raw.regs));
	raw.regs.di = ENCL_LOOP;
	raw.regs.si = (uintptr_t)&call;
	raw.aex_count = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
	softsgx_raw_enter(&raw, tcs);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	assert_int_equal(raw.ended, SOFTSGX_RAW_EXIT);
	assert_int_equal(call.status, ENCL_DONE);
	assert_true(raw.aex_count > 0);
}

static void test_entry_and_exit_regs(void **state)
{
	struct encl_call call = { 0 };
	u64 *r = (u64 *)&raw.regs;
	int i;

	for (i = 0; i < 16; i++)
		r[i] = 0x1010101010101010UL * (i + 1);
	raw.regs.di = ENCL_ENTRY_REGS;
	raw.regs.si = (uintptr_t)&call;
	raw.regs.flags = 0x246 | 0x8d5;
	softsgx_raw_enter_once(&raw, tcs, SGX_EENTER);
	assert_int_equal(call.regs.gpr[ENCL_RAX], 0);
	assert_int_equal(call.regs.gpr[ENCL_RBX], tcs);
	assert_int_equal(call.regs.gpr[ENCL_RCX],
			 (uintptr_t)softsgx_raw_enclu + 3);
	assert_int_equal(call.regs.gpr[ENCL_RSP], raw.stack_top - 16);
	assert_int_equal(call.regs.gpr[ENCL_RBP], 0x6060606060606060);
	for (i = ENCL_R8; i <= ENCL_R15; i++)
		assert_int_equal(call.regs.gpr[i],
				 0x1010101010101010UL * (i + 1));
	assert_int_equal(call.regs.flags & ~0x10000, 0x246 | 0x8d5);
	/* what the enclave keeps, and what it clears */
	assert_int_equal(raw.regs.r15, 0x0101010101010100);
	assert_int_equal(raw.regs.bp, 0x6060606060606060);
	assert_int_equal(raw.regs.r12, 0xd0d0d0d0d0d0d0d0);
	assert_int_equal(raw.regs.r8, 0);
}

static void test_exit_regs(void **state)
{
	struct encl_call call = { 0 };

	fill_regs(&call.regs, false);
	call.regs.flags &= ~0x400UL;
	run(tcs, ENCL_EXIT_REGS, &call);
	assert_int_equal(raw.regs.dx, call.regs.gpr[ENCL_RDX]);
	assert_int_equal(raw.regs.di, call.regs.gpr[ENCL_RDI]);
	assert_int_equal(raw.regs.r15, call.regs.gpr[ENCL_R15]);
	assert_int_equal(raw.regs.flags & ~0x10000, call.regs.flags);
	assert_memory_equal(raw.fx + 160 + 16 * 15, call.regs.vec[15], 16);
}

static void test_bases(void **state)
{
	struct encl_call call = { 0 };
	u64 data = base + softsgx_image_tcs(&image, 0, NULL)->fs_offset;

	run(tcs, ENCL_BASES, &call);
	assert_int_equal(call.ret, data);
	assert_int_equal(call.a[0], data + SGX_PAGE_SIZE);
	call.a[0] = 0x123456000;
	call.a[1] = 0;
	run(tcs, ENCL_WRFSBASE, &call);
	assert_int_equal(call.ret, 0x123456000);
	run(tcs, ENCL_BASES, &call);
	assert_int_equal(call.ret, data);
}

static void test_rdrand(void **state)
{
	struct encl_call call = { 0 };

	if (!__builtin_cpu_supports("rdrnd"))
		skip();
	run(tcs, ENCL_RDRAND, &call);
	assert_int_not_equal(call.ret, 0);
}

static void test_enclu(void **state)
{
	struct encl_call call = { 0 };
	unsigned long *gpr = call.regs.gpr;

	gpr[ENCL_RBX] = 1;
	gpr[ENCL_RCX] = 2;
	gpr[ENCL_RDX] = 3;
	run(tcs, ENCL_ENCLU, &call);
	assert_int_equal(gpr[ENCL_RAX], FAKE_LEAF(SGX_EREPORT));
	assert_int_equal(gpr[ENCL_RBX], 1);
	assert_int_equal(gpr[ENCL_RCX], 2);
	assert_int_equal(gpr[ENCL_RDX], 3);
}

static void test_vdso(void **state)
{
	struct sgx_enclave_run r = { .tcs = tcs };
	struct encl_call call = { .a = { ENCL_SSE } };
	struct softsgx_args args = { .rdi = ENCL_FAULT,
				     .rsi = (uintptr_t)&call };
	struct encl_call fix = { .a = { ENCL_LAST_FRAME } };
	struct softsgx_args fix_args = { .rdi = ENCL_SSA_SKIP,
					 .rsi = (uintptr_t)&fix };
	u32 mxcsr = __builtin_ia32_stmxcsr();

	assert_int_equal(softsgx_enter_with(fake_vdso_enter_enclave, &r,
					    SGX_EENTER, &args),
			 0);
	assert_int_equal(r.function, SGX_ERESUME);
	assert_int_equal(r.exception_vector, 19);
	assert_int_equal(__builtin_ia32_stmxcsr(), mxcsr);
	assert_int_equal(softsgx_enter_with(fake_vdso_enter_enclave, &r,
					    SGX_EENTER, &fix_args),
			 0);
	assert_int_equal(r.function, SGX_EEXIT);
	assert_int_equal(softsgx_enter_with(fake_vdso_enter_enclave, &r,
					    SGX_ERESUME, &args),
			 0);
	assert_int_equal(r.function, SGX_EEXIT);
	assert_int_equal(call.status, ENCL_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_fake_cpu(test_data),
		on_fake_cpu(test_info),
		on_fake_cpu(test_memory),
		on_fake_cpu(test_faults),
		on_fake_cpu(test_allowed),
		on_fake_cpu(test_nested),
		on_fake_cpu(test_regs_ud2),
		on_fake_cpu(test_regs_spin),
		on_fake_cpu(test_aep_resume),
		on_fake_cpu(test_entry_and_exit_regs),
		on_fake_cpu(test_exit_regs),
		on_fake_cpu(test_bases),
		on_fake_cpu(test_rdrand),
		on_fake_cpu(test_enclu),
		on_fake_cpu(test_vdso),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
