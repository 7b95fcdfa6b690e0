/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits of EPC pages, for enclaves and users.
 */
#ifndef _DRV_LIMIT_H
#define _DRV_LIMIT_H

#include <linux/types.h>

struct sgxdrv_encl;
struct sgxdrv_user;

/**
 * struct sgxdrv_target - whose pages are to be evicted
 * @encl: those of this enclave
 * @user: those of this user
 *
 * All NULL: anybody's.
 */
struct sgxdrv_target {
	struct sgxdrv_encl *encl;
	struct sgxdrv_user *user;
};

int sgxdrv_limit_init(void);

struct sgxdrv_user *sgxdrv_user_get(void);
void sgxdrv_user_put(struct sgxdrv_user *user);

bool sgxdrv_charge(struct sgxdrv_encl *encl);
void sgxdrv_uncharge(struct sgxdrv_encl *encl);
void sgxdrv_limit_of(struct sgxdrv_encl *encl, struct sgxdrv_target *target);
bool sgxdrv_target_has(const struct sgxdrv_target *target, const struct sgxdrv_encl *encl);
unsigned long sgxdrv_target_pages(const struct sgxdrv_target *target);
void sgxdrv_stick(struct sgxdrv_encl *encl, long pages);
bool sgxdrv_sticks_too_much(struct sgxdrv_encl *encl);
int sgxdrv_pin(struct sgxdrv_encl *encl);
void sgxdrv_unpin(struct sgxdrv_encl *encl);

#endif /* _DRV_LIMIT_H */
