// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers about the driver: debugfs softsgx/.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "drv.h"
#include "encl.h"
#include "epc.h"
#include "inject.h"

static struct dentry *root;	/* constant after load */

static int sgxdrv_epc_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "total_pages %lu\n", sgxdrv_epc_total());
	seq_printf(m, "free_pages %lu\n", sgxdrv_epc_free_pages());
	seq_printf(m, "enclaves %d\n", sgxdrv_encl_count());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sgxdrv_epc);

/* The driver works without debugfs, so errors do not matter. */
void __init sgxdrv_debugfs_init(void)
{
	root = debugfs_create_dir("softsgx", NULL);
	debugfs_create_file("epc", 0444, root, NULL, &sgxdrv_epc_fops);
	sgxdrv_inject_init(root);
}

void sgxdrv_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
