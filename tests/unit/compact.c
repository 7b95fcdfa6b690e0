// SPDX-License-Identifier: GPL-2.0
/*
 * XSAVEC and XRSTOR of compacted images: headers that are none, a plain model of the
 * format, and the CPU itself, if it has XSAVEC.
 */
#include <cpuid.h>
#include <signal.h>

#include "rig.h"

#define ROUNDS		4000
#define AREA		16384
#define COMPACTED	(1ULL << 63)
#define HEADER		512

/* An operand in memory, with pages that cannot be accessed */
struct area {
	struct sgxcore_memory m;
	u8 *bytes;
	u32 bad;		/* page index; ~0: none */
	u32 reads[AREA];
};

static u8 area_bytes[AREA] __attribute__((aligned(64)));
static u8 image[AREA] __attribute__((aligned(64)));
static struct area area;

static struct sgxcore_outcome check(const struct area *a, u32 offset, u32 n, u32 code)
{
	assert_true(n && offset < AREA && n <= AREA - offset);
	if (offset / 4096 <= a->bad && a->bad <= (offset + n - 1) / 4096)
		return sgxcore_pf(a->bad * 4096, code);
	return sgxcore_ok();
}

static struct sgxcore_outcome read_area(const struct sgxcore_memory *m, u32 offset, void *buf,
					u32 n)
{
	struct area *a = (struct area *)m;
	struct sgxcore_outcome out = check(a, offset, n, SGX_PFEC_U);

	if (out.kind == SGXCORE_OK) {
		memcpy(buf, a->bytes + offset, n);
		for (u32 i = offset; i < offset + n; i++)
			a->reads[i]++;
	}
	return out;
}

static struct sgxcore_outcome write_area(const struct sgxcore_memory *m, u32 offset,
					 const void *buf, u32 n)
{
	const struct area *a = (const struct area *)m;
	struct sgxcore_outcome out = check(a, offset, n, SGX_PFEC_U | SGX_PFEC_W);

	if (out.kind == SGXCORE_OK)
		memcpy(a->bytes + offset, buf, n);
	return out;
}

static void fresh_area(u8 fill)
{
	area.m = (struct sgxcore_memory){ .read = read_area, .write = write_area };
	area.bytes = area_bytes;
	area.bad = ~0U;
	memset(area.reads, 0, sizeof(area.reads));
	memset(area_bytes, fill, AREA);
	memset(image, 0, AREA);
}

static void set_header(u64 xstate_bv, u64 xcomp_bv)
{
	memset(area_bytes + HEADER, 0, 64);
	memcpy(area_bytes + HEADER, &xstate_bv, 8);
	memcpy(area_bytes + HEADER + 8, &xcomp_bv, 8);
	memset(area_bytes + 26, 0, 2);		/* MXCSR */
}

static struct sgxcore_outcome restore(struct rig *r, u64 xfrm, u64 rfbm)
{
	bool compacted;
	struct sgxcore_outcome out = sgxcore_xrstor(&r->model, xfrm, rfbm & xfrm, image, &area.m,
						    &compacted);

	assert_true(compacted || out.kind != SGXCORE_OK);
	return out;
}

static u64 word(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void random_bytes(u8 *p, size_t n)
{
	while (n--)
		*p++ = random() >> 8;
}

/* --------------------------------------------------------------------- negative */

static void bad_headers(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	fresh_area(0x11);
	set_header(7, 7 | COMPACTED);
	assert_ok(restore(r, 7, 7));
	/* Not only what is asked for counts. */
	assert_gp(restore(r, 3, 3));
	for (i = 2; i < 63; i++) {
		set_header(3, 3 | 1ULL << i | COMPACTED);
		assert_gp(restore(r, 0x602ff & ~(1ULL << i), 3));
	}
	for (i = 0; i < 64; i++) {
		set_header(1ULL << i, (0xffULL & ~(1ULL << i)) | COMPACTED);
		assert_gp(restore(r, 0x602ff, 0x602ff));
	}
	for (i = 16; i < 64; i++) {
		set_header(3, 7 | COMPACTED);
		area_bytes[HEADER + i] = 0x80;
		assert_gp(restore(r, 7, 7));
	}
}

static void bad_mxcsr(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	fresh_area(0);
	for (i = 2; i < 4; i++) {
		set_header(3, 7 | COMPACTED);
		area_bytes[24 + i] = 1;
		assert_gp(restore(r, 7, 7));
		assert_gp(restore(r, 7, 2));
		/* Neither loaded with AVX alone, nor if SSE is initialized */
		assert_ok(restore(r, 7, 5));
		set_header(1, 7 | COMPACTED);
		area_bytes[24 + i] = 1;
		assert_ok(restore(r, 7, 7));
		assert_int_equal(0x1f80, (u32)word(image + 24));
	}
}

static void standard_format(void **state)
{
	static u8 before[AREA];
	struct rig *r = *state;
	bool compacted = true;

	fresh_area(0x22);
	memset(image, 0x33, AREA);
	memcpy(before, image, AREA);
	set_header(3, 7);
	assert_ok(sgxcore_xrstor(&r->model, 7, 7, image, &area.m, &compacted));
	assert_false(compacted);
	assert_memory_equal(before, image, AREA);
}

static void pages_that_are_not_there(void **state)
{
	struct rig *r = *state;
	struct sgxcore_outcome out;

	fresh_area(0);
	/* TILEDATA begins in the first page and ends in the third. */
	set_header(1ULL << 18, 0x602e7 | COMPACTED);
	for (area.bad = 0; area.bad < 3; area.bad++) {
		out = restore(r, 0x602ff, 1ULL << 18);
		assert_pf(out, area.bad * 4096, SGX_PFEC_U);
	}
	for (area.bad = 0; area.bad < 3; area.bad++) {
		memset(image, 0x44, AREA);
		memset(image + HEADER, 0xff, 8);
		out = sgxcore_xsavec(&r->model, 0x602e7, image, &area.m);
		assert_pf(out, area.bad * 4096, SGX_PFEC_U | SGX_PFEC_W);
	}
	/* What is not loaded is not looked at. */
	area.bad = 2;
	set_header(7, 0x602e7 | COMPACTED);
	assert_ok(restore(r, 0x602ff, ~0ULL));
	set_header(0x602e7, 0x602e7 | COMPACTED);
	assert_ok(restore(r, 0x602ff, 0xe7));
}

/* ----------------------------------------------------------------------- layout */

static void offsets(void **state)
{
	struct rig *r = *state;

	assert_int_equal(576, sgxcore_compact_size(&r->model, 0));
	assert_int_equal(576, sgxcore_compact_size(&r->model, 3 | COMPACTED));
	assert_int_equal(832, sgxcore_compact_size(&r->model, 7 | COMPACTED));
	assert_int_equal(2432 + 8, sgxcore_compact_size(&r->model, 0x2e7 | COMPACTED));
	assert_int_equal(576, sgxcore_compact_offset(&r->model, 0xe3 | COMPACTED, 5));
	assert_int_equal(640, sgxcore_compact_offset(&r->model, 0xe3 | COMPACTED, 6));
	assert_int_equal(1152, sgxcore_compact_offset(&r->model, 0xe3 | COMPACTED, 7));
	/* Behind the eight bytes of PKRU */
	assert_int_equal(584, sgxcore_compact_offset(&r->model, 0x60203 | COMPACTED, 17));
	assert_int_equal(648, sgxcore_compact_offset(&r->model, 0x60203 | COMPACTED, 18));
	r->model.xstate_align = 1ULL << 17;
	assert_int_equal(640, sgxcore_compact_offset(&r->model, 0x60203 | COMPACTED, 17));
	assert_int_equal(704, sgxcore_compact_offset(&r->model, 0x60203 | COMPACTED, 18));
	r->model.xstate_align = 1ULL << 18;
	assert_int_equal(704 + 8192, sgxcore_compact_size(&r->model, 0x60203 | COMPACTED));
}

/* ------------------------------------------------------------------ a plain model */

/* Which component does byte @at of the legacy area belong to? 2: none */
static unsigned int legacy_component(u32 at)
{
	if (at < 24 || (at >= 32 && at < 160))
		return 0;
	return at < 416 ? 1 : 2;
}

/* Byte by byte: which component is it, and which byte of it? -1: none */
static int plain_place(const struct sgxcore_model *model, u64 xcomp, u32 at, u32 *index)
{
	u32 end = 576;

	*index = at;
	if (at < HEADER)
		return legacy_component(at) < 2 ? (int)legacy_component(at) : -1;
	for (int x = 2; x < 63; x++) {
		if (!(xcomp >> x & 1))
			continue;
		while (model->xstate_align >> x & 1 && end % 64)
			end++;
		if (at >= end && at - end < model->xstate_size[x]) {
			*index = model->xstate_offset[x] + (at - end);
			return x;
		}
		end += model->xstate_size[x];
	}
	return -1;
}

static u8 initial_byte(u32 index)
{
	return index == 0 ? 0x7f : index == 1 ? 3 : index == 24 ? 0x80 : index == 25 ? 0x1f : 0;
}

static u64 random_components(u64 mask)
{
	static const u64 groups[] = { 1, 2, 4, 8, 16, 32, 64, 128, 512, 3 << 17 };
	u64 c = 0;

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (random() & 0x100)
			c |= groups[i];
	return c & mask;
}

static void check_saved(struct rig *r, u64 rfbm, u64 bv)
{
	static u8 before[AREA];
	u32 at, index;
	int x;

	memset(before, 0xa5, sizeof(before));
	assert_int_equal(bv, word(area_bytes + HEADER));
	assert_int_equal(rfbm | COMPACTED, word(area_bytes + HEADER + 8));
	for (at = 0; at < AREA; at++) {
		if (at >= HEADER && at < HEADER + 16)
			continue;
		x = plain_place(&r->model, rfbm, at, &index);
		if (x >= 0 && bv >> x & 1)
			assert_int_equal(image[index], area_bytes[at]);
		else
			assert_int_equal(before[at], area_bytes[at]);
	}
}

static void saved_as_in_the_model(void **state)
{
	struct rig *r = *state;
	u64 rfbm, bv;

	srandom(3);
	for (unsigned int round = 0; round < 500; round++) {
		rfbm = random_components(0x602ff);
		bv = random_components(rfbm);
		r->model.xstate_align = random_components(~3ULL);
		fresh_area(0xa5);
		random_bytes(image, AREA);
		memcpy(image + HEADER, &bv, 8);
		assert_ok(sgxcore_xsavec(&r->model, rfbm, image, &area.m));
		/* MXCSR is random, so that SSE is in use. */
		check_saved(r, rfbm, bv | (rfbm & 2));
	}
}

static void check_loaded(struct rig *r, u64 rfbm, u64 xstate, u64 xcomp)
{
	static u8 expected[AREA];
	u32 at, index;
	int x;

	memset(expected, 0, AREA);
	for (index = 0; index < 32; index++)
		expected[index] = initial_byte(index);
	for (at = 0; at < AREA; at++) {
		x = plain_place(&r->model, xcomp, at, &index);
		if (x >= 0 && (rfbm & xstate) >> x & 1) {
			expected[index] = area_bytes[at];
			assert_int_equal(1, area.reads[at]);
		} else {
			assert_int_equal(at >= HEADER && at < HEADER + 64, area.reads[at]);
		}
	}
	xstate &= rfbm;
	memcpy(expected + HEADER, &xstate, 8);
	assert_memory_equal(expected, image, AREA);
}

static void loaded_as_in_the_model(void **state)
{
	struct rig *r = *state;
	u64 rfbm, xcomp, xstate;

	srandom(4);
	for (unsigned int round = 0; round < 500; round++) {
		rfbm = random_components(0x602ff);
		xcomp = random_components(0x602ff);
		xstate = random_components(xcomp);
		r->model.xstate_align = random_components(~3ULL);
		fresh_area(0);
		random_bytes(area_bytes, AREA);
		set_header(xstate, xcomp | COMPACTED);
		assert_ok(restore(r, 0x602ff, rfbm));
		check_loaded(r, rfbm, xstate, xcomp);
	}
}

static void initial_state_is_not_in_use(void **state)
{
	static const u64 all = 0x2e7;
	struct rig *r = *state;

	fresh_area(0xa5);
	memcpy(image + HEADER, &all, 8);
	image[0] = 0x7f;
	image[1] = 0x03;
	image[24] = 0x80;
	image[25] = 0x1f;
	image[28] = 0xff;		/* MXCSR_MASK */
	assert_ok(sgxcore_xsavec(&r->model, all, image, &area.m));
	check_saved(r, all, 0);
	image[416 - 1] = 1;
	assert_ok(sgxcore_xsavec(&r->model, all, image, &area.m));
	assert_int_equal(2, word(area_bytes + HEADER));
	image[4] = 1;
	image[2688] = 1;
	assert_ok(sgxcore_xsavec(&r->model, all, image, &area.m));
	assert_int_equal(0x203, word(area_bytes + HEADER));
	image[416 - 1] = 0;
	image[24] = 0x81;
	image[HEADER] &= ~2;		/* no XMM in use: MXCSR counts */
	assert_ok(sgxcore_xsavec(&r->model, all, image, &area.m));
	assert_int_equal(0x203, word(area_bytes + HEADER));
}

/* -------------------------------------------------------------------- the CPU */

static u8 saved[AREA] __attribute__((aligned(64)));
static u8 prior[AREA] __attribute__((aligned(64)));
static u8 after[AREA] __attribute__((aligned(64)));
static u8 expected[AREA] __attribute__((aligned(64)));
static u64 cpu_mask;		/* what is tried */
static u64 cpu_xcr0;
static sigjmp_buf trapped;

/*
 * Load @prior, execute @insn on @operand with RFBM, save everything to @after; the registers
 * of the program come back. Nothing of the compiler's is in between.
 */
#define WITH_STATE(insn, operand, rfbm)						\
	asm volatile("xsave64	(%[saved])\n"					\
		     "xrstor64	(%[prior])\n"					\
		     "mov	%[rlow], %%eax\n"				\
		     "mov	%[rhigh], %%edx\n"				\
		     insn "	(%[area])\n"					\
		     "mov	%[mask], %%eax\n"				\
		     "xor	%%edx, %%edx\n"					\
		     "xsave64	(%[after])\n"					\
		     "xrstor64	(%[saved])\n"					\
		     : : [saved] "r"(saved), [prior] "r"(prior), [area] "r"(operand),	\
		       [after] "r"(after), [rlow] "r"((u32)(rfbm)),			\
		       [rhigh] "r"((u32)((rfbm) >> 32)), [mask] "r"((u32)cpu_mask),	\
		       "a"((u32)cpu_mask), "d"(0)					\
		     : "memory")

static void on_trap(int sig)
{
	(void)sig;
	siglongjmp(trapped, 1);
}

static bool ask_cpu_about(struct sgxcore_model *model)
{
	u32 eax, ebx, ecx, edx, low, high;

	if (!__get_cpuid_count(1, 0, &eax, &ebx, &ecx, &edx) || !(ecx & 1 << 27) ||
	    !__get_cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx) || !(eax & 2))
		return false;
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	cpu_xcr0 = (u64)high << 32 | low;
	cpu_mask = low & 0xe7;
	model->xstate_align = 0;
	for (unsigned int x = 2; x < 8; x++) {
		if (!(cpu_mask >> x & 1))
			continue;
		__get_cpuid_count(0xd, x, &eax, &ebx, &ecx, &edx);
		model->xstate_size[x] = eax;
		model->xstate_offset[x] = ebx;
		if (ecx & 2)
			model->xstate_align |= 1ULL << x;
	}
	asm volatile("fxsave64 %0" : "=m"(saved));
	model->mxcsr_mask = word(saved + 28);
	return true;
}

/* A state as random as the CPU accepts; the x87 without exceptions that are pending. */
static void random_state(const struct sgxcore_model *model, u8 *to, u64 bv)
{
	const u16 fsw = random() & 0x7f00;
	const u32 mxcsr = (random() & model->mxcsr_mask) | 0x1f80;

	memset(to, 0, AREA);
	random_bytes(to + 32, 384);
	for (int i = 0; i < 8; i++)
		memset(to + 32 + 16 * i + 10, 0, 6);
	memcpy(to, (u16[]){ 0x37f }, 2);
	memcpy(to + 2, &fsw, 2);
	to[4] = random();
	memcpy(to + 24, &mxcsr, 4);
	for (unsigned int x = 2; x < 8; x++)
		if (cpu_mask >> x & 1)
			random_bytes(to + model->xstate_offset[x], model->xstate_size[x]);
	memcpy(to + HEADER, &bv, 8);
}

/* Where the CPU counts a component as in use that is as initialized, it need not be told. */
static void forgive(struct rig *r, u8 *cpu, u64 bv)
{
	u64 cpu_bv = word(cpu + HEADER), more = cpu_bv & ~bv;
	u32 at, index;
	int x;

	assert_int_equal(0, bv & ~cpu_bv);
	for (at = 0; more && at < AREA; at++) {
		x = plain_place(&r->model, word(cpu + HEADER + 8), at, &index);
		if (x < 0 || !(more >> x & 1))
			continue;
		if (index < 28 || index >= 32)
			assert_int_equal(initial_byte(index), cpu[at]);
		cpu[at] = 0xa5;
	}
	memcpy(cpu + HEADER, &bv, 8);
}

static void xsavec_of_the_cpu(void **state)
{
	struct rig *r = *state;
	u64 rfbm;

	if (!ask_cpu_about(&r->model)) {
		print_message("# SKIP the CPU has no XSAVEC\n");
		skip();
	}
	srandom(5);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		bool wide = round & 1;

		rfbm = random_components(cpu_mask);
		random_state(&r->model, prior, random_components(cpu_mask));
		memset(expected, 0xa5, AREA);
		if (wide)
			WITH_STATE("xsavec64", expected, rfbm);
		else
			WITH_STATE("xsavec", expected, rfbm);
		fresh_area(0xa5);
		memcpy(prior, after, AREA);
		if (wide)
			WITH_STATE("xsave64", image, rfbm);
		else
			WITH_STATE("xsave", image, rfbm);
		assert_ok(sgxcore_xsavec(&r->model, rfbm, image, &area.m));
		forgive(r, expected, word(area_bytes + HEADER));
		assert_memory_equal(expected, area_bytes, AREA);
	}
}

/* As the processor loads it: MXCSR stays if SSE is not asked for. */
static void load_image(u64 rfbm, bool wide)
{
	if (!(rfbm & 2))
		memcpy(image + 24, prior + 24, 4);
	if (wide)
		WITH_STATE("xrstor64", image, rfbm);
	else
		WITH_STATE("xrstor", image, rfbm);
}

static void random_area(const struct sgxcore_model *model)
{
	u64 xcomp = random_components(cpu_mask), xstate = random_components(xcomp);

	fresh_area(0);
	random_state(model, image, 0);
	memcpy(area_bytes, image, HEADER);
	set_header(xstate, xcomp | COMPACTED);
	random_bytes(area_bytes + 576, AREA - 576);
	/* Once in a while something is wrong with it. */
	if (!(random() & 0x300))
		area_bytes[HEADER + 16 + random() % 48] = 1;
	if (!(random() & 0x300))
		area_bytes[HEADER + random() % 16] ^= 1 << random() % 8;
	if (!(random() & 0x300))
		area_bytes[26 + random() % 2] = 1;
}

static bool cpu_restores(u64 rfbm, bool wide)
{
	/* The mask of signals is not touched: none is blocked. */
	if (sigsetjmp(trapped, 1)) {
		asm volatile("xrstor64 (%0)" : : "r"(saved), "a"((u32)cpu_mask), "d"(0) : "memory");
		return false;
	}
	if (wide)
		WITH_STATE("xrstor64", area_bytes, rfbm);
	else
		WITH_STATE("xrstor", area_bytes, rfbm);
	return true;
}

static void xrstor_of_the_cpu(void **state)
{
	static u8 by_cpu[AREA];
	struct sigaction sa = { .sa_handler = on_trap }, old;
	unsigned int round, refused = 0;
	struct rig *r = *state;
	bool compacted, ok;
	u64 rfbm;

	if (!ask_cpu_about(&r->model)) {
		print_message("# SKIP the CPU has no XSAVEC\n");
		skip();
	}
	sigaction(SIGSEGV, &sa, &old);
	srandom(6);
	for (round = 0; round < ROUNDS; round++) {
		struct sgxcore_outcome out;

		rfbm = random_components(cpu_mask);
		random_area(&r->model);
		random_state(&r->model, prior, cpu_mask);
		memset(after, 0, AREA);
		ok = cpu_restores(rfbm, round & 1);
		memcpy(by_cpu, after, AREA);
		out = sgxcore_xrstor(&r->model, cpu_xcr0, rfbm, image, &area.m, &compacted);
		if (!(area_bytes[HEADER + 15] & 0x80)) {
			assert_false(compacted);
			continue;
		}
		assert_int_equal(ok, out.kind == SGXCORE_OK);
		if (!ok) {
			assert_gp(out);
			refused++;
			continue;
		}
		memset(after, 0, AREA);
		load_image(rfbm, round & 1);
		memcpy(after + HEADER, by_cpu + HEADER, 8);
		assert_memory_equal(by_cpu, after, AREA);
	}
	sigaction(SIGSEGV, &old, NULL);
	print_message("# components %#llx, %u of %u refused\n", (unsigned long long)cpu_mask,
		      refused, ROUNDS);
	assert_true(refused > ROUNDS / 10 && refused < ROUNDS * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(bad_headers),
		RIG_TEST(bad_mxcsr),
		RIG_TEST(standard_format),
		RIG_TEST(pages_that_are_not_there),
		RIG_TEST(offsets),
		RIG_TEST(saved_as_in_the_model),
		RIG_TEST(loaded_as_in_the_model),
		RIG_TEST(initial_state_is_not_in_use),
		RIG_TEST(xsavec_of_the_cpu),
		RIG_TEST(xrstor_of_the_cpu),
	};

	return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
