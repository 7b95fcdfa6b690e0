// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl.c of the kernel's SGX driver. On hardware the processor looks into the EPCM at
 * each TLB miss. Here page table entries stand for that, so they go after commands that
 * take rights away.
 */
#include <linux/uaccess.h>

/* Only where it is defined: a name that is not followed by a bracket stays. */
#define sgx_ioctl(...) sgx_ioctl_of_kernel(__VA_ARGS__)
#include "sgx/ioctl.c"
#undef sgx_ioctl

struct pages {
	u64 offset;
	u64 length;
};

static void zap(struct sgx_encl *encl, const struct pages *range)
{
	u64 done;

	if (range->offset >= encl->size || range->length > encl->size - range->offset)
		return;
	for (done = 0; done < range->length; done += PAGE_SIZE)
		sgx_zap_enclave_ptes(encl, encl->base + range->offset + done);
}

long sgx_ioctl(struct file *filep, unsigned int cmd, unsigned long arg)
{
	bool changes = cmd == SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS ||
		       cmd == SGX_IOC_ENCLAVE_MODIFY_TYPES;
	struct pages range = {};
	long ret;

	/* The first two fields of either parameter */
	if (changes && copy_from_user(&range, (void __user *)arg, sizeof(range)))
		return -EFAULT;
	ret = sgx_ioctl_of_kernel(filep, cmd, arg);
	if (changes)
		zap(filep->private_data, &range);
	return ret;
}
