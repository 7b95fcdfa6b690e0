// SPDX-License-Identifier: GPL-2.0
/* EWB: operands, what must not leave yet, and what leaves. */
#include "paging.h"

#define RCX	(r->pages[PAGING_REG].mem)
#define RDX	paging_slot(r, PAGING_VA, 0)

static const u8 child_types[] = { SGX_PT_REG, SGX_PT_TCS, SGX_PT_TRIM };

static void ready(struct rig *r, unsigned int index)
{
	assert_ok(paging_eblock(r, index));
	assert_ok(paging_etrack(r, PAGING_SECS));
	paging_info(r, &blob);
}

static void rejects_operands(void **state)
{
	struct rig *r = *state;
	struct sgx_pageinfo good;

	ready(r, PAGING_REG);
	good = r->info;
	REJECTS_GP(r, sgxcore_ewb(&r->cpu, (void *)((u8 *)&r->info + 16), RCX, RDX, NULL));
	REJECTS_GP(r, paging_ewb_raw(r, RCX + 8, RDX));
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, r->src, RDX), r->src);
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX + 4));
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, RCX, r->src + 16), r->src + 16);
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RCX + 8));
	r->info.linaddr = 0x1000;
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	r->info = good;
	r->info.secs = (unsigned long)r->secs->mem;
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	r->info = good;
	r->info.secinfo += 64;
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	r->info = good;
	r->info.srcpge += 128;
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	r->info = good;
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, r->pages[PAGING_FREE].mem, RDX),
			 r->pages[PAGING_FREE].mem);
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, RCX, r->pages[PAGING_FREE].mem + 8),
			 r->pages[PAGING_FREE].mem + 8);
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, RCX, r->pages[PAGING_REG2].mem),
			 r->pages[PAGING_REG2].mem);
}

/* Two defects at once: the first in the manual's order counts. */
static void order_of_operands(void **state)
{
	struct rig *r = *state;

	ready(r, PAGING_REG);
	REJECTS_GP(r, paging_ewb_raw(r, r->src + 8, RDX));
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, r->src, RDX + 4), r->src);
	REJECTS_GP(r, paging_ewb_raw(r, RCX, r->src + 4));
	r->info.linaddr = 1;
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, RCX, r->src), r->src);
	/* PAGEINFO before conflicts and pages */
	REJECTS_GP(r, paging_ewb_raw(r, r->pages[PAGING_FREE].mem, RDX));
	r->info.linaddr = 0;
	/* conflicts before what the pages are */
	assert_true(sgxcore_lock_shared(&r->pages[PAGING_FREE]));
	REJECTS_GP(r, paging_ewb_raw(r, r->pages[PAGING_FREE].mem, RDX));
	sgxcore_unlock_shared(&r->pages[PAGING_FREE]);
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_VA]));
	REJECTS_GP(r, paging_ewb_raw(r, r->pages[PAGING_FREE].mem, RDX));
	sgxcore_unlock_exclusive(&r->pages[PAGING_VA]);
	/* the page before the version array */
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, r->pages[PAGING_FREE].mem,
					   r->pages[PAGING_REG2].mem),
			 r->pages[PAGING_FREE].mem);
	/* the version array before the states */
	REJECTS_PF_ENCLS(r, paging_ewb_raw(r, r->pages[PAGING_REG2].mem, r->tcs->mem),
			 r->tcs->mem);
}

static void conflicts(void **state)
{
	struct rig *r = *state;

	ready(r, PAGING_REG);
	assert_true(sgxcore_lock_shared(&r->pages[PAGING_REG]));
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	sgxcore_unlock_shared(&r->pages[PAGING_REG]);
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_REG]));
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	sgxcore_unlock_exclusive(&r->pages[PAGING_REG]);
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_VA]));
	REJECTS_GP(r, paging_ewb_raw(r, RCX, RDX));
	sgxcore_unlock_exclusive(&r->pages[PAGING_VA]);
	/* Others may use the version array and the SECS. */
	assert_true(sgxcore_lock_shared(&r->pages[PAGING_VA]));
	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(paging_ewb_raw(r, RCX, RDX));
	sgxcore_unlock_shared(r->secs);
	sgxcore_unlock_shared(&r->pages[PAGING_VA]);
}

static void blocked_then_tracked(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u32 epoch;

	for (i = 0; i < sizeof(child_types); i++) {
		r->pages[PAGING_REG].type = child_types[i];
		r->pages[PAGING_REG].blocked = false;
		paging_info(r, &blob);
		/* not blocked before not tracked, whoever is inside */
		epoch = sgxcore_track_enter(r->secs);
		REJECTS_STATUS(r, paging_ewb_raw(r, RCX, RDX), SGX_PAGE_NOT_BLOCKED);
		assert_ok(paging_etrack(r, PAGING_SECS));
		REJECTS_STATUS(r, paging_ewb_raw(r, RCX, RDX), SGX_PAGE_NOT_BLOCKED);
		epoch = sgxcore_track_renew(r->secs, epoch);
		assert_ok(paging_eblock(r, PAGING_REG));
		REJECTS_STATUS(r, paging_ewb_raw(r, RCX, RDX), SGX_NOT_TRACKED);
		assert_ok(paging_etrack(r, PAGING_SECS));
		REJECTS_STATUS(r, paging_ewb_raw(r, RCX, RDX), SGX_NOT_TRACKED);
		sgxcore_track_leave(r->secs, epoch);
	}
	assert_ok(paging_ewb_raw(r, RCX, RDX));
}

static void one_cycle_serves_a_batch(void **state)
{
	struct rig *r = *state;

	assert_ok(paging_eblock(r, PAGING_REG));
	assert_ok(paging_eblock(r, PAGING_REG2));
	assert_ok(paging_etrack(r, PAGING_SECS));
	assert_ok(paging_eblock(r, PAGING_TCS));
	assert_ok(paging_ewb(r, PAGING_REG, 0, &blob));
	assert_ok(paging_ewb(r, PAGING_REG2, 1, &blob2));
	REJECTS_STATUS(r, paging_ewb(r, PAGING_TCS, 2, &blob), SGX_NOT_TRACKED);
}

static void secs_waits_for_children(void **state)
{
	struct rig *r = *state;
	unsigned int i, slot = 10;

	for (i = 0; i < RIG_PAGES; i++) {
		if (!r->pages[i].valid || r->pages[i].secs != r->secs)
			continue;
		REJECTS_STATUS(r, paging_ewb(r, PAGING_SECS, 0, &blob), SGX_CHILD_PRESENT);
		paging_evict(r, i, slot++, &blob);
	}
	assert_int_equal(r->secs->children, 0);
	assert_ok(paging_ewb(r, PAGING_SECS, 0, &blob));
	assert_free(r->secs);
	assert_int_equal(blob.pcmd.secinfo.flags, SGX_SECINFO_SECS);
	assert_int_equal(blob.pcmd.enclave_id, 1);
	assert_int_equal(blob.linaddr, 0);
}

static void version_array_needs_nothing(void **state)
{
	struct rig *r = *state;

	/* a version array that is in use goes with its versions */
	paging_evict(r, PAGING_REG, 3, &blob2);
	paging_info(r, &blob);
	assert_ok(paging_ewb_raw(r, r->pages[PAGING_VA].mem, paging_slot(r, PAGING_VA2, 511)));
	assert_free(&r->pages[PAGING_VA]);
	assert_int_equal(blob.pcmd.secinfo.flags, SGX_SECINFO_VA);
	assert_int_equal(blob.pcmd.enclave_id, 0);
	assert_int_equal(r->info.linaddr, 0);
	assert_int_not_equal(paging_version(r, PAGING_VA2, 511), 0);
}

static void ewb_effects(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *reg2 = &r->pages[PAGING_REG2];
	struct snapshot *s;
	u8 plain[SGX_PAGE_SIZE];

	reg2->pending = true;
	reg2->pr = true;
	ready(r, PAGING_REG2);
	memcpy(plain, reg2->mem, sizeof(plain));
	memset(&blob, 0xee, sizeof(blob));
	s = rig_snapshot(r);
	assert_ok(paging_ewb(r, PAGING_REG2, 511, &blob));
	assert_free(reg2);
	assert_int_equal(blob.linaddr, RIG_BASE + 0x10000);
	assert_int_equal(blob.pcmd.secinfo.flags, RIG_REG_RW | SGX_SECINFO_PENDING |
			 SGX_SECINFO_PR);
	assert_true(sgxcore_is_zero(blob.pcmd.secinfo.reserved, 56));
	assert_true(sgxcore_is_zero(blob.pcmd.reserved, 40));
	assert_int_equal(blob.pcmd.enclave_id, 1);
	assert_memory_not_equal(blob.data, plain, sizeof(plain));
	assert_int_equal(paging_version(r, PAGING_VA, 511), r->cpu.last_version * 8);
	assert_int_equal(r->secs->children, s->rig.pages[PAGING_SECS].children - 1);
	assert_int_not_equal(reg2->gen, s->rig.pages[PAGING_REG2].gen);
	/* and nothing else */
	s->rig.cpu.last_version++;
	s->rig.pages[PAGING_SECS].children--;
	s->rig.pages[PAGING_REG2] = *reg2;
	memset(s->mem + (reg2->mem - r->mem), 0, SGX_PAGE_SIZE);
	memcpy(s->mem + ((u8 *)paging_slot(r, PAGING_VA, 511) - r->mem),
	       paging_slot(r, PAGING_VA, 511), 8);
	rig_assert_unchanged(r, s);
}

static void version_shows_in_edbgrd(void **state)
{
	struct rig *r = *state;
	u64 word;

	assert_ok(sgxcore_edbgrd(&r->cpu, &word, paging_slot(r, PAGING_VA, 0)));
	assert_int_equal(word, 0);
	paging_evict(r, PAGING_REG, 0, &blob);
	assert_ok(sgxcore_edbgrd(&r->cpu, &word, paging_slot(r, PAGING_VA, 0)));
	assert_true(word == ~0ULL);
}

static void occupied_slot_is_a_warning(void **state)
{
	struct rig *r = *state;
	u64 first;

	paging_evict(r, PAGING_REG, 5, &blob);
	first = paging_version(r, PAGING_VA, 5);
	assert_ok(paging_eblock(r, PAGING_REG2));
	assert_ok(paging_etrack(r, PAGING_SECS));
	assert_status_cf(paging_ewb(r, PAGING_REG2, 5, &blob2), SGX_VA_SLOT_OCCUPIED);
	assert_free(&r->pages[PAGING_REG2]);
	assert_int_not_equal(paging_version(r, PAGING_VA, 5), first);
	/* The first page is lost, the second is there. */
	REJECTS_STATUS(r, paging_eldu(r, PAGING_FREE, 5, &blob), SGX_MAC_COMPARE_FAIL);
	assert_ok(paging_eldu(r, PAGING_FREE, 5, &blob2));
}

static void failing_encryption_loses_nothing(void **state)
{
	struct rig *r = *state;
	struct snapshot *s;
	u8 untouched[sizeof(blob.data)];

	ready(r, PAGING_REG2);
	memset(&blob, 0xee, sizeof(blob));
	memset(untouched, 0xee, sizeof(untouched));
	s = rig_snapshot(r);
	r->paging_key.fail_at = r->paging_key.calls + 1;
	s->rig.paging_key.fail_at = r->paging_key.fail_at;
	assert_gp(paging_ewb_raw(r, r->pages[PAGING_REG2].mem, RDX));
	/* but a version, which must not be used again */
	s->rig.cpu.last_version++;
	rig_assert_unchanged(r, s);
	assert_memory_equal(blob.data, untouched, sizeof(untouched));
	assert_int_equal(blob.pcmd.enclave_id, 0xeeeeeeeeeeeeeeee);
	assert_ok(paging_ewb(r, PAGING_REG2, 0, &blob));
	assert_ok(paging_eldu(r, PAGING_FREE, 0, &blob));
	assert_memory_equal(r->pages[PAGING_FREE].mem, r->src, SGX_PAGE_SIZE);
}

static void versions_never_repeat(void **state)
{
	struct rig *r = *state;
	unsigned int i, index = PAGING_REG;
	u64 last = 0, now;

	for (i = 0; i < 100; i++) {
		paging_evict(r, index, i, &blob);
		now = paging_version(r, PAGING_VA, i);
		assert_true(now > last);
		last = now;
		index = index == PAGING_REG ? PAGING_FREE : PAGING_REG;
		assert_ok(paging_eldu(r, index, i, &blob));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGING_TEST(rejects_operands),
		PAGING_TEST(order_of_operands),
		PAGING_TEST(conflicts),
		PAGING_TEST(blocked_then_tracked),
		PAGING_TEST(one_cycle_serves_a_batch),
		PAGING_TEST(secs_waits_for_children),
		PAGING_TEST(version_array_needs_nothing),
		PAGING_TEST(ewb_effects),
		PAGING_TEST(version_shows_in_edbgrd),
		PAGING_TEST(occupied_slot_is_a_warning),
		PAGING_TEST(failing_encryption_loses_nothing),
		PAGING_TEST(versions_never_repeat),
	};

	return cmocka_run_group_tests_name("leaf_paging", tests, NULL, NULL);
}
