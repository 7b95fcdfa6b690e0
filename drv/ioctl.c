// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl entry point, and what is common to the commands.
 */
#include <linux/align.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include <softsgx/cpu.h>
#include <softsgx/ioctl.h>

#include "drv.h"
#include "encl.h"

/**
 * sgxdrv_check_range() - may a command be asked to work on this range?
 * @encl: the enclave
 * @offset: from its base
 * @length: in bytes
 *
 * Context: any; IOCTL bit held.
 * Return: 0 or -EINVAL.
 */
int sgxdrv_check_range(const struct sgxdrv_encl *encl, u64 offset, u64 length)
{
	u64 end;

	if (!IS_ALIGNED(offset, PAGE_SIZE))
		return -EINVAL;
	if (!length || !IS_ALIGNED(length, PAGE_SIZE))
		return -EINVAL;
	if (check_add_overflow(offset, length, &end))
		return -EINVAL;
	if (end - PAGE_SIZE >= encl->size)
		return -EINVAL;
	return 0;
}

/* CREATE assigns the mask and INIT reads it, so only the time between counts. */
static long sgxdrv_ioc_provision(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_provision params;
	struct file *file;
	long ret = 0;

	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;

	file = fget((unsigned int)params.fd);
	if (!file)
		return -EINVAL;

	if (sgxdrv_is_provision_file(file))
		encl->attributes_mask |= SGX_ATTR_PROVISIONKEY;
	else
		ret = -EINVAL;
	fput(file);
	return ret;
}

static long dispatch(struct sgxdrv_encl *encl, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case SGX_IOC_ENCLAVE_CREATE:
		return sgxdrv_ioc_create(encl, arg);
	case SGX_IOC_ENCLAVE_ADD_PAGES:
		return sgxdrv_ioc_add_pages(encl, arg);
	case SGX_IOC_ENCLAVE_INIT:
		return sgxdrv_ioc_init(encl, arg);
	case SGX_IOC_ENCLAVE_PROVISION:
		return sgxdrv_ioc_provision(encl, arg);
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS:
		return sgxdrv_ioc_restrict_permissions(encl, arg);
	case SGX_IOC_ENCLAVE_MODIFY_TYPES:
		return sgxdrv_ioc_modify_types(encl, arg);
	case SGX_IOC_ENCLAVE_REMOVE_PAGES:
		return sgxdrv_ioc_remove_pages(encl, arg);
	case SOFTSGX_IOC_ENCLAVE_AUGMENT:
		return sgxdrv_ioc_augment(encl, arg);
	default:
		return -ENOTTY;
	}
}

/**
 * sgxdrv_ioctl() - entry point of all commands on /dev/sgx_enclave
 * @file: the open file
 * @cmd: SGX_IOC_ENCLAVE_*
 * @arg: user address of the argument structure
 *
 * The IOCTL bit makes the commands of one enclave exclude each other.
 *
 * Context: process context.
 * Return: 0, -EBUSY if another ioctl on this file is running, -EIO if the enclave has
 * been lost, -ENOTTY, or what the command returns.
 */
long sgxdrv_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sgxdrv_encl *encl = file->private_data;
	long ret;

	if (test_and_set_bit_lock(SGXDRV_ENCL_IOCTL, &encl->flags))
		return -EBUSY;

	if (test_bit(SGXDRV_ENCL_DEAD, &encl->flags))
		ret = -EIO;
	else
		ret = dispatch(encl, cmd, (void __user *)arg);

	clear_bit_unlock(SGXDRV_ENCL_IOCTL, &encl->flags);
	return ret;
}
