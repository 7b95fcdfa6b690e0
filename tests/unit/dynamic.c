// SPDX-License-Identifier: GPL-2.0
/* See dynamic.h. */
#include "dynamic.h"

#define RESULT_FLAGS	0x8d5ULL	/* CF, PF, AF, ZF, SF, OF */

struct sgxcore_accept dynamic_op;

int dynamic_setup(void **state)
{
	struct rig *r;

	paging_setup(state);
	r = *state;
	assert_ok(dynamic_eaug(r, DYN_NEW, DYN_NEW_LA));
	dynamic_enter(r);
	return 0;
}

void dynamic_enter(struct rig *r)
{
	struct sgxcore_entry e = { .xsave = NULL };

	r->regs.bx = RIG_TCS;
	r->regs.cx = RIG_AEP;
	assert_ok(sgxcore_entry_prepare(&r->lp, SGX_EENTER, &r->regs, &e));
	assert_ok(sgxcore_entry_commit(&r->lp, &e, &r->regs));
	r->regs.ip = RIG_IP;
	/* some flags that a result clears, and some that it keeps */
	r->regs.flags = 0x246 | SGX_RFLAGS_CF | SGX_RFLAGS_OF | SGX_RFLAGS_DF;
}

void dynamic_leave(struct rig *r)
{
	r->regs.bx = 0x400300;
	assert_ok(sgxcore_eexit(&r->lp, &r->regs));
}

void dynamic_request(struct rig *r, u64 rcx, u64 flags)
{
	struct sgx_secinfo *secinfo = (struct sgx_secinfo *)(r->pages[DYN_SECINFO_PAGE].mem +
							     (DYN_SECINFO - RIG_CODE));

	memset(secinfo, 0, sizeof(*secinfo));
	secinfo->flags = flags;
	r->regs.bx = DYN_SECINFO;
	r->regs.cx = rcx;
}

struct sgxcore_outcome dynamic_prepare(struct rig *r, u32 leaf)
{
	memset(&dynamic_op, 0xa5, sizeof(dynamic_op));
	return sgxcore_accept_prepare(&r->lp, leaf, &r->regs, &dynamic_op);
}

struct sgxcore_outcome dynamic_commit(struct rig *r)
{
	return sgxcore_accept_commit(&r->lp, &dynamic_op, &r->regs);
}

struct sgxcore_outcome dynamic_enclu(struct rig *r, u32 leaf)
{
	struct sgxcore_outcome out = dynamic_prepare(r, leaf);

	return out.kind == SGXCORE_OK ? dynamic_commit(r) : out;
}

struct sgxcore_outcome dynamic_eaccept(struct rig *r, u64 rcx, u64 flags)
{
	dynamic_request(r, rcx, flags);
	return dynamic_enclu(r, SGX_EACCEPT);
}

struct sgxcore_outcome dynamic_eaug(struct rig *r, unsigned int index, u64 la)
{
	struct sgx_pageinfo info = {
		.linaddr = la, .secs = (unsigned long)r->secs->mem,
	};

	return sgxcore_eaug(&r->cpu, &info, r->pages[index].mem);
}

struct sgxcore_outcome dynamic_emodpr(struct rig *r, unsigned int index, u64 perm)
{
	struct sgx_secinfo secinfo = { .flags = perm };

	return sgxcore_emodpr(&r->cpu, &secinfo, r->pages[index].mem);
}

struct sgxcore_outcome dynamic_emodt(struct rig *r, unsigned int index, u64 type)
{
	struct sgx_secinfo secinfo = { .flags = type };

	return sgxcore_emodt(&r->cpu, &secinfo, r->pages[index].mem);
}

void dynamic_expect_code(struct snapshot *s, u32 code)
{
	s->rig.regs.ip += 3;
	s->rig.regs.ax = code;
	s->rig.regs.flags &= ~RESULT_FLAGS;
	if (code)
		s->rig.regs.flags |= SGX_RFLAGS_ZF;
}
