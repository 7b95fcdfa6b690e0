/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The only way into the enclave. The processor sets three registers, the host
 * all others, flags and stack pointer included:
 *
 *	RAX	current SSA frame; not 0 after an unresumed asynchronous exit
 *	RBX	address of the TCS; the loader put the stack right below it
 *	RCX	where EEXIT should go
 *
 * An interrupt needs no code here: the processor saves all registers in the
 * SSA, and the host's ERESUME goes on where it happened.
 */
#define EEXIT 4

	.section .text.entry, "ax"
	.globl	encl_entry
	.type	encl_entry, @function
encl_entry:
	/* This enclave handles no exceptions; do not run twice on one stack. */
	test	%rax, %rax
	jnz	.Lexit

	mov	%rsp, %r11
	mov	%rbx, %rsp
	push	%r11
	push	%rcx
	push	%rbp
	push	%rbx

	/* Flags (DF, AC!), MXCSR and x87 state may be anything so far. */
	pushq	$2
	popfq
	pushq	$0x1f80
	ldmxcsr	(%rsp)
	pop	%rax
	fninit

	call	hello_ecall

	/* Leave nothing behind; callee-saved registers hold the host's values. */
	pxor	%xmm0, %xmm0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqa	%xmm0, %xmm\n
	.endr
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	pop	%rcx
	pop	%rbp
	pop	%rcx
	pop	%rsp
	xor	%eax, %eax	/* also gives away nothing in the flags */
.Lexit:
	mov	%rcx, %rbx
	mov	$EEXIT, %eax
	.byte	0x0f, 0x01, 0xd7
	ud2
	.size	encl_entry, . - encl_entry

	.section .note.GNU-stack, "", @progbits
