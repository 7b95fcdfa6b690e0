// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as programs see it: the answers of the CPU below, SGX, and what programs expect
 * of a CPU with SGX: its vendor, its signature, XSAVEC.
 */
#include "core.h"

#define CPUID_MAX	0x00
#define CPUID_SIGNATURE	0x01
#define CPUID_CACHES	0x02
#define CPUID_CACHE	0x04
#define CPUID_FEATURES	0x07
#define CPUID_XSTATE	0x0d
#define CPUID_SGX	0x12

#define CPUID_7_EBX_SGX		0x00000004
#define CPUID_7_ECX_SGX_LC	0x40000000
#define CPUID_D1_EAX_XSAVEC	0x00000002

/* GenuineIntel */
#define VENDOR_EBX		0x756e6547
#define VENDOR_ECX		0x6c65746e
#define VENDOR_EDX		0x49656e69

/* CPUID.2: one round, and CPUID.4 has the caches */
#define CACHES_EAX		0x00feff01

/*
 * CPUID.4 of a processor whose own caches are told in the way of another vendor. Programs
 * divide by these numbers, so that none may be missing. EAX: type, level, self-initializing.
 */
static const struct {
	u32 eax;
	u32 ways;
	u32 sets;
} caches[] = {
	{ 0x00000121, 8, 64 },		/* data, 32 KiB */
	{ 0x00000122, 8, 64 },		/* instructions, 32 KiB */
	{ 0x00000143, 16, 1024 },	/* second level, 1 MiB */
	{ 0x00000163, 16, 16384 },	/* third level, 16 MiB */
};

#define CACHE_LINE		64

static void describe_caches(u32 out[4])
{
	out[0] = CACHES_EAX;
	out[1] = 0;
	out[2] = 0;
	out[3] = 0;
}

static void describe_cache(u32 subleaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (subleaf >= sizeof(caches) / sizeof(*caches))
		return;
	out[0] = caches[subleaf].eax;
	out[1] = (caches[subleaf].ways - 1) << 22 | (CACHE_LINE - 1);
	out[2] = caches[subleaf].sets - 1;
}

static void set_vendor(u32 out[4])
{
	out[1] = VENDOR_EBX;
	out[2] = VENDOR_ECX;
	out[3] = VENDOR_EDX;
}

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
		set_vendor(out);
		break;
	case CPUID_SIGNATURE:
		out[0] = cpu->model->signature;
		break;
	case CPUID_CACHES:
		if (!cpu->model->intel)
			describe_caches(out);
		break;
	case CPUID_CACHE:
		if (!cpu->model->intel)
			describe_cache(subleaf, out);
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
