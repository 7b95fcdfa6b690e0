// SPDX-License-Identifier: GPL-2.0
/*
 * What this processor can do: the feature model, cut down to what the real CPU
 * below it can save and restore.
 */
#include <linux/types.h>
#include <asm/fpu/xcr.h>
#include <asm/pgtable_types.h>
#include <asm/processor.h>

#include "cpu.h"

#define XFRM_AVX		BIT_ULL(2)
#define XFRM_AVX512		(BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(7))
#define CPUID_XSTATE		0x0d

static struct sgxcore_model model = {
	.misc_mask = SGX_MISC_EXINFO,
	.attr_mask = SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_PROVISIONKEY |
		     SGX_ATTR_EINITTOKENKEY | SGX_ATTR_KSS,
	.size_bits = 56,
};

struct sgxcore_cpu sgxcpu_package = {
	.model = &model,
};

/* Runtimes have Intel's XSAVE layout built in; elsewhere the state is not offered. */
static bool avx512_is_where_intel_puts_it(void)
{
	return model.xstate_offset[5] == 1088 && model.xstate_offset[6] == 1152 &&
	       model.xstate_offset[7] == 1664;
}

int sgxcpu_model_init(void)
{
	u64 xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	u32 ebx, ecx, edx;
	int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(CPUID_XSTATE, i, &model.xstate_size[i], &ebx, &ecx, &edx);
		model.xstate_offset[i] = ebx;
	}

	model.xfrm_mask = xcr0 & (SGX_XFRM_LEGACY | XFRM_AVX);
	if ((xcr0 & XFRM_AVX512) == XFRM_AVX512 && avx512_is_where_intel_puts_it())
		model.xfrm_mask |= XFRM_AVX512;

	model.va_bits = boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48;
	model.mxcsr_mask = sgxcpu_xstate_mxcsr_mask();
	return 0;
}
