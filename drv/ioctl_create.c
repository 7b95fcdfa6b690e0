// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_CREATE
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include "drv.h"
#include "encl.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "limit.h"
#include "paging.h"
#include "trace.h"

static void latch(struct sgxdrv_encl *encl, const struct sgx_secs *secs,
		  struct sgxdrv_epc_page *epc)
{
	mutex_lock(&encl->lock);
	encl->secs.epc = epc;
	encl->secs.state = SGXDRV_PAGE_RESIDENT;
	sgxdrv_lru_add(epc, &encl->secs);
	encl->base = secs->base;
	encl->size = secs->size;
	encl->attributes = secs->attributes;
	encl->attributes_mask = SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_KSS |
				SGX_ATTR_AEXNOTIFY;
	if (secs->attributes & SGX_ATTR_DEBUG)
		set_bit(SGXDRV_ENCL_DEBUG, &encl->flags);
	set_bit(SGXDRV_ENCL_CREATED, &encl->flags);
	mutex_unlock(&encl->lock);

	trace_sgxdrv_encl_create(encl->id, encl->base, encl->size, encl->attributes);
}

/* All other rules for the SECS are the processor's. */
static bool size_ok(u64 size)
{
	return is_power_of_2(size) && size >= PAGE_SIZE && size <= LLONG_MAX;
}

static int ecreate(struct sgx_secs *secs, struct sgxdrv_epc_page *epc)
{
	struct sgx_secinfo secinfo = { .flags = SGX_SECINFO_SECS };
	struct sgx_pageinfo pginfo = {
		.srcpge = (unsigned long)secs,
		.secinfo = (unsigned long)&secinfo,
	};

	return sgxdrv_ecreate(&pginfo, epc->addr);
}

static int create(struct sgxdrv_encl *encl, struct sgx_secs *secs)
{
	struct sgxdrv_epc_page *epc;
	u64 end;
	int ret;

	if (!size_ok(secs->size))
		return -EINVAL;

	ret = sgxdrv_epc_pin(encl, TASK_INTERRUPTIBLE);
	if (ret)
		return ret;
	ret = sgxdrv_va_reserve(encl);
	if (ret)
		goto err_unpin;
	epc = sgxdrv_epc_alloc(encl, TASK_INTERRUPTIBLE);
	if (IS_ERR(epc)) {
		ret = PTR_ERR(epc);
		goto err_unreserve;
	}

	ret = -EIO;
	if (ecreate(secs, epc))
		goto err_free_epc;
	/*
	 * The processor lets an enclave end where the address space does. Nobody can
	 * map it there, and the arithmetic of the driver relies on an end.
	 */
	if (check_add_overflow(secs->base, secs->size, &end))
		goto err_free_epc;
	ret = sgxdrv_backing_create(encl, secs->size);
	if (ret)
		goto err_free_epc;

	latch(encl, secs, epc);
	return 0;

err_free_epc:
	sgxdrv_epc_free(epc, NULL);
err_unreserve:
	sgxdrv_va_unreserve(encl, 1);
err_unpin:
	sgxdrv_unpin(encl);
	return ret;
}

/**
 * sgxdrv_ioc_create() - ECREATE the enclave
 * @encl: the enclave
 * @arg: struct sgx_enclave_create in user memory
 *
 * Failure leaves the enclave as it was.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -EINVAL if already created or the size is no power of two; -EFAULT;
 * -ENOMEM; -ERESTARTSYS; -EIO if a leaf faults.
 */
long sgxdrv_ioc_create(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_create params;
	struct sgx_secs *secs;
	long ret;

	BUILD_BUG_ON(sizeof(*secs) != PAGE_SIZE);

	if (test_bit(SGXDRV_ENCL_CREATED, &encl->flags))
		return -EINVAL;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;

	/* Page aligned, as ECREATE wants it, because of its size */
	secs = sgxdrv_should_fail() ? NULL : kmalloc(sizeof(*secs), GFP_KERNEL);
	if (!secs)
		return -ENOMEM;

	if (copy_from_user(secs, u64_to_user_ptr(params.src), sizeof(*secs)))
		ret = -EFAULT;
	else
		ret = create(encl, secs);
	kfree(secs);
	return ret;
}
