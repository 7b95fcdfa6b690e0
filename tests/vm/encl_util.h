/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test enclave in a program: loading, calling, catching what comes out of
 * it, counting EPC pages. For tests of the processor as programs see it.
 */
#ifndef _TESTS_VM_ENCL_UTIL_H
#define _TESTS_VM_ENCL_UTIL_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <ucontext.h>

#include "../../lib/softsgx.h"
#include "../encl/ops.h"

/* Vectors */
#define V_DE	0
#define V_DB	1
#define V_BP	3
#define V_UD	6
#define V_GP	13
#define V_PF	14
#define V_MF	16
#define V_AC	17
#define V_XM	19

#define EXITINFO(vector)	(SGX_EXITINFO_VALID | SGX_EXITINFO_TYPE_HW | (vector))
#define EXITINFO_BP		(SGX_EXITINFO_VALID | SGX_EXITINFO_TYPE_SW | V_BP)

/* For what threads, signal handlers and enclaves share */
#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

/* Address of an assembly label of the same file */
#define ADDRESS_OF(label) ({ \
	const char *p_; \
	\
	asm("lea	" #label "(%%rip), %0" : "=r"(p_)); \
	p_; \
})

#define FLAG_CF	0x1UL
#define FLAG_PF	0x4UL
#define FLAG_AF	0x10UL
#define FLAG_ZF	0x40UL
#define FLAG_SF	0x80UL
#define FLAG_TF	0x100UL
#define FLAG_IF	0x200UL
#define FLAG_DF	0x400UL
#define FLAG_OF	0x800UL
#define FLAG_RF	0x10000UL
#define FLAG_AC	0x40000UL
#define FLAG_ID	0x200000UL
#define FLAG_ONE 0x2UL

/**
 * struct encl - the test enclave, loaded
 * @image, @sig: what was loaded
 * @e: where
 * @tcs: linear addresses of its TCSs
 * @nr_tcs: their number
 * @info: what ENCL_INFO said on the first TCS
 * @blob_offset: offset of the extra code page, 0 if there is none
 * @blob, @blob_data: its linear address, and that of the read-write page behind it
 */
struct encl {
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct softsgx_enclave e;
	u64 tcs[ENCL_NR_TCS];
	unsigned int nr_tcs;
	struct encl_info info;
	u64 blob_offset;
	u64 blob;
	u64 blob_data;
};

/**
 * struct encl_spec - which enclave to load
 * @file: path as for encl_path(); NULL: the test enclave
 * @options: layout and SECS fields
 * @blob, @blob_size: code for an extra page with R and X, or NULL
 */
struct encl_spec {
	const char *file;
	struct softsgx_options options;
	const void *blob;
	size_t blob_size;
};

/* Die with a message if it cannot be loaded: nothing else makes sense then. */
void encl_load(struct encl *encl, const struct encl_spec *spec);
void encl_unload(struct encl *encl);
/*
 * The steps of encl_load(): make the image, sign it, load it. For tests that change
 * the image or load it more than once; encl_start() returns 0 or an error of
 * softsgx_enclave_load().
 */
void encl_build(struct encl *encl, const struct encl_spec *spec);
void encl_sign(struct encl *encl);
int encl_start(struct encl *encl);
/* Path of a file, given relative to the build directory */
void encl_path(char *path, size_t size, const char *name);

/* Linear address of frame @frame of TCS @n, and of its GPRSGX */
u64 encl_frame(const struct encl *encl, unsigned int n, unsigned int frame);
u64 encl_gprsgx(const struct encl *encl, unsigned int n, unsigned int frame);

/**
 * encl_enter() - EENTER or ERESUME TCS @n through the vDSO
 * @encl: enclave
 * @n: TCS
 * @function: SGX_EENTER or SGX_ERESUME
 * @op: EENTER: ENCL_*
 * @call: of the operation; EENTER resets its status
 * @run: out
 *
 * An enclave leaves with the stack pointer of the EENTER, whatever it was at the
 * ERESUME. So all calls of a thread start at the same place: on a stack of their
 * own, one for each level of calls in handlers in calls.
 *
 * Return: 0 if there was an EEXIT and call->status is ENCL_DONE, -1 otherwise.
 */
int encl_enter(const struct encl *encl, unsigned int n, unsigned int function,
	       unsigned long op, struct encl_call *call, struct sgx_enclave_run *run);

/* After a jump out of all handlers */
void encl_unwind(void);

#define encl_run(encl, n, op, call, run) \
	encl_enter(encl, n, SGX_EENTER, op, call, run)
#define encl_resume(encl, n, call, run) \
	encl_enter(encl, n, SGX_ERESUME, 0, call, run)

/* The same for operations that must not fail: dies if they do. */
unsigned long encl_do(const struct encl *encl, unsigned int n, unsigned long op,
		      unsigned long a0, unsigned long a1, unsigned long a2);
/* Memory of the enclave, as its code sees it, on TCS @n. */
void encl_get(const struct encl *encl, unsigned int n, void *dst, u64 src, size_t len);
void encl_put(const struct encl *encl, unsigned int n, u64 dst, const void *src, size_t len);
/* The newest SSA frame of TCS @n, through that TCS */
void encl_ssa(const struct encl *encl, unsigned int n, struct encl_ssa *ssa);

/* Registers for a raw entry with an operation; RSP and RBP as they come. */
void encl_raw_args(struct softsgx_raw *raw, unsigned long op, struct encl_call *call);
/* Raw EENTER, asynchronous exits resumed. Return: as encl_run() */
int encl_raw(const struct encl *encl, unsigned int n, struct softsgx_raw *raw,
	     unsigned long op, struct encl_call *call);

/**
 * struct encl_caught - the last signal that encl_catch() has seen
 * @n: how many there were
 * @info, @uc: of the last one
 * @fx: FXSAVE image in its frame
 * @stack: an address on the stack the handler ran on
 * @hook: called by the handler if it is set
 * @bail: the handler lets softsgx_raw_run() return, else it just returns
 */
struct encl_caught {
	int n;
	siginfo_t info;
	ucontext_t uc;
	u8 fx[512];
	u64 stack;
	void (*hook)(int sig, siginfo_t *info, ucontext_t *uc);
	bool bail;
};

extern struct encl_caught encl_caught;

/* With SA_NODEFER, other signals are not held up either. */
void encl_catch(int sig, int flags);
/* For all signals that exceptions turn into */
void encl_catch_faults(int flags);

/* Random bytes, the same in every run */
void encl_random(u64 *seed, void *p, size_t size);
u64 encl_random64(u64 *seed);
/* General registers, flags, control words and vectors; RSP and RCX left alone */
void encl_random_regs(u64 *seed, struct encl_regs *regs);

/*
 * Does the CPU below raise this exception at all? Only for ENCL_ALIGN, ENCL_SSE
 * and ENCL_INT1, which emulators leave out.
 */
bool encl_cpu_raises(unsigned int fault);

/* Free EPC pages, or -1 if the driver does not tell */
long encl_epc_free(void);
/* Does the EPC come back to what it was when the program started? */
bool encl_epc_is_back(void);

/*
 * The last test of a program. The harness executes tests without a fixture first, where
 * this could not fail, and fixtures in the order in which they stand.
 */
#define ENCL_EPC_IS_BACK \
	FIXTURE(epc) { }; \
	FIXTURE_SETUP(epc) { } \
	FIXTURE_TEARDOWN(epc) { } \
	TEST_F(epc, is_back) \
	{ \
		EXPECT_EQ(true, encl_epc_is_back()); \
	}

/**
 * struct encl_visitor - a thread inside, in ENCL_WAIT
 * @tid: of the thread
 * @go: set to let the operation end
 * @ready: it is inside
 * @out: it is outside again; only then @ret, @run, @call are of use
 * @resume, @end: what to do after an exception
 * @ret, @run, @call: of encl_enter()
 */
struct encl_visitor {
	const struct encl *encl;
	unsigned int n;
	pthread_t thread;
	bool joined;
	pid_t tid;
	unsigned long go;
	unsigned long ready;
	bool out;
	bool resume;
	bool end;
	int ret;
	struct sgx_enclave_run run;
	struct encl_call call;
};

/* Returns when the thread is inside. */
void encl_visit(struct encl_visitor *v, const struct encl *encl, unsigned int n);
/* Returns when an exception has brought it out. */
void encl_visit_wait(struct encl_visitor *v);
/* Let it execute ERESUME, then EEXIT. */
void encl_visit_resume(struct encl_visitor *v);
/* Let it out, whatever it is doing, and end the thread. */
void encl_visit_end(struct encl_visitor *v);

void sleep_ms(unsigned int ms);
/* Monotonic time in nanoseconds */
u64 now_ns(void);
/* Print and exit(1) */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif /* _TESTS_VM_ENCL_UTIL_H */
