/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One function for each enum encl_fault. Before the instruction that is
 * expected to fault, the address after it goes to thread->next_rip.
 */
#include "thread.h"

	.text

.macro fault name
	.align	16
fault_\name:
.endm

/* Clobbers RDX. */
.macro next label
	lea	\label(%rip), %rdx
	mov	%rdx, %gs:T_NEXT_RIP
.endm

/* A function that is one instruction, and returns whatever is in RAX */
.macro simple_fault name, insn:vararg
	fault	\name
	next	1f
	\insn
1:	ret
.endm

	simple_fault ud2, ud2
	simple_fault int3, int3
	simple_fault int1, .byte 0xf1
	simple_fault hlt, hlt
	simple_fault str, str %eax
	simple_fault sldt, sldt %eax
	simple_fault smsw, smsw %eax
	simple_fault vmcall, .byte 0x0f, 0x01, 0xc1

	fault	div0
	next	1f
	xor	%edx, %edx
	xor	%ecx, %ecx
	mov	$1, %eax
	div	%ecx
1:	ret

	fault	align
	next	1f
	pushfq
	orl	$1 << 18, (%rsp)
	popfq
	mov	-15(%rsp), %rax
1:	pushfq
	andl	$~(1 << 18), (%rsp)
	popfq
	ret

	/* 0x37b: only division by zero is unmasked */
	fault	x87
	next	1f
	fninit
	pushq	$0x37b
	fldcw	(%rsp)
	pop	%rax
	fld1
	fldz
	fdivrp	%st, %st(1)
	fwait
1:	fninit
	ret

	fault	sse
	next	1f
	pushq	$0x1d80
	ldmxcsr	(%rsp)
	pop	%rax
	mov	$0x3f800000, %eax
	movd	%eax, %xmm0
	pxor	%xmm1, %xmm1
	divss	%xmm1, %xmm0
1:	pushq	$0x1f80
	ldmxcsr	(%rsp)
	pop	%rcx
	ret

	fault	noncanon
	next	1f
	mov	$1, %eax
	shl	$63, %rax
	mov	(%rax), %rax
1:	ret

	fault	cpuid
	push	%rbx
	next	1f
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
1:	pop	%rbx
	ret

	fault	syscall
	next	1f
	mov	$39, %eax
	syscall
1:	ret

	fault	sysenter
	next	1f
	mov	$20, %eax
	sysenter
1:	ret

	fault	int80
	next	1f
	mov	$20, %eax
	int	$0x80
1:	ret

	fault	in
	next	1f
	in	$0x80, %al
1:	ret

	fault	out
	next	1f
	out	%al, $0x80
1:	ret

	fault	sgdt
	next	1f
	sgdt	-16(%rsp)
1:	mov	-14(%rsp), %rax
	ret

	fault	sidt
	next	1f
	sidt	-16(%rsp)
1:	mov	-14(%rsp), %rax
	ret

	fault	rdpmc
	next	1f
	xor	%ecx, %ecx
	rdpmc
1:	ret

	fault	getsec
	push	%rbx
	next	1f
	xor	%eax, %eax
	xor	%ebx, %ebx
	.byte	0x0f, 0x37
1:	pop	%rbx
	ret

	fault	rdtsc
	next	1f
	rdtsc
1:	ret

	fault	rdtscp
	next	1f
	rdtscp
1:	ret

	fault	xgetbv
	next	1f
	xor	%ecx, %ecx
	xgetbv
1:	ret

/* u64 encl_fault_run(n %rdi); n is known to be in range */
	.globl	encl_fault_run
	.type	encl_fault_run, @function
encl_fault_run:
	lea	table(%rip), %rax
	movslq	(%rax, %rdi, 4), %rcx
	add	%rax, %rcx
	jmp	*%rcx
	.size	encl_fault_run, . - encl_fault_run

	.globl	encl_ret
encl_ret:
	ret

/* Offsets, since the enclave is not relocated. In the order of enum encl_fault */
	.section .rodata
	.align	4
table:
	.irp	n, ud2, div0, int3, int1, align, x87, sse, hlt, noncanon
	.long	fault_\n - table
	.endr
	.irp	n, cpuid, syscall, sysenter, int80, in, out, sgdt, sidt, sldt, str
	.long	fault_\n - table
	.endr
	.irp	n, smsw, rdpmc, getsec, vmcall, rdtsc, rdtscp, xgetbv
	.long	fault_\n - table
	.endr

	.section .note.GNU-stack, "", @progbits
