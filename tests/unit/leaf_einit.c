// SPDX-License-Identifier: GPL-2.0
/* EINIT: SIGSTRUCT, signature, measurement, attributes, launch, in that order. */
#include "rig.h"
#include "signer.h"

static struct signer signer;
static struct sgxcore_einit_scratch scratch;
static u64 lepubkeyhash[4];

static int make_key(void **state)
{
	struct sgx_sigstruct sig;

	(void)state;
	signer_init(&signer);
	signer_template(&sig);
	signer_sign(&signer, &sig);
	signer_hash(&sig, lepubkeyhash);
	return 0;
}

static int drop_key(void **state)
{
	(void)state;
	signer_exit(&signer);
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

static struct sgxcore_outcome einit(struct rig *r)
{
	memset(&scratch, 0xa5, sizeof(scratch));
	return sgxcore_einit(&r->cpu, r->sig_page, r->secs->mem, r->token_page, lepubkeyhash,
			     &scratch);
}

static void current_measurement(struct rig *r, u8 mrenclave[32])
{
	sgxcore_measure_final(&sgxcore_secs_private(r->secs)->measure, &r->crypto, mrenclave);
}

/* One measured page, and a SIGSTRUCT for that; not signed yet */
static struct sgx_sigstruct *build(struct rig *r, u64 attributes)
{
	struct sgx_sigstruct *sig = sig_of(r);

	rig_secs_source(r)->attributes |= attributes;
	assert_ok(rig_ecreate(r, 0));
	r->secs = &r->pages[0];
	memset(r->src, 0x33, sizeof(r->src));
	assert_ok(rig_eadd(r, 1, r->secs, RIG_CODE, RIG_REG_RW));
	rig_measure(r, r->secs, &r->pages[1]);
	signer_template(sig);
	current_measurement(r, sig->mrenclave);
	sig->isv_prod_id = 0x1234;
	sig->isv_svn = 0x5678;
	return sig;
}

static void build_signed(struct rig *r)
{
	build(r, 0);
	signer_sign(&signer, sig_of(r));
}

static void rejects_operands(void **state)
{
	struct rig *r = *state;
	u8 *secs, *reg;

	build_signed(r);
	secs = r->secs->mem;
	reg = r->pages[1].mem;
	REJECTS_GP(r, sgxcore_einit(&r->cpu, r->sig_page + 512, secs, r->token_page,
				    lepubkeyhash, &scratch));
	REJECTS_GP(r, sgxcore_einit(&r->cpu, r->sig_page, secs + 512, r->token_page,
				    lepubkeyhash, &scratch));
	REJECTS_GP(r, sgxcore_einit(&r->cpu, r->sig_page, secs, r->token_page + 256,
				    lepubkeyhash, &scratch));
	REJECTS_PF_ENCLS(r, sgxcore_einit(&r->cpu, r->sig_page, r->src, r->token_page,
					  lepubkeyhash, &scratch), r->src);
	/* not a SECS: REG, free */
	REJECTS_PF_ENCLS(r, sgxcore_einit(&r->cpu, r->sig_page, reg, r->token_page,
					  lepubkeyhash, &scratch), reg);
	REJECTS_PF_ENCLS(r, sgxcore_einit(&r->cpu, r->sig_page, r->pages[9].mem, r->token_page,
					  lepubkeyhash, &scratch), r->pages[9].mem);
	/* SIGSTRUCT before the type of the page */
	sig_of(r)->exponent = 65537;
	REJECTS_STATUS(r, sgxcore_einit(&r->cpu, r->sig_page, reg, r->token_page,
					lepubkeyhash, &scratch), SGX_INVALID_SIG_STRUCT);
}

static void rejects_malformed_sigstruct(void **state)
{
	static const unsigned int where[] = {
		/* header, vendor, header2, reserved, exponent, reserved */
		0, 4, 10, 15, 16, 19, 24, 28, 36, 39, 44, 127, 512, 515, 910, 911, 992, 1007,
		1028, 1039,
	};
	struct rig *r = *state;
	unsigned int i;

	build_signed(r);
	for (i = 0; i < sizeof(where) / sizeof(*where); i++) {
		r->sig_page[where[i]] ^= 0x10;
		/* The signature does not fit any more, either: format comes first. */
		REJECTS_STATUS(r, einit(r), SGX_INVALID_SIG_STRUCT);
		r->sig_page[where[i]] ^= 0x10;
	}
	sig_of(r)->vendor = 0x8086;
	signer_sign(&signer, sig_of(r));
	assert_ok(einit(r));
}

static void rejects_bad_signature(void **state)
{
	struct rig *r = *state;
	unsigned int i;
	const unsigned int where[] = {
		offsetof(struct sgx_sigstruct, signature), offsetof(struct sgx_sigstruct, q1),
		offsetof(struct sgx_sigstruct, q2), offsetof(struct sgx_sigstruct, mrenclave),
		offsetof(struct sgx_sigstruct, date), offsetof(struct sgx_sigstruct, swdefined),
		offsetof(struct sgx_sigstruct, modulus), offsetof(struct sgx_sigstruct, isv_svn),
		offsetof(struct sgx_sigstruct, attributes_mask),
		offsetof(struct sgx_sigstruct, isv_ext_prod_id),
	};

	build_signed(r);
	for (i = 0; i < sizeof(where) / sizeof(*where); i++) {
		r->sig_page[where[i]] ^= 0x04;
		REJECTS_STATUS(r, einit(r), SGX_INVALID_SIGNATURE);
		r->sig_page[where[i]] ^= 0x04;
	}
	/* before conflict and measurement */
	sig_of(r)->mrenclave[0] ^= 1;
	assert_true(sgxcore_lock_exclusive(r->secs));
	REJECTS_STATUS(r, einit(r), SGX_INVALID_SIGNATURE);
	sgxcore_unlock_exclusive(r->secs);
}

static void rejects_wrong_measurement(void **state)
{
	struct rig *r = *state;
	struct sgx_sigstruct *sig = build(r, SGX_ATTR_DEBUG);

	sig->mrenclave[31] ^= 0x80;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_MEASUREMENT);
	/* measurement before attributes and launch */
	sig->attributes_mask = ~0ULL;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_MEASUREMENT);
	lepubkeyhash[0] ^= 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_MEASUREMENT);
	lepubkeyhash[0] ^= 1;
	/* ISVFAMILYID before measurement */
	sig->isv_family_id[15] = 1;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_SIG_STRUCT);
}

static void rejects_attributes(void **state)
{
	struct rig *r = *state;
	struct sgx_sigstruct *sig = build(r, SGX_ATTR_DEBUG);

	sig->attributes = SGX_ATTR_MODE64BIT;
	sig->attributes_mask = ~0ULL;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	/* INIT is not set yet when it is compared. */
	sig->attributes = SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG | SGX_ATTR_INIT;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	sig->attributes = SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG;
	sig->xfrm = 7;
	sig->xfrm_mask = ~0ULL;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	/* attributes before launch */
	lepubkeyhash[3] ^= 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	lepubkeyhash[3] ^= 1;
	sig->xfrm = 3;
	sig->miscselect = 1;
	sig->misc_mask = ~0U;
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	sig->miscselect = 0;
	signer_sign(&signer, sig);
	assert_ok(einit(r));
}

static void masked_bits_may_differ(void **state)
{
	struct rig *r = *state;
	struct sgx_sigstruct *sig = build(r, SGX_ATTR_DEBUG);

	sig->attributes = ~0ULL;
	sig->attributes_mask = SGX_ATTR_DEBUG;
	sig->xfrm = ~0ULL;
	sig->xfrm_mask = 1;
	sig->miscselect = ~0U;
	signer_sign(&signer, sig);
	assert_ok(einit(r));
}

static void family_id_needs_kss(void **state)
{
	struct rig *r = *state;
	struct sgx_sigstruct *sig = build(r, SGX_ATTR_KSS);

	sig->isv_family_id[0] = 1;
	signer_sign(&signer, sig);
	assert_ok(einit(r));
	assert_memory_equal(sgxcore_secs_private(r->secs)->isv_family_id, sig->isv_family_id, 16);
}

static void launch_control(void **state)
{
	struct rig *r = *state;

	build_signed(r);
	lepubkeyhash[2] ^= 1ULL << 63;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	/* VALID is one bit. */
	token_of(r)->valid = 2;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	lepubkeyhash[2] ^= 1ULL << 63;
	assert_ok(einit(r));
}

static void launch_enclave_needs_the_launch_key(void **state)
{
	struct rig *r = *state;

	build(r, SGX_ATTR_EINITTOKENKEY);
	signer_sign(&signer, sig_of(r));
	lepubkeyhash[1] ^= 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	token_of(r)->valid = 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_ATTRIBUTE);
	token_of(r)->valid = 0;
	lepubkeyhash[1] ^= 1;
	assert_ok(einit(r));
}

/* No launch key, no MAC: every token is refused, whoever the signer is. */
static void tokens_are_refused(void **state)
{
	struct rig *r = *state;
	struct sgx_einittoken *token = token_of(r);

	build_signed(r);
	token->valid = 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	token->masked_attributes_le = SGX_ATTR_DEBUG;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	token->masked_attributes_le = 0;
	token->reserved2[31] = 1;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	token->reserved2[31] = 0;
	token->valid = 3;
	REJECTS_STATUS(r, einit(r), SGX_INVALID_EINITTOKEN);
	token->valid = 1;
	/* measurement of the enclave before the token */
	sig_of(r)->mrenclave[0] ^= 1;
	signer_sign(&signer, sig_of(r));
	REJECTS_STATUS(r, einit(r), SGX_INVALID_MEASUREMENT);
}

static void conflicts(void **state)
{
	struct rig *r = *state;

	build_signed(r);
	assert_true(sgxcore_lock_exclusive(r->secs));
	REJECTS_GP(r, einit(r));
	sgxcore_unlock_exclusive(r->secs);
	assert_true(sgxcore_lock_extra(r->secs));
	REJECTS_GP(r, einit(r));
	sgxcore_unlock_extra(r->secs);
	/* conflict before the type of the page */
	assert_true(sgxcore_lock_exclusive(&r->pages[9]));
	REJECTS_GP(r, sgxcore_einit(&r->cpu, r->sig_page, r->pages[9].mem, r->token_page,
				    lepubkeyhash, &scratch));
	sgxcore_unlock_exclusive(&r->pages[9]);
	assert_true(sgxcore_lock_shared(r->secs));
	assert_ok(einit(r));
	sgxcore_unlock_shared(r->secs);
}

static void failure_is_not_final(void **state)
{
	struct rig *r = *state;
	struct sgx_sigstruct *sig = build(r, 0);
	struct sgx_secs *secs = sgxcore_secs_of(r->secs);
	struct sgxcore_secs_private *priv = sgxcore_secs_private(r->secs);
	u8 mrsigner[32];

	sig->mrenclave[0] ^= 1;
	memset(sig->isv_ext_prod_id, 0xe7, 16);
	signer_sign(&signer, sig);
	REJECTS_STATUS(r, einit(r), SGX_INVALID_MEASUREMENT);

	assert_ok(rig_eadd(r, 2, r->secs, RIG_CODE + 0x1000, RIG_REG_RW));
	current_measurement(r, sig->mrenclave);
	signer_sign(&signer, sig);
	assert_ok(einit(r));
	assert_true(secs->attributes & SGX_ATTR_INIT);
	assert_memory_equal(secs->mrenclave, sig->mrenclave, 32);
	sgxcore_sha256(&r->crypto, sig->modulus, sizeof(sig->modulus), mrsigner);
	assert_memory_equal(secs->mrsigner, mrsigner, 32);
	assert_int_equal(secs->isv_prod_id, 0x1234);
	assert_int_equal(secs->isv_svn, 0x5678);
	assert_memory_equal(priv->isv_ext_prod_id, sig->isv_ext_prod_id, 16);
	/* once and for all */
	REJECTS_GP(r, einit(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(rejects_operands),
		RIG_TEST(rejects_malformed_sigstruct),
		RIG_TEST(rejects_bad_signature),
		RIG_TEST(rejects_wrong_measurement),
		RIG_TEST(rejects_attributes),
		RIG_TEST(masked_bits_may_differ),
		RIG_TEST(family_id_needs_kss),
		RIG_TEST(launch_control),
		RIG_TEST(launch_enclave_needs_the_launch_key),
		RIG_TEST(tokens_are_refused),
		RIG_TEST(conflicts),
		RIG_TEST(failure_is_not_final),
	};

	return cmocka_run_group_tests_name("leaf_einit", tests, make_key, drop_key);
}
