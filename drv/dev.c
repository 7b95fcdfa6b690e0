// SPDX-License-Identifier: GPL-2.0
/*
 * The device nodes /dev/sgx_enclave and /dev/sgx_provision.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "drv.h"
#include "encl.h"
#include "mapping.h"

static int sgxdrv_open(struct inode *inode, struct file *file)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_alloc();

	if (IS_ERR(encl))
		return PTR_ERR(encl);

	file->private_data = encl;
	sgxdrv_mapping_attach(encl, file);
	return 0;
}

static int sgxdrv_release(struct inode *inode, struct file *file)
{
	sgxdrv_encl_end(file->private_data);
	return 0;
}

static void sgxdrv_show_fdinfo(struct seq_file *m, struct file *file)
{
	sgxdrv_encl_show(m, file->private_data);
}

static const struct file_operations encl_fops = {
	.owner			= THIS_MODULE,
	.open			= sgxdrv_open,
	.release		= sgxdrv_release,
	.unlocked_ioctl		= sgxdrv_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	.mmap			= sgxdrv_mmap,
	.get_unmapped_area	= sgxdrv_get_unmapped_area,
	.show_fdinfo		= sgxdrv_show_fdinfo,
	.fadvise		= sgxdrv_fadvise,
};

/* An open file of this device is the permission; there is nothing to do with it. */
static const struct file_operations provision_fops = {
	.owner			= THIS_MODULE,
};

static struct miscdevice encl_dev = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "sgx_enclave",
	.nodename	= "sgx_enclave",
	.mode		= 0666,
	.fops		= &encl_fops,
};

static struct miscdevice provision_dev = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "sgx_provision",
	.nodename	= "sgx_provision",
	.mode		= 0660,
	.fops		= &provision_fops,
};

/**
 * sgxdrv_is_encl_file() - is this an open /dev/sgx_enclave?
 * @file: an open file; the caller holds a reference
 *
 * Context: any.
 */
bool sgxdrv_is_encl_file(const struct file *file)
{
	return file->f_op == &encl_fops;
}

/**
 * sgxdrv_is_provision_file() - is this an open /dev/sgx_provision?
 * @file: an open file; the caller holds a reference
 *
 * Context: any.
 */
bool sgxdrv_is_provision_file(const struct file *file)
{
	return file->f_op == &provision_fops;
}

/**
 * sgxdrv_dev_init() - make the device nodes, the last step of loading
 *
 * Return: 0, or an error of misc_register(): -EBUSY if a name is taken.
 */
int __init sgxdrv_dev_init(void)
{
	int ret;

	ret = misc_register(&provision_dev);
	if (ret)
		return ret;

	ret = misc_register(&encl_dev);
	if (ret)
		goto err_deregister_provision;
	return 0;

err_deregister_provision:
	misc_deregister(&provision_dev);
	return ret;
}

void sgxdrv_dev_exit(void)
{
	misc_deregister(&encl_dev);
	misc_deregister(&provision_dev);
}
