/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The assembly that entering an enclave needs; softsgx.h and softsgx_raw.h say
 * what it does.
 */
#include "softsgx_raw.h"

	.text

/* Saves what a C caller expects back: 6 registers, flags, MXCSR and FCW. */
.macro save_callee
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	sub	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
.endm

/* An AEX may leave an unmasked x87 exception pending: FLDCW would trip. */
.macro restore_callee
	fnclex
	fldcw	4(%rsp)
	ldmxcsr	(%rsp)
	add	$8, %rsp
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
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
	save_callee
	push	%rsi
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
	restore_callee
	ret
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
 * void softsgx_raw_run(raw %rdi)
 *
 * On the private stack, (%rsp) is @raw whenever the enclave is not running:
 * at the ENCLU, after an EEXIT and at both AEPs.
 */
	.globl	softsgx_raw_run
	.type	softsgx_raw_run, @function
softsgx_raw_run:
	save_callee
	mov	%rsp, SOFTSGX_RAW_SAVED_SP(%rdi)
	mov	SOFTSGX_RAW_STACK_TOP(%rdi), %rsp
	push	$0
	push	%rdi
	pushq	SOFTSGX_RAW_FLAGS(%rdi)
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

	.globl	softsgx_raw_enclu
softsgx_raw_enclu:
	.byte	0x0f, 0x01, 0xd7

	/* EEXIT comes here. Nothing may touch the flags before PUSHFQ. */
.Lexit:
	pushfq
	push	%rax
	mov	16(%rsp), %rax
	movq	$SOFTSGX_RAW_EXIT, SOFTSGX_RAW_ENDED(%rax)
.Lsave:
	store_regs %rax
	pop	%rcx
	mov	%rcx, 0(%rax)
	popq	SOFTSGX_RAW_FLAGS(%rax)
	mov	%rsp, 32(%rax)
	fxsave64 SOFTSGX_RAW_FX(%rax)
	mov	%rax, %rdi
.Lleave:
	mov	SOFTSGX_RAW_SAVED_SP(%rdi), %rsp
	restore_callee
	ret

	.globl	softsgx_raw_bail
softsgx_raw_bail:
	mov	(%rsp), %rdi
	movq	$SOFTSGX_RAW_BAILED, SOFTSGX_RAW_ENDED(%rdi)
	jmp	.Lleave

	/* RAX = ERESUME, RBX = TCS, RCX = here; the other registers are free. */
	.globl	softsgx_raw_aep_resume
softsgx_raw_aep_resume:
	mov	(%rsp), %rdx
	incq	SOFTSGX_RAW_AEX_COUNT(%rdx)
	.byte	0x0f, 0x01, 0xd7
	jmp	.Lexit

	.globl	softsgx_raw_aep_return
softsgx_raw_aep_return:
	pushfq
	push	%rax
	mov	16(%rsp), %rax
	movq	$SOFTSGX_RAW_AEX, SOFTSGX_RAW_ENDED(%rax)
	jmp	.Lsave
	.size	softsgx_raw_run, . - softsgx_raw_run

	.section .note.GNU-stack, "", @progbits
