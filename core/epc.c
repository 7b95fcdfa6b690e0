// SPDX-License-Identifier: GPL-2.0
/*
 * The EPC and its map: look-up, try-locks, VALID transitions, CPUID.12H.
 */
#include "internal.h"

#define CPUID12_SGX1		0x1
#define CPUID12_SGX2		0x2
#define CPUID12_EDECCSSA	0x800
#define CPUID12_SECTION_EPC	0x1
#define CPUID12_PROTECTED	0x1

/*
 * How often to try again where there is nobody to report a conflict to. Whoever
 * holds a page does so for one leaf only, with preemption off unless that may sleep:
 * milliseconds are plenty.
 */
#define LOCK_TRIES		(1U << 18)

/**
 * sgxcore_page_of() - EPCM entry of the page that contains an address
 * @cpu: the processor
 * @addr: any address, as the leaves see it
 *
 * Return: the entry, or NULL if @addr is not in the EPC.
 */
struct sgxcore_page *sgxcore_page_of(struct sgxcore_cpu *cpu, const void *addr)
{
	unsigned int i;

	for (i = 0; i < cpu->nr_sections; i++) {
		struct sgxcore_section *s = &cpu->sections[i];
		u64 index = ((unsigned long)addr - (unsigned long)s->base) >> SGX_PAGE_SHIFT;

		if (index < s->nr_pages)
			return &s->pages[index];
	}
	return NULL;
}

/**
 * sgxcore_section_init() - reset the EPCM entries of a section
 * @s: section with everything but the entries filled; its memory has to be zero,
 *     as EREMOVE leaves it
 */
void sgxcore_section_init(struct sgxcore_section *s)
{
	u64 i;

	memset(s->pages, 0, s->nr_pages * sizeof(*s->pages));
	for (i = 0; i < s->nr_pages; i++)
		s->pages[i].mem = s->base + (i << SGX_PAGE_SHIFT);
}

static void cpuid12_section(const struct sgxcore_cpu *cpu, u32 index, u32 out[4])
{
	const struct sgxcore_section *s;
	u64 size;

	if (index >= cpu->nr_sections)
		return;
	s = &cpu->sections[index];
	size = s->nr_pages << SGX_PAGE_SHIFT;
	out[0] = (u32)(s->phys & 0xfffff000) | CPUID12_SECTION_EPC;
	out[1] = (s->phys >> 32) & 0xfffff;
	out[2] = (u32)(size & 0xfffff000) | CPUID12_PROTECTED;
	out[3] = (size >> 32) & 0xfffff;
}

/**
 * sgxcore_cpuid12() - CPUID leaf 12H
 * @cpu: the processor
 * @subleaf: ECX
 * @out: EAX, EBX, ECX, EDX
 */
void sgxcore_cpuid12(const struct sgxcore_cpu *cpu, u32 subleaf, u32 out[4])
{
	const struct sgxcore_model *m = cpu->model;
	u64 attributes = m->attr_mask & ~SGX_ATTR_INIT;

	memset(out, 0, 4 * sizeof(*out));
	switch (subleaf) {
	case 0:
		out[0] = CPUID12_SGX1 | (m->sgx2 ? CPUID12_SGX2 : 0) |
			 (m->edeccssa ? CPUID12_EDECCSSA : 0);
		out[1] = m->misc_mask;
		out[3] = SGXCORE_SIZE_BITS_NOT64 | (u32)m->size_bits << 8;
		break;
	case 1:
		out[0] = (u32)attributes;
		out[1] = attributes >> 32;
		out[2] = (u32)m->xfrm_mask;
		out[3] = m->xfrm_mask >> 32;
		break;
	default:
		cpuid12_section(cpu, subleaf - 2, out);
	}
}

/**
 * sgxcore_page_access() - what the EPCM lets enclave code do with a page
 * @page: EPCM entry
 *
 * Takes no lock. The answer belongs to one life of the page: if VALID changes
 * meanwhile, which shows in the generation, there is no access.
 *
 * Return: R, W, X as in SECINFO.FLAGS.
 */
u8 sgxcore_page_access(const struct sgxcore_page *page)
{
	u32 gen = sgxcore_load(&page->gen);
	u8 perm = 0;

	if (sgxcore_load(&page->valid) && sgxcore_load(&page->type) == SGX_PT_REG &&
	    !sgxcore_load(&page->blocked) && !sgxcore_load(&page->pending) &&
	    !sgxcore_load(&page->modified))
		perm = sgxcore_load(&page->perm);
	return sgxcore_load(&page->gen) == gen ? perm : 0;
}

/*
 * Whoever holds a base lock keeps the CPU, also where preemption is on: others wait
 * for a moment, or have to report a conflict that hardware does not know. A lock whose
 * name ends in "long" leaves the CPU to others, so nothing spins until it is free.
 */

static bool only_lps(int lock)
{
	return lock > 0 && !(lock & (SGXCORE_SHARED_LP - 1));
}

static bool lock_alone(struct sgxcore_page *page, int how)
{
	unsigned int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		int old = sgxcore_cmpxchg(&page->lock, 0, how);

		if (!old)
			return true;
		if (!only_lps(old))
			break;
		asm volatile("pause" : : : "memory");
	}
	return false;
}

/**
 * sgxcore_lock_exclusive() - try to take the base lock for one leaf alone
 * @page: EPCM entry
 *
 * An entry or an exit that is busy with the page is no conflict on hardware. It is
 * done in a moment.
 *
 * Return: false on conflict.
 */
bool sgxcore_lock_exclusive(struct sgxcore_page *page)
{
	sgxcore_preempt_disable();
	if (lock_alone(page, SGXCORE_EXCLUSIVE))
		return true;
	sgxcore_preempt_enable();
	return false;
}

void sgxcore_unlock_exclusive(struct sgxcore_page *page)
{
	sgxcore_store(&page->lock, 0);
	sgxcore_preempt_enable();
}

/**
 * sgxcore_lock_exclusive_long() - like sgxcore_lock_exclusive(), for a leaf that may sleep
 * @page: EPCM entry
 *
 * Return: false on conflict.
 */
bool sgxcore_lock_exclusive_long(struct sgxcore_page *page)
{
	return lock_alone(page, SGXCORE_EXCLUSIVE_LONG);
}

void sgxcore_unlock_exclusive_long(struct sgxcore_page *page)
{
	sgxcore_store(&page->lock, 0);
}

/* Is there a leaf at @page that may take longer than it is worth to spin? */
bool sgxcore_is_locked_long(const struct sgxcore_page *page)
{
	return sgxcore_load(&page->lock) == SGXCORE_EXCLUSIVE_LONG;
}

static bool lock_along(struct sgxcore_page *page, int unit)
{
	int old = sgxcore_load(&page->lock);

	while (old >= 0) {
		int seen = sgxcore_cmpxchg(&page->lock, old, old + unit);

		if (seen == old)
			return true;
		old = seen;
	}
	return false;
}

static bool lock_shared(struct sgxcore_page *page, int unit)
{
	sgxcore_preempt_disable();
	if (lock_along(page, unit))
		return true;
	sgxcore_preempt_enable();
	return false;
}

static void unlock_shared(struct sgxcore_page *page, int unit)
{
	(void)sgxcore_fetch_add(&page->lock, -unit);
	sgxcore_preempt_enable();
}

/**
 * sgxcore_lock_shared() - try to take the base lock along with other leaves
 * @page: EPCM entry
 *
 * Return: false on conflict; another sharer is none.
 */
bool sgxcore_lock_shared(struct sgxcore_page *page)
{
	return lock_shared(page, SGXCORE_SHARED);
}

void sgxcore_unlock_shared(struct sgxcore_page *page)
{
	unlock_shared(page, SGXCORE_SHARED);
}

/**
 * sgxcore_lock_shared_long() - like sgxcore_lock_shared(), for a leaf that may sleep
 * @page: EPCM entry
 *
 * Return: false on conflict.
 */
bool sgxcore_lock_shared_long(struct sgxcore_page *page)
{
	return lock_along(page, SGXCORE_SHARED);
}

void sgxcore_unlock_shared_long(struct sgxcore_page *page)
{
	(void)sgxcore_fetch_add(&page->lock, -SGXCORE_SHARED);
}

/**
 * sgxcore_lock_lp() - try to keep a page in place for an entry or an exit
 * @page: EPCM entry
 *
 * Shared, and no conflict with those who want the page alone: they wait.
 *
 * Return: false on conflict.
 */
bool sgxcore_lock_lp(struct sgxcore_page *page)
{
	return lock_shared(page, SGXCORE_SHARED_LP);
}

/**
 * sgxcore_lock_lp_patiently() - like sgxcore_lock_lp(), with retries
 * @page: EPCM entry
 *
 * For exits, which cannot fail on hardware. Bounded, because they may not wait
 * either, and not at all for a leaf that may sleep.
 *
 * Return: false if the exclusive holder does not go away.
 */
bool sgxcore_lock_lp_patiently(struct sgxcore_page *page)
{
	unsigned int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		if (sgxcore_lock_lp(page))
			return true;
		if (sgxcore_is_locked_long(page))
			break;
		asm volatile("pause" : : : "memory");
	}
	return false;
}

void sgxcore_unlock_lp(struct sgxcore_page *page)
{
	unlock_shared(page, SGXCORE_SHARED_LP);
}

bool sgxcore_lock_extra(struct sgxcore_page *page)
{
	return sgxcore_cmpxchg(&page->extra, 0, 1) == 0;
}

void sgxcore_unlock_extra(struct sgxcore_page *page)
{
	sgxcore_store(&page->extra, 0);
}

bool sgxcore_lock_tracking(struct sgxcore_page *page)
{
	return sgxcore_cmpxchg(&page->tracking, 0, 1) == 0;
}

void sgxcore_unlock_tracking(struct sgxcore_page *page)
{
	sgxcore_store(&page->tracking, 0);
}

/**
 * sgxcore_page_validate() - make an EPCM entry VALID
 * @page: invalid entry, locked exclusively
 * @type: PT
 * @flags: R, W, X, PENDING, MODIFIED, PR as in SECINFO.FLAGS; SGXCORE_BLOCKED
 * @addr: ENCLAVEADDRESS
 * @secs: owner, or NULL
 */
void sgxcore_page_validate(struct sgxcore_page *page, u8 type, u8 flags, u64 addr,
			   struct sgxcore_page *secs)
{
	sgxcore_store(&page->gen, page->gen + 1);
	page->type = type;
	page->perm = flags & SGX_SECINFO_PERMISSION_MASK;
	page->blocked = flags & SGXCORE_BLOCKED;
	page->pending = flags & SGX_SECINFO_PENDING;
	page->modified = flags & SGX_SECINFO_MODIFIED;
	page->pr = flags & SGX_SECINFO_PR;
	page->addr = addr;
	page->secs = secs;
	if (secs)
		sgxcore_inc(&secs->children);
	sgxcore_store(&page->valid, true);
}

/**
 * sgxcore_page_invalidate() - clear VALID, and the memory with it
 * @page: valid entry, locked exclusively
 *
 * The memory goes back to Linux some day, or to another enclave whose ECREATE may
 * fail half-way: nothing of this life may be left.
 */
void sgxcore_page_invalidate(struct sgxcore_page *page)
{
	struct sgxcore_page *secs = page->secs;

	sgxcore_store(&page->valid, false);
	sgxcore_store(&page->gen, page->gen + 1);
	memset(page->mem, 0, SGX_PAGE_SIZE);
	if (page->type == SGX_PT_SECS)
		sgxcore_track_reset(page);
	page->secs = NULL;
	if (secs)
		sgxcore_dec(&secs->children);
}

bool sgxcore_is_zero(const void *p, size_t n)
{
	const u8 *b = p;
	u8 any = 0;

	while (n--)
		any |= *b++;
	return !any;
}
