// SPDX-License-Identifier: GPL-2.0
/*
 * A loader as enclave runners have it that know nothing of exceptions. Several names of
 * the device are tried, each run of pages is mapped on its own, one page is added in a
 * call. The AEP is the ENCLU that enters, so an exit goes straight back in; what is
 * behind it wants EAX to be EEXIT. One SSA frame: an exception inside is the end.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader.h"
#include "kselftest_harness.h"

int edp_enter(unsigned long op, struct encl_call *call, u64 tcs);
extern const char edp_enclu[], edp_failed[];

asm("	.pushsection .text\n"
	"edp_enter:\n"
	"	push	%rbx\n"
	"	push	%rbp\n"
	"	push	%r12\n"
	"	push	%r13\n"
	"	push	%r14\n"
	"	push	%r15\n"
	"	mov	%rdx, %rbx\n"
	"	lea	edp_enclu(%rip), %rcx\n"
	"	mov	$2, %eax\n"
	"edp_enclu:\n"
	ENCLU
	"edp_out:\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n"
	"edp_failed:\n"
	"	mov	$-1, %eax\n"
	"	jmp	edp_out\n"
	"	.popsection\n");

static int enter(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call)
{
	if (edp_enter(op, call, l->tcs[n]) != SGX_EEXIT)
		return -1;
	return call->status == ENCL_DONE ? 0 : -1;
}

static volatile int failed_signal, failed_trap, failed_leaf;

static void fail(int sig, siginfo_t *info, void *ctx)
{
	greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	if (g[REG_RIP] != (greg_t)(uintptr_t)edp_enclu) {
		loader_error("# an exception that is not at the ENCLU\n");
		_exit(1);
	}
	failed_signal = sig;
	failed_trap = g[REG_TRAPNO];
	failed_leaf = g[REG_RAX];
	g[REG_RIP] = (uintptr_t)edp_failed;
}

static void no_handlers(void)
{
}

/* -------------------------------------------------------------------------- loading */

static int open_node(void)
{
	static const char * const names[] = { "/dev/sgx_enclave", "/dev/sgx/enclave", "/dev/isgx",
					      "/dev/sgx" };
	unsigned int i;
	int fd = -1;

	for (i = 0; i < ARRAY_SIZE(names) && fd < 0; i++)
		fd = open(names[i], O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Every call does all it was asked for. */
static int add_page(int fd, const struct softsgx_segment *seg, u64 done)
{
	struct sgx_secinfo secinfo = { .flags = seg->flags };
	struct sgx_enclave_add_pages arg = {
		.src = (uintptr_t)seg->src + done,
		.offset = seg->offset + done,
		.length = SGX_PAGE_SIZE,
		.secinfo = (uintptr_t)&secinfo,
		.flags = seg->measured ? SGX_PAGE_MEASURE : 0,
	};

	if (ioctl(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg))
		return -errno;
	return arg.count == arg.length ? 0 : -EPROTO;
}

static int add_pages(struct loader *l)
{
	unsigned int i;
	int ret = 0;
	u64 done;

	for (i = 0; i < l->encl.image.nr_segs; i++) {
		const struct softsgx_segment *seg = &l->encl.image.segs[i];

		for (done = 0; done < seg->size && !ret; done += SGX_PAGE_SIZE)
			ret = add_page(l->fd, seg, done);
	}
	return ret;
}

static int load(struct loader *l)
{
	int ret = loader_reserve(l);

	if (ret)
		return ret;
	l->fd = open_node();
	if (l->fd < 0)
		return l->fd;
	return loader_create(l) ?: add_pages(l) ?: loader_init(l) ?: loader_map(l, false);
}

static const struct loader_style edp = {
	.spec.options = { .nr_tcs = LOADER_TCS, .nssa = 1 },
	.load = load,
	.enter = enter,
	.handlers = no_handlers,
	.aep = edp_enclu,
};

FIXTURE(edp)
{
	struct loader l;
};

FIXTURE_SETUP(edp)
{
	loader_build(&self->l, &edp, 0, 0);
	ASSERT_EQ(0, loader_load(&self->l));
}

FIXTURE_TEARDOWN(edp)
{
	loader_unload(&self->l);
}

/* ------------------------------------------------------------------------- negative */

TEST_F(edp, nodes)
{
	int fd = open_node();

	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-1, open("/dev/isgx", O_RDWR));
	EXPECT_EQ(ENOENT, errno);
}

/* Commands of older drivers: with ENOTTY, it tries the next form. */
TEST_F(edp, other_forms_of_init)
{
	char arg[24] = { };
	int fd = open_node();

	ASSERT_LE(0, fd);
	/* With a launch token; and the measured part of a page */
	EXPECT_EQ(-1, ioctl(fd, _IOW(SGX_MAGIC, 2, char[24]), arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(fd, _IOW(SGX_MAGIC, 2, char[16]), arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(fd, SGX_IOC_ENCLAVE_INIT, arg));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

TEST_F(edp, wrong_signature)
{
	struct loader l;

	loader_build(&l, &edp, 0, 0);
	l.encl.sig.mrenclave[31] ^= 0x80;
	EXPECT_EQ(-EPERM, load(&l));
	loader_unload(&l);
}

/* The second call for a page has not done what it was asked for. */
TEST_F(edp, page_twice)
{
	struct loader l;

	loader_build(&l, &edp, 0, 0);
	ASSERT_EQ(0, loader_reserve(&l));
	l.fd = open_node();
	ASSERT_LE(0, l.fd);
	ASSERT_EQ(0, loader_create(&l));
	EXPECT_EQ(0, add_page(l.fd, &l.encl.image.segs[0], 0));
	EXPECT_EQ(-EBUSY, add_page(l.fd, &l.encl.image.segs[0], 0));
	loader_unload(&l);
}

/* ----------------------------------------------------------------------- exceptions */

/* Nobody looks: the process dies of it, as of any other. */
TEST_F(edp, dies_of_exceptions)
{
	static const struct {
		unsigned long fault;
		int sig;
	} faults[] = { { ENCL_UD2, SIGILL }, { ENCL_DIV0, SIGFPE }, { ENCL_HLT, SIGSEGV },
		       { ENCL_SYSCALL, SIGILL } };
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		pid = fork();
		if (!pid) {
			loader_do(&self->l, i, ENCL_FAULT, faults[i].fault, 0, 0, NULL);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status)) {
			TH_LOG("status %#x", status);
		}
		EXPECT_EQ(faults[i].sig, WTERMSIG(status));
	}
}

/* RIP is the ENCLU, with ERESUME; then there is no frame left, and EENTER says so there. */
TEST_F(edp, no_frame_left)
{
	u64 ret = 0;

	loader_catch(SIGILL, fail);
	loader_catch(SIGSEGV, fail);
	EXPECT_EQ(-1, loader_do(&self->l, 0, ENCL_FAULT, ENCL_UD2, 0, 0, NULL));
	EXPECT_EQ(SIGILL, failed_signal);
	EXPECT_EQ(V_UD, failed_trap);
	EXPECT_EQ(SGX_ERESUME, failed_leaf);
	EXPECT_EQ(-1, loader_do(&self->l, 0, ENCL_ADD, 1, 0, 0, NULL));
	EXPECT_EQ(SIGSEGV, failed_signal);
	EXPECT_EQ(V_GP, failed_trap);
	EXPECT_EQ(SGX_EENTER, failed_leaf);
	/* Other threads do not care. */
	EXPECT_EQ(0, loader_do(&self->l, 1, ENCL_ADD, 1, 0, 0, &ret));
	EXPECT_EQ(1, ret);
	EXPECT_EQ(0, LOAD(loader_errors));
}

static int nr_again;

/* Back to where the exit has led, which is ERESUME, and to the same instruction */
static void again(int sig, siginfo_t *info, void *ctx)
{
	if (++nr_again == 100)
		fail(sig, info, ctx);
}

TEST_F(edp, same_exception_again)
{
	loader_catch(SIGILL, again);
	EXPECT_EQ(-1, loader_do(&self->l, 0, ENCL_FAULT, ENCL_UD2, 0, 0, NULL));
	EXPECT_EQ(100, nr_again);
	EXPECT_EQ(SGX_ERESUME, failed_leaf);
	EXPECT_EQ(0, LOAD(loader_errors));
}

LOADER_TESTS(edp)

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
