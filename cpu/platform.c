// SPDX-License-Identifier: GPL-2.0
/*
 * What is different in each processor: its secrets, made of a seed, and how new its
 * microcode is; and AES-128-CMAC, with which keys are derived from them.
 *
 * Leaves run with preemption off and may not allocate, so each CPU has a cipher of its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <crypto/hash.h>

#include "cpu.h"

MODULE_SOFTDEP("pre: gcm ctr ghash_generic cmac");

#define KEY_SIZE	16
#define SEED_SIZE	32

/* Any text; read by root only, as it stands for all secrets. */
static char *seed;
module_param(seed, charp, 0400);
MODULE_PARM_DESC(seed, "Text that all keys are made of (random)");

static char *owner_epoch = "";
module_param(owner_epoch, charp, 0400);
MODULE_PARM_DESC(owner_epoch, "Text that keys of the owner are made of, too (empty)");

static int cpusvn_set(const char *val, const struct kernel_param *kp)
{
	u64 value;
	int ret = kstrtou64(val, 0, &value);

	if (!ret)
		WRITE_ONCE(sgxcpu_package.platform.cpusvn, value);
	return ret;
}

static int cpusvn_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%llu\n", READ_ONCE(sgxcpu_package.platform.cpusvn));
}

static const struct kernel_param_ops cpusvn_ops = { .set = cpusvn_set, .get = cpusvn_get };

module_param_cb(cpusvn, &cpusvn_ops, NULL, 0644);
MODULE_PARM_DESC(cpusvn, "CPUSVN: keys are to be had up to this version (1)");

struct mac {
	struct crypto_shash *tfm;
	struct shash_desc *desc;
};

static DEFINE_PER_CPU(struct mac, macs);

bool sgxcpu_cmac(const u8 key[16], const void *data, size_t n, u8 mac[16])
{
	struct mac *m = this_cpu_ptr(&macs);
	int ret;

	lockdep_assert_preemption_disabled();
	ret = crypto_shash_setkey(m->tfm, key, KEY_SIZE);
	if (!ret)
		ret = crypto_shash_digest(m->desc, data, n, mac);
	if (ret)
		pr_err_ratelimited("CMAC failed (%d)\n", ret);
	return !ret;
}

static int mac_alloc(struct mac *m)
{
	int ret;

	m->tfm = crypto_alloc_shash("cmac(aes)", 0, 0);
	if (IS_ERR(m->tfm)) {
		ret = PTR_ERR(m->tfm);
		m->tfm = NULL;
		pr_err("no cmac(aes): is the module cmac there?\n");
		return ret;
	}
	m->desc = kzalloc(sizeof(*m->desc) + crypto_shash_descsize(m->tfm), GFP_KERNEL);
	if (!m->desc)
		return -ENOMEM;
	m->desc->tfm = m->tfm;
	return 0;
}

static void mac_free(struct mac *m)
{
	kfree_sensitive(m->desc);
	m->desc = NULL;
	if (m->tfm)
		crypto_free_shash(m->tfm);
	m->tfm = NULL;
}

/* The seed is as good as the processor: nobody needs to find it in memory. */
static void take_seed(void)
{
	u8 random[SEED_SIZE];

	if (seed && *seed) {
		sgxcore_platform_init(&sgxcpu_package, seed, strlen(seed));
		return;
	}
	get_random_bytes(random, sizeof(random));
	sgxcore_platform_init(&sgxcpu_package, random, sizeof(random));
	memzero_explicit(random, sizeof(random));
}

static void take_owner_epoch(void)
{
	u8 hash[32];

	sgxcore_sha256(sgxcpu_package.crypto, owner_epoch, strlen(owner_epoch), hash);
	memcpy(sgxcpu_package.platform.owner_epoch, hash,
	       sizeof(sgxcpu_package.platform.owner_epoch));
}

/* After sgxcpu_encls_init(), which brings SHA-256 */
int sgxcpu_platform_init(void)
{
	int cpu, ret;

	for_each_possible_cpu(cpu) {
		ret = mac_alloc(&per_cpu(macs, cpu));
		if (ret)
			goto err;
	}
	take_seed();
	take_owner_epoch();
	get_random_bytes(sgxcpu_package.platform.report_keyid,
			 sizeof(sgxcpu_package.platform.report_keyid));
	return 0;

err:
	sgxcpu_platform_exit();
	return ret;
}

void sgxcpu_platform_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		mac_free(&per_cpu(macs, cpu));
	memzero_explicit(&sgxcpu_package.platform, sizeof(sgxcpu_package.platform));
}
