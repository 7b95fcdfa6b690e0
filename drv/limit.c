// SPDX-License-Identifier: GPL-2.0
/*
 * How much of the EPC an enclave and a user may have, and how many enclaves a user may.
 *
 * At a limit the pages of the same enclave or user are evicted. Pages that cannot be
 * evicted, VA pages and the SECS of an enclave before INIT, have limits that are always
 * on, or a few users could fill the EPC with those. They come out of a pool of half the
 * EPC, and no user may have more than is left in it: one gets half of it, two a third
 * each, and the next one always finds something. The rest of the EPC is for pages that
 * move, those that an asynchronous exit needs among them, except for a reserve of which
 * privileged users may pin a part.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "encl.h"
#include "epc.h"
#include "inject.h"
#include "limit.h"

#define POOL_SHARE	2	/* of the EPC: for pages that stay */
#define RESERVE_SHARE	4	/* of the EPC: the same, for privileged users */
#define MIN_POOL	16

/*
 * With fewer pages one instruction could need more than there are, and never end: SECS,
 * VA page, TCS, two of an SSA frame, two of code, two of a stack, two each of a source
 * and of a destination.
 */
#define MIN_PAGES	13UL

#define MAX_ENCLS	1024

static unsigned long share(unsigned int percent)
{
	return sgxdrv_epc_total() * percent / 100;
}

/* Before the EPC is known, sgxdrv_limit_init() has the say. */
static int check_share(const char *name, unsigned int percent)
{
	if (!sgxdrv_epc_total() || share(percent) >= MIN_PAGES)
		return 0;
	pr_err("%s=%u: %lu of %lu EPC pages are not enough, an enclave needs %lu to get on\n",
	       name, percent, share(percent), sgxdrv_epc_total(), MIN_PAGES);
	return -EINVAL;
}

static int sgxdrv_set_percent(const char *val, const struct kernel_param *kp)
{
	unsigned int percent;
	int ret;

	ret = kstrtouint(val, 0, &percent);
	if (!ret && (percent < 1 || percent > 100))
		ret = -EINVAL;
	if (!ret)
		ret = check_share(kp->name, percent);
	return ret ? ret : param_set_uint(val, kp);
}

static const struct kernel_param_ops percent_ops = {
	.set	= sgxdrv_set_percent,
	.get	= param_get_uint,
};

static unsigned int encl_limit = 100;
module_param_cb(encl_limit, &percent_ops, &encl_limit, 0644);
MODULE_PARM_DESC(encl_limit, "Percentage of the EPC that one enclave may take (100)");

static unsigned int user_limit = 100;
module_param_cb(user_limit, &percent_ops, &user_limit, 0644);
MODULE_PARM_DESC(user_limit, "Percentage of the EPC that the enclaves of one user may take (100)");

static unsigned int user_encls = MAX_ENCLS;
module_param(user_encls, uint, 0644);
MODULE_PARM_DESC(user_encls, "Number of enclaves that one user may have (1024)");

/* Of all users */
static atomic_long_t nr_pinned, nr_stuck;

/**
 * struct sgxdrv_user - who has opened enclaves
 * @list: in @users; protected by @users_lock
 * @uid: constant
 * @ref: one for each enclave; goes to 0 under @users_lock
 * @pages: EPC pages of all his enclaves
 * @pinned: of these, those that cannot be evicted
 * @stuck: of these, those that could not be evicted for want of memory
 * @encls_stuck: enclaves that have such pages
 */
struct sgxdrv_user {
	struct list_head list;
	kuid_t uid;
	refcount_t ref;
	atomic_long_t pages;
	atomic_long_t pinned;
	atomic_long_t stuck;
	atomic_long_t encls_stuck;
};

static DEFINE_MUTEX(users_lock);
static LIST_HEAD(users);	/* protected by @users_lock */

static struct sgxdrv_user *user_of(kuid_t uid)
{
	struct sgxdrv_user *user;

	lockdep_assert_held(&users_lock);

	list_for_each_entry(user, &users, list) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

static struct sgxdrv_user *add_user(kuid_t uid)
{
	struct sgxdrv_user *user;

	lockdep_assert_held(&users_lock);

	user = sgxdrv_should_fail() ? NULL : kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return ERR_PTR(-ENOMEM);
	user->uid = uid;
	refcount_set(&user->ref, 1);
	list_add(&user->list, &users);
	return user;
}

static bool may_have_more(const struct sgxdrv_user *user)
{
	return refcount_read(&user->ref) < READ_ONCE(user_encls) || capable(CAP_SYS_RESOURCE);
}

/**
 * sgxdrv_user_get() - count one more enclave of the current user
 *
 * Context: process context, may sleep; sgxdrv_epc_user_get() also waits for teardowns.
 * Return: the account with a reference; ERR_PTR(-ENOMEM); ERR_PTR(-EMFILE) if the user has
 * too many enclaves, those that are being torn down included.
 */
struct sgxdrv_user *sgxdrv_user_get(void)
{
	struct sgxdrv_user *user;

	mutex_lock(&users_lock);
	user = user_of(current_uid());
	if (!user)
		user = add_user(current_uid());
	else if (may_have_more(user))
		refcount_inc(&user->ref);
	else
		user = ERR_PTR(-EMFILE);
	mutex_unlock(&users_lock);
	return user;
}

void sgxdrv_user_put(struct sgxdrv_user *user)
{
	if (!refcount_dec_and_mutex_lock(&user->ref, &users_lock))
		return;
	list_del(&user->list);
	mutex_unlock(&users_lock);
	kfree(user);
}

static unsigned long encl_share(void)
{
	return share(READ_ONCE(encl_limit));
}

/* However many enclaves the user has, each of them gets on. */
static unsigned long user_share(const struct sgxdrv_user *user)
{
	return max(share(READ_ONCE(user_limit)), refcount_read(&user->ref) * MIN_PAGES);
}

static bool charge(atomic_long_t *pages, unsigned long limit)
{
	if (atomic_long_inc_return(pages) <= limit)
		return true;
	atomic_long_dec(pages);
	return false;
}

/**
 * sgxdrv_charge() - account for one more EPC page
 * @encl: whose
 *
 * Context: any.
 * Return: false if the enclave or its user is at the limit.
 */
bool sgxdrv_charge(struct sgxdrv_encl *encl)
{
	if (!charge(&encl->nr_epc, encl_share()))
		return false;
	if (charge(&encl->user->pages, user_share(encl->user)))
		return true;
	atomic_long_dec(&encl->nr_epc);
	return false;
}

void sgxdrv_uncharge(struct sgxdrv_encl *encl)
{
	atomic_long_dec(&encl->nr_epc);
	atomic_long_dec(&encl->user->pages);
}

/* All of the EPC is no limit. */
static bool is_at_limit(const atomic_long_t *pages, unsigned long limit)
{
	return limit < sgxdrv_epc_total() && atomic_long_read(pages) >= limit;
}

/**
 * sgxdrv_limit_of() - who would have to evict a page first?
 * @encl: the enclave that wants one
 * @target: written: whose pages must go; all NULL if any will do
 *
 * Context: any.
 */
void sgxdrv_limit_of(struct sgxdrv_encl *encl, struct sgxdrv_target *target)
{
	*target = (struct sgxdrv_target){};
	if (is_at_limit(&encl->nr_epc, encl_share()))
		target->encl = encl;
	else if (is_at_limit(&encl->user->pages, user_share(encl->user)))
		target->user = encl->user;
}

/* Are the pages of @encl among those that must go? */
bool sgxdrv_target_has(const struct sgxdrv_target *target, const struct sgxdrv_encl *encl)
{
	if (target->encl)
		return target->encl == encl;
	return !target->user || target->user == encl->user;
}

/* Pages of a target in the EPC */
unsigned long sgxdrv_target_pages(const struct sgxdrv_target *target)
{
	if (target->encl)
		return atomic_long_read(&target->encl->nr_epc);
	return target->user ? atomic_long_read(&target->user->pages) : sgxdrv_lru_pages();
}

static bool may_pin(const struct sgxdrv_user *user, unsigned long mine, unsigned long all)
{
	unsigned long total = sgxdrv_epc_total();
	unsigned long pool = max_t(unsigned long, total / POOL_SHARE, MIN_POOL);

	if (mine + all <= pool)
		return true;
	return uid_eq(user->uid, GLOBAL_ROOT_UID) && mine <= total / RESERVE_SHARE &&
	       all <= pool + total / RESERVE_SHARE;
}

/**
 * sgxdrv_pin() - account for an EPC page that cannot be evicted, if that is allowed now
 * @encl: whose; it is also charged as any page is
 *
 * Context: any; sgxdrv_epc_pin() is for those who can wait.
 * Return: 0, or -ENOMEM if the user, or all together, have too many of these.
 */
int sgxdrv_pin(struct sgxdrv_encl *encl)
{
	unsigned long mine = atomic_long_inc_return(&encl->user->pinned);
	unsigned long all = atomic_long_inc_return(&nr_pinned);

	if (may_pin(encl->user, mine, all))
		return 0;
	sgxdrv_unpin(encl);
	return -ENOMEM;
}

void sgxdrv_unpin(struct sgxdrv_encl *encl)
{
	atomic_long_dec(&nr_pinned);
	atomic_long_dec(&encl->user->pinned);
}

/**
 * sgxdrv_stick() - account for EPC pages that cannot be evicted for want of memory
 * @encl: whose
 * @pages: how many there are, 0 when they can
 *
 * Context: RECLAIM bit held, or nothing else knows the enclave.
 */
void sgxdrv_stick(struct sgxdrv_encl *encl, long pages)
{
	atomic_long_add(pages - encl->stuck, &encl->user->stuck);
	atomic_long_add(pages - encl->stuck, &nr_stuck);
	atomic_long_add(!!pages - !!encl->stuck, &encl->user->encls_stuck);
	encl->stuck = pages;
}

/**
 * sgxdrv_sticks_too_much() - are pages that are stuck more than may stay?
 * @encl: an enclave that has such pages
 *
 * They count beside those that stay by their nature. Of several enclaves of a user it is
 * not one of the small ones.
 *
 * Context: any.
 */
bool sgxdrv_sticks_too_much(struct sgxdrv_encl *encl)
{
	struct sgxdrv_user *user = encl->user;

	if (encl->stuck * atomic_long_read(&user->encls_stuck) < atomic_long_read(&user->stuck))
		return false;
	return !may_pin(user, atomic_long_read(&user->pinned) + atomic_long_read(&user->stuck),
			atomic_long_read(&nr_pinned) + atomic_long_read(&nr_stuck));
}

/**
 * sgxdrv_limit_init() - check the limits, once the size of the EPC is known
 *
 * Return: 0, or -EINVAL if an enclave could not get on, which a line in the log explains.
 */
int __init sgxdrv_limit_init(void)
{
	return check_share("encl_limit", encl_limit) ?: check_share("user_limit", user_limit);
}
