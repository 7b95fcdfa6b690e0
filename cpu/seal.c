// SPDX-License-Identifier: GPL-2.0
/*
 * AES-128-GCM for evicted pages, by the kernel's crypto API. A leaf runs with
 * preemption off and may not allocate, so each CPU has its request and its buffers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <crypto/aead.h>

#include "cpu.h"

#define KEY_SIZE	16

/**
 * struct seal - what one CPU encrypts with
 * @req: request of the synchronous cipher
 * @page: for EWB to encrypt to
 * @src: AAD, page, tag
 * @dst: the same, with another page
 * @iv: copy
 * @aad: copy, since the core's may be on a stack, which scatterlists cannot describe
 * @mac: likewise
 */
struct seal {
	struct aead_request *req;
	u8 *page;
	struct scatterlist src[3];
	struct scatterlist dst[3];
	u8 iv[16];
	u8 aad[sizeof_field(struct sgxcore_gcm, aad)];
	u8 mac[sizeof_field(struct sgxcore_gcm, mac)];
};

static struct crypto_aead *cipher;
/* Not percpu memory: scatterlists want the linear mapping. */
static DEFINE_PER_CPU(struct seal *, seals);

u8 *sgxcpu_seal_scratch(void)
{
	return this_cpu_read(seals)->page;
}

static void describe(struct seal *s, struct scatterlist sg[3], u8 *page)
{
	sg_init_table(sg, 3);
	sg_set_buf(&sg[0], s->aad, sizeof(s->aad));
	sg_set_buf(&sg[1], page, PAGE_SIZE);
	sg_set_buf(&sg[2], s->mac, sizeof(s->mac));
}

static void prepare(struct seal *s, const struct sgxcore_gcm *g, const u8 *from, u8 *to,
		    unsigned int len)
{
	memcpy(s->iv, g->iv, sizeof(g->iv));
	memcpy(s->aad, g->aad, sizeof(g->aad));
	memcpy(s->mac, g->mac, sizeof(g->mac));
	describe(s, s->src, (u8 *)from);
	describe(s, s->dst, to);
	aead_request_set_callback(s->req, 0, NULL, NULL);
	aead_request_set_ad(s->req, sizeof(s->aad));
	aead_request_set_crypt(s->req, s->src, from == to ? s->src : s->dst, len, s->iv);
}

bool sgxcpu_gcm_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *to)
{
	struct seal *s = this_cpu_read(seals);
	int ret;

	lockdep_assert_preemption_disabled();
	prepare(s, g, plain, to, PAGE_SIZE);
	ret = crypto_aead_encrypt(s->req);
	if (ret) {
		pr_err_ratelimited("encryption failed (%d)\n", ret);
		return false;
	}
	memcpy(g->mac, s->mac, sizeof(g->mac));
	return true;
}

enum sgxcore_unsealed sgxcpu_gcm_decrypt(const struct sgxcore_gcm *g, u8 *data)
{
	struct seal *s = this_cpu_read(seals);
	int ret;

	lockdep_assert_preemption_disabled();
	prepare(s, g, data, data, PAGE_SIZE + sizeof(s->mac));
	ret = crypto_aead_decrypt(s->req);
	if (ret == -EBADMSG)
		return SGXCORE_BAD_MAC;
	if (ret) {
		pr_err_ratelimited("decryption failed (%d)\n", ret);
		return SGXCORE_UNSEAL_FAILED;
	}
	return SGXCORE_UNSEALED;
}

static void seal_free(struct seal *s)
{
	if (!s)
		return;
	aead_request_free(s->req);
	free_page((unsigned long)s->page);
	kfree_sensitive(s);
}

static struct seal *seal_alloc(void)
{
	struct seal *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->req = aead_request_alloc(cipher, GFP_KERNEL);
	s->page = (u8 *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	if (s->req && s->page)
		return s;
	seal_free(s);
	return NULL;
}

/* Nobody keeps the key; it dies with the module. */
static int set_key(void)
{
	u8 key[KEY_SIZE];
	int ret;

	get_random_bytes(key, sizeof(key));
	ret = crypto_aead_setkey(cipher, key, sizeof(key));
	memzero_explicit(key, sizeof(key));
	return ret ?: crypto_aead_setauthsize(cipher, sizeof_field(struct sgxcore_gcm, mac));
}

int sgxcpu_seal_init(void)
{
	int cpu, ret;

	/* The mask says no to ciphers that would answer later. */
	cipher = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(cipher)) {
		pr_err("no synchronous gcm(aes): are the modules gcm, ctr and ghash_generic there?\n");
		return PTR_ERR(cipher);
	}
	ret = set_key();
	if (ret)
		goto err;

	ret = -ENOMEM;
	for_each_possible_cpu(cpu) {
		per_cpu(seals, cpu) = seal_alloc();
		if (!per_cpu(seals, cpu))
			goto err;
	}
	return 0;

err:
	sgxcpu_seal_exit();
	return ret;
}

void sgxcpu_seal_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		seal_free(per_cpu(seals, cpu));
		per_cpu(seals, cpu) = NULL;
	}
	crypto_free_aead(cipher);
}
