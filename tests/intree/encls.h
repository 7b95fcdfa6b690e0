/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ENCLS for the kernel's driver, as function calls into the processor. In the place of
 * the header of this name, whose functions it has.
 */
#ifndef _INTREE_ENCLS_H
#define _INTREE_ENCLS_H

#include <asm/traps.h>

#include "sgx.h"

int sgxcpu_ecreate(struct sgx_pageinfo *pginfo, void *secs);
int sgxcpu_eadd(struct sgx_pageinfo *pginfo, void *addr);
int sgxcpu_eextend(void *secs, void *addr);
int sgxcpu_einit(void *sigstruct, void *token, void *secs);
int sgxcpu_eremove(void *addr);
int sgxcpu_epa(void *addr);
int sgxcpu_edbgrd(void *addr, unsigned long *data);
int sgxcpu_edbgwr(void *addr, unsigned long *data);
int sgxcpu_eblock(void *addr);
int sgxcpu_etrack(void *secs);
int sgxcpu_ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot);
int sgxcpu_eldu(struct sgx_pageinfo *pginfo, void *addr, void *va_slot);
int sgxcpu_eaug(struct sgx_pageinfo *pginfo, void *addr);
int sgxcpu_emodpr(struct sgx_secinfo *secinfo, void *addr);
int sgxcpu_emodt(struct sgx_secinfo *secinfo, void *addr);

#define ENCLS_TRAPNR(r)	((r) & ~SGX_ENCLS_FAULT_FLAG)
#define ENCLS_WARN(r, name) \
	do { \
		int r_ = (r); \
		\
		WARN_ONCE(r_, "%s returned %d (%#x)\n", (name), r_, r_); \
	} while (0)

static inline bool encls_faulted(int ret)
{
	return ret & SGX_ENCLS_FAULT_FLAG;
}

static inline bool encls_failed(int ret)
{
	return encls_faulted(ret) ? ENCLS_TRAPNR(ret) != X86_TRAP_PF : ret != 0;
}

static inline int __ecreate(struct sgx_pageinfo *pginfo, void *secs)
{
	return sgxcpu_ecreate(pginfo, secs);
}

static inline int __eextend(void *secs, void *addr)
{
	return sgxcpu_eextend(secs, addr);
}

static inline int __eadd(struct sgx_pageinfo *pginfo, void *addr)
{
	return sgxcpu_eadd(pginfo, addr);
}

static inline int __einit(void *sigstruct, void *token, void *secs)
{
	return sgxcpu_einit(sigstruct, token, secs);
}

static inline int __eremove(void *addr)
{
	return sgxcpu_eremove(addr);
}

static inline int __edbgwr(void *addr, unsigned long *data)
{
	return sgxcpu_edbgwr(addr, data);
}

static inline int __edbgrd(void *addr, unsigned long *data)
{
	return sgxcpu_edbgrd(addr, data);
}

static inline int __etrack(void *addr)
{
	return sgxcpu_etrack(addr);
}

static inline int __eldu(struct sgx_pageinfo *pginfo, void *addr, void *va)
{
	return sgxcpu_eldu(pginfo, addr, va);
}

static inline int __eblock(void *addr)
{
	return sgxcpu_eblock(addr);
}

static inline int __epa(void *addr)
{
	return sgxcpu_epa(addr);
}

static inline int __ewb(struct sgx_pageinfo *pginfo, void *addr, void *va)
{
	return sgxcpu_ewb(pginfo, addr, va);
}

static inline int __emodpr(struct sgx_secinfo *secinfo, void *addr)
{
	return sgxcpu_emodpr(secinfo, addr);
}

static inline int __emodt(struct sgx_secinfo *secinfo, void *addr)
{
	return sgxcpu_emodt(secinfo, addr);
}

static inline int __eaug(struct sgx_pageinfo *pginfo, void *addr)
{
	return sgxcpu_eaug(pginfo, addr);
}

#endif /* _INTREE_ENCLS_H */
