// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of evicted pages, changed as somebody could who controls it: debugfs
 * softsgx/corrupt. Part of the fault injection for tests.
 *
 *	data ID ADDR		flip a bit of the contents
 *	pcmd ID ADDR		flip a bit of the PCMD
 *	swap ID ADDR ADDR2	exchange contents and PCMD of two pages
 *	save ID ADDR		remember contents and PCMD of a page
 *	restore ID ADDR		put them back where they were
 *	truncate ID ADDR	free the memory for the contents
 *
 * All for pages that are evicted just now; ADDR is a linear address, 0 the SECS.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <arch/sgx_arch.h>

#include "encl.h"
#include "inject.h"
#include "paging.h"

#define LINE_MAX	96
#define BIT_OF_DATA	(123 * 8 + 4)
#define BYTE_OF_MAC	(sizeof(struct sgx_pcmd) - 1)

struct image {
	u8 data[PAGE_SIZE];
	u8 pcmd[sizeof(struct sgx_pcmd)];
};

/* Scratch, and the page that has been saved; under @lock */
static struct image images[2], saved;
static DEFINE_MUTEX(lock);

/* @out: from the memory to @image */
static int copy(struct sgxdrv_encl_page *page, struct image *image, bool out)
{
	struct sgxdrv_backing backing;
	void *data, *pcmd;
	int ret;

	lockdep_assert_held(&page->encl->lock);

	ret = sgxdrv_backing_get(page, &backing, 0);
	if (ret)
		return ret;
	data = kmap_local_page(backing.data);
	pcmd = kmap_local_page(backing.pcmd) + backing.pcmd_offset;
	memcpy(out ? image->data : data, out ? data : image->data, sizeof(image->data));
	memcpy(out ? image->pcmd : pcmd, out ? pcmd : image->pcmd, sizeof(image->pcmd));
	kunmap_local(pcmd);
	kunmap_local(data);
	sgxdrv_backing_put(&backing, !out);
	return 0;
}

static int flip(struct sgxdrv_encl_page *page, size_t byte)
{
	struct image *image = &images[0];
	int ret = copy(page, image, true);

	if (ret)
		return ret;
	((u8 *)image)[byte] ^= 1 << (BIT_OF_DATA % 8);
	return copy(page, image, false);
}

static int flip_data(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	return flip(page, BIT_OF_DATA / 8);
}

static int flip_pcmd(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	return flip(page, offsetof(struct image, pcmd) + BYTE_OF_MAC);
}

static int swap_pages(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	int ret;

	if (!other)
		return -EINVAL;
	ret = copy(page, &images[0], true);
	if (!ret)
		ret = copy(other, &images[1], true);
	if (!ret)
		ret = copy(page, &images[1], false);
	return ret ? ret : copy(other, &images[0], false);
}

static int save(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	return copy(page, &saved, true);
}

static int restore(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	return copy(page, &saved, false);
}

static int truncate_page(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other)
{
	sgxdrv_backing_drop(page, 1);
	return 0;
}

typedef int (*corrupt_fn)(struct sgxdrv_encl_page *page, struct sgxdrv_encl_page *other);

static const struct {
	const char *verb;
	corrupt_fn fn;
} verbs[] = {
	{ "data", flip_data },
	{ "pcmd", flip_pcmd },
	{ "swap", swap_pages },
	{ "save", save },
	{ "restore", restore },
	{ "truncate", truncate_page },
};

static corrupt_fn find_verb(const char *verb)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(verb, verbs[i].verb))
			return verbs[i].fn;
	}
	return NULL;
}

/* Returns an ERR_PTR() if there is no such page, or it is somewhere else. */
static struct sgxdrv_encl_page *evicted_page(struct sgxdrv_encl *encl, u64 addr)
{
	struct sgxdrv_encl_page *page = addr ? sgxdrv_encl_lookup(encl, addr) : &encl->secs;

	if (!page)
		return ERR_PTR(-ENOENT);
	return page->state == SGXDRV_PAGE_EVICTED ? page : ERR_PTR(-EBUSY);
}

static int corrupt_locked(struct sgxdrv_encl *encl, corrupt_fn fn, const u64 *addrs,
			  unsigned int nr)
{
	struct sgxdrv_encl_page *page = evicted_page(encl, addrs[0]), *other = NULL;

	if (nr > 1)
		other = evicted_page(encl, addrs[1]);
	if (IS_ERR(page))
		return PTR_ERR(page);
	if (IS_ERR(other))
		return PTR_ERR(other);
	return fn(page, other);
}

static int corrupt(u64 id, corrupt_fn fn, const u64 *addrs, unsigned int nr)
{
	struct sgxdrv_encl *encl = sgxdrv_encl_get_next(id);
	int ret = -ENOENT;

	if (!encl)
		return ret;
	if (encl->id == id) {
		mutex_lock(&lock);
		mutex_lock(&encl->lock);
		ret = corrupt_locked(encl, fn, addrs, nr);
		mutex_unlock(&encl->lock);
		mutex_unlock(&lock);
	}
	sgxdrv_encl_put(encl);
	return ret;
}

/* Returns how many there were, or -EINVAL. */
static int parse_numbers(char *text, u64 *numbers, unsigned int max)
{
	unsigned int n;
	char *word;

	for (n = 0; (word = strsep(&text, " ")); n++) {
		if (n == max || kstrtou64(word, 0, &numbers[n]))
			return -EINVAL;
	}
	return n;
}

static ssize_t sgxdrv_corrupt_write(struct file *file, const char __user *user, size_t len,
				    loff_t *pos)
{
	char line[LINE_MAX] = {}, *rest = line, *verb;
	u64 numbers[3];
	corrupt_fn fn;
	int nr, ret;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, user, len))
		return -EFAULT;
	verb = strsep(&rest, " ");
	fn = find_verb(verb);
	nr = rest ? parse_numbers(rest, numbers, ARRAY_SIZE(numbers)) : 0;
	if (!fn || nr < 2 || (nr > 2 && fn != swap_pages))
		return -EINVAL;
	ret = corrupt(numbers[0], fn, numbers + 1, nr - 1);
	return ret ? ret : len;
}

static const struct file_operations sgxdrv_corrupt_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= sgxdrv_corrupt_write,
	.llseek	= noop_llseek,
};

/**
 * sgxdrv_corrupt_init() - make the file
 * @dir: where
 */
void __init sgxdrv_corrupt_init(struct dentry *dir)
{
	debugfs_create_file("corrupt", 0200, dir, NULL, &sgxdrv_corrupt_fops);
}
