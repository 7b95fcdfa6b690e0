// SPDX-License-Identifier: GPL-2.0
/* The rules: see paging_ref.h. Error codes are numbers of the manual here. */
#include <string.h>

#include "paging_ref.h"

static const struct ref_answer ok = { .kind = REF_OK };
static const struct ref_answer gp = { .kind = REF_GP };
static const struct ref_answer pf = { .kind = REF_PF };
static const struct ref_answer disabled = { .kind = REF_DISABLED };

static struct ref_answer status(unsigned int code)
{
	return (struct ref_answer){ .kind = REF_STATUS, .code = code };
}

static struct ref_answer status_cf(unsigned int code)
{
	return (struct ref_answer){ .kind = REF_STATUS, .code = code, .cf = true };
}

void ref_init(struct ref *r)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < REF_PAGES; i++)
		r->page[i].where = REF_IN;
}

int ref_children(const struct ref *r)
{
	int n = 0;
	unsigned int i;

	for (i = REF_T0; i < REF_PAGES; i++)
		n += r->page[i].where == REF_IN;
	return n;
}

static bool anybody_counted(const struct ref *r)
{
	return r->thread[0].counted || r->thread[1].counted;
}

static bool anybody_awaited(const struct ref *r)
{
	return r->thread[0].awaited || r->thread[1].awaited;
}

static void forget(struct ref_thread *t)
{
	*t = (struct ref_thread){ .inside = false };
}

static struct ref_answer enter(struct ref *r, unsigned int t)
{
	struct ref_one *tcs = &r->page[REF_T0 + t];
	struct ref_one *ssa = &r->page[REF_S];

	if (r->thread[t].inside)
		return disabled;
	if (tcs->where != REF_IN || tcs->blocked || ssa->where != REF_IN || ssa->blocked)
		return pf;
	if (tcs->busy)
		return gp;
	tcs->busy = true;
	r->thread[t] = (struct ref_thread){ .inside = true, .counted = true, .tcs_same = true };
	return ok;
}

/* Without its TCS a thread waits until the system has loaded it. */
static struct ref_answer leave(struct ref *r, unsigned int t)
{
	struct ref_one *tcs = &r->page[REF_T0 + t];

	if (!r->thread[t].inside || tcs->where != REF_IN)
		return disabled;
	tcs->busy = false;
	forget(&r->thread[t]);
	return ok;
}

static struct ref_answer interrupt(struct ref *r, unsigned int t)
{
	if (!r->thread[t].inside)
		return disabled;
	r->thread[t].awaited = false;
	return ok;
}

/* A TCS that has been out since the entry cannot be told any more. */
static struct ref_answer drop(struct ref *r, unsigned int t)
{
	if (!r->thread[t].inside)
		return disabled;
	if (r->thread[t].tcs_same)
		r->page[REF_T0 + t].busy = false;
	forget(&r->thread[t]);
	return ok;
}

static struct ref_answer track(struct ref *r)
{
	unsigned int i;

	if (r->page[REF_SECS].where != REF_IN)
		return pf;
	if (anybody_awaited(r))
		return status(17);
	for (i = 0; i < REF_THREADS; i++)
		r->thread[i].awaited = r->thread[i].counted;
	for (i = REF_T0; i < REF_PAGES; i++) {
		if (r->page[i].blocked && r->page[i].cycles < 2)
			r->page[i].cycles++;
	}
	return ok;
}

static struct ref_answer block(struct ref *r, enum ref_page p)
{
	struct ref_one *page = &r->page[p];

	if (page->where != REF_IN)
		return status(6);
	if (p == REF_SECS)
		return status_cf(18);
	if (page->blocked)
		return status_cf(3);
	page->blocked = true;
	page->cycles = 0;
	return ok;
}

static bool tracked(const struct ref *r, const struct ref_one *page)
{
	return page->cycles == 2 || (page->cycles == 1 && !anybody_awaited(r));
}

static void secs_leaves(struct ref *r)
{
	unsigned int i;

	for (i = 0; i < REF_THREADS; i++) {
		r->thread[i].counted = false;
		r->thread[i].awaited = false;
	}
}

static struct ref_answer evict(struct ref *r, enum ref_page p, enum ref_page slot)
{
	struct ref_one *page = &r->page[p];
	bool occupied = r->slot[slot];

	if (page->where != REF_IN)
		return pf;
	if (p == REF_SECS) {
		if (ref_children(r))
			return status(13);
		secs_leaves(r);
	} else {
		if (!page->blocked)
			return status(10);
		if (!tracked(r, page))
			return status(11);
	}
	if (p == REF_T0 || p == REF_T1)
		r->thread[p - REF_T0].tcs_same = false;
	page->where = REF_OUT;
	page->blocked = false;
	page->eviction = ++r->evictions;
	r->slot[slot] = page->eviction;
	return occupied ? status_cf(12) : ok;
}

bool ref_loadable(const struct ref *r, enum ref_page p, unsigned int eviction,
		  enum ref_page slot)
{
	return (p == REF_SECS || r->page[REF_SECS].where == REF_IN) &&
	       eviction && eviction == r->slot[slot];
}

static struct ref_answer load(struct ref *r, enum ref_page p, enum ref_page slot, bool blocked)
{
	struct ref_one *page = &r->page[p];

	if (!page->eviction)
		return disabled;
	if (page->where == REF_IN)
		return pf;
	if (p != REF_SECS && r->page[REF_SECS].where != REF_IN)
		return pf;
	if (!ref_loadable(r, p, page->eviction, slot))
		return status(9);
	r->slot[slot] = 0;
	page->where = REF_IN;
	page->blocked = blocked && p != REF_SECS;
	page->cycles = 0;
	return ok;
}

static struct ref_answer remove_page(struct ref *r, enum ref_page p)
{
	struct ref_one *page = &r->page[p];

	if (page->where != REF_IN)
		return ok;
	if (p == REF_SECS && ref_children(r))
		return status(13);
	if (anybody_counted(r))
		return status(14);
	page->where = REF_GONE;
	page->blocked = false;
	return ok;
}

struct ref_answer ref_step(struct ref *r, enum ref_op op, unsigned int arg)
{
	switch (op) {
	case REF_EENTER:
		return enter(r, arg);
	case REF_EEXIT:
		return leave(r, arg);
	case REF_INTERRUPT:
		return interrupt(r, arg);
	case REF_DROP:
		return drop(r, arg);
	case REF_ETRACK:
		return track(r);
	case REF_EBLOCK:
		return block(r, arg);
	case REF_EWB:
		return evict(r, arg, arg);
	case REF_EWB_T0:
		return evict(r, arg, REF_T0);
	case REF_ELDU:
		return load(r, arg, arg, false);
	case REF_ELDU_T0:
		return load(r, arg, REF_T0, false);
	case REF_ELDB:
		return load(r, arg, arg, true);
	default:
		return remove_page(r, arg);
	}
}
