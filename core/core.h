/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure core of the software SGX processor: EPCM, leaf semantics and the
 * state part of enclave entry and exit. No kernel header is needed; memory
 * translation, crypto and the extended register state are behind callbacks, so
 * the same source runs in softsgx_cpu and in user-space tests.
 *
 * Locking: each EPCM entry (struct sgxcore_page) carries the try-locks of the
 * manual's concurrency tables (exclusive/shared, and one for measurement).
 * A leaf never waits: a conflict is reported the way the leaf's table says.
 * Leaves never sleep, except where struct sgxcore_lp_ops.translate is called,
 * which happens before any EPCM lock is taken.
 */
#ifndef _CORE_CORE_H
#define _CORE_CORE_H

#include "../include/arch/sgx_arch.h"
#include "shim.h"

/* Exception vectors that leaves raise */
#define SGXCORE_TRAP_DE		0
#define SGXCORE_TRAP_DB		1
#define SGXCORE_TRAP_BP		3
#define SGXCORE_TRAP_BR		5
#define SGXCORE_TRAP_UD		6
#define SGXCORE_TRAP_GP		13
#define SGXCORE_TRAP_PF		14
#define SGXCORE_TRAP_MF		16
#define SGXCORE_TRAP_AC		17
#define SGXCORE_TRAP_XM		19

enum sgxcore_kind {
	SGXCORE_OK,		/* done; a leaf with a RAX result returned 0 */
	SGXCORE_STATUS,		/* RAX = code, ZF or CF set */
	SGXCORE_FAULT,		/* trap @code, nothing changed */
	SGXCORE_AGAIN,		/* see below, nothing changed */
};

/*
 * SGXCORE_AGAIN: ENCLU only. A page has left, or is leaving, since it was looked
 * up. On hardware look-up and leaf are one, and the instruction ends in a page fault
 * that the system serves; it then executes again. So it has to be here.
 */

/**
 * struct sgxcore_outcome - how a leaf ended
 * @kind: which of these
 * @code: SGX error code, or vector of the trap
 * @cf: with SGXCORE_STATUS: CF=1, ZF=0 instead of ZF=1, CF=0
 * @error_code: error code of the trap (#GP: 0, #PF: SGX_PFEC_*)
 * @addr: with #PF: the linear address for CR2
 */
struct sgxcore_outcome {
	enum sgxcore_kind kind;
	u32 code;
	bool cf;
	u32 error_code;
	u64 addr;
};

static inline struct sgxcore_outcome sgxcore_ok(void)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_OK };
}

static inline struct sgxcore_outcome sgxcore_status(u32 code)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_STATUS, .code = code };
}

static inline struct sgxcore_outcome sgxcore_again(void)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_AGAIN };
}

static inline struct sgxcore_outcome sgxcore_gp(void)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_FAULT, .code = SGXCORE_TRAP_GP };
}

static inline struct sgxcore_outcome sgxcore_pf(u64 addr, u32 error_code)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_FAULT, .code = SGXCORE_TRAP_PF,
					 .error_code = error_code, .addr = addr };
}

/**
 * struct sgxcore_page - one EPCM entry
 * @lock: base lock: 0 free, SGXCORE_EXCLUSIVE, or shared: by leaves (counted in
 *	SGXCORE_SHARED) and by entries and exits that use the page as SSA or TCS
 *	(counted in SGXCORE_SHARED_LP), which on hardware take no lock
 * @extra: second try-lock, 0 or 1. SECS: measurement and INIT
 * @tracking: third try-lock, 0 or 1. SECS: ETRACK
 * @gen: bumped whenever @valid changes, so that a translation taken earlier can
 *	 be recognised as stale; written under exclusive @lock
 * @valid, @type, @perm: VALID, PT and R/W/X (SGX_SECINFO_R/W/X); written under
 *	 exclusive @lock
 * @blocked, @pending, @modified, @pr: page state bits
 * @addr: ENCLAVEADDRESS
 * @secs: entry of the owning SECS; NULL for SECS and VA pages
 * @mem: the 4096 bytes of the page
 * @epoch: blocked pages: epoch of the enclave when they were blocked
 * @children: SECS only: pages of the enclave in the EPC (atomic)
 * @track: SECS only: epoch, and how many logical processors are inside (atomic,
 *	see track.c)
 */
struct sgxcore_page {
	int lock;
	int extra;
	int tracking;
	u32 gen;
	bool valid;
	u8 type;
	u8 perm;
	bool blocked;
	bool pending;
	bool modified;
	bool pr;
	u64 addr;
	struct sgxcore_page *secs;
	u8 *mem;
	u32 epoch;
	int children;
	u64 track;
};

#define SGXCORE_EXCLUSIVE	(-1)
#define SGXCORE_SHARED		0x1
#define SGXCORE_SHARED_LP	0x10000

/* A contiguous piece of EPC; CPUID.12H enumerates it. */
struct sgxcore_section {
	u8 *base;			/* address the leaves see, page aligned */
	u64 phys;			/* physical address, for CPUID.12H */
	u64 nr_pages;
	struct sgxcore_page *pages;	/* nr_pages EPCM entries */
};

/**
 * struct sgxcore_model - what this processor can do
 * @misc_mask: settable MISCSELECT bits (CPUID.12H.0:EBX)
 * @attr_mask: settable ATTRIBUTES bits (CPUID.12H.1:EAX/EBX)
 * @xfrm_mask: settable XFRM bits (CPUID.12H.1:ECX/EDX), a subset of XCR0
 * @size_bits: log2 of the largest 64-bit enclave (CPUID.12H.0:EDX[15:8])
 * @va_bits: linear address width, 48 or 57
 * @mxcsr_mask: MXCSR bits that may be set
 * @xstate_offset, @xstate_size: CPUID.0DH.x:EBX/EAX for x >= 2
 */
struct sgxcore_model {
	u32 misc_mask;
	u64 attr_mask;
	u64 xfrm_mask;
	u8 size_bits;
	u8 va_bits;
	u32 mxcsr_mask;
	u32 xstate_offset[64];
	u32 xstate_size[64];
};

/**
 * struct sgxcore_gcm - one page under AES-128-GCM
 * @key: &sgxcore_cpu.paging_key
 * @iv: never twice the same for one key
 * @aad: what is authenticated along with the page
 * @mac: the tag
 */
struct sgxcore_gcm {
	void *key;
	u8 iv[12];
	u8 aad[128];
	u8 mac[16];
};

enum sgxcore_unsealed {
	SGXCORE_UNSEALED,		/* the tag was right */
	SGXCORE_BAD_MAC,
	SGXCORE_UNSEAL_FAILED,		/* not done, for reasons of its own */
};

/**
 * struct sgxcore_crypto - primitives that the core borrows
 * @sha256_blocks: run the SHA-256 compression function over @n 64-byte blocks
 * @gcm_encrypt: encrypt @plain (4096 bytes) to @cipher, fill @g->mac in. False if
 *	it could not be done; @cipher may hold anything then
 * @gcm_decrypt: decrypt @data (4096 bytes) in place, compare the tag with @g->mac.
 *	Unless the result is SGXCORE_UNSEALED, @data may hold anything
 *
 * None may sleep.
 */
struct sgxcore_crypto {
	void (*sha256_blocks)(u32 state[8], const u8 *data, size_t n);
	bool (*gcm_encrypt)(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher);
	enum sgxcore_unsealed (*gcm_decrypt)(const struct sgxcore_gcm *g, u8 *data);
};

/*
 * The processor package: shared by all logical processors. The key for evicted
 * pages is random, and new with each package.
 */
struct sgxcore_cpu {
	const struct sgxcore_model *model;
	const struct sgxcore_crypto *crypto;
	void *paging_key;
	struct sgxcore_section *sections;
	unsigned int nr_sections;
	u64 last_eid;			/* atomic */
	u64 last_version;		/* atomic */
};

/* epc.c */
struct sgxcore_page *sgxcore_page_of(struct sgxcore_cpu *cpu, const void *addr);
void sgxcore_section_init(struct sgxcore_section *s);	/* entries invalid, .mem set */
/* CPUID.12H as the model has it; @out: EAX, EBX, ECX, EDX */
void sgxcore_cpuid12(const struct sgxcore_cpu *cpu, u32 subleaf, u32 out[4]);
/* R/W/X (SGX_SECINFO_*) that the EPCM lets enclave code have right now */
u8 sgxcore_page_access(const struct sgxcore_page *page);

/* cpuid.c */
void sgxcore_cpuid(const struct sgxcore_cpu *cpu, u32 max, u32 leaf, u32 subleaf, u32 out[4]);

/*
 * ENCLS. Operands are linear addresses that the core may dereference (kernel
 * addresses in the module); operands that must be EPC are looked up in
 * cpu->sections. Nothing here sleeps.
 */
struct sgxcore_outcome sgxcore_ecreate(struct sgxcore_cpu *cpu,
				       const struct sgx_pageinfo *rbx, void *rcx);
struct sgxcore_outcome sgxcore_eadd(struct sgxcore_cpu *cpu,
				    const struct sgx_pageinfo *rbx, void *rcx);
struct sgxcore_outcome sgxcore_eextend(struct sgxcore_cpu *cpu, void *rbx, void *rcx);

#define SGXCORE_RSA_LIMBS	(SGX_MODULUS_SIZE / 8)

/* Room for the arithmetic of one signature check; too large for a kernel stack */
struct sgxcore_rsa_scratch {
	u64 m[SGXCORE_RSA_LIMBS];
	u64 s[SGXCORE_RSA_LIMBS];
	u64 q[SGXCORE_RSA_LIMBS];
	u64 r[SGXCORE_RSA_LIMBS];
	u64 t[2 * SGXCORE_RSA_LIMBS];
	u64 p[2 * SGXCORE_RSA_LIMBS];
	u8 msg[256];
};

/**
 * struct sgxcore_einit_scratch - what one EINIT works in
 *
 * Private copies of the operands and the arithmetic, about 5.5 KiB. The caller
 * provides it (one per EINIT in flight), because a leaf may not allocate.
 */
struct sgxcore_einit_scratch {
	struct sgx_sigstruct sig;
	struct sgx_einittoken token;
	struct sgxcore_rsa_scratch rsa;
};

/* @lepubkeyhash: IA32_SGXLEPUBKEYHASH0..3 of the executing logical processor */
struct sgxcore_outcome sgxcore_einit(struct sgxcore_cpu *cpu, const void *rbx,
				     void *rcx, const void *rdx,
				     const u64 lepubkeyhash[4],
				     struct sgxcore_einit_scratch *scratch);
struct sgxcore_outcome sgxcore_eremove(struct sgxcore_cpu *cpu, void *rcx);
struct sgxcore_outcome sgxcore_epa(struct sgxcore_cpu *cpu, u64 rbx, void *rcx);
/*
 * Paging. An evicted page is its ciphertext, its PCMD and its version; the latter
 * is in a slot of a VA page and makes each eviction loadable once.
 */
struct sgxcore_outcome sgxcore_eblock(struct sgxcore_cpu *cpu, void *rcx);
struct sgxcore_outcome sgxcore_etrack(struct sgxcore_cpu *cpu, void *rcx);
/* @scratch: a page to encrypt in that nobody else can see, contents irrelevant */
struct sgxcore_outcome sgxcore_ewb(struct sgxcore_cpu *cpu, struct sgx_pageinfo *rbx,
				   void *rcx, void *rdx, u8 *scratch);
struct sgxcore_outcome sgxcore_eldu(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx);
struct sgxcore_outcome sgxcore_eldb(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx);
struct sgxcore_outcome sgxcore_edbgrd(struct sgxcore_cpu *cpu, u64 *rbx_out, const void *rcx);
struct sgxcore_outcome sgxcore_edbgwr(struct sgxcore_cpu *cpu, u64 rbx, void *rcx);

/* measure.c: the SHA-256 log of an enclave, also used by signing tools */
struct sgxcore_measure {
	u32 state[8];
	u64 blocks;			/* 64-byte blocks hashed so far */
};

void sgxcore_measure_ecreate(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			     u32 ssa_frame_size, u64 size);
void sgxcore_measure_eadd(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			  u64 offset, const struct sgx_secinfo *secinfo);
void sgxcore_measure_eextend(struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			     u64 offset, const u8 chunk[256]);
/* Works on a copy: the log can go on afterwards. */
void sgxcore_measure_final(const struct sgxcore_measure *m, const struct sgxcore_crypto *c,
			   u8 mrenclave[32]);
/* SHA-256 of any buffer, with the borrowed compression function */
void sgxcore_sha256(const struct sgxcore_crypto *c, const u8 *data, size_t len, u8 out[32]);

/* sigstruct.c */
/* True if SIGNATURE, Q1 and Q2 belong to MODULUS and to the signed ranges. */
bool sgxcore_sigstruct_verify(const struct sgx_sigstruct *sig, const struct sgxcore_crypto *c,
			      struct sgxcore_rsa_scratch *scratch);

/* ------------------------------------------------------------------ ENCLU */

/* User-visible integer state of a logical processor. */
struct sgxcore_regs {
	u64 ax, cx, dx, bx, sp, bp, si, di;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 flags;
	u64 ip;				/* at the 0F of ENCLU, or where the event hit */
	u64 fsbase;
	u64 gsbase;
};

/**
 * struct sgxcore_xlat - a cached translation of one linear page to EPC
 * @page: EPCM entry, NULL if none
 * @gen: its @gen when the translation was made; the translation is good as
 *	 long as both are equal, tested under the entry's lock
 * @blocked: the page was BLOCKED already. One that gets blocked later is on its
 *	way out, and no program is to blame
 */
struct sgxcore_xlat {
	struct sgxcore_page *page;
	u32 gen;
	bool blocked;
};

/* A translation to @page as of now, for translate() */
static inline void sgxcore_xlat_set(struct sgxcore_xlat *x, struct sgxcore_page *page)
{
	x->gen = sgxcore_load(&page->gen);
	x->blocked = sgxcore_load(&page->blocked);
	x->page = page;
}

enum sgxcore_access {
	SGXCORE_READ	= SGX_SECINFO_R,
	SGXCORE_WRITE	= SGX_SECINFO_W,
};

struct sgxcore_lp;

/**
 * struct sgxcore_lp_ops - what a logical processor needs from its environment
 * @translate: walk the page tables for the page at @la (page aligned) with the
 *	given access by a user-mode program. Returns SGXCORE_OK with @x filled
 *	(@x->page NULL if it maps something that is not EPC), or the ordinary
 *	#PF (U=1, W as asked, P as found). May sleep; called without any lock.
 */
struct sgxcore_lp_ops {
	struct sgxcore_outcome (*translate)(struct sgxcore_lp *lp, u64 la,
					    enum sgxcore_access access,
					    struct sgxcore_xlat *x);
};

/* XSAVE area and MISC+GPRSGX of one frame: at most this many distinct pages */
#define SGXCORE_SSA_PAGES	5
/* Largest XSAVE area that a model may ask for */
#define SGXCORE_XSAVE_MAX	(3 * SGX_PAGE_SIZE)

/**
 * struct sgxcore_frame - the SSA frame that the next AEX will write
 * @xsave: translations of the pages of the XSAVE area, in order
 * @gpr: translation of the page with MISC and GPRSGX (the last of the frame)
 * @la: linear address of the frame
 * @gpr_la: linear address of its last page
 */
struct sgxcore_frame {
	struct sgxcore_xlat xsave[SGXCORE_SSA_PAGES - 1];
	struct sgxcore_xlat gpr;
	u64 la;
	u64 gpr_la;
};

/**
 * struct sgxcore_lp - SGX state of one logical processor (one task, in Linux)
 * @cpu, @ops: fixed
 * @xcr0: XCR0 of the task, fixed
 * @inside: in enclave mode (CR_ENCLAVE_MODE)
 * @secs: SECS of the enclave inside which the LP is; NULL with @inside set
 *	means that the enclave was taken away by sgxcore_lp_abandon(): the next
 *	exit sets the synthetic state and saves nothing
 * @secs_gen: generation of @secs: an SECS can be evicted while a task that is not
 *	running is inside
 * @eid: of the enclave, valid while @secs is
 * @epoch: in which the LP counts as having come in
 * @pinned: sgxcore_exit_begin() holds the pages of the coming exit
 * @tcs: the TCS, valid while @secs is
 * @tcs_la, @base, @size, @xfrm, @miscselect, @optin: copies taken at entry
 * @aep: where an AEX goes
 * @ursp, @urbp: RSP and RBP that an AEX restores if its frame is gone; else it
 *	takes them from the frame, where enclave code may have changed them
 * @fsbase, @gsbase, @tf: outside values, restored by EEXIT and AEX
 * @frame: current SSA frame (CR_GPR_PA and CR_XSAVE_PAGE_n of the manual)
 *
 * The fields are protected by the caller: one lock per LP, held around
 * sgxcore_*_commit(), sgxcore_exit_begin(), sgxcore_aex(), sgxcore_eexit(), and the
 * functions on LPs of other tasks, sgxcore_lp_*().
 */
struct sgxcore_lp {
	struct sgxcore_cpu *cpu;
	const struct sgxcore_lp_ops *ops;
	u64 xcr0;
	bool inside;
	bool optin;
	bool pinned;
	struct sgxcore_page *secs;
	u32 secs_gen;
	u32 epoch;
	u64 eid;
	struct sgxcore_xlat tcs;
	u64 tcs_la;
	u64 base;
	u64 size;
	u64 xfrm;
	u32 miscselect;
	u64 aep;
	u64 ursp;
	u64 urbp;
	u64 fsbase;
	u64 gsbase;
	u64 tf;
	struct sgxcore_frame frame;
};

/**
 * struct sgxcore_entry - an EENTER or ERESUME between its two halves
 *
 * sgxcore_entry_prepare() does everything that may sleep (translations),
 * sgxcore_entry_commit() takes the EPCM locks, repeats each check on the
 * locked state and changes LP, TCS, SSA and registers, or nothing at all.
 * Treat the fields as private, except:
 * @restore: after a successful ERESUME commit: load @xsave with RFBM = lp->xfrm
 * @xsave: private copy of the frame's XSAVE area, validated; caller provides the
 *	buffer (SGXCORE_XSAVE_MAX bytes, 64-byte aligned)
 */
struct sgxcore_entry {
	bool resume;
	bool restore;
	u8 *xsave;
	struct sgxcore_xlat tcs;
	struct sgxcore_frame frame;
	u32 cssa;
};

/* @leaf: SGX_EENTER or SGX_ERESUME; reads regs->bx, ->cx only. May sleep. */
struct sgxcore_outcome sgxcore_entry_prepare(struct sgxcore_lp *lp, u32 leaf,
					     const struct sgxcore_regs *regs,
					     struct sgxcore_entry *e);
/* On SGXCORE_OK lp->inside is set and @regs hold the enclave's state. */
struct sgxcore_outcome sgxcore_entry_commit(struct sgxcore_lp *lp,
					    struct sgxcore_entry *e,
					    struct sgxcore_regs *regs);

/**
 * struct sgxcore_exit - pages that an exit needs and that have left the EPC
 * @whole: in: the frame is needed as well as the TCS (AEX)
 * @found: sgxcore_exit_find() has been successful
 * @tcs, @frame: as of then
 *
 * On hardware every interrupt is an AEX, so that nothing is evicted under a logical
 * processor. A task stays inside, and its TCS and its frame may go meanwhile.
 * They have to come back before it can leave:
 *
 *	lock;
 *	while (!sgxcore_exit_begin(lp, &x)) {
 *		unlock; find = sgxcore_exit_find(lp, &x); lock;
 *		if (!find) break;
 *	}
 *	sgxcore_aex() or sgxcore_eexit();
 *	unlock;
 */
struct sgxcore_exit {
	bool whole;
	bool found;
	struct sgxcore_xlat tcs;
	struct sgxcore_frame frame;
};

/* True: the exit that follows finds its pages. False: some are not there. */
bool sgxcore_exit_begin(struct sgxcore_lp *lp, struct sgxcore_exit *x);
/* Looks them up, by the task of @lp itself. May sleep. False if they are gone. */
bool sgxcore_exit_find(struct sgxcore_lp *lp, struct sgxcore_exit *x);

/* RBX checked; on SGXCORE_OK the LP is outside and @regs hold the outside state. */
struct sgxcore_outcome sgxcore_eexit(struct sgxcore_lp *lp, struct sgxcore_regs *regs);

/**
 * struct sgxcore_event - what caused an AEX
 * @exception: false for interrupts and signals: EXITINFO stays clear
 * @vector, @error_code, @addr: of the exception (@addr: full CR2 of a #PF)
 */
struct sgxcore_event {
	bool exception;
	u8 vector;
	u32 error_code;
	u64 addr;
};

/**
 * sgxcore_aex() - leave the enclave asynchronously
 * @regs: in: registers at the event, with the enclave's FS/GS bases; RIP is the
 *	one to be saved (at the instruction for faults, INT3 included).
 *	out: the synthetic state, outside FS/GS bases
 * @xsave: extended state as XSAVE64 wrote it with RFBM = lp->xfrm, standard format
 * @synthetic: out: XSAVE image to load with RFBM = lp->xfrm (needs 576 bytes)
 *
 * Returns false if the frame could not be written because its pages are gone
 * (the enclave is being destroyed): the LP is outside all the same, the TCS
 * stays unusable.
 */
bool sgxcore_aex(struct sgxcore_lp *lp, const struct sgxcore_event *ev,
		 struct sgxcore_regs *regs, const u8 *xsave, u8 *synthetic);

/*
 * The enclave goes away under the LP (no address space maps it any more): the
 * LP no longer counts as inside, its TCS becomes inactive.
 */
void sgxcore_lp_abandon(struct sgxcore_lp *lp);

/* Is the LP inside the enclave whose SECS is on this page now? */
bool sgxcore_lp_is_inside(const struct sgxcore_lp *lp, const struct sgxcore_page *secs);
/* Has it been inside without interruption since before the last ETRACK? */
bool sgxcore_lp_is_awaited(const struct sgxcore_lp *lp);
/*
 * The LP has been outside since the last ETRACK: it was interrupted, or its task was
 * not running for a moment. For tracking this is an exit and an entry.
 */
void sgxcore_lp_interrupted(struct sgxcore_lp *lp);

/* xsave.c */
/* Bytes of a standard-format XSAVE area for @xfrm (at least 576) */
u32 sgxcore_xsave_size(const struct sgxcore_model *model, u64 xfrm);
bool sgxcore_xfrm_legal(const struct sgxcore_model *model, u64 xfrm);
/* May @image be handed to XRSTOR64 with RFBM = @xfrm? */
bool sgxcore_xsave_valid(const struct sgxcore_model *model, u64 xfrm, const u8 *image);
/* The image that an AEX leaves in the registers; @vector of the exception, or -1 */
void sgxcore_xsave_synthetic(u8 *image, int vector);

#endif /* _CORE_CORE_H */
