// SPDX-License-Identifier: GPL-2.0
/* Models: what each of them has, on machines that have more and less. */
#include <string.h>

#include "rig.h"

#define AVX	0x4ULL
#define AVX512	0xe0ULL

static const struct sgxcore_model_spec *spec(const char *name)
{
	const struct sgxcore_model_spec *s = sgxcore_model_find(name);

	assert_non_null(s);
	return s;
}

static void set(struct rig *r, const char *name)
{
	sgxcore_model_set(&r->model, spec(name), ~0ULL, true);
}

static void names(void **state)
{
	static const char * const bad[] = {
		"", "sky", "skylakex", "Skylake", "max ", " max", "max\n", "icelake,max",
	};
	const struct sgxcore_model_spec *s;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(sgxcore_model_find(bad[i]));
	for (i = 0; (s = sgxcore_model_spec(i)); i++)
		assert_ptr_equal(s, sgxcore_model_find(s->name));
	assert_int_equal(4, i);
	assert_null(sgxcore_model_spec(~0U));
	assert_string_equal("max", sgxcore_model_spec(0)->name);
}

/* CPUID of real ones, as far as it is about what is here */
static void cpuid(void **state)
{
	static const struct {
		const char *name;
		u32 eax, ebx, edx, attributes, xfrm;
	} real[] = {
		{ "skylake", 0x1, 0, 0x241f, 0x36, 0x7 },
		{ "icelake", 0x3, 1, 0x381f, 0xb6, 0xe7 },
		{ "sapphirerapids", 0x803, 1, 0x381f, 0x4b6, 0xe7 },
		{ "max", 0x803, 1, 0x381f, 0x4b6, 0xe7 },
	};
	struct rig *r = *state;
	unsigned int i;
	u32 out[4];

	for (i = 0; i < sizeof(real) / sizeof(*real); i++) {
		set(r, real[i].name);
		sgxcore_cpuid12(&r->cpu, 0, out);
		assert_int_equal(real[i].eax, out[0]);
		assert_int_equal(real[i].ebx, out[1]);
		assert_int_equal(0, out[2]);
		assert_int_equal(real[i].edx, out[3]);
		sgxcore_cpuid12(&r->cpu, 1, out);
		assert_int_equal(real[i].attributes, out[0]);
		assert_int_equal(0, out[1]);
		assert_int_equal(real[i].xfrm, out[2]);
		assert_int_equal(0, out[3]);
		memset(out, 0, sizeof(out));
		sgxcore_cpuid(&r->cpu, 0xd, 7, 0, out);
		assert_int_equal(1 << 2, out[1]);
		assert_int_equal(1 << 30, out[2]);
	}
}

/* Loaders refuse some signatures; "max" is that of an Intel CPU below, if it may be. */
static void signatures(void **state)
{
	static const u32 refused[] = { 0x406e0, 0x406e1, 0x506e0 };
	static const struct { const char *name; u32 signature; } real[] = {
		{ "skylake", 0x906e9 }, { "icelake", 0x606a6 }, { "sapphirerapids", 0x806f8 },
	};
	struct rig *r = *state;
	unsigned int i, intel;

	for (intel = 0; intel < 2; intel++) {
		r->model.intel = intel;
		r->model.host_signature = 0xa0671;
		for (i = 0; i < 3; i++) {
			set(r, real[i].name);
			assert_int_equal(real[i].signature, r->model.signature);
		}
		set(r, "max");
		assert_int_equal(intel ? 0xa0671 : 0x806f8, r->model.signature);
		for (i = 0; i < 3; i++) {
			r->model.host_signature = refused[i];
			set(r, "max");
			assert_int_equal(0x806f8, r->model.signature);
		}
	}
}

static u64 xfrm_on(struct rig *r, const char *name, u64 xcr0)
{
	sgxcore_model_set(&r->model, spec(name), xcr0, true);
	return r->model.xfrm_mask;
}

static void xfrm_needs_the_machine(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	assert_int_equal(0x3, xfrm_on(r, "max", 0x3));
	assert_int_equal(0x7, xfrm_on(r, "max", 0x7));
	assert_int_equal(0x7, xfrm_on(r, "max", 0x207));
	assert_int_equal(0x7, xfrm_on(r, "skylake", 0x602ff));
	/* A part of AVX-512 is none, nor is one without AVX. */
	for (i = 5; i < 8; i++)
		assert_int_equal(0x7, xfrm_on(r, "max", 0xe7 & ~(1ULL << i)));
	assert_int_equal(0x3, xfrm_on(r, "max", 0xe3));
	for (i = 5; i < 8; i++) {
		r->model.xstate_offset[i] += 64;
		assert_int_equal(0x7, xfrm_on(r, "max", 0xe7));
		r->model.xstate_offset[i] -= 64;
		r->model.xstate_size[i] *= 2;
		assert_int_equal(0x7, xfrm_on(r, "max", 0xe7));
		r->model.xstate_size[i] /= 2;
	}
	assert_int_equal(0xe7, xfrm_on(r, "max", 0xe7));
	r->model.xstate_offset[2] = 640;
	assert_int_equal(0x3, xfrm_on(r, "max", 0xe7));
}

static void leaves(void **state)
{
	/* By leaf, from EREPORT to behind EDECCSSA */
	static const struct {
		const char *name;
		const char *has;
	} expected[] = {
		{ "skylake", "11111000000" },
		{ "icelake", "11111111000" },
		{ "sapphirerapids", "11111111010" },
		{ "max", "11111111010" },
	};
	struct rig *r = *state;
	unsigned int i;
	u32 leaf;

	for (i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		set(r, expected[i].name);
		for (leaf = 0; leaf <= SGX_EDECCSSA + 1; leaf++)
			assert_int_equal(expected[i].has[leaf] == '1',
					 sgxcore_model_has_enclu(&r->model, leaf));
		assert_false(sgxcore_model_has_enclu(&r->model, ~0U));
		assert_int_equal(i > 0, r->model.rdtsc);
	}
}

/* The ENCLS leaves of SGX2 with operands that are as bad as can be: #GP, and no other. */
static void encls(void **state)
{
	struct rig *r = *state;

	rig_enclave(r, 3, 1, 2, 0);
	set(r, "skylake");
	assert_gp(sgxcore_eaug(&r->cpu, NULL, NULL));
	assert_gp(sgxcore_emodpr(&r->cpu, NULL, NULL));
	assert_gp(sgxcore_emodt(&r->cpu, NULL, NULL));
	rig_operands(r, r->secs, RIG_BASE + 0x20000, SGX_SECINFO_REG);
	r->info.srcpge = 0;
	r->info.secinfo = 0;
	REJECTS_GP(r, sgxcore_eaug(&r->cpu, &r->info, r->pages[20].mem));
	set(r, "icelake");
	assert_ok(sgxcore_eaug(&r->cpu, &r->info, r->pages[20].mem));
}

static void no_sgx2(void **state)
{
	struct rig *r = *state;

	sgxcore_model_set(&r->model, spec("max"), ~0ULL, false);
	assert_false(r->model.sgx2);
	assert_false(r->model.rdtsc);
	assert_true(r->model.attr_mask & SGX_ATTR_KSS);
	assert_false(sgxcore_model_has_enclu(&r->model, SGX_EACCEPT));
	sgxcore_model_set(&r->model, spec("skylake"), ~0ULL, true);
	assert_false(r->model.sgx2);
}

/* One SECS against one model: with everything else right, ECREATE says what CPUID says. */
static void expect_ecreate(struct rig *r, bool ok, u64 attributes, u32 miscselect, u64 xfrm,
			   u64 size)
{
	struct sgx_secs *secs = rig_secs_source(r);

	secs->attributes |= attributes;
	secs->miscselect = miscselect;
	secs->xfrm = xfrm;
	secs->size = size;
	secs->base = 0;
	if (ok) {
		assert_ok(rig_ecreate(r, 0));
		assert_ok(sgxcore_eremove(&r->cpu, r->pages[0].mem));
	} else {
		REJECTS_GP(r, rig_ecreate(r, 0));
	}
}

static void ecreate(void **state)
{
	struct rig *r = *state;
	const struct sgxcore_model_spec *s;
	unsigned int i, bit;

	for (i = 0; (s = sgxcore_model_spec(i)); i++) {
		sgxcore_model_set(&r->model, s, 0xe7, true);
		for (bit = 0; bit < 64; bit++) {
			if (bit == 2)
				continue;
			expect_ecreate(r, s->attr_mask >> bit & 1, 1ULL << bit, 0, 3, 0x2000);
		}
		for (bit = 0; bit < 32; bit++)
			expect_ecreate(r, s->misc_mask >> bit & 1, 0, 1U << bit, 3, 0x2000);
		for (bit = 2; bit < 64; bit++)
			expect_ecreate(r, bit == 2, 0, 0, 3 | 1ULL << bit, 0x2000);
		expect_ecreate(r, s->xfrm_mask & AVX512, 0, 0, 3 | AVX | AVX512, 0x2000);
		expect_ecreate(r, true, 0, 0, 3, 1ULL << (s->size_bits - 1));
		expect_ecreate(r, false, 0, 0, 3, 1ULL << s->size_bits);
	}
}

/* CONFIGID goes with KSS, which a model may not have. */
static void ecreate_config(void **state)
{
	struct rig *r = *state;

	set(r, "skylake");
	rig_secs_source(r)->config_svn = 1;
	REJECTS_GP(r, rig_ecreate(r, 0));
	rig_secs_source(r)->attributes |= SGX_ATTR_KSS;
	REJECTS_GP(r, rig_ecreate(r, 0));
	set(r, "icelake");
	rig_secs_source(r)->attributes |= SGX_ATTR_KSS;
	((struct sgx_secs *)r->src)->config_svn = 1;
	assert_ok(rig_ecreate(r, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		RIG_TEST(cpuid),
		RIG_TEST(signatures),
		RIG_TEST(xfrm_needs_the_machine),
		RIG_TEST(leaves),
		RIG_TEST(encls),
		RIG_TEST(no_sgx2),
		RIG_TEST(ecreate),
		RIG_TEST(ecreate_config),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
