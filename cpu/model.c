// SPDX-License-Identifier: GPL-2.0
/*
 * What this processor can do: the model that was asked for, cut down to what the real
 * CPU below it can save and restore.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/types.h>
#include <asm/fpu/xcr.h>
#include <asm/pgtable_types.h>
#include <asm/processor.h>

#include "cpu.h"

#define CPUID_SIGNATURE		0x01
#define CPUID_XSTATE		0x0d
#define CPUID_XSTATE_ALIGNED	BIT(1)		/* ECX: in compacted format */

static char *model_name = "max";
module_param_named(model, model_name, charp, 0444);
MODULE_PARM_DESC(model, "Which processor: max, skylake, icelake, sapphirerapids (max)");

static bool sgx2 = true;
module_param(sgx2, bool, 0444);
MODULE_PARM_DESC(sgx2, "Enclaves can change after EINIT, if the model can do that (Y)");

static struct sgxcore_model model;

struct sgxcore_cpu sgxcpu_package = {
	.model = &model,
	.platform.cpusvn = 1,
};

static int no_such_model(void)
{
	const struct sgxcore_model_spec *spec;
	char text[128];
	unsigned int i;
	int n = 0;

	for (i = 0; (spec = sgxcore_model_spec(i)); i++)
		n += scnprintf(text + n, sizeof(text) - n, " %s", spec->name);
	pr_err("no model \"%s\"; there are:%s\n", model_name, text);
	return -EINVAL;
}

static void ask_machine(u64 xcr0)
{
	u32 ebx, ecx, edx;
	int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(CPUID_XSTATE, i, &model.xstate_size[i], &ebx, &ecx, &edx);
		model.xstate_offset[i] = ebx;
		if (ecx & CPUID_XSTATE_ALIGNED)
			model.xstate_align |= BIT_ULL(i);
	}
	model.intel = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
	model.host_signature = cpuid_eax(CPUID_SIGNATURE);
	model.va_bits = boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48;
	model.mxcsr_mask = sgxcpu_xstate_mxcsr_mask();
}

int sgxcpu_model_init(void)
{
	const struct sgxcore_model_spec *spec = sgxcore_model_find(model_name);
	u64 xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);

	if (!spec)
		return no_such_model();
	ask_machine(xcr0);
	sgxcore_model_set(&model, spec, xcr0, sgx2);
	return 0;
}
