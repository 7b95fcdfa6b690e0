// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs an enclave to grow and to change, all at once against page by page. The
 * modules are loaded.
 *
 *	fault	each page is touched, faults, is added alone and accepted alone
 *	driver	the same, but the driver adds neighbours
 *	touch	besides, the enclave's handler accepts AHEAD pages at once
 *	madvise	MADV_WILLNEED, then the enclave accepts all, then touches
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../vm/encl_util.h"

#define ROUNDS		3
#define AHEAD		16
#define BATCH		"/sys/module/softsgx/parameters/augment_batch"

#define PAGE		SGX_PAGE_SIZE
#define MIB		(1UL << 20)
#define HEAP_OFFSET	(64 * MIB)
#define HEAP_SIZE	(64 * MIB)
#define HEAP_PAGES	(HEAP_SIZE / PAGE)
#define CHANGED		4096UL		/* pages */

/* Pages of the enclave that are there from the beginning */
enum { PG_CODE, PG_TCS, PG_SSA, PG_SECINFO = PG_SSA + 2, PG_TCS_2, PG_SSA_2 };

enum { DO_EXIT, DO_TOUCH, DO_ACCEPT, DO_SPIN };

/*
 * RDI: DO_*; RSI: address; RDX: pages. DO_ACCEPT: R8: SECINFO.FLAGS; R9: where outside
 * the number of pages goes that were not accepted.
 */
asm("	.pushsection .rodata\n"
	"edmm_code:\n"
	"	cmp	$1, %edi\n"
	"	je	2f\n"
	"	cmp	$2, %edi\n"
	"	je	3f\n"
	"	cmp	$3, %edi\n"
	"	je	5f\n"
	"1:	mov	%rcx, %rbx\n"
	"	mov	$4, %eax\n"
	"	.byte	0x0f, 0x01, 0xd7\n"
	"2:	test	%rdx, %rdx\n"
	"	jz	1b\n"
	"	movb	$1, (%rsi)\n"
	"	add	$4096, %rsi\n"
	"	dec	%rdx\n"
	"	jmp	2b\n"
	"3:	mov	%rcx, %r10\n"
	"	add	$3 * 4096, %rbx\n"
	"	mov	%r8, (%rbx)\n"
	"4:	test	%rdx, %rdx\n"
	"	jz	6f\n"
	"	mov	%rsi, %rcx\n"
	"	mov	$5, %eax\n"
	"	.byte	0x0f, 0x01, 0xd7\n"
	"	test	%eax, %eax\n"
	"	jnz	6f\n"
	"	add	$4096, %rsi\n"
	"	dec	%rdx\n"
	"	jmp	4b\n"
	"6:	mov	%rdx, (%r9)\n"
	"	mov	%r10, %rcx\n"
	"	jmp	1b\n"
	"5:	cmpq	$0, (%rsi)\n"
	"	je	5b\n"
	"	jmp	1b\n"
	"edmm_code_end:\n"
	"	.popsection\n");

static_assert(PG_SECINFO - PG_TCS == 3, "the code has it elsewhere");

static struct softsgx_enclave encl;
static struct sgx_enclave_run run;

static void add(struct softsgx_image *image, u64 page, u64 nr, const void *src, u64 flags)
{
	if (softsgx_image_add(image, page * PAGE, nr * PAGE, src, flags, true))
		die("%s", softsgx_last_error());
}

static void load(void)
{
	const u64 rw = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W;
	static u8 code[PAGE];
	struct sgx_tcs tcs = {
		.ssa_offset = PG_SSA * PAGE, .nr_ssa_frames = 2,
		.fs_limit = ~0U, .gs_limit = ~0U,
	};
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct evp_pkey_st *key;
	char path[4096];

	memcpy(code, ADDRESS_OF(edmm_code), ADDRESS_OF(edmm_code_end) - ADDRESS_OF(edmm_code));
	softsgx_image_init(&image);
	add(&image, PG_CODE, 1, code, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X);
	add(&image, PG_TCS, 1, &tcs, SGX_SECINFO_TCS);
	add(&image, PG_SSA, 2, NULL, rw);
	add(&image, PG_SECINFO, 1, NULL, rw);
	tcs.ssa_offset = PG_SSA_2 * PAGE;
	add(&image, PG_TCS_2, 1, &tcs, SGX_SECINFO_TCS);
	add(&image, PG_SSA_2, 2, NULL, rw);
	image.size = HEAP_OFFSET + HEAP_SIZE;
	encl_path(path, sizeof(path), "sign-key.pem");
	if (softsgx_key_load(path, &key) || softsgx_image_sign(&image, key, &sig) ||
	    softsgx_enclave_open(&encl) || softsgx_enclave_load(&encl, &image, &sig))
		die("%s", softsgx_last_error());
	softsgx_image_free(&image);
	softsgx_key_free(key);
	if (mmap((void *)(encl.base + HEAP_OFFSET), HEAP_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED, encl.fd, 0) == MAP_FAILED)
		die("mmap: %s", strerror(errno));
}

static u64 heap(u64 page)
{
	return encl.base + HEAP_OFFSET + page * PAGE;
}

static void enter(u32 function, const struct softsgx_args *args)
{
	run.tcs = encl.base + PG_TCS * PAGE;
	softsgx_enter(&run, function, args);
}

static void accept_pages(u64 addr, u64 n, u64 flags)
{
	u64 left = ~0ULL;
	const struct softsgx_args args = {
		.rdi = DO_ACCEPT, .rsi = addr, .rdx = n, .r8 = flags, .r9 = (u64)&left,
	};

	enter(SGX_EENTER, &args);
	if (run.function != SGX_EEXIT || left)
		die("EACCEPT: function %u, vector %u, error %#x, %lld left", run.function,
		    run.exception_vector, run.exception_error_code, (long long)left);
}

#define NEW	(SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING)

/* As a runtime does it: each fault inside has @ahead pages accepted. */
static void touch(u64 n, u64 ahead)
{
	const struct softsgx_args args = { .rdi = DO_TOUCH, .rsi = heap(0), .rdx = n }, none = {};
	const u64 end = heap(n);
	u64 addr;

	enter(SGX_EENTER, &args);
	while (run.function != SGX_EEXIT) {
		addr = run.exception_addr;
		if (run.exception_vector != V_PF || addr < heap(0) || addr >= end)
			die("vector %u at %#llx", run.exception_vector, (long long)addr);
		if (ahead > (end - addr) / PAGE)
			ahead = (end - addr) / PAGE;
		accept_pages(addr, ahead, NEW);
		enter(SGX_ERESUME, &none);
	}
}

static void set_batch(const char *text)
{
	FILE *file = fopen(BATCH, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		die("%s: %s", BATCH, strerror(errno));
}

static void by_fault(void)
{
	set_batch("1");
	touch(HEAP_PAGES, 1);
}

static void by_driver(void)
{
	set_batch("64");
	touch(HEAP_PAGES, 1);
}

static void by_touch(void)
{
	set_batch("64");
	touch(HEAP_PAGES, AHEAD);
}

static void by_madvise(void)
{
	if (madvise((void *)heap(0), HEAP_SIZE, MADV_WILLNEED))
		die("madvise: %s", strerror(errno));
	accept_pages(heap(0), HEAP_PAGES, NEW);
	touch(HEAP_PAGES, AHEAD);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nanoseconds per page, of an enclave that begins without a heap */
static double grow(void (*fn)(void))
{
	double v[ROUNDS];
	unsigned int i;
	u64 start;

	for (i = 0; i < ROUNDS; i++) {
		load();
		start = now_ns();
		fn();
		v[i] = (double)(now_ns() - start) / HEAP_PAGES;
		softsgx_enclave_close(&encl);
		sleep_ms(500);
	}
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

/* ------------------------------------------------------------------- changes */

static int restrict_pages(u64 page, u64 n)
{
	struct sgx_enclave_restrict_permissions params = {
		.offset = HEAP_OFFSET + page * PAGE, .length = n * PAGE,
		.permissions = SGX_SECINFO_R,
	};

	return ioctl(encl.fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &params);
}

static int trim_pages(u64 page, u64 n)
{
	struct sgx_enclave_modify_types params = {
		.offset = HEAP_OFFSET + page * PAGE, .length = n * PAGE, .page_type = SGX_PT_TRIM,
	};

	return ioctl(encl.fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &params);
}

static int remove_pages(u64 page, u64 n)
{
	struct sgx_enclave_remove_pages params = {
		.offset = HEAP_OFFSET + page * PAGE, .length = n * PAGE,
	};

	return ioctl(encl.fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &params);
}

/* Nanoseconds per page of CHANGED pages from @page, @step at a time */
static double change(int (*fn)(u64 page, u64 n), u64 page, u64 step)
{
	const u64 end = page + CHANGED;
	u64 start = now_ns();

	for (; page < end; page += step) {
		if (fn(page, step))
			die("page %llu: %s", (long long)page, strerror(errno));
	}
	return (double)(now_ns() - start) / CHANGED;
}

static void report(const char *what, double value, double base, const char *goal)
{
	printf("%-44s %9.0f ns/page %6.2f %5s\n", what, value, base ? base / value : 1.0, goal);
	fflush(stdout);
}

static unsigned long stop;

/* Somebody is inside all the time, so that an interrupt has to be sent. */
static void *spin(void *unused)
{
	const struct softsgx_args args = { .rdi = DO_SPIN, .rsi = (u64)&stop };
	struct sgx_enclave_run r = { .tcs = encl.base + PG_TCS_2 * PAGE };

	softsgx_enter(&r, SGX_EENTER, &args);
	return NULL;
}

static void pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(thread, sizeof(set), &set))
		die("affinity");
}

static void changes(void)
{
	pthread_t thread;
	double one;

	load();
	set_batch("64");
	accept_pages(heap(0), 2 * CHANGED, NEW);
	if (pthread_create(&thread, NULL, spin, NULL))
		die("pthread_create");
	pin(pthread_self(), 0);
	pin(thread, 1);
	sleep_ms(100);

	one = change(restrict_pages, 0, 1);
	report("RESTRICT_PERMISSIONS, page by page", one, 0, "");
	report("RESTRICT_PERMISSIONS, 4096 pages", change(restrict_pages, 0, CHANGED), one, "4");
	one = change(trim_pages, 0, 1);
	report("MODIFY_TYPES, page by page", one, 0, "");
	report("MODIFY_TYPES, 4096 pages", change(trim_pages, CHANGED, CHANGED), one, "4");
	accept_pages(heap(0), 2 * CHANGED, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED);
	one = change(remove_pages, 0, 1);
	report("REMOVE_PAGES, page by page", one, 0, "");
	report("REMOVE_PAGES, 4096 pages", change(remove_pages, CHANGED, CHANGED), one, "4");

	STORE(stop, 1);
	pthread_join(thread, NULL);
	softsgx_enclave_close(&encl);
}

int main(void)
{
	double fault;

	printf("%-44s %9s %-7s %6s %5s\n", "figure", "value", "unit", "ratio", "goal");
	fault = grow(by_fault);
	report("64 MiB, a fault for each page", fault, 0, "");
	report("64 MiB, the driver adds neighbours", grow(by_driver), fault, "");
	report("64 MiB, by touching", grow(by_touch), fault, "3");
	report("64 MiB, by MADV_WILLNEED", grow(by_madvise), fault, "5");
	changes();
	return 0;
}
