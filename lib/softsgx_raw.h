/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * ENCLU without the vDSO: the program supplies the asynchronous exit pointer
 * (AEP) itself and gets exceptions as signals whose context is the AEP with the
 * synthetic register state. Included by C and by assembly.
 */
#ifndef _SOFTSGX_RAW_H
#define _SOFTSGX_RAW_H

#define SOFTSGX_RAW_REGS 0
#define SOFTSGX_RAW_FLAGS 128
#define SOFTSGX_RAW_ENDED 136
#define SOFTSGX_RAW_AEX_COUNT 144
#define SOFTSGX_RAW_SAVED_SP 152
#define SOFTSGX_RAW_STACK_TOP 160
#define SOFTSGX_RAW_FX 176

/* How softsgx_raw_run() ended */
#define SOFTSGX_RAW_BAILED 0
#define SOFTSGX_RAW_AEX 3
#define SOFTSGX_RAW_EXIT 4

#ifndef __ASSEMBLER__

#include "../include/arch/sgx_arch.h"

/* General registers in encoding order, as in the SSA */
struct softsgx_regs {
	u64 ax, cx, dx, bx, sp, bp, si, di;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 flags;
};

/**
 * struct softsgx_raw - one logical processor's worth of raw entries
 * @regs: in: registers at the ENCLU; @regs.sp is ignored, see below.
 *	out: registers at the exit, @regs.sp included
 * @ended: out: SOFTSGX_RAW_EXIT (EEXIT), SOFTSGX_RAW_AEX (asynchronous exit and
 *	the AEP was softsgx_raw_aep_return) or SOFTSGX_RAW_BAILED
 * @aex_count: asynchronous exits that softsgx_raw_aep_resume saw
 * @saved_sp, @stack_top: private
 * @fx: out: FXSAVE64 image at the exit
 * @stack: private: stack that RSP points to at the ENCLU
 *
 * The ENCLU runs on a stack of its own, always at the same address, because an
 * AEX restores the RSP of the EENTER even after an ERESUME from elsewhere.
 * Signals that arrive at the AEP run on it too, unless they have SA_ONSTACK.
 */
struct softsgx_raw {
	struct softsgx_regs regs;
	u64 ended;
	u64 aex_count;
	u64 saved_sp;
	u64 stack_top;
	u64 unused;
	u8 fx[512];
	void *stack;
} __attribute__((aligned(16)));

SGX_ASSERT_OFFSET(struct softsgx_raw, regs.flags, SOFTSGX_RAW_FLAGS);
SGX_ASSERT_OFFSET(struct softsgx_raw, ended, SOFTSGX_RAW_ENDED);
SGX_ASSERT_OFFSET(struct softsgx_raw, aex_count, SOFTSGX_RAW_AEX_COUNT);
SGX_ASSERT_OFFSET(struct softsgx_raw, saved_sp, SOFTSGX_RAW_SAVED_SP);
SGX_ASSERT_OFFSET(struct softsgx_raw, stack_top, SOFTSGX_RAW_STACK_TOP);
SGX_ASSERT_OFFSET(struct softsgx_raw, fx, SOFTSGX_RAW_FX);

/**
 * softsgx_raw_init() - clear @raw and allocate its stack (64 KiB)
 * @raw: to be released with softsgx_raw_free()
 *
 * Return: 0 or -ENOMEM.
 */
int softsgx_raw_init(struct softsgx_raw *raw);
void softsgx_raw_free(struct softsgx_raw *raw);

/**
 * softsgx_raw_run() - execute one ENCLU with the registers in raw->regs
 * @raw: in: all registers but RSP, which is raw's own stack; flags are loaded
 *	by the POPFQ right before the ENCLU. At the ENCLU (RSP) holds @raw.
 *
 * Comes back when the enclave does EEXIT to the address after the ENCLU with
 * the RSP that it was entered with, or when an asynchronous exit arrives at
 * softsgx_raw_aep_return. Callee-saved registers, flags, MXCSR and the x87
 * control word of the caller are restored. Nothing is done about signals.
 */
void softsgx_raw_run(struct softsgx_raw *raw);

/**
 * softsgx_raw_enter() - EENTER @tcs with an AEP that does ERESUME
 * @raw: the other registers
 * @tcs: linear address of the TCS
 *
 * Returns when the enclave does EEXIT; asynchronous exits are counted in
 * raw->aex_count and resumed.
 */
void softsgx_raw_enter(struct softsgx_raw *raw, u64 tcs);

/**
 * softsgx_raw_enter_once() - one EENTER or ERESUME, until whatever exit
 * @raw: the other registers; see raw->ended for the outcome
 * @tcs: linear address of the TCS
 * @leaf: SGX_EENTER or SGX_ERESUME
 */
void softsgx_raw_enter_once(struct softsgx_raw *raw, u64 tcs, u32 leaf);

/*
 * Code addresses. softsgx_raw_enclu: the ENCLU of softsgx_raw_run().
 * softsgx_raw_aep_resume, softsgx_raw_aep_return: the two AEPs.
 * softsgx_raw_bail: a signal handler that sets RIP to it, with RSP as at the
 * ENCLU or at an AEP, makes softsgx_raw_run() return SOFTSGX_RAW_BAILED.
 */
extern const char softsgx_raw_enclu[], softsgx_raw_aep_resume[];
extern const char softsgx_raw_aep_return[], softsgx_raw_bail[];

#endif /* !__ASSEMBLER__ */
#endif /* _SOFTSGX_RAW_H */
