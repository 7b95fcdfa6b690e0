// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS, as function calls.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
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
	.cmac = sgxcpu_cmac,
};

/* Whoever builds enclaves may fill the log, but not quickly. */
static DEFINE_RATELIMIT_STATE(explanations, 5 * HZ, 10);

/**
 * sgxcpu_explain() - tell the log why a leaf has refused
 * @leaf: its name
 * @out: how it ended
 *
 * Context: the task that executes it; any.
 */
void sgxcpu_explain(const char *leaf, const struct sgxcore_outcome *out)
{
	if (!out->why || !__ratelimit(&explanations))
		return;
	if (out->kind == SGXCORE_STATUS)
		pr_info("%s[%d]: %s: error %u: %s\n", current->comm, task_pid_nr(current), leaf,
			out->code, out->why);
	else
		pr_info("%s[%d]: %s: #GP: %s\n", current->comm, task_pid_nr(current), leaf,
			out->why);
}

/**
 * sgxcpu_explain_enclu() - tell the log why an ENCLU has raised #GP
 * @leaf: its name
 * @eid: number of the enclave, 0 if there is none
 * @ip: where the ENCLU is
 * @out: how it ended
 *
 * Context: the task that executes it; any.
 */
void sgxcpu_explain_enclu(const char *leaf, u64 eid, u64 ip, const struct sgxcore_outcome *out)
{
	if (out->kind != SGXCORE_FAULT || out->code != SGXCORE_TRAP_GP || !out->why ||
	    !__ratelimit(&explanations))
		return;
	pr_info("%s[%d]: ENCLU[%s] at 0x%llx, enclave %llu: #GP: %s\n", current->comm,
		task_pid_nr(current), leaf, ip, eid, out->why);
}

static void explain_measurement(const struct sgxcore_einit_scratch *scratch)
{
	if (!__ratelimit(&explanations))
		return;
	pr_info("%s[%d]: ENCLAVEHASH is %*phN\n", current->comm, task_pid_nr(current),
		(int)sizeof(scratch->sig.mrenclave), scratch->sig.mrenclave);
	pr_info("%s[%d]: MRENCLAVE is %*phN\n", current->comm, task_pid_nr(current),
		(int)sizeof(scratch->mrenclave), scratch->mrenclave);
}

int sgxcpu_ecreate(struct sgx_pageinfo *pginfo, void *secs)
{
	return SGXCPU_LEAF_EXPLAINED("ECREATE", sgxcore_ecreate(&sgxcpu_package, pginfo, secs));
}
EXPORT_SYMBOL_GPL(sgxcpu_ecreate);

int sgxcpu_eadd(struct sgx_pageinfo *pginfo, void *addr)
{
	return SGXCPU_LEAF_EXPLAINED("EADD", sgxcore_eadd(&sgxcpu_package, pginfo, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eadd);

int sgxcpu_eextend(void *secs, void *addr)
{
	return SGXCPU_LEAF(sgxcore_eextend(&sgxcpu_package, secs, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eextend);

int sgxcpu_einit(void *sigstruct, void *token, void *secs)
{
	struct sgxcore_einit_scratch *scratch;
	struct sgxcore_outcome out;

	preempt_disable();
	scratch = this_cpu_ptr(einit_scratch);
	out = sgxcore_einit(&sgxcpu_package, sigstruct, secs, token,
			    this_cpu_ptr(&lepubkeyhash)->hash, scratch);
	sgxcpu_explain("EINIT", &out);
	if (out.kind == SGXCORE_STATUS && out.code == SGX_INVALID_MEASUREMENT)
		explain_measurement(scratch);
	preempt_enable();
	return sgxcpu_result(out);
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

int sgxcpu_eaug(struct sgx_pageinfo *pginfo, void *addr)
{
	return SGXCPU_LEAF(sgxcore_eaug(&sgxcpu_package, pginfo, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_eaug);

int sgxcpu_emodpr(struct sgx_secinfo *secinfo, void *addr)
{
	return SGXCPU_LEAF(sgxcore_emodpr(&sgxcpu_package, secinfo, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_emodpr);

int sgxcpu_emodt(struct sgx_secinfo *secinfo, void *addr)
{
	return SGXCPU_LEAF(sgxcore_emodt(&sgxcpu_package, secinfo, addr));
}
EXPORT_SYMBOL_GPL(sgxcpu_emodt);

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
