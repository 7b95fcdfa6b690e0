/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations that need all registers at once. struct encl_thread is at the GS
 * base; the stack is out of use from load_gprs on.
 */
#include "thread.h"

#define EEXIT 4

	.text

.macro each_vec insn reverse=0
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.if	\reverse
	\insn	%gs:T_VEC + 32 * \n, %xmm\n
	.else
	\insn	%xmm\n, %gs:T_VEC + 32 * \n
	.endif
	.endr
.endm

.macro each_ymm reverse=0
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.if	\reverse
	vmovups	%gs:T_VEC + 32 * \n, %ymm\n
	.else
	vmovups	%ymm\n, %gs:T_VEC + 32 * \n
	.endif
	.endr
.endm

/* \mode: register with ENCL_REGS_* */
.macro load_vectors mode
	ldmxcsr	%gs:T_MXCSR
	fldcw	%gs:T_FCW
	test	$ENCL_REGS_YMM_BIT, \mode
	jnz	1f
	each_vec movups 1
	jmp	2f
1:	each_ymm 1
2:
.endm

/* All but RSP and the registers that the argument list leaves out */
.macro load_gprs regs:vararg
	.irp	r, \regs
	load_one \r
	.endr
.endm

.macro load_one r
	mov	%gs:T_REGS + 8 * IDX_\r, %\r
.endm

.macro store_one r
	mov	%\r, %gs:T_REGS + 8 * IDX_\r
.endm

.set ENCL_REGS_YMM_BIT, 2
.set ENCL_REGS_SPIN_BIT, 1
.set IDX_rax, 0
.set IDX_rcx, 1
.set IDX_rdx, 2
.set IDX_rbx, 3
.set IDX_rsp, 4
.set IDX_rbp, 5
.set IDX_rsi, 6
.set IDX_rdi, 7
.set IDX_r8, 8
.set IDX_r9, 9
.set IDX_r10, 10
.set IDX_r11, 11
.set IDX_r12, 12
.set IDX_r13, 13
.set IDX_r14, 14
.set IDX_r15, 15

/* void encl_regs_run(mode %rdi): ENCL_REGS */
	.globl	encl_regs_run
	.type	encl_regs_run, @function
encl_regs_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	load_vectors %edi
	lea	.Lstore(%rip), %rax
	mov	%rax, %gs:T_NEXT_RIP
	mov	%rsp, %gs:T_SAVED_SP
	test	$ENCL_REGS_SPIN_BIT, %edi
	pushq	%gs:T_FLAGS
	jnz	.Lspin

	popfq
	load_gprs rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rsp
	ud2

.Lspin:
	popfq
	load_gprs rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rsp
1:	mov	(%r15), %rcx
	jrcxz	1b

.Lstore:
	.irp	r, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	store_one \r
	.endr
	mov	%gs:T_SAVED_SP, %rsp
	pushfq
	popq	%gs:T_FLAGS
	/* C code wants DF and AC clear. */
	pushq	$2
	popfq
	stmxcsr	%gs:T_MXCSR
	fnstcw	%gs:T_FCW
	pop	%rdi
	test	$ENCL_REGS_YMM_BIT, %edi
	jnz	1f
	each_vec movups
	jmp	2f
1:	each_ymm
	vzeroupper
2:	pushq	$0x1f80
	ldmxcsr	(%rsp)
	pop	%rax
	fninit
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	encl_regs_run, . - encl_regs_run

/* void encl_exit_regs(mode %rdi): ENCL_EXIT_REGS, does not return */
	.globl	encl_exit_regs
	.type	encl_exit_regs, @function
encl_exit_regs:
	load_vectors %edi
	pushq	%gs:T_FLAGS
	popfq
	load_gprs rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	mov	%gs:T_HOST_SP, %rsp
	mov	%gs:T_HOST_BP, %rbp
	mov	%gs:T_HOST_RIP, %rbx
	mov	$EEXIT, %eax
	.byte	0x0f, 0x01, 0xd7
	ud2
	.size	encl_exit_regs, . - encl_exit_regs

/* void encl_enclu(regs %rdi): one ENCLU with RAX, RBX, RCX, RDX from regs */
	.globl	encl_enclu
	.type	encl_enclu, @function
encl_enclu:
	push	%rbx
	lea	1f(%rip), %rax
	mov	%rax, %gs:T_NEXT_RIP
	mov	0(%rdi), %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	.byte	0x0f, 0x01, 0xd7
1:	pushfq
	mov	%rax, 0(%rdi)
	mov	%rcx, 8(%rdi)
	mov	%rdx, 16(%rdi)
	mov	%rbx, 24(%rdi)
	popq	128(%rdi)
	pop	%rbx
	ret
	.size	encl_enclu, . - encl_enclu

	.section .note.GNU-stack, "", @progbits
