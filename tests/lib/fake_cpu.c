// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fake_cpu.h"

#define FX_SIZE 512
#define XSAVE_SIZE 832 /* legacy area, header, upper halves of YMM */

/* Arithmetic flags, RF: cleared by an AEX */
#define AEX_CLEARS 0x108d5

static struct {
	bool inside;
	struct sgx_tcs *tcs;
	u64 base;
	u64 host_gs;
} lp;

static u64 base;
static u32 frame_size;

static const int signals[] = {
	SIGILL, SIGSEGV, SIGFPE, SIGTRAP, SIGBUS, SIGALRM
};

#define NR_SIGNALS ARRAY_SIZE(signals)

static void *stack;
static struct sigaction saved[NR_SIGNALS];

u64 fake_cpu_load(const struct softsgx_image *image)
{
	struct softsgx_enclave encl = { .fd = -1 };
	unsigned int i;

	if (softsgx_enclave_reserve(&encl, image->size))
		return 0;
	base = encl.base;
	frame_size = image->ssa_frame_pages * SGX_PAGE_SIZE;
	for (i = 0; i < image->nr_segs; i++) {
		const struct softsgx_segment *seg = &image->segs[i];
		void *at = (void *)(uintptr_t)(base + seg->offset);
		int prot = PROT_READ | PROT_WRITE;

		mprotect(at, seg->size, prot);
		memcpy(at, seg->src, seg->size);
		if (seg->flags & SGX_SECINFO_X)
			prot = PROT_READ | PROT_EXEC;
		mprotect(at, seg->size, prot);
	}
	return base;
}

void fake_cpu_unload(const struct softsgx_image *image, u64 at)
{
	munmap((void *)(uintptr_t)at, image->size);
}

static struct sgx_gprsgx *frame(u32 n)
{
	u64 end = base + lp.tcs->ssa_offset + (u64)(n + 1) * frame_size;

	return (void *)(uintptr_t)(end - sizeof(struct sgx_gprsgx));
}

static void *frame_xsave(u32 n)
{
	return (void *)(uintptr_t)(base + lp.tcs->ssa_offset +
				   (u64)n * frame_size);
}

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void enter(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct sgx_gprsgx *gpr;

	lp.tcs = (void *)(uintptr_t)g[REG_RBX];
	lp.tcs->aep = g[REG_RCX];
	lp.host_gs = fake_gs;
	lp.inside = true;
	if (g[REG_RAX] == SGX_EENTER) {
		gpr = frame(lp.tcs->ssa_index);
		gpr->ursp = g[REG_RSP];
		gpr->urbp = g[REG_RBP];
		g[REG_RCX] = g[REG_RIP] + 3;
		g[REG_RIP] = base + lp.tcs->entry_offset;
		g[REG_RAX] = lp.tcs->ssa_index;
		fake_fs = base + lp.tcs->fs_offset;
		fake_gs = base + lp.tcs->gs_offset;
		return;
	}
	lp.tcs->ssa_index--;
	gpr = frame(lp.tcs->ssa_index);
	for (int i = 0; i < 16; i++)
		g[greg_of[i]] = (&gpr->ax)[i];
	g[REG_RIP] = gpr->rip;
	g[REG_EFL] = gpr->rflags;
	fake_fs = gpr->fsbase;
	fake_gs = gpr->gsbase;
	memcpy(uc->uc_mcontext.fpregs, frame_xsave(lp.tcs->ssa_index), FX_SIZE);
	memcpy((u8 *)uc->uc_mcontext.fpregs + 576,
	       (u8 *)frame_xsave(lp.tcs->ssa_index) + 576, XSAVE_SIZE - 576);
	*(u64 *)((u8 *)uc->uc_mcontext.fpregs + FX_SIZE) = 7;
}

static void leave(void)
{
	lp.inside = false;
	fake_fs = fake_host_fs;
	fake_gs = lp.host_gs;
}

static void eexit(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	leave();
	g[REG_RIP] = g[REG_RBX];
	g[REG_RCX] = lp.tcs->aep;
}

static void other_leaf(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	g[REG_RAX] = FAKE_LEAF(g[REG_RAX]);
	g[REG_RIP] += 3;
}

static void clear_fpu(ucontext_t *uc)
{
	u8 *fx = (u8 *)uc->uc_mcontext.fpregs;

	/* bytes 464-511 are the kernel's */
	memset(fx, 0, 464);
	memset(fx + 576, 0, XSAVE_SIZE - 576);
	uc->uc_mcontext.fpregs->cwd = 0x37f;
	uc->uc_mcontext.fpregs->mxcsr = 0x1fb0;
	uc->uc_mcontext.fpregs->mxcr_mask = 0xffff;
	*(u64 *)(fx + FX_SIZE) = 7;
}

static void aex(ucontext_t *uc, bool exception)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct sgx_gprsgx *gpr = frame(lp.tcs->ssa_index);

	for (int i = 0; i < 16; i++) {
		(&gpr->ax)[i] = g[greg_of[i]];
		g[greg_of[i]] = 0;
	}
	gpr->rip = g[REG_RIP];
	gpr->rflags = g[REG_EFL];
	gpr->exitinfo = 0;
	if (exception)
		gpr->exitinfo = SGX_EXITINFO_VALID | SGX_EXITINFO_TYPE_HW |
				g[REG_TRAPNO];
	gpr->fsbase = fake_fs;
	gpr->gsbase = fake_gs;
	memcpy(frame_xsave(lp.tcs->ssa_index), uc->uc_mcontext.fpregs,
	       XSAVE_SIZE);
	lp.tcs->ssa_index++;
	leave();
	clear_fpu(uc);
	g[REG_RAX] = SGX_ERESUME;
	g[REG_RBX] = (uintptr_t)lp.tcs;
	g[REG_RCX] = lp.tcs->aep;
	g[REG_RSP] = gpr->ursp;
	g[REG_RBP] = gpr->urbp;
	g[REG_RIP] = lp.tcs->aep;
	g[REG_EFL] &= ~AEX_CLEARS;
}

/* The kernel's exception table entry for the ENCLU in the vDSO */
static void fix_up_vdso(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	g[REG_RIP] = (uintptr_t)fake_vdso_exception;
	g[REG_RDI] = g[REG_TRAPNO];
	g[REG_RSI] = g[REG_ERR];
	g[REG_RDX] = g[REG_CR2];
}

#define PFEC_SGX	0x8000

/*
 * A processor without SGX raises #UD. One that has it, below a hypervisor that does not
 * tell, executes the leaf, to which the pages of the fake are no EPC pages: #GP, or #PF
 * with PFEC.SGX. After any other #PF there may be nothing to read at RIP.
 */
static bool may_be_enclu(const greg_t *g)
{
	switch (g[REG_TRAPNO]) {
	case 6:
	case 13:
		return true;
	case 14:
		return g[REG_ERR] & PFEC_SGX;
	default:
		return false;
	}
}

static bool is_enclu(const greg_t *g)
{
	const void *ip = (void *)(uintptr_t)g[REG_RIP];

	return may_be_enclu(g) && !memcmp(ip, "\x0f\x01\xd7", 3);
}

void fake_handle(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;

	if (sig != SIGALRM && is_enclu(g)) {
		if (!lp.inside)
			enter(uc);
		else if (g[REG_RAX] == SGX_EEXIT)
			eexit(uc);
		else
			other_leaf(uc);
		return;
	}
	if (!lp.inside) {
		if (sig != SIGALRM)
			abort();
		return;
	}
	aex(uc, sig != SIGALRM);
	if (sig != SIGALRM && g[REG_RIP] == (greg_t)(uintptr_t)fake_vdso_enclu)
		fix_up_vdso(uc);
}

void fake_cpu_start(void)
{
	struct sigaction sa = {
		.sa_sigaction = fake_handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	stack_t ss = { .ss_size = 256 * 1024 };
	unsigned int i;

	asm volatile("rdfsbase %0" : "=r"(fake_host_fs));
	stack = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ss.ss_sp = stack;
	sigaltstack(&ss, NULL);
	sigfillset(&sa.sa_mask);
	for (i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &sa, &saved[i]);
}

void fake_cpu_stop(void)
{
	stack_t ss = { .ss_flags = SS_DISABLE };
	unsigned int i;

	for (i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &saved[i], NULL);
	sigaltstack(&ss, NULL);
	munmap(stack, 256 * 1024);
}
