// SPDX-License-Identifier: GPL-2.0
/*
 * ERESUME from a frame that somebody has changed: what the processor takes from it,
 * what it ignores, and what it refuses.
 */
#include <string.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define SSA_MXCSR	24
#define SSA_XSTATE_BV	512
#define SSA_XCOMP_BV	520
#define SSA_HEADER_REST	536
#define FLAG_IOPL	0x3000UL
#define FLAG_NT		0x4000UL
#define FLAG_VM		0x20000UL
#define FLAG_VIF	0x80000UL
#define FLAG_VIP	0x100000UL

/* TCS 0 is interrupted, in ENCL_REGS; frames are changed through TCS 1. */
FIXTURE(resume)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	struct encl_regs in;
	struct encl_ssa ssa;
	u64 frame;
};

FIXTURE_SETUP(resume)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };
	u64 seed = 6;

	encl_load(&self->encl, &spec);
	self->frame = encl_frame(&self->encl, 0, 0);
	self->call.a[0] = ENCL_REGS_UD2;
	encl_random_regs(&seed, &self->call.regs);
	self->in = self->call.regs;
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_REGS, &self->call, &self->run));
	ASSERT_EQ(SGX_ERESUME, self->run.function);
	encl_ssa(&self->encl, 0, &self->ssa);
}

FIXTURE_TEARDOWN(resume)
{
	encl_unload(&self->encl);
}

static void put64(struct _test_data_resume *self, unsigned int offset, u64 value)
{
	encl_put(&self->encl, 1, self->frame + offset, &value, sizeof(value));
}

static u64 get64(struct _test_data_resume *self, unsigned int offset)
{
	u64 value;

	encl_get(&self->encl, 1, &value, self->frame + offset, sizeof(value));
	return value;
}

static void put_ssa(struct _test_data_resume *self, const struct encl_ssa *ssa)
{
	encl_put(&self->encl, 1, encl_gprsgx(&self->encl, 0, 0), ssa, sizeof(struct sgx_gprsgx));
}

static void refused(struct __test_metadata *_metadata, struct _test_data_resume *self, int line)
{
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(V_GP, self->run.exception_vector);
	EXPECT_EQ(0, self->run.exception_error_code);
	EXPECT_EQ(0, self->run.exception_addr) {
		TH_LOG("called from line %d", line);
	}
}

#define refused() refused(_metadata, self, __LINE__)

/* The frame is as good as before: ERESUME, then UD2 once more. */
static void taken(struct __test_metadata *_metadata, struct _test_data_resume *self,
		  struct encl_ssa *now)
{
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(V_UD, self->run.exception_vector);
	encl_ssa(&self->encl, 0, now);
}

#define taken(now) taken(_metadata, self, now)

/* A refused ERESUME leaves the TCS as it was. */
static void finish(struct __test_metadata *_metadata, struct _test_data_resume *self)
{
	put_ssa(self, &self->ssa);
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(0, memcmp(self->in.gpr, self->call.regs.gpr, sizeof(self->in.gpr)));
	EXPECT_EQ(self->in.flags, self->call.regs.flags);
}

#define finish() finish(_metadata, self)

TEST_F(resume, xstate_outside_xfrm)
{
	const u64 bv = get64(self, SSA_XSTATE_BV);
	unsigned int bit;

	for (bit = 2; bit < 64; bit++) {
		put64(self, SSA_XSTATE_BV, bv | 1ULL << bit);
		refused();
	}
	put64(self, SSA_XSTATE_BV, bv);
	finish();
}

TEST_F(resume, compacted_format)
{
	put64(self, SSA_XCOMP_BV, 1ULL << 63);
	refused();
	put64(self, SSA_XCOMP_BV, 1ULL << 63 | 3);
	refused();
	put64(self, SSA_XCOMP_BV, 1);
	refused();
	put64(self, SSA_XCOMP_BV, 0);
	put64(self, SSA_XCOMP_BV + 8, 1);
	refused();
	put64(self, SSA_XCOMP_BV + 8, 0);
	finish();
}

TEST_F(resume, rest_of_header)
{
	struct encl_ssa now;
	unsigned int i;

	for (i = SSA_HEADER_REST; i < 576; i += 8)
		put64(self, i, ~0ULL);
	taken(&now);
	finish();
}

TEST_F(resume, mxcsr)
{
	const u64 word = get64(self, SSA_MXCSR);
	unsigned int bit;

	for (bit = 16; bit < 32; bit++) {
		/* Bit 17 is MM on some processors. */
		if (bit == 17)
			continue;
		put64(self, SSA_MXCSR, word | 1ULL << bit);
		refused();
	}
	put64(self, SSA_MXCSR, word);
	finish();
}

TEST_F(resume, addresses)
{
	static const u64 bad[] = {
		0x800000000000ULL, 0xffff7fffffffffffULL, 1ULL << 63, 0xdead000000000000ULL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct encl_ssa ssa = self->ssa;

		ssa.rip = bad[i];
		put_ssa(self, &ssa);
		refused();
		ssa = self->ssa;
		ssa.fsbase = bad[i];
		put_ssa(self, &ssa);
		refused();
		ssa = self->ssa;
		ssa.gsbase = bad[i];
		put_ssa(self, &ssa);
		refused();
	}
	finish();
}

/* Bases of the kernel are canonical; nothing comes of them. */
TEST_F(resume, kernel_bases)
{
	struct encl_ssa ssa = self->ssa, now;

	ssa.fsbase = 0xffff888000000000ULL;
	ssa.gsbase = 0xffffffff81000000ULL;
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(ssa.fsbase, now.fsbase);
	EXPECT_EQ(ssa.gsbase, now.gsbase);
	finish();
}

/* A fetch from the kernel's half is a fault like any other. */
TEST_F(resume, kernel_rip)
{
	struct encl_ssa ssa = self->ssa;

	ssa.rip = 0xffffffff81000000ULL;
	put_ssa(self, &ssa);
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(SGX_ERESUME, self->run.function);
	/* Fetches outside of the enclave are #GP in the manual. */
	EXPECT_NE(0, self->run.exception_vector == V_PF || self->run.exception_vector == V_GP);
	finish();
}

TEST_F(resume, flags)
{
	const unsigned long kept = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_DF |
				   FLAG_OF | FLAG_NT | FLAG_AC | FLAG_ID;
	struct encl_ssa ssa = self->ssa, now;

	ssa.rflags = ~0UL;
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(kept | FLAG_ONE | FLAG_IF, now.rflags & ~FLAG_RF);

	ssa.rflags = 0;
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(FLAG_ONE | FLAG_IF, now.rflags & ~FLAG_RF);

	ssa.rflags = FLAG_TF | FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP;
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(FLAG_ONE | FLAG_IF, now.rflags & ~FLAG_RF);
	finish();
}

TEST_F(resume, registers)
{
	struct encl_ssa ssa = self->ssa, now;
	u64 seed = 7;

	encl_random(&seed, ssa.gpr, sizeof(ssa.gpr));
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(0, memcmp(ssa.gpr, now.gpr, sizeof(ssa.gpr)));
	EXPECT_EQ(ssa.rip, now.rip);
	finish();
}

/* EXITINFO and AEXNOTIFY mean nothing to ERESUME. */
TEST_F(resume, exit_info)
{
	struct encl_ssa ssa = self->ssa, now;

	ssa.exitinfo = ~0;
	memset(ssa.reserved, 0xff, sizeof(ssa.reserved));
	ssa.aexnotify = 0xff;
	put_ssa(self, &ssa);
	taken(&now);
	EXPECT_EQ(EXITINFO(V_UD), now.exitinfo);
	EXPECT_EQ(0xff, now.aexnotify);
	finish();
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
