// SPDX-License-Identifier: GPL-2.0
/* Accesses to enclave memory that are made in software: what the EPCM allows, and no more. */
#include "dynamic.h"

static u8 buf[SGX_PAGE_SIZE];

/* Both halves, as the processor has them */
static struct sgxcore_outcome access_page(struct rig *r, u64 la, enum sgxcore_access access,
					  size_t n)
{
	struct sgxcore_xlat x;
	struct sgxcore_outcome out = sgxcore_access_prepare(&r->lp, la, access, &x);

	if (out.kind == SGXCORE_OK)
		out = sgxcore_access_commit(&r->lp, &x, la, access, buf, n);
	return out;
}

#define READ(la)	access_page(r, la, SGXCORE_READ, 8)
#define WRITE(la)	access_page(r, la, SGXCORE_WRITE, 8)

#define WITH(lvalue, bad, check)					\
	do {								\
		__typeof__(lvalue) __good = lvalue;			\
									\
		lvalue = bad;						\
		check;							\
		lvalue = __good;					\
	} while (0)

#define REFUSED								\
	do {								\
		REJECTS_PF(r, READ(DYN_REG_LA + 16), DYN_REG_LA + 16, PF_READ);		\
		REJECTS_PF(r, WRITE(DYN_REG_LA + 16), DYN_REG_LA + 16, PF_WRITE);	\
	} while (0)

static void refused(void **state)
{
	struct rig *r = *state;
	struct sgxcore_page *page = &r->pages[DYN_REG];

	WITH(page->blocked, true, REFUSED);
	WITH(page->pending, true, REFUSED);
	WITH(page->modified, true, REFUSED);
	WITH(page->type, SGX_PT_TCS, REFUSED);
	WITH(page->type, SGX_PT_TRIM, REFUSED);
	WITH(r->lp.eid, r->lp.eid + 1, REFUSED);
	WITH(page->perm, SGX_SECINFO_X, REFUSED);
	WITH(page->perm, SGX_SECINFO_R,
	     REJECTS_PF(r, WRITE(DYN_REG_LA), DYN_REG_LA, PF_WRITE));
	WITH(r->not_epc, DYN_REG_LA, REFUSED);
	WITH(r->unmapped, DYN_REG_LA,
	     REJECTS_PF(r, WRITE(DYN_REG_LA + 8), DYN_REG_LA + 8, SGX_PFEC_U | SGX_PFEC_W));
}

static void moved_away(void **state)
{
	struct rig *r = *state;
	struct sgxcore_xlat x;

	assert_ok(sgxcore_access_prepare(&r->lp, DYN_REG_LA, SGXCORE_READ, &x));
	r->pages[DYN_REG].gen++;
	assert_again(sgxcore_access_commit(&r->lp, &x, DYN_REG_LA, SGXCORE_READ, buf, 8));
	rig_assert_unlocked(r);
}

static void copies(void **state)
{
	struct rig *r = *state;
	u8 *mem = r->pages[DYN_REG].mem;
	unsigned int i;

	for (i = 0; i < SGX_PAGE_SIZE; i++)
		mem[i] = i * 7;
	assert_ok(access_page(r, DYN_REG_LA + 1000, SGXCORE_READ, SGX_PAGE_SIZE - 1000));
	assert_memory_equal(buf, mem + 1000, SGX_PAGE_SIZE - 1000);
	assert_ok(access_page(r, DYN_REG_LA, SGXCORE_WRITE, 5));
	assert_memory_equal(mem, mem + 1000, 5);
	assert_int_equal(5 * 7, mem[5]);
	/* PR alone takes nothing away. */
	r->pages[DYN_REG].pr = true;
	assert_ok(WRITE(DYN_REG_LA));
	rig_assert_unlocked(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DYN_TEST(refused),
		DYN_TEST(moved_away),
		DYN_TEST(copies),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
