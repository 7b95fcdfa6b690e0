// SPDX-License-Identifier: GPL-2.0
/*
 * The start-up enclave; startup.h says what it does. Instructions that are not legal
 * inside raise #UD. Its handler, which is entered with CSSA 1, has the host execute them.
 */
#include "../../lib/softsgx_enclave.h"
#include "startup.h"

#define PAGE_SIZE	4096
#define COMPACTED	(1UL << 63)
#define XSTATE_HEADER	512
#define MXCSR_INIT	0x1f80

#define EREPORT		0
#define EGETKEY		1
#define KEYNAME_SEAL	4
#define POLICY_MRSIGNER	2

/* Offsets in structures of the processor */
#define REPORT_XFRM	56
#define REQ_POLICY	2
#define REQ_KEYID	40

#define SSA_GPRS	(PAGE_SIZE - 184)
#define SSA_RAX		0
#define SSA_RCX		1
#define SSA_RDX		2
#define SSA_RBX		3
#define SSA_RIP		17
#define SSA_EXITINFO	20
#define EXITINFO_UD	0x80000306

SOFTSGX_ENCLAVE(.nr_tcs = 1, .nssa = 2, .stack_pages = 8);

static unsigned char in[512] __attribute__((aligned(512)));
static unsigned char data[128] __attribute__((aligned(128)));
static unsigned char report[512] __attribute__((aligned(512)));
static unsigned char image[1024] __attribute__((aligned(64)));
static unsigned long key[3][2] __attribute__((aligned(16)));

void startup_main(unsigned long op, struct encl_call *call, unsigned long cssa,
		  unsigned long tcs);

static unsigned long enclu(unsigned long leaf, void *rbx, void *rcx, void *rdx)
{
	asm volatile(".byte 0x0f, 0x01, 0xd7"
		     : "+a"(leaf), "+c"(rcx), "+d"(rdx)
		     : "b"(rbx)
		     : "memory", "cc");
	return leaf;
}

static unsigned long *word(unsigned char *p, unsigned long offset)
{
	return (unsigned long *)(p + offset);
}

static unsigned long own_xfrm(void)
{
	enclu(EREPORT, in, data, report);
	return *word(report, REPORT_XFRM);
}

/* Everything of the host's is gone then. False if MXCSR says that it is not. */
static int reset_state(unsigned long xfrm)
{
	unsigned int mxcsr = 0x5fa0;
	unsigned int low = xfrm, high = xfrm >> 32;

	*word(image, XSTATE_HEADER + 8) = COMPACTED | xfrm;
	asm volatile("ldmxcsr	%0\n\t"
		     "xrstor	%1\n\t"
		     "stmxcsr	%0"
		     : "+m"(mxcsr)
		     : "m"(image), "a"(low), "d"(high)
		     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
		       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
		       "xmm15");
	return mxcsr == MXCSR_INIT;
}

static int get_random(unsigned long *out)
{
	unsigned char ok;

	asm volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
	return ok;
}

/* TARGETINFO has been used; KEYREQUEST may lie there. */
static unsigned long seal_key(unsigned char keyid, unsigned long *out)
{
	unsigned short *req = (unsigned short *)in;

	req[0] = KEYNAME_SEAL;
	req[REQ_POLICY / 2] = POLICY_MRSIGNER;
	in[REQ_KEYID] = keyid;
	return enclu(EGETKEY, in, out, 0);
}

static unsigned long cpuid(unsigned int leaf)
{
	unsigned int ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ebx;
}

static unsigned long system_call(unsigned long nr)
{
	asm volatile("syscall" : "+a"(nr) : : "rcx", "r11", "rdx", "rbx", "memory");
	return nr;
}

static unsigned long run(unsigned long *a)
{
	unsigned long leaf = a[0], nr = a[1];

	a[STARTUP_XFRM] = own_xfrm();
	if ((a[STARTUP_XFRM] & 3) != 3)
		return STARTUP_NO_XFRM;
	if (!reset_state(a[STARTUP_XFRM]))
		return STARTUP_STATE_LEFT;
	if (!get_random(&a[STARTUP_RANDOM]))
		return STARTUP_NO_RANDOM;
	if (seal_key(1, key[0]) || seal_key(1, key[1]) || seal_key(2, key[2]))
		return STARTUP_NO_KEY;
	if (key[0][0] != key[1][0] || key[0][1] != key[1][1])
		return STARTUP_OTHER_KEY;
	if (key[0][0] == key[2][0])
		return STARTUP_SAME_KEY;
	a[STARTUP_KEY] = key[0][0];
	a[STARTUP_CPUID] = cpuid(leaf);
	a[STARTUP_SYSCALL] = system_call(nr);
	return STARTUP_DONE;
}

/* GPRSGX of the frame below */
static unsigned long *interrupted(unsigned long cssa, unsigned long tcs)
{
	return (unsigned long *)(tcs + PAGE_SIZE +
				 (cssa - 1) * softsgx_desc.ssa_frame_pages * PAGE_SIZE +
				 (softsgx_desc.ssa_frame_pages - 1) * PAGE_SIZE + SSA_GPRS);
}

static void ask(const unsigned long *gpr, unsigned long *a)
{
	const unsigned char *insn = (const unsigned char *)gpr[SSA_RIP];

	a[0] = STARTUP_WANTS_NOTHING;
	if ((unsigned int)gpr[SSA_EXITINFO] == EXITINFO_UD && insn[0] == 0x0f)
		a[0] = insn[1] == 0xa2 ? STARTUP_WANTS_CPUID :
		       insn[1] == 0x05 ? STARTUP_WANTS_SYSCALL : STARTUP_WANTS_NOTHING;
	a[1] = gpr[SSA_RAX];
	a[2] = gpr[SSA_RCX];
}

static void answer(unsigned long *gpr, const unsigned long *a)
{
	gpr[SSA_RAX] = a[0];
	gpr[SSA_RBX] = a[1];
	gpr[SSA_RCX] = a[2];
	gpr[SSA_RDX] = a[3];
	gpr[SSA_RIP] += 2;
}

void startup_main(unsigned long op, struct encl_call *call, unsigned long cssa,
		  unsigned long tcs)
{
	call->status = ENCL_DONE;
	if (op == STARTUP_RUN && !cssa)
		call->ret = run(call->a);
	else if (op == STARTUP_ASK && cssa)
		ask(interrupted(cssa, tcs), call->a);
	else if (op == STARTUP_ANSWER && cssa)
		answer(interrupted(cssa, tcs), call->a);
	else
		call->status = ENCL_UNKNOWN;
}
