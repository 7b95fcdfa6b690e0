// SPDX-License-Identifier: GPL-2.0
/*
 * The test enclave; ops.h says what the operations do.
 */
#include "../../lib/softsgx_enclave.h"
#include "thread.h"

#define PAGE_SIZE 4096
#define GPRSGX_SIZE 184
#define EXINFO_SIZE 16
#define SCRATCH_SIZE (4 * PAGE_SIZE)

SOFTSGX_ENCLAVE(.nr_tcs = ENCL_NR_TCS, .nssa = ENCL_NSSA,
		.stack_pages = ENCL_STACK_PAGES, .heap_pages = ENCL_HEAP_PAGES);

/* One entry: where it runs, and what it was asked */
struct entry {
	struct encl_call *call;
	unsigned long cssa;
	unsigned long tcs;
};

static unsigned long slots[ENCL_SLOTS];
static unsigned char scratch[SCRATCH_SIZE] __attribute__((aligned(PAGE_SIZE)));
static const unsigned char rodata_page[PAGE_SIZE]
	__attribute__((aligned(PAGE_SIZE))) = { 0x5a };

void *memcpy(void *dst, const void *src, unsigned long size)
{
	void *d = dst;

	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dst;
}

void *memset(void *dst, int c, unsigned long size)
{
	void *d = dst;

	asm volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(c) : "memory");
	return dst;
}

static struct encl_thread *thread(void)
{
	struct encl_thread *t;

	asm volatile("rdgsbase %0" : "=r"(t));
	return t;
}

/* Exactly one access of 8 bytes, wherever it leads */
static unsigned long load(unsigned long addr)
{
	unsigned long value;

	asm volatile("movq (%1), %0" : "=r"(value) : "r"(addr) : "memory");
	return value;
}

static void store(unsigned long addr, unsigned long value)
{
	asm volatile("movq %0, (%1)" : : "r"(value), "r"(addr) : "memory");
}

static unsigned long pattern(unsigned long seed, unsigned long addr)
{
	return (addr ^ seed) * 0x9e3779b97f4a7c15UL;
}

static void fill(unsigned long start, unsigned long size, unsigned long seed)
{
	unsigned long a;

	for (a = start; a < start + size; a += 8)
		store(a, pattern(seed, a));
}

static unsigned long check(unsigned long start, unsigned long size,
			   unsigned long seed)
{
	unsigned long bad = 0;
	unsigned long a;

	for (a = start; a < start + size; a += 8)
		bad += load(a) != pattern(seed, a);
	return bad;
}

static unsigned long ssa_frame_size(void)
{
	return (unsigned long)softsgx_desc.ssa_frame_pages * PAGE_SIZE;
}

/* EXINFO and GPRSGX at the end of SSA frame a[0] */
static unsigned char *frame(const struct entry *e)
{
	unsigned long n = e->call->a[0];

	if (n == ENCL_LAST_FRAME)
		n = e->cssa - 1;
	return (unsigned char *)(e->tcs + PAGE_SIZE +
				 (n + 1) * ssa_frame_size() - GPRSGX_SIZE -
				 EXINFO_SIZE);
}

static void ssa_get(const struct entry *e)
{
	struct encl_ssa *out = (void *)e->call->a[1];
	unsigned char *p = frame(e);

	memcpy(out, p + EXINFO_SIZE, GPRSGX_SIZE);
	memcpy(&out->maddr, p, EXINFO_SIZE);
}

static void ssa_set(const struct entry *e)
{
	const struct encl_ssa *in = (void *)e->call->a[1];
	unsigned char *p = frame(e);

	memcpy(p + EXINFO_SIZE, in, GPRSGX_SIZE);
	memcpy(p, &in->maddr, EXINFO_SIZE);
}

static unsigned long set_rip(const struct entry *e, unsigned long rip)
{
	struct encl_ssa *ssa = (void *)(frame(e) + EXINFO_SIZE);
	unsigned long old = ssa->rip;

	ssa->rip = rip;
	return old;
}

static unsigned long add_rip(const struct entry *e)
{
	struct encl_ssa *ssa = (void *)(frame(e) + EXINFO_SIZE);

	return set_rip(e, ssa->rip + e->call->a[1]);
}

static unsigned long skip(const struct entry *e)
{
	return set_rip(e, thread()->next_rip);
}

static void regs_run(struct encl_call *call)
{
	struct encl_thread *t = thread();

	memcpy(&t->regs, &call->regs, sizeof(t->regs));
	encl_regs_run(call->a[0]);
	memcpy(&call->regs, &t->regs, sizeof(t->regs));
}

static void exit_regs(struct encl_call *call)
{
	struct encl_thread *t = thread();

	memcpy(&t->regs, &call->regs, sizeof(t->regs));
	call->status = ENCL_DONE;
	encl_exit_regs(call->a[0]);
}

static void entry_regs(struct encl_call *call)
{
	const struct encl_thread *t = thread();

	memcpy(call->regs.gpr, t->entry, sizeof(call->regs.gpr));
	call->regs.flags = t->entry[16];
}

/* Through a copy: a test may want the host's memory to be unreachable. */
static void do_enclu(struct encl_call *call)
{
	struct encl_regs regs;

	memcpy(&regs, &call->regs, sizeof(regs));
	encl_enclu(&regs);
	memcpy(&call->regs, &regs, sizeof(regs));
}

static void bases(struct encl_call *call)
{
	asm volatile("rdfsbase %0" : "=r"(call->ret));
	asm volatile("rdgsbase %0" : "=r"(call->a[0]));
}

static unsigned long set_fsbase(unsigned long base, unsigned long fault)
{
	unsigned long ret;

	asm volatile("wrfsbase %0" : : "r"(base));
	if (fault)
		encl_fault_run(ENCL_UD2);
	asm volatile("rdfsbase %0" : "=r"(ret));
	return ret;
}

static unsigned long loop(unsigned long n)
{
	unsigned long x = 1;

	while (n--) {
		x = x * 6364136223846793005UL + 1442695040888963407UL;
		asm volatile("" : "+r"(x));
	}
	return x;
}

static unsigned long wait(unsigned long go, unsigned long ready)
{
	unsigned long rounds = 0;

	store(ready, 1);
	while (!load(go)) {
		asm volatile("pause");
		rounds++;
	}
	return rounds;
}

static void use_stack(unsigned long size)
{
	unsigned char here[PAGE_SIZE];

	asm volatile("movb $1, %0" : "=m"(here[0]));
	if (size > PAGE_SIZE)
		use_stack(size - PAGE_SIZE);
	asm volatile("movb $2, %0" : "=m"(here[0])); /* no tail call */
}

static unsigned long jump(unsigned long addr)
{
	unsigned long (*fn)(void) = (void *)addr;

	return fn();
}

static int get_random(unsigned long *out)
{
	unsigned char ok;

	asm volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
	return ok ? ENCL_DONE : ENCL_UNKNOWN;
}

static void info(const struct entry *e)
{
	unsigned long base = (unsigned long)__encl_base;
	unsigned long heap = softsgx_desc.heap_offset;
	struct encl_info i = {
		.base = base,
		.size = softsgx_desc.size,
		.tcs = e->tcs,
		.cssa = e->cssa,
		.nssa = softsgx_desc.nssa,
		.ssa = e->tcs + PAGE_SIZE,
		.ssa_frame_size = ssa_frame_size(),
		.heap = heap ? base + heap : 0,
		.heap_size = softsgx_desc.heap_pages * PAGE_SIZE,
		.code = base,
		.ret_insn = (unsigned long)encl_ret,
		.rodata = (unsigned long)rodata_page,
		.scratch = (unsigned long)scratch,
		.scratch_size = sizeof(scratch),
	};

	memcpy((void *)e->call->a[0], &i, sizeof(i));
}

static int data_op(unsigned long op, struct encl_call *call)
{
	unsigned long *a = call->a;
	unsigned long *slot = &slots[a[1] % ENCL_SLOTS];

	switch (op) {
	case ENCL_PUT:
		*slot = a[0];
		return ENCL_DONE;
	case ENCL_GET:
		call->ret = *slot;
		return ENCL_DONE;
	case ENCL_ADD:
		call->ret = __atomic_add_fetch(slot, a[0], __ATOMIC_SEQ_CST);
		return ENCL_DONE;
	case ENCL_READ:
		call->ret = load(a[0]);
		return ENCL_DONE;
	case ENCL_WRITE:
		store(a[0], a[1]);
		return ENCL_DONE;
	case ENCL_COPY:
		memcpy((void *)a[0], (void *)a[1], a[2]);
		return ENCL_DONE;
	case ENCL_SET:
		memset((void *)a[0], a[1], a[2]);
		return ENCL_DONE;
	case ENCL_FILL:
		fill(a[0], a[1], a[2]);
		return ENCL_DONE;
	case ENCL_CHECK:
		call->ret = check(a[0], a[1], a[2]);
		return ENCL_DONE;
	default:
		return ENCL_UNKNOWN;
	}
}

static int exec_op(unsigned long op, struct encl_call *call)
{
	unsigned long *a = call->a;

	switch (op) {
	case ENCL_FAULT:
		if (a[0] >= ENCL_NR_FAULTS)
			return ENCL_UNKNOWN;
		call->ret = encl_fault_run(a[0]);
		return ENCL_DONE;
	case ENCL_ENCLU:
		do_enclu(call);
		return ENCL_DONE;
	case ENCL_JUMP:
		call->ret = jump(a[0]);
		return ENCL_DONE;
	case ENCL_REGS:
		regs_run(call);
		return ENCL_DONE;
	case ENCL_EXIT_REGS:
		exit_regs(call);
		return ENCL_DONE;
	case ENCL_ENTRY_REGS:
		entry_regs(call);
		return ENCL_DONE;
	default:
		return ENCL_UNKNOWN;
	}
}

static int ssa_op(unsigned long op, const struct entry *e)
{
	switch (op) {
	case ENCL_SSA_GET:
		ssa_get(e);
		return ENCL_DONE;
	case ENCL_SSA_SET:
		ssa_set(e);
		return ENCL_DONE;
	case ENCL_SSA_ADD_RIP:
		e->call->ret = add_rip(e);
		return ENCL_DONE;
	case ENCL_SSA_SKIP:
		e->call->ret = skip(e);
		return ENCL_DONE;
	case ENCL_INFO:
		info(e);
		return ENCL_DONE;
	default:
		return ENCL_UNKNOWN;
	}
}

static int misc_op(unsigned long op, struct encl_call *call)
{
	unsigned long *a = call->a;

	switch (op) {
	case ENCL_BASES:
		bases(call);
		return ENCL_DONE;
	case ENCL_WRFSBASE:
		call->ret = set_fsbase(a[0], a[1]);
		return ENCL_DONE;
	case ENCL_LOOP:
		call->ret = loop(a[0]);
		return ENCL_DONE;
	case ENCL_WAIT:
		call->ret = wait(a[0], a[1]);
		return ENCL_DONE;
	case ENCL_STACK:
		use_stack(a[0]);
		return ENCL_DONE;
	case ENCL_RDRAND:
		return get_random(&call->ret);
	default:
		return ENCL_UNKNOWN;
	}
}

void encl_main(unsigned long op, struct encl_call *call, unsigned long cssa,
	       unsigned long tcs)
{
	struct entry e = { .call = call, .cssa = cssa, .tcs = tcs };
	unsigned long status;

	if (op == ENCL_NOP || !call)
		return;
	status = data_op(op, call);
	if (status == ENCL_UNKNOWN)
		status = exec_op(op, call);
	if (status == ENCL_UNKNOWN)
		status = ssa_op(op, &e);
	if (status == ENCL_UNKNOWN)
		status = misc_op(op, call);
	if (status == ENCL_UNKNOWN)
		status = encl_dynamic_op(op, call);
	call->status = status;
}
