// SPDX-License-Identifier: GPL-2.0
/* Whatever somebody does to an evicted page, it is loaded as it was, once, or not at all. */
#include "paging.h"

#define SLOT	4

/* Nothing came in, and the version is where it was. */
static void assert_refused(struct rig *r, const struct blob *b, u64 version)
{
	assert_status(paging_eldu(r, PAGING_FREE, SLOT, b), SGX_MAC_COMPARE_FAIL);
	assert_status(paging_eldb(r, PAGING_FREE, SLOT, b), SGX_MAC_COMPARE_FAIL);
	assert_free(&r->pages[PAGING_FREE]);
	assert_int_equal(paging_version(r, PAGING_VA, SLOT), version);
}

static void evicted(struct rig *r)
{
	r->pages[PAGING_REG2].pr = true;
	paging_evict(r, PAGING_REG2, SLOT, &blob);
}

static void assert_loads(struct rig *r)
{
	assert_ok(paging_eldu(r, PAGING_FREE, SLOT, &blob));
	assert_memory_equal(r->pages[PAGING_FREE].mem, r->src, SGX_PAGE_SIZE);
	assert_int_equal(r->pages[PAGING_FREE].addr, RIG_BASE + 0x10000);
	assert_int_equal(r->pages[PAGING_FREE].perm, SGX_SECINFO_R | SGX_SECINFO_W);
	assert_true(r->pages[PAGING_FREE].pr);
}

static void every_byte_of_the_page(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u64 version;

	evicted(r);
	version = paging_version(r, PAGING_VA, SLOT);
	for (i = 0; i < SGX_PAGE_SIZE; i++) {
		blob.data[i] ^= 1U << i % 8;
		assert_refused(r, &blob, version);
		blob.data[i] ^= 1U << i % 8;
	}
	assert_loads(r);
}

static bool is_child(unsigned int type)
{
	return type == SGX_PT_REG || type == SGX_PT_TCS || type == SGX_PT_TRIM;
}

/* Bytes of PCMD: SECINFO, ENCLAVEID, reserved ones, MAC */
static void every_bit_of_pcmd(void **state)
{
	struct rig *r = *state;
	u8 *bytes = (u8 *)&blob.pcmd;
	unsigned int bit;
	u64 version;

	evicted(r);
	version = paging_version(r, PAGING_VA, SLOT);
	for (bit = 0; bit < 8 * sizeof(blob.pcmd); bit++) {
		if (bit / 64 == 8)
			continue;
		bytes[bit / 8] ^= 1U << bit % 8;
		if (!is_child(bytes[1])) {
			REJECTS_GP(r, paging_eldu(r, PAGING_FREE, SLOT, &blob));
			blob.secs = 0;
		}
		assert_refused(r, &blob, version);
		blob.secs = (unsigned long)r->secs->mem;
		bytes[bit / 8] ^= 1U << bit % 8;
	}
	/* ENCLAVEID is a note for the system. */
	blob.pcmd.enclave_id = 0x1234;
	assert_loads(r);
}

static void every_bit_of_the_address(void **state)
{
	struct rig *r = *state;
	unsigned int bit;
	u64 version;

	evicted(r);
	version = paging_version(r, PAGING_VA, SLOT);
	for (bit = 0; bit < 64; bit++) {
		blob.linaddr ^= 1ULL << bit;
		assert_refused(r, &blob, version);
		blob.linaddr ^= 1ULL << bit;
	}
	assert_loads(r);
}

static void every_bit_of_the_version(void **state)
{
	struct rig *r = *state;
	u64 *slot, version;
	unsigned int bit;

	evicted(r);
	slot = paging_slot(r, PAGING_VA, SLOT);
	version = *slot;
	for (bit = 0; bit < 64; bit++) {
		*slot = version ^ 1ULL << bit;
		assert_refused(r, &blob, *slot);
	}
	*slot = 0;
	assert_refused(r, &blob, 0);
	*slot = version;
	assert_loads(r);
}

static void wrong_slot(void **state)
{
	struct rig *r = *state;

	evicted(r);
	paging_evict(r, PAGING_REG, SLOT + 1, &blob2);
	REJECTS_STATUS(r, paging_eldu(r, PAGING_FREE, SLOT + 1, &blob), SGX_MAC_COMPARE_FAIL);
	REJECTS_STATUS(r, paging_eldu(r, PAGING_FREE, SLOT + 2, &blob), SGX_MAC_COMPARE_FAIL);
	paging_info(r, &blob);
	r->info.linaddr = blob.linaddr;
	r->info.secs = blob.secs;
	REJECTS_STATUS(r, sgxcore_eldu(&r->cpu, &r->info, r->pages[PAGING_FREE].mem,
				       paging_slot(r, PAGING_VA2, SLOT)), SGX_MAC_COMPARE_FAIL);
	assert_loads(r);
}

static void replay(void **state)
{
	static struct blob old;
	struct rig *r = *state;

	evicted(r);
	old = blob;
	assert_loads(r);
	/* the same thing again */
	REJECTS_STATUS(r, paging_eldu(r, PAGING_REG2, SLOT, &blob), SGX_MAC_COMPARE_FAIL);
	/* the page goes out in a newer version */
	memset(r->pages[PAGING_FREE].mem, 0x77, SGX_PAGE_SIZE);
	paging_evict(r, PAGING_FREE, SLOT, &blob);
	assert_refused(r, &old, paging_version(r, PAGING_VA, SLOT));
	/* half old, half new */
	memcpy(old.data, blob.data, sizeof(old.data));
	assert_refused(r, &old, paging_version(r, PAGING_VA, SLOT));
	assert_ok(paging_eldu(r, PAGING_FREE, SLOT, &blob));
	assert_int_equal(r->pages[PAGING_FREE].mem[99], 0x77);
}

static void swapped_pages(void **state)
{
	static struct blob mixed;
	struct rig *r = *state;
	unsigned int parts;

	evicted(r);
	paging_evict(r, PAGING_REG, SLOT + 1, &blob2);
	for (parts = 1; parts < 8; parts++) {
		mixed = blob;
		if (parts & 1)
			memcpy(mixed.data, blob2.data, sizeof(mixed.data));
		if (parts & 2)
			mixed.pcmd = blob2.pcmd;
		if (parts & 4)
			mixed.linaddr = blob2.linaddr;
		assert_refused(r, &mixed, paging_version(r, PAGING_VA, SLOT));
	}
	assert_loads(r);
}

static void other_enclave(void **state)
{
	struct rig *r = *state;

	evicted(r);
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
	blob.secs = (unsigned long)r->pages[30].mem;
	assert_refused(r, &blob, paging_version(r, PAGING_VA, SLOT));
	/* nor does it help to change the note */
	blob.pcmd.enclave_id = sgxcore_secs_private(&r->pages[30])->eid;
	assert_refused(r, &blob, paging_version(r, PAGING_VA, SLOT));
}

/* The enclave is destroyed, and its page used for the SECS of a twin. */
static void later_enclave(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	evicted(r);
	for (i = 1; i < RIG_PAGES; i++) {
		if (r->pages[i].secs == r->secs)
			assert_ok(sgxcore_eremove(&r->cpu, r->pages[i].mem));
	}
	assert_ok(sgxcore_eremove(&r->cpu, r->secs->mem));
	rig_secs_source(r);
	assert_ok(rig_ecreate(r, PAGING_SECS));
	assert_refused(r, &blob, paging_version(r, PAGING_VA, SLOT));
}

static void secs_and_va_pages(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	u64 version;

	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
	for (i = 0; i < 2; i++) {
		u64 other = i ? SGX_SECINFO_SECS : SGX_SECINFO_VA;
		u64 type = blob.pcmd.secinfo.flags;

		if (i)
			assert_ok(sgxcore_epa(&r->cpu, SGX_PT_VA, r->pages[30].mem));
		assert_ok(paging_ewb(r, 30, SLOT, &blob));
		version = paging_version(r, PAGING_VA, SLOT);
		type = blob.pcmd.secinfo.flags;
		blob.pcmd.secinfo.flags = other;
		assert_refused(r, &blob, version);
		/* as a page of an enclave */
		blob.pcmd.secinfo.flags = RIG_REG_RW;
		blob.secs = (unsigned long)r->secs->mem;
		assert_refused(r, &blob, version);
		blob.pcmd.secinfo.flags = type;
		blob.secs = 0;
		blob.linaddr = 0x1000;
		assert_refused(r, &blob, version);
		blob.linaddr = 0;
		blob.data[SGX_PAGE_SIZE - 1] ^= 0x80;
		assert_refused(r, &blob, version);
		blob.data[SGX_PAGE_SIZE - 1] ^= 0x80;
		assert_ok(paging_eldu(r, PAGING_FREE, SLOT, &blob));
		assert_ok(sgxcore_eremove(&r->cpu, r->pages[PAGING_FREE].mem));
	}
}

static void other_processor(void **state)
{
	struct rig *r = *state;

	evicted(r);
	r->paging_key.key[15] ^= 1;
	assert_refused(r, &blob, paging_version(r, PAGING_VA, SLOT));
	r->paging_key.key[15] ^= 1;
	assert_loads(r);
}

/* ------------------------------------ memory that changes during the leaf */

static enum sgxcore_unsealed decrypt_meanwhile(const struct sgxcore_gcm *g, u8 *data)
{
	memset(&blob, 0x5a, sizeof(blob));
	return seal_gcm_decrypt(g, data);
}

static bool encrypt_meanwhile(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher)
{
	bool done = seal_gcm_encrypt(g, plain, cipher);

	memset(&blob, 0x5a, sizeof(blob));
	return done;
}

static void changed_during_the_load(void **state)
{
	struct rig *r = *state;

	evicted(r);
	r->crypto.gcm_decrypt = decrypt_meanwhile;
	assert_loads(r);
}

static void changed_during_the_eviction(void **state)
{
	struct rig *r = *state;

	r->crypto.gcm_encrypt = encrypt_meanwhile;
	evicted(r);
	assert_loads(r);
}

/* ------------------------------------------------- a cipher that takes its time */

static struct rig *slow;

/* Meanwhile the page is nobody else's, and nothing spins for it. */
static void assert_held(struct rig *r, unsigned int index)
{
	struct sgxcore_page *page = &r->pages[index], *va = &r->pages[PAGING_VA];

	assert_true(sgxcore_is_locked_long(page));
	assert_false(sgxcore_lock_lp_patiently(page));
	assert_false(sgxcore_lock_exclusive(page));
	assert_false(sgxcore_lock_exclusive(va));
	assert_false(sgxcore_is_locked_long(va));
}

static bool encrypt_slowly(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher)
{
	assert_held(slow, (plain - slow->mem) / SGX_PAGE_SIZE);
	return seal_gcm_encrypt(g, plain, cipher);
}

static enum sgxcore_unsealed decrypt_slowly(const struct sgxcore_gcm *g, u8 *data)
{
	assert_held(slow, (data - slow->mem) / SGX_PAGE_SIZE);
	return seal_gcm_decrypt(g, data);
}

static void pages_are_held_meanwhile(void **state)
{
	struct rig *r = *state;

	slow = r;
	r->crypto.gcm_encrypt = encrypt_slowly;
	r->crypto.gcm_decrypt = decrypt_slowly;
	evicted(r);
	assert_loads(r);
	rig_assert_unlocked(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGING_TEST(every_byte_of_the_page),
		PAGING_TEST(every_bit_of_pcmd),
		PAGING_TEST(every_bit_of_the_address),
		PAGING_TEST(every_bit_of_the_version),
		PAGING_TEST(wrong_slot),
		PAGING_TEST(replay),
		PAGING_TEST(swapped_pages),
		PAGING_TEST(other_enclave),
		PAGING_TEST(later_enclave),
		PAGING_TEST(secs_and_va_pages),
		PAGING_TEST(other_processor),
		PAGING_TEST(changed_during_the_load),
		PAGING_TEST(changed_during_the_eviction),
		PAGING_TEST(pages_are_held_meanwhile),
	};

	return cmocka_run_group_tests_name("paging_tamper", tests, NULL, NULL);
}
