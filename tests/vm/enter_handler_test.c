// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions that the enclave repairs by itself, the way the SDKs do: another
 * EENTER on the same TCS, a change of the SSA frame, EEXIT, ERESUME. And
 * exceptions that the host repairs, and debuggers that look on.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

FIXTURE(handler)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
};

FIXTURE_SETUP(handler)
{
	const struct encl_spec spec = {
		.options.miscselect = SGX_MISC_EXINFO,
		.options.attributes = SGX_ATTR_DEBUG,
	};

	encl_load(&self->encl, &spec);
}

FIXTURE_TEARDOWN(handler)
{
	encl_unload(&self->encl);
}

TEST_F(handler, many_exceptions_in_a_row)
{
	unsigned int i;

	for (i = 0; i < 3000; i++) {
		self->call.a[0] = i % (ENCL_INT3 + 1);
		ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
		ASSERT_EQ(SGX_ERESUME, self->run.function);
		encl_do(&self->encl, 0, ENCL_SSA_SKIP, 0, 0, 0);
		ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	}
}

static int exceptions;

/* As the Intel SDK has it: a handler of the vDSO that enters again. */
static int repair(long rdi, long rsi, long rdx, long rsp, long r8, long r9,
		  struct sgx_enclave_run *run)
{
	const struct encl *encl = (void *)(uintptr_t)run->user_data;

	if (run->function == SGX_EEXIT)
		return 0;
	if (run->function != SGX_ERESUME || run->exception_vector != V_UD)
		return -1;
	exceptions++;
	encl_do(encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	return SGX_ERESUME;
}

TEST_F(handler, vdso_user_handler)
{
	unsigned int i;

	self->run.user_handler = (uintptr_t)repair;
	self->run.user_data = (uintptr_t)&self->encl;
	for (i = 0; i < 100; i++) {
		self->call.a[0] = ENCL_UD2;
		ASSERT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	}
	EXPECT_EQ(100, exceptions);
}

static unsigned int depth;

/* An exception in the handler, and in the handler's handler */
static int repair_deeply(long rdi, long rsi, long rdx, long rsp, long r8, long r9,
			 struct sgx_enclave_run *run)
{
	const struct encl *encl = (void *)(uintptr_t)run->user_data;
	struct sgx_enclave_run inner = *run;
	struct encl_call call = { .a[0] = ENCL_DIV0 };

	if (run->function == SGX_EEXIT)
		return 0;
	depth++;
	/* One frame is needed to repair. */
	if (depth < ENCL_NSSA - 1 && encl_run(encl, 0, ENCL_FAULT, &call, &inner))
		return -2;
	encl_do(encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	return SGX_ERESUME;
}

TEST_F(handler, nested)
{
	unsigned int i;

	self->run.user_handler = (uintptr_t)repair_deeply;
	self->run.user_data = (uintptr_t)&self->encl;
	for (i = 0; i < 10; i++) {
		depth = 0;
		self->call.a[0] = ENCL_UD2;
		ASSERT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
		EXPECT_EQ(ENCL_NSSA - 1, depth);
	}
}

/* The enclave lets an interrupted operation go on somewhere else. */
TEST_F(handler, resume_elsewhere)
{
	struct encl_ssa ssa;

	self->call.a[0] = 0;
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_READ, &self->call, &self->run));
	EXPECT_EQ(V_PF, self->run.exception_vector);
	encl_ssa(&self->encl, 0, &ssa);
	/* Which register has the address depends on the compiler. */
	encl_do(&self->encl, 0, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME, 0, 0);
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(V_PF, self->run.exception_vector);
	EXPECT_EQ(0, self->run.exception_addr);
	EXPECT_EQ(ENCL_PENDING, self->call.status);
}

/* The test of the kernel with this name: permissions come and go. */
TEST_F(handler, page_table_permissions)
{
	void *p = (void *)self->encl.info.scratch;
	u64 addr = self->encl.info.scratch + 0x320;

	encl_do(&self->encl, 0, ENCL_WRITE, addr, 0x1122334455667788, 0);
	ASSERT_EQ(0, mprotect(p, SGX_PAGE_SIZE, PROT_READ));
	self->call = (struct encl_call){ .a = { addr, 0x99 } };
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_WRITE, &self->call, &self->run));
	EXPECT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(V_PF, self->run.exception_vector);
	EXPECT_EQ(7, self->run.exception_error_code);
	EXPECT_EQ(self->encl.info.scratch, self->run.exception_addr);
	EXPECT_EQ(0x1122334455667788, encl_do(&self->encl, 1, ENCL_READ, addr, 0, 0));

	/* Again, as long as nothing changes */
	ASSERT_EQ(-1, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(7, self->run.exception_error_code);

	ASSERT_EQ(0, mprotect(p, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(0x99, encl_do(&self->encl, 1, ENCL_READ, addr, 0, 0));
}

/* A page that goes away and comes back */
TEST_F(handler, page_comes_back)
{
	void *p = (void *)self->encl.info.scratch;
	u64 addr = self->encl.info.scratch + 0x320;

	encl_do(&self->encl, 0, ENCL_WRITE, addr, 4711, 0);
	ASSERT_EQ(0, munmap(p, SGX_PAGE_SIZE));
	self->call = (struct encl_call){ .a = { addr } };
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_READ, &self->call, &self->run));
	EXPECT_EQ(V_PF, self->run.exception_vector);
	EXPECT_EQ(4, self->run.exception_error_code);
	ASSERT_EQ(p, mmap(p, SGX_PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
			  self->encl.e.fd, 0));
	EXPECT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(4711, self->call.ret);
}

/* EDBGWR, by way of the debugger's access to memory */
static void opt_in(struct __test_metadata *_metadata, u64 tcs)
{
	u64 flags = SGX_TCS_DBGOPTIN;
	int fd = open("/proc/self/mem", O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_EQ(8, pwrite(fd, &flags, 8, tcs + offsetof(struct sgx_tcs, flags)));
	ASSERT_EQ(8, pread(fd, &flags, 8, tcs + offsetof(struct sgx_tcs, flags)));
	EXPECT_EQ(SGX_TCS_DBGOPTIN, flags);
	/* Nothing else of a TCS can be written. */
	EXPECT_EQ(-1, pwrite(fd, &flags, 8, tcs + offsetof(struct sgx_tcs, ssa_offset)));
	close(fd);
}

static struct encl trapped_encl;
static struct encl_ssa trapped_ssa;

/* The kernel tells debuggers of #BP and #DB, not the vDSO's caller. */
static void skip_int3(int sig, siginfo_t *info, ucontext_t *uc)
{
	encl_ssa(&trapped_encl, 0, &trapped_ssa);
	if (trapped_ssa.exitinfo == EXITINFO_BP)
		encl_do(&trapped_encl, 0, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME, 1, 0);
}

TEST_F(handler, int3_with_debugger)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;
	u8 code;

	opt_in(_metadata, self->encl.tcs[0]);
	trapped_encl = self->encl;
	encl_caught.hook = skip_int3;
	encl_catch(SIGTRAP, 0);
	self->call.a[0] = ENCL_INT3;
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	ASSERT_EQ(1, encl_caught.n);
	EXPECT_EQ(EXITINFO_BP, trapped_ssa.exitinfo);
	encl_get(&self->encl, 1, &code, trapped_ssa.rip, 1);
	EXPECT_EQ(0xcc, code);
	EXPECT_EQ(V_BP, g[REG_TRAPNO]);
	EXPECT_EQ(SGX_ERESUME, g[REG_RAX]);
	EXPECT_EQ(self->encl.tcs[0], g[REG_RBX]);
	EXPECT_EQ(g[REG_RIP], g[REG_RCX]);

	/* The other threads have no debugger. */
	EXPECT_EQ(-1, encl_run(&self->encl, 1, ENCL_FAULT, &self->call, &self->run));
	EXPECT_EQ(V_UD, self->run.exception_vector);
}

TEST_F(handler, icebp)
{
	const greg_t *g = encl_caught.uc.uc_mcontext.gregs;

	if (!encl_cpu_raises(ENCL_INT1))
		SKIP(return, "this CPU has no INT1");
	trapped_encl = self->encl;
	encl_caught.hook = skip_int3;
	encl_catch(SIGTRAP, 0);
	self->call.a[0] = ENCL_INT1;
	/* A trap: RIP is behind the instruction already. */
	EXPECT_EQ(0, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	ASSERT_EQ(1, encl_caught.n);
	EXPECT_EQ(EXITINFO(V_DB), trapped_ssa.exitinfo);
	EXPECT_EQ(V_DB, g[REG_TRAPNO]);
	EXPECT_EQ(SGX_ERESUME, g[REG_RAX]);
	EXPECT_EQ(self->encl.tcs[0], g[REG_RBX]);
	EXPECT_EQ(g[REG_RIP], g[REG_RCX]);
}

/* INT 3 is two bytes and never a breakpoint in an enclave. */
asm("	.pushsection .rodata\n"
	"cd03:\n"
	"	.byte	0xcd, 0x03\n"
	"	ret\n"
	"cd03_end:\n"
	"	.popsection\n");

TEST_F(handler, int_3_in_two_bytes)
{
	const struct encl_spec spec = {
		.options.attributes = SGX_ATTR_DEBUG,
		.blob = ADDRESS_OF(cd03),
		.blob_size = ADDRESS_OF(cd03_end) - ADDRESS_OF(cd03),
	};
	struct encl_ssa ssa;
	struct encl encl;
	unsigned int i;

	encl_load(&encl, &spec);
	for (i = 0; i < 2; i++) {
		self->call.a[0] = encl.blob;
		EXPECT_EQ(-1, encl_run(&encl, 0, ENCL_JUMP, &self->call, &self->run));
		EXPECT_EQ(V_UD, self->run.exception_vector);
		encl_ssa(&encl, 0, &ssa);
		EXPECT_EQ(EXITINFO(V_UD), ssa.exitinfo);
		EXPECT_EQ(encl.blob, ssa.rip);
		encl_do(&encl, 0, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME, 2, 0);
		EXPECT_EQ(0, encl_resume(&encl, 0, &self->call, &self->run));
		opt_in(_metadata, encl.tcs[0]);
	}
	encl_unload(&encl);
}

/* A debugger sees the registers of an interrupted thread in its SSA. */
TEST_F(handler, debugger_reads_ssa)
{
	struct sgx_gprsgx gpr;
	struct encl_ssa ssa;
	int fd;

	self->call.a[0] = ENCL_UD2;
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	encl_ssa(&self->encl, 0, &ssa);
	fd = open("/proc/self/mem", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(gpr), pread(fd, &gpr, sizeof(gpr), encl_gprsgx(&self->encl, 0, 0)));
	EXPECT_EQ(0, memcmp(&gpr, &ssa, sizeof(gpr)));
	close(fd);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
