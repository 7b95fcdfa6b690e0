// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions at the vDSO's ENCLU become return values of
 * __vdso_sgx_enter_enclave(), by way of the exception table in the vDSO image.
 * Our hook stands in the place of the kernel's own search in that table.
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <asm/mmu.h>
#include <asm/vdso.h>

#include "cpu.h"

/* Both offsets are relative to the start of the table. */
struct extable_entry {
	int insn;
	int fixup;
};

/**
 * sgxcpu_vdso_fixup() - report an exception at the vDSO's ENCLU to its caller
 * @regs: of the current task, as the program is to see them
 * @vector: of the exception
 * @error_code: that comes with it
 * @addr: CR2 of a #PF
 *
 * #DB and #BP are left to debuggers: nobody could tell whose they are.
 *
 * Return: true if the task now is in the vDSO's fix-up code.
 */
bool sgxcpu_vdso_fixup(struct pt_regs *regs, int vector, u32 error_code, u64 addr)
{
	const struct vdso_image *image = current->mm->context.vdso_image;
	unsigned long vdso = (unsigned long)current->mm->context.vdso;
	const struct extable_entry *e;
	unsigned long table;
	unsigned int i;

	if (vector == SGXCORE_TRAP_DB || vector == SGXCORE_TRAP_BP || !vdso || !image)
		return false;

	table = vdso + image->extable_base;
	e = image->extable;
	for (i = 0; i < image->extable_len / sizeof(*e); i++) {
		if (regs->ip != table + e[i].insn)
			continue;
		regs->ip = table + e[i].fixup;
		regs->di = vector;
		regs->si = error_code;
		regs->dx = addr;
		return true;
	}
	return false;
}
