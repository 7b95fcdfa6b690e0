// SPDX-License-Identifier: GPL-2.0
/*
 * How much of the EPC an enclave and a user may have.
 *
 * Who is at a limit goes on by evicting pages of his own. Pages that cannot be
 * evicted, VA pages and the SECS of an enclave before INIT, have a limit for each user
 * that is always on: whoever fills the EPC with those would lock all others out.
 */
#include <linux/atomic.h>
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

#define PINNED_SHARE	4	/* of the EPC: at most for pages that stay */
#define MIN_PINNED	8
#define MIN_PAGES	4UL	/* SECS, VA page, and what one instruction needs */

static int sgxdrv_set_percent(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 100);
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

/**
 * struct sgxdrv_user - who has opened enclaves
 * @list: in @users; protected by @users_lock
 * @uid: constant
 * @ref: one for each enclave; goes to 0 under @users_lock
 * @pages: EPC pages of all his enclaves
 * @pinned: of these, those that cannot be evicted
 */
struct sgxdrv_user {
	struct list_head list;
	kuid_t uid;
	refcount_t ref;
	atomic_long_t pages;
	atomic_long_t pinned;
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
		return NULL;
	user->uid = uid;
	refcount_set(&user->ref, 1);
	list_add(&user->list, &users);
	return user;
}

/**
 * sgxdrv_user_get() - the account of the current user
 *
 * Context: process context, may sleep.
 * Return: the account with a reference, or NULL without memory.
 */
struct sgxdrv_user *sgxdrv_user_get(void)
{
	struct sgxdrv_user *user;

	mutex_lock(&users_lock);
	user = user_of(current_uid());
	if (user)
		refcount_inc(&user->ref);
	else
		user = add_user(current_uid());
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

static unsigned long share(unsigned int percent)
{
	return max(sgxdrv_epc_total() * percent / 100, MIN_PAGES);
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
	if (!charge(&encl->nr_epc, share(READ_ONCE(encl_limit))))
		return false;
	if (charge(&encl->user->pages, share(READ_ONCE(user_limit))))
		return true;
	atomic_long_dec(&encl->nr_epc);
	return false;
}

void sgxdrv_uncharge(struct sgxdrv_encl *encl)
{
	atomic_long_dec(&encl->nr_epc);
	atomic_long_dec(&encl->user->pages);
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
	if (atomic_long_read(&encl->nr_epc) >= share(READ_ONCE(encl_limit)))
		target->encl = encl;
	else if (atomic_long_read(&encl->user->pages) >= share(READ_ONCE(user_limit)))
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

/**
 * sgxdrv_pin() - account for an EPC page that cannot be evicted, if that is allowed now
 * @encl: whose; it is also charged as any page is
 *
 * Context: any; sgxdrv_epc_pin() is for those who can wait.
 * Return: 0, or -ENOMEM if the user has too many of these.
 */
int sgxdrv_pin(struct sgxdrv_encl *encl)
{
	unsigned long limit = max_t(unsigned long, sgxdrv_epc_total() / PINNED_SHARE, MIN_PINNED);

	return charge(&encl->user->pinned, limit) ? 0 : -ENOMEM;
}

void sgxdrv_unpin(struct sgxdrv_encl *encl)
{
	atomic_long_dec(&encl->user->pinned);
}
