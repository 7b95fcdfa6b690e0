// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLU[EREPORT]. The three operands are looked up and checked one after the other, as
 * the manual has it; the report is made and signed between the second and the third.
 */
#include "internal.h"

#define TARGETINFO_ALIGN	512
#define REPORTDATA_ALIGN	128
#define REPORT_ALIGN		512

static bool operand_valid(const struct sgxcore_lp *lp, u64 la, u64 align)
{
	return !(la & (align - 1)) && sgxcore_in_range(la, lp->base, lp->size);
}

static struct sgxcore_outcome find(struct sgxcore_lp *lp, u64 la, u64 align,
				   enum sgxcore_access access, struct sgxcore_xlat *x)
{
	if (!operand_valid(lp, la, align))
		return sgxcore_gp_because("an operand is not aligned, or not in the enclave");
	return sgxcore_operand_find(lp, la, access, x);
}

static bool target_valid(const struct sgx_targetinfo *target)
{
	/* CET is in no model: its attributes are as good as reserved. */
	return !target->cet_attributes && !target->reserved1 &&
	       sgxcore_is_zero(target->reserved2, sizeof(target->reserved2)) &&
	       sgxcore_is_zero(target->reserved3, sizeof(target->reserved3));
}

/* A copy of TARGETINFO, and of what of the enclave goes into the report */
static struct sgxcore_outcome read_target(const struct sgxcore_lp *lp,
					  const struct sgxcore_report *r, u64 la,
					  struct sgx_targetinfo *target)
{
	struct sgxcore_outcome out = sgxcore_operand_hold(lp, &r->target, la, SGXCORE_READ);

	if (out.kind != SGXCORE_OK)
		return out;
	sgxcore_copy_once(target, sgxcore_operand_ptr(&r->target, la), sizeof(*target));
	sgxcore_unlock_lp(r->target.page);
	return sgxcore_gp_because(target_valid(target) ? NULL : "TARGETINFO has reserved bits");
}

/**
 * sgxcore_report_prepare() - first half of EREPORT
 * @lp: the logical processor
 * @regs: registers; BX, CX and DX matter
 * @r: filled
 *
 * Context: May sleep, in translate(). No EPCM lock is held across that.
 */
struct sgxcore_outcome sgxcore_report_prepare(struct sgxcore_lp *lp,
					      const struct sgxcore_regs *regs,
					      struct sgxcore_report *r)
{
	struct sgxcore_outcome out;

	memset(r, 0, sizeof(*r));
	if (!lp->inside)
		return sgxcore_gp();
	out = find(lp, regs->bx, TARGETINFO_ALIGN, SGXCORE_READ, &r->target);
	if (out.kind == SGXCORE_OK)
		out = read_target(lp, r, regs->bx, &r->info);
	if (out.kind == SGXCORE_OK)
		out = find(lp, regs->cx, REPORTDATA_ALIGN, SGXCORE_READ, &r->data);
	if (out.kind == SGXCORE_OK)
		out = find(lp, regs->dx, REPORT_ALIGN, SGXCORE_WRITE, &r->out);
	return out;
}

/* The enclave as it is; its SECS cannot go while a page of it is held. */
static void describe(const struct sgxcore_cpu *cpu, const struct sgxcore_page *page,
		     struct sgx_report *report)
{
	const struct sgxcore_secs_private *priv = sgxcore_secs_private(page);
	const struct sgx_secs *secs = sgxcore_secs_of(page);

	sgxcore_cpusvn_get(cpu, report->cpusvn);
	report->miscselect = secs->miscselect;
	memcpy(report->isv_ext_prod_id, priv->isv_ext_prod_id, sizeof(report->isv_ext_prod_id));
	report->attributes = sgxcore_secs_attributes(page);
	report->xfrm = secs->xfrm;
	memcpy(report->mrenclave, secs->mrenclave, sizeof(report->mrenclave));
	memcpy(report->mrsigner, secs->mrsigner, sizeof(report->mrsigner));
	memcpy(report->config_id, secs->config_id, sizeof(report->config_id));
	report->isv_prod_id = secs->isv_prod_id;
	report->isv_svn = secs->isv_svn;
	report->config_svn = secs->config_svn;
	memcpy(report->isv_family_id, priv->isv_family_id, sizeof(report->isv_family_id));
	memcpy(report->keyid, cpu->platform.report_keyid, sizeof(report->keyid));
}

static struct sgxcore_outcome fill(const struct sgxcore_lp *lp, struct sgxcore_report *r, u64 la)
{
	struct sgxcore_outcome out = sgxcore_operand_hold(lp, &r->data, la, SGXCORE_READ);

	if (out.kind != SGXCORE_OK)
		return out;
	memset(&r->report, 0, sizeof(r->report));
	describe(lp->cpu, r->data.page->secs, &r->report);
	sgxcore_copy_once(r->report.report_data, sgxcore_operand_ptr(&r->data, la),
			  sizeof(r->report.report_data));
	sgxcore_unlock_lp(r->data.page);
	return sgxcore_ok();
}

/* If the cipher fails the instruction executes again. */
static struct sgxcore_outcome sign(const struct sgxcore_lp *lp, struct sgxcore_report *r)
{
	const struct sgxcore_cpu *cpu = lp->cpu;
	bool done;
	u8 key[16];

	done = sgxcore_key_report(cpu, &r->info, r->report.keyid, key) &&
	       cpu->crypto->cmac(key, &r->report, offsetof(struct sgx_report, keyid),
				 r->report.mac);
	sgxcore_wipe(key, sizeof(key));
	return done ? sgxcore_ok() : sgxcore_again();
}

static struct sgxcore_outcome report(const struct sgxcore_lp *lp, struct sgxcore_report *r,
				     const struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out = read_target(lp, r, regs->bx, &r->info);

	if (out.kind == SGXCORE_OK)
		out = fill(lp, r, regs->cx);
	if (out.kind == SGXCORE_OK)
		out = sgxcore_operand_hold(lp, &r->out, regs->dx, SGXCORE_WRITE);
	if (out.kind != SGXCORE_OK)
		return out;
	out = sign(lp, r);
	if (out.kind == SGXCORE_OK)
		memcpy(sgxcore_operand_ptr(&r->out, regs->dx), &r->report, sizeof(r->report));
	sgxcore_unlock_lp(r->out.page);
	return out;
}

/**
 * sgxcore_report_commit() - second half of EREPORT
 * @lp: the logical processor
 * @r: as sgxcore_report_prepare() filled it; also room to work in
 * @regs: in: as at the ENCLU; out: as after it
 *
 * Context: Does not sleep. The caller holds the lock of @lp.
 * Return: SGXCORE_OK, a fault, or SGXCORE_AGAIN; the last two with nothing changed.
 */
struct sgxcore_outcome sgxcore_report_commit(struct sgxcore_lp *lp, struct sgxcore_report *r,
					     struct sgxcore_regs *regs)
{
	struct sgxcore_outcome out;

	/* Nothing is mapped any more in an enclave that was taken away. */
	if (!lp->secs)
		return lp->inside ? sgxcore_pf(regs->bx, SGX_PFEC_U) : sgxcore_gp();
	out = report(lp, r, regs);
	if (out.kind == SGXCORE_OK)
		regs->ip += SGX_ENCLU_LENGTH;
	else if (sgxcore_operand_moved(&r->target) || sgxcore_operand_moved(&r->data) ||
		 sgxcore_operand_moved(&r->out))
		out = sgxcore_again();
	return out;
}
