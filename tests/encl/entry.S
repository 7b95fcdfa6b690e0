/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry and exit of the test enclave.
 */
#include "thread.h"

#define EEXIT 4

	.section .text.entry, "ax"
	.globl	encl_entry
	.type	encl_entry, @function
encl_entry:
	/* First all registers, with instructions that spare the flags. */
	mov	%rax, %gs:T_ENTRY + 0
	mov	%rcx, %gs:T_ENTRY + 8
	mov	%rdx, %gs:T_ENTRY + 16
	mov	%rbx, %gs:T_ENTRY + 24
	mov	%rsp, %gs:T_ENTRY + 32
	mov	%rbp, %gs:T_ENTRY + 40
	mov	%rsi, %gs:T_ENTRY + 48
	mov	%rdi, %gs:T_ENTRY + 56
	mov	%r8, %gs:T_ENTRY + 64
	mov	%r9, %gs:T_ENTRY + 72
	mov	%r10, %gs:T_ENTRY + 80
	mov	%r11, %gs:T_ENTRY + 88
	mov	%r12, %gs:T_ENTRY + 96
	mov	%r13, %gs:T_ENTRY + 104
	mov	%r14, %gs:T_ENTRY + 112
	mov	%r15, %gs:T_ENTRY + 120

	/* RSP = TCS - CSSA * 8192, still without touching the flags */
	mov	%rsp, %r11
	lea	(, %rax, 8), %r10
	lea	(, %r10, 8), %r10
	lea	(, %r10, 8), %r10
	lea	(, %r10, 8), %r10
	lea	(%r10, %r10), %r10
	not	%r10
	lea	1(%rbx, %r10), %rsp
	pushfq
	popq	%gs:T_ENTRY + 128

	push	%r11
	push	%rcx
	push	%rbp
	push	%rbx
	mov	%r11, %gs:T_HOST_SP
	mov	%rbp, %gs:T_HOST_BP
	mov	%rcx, %gs:T_HOST_RIP

	pushq	$2
	popfq
	pushq	$0x1f80
	ldmxcsr	(%rsp)
	pop	%rdx
	fninit

	/* encl_main(op, call, cssa, tcs) */
	mov	%rax, %rdx
	mov	%rbx, %rcx
	call	encl_main

	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%rcx
	pop	%rbp
	pop	%rbx
	pop	%rsp
	mov	$EEXIT, %eax
	.byte	0x0f, 0x01, 0xd7
	ud2
	.size	encl_entry, . - encl_entry

	.section .note.GNU-stack, "", @progbits
