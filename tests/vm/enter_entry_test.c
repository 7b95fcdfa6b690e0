// SPDX-License-Identifier: GPL-2.0
/*
 * EENTER and EEXIT that succeed: which registers they change, and which not.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define ENCLU_LENGTH	3
#define USER_DS		0x2b

FIXTURE(entry)
{
	struct encl encl;
	struct softsgx_raw raw;
	u64 seed;
};

FIXTURE_SETUP(entry)
{
	encl_load(&self->encl, NULL);
	ASSERT_EQ(0, softsgx_raw_init(&self->raw));
	self->seed = 1;
}

FIXTURE_TEARDOWN(entry)
{
	softsgx_raw_free(&self->raw);
	encl_unload(&self->encl);
}

/* RSP of softsgx_raw_run() at its ENCLU */
static u64 raw_sp(const struct softsgx_raw *raw)
{
	return raw->stack_top - 16;
}

static const u64 *gpr_of(const struct softsgx_raw *raw)
{
	return (const u64 *)&raw->regs;
}

static void random_args(u64 *seed, struct softsgx_raw *raw, struct encl_call *call,
			unsigned long op)
{
	encl_random(seed, &raw->regs, sizeof(raw->regs));
	encl_raw_args(raw, op, call);
}

TEST_F(entry, registers_inside)
{
	struct softsgx_raw *raw = &self->raw;
	const unsigned long flags[] = {
		0, FLAG_DF, FLAG_CF | FLAG_ZF, FLAG_OF | FLAG_ID | FLAG_SF,
	};
	struct encl_call call = { };
	struct softsgx_raw in;
	unsigned int i, r;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		random_args(&self->seed, raw, &call, ENCL_ENTRY_REGS);
		raw->regs.flags |= flags[i];
		in = *raw;
		softsgx_raw_enter(raw, self->encl.tcs[0]);
		ASSERT_EQ(SOFTSGX_RAW_EXIT, raw->ended);
		ASSERT_EQ(ENCL_DONE, call.status);

		EXPECT_EQ(0, call.regs.gpr[ENCL_RAX]);
		EXPECT_EQ(self->encl.tcs[0], call.regs.gpr[ENCL_RBX]);
		EXPECT_EQ((uintptr_t)softsgx_raw_enclu + ENCLU_LENGTH, call.regs.gpr[ENCL_RCX]);
		EXPECT_EQ(raw_sp(raw), call.regs.gpr[ENCL_RSP]);
		EXPECT_EQ(in.regs.flags, call.regs.flags);
		for (r = 0; r < 16; r++) {
			if (r == ENCL_RAX || r == ENCL_RBX || r == ENCL_RCX || r == ENCL_RSP)
				continue;
			EXPECT_EQ(gpr_of(&in)[r], call.regs.gpr[r]) {
				TH_LOG("register %u", r);
			}
		}
	}
}

/* RAX is the index of the frame that the next asynchronous exit will use. */
TEST_F(entry, rax_is_cssa)
{
	struct encl_call call = { .a[0] = ENCL_UD2 };
	struct sgx_enclave_run run = { };
	unsigned int i;

	for (i = 0; i < ENCL_NSSA; i++) {
		struct encl_call regs = { };

		ASSERT_EQ(0, encl_run(&self->encl, 0, ENCL_ENTRY_REGS, &regs, &run));
		EXPECT_EQ(i, regs.regs.gpr[ENCL_RAX]);
		EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &call, &run));
	}
}

TEST_F(entry, upper_half_of_rax_is_ignored)
{
	struct softsgx_raw *raw = &self->raw;

	encl_raw_args(raw, ENCL_NOP, NULL);
	raw->regs.ax = 0xdeadbeef00000000ULL | SGX_EENTER;
	raw->regs.bx = self->encl.tcs[0];
	raw->regs.cx = (uintptr_t)softsgx_raw_aep_resume;
	softsgx_raw_run(raw);
	EXPECT_EQ(SOFTSGX_RAW_EXIT, raw->ended);
}

TEST_F(entry, registers_outside)
{
	struct softsgx_raw *raw = &self->raw;
	struct encl_call call = { };
	unsigned int i, r;
	u16 fcw;
	u32 mxcsr;

	for (i = 0; i < 8; i++) {
		random_args(&self->seed, raw, &call, ENCL_EXIT_REGS);
		encl_random_regs(&self->seed, &call.regs);
		call.regs.gpr[ENCL_RBP] = raw->regs.bp;
		softsgx_raw_enter(raw, self->encl.tcs[0]);
		ASSERT_EQ(SOFTSGX_RAW_EXIT, raw->ended);
		ASSERT_EQ(ENCL_DONE, call.status);

		EXPECT_EQ(SGX_EEXIT, raw->regs.ax);
		EXPECT_EQ((uintptr_t)softsgx_raw_enclu + ENCLU_LENGTH, raw->regs.bx);
		EXPECT_EQ((uintptr_t)softsgx_raw_aep_resume, raw->regs.cx);
		EXPECT_EQ(raw_sp(raw), raw->regs.sp);
		EXPECT_EQ(call.regs.flags, raw->regs.flags);
		for (r = ENCL_RDX; r <= ENCL_R15; r++) {
			if (r == ENCL_RBX || r == ENCL_RSP)
				continue;
			EXPECT_EQ(call.regs.gpr[r], gpr_of(raw)[r]) {
				TH_LOG("register %u", r);
			}
		}
		for (r = 0; r < 16; r++)
			EXPECT_EQ(0, memcmp(call.regs.vec[r], raw->fx + 160 + 16 * r, 16));
		memcpy(&fcw, raw->fx, 2);
		memcpy(&mxcsr, raw->fx + 24, 4);
		EXPECT_EQ(call.regs.fcw, fcw);
		EXPECT_EQ(call.regs.mxcsr, mxcsr);
	}
}

/* EEXIT with a stack pointer of the enclave: nobody puts the old one back. */
static u64 landed_sp __attribute__((used)), landing_stack __attribute__((used));

asm("	.pushsection .text\n"
	"landing:\n"
	"	mov	%rsp, landed_sp(%rip)\n"
	"	mov	landing_stack(%rip), %rsp\n"
	"	jmp	softsgx_raw_enclu + 3\n"
	"	.popsection\n");

TEST_F(entry, eexit_keeps_stack_pointer)
{
	struct softsgx_raw *raw = &self->raw;
	u64 end = self->encl.tcs[0];
	struct encl_call call = {
		.regs.gpr[ENCL_RAX] = SGX_EEXIT,
		.regs.gpr[ENCL_RBX] = (uintptr_t)ADDRESS_OF(landing),
	};

	landing_stack = raw_sp(raw);
	/* The operation never gets to its end. */
	encl_raw(&self->encl, 0, raw, ENCL_ENCLU, &call);
	EXPECT_EQ(SOFTSGX_RAW_EXIT, raw->ended);
	EXPECT_EQ(ENCL_PENDING, call.status);
	EXPECT_LT(landed_sp, end);
	EXPECT_GT(landed_sp, end - ENCL_STACK_PAGES * SGX_PAGE_SIZE);
	EXPECT_EQ((uintptr_t)ADDRESS_OF(landing), raw->regs.bx);
	EXPECT_EQ(SGX_EEXIT, raw->regs.ax);
	/* The TCS is free again. */
	EXPECT_EQ(0, encl_raw(&self->encl, 0, raw, ENCL_NOP, NULL));
}

static unsigned int fs_selector(void)
{
	unsigned int sel;

	asm volatile("mov %%fs, %0" : "=r"(sel));
	return sel & 0xffff;
}

static unsigned int gs_selector(void)
{
	unsigned int sel;

	asm volatile("mov %%gs, %0" : "=r"(sel));
	return sel & 0xffff;
}

static u64 fs_base(void)
{
	u64 base;

	asm volatile("rdfsbase %0" : "=r"(base));
	return base;
}

static u64 gs_base(void)
{
	u64 base;

	asm volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static void set_gs_base(u64 base)
{
	asm volatile("wrgsbase %0" : : "r"(base));
}

/* Thread-local data is at the FS base: it must not be away for long. */
static void set_selectors(unsigned int sel)
{
	asm volatile("rdfsbase %%rcx\n\t"
		     "mov %0, %%fs\n\t"
		     "wrfsbase %%rcx\n\t"
		     "mov %0, %%gs"
		     : : "r"(sel) : "rcx");
}

static void check_bases(struct __test_metadata *_metadata, struct encl *encl, unsigned int sel,
			u64 gs, unsigned long rounds)
{
	struct encl_call call = { .a[0] = rounds };
	struct sgx_enclave_run run = { };
	u64 fs;

	set_selectors(sel);
	set_gs_base(gs);
	fs = fs_base();
	ASSERT_EQ(0, encl_run(encl, 0, ENCL_LOOP, &call, &run));
	EXPECT_EQ(fs, fs_base());
	EXPECT_EQ(gs, gs_base());
	EXPECT_EQ(sel, fs_selector());
	EXPECT_EQ(sel, gs_selector());

	ASSERT_EQ(0, encl_run(encl, 0, ENCL_BASES, &call, &run));
	EXPECT_EQ(fs, fs_base());
	EXPECT_EQ(gs, gs_base());
	EXPECT_EQ(encl->e.base + softsgx_image_tcs(&encl->image, 0, NULL)->fs_offset, call.ret);
	EXPECT_EQ(encl->e.base + softsgx_image_tcs(&encl->image, 0, NULL)->gs_offset, call.a[0]);
	set_selectors(0);
}

TEST_F(entry, bases)
{
	check_bases(_metadata, &self->encl, 0, 0, 1);
	check_bases(_metadata, &self->encl, 0, 0x123456789abcULL, 1);
	check_bases(_metadata, &self->encl, 0, 0xffff8000deadbeefULL, 1);
	check_bases(_metadata, &self->encl, USER_DS, 0x123456789abcULL, 1);
}

static bool hog_stop;

static void *hog(void *arg)
{
	while (!LOAD(hog_stop))
		set_gs_base(0x5555);
	return NULL;
}

/* The same while the scheduler takes the CPU away now and then */
TEST_F(entry, bases_and_scheduling)
{
	pthread_t thread[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(thread); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, hog, NULL));
	for (i = 0; i < 8; i++)
		check_bases(_metadata, &self->encl, i & 1 ? USER_DS : 0,
			    0x7000000000ULL + i, 3000000);
	STORE(hog_stop, true);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
}

/* ERESUME loads the bases that the enclave had, not those of the TCS. */
TEST_F(entry, bases_and_exits)
{
	struct encl_call call = { .a = { 0x4711000, 1 } };
	struct sgx_enclave_run run = { };
	struct encl_ssa ssa;
	u64 fs = fs_base();

	set_gs_base(0x1234567);
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_WRFSBASE, &call, &run));
	ASSERT_EQ(SGX_ERESUME, run.function);
	EXPECT_EQ(V_UD, run.exception_vector);
	EXPECT_EQ(fs, fs_base());
	EXPECT_EQ(0x1234567, gs_base());

	encl_ssa(&self->encl, 0, &ssa);
	EXPECT_EQ(0x4711000, ssa.fsbase);
	EXPECT_EQ(self->encl.e.base +
		  softsgx_image_tcs(&self->encl.image, 0, NULL)->gs_offset, ssa.gsbase);
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &call, &run));
	EXPECT_EQ(0x4711000, call.ret);
	EXPECT_EQ(fs, fs_base());
	EXPECT_EQ(0x1234567, gs_base());
}

TEST_F(entry, every_tcs)
{
	unsigned int i;

	for (i = 0; i < self->encl.nr_tcs; i++)
		EXPECT_EQ(i + 1, encl_do(&self->encl, i, ENCL_ADD, 1, 0, 0));
}

struct adder {
	const struct encl *encl;
	unsigned int n;
	unsigned int rounds;
	pthread_t thread;
};

static void *add(void *arg)
{
	struct adder *a = arg;
	unsigned int i;

	for (i = 0; i < a->rounds; i++)
		encl_do(a->encl, a->n, ENCL_ADD, 1, 3, 0);
	return NULL;
}

TEST_F(entry, threads_at_the_same_time)
{
	struct adder a[ENCL_NR_TCS];
	unsigned int i;

	for (i = 0; i < ENCL_NR_TCS; i++) {
		a[i] = (struct adder){ .encl = &self->encl, .n = i, .rounds = 5000 };
		ASSERT_EQ(0, pthread_create(&a[i].thread, NULL, add, &a[i]));
	}
	for (i = 0; i < ENCL_NR_TCS; i++)
		pthread_join(a[i].thread, NULL);
	EXPECT_EQ(5000 * ENCL_NR_TCS, encl_do(&self->encl, 0, ENCL_GET, 0, 3, 0));
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
