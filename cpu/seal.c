// SPDX-License-Identifier: GPL-2.0
/*
 * AES-128-GCM for evicted pages, by the kernel's crypto API. The fastest cipher may be
 * an asynchronous one, so the leaves that use it sleep. They are how memory becomes
 * free: requests and pages to encrypt to have reserves.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crypto.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <crypto/aead.h>

#include "cpu.h"

static char *cipher = "gcm(aes)";
module_param(cipher, charp, 0444);
MODULE_PARM_DESC(cipher, "Driver of gcm(aes) for evicted pages, as /proc/crypto names it (default: the kernel's choice)");

#define KEY_SIZE	16
#define RESERVE		8	/* leaves that get on when memory is short */

/**
 * struct seal - what one leaf encrypts or decrypts with
 * @wait: for an asynchronous cipher
 * @src: AAD, page, tag
 * @dst: the same, with another page
 * @iv: copy
 * @aad: copy, since the core's may be on a stack, which scatterlists cannot describe
 * @mac: likewise
 * @req: followed by the cipher's context
 */
struct seal {
	struct crypto_wait wait;
	struct scatterlist src[3];
	struct scatterlist dst[3];
	u8 iv[16];
	u8 aad[sizeof_field(struct sgxcore_gcm, aad)];
	u8 mac[sizeof_field(struct sgxcore_gcm, mac)];
	struct aead_request req;
};

/* Constant after load */
static struct crypto_aead *tfm;
static mempool_t *seals;
static mempool_t *pages;

/**
 * sgxcpu_seal_page() - a page for EWB to encrypt to
 *
 * Context: process context, may sleep. To be given to sgxcpu_seal_page_free().
 * Return: the page; there always is one.
 */
u8 *sgxcpu_seal_page(void)
{
	return page_address(mempool_alloc(pages, GFP_KERNEL));
}

void sgxcpu_seal_page_free(u8 *page)
{
	mempool_free(virt_to_page(page), pages);
}

/**
 * sgxcpu_seal_driver() - which implementation is in use
 *
 * Return: its name, as in /proc/crypto.
 */
const char *sgxcpu_seal_driver(void)
{
	return crypto_tfm_alg_driver_name(crypto_aead_tfm(tfm));
}

static void describe(struct seal *s, struct scatterlist sg[3], u8 *page)
{
	sg_init_table(sg, 3);
	sg_set_buf(&sg[0], s->aad, sizeof(s->aad));
	sg_set_buf(&sg[1], page, PAGE_SIZE);
	sg_set_buf(&sg[2], s->mac, sizeof(s->mac));
}

static struct seal *prepare(const struct sgxcore_gcm *g, const u8 *from, u8 *to, unsigned int len)
{
	const u32 flags = CRYPTO_TFM_REQ_MAY_BACKLOG | CRYPTO_TFM_REQ_MAY_SLEEP;
	struct seal *s = mempool_alloc(seals, GFP_KERNEL);

	memcpy(s->iv, g->iv, sizeof(g->iv));
	memcpy(s->aad, g->aad, sizeof(g->aad));
	memcpy(s->mac, g->mac, sizeof(g->mac));
	describe(s, s->src, (u8 *)from);
	describe(s, s->dst, to);
	crypto_init_wait(&s->wait);
	aead_request_set_tfm(&s->req, tfm);
	aead_request_set_callback(&s->req, flags, crypto_req_done, &s->wait);
	aead_request_set_ad(&s->req, sizeof(s->aad));
	aead_request_set_crypt(&s->req, s->src, from == to ? s->src : s->dst, len, s->iv);
	return s;
}

/* The context of the cipher may tell something about the key. */
static void done(struct seal *s)
{
	memzero_explicit(s, sizeof(*s) + crypto_aead_reqsize(tfm));
	mempool_free(s, seals);
}

bool sgxcpu_gcm_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *to)
{
	struct seal *s = prepare(g, plain, to, PAGE_SIZE);
	int ret;

	ret = crypto_wait_req(crypto_aead_encrypt(&s->req), &s->wait);
	memcpy(g->mac, s->mac, sizeof(g->mac));
	done(s);
	if (ret)
		pr_err_ratelimited("encryption failed (%d)\n", ret);
	return !ret;
}

enum sgxcore_unsealed sgxcpu_gcm_decrypt(const struct sgxcore_gcm *g, u8 *data)
{
	struct seal *s = prepare(g, data, data, PAGE_SIZE + sizeof(g->mac));
	int ret;

	ret = crypto_wait_req(crypto_aead_decrypt(&s->req), &s->wait);
	done(s);
	if (ret == -EBADMSG)
		return SGXCORE_BAD_MAC;
	if (ret) {
		pr_err_ratelimited("decryption failed (%d)\n", ret);
		return SGXCORE_UNSEAL_FAILED;
	}
	return SGXCORE_UNSEALED;
}

/* Nobody keeps the key; it dies with the module. */
static int set_key(void)
{
	u8 key[KEY_SIZE];
	int ret;

	get_random_bytes(key, sizeof(key));
	ret = crypto_aead_setkey(tfm, key, sizeof(key));
	memzero_explicit(key, sizeof(key));
	return ret ?: crypto_aead_setauthsize(tfm, sizeof_field(struct sgxcore_gcm, mac));
}

static int alloc_tfm(void)
{
	tfm = crypto_alloc_aead(cipher, 0, 0);
	if (IS_ERR(tfm)) {
		pr_err("no cipher %s: are the modules gcm, ctr and ghash_generic there?\n", cipher);
		return PTR_ERR(tfm);
	}
	if (!strcmp(crypto_tfm_alg_name(crypto_aead_tfm(tfm)), "gcm(aes)"))
		return 0;
	pr_err("cipher=%s is not gcm(aes)\n", cipher);
	crypto_free_aead(tfm);
	return -EINVAL;
}

static int alloc_pools(void)
{
	size_t size = sizeof(struct seal) + crypto_aead_reqsize(tfm);

	seals = mempool_create_kmalloc_pool(RESERVE, size);
	pages = mempool_create_page_pool(RESERVE, 0);
	return seals && pages ? 0 : -ENOMEM;
}

int sgxcpu_seal_init(void)
{
	int ret;

	ret = alloc_tfm();
	if (ret)
		return ret;
	ret = set_key() ?: alloc_pools();
	if (ret) {
		sgxcpu_seal_exit();
		return ret;
	}
	pr_info("evicted pages are encrypted by %s\n", sgxcpu_seal_driver());
	return 0;
}

void sgxcpu_seal_exit(void)
{
	mempool_destroy(pages);
	mempool_destroy(seals);
	crypto_free_aead(tfm);
}
