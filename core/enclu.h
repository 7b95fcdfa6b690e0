/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of core.h that is about logical processors: entry and exit of enclaves,
 * and the leaves that they execute inside. Included by core.h.
 */
#ifndef _CORE_ENCLU_H
#define _CORE_ENCLU_H

#include "core.h"

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
 * With @notify an ERESUME does not resume but tells the enclave of the exit, as an EENTER
 * would come in; @interrupted is the frame of that exit then, @frame the next one.
 * Treat the fields as private, except:
 * @restore: after a successful ERESUME commit: load @xsave with RFBM = lp->xfrm
 * @eid: of the enclave, 0 as long as that is not known
 * @xsave: private copy of the frame's XSAVE area, validated; caller provides the
 *	buffer (SGXCORE_XSAVE_MAX bytes, 64-byte aligned)
 */
struct sgxcore_entry {
	bool resume;
	bool notify;
	bool restore;
	u64 eid;
	u8 *xsave;
	struct sgxcore_xlat tcs;
	struct sgxcore_frame interrupted;
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
 * struct sgxcore_accept - an EACCEPT, EACCEPTCOPY or EMODPE between its two halves
 * @leaf: which of them
 * @secinfo: the page with the SECINFO, RBX
 * @page: the page it is about, RCX
 * @source: EACCEPTCOPY: the page to copy from, RDX
 *
 * As for entries the first half looks pages up, and may sleep; the second one locks
 * them, checks all of it again, and does the work.
 */
struct sgxcore_accept {
	u32 leaf;
	struct sgxcore_xlat secinfo;
	struct sgxcore_xlat page;
	struct sgxcore_xlat source;
};

/* Reads regs->bx, ->cx, ->dx only. */
struct sgxcore_outcome sgxcore_accept_prepare(struct sgxcore_lp *lp, u32 leaf,
					      const struct sgxcore_regs *regs,
					      struct sgxcore_accept *a);
/* On SGXCORE_OK and SGXCORE_STATUS @regs are those after the ENCLU. */
struct sgxcore_outcome sgxcore_accept_commit(struct sgxcore_lp *lp,
					     const struct sgxcore_accept *a,
					     struct sgxcore_regs *regs);

/**
 * struct sgxcore_decssa - an EDECCSSA between its two halves
 * @tcs: the TCS, which may have been evicted since the entry
 * @cssa: its CSSA
 * @frame: the frame below the current one
 */
struct sgxcore_decssa {
	struct sgxcore_xlat tcs;
	u32 cssa;
	struct sgxcore_frame frame;
};

struct sgxcore_outcome sgxcore_decssa_prepare(struct sgxcore_lp *lp, struct sgxcore_decssa *d);
/* On SGXCORE_OK @regs are those after the ENCLU. */
struct sgxcore_outcome sgxcore_decssa_commit(struct sgxcore_lp *lp,
					     const struct sgxcore_decssa *d,
					     struct sgxcore_regs *regs);

/**
 * struct sgxcore_report - an EREPORT between its two halves
 * @target: TARGETINFO
 * @data: REPORTDATA
 * @out: where the report goes
 * @info, @report: room to work in
 */
struct sgxcore_report {
	struct sgxcore_xlat target;
	struct sgxcore_xlat data;
	struct sgxcore_xlat out;
	struct sgx_targetinfo info;
	struct sgx_report report;
};

struct sgxcore_outcome sgxcore_report_prepare(struct sgxcore_lp *lp,
					      const struct sgxcore_regs *regs,
					      struct sgxcore_report *r);
struct sgxcore_outcome sgxcore_report_commit(struct sgxcore_lp *lp, struct sgxcore_report *r,
					     struct sgxcore_regs *regs);

/**
 * struct sgxcore_getkey - an EGETKEY between its two halves
 * @request: KEYREQUEST
 * @out: where the key goes
 * @req, @target: room to work in
 */
struct sgxcore_getkey {
	struct sgxcore_xlat request;
	struct sgxcore_xlat out;
	struct sgx_keyrequest req;
	struct sgx_targetinfo target;
};

struct sgxcore_outcome sgxcore_key_prepare(struct sgxcore_lp *lp, const struct sgxcore_regs *regs,
					   struct sgxcore_getkey *k);
struct sgxcore_outcome sgxcore_key_commit(struct sgxcore_lp *lp, struct sgxcore_getkey *k,
					  struct sgxcore_regs *regs);

/*
 * An access of an instruction that is executed in software, to linear addresses in one
 * page of the enclave in which @lp is. The first half looks the page up, and may sleep;
 * the second one checks the EPCM and copies, with the lock of @lp held.
 */
struct sgxcore_outcome sgxcore_access_prepare(struct sgxcore_lp *lp, u64 la,
					      enum sgxcore_access access,
					      struct sgxcore_xlat *x);
struct sgxcore_outcome sgxcore_access_commit(const struct sgxcore_lp *lp,
					     const struct sgxcore_xlat *x, u64 la,
					     enum sgxcore_access access, void *buf, size_t n);

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
/* LPs inside, whenever they came in */
u32 sgxcore_track_inside(const struct sgxcore_page *secs);
/* Is the page at @la its TCS, or in its current frame? */
bool sgxcore_lp_stores_to(const struct sgxcore_lp *lp, u64 la);
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

/**
 * struct sgxcore_memory - the memory operand of XSAVEC or XRSTOR
 * @read, @write: copy @n bytes at @offset, once; or say what is wrong with the access
 */
struct sgxcore_memory {
	struct sgxcore_outcome (*read)(const struct sgxcore_memory *m, u32 offset, void *buf,
				       u32 n);
	struct sgxcore_outcome (*write)(const struct sgxcore_memory *m, u32 offset,
					const void *buf, u32 n);
};

/* compact.c: XSAVE areas in compacted format. Images are in standard format. */
u32 sgxcore_compact_offset(const struct sgxcore_model *model, u64 xcomp_bv, unsigned int x);
u32 sgxcore_compact_size(const struct sgxcore_model *model, u64 xcomp_bv);
struct sgxcore_outcome sgxcore_xsavec(const struct sgxcore_model *model, u64 rfbm,
				      const u8 *image, const struct sgxcore_memory *m);
struct sgxcore_outcome sgxcore_xrstor(const struct sgxcore_model *model, u64 xfrm, u64 rfbm,
				      u8 *image, const struct sgxcore_memory *m, bool *compacted);

/* address.c */
struct sgxcore_memop;
u64 sgxcore_memop_address(const struct sgxcore_memop *m, const struct sgxcore_regs *regs);
struct sgxcore_outcome sgxcore_memop_check(const struct sgxcore_memop *m,
					   const struct sgxcore_model *model, u64 la);

#endif /* _CORE_ENCLU_H */
