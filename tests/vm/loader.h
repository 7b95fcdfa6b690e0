/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loaders as other projects write them, for the test enclave: what they have in common,
 * and what each of them must survive. The library builds and signs the image; opening,
 * mapping, adding, initialising and entering are the loader's own.
 */
#ifndef _TESTS_VM_LOADER_H
#define _TESTS_VM_LOADER_H

#include "encl_util.h"

#define LOADER_TCS	8
#define ENCLU		".byte 0x0f, 0x01, 0xd7\n"

struct loader;

/**
 * struct loader_style - a kind of loader
 * @spec: which enclave
 * @load: from open() to an enclave that can be entered; 0 or an errno value, negative
 * @thread: called at the start of each thread that enters, or NULL
 * @enter: EENTER TCS @n, until EEXIT; 0, or -1 for anything else
 * @handlers: install the handlers of signals; all of them with SA_ONSTACK
 * @aep: where signals find RIP, NULL if that is in the vDSO
 * @faults: exceptions are survived: the enclave goes on behind the instruction
 */
struct loader_style {
	struct encl_spec spec;
	int (*load)(struct loader *l);
	void (*thread)(void);
	int (*enter)(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call);
	void (*handlers)(void);
	const char *aep;
	bool faults;
};

/**
 * struct loader - an enclave and its loader
 * @style: of the loader
 * @encl: image and SIGSTRUCT; nothing else of it is used
 * @fd: the device file, -1 if not open
 * @base, @size: ELRANGE
 * @tcs: linear addresses
 */
struct loader {
	const struct loader_style *style;
	struct encl encl;
	int fd;
	u64 base;
	u64 size;
	u64 tcs[LOADER_TCS];
};

/* The one that signal handlers look at */
extern struct loader *loader_now;

/* ------------------------------------------------------------- parts of loaders */

/* Image and SIGSTRUCT. Offsets are moved by @window, for enclaves with a low base. */
void loader_build(struct loader *l, const struct loader_style *style, u64 window, u64 size);
/* Style's load(), handlers, stack for signals. 0 or an errno value, negative */
int loader_load(struct loader *l);
void loader_unload(struct loader *l);

/* All of these: 0 or an errno value, negative */
int loader_create(struct loader *l);
/* In calls of at most @chunk bytes; goes on after EINTR and short counts */
int loader_add(struct loader *l, u64 chunk);
int loader_init(struct loader *l);
/* A mapping of the file for each segment; or mprotect() of what is mapped */
int loader_map(struct loader *l, bool protect);
/* PROT_NONE, twice the size, trimmed to alignment; sets base and size */
int loader_reserve(struct loader *l);

/* __vdso_sgx_enter_enclave, found in the section headers */
void *loader_vdso(void);
/* Enters through it. @handler is the vDSO's callback, or NULL */
int loader_vdso_enter(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call,
		      void *handler);

/* What a runtime does after an exception: enter again, look at it, skip the instruction. */
void loader_repair(struct loader *l, u64 tcs, unsigned int vector);

/* Handler for signals with information, on the stack for signals */
void loader_catch(int sig, void (*fn)(int sig, siginfo_t *info, void *uc));
/* To be called at the start of each thread */
void loader_thread(const struct loader *l);
/* Does this address of a local variable lie on the thread's stack for signals? */
bool loader_on_signal_stack(const void *p);
unsigned int loader_tcs_number(const struct loader *l, u64 tcs);
int loader_do(struct loader *l, unsigned int n, unsigned long op, u64 a0, u64 a1, u64 a2,
	      u64 *ret);

/* What went wrong in handlers, where nothing can be asserted */
extern int loader_errors;
void loader_error(const char *what);

/* ------------------------------------------- what each of them must survive: 0 or not */

int loader_check_threads(struct loader *l);
int loader_check_storm(struct loader *l);
int loader_check_step(struct loader *l);
/* These load an enclave of their own, in a process of its own. */
int loader_check_exit(struct loader *l);
int loader_check_exec(struct loader *l);
int loader_check_seccomp(struct loader *l);
int loader_check_user(struct loader *l);

#define LOADER_TEST(fixture, name) \
	TEST_F_TIMEOUT(fixture, name, 120) \
	{ \
		EXPECT_EQ(0, loader_check_##name(&self->l)); \
		EXPECT_EQ(0, LOAD(loader_errors)); \
	}

#define LOADER_TESTS(fixture) \
	LOADER_TEST(fixture, threads) \
	LOADER_TEST(fixture, storm) \
	LOADER_TEST(fixture, step) \
	LOADER_TEST(fixture, exit) \
	LOADER_TEST(fixture, exec) \
	LOADER_TEST(fixture, seccomp) \
	LOADER_TEST(fixture, user)

#endif /* _TESTS_VM_LOADER_H */
