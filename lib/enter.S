/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The assembly that entering an enclave needs; softsgx.h and softsgx_raw.h say
 * what it does.
 */
#include "softsgx_raw.h"

	.text

/* What save_callee leaves below the caller's frame, with the return address */
#define SAVED_SIZE	72

/* Unwind information: a register is where RSP points. */
.macro cfi_pushed reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
.endm

.macro cfi_popped reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
.endm

/* Saves what a C caller expects back: 6 registers, flags, MXCSR and FCW. */
.macro save_callee
	push	%rbp
	cfi_pushed %rbp
	push	%rbx
	cfi_pushed %rbx
	push	%r12
	cfi_pushed %r12
	push	%r13
	cfi_pushed %r13
	push	%r14
	cfi_pushed %r14
	push	%r15
	cfi_pushed %r15
	pushfq
	.cfi_adjust_cfa_offset 8
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
.endm

/* An AEX may leave an unmasked x87 exception pending: FLDCW would trip. */
.macro restore_callee
	fnclex
	fldcw	4(%rsp)
	ldmxcsr	(%rsp)
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popfq
	.cfi_adjust_cfa_offset -8
	pop	%r15
	cfi_popped %r15
	pop	%r14
	cfi_popped %r14
	pop	%r13
	cfi_popped %r13
	pop	%r12
	cfi_popped %r12
	pop	%rbx
	cfi_popped %rbx
	pop	%rbp
	cfi_popped %rbp
.endm

/*
 * int softsgx_enter_with(fn %rdi, run %rsi, function %edx, args %rcx)
 *
 * fn takes run on the stack; with it, and the eight words saved before, the
 * stack is aligned at the call.
 */
	.globl	softsgx_enter_with
	.type	softsgx_enter_with, @function
softsgx_enter_with:
	.cfi_startproc
	save_callee
	push	%rsi
	.cfi_adjust_cfa_offset 8
	mov	%rdi, %rax
	mov	%rcx, %r10
	mov	%edx, %ecx
	mov	0(%r10), %rdi
	mov	8(%r10), %rsi
	mov	16(%r10), %rdx
	mov	24(%r10), %r8
	mov	32(%r10), %r9
	call	*%rax
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	restore_callee
	ret
	.cfi_endproc
	.size	softsgx_enter_with, . - softsgx_enter_with

/* Pointer \base: registers from or to struct softsgx_raw; not RSP, not \base */
.macro store_regs base
	mov	%rcx, 8(\base)
	mov	%rdx, 16(\base)
	mov	%rbx, 24(\base)
	mov	%rbp, 40(\base)
	mov	%rsi, 48(\base)
	mov	%rdi, 56(\base)
	mov	%r8, 64(\base)
	mov	%r9, 72(\base)
	mov	%r10, 80(\base)
	mov	%r11, 88(\base)
	mov	%r12, 96(\base)
	mov	%r13, 104(\base)
	mov	%r14, 112(\base)
	mov	%r15, 120(\base)
.endm

/*
 * Unwind information while RSP is not the caller's: the caller's frame (CFA) is
 * SAVED_SIZE above SOFTSGX_RAW_SAVED_SP of @raw. All of these are
 * DW_CFA_def_cfa_expression (0x0f); 0x98, 0x01 is the LEB128 of that offset.
 */
#if SOFTSGX_RAW_SAVED_SP != 152
#error "the expressions have another offset"
#endif

/* @raw is at \offset(%rsp): breg7, deref, plus_uconst, deref, plus_uconst */
.macro cfi_raw_at_rsp offset
	.cfi_escape 0x0f, 9, 0x77, \offset, 0x06, 0x23, 0x98, 0x01, 0x06, 0x23, SAVED_SIZE
.endm

/* @raw is in a register, RAX (0) or RDI (5): breg, deref, plus_uconst */
.macro cfi_raw_in reg
	.cfi_escape 0x0f, 6, 0x70 + \reg, 0x98, 0x01, 0x06, 0x23, SAVED_SIZE
.endm

/*
 * void softsgx_raw_run(raw %rdi)
 *
 * On the private stack, (%rsp) is @raw whenever the enclave is not running:
 * at the ENCLU, after an EEXIT and at both AEPs.
 */
	.globl	softsgx_raw_run
	.type	softsgx_raw_run, @function
softsgx_raw_run:
	.cfi_startproc
	save_callee
	mov	%rsp, SOFTSGX_RAW_SAVED_SP(%rdi)
	cfi_raw_in 5
	mov	SOFTSGX_RAW_STACK_TOP(%rdi), %rsp
	push	$0
	push	%rdi
	pushq	SOFTSGX_RAW_FLAGS(%rdi)
	cfi_raw_at_rsp 8
	mov	0(%rdi), %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	mov	40(%rdi), %rbp
	mov	48(%rdi), %rsi
	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	mov	56(%rdi), %rdi
	popfq
	cfi_raw_at_rsp 0

	.globl	softsgx_raw_enclu
softsgx_raw_enclu:
	.byte	0x0f, 0x01, 0xd7

	/* EEXIT comes here. Nothing may touch the flags before PUSHFQ. */
.Lexit:
	pushfq
	cfi_raw_at_rsp 8
	push	%rax
	cfi_raw_at_rsp 16
	mov	16(%rsp), %rax
	cfi_raw_in 0
	movq	$SOFTSGX_RAW_EXIT, SOFTSGX_RAW_ENDED(%rax)
.Lsave:
	store_regs %rax
	pop	%rcx
	mov	%rcx, 0(%rax)
	popq	SOFTSGX_RAW_FLAGS(%rax)
	mov	%rsp, 32(%rax)
	fxsave64 SOFTSGX_RAW_FX(%rax)
	mov	%rax, %rdi
	cfi_raw_in 5
.Lleave:
	mov	SOFTSGX_RAW_SAVED_SP(%rdi), %rsp
	.cfi_remember_state
	.cfi_def_cfa %rsp, SAVED_SIZE
	restore_callee
	ret
	.cfi_restore_state
	cfi_raw_at_rsp 0

	.globl	softsgx_raw_bail
softsgx_raw_bail:
	mov	(%rsp), %rdi
	cfi_raw_in 5
	movq	$SOFTSGX_RAW_BAILED, SOFTSGX_RAW_ENDED(%rdi)
	jmp	.Lleave

	/* RAX = ERESUME, RBX = TCS, RCX = here; the other registers are free. */
	.globl	softsgx_raw_aep_resume
softsgx_raw_aep_resume:
	cfi_raw_at_rsp 0
	mov	(%rsp), %rdx
	incq	SOFTSGX_RAW_AEX_COUNT(%rdx)
	.byte	0x0f, 0x01, 0xd7
	jmp	.Lexit

	.globl	softsgx_raw_aep_return
softsgx_raw_aep_return:
	pushfq
	cfi_raw_at_rsp 8
	push	%rax
	cfi_raw_at_rsp 16
	mov	16(%rsp), %rax
	cfi_raw_in 0
	movq	$SOFTSGX_RAW_AEX, SOFTSGX_RAW_ENDED(%rax)
	jmp	.Lsave
	.cfi_endproc
	.size	softsgx_raw_run, . - softsgx_raw_run

	.section .note.GNU-stack, "", @progbits
