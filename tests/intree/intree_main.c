// SPDX-License-Identifier: GPL-2.0
/*
 * main.c of the kernel's SGX driver, with a way out.
 */
#include "sgx/main.c"

#include <linux/mmu_notifier.h>

#include "intree.h"

#ifdef CONFIG_DEBUG_VM
/* Not exported. Assertions on the way to their BUG() call it. */
void dump_mm(const struct mm_struct *mm)
{
	pr_emerg("mm %p\n", mm);
}
#endif

static int __init intree_init(void)
{
	int ret = intree_walk_init();

	if (ret)
		return ret;
	ret = sgx_init();
	if (ret)
		intree_walk_exit();
	return ret;
}

static void __exit intree_exit(void)
{
	int i;

	intree_driver_exit();
	misc_deregister(&sgx_dev_provision);
	intree_walk_exit();
	kthread_stop(ksgxd_tsk);
	mmu_notifier_synchronize();
	for (i = 0; i < sgx_nr_epc_sections; i++)
		vfree(sgx_epc_sections[i].pages);
	xa_destroy(&sgx_epc_address_space);
	kfree(sgx_numa_nodes);
}

module_init(intree_init);
module_exit(intree_exit);
MODULE_DESCRIPTION("The kernel's own SGX driver, for tests of the software processor");
MODULE_LICENSE("GPL");
