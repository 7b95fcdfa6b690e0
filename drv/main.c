// SPDX-License-Identifier: GPL-2.0
/*
 * SGX driver for the software SGX processor: order of start and stop.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "drv.h"
#include "encl.h"
#include "encl_mm.h"
#include "epc.h"
#include "limit.h"
#include "mapping.h"

static int __init sgxdrv_module_init(void)
{
	int ret;

	sgxdrv_augment_init();
	ret = sgxdrv_epc_init();
	if (ret)
		return ret;

	ret = sgxdrv_limit_init();
	if (ret)
		goto err_epc_exit;

	ret = sgxdrv_mapping_init();
	if (ret)
		goto err_epc_exit;

	ret = sgxdrv_encl_init();
	if (ret)
		goto err_mapping_exit;

	ret = sgxdrv_reclaim_init();
	if (ret)
		goto err_encl_exit;

	ret = sgxdrv_walk_init();
	if (ret)
		goto err_reclaim_exit;

	sgxdrv_debugfs_init();
	sgxdrv_merge_init();

	ret = sgxdrv_dev_init();
	if (ret)
		goto err_merge_exit;

	pr_info("%lu EPC pages\n", sgxdrv_epc_total());
	return 0;

err_merge_exit:
	sgxdrv_merge_exit();
	sgxdrv_debugfs_exit();
	sgxdrv_walk_exit();
err_reclaim_exit:
	sgxdrv_reclaim_exit();
err_encl_exit:
	sgxdrv_encl_exit();
err_mapping_exit:
	sgxdrv_mapping_exit();
err_epc_exit:
	sgxdrv_epc_exit();
	return ret;
}

static void __exit sgxdrv_module_exit(void)
{
	sgxdrv_dev_exit();
	sgxdrv_merge_exit();
	sgxdrv_debugfs_exit();
	sgxdrv_walk_exit();
	sgxdrv_reclaim_exit();
	sgxdrv_encl_exit();
	sgxdrv_track_exit();
	sgxdrv_mapping_exit();
	sgxdrv_epc_exit();
}

module_init(sgxdrv_module_init);
module_exit(sgxdrv_module_exit);

MODULE_DESCRIPTION("SGX driver for the software SGX processor softsgx_cpu");
MODULE_LICENSE("GPL");
