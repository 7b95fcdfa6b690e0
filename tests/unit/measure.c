// SPDX-License-Identifier: GPL-2.0
/* MRENCLAVE of known logs; SHA-256 of every padding length. */
#include <openssl/sha.h>

#include "rig.h"

static void hex(const u8 *p, char out[65])
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void assert_log(struct rig *r, const struct sgxcore_measure *m, const char *expected)
{
	char text[65];
	u8 digest[32];

	sgxcore_measure_final(m, &r->crypto, digest);
	hex(digest, text);
	assert_string_equal(text, expected);
}

static const char after_ecreate[] =
	"9e197c8837c6d65632dbdd59cd7df4f1a25b68d8e4e5eb6ca3b20b05311fecb8";
static const char after_eadd[] =
	"995c454650d39811c9c53e1af534aa6c34a496ce9302c34e0ced2c7a7e2c4103";
static const char after_zero_page[] =
	"1f2cf80bd03ffd8bfac33f7cba128aff511c3af666b93bb66e7ef718418bdade";
static const char after_tcs[] =
	"d2eeb4a106aab8ffd7ebb530a2806de198bc7192de0845c501d345d334c78f57";

static void extend_page(struct rig *r, struct sgxcore_measure *m, u64 offset, const u8 *page)
{
	unsigned int i;

	for (i = 0; i < SGX_PAGE_SIZE; i += 256)
		sgxcore_measure_eextend(m, &r->crypto, offset + i, page + i);
}

static void golden_logs(void **state)
{
	struct rig *r = *state;
	struct sgx_tcs *tcs;
	struct sgxcore_measure m;

	sgxcore_measure_ecreate(&m, &r->crypto, 1, 0x2000);
	assert_log(r, &m, after_ecreate);
	r->secinfo.flags = 0x203;
	sgxcore_measure_eadd(&m, &r->crypto, 0, &r->secinfo);
	assert_log(r, &m, after_eadd);
	extend_page(r, &m, 0, r->src);
	assert_log(r, &m, after_zero_page);
	r->secinfo.flags = SGX_SECINFO_TCS;
	sgxcore_measure_eadd(&m, &r->crypto, 0x1000, &r->secinfo);
	tcs = (struct sgx_tcs *)r->src;
	tcs->nr_ssa_frames = 1;
	tcs->fs_limit = 0xffffffff;
	tcs->gs_limit = 0xffffffff;
	extend_page(r, &m, 0x1000, r->src);
	assert_log(r, &m, after_tcs);
	assert_int_equal(m.blocks, 1 + 2 + 2 * 16 * 5);
}

/* The same through the leaves */
static void golden_enclave(void **state)
{
	struct rig *r = *state;
	struct sgx_secs *source = rig_secs_source(r);
	const struct sgxcore_measure *log;
	struct sgx_tcs *tcs;

	source->size = 0x2000;
	assert_ok(rig_ecreate(r, 0));
	log = &sgxcore_secs_private(&r->pages[0])->measure;
	assert_log(r, log, after_ecreate);
	memset(r->src, 0, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, &r->pages[0], RIG_BASE, RIG_REG_RW));
	assert_log(r, log, after_eadd);
	rig_measure(r, &r->pages[0], &r->pages[1]);
	assert_log(r, log, after_zero_page);
	memset(r->src, 0, sizeof(r->src));
	tcs = (struct sgx_tcs *)r->src;
	tcs->nr_ssa_frames = 1;
	tcs->fs_limit = 0xffffffff;
	tcs->gs_limit = 0xffffffff;
	/* What EADD clears and the permissions of a TCS are not measured. */
	tcs->state = 1;
	tcs->flags = SGX_TCS_DBGOPTIN;
	tcs->ssa_index = 5;
	tcs->aep = 0x1234;
	assert_ok(rig_eadd(r, 2, &r->pages[0], RIG_BASE + 0x1000, SGX_SECINFO_TCS | 7));
	rig_measure(r, &r->pages[0], &r->pages[2]);
	assert_log(r, log, after_tcs);
}

static void final_leaves_the_log_alone(void **state)
{
	struct rig *r = *state;
	struct sgxcore_measure m, copy;
	u8 digest[32];

	sgxcore_measure_ecreate(&m, &r->crypto, 1, 0x2000);
	copy = m;
	sgxcore_measure_final(&m, &r->crypto, digest);
	assert_memory_equal(&m, &copy, sizeof(m));
}

static void sha256_of_all_short_lengths(void **state)
{
	struct rig *r = *state;
	u8 expected[32], digest[32], data[300];
	size_t n;

	for (n = 0; n < sizeof(data); n++)
		data[n] = (u8)(n * 7);
	for (n = 0; n < sizeof(data); n++) {
		SHA256(data, n, expected);
		sgxcore_sha256(&r->crypto, data, n, digest);
		assert_memory_equal(digest, expected, sizeof(digest));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(golden_logs),
		RIG_TEST(golden_enclave),
		RIG_TEST(final_leaves_the_log_alone),
		RIG_TEST(sha256_of_all_short_lengths),
	};

	return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
