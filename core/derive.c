// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of the platform: each is AES-128-CMAC, under the root secret, over everything that
 * the key depends on. What it does not depend on is zero there.
 *
 * How real processors do it is not documented; which key depends on what is, and
 * that is what is kept. PADDING, a dependency that is the same for every enclave, is
 * left out.
 */
#include "internal.h"

/* INIT and DEBUG always count. */
#define REQUIRED_ATTRIBUTES	(SGX_ATTR_INIT | SGX_ATTR_DEBUG)

/* Input of the derivation. No padding: all bytes count. */
struct dependencies {
	u16 keyname;
	u16 keypolicy;
	u16 isv_prod_id;
	u16 isv_svn;
	u16 config_svn;
	u16 zero;
	u32 miscselect;
	u32 misc_mask;
	u32 zero2;
	u64 attributes;
	u64 xfrm;
	u64 attributes_mask;
	u64 xfrm_mask;
	u8 cpusvn[16];
	u8 owner_epoch[16];
	u8 seal_fuses[16];
	u8 isv_family_id[16];
	u8 isv_ext_prod_id[16];
	u8 mrenclave[32];
	u8 mrsigner[32];
	u8 keyid[32];
	u8 config_id[64];
};

static_assert(sizeof(struct dependencies) == 296, "padding in the input of keys");

static bool derive(const struct sgxcore_cpu *cpu, struct dependencies *d, u8 key[16])
{
	return cpu->crypto->cmac(cpu->platform.root, d, sizeof(*d), key);
}

/*
 * CPUSVN is a little-endian number of 64 bits, and zeroes. Zero is older than
 * everything.
 */
void sgxcore_cpusvn_get(const struct sgxcore_cpu *cpu, u8 cpusvn[16])
{
	u64 value = sgxcore_load(&cpu->platform.cpusvn);

	memset(cpusvn, 0, 16);
	memcpy(cpusvn, &value, sizeof(value));
}

/* May there be keys for it? Not of a processor that is newer than this one. */
bool sgxcore_cpusvn_valid(const struct sgxcore_cpu *cpu, const u8 cpusvn[16])
{
	u64 value;

	memcpy(&value, cpusvn, sizeof(value));
	return sgxcore_is_zero(cpusvn + sizeof(value), 16 - sizeof(value)) &&
	       value <= sgxcore_load(&cpu->platform.cpusvn);
}

static void depend_on_owner(const struct sgxcore_cpu *cpu, struct dependencies *d)
{
	memcpy(d->owner_epoch, cpu->platform.owner_epoch, sizeof(d->owner_epoch));
	memcpy(d->seal_fuses, cpu->platform.seal_fuses, sizeof(d->seal_fuses));
}

/* The request's masks choose among the enclave's attributes. */
static void depend_on_attributes(struct dependencies *d, const struct sgx_secs *secs,
				 const struct sgx_keyrequest *req)
{
	d->attributes = secs->attributes & (req->attributes_mask | REQUIRED_ATTRIBUTES);
	d->xfrm = secs->xfrm & req->xfrm_mask;
	d->miscselect = secs->miscselect & req->misc_mask;
}

static void depend_on_request(struct dependencies *d, const struct sgx_keyrequest *req)
{
	d->attributes_mask = req->attributes_mask;
	d->xfrm_mask = req->xfrm_mask;
	d->misc_mask = ~req->misc_mask;
}

/* What KEYPOLICY selects of who the enclave is */
static void depend_on_policy(struct dependencies *d, const struct sgxcore_page *page,
			     const struct sgx_keyrequest *req)
{
	const struct sgxcore_secs_private *priv = sgxcore_secs_private(page);
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	d->keypolicy = req->keypolicy;
	if (!(req->keypolicy & SGX_KEYPOLICY_NOISVPRODID))
		d->isv_prod_id = secs->isv_prod_id;
	if (req->keypolicy & SGX_KEYPOLICY_CONFIGID) {
		memcpy(d->config_id, secs->config_id, sizeof(d->config_id));
		d->config_svn = req->config_svn;
	}
	if (req->keypolicy & SGX_KEYPOLICY_ISVFAMILYID)
		memcpy(d->isv_family_id, priv->isv_family_id, sizeof(d->isv_family_id));
	if (req->keypolicy & SGX_KEYPOLICY_ISVEXTPRODID)
		memcpy(d->isv_ext_prod_id, priv->isv_ext_prod_id, sizeof(d->isv_ext_prod_id));
}

static void seal(const struct sgxcore_cpu *cpu, struct dependencies *d,
		 const struct sgxcore_page *page, const struct sgx_keyrequest *req)
{
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	depend_on_owner(cpu, d);
	depend_on_attributes(d, secs, req);
	depend_on_request(d, req);
	depend_on_policy(d, page, req);
	memcpy(d->keyid, req->keyid, sizeof(d->keyid));
	if (req->keypolicy & SGX_KEYPOLICY_MRENCLAVE)
		memcpy(d->mrenclave, secs->mrenclave, sizeof(d->mrenclave));
	if (req->keypolicy & SGX_KEYPOLICY_MRSIGNER)
		memcpy(d->mrsigner, secs->mrsigner, sizeof(d->mrsigner));
}

/* The same after the machine has changed hands: no OWNEREPOCH, no KEYID */
static void provision(struct dependencies *d, const struct sgxcore_page *page,
		      const struct sgx_keyrequest *req)
{
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	depend_on_attributes(d, secs, req);
	depend_on_request(d, req);
	d->isv_prod_id = secs->isv_prod_id;
	memcpy(d->mrsigner, secs->mrsigner, sizeof(d->mrsigner));
}

static void provision_seal(const struct sgxcore_cpu *cpu, struct dependencies *d,
			   const struct sgxcore_page *page, const struct sgx_keyrequest *req)
{
	provision(d, page, req);
	d->isv_prod_id = 0;
	depend_on_policy(d, page, req);
	memcpy(d->seal_fuses, cpu->platform.seal_fuses, sizeof(d->seal_fuses));
}

static void einittoken(const struct sgxcore_cpu *cpu, struct dependencies *d,
		       const struct sgxcore_page *page, const struct sgx_keyrequest *req)
{
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	depend_on_owner(cpu, d);
	depend_on_attributes(d, secs, req);
	d->isv_prod_id = secs->isv_prod_id;
	memcpy(d->mrsigner, secs->mrsigner, sizeof(d->mrsigner));
	memcpy(d->keyid, req->keyid, sizeof(d->keyid));
}

/**
 * sgxcore_key_derive() - a key for EGETKEY, all but REPORT
 * @cpu: the processor
 * @page: SECS of the enclave, which cannot go away
 * @req: the request, checked; a private copy
 * @key: out
 *
 * Return: false if the cipher has failed.
 */
bool sgxcore_key_derive(const struct sgxcore_cpu *cpu, const struct sgxcore_page *page,
			const struct sgx_keyrequest *req, u8 key[16])
{
	struct dependencies d = { .keyname = req->keyname, .isv_svn = req->isv_svn };

	memcpy(d.cpusvn, req->cpusvn, sizeof(d.cpusvn));
	switch (req->keyname) {
	case SGX_KEYNAME_EINITTOKEN:
		einittoken(cpu, &d, page, req);
		break;
	case SGX_KEYNAME_PROVISION:
		provision(&d, page, req);
		break;
	case SGX_KEYNAME_PROVISION_SEAL:
		provision_seal(cpu, &d, page, req);
		break;
	default:
		seal(cpu, &d, page, req);
	}
	return derive(cpu, &d, key);
}

/**
 * sgxcore_key_report() - the report key of an enclave
 * @cpu: the processor
 * @target: the enclave that verifies reports
 * @keyid: of the report
 * @key: out
 *
 * Return: false if the cipher has failed.
 */
bool sgxcore_key_report(const struct sgxcore_cpu *cpu, const struct sgx_targetinfo *target,
			const u8 keyid[32], u8 key[16])
{
	struct dependencies d = {
		.keyname = SGX_KEYNAME_REPORT,
		.attributes = target->attributes,
		.xfrm = target->xfrm,
		.miscselect = target->miscselect,
		.config_svn = target->config_svn,
	};

	depend_on_owner(cpu, &d);
	memcpy(d.mrenclave, target->mrenclave, sizeof(d.mrenclave));
	memcpy(d.config_id, target->config_id, sizeof(d.config_id));
	memcpy(d.keyid, keyid, sizeof(d.keyid));
	sgxcore_cpusvn_get(cpu, d.cpusvn);
	return derive(cpu, &d, key);
}

/**
 * sgxcore_key_launch() - the key that an EINITTOKEN has been made with
 * @cpu: the processor
 * @token: the token, a private copy
 * @lepubkeyhash: MRSIGNER of the launch enclave
 * @key: out
 *
 * Return: false if the cipher has failed.
 */
bool sgxcore_key_launch(const struct sgxcore_cpu *cpu, const struct sgx_einittoken *token,
			const u64 lepubkeyhash[4], u8 key[16])
{
	struct dependencies d = {
		.keyname = SGX_KEYNAME_EINITTOKEN,
		.isv_prod_id = token->isv_prod_id_le,
		.isv_svn = token->isv_svn_le,
		.attributes = token->masked_attributes_le,
		.xfrm = token->masked_xfrm_le,
		.miscselect = token->masked_miscselect_le,
	};

	depend_on_owner(cpu, &d);
	memcpy(d.mrsigner, lepubkeyhash, sizeof(d.mrsigner));
	memcpy(d.keyid, token->keyid, sizeof(d.keyid));
	memcpy(d.cpusvn, token->cpusvnle, sizeof(d.cpusvn));
	return derive(cpu, &d, key);
}

/**
 * sgxcore_platform_init() - the secrets of a platform
 * @cpu: the processor, with its crypto
 * @seed: what they are made of
 * @n: bytes of @seed
 *
 * The same seed gives the same platform. OWNEREPOCH, CPUSVN and KEYID of reports are left
 * alone.
 */
void sgxcore_platform_init(struct sgxcore_cpu *cpu, const void *seed, size_t n)
{
	u8 hash[32];

	sgxcore_sha256(cpu->crypto, seed, n, hash);
	memcpy(cpu->platform.root, hash, sizeof(cpu->platform.root));
	memcpy(cpu->platform.seal_fuses, hash + sizeof(cpu->platform.root),
	       sizeof(cpu->platform.seal_fuses));
}
