// SPDX-License-Identifier: GPL-2.0
/*
 * What the benchmark of paging needs in the kernel. Parameters, once loaded:
 *
 *	bound	reading it measures what no driver can do without: for each page the two
 *		operations of AES-GCM and the copies that EWB and ELDU are made of, as
 *		core/leaf_paging.c and cpu/seal.c have them. Nanoseconds for one page
 *	times	calls of the functions in the parameter probes, and nanoseconds in all that
 *		they were executing; writing to it starts again
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <crypto/aead.h>

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("SoftSGX: measurements for the benchmark of paging");

#define NR_PAGES	64	/* one after the other, as a walk over an enclave does it */
#define WARM_UP		16
#define KEY_SIZE	16
#define MAC_SIZE	16
#define AAD_SIZE	128
#define IV_SIZE		16

/* How long the task has waited for a CPU, which others had */
static u64 delay_of_current(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/* ------------------------------------------------------------------------- bound */

/**
 * struct bound - what the measurement works with
 * @cipher: as the processor has it
 * @req: its request
 * @epc: pages of the "EPC"
 * @out: where they go
 * @mac: their MACs
 * @scratch: page that EWB encrypts to
 * @text: AAD, IV and MAC of the operation at work
 */
struct bound {
	struct crypto_aead *cipher;
	struct aead_request *req;
	struct page *epc[NR_PAGES];
	struct page *out[NR_PAGES];
	u8 mac[NR_PAGES][MAC_SIZE];
	u8 *scratch;
	struct text {
		struct scatterlist src[3];
		struct scatterlist dst[3];
		u8 aad[AAD_SIZE];
		u8 iv[IV_SIZE];
		u8 mac[MAC_SIZE];
	} *text;
};

static void describe(struct text *text, struct scatterlist sg[3], u8 *page)
{
	sg_init_table(sg, 3);
	sg_set_buf(&sg[0], text->aad, AAD_SIZE);
	sg_set_buf(&sg[1], page, PAGE_SIZE);
	sg_set_buf(&sg[2], text->mac, MAC_SIZE);
}

static void prepare(struct bound *b, unsigned int number, u8 *from, u8 *to, unsigned int len)
{
	struct text *text = b->text;

	memset(text->iv, 0, IV_SIZE);
	memcpy(text->iv, &number, sizeof(number));
	describe(text, text->src, from);
	describe(text, text->dst, to);
	aead_request_set_callback(b->req, 0, NULL, NULL);
	aead_request_set_ad(b->req, AAD_SIZE);
	aead_request_set_crypt(b->req, text->src, from == to ? text->src : text->dst, len,
			       text->iv);
}

static int evict(struct bound *b, unsigned int i)
{
	u8 *mem = page_address(b->epc[i]);
	int ret;

	preempt_disable();
	prepare(b, i, mem, b->scratch, PAGE_SIZE);
	ret = crypto_aead_encrypt(b->req);
	memcpy(b->mac[i], b->text->mac, MAC_SIZE);
	memcpy(page_address(b->out[i]), b->scratch, PAGE_SIZE);
	memset(mem, 0, PAGE_SIZE);
	preempt_enable();
	return ret;
}

static int reload(struct bound *b, unsigned int i)
{
	u8 *mem = page_address(b->epc[i]);
	int ret;

	preempt_disable();
	memcpy(mem, page_address(b->out[i]), PAGE_SIZE);
	memcpy(b->text->mac, b->mac[i], MAC_SIZE);
	prepare(b, i, mem, mem, PAGE_SIZE + MAC_SIZE);
	ret = crypto_aead_decrypt(b->req);
	preempt_enable();
	return ret;
}

static int run(struct bound *b, unsigned int n)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++) {
		ret = evict(b, i);
		if (!ret)
			ret = reload(b, i);
		cond_resched();
	}
	return ret;
}

static void end(struct bound *b)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++) {
		if (b->epc[i])
			__free_page(b->epc[i]);
		if (b->out[i])
			__free_page(b->out[i]);
	}
	free_page((unsigned long)b->scratch);
	kfree(b->text);
	if (b->req)
		aead_request_free(b->req);
	crypto_free_aead(b->cipher);
}

static int begin(struct bound *b)
{
	u8 key[KEY_SIZE];
	unsigned int i;
	int ret;

	b->cipher = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(b->cipher))
		return PTR_ERR(b->cipher);
	get_random_bytes(key, sizeof(key));
	ret = crypto_aead_setkey(b->cipher, key, sizeof(key));
	if (!ret)
		ret = crypto_aead_setauthsize(b->cipher, MAC_SIZE);
	if (ret)
		goto err;

	ret = -ENOMEM;
	b->req = aead_request_alloc(b->cipher, GFP_KERNEL);
	b->text = kzalloc(sizeof(*b->text), GFP_KERNEL);
	b->scratch = (u8 *)__get_free_page(GFP_KERNEL);
	if (!b->req || !b->text || !b->scratch)
		goto err;
	for (i = 0; i < NR_PAGES; i++) {
		b->epc[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		b->out[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!b->epc[i] || !b->out[i])
			goto err;
	}
	return 0;

err:
	end(b);
	return ret;
}

static int get_bound(char *buf, const struct kernel_param *kp)
{
	struct bound *b = vzalloc(sizeof(*b));
	u64 ns, delay;
	int ret;

	if (!b)
		return -ENOMEM;
	ret = begin(b);
	if (ret)
		goto free;
	ret = run(b, WARM_UP);
	delay = delay_of_current();
	ns = ktime_get_ns();
	if (!ret)
		ret = run(b, NR_PAGES);
	ns = ktime_get_ns() - ns - (delay_of_current() - delay);
	end(b);
free:
	vfree(b);
	return ret ?: sysfs_emit(buf, "%llu\n", ns / NR_PAGES);
}

static const struct kernel_param_ops bound_ops = {
	.get	= get_bound,
};
module_param_cb(bound, &bound_ops, NULL, 0400);

/* ------------------------------------------------------------------------- times */

#define MAX_PROBES	24

static char *probes[MAX_PROBES];
static unsigned int nr_probes;
module_param_array(probes, charp, &nr_probes, 0400);
MODULE_PARM_DESC(probes, "Functions to take the time of");

static struct timed {
	struct kretprobe probe;
	atomic64_t calls;
	atomic64_t ns;
} timed[MAX_PROBES];

/* A call: when it began, and how long its task had waited for a CPU by then */
struct call {
	u64 start;
	u64 delay;
};

static int entered(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;

	call->delay = delay_of_current();
	call->start = ktime_get_ns();
	return 0;
}

NOKPROBE_SYMBOL(entered);

static int returned(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct timed *t = container_of(get_kretprobe(ri), struct timed, probe);
	u64 ns = ktime_get_ns() - call->start;

	atomic64_inc(&t->calls);
	atomic64_add(ns - (delay_of_current() - call->delay), &t->ns);
	return 0;
}

NOKPROBE_SYMBOL(returned);

static int set_times(const char *val, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < nr_probes; i++) {
		atomic64_set(&timed[i].calls, 0);
		atomic64_set(&timed[i].ns, 0);
	}
	return 0;
}

static int get_times(char *buf, const struct kernel_param *kp)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < nr_probes; i++)
		len += sysfs_emit_at(buf, len, "%s %lld %lld\n", probes[i],
				     atomic64_read(&timed[i].calls),
				     atomic64_read(&timed[i].ns));
	return len;
}

static const struct kernel_param_ops times_ops = {
	.set	= set_times,
	.get	= get_times,
};
module_param_cb(times, &times_ops, NULL, 0600);

static void unprobe(unsigned int n)
{
	while (n)
		unregister_kretprobe(&timed[--n].probe);
}

static int __init bench_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr_probes; i++) {
		timed[i].probe.kp.symbol_name = probes[i];
		timed[i].probe.entry_handler = entered;
		timed[i].probe.handler = returned;
		timed[i].probe.data_size = sizeof(struct call);
		timed[i].probe.maxactive = 128;
		ret = register_kretprobe(&timed[i].probe);
		if (ret) {
			pr_err("%s: no probe (%d)\n", probes[i], ret);
			unprobe(i);
			return ret;
		}
	}
	return 0;
}

static void __exit bench_exit(void)
{
	unprobe(nr_probes);
}

module_init(bench_init);
module_exit(bench_exit);
