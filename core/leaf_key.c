// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU[EGETKEY].
 */
#include "internal.h"

#define KEYREQUEST_ALIGN	512
#define KEY_ALIGN		16

/* Policies that exist with KSS only */
#define POLICY_KSS		(SGX_KEYPOLICY_NOISVPRODID | SGX_KEYPOLICY_CONFIGID | \
				 SGX_KEYPOLICY_ISVFAMILYID | SGX_KEYPOLICY_ISVEXTPRODID)
#define POLICY_DEFINED		(POLICY_KSS | SGX_KEYPOLICY_MRENCLAVE | SGX_KEYPOLICY_MRSIGNER)

static struct sgxcore_outcome find(struct sgxcore_lp *lp, u64 la, u64 align,
				   enum sgxcore_access access, struct sgxcore_xlat *x)
{
	if (la & (align - 1) || !sgxcore_in_range(la, lp->base, lp->size))
		return sgxcore_gp_because("an operand is not aligned, or not in the enclave");
	return sgxcore_operand_find(lp, la, access, x);
}

/**
 * sgxcore_key_prepare() - first half of EGETKEY
 * @lp: the logical processor
 * @regs: registers; BX and CX matter
 * @k: filled
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_key_prepare(struct sgxcore_lp *lp, const struct sgxcore_regs *regs,
					   struct sgxcore_getkey *k)
{
	struct sgxcore_outcome out;

	memset(k, 0, sizeof(*k));
	if (!lp->inside)
		return sgxcore_gp();
	out = find(lp, regs->bx, KEYREQUEST_ALIGN, SGXCORE_READ, &k->request);
	if (out.kind != SGXCORE_OK)
		return out;
	out = sgxcore_operand_hold(lp, &k->request, regs->bx, SGXCORE_READ);
	if (out.kind != SGXCORE_OK)
		return out;
	sgxcore_unlock_lp(k->request.page);
	return find(lp, regs->cx, KEY_ALIGN, SGXCORE_WRITE, &k->out);
}

static bool request_well_formed(const struct sgx_keyrequest *req, const struct sgxcore_page *secs)
{
	if (req->keypolicy & ~POLICY_DEFINED || req->reserved1 || req->cet_attributes_mask ||
	    !sgxcore_is_zero(req->reserved2, sizeof(req->reserved2)))
		return false;
	return sgxcore_secs_attributes(secs) & SGX_ATTR_KSS ||
	       (!(req->keypolicy & POLICY_KSS) && !req->config_svn);
}

/* Which attribute an enclave needs for a key */
static u64 privilege(u16 keyname)
{
	switch (keyname) {
	case SGX_KEYNAME_EINITTOKEN:
		return SGX_ATTR_EINITTOKENKEY;
	case SGX_KEYNAME_PROVISION:
	case SGX_KEYNAME_PROVISION_SEAL:
		return SGX_ATTR_PROVISIONKEY;
	default:
		return 0;
	}
}

/* Returns an error code, or 0. */
static u32 request_check(const struct sgxcore_cpu *cpu, const struct sgx_keyrequest *req,
			 const struct sgxcore_page *page)
{
	const struct sgx_secs *secs = sgxcore_secs_of(page);
	u64 needed = privilege(req->keyname);

	if (req->keyname > SGX_KEYNAME_SEAL)
		return SGX_INVALID_KEYNAME;
	if (req->keyname == SGX_KEYNAME_REPORT)
		return 0;
	if (needed & ~secs->attributes)
		return SGX_INVALID_ATTRIBUTE;
	if (!sgxcore_cpusvn_valid(cpu, req->cpusvn))
		return SGX_INVALID_CPUSVN;
	if (req->isv_svn > secs->isv_svn)
		return SGX_INVALID_ISVSVN;
	if (req->keyname == SGX_KEYNAME_SEAL && req->config_svn > secs->config_svn)
		return SGX_INVALID_ISVSVN;
	return 0;
}

/* The enclave as the target of reports */
static void own_target(const struct sgxcore_page *page, struct sgx_targetinfo *target)
{
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	memset(target, 0, sizeof(*target));
	memcpy(target->mrenclave, secs->mrenclave, sizeof(target->mrenclave));
	target->attributes = sgxcore_secs_attributes(page);
	target->xfrm = secs->xfrm;
	target->config_svn = secs->config_svn;
	target->miscselect = secs->miscselect;
	memcpy(target->config_id, secs->config_id, sizeof(target->config_id));
}

static bool derive(const struct sgxcore_cpu *cpu, struct sgxcore_getkey *k,
		   const struct sgxcore_page *secs, u8 key[16])
{
	if (k->req.keyname != SGX_KEYNAME_REPORT)
		return sgxcore_key_derive(cpu, secs, &k->req, key);
	own_target(secs, &k->target);
	return sgxcore_key_report(cpu, &k->target, k->req.keyid, key);
}

/* Both pages are held. If the cipher fails the instruction executes again. */
static struct sgxcore_outcome getkey_held(const struct sgxcore_cpu *cpu, struct sgxcore_getkey *k,
					  u8 *to)
{
	const struct sgxcore_page *secs = k->request.page->secs;
	u8 key[16];
	bool done;
	u32 code;

	if (!request_well_formed(&k->req, secs))
		return sgxcore_gp_because("KEYREQUEST has reserved bits, or what needs KSS");
	code = request_check(cpu, &k->req, secs);
	if (code)
		return sgxcore_status(code);
	done = derive(cpu, k, secs, key);
	if (done)
		memcpy(to, key, sizeof(key));
	sgxcore_wipe(key, sizeof(key));
	return done ? sgxcore_ok() : sgxcore_again();
}

static struct sgxcore_outcome getkey(const struct sgxcore_lp *lp, struct sgxcore_getkey *k,
				     const struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;

	out = sgxcore_operand_hold(lp, &k->request, regs->bx, SGXCORE_READ);
	if (out.kind != SGXCORE_OK)
		return out;
	sgxcore_copy_once(&k->req, sgxcore_operand_ptr(&k->request, regs->bx), sizeof(k->req));
	out = sgxcore_operand_hold(lp, &k->out, regs->cx, SGXCORE_WRITE);
	if (out.kind == SGXCORE_OK) {
		out = getkey_held(lp->cpu, k, sgxcore_operand_ptr(&k->out, regs->cx));
		sgxcore_unlock_lp(k->out.page);
	}
	sgxcore_unlock_lp(k->request.page);
	return out;
}

/**
 * sgxcore_key_commit() - second half of EGETKEY
 * @lp: the logical processor
 * @k: as sgxcore_key_prepare() filled it; also room to work in
 * @regs: in: as at the ENCLU; out: as after it
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, an error code that is in RAX, too, a fault, or SGXCORE_AGAIN; the
 * last two with nothing changed.
 */
struct sgxcore_outcome sgxcore_key_commit(struct sgxcore_lp *lp, struct sgxcore_getkey *k,
					  struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;

	/* Nothing is mapped any more in an enclave that was taken away. */
	if (!lp->secs)
		return lp->inside ? sgxcore_pf(regs->bx, SGX_PFEC_U) : sgxcore_gp();
	out = getkey(lp, k, regs);
	if (out.kind == SGXCORE_OK || out.kind == SGXCORE_STATUS) {
		regs->ip += SGX_ENCLU_LENGTH;
		sgxcore_regs_result(regs, &out);
	} else if (sgxcore_operand_moved(&k->request) || sgxcore_operand_moved(&k->out)) {
		out = sgxcore_again();
	}
	return out;
}
