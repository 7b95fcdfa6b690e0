// SPDX-License-Identifier: GPL-2.0
/*
 * driver.c of the kernel's SGX driver, with a way out.
 */
#include "sgx/driver.c"

#include "intree.h"

void intree_driver_exit(void)
{
	misc_deregister(&sgx_dev_enclave);
}
