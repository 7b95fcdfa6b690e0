/* SPDX-License-Identifier: GPL-2.0 */
	.text

/*
 * void unwind_call(void (*fn)(void *), void *arg): calls fn with known values in the
 * registers that an unwinder has to bring back.
 */
	.globl	unwind_call
	.type	unwind_call, @function
unwind_call:
	.cfi_startproc
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	mov	%rbp, unwind_rbp(%rip)
	mov	%rsp, unwind_rsp(%rip)
	mov	$0x3b, %rbx
	mov	$0xc, %r12
	mov	$0xd, %r13
	mov	$0xe, %r14
	mov	$0xf, %r15
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	.globl	unwind_return
unwind_return:
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	unwind_call, . - unwind_call

	.bss
	.balign	8
	.globl	unwind_rbp, unwind_rsp
unwind_rbp:
	.quad	0
unwind_rsp:
	.quad	0

	.section .note.GNU-stack, "", @progbits
