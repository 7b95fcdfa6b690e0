/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test enclave: what it can be asked to do. Shared by the enclave and by
 * host programs.
 *
 * Entry: RDI = operation (enum encl_op), RSI = address of a struct encl_call
 * outside, or 0. Exit: EEXIT to the address that EENTER left in RCX, with the
 * RSP, RBP, RBX(=target) conventions of the vDSO; R12-R15 as at entry; RDX,
 * RSI, RDI, R8-R11 zero, unless an operation says otherwise. At exit
 * call->status is ENCL_DONE, or ENCL_UNKNOWN.
 *
 * Every operation works at every CSSA: entered after an asynchronous exit,
 * while CSSA > 0, the enclave runs on a stack of its own for that level, so an
 * exception is examined and repaired by another EENTER on the same TCS,
 * followed by ERESUME. That takes nssa > level, and levels 0 to 3 have a stack.
 *
 * On purpose the enclave does whatever it is told: addresses are not checked.
 */
#ifndef _TESTS_ENCL_OPS_H
#define _TESTS_ENCL_OPS_H

#define ENCL_NR_TCS 4
#define ENCL_NSSA 4
#define ENCL_STACK_PAGES 8 /* 8 KiB for each of four levels */
#define ENCL_HEAP_PAGES 16

/* Answers in call->status */
#define ENCL_PENDING 0 /* set by the host before the call */
#define ENCL_DONE 1
#define ENCL_UNKNOWN 2

/* General registers in encoding order, as in GPRSGX */
enum encl_reg {
	ENCL_RAX,
	ENCL_RCX,
	ENCL_RDX,
	ENCL_RBX,
	ENCL_RSP,
	ENCL_RBP,
	ENCL_RSI,
	ENCL_RDI,
	ENCL_R8,
	ENCL_R9,
	ENCL_R10,
	ENCL_R11,
	ENCL_R12,
	ENCL_R13,
	ENCL_R14,
	ENCL_R15,
};

/**
 * struct encl_regs - a register file
 * @gpr: indexed by enum encl_reg
 * @flags: RFLAGS
 * @mxcsr, @fcw: control words
 * @vec: XMM0-XMM15 in the low halves; YMM0-YMM15 with ENCL_REGS_YMM
 */
struct encl_regs {
	unsigned long gpr[16];
	unsigned long flags;
	unsigned int mxcsr;
	unsigned short fcw;
	unsigned short pad;
	unsigned char vec[16][32];
};

/**
 * struct encl_call - arguments and results of an operation
 * @status: ENCL_*
 * @ret: result, if the operation has one
 * @a: arguments
 * @regs: register file, in and out
 */
struct encl_call {
	unsigned long status;
	unsigned long ret;
	unsigned long a[6];
	struct encl_regs regs;
};

/* Slots of ENCL_PUT, ENCL_GET and ENCL_ADD; zero at first */
#define ENCL_SLOTS 16

/* What ENCL_SSA_GET writes, and ENCL_SSA_SET reads */
struct encl_ssa {
	unsigned long gpr[16];
	unsigned long rflags;
	unsigned long rip;
	unsigned long ursp;
	unsigned long urbp;
	unsigned int exitinfo;
	unsigned char reserved[3];
	unsigned char aexnotify;
	unsigned long fsbase;
	unsigned long gsbase;
	/* EXINFO: the 16 bytes before GPRSGX, whether selected or not */
	unsigned long maddr;
	unsigned int errcd;
	unsigned int exinfo_reserved;
};

/* What ENCL_INFO writes; addresses are linear, sizes in bytes */
struct encl_info {
	unsigned long base;
	unsigned long size;
	unsigned long tcs; /* of this thread */
	unsigned long cssa; /* at this entry */
	unsigned long nssa;
	unsigned long ssa; /* frame 0 of this thread */
	unsigned long ssa_frame_size;
	unsigned long heap; /* 0 without a heap */
	unsigned long heap_size;
	unsigned long code; /* some read-execute page, with ENCL_JUMP's target */
	unsigned long ret_insn; /* address of a RET */
	unsigned long rodata; /* some read-only page */
	unsigned long scratch; /* read-write, page aligned, not used otherwise */
	unsigned long scratch_size;
};

/* Exceptions for ENCL_FAULT */
enum encl_fault {
	ENCL_UD2, /* #UD */
	ENCL_DIV0, /* #DE */
	ENCL_INT3, /* #BP, but #UD unless TCS.FLAGS.DBGOPTIN */
	ENCL_INT1, /* F1: #DB and RIP behind it, or #UD, as before */
	ENCL_ALIGN, /* RFLAGS.AC and a misaligned load: #AC */
	ENCL_X87, /* unmasked division by zero, at FWAIT: #MF */
	ENCL_SSE, /* unmasked division by zero: #XM */
	ENCL_HLT, /* #GP */
	ENCL_NONCANON, /* load from a non-canonical address: #GP */
	/* Not allowed in an enclave: #UD. What they return comes back in ret. */
	ENCL_CPUID,
	ENCL_SYSCALL, /* with RAX = getpid */
	ENCL_SYSENTER, /* with RAX = getpid of i386 */
	ENCL_INT80, /* with RAX = getpid of i386 */
	ENCL_IN, /* port 0x80 */
	ENCL_OUT, /* port 0x80 */
	ENCL_SGDT,
	ENCL_SIDT,
	ENCL_SLDT,
	ENCL_STR,
	ENCL_SMSW,
	ENCL_RDPMC,
	ENCL_GETSEC,
	ENCL_VMCALL,
	ENCL_RDTSC, /* #UD with SGX1 only */
	ENCL_RDTSCP, /* #UD with SGX1 only */
	/* Allowed */
	ENCL_XGETBV, /* XCR0, that is XFRM */
	ENCL_NR_FAULTS,
};

enum encl_op {
	/* Nothing; RSI is not looked at. */
	ENCL_NOP,
	/* slot a[1] = a[0]; ret = slot a[1]; ret = slot a[1] += a[0], atomic */
	ENCL_PUT,
	ENCL_GET,
	ENCL_ADD,
	/* ret = *(u64 *)a[0]; *(u64 *)a[0] = a[1]; any address */
	ENCL_READ,
	ENCL_WRITE,
	/* memcpy(a[0], a[1], a[2]) and memset(a[0], a[1], a[2]) */
	ENCL_COPY,
	ENCL_SET,
	/*
	 * For each page of [a[0], a[0] + a[1]): write a pattern that depends on
	 * a[2] and the address; ret = number of words that differ from it.
	 */
	ENCL_FILL,
	ENCL_CHECK,
	/* Raise exception a[0]. ENCL_SKIP repairs it. */
	ENCL_FAULT,
	/* Execute one ENCLU: RAX, RBX, RCX, RDX from regs, and back; flags back */
	ENCL_ENCLU,
	/* Call the address a[0]; ret = RAX afterwards */
	ENCL_JUMP,
	/*
	 * Load all of regs, RSP included, then a[0]:
	 *   ENCL_REGS_UD2: run into UD2
	 *   ENCL_REGS_SPIN: loop until the u64 at R15 is not 0. RCX must be 0;
	 *	it takes the value. No other register and no flag is changed
	 * and store all in regs. ENCL_REGS_YMM, added: 32-byte registers.
	 */
	ENCL_REGS,
	/*
	 * EEXIT with all of regs loaded, except RAX, RBX, RSP and RBP. Status
	 * is written before. a[0]: may be ENCL_REGS_YMM.
	 */
	ENCL_EXIT_REGS,
	/* regs.gpr, regs.flags = what the entry found, before any change */
	ENCL_ENTRY_REGS,
	/*
	 * Frame a[0] (ENCL_LAST_FRAME: the one below CSSA) of this thread.
	 * GET: to the struct encl_ssa at a[1]; SET: from it. ADD_RIP: RIP +=
	 * a[1], ret = old RIP. SKIP: RIP = instruction after the one that
	 * the operation stopped at on this thread, ret = old RIP.
	 */
	ENCL_SSA_GET,
	ENCL_SSA_SET,
	ENCL_SSA_ADD_RIP,
	ENCL_SSA_SKIP,
	/* ret = FS base, a[0] = GS base, read by RDFSBASE and RDGSBASE */
	ENCL_BASES,
	/*
	 * WRFSBASE a[0]; then UD2 if a[1]; ret = RDFSBASE. The base is left as
	 * it is: the next EENTER loads the one of the TCS.
	 */
	ENCL_WRFSBASE,
	/* Loop a[0] times; ret = a number that depends on every round */
	ENCL_LOOP,
	/* *(u64 *)a[1] = 1, then loop until *(u64 *)a[0] is not 0; ret = rounds */
	ENCL_WAIT,
	/* Write a struct encl_info to a[0] */
	ENCL_INFO,
	/* Use a[0] bytes of stack, a page at a time */
	ENCL_STACK,
	/* ret = what RDRAND gives, status ENCL_UNKNOWN if it gives nothing */
	ENCL_RDRAND,
	/*
	 * With SECINFO.FLAGS a[0]: EACCEPT page a[1]; EACCEPTCOPY page a[1] from
	 * page a[2]; EMODPE page a[1]. ret = RAX, of EMODPE 0. ENCL_SSA_SKIP goes
	 * on behind an ENCLU that has raised an exception.
	 */
	ENCL_ACCEPT,
	ENCL_ACCEPT_COPY,
	ENCL_EXTEND,
	/*
	 * EACCEPT each page of [a[1], a[1] + a[2]) until one is not accepted;
	 * ret = number of pages before that, a[3] = the last RAX
	 */
	ENCL_ACCEPT_RANGE,
	/*
	 * ret = *(u64 *)a[1]; *(u64 *)a[1] = a[2]; execute what is at a[1], which is
	 * ENCL_CODE. ENCL_SSA_SKIP goes on behind it.
	 */
	ENCL_ACCESS_READ,
	ENCL_ACCESS_WRITE,
	ENCL_ACCESS_EXEC,
	ENCL_NR_OPS,
};

#define ENCL_REGS_UD2 0
#define ENCL_REGS_SPIN 1
#define ENCL_REGS_YMM 2

#define ENCL_LAST_FRAME (~0UL)

/* For ENCL_ACCESS_EXEC: JMP *%RDX */
#define ENCL_CODE 0xe2ffUL

#endif /* _TESTS_ENCL_OPS_H */
