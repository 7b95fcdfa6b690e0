/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core share among themselves: EPCM locks, the private
 * part of a SECS page, SSA frames, operand checks.
 */
#ifndef _CORE_INTERNAL_H
#define _CORE_INTERNAL_H

#include "core.h"

#define SGX_RFLAGS_CF			(1ULL << 0)
#define SGX_RFLAGS_PF			(1ULL << 2)
#define SGX_RFLAGS_AF			(1ULL << 4)
#define SGX_RFLAGS_ZF			(1ULL << 6)
#define SGX_RFLAGS_SF			(1ULL << 7)
#define SGX_RFLAGS_TF			(1ULL << 8)
#define SGX_RFLAGS_IF			(1ULL << 9)
#define SGX_RFLAGS_DF			(1ULL << 10)
#define SGX_RFLAGS_OF			(1ULL << 11)
#define SGX_RFLAGS_IOPL			(3ULL << 12)
#define SGX_RFLAGS_NT			(1ULL << 14)
#define SGX_RFLAGS_RF			(1ULL << 16)
#define SGX_RFLAGS_VM			(1ULL << 17)
#define SGX_RFLAGS_AC			(1ULL << 18)
#define SGX_RFLAGS_ID			(1ULL << 21)

#define SGX_ENCLU_LENGTH		3

#define SGX_SECINFO_DEFINED		0xff3fULL
#define SGX_EINITTOKEN_ALIGN		512

/* For sgxcore_page_validate(), among the bits of SECINFO.FLAGS */
#define SGXCORE_BLOCKED			0x40

/* log2 of the largest enclave of 32-bit code, CPUID.12H.0:EDX[7:0] */
#define SGXCORE_SIZE_BITS_NOT64		31

/* Fields of a TCS end here, the rest is reserved (no CET). */
#define SGX_TCS_LIMIT			72

#define SGX_GPRSGX_OFFSET		(SGX_PAGE_SIZE - sizeof(struct sgx_gprsgx))
#define SGX_EXINFO_OFFSET		(SGX_GPRSGX_OFFSET - sizeof(struct sgx_exinfo))

/* XSAVE area, standard format */
#define SGX_XSAVE_MXCSR			24
#define SGX_XSAVE_LEGACY_SAVED		464
#define SGX_XSAVE_HEADER		512
#define SGX_XSAVE_HEADER_CHECKED	24
#define SGX_XSAVE_EXTENDED		576

/**
 * struct sgxcore_secs_private - what the processor keeps in the SECS page
 * @eid: never reused
 * @measure: the log of the enclave, until EINIT
 * @isv_family_id, @isv_ext_prod_id: from SIGSTRUCT
 *
 * Lives in a reserved area of the page and not in the EPCM, so that it is
 * encrypted, evicted and reloaded with the rest of the SECS.
 */
struct sgxcore_secs_private {
	u64 eid;
	struct sgxcore_measure measure;
	u8 isv_family_id[16];
	u8 isv_ext_prod_id[16];
};

#define SGXCORE_SECS_PRIVATE		512

static_assert(offsetof(struct sgx_secs, reserved4) <= SGXCORE_SECS_PRIVATE,
	      "private SECS state overlaps a field");
static_assert(SGXCORE_SECS_PRIVATE + sizeof(struct sgxcore_secs_private) <= SGX_PAGE_SIZE,
	      "private SECS state does not fit");

static inline struct sgx_secs *sgxcore_secs_of(const struct sgxcore_page *page)
{
	return (struct sgx_secs *)page->mem;
}

static inline struct sgxcore_secs_private *sgxcore_secs_private(const struct sgxcore_page *page)
{
	return (struct sgxcore_secs_private *)(page->mem + SGXCORE_SECS_PRIVATE);
}

/*
 * ATTRIBUTES as an atomic word: EINIT sets INIT while EENTER, which does not lock
 * the SECS, may be looking. Pairs acquire with the release in sgxcore_secs_set_init().
 */
static inline u64 sgxcore_secs_attributes(const struct sgxcore_page *page)
{
	return sgxcore_load((u64 *)(page->mem + offsetof(struct sgx_secs, attributes)));
}

static inline void sgxcore_secs_set_init(struct sgxcore_page *page)
{
	u64 *attributes = (u64 *)(page->mem + offsetof(struct sgx_secs, attributes));

	sgxcore_store(attributes, *attributes | SGX_ATTR_INIT);
}

/* What a leaf with a result does to the flags: all of these go, ZF may come. */
#define SGX_RFLAGS_RESULT	(SGX_RFLAGS_CF | SGX_RFLAGS_PF | SGX_RFLAGS_AF | SGX_RFLAGS_ZF | \
				 SGX_RFLAGS_SF | SGX_RFLAGS_OF)

/* RAX and flags of an ENCLU leaf that has ended with SGXCORE_OK or an error code */
static inline void sgxcore_regs_result(struct sgxcore_regs *regs, const struct sgxcore_outcome *out)
{
	regs->ax = out->code;
	regs->flags &= ~SGX_RFLAGS_RESULT;
	if (out->kind == SGXCORE_STATUS)
		regs->flags |= SGX_RFLAGS_ZF;
}

static inline u64 sgxcore_secinfo_type(const struct sgx_secinfo *secinfo)
{
	return secinfo->flags & SGX_SECINFO_PAGE_TYPE_MASK;
}

/* Nobody may write what he may not read. */
static inline bool sgxcore_perm_sane(u64 flags)
{
	return (flags & (SGX_SECINFO_R | SGX_SECINFO_W)) != SGX_SECINFO_W;
}

static inline bool sgxcore_in_range(u64 la, u64 base, u64 size)
{
	return la >= base && la - base < size;
}

static inline bool sgxcore_misaligned(const void *p, unsigned long align)
{
	return (unsigned long)p & (align - 1);
}

static inline const void *sgxcore_ptr(u64 addr)
{
	return (const void *)(unsigned long)addr;
}

/*
 * Copy from memory that somebody may be writing. The barrier keeps the compiler
 * from going back to @src for what it should take from the checked copy.
 */
static inline void sgxcore_copy_once(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	asm volatile("" : : "r" (dst) : "memory");
}

/* Clear a secret, although nobody looks at it any more. */
static inline void sgxcore_wipe(void *p, size_t n)
{
	memset(p, 0, n);
	asm volatile("" : : "r" (p) : "memory");
}

static inline bool sgxcore_canonical(const struct sgxcore_model *model, u64 addr)
{
	u64 top = addr >> (model->va_bits - 1);

	return !top || top == ~0ULL >> (model->va_bits - 1);
}

/* #PF that an ENCLS leaf raises itself for an operand that is not the EPC page it needs */
static inline struct sgxcore_outcome sgxcore_pf_operand(const void *addr)
{
	return sgxcore_pf((unsigned long)addr, SGX_PFEC_P | SGX_PFEC_SGX);
}

/*
 * Did the page leave after it was looked up, or is it going to? BLOCKED comes first: where
 * it is clear again because there is another page by now, GEN has changed before.
 */
static inline bool sgxcore_xlat_moved(const struct sgxcore_xlat *x)
{
	if (sgxcore_load(&x->page->blocked) && !x->blocked)
		return true;
	return sgxcore_load(&x->page->gen) != x->gen;
}

/* What is wrong with a page, unless it was blocked while that was found out */
static inline struct sgxcore_outcome sgxcore_xlat_fault(const struct sgxcore_xlat *x,
							struct sgxcore_outcome out)
{
	return sgxcore_xlat_moved(x) ? sgxcore_again() : out;
}

/* Copies of what entries and EDECCSSA need of a locked TCS and of its SECS */
struct sgxcore_view {
	struct sgxcore_page *secs;
	u64 flags;
	u64 ssa_offset;
	u64 entry_offset;
	u64 fs_offset;
	u64 gs_offset;
	u32 cssa;
	u32 nssa;
	u64 base;
	u64 size;
	u64 attributes;
	u64 xfrm;
	u32 ssa_frame_size;
	u32 miscselect;
};

/* operand.c */
struct sgxcore_outcome sgxcore_operand_pf(u64 la, enum sgxcore_access access);
struct sgxcore_outcome sgxcore_operand_find(struct sgxcore_lp *lp, u64 la,
					    enum sgxcore_access access, struct sgxcore_xlat *x);
struct sgxcore_outcome sgxcore_operand_lock(const struct sgxcore_xlat *x);
struct sgxcore_outcome sgxcore_operand_hold(const struct sgxcore_lp *lp,
					    const struct sgxcore_xlat *x, u64 la,
					    enum sgxcore_access access);
bool sgxcore_operand_is_own(const struct sgxcore_lp *lp, const struct sgxcore_page *page);
bool sgxcore_operand_is_plain(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u64 la);
bool sgxcore_operand_allows(const struct sgxcore_lp *lp, const struct sgxcore_page *page, u64 la,
			    enum sgxcore_access access);
u8 *sgxcore_operand_ptr(const struct sgxcore_xlat *x, u64 la);
bool sgxcore_operand_moved(const struct sgxcore_xlat *x);

/* derive.c */
void sgxcore_cpusvn_get(const struct sgxcore_cpu *cpu, u8 cpusvn[16]);
bool sgxcore_cpusvn_valid(const struct sgxcore_cpu *cpu, const u8 cpusvn[16]);
bool sgxcore_key_derive(const struct sgxcore_cpu *cpu, const struct sgxcore_page *page,
			const struct sgx_keyrequest *req, u8 key[16]);
bool sgxcore_key_report(const struct sgxcore_cpu *cpu, const struct sgx_targetinfo *target,
			const u8 keyid[32], u8 key[16]);
bool sgxcore_key_launch(const struct sgxcore_cpu *cpu, const struct sgx_einittoken *token,
			const u64 lepubkeyhash[4], u8 key[16]);

/* leaf_build.c */
bool sgxcore_secinfo_read(const void *src, struct sgx_secinfo *secinfo);
bool sgxcore_tcs_acceptable(const struct sgx_tcs *tcs, u64 attributes);

/* epc.c */
bool sgxcore_lock_exclusive(struct sgxcore_page *page);
void sgxcore_unlock_exclusive(struct sgxcore_page *page);
bool sgxcore_lock_exclusive_long(struct sgxcore_page *page);
void sgxcore_unlock_exclusive_long(struct sgxcore_page *page);
bool sgxcore_is_locked_long(const struct sgxcore_page *page);
bool sgxcore_lock_shared(struct sgxcore_page *page);
void sgxcore_unlock_shared(struct sgxcore_page *page);
bool sgxcore_lock_shared_long(struct sgxcore_page *page);
void sgxcore_unlock_shared_long(struct sgxcore_page *page);
bool sgxcore_lock_lp(struct sgxcore_page *page);
bool sgxcore_lock_lp_patiently(struct sgxcore_page *page);
void sgxcore_unlock_lp(struct sgxcore_page *page);
bool sgxcore_lock_extra(struct sgxcore_page *page);
void sgxcore_unlock_extra(struct sgxcore_page *page);
bool sgxcore_lock_tracking(struct sgxcore_page *page);
void sgxcore_unlock_tracking(struct sgxcore_page *page);
void sgxcore_page_validate(struct sgxcore_page *page, u8 type, u8 flags, u64 addr,
			   struct sgxcore_page *secs);
void sgxcore_page_invalidate(struct sgxcore_page *page);
bool sgxcore_is_zero(const void *p, size_t n);

/* track.c */
u32 sgxcore_track_epoch(const struct sgxcore_page *secs);
u32 sgxcore_track_enter(struct sgxcore_page *secs);
void sgxcore_track_leave(struct sgxcore_page *secs, u32 epoch);
u32 sgxcore_track_renew(struct sgxcore_page *secs, u32 epoch);
bool sgxcore_track_start(struct sgxcore_page *secs);
bool sgxcore_track_done(const struct sgxcore_page *secs, u32 epoch);
u32 sgxcore_track_past(const struct sgxcore_page *secs);
void sgxcore_track_reset(struct sgxcore_page *secs);

/* bignum.c: little-endian arrays of @n limbs */
void sgxcore_bn_mul(u64 *r, const u64 *a, const u64 *b, unsigned int n);
bool sgxcore_bn_sub(u64 *a, const u64 *b, unsigned int n);
int sgxcore_bn_cmp(const u64 *a, const u64 *b, unsigned int n);

/* frame.c */
unsigned int sgxcore_frame_pages(const struct sgxcore_frame *f);
const struct sgxcore_xlat *sgxcore_frame_xlat(const struct sgxcore_frame *f, unsigned int i);
u64 sgxcore_frame_address(const struct sgxcore_frame *f, unsigned int i);
void sgxcore_frame_unlock(const struct sgxcore_frame *f, unsigned int n);
void sgxcore_frame_read(const struct sgxcore_frame *f, u32 off, void *dst, u32 n);
void sgxcore_frame_write(const struct sgxcore_frame *f, u32 off, const void *src, u32 n);
struct sgxcore_outcome sgxcore_frame_find(struct sgxcore_lp *lp, const struct sgxcore_view *v,
					  u32 index, struct sgxcore_frame *f);
struct sgxcore_outcome sgxcore_frame_lock(const struct sgxcore_frame *f,
					  const struct sgxcore_view *v);
struct sgx_gprsgx *sgxcore_frame_gprsgx(const struct sgxcore_frame *f);

/* entry.c */
u32 *sgxcore_tcs_cssa(const struct sgxcore_page *tcs);
void sgxcore_view_fill(struct sgxcore_view *v, const struct sgxcore_page *tcs_page);

/* exit.c */
void sgxcore_secs_follow(struct sgxcore_lp *lp);

#endif /* _CORE_INTERNAL_H */
