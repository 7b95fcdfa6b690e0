// SPDX-License-Identifier: GPL-2.0
/* ELDU and ELDB: operands, round trips of every type and state. */
#include <pthread.h>

#include "paging.h"

#define RCX	(r->pages[PAGING_FREE].mem)
#define RDX	paging_slot(r, PAGING_VA, 0)

typedef struct sgxcore_outcome (*leaf)(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				       void *rcx, void *rdx);

static const leaf leaves[] = { sgxcore_eldu, sgxcore_eldb };

static struct sgxcore_outcome eld(struct rig *r, leaf f, void *rcx, void *rdx)
{
	return f(&r->cpu, &r->info, rcx, rdx);
}

/* PAGEINFO for the second REG page, which is outside */
static void evicted(struct rig *r)
{
	paging_evict(r, PAGING_REG2, 0, &blob);
	paging_info(r, &blob);
	r->info.linaddr = blob.linaddr;
	r->info.secs = blob.secs;
}

static void rejects_operands(void **state)
{
	struct rig *r = *state;
	struct sgx_pageinfo good;
	unsigned int i;

	evicted(r);
	good = r->info;
	for (i = 0; i < 2; i++) {
		leaf f = leaves[i];

		REJECTS_GP(r, f(&r->cpu, (void *)((u8 *)&r->info + 16), RCX, RDX));
		REJECTS_GP(r, eld(r, f, RCX + 8, RDX));
		REJECTS_PF_ENCLS(r, eld(r, f, r->src, RDX), r->src);
		REJECTS_GP(r, eld(r, f, RCX, RDX + 4));
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, r->src + 8), r->src + 8);
		r->info.secinfo += 64;
		REJECTS_GP(r, eld(r, f, RCX, RDX));
		r->info = good;
		r->info.srcpge += 128;
		REJECTS_GP(r, eld(r, f, RCX, RDX));
		r->info = good;
		REJECTS_PF_ENCLS(r, eld(r, f, r->tcs->mem, RDX), r->tcs->mem);
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, r->tcs->mem), r->tcs->mem);
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, r->pages[30].mem), r->pages[30].mem);
		r->info.secs += 8;
		REJECTS_GP(r, eld(r, f, RCX, RDX));
		r->info.secs = (unsigned long)r->src;
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, RDX), r->src);
		r->info.secs = 0;
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, RDX), NULL);
		r->info.secs = (unsigned long)r->tcs->mem;
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, RDX), r->tcs->mem);
		r->info.secs = (unsigned long)r->pages[30].mem;
		REJECTS_PF_ENCLS(r, eld(r, f, RCX, RDX), r->pages[30].mem);
		r->info = good;
	}
}

static void conflicts(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[PAGING_FREE];

	evicted(r);
	assert_true(sgxcore_lock_shared(page));
	REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
	sgxcore_unlock_shared(page);
	assert_true(sgxcore_lock_exclusive(&r->pages[PAGING_VA]));
	REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
	sgxcore_unlock_exclusive(&r->pages[PAGING_VA]);
	assert_true(sgxcore_lock_exclusive(r->secs));
	REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
	sgxcore_unlock_exclusive(r->secs);
	/* into the version array itself, or into the SECS */
	REJECTS_GP(r, eld(r, sgxcore_eldu, r->pages[PAGING_VA].mem, RDX));
	r->info.secs = (unsigned long)RCX;
	REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
	r->info.secs = (unsigned long)r->secs->mem;
	assert_true(sgxcore_lock_shared(&r->pages[PAGING_VA]));
	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(eld(r, sgxcore_eldu, RCX, RDX));
	sgxcore_unlock_shared(r->secs);
	sgxcore_unlock_shared(&r->pages[PAGING_VA]);
}

static void order(void **state)
{
	struct rig *r = *state;

	evicted(r);
	REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, r->src, RDX + 4), r->src);
	r->info.srcpge++;
	REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, RCX, r->src), r->src);
	/* alignment of the sources before conflicts and pages */
	REJECTS_GP(r, eld(r, sgxcore_eldu, r->tcs->mem, RDX));
	r->info.srcpge--;
	/* conflicts before pages: destination, then version array */
	assert_true(sgxcore_lock_exclusive(r->tcs));
	REJECTS_GP(r, eld(r, sgxcore_eldu, r->tcs->mem, RCX));
	REJECTS_GP(r, eld(r, sgxcore_eldu, r->pages[PAGING_REG].mem, r->tcs->mem));
	sgxcore_unlock_exclusive(r->tcs);
	/* destination before version array before SECS before MAC */
	REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, r->tcs->mem, r->pages[30].mem), r->tcs->mem);
	r->info.secs = 8;
	REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, RCX, r->pages[30].mem), r->pages[30].mem);
	blob.pcmd.mac[0]++;
	REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
	r->info.secs = (unsigned long)r->tcs->mem;
	REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, RCX, RDX), r->tcs->mem);
}

static void ownerless_pages_have_no_secs(void **state)
{
	static const u64 types[] = { SGX_SECINFO_SECS, SGX_SECINFO_VA, 0x500, 0x600, 0xff00 };
	struct rig *r = *state;
	unsigned int i;

	evicted(r);
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		blob.pcmd.secinfo.flags = types[i];
		r->info.secs = (unsigned long)r->secs->mem;
		REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
		r->info.secs = 8;
		REJECTS_GP(r, eld(r, sgxcore_eldu, RCX, RDX));
		r->info.secs = 0;
		REJECTS_STATUS(r, eld(r, sgxcore_eldu, RCX, RDX), SGX_MAC_COMPARE_FAIL);
	}
}

static void set_states(struct sgxcore_page *page, unsigned int bits, u8 type, u8 perm)
{
	page->type = type;
	page->perm = perm;
	page->pending = bits & 1;
	page->modified = bits & 2;
	page->pr = bits & 4;
}

/* Everything that EPCM and EREMOVE know about a page comes back. */
static void round_trip(struct rig *r, u8 type, u8 perm, unsigned int bits, bool block)
{
	struct sgxcore_page *page = &r->pages[PAGING_REG2], before;
	struct sgxcore_page *new = &r->pages[PAGING_FREE];
	u8 plain[SGX_PAGE_SIZE];

	set_states(page, bits, type, perm);
	before = *page;
	memcpy(plain, page->mem, sizeof(plain));
	paging_evict(r, PAGING_REG2, 7, &blob);
	assert_ok(block ? paging_eldb(r, PAGING_FREE, 7, &blob) :
		  paging_eldu(r, PAGING_FREE, 7, &blob));
	assert_memory_equal(new->mem, plain, sizeof(plain));
	assert_int_equal(paging_version(r, PAGING_VA, 7), 0);
	assert_true(new->valid);
	assert_int_equal(new->type, type);
	assert_int_equal(new->perm, perm);
	assert_int_equal(new->pending, before.pending);
	assert_int_equal(new->modified, before.modified);
	assert_int_equal(new->pr, before.pr);
	assert_int_equal(new->addr, before.addr);
	assert_ptr_equal(new->secs, before.secs);
	assert_int_equal(new->blocked, block);
	/* back, for the next one */
	if (!block)
		assert_ok(paging_eblock(r, PAGING_FREE));
	else
		REJECTS_STATUS(r, paging_ewb(r, PAGING_FREE, 8, &blob), SGX_NOT_TRACKED);
	assert_ok(paging_etrack(r, PAGING_SECS));
	assert_ok(paging_ewb(r, PAGING_FREE, 8, &blob));
	assert_ok(paging_eldu(r, PAGING_REG2, 8, &blob));
	assert_memory_equal(page->mem, plain, sizeof(plain));
}

static void round_trips_of_children(void **state)
{
	struct rig *r = *state;
	unsigned int bits, perm, block;
	int children = r->secs->children;

	for (block = 0; block < 2; block++) {
		for (bits = 0; bits < 8; bits++) {
			for (perm = 0; perm < 8; perm++)
				round_trip(r, SGX_PT_REG, perm, bits, block);
			round_trip(r, SGX_PT_TRIM, 0, bits, block);
			round_trip(r, SGX_PT_TCS, 0, bits, block);
		}
	}
	assert_int_equal(r->secs->children, children);
}

static void round_trip_of_a_version_array(void **state)
{
	struct rig *r = *state;
	unsigned int block;

	paging_evict(r, PAGING_REG2, 0, &blob);
	for (block = 0; block < 2; block++) {
		u64 version = paging_version(r, PAGING_VA, 0);

		paging_info(r, &blob2);
		assert_ok(paging_ewb_raw(r, r->pages[PAGING_VA].mem,
					 paging_slot(r, PAGING_VA2, 1)));
		/* without its version a page cannot be loaded */
		paging_info(r, &blob);
		r->info.secs = blob.secs;
		r->info.linaddr = blob.linaddr;
		REJECTS_PF_ENCLS(r, eld(r, sgxcore_eldu, RCX, RDX), RDX);
		paging_info(r, &blob2);
		assert_ok(eld(r, leaves[block], r->pages[PAGING_VA].mem,
			      paging_slot(r, PAGING_VA2, 1)));
		assert_int_equal(paging_version(r, PAGING_VA, 0), version);
		assert_false(r->pages[PAGING_VA].blocked);
		assert_int_equal(r->pages[PAGING_VA].type, SGX_PT_VA);
	}
	assert_ok(paging_eldu(r, PAGING_FREE, 0, &blob));
	assert_memory_equal(r->pages[PAGING_FREE].mem, r->src, SGX_PAGE_SIZE);
}

static void round_trip_of_a_whole_enclave(void **state)
{
	static struct blob blobs[RIG_PAGES];
	struct rig *r = *state;
	struct snapshot *s = rig_snapshot(r);
	u64 eid = sgxcore_secs_private(r->secs)->eid;
	unsigned int i;

	for (i = 1; i < RIG_PAGES; i++) {
		if (r->pages[i].secs == r->secs)
			paging_evict(r, i, i, &blobs[i]);
	}
	assert_ok(paging_ewb(r, PAGING_SECS, 0, &blobs[0]));
	/* a child without its SECS */
	REJECTS_PF_ENCLS(r, paging_eldu(r, PAGING_FREE, PAGING_REG, &blobs[PAGING_REG]),
			 r->pages[PAGING_SECS].mem);
	/* The SECS comes back elsewhere. */
	assert_ok(paging_eldu(r, PAGING_FREE, 0, &blobs[0]));
	r->secs = &r->pages[PAGING_FREE];
	assert_int_equal(r->secs->type, SGX_PT_SECS);
	assert_false(r->secs->blocked);
	assert_int_equal(r->secs->children, 0);
	assert_int_equal(sgxcore_secs_private(r->secs)->eid, eid);
	assert_memory_equal(r->secs->mem, s->mem, SGX_PAGE_SIZE);
	for (i = 1; i < RIG_PAGES; i++) {
		if (!blobs[i].linaddr)
			continue;
		REJECTS_PF_ENCLS(r, paging_eldu(r, i, i, &blobs[i]), r->pages[PAGING_SECS].mem);
		blobs[i].secs = (unsigned long)r->secs->mem;
		assert_ok(paging_eldu(r, i, i, &blobs[i]));
		assert_ptr_equal(r->pages[i].secs, r->secs);
		assert_memory_equal(r->pages[i].mem, s->mem + (r->pages[i].mem - r->mem),
				    SGX_PAGE_SIZE);
	}
	assert_int_equal(r->secs->children, s->rig.pages[PAGING_SECS].children);
	free(s);
}

/* Building goes on after an eviction: the log is in the SECS. */
static void measurement_survives(void **state)
{
	struct rig *r = *state;
	struct sgxcore_measure before;

	rig_secs_source(r);
	assert_ok(rig_ecreate(r, 30));
	before = sgxcore_secs_private(&r->pages[30])->measure;
	assert_ok(paging_ewb(r, 30, 0, &blob));
	assert_ok(paging_eldb(r, 31, 0, &blob));
	assert_false(r->pages[31].blocked);
	assert_memory_equal(&sgxcore_secs_private(&r->pages[31])->measure, &before,
			    sizeof(before));
	assert_ok(rig_eadd(r, 32, &r->pages[31], RIG_BASE, RIG_REG_RW));
	rig_measure(r, &r->pages[31], &r->pages[32]);
}

static void eldb_blocks(void **state)
{
	struct rig *r = *state;

	paging_evict(r, PAGING_REG2, 0, &blob);
	assert_ok(paging_eldb(r, PAGING_FREE, 0, &blob));
	assert_int_equal(sgxcore_page_access(&r->pages[PAGING_FREE]), 0);
	REJECTS_STATUS_CF(r, paging_eblock(r, PAGING_FREE), SGX_BLKSTATE);
}

static void failing_decryption_loses_nothing(void **state)
{
	struct rig *r = *state;

	evicted(r);
	r->paging_key.fail_at = r->paging_key.calls + 1;
	REJECTS_GP(r, paging_eldu(r, PAGING_FREE, 0, &blob));
	assert_free(&r->pages[PAGING_FREE]);
	assert_ok(paging_eldu(r, PAGING_FREE, 0, &blob));
	assert_memory_equal(r->pages[PAGING_FREE].mem, r->src, SGX_PAGE_SIZE);
}

/* ------------------------------------------------- two loads of one page */

#define ROUNDS	500

struct loader {
	struct rig *r;
	unsigned int index;
	pthread_barrier_t *barrier;
	unsigned int won;
	unsigned int odd;
};

static void *loader(void *arg)
{
	struct loader *l = arg;
	struct rig *r = l->r;
	struct sgx_pageinfo info __attribute__((aligned(32))) = r->info;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct sgxcore_outcome out;

		pthread_barrier_wait(l->barrier);
		out = sgxcore_eldu(&r->cpu, &info, r->pages[l->index].mem, RDX);
		l->won += out.kind == SGXCORE_OK;
		l->odd += out.kind != SGXCORE_OK && out.kind != SGXCORE_STATUS;
		pthread_barrier_wait(l->barrier);
		/* back again; the others look on */
		pthread_barrier_wait(l->barrier);
	}
	return NULL;
}

static void one_of_two_loads_wins(void **state)
{
	struct rig *r = *state;
	pthread_barrier_t barrier;
	pthread_t threads[2];
	struct loader l[2];
	unsigned int i, j;

	evicted(r);
	pthread_barrier_init(&barrier, NULL, 3);
	for (i = 0; i < 2; i++) {
		l[i] = (struct loader){ .r = r, .index = PAGING_FREE + i, .barrier = &barrier };
		pthread_create(&threads[i], NULL, loader, &l[i]);
	}
	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		for (j = 0; j < 2; j++) {
			if (r->pages[PAGING_FREE + j].valid)
				paging_evict(r, PAGING_FREE + j, 0, &blob);
			else
				l[j].odd += !sgxcore_is_zero(r->pages[PAGING_FREE + j].mem,
							     SGX_PAGE_SIZE);
		}
		pthread_barrier_wait(&barrier);
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(l[0].odd + l[1].odd, 0);
	assert_int_equal(l[0].won + l[1].won, ROUNDS);
	pthread_barrier_destroy(&barrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGING_TEST(rejects_operands),
		PAGING_TEST(conflicts),
		PAGING_TEST(order),
		PAGING_TEST(ownerless_pages_have_no_secs),
		PAGING_TEST(round_trips_of_children),
		PAGING_TEST(round_trip_of_a_version_array),
		PAGING_TEST(round_trip_of_a_whole_enclave),
		PAGING_TEST(measurement_survives),
		PAGING_TEST(eldb_blocks),
		PAGING_TEST(failing_decryption_loses_nothing),
		PAGING_TEST(one_of_two_loads_wins),
	};

	return cmocka_run_group_tests_name("paging_load", tests, NULL, NULL);
}
