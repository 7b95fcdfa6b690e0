// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions in an enclave that was entered through the vDSO: what the caller is
 * told, and what the enclave finds in its SSA frame.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

/* Offsets in an SSA frame */
#define SSA_FCW		0
#define SSA_MXCSR	24
#define SSA_XMM		160
#define SSA_XSTATE_BV	512
#define SSA_XCOMP_BV	520
#define SSA_YMM		576

#define NOT_CANONICAL	0xdead000000000000ULL

FIXTURE(exception)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	struct encl_ssa ssa;
	u64 seed;
};

FIXTURE_VARIANT(exception)
{
	u32 miscselect;
};

FIXTURE_VARIANT_ADD(exception, exinfo)
{
	.miscselect = SGX_MISC_EXINFO,
};

FIXTURE_VARIANT_ADD(exception, no_exinfo)
{
	.miscselect = 0,
};

FIXTURE_SETUP(exception)
{
	const struct encl_spec spec = { .options.miscselect = variant->miscselect };

	encl_load(&self->encl, &spec);
	self->seed = 2;
}

FIXTURE_TEARDOWN(exception)
{
	encl_unload(&self->encl);
}

/* What an exception has to look like */
struct expected {
	unsigned int vector;
	unsigned int error;
	u64 addr;			/* of #PF, not cut */
};

static u32 exitinfo_of(const struct _fixture_variant_exception *variant, unsigned int vector)
{
	if ((vector == V_GP || vector == V_PF) && !(variant->miscselect & SGX_MISC_EXINFO))
		return 0;
	return EXITINFO(vector);
}

static void check(struct __test_metadata *_metadata, struct _test_data_exception *self,
		  const struct _fixture_variant_exception *variant, const struct expected *e)
{
	struct encl_ssa *ssa = &self->ssa;

	ASSERT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(e->vector, self->run.exception_vector);
	EXPECT_EQ(e->error, self->run.exception_error_code);
	EXPECT_EQ(e->addr & ~(SGX_PAGE_SIZE - 1ULL), self->run.exception_addr);

	encl_ssa(&self->encl, 0, ssa);
	EXPECT_EQ(exitinfo_of(variant, e->vector), ssa->exitinfo);
	if (exitinfo_of(variant, e->vector) == EXITINFO(V_PF) ||
	    exitinfo_of(variant, e->vector) == EXITINFO(V_GP)) {
		EXPECT_EQ(e->addr, ssa->maddr);
		EXPECT_EQ(e->error, ssa->errcd);
		EXPECT_EQ(0, ssa->exinfo_reserved);
	}
}

#define check(e) check(_metadata, self, variant, e)

/* Raise it, look at it, skip the instruction, go on to the end. */
static void raise_fault(struct __test_metadata *_metadata, struct _test_data_exception *self,
			const struct _fixture_variant_exception *variant, unsigned int fault,
			unsigned int vector, const u8 *insn, size_t len)
{
	const struct expected e = { .vector = vector };
	u8 code[16];

	self->call = (struct encl_call){ .a[0] = fault };
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run)) {
		TH_LOG("fault %u did not happen", fault);
	}
	check(&e);
	encl_get(&self->encl, 1, code, self->ssa.rip, sizeof(code));
	EXPECT_EQ(0, memcmp(code, insn, len)) {
		TH_LOG("fault %u: RIP is not at the instruction", fault);
	}
	EXPECT_EQ(self->ssa.rip, encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0));
	EXPECT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(ENCL_DONE, self->call.status);
}

#define raise_fault(fault, vector, ...) do { \
	static const u8 insn[] = { __VA_ARGS__ }; \
	raise_fault(_metadata, self, variant, fault, vector, insn, sizeof(insn)); \
} while (0)

TEST_F(exception, invalid_opcode)
{
	raise_fault(ENCL_UD2, V_UD, 0x0f, 0x0b);
}

TEST_F(exception, divide)
{
	raise_fault(ENCL_DIV0, V_DE, 0xf7, 0xf1);
}

/* Without a debugger that has opted in, INT3 is an invalid opcode. */
TEST_F(exception, int3)
{
	raise_fault(ENCL_INT3, V_UD, 0xcc);
}

TEST_F(exception, x87)
{
	raise_fault(ENCL_X87, V_MF, 0x9b);
}

TEST_F(exception, simd)
{
	if (!encl_cpu_raises(ENCL_SSE))
		SKIP(return, "this CPU has no SIMD exceptions");
	raise_fault(ENCL_SSE, V_XM, 0xf3, 0x0f, 0x5e, 0xc1);
}

TEST_F(exception, hlt)
{
	raise_fault(ENCL_HLT, V_GP, 0xf4);
}

TEST_F(exception, not_canonical)
{
	raise_fault(ENCL_NONCANON, V_GP, 0x48, 0x8b, 0x00);
}

TEST_F(exception, alignment)
{
	if (!encl_cpu_raises(ENCL_ALIGN))
		SKIP(return, "this CPU does not check alignment");
	raise_fault(ENCL_ALIGN, V_AC, 0x48, 0x8b, 0x44, 0x24, 0xf1);
}

/* ENCLU leaves that cannot be executed inside; RIP is at the ENCLU. */
TEST_F(exception, enclu_inside)
{
	static const u32 leaves[] = { SGX_EENTER, SGX_ERESUME, 0x0a, 0xffffffff };
	const struct expected e = { .vector = V_GP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		self->call = (struct encl_call){
			.regs.gpr[ENCL_RAX] = leaves[i],
			.regs.gpr[ENCL_RBX] = self->encl.tcs[1],
			.regs.gpr[ENCL_RCX] = (uintptr_t)softsgx_raw_aep_return,
		};
		EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_ENCLU, &self->call, &self->run));
		check(&e);
		EXPECT_EQ(leaves[i], self->ssa.gpr[ENCL_RAX]);
		EXPECT_EQ(self->encl.tcs[1], self->ssa.gpr[ENCL_RBX]);
		encl_do(&self->encl, 0, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME, 3, 0);
		ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
		EXPECT_EQ(leaves[i], self->call.regs.gpr[ENCL_RAX]);
	}
}

/* EEXIT with a bad target stays inside. */
TEST_F(exception, eexit_not_canonical)
{
	const struct expected e = { .vector = V_GP };

	self->call = (struct encl_call){
		.regs.gpr[ENCL_RAX] = SGX_EEXIT,
		.regs.gpr[ENCL_RBX] = NOT_CANONICAL,
	};
	EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_ENCLU, &self->call, &self->run));
	check(&e);
}

static void page_fault(struct __test_metadata *_metadata, struct _test_data_exception *self,
		       const struct _fixture_variant_exception *variant, unsigned long op, u64 addr,
		       unsigned int error)
{
	const struct expected e = { .vector = V_PF, .error = error, .addr = addr };

	self->call = (struct encl_call){ .a[0] = addr };
	ASSERT_EQ(-1, encl_run(&self->encl, 0, op, &self->call, &self->run)) {
		TH_LOG("no fault at %#llx", addr);
	}
	check(&e);
	/* Leave this frame behind: there are not so many. */
	if (op == ENCL_JUMP) {
		EXPECT_EQ(addr, self->ssa.rip);
		self->ssa.rip = self->encl.info.ret_insn;
		encl_do(&self->encl, 0, ENCL_SSA_SET, ENCL_LAST_FRAME, (uintptr_t)&self->ssa, 0);
	} else {
		u8 code[3];

		encl_get(&self->encl, 1, code, self->ssa.rip, sizeof(code));
		encl_do(&self->encl, 0, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME,
			(code[0] & 0xf8) == 0x48 ? 3 : 2, 0);
	}
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run)) {
		TH_LOG("at %#llx: vector %u, error %#x, address %#llx", addr,
		       self->run.exception_vector, self->run.exception_error_code,
		       self->run.exception_addr);
	}
}

#define page_fault(op, addr, error) page_fault(_metadata, self, variant, op, addr, error)

static u64 map(int prot)
{
	u8 *p = mmap(NULL, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %m");
	p[0] = 1;
	if (mprotect(p, SGX_PAGE_SIZE, prot))
		die("mprotect: %m");
	return (uintptr_t)p;
}

TEST_F(exception, fault_in_enclave)
{
	const struct encl_info *info = &self->encl.info;
	u64 tcs = self->encl.tcs[2];
	u64 hole = tcs - (ENCL_STACK_PAGES + 1) * SGX_PAGE_SIZE;

	page_fault(ENCL_READ, hole + 0x234, 4);
	page_fault(ENCL_WRITE, hole + 0xff8, 6);
	/* Where there is a mapping, too, a page comes about, which is of no use yet. */
	ASSERT_NE(MAP_FAILED, mmap((void *)hole, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->encl.e.fd, 0));
	page_fault(ENCL_READ, hole + 0x234, 0x8005);
	page_fault(ENCL_WRITE, hole + 0x238, 0x8007);

	encl_do(&self->encl, 0, ENCL_READ, info->rodata, 0, 0);
	page_fault(ENCL_WRITE, info->rodata + 0x118, 7);
	encl_do(&self->encl, 0, ENCL_READ, info->code, 0, 0);
	page_fault(ENCL_WRITE, info->code + 0x10, 7);
	encl_do(&self->encl, 0, ENCL_WRITE, info->scratch, 0xc3, 0);
	page_fault(ENCL_JUMP, info->scratch, 0x15);
	encl_do(&self->encl, 0, ENCL_READ, info->rodata, 0, 0);
	page_fault(ENCL_JUMP, info->rodata + 0x80, 0x15);
}

/* The page tables allow it, the EPCM does not. */
TEST_F(exception, fault_by_epcm)
{
	u64 tcs = self->encl.tcs[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		page_fault(ENCL_READ, tcs + 0x40, 0x8005);
		page_fault(ENCL_WRITE, tcs + 0x10, 0x8007);
		/* Somebody has used it, which is nothing to enclave code. */
		EXPECT_EQ(i + 1, encl_do(&self->encl, 2, ENCL_ADD, 1, 0, 0));
	}
}

TEST_F(exception, fault_outside)
{
	u64 page = map(PROT_READ);

	page_fault(ENCL_WRITE, page + 0x450, 7);
	page = map(PROT_NONE);
	page_fault(ENCL_READ, page + 0x10, 4);
	page_fault(ENCL_WRITE, page + 0x18, 6);
	munmap((void *)page, SGX_PAGE_SIZE);
	page_fault(ENCL_READ, page + 0x458, 4);
	page_fault(ENCL_WRITE, page + 0x460, 6);
	page_fault(ENCL_READ, 0, 4);
}

/* Linux reports the same for each address of the kernel. */
TEST_F(exception, fault_in_kernel)
{
	self->call = (struct encl_call){ .a[0] = 0xffff888000001230 };
	EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_READ, &self->call, &self->run));
	EXPECT_EQ(V_PF, self->run.exception_vector);
	EXPECT_EQ(5, self->run.exception_error_code);
	EXPECT_EQ(0xffff888000001000, self->run.exception_addr);
	encl_ssa(&self->encl, 0, &self->ssa);
	if (variant->miscselect)
		EXPECT_EQ(0xffff888000001230, self->ssa.maddr);
}

/* All registers, one by one */
static void check_frame(struct __test_metadata *_metadata, struct _test_data_exception *self,
			const struct encl_regs *in, const u8 *frame)
{
	const struct encl_ssa *ssa = &self->ssa;
	unsigned int r;
	u64 bv;

	for (r = 0; r < 16; r++)
		EXPECT_EQ(in->gpr[r], ssa->gpr[r]) {
			TH_LOG("register %u", r);
		}
	/* Some emulators forget RF in what a fault pushes. */
	EXPECT_EQ(in->flags, ssa->rflags & ~FLAG_RF);
	EXPECT_EQ(0, memcmp(&in->mxcsr, frame + SSA_MXCSR, 4));
	EXPECT_EQ(0, memcmp(&in->fcw, frame + SSA_FCW, 2));
	for (r = 0; r < 16; r++)
		EXPECT_EQ(0, memcmp(in->vec[r], frame + SSA_XMM + 16 * r, 16)) {
			TH_LOG("XMM%u", r);
		}
	memcpy(&bv, frame + SSA_XSTATE_BV, sizeof(bv));
	EXPECT_EQ(0, bv & ~self->encl.image.xfrm);
	EXPECT_EQ(2, bv & 2);
	memcpy(&bv, frame + SSA_XCOMP_BV, sizeof(bv));
	EXPECT_EQ(0, bv);
}

TEST_F(exception, frame_has_all_registers)
{
	struct encl_regs in;
	u8 frame[SGX_PAGE_SIZE];
	u8 insn[2];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		self->call = (struct encl_call){ .a[0] = ENCL_REGS_UD2 };
		self->call.regs.gpr[ENCL_RCX] = encl_random64(&self->seed);
		self->call.regs.gpr[ENCL_RSP] = encl_random64(&self->seed);
		encl_random_regs(&self->seed, &self->call.regs);
		in = self->call.regs;
		ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_REGS, &self->call, &self->run));
		EXPECT_EQ(V_UD, self->run.exception_vector);
		encl_ssa(&self->encl, 0, &self->ssa);
		encl_get(&self->encl, 1, frame, encl_frame(&self->encl, 0, 0), sizeof(frame));
		check_frame(_metadata, self, &in, frame);
		encl_get(&self->encl, 1, insn, self->ssa.rip, sizeof(insn));
		EXPECT_EQ(0x0f, insn[0]);
		EXPECT_EQ(0x0b, insn[1]);

		/* ERESUME brings everything back. */
		encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
		ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
		EXPECT_EQ(0, memcmp(in.gpr, self->call.regs.gpr, sizeof(in.gpr)));
		EXPECT_EQ(in.flags, self->call.regs.flags);
		EXPECT_EQ(in.mxcsr, self->call.regs.mxcsr);
		EXPECT_EQ(in.fcw, self->call.regs.fcw);
		EXPECT_EQ(0, memcmp(in.vec[7], self->call.regs.vec[7], 16));
	}
}

/* The processor writes what is its own, and nothing else. */
TEST_F(exception, rest_of_frame_is_left_alone)
{
	u8 before[SGX_PAGE_SIZE], after[SGX_PAGE_SIZE];
	const size_t gpr = SGX_PAGE_SIZE - sizeof(struct sgx_gprsgx);
	const size_t misc = variant->miscselect ? gpr - sizeof(struct sgx_exinfo) : gpr;
	u64 frame = encl_frame(&self->encl, 0, 0);

	encl_random(&self->seed, before, sizeof(before));
	encl_put(&self->encl, 1, frame, before, sizeof(before));
	self->call = (struct encl_call){ .a[0] = ENCL_UD2 };
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	encl_get(&self->encl, 1, after, frame, sizeof(after));

	EXPECT_EQ(0, memcmp(before + 464, after + 464, 512 - 464));
	EXPECT_EQ(0, memcmp(before + 536, after + 536, misc - 536));
	EXPECT_EQ(before[gpr + offsetof(struct sgx_gprsgx, aexnotify)],
		  after[gpr + offsetof(struct sgx_gprsgx, aexnotify)]);
	EXPECT_NE(0, memcmp(before, after, 32));
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
