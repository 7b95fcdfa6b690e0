/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Just enough of an SGX processor to run enclave code as part of a test program
 * on any machine: ENCLU raises a signal, and a signal handler does what the
 * processor would. Nothing is protected, nothing is checked.
 */
#ifndef _TESTS_LIB_FAKE_CPU_H
#define _TESTS_LIB_FAKE_CPU_H

#include <signal.h>

#include "test.h"

/* RAX after a leaf that the fake does not have, inside */
#define FAKE_LEAF(leaf) (0xfa4e00 + (leaf))

/* Maps the pages of @image as ordinary memory; the base address, 0 if failed */
u64 fake_cpu_load(const struct softsgx_image *image);
void fake_cpu_unload(const struct softsgx_image *image, u64 base);

/* Takes over the signals that the fake needs. */
void fake_cpu_start(void);
void fake_cpu_stop(void);

/* Does what the function in the vDSO does, on top of the fake processor */
int fake_vdso_enter_enclave(unsigned long rdi, unsigned long rsi,
			    unsigned long rdx, unsigned int function,
			    unsigned long r8, unsigned long r9,
			    struct sgx_enclave_run *run);

/* Between fake_cpu.c and fake_cpu_asm.S */
extern u64 fake_fs, fake_gs, fake_host_fs;
extern const char fake_vdso_enclu[], fake_vdso_exception[];
void fake_handler(int sig, siginfo_t *si, void *context);
void fake_handle(int sig, siginfo_t *si, void *context);

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* cmocka changes signal handlers before every test. */
static inline void with_fake_cpu(void **state)
{
	CMUnitTestFunction test = (CMUnitTestFunction)*state;

	fake_cpu_start();
	test(state);
	fake_cpu_stop();
}

#define on_fake_cpu(test)                            \
	{ .name = #test, .test_func = with_fake_cpu, \
	  .initial_state = (void *)test }

#endif /* _TESTS_LIB_FAKE_CPU_H */
