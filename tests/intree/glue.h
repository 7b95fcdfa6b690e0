/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In front of each source file of the kernel's SGX driver: what it asks the machine, it
 * asks the software processor. What the processor cannot do by itself, because page tables
 * stand in for its look into the EPCM, is in intree_encl.c.
 */
#ifndef _INTREE_GLUE_H
#define _INTREE_GLUE_H

#include <linux/freezer.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/node.h>
#include <linux/numa.h>
#include <linux/pagemap.h>
#include <linux/smp.h>
#include <linux/suspend.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

void sgxcpu_cpuid12(u32 subleaf, u32 out[4]);
void *sgxcpu_epc_section(unsigned int n, unsigned long *pfn, unsigned long *nr_pages);
void sgxcpu_wrmsr_lepubkeyhash(const u64 hash[4]);
void sgxcpu_interrupted(void);
void sgxcpu_unmapped(void *secs);
unsigned long sgxcpu_page_prot(void *addr, unsigned long la, unsigned long vm_flags,
			       unsigned long access);

/* ------------------------------------------------------------------------- CPUID */

static inline bool intree_has(unsigned int feature)
{
	u32 out[4];

	switch (feature) {
	case X86_FEATURE_SGX:
	case X86_FEATURE_SGX_LC:
	case X86_FEATURE_SGX1:
		return true;
	case X86_FEATURE_SGX2:
		sgxcpu_cpuid12(0, out);
		return out[0] & 2;
	default:
		return boot_cpu_has(feature);
	}
}

#undef cpu_feature_enabled
#define cpu_feature_enabled(feature)	intree_has(feature)

static inline void intree_cpuid_count(u32 leaf, u32 subleaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	u32 out[4];

	if (leaf != 0x12) {
		cpuid_count(leaf, subleaf, a, b, c, d);
		return;
	}
	sgxcpu_cpuid12(subleaf, out);
	*a = out[0];
	*b = out[1];
	*c = out[2];
	*d = out[3];
}

#define cpuid_count	intree_cpuid_count

/* --------------------------------------------------------------------------- EPC */

static inline void *intree_memremap(u64 phys, u64 size)
{
	unsigned long pfn, nr_pages;
	unsigned int n;
	void *addr;

	for (n = 0; (addr = sgxcpu_epc_section(n, &pfn, &nr_pages)); n++) {
		if (PFN_PHYS(pfn) == phys && PFN_PHYS(nr_pages) == size)
			return addr;
	}
	return NULL;
}

#define memremap(phys, size, flags)	intree_memremap(phys, size)
#define memunmap(addr)			((void)(addr))

/* The sections are in ordinary memory; its node is known. */
#undef phys_to_target_node
#define phys_to_target_node(phys)	pfn_to_nid(PFN_DOWN(phys))
#undef numa_map_to_online_node
#define numa_map_to_online_node(nid)	(nid)

/* ---------------------------------------------------------- MSRs, other processors */

/* They are written in this order, with preemption off. */
static inline void intree_wrmsr(u32 msr, u64 value)
{
	static DEFINE_PER_CPU(u64 [4], hash);

	(*this_cpu_ptr(&hash))[msr - MSR_IA32_SGXLEPUBKEYHASH0] = value;
	if (msr == MSR_IA32_SGXLEPUBKEYHASH3)
		sgxcpu_wrmsr_lepubkeyhash(*this_cpu_ptr(&hash));
}

#undef wrmsrl
#define wrmsrl(msr, value)	intree_wrmsr(msr, value)

static inline void intree_interrupt(void *unused)
{
	sgxcpu_interrupted();
}

static inline void intree_interrupt_mask(const struct cpumask *mask)
{
	on_each_cpu_mask(mask, intree_interrupt, NULL, true);
}

#define on_each_cpu_mask(mask, fn, info, wait)	intree_interrupt_mask(mask)

/* ------------------------------------------------------------------ being a module */

#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol)
#undef device_initcall
#define device_initcall(fn)

/* Attributes of nodes belong to the kernel. */
#undef CONFIG_NUMA

/* sgx_vepc_init() is a stub then, whatever the kernel has: virtual machines are not here. */
#undef CONFIG_X86_SGX_KVM

#endif /* _INTREE_GLUE_H */
