// SPDX-License-Identifier: GPL-2.0
/* EREPORT: operands, what is in a report, and who can verify it. */
#include "keys.h"

#define REJECTS_TARGET	REJECTS_PF(r, keys_report(r), KEYS_IN_LA, PF_READ)
#define REJECTS_DATA	REJECTS_PF(r, keys_report(r), r->regs.cx, PF_READ)
#define REJECTS_OUT	REJECTS_PF(r, keys_report(r), KEYS_OUT_LA, PF_WRITE)

/* A page of its own for REPORTDATA, so that its state is not TARGETINFO's */
#define CODE_DATA_LA	(RIG_CODE + 0x880)

static struct sgx_report *report_of(struct rig *r)
{
	return (struct sgx_report *)keys_out(r);
}

static void rejects_addresses(void **state)
{
	struct rig *r = *state;
	u64 offset;

	keys_target(r);
	for (offset = 1; offset < 512; offset <<= 1) {
		WITH(r->regs.bx, r->regs.bx + offset, REJECTS_GP(r, keys_report(r)));
		WITH(r->regs.dx, r->regs.dx + offset, REJECTS_GP(r, keys_report(r)));
		if (offset < 128)
			WITH(r->regs.cx, r->regs.cx + offset, REJECTS_GP(r, keys_report(r)));
	}
	WITH(r->regs.bx, RIG_BASE - 512, REJECTS_GP(r, keys_report(r)));
	WITH(r->regs.cx, RIG_BASE - 512, REJECTS_GP(r, keys_report(r)));
	WITH(r->regs.dx, RIG_BASE - 512, REJECTS_GP(r, keys_report(r)));
	WITH(r->regs.bx, RIG_BASE + RIG_SIZE, REJECTS_GP(r, keys_report(r)));
	WITH(r->regs.cx, RIG_BASE + RIG_SIZE, REJECTS_GP(r, keys_report(r)));
	WITH(r->regs.dx, RIG_BASE + RIG_SIZE, REJECTS_GP(r, keys_report(r)));
}

static void rejects_pages(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *code = rig_page_at(r, RIG_CODE);

	keys_target(r);
	r->regs.cx = CODE_DATA_LA;
	REJECTS_PAGE_STATES(r, &r->pages[KEYS_IN], SGX_SECINFO_R, REJECTS_TARGET);
	REJECTS_PAGE_STATES(r, code, SGX_SECINFO_R, REJECTS_DATA);
	REJECTS_PAGE_STATES(r, &r->pages[KEYS_OUT], SGX_SECINFO_W, REJECTS_OUT);
	WITH(r->unmapped, KEYS_IN_LA, REJECTS_PF(r, keys_report(r), KEYS_IN_LA, SGX_PFEC_U));
	WITH(r->unmapped, RIG_CODE, REJECTS_PF(r, keys_report(r), CODE_DATA_LA, SGX_PFEC_U));
	WITH(r->unmapped, KEYS_OUT_LA & ~0xfffULL,
	     REJECTS_PF(r, keys_report(r), KEYS_OUT_LA, SGX_PFEC_U | SGX_PFEC_W));
	WITH(r->not_epc, KEYS_IN_LA, REJECTS_TARGET);
	WITH(r->not_epc, RIG_CODE, REJECTS_DATA);
	WITH(r->not_epc, KEYS_OUT_LA & ~0xfffULL, REJECTS_OUT);
}

static void rejects_targetinfo(void **state)
{
	struct rig *r = *state;
	struct sgx_targetinfo *target = keys_target(r);
	unsigned int i;

	WITH(target->cet_attributes, 1, REJECTS_GP(r, keys_report(r)));
	WITH(target->reserved1, 1, REJECTS_GP(r, keys_report(r)));
	for (i = 0; i < sizeof(target->reserved2); i++)
		WITH(target->reserved2[i], 1, REJECTS_GP(r, keys_report(r)));
	for (i = 0; i < sizeof(target->reserved3); i++)
		WITH(target->reserved3[i], 0x80, REJECTS_GP(r, keys_report(r)));
}

/* RBX with page and contents, RCX with page, RDX with page */
static void order_of_checks(void **state)
{
	struct rig *r = *state;
	struct sgx_targetinfo *target = keys_target(r);
	struct sgxcore_page *code = rig_page_at(r, RIG_CODE);

	r->regs.cx = CODE_DATA_LA;
	WITH(r->regs.bx, 8, WITH(code->perm, 0, REJECTS_GP(r, keys_report(r))));
	WITH(r->pages[KEYS_IN].perm, 0, WITH(r->regs.cx, 8, REJECTS_TARGET));
	WITH(target->reserved1, 1, WITH(code->perm, 0, REJECTS_GP(r, keys_report(r))));
	WITH(target->reserved1, 1, WITH(r->unmapped, RIG_CODE, REJECTS_GP(r, keys_report(r))));
	WITH(code->perm, 0, WITH(r->pages[KEYS_OUT].perm, 0, REJECTS_DATA));
	WITH(r->regs.cx, 8, WITH(r->pages[KEYS_OUT].perm, 0, REJECTS_GP(r, keys_report(r))));
	WITH(r->unmapped, RIG_CODE, WITH(r->regs.dx, 8,
	     REJECTS_PF(r, keys_report(r), CODE_DATA_LA, SGX_PFEC_U)));
}

static void contents(void **state)
{
	struct rig *r = *state;
	const struct sgx_secs *secs = sgxcore_secs_of(r->secs);
	const struct sgx_report *report = report_of(r);
	struct snapshot *s;
	u8 expected[64];

	keys_target(r);
	r->regs.ax = SGX_EREPORT;
	s = rig_snapshot(r);
	memset(keys_out(r), 0xff, sizeof(*report));
	assert_ok(keys_report(r));
	assert_int_equal(3, report->cpusvn[0]);
	assert_true(sgxcore_is_zero(report->cpusvn + 1, 15));
	assert_int_equal(secs->miscselect, report->miscselect);
	assert_int_equal(secs->attributes, report->attributes);
	assert_true(report->attributes & SGX_ATTR_INIT);
	assert_int_equal(secs->xfrm, report->xfrm);
	assert_memory_equal(secs->mrenclave, report->mrenclave, 32);
	assert_memory_equal(secs->mrsigner, report->mrsigner, 32);
	assert_memory_equal(secs->config_id, report->config_id, 64);
	assert_int_equal(7, report->isv_prod_id);
	assert_int_equal(9, report->isv_svn);
	assert_int_equal(5, report->config_svn);
	memset(expected, 0xfa, 16);
	assert_memory_equal(expected, report->isv_family_id, 16);
	memset(expected, 0xee, 16);
	assert_memory_equal(expected, report->isv_ext_prod_id, 16);
	memset(expected, 0xda, 64);
	assert_memory_equal(expected, report->report_data, 64);
	memset(expected, 0x4b, 32);
	assert_memory_equal(expected, report->keyid, 32);
	assert_true(sgxcore_is_zero(&report->cet_attributes, 12));
	assert_true(sgxcore_is_zero(report->reserved2, 32));
	assert_true(sgxcore_is_zero(report->reserved3, 32));
	assert_true(sgxcore_is_zero(report->reserved4, 42));
	/* RAX and flags are as they were; nothing behind the report has changed. */
	memset(keys_out(r), 0, sizeof(*report));
	s->rig.regs.ip += 3;
	rig_assert_unchanged(r, s);
}

/* With the report key of the enclave, for the KEYID of the report */
static bool verifies(struct rig *r, const struct sgx_report *report)
{
	struct sgx_keyrequest *req = keys_request(r, SGX_KEYNAME_REPORT);
	u8 mac[16];

	memcpy(req->keyid, report->keyid, sizeof(req->keyid));
	assert_ok(keys_getkey(r));
	assert_true(seal_cmac(keys_out(r), report, offsetof(struct sgx_report, keyid), mac));
	return !memcmp(mac, report->mac, sizeof(mac));
}

static struct sgx_report make(struct rig *r)
{
	assert_ok(keys_report(r));
	return *report_of(r);
}

static void target_verifies(void **state)
{
	struct rig *r = *state;
	struct sgx_report report;
	unsigned int i;

	keys_target(r);
	report = make(r);
	assert_true(verifies(r, &report));
	for (i = 0; i < sizeof(report); i++) {
		struct sgx_report bad = report;

		((u8 *)&bad)[i] ^= 0x10;
		assert_false(verifies(r, &bad));
	}
	/* nobody verifies it after a change of the platform */
	r->cpu.platform.cpusvn = 2;
	assert_false(verifies(r, &report));
	r->cpu.platform.cpusvn = 3;
	assert_true(verifies(r, &report));
}

/* Each field of TARGETINFO says who can verify, so a report for others is of no use here. */
static void others_do_not(void **state)
{
	static const unsigned int fields[] = {
		0, 31,			/* MEASUREMENT */
		32, 39, 40, 47,		/* ATTRIBUTES, XFRM */
		50, 51,			/* CONFIGSVN */
		52, 55,			/* MISCSELECT */
		64, 127,		/* CONFIGID */
	};
	struct rig *r = *state;
	struct sgx_report report;
	unsigned int i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		u8 *target = (u8 *)keys_target(r);

		target[fields[i]] ^= 0x40;
		report = make(r);
		assert_false(verifies(r, &report));
	}
}

static void cipher_fails(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	keys_target(r);
	for (i = 1; i <= 2; i++) {
		seal_cmac_fail_at = i;
		REJECTS_AGAIN(r, keys_report(r));
		assert_int_equal(0, seal_cmac_fail_at);
	}
	assert_ok(keys_report(r));
}

static void page_leaves(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *pages[] = {
		&r->pages[KEYS_IN], rig_page_at(r, RIG_CODE), &r->pages[KEYS_OUT],
	};
	unsigned int i;

	keys_target(r);
	r->regs.cx = CODE_DATA_LA;
	for (i = 0; i < 3; i++) {
		assert_ok(keys_report_prepare(r));
		WITH(pages[i]->blocked, true, REJECTS_AGAIN(r, keys_report_commit(r)));
		pages[i]->gen++;
		REJECTS_AGAIN(r, keys_report_commit(r));
		assert_ok(keys_report_prepare(r));
		assert_true(sgxcore_lock_exclusive(pages[i]));
		REJECTS_AGAIN(r, keys_report_commit(r));
		sgxcore_unlock_exclusive(pages[i]);
		assert_ok(keys_report_commit(r));
		r->regs.ip = RIG_IP;
	}
}

static void without_enclave(void **state)
{
	struct rig *r = *state;

	keys_target(r);
	assert_ok(keys_report_prepare(r));
	sgxcore_lp_abandon(&r->lp);
	REJECTS_PF(r, keys_report_commit(r), KEYS_IN_LA, SGX_PFEC_U);
	r->lp.inside = false;
	REJECTS_GP(r, keys_report(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(rejects_addresses),
		KEYS_TEST(rejects_pages),
		KEYS_TEST(rejects_targetinfo),
		KEYS_TEST(order_of_checks),
		KEYS_TEST(contents),
		KEYS_TEST(target_verifies),
		KEYS_TEST(others_do_not),
		KEYS_TEST(cipher_fails),
		KEYS_TEST(page_leaves),
		KEYS_TEST(without_enclave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
