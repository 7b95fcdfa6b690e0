// SPDX-License-Identifier: GPL-2.0
/* EDBGRD and EDBGWR. */
#include "rig.h"

#define PATTERN	0x5a5a5a5a5a5a5a5aULL

static u64 data;

/* Pages: 0 SECS, 1 REG (RX), 2 TCS, 3 VA */
static void build(struct rig *r, u64 attributes)
{
	data = PATTERN;
	rig_secs_source(r)->attributes |= attributes;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	memset(r->src, 0x11, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, r->secs, RIG_CODE, SGX_SECINFO_REG | 5));
	rig_tcs_source(r);
	assert_ok(rig_eadd(r, 2, r->secs, RIG_TCS, SGX_SECINFO_TCS));
	assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[3].mem));
}

static struct sgxcore_outcome rd(struct rig *r, unsigned int i, unsigned int off)
{
	return sgxcore_edbgrd(&r->cpu, &data, r->pages[i].mem + off);
}

static struct sgxcore_outcome wr(struct rig *r, unsigned int i, unsigned int off)
{
	return sgxcore_edbgwr(&r->cpu, 0x22, r->pages[i].mem + off);
}

static void reject_operands(void **state)
{
	struct rig *r = *state;

	build(r, SGX_ATTR_DEBUG);
	REJECTS_GP(r, rd(r, 1, 4));
	REJECTS_GP(r, wr(r, 1, 4));
	REJECTS_PF_ENCLS(r, sgxcore_edbgrd(&r->cpu, &data, r->src + 8), r->src + 8);
	REJECTS_PF_ENCLS(r, sgxcore_edbgwr(&r->cpu, 1, r->src + 8), r->src + 8);
	/* alignment before not EPC */
	REJECTS_GP(r, sgxcore_edbgrd(&r->cpu, &data, r->src + 4));
	/* free, SECS, TRIM; VA for writing */
	REJECTS_PF_ENCLS(r, rd(r, 9, 8), r->pages[9].mem + 8);
	REJECTS_PF_ENCLS(r, wr(r, 9, 8), r->pages[9].mem + 8);
	REJECTS_PF_ENCLS(r, rd(r, 0, 8), r->pages[0].mem + 8);
	REJECTS_PF_ENCLS(r, wr(r, 0, 8), r->pages[0].mem + 8);
	REJECTS_PF_ENCLS(r, wr(r, 3, 8), r->pages[3].mem + 8);
	r->pages[1].type = SGX_PT_TRIM;
	REJECTS_PF_ENCLS(r, rd(r, 1, 8), r->pages[1].mem + 8);
	REJECTS_PF_ENCLS(r, wr(r, 1, 8), r->pages[1].mem + 8);
	assert_int_equal(data, PATTERN);
}

static void reject_state(void **state)
{
	struct rig *r = *state;

	build(r, SGX_ATTR_DEBUG);
	r->pages[1].pending = true;
	REJECTS_STATUS(r, rd(r, 1, 0), SGX_PAGE_NOT_DEBUGGABLE);
	REJECTS_STATUS(r, wr(r, 1, 0), SGX_PAGE_NOT_DEBUGGABLE);
	r->pages[1].pending = false;
	r->pages[1].modified = true;
	REJECTS_STATUS(r, rd(r, 1, 0), SGX_PAGE_NOT_DEBUGGABLE);
	REJECTS_STATUS(r, wr(r, 1, 0), SGX_PAGE_NOT_DEBUGGABLE);
	/* state before TCS limits and DEBUG */
	r->pages[2].modified = true;
	REJECTS_STATUS(r, rd(r, 2, 72), SGX_PAGE_NOT_DEBUGGABLE);
	REJECTS_STATUS(r, wr(r, 2, 16), SGX_PAGE_NOT_DEBUGGABLE);
	/* type before state */
	r->pages[1].type = SGX_PT_TRIM;
	REJECTS_PF_ENCLS(r, rd(r, 1, 0), r->pages[1].mem);
	assert_int_equal(data, PATTERN);
}

static void reject_without_debug(void **state)
{
	struct rig *r = *state;

	build(r, 0);
	REJECTS_GP(r, rd(r, 1, 0));
	REJECTS_GP(r, wr(r, 1, 0));
	REJECTS_GP(r, rd(r, 2, 8));
	REJECTS_GP(r, wr(r, 2, 8));
	/* state before DEBUG */
	r->pages[1].pending = true;
	REJECTS_STATUS(r, rd(r, 1, 0), SGX_PAGE_NOT_DEBUGGABLE);
	assert_int_equal(data, PATTERN);
}

static void conflicts(void **state)
{
	struct rig *r = *state;

	build(r, SGX_ATTR_DEBUG);
	assert_true(sgxcore_lock_exclusive(&r->pages[1]));
	REJECTS_GP(r, rd(r, 1, 0));
	REJECTS_GP(r, wr(r, 1, 0));
	sgxcore_unlock_exclusive(&r->pages[1]);
	/* before VALID */
	assert_true(sgxcore_lock_exclusive(&r->pages[9]));
	REJECTS_GP(r, rd(r, 9, 0));
	sgxcore_unlock_exclusive(&r->pages[9]);
	assert_true(sgxcore_lock_shared(&r->pages[1]));
	assert_ok(rd(r, 1, 0));
	assert_ok(wr(r, 1, 0));
	sgxcore_unlock_shared(&r->pages[1]);
}

static void reg_pages(void **state)
{
	struct rig *r = *state;

	build(r, SGX_ATTR_DEBUG);
	assert_ok(rd(r, 1, 0x10));
	assert_int_equal(data, 0x1111111111111111);
	/* EPCM permissions (RX here) and BLOCKED do not matter. */
	r->pages[1].blocked = true;
	assert_ok(wr(r, 1, 4088));
	assert_ok(rd(r, 1, 4088));
	assert_int_equal(data, 0x22);
}

static void tcs_pages(void **state)
{
	struct rig *r = *state;
	unsigned int off;

	build(r, SGX_ATTR_DEBUG);
	assert_ok(rd(r, 2, 16));
	assert_int_equal(data, RIG_SSA - RIG_BASE);
	assert_ok(rd(r, 2, 64));
	assert_int_equal(data, ~0ULL);
	REJECTS_GP(r, rd(r, 2, 72));
	REJECTS_GP(r, rd(r, 2, 4088));
	for (off = 0; off < SGX_PAGE_SIZE; off += 8) {
		if (off != 8)
			REJECTS_GP(r, wr(r, 2, off));
	}
	assert_ok(sgxcore_edbgwr(&r->cpu, SGX_TCS_DBGOPTIN, r->pages[2].mem + 8));
	assert_ok(rd(r, 2, 8));
	assert_int_equal(data, SGX_TCS_DBGOPTIN);
}

static void va_slots(void **state)
{
	struct rig *r = *state;
	u64 *slots = (u64 *)r->pages[3].mem;

	/* needs no DEBUG enclave */
	build(r, 0);
	assert_ok(rd(r, 3, 8));
	assert_int_equal(data, 0);
	slots[1] = 8;
	assert_ok(rd(r, 3, 8));
	assert_int_equal(data, ~0ULL);
	slots[1] = 7;
	assert_ok(rd(r, 3, 8));
	assert_int_equal(data, 0);
	slots[1] = 1ULL << 63;
	assert_ok(rd(r, 3, 8));
	assert_int_equal(data, ~0ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(reject_operands),
		RIG_TEST(reject_state),
		RIG_TEST(reject_without_debug),
		RIG_TEST(conflicts),
		RIG_TEST(reg_pages),
		RIG_TEST(tcs_pages),
		RIG_TEST(va_slots),
	};

	return cmocka_run_group_tests_name("leaf_debug", tests, NULL, NULL);
}
