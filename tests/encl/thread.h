/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Data of a thread, at its GS base: reachable when no register is to spare.
 */
#ifndef _TESTS_ENCL_THREAD_H
#define _TESTS_ENCL_THREAD_H

#define T_ENTRY 0
#define T_REGS 136
#define T_FLAGS (T_REGS + 128)
#define T_MXCSR (T_REGS + 136)
#define T_FCW (T_REGS + 140)
#define T_VEC (T_REGS + 144)
#define T_SAVED_SP 792
#define T_NEXT_RIP 800
#define T_HOST_SP 808
#define T_HOST_BP 816
#define T_HOST_RIP 824

#ifndef __ASSEMBLER__

#include "ops.h"

/**
 * struct encl_thread - what assembly and C share
 * @entry: registers and flags at the last entry, in encoding order
 * @regs: for ENCL_REGS and ENCL_EXIT_REGS
 * @saved_sp: enclave stack, while RSP holds a test value
 * @next_rip: after the instruction that is about to fault
 * @host_sp, @host_bp, @host_rip: for leaving without going back
 */
struct encl_thread {
	unsigned long entry[17];
	struct encl_regs regs;
	unsigned long saved_sp;
	unsigned long next_rip;
	unsigned long host_sp;
	unsigned long host_bp;
	unsigned long host_rip;
};

#define CHECK_AT(field, at)                                                   \
	_Static_assert(__builtin_offsetof(struct encl_thread, field) == (at), \
		       #field " is misplaced")
CHECK_AT(entry, T_ENTRY);
CHECK_AT(regs, T_REGS);
CHECK_AT(regs.flags, T_FLAGS);
CHECK_AT(regs.mxcsr, T_MXCSR);
CHECK_AT(regs.fcw, T_FCW);
CHECK_AT(regs.vec, T_VEC);
CHECK_AT(saved_sp, T_SAVED_SP);
CHECK_AT(next_rip, T_NEXT_RIP);
CHECK_AT(host_sp, T_HOST_SP);
CHECK_AT(host_bp, T_HOST_BP);
CHECK_AT(host_rip, T_HOST_RIP);

extern const char __encl_base[];
extern const char encl_ret[]; /* a RET */

/* regs.S, faults.S */
void encl_regs_run(unsigned long mode);
void encl_exit_regs(unsigned long mode);
void encl_enclu(struct encl_regs *regs);
unsigned long encl_fault_run(unsigned long n);

/* access.S, dynamic.c */
unsigned long encl_access_read(unsigned long addr);
void encl_access_write(unsigned long addr, unsigned long value);
void encl_access_exec(unsigned long addr);
int encl_dynamic_op(unsigned long op, struct encl_call *call);

/* enclave.c, from entry.S */
void encl_main(unsigned long op, struct encl_call *call, unsigned long cssa,
	       unsigned long tcs);

#endif /* !__ASSEMBLER__ */
#endif /* _TESTS_ENCL_THREAD_H */
