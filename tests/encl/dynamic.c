// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that agree to changes of pages, or make them: EACCEPT, EACCEPTCOPY,
 * EMODPE. What they need besides their operands, they have on the stack.
 */
#include "thread.h"

#define PAGE_SIZE 4096
#define EACCEPT 5
#define EMODPE 6
#define EACCEPTCOPY 7

struct secinfo {
	unsigned long flags;
	unsigned long reserved[7];
} __attribute__((aligned(64)));

/* Returns RAX. */
static unsigned long enclu(unsigned long leaf, unsigned long flags,
			   unsigned long rcx, unsigned long rdx)
{
	struct secinfo secinfo = { .flags = flags };
	struct encl_regs regs;

	asm volatile("" : : "r"(&secinfo) : "memory");
	regs.gpr[ENCL_RAX] = leaf;
	regs.gpr[ENCL_RBX] = (unsigned long)&secinfo;
	regs.gpr[ENCL_RCX] = rcx;
	regs.gpr[ENCL_RDX] = rdx;
	encl_enclu(&regs);
	return regs.gpr[ENCL_RAX];
}

static unsigned long accept_range(struct encl_call *call)
{
	unsigned long addr = call->a[1], pages = call->a[2] / PAGE_SIZE, n;

	for (n = 0; n < pages; n++) {
		call->a[3] = enclu(EACCEPT, call->a[0], addr + n * PAGE_SIZE, 0);
		if (call->a[3])
			break;
	}
	return n;
}

int encl_dynamic_op(unsigned long op, struct encl_call *call)
{
	unsigned long *a = call->a;

	switch (op) {
	case ENCL_ACCEPT:
		call->ret = enclu(EACCEPT, a[0], a[1], 0);
		return ENCL_DONE;
	case ENCL_ACCEPT_COPY:
		call->ret = enclu(EACCEPTCOPY, a[0], a[1], a[2]);
		return ENCL_DONE;
	case ENCL_EXTEND:
		enclu(EMODPE, a[0], a[1], 0);
		call->ret = 0;
		return ENCL_DONE;
	case ENCL_ACCEPT_RANGE:
		call->ret = accept_range(call);
		return ENCL_DONE;
	case ENCL_ACCESS_READ:
		call->ret = encl_access_read(a[1]);
		return ENCL_DONE;
	case ENCL_ACCESS_WRITE:
		encl_access_write(a[1], a[2]);
		return ENCL_DONE;
	case ENCL_ACCESS_EXEC:
		encl_access_exec(a[1]);
		return ENCL_DONE;
	default:
		return ENCL_UNKNOWN;
	}
}
