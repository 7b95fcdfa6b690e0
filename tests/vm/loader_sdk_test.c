// SPDX-License-Identifier: GPL-2.0
/*
 * A loader as development kits have it. Twice the address range is reserved and trimmed,
 * each region is mapped over it, pages are added one in a call. It enters through the
 * vDSO, with a callback; where the kernel has none, with ENCLU of its own, twice in a row
 * and UD2 behind, and handlers of signals.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader.h"
#include "kselftest_harness.h"

int sdk_enter(unsigned long op, struct encl_call *call, u64 tcs);
extern const char sdk_eenter[], sdk_aep[], sdk_is_lost[];

asm("	.pushsection .text\n"
	"sdk_enter:\n"
	"	push	%rbp\n"
	"	mov	%rsp, %rbp\n"
	"	push	%rbx\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	push	%r14\n"
	"	push	%r15\n"
	"	mov	%rdx, %rbx\n"
	"	lea	sdk_aep(%rip), %rcx\n"
	"	mov	$2, %eax\n"
	"sdk_eenter:\n"
	ENCLU
	"	xor	%eax, %eax\n"
	"sdk_out:\n"
	"	mov	-8(%rbp), %rbx\n"
	"	mov	-16(%rbp), %r12\n"
	"	mov	-24(%rbp), %r13\n"
	"	mov	-32(%rbp), %r14\n"
	"	mov	-40(%rbp), %r15\n"
	"	leave\n"
	"	ret\n"
	"sdk_aep:\n"
	ENCLU
	"	ud2\n"
	"sdk_is_lost:\n"
	"	mov	$-1, %eax\n"
	"	jmp	sdk_out\n"
	"	.popsection\n");

static unsigned long nr_lost, nr_signals, nr_callbacks;

/* ------------------------------------------------------------------------ entering */

/* Exceptions are dealt with in here; the vDSO enters again. */
static int callback(long rdi, long rsi, long rdx, long rsp, long r8, long r9,
		    struct sgx_enclave_run *run)
{
	__atomic_fetch_add(&nr_callbacks, 1, __ATOMIC_SEQ_CST);
	if (run->function == SGX_EEXIT)
		return 0;
	if (run->function != SGX_ERESUME)
		return -EFAULT;
	loader_repair((struct loader *)run->user_data, run->tcs, run->exception_vector);
	return SGX_ERESUME;
}

static int enter_vdso(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call)
{
	if (loader_vdso_enter(l, n, op, call, callback))
		return -1;
	return call->status == ENCL_DONE ? 0 : -1;
}

static int enter_raw(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call)
{
	return sdk_enter(op, call, l->tcs[n]) || call->status != ENCL_DONE ? -1 : 0;
}

static void handle(int sig, siginfo_t *info, void *ctx)
{
	greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	if (g[REG_RIP] == (greg_t)(uintptr_t)sdk_eenter && g[REG_RAX] == SGX_EENTER) {
		/* The enclave is lost: that is an error code for the caller. */
		__atomic_fetch_add(&nr_lost, 1, __ATOMIC_SEQ_CST);
		g[REG_RIP] = (uintptr_t)sdk_is_lost;
		return;
	}
	if (g[REG_RIP] != (greg_t)(uintptr_t)sdk_aep || g[REG_RAX] != SGX_ERESUME) {
		loader_error("# an exception that is not from the enclave\n");
		_exit(1);
	}
	__atomic_fetch_add(&nr_signals, 1, __ATOMIC_SEQ_CST);
	loader_repair(loader_now, g[REG_RBX], g[REG_TRAPNO]);
}

static void raw_handlers(void)
{
	static const int sigs[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		loader_catch(sigs[i], handle);
}

static void unexpected(int sig, siginfo_t *info, void *ctx)
{
	loader_error("# a signal although there is a vDSO\n");
	_exit(1);
}

static void no_handlers(void)
{
	loader_catch(SIGSEGV, unexpected);
	loader_catch(SIGILL, unexpected);
	loader_catch(SIGFPE, unexpected);
}

/* ------------------------------------------------------------------------- loading */

static int open_node(void)
{
	int fd = open("/dev/sgx/enclave", O_RDWR | O_CLOEXEC);

	return fd < 0 ? open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC) : fd;
}

static int load(struct loader *l)
{
	int ret = loader_reserve(l);

	if (ret)
		return ret;
	l->fd = open_node();
	if (l->fd < 0)
		return -errno;
	return loader_create(l) ?: loader_add(l, SGX_PAGE_SIZE) ?: loader_init(l) ?:
	       loader_map(l, false);
}

#define SDK_OPTIONS { .nr_tcs = LOADER_TCS, .nssa = 2, .miscselect = SGX_MISC_EXINFO }

static const struct loader_style vdso_style = {
	.spec.options = SDK_OPTIONS,
	.load = load,
	.enter = enter_vdso,
	.handlers = no_handlers,
	.faults = true,
};

static const struct loader_style raw_style = {
	.spec.options = SDK_OPTIONS,
	.load = load,
	.enter = enter_raw,
	.handlers = raw_handlers,
	.aep = sdk_aep,
	.faults = true,
};

FIXTURE(sdk)
{
	struct loader l;
	struct encl_info info;
};

FIXTURE_VARIANT(sdk)
{
	const struct loader_style *style;
};

FIXTURE_VARIANT_ADD(sdk, vdso)
{
	.style = &vdso_style,
};

FIXTURE_VARIANT_ADD(sdk, raw)
{
	.style = &raw_style,
};

FIXTURE_SETUP(sdk)
{
	loader_build(&self->l, variant->style, 0, 0);
	ASSERT_EQ(0, loader_load(&self->l));
	ASSERT_EQ(0, loader_do(&self->l, 0, ENCL_INFO, (uintptr_t)&self->info, 0, 0, NULL));
}

FIXTURE_TEARDOWN(sdk)
{
	loader_unload(&self->l);
}

/* ------------------------------------------------------------------------ negative */

TEST_F(sdk, probe_of_dynamic_memory)
{
	struct sgx_enclave_restrict_permissions arg = { };
	int fd = open_node();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, ioctl(fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &arg));
	EXPECT_NE(ENOTTY, errno);
	close(fd);
}

/* Nothing of what lies around the trimmed reservation belongs to the enclave. */
TEST_F(sdk, outside_of_elrange)
{
	void *end = (void *)(self->l.base + self->l.size);

	EXPECT_EQ(MAP_FAILED, mmap(end, SGX_PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
				   self->l.fd, 0));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(sdk, wrong_signature)
{
	struct loader l;

	loader_build(&l, variant->style, 0, 0);
	l.encl.sig.mrenclave[0] ^= 1;
	EXPECT_EQ(-EPERM, variant->style->load(&l));
	loader_unload(&l);
}

/* EENTER itself fails: an error for the caller, no signal handler deals with it. */
TEST_F(sdk, entry_refused)
{
	struct encl_call call = { };

	self->l.tcs[0] = self->info.scratch;
	EXPECT_EQ(-1, variant->style->enter(&self->l, 0, ENCL_ADD, &call));
	EXPECT_EQ(variant->style->aep ? 1 : 0, nr_lost);
	EXPECT_EQ(0, nr_signals);
	EXPECT_EQ(ENCL_PENDING, call.status);
}

/* The file is closed and the mappings are gone: no enclave, but no crash either. */
TEST_F(sdk, lost)
{
	struct encl_call call = { };

	ASSERT_EQ(0, munmap((void *)self->l.base, self->l.size));
	EXPECT_EQ(-1, variant->style->enter(&self->l, 0, ENCL_ADD, &call));
	EXPECT_EQ(variant->style->aep ? 1 : 0, nr_lost);
}

/* ---------------------------------------------------------------------- exceptions */

TEST_F(sdk, exceptions)
{
	static const unsigned long faults[] = { ENCL_UD2, ENCL_DIV0, ENCL_X87, ENCL_HLT,
						ENCL_NONCANON, ENCL_SYSCALL, ENCL_INT3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		EXPECT_EQ(0, loader_do(&self->l, 1, ENCL_FAULT, faults[i], 0, 0, NULL));
	EXPECT_EQ(variant->style->aep ? ARRAY_SIZE(faults) : 0, nr_signals);
	EXPECT_EQ(0, nr_lost);
	EXPECT_EQ(0, LOAD(loader_errors));
}

/* The callback of the vDSO is told of every exit: one for each exception, one at the end. */
TEST_F(sdk, callbacks)
{
	unsigned long before = nr_callbacks;

	EXPECT_EQ(0, loader_do(&self->l, 1, ENCL_FAULT, ENCL_UD2, 0, 0, NULL));
	/* Two entries inside of the callback: each ends with a callback, too. */
	EXPECT_EQ(variant->style->aep ? 0 : 4, nr_callbacks - before);
	EXPECT_EQ(0, LOAD(loader_errors));
}

LOADER_TESTS(sdk)

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
