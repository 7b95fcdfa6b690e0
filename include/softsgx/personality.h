/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The personality(2) bit of a process that wants to see SGX in CPUID. The kernel
 * gives it no meaning, anybody may set it, and it survives fork() and execve().
 */
#ifndef _SOFTSGX_PERSONALITY_H
#define _SOFTSGX_PERSONALITY_H

#define SOFTSGX_PER_CPUID	0x10000000

#endif /* _SOFTSGX_PERSONALITY_H */
