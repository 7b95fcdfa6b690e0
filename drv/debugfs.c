// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers about the driver: debugfs softsgx/.
 */
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "drv.h"
#include "encl.h"
#include "epc.h"
#include "inject.h"
#include "mapping.h"
#include "paging.h"

/* Pages that a walk looks at in one go */
#define WALK_BATCH	32

static struct dentry *root;	/* constant after load */

/**
 * struct walk - what the last walk has found
 * @encl: id of the enclave
 * @pages: pages looked at
 * @young: of these, used since the walk before
 * @ns: time it took
 *
 * All protected by @walk_lock.
 */
static struct walk {
	u64 encl;
	unsigned long pages;
	unsigned long young;
	u64 ns;
} last_walk;
static DEFINE_MUTEX(walk_lock);

static int sgxdrv_epc_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	seq_printf(m, "total_pages %lu\n", sgxdrv_epc_total());
	seq_printf(m, "free_pages %lu\n", sgxdrv_epc_free_pages());
	seq_printf(m, "enclaves %d\n", sgxdrv_encl_count());
	seq_printf(m, "lru_pages %lu\n", sgxdrv_lru_pages());
	for (i = 0; i < SGXDRV_NR_COUNTS; i++)
		seq_printf(m, "%s %ld\n", sgxdrv_count_names[i], sgxdrv_count_total(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sgxdrv_epc);

/* A line per memory node that has EPC */
static int sgxdrv_nodes_show(struct seq_file *m, void *unused)
{
	struct sgxdrv_node *node;
	unsigned int n;

	for (n = 0; n < sgxdrv_epc_nr_nodes(); n++) {
		node = sgxdrv_epc_node(n);
		seq_printf(m, "node %d total_pages %lu free_pages %lu lru_pages %lu evicted %ld\n",
			   node->nid, node->total, READ_ONCE(node->nr_free),
			   READ_ONCE(node->nr_lru), atomic_long_read(&node->evicted));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sgxdrv_nodes);

static int sgxdrv_enclaves_show(struct seq_file *m, void *unused)
{
	struct sgxdrv_encl *encl;
	u64 id = 0;

	sgxdrv_encl_show_line(m, NULL);
	while ((encl = sgxdrv_encl_get_next(id))) {
		id = encl->id + 1;
		sgxdrv_encl_show_line(m, encl);
		sgxdrv_encl_put(encl);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sgxdrv_enclaves);

struct batch {
	unsigned long addrs[WALK_BATCH];
	unsigned int nr;
};

static int collect(struct sgxdrv_encl_page *page, unsigned long addr, void *data)
{
	struct batch *batch = data;

	batch->addrs[batch->nr++] = addr;
	return batch->nr == WALK_BATCH;
}

/* As reclaim does it, but for all pages of the enclave */
static void age_all(struct sgxdrv_encl *encl, struct walk *walk)
{
	DECLARE_BITMAP(young, WALK_BATCH);
	unsigned long next = 0;
	struct batch batch;

	do {
		batch.nr = 0;
		sgxdrv_encl_walk_pages(encl, next, ULONG_MAX, collect, &batch);
		if (!batch.nr)
			break;
		sgxdrv_encl_age(encl, batch.addrs, batch.nr, young);
		walk->pages += batch.nr;
		walk->young += bitmap_weight(young, batch.nr);
		next = batch.addrs[batch.nr - 1] + PAGE_SIZE;
	} while (batch.nr == WALK_BATCH);
}

static void zap_all(struct sgxdrv_encl *encl, struct walk *walk)
{
	mutex_lock(&encl->lock);
	walk->pages = encl->nr_pages;
	sgxdrv_mapping_zap(encl, encl->base, encl->size);
	mutex_unlock(&encl->lock);
}

static int do_walk(u64 id, void (*fn)(struct sgxdrv_encl *encl, struct walk *walk))
{
	struct sgxdrv_encl *encl = sgxdrv_encl_get_next(id);
	struct walk walk = { .encl = id };
	int ret = -ENOENT;

	if (!encl)
		return -ENOENT;
	if (encl->id != id)
		goto put;

	walk.ns = ktime_get_ns();
	fn(encl, &walk);
	walk.ns = ktime_get_ns() - walk.ns;
	mutex_lock(&walk_lock);
	last_walk = walk;
	mutex_unlock(&walk_lock);
	ret = 0;
put:
	sgxdrv_encl_put(encl);
	return ret;
}

/* "age ID" or "zap ID" */
static ssize_t sgxdrv_walk_write(struct file *file, const char __user *user, size_t len,
				 loff_t *pos)
{
	char cmd[32] = {}, *arg = cmd, *verb;
	u64 id;
	int ret;

	if (len >= sizeof(cmd))
		return -EINVAL;
	if (copy_from_user(cmd, user, len))
		return -EFAULT;

	verb = strsep(&arg, " ");
	ret = kstrtou64(arg ?: "", 0, &id);
	if (ret)
		return ret;

	if (!strcmp(verb, "age"))
		ret = do_walk(id, age_all);
	else if (!strcmp(verb, "zap"))
		ret = do_walk(id, zap_all);
	else
		ret = -EINVAL;
	return ret ?: len;
}

static int sgxdrv_walk_show(struct seq_file *m, void *unused)
{
	mutex_lock(&walk_lock);
	seq_printf(m, "enclave %llu\n", last_walk.encl);
	seq_printf(m, "pages %lu\n", last_walk.pages);
	seq_printf(m, "young %lu\n", last_walk.young);
	seq_printf(m, "ns %llu\n", last_walk.ns);
	mutex_unlock(&walk_lock);
	return 0;
}

static int sgxdrv_walk_open(struct inode *inode, struct file *file)
{
	return single_open(file, sgxdrv_walk_show, NULL);
}

static const struct file_operations sgxdrv_walk_fops = {
	.owner		= THIS_MODULE,
	.open		= sgxdrv_walk_open,
	.read		= seq_read,
	.write		= sgxdrv_walk_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/* The driver works without debugfs, so errors do not matter. */
void __init sgxdrv_debugfs_init(void)
{
	root = debugfs_create_dir("softsgx", NULL);
	debugfs_create_file("epc", 0444, root, NULL, &sgxdrv_epc_fops);
	debugfs_create_file("nodes", 0444, root, NULL, &sgxdrv_nodes_fops);
	debugfs_create_file("enclaves", 0400, root, NULL, &sgxdrv_enclaves_fops);
	debugfs_create_file("walk", 0600, root, NULL, &sgxdrv_walk_fops);
	sgxdrv_inject_init(root);
	sgxdrv_corrupt_init(root);
}

void sgxdrv_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
