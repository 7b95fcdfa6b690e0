// SPDX-License-Identifier: GPL-2.0
/*
 * SOFTSGX_IOC_ENCLAVE_AUGMENT, and madvise(MADV_WILLNEED), which comes by way of
 * fadvise(): which pages come about, and when.
 */
#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include <softsgx/ioctl.h>

#include "drv.h"
#include "encl.h"
#include "inject.h"
#include "paging.h"

static int set_manual(struct sgxdrv_encl *encl, u64 offset, u64 length, bool manual)
{
	void *mark = manual ? xa_mk_value(1) : NULL;
	int ret = -ENOMEM;

	mutex_lock(&encl->lock);
	if (!sgxdrv_should_fail())
		ret = mtree_store_range(&encl->manual, PFN_DOWN(offset),
					PFN_DOWN(offset + length) - 1, mark, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&encl->lock);
	return ret;
}

static int augment(struct sgxdrv_encl *encl, struct softsgx_enclave_augment *params)
{
	unsigned long done = params->length;
	int ret;

	if (params->mode == SOFTSGX_AUGMENT_NOW) {
		ret = sgxdrv_augment_range(encl, encl->base + params->offset, params->length,
					   true, &done);
	} else {
		ret = set_manual(encl, params->offset, params->length,
				 params->mode == SOFTSGX_AUGMENT_MANUAL);
		if (ret)
			done = 0;
	}
	params->count = done;
	return ret;
}

static bool is_ready_for(const struct sgxdrv_encl *encl, u64 mode)
{
	if (mode == SOFTSGX_AUGMENT_NOW)
		return test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags);
	return test_bit(SGXDRV_ENCL_CREATED, &encl->flags);
}

/**
 * sgxdrv_ioc_augment() - add pages, or say whether they come about by themselves
 * @encl: the enclave
 * @arg: struct softsgx_enclave_augment in user memory
 *
 * The count is written back once the arguments have been found valid. A signal ends the
 * work after some pages.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -ENODEV without SGX2; -EFAULT; -EINVAL for bad arguments, before CREATE, and
 * for pages at once before INIT; -ENOMEM; -EINTR; -EIO.
 */
long sgxdrv_ioc_augment(struct sgxdrv_encl *encl, void __user *arg)
{
	struct softsgx_enclave_augment params;
	int ret;

	if (!sgxdrv_has_sgx2())
		return -ENODEV;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;
	if (params.mode > SOFTSGX_AUGMENT_AUTO || !is_ready_for(encl, params.mode))
		return -EINVAL;
	if (sgxdrv_check_range(encl, params.offset, params.length) || params.count)
		return -EINVAL;

	ret = augment(encl, &params);
	return copy_to_user(arg, &params, sizeof(params)) ? -EFAULT : ret;
}

/**
 * sgxdrv_fadvise() - a program tells what it is going to do
 * @file: the open file
 * @offset: linear address, as madvise() has it from the VMA
 * @len: in bytes
 * @advice: POSIX_FADV_*; only WILLNEED means anything
 *
 * A hint: pages are added as long as that costs nobody anything.
 *
 * Context: process context, may sleep; no lock held.
 * Return: 0.
 */
int sgxdrv_fadvise(struct file *file, loff_t offset, loff_t len, int advice)
{
	struct sgxdrv_encl *encl = file->private_data;
	unsigned long start, end, done;

	if (advice != POSIX_FADV_WILLNEED || offset < 0 || len <= 0 ||
	    !test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags))
		return 0;
	/* Both are constant by now. */
	start = max_t(unsigned long, (unsigned long)offset & PAGE_MASK, encl->base);
	end = min_t(unsigned long, PAGE_ALIGN((unsigned long)offset + len),
		    encl->base + encl->size);
	if (start < end)
		sgxdrv_augment_range(encl, start, end - start, false, &done);
	return 0;
}
