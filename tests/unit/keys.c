// SPDX-License-Identifier: GPL-2.0
/* See keys.h. */
#include "keys.h"

static struct sgxcore_getkey getkey;
static struct sgxcore_report report;

int keys_setup(void **state)
{
	struct sgx_secs *secs;
	struct rig *r;

	dynamic_setup(state);
	r = *state;
	assert_ok(dynamic_eaccept(r, DYN_NEW_LA, DYN_NEW_FLAGS));
	secs = sgxcore_secs_of(r->secs);
	secs->attributes |= KEYS_ATTRS;
	secs->isv_prod_id = 7;
	secs->isv_svn = 9;
	secs->config_svn = 5;
	memset(secs->config_id, 0xc1, sizeof(secs->config_id));
	memset(secs->mrenclave, 0xe1, sizeof(secs->mrenclave));
	memset(secs->mrsigner, 0x51, sizeof(secs->mrsigner));
	memset(sgxcore_secs_private(r->secs)->isv_family_id, 0xfa, 16);
	memset(sgxcore_secs_private(r->secs)->isv_ext_prod_id, 0xee, 16);
	sgxcore_platform_init(&r->cpu, "seed", 4);
	memset(r->cpu.platform.owner_epoch, 0x0e, 16);
	memset(r->cpu.platform.report_keyid, 0x4b, 32);
	r->cpu.platform.cpusvn = 3;
	r->regs.ip = RIG_IP;
	r->regs.flags = 0x246 | SGX_RFLAGS_CF | SGX_RFLAGS_OF | SGX_RFLAGS_DF;
	seal_cmac_fail_at = 0;
	return 0;
}

struct sgx_keyrequest *keys_request(struct rig *r, u16 keyname)
{
	struct sgx_keyrequest *req = (struct sgx_keyrequest *)r->pages[KEYS_IN].mem;

	memset(req, 0, sizeof(*req));
	req->keyname = keyname;
	req->isv_svn = 8;
	req->cpusvn[0] = 2;
	req->attributes_mask = SGX_ATTR_MODE64BIT;
	req->xfrm_mask = 1;
	req->keyid[0] = 0x1d;
	r->regs.bx = KEYS_IN_LA;
	r->regs.cx = KEYS_OUT_LA;
	return req;
}

struct sgx_targetinfo *keys_target(struct rig *r)
{
	struct sgx_targetinfo *target = (struct sgx_targetinfo *)r->pages[KEYS_IN].mem;
	const struct sgx_secs *secs = sgxcore_secs_of(r->secs);

	memset(target, 0, sizeof(*target));
	memcpy(target->mrenclave, secs->mrenclave, sizeof(target->mrenclave));
	target->attributes = secs->attributes;
	target->xfrm = secs->xfrm;
	target->config_svn = secs->config_svn;
	target->miscselect = secs->miscselect;
	memcpy(target->config_id, secs->config_id, sizeof(target->config_id));
	memset(r->pages[KEYS_IN].mem + (KEYS_IN2_LA - KEYS_IN_LA), 0xda, 64);
	r->regs.bx = KEYS_IN_LA;
	r->regs.cx = KEYS_IN2_LA;
	r->regs.dx = KEYS_OUT_LA;
	return target;
}

struct sgxcore_outcome keys_getkey_prepare(struct rig *r)
{
	memset(&getkey, 0xa5, sizeof(getkey));
	return sgxcore_key_prepare(&r->lp, &r->regs, &getkey);
}

struct sgxcore_outcome keys_getkey_commit(struct rig *r)
{
	return sgxcore_key_commit(&r->lp, &getkey, &r->regs);
}

struct sgxcore_outcome keys_getkey(struct rig *r)
{
	struct sgxcore_outcome out = keys_getkey_prepare(r);

	return out.kind == SGXCORE_OK ? keys_getkey_commit(r) : out;
}

struct sgxcore_outcome keys_report_prepare(struct rig *r)
{
	memset(&report, 0xa5, sizeof(report));
	return sgxcore_report_prepare(&r->lp, &r->regs, &report);
}

struct sgxcore_outcome keys_report_commit(struct rig *r)
{
	return sgxcore_report_commit(&r->lp, &report, &r->regs);
}

struct sgxcore_outcome keys_report(struct rig *r)
{
	struct sgxcore_outcome out = keys_report_prepare(r);

	return out.kind == SGXCORE_OK ? keys_report_commit(r) : out;
}

u8 *keys_out(struct rig *r)
{
	return r->pages[KEYS_OUT].mem + (KEYS_OUT_LA & (SGX_PAGE_SIZE - 1));
}
