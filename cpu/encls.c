// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS, as function calls.
 */
#include <linux/export.h>
#include <linux/percpu.h>
#include <crypto/sha2.h>

#include "leaf.h"

/* The registers of one CPU: written and read with preemption off. */
struct launch_key {
	u64 hash[4];
};

static DEFINE_PER_CPU(struct launch_key, lepubkeyhash);

/* EINIT may not allocate: one work area per CPU, used with preemption off. */
static struct sgxcore_einit_scratch __percpu *einit_scratch;

/* The library's state after whole blocks is the compression function's state. */
static void sha256_blocks(u32 state[8], const u8 *data, size_t n)
{
	struct sha256_state s;

	memset(&s, 0, sizeof(s));
	memcpy(s.state, state, sizeof(s.state));
	sha256_update(&s, data, n * SHA256_BLOCK_SIZE);
	memcpy(state, s.state, sizeof(s.state));
}

static const struct sgxcore_crypto crypto = {
	.sha256_blocks = sha256_blocks,
	.gcm_encrypt = sgxcpu_gcm_encrypt,
	.gcm_decrypt = sgxcpu_gcm_decrypt,
};

int sgxcpu_ecreate(struct sgx_pageinfo *pginfo, void *secs)
{
	return SGXCPU_LEAF(sgxcore_ecreate(&sgxcpu_package, pginfo, secs));
}
EXPORT_SYMBOL_GPL(sgxcpu_ecreate);

int sgxcpu_eadd(struct sgx_pageinfo *pginfo, void *addr)
{
	return SGXCPU_LEAF(sgxcore_eadd(&sgxcpu_package, pginfo, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eadd);

int sgxcpu_eextend(void *secs, void *addr)
{
	return SGXCPU_LEAF(sgxcore_eextend(&sgxcpu_package, secs, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eextend);

int sgxcpu_einit(void *sigstruct, void *token, void *secs)
{
	return SGXCPU_LEAF(sgxcore_einit(&sgxcpu_package, sigstruct, secs, token,
					 this_cpu_ptr(&lepubkeyhash)->hash,
					 this_cpu_ptr(einit_scratch)));
}
EXPORT_SYMBOL_GPL(sgxcpu_einit);

int sgxcpu_eremove(void *addr)
{
	return SGXCPU_LEAF(sgxcore_eremove(&sgxcpu_package, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eremove);

int sgxcpu_epa(void *addr)
{
	return SGXCPU_LEAF(sgxcore_epa(&sgxcpu_package, SGX_PT_VA, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_epa);

int sgxcpu_edbgrd(void *addr, unsigned long *data)
{
	u64 value = 0;
	int ret;

	ret = SGXCPU_LEAF(sgxcore_edbgrd(&sgxcpu_package, &value, addr));
	if (!ret)
		*data = value;
	return ret;
}
EXPORT_SYMBOL_GPL(sgxcpu_edbgrd);

int sgxcpu_edbgwr(void *addr, unsigned long *data)
{
	return SGXCPU_LEAF(sgxcore_edbgwr(&sgxcpu_package, *data, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_edbgwr);

void sgxcpu_wrmsr_lepubkeyhash(const u64 hash[4])
{
	lockdep_assert_preemption_disabled();
	memcpy(this_cpu_ptr(&lepubkeyhash)->hash, hash, sizeof(lepubkeyhash.hash));
}
EXPORT_SYMBOL_GPL(sgxcpu_wrmsr_lepubkeyhash);

int sgxcpu_encls_init(void)
{
	einit_scratch = alloc_percpu(struct sgxcore_einit_scratch);
	if (!einit_scratch)
		return -ENOMEM;
	sgxcpu_package.crypto = &crypto;
	return 0;
}

void sgxcpu_encls_exit(void)
{
	free_percpu(einit_scratch);
}
