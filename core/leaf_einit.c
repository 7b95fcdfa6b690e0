// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS[EINIT]. The only leaf whose failures come as codes in RAX; until the last
 * step it works on copies, so that a failed EINIT leaves an enclave that can be
 * extended and tried again.
 */
#include "internal.h"

#define VENDOR_INTEL		0x8086
#define RSA_EXPONENT		3
#define TOKEN_VALID		1

static const u8 sigstruct_header[16] = {
	0x06, 0x00, 0x00, 0x00, 0xe1, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static const u8 sigstruct_header2[16] = {
	0x01, 0x01, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00,
	0x60, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
};

/* What the checks derive and the commit stores */
struct einit {
	struct sgxcore_cpu *cpu;
	struct sgxcore_page *page;
	const struct sgx_sigstruct *sig;
	const struct sgx_einittoken *token;
	const u64 *lepubkeyhash;
	u8 mrenclave[32];
	u8 mrsigner[32];
	const char *why;
};

static const char *sigstruct_defect(const struct sgx_sigstruct *sig)
{
	if (memcmp(sig->header, sigstruct_header, sizeof(sig->header)) ||
	    memcmp(sig->header2, sigstruct_header2, sizeof(sig->header2)))
		return "HEADER or HEADER2 of SIGSTRUCT is not the constant";
	if (sig->vendor && sig->vendor != VENDOR_INTEL)
		return "VENDOR of SIGSTRUCT is neither 0 nor 8086H";
	if (sig->exponent != RSA_EXPONENT)
		return "EXPONENT of SIGSTRUCT is not 3";
	if (!sgxcore_is_zero(sig->reserved1, sizeof(sig->reserved1)) ||
	    !sgxcore_is_zero(sig->reserved2, sizeof(sig->reserved2)) ||
	    !sgxcore_is_zero(sig->reserved3, sizeof(sig->reserved3)) ||
	    !sgxcore_is_zero(sig->reserved4, sizeof(sig->reserved4)))
		return "a reserved field of SIGSTRUCT is not zero";
	return NULL;
}

static bool token_reserved_clear(const struct sgx_einittoken *token)
{
	/* CET is in no model: its attributes are as good as reserved. */
	return token->valid == TOKEN_VALID && !token->cet_masked_attributes_le &&
	       sgxcore_is_zero(token->reserved1, sizeof(token->reserved1)) &&
	       sgxcore_is_zero(token->reserved2, sizeof(token->reserved2)) &&
	       sgxcore_is_zero(token->reserved3, sizeof(token->reserved3)) &&
	       sgxcore_is_zero(token->reserved4, sizeof(token->reserved4));
}

/* Returns an error code, or 0. If the cipher fails, the token is as good as wrong. */
static u32 token_mac_check(const struct einit *e)
{
	const struct sgx_einittoken *token = e->token;
	u8 key[16], mac[16];
	bool done;

	if (!sgxcore_cpusvn_valid(e->cpu, token->cpusvnle))
		return SGX_INVALID_CPUSVN;
	done = sgxcore_key_launch(e->cpu, token, e->lepubkeyhash, key) &&
	       e->cpu->crypto->cmac(key, token, offsetof(struct sgx_einittoken, cpusvnle), mac);
	sgxcore_wipe(key, sizeof(key));
	return done && !memcmp(mac, token->mac, sizeof(mac)) ? 0 : SGX_INVALID_EINITTOKEN;
}

static u32 token_check(const struct einit *e)
{
	const struct sgx_secs *secs = sgxcore_secs_of(e->page);
	const struct sgx_einittoken *token = e->token;
	u32 code;

	if (token->masked_attributes_le & SGX_ATTR_DEBUG && !(secs->attributes & SGX_ATTR_DEBUG))
		return SGX_INVALID_EINITTOKEN;
	if (!token_reserved_clear(token))
		return SGX_INVALID_EINITTOKEN;
	code = token_mac_check(e);
	if (code)
		return code;
	if (memcmp(token->mrenclave, e->mrenclave, sizeof(e->mrenclave)) ||
	    memcmp(token->mrsigner, e->mrsigner, sizeof(e->mrsigner)))
		return SGX_INVALID_MEASUREMENT;
	if (token->attributes != secs->attributes || token->xfrm != secs->xfrm)
		return SGX_INVALID_ATTRIBUTE;
	return 0;
}

/* Bits that the signer has asked for, one way or the other */
static const char *attributes_defect(const struct sgx_secs *secs, const struct sgx_sigstruct *sig)
{
	if ((secs->attributes ^ sig->attributes) & sig->attributes_mask)
		return "ATTRIBUTES are not those of SIGSTRUCT, in the bits of its mask";
	if ((secs->xfrm ^ sig->xfrm) & sig->xfrm_mask)
		return "XFRM is not that of SIGSTRUCT, in the bits of its mask";
	if ((secs->miscselect ^ sig->miscselect) & sig->misc_mask)
		return "MISCSELECT is not that of SIGSTRUCT, in the bits of its mask";
	return NULL;
}

static struct sgxcore_outcome status_because(u32 code, const char *why)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_STATUS, .code = code, .why = why };
}

static u32 because(struct einit *e, u32 code, const char *why)
{
	e->why = why;
	return code;
}

/* Everything after the signature; fills the measurements in. */
static u32 einit_check(struct einit *e)
{
	const struct sgx_secs *secs = sgxcore_secs_of(e->page);
	const struct sgxcore_crypto *c = e->cpu->crypto;
	const struct sgx_sigstruct *sig = e->sig;
	bool launcher;

	if (!(secs->attributes & SGX_ATTR_KSS) &&
	    !sgxcore_is_zero(sig->isv_family_id, sizeof(sig->isv_family_id)))
		return because(e, SGX_INVALID_SIG_STRUCT, "ISVFAMILYID without ATTRIBUTES.KSS");

	sgxcore_measure_final(&sgxcore_secs_private(e->page)->measure, c, e->mrenclave);
	if (memcmp(sig->mrenclave, e->mrenclave, sizeof(e->mrenclave)))
		return because(e, SGX_INVALID_MEASUREMENT,
			       "ENCLAVEHASH of SIGSTRUCT is not MRENCLAVE");

	sgxcore_sha256(c, sig->modulus, sizeof(sig->modulus), e->mrsigner);
	launcher = !memcmp(e->mrsigner, e->lepubkeyhash, sizeof(e->mrsigner));
	if (secs->attributes & SGX_ATTR_EINITTOKENKEY && !launcher)
		return because(e, SGX_INVALID_ATTRIBUTE,
			       "EINITTOKENKEY is for the launch enclave only");
	e->why = attributes_defect(secs, sig);
	if (e->why)
		return SGX_INVALID_ATTRIBUTE;

	if (e->token->valid & TOKEN_VALID)
		return because(e, token_check(e), "the EINITTOKEN is not valid for this enclave");
	return launcher ? 0 : because(e, SGX_INVALID_EINITTOKEN,
				      "IA32_SGXLEPUBKEYHASH is not MRSIGNER, and there is no token");
}

static void einit_commit(const struct einit *e)
{
	struct sgxcore_secs_private *priv = sgxcore_secs_private(e->page);
	struct sgx_secs *secs = sgxcore_secs_of(e->page);
	const struct sgx_sigstruct *sig = e->sig;

	memcpy(secs->mrenclave, e->mrenclave, sizeof(secs->mrenclave));
	memcpy(secs->mrsigner, e->mrsigner, sizeof(secs->mrsigner));
	secs->isv_prod_id = sig->isv_prod_id;
	secs->isv_svn = sig->isv_svn;
	memcpy(priv->isv_family_id, sig->isv_family_id, sizeof(priv->isv_family_id));
	memcpy(priv->isv_ext_prod_id, sig->isv_ext_prod_id, sizeof(priv->isv_ext_prod_id));
	sgxcore_secs_set_init(e->page);
}

/* @e->page is locked shared. */
static struct sgxcore_outcome einit_locked(struct einit *e, const void *rcx)
{
	struct sgxcore_outcome out = sgxcore_gp();
	u32 code;

	if (!e->page->valid || e->page->type != SGX_PT_SECS)
		return sgxcore_pf_operand(rcx);
	if (!sgxcore_lock_extra(e->page))
		return out;
	if (sgxcore_secs_attributes(e->page) & SGX_ATTR_INIT) {
		out = sgxcore_gp_because("the enclave has been initialized");
		goto unlock_extra;
	}

	code = einit_check(e);
	if (code) {
		out = status_because(code, e->why);
		goto unlock_extra;
	}
	einit_commit(e);
	out = sgxcore_ok();
unlock_extra:
	sgxcore_unlock_extra(e->page);
	return out;
}

/**
 * sgxcore_einit() - ENCLS[EINIT]
 * @cpu: the processor
 * @rbx: SIGSTRUCT
 * @rcx: SECS
 * @rdx: EINITTOKEN
 * @lepubkeyhash: IA32_SGXLEPUBKEYHASH0..3 of the executing logical processor
 * @scratch: room to work in, contents irrelevant
 */
struct sgxcore_outcome sgxcore_einit(struct sgxcore_cpu *cpu, const void *rbx,
				     void *rcx, const void *rdx,
				     const u64 lepubkeyhash[4],
				     struct sgxcore_einit_scratch *scratch)
{
	struct einit e = {
		.cpu = cpu,
		.sig = &scratch->sig,
		.token = &scratch->token,
		.lepubkeyhash = lepubkeyhash,
	};
	struct sgxcore_outcome out;

	if (sgxcore_misaligned(rbx, SGX_PAGE_SIZE) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE) ||
	    sgxcore_misaligned(rdx, SGX_EINITTOKEN_ALIGN))
		return sgxcore_gp();
	e.page = sgxcore_page_of(cpu, rcx);
	if (!e.page)
		return sgxcore_pf_operand(rcx);

	sgxcore_copy_once(&scratch->sig, rbx, sizeof(scratch->sig));
	sgxcore_copy_once(&scratch->token, rdx, sizeof(scratch->token));
	e.why = sigstruct_defect(e.sig);
	if (e.why)
		return status_because(SGX_INVALID_SIG_STRUCT, e.why);
	if (!sgxcore_sigstruct_verify(e.sig, cpu->crypto, &scratch->rsa))
		return status_because(SGX_INVALID_SIGNATURE,
				      "SIGNATURE, Q1 and Q2 do not belong to SIGSTRUCT and MODULUS");

	if (!sgxcore_lock_shared(e.page))
		return sgxcore_gp();
	out = einit_locked(&e, rcx);
	sgxcore_unlock_shared(e.page);
	memcpy(scratch->mrenclave, e.mrenclave, sizeof(scratch->mrenclave));
	return out;
}
