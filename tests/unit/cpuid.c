// SPDX-License-Identifier: GPL-2.0
/* CPUID: what is added to the real CPU's answers, and what is not. */
#include "rig.h"

struct answer {
	u32 r[4];
};

static const struct answer real = { { 0x0d, 0x11111110, 0x22222222, 0x33333333 } };

static struct answer ask(const struct sgxcore_cpu *cpu, u32 leaf, u32 subleaf)
{
	struct answer a = real;

	sgxcore_cpuid(cpu, 0x0d, leaf, subleaf, a.r);
	return a;
}

static void expect_real(const struct sgxcore_cpu *cpu, u32 leaf, u32 subleaf)
{
	struct answer a = ask(cpu, leaf, subleaf);

	assert_memory_equal(&real, &a, sizeof(a));
}

static void others_are_untouched(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->model.intel = true;
	expect_real(&r->cpu, 2, 0);
	expect_real(&r->cpu, 4, 0);
	expect_real(&r->cpu, 3, 0);
	expect_real(&r->cpu, 7, 1);
	expect_real(&r->cpu, 0x0d, 0);
	expect_real(&r->cpu, 0x0d, 2);
	expect_real(&r->cpu, 0x13, 0);
	expect_real(&r->cpu, 0x40000000, 0);
	expect_real(&r->cpu, 0x80000000, 0);
	expect_real(&r->cpu, ~0U, 0);
	rig_free(r);
}

static void what_the_maximum_uncovers_is_empty(void **state)
{
	static const struct answer empty;
	struct rig *r = rig_new();
	struct answer a;
	u32 leaf;

	(void)state;
	for (leaf = 0x0e; leaf < 0x12; leaf++) {
		a = ask(&r->cpu, leaf, 0);
		assert_memory_equal(&empty, &a, sizeof(a));
	}
	a = real;
	sgxcore_cpuid(&r->cpu, 0x16, 0x10, 0, a.r);
	assert_memory_equal(&real, &a, sizeof(a));
	rig_free(r);
}

static void maximum(void **state)
{
	struct rig *r = rig_new();
	struct answer a = ask(&r->cpu, 0, 0);

	(void)state;
	assert_int_equal(0x12, a.r[0]);
	/* GenuineIntel: EBX, EDX, ECX */
	assert_memory_equal("Genu", &a.r[1], 4);
	assert_memory_equal("ineI", &a.r[3], 4);
	assert_memory_equal("ntel", &a.r[2], 4);
	a.r[0] = 0x20;
	sgxcore_cpuid(&r->cpu, 0x20, 0, 0, a.r);
	assert_int_equal(0x20, a.r[0]);
	rig_free(r);
}

static void features(void **state)
{
	struct rig *r = rig_new();
	struct answer a = ask(&r->cpu, 7, 0);

	(void)state;
	assert_int_equal(real.r[0], a.r[0]);
	assert_int_equal(real.r[1] | 1 << 2, a.r[1]);
	assert_int_equal(real.r[2] | 1 << 30, a.r[2]);
	assert_int_equal(real.r[3], a.r[3]);
	rig_free(r);
}

/* A processor that has SGX has XSAVEC. What the real one says of its own stays. */
static void xsavec(void **state)
{
	struct rig *r = rig_new();
	struct answer a, expected = real;

	(void)state;
	r->model.xcr0 = 0x2e7;
	a = real;
	a.r[0] = 0x5;
	expected.r[0] = 0x7;
	expected.r[1] = 2440;
	sgxcore_cpuid(&r->cpu, 0x0d, 0x0d, 1, a.r);
	assert_memory_equal(&expected, &a, sizeof(a));
	r->model.xcr0 = 0x3;
	sgxcore_cpuid(&r->cpu, 0x0d, 0x0d, 1, a.r);
	assert_memory_equal(&expected, &a, sizeof(a));
	a.r[0] = 1;
	sgxcore_cpuid(&r->cpu, 0x0d, 0x0d, 1, a.r);
	assert_int_equal(3, a.r[0]);
	assert_int_equal(576, a.r[1]);
	rig_free(r);
}

static void signature(void **state)
{
	struct rig *r = rig_new();
	struct answer a, expected = real;

	(void)state;
	r->model.signature = 0x606a6;
	expected.r[0] = 0x606a6;
	a = ask(&r->cpu, 1, 0);
	assert_memory_equal(&expected, &a, sizeof(a));
	rig_free(r);
}

/* Another vendor has its caches elsewhere: then these are told, and the list ends. */
static void caches(void **state)
{
	static const u32 sizes[] = { 32 << 10, 32 << 10, 1 << 20, 16 << 20 };
	struct rig *r = rig_new();
	struct answer a;
	unsigned int i;

	(void)state;
	a = ask(&r->cpu, 2, 0);
	assert_int_equal(0x00feff01, a.r[0]);
	assert_int_equal(0, a.r[1] | a.r[2] | a.r[3]);
	for (i = 0; i < 4; i++) {
		a = ask(&r->cpu, 4, i);
		assert_int_equal(i < 2 ? i + 1 : 3, a.r[0] & 0x1f);
		assert_int_equal(i < 2 ? 1 : i, a.r[0] >> 5 & 7);
		assert_int_equal(sizes[i], ((a.r[1] >> 22) + 1) * ((a.r[1] >> 12 & 0x3ff) + 1) *
					   ((a.r[1] & 0xfff) + 1) * (a.r[2] + 1));
	}
	for (; i < 8; i++) {
		a = ask(&r->cpu, 4, i);
		assert_int_equal(0, a.r[0] | a.r[1] | a.r[2] | a.r[3]);
	}
	rig_free(r);
}

static void sgx_leaf_is_the_models(void **state)
{
	struct rig *r = rig_new();
	struct answer a, expected;
	u32 subleaf;

	(void)state;
	for (subleaf = 0; subleaf < 6; subleaf++) {
		a = ask(&r->cpu, 0x12, subleaf);
		sgxcore_cpuid12(&r->cpu, subleaf, expected.r);
		assert_memory_equal(&expected, &a, sizeof(a));
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_are_untouched),
		cmocka_unit_test(what_the_maximum_uncovers_is_empty),
		cmocka_unit_test(maximum),
		cmocka_unit_test(features),
		cmocka_unit_test(signature),
		cmocka_unit_test(caches),
		cmocka_unit_test(xsavec),
		cmocka_unit_test(sgx_leaf_is_the_models),
	};

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
