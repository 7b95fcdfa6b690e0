/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few primitives that differ between the kernel and a user-space test:
 * byte copies, atomic words and the unlikely-but-checked assertion.
 */
#ifndef _CORE_SHIM_H
#define _CORE_SHIM_H

/* Keeps what is large off the stack of its caller. */
#define sgxcore_noinline		__attribute__((__noinline__))

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/types.h>

#define sgxcore_cmpxchg(p, old, new)	cmpxchg(p, old, new)
#define sgxcore_xchg(p, new)		xchg(p, new)
#define sgxcore_inc(p)			((void)xadd(p, 1))
#define sgxcore_dec(p)			((void)xadd(p, -1))
#define sgxcore_inc_return(p)		(xadd(p, 1) + 1)
#define sgxcore_fetch_add(p, n)		xadd(p, n)
/* What is stored first is seen by whatever has loaded this. */
#define sgxcore_load(p)			smp_load_acquire(p)
/* What came before is seen first. */
#define sgxcore_store(p, v)		smp_store_release(p, v)
#define sgxcore_warn(cond)		WARN_ON_ONCE(cond)
#define sgxcore_preempt_disable()	preempt_disable()
#define sgxcore_preempt_enable()	preempt_enable()

#else

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __s8 s8;
typedef __s32 s32;
typedef __s64 s64;

/* A statement expression keeps cmpxchg()'s contract: the old value comes back. */
#define sgxcore_cmpxchg(p, old, new)					\
	({								\
		__typeof__(*(p)) __old = (old);				\
		__atomic_compare_exchange_n(p, &__old, new, false,	\
					    __ATOMIC_SEQ_CST,		\
					    __ATOMIC_SEQ_CST);		\
		__old;							\
	})
#define sgxcore_xchg(p, new)		__atomic_exchange_n(p, new, __ATOMIC_SEQ_CST)
#define sgxcore_inc(p)			((void)__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST))
#define sgxcore_dec(p)			((void)__atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST))
#define sgxcore_inc_return(p)		__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST)
#define sgxcore_fetch_add(p, n)		__atomic_fetch_add(p, n, __ATOMIC_SEQ_CST)
#define sgxcore_load(p)			__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define sgxcore_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define sgxcore_preempt_disable()	((void)0)
#define sgxcore_preempt_enable()	((void)0)
/* In a test an impossible condition is a failure at once. */
#define sgxcore_warn(cond)						\
	({								\
		bool __bad = (cond);					\
		if (__bad) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				__LINE__, #cond);			\
			abort();					\
		}							\
		__bad;							\
	})

#endif
#endif /* _CORE_SHIM_H */
