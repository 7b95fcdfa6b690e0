// SPDX-License-Identifier: GPL-2.0
/*
 * ENCLS leaves that move pages between the EPC and ordinary memory: EWB, ELDU, ELDB.
 *
 * Outside the EPC a page is three things: its ciphertext, its PCMD (type, rights and
 * states, and the MAC over all of it) and its version, a number that was never used
 * before. The version stays in the EPC, in a slot of a version array: this is
 * what makes an old copy worthless, and a second load of one copy impossible.
 *
 * Memory outside the EPC may change under us. So a page is encrypted in private memory
 * and copied out from there, it is copied in before it is decrypted, and of PCMD
 * and PAGEINFO one copy is made. The MAC always covers the bytes that are used.
 *
 * The cipher may sleep, so these leaves do not keep the CPU while they hold pages.
 */
#include "internal.h"

/*
 * What the MAC covers beside the page. PCMD.ENCLAVEID is not in it: what counts is the
 * enclave whose SECS the system names at the load.
 */
struct mac_header {
	u64 eid;
	u64 linaddr;
	u8 secinfo[sizeof(struct sgx_secinfo)];
	u8 reserved[40];
	u8 zero[8];
};

static_assert(sizeof(struct mac_header) == sizeof(((struct sgxcore_gcm *)0)->aad),
	      "the MAC header is not what GCM authenticates");

/* EDBGRD shows whether a slot is used, without looking at its low bits. */
#define VERSION_STEP	8

/* Operands of EWB, ELDU and ELDB: a copy of PAGEINFO, and what the others refer to */
struct paging {
	struct sgx_pageinfo info;
	struct sgxcore_page *page;
	struct sgxcore_page *va;
	struct sgxcore_page *secs;
	const void *rcx;
	const void *rdx;
	u64 *slot;
	struct sgx_pcmd pcmd;
};

static u64 type_of(const struct sgx_pcmd *pcmd)
{
	return (pcmd->secinfo.flags & SGX_SECINFO_PAGE_TYPE_MASK) >> SGX_SECINFO_PAGE_TYPE_SHIFT;
}

/* Pages that belong to an SECS */
static bool is_child(u64 type)
{
	return type == SGX_PT_REG || type == SGX_PT_TCS || type == SGX_PT_TRIM;
}

static struct sgxcore_outcome paging_operands(struct sgxcore_cpu *cpu,
					      const struct sgx_pageinfo *rbx, void *rcx,
					      void *rdx, struct paging *p)
{
	unsigned long in_page = (unsigned long)rdx & (SGX_PAGE_SIZE - 1);

	if (sgxcore_misaligned(rbx, sizeof(p->info)) || sgxcore_misaligned(rcx, SGX_PAGE_SIZE))
		return sgxcore_gp();
	p->page = sgxcore_page_of(cpu, rcx);
	if (!p->page)
		return sgxcore_pf_operand(rcx);
	if (sgxcore_misaligned(rdx, SGX_VA_SLOT_SIZE))
		return sgxcore_gp();
	p->va = sgxcore_page_of(cpu, rdx);
	if (!p->va)
		return sgxcore_pf_operand(rdx);
	p->rcx = rcx;
	p->rdx = rdx;
	p->slot = (u64 *)(p->va->mem + in_page);
	sgxcore_copy_once(&p->info, rbx, sizeof(p->info));
	return sgxcore_ok();
}

static bool sources_aligned(const struct paging *p)
{
	return !(p->info.secinfo & (sizeof(struct sgx_pcmd) - 1)) &&
	       !(p->info.srcpge & (SGX_PAGE_SIZE - 1));
}

static bool is_va(const struct sgxcore_page *page)
{
	return page->valid && page->type == SGX_PT_VA;
}

static struct sgxcore_gcm gcm_of(const struct sgxcore_cpu *cpu, const struct paging *p,
				 u64 eid, u64 version)
{
	struct mac_header header = { .eid = eid, .linaddr = p->info.linaddr };
	struct sgxcore_gcm gcm = { .key = cpu->paging_key };

	memcpy(header.secinfo, &p->pcmd.secinfo, sizeof(header.secinfo));
	memcpy(header.reserved, p->pcmd.reserved, sizeof(header.reserved));
	memcpy(gcm.aad, &header, sizeof(gcm.aad));
	/* VER << 32, little endian */
	memcpy(gcm.iv + 4, &version, sizeof(version));
	return gcm;
}

static u64 new_version(struct sgxcore_cpu *cpu)
{
	return VERSION_STEP * sgxcore_inc_return(&cpu->last_version);
}

/* ---------------------------------------------------------------------- EWB */

/* Is there anything against @page leaving? It is locked. */
static struct sgxcore_outcome evictable(const struct sgxcore_page *page)
{
	if (is_child(page->type)) {
		if (!page->blocked)
			return sgxcore_status(SGX_PAGE_NOT_BLOCKED);
		if (!sgxcore_track_done(page->secs, page->epoch))
			return sgxcore_status(SGX_NOT_TRACKED);
	} else if (page->type == SGX_PT_SECS) {
		if (sgxcore_load(&page->children))
			return sgxcore_status(SGX_CHILD_PRESENT);
	}
	return sgxcore_ok();
}

static void describe(struct paging *p)
{
	const struct sgxcore_page *page = p->page;
	u64 flags = (u64)page->type << SGX_SECINFO_PAGE_TYPE_SHIFT | page->perm;

	if (page->pending)
		flags |= SGX_SECINFO_PENDING;
	if (page->modified)
		flags |= SGX_SECINFO_MODIFIED;
	if (page->pr)
		flags |= SGX_SECINFO_PR;
	memset(&p->pcmd, 0, sizeof(p->pcmd));
	p->pcmd.secinfo.flags = flags;
	p->info.linaddr = page->addr;
}

static u64 eid_of(const struct sgxcore_page *secs)
{
	return sgxcore_secs_private(secs)->eid;
}

/* The last moment to fail, as after it somebody may have seen the page outside */
static sgxcore_noinline bool seal(struct sgxcore_cpu *cpu, struct paging *p, u64 version,
				  u8 *scratch)
{
	u64 eid = is_child(p->page->type) ? eid_of(p->page->secs) : 0;
	struct sgxcore_gcm gcm;

	describe(p);
	gcm = gcm_of(cpu, p, eid, version);
	if (!cpu->crypto->gcm_encrypt(&gcm, p->page->mem, scratch))
		return false;
	memcpy(p->pcmd.mac, gcm.mac, sizeof(p->pcmd.mac));
	p->pcmd.enclave_id = p->page->type == SGX_PT_SECS ? eid_of(p->page) : eid;
	return true;
}

/* Both base locks are held, and both pages are what they have to be. */
static struct sgxcore_outcome ewb_locked(struct sgxcore_cpu *cpu, struct paging *p,
					 struct sgx_pageinfo *rbx, u8 *scratch)
{
	struct sgxcore_outcome out = evictable(p->page);
	u64 version;

	if (out.kind != SGXCORE_OK)
		return out;
	version = new_version(cpu);
	if (!seal(cpu, p, version, scratch)) {
		memset(scratch, 0, SGX_PAGE_SIZE);
		return sgxcore_gp();
	}
	memcpy((void *)sgxcore_ptr(p->info.srcpge), scratch, SGX_PAGE_SIZE);
	memcpy((void *)sgxcore_ptr(p->info.secinfo), &p->pcmd, sizeof(p->pcmd));
	rbx->linaddr = p->info.linaddr;
	/* An occupied slot is worth a warning; what it belonged to is lost. */
	if (sgxcore_xchg(p->slot, version)) {
		out = sgxcore_status(SGX_VA_SLOT_OCCUPIED);
		out.cf = true;
	}
	sgxcore_page_invalidate(p->page);
	return out;
}

/**
 * sgxcore_ewb() - ENCLS[EWB]
 * @cpu: the processor
 * @rbx: PAGEINFO; LINADDR is written
 * @rcx: EPC page to evict
 * @rdx: VA slot for its version
 * @scratch: page to encrypt in
 *
 * If encryption itself fails the leaf is a #GP, as for other things that are busy, and
 * the page stays.
 */
struct sgxcore_outcome sgxcore_ewb(struct sgxcore_cpu *cpu, struct sgx_pageinfo *rbx,
				   void *rcx, void *rdx, u8 *scratch)
{
	struct sgxcore_outcome out;
	struct paging p;

	out = paging_operands(cpu, rbx, rcx, rdx, &p);
	if (out.kind != SGXCORE_OK)
		return out;
	if (p.page == p.va || p.info.linaddr || p.info.secs || !sources_aligned(&p))
		return sgxcore_gp();

	if (!sgxcore_lock_exclusive_long(p.page))
		return sgxcore_gp();
	out = sgxcore_gp();
	if (!sgxcore_lock_shared_long(p.va))
		goto unlock_page;
	if (!p.page->valid)
		out = sgxcore_pf_operand(rcx);
	else if (!is_va(p.va))
		out = sgxcore_pf_operand(rdx);
	else
		out = ewb_locked(cpu, &p, rbx, scratch);
	sgxcore_unlock_shared_long(p.va);
unlock_page:
	sgxcore_unlock_exclusive_long(p.page);
	return out;
}

/* --------------------------------------------------------------- ELDU, ELDB */

/* Takes the shared lock of the SECS if the page is to have one. */
static struct sgxcore_outcome owner_lock(struct sgxcore_cpu *cpu, struct paging *p)
{
	const void *addr = sgxcore_ptr(p->info.secs);
	struct sgxcore_page *secs;

	p->secs = NULL;
	if (!is_child(type_of(&p->pcmd)))
		return p->info.secs ? sgxcore_gp() : sgxcore_ok();

	if (sgxcore_misaligned(addr, SGX_PAGE_SIZE))
		return sgxcore_gp();
	secs = sgxcore_page_of(cpu, addr);
	if (!secs)
		return sgxcore_pf_operand(addr);
	if (!sgxcore_lock_shared_long(secs))
		return sgxcore_gp();
	if (!secs->valid || secs->type != SGX_PT_SECS) {
		sgxcore_unlock_shared_long(secs);
		return sgxcore_pf_operand(addr);
	}
	p->secs = secs;
	return sgxcore_ok();
}

/* On SGXCORE_OK the contents are in @p->page, which is not valid yet. */
static sgxcore_noinline struct sgxcore_outcome unseal(struct sgxcore_cpu *cpu,
						      struct paging *p, u64 version)
{
	struct sgxcore_gcm gcm = gcm_of(cpu, p, p->secs ? eid_of(p->secs) : 0, version);

	if (!version)
		return sgxcore_status(SGX_MAC_COMPARE_FAIL);
	memcpy(gcm.mac, p->pcmd.mac, sizeof(gcm.mac));
	sgxcore_copy_once(p->page->mem, sgxcore_ptr(p->info.srcpge), SGX_PAGE_SIZE);
	switch (cpu->crypto->gcm_decrypt(&gcm, p->page->mem)) {
	case SGXCORE_UNSEALED:
		return sgxcore_ok();
	case SGXCORE_BAD_MAC:
		return sgxcore_status(SGX_MAC_COMPARE_FAIL);
	default:
		return sgxcore_gp();
	}
}

/* Destination, VA page and SECS are locked, and what they have to be. */
static struct sgxcore_outcome eld_locked(struct sgxcore_cpu *cpu, struct paging *p, bool block)
{
	const u8 kept = SGX_SECINFO_PERMISSION_MASK | SGX_SECINFO_PENDING |
			SGX_SECINFO_MODIFIED | SGX_SECINFO_PR;
	u64 version = sgxcore_load(p->slot);
	struct sgxcore_outcome out;
	u8 flags;

	out = unseal(cpu, p, version);
	/* Of two loads that share the VA page and the slot one takes the version. */
	if (out.kind == SGXCORE_OK && sgxcore_cmpxchg(p->slot, version, 0) != version)
		out = sgxcore_status(SGX_MAC_COMPARE_FAIL);
	if (out.kind != SGXCORE_OK) {
		memset(p->page->mem, 0, SGX_PAGE_SIZE);
		return out;
	}

	flags = p->pcmd.secinfo.flags & kept;
	if (block && p->secs) {
		flags |= SGXCORE_BLOCKED;
		p->page->epoch = sgxcore_track_epoch(p->secs);
	} else if (p->secs) {
		/* Whatever was changed before the eviction was tracked along with it. */
		p->page->epoch = sgxcore_track_past(p->secs);
	}
	sgxcore_page_validate(p->page, type_of(&p->pcmd), flags, p->info.linaddr, p->secs);
	return out;
}

/* Destination and VA page are locked. */
static struct sgxcore_outcome eld_owned(struct sgxcore_cpu *cpu, struct paging *p, bool block)
{
	struct sgxcore_outcome out;

	if (p->page->valid)
		return sgxcore_pf_operand(p->rcx);
	if (!is_va(p->va))
		return sgxcore_pf_operand(p->rdx);
	sgxcore_copy_once(&p->pcmd, sgxcore_ptr(p->info.secinfo), sizeof(p->pcmd));
	out = owner_lock(cpu, p);
	if (out.kind != SGXCORE_OK)
		return out;
	out = eld_locked(cpu, p, block);
	if (p->secs)
		sgxcore_unlock_shared_long(p->secs);
	return out;
}

static struct sgxcore_outcome eld(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				  void *rcx, void *rdx, bool block)
{
	struct sgxcore_outcome out;
	struct paging p;

	out = paging_operands(cpu, rbx, rcx, rdx, &p);
	if (out.kind != SGXCORE_OK)
		return out;
	if (!sources_aligned(&p))
		return sgxcore_gp();

	if (!sgxcore_lock_exclusive_long(p.page))
		return sgxcore_gp();
	out = sgxcore_gp();
	if (!sgxcore_lock_shared_long(p.va))
		goto unlock_page;
	out = eld_owned(cpu, &p, block);
	sgxcore_unlock_shared_long(p.va);
unlock_page:
	sgxcore_unlock_exclusive_long(p.page);
	return out;
}

/**
 * sgxcore_eldu() - ENCLS[ELDU]
 * @cpu: the processor
 * @rbx: PAGEINFO
 * @rcx: EPC page to fill
 * @rdx: VA slot with the version
 *
 * A page that is not accepted leaves nothing: the destination is invalid and zero,
 * the version stays. If decryption itself fails that is a #GP, and the load can be
 * tried again.
 */
struct sgxcore_outcome sgxcore_eldu(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx)
{
	return eld(cpu, rbx, rcx, rdx, false);
}

/**
 * sgxcore_eldb() - ENCLS[ELDB]
 * @cpu: the processor
 * @rbx: PAGEINFO
 * @rcx: EPC page to fill
 * @rdx: VA slot with the version
 *
 * As ELDU, but the page is blocked, as of the current epoch: EWB wants an ETRACK first,
 * although no logical processor can know the page.
 */
struct sgxcore_outcome sgxcore_eldb(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx)
{
	return eld(cpu, rbx, rcx, rdx, true);
}
