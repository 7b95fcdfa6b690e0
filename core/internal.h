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

static_assert(SGXCORE_SECS_PRIVATE >= offsetof(struct sgx_secs, reserved4),
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

/* epc.c */
bool sgxcore_lock_exclusive(struct sgxcore_page *page);
void sgxcore_unlock_exclusive(struct sgxcore_page *page);
bool sgxcore_lock_shared(struct sgxcore_page *page);
void sgxcore_unlock_shared(struct sgxcore_page *page);
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
u32 sgxcore_track_inside(const struct sgxcore_page *secs);
u32 sgxcore_track_enter(struct sgxcore_page *secs);
void sgxcore_track_leave(struct sgxcore_page *secs, u32 epoch);
u32 sgxcore_track_renew(struct sgxcore_page *secs, u32 epoch);
bool sgxcore_track_start(struct sgxcore_page *secs);
bool sgxcore_track_done(const struct sgxcore_page *secs, u32 epoch);
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

#endif /* _CORE_INTERNAL_H */
