// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID in processes that want to see SGX there. Their CPUID instructions have
 * become UD2 (patch.c), and a UD2 is one of these if the file it is mapped from
 * has CPUID in its place. So nobody has to remember which were changed, and
 * children inherit them with their memory.
 */
#include <linux/export.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/uaccess.h>
#include <asm/processor.h>

#include <softsgx/cpu.h>
#include <softsgx/personality.h>

#include "cpu.h"

#define CPUID_LENGTH	2

bool sgxcpu_cpuid_wanted(void)
{
	return current->personality & SOFTSGX_PER_CPUID;
}
EXPORT_SYMBOL_GPL(sgxcpu_cpuid_wanted);

/* The program may have put CPUID back since it trapped. */
static bool is_ud2_or_cpuid(unsigned long ip)
{
	u8 bytes[2];

	return !copy_from_user(bytes, (const void __user *)ip, sizeof(bytes)) &&
	       bytes[0] == SGXCPU_CPUID_0 &&
	       (bytes[1] == SGXCPU_UD2_1 || bytes[1] == SGXCPU_CPUID_1);
}

static bool was_cpuid(unsigned long ip)
{
	struct sgxcpu_mapping m;
	bool was;

	if (!sgxcpu_mapping_find(ip, ip + 1, VM_EXEC, &m))
		return false;
	was = sgxcpu_mapping_has_cpuid(&m, ip);
	fput(m.file);
	return was;
}

static void execute(struct pt_regs *regs)
{
	u32 leaf = regs->ax, subleaf = regs->cx, out[4];

	cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
	sgxcore_cpuid(&sgxcpu_package, boot_cpu_data.cpuid_level, leaf, subleaf, out);
	regs->ax = out[0];
	regs->bx = out[1];
	regs->cx = out[2];
	regs->dx = out[3];
	regs->ip += CPUID_LENGTH;
	regs->flags &= ~X86_EFLAGS_RF;
	sgxcpu_count(SGXCPU_STAT_CPUID);
}

/**
 * sgxcpu_cpuid_trap() - was this #UD raised by what used to be CPUID?
 * @regs: of the current task, outside enclave mode
 *
 * Context: #UD handler of the task, may sleep.
 * Return: true: it was, and CPUID has been executed.
 */
bool sgxcpu_cpuid_trap(struct pt_regs *regs)
{
	if (!sgxcpu_cpuid_wanted() || !user_64bit_mode(regs) ||
	    !is_ud2_or_cpuid(regs->ip) || !was_cpuid(regs->ip))
		return false;
	execute(regs);
	sgxcpu_signal_step(regs);
	return true;
}

/* May the byte at @i be the second one of a UD2? The page before is not here. */
static bool may_be_ud2(const u8 *copy, unsigned int i)
{
	return copy[i] == SGXCPU_UD2_1 && (!i || copy[i - 1] == SGXCPU_CPUID_0);
}

static unsigned int next_ud2(const u8 *copy, unsigned int i)
{
	while (i < PAGE_SIZE && !may_be_ud2(copy, i))
		i++;
	return i;
}

void sgxcpu_original_text(unsigned long addr, u8 *copy)
{
	unsigned int i = next_ud2(copy, 0);
	struct sgxcpu_mapping m;

	if (i == PAGE_SIZE || !sgxcpu_mapping_find(addr, addr + 1, VM_MAYEXEC, &m))
		return;
	for (; i < PAGE_SIZE; i = next_ud2(copy, i + 1)) {
		if (sgxcpu_mapping_has_cpuid(&m, addr + i - 1))
			copy[i] = SGXCPU_CPUID_1;
		cond_resched();
	}
	fput(m.file);
}
EXPORT_SYMBOL_GPL(sgxcpu_original_text);
