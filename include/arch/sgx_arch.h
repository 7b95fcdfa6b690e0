/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Architectural data structures and numbers of Intel SGX, as the manual lays
 * them out. Shared by the processor, the driver, the tools and enclaves.
 */
#ifndef _ARCH_SGX_ARCH_H
#define _ARCH_SGX_ARCH_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <assert.h>
#include <linux/types.h>
#include <stddef.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#endif

#define SGX_PAGE_SIZE			4096
#define SGX_PAGE_SHIFT			12

/* ENCLS leaves */
#define SGX_ECREATE			0x00
#define SGX_EADD			0x01
#define SGX_EINIT			0x02
#define SGX_EREMOVE			0x03
#define SGX_EDBGRD			0x04
#define SGX_EDBGWR			0x05
#define SGX_EEXTEND			0x06
#define SGX_ELDB			0x07
#define SGX_ELDU			0x08
#define SGX_EBLOCK			0x09
#define SGX_EPA				0x0a
#define SGX_EWB				0x0b
#define SGX_ETRACK			0x0c
#define SGX_EAUG			0x0d
#define SGX_EMODPR			0x0e
#define SGX_EMODT			0x0f

/* ENCLU leaves */
#define SGX_EREPORT			0x00
#define SGX_EGETKEY			0x01
#define SGX_EENTER			0x02
#define SGX_ERESUME			0x03
#define SGX_EEXIT			0x04
#define SGX_EACCEPT			0x05
#define SGX_EMODPE			0x06
#define SGX_EACCEPTCOPY			0x07
#define SGX_EVERIFYREPORT2		0x08
#define SGX_EDECCSSA			0x09

/* Error codes in RAX */
#define SGX_INVALID_SIG_STRUCT		1
#define SGX_INVALID_ATTRIBUTE		2
#define SGX_BLKSTATE			3
#define SGX_INVALID_MEASUREMENT		4
#define SGX_NOTBLOCKABLE		5
#define SGX_PG_INVLD			6
#define SGX_EPC_PAGE_CONFLICT		7
#define SGX_INVALID_SIGNATURE		8
#define SGX_MAC_COMPARE_FAIL		9
#define SGX_PAGE_NOT_BLOCKED		10
#define SGX_NOT_TRACKED			11
#define SGX_VA_SLOT_OCCUPIED		12
#define SGX_CHILD_PRESENT		13
#define SGX_ENCLAVE_ACT			14
#define SGX_ENTRYEPOCH_LOCKED		15
#define SGX_INVALID_EINITTOKEN		16
#define SGX_PREV_TRK_INCMPL		17
#define SGX_PG_IS_SECS			18
#define SGX_PAGE_ATTRIBUTES_MISMATCH	19
#define SGX_PAGE_NOT_MODIFIABLE		20
#define SGX_PAGE_NOT_DEBUGGABLE		21
#define SGX_INVALID_CPUSVN		32
#define SGX_INVALID_ISVSVN		64
#define SGX_UNMASKED_EVENT		128
#define SGX_INVALID_KEYNAME		256

/* ATTRIBUTES */
#define SGX_ATTR_INIT			0x01ULL
#define SGX_ATTR_DEBUG			0x02ULL
#define SGX_ATTR_MODE64BIT		0x04ULL
#define SGX_ATTR_PROVISIONKEY		0x10ULL
#define SGX_ATTR_EINITTOKENKEY		0x20ULL
#define SGX_ATTR_CET			0x40ULL
#define SGX_ATTR_KSS			0x80ULL
#define SGX_ATTR_AEXNOTIFY		0x400ULL

/* XFRM, MISCSELECT */
#define SGX_XFRM_LEGACY			0x03ULL
#define SGX_MISC_EXINFO			0x01

/* SECINFO.FLAGS */
#define SGX_SECINFO_R			0x01ULL
#define SGX_SECINFO_W			0x02ULL
#define SGX_SECINFO_X			0x04ULL
#define SGX_SECINFO_PENDING		0x08ULL
#define SGX_SECINFO_MODIFIED		0x10ULL
#define SGX_SECINFO_PR			0x20ULL
#define SGX_SECINFO_PERMISSION_MASK	0x07ULL
#define SGX_SECINFO_PAGE_TYPE_SHIFT	8
#define SGX_SECINFO_PAGE_TYPE_MASK	0xff00ULL
#define SGX_SECINFO_SECS		0x000ULL
#define SGX_SECINFO_TCS			0x100ULL
#define SGX_SECINFO_REG			0x200ULL
#define SGX_SECINFO_VA			0x300ULL
#define SGX_SECINFO_TRIM		0x400ULL

/* EPCM page types */
enum sgx_pt {
	SGX_PT_SECS	= 0,
	SGX_PT_TCS	= 1,
	SGX_PT_REG	= 2,
	SGX_PT_VA	= 3,
	SGX_PT_TRIM	= 4,
	SGX_PT_SS_FIRST	= 5,
	SGX_PT_SS_REST	= 6,
};

#define SGX_TCS_DBGOPTIN		0x01ULL
#define SGX_TCS_AEXNOTIFY		0x02ULL

/* GPRSGX.AEXNOTIFY */
#define SGX_AEXNOTIFY			0x01

/* Page-fault error code bits, as delivered by #PF */
#define SGX_PFEC_P			0x0001
#define SGX_PFEC_W			0x0002
#define SGX_PFEC_U			0x0004
#define SGX_PFEC_I			0x0010
#define SGX_PFEC_SGX			0x8000

/* EXITINFO of the SSA frame */
#define SGX_EXITINFO_VALID		0x80000000u
#define SGX_EXITINFO_TYPE_HW		(3u << 8)
#define SGX_EXITINFO_TYPE_SW		(6u << 8)

struct sgx_secs {
	u64 size;
	u64 base;
	u32 ssa_frame_size;
	u32 miscselect;
	u64 cet_leg_bitmap_offset;
	u8  cet_attributes;
	u8  reserved1[15];
	u64 attributes;
	u64 xfrm;
	u8  mrenclave[32];
	u8  reserved2[32];
	u8  mrsigner[32];
	u8  reserved3[32];
	u8  config_id[64];
	u16 isv_prod_id;
	u16 isv_svn;
	u16 config_svn;
	u8  reserved4[3834];
} __attribute__((packed));

struct sgx_tcs {
	u64 state;
	u64 flags;
	u64 ssa_offset;		/* OSSA */
	u32 ssa_index;		/* CSSA */
	u32 nr_ssa_frames;	/* NSSA */
	u64 entry_offset;	/* OENTRY */
	u64 aep;
	u64 fs_offset;		/* OFSBASE */
	u64 gs_offset;		/* OGSBASE */
	u32 fs_limit;
	u32 gs_limit;
	u8  reserved[4024];
} __attribute__((packed));

struct sgx_pageinfo {
	u64 linaddr;
	u64 srcpge;
	u64 secinfo;		/* or PCMD */
	u64 secs;
} __attribute__((packed, aligned(32)));

struct sgx_secinfo {
	u64 flags;
	u8  reserved[56];
} __attribute__((packed, aligned(64)));

/* Beside the contents of an evicted page */
struct sgx_pcmd {
	struct sgx_secinfo secinfo;
	u64 enclave_id;
	u8  reserved[40];
	u8  mac[16];
} __attribute__((packed, aligned(128)));

#define SGX_VA_SLOT_SIZE	8
#define SGX_VA_SLOT_COUNT	(SGX_PAGE_SIZE / SGX_VA_SLOT_SIZE)

struct sgx_gprsgx {
	u64 ax, cx, dx, bx, sp, bp, si, di;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rflags;
	u64 rip;
	u64 ursp;
	u64 urbp;
	u32 exitinfo;
	u8  reserved[3];
	u8  aexnotify;
	u64 fsbase;
	u64 gsbase;
} __attribute__((packed));

struct sgx_exinfo {
	u64 maddr;
	u32 errcd;
	u32 reserved;
} __attribute__((packed));

#define SGX_MODULUS_SIZE	384

/* The two signed ranges are [0, 128) and [900, 1028). */
struct sgx_sigstruct {
	u8  header[16];
	u32 vendor;
	u32 date;		/* 0xyyyymmdd */
	u8  header2[16];
	u32 swdefined;
	u8  reserved1[84];
	u8  modulus[SGX_MODULUS_SIZE];
	u32 exponent;
	u8  signature[SGX_MODULUS_SIZE];
	u32 miscselect;
	u32 misc_mask;
	u8  cet_attributes;
	u8  cet_attributes_mask;
	u8  reserved2[2];
	u8  isv_family_id[16];
	u64 attributes;
	u64 xfrm;
	u64 attributes_mask;
	u64 xfrm_mask;
	u8  mrenclave[32];	/* ENCLAVEHASH */
	u8  reserved3[16];
	u8  isv_ext_prod_id[16];
	u16 isv_prod_id;
	u16 isv_svn;
	u8  reserved4[12];
	u8  q1[SGX_MODULUS_SIZE];
	u8  q2[SGX_MODULUS_SIZE];
} __attribute__((packed));

struct sgx_einittoken {
	u32 valid;
	u8  reserved1[44];
	u64 attributes;
	u64 xfrm;
	u8  mrenclave[32];
	u8  reserved2[32];
	u8  mrsigner[32];
	u8  reserved3[32];
	u8  cpusvnle[16];
	u16 isv_prod_id_le;
	u16 isv_svn_le;
	u8  cet_masked_attributes_le;
	u8  reserved4[23];
	u32 masked_miscselect_le;
	u64 masked_attributes_le;
	u64 masked_xfrm_le;
	u8  keyid[32];
	u8  mac[16];
} __attribute__((packed));

/* Which enclave a report is for */
struct sgx_targetinfo {
	u8  mrenclave[32];	/* MEASUREMENT */
	u64 attributes;
	u64 xfrm;
	u8  cet_attributes;
	u8  reserved1;
	u16 config_svn;
	u32 miscselect;
	u8  reserved2[8];
	u8  config_id[64];
	u8  reserved3[384];
} __attribute__((packed));

/* The MAC is over everything before KEYID. */
struct sgx_report {
	u8  cpusvn[16];
	u32 miscselect;
	u8  cet_attributes;
	u8  reserved1[11];
	u8  isv_ext_prod_id[16];
	u64 attributes;
	u64 xfrm;
	u8  mrenclave[32];
	u8  reserved2[32];
	u8  mrsigner[32];
	u8  reserved3[32];
	u8  config_id[64];
	u16 isv_prod_id;
	u16 isv_svn;
	u16 config_svn;
	u8  reserved4[42];
	u8  isv_family_id[16];
	u8  report_data[64];
	u8  keyid[32];
	u8  mac[16];
} __attribute__((packed));

/* KEYNAME */
#define SGX_KEYNAME_EINITTOKEN		0
#define SGX_KEYNAME_PROVISION		1
#define SGX_KEYNAME_PROVISION_SEAL	2
#define SGX_KEYNAME_REPORT		3
#define SGX_KEYNAME_SEAL		4

/* KEYPOLICY */
#define SGX_KEYPOLICY_MRENCLAVE		0x01
#define SGX_KEYPOLICY_MRSIGNER		0x02
#define SGX_KEYPOLICY_NOISVPRODID	0x04
#define SGX_KEYPOLICY_CONFIGID		0x08
#define SGX_KEYPOLICY_ISVFAMILYID	0x10
#define SGX_KEYPOLICY_ISVEXTPRODID	0x20

struct sgx_keyrequest {
	u16 keyname;
	u16 keypolicy;
	u16 isv_svn;
	u8  cet_attributes_mask;
	u8  reserved1;
	u8  cpusvn[16];
	u64 attributes_mask;
	u64 xfrm_mask;
	u8  keyid[32];
	u32 misc_mask;
	u16 config_svn;
	u8  reserved2[434];
} __attribute__((packed));

#define SGX_ASSERT_SIZE(type, size) \
	static_assert(sizeof(type) == (size), #type " has the wrong size")
#define SGX_ASSERT_OFFSET(type, field, off) \
	static_assert(offsetof(type, field) == (off), #type "." #field " is misplaced")

SGX_ASSERT_SIZE(struct sgx_secs, 4096);
SGX_ASSERT_OFFSET(struct sgx_secs, attributes, 48);
SGX_ASSERT_OFFSET(struct sgx_secs, mrenclave, 64);
SGX_ASSERT_OFFSET(struct sgx_secs, mrsigner, 128);
SGX_ASSERT_OFFSET(struct sgx_secs, config_id, 192);
SGX_ASSERT_OFFSET(struct sgx_secs, isv_prod_id, 256);
SGX_ASSERT_OFFSET(struct sgx_secs, reserved4, 262);
SGX_ASSERT_SIZE(struct sgx_tcs, 4096);
SGX_ASSERT_OFFSET(struct sgx_tcs, gs_limit, 68);
SGX_ASSERT_SIZE(struct sgx_pageinfo, 32);
SGX_ASSERT_SIZE(struct sgx_secinfo, 64);
SGX_ASSERT_SIZE(struct sgx_pcmd, 128);
SGX_ASSERT_OFFSET(struct sgx_pcmd, enclave_id, 64);
SGX_ASSERT_OFFSET(struct sgx_pcmd, mac, 112);
SGX_ASSERT_SIZE(struct sgx_gprsgx, 184);
SGX_ASSERT_OFFSET(struct sgx_gprsgx, exitinfo, 160);
SGX_ASSERT_OFFSET(struct sgx_gprsgx, gsbase, 176);
SGX_ASSERT_SIZE(struct sgx_exinfo, 16);
SGX_ASSERT_SIZE(struct sgx_sigstruct, 1808);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, modulus, 128);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, miscselect, 900);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, attributes, 928);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, mrenclave, 960);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, isv_prod_id, 1024);
SGX_ASSERT_OFFSET(struct sgx_sigstruct, q1, 1040);
SGX_ASSERT_SIZE(struct sgx_einittoken, 304);
SGX_ASSERT_OFFSET(struct sgx_einittoken, keyid, 256);
SGX_ASSERT_SIZE(struct sgx_targetinfo, 512);
SGX_ASSERT_OFFSET(struct sgx_targetinfo, config_id, 64);
SGX_ASSERT_SIZE(struct sgx_report, 432);
SGX_ASSERT_OFFSET(struct sgx_report, mrenclave, 64);
SGX_ASSERT_OFFSET(struct sgx_report, isv_family_id, 304);
SGX_ASSERT_OFFSET(struct sgx_report, keyid, 384);
SGX_ASSERT_SIZE(struct sgx_keyrequest, 512);
SGX_ASSERT_OFFSET(struct sgx_keyrequest, keyid, 40);
SGX_ASSERT_OFFSET(struct sgx_keyrequest, config_svn, 76);

#endif /* _ARCH_SGX_ARCH_H */
