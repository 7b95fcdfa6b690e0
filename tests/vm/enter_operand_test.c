// SPDX-License-Identifier: GPL-2.0
/*
 * EENTER and ERESUME that fail: wrong operands, TCSs and frames, as
 * __vdso_sgx_enter_enclave() reports them.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define PF_USER		SGX_PFEC_U
#define PF_EPCM_READ	(SGX_PFEC_SGX | SGX_PFEC_U | SGX_PFEC_P)
#define PF_EPCM_WRITE	(PF_EPCM_READ | SGX_PFEC_W)

#define enter_fails(tcs, vector, error, addr) \
	fails(_metadata, tcs, SGX_EENTER, vector, error, addr, __LINE__)
#define resume_fails(tcs, vector, error, addr) \
	fails(_metadata, tcs, SGX_ERESUME, vector, error, addr, __LINE__)

static void fails(struct __test_metadata *_metadata, u64 tcs, unsigned int function,
		  unsigned int vector, unsigned int error, u64 addr, int line)
{
	struct sgx_enclave_run run = { .tcs = tcs };
	struct softsgx_args args = { .rdi = ENCL_NOP };

	EXPECT_EQ(0, softsgx_enter(&run, function, &args));
	EXPECT_EQ(function, run.function);
	EXPECT_EQ(vector, run.exception_vector);
	EXPECT_EQ(error, run.exception_error_code);
	EXPECT_EQ(addr, run.exception_addr) {
		TH_LOG("called from line %d", line);
	}
}

FIXTURE(operand)
{
	struct encl encl;
};

FIXTURE_SETUP(operand)
{
	encl_load(&self->encl, NULL);
}

FIXTURE_TEARDOWN(operand)
{
	encl_unload(&self->encl);
}

static u64 map(int prot)
{
	u8 *p = mmap(NULL, 3 * SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %m");
	p[SGX_PAGE_SIZE] = 1;
	if (mprotect(p, 3 * SGX_PAGE_SIZE, prot))
		die("mprotect: %m");
	return (uintptr_t)p + SGX_PAGE_SIZE;
}

TEST_F(operand, tcs_address)
{
	u64 tcs = self->encl.tcs[0];
	u64 page;

	enter_fails(tcs + 8, V_GP, 0, 0);
	enter_fails(tcs + 2048, V_GP, 0, 0);
	enter_fails(tcs | 1ULL << 63, V_GP, 0, 0);
	enter_fails(0x800000000000ULL, V_GP, 0, 0);

	/* Pages of the enclave that are no TCS */
	enter_fails(self->encl.info.scratch, V_PF, PF_EPCM_READ, self->encl.info.scratch);
	enter_fails(self->encl.info.code, V_PF, PF_EPCM_READ, self->encl.info.code);
	enter_fails(tcs - (ENCL_STACK_PAGES + 1) * SGX_PAGE_SIZE, V_PF, PF_USER,
		    tcs - (ENCL_STACK_PAGES + 1) * SGX_PAGE_SIZE);

	/* Memory that is not of the enclave */
	page = map(PROT_READ | PROT_WRITE);
	enter_fails(page, V_PF, PF_EPCM_READ, page);
	page = map(PROT_READ);
	enter_fails(page, V_PF, PF_EPCM_READ, page);
	page = map(PROT_NONE);
	enter_fails(page, V_PF, PF_USER, page);
	munmap((void *)page, SGX_PAGE_SIZE);
	enter_fails(page, V_PF, PF_USER, page);
	enter_fails(0, V_PF, PF_USER, 0);
	/* Linux says "present" of all kernel addresses, to tell nothing. */
	enter_fails(0xffff888000000000ULL, V_PF, PF_USER | SGX_PFEC_P, 0xffff888000000000ULL);

	enter_fails(self->encl.tcs[1] + 4, V_GP, 0, 0);
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
}

TEST_F(operand, tcs_without_access)
{
	u64 tcs = self->encl.tcs[0];

	ASSERT_EQ(0, mprotect((void *)tcs, SGX_PAGE_SIZE, PROT_NONE));
	enter_fails(tcs, V_PF, PF_USER, tcs);
	/* Reading will do. */
	ASSERT_EQ(0, mprotect((void *)tcs, SGX_PAGE_SIZE, PROT_READ));
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	ASSERT_EQ(0, munmap((void *)tcs, SGX_PAGE_SIZE));
	enter_fails(tcs, V_PF, PF_USER, tcs);
}

TEST_F(operand, tcs_at_another_address)
{
	u64 tcs = self->encl.tcs[0];
	void *alias;

	alias = mmap(NULL, SGX_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, alias);
	if (mremap((void *)tcs, SGX_PAGE_SIZE, SGX_PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   alias) == MAP_FAILED)
		SKIP(return, "enclave memory cannot be moved");
	enter_fails((uintptr_t)alias, V_PF, PF_USER, (uintptr_t)alias);
	enter_fails(tcs, V_PF, PF_USER, tcs);
}

TEST_F(operand, tcs_of_another_process)
{
	struct encl other;

	encl_load(&other, NULL);
	/* Its pages, where the first enclave belongs: no page of that one. */
	ASSERT_NE(self->encl.e.base, other.e.base);
	enter_fails(other.tcs[0] + SGX_PAGE_SIZE, V_PF, PF_EPCM_READ,
		    other.tcs[0] + SGX_PAGE_SIZE);
	EXPECT_EQ(1, encl_do(&other, 0, ENCL_ADD, 1, 0, 0));
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	encl_unload(&other);
}

TEST_F(operand, tcs_in_use)
{
	struct encl_visitor t;

	encl_visit(&t, &self->encl, 1);
	enter_fails(self->encl.tcs[1], V_GP, 0, 0);
	resume_fails(self->encl.tcs[1], V_GP, 0, 0);
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	encl_visit_end(&t);
	EXPECT_EQ(0, t.ret);
	EXPECT_EQ(2, encl_do(&self->encl, 1, ENCL_ADD, 1, 0, 0));
}

TEST_F(operand, nothing_to_resume)
{
	resume_fails(self->encl.tcs[0], V_GP, 0, 0);
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	resume_fails(self->encl.tcs[0], V_GP, 0, 0);
}

TEST_F(operand, no_frame_left)
{
	struct encl_call call = { .a[0] = ENCL_UD2 };
	struct sgx_enclave_run run = { };
	unsigned int i;

	for (i = 0; i < ENCL_NSSA; i++) {
		ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &call, &run));
		ASSERT_EQ(SGX_ERESUME, run.function);
	}
	enter_fails(self->encl.tcs[0], V_GP, 0, 0);
	/* The last frame can be resumed, and faults again. */
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, &call, &run));
	EXPECT_EQ(SGX_ERESUME, run.function);
	EXPECT_EQ(V_UD, run.exception_vector);
	enter_fails(self->encl.tcs[0], V_GP, 0, 0);
}

TEST_F(operand, frame_without_access)
{
	u64 tcs = self->encl.tcs[0];
	u64 frame = encl_frame(&self->encl, 0, 0);
	void *p = (void *)frame;

	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	ASSERT_EQ(0, mprotect(p, SGX_PAGE_SIZE, PROT_NONE));
	enter_fails(tcs, V_PF, PF_USER | SGX_PFEC_W, frame);
	ASSERT_EQ(0, mprotect(p, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE));
	LOAD(*(u8 *)p);
	EXPECT_EQ(2, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	ASSERT_EQ(0, mprotect(p, SGX_PAGE_SIZE, PROT_READ));
	enter_fails(tcs, V_PF, PF_USER | SGX_PFEC_W | SGX_PFEC_P, frame);
	ASSERT_EQ(0, munmap(p, SGX_PAGE_SIZE));
	enter_fails(tcs, V_PF, PF_USER | SGX_PFEC_W, frame);
	ASSERT_NE(MAP_FAILED, mmap(p, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	STORE(*(u8 *)p, 1);
	enter_fails(tcs, V_PF, PF_EPCM_WRITE, frame);
	/* No trace is left of all this. */
	ASSERT_NE(MAP_FAILED, mmap(p, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->encl.e.fd, 0));
	EXPECT_EQ(3, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
}

/* The same for ERESUME, which wants to write to its frame too. */
TEST_F(operand, resume_without_access)
{
	u64 tcs = self->encl.tcs[0];
	u64 frame = encl_frame(&self->encl, 0, 0);
	struct encl_call call = { .a[0] = ENCL_UD2 };
	struct sgx_enclave_run run = { };

	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &call, &run));
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	ASSERT_EQ(0, mprotect((void *)frame, SGX_PAGE_SIZE, PROT_READ));
	resume_fails(tcs, V_PF, PF_USER | SGX_PFEC_W | SGX_PFEC_P, frame);
	ASSERT_EQ(0, mprotect((void *)frame, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, encl_resume(&self->encl, 0, &call, &run));
}

/* Fields of the TCS and the SECS are judged at entry, not when they are added. */
FIXTURE(tcs)
{
	struct encl encl;
	struct sgx_tcs *tcs;
};

FIXTURE_SETUP(tcs)
{
	static const struct encl_spec spec;

	encl_build(&self->encl, &spec);
	self->tcs = softsgx_image_tcs(&self->encl.image, 0, NULL);
}

FIXTURE_TEARDOWN(tcs)
{
	encl_unload(&self->encl);
}

#define first_entry_fails(vector, error, addr) do { \
	encl_sign(&self->encl); \
	ASSERT_EQ(0, encl_start(&self->encl)) { \
		TH_LOG("%s", softsgx_last_error()); \
	} \
	enter_fails(self->encl.tcs[0], vector, error, addr); \
	/* Others do not suffer. */ \
	EXPECT_EQ(1, encl_do(&self->encl, 1, ENCL_ADD, 1, 0, 0)); \
} while (0)

TEST_F(tcs, ssa_misaligned)
{
	self->tcs->ssa_offset += 2048;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, fs_misaligned)
{
	self->tcs->fs_offset += 16;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, gs_misaligned)
{
	self->tcs->gs_offset += 16;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, reserved_flag)
{
	self->tcs->flags = 4;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, no_frames)
{
	self->tcs->nr_ssa_frames = 0;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, entry_not_canonical)
{
	self->tcs->entry_offset = 1ULL << 62;
	first_entry_fails(V_GP, 0, 0);
}

TEST_F(tcs, fs_not_canonical)
{
	self->tcs->fs_offset = 1ULL << 62;
	first_entry_fails(V_GP, 0, 0);
}

/*
 * Not compared with the size of the enclave: the fetch behind it fails. So far
 * below the enclave is nothing; what is close by may be code of a library.
 */
TEST_F(tcs, entry_outside)
{
	struct sgx_enclave_run run = { };
	struct softsgx_args args = { .rdi = ENCL_NOP };

	self->tcs->entry_offset = -(1ULL << 46);
	encl_sign(&self->encl);
	ASSERT_EQ(0, encl_start(&self->encl));
	run.tcs = self->encl.tcs[0];
	EXPECT_EQ(0, softsgx_enter(&run, SGX_EENTER, &args));
	EXPECT_EQ(SGX_ERESUME, run.function);
}

TEST_F(tcs, frame_outside)
{
	u64 addr;

	self->tcs->ssa_offset = self->encl.image.size;
	encl_sign(&self->encl);
	ASSERT_EQ(0, encl_start(&self->encl));
	addr = self->encl.e.base + self->encl.e.size;
	enter_fails(self->encl.tcs[0], V_PF, PF_EPCM_WRITE, addr);
}

/* A frame of pages that are there, but not of the right kind */
TEST_F(tcs, frame_is_code)
{
	self->tcs->ssa_offset = 0;
	encl_sign(&self->encl);
	ASSERT_EQ(0, encl_start(&self->encl));
	enter_fails(self->encl.tcs[0], V_PF, PF_USER | SGX_PFEC_P | SGX_PFEC_W,
		    self->encl.e.base);
}

TEST_F(tcs, frame_is_tcs)
{
	u64 offset;

	softsgx_image_tcs(&self->encl.image, 1, &offset);
	self->tcs->ssa_offset = offset;
	encl_sign(&self->encl);
	ASSERT_EQ(0, encl_start(&self->encl));
	enter_fails(self->encl.tcs[0], V_PF, PF_EPCM_WRITE, self->encl.tcs[1]);
}

/* Nothing was measured or signed wrongly, it just is not initialized. */
TEST_F(tcs, enclave_not_initialized)
{
	struct softsgx_image *image = &self->encl.image;
	struct softsgx_enclave *e = &self->encl.e;
	struct sgx_secs secs;
	unsigned int i;
	u64 offset;

	softsgx_image_tcs(image, 0, &offset);
	ASSERT_EQ(0, softsgx_enclave_open(e));
	ASSERT_EQ(0, softsgx_enclave_reserve(e, image->size));
	softsgx_image_secs(image, e->base, &secs);
	ASSERT_EQ(0, softsgx_enclave_create(e, &secs));
	for (i = 0; i < image->nr_segs; i++) {
		ASSERT_EQ(0, softsgx_enclave_add(e, &image->segs[i]));
		ASSERT_EQ(0, softsgx_enclave_map(e, &image->segs[i]));
	}
	enter_fails(e->base + offset, V_GP, 0, 0);
	resume_fails(e->base + offset, V_GP, 0, 0);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
