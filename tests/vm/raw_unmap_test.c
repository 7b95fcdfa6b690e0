// SPDX-License-Identifier: GPL-2.0
/*
 * Enclave memory is taken away or changed while a thread is inside.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define FETCH		(SGX_PFEC_U | SGX_PFEC_I)

FIXTURE(unmap)
{
	struct encl encl;
	struct encl_visitor t;
};

FIXTURE_SETUP(unmap)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };

	encl_load(&self->encl, &spec);
	encl_visit(&self->t, &self->encl, 1);
}

FIXTURE_TEARDOWN(unmap)
{
	encl_visit_end(&self->t);
	encl_unload(&self->encl);
}

static const struct softsgx_segment *code_segment(const struct encl *encl)
{
	unsigned int i;

	for (i = 0; i < encl->image.nr_segs; i++) {
		if (encl->image.segs[i].flags & SGX_SECINFO_X)
			return &encl->image.segs[i];
	}
	die("no code");
}

static void *code_of(const struct encl *encl, u64 *size)
{
	const struct softsgx_segment *seg = code_segment(encl);

	*size = seg->size;
	return (void *)(encl->e.base + seg->offset);
}

/* The thread has come out by itself, because it cannot run any more. */
static void check_fetch(struct __test_metadata *_metadata, struct _test_data_unmap *self,
			unsigned int error)
{
	u64 size, code = (uintptr_t)code_of(&self->encl, &size);
	const struct sgx_enclave_run *run = &self->t.run;

	encl_visit_wait(&self->t);
	EXPECT_EQ(-1, self->t.ret);
	EXPECT_EQ(SGX_ERESUME, run->function);
	EXPECT_EQ(V_PF, run->exception_vector);
	EXPECT_EQ(error, run->exception_error_code);
	EXPECT_GE(run->exception_addr, code);
	EXPECT_LT(run->exception_addr, code + size);
	EXPECT_EQ(0, run->exception_addr % SGX_PAGE_SIZE);
}

TEST_F(unmap, code_unmapped)
{
	u64 size;
	void *code = code_of(&self->encl, &size);

	ASSERT_EQ(0, munmap(code, size));
	check_fetch(_metadata, self, FETCH);
}

TEST_F(unmap, code_not_executable)
{
	u64 size;
	void *code = code_of(&self->encl, &size);

	ASSERT_EQ(0, mprotect(code, size, PROT_READ));
	check_fetch(_metadata, self, FETCH | SGX_PFEC_P);

	/* It goes on when it may. */
	ASSERT_EQ(0, mprotect(code, size, PROT_READ | PROT_EXEC));
	encl_visit_resume(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

TEST_F(unmap, code_without_access)
{
	u64 size;
	void *code = code_of(&self->encl, &size);

	ASSERT_EQ(0, mprotect(code, size, PROT_NONE));
	check_fetch(_metadata, self, FETCH);
	ASSERT_EQ(0, mprotect(code, size, PROT_READ | PROT_EXEC));
	encl_visit_resume(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

TEST_F(unmap, tcs_unmapped)
{
	struct sgx_enclave_run run = { };

	ASSERT_EQ(0, munmap((void *)self->encl.tcs[1], SGX_PAGE_SIZE));
	encl_visit_end(&self->t);
	EXPECT_EQ(0, self->t.ret);
	EXPECT_EQ(-1, encl_run(&self->encl, 1, ENCL_NOP, NULL, &run));
	EXPECT_EQ(V_PF, run.exception_vector);
	EXPECT_EQ(self->encl.tcs[1], run.exception_addr);
}

static void interrupt(struct _test_data_unmap *self)
{
	encl_catch(SIGUSR1, SA_RESTART);
	if (syscall(SYS_tgkill, getpid(), self->t.tid, SIGUSR1))
		die("tgkill: %m");
}

static void check_resume_fault(struct __test_metadata *_metadata, struct _test_data_unmap *self,
			       u64 addr, unsigned int error)
{
	const struct sgx_enclave_run *run = &self->t.run;

	encl_visit_wait(&self->t);
	EXPECT_EQ(-1, self->t.ret);
	EXPECT_EQ(SGX_ERESUME, run->function);
	EXPECT_EQ(V_PF, run->exception_vector);
	EXPECT_EQ(error, run->exception_error_code);
	EXPECT_EQ(addr, run->exception_addr);
}

static void map_again(struct __test_metadata *_metadata, struct _test_data_unmap *self, u64 addr)
{
	ASSERT_NE(MAP_FAILED, mmap((void *)addr, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->encl.e.fd, 0));
}

/* The exit needs no mapping: it knows the page. The way back does. */
TEST_F(unmap, ssa_unmapped)
{
	u64 frame = encl_frame(&self->encl, 1, 0);

	ASSERT_EQ(0, munmap((void *)frame, SGX_PAGE_SIZE));
	interrupt(self);
	check_resume_fault(_metadata, self, frame, SGX_PFEC_U | SGX_PFEC_W);
	map_again(_metadata, self, frame);
	encl_visit_resume(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

TEST_F(unmap, ssa_without_access)
{
	u64 frame = encl_frame(&self->encl, 1, 0);

	ASSERT_EQ(0, mprotect((void *)frame, SGX_PAGE_SIZE, PROT_READ));
	interrupt(self);
	check_resume_fault(_metadata, self, frame, SGX_PFEC_U | SGX_PFEC_W | SGX_PFEC_P);
	ASSERT_EQ(0, mprotect((void *)frame, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE));
	encl_visit_resume(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

TEST_F(unmap, tcs_unmapped_before_exit)
{
	u64 tcs = self->encl.tcs[1];

	ASSERT_EQ(0, munmap((void *)tcs, SGX_PAGE_SIZE));
	interrupt(self);
	check_resume_fault(_metadata, self, tcs, SGX_PFEC_U);
	map_again(_metadata, self, tcs);
	encl_visit_resume(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

/* The mappings keep the enclave. */
TEST_F(unmap, file_closed)
{
	close(self->encl.e.fd);
	self->encl.e.fd = -1;
	EXPECT_EQ(1, encl_do(&self->encl, 0, ENCL_ADD, 1, 0, 0));
	encl_visit_end(&self->t);
	EXPECT_EQ(0, self->t.ret);
}

/* The enclave goes away under its thread, which lives on. */
TEST_F(unmap, enclave_gone)
{
	struct softsgx_enclave e = self->encl.e;

	softsgx_enclave_close(&self->encl.e);
	encl_visit_wait(&self->t);
	EXPECT_EQ(-1, self->t.ret);
	EXPECT_EQ(SGX_ERESUME, self->t.run.function);
	EXPECT_EQ(V_PF, self->t.run.exception_vector);
	EXPECT_EQ(FETCH, self->t.run.exception_error_code);
	EXPECT_GE(self->t.run.exception_addr, e.base);
	EXPECT_LT(self->t.run.exception_addr, e.base + e.size);
	encl_visit_resume(&self->t);
	EXPECT_EQ(-1, self->t.ret);
	EXPECT_EQ(SGX_ERESUME, self->t.run.function);
	EXPECT_EQ(V_PF, self->t.run.exception_vector);
	/* All of it, although this process is still there. */
	EXPECT_EQ(true, encl_epc_is_back());
}

/* And somebody else's memory comes to lie at its address. */
TEST_F(unmap, other_memory_in_its_place)
{
	u64 size;
	u8 *code = code_of(&self->encl, &size);
	u8 *spare = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, spare);
	/* Whatever is executed there ends in an exception. */
	memset(spare, 0xf4, size);
	ASSERT_EQ(0, mprotect(spare, size, PROT_READ | PROT_EXEC));
	ASSERT_EQ(code, mremap(spare, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, code));
	encl_visit_wait(&self->t);
	EXPECT_EQ(-1, self->t.ret);
	EXPECT_EQ(SGX_ERESUME, self->t.run.function);
}

/* Faults and removal race: thousands of exits, each in another state. */
TEST_F_TIMEOUT(unmap, permissions_come_and_go, 60)
{
	u64 scratch = self->encl.info.scratch;
	u64 frame = encl_frame(&self->encl, 1, 0);
	u64 end = now_ns() + 3000000000ULL;
	unsigned int i = 0;
	bool ok = true;

	encl_catch(SIGUSR1, SA_RESTART);
	while (now_ns() < end && ok) {
		const int prot = i++ & 1 ? PROT_READ | PROT_WRITE : PROT_READ;

		ok = !mprotect((void *)scratch, SGX_PAGE_SIZE, prot) &&
		     !mprotect((void *)frame, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE) &&
		     !madvise((void *)scratch, SGX_PAGE_SIZE, MADV_NORMAL);
		syscall(SYS_tgkill, getpid(), self->t.tid, SIGUSR1);
	}
	EXPECT_EQ(true, ok);
	encl_visit_end(&self->t);
	EXPECT_EQ(0, self->t.ret);
	TH_LOG("%d signals", encl_caught.n);
	EXPECT_GT(encl_caught.n, 10);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
