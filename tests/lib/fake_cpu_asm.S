/* SPDX-License-Identifier: GPL-2.0 */
	.text

/*
 * Signal handler: C code needs the host's FS base before anything else, and
 * leaves in fake_fs and fake_gs what the interrupted code is to have.
 */
	.globl	fake_handler
fake_handler:
	push	%rbx
	rdfsbase %rax
	rdgsbase %rcx
	mov	%rax, fake_fs(%rip)
	mov	%rcx, fake_gs(%rip)
	mov	fake_host_fs(%rip), %rax
	wrfsbase %rax
	call	fake_handle
	mov	fake_fs(%rip), %rax
	mov	fake_gs(%rip), %rcx
	wrfsbase %rax
	wrgsbase %rcx
	pop	%rbx
	ret

	.globl	fake_vdso_enter_enclave
fake_vdso_enter_enclave:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	mov	%ecx, %eax
	mov	16(%rbp), %rcx
	mov	(%rcx), %rbx
	lea	fake_vdso_enclu(%rip), %rcx
	.globl	fake_vdso_enclu
fake_vdso_enclu:
	.byte	0x0f, 0x01, 0xd7
	mov	16(%rbp), %rbx
	movl	$4, 8(%rbx)
1:	xor	%eax, %eax
	pop	%rbx
	leave
	ret
	.globl	fake_vdso_exception
fake_vdso_exception:
	mov	16(%rbp), %rbx
	mov	%eax, 8(%rbx)
	mov	%di, 12(%rbx)
	mov	%si, 14(%rbx)
	mov	%rdx, 16(%rbx)
	jmp	1b

	.bss
	.balign	8
	.globl	fake_fs, fake_gs, fake_host_fs
fake_fs:
	.quad	0
fake_gs:
	.quad	0
fake_host_fs:
	.quad	0

	.section .note.GNU-stack, "", @progbits
