// SPDX-License-Identifier: GPL-2.0
/*
 * softsgx_cpu - a software SGX processor: order of start and stop.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>

#include "cpu.h"

static bool force;
module_param(force, bool, 0444);
MODULE_PARM_DESC(force, "Load although this machine has real SGX");

#define CPUID_7_EBX_SGX		BIT(2)

/* The kernel clears its feature flag when the firmware left SGX off: ask the CPU. */
static bool has_real_sgx(void)
{
	return boot_cpu_data.cpuid_level >= 7 && (cpuid_ebx(7) & CPUID_7_EBX_SGX);
}

static int check_machine(void)
{
	if (has_real_sgx() && !force) {
		pr_err("this machine has real SGX; load with force=1 to use the software processor all the same\n");
		return -EEXIST;
	}
	if (!boot_cpu_has(X86_FEATURE_XSAVE)) {
		pr_err("the CPU lacks XSAVE\n");
		return -ENODEV;
	}
	if (!boot_cpu_has(X86_FEATURE_FSGSBASE)) {
		pr_err("the CPU lacks FSGSBASE, or the kernel does not use it\n");
		return -ENODEV;
	}
	return 0;
}

static int __init sgxcpu_init(void)
{
	int ret;

	ret = check_machine();
	if (ret)
		return ret;

	ret = sgxcpu_model_init();
	if (ret)
		return ret;

	ret = sgxcpu_epc_init();
	if (ret)
		return ret;

	ret = sgxcpu_seal_init();
	if (ret)
		goto err_epc;

	ret = sgxcpu_encls_init();
	if (ret)
		goto err_seal;

	ret = sgxcpu_platform_init();
	if (ret)
		goto err_encls;

	ret = sgxcpu_walk_init();
	if (ret)
		goto err_platform;

	ret = sgxcpu_hooks_init();
	if (ret)
		goto err_walk;

	sgxcpu_stats_init();
	pr_notice("software SGX processor for development: it protects no secrets\n");
	return 0;

err_walk:
	/* The trap may have been redirected for a moment: a task can have got an LP. */
	sgxcpu_lp_exit();
	sgxcpu_walk_exit();
err_platform:
	sgxcpu_platform_exit();
err_encls:
	sgxcpu_encls_exit();
err_seal:
	sgxcpu_seal_exit();
err_epc:
	sgxcpu_epc_exit();
	return ret;
}

static void __exit sgxcpu_exit(void)
{
	sgxcpu_stats_exit();
	sgxcpu_hooks_exit();
	sgxcpu_lp_exit();
	sgxcpu_walk_exit();
	sgxcpu_platform_exit();
	sgxcpu_encls_exit();
	sgxcpu_seal_exit();
	sgxcpu_epc_exit();
}

module_init(sgxcpu_init);
module_exit(sgxcpu_exit);

MODULE_DESCRIPTION("Software SGX processor");
MODULE_LICENSE("GPL");
