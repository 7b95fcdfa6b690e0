// SPDX-License-Identifier: GPL-2.0
/* The rules: see dynamic_ref.h. Types and error codes are numbers of the manual here. */
#include "dynamic_ref.h"

static const struct dref_answer ok = { .kind = SGXCORE_OK };
static const struct dref_answer gp = { .kind = SGXCORE_FAULT, .code = 13 };
static const struct dref_answer pf = { .kind = SGXCORE_FAULT, .code = 14 };

static struct dref_answer code(u32 n)
{
	return (struct dref_answer){ .kind = SGXCORE_STATUS, .code = n };
}

bool dref_sane(u8 perm)
{
	return (perm & 3) != 2;
}

static bool tracked(const struct dref *p)
{
	return p->cycles == 2 || (p->cycles == 1 && !p->awaited);
}

static struct dref_answer eaug(struct dref *p)
{
	if (p->in)
		return pf;
	*p = (struct dref){
		.in = true, .type = 2, .perm = 3, .pending = true, .awaited = p->awaited,
	};
	return ok;
}

static struct dref_answer emodpr(struct dref *p, u8 mask)
{
	if (!p->in)
		return pf;
	if (p->pending || p->modified)
		return code(20);
	if (p->type != 2)
		return pf;
	p->perm &= mask;
	p->pr = true;
	p->cycles = 0;
	return ok;
}

static struct dref_answer emodt(struct dref *p, u8 type)
{
	if (!p->in || !(p->type == 2 || (p->type == 1 && type == 4)))
		return pf;
	if (p->pending || p->modified)
		return code(20);
	p->type = type;
	p->perm = 0;
	p->pr = false;
	p->modified = true;
	p->cycles = 0;
	return ok;
}

static struct dref_answer eaccept(struct dref *p, u64 request)
{
	bool pending = request & 8, modified = request & 16, pr = request & 32;
	u8 type = request >> 8;

	if (!p->in)
		return pf;
	if (type == 2 ? modified || !(pending || pr) : pending || pr || !modified)
		return gp;
	if (p->blocked)
		return pf;
	if (p->type != type || p->perm != (request & 7) || p->pending != pending ||
	    p->modified != modified)
		return code(19);
	if ((p->modified || p->pr) && !tracked(p))
		return code(11);
	if (type == 1 && !p->good)
		return gp;
	p->pending = false;
	p->modified = false;
	p->pr = false;
	return ok;
}

static struct dref_answer eacceptcopy(struct dref *p, u8 perm)
{
	if (!p->in)
		return pf;
	if (!dref_sane(perm))
		return gp;
	if (p->type != 2 || !p->pending || p->modified || p->blocked || p->perm != 3)
		return code(19);
	p->perm = perm;
	p->pending = false;
	p->good = true;
	return ok;
}

static struct dref_answer emodpe(struct dref *p, u8 perm)
{
	if (!p->in || p->type != 2 || p->pending || p->modified || p->blocked)
		return pf;
	if (!dref_sane(p->perm | perm))
		return gp;
	p->perm |= perm;
	return ok;
}

static struct dref_answer eblock(struct dref *p)
{
	if (!p->in)
		return code(6);
	if (p->blocked)
		return (struct dref_answer){ .kind = SGXCORE_STATUS, .code = 3, .cf = true };
	p->blocked = true;
	p->cycles = 0;
	return ok;
}

static struct dref_answer etrack(struct dref *p)
{
	if (p->awaited)
		return code(17);
	p->awaited = true;
	if (p->cycles < 2)
		p->cycles++;
	return ok;
}

static struct dref_answer out_and_in(struct dref *p, bool blocked)
{
	if (!p->in)
		return pf;
	if (!p->blocked)
		return code(10);
	if (!tracked(p))
		return code(11);
	p->blocked = blocked;
	p->cycles = blocked ? 0 : 2;
	return ok;
}

static struct dref_answer eremove(struct dref *p)
{
	if (!p->in)
		return ok;
	if (p->type != 4 || p->modified)
		return code(14);
	*p = (struct dref){ .awaited = p->awaited };
	return ok;
}

static struct dref_answer edbgrd(const struct dref *p)
{
	if (!p->in || p->type == 4)
		return pf;
	return p->pending || p->modified ? code(21) : ok;
}

static struct dref_answer eenter(const struct dref *p)
{
	if (!p->in || p->type != 1 || p->blocked || p->pending || p->modified)
		return pf;
	return p->good ? ok : gp;
}

struct dref_answer dref_step(struct dref *p, enum dref_op op, u64 arg)
{
	switch (op) {
	case DREF_EAUG:
		return eaug(p);
	case DREF_EMODPR:
		return emodpr(p, arg);
	case DREF_EMODT:
		return emodt(p, arg);
	case DREF_EACCEPT:
		return eaccept(p, arg);
	case DREF_EACCEPTCOPY:
		return eacceptcopy(p, arg);
	case DREF_EMODPE:
		return emodpe(p, arg);
	case DREF_EBLOCK:
		return eblock(p);
	case DREF_ETRACK:
		return etrack(p);
	case DREF_EWB_ELDU:
	case DREF_EWB_ELDB:
		return out_and_in(p, op == DREF_EWB_ELDB);
	case DREF_EREMOVE:
		return eremove(p);
	case DREF_EDBGRD:
		return edbgrd(p);
	case DREF_EENTER:
		return eenter(p);
	default:
		p->awaited = false;
		return ok;
	}
}
