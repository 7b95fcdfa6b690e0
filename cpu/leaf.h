/* SPDX-License-Identifier: GPL-2.0 */
/* How a leaf of the core becomes a function call of the interface. */
#ifndef _CPU_LEAF_H
#define _CPU_LEAF_H

#include <linux/preempt.h>

#include <softsgx/cpu.h>

#include "cpu.h"

/*
 * A leaf is one instruction: it does not lose the CPU while it holds EPCM locks,
 * which an asynchronous exit elsewhere waits for, but not for long. The leaves that
 * encrypt and decrypt pages take other locks, and are called as they are.
 */
#define SGXCPU_LEAF(call)				\
({							\
	struct sgxcore_outcome __out;			\
							\
	preempt_disable();				\
	__out = call;					\
	preempt_enable();				\
	sgxcpu_result(__out);				\
})

/* The same, and the log says what was wrong. */
#define SGXCPU_LEAF_EXPLAINED(name, call)		\
({							\
	struct sgxcore_outcome __out;			\
							\
	preempt_disable();				\
	__out = call;					\
	preempt_enable();				\
	sgxcpu_explain(name, &__out);			\
	sgxcpu_result(__out);				\
})

void sgxcpu_explain(const char *leaf, const struct sgxcore_outcome *out);
void sgxcpu_explain_enclu(const char *leaf, u64 eid, u64 ip, const struct sgxcore_outcome *out);

static inline int sgxcpu_result(struct sgxcore_outcome out)
{
	switch (out.kind) {
	case SGXCORE_OK:
		return 0;
	case SGXCORE_STATUS:
		return out.code;
	default:
		return SGXCPU_FAULT | out.code;
	}
}

#endif /* _CPU_LEAF_H */
