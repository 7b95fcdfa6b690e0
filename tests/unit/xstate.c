// SPDX-License-Identifier: GPL-2.0
/*
 * Registers at random through exits and entries: what an enclave has had when it was
 * interrupted it has when it is resumed, in frames of all shapes. XSTATE_ROUNDS=N in
 * the environment for more than the default.
 */
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#define ROUNDS		50000
#define IMAGE		2696

/* A register file: what XRSTOR would load. Header and reserved areas stay zero. */
struct state {
	u8 b[IMAGE];
};

static const u64 xfrms[] = { 0x3, 0x7, 0x1f, 0xe7, 0xff, 0x203, 0x207, 0x2e7 };

static u64 seed = 1;

static u64 random64(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void fill(void *p, size_t n)
{
	u8 *b = p;

	for (; n >= 8; n -= 8, b += 8) {
		u64 r = random64();

		memcpy(b, &r, 8);
	}
	while (n--)
		*b++ = random64();
}

/* Bytes of component @x, in at most two pieces; MXCSR is nobody's */
static unsigned int pieces(const struct sgxcore_model *m, unsigned int x, u32 off[2], u32 len[2])
{
	if (x == 0) {
		off[0] = 0;
		len[0] = 24;
		off[1] = 32;
		len[1] = 128;
		return 2;
	}
	off[0] = x == 1 ? 160 : m->xstate_offset[x];
	len[0] = x == 1 ? 256 : m->xstate_size[x];
	return 1;
}

static void copy(const struct sgxcore_model *m, unsigned int x, u8 *dst, const u8 *src)
{
	u32 off[2], len[2];
	unsigned int i, n = pieces(m, x, off, len);

	for (i = 0; i < n; i++)
		memcpy(dst + off[i], src + off[i], len[i]);
}

static void initial(const struct sgxcore_model *m, unsigned int x, u8 *dst)
{
	u32 off[2], len[2];
	unsigned int i, n = pieces(m, x, off, len);

	for (i = 0; i < n; i++)
		memset(dst + off[i], 0, len[i]);
	if (x == 0)
		memcpy(dst, "\x7f\x03", 2);
}

/* What XRSTOR makes of an image */
static void load(const struct sgxcore_model *m, u64 xfrm, const u8 *image, struct state *s)
{
	unsigned int x;
	u64 bv;

	memset(s, 0, sizeof(*s));
	memcpy(&bv, image + 512, sizeof(bv));
	memcpy(s->b + 24, image + 24, 4);
	for (x = 0; x < 63; x++) {
		if (!(xfrm >> x & 1))
			continue;
		if (bv >> x & 1)
			copy(m, x, s->b, image);
		else
			initial(m, x, s->b);
	}
}

/* An image as XSAVE may write it; what it does not write is anything. */
static void random_image(u64 xfrm, u8 *image)
{
	u64 bv = random64() & random64() & 1 ? xfrm : random64() & xfrm;
	u32 mxcsr = random64() & 0xffff;

	fill(image, SGXCORE_XSAVE_MAX);
	memcpy(image + 24, &mxcsr, sizeof(mxcsr));
	memset(image + 512, 0, 64);
	memcpy(image + 512, &bv, sizeof(bv));
}

static void random_regs(struct sgxcore_regs *regs)
{
	fill(regs, sizeof(*regs));
	regs->flags = (random64() & 0x244ed5) | 0x202;
	regs->ip = RIG_CODE + random64() % SGX_PAGE_SIZE;
	regs->fsbase = random64() >> 17;
	regs->gsbase = random64() >> 17;
}

static struct sgxcore_event random_event(void)
{
	struct sgxcore_event ev = {
		.exception = random64() & 1, .vector = random64() % 20,
		.error_code = random64() & 0x801f, .addr = random64(),
	};

	return ev;
}

static u8 image[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));
static u8 loaded[SGXCORE_XSAVE_MAX] __attribute__((aligned(64)));

static void enter(struct rig *r, u32 leaf)
{
	struct sgxcore_entry e = { .xsave = loaded };

	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	r->regs.ip = RIG_IP;
	r->regs.fsbase = 0x7f0000001000;
	r->regs.gsbase = 0x7f0000002000;
	fill(loaded, sizeof(loaded));
	assert_ok(sgxcore_entry_prepare(&r->lp, leaf, &r->regs, &e));
	assert_ok(sgxcore_entry_commit(&r->lp, &e, &r->regs));
	assert_int_equal(leaf == SGX_ERESUME, e.restore);
}

/* Out and in again, perhaps deeper meanwhile */
static void round_trip(struct rig *r, u64 xfrm, unsigned int depth)
{
	struct sgxcore_event ev = random_event();
	struct sgxcore_regs before;
	struct state had, has;
	u8 synthetic[576];

	random_image(xfrm, image);
	load(&r->model, xfrm, image, &had);
	random_regs(&r->regs);
	before = r->regs;
	assert_true(sgxcore_aex(&r->lp, &ev, &r->regs, image, synthetic));
	assert_int_equal(0x7f0000001000, r->regs.fsbase);
	if (depth && random64() & 1) {
		enter(r, SGX_EENTER);
		round_trip(r, xfrm, depth - 1);
		r->regs.bx = RIG_IP;
		assert_ok(sgxcore_eexit(&r->lp, &r->regs));
	}
	r->regs.flags = 0x202;
	enter(r, SGX_ERESUME);
	load(&r->model, xfrm, loaded, &has);
	assert_memory_equal(&had, &has, sizeof(had));
	assert_memory_equal(&before, &r->regs, sizeof(before));
	/* Nothing may be left in an image that the next XRSTOR refuses. */
	assert_true(sgxcore_xsave_valid(&r->model, xfrm, loaded));
}

static void same_after_resume(void **state)
{
	const char *env = getenv("XSTATE_ROUNDS");
	unsigned long n = env ? strtoul(env, NULL, 0) : ROUNDS;
	const unsigned int nr = sizeof(xfrms) / sizeof(*xfrms);
	unsigned long i;
	unsigned int k;

	(void)state;
	for (k = 0; k < nr * 2; k++) {
		struct rig *r = rig_new();

		/* The XSAVE area ends in the page of GPRSGX, or far below. */
		rig_enclave(r, xfrms[k % nr], k < nr ? 1 : 3, 4, 0);
		enter(r, SGX_EENTER);
		for (i = 0; i < n / (nr * 2); i++)
			round_trip(r, xfrms[k % nr], 2);
		rig_assert_unlocked(r);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_after_resume),
	};

	return cmocka_run_group_tests_name("xstate", tests, NULL, NULL);
}
