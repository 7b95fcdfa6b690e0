/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry and exit of the start-up enclave: startup.c. RSP, RBP, RBX and R12 to R15 are
 * those of the entry again when it leaves. Each level of entries has a stack of 8 KiB.
 */
#define EEXIT 4

	.section .text.entry, "ax"
	.globl	encl_entry
	.type	encl_entry, @function
encl_entry:
	mov	%rsp, %r11
	mov	%rax, %rdx
	shl	$13, %rax
	mov	%rbx, %rsp
	sub	%rax, %rsp
	push	%r11
	push	%rbp
	push	%rbx
	push	%rcx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld

	/* startup_main(op, call, cssa, tcs) */
	mov	%rbx, %rcx
	call	startup_main

	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rcx
	mov	%rcx, %rbx
	add	$8, %rsp
	pop	%rbp
	pop	%rsp
	mov	$EEXIT, %eax
	.byte	0x0f, 0x01, 0xd7
	ud2
	.size	encl_entry, . - encl_entry

	.section .note.GNU-stack, "", @progbits
