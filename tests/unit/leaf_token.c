// SPDX-License-Identifier: GPL-2.0
/* EINIT with an EINITTOKEN: a launch enclave makes it, for an enclave of another signer. */
#include "keys.h"
#include "signer.h"

/* The enclave that the token is for, behind the launch enclave in the address space */
#define TARGET		30
#define TARGET_REG	31
#define TARGET_BASE	(RIG_BASE + RIG_SIZE)

#define CPUSVN		3
#define MAC_COVERS	192

static struct signer launcher, other;
static struct sgxcore_einit_scratch scratch;
static u64 lepubkeyhash[4];
static u8 key[16];

static int make_signers(void **state)
{
	struct sgx_sigstruct sig;

	(void)state;
	signer_init(&launcher);
	signer_init(&other);
	signer_template(&sig);
	signer_sign(&launcher, &sig);
	signer_hash(&sig, lepubkeyhash);
	return 0;
}

static int drop_signers(void **state)
{
	(void)state;
	signer_exit(&launcher);
	signer_exit(&other);
	return 0;
}

static int platform_setup(void **state)
{
	struct rig *r = rig_new();

	*state = r;
	sgxcore_platform_init(&r->cpu, "seed", 4);
	memset(r->cpu.platform.owner_epoch, 0x0e, 16);
	r->cpu.platform.cpusvn = CPUSVN;
	seal_cmac_fail_at = 0;
	return 0;
}

static struct sgx_sigstruct *sig_of(struct rig *r)
{
	return (struct sgx_sigstruct *)r->sig_page;
}

static struct sgx_einittoken *token_of(struct rig *r)
{
	return (struct sgx_einittoken *)r->token_page;
}

static struct sgxcore_outcome einit(struct rig *r, unsigned int secs)
{
	memset(&scratch, 0xa5, sizeof(scratch));
	return sgxcore_einit(&r->cpu, r->sig_page, r->pages[secs].mem, r->token_page,
			     lepubkeyhash, &scratch);
}

/* A SIGSTRUCT for what has been added to the enclave */
static void sign(struct rig *r, unsigned int secs, const struct signer *signer)
{
	struct sgx_sigstruct *sig = sig_of(r);

	signer_template(sig);
	sgxcore_measure_final(&sgxcore_secs_private(&r->pages[secs])->measure, &r->crypto,
			      sig->mrenclave);
	sig->isv_prod_id = 7;
	sig->isv_svn = 9;
	signer_sign(signer, sig);
}

/* It can be entered, and has the two pages that EGETKEY works on. */
static void make_launcher(struct rig *r, u64 attributes)
{
	unsigned int i;

	rig_secs_source(r)->attributes |= SGX_ATTR_EINITTOKENKEY | attributes;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	rig_tcs_source(r);
	assert_ok(rig_eadd(r, 2, r->secs, RIG_TCS, SGX_SECINFO_TCS));
	r->tcs = &r->pages[2];
	memset(r->src, 0, sizeof(r->src));
	for (i = 0; i < 2; i++)
		assert_ok(rig_eadd(r, 4 + i, r->secs, RIG_SSA + i * SGX_PAGE_SIZE, RIG_REG_RW));
	assert_ok(rig_eadd(r, KEYS_IN, r->secs, KEYS_IN_LA, RIG_REG_RW));
	assert_ok(rig_eadd(r, KEYS_OUT, r->secs, DYN_NEW_LA, RIG_REG_RW));
	sign(r, 0, &launcher);
	assert_ok(einit(r, 0));
}

/* Has its SIGSTRUCT, and waits for EINIT */
static void make_target(struct rig *r, u64 attributes)
{
	struct sgx_secs *source = rig_secs_source(r);

	source->base = TARGET_BASE;
	source->attributes |= attributes;
	assert_ok(rig_ecreate(r, TARGET));
	memset(r->src, 0x33, sizeof(r->src));
	assert_ok(rig_eadd(r, TARGET_REG, &r->pages[TARGET], TARGET_BASE, RIG_REG_RW));
	sign(r, TARGET, &other);
}

/* Inside the launch enclave; the request stays in its page. */
static struct sgx_keyrequest *get_key(struct rig *r, u16 name, u8 cpusvn)
{
	struct sgx_keyrequest *req;

	dynamic_enter(r);
	req = keys_request(r, name);
	req->cpusvn[0] = cpusvn;
	memset(req->keyid, 0x1d, sizeof(req->keyid));
	assert_ok(keys_getkey(r));
	memcpy(key, keys_out(r), sizeof(key));
	dynamic_leave(r);
	return req;
}

static void seal_token(struct rig *r)
{
	assert_true(seal_cmac(key, r->token_page, MAC_COVERS, token_of(r)->mac));
}

static void make_token(struct rig *r, u16 name, u8 cpusvn)
{
	const struct sgx_secs *target = sgxcore_secs_of(&r->pages[TARGET]);
	const struct sgx_keyrequest *req = get_key(r, name, cpusvn);
	const struct sgx_secs *own = sgxcore_secs_of(r->secs);
	struct sgx_einittoken *token = token_of(r);

	memset(r->token_page, 0, sizeof(r->token_page));
	token->valid = 1;
	token->attributes = target->attributes;
	token->xfrm = target->xfrm;
	memcpy(token->mrenclave, sig_of(r)->mrenclave, sizeof(token->mrenclave));
	sgxcore_sha256(&r->crypto, sig_of(r)->modulus, SGX_MODULUS_SIZE, token->mrsigner);
	memcpy(token->cpusvnle, req->cpusvn, sizeof(token->cpusvnle));
	token->isv_prod_id_le = own->isv_prod_id;
	token->isv_svn_le = req->isv_svn;
	token->masked_miscselect_le = own->miscselect & req->misc_mask;
	token->masked_attributes_le = own->attributes &
				      (req->attributes_mask | SGX_ATTR_INIT | SGX_ATTR_DEBUG);
	token->masked_xfrm_le = own->xfrm & req->xfrm_mask;
	memcpy(token->keyid, req->keyid, sizeof(token->keyid));
	seal_token(r);
}

/* Everything as it has to be */
static struct sgx_einittoken *prepare(struct rig *r)
{
	make_launcher(r, 0);
	make_target(r, 0);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN - 1);
	return token_of(r);
}

#define REJECTS(r, code)	REJECTS_STATUS(r, einit(r, TARGET), code)

/* With a MAC for the token as it is, which the launch enclave could have made */
#define REJECTS_SEALED(r, lvalue, bad, code)				\
	do {								\
		WITH(lvalue, bad, seal_token(r); REJECTS(r, code));	\
		seal_token(r);						\
	} while (0)

/* What the MAC covers, the MAC, and what its key is made of; CPUSVNLE has its own code. */
static void every_byte_counts(void **state)
{
	const unsigned int svn = offsetof(struct sgx_einittoken, cpusvnle);
	struct rig *r = *state;
	unsigned int i;

	prepare(r);
	for (i = 0; i < sizeof(struct sgx_einittoken); i++)
		if (i < svn || i >= svn + 16)
			WITH(r->token_page[i], r->token_page[i] ^ 0x40,
			     REJECTS(r, SGX_INVALID_EINITTOKEN));
	/* without VALID there is no token */
	WITH(token_of(r)->valid, 0, REJECTS(r, SGX_INVALID_EINITTOKEN));
	assert_ok(einit(r, TARGET));
}

/* Whoever has made it so */
static void rejects_reserved(void **state)
{
	static const unsigned int where[] = {
		/* VALID, and the four fields; CET, which is in no model */
		1, 3, 4, 47, 96, 127, 160, 191, 213, 235, 212,
	};
	struct rig *r = *state;
	struct sgx_einittoken *token = prepare(r);
	unsigned int i;

	for (i = 0; i < sizeof(where) / sizeof(*where); i++)
		REJECTS_SEALED(r, r->token_page[where[i]], 0x80, SGX_INVALID_EINITTOKEN);
	REJECTS_SEALED(r, token->valid, 3, SGX_INVALID_EINITTOKEN);
	REJECTS_SEALED(r, token->valid, 2, SGX_INVALID_EINITTOKEN);
	assert_ok(einit(r, TARGET));
}

static void rejects_other_enclaves(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token = prepare(r);
	unsigned int i;

	for (i = 0; i < 32; i += 31) {
		REJECTS_SEALED(r, token->mrenclave[i], token->mrenclave[i] ^ 1,
			       SGX_INVALID_MEASUREMENT);
		REJECTS_SEALED(r, token->mrsigner[i], token->mrsigner[i] ^ 0x80,
			       SGX_INVALID_MEASUREMENT);
	}
	/* INIT is not there yet. */
	REJECTS_SEALED(r, token->attributes, token->attributes | SGX_ATTR_INIT,
		       SGX_INVALID_ATTRIBUTE);
	REJECTS_SEALED(r, token->attributes, token->attributes | SGX_ATTR_DEBUG,
		       SGX_INVALID_ATTRIBUTE);
	REJECTS_SEALED(r, token->attributes, 0, SGX_INVALID_ATTRIBUTE);
	REJECTS_SEALED(r, token->attributes, token->attributes | 1ULL << 63,
		       SGX_INVALID_ATTRIBUTE);
	REJECTS_SEALED(r, token->xfrm, 1, SGX_INVALID_ATTRIBUTE);
	REJECTS_SEALED(r, token->xfrm, 7, SGX_INVALID_ATTRIBUTE);
	assert_ok(einit(r, TARGET));
}

static void versions(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token = prepare(r);
	u64 *now = &r->cpu.platform.cpusvn;

	/* of a processor that is newer than this one */
	WITH(token->cpusvnle[0], CPUSVN + 1, REJECTS(r, SGX_INVALID_CPUSVN));
	WITH(token->cpusvnle[7], 1, REJECTS(r, SGX_INVALID_CPUSVN));
	WITH(token->cpusvnle[8], 1, REJECTS(r, SGX_INVALID_CPUSVN));
	WITH(token->cpusvnle[15], 1, REJECTS(r, SGX_INVALID_CPUSVN));
	WITH(*now, CPUSVN - 2, REJECTS(r, SGX_INVALID_CPUSVN));
	/* of versions that there are keys for, but not this one */
	WITH(token->cpusvnle[0], 0, REJECTS(r, SGX_INVALID_EINITTOKEN));
	WITH(token->cpusvnle[0], CPUSVN, REJECTS(r, SGX_INVALID_EINITTOKEN));
	WITH(token->isv_svn_le, 9, REJECTS(r, SGX_INVALID_EINITTOKEN));
	/* Tokens outlive an update of the processor. */
	*now = CPUSVN + 1;
	assert_ok(einit(r, TARGET));
}

static void current_version(void **state)
{
	struct rig *r = *state;

	prepare(r);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN);
	WITH(r->cpu.platform.cpusvn, CPUSVN - 1, REJECTS(r, SGX_INVALID_CPUSVN));
	assert_ok(einit(r, TARGET));
}

/* Anybody can read what a launch enclave with DEBUG knows. */
static void debug_launcher(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token;

	make_launcher(r, SGX_ATTR_DEBUG);
	make_target(r, 0);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN);
	token = token_of(r);
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	/* not to be hidden: the key is another one */
	WITH(token->masked_attributes_le, token->masked_attributes_le & ~SGX_ATTR_DEBUG,
	     REJECTS(r, SGX_INVALID_EINITTOKEN));
	/* before CPUSVN, and before the measurement */
	WITH(token->cpusvnle[0], CPUSVN + 1, REJECTS(r, SGX_INVALID_EINITTOKEN));
	REJECTS_SEALED(r, token->mrenclave[0], token->mrenclave[0] ^ 1, SGX_INVALID_EINITTOKEN);
}

static void debug_launcher_for_debug(void **state)
{
	struct rig *r = *state;

	make_launcher(r, SGX_ATTR_DEBUG);
	make_target(r, SGX_ATTR_DEBUG);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN);
	assert_ok(einit(r, TARGET));
}

static void production_launcher_for_debug(void **state)
{
	struct rig *r = *state;

	make_launcher(r, 0);
	make_target(r, SGX_ATTR_DEBUG);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN);
	assert_ok(einit(r, TARGET));
}

static void rejects_other_platforms(void **state)
{
	struct rig *r = *state;
	struct sgxcore_platform *p = &r->cpu.platform;
	struct sgxcore_platform good;

	prepare(r);
	good = *p;
	sgxcore_platform_init(&r->cpu, "seec", 4);
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	*p = good;
	WITH(p->root[15], p->root[15] ^ 1, REJECTS(r, SGX_INVALID_EINITTOKEN));
	WITH(p->seal_fuses[0], p->seal_fuses[0] ^ 1, REJECTS(r, SGX_INVALID_EINITTOKEN));
	WITH(p->owner_epoch[15], 0, REJECTS(r, SGX_INVALID_EINITTOKEN));
	/* of another launch enclave */
	WITH(lepubkeyhash[0], lepubkeyhash[0] ^ 1, REJECTS(r, SGX_INVALID_EINITTOKEN));
	WITH(lepubkeyhash[3], lepubkeyhash[3] ^ 1ULL << 63, REJECTS(r, SGX_INVALID_EINITTOKEN));
	/* KEYID of reports has no part in it. */
	p->report_keyid[0] ^= 1;
	assert_ok(einit(r, TARGET));
}

/* Only the key that is for tokens makes tokens. */
static void rejects_other_keys(void **state)
{
	struct rig *r = *state;

	prepare(r);
	make_token(r, SGX_KEYNAME_SEAL, CPUSVN);
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	make_token(r, SGX_KEYNAME_REPORT, CPUSVN);
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	memset(key, 0, sizeof(key));
	seal_token(r);
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	memset(token_of(r)->mac, 0, sizeof(token_of(r)->mac));
	REJECTS(r, SGX_INVALID_EINITTOKEN);
}

/* SIGSTRUCT against the enclave; then reserved, CPUSVN, MAC, measurements, attributes */
static void order_of_checks(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token = prepare(r);
	struct sgx_sigstruct *sig = sig_of(r);

	WITH(token->reserved2[0], 1, WITH(token->cpusvnle[15], 1,
	     REJECTS(r, SGX_INVALID_EINITTOKEN)));
	WITH(token->mac[0], token->mac[0] ^ 1, WITH(token->cpusvnle[15], 1,
	     REJECTS(r, SGX_INVALID_CPUSVN)));
	WITH(token->mac[0], token->mac[0] ^ 1, WITH(token->mrenclave[0], ~token->mrenclave[0],
	     REJECTS(r, SGX_INVALID_EINITTOKEN)));
	WITH(token->mrsigner[0], ~token->mrsigner[0],
	     REJECTS_SEALED(r, token->attributes, 0, SGX_INVALID_MEASUREMENT));
	seal_token(r);
	/* The token is looked at last. */
	sig->attributes_mask = ~0ULL;
	signer_sign(&other, sig);
	WITH(token->mac[0], token->mac[0] ^ 1, REJECTS(r, SGX_INVALID_ATTRIBUTE));
	sig->mrenclave[0] ^= 1;
	signer_sign(&other, sig);
	WITH(token->mac[0], token->mac[0] ^ 1, REJECTS(r, SGX_INVALID_MEASUREMENT));
}

/* No token makes a launch enclave of another signer. */
static void rejects_second_launcher(void **state)
{
	struct rig *r = *state;

	make_launcher(r, 0);
	make_target(r, SGX_ATTR_EINITTOKENKEY);
	make_token(r, SGX_KEYNAME_EINITTOKEN, CPUSVN);
	REJECTS(r, SGX_INVALID_ATTRIBUTE);
}

/* VALID: the token counts, needed or not. Else nothing in it does. */
static void token_that_nobody_needs(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token = prepare(r);

	sign(r, TARGET, &launcher);
	REJECTS(r, SGX_INVALID_MEASUREMENT);
	token->mac[0] ^= 1;
	REJECTS(r, SGX_INVALID_EINITTOKEN);
	memset(r->token_page, 0xfe, sizeof(r->token_page));
	assert_ok(einit(r, TARGET));
}

/* If the cipher fails, nothing is taken for good. */
static void cipher_fails(void **state)
{
	struct rig *r = *state;
	unsigned int i;

	prepare(r);
	for (i = 1; i <= 2; i++) {
		seal_cmac_fail_at = i;
		REJECTS(r, SGX_INVALID_EINITTOKEN);
		assert_int_equal(0, seal_cmac_fail_at);
	}
	assert_ok(einit(r, TARGET));
}

static void works(void **state)
{
	struct rig *r = *state;
	struct sgx_secs *secs = sgxcore_secs_of(&r->pages[TARGET]);
	struct sgx_einittoken *token = prepare(r);

	assert_memory_not_equal(token->mrsigner, lepubkeyhash, 32);
	assert_ok(einit(r, TARGET));
	assert_true(secs->attributes & SGX_ATTR_INIT);
	assert_memory_equal(secs->mrenclave, token->mrenclave, 32);
	assert_memory_equal(secs->mrsigner, token->mrsigner, 32);
	assert_int_equal(secs->isv_prod_id, 7);
	assert_int_equal(secs->isv_svn, 9);
	REJECTS_GP(r, einit(r, TARGET));
}

#define TOKEN_TEST(f)	cmocka_unit_test_setup_teardown(f, platform_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_TEST(every_byte_counts),
		TOKEN_TEST(rejects_reserved),
		TOKEN_TEST(rejects_other_enclaves),
		TOKEN_TEST(versions),
		TOKEN_TEST(current_version),
		TOKEN_TEST(debug_launcher),
		TOKEN_TEST(debug_launcher_for_debug),
		TOKEN_TEST(production_launcher_for_debug),
		TOKEN_TEST(rejects_other_platforms),
		TOKEN_TEST(rejects_other_keys),
		TOKEN_TEST(order_of_checks),
		TOKEN_TEST(rejects_second_launcher),
		TOKEN_TEST(token_that_nobody_needs),
		TOKEN_TEST(cipher_fails),
		TOKEN_TEST(works),
	};

	return cmocka_run_group_tests_name("leaf_token", tests, make_signers, drop_signers);
}
