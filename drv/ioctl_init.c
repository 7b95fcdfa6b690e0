// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_INIT
 */
#include <asm/cpufeature.h>
#include <crypto/sha2.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include "drv.h"
#include "encl.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "limit.h"
#include "trace.h"

#define EINIT_ROUNDS	50
#define EINIT_TRIES	20
#define EINIT_SLEEP_MS	20

#define VENDOR_NONE	0x0000
#define VENDOR_INTEL	0x8086

/* What this driver does not know is reserved, whatever the processor says. */
#define ATTRIBUTES_UNKNOWN	(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8) | BIT_ULL(9) | \
				 GENMASK_ULL(63, 11))
#define MISC_UNKNOWN		((u32)GENMASK(31, 1))

/* The operands of EINIT: aligned by place, the token all zero. */
struct einit_operands {
	struct sgx_sigstruct sigstruct;
	u8 pad[2048 - sizeof(struct sgx_sigstruct)];
	struct sgx_einittoken token;
};

static bool wants_reserved_attributes(const struct sgx_sigstruct *sig)
{
	u32 cpuid[4];
	u64 known;

	sgxcpu_cpuid12(1, cpuid);
	known = ((u64)cpuid[1] << 32 | cpuid[0]) & ~ATTRIBUTES_UNKNOWN;
	return sig->attributes & sig->attributes_mask & ~known;
}

static bool wants_reserved_misc(const struct sgx_sigstruct *sig)
{
	u32 cpuid[4];

	sgxcpu_cpuid12(0, cpuid);
	return sig->miscselect & sig->misc_mask & ~(cpuid[1] & ~MISC_UNKNOWN);
}

static bool wants_reserved_xfrm(const struct sgx_sigstruct *sig)
{
	u64 known = SGX_XFRM_LEGACY;
	u32 cpuid[4];

	if (boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		sgxcpu_cpuid12(1, cpuid);
		known = (u64)cpuid[3] << 32 | cpuid[2];
	}
	return sig->xfrm & sig->xfrm_mask & ~known;
}

static int check_sigstruct(const struct sgxdrv_encl *encl, const struct sgx_sigstruct *sig)
{
	if (sig->vendor != VENDOR_NONE && sig->vendor != VENDOR_INTEL)
		return -EINVAL;
	if (encl->attributes & ~encl->attributes_mask)
		return -EACCES;
	if (wants_reserved_attributes(sig) || wants_reserved_misc(sig) ||
	    wants_reserved_xfrm(sig))
		return -EINVAL;
	return 0;
}

/* As long as the launch key registers must stay what they are, stay on this CPU. */
static int einit_once(struct sgxdrv_encl *encl, struct einit_operands *op,
		      const u64 mrsigner[4])
{
	int ret;

	lockdep_assert_held(&encl->lock);

	preempt_disable();
	sgxcpu_wrmsr_lepubkeyhash(mrsigner);
	ret = sgxdrv_einit(&op->sigstruct, &op->token, encl->secs.epc->addr);
	preempt_enable();
	return ret;
}

static int einit_tries(struct sgxdrv_encl *encl, struct einit_operands *op,
		       const u64 mrsigner[4])
{
	unsigned int i;
	int ret;

	lockdep_assert_held(&encl->lock);

	/* Reclaim drops the SECS of an enclave that is lost. */
	if (test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		return -EIO;
	for (i = 0; i < EINIT_TRIES; i++) {
		ret = einit_once(encl, op, mrsigner);
		if (ret != SGX_UNMASKED_EVENT)
			break;
	}
	return ret;
}

/* Returns the result of the leaf, or -EIO. */
static int einit_round(struct sgxdrv_encl *encl, struct einit_operands *op,
		       const u64 mrsigner[4])
{
	int ret;

	mutex_lock(&encl->lock);
	ret = einit_tries(encl, op, mrsigner);
	if (!ret) {
		set_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags);
		sgxdrv_unpin(encl);
	}
	mutex_unlock(&encl->lock);

	trace_sgxdrv_encl_init(encl->id, ret);
	return ret;
}

/* An interrupt makes EINIT give up, for it takes long. Try again, but not for ever. */
static int einit(struct sgxdrv_encl *encl, struct einit_operands *op, const u64 mrsigner[4])
{
	unsigned int i;
	int ret;

	for (i = 0; i < EINIT_ROUNDS; i++) {
		ret = einit_round(encl, op, mrsigner);
		if (ret != SGX_UNMASKED_EVENT)
			break;

		msleep_interruptible(EINIT_SLEEP_MS);
		if (signal_pending(current))
			return -ERESTARTSYS;
	}

	if (ret < 0 || sgxcpu_faulted(ret))
		return -EIO;
	return ret ? -EPERM : 0;
}

static int init(struct sgxdrv_encl *encl, struct einit_operands *op)
{
	u64 mrsigner[4];
	int ret;

	BUILD_BUG_ON(sizeof(mrsigner) != SHA256_DIGEST_SIZE);

	ret = check_sigstruct(encl, &op->sigstruct);
	if (ret)
		return ret;

	sha256(op->sigstruct.modulus, sizeof(op->sigstruct.modulus), (u8 *)mrsigner);
	return einit(encl, op, mrsigner);
}

/**
 * sgxdrv_ioc_init() - EINIT the enclave
 * @encl: the enclave
 * @arg: struct sgx_enclave_init in user memory
 *
 * May be tried again after failure.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -EINVAL if not created, already initialised, or SIGSTRUCT asks for
 * what the platform reserves; -EFAULT; -ENOMEM; -EACCES if the enclave's
 * attributes are not allowed; -ERESTARTSYS; -EIO if EINIT faults or the enclave has been
 * lost; -EPERM if it refuses.
 */
long sgxdrv_ioc_init(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_init params;
	struct einit_operands *op;
	long ret;

	BUILD_BUG_ON(sizeof(*op) > PAGE_SIZE);

	if (!test_bit(SGXDRV_ENCL_CREATED, &encl->flags) ||
	    test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		return -EINVAL;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;

	/* A whole page, for its alignment */
	op = sgxdrv_should_fail() ? NULL : kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!op)
		return -ENOMEM;

	if (copy_from_user(&op->sigstruct, u64_to_user_ptr(params.sigstruct),
			   sizeof(op->sigstruct)))
		ret = -EFAULT;
	else
		ret = init(encl, op);
	kfree(op);
	return ret;
}
