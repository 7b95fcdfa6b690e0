// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that come about after EINIT: where an enclave, or its program, reaches for a page
 * that does not exist, EAUG adds one. Whether it is of any use is for the enclave to
 * say: it has to accept it.
 *
 * Look-up and EAUG are one step under the enclave lock, so of two threads that reach for
 * the same page one adds it and the other one finds it.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "drv.h"
#include "encls.h"
#include "epc.h"
#include "inject.h"
#include "paging.h"
#include "trace.h"

#define MAX_GROWTH	64
#define FIRST_GROWTH	4	/* pages that are added to begin with */
#define CPUID12_SGX2	BIT(1)

static int sgxdrv_set_batch(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, MAX_GROWTH);
}

static const struct kernel_param_ops batch_ops = {
	.set	= sgxdrv_set_batch,
	.get	= param_get_uint,
};

static unsigned int augment_batch = MAX_GROWTH;
module_param_cb(augment_batch, &batch_ops, &augment_batch, 0644);
MODULE_PARM_DESC(augment_batch, "Pages that one fault may add to a growing enclave (64)");

static bool has_sgx2;		/* constant after load */

/* Can enclaves change after EINIT? */
bool sgxdrv_has_sgx2(void)
{
	return has_sgx2;
}

void __init sgxdrv_augment_init(void)
{
	u32 cpuid[4];

	sgxcpu_cpuid12(0, cpuid);
	has_sgx2 = cpuid[0] & CPUID12_SGX2;
}

static bool may_add(const struct sgxdrv_encl *encl, unsigned long addr)
{
	return has_sgx2 && test_bit(SGXDRV_ENCL_INITIALIZED, &encl->flags) &&
	       addr - encl->base < encl->size;
}

static bool comes_by_itself(struct sgxdrv_encl *encl, unsigned long addr)
{
	return may_add(encl, addr) && !mtree_load(&encl->manual, PFN_DOWN(addr - encl->base));
}

static int eaug(struct sgxdrv_encl *encl, struct sgxdrv_epc_page *epc, unsigned long addr)
{
	struct sgx_pageinfo pginfo __aligned(32) = {
		.linaddr = addr,
		.secs = (unsigned long)encl->secs.epc->addr,
	};
	unsigned int tries = 0;
	int ret;

	do {
		ret = sgxdrv_eaug(&pginfo, epc->addr);
	} while (sgxcpu_faulted(ret) && sgxdrv_leaf_again(&tries));
	return ret ? -EIO : 0;
}

/* The EPC page is @page's if this works. */
static int add_record(struct sgxdrv_encl *encl, struct sgxdrv_encl_page *page,
		      struct sgxdrv_epc_page *epc)
{
	unsigned long index = PFN_DOWN(page->addr - encl->base);
	int ret;

	ret = sgxdrv_should_fail() ? -ENOMEM : xa_reserve(&encl->pages, index, GFP_KERNEL);
	if (ret)
		return ret;
	ret = eaug(encl, epc, page->addr);
	if (ret)
		goto err_release;
	page->epc = epc;
	ret = sgxdrv_encl_link(encl, page);
	if (!WARN_ON_ONCE(ret))
		return 0;
	/* Only one who is not inside can give it back. It stays out of circulation. */
err_release:
	xa_release(&encl->pages, index);
	return ret;
}

static struct sgxdrv_encl_page *add_page(struct sgxdrv_encl *encl, unsigned long addr,
					 struct sgxdrv_epc_page *epc)
{
	struct sgxdrv_encl_page *page;
	int ret;

	page = sgxdrv_encl_page_alloc(encl, addr, VM_READ | VM_WRITE | VM_EXEC, SGX_PT_REG);
	if (!page)
		return ERR_PTR(-ENOMEM);
	ret = add_record(encl, page, epc);
	trace_sgxdrv_augment(encl->id, addr, ret);
	if (!ret)
		return page;
	sgxdrv_encl_page_free(page);
	return ERR_PTR(ret);
}

/* The SECS is resident, and there is no page. */
static struct sgxdrv_encl_page *augment_one(struct sgxdrv_encl *encl, unsigned long addr,
					    struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl_page *page;
	struct sgxdrv_epc_page *epc;

	lockdep_assert_held(&encl->lock);

	if (!sgxdrv_va_try_reserve(encl)) {
		wait->want = SGXDRV_WANT_SLOT;
		return ERR_PTR(-EAGAIN);
	}
	epc = sgxdrv_encl_take_epc(encl, wait);
	if (!epc) {
		sgxdrv_va_cancel(encl);
		return ERR_PTR(-EAGAIN);
	}
	page = add_page(encl, addr, epc);
	if (IS_ERR(page)) {
		sgxdrv_epc_put(epc);
		sgxdrv_va_cancel(encl);
		return page;
	}
	sgxdrv_count(encl, SGXDRV_COUNT_EAUG, 1);
	return page;
}

/**
 * sgxdrv_augment() - add the page that somebody reaches for
 * @encl: the enclave
 * @addr: linear address of the page, which does not exist
 * @wait: as for sgxdrv_encl_make_resident()
 *
 * Context: process context, enclave lock held.
 * Return: the page; ERR_PTR(-EFAULT) if none may come about there, or EAUG does not work;
 * otherwise as sgxdrv_encl_make_resident().
 */
struct sgxdrv_encl_page *sgxdrv_augment(struct sgxdrv_encl *encl, unsigned long addr,
					struct sgxdrv_wait *wait)
{
	int ret;

	lockdep_assert_held(&encl->lock);

	if (!comes_by_itself(encl, addr))
		return ERR_PTR(-EFAULT);
	ret = sgxdrv_encl_make_secs_resident(encl, wait);
	if (ret)
		return ERR_PTR(ret);
	sgxdrv_delay_for(SGXDRV_DELAY_AUGMENT, encl->id);
	return augment_one(encl, addr, wait);
}

/* Who goes on where the last pages ended gets twice as many. */
static unsigned int growth_at(const struct sgxdrv_encl *encl, unsigned long addr)
{
	unsigned int n = addr == encl->grown ? 2 * encl->growth : FIRST_GROWTH;

	return min(n, READ_ONCE(augment_batch));
}

/**
 * sgxdrv_augment_more() - add pages that somebody will reach for soon
 * @encl: the enclave
 * @addr: of the page that has just been added
 * @end: of the mapping
 *
 * As long as the EPC is plentiful and there are no pages yet.
 *
 * Context: process context, enclave lock held.
 */
void sgxdrv_augment_more(struct sgxdrv_encl *encl, unsigned long addr, unsigned long end)
{
	unsigned int n, max = growth_at(encl, addr);
	struct sgxdrv_wait none = {};

	lockdep_assert_held(&encl->lock);

	for (n = 1; n < max; n++) {
		addr += PAGE_SIZE;
		if (addr >= end || !comes_by_itself(encl, addr) || !sgxdrv_epc_is_plentiful() ||
		    sgxdrv_encl_lookup(encl, addr) || IS_ERR(augment_one(encl, addr, &none)))
			break;
	}
	encl->grown = n < max ? addr : addr + PAGE_SIZE;
	encl->growth = n;
}

/**
 * struct fill - pages for a range
 * @encl: the enclave
 * @addr: linear address of the first one
 * @len: in bytes
 * @done: in bytes: there are pages that far
 * @insist: also if others have to go
 */
struct fill {
	struct sgxdrv_encl *encl;
	unsigned long addr;
	unsigned long len;
	unsigned long done;
	bool insist;
};

static int fill_one(struct fill *fill, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = fill->encl;
	unsigned long addr = fill->addr + fill->done;
	int ret;

	lockdep_assert_held(&encl->lock);

	if (sgxdrv_encl_lookup(encl, addr))
		return 0;
	if (!may_add(encl, addr))
		return -EFAULT;
	if (!fill->insist && !sgxdrv_epc_is_plentiful())
		return -ENOSPC;
	ret = sgxdrv_encl_make_secs_resident(encl, wait);
	return ret ? ret : PTR_ERR_OR_ZERO(augment_one(encl, addr, wait));
}

static int fill_some(struct fill *fill, struct sgxdrv_wait *wait)
{
	struct sgxdrv_encl *encl = fill->encl;
	unsigned int i;
	int ret = 0;

	if (mutex_lock_killable(&encl->lock))
		return -EINTR;
	for (i = 0; i < SGXDRV_BATCH_MAX && fill->done < fill->len; i++) {
		ret = fill_one(fill, wait);
		if (ret)
			break;
		fill->done += PAGE_SIZE;
	}
	mutex_unlock(&encl->lock);
	cond_resched();
	return ret;
}

/**
 * sgxdrv_augment_range() - have pages in a range
 * @encl: the enclave
 * @addr: linear address of the first one
 * @len: size of the range in bytes
 * @insist: also if others have to go; otherwise as long as the EPC is plentiful
 * @done: written: size of the part, in bytes, in which there are pages now
 *
 * Context: process context, may sleep; no lock held.
 * Return: 0; -ENOSPC if the EPC is not plentiful; -EFAULT outside ELRANGE, or before INIT;
 * -EINTR if there is a signal, but not before the first pages have been added; -ENOMEM;
 * -EIO if a leaf fails or the enclave is dead.
 */
int sgxdrv_augment_range(struct sgxdrv_encl *encl, unsigned long addr, unsigned long len,
			 bool insist, unsigned long *done)
{
	struct fill fill = { .encl = encl, .addr = addr, .len = len, .insist = insist };
	struct sgxdrv_wait wait = {};
	int ret = 0;

	while (!ret && fill.done < len) {
		ret = fill_some(&fill, &wait);
		if (ret == -EAGAIN)
			ret = sgxdrv_encl_wait(encl, &wait);
		else if (!ret && fill.done < len && signal_pending(current))
			ret = -EINTR;
	}
	sgxdrv_encl_wait_end(&wait);
	*done = fill.done;
	return ret;
}
