// SPDX-License-Identifier: GPL-2.0
/*
 * The cases on the core alone, in user space: the interface of <softsgx/cpu.h> over the bench
 * of the unit tests. With the argument "sgx1" on a processor without SGX2.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "../unit/rig.h"

static struct rig *rig;
static struct sgxcore_einit_scratch scratch;
static u8 ewb_scratch[SGX_PAGE_SIZE];

static int result(struct sgxcore_outcome out)
{
	switch (out.kind) {
	case SGXCORE_OK:
		return 0;
	case SGXCORE_STATUS:
		return out.code;
	default:
		return SGXCPU_FAULT | out.code;
	}
}

int sgxcpu_ecreate(struct sgx_pageinfo *pginfo, void *secs)
{
	return result(sgxcore_ecreate(&rig->cpu, pginfo, secs));
}

int sgxcpu_eadd(struct sgx_pageinfo *pginfo, void *addr)
{
	return result(sgxcore_eadd(&rig->cpu, pginfo, addr));
}

int sgxcpu_eextend(void *secs, void *addr)
{
	return result(sgxcore_eextend(&rig->cpu, secs, addr));
}

int sgxcpu_einit(void *sigstruct, void *token, void *secs)
{
	return result(sgxcore_einit(&rig->cpu, sigstruct, secs, token, conform_signer, &scratch));
}

int sgxcpu_eremove(void *addr)
{
	return result(sgxcore_eremove(&rig->cpu, addr));
}

int sgxcpu_epa(void *addr)
{
	return result(sgxcore_epa(&rig->cpu, SGX_PT_VA, addr));
}

int sgxcpu_edbgrd(void *addr, unsigned long *data)
{
	u64 word = *data;
	int ret = result(sgxcore_edbgrd(&rig->cpu, &word, addr));

	*data = word;
	return ret;
}

int sgxcpu_edbgwr(void *addr, unsigned long *data)
{
	return result(sgxcore_edbgwr(&rig->cpu, *data, addr));
}

int sgxcpu_eblock(void *addr)
{
	return result(sgxcore_eblock(&rig->cpu, addr));
}

int sgxcpu_etrack(void *secs)
{
	return result(sgxcore_etrack(&rig->cpu, secs));
}

int sgxcpu_ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	return result(sgxcore_ewb(&rig->cpu, pginfo, addr, va_slot, ewb_scratch));
}

int sgxcpu_eldu(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	return result(sgxcore_eldu(&rig->cpu, pginfo, addr, va_slot));
}

int sgxcpu_eldb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	return result(sgxcore_eldb(&rig->cpu, pginfo, addr, va_slot));
}

int sgxcpu_eaug(struct sgx_pageinfo *pginfo, void *addr)
{
	return result(sgxcore_eaug(&rig->cpu, pginfo, addr));
}

int sgxcpu_emodpr(struct sgx_secinfo *secinfo, void *addr)
{
	return result(sgxcore_emodpr(&rig->cpu, secinfo, addr));
}

int sgxcpu_emodt(struct sgx_secinfo *secinfo, void *addr)
{
	return result(sgxcore_emodt(&rig->cpu, secinfo, addr));
}

void sgxcpu_cpuid12(u32 subleaf, u32 out[4])
{
	sgxcore_cpuid12(&rig->cpu, subleaf, out);
}

void bench_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

int main(int argc, char **argv)
{
	struct bench *b = aligned_alloc(SGX_PAGE_SIZE, (sizeof(*b) + SGX_PAGE_SIZE - 1) &
					~(size_t)(SGX_PAGE_SIZE - 1));
	unsigned int i;
	bool passed;

	if (!b)
		return 1;
	rig = rig_new();
	if (argc > 1 && !strcmp(argv[1], "sgx1"))
		rig->model.sgx2 = false;
	memset(b, 0, sizeof(*b));
	for (i = 0; i < BENCH_EPC; i++)
		b->epc[i] = rig->pages[i].mem;
	passed = bench_run(b);
	rig_assert_unlocked(rig);
	rig_free(rig);
	free(b);
	return !passed;
}
