// SPDX-License-Identifier: GPL-2.0
/*
 * The start of a runtime inside: a report of itself, XFRM from that, state reset by a
 * compacted XRSTOR, random numbers, a key for sealing; then CPUID and SYSCALL, which are
 * not legal there, and which the host executes when the enclave's handler asks for it.
 */
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "encl_util.h"
#include "../encl/startup.h"
#include "kselftest_harness.h"

#define MAX_EXCEPTIONS	16
#define CPUID_LEAF	0x80000000
#define STEP_PARAMETER	"/sys/module/softsgx_cpu/parameters/step"

FIXTURE(startup)
{
	struct encl encl;
	struct sgx_enclave_run run;
	unsigned int cpuids, syscalls;
};

FIXTURE_VARIANT(startup)
{
	u64 xfrm;
};

FIXTURE_VARIANT_ADD(startup, sse)
{
	.xfrm = SGX_XFRM_LEGACY,
};

FIXTURE_VARIANT_ADD(startup, avx)
{
	.xfrm = 7,
};

/* CPUID traps where the CPU has CPUID faulting, else under single step. */
static void set_step(const char *value)
{
	FILE *f = fopen(STEP_PARAMETER, "w");

	if (!f || fputs(value, f) < 0 || fclose(f))
		die("%s cannot be set", STEP_PARAMETER);
}

FIXTURE_SETUP(startup)
{
	const struct encl_spec spec = {
		.file = "tests/encl/startup.elf",
		.options = { .xfrm = variant->xfrm, .miscselect = SGX_MISC_EXINFO },
	};

	if (variant->xfrm == 7 && !__builtin_cpu_supports("avx"))
		SKIP(return, "the CPU has no AVX");
	encl_build(&self->encl, &spec);
	encl_sign(&self->encl);
	ASSERT_EQ(0, encl_start(&self->encl));
	set_step("1");
}

FIXTURE_TEARDOWN(startup)
{
	set_step("0");
	if (self->encl.nr_tcs)
		encl_unload(&self->encl);
}

static int enter(struct _test_data_startup *self, unsigned long op, struct encl_call *call)
{
	struct sgx_enclave_run run = { };

	return encl_run(&self->encl, 0, op, call, &run);
}

/* An exception: the enclave says what it wants, and gets it. 0 or an error */
static int serve(struct _test_data_startup *self)
{
	struct encl_call call = { };
	u32 r[4];

	if (enter(self, STARTUP_ASK, &call))
		return -1;
	switch (call.a[0]) {
	case STARTUP_WANTS_CPUID:
		self->cpuids++;
		__cpuid_count((u32)call.a[1], (u32)call.a[2], r[0], r[1], r[2], r[3]);
		for (int i = 0; i < 4; i++)
			call.a[i] = r[i];
		break;
	case STARTUP_WANTS_SYSCALL:
		self->syscalls++;
		call.a[0] = syscall(call.a[1]);
		call.a[1] = call.a[2] = call.a[3] = 0;
		break;
	default:
		return -1;
	}
	return enter(self, STARTUP_ANSWER, &call);
}

/* Return: 0 if it has come to its end */
static int start_up(struct _test_data_startup *self, struct encl_call *call)
{
	unsigned int n;
	int ret;

	ret = encl_run(&self->encl, 0, STARTUP_RUN, call, &self->run);
	for (n = 0; ret && n < MAX_EXCEPTIONS; n++) {
		if (self->run.function != SGX_ERESUME || self->run.exception_vector != V_UD ||
		    serve(self))
			return -1;
		ret = encl_resume(&self->encl, 0, call, &self->run);
	}
	return ret;
}

/* Its handler is for exceptions only, and the start for the outermost level. */
TEST_F(startup, refused)
{
	struct encl_call call = { };

	EXPECT_EQ(-1, enter(self, STARTUP_ASK, &call));
	EXPECT_EQ(ENCL_UNKNOWN, call.status);
	EXPECT_EQ(-1, enter(self, STARTUP_ANSWER, &call));
}

TEST_F(startup, comes_up)
{
	struct encl_call call = { .a = { CPUID_LEAF, SYS_getpid } }, again;
	u32 eax, ebx, ecx, edx;

	__cpuid_count(CPUID_LEAF, 0, eax, ebx, ecx, edx);
	again = call;
	ASSERT_EQ(0, start_up(self, &call)) {
		TH_LOG("function %u, vector %u", self->run.function,
		       self->run.exception_vector);
	}
	EXPECT_EQ(STARTUP_DONE, call.ret);
	EXPECT_EQ(variant->xfrm, call.a[STARTUP_XFRM]);
	EXPECT_EQ(ebx, call.a[STARTUP_CPUID]);
	EXPECT_EQ(getpid(), call.a[STARTUP_SYSCALL]);
	EXPECT_EQ(1, self->cpuids);
	EXPECT_EQ(1, self->syscalls);
	/* The key is there again, the random number is not. */
	ASSERT_EQ(0, start_up(self, &again));
	EXPECT_EQ(call.a[STARTUP_KEY], again.a[STARTUP_KEY]);
	EXPECT_NE(call.a[STARTUP_RANDOM], again.a[STARTUP_RANDOM]);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
