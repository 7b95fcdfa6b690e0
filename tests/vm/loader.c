// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of loaders; loader.h says what they do.
 */
#include <asm/sgx.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader.h"

#define SIGNAL_STACK	65536
#define MAX_ERRORS	1000

struct loader *loader_now;
int loader_errors;

static __thread char *signal_stack;

void loader_error(const char *what)
{
	int n = __atomic_add_fetch(&loader_errors, 1, __ATOMIC_SEQ_CST);

	/* The same exception for ever: it does not get better. */
	if (write(2, what, strlen(what)) < 0 || n > MAX_ERRORS)
		_exit(1);
}

/* Offsets in a TCS are relative to the base, as those of segments. */
static void move(struct encl *encl, u64 window)
{
	struct sgx_tcs *tcs;
	unsigned int i;

	for (i = 0; (tcs = softsgx_image_tcs(&encl->image, i, NULL)); i++) {
		tcs->ssa_offset += window;
		tcs->entry_offset += window;
		tcs->fs_offset += window;
		tcs->gs_offset += window;
	}
	for (i = 0; i < encl->image.nr_segs; i++)
		encl->image.segs[i].offset += window;
}

void loader_build(struct loader *l, const struct loader_style *style, u64 window, u64 size)
{
	*l = (struct loader){ .style = style, .fd = -1 };
	encl_build(&l->encl, &style->spec);
	move(&l->encl, window);
	if (size)
		l->encl.image.size = size;
	l->size = l->encl.image.size;
	encl_sign(&l->encl);
}

int loader_load(struct loader *l)
{
	unsigned int i;
	u64 offset;
	int ret;

	loader_now = l;
	loader_thread(l);
	l->style->handlers();
	ret = l->style->load(l);
	for (i = 0; i < LOADER_TCS && softsgx_image_tcs(&l->encl.image, i, &offset); i++)
		l->tcs[i] = l->base + offset;
	return ret;
}

void loader_unload(struct loader *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->base)
		munmap((void *)l->base, l->size);
}

int loader_create(struct loader *l)
{
	static struct sgx_secs secs __attribute__((aligned(SGX_PAGE_SIZE)));
	struct sgx_enclave_create arg = { .src = (uintptr_t)&secs };

	softsgx_image_secs(&l->encl.image, l->base, &secs);
	return ioctl(l->fd, SGX_IOC_ENCLAVE_CREATE, &arg) ? -errno : 0;
}

static int add_segment(struct loader *l, const struct softsgx_segment *seg, u64 chunk)
{
	struct sgx_secinfo secinfo = { .flags = seg->flags };
	u64 done = 0;

	while (done < seg->size) {
		struct sgx_enclave_add_pages arg = {
			.src = (uintptr_t)seg->src + done,
			.offset = seg->offset + done,
			.length = seg->size - done < chunk ? seg->size - done : chunk,
			.secinfo = (uintptr_t)&secinfo,
			.flags = seg->measured ? SGX_PAGE_MEASURE : 0,
		};

		if (ioctl(l->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg) && errno != EINTR)
			return -errno;
		done += arg.count;
	}
	return 0;
}

int loader_add(struct loader *l, u64 chunk)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < l->encl.image.nr_segs && !ret; i++)
		ret = add_segment(l, &l->encl.image.segs[i], chunk);
	return ret;
}

int loader_init(struct loader *l)
{
	struct sgx_enclave_init arg = { .sigstruct = (uintptr_t)&l->encl.sig };
	int ret;

	do {
		ret = ioctl(l->fd, SGX_IOC_ENCLAVE_INIT, &arg);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

static int rights(u64 flags)
{
	if ((flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS)
		return PROT_READ | PROT_WRITE;
	return (flags & SGX_SECINFO_R ? PROT_READ : 0) | (flags & SGX_SECINFO_W ? PROT_WRITE : 0) |
	       (flags & SGX_SECINFO_X ? PROT_EXEC : 0);
}

int loader_map(struct loader *l, bool protect)
{
	unsigned int i;

	for (i = 0; i < l->encl.image.nr_segs; i++) {
		const struct softsgx_segment *seg = &l->encl.image.segs[i];
		void *addr = (void *)(l->base + seg->offset);
		int prot = rights(seg->flags);

		if (protect ? mprotect(addr, seg->size, prot) :
			      mmap(addr, seg->size, prot, MAP_SHARED | MAP_FIXED, l->fd, 0) ==
				      MAP_FAILED)
			return -errno;
	}
	return 0;
}

int loader_reserve(struct loader *l)
{
	char *area = mmap(NULL, 2 * l->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 start = (uintptr_t)area;

	if (area == MAP_FAILED)
		return -errno;
	l->base = (start + l->size - 1) & ~(l->size - 1);
	if (l->base > start)
		munmap(area, l->base - start);
	munmap((void *)(l->base + l->size), start + l->size - l->base);
	return 0;
}

/* ------------------------------------------------------------------------ the vDSO */

void *loader_vdso(void)
{
	const char *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *ehdr = (void *)vdso;
	const Elf64_Shdr *sec = (void *)(vdso + ehdr->e_shoff);
	unsigned int i, j;

	for (i = 0; i < ehdr->e_shnum; i++) {
		const Elf64_Sym *sym = (void *)(vdso + sec[i].sh_offset);
		const char *names = vdso + sec[sec[i].sh_link].sh_offset;

		for (j = 0; sec[i].sh_type == SHT_DYNSYM && j < sec[i].sh_size / sizeof(*sym); j++)
			if (!strcmp(names + sym[j].st_name, "__vdso_sgx_enter_enclave"))
				return (void *)(vdso + sym[j].st_value);
	}
	return NULL;
}

/*
 * The enclave leaves with the stack pointer, the frame pointer and the callee-saved
 * registers of the EENTER. So ERESUME is called from the same place, and the compiler
 * may not keep anything in these registers.
 */
__attribute__((noinline))
int loader_vdso_enter(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call,
		      void *handler)
{
	struct sgx_enclave_run run = { .tcs = l->tcs[n], .user_handler = (uintptr_t)handler,
				       .user_data = (uintptr_t)l };
	static void *fn;
	unsigned long leaf = SGX_EENTER;
	int ret;

	fn = fn ?: loader_vdso();
	for (;;) {
		register void *r10 asm("r10") = &run;
		unsigned long di = op, cx = leaf;
		struct encl_call *si = call;

		asm volatile("lea	-128(%%rsp), %%rsp\n"
			     "push	%%r10\n"
			     "push	%%r10\n"
			     "call	*%%rax\n"
			     "lea	144(%%rsp), %%rsp\n"
			     : "=a"(ret), "+r"(r10), "+D"(di), "+S"(si), "+c"(cx)
			     : "0"(fn)
			     : "rbx", "rdx", "r8", "r9", "r11", "r12", "r13", "r14", "r15",
			       "memory", "cc");
		if (ret || run.function != SGX_ERESUME)
			break;
		loader_repair(l, run.tcs, run.exception_vector);
		leaf = SGX_ERESUME;
	}
	return ret || run.function != SGX_EEXIT ? -1 : 0;
}

/* ------------------------------------------------------------------ after exceptions */

unsigned int loader_tcs_number(const struct loader *l, u64 tcs)
{
	unsigned int n;

	for (n = 0; n < LOADER_TCS && l->tcs[n] != tcs; n++)
		;
	return n;
}

int loader_do(struct loader *l, unsigned int n, unsigned long op, u64 a0, u64 a1, u64 a2, u64 *ret)
{
	struct encl_call call = { .a = { a0, a1, a2 } };

	if (l->style->enter(l, n, op, &call) || call.status != ENCL_DONE)
		return -1;
	if (ret)
		*ret = call.ret;
	return 0;
}

void loader_repair(struct loader *l, u64 tcs, unsigned int vector)
{
	unsigned int n = loader_tcs_number(l, tcs);
	struct encl_ssa ssa = { };

	if (n == LOADER_TCS ||
	    loader_do(l, n, ENCL_SSA_GET, ENCL_LAST_FRAME, (uintptr_t)&ssa, 0, NULL)) {
		loader_error("# the frame cannot be read\n");
		_exit(1);
	}
	if (ssa.exitinfo != EXITINFO(vector))
		loader_error("# EXITINFO is not the exception\n");
	if (loader_do(l, n, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0, NULL))
		loader_error("# the frame cannot be changed\n");
}

/* ------------------------------------------------------------------ signals, threads */

void loader_catch(int sig, void (*fn)(int sig, siginfo_t *info, void *uc))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	/* What exceptions in a handler turn into must get through; timers need not. */
	sigaddset(&sa.sa_mask, SIGALRM);
	if (sigaction(sig, &sa, NULL))
		die("sigaction: %m");
}

void loader_thread(const struct loader *l)
{
	stack_t stack = { .ss_size = SIGNAL_STACK };

	if (!signal_stack)
		signal_stack = malloc(SIGNAL_STACK);
	stack.ss_sp = signal_stack;
	if (!signal_stack || sigaltstack(&stack, NULL))
		die("sigaltstack: %m");
	if (l->style->thread)
		l->style->thread();
}

bool loader_on_signal_stack(const void *p)
{
	return (uintptr_t)p - (uintptr_t)signal_stack < SIGNAL_STACK;
}
