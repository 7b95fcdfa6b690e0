/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the manual's rules say about one page of an enclave that may change after EINIT,
 * written down without a look at the core. A thread is inside all the time, by
 * another TCS.
 */
#ifndef _TESTS_UNIT_DYNAMIC_REF_H
#define _TESTS_UNIT_DYNAMIC_REF_H

#include "rig.h"

/*
 * @cycles: ETRACKs since the page was changed or blocked, no more than 2
 * @awaited: the thread has been inside since before the last ETRACK
 * @good: what is in the page would do for a TCS, otherwise it is zero
 */
struct dref {
	bool in;
	u8 type;
	u8 perm;
	bool pending;
	bool modified;
	bool pr;
	bool blocked;
	u8 cycles;
	bool awaited;
	bool good;
};

enum dref_op {
	DREF_EAUG,
	DREF_EMODPR,		/* rights that stay */
	DREF_EMODT,		/* type */
	DREF_EACCEPT,		/* SECINFO.FLAGS */
	DREF_EACCEPTCOPY,	/* rights */
	DREF_EMODPE,		/* rights to add */
	DREF_EBLOCK,
	DREF_ETRACK,
	DREF_INTERRUPT,		/* of the thread */
	DREF_EWB_ELDU,
	DREF_EWB_ELDB,
	DREF_EREMOVE,
	DREF_EDBGRD,
	DREF_EENTER,		/* by the page, and EEXIT */
	DREF_OPS,
};

struct dref_answer {
	enum sgxcore_kind kind;
	u32 code;
	bool cf;
};

/* May write only what may be read */
bool dref_sane(u8 perm);
/* Does the step if it is possible */
struct dref_answer dref_step(struct dref *p, enum dref_op op, u64 arg);

#endif /* _TESTS_UNIT_DYNAMIC_REF_H */
