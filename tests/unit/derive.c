// SPDX-License-Identifier: GPL-2.0
/* Platforms: same seed, same keys; versions; and the cipher of the bench itself. */
#include "keys.h"

/* RFC 4493: AES-128-CMAC of 0, 16, 40 and 64 bytes */
static void known_answers(void **state)
{
	static const u8 key[16] = {
		0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
		0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	};
	static const u8 message[16] = {
		0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96,
		0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
	};
	static const u8 empty[16] = {
		0xbb, 0x1d, 0x69, 0x29, 0xe9, 0x59, 0x37, 0x28,
		0x7f, 0xa3, 0x7d, 0x12, 0x9b, 0x75, 0x67, 0x46,
	};
	static const u8 block[16] = {
		0x07, 0x0a, 0x16, 0xb4, 0x6b, 0x4d, 0x41, 0x44,
		0xf7, 0x9b, 0xdd, 0x9d, 0xd0, 0x4a, 0x28, 0x7c,
	};
	u8 mac[16];

	(void)state;
	assert_true(seal_cmac(key, message, 0, mac));
	assert_memory_equal(empty, mac, 16);
	assert_true(seal_cmac(key, message, 16, mac));
	assert_memory_equal(block, mac, 16);
}

static void seeds(void **state)
{
	static const char * const seed[] = { "", "a", "b", "aa", "seed", "seed " };
	struct sgxcore_platform all[6], again;
	struct rig *r = *state;
	unsigned int i, k;

	for (i = 0; i < 6; i++) {
		sgxcore_platform_init(&r->cpu, seed[i], strlen(seed[i]));
		all[i] = r->cpu.platform;
		assert_memory_not_equal(all[i].root, all[i].seal_fuses, 16);
		for (k = 0; k < i; k++) {
			assert_memory_not_equal(all[i].root, all[k].root, 16);
			assert_memory_not_equal(all[i].seal_fuses, all[k].seal_fuses, 16);
		}
	}
	sgxcore_platform_init(&r->cpu, "a", 1);
	again = r->cpu.platform;
	assert_memory_equal(&all[1], &again, sizeof(again));
	/* what is not a matter of the seed */
	r->cpu.platform.cpusvn = 77;
	memset(r->cpu.platform.owner_epoch, 1, 16);
	sgxcore_platform_init(&r->cpu, "a", 1);
	assert_int_equal(77, r->cpu.platform.cpusvn);
	assert_int_equal(1, r->cpu.platform.owner_epoch[15]);
}

static void versions(void **state)
{
	struct rig *r = *state;
	u8 cpusvn[16] = { };
	unsigned int i;

	r->cpu.platform.cpusvn = 0;
	assert_true(sgxcore_cpusvn_valid(&r->cpu, cpusvn));
	for (i = 0; i < 16; i++)
		WITH(cpusvn[i], 1, assert_false(sgxcore_cpusvn_valid(&r->cpu, cpusvn)));
	r->cpu.platform.cpusvn = 0x0100;
	WITH(cpusvn[0], 0xff, assert_true(sgxcore_cpusvn_valid(&r->cpu, cpusvn)));
	cpusvn[1] = 1;
	assert_true(sgxcore_cpusvn_valid(&r->cpu, cpusvn));
	WITH(cpusvn[0], 1, assert_false(sgxcore_cpusvn_valid(&r->cpu, cpusvn)));
	r->cpu.platform.cpusvn = ~0ULL;
	memset(cpusvn, 0xff, 8);
	assert_true(sgxcore_cpusvn_valid(&r->cpu, cpusvn));
	for (i = 8; i < 16; i++)
		WITH(cpusvn[i], 1, assert_false(sgxcore_cpusvn_valid(&r->cpu, cpusvn)));
	memset(cpusvn, 0, 16);
	sgxcore_cpusvn_get(&r->cpu, cpusvn);
	assert_true(sgxcore_cpusvn_valid(&r->cpu, cpusvn));
	assert_int_equal(0xff, cpusvn[7]);
	assert_int_equal(0, cpusvn[8]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		RIG_TEST(seeds),
		RIG_TEST(versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
