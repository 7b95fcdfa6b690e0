// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Ways into an enclave: the vDSO function, and ENCLU of our own.
 */
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "internal.h"

#define RAW_STACK_SIZE (64 * 1024)

static vdso_sgx_enter_enclave_t vdso_function;

static void find_vdso_function(void)
{
	const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (vdso)
		vdso_function =
			softsgx_elf_symbol(vdso, "__vdso_sgx_enter_enclave");
}

vdso_sgx_enter_enclave_t softsgx_vdso_enter_enclave(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_vdso_function);
	return vdso_function;
}

int softsgx_enter(struct sgx_enclave_run *run, u32 function,
		  const struct softsgx_args *args)
{
	vdso_sgx_enter_enclave_t fn = softsgx_vdso_enter_enclave();

	if (!fn)
		return softsgx_fail(
			EOPNOTSUPP,
			"the vDSO has no SGX entry (CONFIG_X86_SGX)");
	return softsgx_enter_with(fn, run, function, args);
}

int softsgx_raw_init(struct softsgx_raw *raw)
{
	memset(raw, 0, sizeof(*raw));
	raw->stack = mmap(NULL, RAW_STACK_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (raw->stack == MAP_FAILED) {
		raw->stack = NULL;
		return softsgx_fail(ENOMEM, "no memory for a stack");
	}
	raw->stack_top = (uintptr_t)raw->stack + RAW_STACK_SIZE;
	return 0;
}

void softsgx_raw_free(struct softsgx_raw *raw)
{
	if (raw->stack)
		munmap(raw->stack, RAW_STACK_SIZE);
	raw->stack = NULL;
}

void softsgx_raw_enter(struct softsgx_raw *raw, u64 tcs)
{
	raw->regs.ax = SGX_EENTER;
	raw->regs.bx = tcs;
	raw->regs.cx = (uintptr_t)softsgx_raw_aep_resume;
	softsgx_raw_run(raw);
}

void softsgx_raw_enter_once(struct softsgx_raw *raw, u64 tcs, u32 leaf)
{
	raw->regs.ax = leaf;
	raw->regs.bx = tcs;
	raw->regs.cx = (uintptr_t)softsgx_raw_aep_return;
	softsgx_raw_run(raw);
}
