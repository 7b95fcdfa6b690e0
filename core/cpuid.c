// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as programs see it: the answers of the CPU below, and SGX.
 */
#include "core.h"

#define CPUID_MAX	0x00
#define CPUID_FEATURES	0x07
#define CPUID_XSTATE	0x0d
#define CPUID_SGX	0x12

#define CPUID_7_EBX_SGX		0x00000004
#define CPUID_7_ECX_SGX_LC	0x40000000
#define CPUID_D1_EAX_XSAVEC	0x00000002

/* XSAVEC is there, if in software; EBX is the size of what it may write. */
static void add_xsavec(const struct sgxcore_model *model, u32 out[4])
{
	if (out[0] & CPUID_D1_EAX_XSAVEC)
		return;
	out[0] |= CPUID_D1_EAX_XSAVEC;
	out[1] = sgxcore_compact_size(model, model->xcr0);
}

/**
 * sgxcore_cpuid() - make the real CPU's answer this processor's
 * @cpu: the processor
 * @max: largest basic leaf of the real CPU
 * @leaf: EAX
 * @subleaf: ECX
 * @out: EAX, EBX, ECX, EDX
 */
void sgxcore_cpuid(const struct sgxcore_cpu *cpu, u32 max, u32 leaf, u32 subleaf, u32 out[4])
{
	switch (leaf) {
	case CPUID_MAX:
		if (out[0] < CPUID_SGX)
			out[0] = CPUID_SGX;
		break;
	case CPUID_FEATURES:
		if (subleaf)
			break;
		out[1] |= CPUID_7_EBX_SGX;
		out[2] |= CPUID_7_ECX_SGX_LC;
		break;
	case CPUID_XSTATE:
		if (subleaf == 1)
			add_xsavec(cpu->model, out);
		break;
	case CPUID_SGX:
		sgxcore_cpuid12(cpu, subleaf, out);
		break;
	default:
		/* Valid now that the maximum has risen, and about nothing there is */
		if (leaf > max && leaf < CPUID_SGX)
			memset(out, 0, 4 * sizeof(*out));
	}
}
