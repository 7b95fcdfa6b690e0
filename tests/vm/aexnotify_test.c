// SPDX-License-Identifier: GPL-2.0
/*
 * AEX-Notify: the ERESUME that tells an enclave of its exit, EDECCSSA, and who may have
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define AEXNOTIFY_BYTE	offsetof(struct sgx_gprsgx, aexnotify)

FIXTURE(aexnotify)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
};

static void load(struct encl *encl, u64 attributes, unsigned int nssa)
{
	const struct encl_spec spec = {
		.options.miscselect = SGX_MISC_EXINFO,
		.options.attributes = attributes,
		.options.nssa = nssa,
	};

	encl_load(encl, &spec);
}

FIXTURE_SETUP(aexnotify)
{
	load(&self->encl, SGX_ATTR_AEXNOTIFY, ENCL_NSSA);
}

FIXTURE_TEARDOWN(aexnotify)
{
	encl_unload(&self->encl);
}

/* GPRSGX.AEXNOTIFY of a frame of TCS 0, through TCS 1 */
static void ask(struct encl *encl, unsigned int frame, unsigned int value)
{
	encl_do(encl, 1, ENCL_SET, encl_gprsgx(encl, 0, frame) + AEXNOTIFY_BYTE, value, 1);
}

static unsigned long cssa(struct encl *encl)
{
	struct encl_info info;

	encl_do(encl, 0, ENCL_INFO, (uintptr_t)&info, 0, 0);
	return info.cssa;
}

static void stop(struct __test_metadata *_metadata, struct _test_data_aexnotify *self,
		 struct encl_call *call)
{
	call->a[0] = ENCL_REGS_UD2;
	ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_REGS, call, &self->run));
	ASSERT_EQ(SGX_ERESUME, self->run.function);
	ASSERT_EQ(V_UD, self->run.exception_vector);
}

#define stop(call) stop(_metadata, self, call)

static int resume_with(struct _test_data_aexnotify *self, unsigned long op,
		       struct encl_call *call)
{
	call->status = ENCL_PENDING;
	return encl_enter(&self->encl, 0, SGX_ERESUME, op, call, &self->run);
}

static int decssa(struct _test_data_aexnotify *self, struct encl_call *call)
{
	call->regs.gpr[ENCL_RAX] = SGX_EDECCSSA;
	return encl_run(&self->encl, 0, ENCL_ENCLU, call, &self->run);
}

static void is_gp(struct __test_metadata *_metadata, const struct sgx_enclave_run *run,
		  unsigned int function, int line)
{
	EXPECT_EQ(function, run->function);
	EXPECT_EQ(V_GP, run->exception_vector);
	EXPECT_EQ(0, run->exception_error_code) {
		TH_LOG("called from line %d", line);
	}
}

#define EXPECT_GP(run, function) is_gp(_metadata, run, function, __LINE__)

/* ------------------------------------------------- before it: who may not */

static void set_flags(struct encl *encl, u64 flags)
{
	unsigned int i;

	for (i = 0; i < encl->image.nr_segs; i++)
		if (encl->image.segs[i].flags == SGX_SECINFO_TCS)
			((struct sgx_tcs *)encl->image.segs[i].src)->flags = flags;
}

static void start(struct encl *encl, u64 attributes, u64 flags)
{
	const struct encl_spec spec = { .options.attributes = attributes };

	encl_build(encl, &spec);
	set_flags(encl, flags);
	encl_sign(encl);
	if (encl_start(encl))
		die("%s", softsgx_last_error());
}

static void mismatch(struct __test_metadata *_metadata, u64 attributes, u64 flags)
{
	struct sgx_enclave_run run = { };
	struct encl encl;

	start(&encl, attributes, flags);
	EXPECT_EQ(-1, encl_run(&encl, 0, ENCL_NOP, NULL, &run));
	EXPECT_GP(&run, SGX_EENTER);
	EXPECT_EQ(-1, encl_resume(&encl, 0, NULL, &run));
	EXPECT_GP(&run, SGX_ERESUME);
	encl_unload(&encl);
}

TEST(tcs_and_secs_differ)
{
	mismatch(_metadata, 0, SGX_TCS_AEXNOTIFY);
	mismatch(_metadata, SGX_ATTR_AEXNOTIFY, 0);
	mismatch(_metadata, SGX_ATTR_AEXNOTIFY, SGX_TCS_AEXNOTIFY | 4);
	mismatch(_metadata, SGX_ATTR_DEBUG, SGX_TCS_AEXNOTIFY);
}

/* A debugger opts in, and the two may differ. */
TEST(debugger)
{
	u64 flags = SGX_TCS_DBGOPTIN | SGX_TCS_AEXNOTIFY;
	struct sgx_enclave_run run = { };
	struct encl encl;
	int fd;

	start(&encl, SGX_ATTR_DEBUG, 0);
	EXPECT_EQ(0, encl_run(&encl, 0, ENCL_NOP, NULL, &run));
	fd = open("/proc/self/mem", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(8, pwrite(fd, &flags, 8, encl.tcs[0] + offsetof(struct sgx_tcs, flags)));
	EXPECT_EQ(0, encl_run(&encl, 0, ENCL_NOP, NULL, &run));
	flags |= 4;
	ASSERT_EQ(8, pwrite(fd, &flags, 8, encl.tcs[0] + offsetof(struct sgx_tcs, flags)));
	EXPECT_EQ(-1, encl_run(&encl, 0, ENCL_NOP, NULL, &run));
	EXPECT_GP(&run, SGX_EENTER);
	close(fd);
	encl_unload(&encl);
}

/* An enclave without the attribute may set the byte as it likes. */
TEST(byte_alone)
{
	struct sgx_enclave_run run = { };
	struct encl_call call = { };
	struct encl encl;

	load(&encl, 0, ENCL_NSSA);
	EXPECT_EQ(-1, encl_run(&encl, 0, ENCL_FAULT, &call, &run));
	ask(&encl, 0, 0xff);
	encl_do(&encl, 0, ENCL_SSA_SKIP, 0, 0, 0);
	EXPECT_EQ(0, encl_resume(&encl, 0, &call, &run));
	encl_unload(&encl);
}

TEST_F(aexnotify, no_frame_to_spare)
{
	struct encl small;

	load(&small, SGX_ATTR_AEXNOTIFY, 1);
	EXPECT_EQ(-1, encl_run(&small, 0, ENCL_FAULT, &self->call, &self->run));
	ask(&small, 0, 1);
	EXPECT_EQ(-1, encl_resume(&small, 0, NULL, &self->run));
	EXPECT_GP(&self->run, SGX_ERESUME);
	/* All bits but the one say nothing. */
	ask(&small, 0, 0xfe);
	EXPECT_EQ(-1, encl_resume(&small, 0, NULL, &self->run));
	EXPECT_EQ(V_UD, self->run.exception_vector);
	encl_unload(&small);
}

/* --------------------------------------------------------------- ERESUME */

TEST_F(aexnotify, resumes_unless_asked)
{
	struct encl_regs in;
	u64 seed = 11;

	encl_random_regs(&seed, &self->call.regs);
	in = self->call.regs;
	stop(&self->call);
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, 0, 0, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(0, memcmp(in.gpr, self->call.regs.gpr, sizeof(in.gpr)));
}

/* It comes in like an EENTER; without the byte the same ERESUME goes on. */
TEST_F(aexnotify, notifies)
{
	struct encl_call seen = { };
	struct encl_ssa before, after;
	struct encl_regs in;
	u64 seed = 12;

	encl_random_regs(&seed, &self->call.regs);
	in = self->call.regs;
	stop(&self->call);
	ask(&self->encl, 0, 1);
	encl_ssa(&self->encl, 0, &before);
	EXPECT_EQ(1, before.aexnotify);
	ASSERT_EQ(0, resume_with(self, ENCL_ENTRY_REGS, &seen));
	EXPECT_EQ(1, seen.regs.gpr[ENCL_RAX]);
	EXPECT_EQ(self->encl.tcs[0], seen.regs.gpr[ENCL_RBX]);
	EXPECT_EQ(ENCL_ENTRY_REGS, seen.regs.gpr[ENCL_RDI]);
	EXPECT_EQ((uintptr_t)&seen, seen.regs.gpr[ENCL_RSI]);
	EXPECT_EQ(1, cssa(&self->encl));
	encl_ssa(&self->encl, 0, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(ENCL_PENDING, self->call.status);

	/* Again, and then no more. */
	ASSERT_EQ(0, resume_with(self, ENCL_ENTRY_REGS, &seen));
	ask(&self->encl, 0, 0);
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, 0, 0, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	EXPECT_EQ(0, memcmp(in.gpr, self->call.regs.gpr, sizeof(in.gpr)));
	EXPECT_EQ(in.mxcsr, self->call.regs.mxcsr);
	EXPECT_EQ(0, cssa(&self->encl));
}

/* Told in place of being resumed, the enclave comes down by itself. */
TEST_F(aexnotify, comes_down)
{
	struct encl_call call = { };

	stop(&self->call);
	ask(&self->encl, 0, 1);
	call.regs.gpr[ENCL_RAX] = SGX_EDECCSSA;
	call.regs.gpr[ENCL_RCX] = 0x1234;
	call.regs.gpr[ENCL_RDX] = 0x5678;
	ASSERT_EQ(0, resume_with(self, ENCL_ENCLU, &call));
	EXPECT_EQ(SGX_EDECCSSA, call.regs.gpr[ENCL_RAX]);
	EXPECT_EQ(0x1234, call.regs.gpr[ENCL_RCX]);
	EXPECT_EQ(0x5678, call.regs.gpr[ENCL_RDX]);
	EXPECT_EQ(0, cssa(&self->encl));
	EXPECT_EQ(-1, encl_resume(&self->encl, 0, NULL, &self->run));
	EXPECT_GP(&self->run, SGX_ERESUME);
}

TEST_F(aexnotify, nested)
{
	struct encl_call second = { .a = { ENCL_DIV0 } }, third = { };

	stop(&self->call);
	ask(&self->encl, 0, 1);
	/* An exception in the handler: frame 1, which has not asked */
	ASSERT_EQ(-1, resume_with(self, ENCL_FAULT, &second));
	ASSERT_EQ(SGX_ERESUME, self->run.function);
	ASSERT_EQ(V_DE, self->run.exception_vector);
	EXPECT_EQ(2, cssa(&self->encl));
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &second, &self->run));
	EXPECT_EQ(1, cssa(&self->encl));

	ASSERT_EQ(-1, resume_with(self, ENCL_FAULT, &second));
	ask(&self->encl, 1, 1);
	ASSERT_EQ(-1, resume_with(self, ENCL_FAULT, &third));
	EXPECT_EQ(3, cssa(&self->encl));
	ask(&self->encl, 2, 1);
	ASSERT_EQ(0, resume_with(self, ENCL_ENTRY_REGS, &third));
	EXPECT_EQ(3, third.regs.gpr[ENCL_RAX]);
}

/* ------------------------------------------------------------- EDECCSSA */

TEST_F(aexnotify, decssa_at_zero)
{
	struct encl_ssa ssa;

	ASSERT_EQ(-1, decssa(self, &self->call));
	EXPECT_GP(&self->run, SGX_ERESUME);
	EXPECT_EQ(1, cssa(&self->encl));
	encl_ssa(&self->encl, 0, &ssa);
	EXPECT_EQ(EXITINFO(V_GP), ssa.exitinfo);
	EXPECT_EQ(SGX_EDECCSSA, ssa.gpr[ENCL_RAX]);
}

TEST_F(aexnotify, decssa_many)
{
	struct encl_call calls[3] = { };
	unsigned int i;

	for (i = 0; i < 3; i++)
		stop(&calls[i]);
	EXPECT_EQ(3, cssa(&self->encl));
	for (i = 3; i > 0; i--) {
		EXPECT_EQ(0, decssa(self, &self->call));
		EXPECT_EQ(i - 1, cssa(&self->encl));
	}
}

/* The exit after it goes to the frame that was given back. */
TEST_F(aexnotify, exit_after_decssa)
{
	struct encl_call enclu = { .regs.gpr[ENCL_RAX] = SGX_EDECCSSA };
	struct encl_ssa ssa;

	stop(&self->call);
	EXPECT_EQ(0, decssa(self, &enclu));
	self->call.a[0] = ENCL_DIV0;
	EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	EXPECT_EQ(1, cssa(&self->encl));
	encl_ssa(&self->encl, 0, &ssa);
	EXPECT_EQ(EXITINFO(V_DE), ssa.exitinfo);
}

static void decssa_outside(void)
{
	unsigned long ax = SGX_EDECCSSA;

	asm volatile(".byte 0x0f, 0x01, 0xd7" : "+a"(ax) : : "rbx", "rcx", "rdx", "memory");
}

TEST(outside)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		decssa_outside();
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

/* ---------------------------------------------------- signals, that is AEX */

#define LOOPS 200000000

static int signals;
static bool enough;

static void count(int sig)
{
	STORE(signals, signals + 1);
}

/* Asks to be told, over and over, whatever the other thread is at. */
static void *keep_asking(void *arg)
{
	struct _test_data_aexnotify *self = arg;

	while (!LOAD(enough)) {
		encl_do(&self->encl, 2, ENCL_SET, encl_gprsgx(&self->encl, 0, 0) + AEXNOTIFY_BYTE,
			1, 1);
		usleep(2000);
	}
	return NULL;
}

/*
 * Out by a signal, and in by the ERESUME at the AEP of the vDSO, which comes back with an
 * EEXIT: of ENCL_NOP, the RDI of the exit. The loop goes on where it was all the same.
 */
TEST_F_TIMEOUT(aexnotify, signals, 60)
{
	const struct itimerval fast = { { 0, 1500 }, { 0, 1500 } }, never = { };
	unsigned long expected = encl_do(&self->encl, 0, ENCL_LOOP, LOOPS, 0, 0);
	struct sigaction sa = { .sa_handler = count };
	unsigned int told = 0;
	pthread_t thread;
	int ret;

	ASSERT_EQ(0, sigaction(SIGALRM, &sa, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_asking, self));
	self->call.a[0] = LOOPS;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &fast, NULL));
	ret = encl_run(&self->encl, 0, ENCL_LOOP, &self->call, &self->run);
	while (ret && self->run.function == SGX_EEXIT) {
		told++;
		ask(&self->encl, 0, 0);
		ret = encl_resume(&self->encl, 0, &self->call, &self->run);
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	STORE(enough, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(expected, self->call.ret);
	EXPECT_EQ(0, cssa(&self->encl));
	EXPECT_LT(0, told);
	EXPECT_LT(0, signals);
	TH_LOG("%u times told, %d signals", told, signals);
}

/* -------------------------------------------- models that have none of it */

static int reload(const char *parameters)
{
	char dir[PATH_MAX], command[3 * PATH_MAX];
	int status;
	pid_t pid;

	encl_path(dir, sizeof(dir), "kmod");
	snprintf(command, sizeof(command),
		 "rmmod softsgx && rmmod softsgx_cpu && cd '%s' && cd $(uname -r) && "
		 "insmod ./softsgx_cpu.ko epc=16M %s && insmod ./softsgx.ko", dir, parameters);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

FIXTURE(older)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
};

FIXTURE_VARIANT(older)
{
	const char *parameters;
};

FIXTURE_VARIANT_ADD(older, skylake)
{
	.parameters = "model=skylake",
};

FIXTURE_VARIANT_ADD(older, icelake)
{
	.parameters = "model=icelake",
};

FIXTURE_SETUP(older)
{
	ASSERT_EQ(0, reload(variant->parameters));
}

FIXTURE_TEARDOWN(older)
{
	EXPECT_EQ(0, reload(""));
}

TEST_F(older, attribute)
{
	const struct encl_spec spec = { .options.attributes = SGX_ATTR_AEXNOTIFY };

	encl_build(&self->encl, &spec);
	encl_sign(&self->encl);
	EXPECT_EQ(-EIO, encl_start(&self->encl));
	encl_unload(&self->encl);
}

TEST_F(older, flag)
{
	mismatch(_metadata, 0, SGX_TCS_AEXNOTIFY);
}

TEST_F(older, decssa)
{
	encl_load(&self->encl, NULL);
	self->call.a[0] = ENCL_UD2;
	EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
	self->call.regs.gpr[ENCL_RAX] = SGX_EDECCSSA;
	EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_ENCLU, &self->call, &self->run));
	EXPECT_GP(&self->run, SGX_ERESUME);
	encl_unload(&self->encl);
}

/* Their #GP says nothing in the frame without EXINFO, which skylake does not have. */
TEST_F(older, exinfo)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };
	bool skylake = !strcmp(variant->parameters, "model=skylake");

	encl_build(&self->encl, &spec);
	encl_sign(&self->encl);
	EXPECT_EQ(skylake ? -EIO : 0, encl_start(&self->encl));
	encl_unload(&self->encl);
}

TEST_HARNESS_MAIN
