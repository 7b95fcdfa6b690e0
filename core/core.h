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
#define SGXCORE_TRAP_SS		12
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
 * @why: what was wrong, for people; NULL if there is nothing to say
 */
struct sgxcore_outcome {
	enum sgxcore_kind kind;
	u32 code;
	bool cf;
	u32 error_code;
	u64 addr;
	const char *why;
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

/* The same with a reason, or success if there is none */
static inline struct sgxcore_outcome sgxcore_gp_because(const char *why)
{
	return (struct sgxcore_outcome){ .kind = why ? SGXCORE_FAULT : SGXCORE_OK,
					 .code = why ? SGXCORE_TRAP_GP : 0, .why = why };
}

static inline struct sgxcore_outcome sgxcore_pf(u64 addr, u32 error_code)
{
	return (struct sgxcore_outcome){ .kind = SGXCORE_FAULT, .code = SGXCORE_TRAP_PF,
					 .error_code = error_code, .addr = addr };
}

/**
 * struct sgxcore_page - one EPCM entry
 * @lock: base lock: 0 free, SGXCORE_EXCLUSIVE, SGXCORE_EXCLUSIVE_LONG, or shared: by
 *	leaves (counted in SGXCORE_SHARED) and by entries and exits that use the page as
 *	SSA or TCS (counted in SGXCORE_SHARED_LP), which on hardware take no lock
 * @extra: second try-lock, 0 or 1. SECS: measurement and INIT; pages of enclaves: the
 *	leaves that change them after EINIT
 * @tracking: third try-lock, 0 or 1. SECS: ETRACK
 * @gen: bumped whenever @valid changes, so that a translation taken earlier can
 *	 be recognised as stale; written under exclusive @lock
 * @valid, @type: VALID and PT; written under exclusive @lock
 * @perm: R/W/X (SGX_SECINFO_R/W/X)
 * @blocked, @pending, @modified, @pr: page state bits; but for @blocked, and like
 *	@perm, written under exclusive @lock, or under @extra with @lock shared
 * @addr: ENCLAVEADDRESS
 * @secs: entry of the owning SECS; NULL for SECS and VA pages
 * @mem: the 4096 bytes of the page
 * @epoch: epoch of the enclave when the page was blocked, modified or restricted,
 *	whichever was last
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
#define SGXCORE_EXCLUSIVE_LONG	(-2)	/* by a leaf that may sleep */
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
 * struct sgxcore_model_spec - a model as its maker has it
 * @name: for people
 * @sgx2, @edeccssa, @rdtsc, @misc_mask, @attr_mask, @xfrm_mask, @size_bits: as in
 *	struct sgxcore_model, on a machine that has all that is needed
 * @signature: CPUID.1:EAX: family, model, stepping
 * @host_signature: an Intel CPU keeps its own
 */
struct sgxcore_model_spec {
	const char *name;
	bool sgx2;
	bool edeccssa;
	bool rdtsc;
	u32 misc_mask;
	u64 attr_mask;
	u64 xfrm_mask;
	u8 size_bits;
	u32 signature;
	bool host_signature;
};

/**
 * struct sgxcore_model - what this processor can do
 * @sgx2: the leaves that change an enclave after EINIT (CPUID.12H.0:EAX[1]). Off
 *	for a system that does not know them: they are #GP then
 * @edeccssa: ENCLU[EDECCSSA] (CPUID.12H.0:EAX[11])
 * @rdtsc: RDTSC and RDTSCP are legal inside
 * @misc_mask: settable MISCSELECT bits (CPUID.12H.0:EBX)
 * @attr_mask: settable ATTRIBUTES bits (CPUID.12H.1:EAX/EBX)
 * @xfrm_mask: settable XFRM bits (CPUID.12H.1:ECX/EDX), a subset of XCR0
 * @size_bits: log2 of the largest 64-bit enclave (CPUID.12H.0:EDX[15:8])
 * @signature: CPUID.1:EAX
 * @intel: the machine's vendor is GenuineIntel
 * @host_signature: CPUID.1:EAX of the machine
 * @va_bits: linear address width, 48 or 57
 * @mxcsr_mask: MXCSR bits that may be set
 * @xcr0: of the machine
 * @xstate_offset, @xstate_size: CPUID.0DH.x:EBX/EAX for x >= 2
 * @xstate_align: components that are 64-byte aligned in the compacted format, those
 *	with CPUID.0DH.x:ECX[1]
 */
struct sgxcore_model {
	bool sgx2;
	bool edeccssa;
	bool rdtsc;
	u32 misc_mask;
	u64 attr_mask;
	u64 xfrm_mask;
	u8 size_bits;
	u32 signature;
	bool intel;
	u32 host_signature;
	u8 va_bits;
	u32 mxcsr_mask;
	u64 xcr0;
	u32 xstate_offset[64];
	u32 xstate_size[64];
	u64 xstate_align;
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
 * @cmac: AES-128-CMAC of @n bytes; false if it could not be computed
 *
 * @gcm_encrypt and @gcm_decrypt may sleep, the others may not.
 */
struct sgxcore_crypto {
	void (*sha256_blocks)(u32 state[8], const u8 *data, size_t n);
	bool (*gcm_encrypt)(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher);
	enum sgxcore_unsealed (*gcm_decrypt)(const struct sgxcore_gcm *g, u8 *data);
	bool (*cmac)(const u8 key[16], const void *data, size_t n, u8 mac[16]);
};

/**
 * struct sgxcore_platform - what makes two processors of one model differ
 * @root: root secret of all keys
 * @seal_fuses: SEAL_KEY_FUSES
 * @owner_epoch: OWNEREPOCH
 * @report_keyid: CR_REPORT_KEYID
 * @cpusvn: see sgxcore_cpusvn_get() (atomic)
 */
struct sgxcore_platform {
	u8 root[16];
	u8 seal_fuses[16];
	u8 owner_epoch[16];
	u8 report_keyid[32];
	u64 cpusvn;
};

/*
 * The processor package: shared by all logical processors. The key for evicted
 * pages is random, and new with each package.
 */
struct sgxcore_cpu {
	const struct sgxcore_model *model;
	const struct sgxcore_crypto *crypto;
	void *paging_key;
	struct sgxcore_platform platform;
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

/* model.c */
const struct sgxcore_model_spec *sgxcore_model_spec(unsigned int i);
const struct sgxcore_model_spec *sgxcore_model_find(const char *name);
void sgxcore_model_set(struct sgxcore_model *model, const struct sgxcore_model_spec *spec,
		       u64 xcr0, bool sgx2);
bool sgxcore_model_has_enclu(const struct sgxcore_model *model, u32 leaf);

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
 * After SGX_INVALID_MEASUREMENT, @mrenclave is that of the enclave.
 */
struct sgxcore_einit_scratch {
	struct sgx_sigstruct sig;
	struct sgx_einittoken token;
	u8 mrenclave[32];
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
/*
 * EWB, ELDU and ELDB sleep if the cipher does.
 * @scratch: a page to encrypt in that nobody else can see, contents irrelevant
 */
struct sgxcore_outcome sgxcore_ewb(struct sgxcore_cpu *cpu, struct sgx_pageinfo *rbx,
				   void *rcx, void *rdx, u8 *scratch);
struct sgxcore_outcome sgxcore_eldu(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx);
struct sgxcore_outcome sgxcore_eldb(struct sgxcore_cpu *cpu, const struct sgx_pageinfo *rbx,
				    void *rcx, void *rdx);
/*
 * Changes after EINIT (SGX2). They are proposals: the enclave has to accept them, with
 * the leaves of sgxcore_accept_prepare(), or cannot use the page.
 */
struct sgxcore_outcome sgxcore_eaug(struct sgxcore_cpu *cpu,
				    const struct sgx_pageinfo *rbx, void *rcx);
struct sgxcore_outcome sgxcore_emodpr(struct sgxcore_cpu *cpu,
				      const struct sgx_secinfo *rbx, void *rcx);
struct sgxcore_outcome sgxcore_emodt(struct sgxcore_cpu *cpu,
				     const struct sgx_secinfo *rbx, void *rcx);
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

/* derive.c */
void sgxcore_platform_init(struct sgxcore_cpu *cpu, const void *seed, size_t n);

/* sigstruct.c */
/* True if SIGNATURE, Q1 and Q2 belong to MODULUS and to the signed ranges. */
bool sgxcore_sigstruct_verify(const struct sgx_sigstruct *sig, const struct sgxcore_crypto *c,
			      struct sgxcore_rsa_scratch *scratch);

#include "enclu.h"

#endif /* _CORE_CORE_H */
