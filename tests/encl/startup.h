/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The start-up enclave: what runtimes do before anything else. Shared with its host.
 *
 * Entry: RDI = enum startup_op, RSI = struct encl_call outside, as with the test enclave.
 */
#ifndef _TESTS_ENCL_STARTUP_H
#define _TESTS_ENCL_STARTUP_H

#include "ops.h"

enum startup_op {
	/*
	 * EREPORT of itself, XRSTOR of a compacted image without state for all of XFRM,
	 * RDRAND, EGETKEY twice, then CPUID with leaf a[0] and SYSCALL with number a[1].
	 * Out: a[] as below, ret = number of the step that has failed, 0: none
	 */
	STARTUP_RUN,
	/*
	 * At an exception: what does the enclave want? Out: a[0] = STARTUP_WANTS_*, a[1] =
	 * its RAX, a[2] = its RCX
	 */
	STARTUP_ASK,
	/* The answer: RAX, RBX, RCX, RDX = a[0] to a[3]; ERESUME goes on behind */
	STARTUP_ANSWER,
};

enum startup_wants {
	STARTUP_WANTS_NOTHING,		/* the exception is another one */
	STARTUP_WANTS_CPUID,
	STARTUP_WANTS_SYSCALL,
};

/* a[] after STARTUP_RUN */
enum startup_result {
	STARTUP_XFRM,
	STARTUP_RANDOM,
	STARTUP_KEY,			/* eight bytes of the key */
	STARTUP_CPUID,			/* EBX */
	STARTUP_SYSCALL,		/* RAX */
};

/* ret after STARTUP_RUN */
enum startup_step {
	STARTUP_DONE,
	STARTUP_NO_XFRM,
	STARTUP_STATE_LEFT,
	STARTUP_NO_RANDOM,
	STARTUP_NO_KEY,
	STARTUP_OTHER_KEY,		/* the same request, another key */
	STARTUP_SAME_KEY,		/* another request, the same key */
};

#endif /* _TESTS_ENCL_STARTUP_H */
