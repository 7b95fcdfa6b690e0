/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code with the bytes 0F A2 in it, as CPUID and as something else; part of the
 * tests, and of a library for them. A function NAME(u64 regs[4]) takes RAX, RBX,
 * RCX and RDX from memory and puts them back; its CPUID is at NAME_insn.
 */
	.text

	.macro	begin name, frame=1
	.globl	\name, \name\()_insn
	.p2align 4
\name:
	.if	\frame
	.cfi_startproc
	.endif
	.endm

	/* Callee-saved RBX is in R8. */
	.macro	load
	mov	%rbx, %r8
	mov	(%rdi), %rax
	mov	8(%rdi), %rbx
	mov	16(%rdi), %rcx
	mov	24(%rdi), %rdx
	.endm

	.macro	store
	mov	%rax, (%rdi)
	mov	%rbx, 8(%rdi)
	mov	%rcx, 16(%rdi)
	mov	%rdx, 24(%rdi)
	mov	%r8, %rbx
	ret
	.endm

	.macro	end name, frame=1
	.if	\frame
	.cfi_endproc
	.endif
	.type	\name, @function
	.size	\name, . - \name
	.endm

	begin	code_cfi
	load
code_cfi_insn:
	cpuid
	store
	end	code_cfi

	/* Only the symbol tells where this one begins. */
	begin	code_symbol, 0
	load
code_symbol_insn:
	cpuid
	store
	end	code_symbol, 0

	/* Nothing tells: what is here may be data for all that is known. */
	begin	code_bare, 0
	load
code_bare_insn:
	cpuid
	store

	/* A prefix: harmless, and nothing that compilers write. */
	begin	code_prefix
	load
code_prefix_insn:
	.byte	0x3e
	cpuid
	store
	end	code_prefix

	begin	code_step
	load
	pushfq
	orl	$0x100, (%rsp)
	popfq
code_step_insn:
	cpuid
	.globl	code_step_next
code_step_next:
	nop
	pushfq
	andl	$~0x100, (%rsp)
	popfq
	store
	end	code_step

	.macro	number name, insn:vararg
	.globl	\name
	.p2align 4
\name:
	.cfi_startproc
	\insn
	ret
	.cfi_endproc
	.type	\name, @function
	.size	\name, . - \name
	.endm

	/* u64 NAME(u64 n) */
	number	code_imm, mov $0x110fa211, %eax
	number	code_imm_swapped, mov $0x11a20f11, %eax
	number	code_imm64, movabs $0xa20fa20fa20fa20f, %rax
	number	code_disp, lea 0xa20f(%rdi), %rax
	number	code_disp_sib, lea 0xa20f(%rdi,%rdi,2), %rax
	number	code_ud2, ud2

	.globl	code_data
	.type	code_data, @object
	.p2align 4
code_data:
	.byte	0xb8, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2
	.size	code_data, . - code_data

	/* Its CPUID is in two pages. */
	.p2align 12
	.globl	code_straddle, code_straddle_insn
code_straddle:
	.cfi_startproc
	load
	jmp	code_straddle_insn
	.skip	4095 - (. - code_straddle), 0x90
code_straddle_insn:
	cpuid
	store
	end	code_straddle

	.section .note.GNU-stack, "", @progbits
