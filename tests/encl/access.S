/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One access of each kind, behind which ENCL_SSA_SKIP can go on. Memory that is to
 * be executed holds ENCL_CODE: JMP *%RDX.
 */
#include "thread.h"

	.text

.macro access name
	.globl	encl_access_\name
	.type	encl_access_\name, @function
encl_access_\name:
	lea	1f(%rip), %rdx
	mov	%rdx, %gs:T_NEXT_RIP
.endm

/* u64 encl_access_read(addr %rdi) */
	access	read
	mov	(%rdi), %rax
1:	ret
	.size	encl_access_read, . - encl_access_read

/* void encl_access_write(addr %rdi, value %rsi) */
	access	write
	mov	%rsi, (%rdi)
1:	ret
	.size	encl_access_write, . - encl_access_write

/* void encl_access_exec(addr %rdi) */
	access	exec
	jmp	*%rdi
1:	ret
	.size	encl_access_exec, . - encl_access_exec

	.section .note.GNU-stack, "", @progbits
