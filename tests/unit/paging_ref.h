/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the manual's rules of paging say about a tiny enclave, written down without a
 * look at the core: sets of threads instead of epochs and counters, eviction numbers
 * instead of ciphers.
 */
#ifndef _TESTS_UNIT_PAGING_REF_H
#define _TESTS_UNIT_PAGING_REF_H

#include <stdbool.h>

/* Thread 0 enters by T0, thread 1 by T1, and both have their frame in S. */
enum ref_page { REF_SECS, REF_T0, REF_T1, REF_S, REF_PAGES };

#define REF_THREADS	2

enum ref_op {
	REF_EENTER,		/* thread */
	REF_EEXIT,		/* thread */
	REF_INTERRUPT,		/* thread */
	REF_DROP,		/* thread: its task is gone */
	REF_ETRACK,
	REF_EBLOCK,		/* page */
	REF_EWB,		/* page, to the slot of its own */
	REF_EWB_T0,		/* page, to the slot of T0 */
	REF_ELDU,		/* page, from its own slot */
	REF_ELDU_T0,		/* page, from the slot of T0 */
	REF_ELDB,		/* page, from its own slot */
	REF_EREMOVE,		/* page */
	REF_OPS,
};

enum ref_where { REF_GONE, REF_OUT, REF_IN };

/* A page. @cycles: ETRACKs since it was blocked, no more than 2 */
struct ref_one {
	enum ref_where where;
	bool blocked;
	int cycles;
	unsigned int eviction;	/* number of its last one */
	bool busy;		/* T0, T1 */
};

struct ref_thread {
	bool inside;
	bool counted;		/* its SECS has been in the EPC ever since */
	bool awaited;		/* inside since before the last ETRACK */
	bool tcs_same;		/* its TCS has been in the EPC since it came in */
};

struct ref {
	struct ref_one page[REF_PAGES];
	struct ref_thread thread[REF_THREADS];
	unsigned int slot[REF_PAGES];	/* an eviction, 0 for none */
	unsigned int evictions;
};

enum ref_kind { REF_OK, REF_STATUS, REF_GP, REF_PF, REF_DISABLED };

struct ref_answer {
	enum ref_kind kind;
	unsigned int code;
	bool cf;
};

void ref_init(struct ref *r);
/* Does the step if it is possible */
struct ref_answer ref_step(struct ref *r, enum ref_op op, unsigned int arg);
int ref_children(const struct ref *r);
bool ref_loadable(const struct ref *r, enum ref_page page, unsigned int eviction,
		  enum ref_page slot);

#endif /* _TESTS_UNIT_PAGING_REF_H */
