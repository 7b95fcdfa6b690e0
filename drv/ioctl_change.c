// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS and SGX_IOC_ENCLAVE_MODIFY_TYPES
 *
 * Both change pages one by one and then, once for all of them, take away page table
 * entries and have every thread that is inside interrupted. Until that is done the
 * enclave cannot accept the change.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <uapi/asm/sgx.h>

#include "drv.h"
#include "encls.h"
#include "epc.h"
#include "mapping.h"
#include "paging.h"
#include "trace.h"

/**
 * struct change - a command at work
 * @encl: the enclave
 * @addr: linear address of the first page
 * @len: in bytes
 * @done: in bytes
 * @result: what the leaf said of the page after these
 * @secinfo: its operand
 * @one: changes a page; enclave lock held, page resident
 */
struct change {
	struct sgxdrv_encl *encl;
	unsigned long addr;
	unsigned long len;
	unsigned long done;
	u64 result;
	struct sgx_secinfo secinfo __aligned(64);
	int (*one)(struct change *c, struct sgxdrv_encl_page *page);
};

static int leaf_errno(struct change *c, int ret)
{
	if (ret && !sgxcpu_faulted(ret))
		c->result = ret;
	return ret ? -EFAULT : 0;
}

static int restrict_one(struct change *c, struct sgxdrv_encl_page *page)
{
	unsigned int tries = 0;
	int ret;

	if (page->type != SGX_PT_REG)
		return -EINVAL;
	do {
		ret = sgxdrv_emodpr(&c->secinfo, page->epc->addr);
	} while (sgxdrv_is_conflict(ret) && sgxdrv_leaf_again(&tries));
	return leaf_errno(c, ret);
}

static u8 new_type(const struct change *c)
{
	return (c->secinfo.flags & SGX_SECINFO_PAGE_TYPE_MASK) >> SGX_SECINFO_PAGE_TYPE_SHIFT;
}

/* A TCS has to be mapped read-write, and nothing else, to be entered. */
static int check_type(const struct sgxdrv_encl_page *page, u8 type)
{
	const unsigned long rw = VM_READ | VM_WRITE;

	if (page->type != SGX_PT_REG && (page->type != SGX_PT_TCS || type != SGX_PT_TRIM))
		return -EINVAL;
	if (type == SGX_PT_TCS && (page->max_prot & rw) != rw)
		return -EPERM;
	return 0;
}

static int modify_one(struct change *c, struct sgxdrv_encl_page *page)
{
	unsigned int tries = 0;
	u8 type = new_type(c);
	int ret;

	ret = check_type(page, type);
	if (ret)
		return ret;
	do {
		ret = sgxdrv_emodt(&c->secinfo, page->epc->addr);
	} while (sgxdrv_is_conflict(ret) && sgxdrv_leaf_again(&tries));
	if (!ret) {
		page->type = type;
		if (type == SGX_PT_TCS)
			page->max_prot = VM_READ | VM_WRITE;
	}
	return leaf_errno(c, ret);
}

static int change_one(struct change *c, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = c->encl;
	struct sgxdrv_encl_page *page;
	int ret;

	lockdep_assert_held(&encl->lock);

	page = sgxdrv_encl_lookup(encl, c->addr + c->done);
	if (!page)
		return -EFAULT;
	ret = sgxdrv_encl_make_resident(encl, page, wait);
	return ret ? ret : c->one(c, page);
}

static int change_some(struct change *c, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = c->encl;
	unsigned int i;
	int ret = 0;

	if (mutex_lock_killable(&encl->lock))
		return -EINTR;
	for (i = 0; i < SGXDRV_BATCH_MAX && c->done < c->len; i++) {
		ret = change_one(c, wait);
		if (ret)
			break;
		c->done += PAGE_SIZE;
	}
	mutex_unlock(&encl->lock);
	cond_resched();
	return ret;
}

static int change_all(struct change *c)
{
	struct sgxdrv_wait wait = {};
	int ret = 0;

	while (!ret && c->done < c->len) {
		ret = change_some(c, &wait);
		if (ret == -EAGAIN)
			ret = sgxdrv_encl_wait(c->encl, &wait);
		else if (!ret && c->done < c->len && signal_pending(current))
			ret = -EINTR;
	}
	sgxdrv_encl_wait_end(&wait);
	return ret == -ENOMEM ? -EFAULT : ret;
}

/*
 * Entries that allow more than the EPCM does now go, and so do translations. If the SECS
 * is not there no page is, and each has been tracked on its way out.
 */
static int shoot_down(struct change *c)
{
	struct sgxdrv_encl *encl = c->encl;
	int ret = 0;

	sgxdrv_mapping_zap(encl, c->addr, c->done);
	mutex_lock(&encl->lock);
	if (encl->secs.state == SGXDRV_PAGE_RESIDENT)
		ret = sgxdrv_encl_etrack(encl, encl->ioctl_cpus);
	mutex_unlock(&encl->lock);
	return ret ? -EFAULT : 0;
}

/*
 * Pages that are changed but cannot be accepted count as not done. A signal ends the work
 * after some pages: never with none, so a caller who is interrupted all the time gets on.
 */
static int change(struct change *c)
{
	int ret = change_all(c), late = 0;

	if (c->done)
		late = shoot_down(c);
	if (late)
		c->done = 0;
	trace_sgxdrv_change(c->encl->id, c->addr, c->done, c->secinfo.flags, late ?: ret);
	return late ?: ret;
}

static int check_state(const struct sgxdrv_encl *encl)
{
	if (!sgxdrv_has_sgx2())
		return -ENODEV;
	return test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags) ? 0 : -EINVAL;
}

/* Is this anything that a page may be restricted to? */
static bool is_restriction(u64 permissions)
{
	if (permissions & ~SGX_SECINFO_PERMISSION_MASK)
		return false;
	return (permissions & SGX_SECINFO_R) || !(permissions & SGX_SECINFO_W);
}

/**
 * sgxdrv_ioc_restrict_permissions() - EMODPR for pages
 * @encl: the enclave
 * @arg: struct sgx_enclave_restrict_permissions in user memory
 *
 * Result and count are written back once the arguments have been found valid.
 *
 * Context: process context, IOCTL bit held.
 * Return: 0; -ENODEV without SGX2; -EINVAL before INIT, for bad arguments, and for pages
 * that are not REG; -EFAULT; -EINTR if there was a signal after some pages; -EIO.
 */
long sgxdrv_ioc_restrict_permissions(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_restrict_permissions params;
	struct change c = { .encl = encl, .one = restrict_one };
	int ret;

	ret = check_state(encl);
	if (ret)
		return ret;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;
	if (sgxdrv_check_range(encl, params.offset, params.length))
		return -EINVAL;
	if (!is_restriction(params.permissions) || params.result || params.count)
		return -EINVAL;

	c.addr = encl->base + params.offset;
	c.len = params.length;
	c.secinfo.flags = params.permissions;
	ret = change(&c);
	params.result = c.result;
	params.count = c.done;
	return copy_to_user(arg, &params, sizeof(params)) ? -EFAULT : ret;
}

static bool is_new_type(u64 type)
{
	return type == SGX_PT_TCS || type == SGX_PT_TRIM;
}

/**
 * sgxdrv_ioc_modify_types() - EMODT for pages
 * @encl: the enclave
 * @arg: struct sgx_enclave_modify_types in user memory
 *
 * Context: process context, IOCTL bit held.
 * Return: as sgxdrv_ioc_restrict_permissions(), but -EINVAL for types that the page cannot
 * change to, and -EPERM for a TCS out of a page that was not read-write.
 */
long sgxdrv_ioc_modify_types(struct sgxdrv_encl *encl, void __user *arg)
{
	struct sgx_enclave_modify_types params;
	struct change c = { .encl = encl, .one = modify_one };
	int ret;

	ret = check_state(encl);
	if (ret)
		return ret;
	if (copy_from_user(&params, arg, sizeof(params)))
		return -EFAULT;
	if (sgxdrv_check_range(encl, params.offset, params.length))
		return -EINVAL;
	if (params.page_type & ~0xffULL || params.result || params.count)
		return -EINVAL;

	c.addr = encl->base + params.offset;
	c.len = params.length;
	c.secinfo.flags = params.page_type << SGX_SECINFO_PAGE_TYPE_SHIFT;
	ret = is_new_type(params.page_type) ? change(&c) : -EINVAL;
	params.result = c.result;
	params.count = c.done;
	return copy_to_user(arg, &params, sizeof(params)) ? -EFAULT : ret;
}
