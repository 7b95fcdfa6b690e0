/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ENCLS leaves as the driver calls them: each is an injection point. An
 * injected failure is one that the leaf can also produce by itself.
 */
#ifndef _DRV_ENCLS_H
#define _DRV_ENCLS_H

#include <asm/trapnr.h>

#include <softsgx/cpu.h>

#include "inject.h"

#define SGXDRV_INJECTED_FAULT	(SGXCPU_FAULT | X86_TRAP_GP)

/* The enclave is at the same page with a leaf of its own, which is short. */
static inline bool sgxdrv_is_conflict(int ret)
{
	return ret == SGX_EPC_PAGE_CONFLICT || ret == (SGXCPU_FAULT | X86_TRAP_GP);
}

static inline int sgxdrv_ecreate(struct sgx_pageinfo *pginfo, void *secs)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_ecreate(pginfo, secs);
}

static inline int sgxdrv_eadd(struct sgx_pageinfo *pginfo, void *addr)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_eadd(pginfo, addr);
}

static inline int sgxdrv_eextend(void *secs, void *addr)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_eextend(secs, addr);
}

/* Two injection points: the leaf faults, or an interrupt cuts it short. */
static inline int sgxdrv_einit(void *sigstruct, void *token, void *secs)
{
	if (sgxdrv_should_fail())
		return SGXDRV_INJECTED_FAULT;
	if (sgxdrv_should_fail())
		return SGX_UNMASKED_EVENT;
	return sgxcpu_einit(sigstruct, token, secs);
}

/* Nothing can be done about a fault; what can be retried must be. */
static inline int sgxdrv_eremove(void *addr)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EREMOVE) ? SGX_ENCLAVE_ACT : sgxcpu_eremove(addr);
}

static inline int sgxdrv_epa(void *addr)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_epa(addr);
}

static inline int sgxdrv_eblock(void *addr)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EBLOCK) ? SGXDRV_INJECTED_FAULT :
						       sgxcpu_eblock(addr);
}

static inline int sgxdrv_etrack(void *secs)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_ETRACK) ? SGXDRV_INJECTED_FAULT :
						       sgxcpu_etrack(secs);
}

static inline int sgxdrv_ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EWB) ? SGXDRV_INJECTED_FAULT :
						    sgxcpu_ewb(pginfo, addr, va_slot);
}

static inline int sgxdrv_eldu(struct sgx_pageinfo *pginfo, void *addr, void *va_slot)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_ELDU) ? SGXDRV_INJECTED_FAULT :
						     sgxcpu_eldu(pginfo, addr, va_slot);
}

static inline int sgxdrv_eaug(struct sgx_pageinfo *pginfo, void *addr)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EAUG) ? SGXDRV_INJECTED_FAULT :
						     sgxcpu_eaug(pginfo, addr);
}

static inline int sgxdrv_emodpr(struct sgx_secinfo *secinfo, void *addr)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EMODPR) ? SGXDRV_INJECTED_FAULT :
						       sgxcpu_emodpr(secinfo, addr);
}

static inline int sgxdrv_emodt(struct sgx_secinfo *secinfo, void *addr)
{
	return sgxdrv_leaf_fails(SGXDRV_LEAF_EMODT) ? SGXDRV_INJECTED_FAULT :
						      sgxcpu_emodt(secinfo, addr);
}

static inline int sgxdrv_edbgrd(void *addr, unsigned long *data)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_edbgrd(addr, data);
}

static inline int sgxdrv_edbgwr(void *addr, unsigned long *data)
{
	return sgxdrv_should_fail() ? SGXDRV_INJECTED_FAULT : sgxcpu_edbgwr(addr, data);
}

#endif /* _DRV_ENCLS_H */
