// SPDX-License-Identifier: GPL-2.0
/* EGETKEY: operands, requests, and what each key depends on. */
#include "keys.h"

#define REJECTS_IN	REJECTS_PF(r, keys_getkey(r), KEYS_IN_LA, PF_READ)
#define REJECTS_OUT	REJECTS_PF(r, keys_getkey(r), KEYS_OUT_LA, PF_WRITE)

static void rejects_addresses(void **state)
{
	struct rig *r = *state;
	u64 offset;

	keys_request(r, SGX_KEYNAME_SEAL);
	for (offset = 1; offset < 512; offset <<= 1)
		WITH(r->regs.bx, KEYS_IN_LA + offset, REJECTS_GP(r, keys_getkey(r)));
	for (offset = 1; offset < 16; offset <<= 1)
		WITH(r->regs.cx, KEYS_OUT_LA + offset, REJECTS_GP(r, keys_getkey(r)));
	WITH(r->regs.bx, RIG_BASE - 512, REJECTS_GP(r, keys_getkey(r)));
	WITH(r->regs.bx, RIG_BASE + RIG_SIZE, REJECTS_GP(r, keys_getkey(r)));
	WITH(r->regs.cx, RIG_BASE - 16, REJECTS_GP(r, keys_getkey(r)));
	WITH(r->regs.cx, RIG_BASE + RIG_SIZE, REJECTS_GP(r, keys_getkey(r)));
	WITH(r->regs.cx, ~15ULL, REJECTS_GP(r, keys_getkey(r)));
}

static void rejects_pages(void **state)
{
	struct rig *r = *state;

	keys_request(r, SGX_KEYNAME_SEAL);
	REJECTS_PAGE_STATES(r, &r->pages[KEYS_IN], SGX_SECINFO_R, REJECTS_IN);
	REJECTS_PAGE_STATES(r, &r->pages[KEYS_OUT], SGX_SECINFO_W, REJECTS_OUT);
	WITH(r->unmapped, KEYS_IN_LA,
	     REJECTS_PF(r, keys_getkey(r), KEYS_IN_LA, SGX_PFEC_U));
	WITH(r->unmapped, KEYS_OUT_LA & ~0xfffULL,
	     REJECTS_PF(r, keys_getkey(r), KEYS_OUT_LA, SGX_PFEC_U | SGX_PFEC_W));
	WITH(r->not_epc, KEYS_IN_LA, REJECTS_IN);
	WITH(r->not_epc, KEYS_OUT_LA & ~0xfffULL, REJECTS_OUT);
	/* a page that belongs to another address, or to another enclave */
	assert_ok(keys_getkey_prepare(r));
	WITH(r->pages[KEYS_IN].addr, KEYS_OUT_LA,
	     REJECTS_PF(r, keys_getkey_commit(r), KEYS_IN_LA, PF_READ));
	WITH(r->pages[KEYS_OUT].addr, KEYS_IN_LA,
	     REJECTS_PF(r, keys_getkey_commit(r), KEYS_OUT_LA, PF_WRITE));
	WITH(r->pages[KEYS_OUT].secs, NULL,
	     REJECTS_PF(r, keys_getkey_commit(r), KEYS_OUT_LA, PF_WRITE));
}

/* RBX with its page, then RCX with its page, then the request */
static void order_of_checks(void **state)
{
	struct rig *r = *state;
	struct sgx_keyrequest *req = keys_request(r, SGX_KEYNAME_SEAL);

	WITH(r->regs.bx, KEYS_IN_LA + 8, WITH(r->regs.cx, 8, REJECTS_GP(r, keys_getkey(r))));
	WITH(r->pages[KEYS_IN].perm, 0, WITH(r->regs.cx, KEYS_OUT_LA + 8, REJECTS_IN));
	WITH(r->pages[KEYS_IN].perm, 0, WITH(r->pages[KEYS_OUT].perm, 0, REJECTS_IN));
	WITH(req->reserved1, 1, WITH(r->pages[KEYS_OUT].perm, 0, REJECTS_OUT));
	/* shape, name, privilege, CPUSVN, ISVSVN */
	WITH(req->reserved1, 1, WITH(req->keyname, 5, REJECTS_GP(r, keys_getkey(r))));
	WITH(req->keyname, 5, WITH(req->cpusvn[0], 9,
	     REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_KEYNAME)));
	WITH(req->cpusvn[0], 9, WITH(req->isv_svn, 99,
	     REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_CPUSVN)));
}

static void rejects_shapes(void **state)
{
	struct sgx_secs *secs;
	struct rig *r = *state;
	struct sgx_keyrequest *req;
	unsigned int i;
	u16 name;

	secs = sgxcore_secs_of(r->secs);
	for (name = SGX_KEYNAME_EINITTOKEN; name <= SGX_KEYNAME_SEAL; name++) {
		req = keys_request(r, name);
		for (i = 6; i < 16; i++)
			WITH(req->keypolicy, 1U << i, REJECTS_GP(r, keys_getkey(r)));
		WITH(req->reserved1, 1, REJECTS_GP(r, keys_getkey(r)));
		WITH(req->cet_attributes_mask, 1, REJECTS_GP(r, keys_getkey(r)));
		for (i = 0; i < sizeof(req->reserved2); i += 61)
			WITH(req->reserved2[i], 0x80, REJECTS_GP(r, keys_getkey(r)));
		WITH(req->reserved2[433], 1, REJECTS_GP(r, keys_getkey(r)));
		/* without KSS */
		secs->attributes &= ~SGX_ATTR_KSS;
		for (i = 2; i < 6; i++)
			WITH(req->keypolicy, 1U << i, REJECTS_GP(r, keys_getkey(r)));
		WITH(req->config_svn, 1, REJECTS_GP(r, keys_getkey(r)));
		WITH(req->keypolicy, 3, assert_ok(keys_getkey(r)));
		secs->attributes |= SGX_ATTR_KSS;
	}
}

static void rejects_names(void **state)
{
	struct rig *r = *state;
	struct sgx_keyrequest *req = keys_request(r, 0);
	unsigned int name;

	for (name = 5; name < 0x10000; name = name < 16 ? name + 1 : name * 3) {
		req->keyname = name;
		REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_KEYNAME);
	}
}

static void rejects_privileges(void **state)
{
	static const struct {
		u16 name;
		u64 attribute;
	} keys[] = {
		{ SGX_KEYNAME_EINITTOKEN, SGX_ATTR_EINITTOKENKEY },
		{ SGX_KEYNAME_PROVISION, SGX_ATTR_PROVISIONKEY },
		{ SGX_KEYNAME_PROVISION_SEAL, SGX_ATTR_PROVISIONKEY },
	};
	struct rig *r = *state;
	struct sgx_secs *secs = sgxcore_secs_of(r->secs);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		keys_request(r, keys[i].name);
		secs->attributes &= ~keys[i].attribute;
		REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_ATTRIBUTE);
		secs->attributes |= keys[i].attribute;
		assert_ok(keys_getkey(r));
		r->regs.ip = RIG_IP;
	}
	secs->attributes &= ~(SGX_ATTR_EINITTOKENKEY | SGX_ATTR_PROVISIONKEY);
	keys_request(r, SGX_KEYNAME_SEAL);
	assert_ok(keys_getkey(r));
	keys_request(r, SGX_KEYNAME_REPORT);
	assert_ok(keys_getkey(r));
}

/* Versions up to the current one; REPORT looks at none of them. */
static void versions(void **state)
{
	struct rig *r = *state;
	struct sgx_keyrequest *req;
	u16 name;

	for (name = SGX_KEYNAME_EINITTOKEN; name <= SGX_KEYNAME_SEAL; name++) {
		bool report = name == SGX_KEYNAME_REPORT, sealing = name == SGX_KEYNAME_SEAL;

		req = keys_request(r, name);
		req->cpusvn[0] = 4;
		if (report)
			assert_ok(keys_getkey(r));
		else
			REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_CPUSVN);
		req->cpusvn[0] = 0;
		req->cpusvn[15] = 1;
		if (!report)
			REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_CPUSVN);
		req->cpusvn[15] = 0;
		assert_ok(keys_getkey(r));
		r->regs.ip = RIG_IP;
		req->cpusvn[0] = 3;
		req->isv_svn = 10;
		if (!report)
			REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_ISVSVN);
		req->isv_svn = 9;
		assert_ok(keys_getkey(r));
		r->regs.ip = RIG_IP;
		req->config_svn = 6;
		if (sealing)
			REJECTS_CODE(r, keys_getkey(r), SGX_INVALID_ISVSVN);
		else
			assert_ok(keys_getkey(r));
		req->config_svn = 5;
		assert_ok(keys_getkey(r));
		r->regs.ip = RIG_IP;
	}
}

/* 16 bytes, RAX and flags, RIP; and nothing else */
static void works(void **state)
{
	struct rig *r = *state;
	struct snapshot *s;
	u8 key[16];

	keys_request(r, SGX_KEYNAME_SEAL);
	r->regs.ax = SGX_EGETKEY;
	s = rig_snapshot(r);
	assert_ok(keys_getkey(r));
	memcpy(key, keys_out(r), sizeof(key));
	assert_false(sgxcore_is_zero(key, sizeof(key)));
	dynamic_expect_code(s, 0);
	memset(keys_out(r), 0, sizeof(key));
	rig_assert_unchanged(r, s);
	/* the same again, and over the request itself */
	assert_ok(keys_getkey(r));
	assert_memory_equal(key, keys_out(r), sizeof(key));
	r->regs.cx = KEYS_IN_LA;
	assert_ok(keys_getkey(r));
	assert_memory_equal(key, r->pages[KEYS_IN].mem, sizeof(key));
}

static void cipher_fails(void **state)
{
	struct rig *r = *state;
	u16 name;

	for (name = SGX_KEYNAME_EINITTOKEN; name <= SGX_KEYNAME_SEAL; name++) {
		keys_request(r, name);
		seal_cmac_fail_at = 1;
		REJECTS_AGAIN(r, keys_getkey(r));
		assert_int_equal(0, seal_cmac_fail_at);
		assert_ok(keys_getkey(r));
		r->regs.ip = RIG_IP;
	}
}

/* Between the halves a page leaves, or somebody has it alone. */
static void page_leaves(void **state)
{
	struct rig *r = *state;
	unsigned int i, index[] = { KEYS_IN, KEYS_OUT };

	keys_request(r, SGX_KEYNAME_SEAL);
	for (i = 0; i < 2; i++) {
		struct sgxcore_page *page = &r->pages[index[i]];

		assert_ok(keys_getkey_prepare(r));
		WITH(page->blocked, true, REJECTS_AGAIN(r, keys_getkey_commit(r)));
		page->gen++;
		REJECTS_AGAIN(r, keys_getkey_commit(r));
		assert_ok(keys_getkey_prepare(r));
		assert_true(sgxcore_lock_exclusive(page));
		REJECTS_AGAIN(r, keys_getkey_commit(r));
		sgxcore_unlock_exclusive(page);
		assert_ok(keys_getkey_commit(r));
		r->regs.ip = RIG_IP;
	}
}

static void without_enclave(void **state)
{
	struct rig *r = *state;

	keys_request(r, SGX_KEYNAME_SEAL);
	assert_ok(keys_getkey_prepare(r));
	sgxcore_lp_abandon(&r->lp);
	REJECTS_PF(r, keys_getkey_commit(r), KEYS_IN_LA, SGX_PFEC_U);
	r->lp.inside = false;
	REJECTS_GP(r, keys_getkey(r));
}

/* ----------------------------------------------------------- dependencies */

enum input {
	ROOT, OWNER_EPOCH, SEAL_FUSES, CURRENT_CPUSVN,
	PROD_ID, SVN, CONFIG_ID, CONFIG_SVN, FAMILY, EXT_PROD, MRENCLAVE, MRSIGNER,
	INIT, DEBUG, ATTR_IN_MASK, ATTR_OUTSIDE, XFRM_IN_MASK, XFRM_OUTSIDE, MISC,
	REQ_SVN, REQ_CPUSVN, REQ_KEYID, REQ_CONFIG_SVN, REQ_ATTR_MASK, REQ_XFRM_MASK,
	REQ_MISC_MASK, REQ_POLICY,
};

/* Change it, or change it back. */
static void flip(struct rig *r, struct sgx_keyrequest *req, enum input input)
{
	struct sgxcore_secs_private *priv = sgxcore_secs_private(r->secs);
	struct sgxcore_platform *p = &r->cpu.platform;
	struct sgx_secs *secs = sgxcore_secs_of(r->secs);

	switch (input) {
	case ROOT:
		p->root[15] ^= 1;
		break;
	case OWNER_EPOCH:
		p->owner_epoch[15] ^= 1;
		break;
	case SEAL_FUSES:
		p->seal_fuses[15] ^= 1;
		break;
	case CURRENT_CPUSVN:
		p->cpusvn ^= 4;
		break;
	case PROD_ID:
		secs->isv_prod_id ^= 0x8000;
		break;
	case SVN:
		secs->isv_svn ^= 0x8000;
		break;
	case CONFIG_ID:
		secs->config_id[63] ^= 1;
		break;
	case CONFIG_SVN:
		secs->config_svn ^= 0x8000;
		break;
	case FAMILY:
		priv->isv_family_id[15] ^= 1;
		break;
	case EXT_PROD:
		priv->isv_ext_prod_id[15] ^= 1;
		break;
	case MRENCLAVE:
		secs->mrenclave[31] ^= 1;
		break;
	case MRSIGNER:
		secs->mrsigner[31] ^= 1;
		break;
	case INIT:
		secs->attributes ^= SGX_ATTR_INIT;
		break;
	case DEBUG:
		secs->attributes ^= SGX_ATTR_DEBUG;
		break;
	case ATTR_IN_MASK:
		secs->attributes ^= SGX_ATTR_MODE64BIT;
		break;
	case ATTR_OUTSIDE:
		secs->attributes ^= SGX_ATTR_AEXNOTIFY;
		break;
	case XFRM_IN_MASK:
		secs->xfrm ^= 1;
		break;
	case XFRM_OUTSIDE:
		secs->xfrm ^= 2;
		break;
	case MISC:
		secs->miscselect ^= 1;
		break;
	case REQ_SVN:
		req->isv_svn ^= 1;
		break;
	case REQ_CPUSVN:
		req->cpusvn[0] ^= 1;
		break;
	case REQ_KEYID:
		req->keyid[31] ^= 1;
		break;
	case REQ_CONFIG_SVN:
		req->config_svn ^= 1;
		break;
	case REQ_ATTR_MASK:
		req->attributes_mask ^= 1ULL << 63;
		break;
	case REQ_XFRM_MASK:
		req->xfrm_mask ^= 1ULL << 63;
		break;
	case REQ_MISC_MASK:
		req->misc_mask ^= 1U << 31;
		break;
	case REQ_POLICY:
		req->keypolicy ^= SGX_KEYPOLICY_MRENCLAVE;
		break;
	}
}

/*
 * Whether a key depends on it: EINITTOKEN, PROVISION, PROVISION_SEAL, REPORT, SEAL, in this
 * order, without any policy and with all of them. MISCSELECT is outside the mask.
 */
static const struct {
	enum input input;
	const char *plain;
	const char *all;
} dependencies[] = {
	{ ROOT, "11111", "11111" },
	{ OWNER_EPOCH, "10011", "10011" },
	{ SEAL_FUSES, "10111", "10111" },
	{ CURRENT_CPUSVN, "00010", "00010" },
	{ PROD_ID, "11101", "11000" },
	{ SVN, "00000", "00000" },
	{ CONFIG_ID, "00010", "00111" },
	{ CONFIG_SVN, "00010", "00010" },
	{ FAMILY, "00000", "00101" },
	{ EXT_PROD, "00000", "00101" },
	{ MRENCLAVE, "00010", "00011" },
	{ MRSIGNER, "11100", "11101" },
	{ INIT, "11111", "11111" },
	{ DEBUG, "11111", "11111" },
	{ ATTR_IN_MASK, "11111", "11111" },
	{ ATTR_OUTSIDE, "00010", "00010" },
	{ XFRM_IN_MASK, "11111", "11111" },
	{ XFRM_OUTSIDE, "00010", "00010" },
	{ MISC, "00010", "00010" },
	{ REQ_SVN, "11101", "11101" },
	{ REQ_CPUSVN, "11101", "11101" },
	{ REQ_KEYID, "10011", "10011" },
	{ REQ_CONFIG_SVN, "00000", "00101" },
	{ REQ_ATTR_MASK, "01101", "01101" },
	{ REQ_XFRM_MASK, "01101", "01101" },
	{ REQ_MISC_MASK, "01101", "01101" },
	{ REQ_POLICY, "00101", "00101" },
};

static void get(struct rig *r, u8 key[16])
{
	assert_ok(keys_getkey(r));
	memcpy(key, keys_out(r), 16);
}

static void check_dependencies(struct rig *r, u16 name, u16 policy)
{
	struct sgx_keyrequest *req = keys_request(r, name);
	u8 before[16], after[16];
	unsigned int i;
	bool expected;

	req->keypolicy = policy;
	get(r, before);
	for (i = 0; i < sizeof(dependencies) / sizeof(*dependencies); i++) {
		const char *row = policy ? dependencies[i].all : dependencies[i].plain;

		expected = row[name] == '1';
		flip(r, req, dependencies[i].input);
		get(r, after);
		if (!!memcmp(before, after, 16) != expected)
			fail_msg("key %u, policy %x, input %u: %s", name, policy,
				 dependencies[i].input, expected ? "no matter" : "matters");
		flip(r, req, dependencies[i].input);
		get(r, after);
		assert_memory_equal(before, after, 16);
	}
}

static void what_keys_depend_on(void **state)
{
	struct rig *r = *state;
	u16 name;

	for (name = SGX_KEYNAME_EINITTOKEN; name <= SGX_KEYNAME_SEAL; name++) {
		check_dependencies(r, name, 0);
		check_dependencies(r, name, KEYS_POLICIES);
	}
}

/* Neither the names nor any two policies of a sealing key give the same. */
static void keys_differ(void **state)
{
	static u8 keys[5 + KEYS_POLICIES + 1][16];
	struct rig *r = *state;
	unsigned int i, k, n = 0;

	for (i = 0; i < 5; i++) {
		keys_request(r, i);
		get(r, keys[n++]);
	}
	for (i = 1; i <= KEYS_POLICIES; i++) {
		keys_request(r, SGX_KEYNAME_SEAL)->keypolicy = i;
		get(r, keys[n++]);
	}
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			assert_memory_not_equal(keys[i], keys[k], 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(rejects_addresses),
		KEYS_TEST(rejects_pages),
		KEYS_TEST(order_of_checks),
		KEYS_TEST(rejects_shapes),
		KEYS_TEST(rejects_names),
		KEYS_TEST(rejects_privileges),
		KEYS_TEST(versions),
		KEYS_TEST(works),
		KEYS_TEST(cipher_fails),
		KEYS_TEST(page_leaves),
		KEYS_TEST(without_enclave),
		KEYS_TEST(what_keys_depend_on),
		KEYS_TEST(keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
