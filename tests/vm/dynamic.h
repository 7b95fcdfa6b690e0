/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of changes after INIT share: the test enclave with room behind its
 * image, the commands, and operations of the enclave with whatever comes of them.
 *
 * To be included before kselftest_harness.h.
 */
#ifndef _TESTS_VM_DYNAMIC_H
#define _TESTS_VM_DYNAMIC_H

#include "../../include/softsgx/ioctl.h"
#include "encl_util.h"
#include "paging.h"

#define NR_ROOM		512	/* pages, all of them holes */
#define BATCH_MAX	64	/* pages that a command handles in one go */
#define PARAMETERS	"/sys/module/softsgx/parameters/"

/* SECINFO.FLAGS for EACCEPT of a page that ... */
#define IS_NEW		(SGX_SECINFO_REG | SGX_SECINFO_PENDING | SGX_SECINFO_R | SGX_SECINFO_W)
#define IS_CUT(prot)	(SGX_SECINFO_REG | SGX_SECINFO_PR | (prot))
#define IS_TCS		(SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED)
#define IS_TRIM		(SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED)

/* What comes of an operation: RAX, or an exception */
#define BAD(vector, error)	(0x80000000U | (vector) << 16 | (error))
#define PF(error)	BAD(V_PF, error)
#define NO_READ		PF(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX)
#define NO_WRITE	PF(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX | SGX_PFEC_W)
#define NO_EXEC		PF(SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX | SGX_PFEC_I)
/* The driver has no page for it. */
#define SIGBUS_READ	PF(SGX_PFEC_U)
#define SIGBUS_WRITE	PF(SGX_PFEC_U | SGX_PFEC_W)

/**
 * struct dyn - the test enclave with room
 * @start: the EPC before
 * @encl: the enclave
 * @room: linear address of NR_ROOM pages behind the image, mapped RWX
 */
struct dyn {
	struct vt_epc start;
	struct encl encl;
	u64 room;
};

static inline u64 dyn_at(const struct dyn *d, unsigned int page)
{
	return d->room + page * PAGE;
}

static inline u64 dyn_offset(const struct dyn *d, unsigned int page)
{
	return dyn_at(d, page) - d->encl.e.base;
}

/* How many pages one fault may add */
static inline int dyn_batch(unsigned int pages)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", pages);
	return write_file(PARAMETERS "augment_batch", text, strlen(text));
}

static inline int dyn_map(const struct dyn *d, unsigned int page, unsigned int nr, int prot)
{
	return mmap((void *)dyn_at(d, page), nr * PAGE, prot, MAP_SHARED | MAP_FIXED,
		    d->encl.e.fd, 0) == MAP_FAILED ? -errno : 0;
}

static inline int dyn_load_spec(struct dyn *d, const struct encl_spec *spec)
{
	const struct softsgx_segment *last;
	int ret = paging_calm();

	if (!ret)
		ret = dyn_batch(1);
	if (!ret)
		ret = vt_epc_read(&d->start);
	if (ret)
		return ret;
	encl_build(&d->encl, spec);
	last = &d->encl.image.segs[d->encl.image.nr_segs - 1];
	while (last->offset + last->size + NR_ROOM * PAGE > d->encl.image.size)
		d->encl.image.size *= 2;
	encl_sign(&d->encl);
	ret = encl_start(&d->encl);
	if (ret)
		return ret;
	d->room = d->encl.e.base + last->offset + last->size;
	encl_do(&d->encl, 0, ENCL_INFO, (uintptr_t)&d->encl.info, 0, 0);
	return dyn_map(d, 0, NR_ROOM, PROT_RWX);
}

static inline int dyn_load(struct dyn *d)
{
	const struct encl_spec spec = { .options.heap_pages = 1 };

	return dyn_load_spec(d, &spec);
}

static inline int dyn_unload(struct dyn *d)
{
	int ret;

	encl_unload(&d->encl);
	ret = paging_calm();
	if (!ret)
		ret = dyn_batch(BATCH_MAX);
	return ret ? ret : vt_epc_settle(&d->start);
}

/* ---------------------------------------------------------------- operations */

/**
 * struct dyn_op - an operation of the enclave at work
 * @n: on which TCS
 * @call, @run: of encl_enter()
 */
struct dyn_op {
	unsigned int n;
	struct encl_call call;
	struct sgx_enclave_run run;
};

static inline u32 dyn_outcome(const struct dyn_op *op)
{
	if (op->run.function == SGX_EEXIT)
		return op->call.status == ENCL_DONE ? op->call.ret : ~0U;
	return BAD(op->run.exception_vector, op->run.exception_error_code);
}

static inline u32 dyn_begin(const struct dyn *d, struct dyn_op *op, unsigned int n,
			    unsigned long what, u64 a0, u64 a1, u64 a2)
{
	*op = (struct dyn_op){ .n = n, .call.a = { a0, a1, a2 } };
	encl_run(&d->encl, n, what, &op->call, &op->run);
	return dyn_outcome(op);
}

static inline u32 dyn_resume(const struct dyn *d, struct dyn_op *op)
{
	encl_resume(&d->encl, op->n, &op->call, &op->run);
	return dyn_outcome(op);
}

/* Go on behind what has raised the exception. */
static inline void dyn_skip(const struct dyn *d, struct dyn_op *op)
{
	u32 out = dyn_outcome(op);

	if (!(out & BAD(0, 0)) || op->run.function != SGX_ERESUME)
		return;
	encl_do(&d->encl, op->n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	out = dyn_resume(d, op);
	if (op->run.function != SGX_EEXIT)
		die("operation cannot be ended: %#x at %#llx", out, op->run.exception_addr);
}

/*
 * The operation from beginning to end. The address of an exception has to be that of a1
 * or a2, or it is ~0.
 */
static inline u32 dyn_do(const struct dyn *d, unsigned int n, unsigned long what, u64 a0, u64 a1,
			 u64 a2)
{
	struct dyn_op op;
	u32 out = dyn_begin(d, &op, n, what, a0, a1, a2);

	if (!(out & BAD(0, 0)))
		return out;
	if (op.run.exception_vector == V_PF && op.run.exception_addr != (a1 & ~(PAGE - 1)) &&
	    op.run.exception_addr != a2) {
		fprintf(stderr, "# #PF %#x at offset %#llx\n", out,
			op.run.exception_addr - d->encl.e.base);
		out = ~0U;
	}
	dyn_skip(d, &op);
	return out;
}

static inline u32 dyn_accept(const struct dyn *d, u64 flags, unsigned int page)
{
	return dyn_do(d, 0, ENCL_ACCEPT, flags, dyn_at(d, page), 0);
}

static inline u32 dyn_extend(const struct dyn *d, u64 prot, unsigned int page)
{
	return dyn_do(d, 0, ENCL_EXTEND, SGX_SECINFO_REG | prot, dyn_at(d, page), 0);
}

static inline u32 dyn_copy(const struct dyn *d, u64 prot, unsigned int page, unsigned int source)
{
	return dyn_do(d, 0, ENCL_ACCEPT_COPY, SGX_SECINFO_REG | prot, dyn_at(d, page),
		      dyn_at(d, source));
}

static inline u32 dyn_read(const struct dyn *d, unsigned int page)
{
	return dyn_do(d, 0, ENCL_ACCESS_READ, 0, dyn_at(d, page), 0);
}

static inline u32 dyn_write(const struct dyn *d, unsigned int page, u64 value)
{
	return dyn_do(d, 0, ENCL_ACCESS_WRITE, 0, dyn_at(d, page), value);
}

static inline u32 dyn_exec(const struct dyn *d, unsigned int page)
{
	return dyn_do(d, 0, ENCL_ACCESS_EXEC, 0, dyn_at(d, page), 0);
}

/* How many pages have been accepted */
static inline unsigned int dyn_accept_range(const struct dyn *d, u64 flags, unsigned int page,
					    unsigned int nr)
{
	return dyn_do(d, 0, ENCL_ACCEPT_RANGE, flags, dyn_at(d, page), nr * PAGE);
}

/* Does a page hold zeroes only? */
static inline bool dyn_is_zero(const struct dyn *d, unsigned int page)
{
	static const u8 zeroes[SGX_PAGE_SIZE];
	u8 data[SGX_PAGE_SIZE];

	encl_get(&d->encl, 0, data, dyn_at(d, page), sizeof(data));
	return !memcmp(data, zeroes, sizeof(data));
}

/* ------------------------------------------------------------------ commands */

/* What a command answers; all fields of it */
struct dyn_res {
	int ret;
	u64 result;
	u64 count;
};

static inline struct dyn_res dyn_ioc_restrict(int fd, u64 offset, u64 length, u64 prot)
{
	struct sgx_enclave_restrict_permissions arg = {
		.offset = offset, .length = length, .permissions = prot,
	};
	int ret = vt_ioctl(fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &arg);

	return (struct dyn_res){ ret, arg.result, arg.count };
}

static inline struct dyn_res dyn_ioc_modify(int fd, u64 offset, u64 length, u64 type)
{
	struct sgx_enclave_modify_types arg = {
		.offset = offset, .length = length, .page_type = type,
	};
	int ret = vt_ioctl(fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &arg);

	return (struct dyn_res){ ret, arg.result, arg.count };
}

static inline struct dyn_res dyn_ioc_remove(int fd, u64 offset, u64 length)
{
	struct sgx_enclave_remove_pages arg = { .offset = offset, .length = length };
	int ret = vt_ioctl(fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &arg);

	return (struct dyn_res){ ret, 0, arg.count };
}

static inline struct dyn_res dyn_ioc_augment(int fd, u64 offset, u64 length, u64 mode)
{
	struct softsgx_enclave_augment arg = { .offset = offset, .length = length, .mode = mode };
	int ret = vt_ioctl(fd, SOFTSGX_IOC_ENCLAVE_AUGMENT, &arg);

	return (struct dyn_res){ ret, 0, arg.count };
}

static inline struct dyn_res dyn_restrict(const struct dyn *d, unsigned int page, unsigned int nr,
					  u64 prot)
{
	return dyn_ioc_restrict(d->encl.e.fd, dyn_offset(d, page), nr * PAGE, prot);
}

static inline struct dyn_res dyn_modify(const struct dyn *d, unsigned int page, unsigned int nr,
					u64 type)
{
	return dyn_ioc_modify(d->encl.e.fd, dyn_offset(d, page), nr * PAGE, type);
}

static inline struct dyn_res dyn_remove(const struct dyn *d, unsigned int page, unsigned int nr)
{
	return dyn_ioc_remove(d->encl.e.fd, dyn_offset(d, page), nr * PAGE);
}

static inline struct dyn_res dyn_augment(const struct dyn *d, unsigned int page, unsigned int nr,
					 u64 mode)
{
	return dyn_ioc_augment(d->encl.e.fd, dyn_offset(d, page), nr * PAGE, mode);
}

/* The command did all of it, or, with all three, exactly so much. */
#define EXPECT_ANSWER(want_ret, want_result, want_count, answer) do {	\
	struct dyn_res res_ = (answer);					\
									\
	EXPECT_EQ(want_ret, res_.ret) TH_LOG(#answer);			\
	EXPECT_EQ(want_result, res_.result) TH_LOG(#answer);		\
	EXPECT_EQ((u64)(want_count), res_.count) TH_LOG(#answer);	\
} while (0)
#define EXPECT_ALL(nr, answer)	EXPECT_ANSWER(0, 0, (nr) * PAGE, answer)

/* ------------------------------------------------------------- usual sequences */

static inline bool dyn_did(struct dyn_res res, unsigned int nr)
{
	return !res.ret && !res.result && res.count == nr * PAGE;
}

/* New pages, accepted. Returns 0 or -1. */
static inline int dyn_add(const struct dyn *d, unsigned int page, unsigned int nr)
{
	return dyn_accept_range(d, IS_NEW, page, nr) == nr ? 0 : -1;
}

static inline int dyn_trim(const struct dyn *d, unsigned int page, unsigned int nr)
{
	return dyn_did(dyn_modify(d, page, nr, SGX_PT_TRIM), nr) &&
	       dyn_accept_range(d, IS_TRIM, page, nr) == nr ? 0 : -1;
}

static inline int dyn_trim_remove(const struct dyn *d, unsigned int page, unsigned int nr)
{
	return !dyn_trim(d, page, nr) && dyn_did(dyn_remove(d, page, nr), nr) ? 0 : -1;
}

/* Where things are around a new TCS: stack for two levels, TCS, frames, FS and GS page */
#define TCS_STACK	4
#define TCS_PAGES	(TCS_STACK + 1 + ENCL_NSSA + 2)

/* What is to become a TCS at @page, as the image has them */
static inline void dyn_fill_tcs(const struct dyn *d, unsigned int page)
{
	struct sgx_tcs tcs = *softsgx_image_tcs(&d->encl.image, 0, NULL);

	tcs.ssa_offset = dyn_offset(d, page + 1);
	tcs.nr_ssa_frames = ENCL_NSSA;
	tcs.fs_offset = dyn_offset(d, page + 1 + ENCL_NSSA);
	tcs.gs_offset = dyn_offset(d, page + 2 + ENCL_NSSA);
	encl_put(&d->encl, 0, dyn_at(d, page), &tcs, sizeof(tcs));
}

/* A new thread: TCS_PAGES pages from @page on, and TCS @n of the enclave. */
static inline int dyn_add_thread(struct dyn *d, unsigned int page, unsigned int n)
{
	unsigned int tcs = page + TCS_STACK;

	if (dyn_add(d, page, TCS_PAGES))
		return -1;
	dyn_fill_tcs(d, tcs);
	if (!dyn_did(dyn_modify(d, tcs, 1, SGX_PT_TCS), 1) || dyn_map(d, tcs, 1, PROT_RW) ||
	    dyn_accept(d, IS_TCS, tcs))
		return -1;
	d->encl.tcs[n] = dyn_at(d, tcs);
	return 0;
}

#endif /* _TESTS_VM_DYNAMIC_H */
