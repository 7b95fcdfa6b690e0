// SPDX-License-Identifier: GPL-2.0
/*
 * What the processor's transitions cost, beside what the traps cost that they are
 * made of. Medians of many repetitions; the host may be busy, and may emulate.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../vm/encl_util.h"

#define REPETITIONS	31
#define ITERATIONS	1000
#define PINGS		300

/* Pages of the smallest enclave that does all this */
#define PG_CODE		0
#define PG_TCS		1
#define PG_SSA		2		/* two frames */
#define PG_BASES	4
#define PG_DATA		5
#define ENCL_PAGES	6

/* What it does, in RDI */
#define DO_EXIT		0
#define DO_UD2		1
#define DO_SPIN		2		/* until *RSI is not 0 */
#define DO_REPORT	3		/* to nobody */
#define DO_KEY		4
#define DO_FAULT	5		/* read where nothing is */

/* In the page of data, KEYREQUEST at first: operands of EREPORT and EGETKEY */
#define KEYREQUEST	0x800

/*
 * Entered with CSSA > 0 it moves RIP in the first frame behind the two bytes of a UD2, or of a
 * MOV. The page behind the data is in no mapping.
 */
asm("	.pushsection .rodata\n"
	"bench_code:\n"
	"	test	%eax, %eax\n"
	"	jnz	3f\n"
	"	test	%edi, %edi\n"
	"	jz	1f\n"
	"	cmp	$1, %edi\n"
	"	je	4f\n"
	"	cmp	$2, %edi\n"
	"	je	2f\n"
	"	cmp	$5, %edi\n"
	"	je	5f\n"
	"	mov	%rcx, %r8\n"
	"	lea	0x4000(%rbx), %rbx\n"
	"	cmp	$4, %edi\n"
	"	je	6f\n"
	"	lea	0x200(%rbx), %rcx\n"
	"	lea	0x400(%rbx), %rdx\n"
	"	xor	%eax, %eax\n"
	"	.byte	0x0f, 0x01, 0xd7\n"
	"	mov	%r8, %rcx\n"
	"1:	mov	%rcx, %rbx\n"
	"	mov	$4, %eax\n"
	"	.byte	0x0f, 0x01, 0xd7\n"
	"2:	cmpq	$0, (%rsi)\n"
	"	je	2b\n"
	"	jmp	1b\n"
	"3:	addq	$2, 8144(%rbx)\n"
	"	jmp	1b\n"
	"4:	ud2\n"
	"	jmp	1b\n"
	"5:	lea	0x5000(%rbx), %rdx\n"
	"	mov	(%rdx), %eax\n"
	"	jmp	1b\n"
	"6:	lea	0x200(%rbx), %rcx\n"
	"	add	$0x800, %rbx\n"
	"	mov	$1, %eax\n"
	"	.byte	0x0f, 0x01, 0xd7\n"
	"	mov	%r8, %rcx\n"
	"	test	%eax, %eax\n"
	"	jz	1b\n"
	"	ud2\n"
	"bench_code_end:\n"
	"	.popsection\n");

static_assert(SGX_PAGE_SIZE + SGX_PAGE_SIZE - sizeof(struct sgx_gprsgx) +
	      offsetof(struct sgx_gprsgx, rip) == 8144, "RIP is somewhere else");

static struct softsgx_enclave encl;
static struct sgx_enclave_run run;
static u64 tcs_addr;

static void add(struct softsgx_image *image, u64 page, u64 nr, const void *src, u64 flags)
{
	if (softsgx_image_add(image, page * SGX_PAGE_SIZE, nr * SGX_PAGE_SIZE, src, flags, true))
		die("%s", softsgx_last_error());
}

static void load(void)
{
	static u8 code[SGX_PAGE_SIZE], data[SGX_PAGE_SIZE];
	const struct sgx_keyrequest request = {
		.keyname = SGX_KEYNAME_SEAL, .keypolicy = SGX_KEYPOLICY_MRENCLAVE,
	};
	const struct sgx_tcs tcs = {
		.ssa_offset = PG_SSA * SGX_PAGE_SIZE,
		.nr_ssa_frames = 2,
		.fs_offset = PG_BASES * SGX_PAGE_SIZE,
		.gs_offset = PG_BASES * SGX_PAGE_SIZE,
		.fs_limit = ~0U,
		.gs_limit = ~0U,
	};
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct evp_pkey_st *key;
	char path[4096];

	memcpy(code, ADDRESS_OF(bench_code), ADDRESS_OF(bench_code_end) - ADDRESS_OF(bench_code));
	softsgx_image_init(&image);
	add(&image, PG_CODE, 1, code, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X);
	add(&image, PG_TCS, 1, &tcs, SGX_SECINFO_TCS);
	add(&image, PG_SSA, PG_DATA - PG_SSA, NULL,
	    SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W);
	memcpy(data + KEYREQUEST, &request, sizeof(request));
	add(&image, PG_DATA, 1, data, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W);
	encl_path(path, sizeof(path), "sign-key.pem");
	if (softsgx_key_load(path, &key) || softsgx_image_sign(&image, key, &sig) ||
	    softsgx_enclave_open(&encl) || softsgx_enclave_load(&encl, &image, &sig))
		die("%s", softsgx_last_error());
	tcs_addr = encl.base + PG_TCS * SGX_PAGE_SIZE;
	softsgx_image_free(&image);
	softsgx_key_free(key);
}

static void enter(u64 tcs, u32 function, u64 what)
{
	const struct softsgx_args args = { .rdi = what };

	run.tcs = tcs;
	softsgx_enter(&run, function, &args);
}

static void expect(u32 function)
{
	if (run.function != function)
		die("function %u, vector %u, error %#x, address %#llx", run.function,
		    run.exception_vector, run.exception_error_code, run.exception_addr);
}

/* One trap: refused before anything is looked up */
static void bare_trap(void)
{
	enter(tcs_addr + 8, SGX_EENTER, 0);
	expect(SGX_EENTER);
}

static void eenter_eexit(void)
{
	enter(tcs_addr, SGX_EENTER, DO_EXIT);
	expect(SGX_EEXIT);
}

/* EENTER, AEX, EENTER and EEXIT to repair, ERESUME, EEXIT */
static void repaired(u64 what)
{
	enter(tcs_addr, SGX_EENTER, what);
	expect(SGX_ERESUME);
	enter(tcs_addr, SGX_EENTER, DO_EXIT);
	expect(SGX_EEXIT);
	enter(tcs_addr, SGX_ERESUME, 0);
	expect(SGX_EEXIT);
}

static void exception(void)
{
	repaired(DO_UD2);
}

static void page_fault(void)
{
	repaired(DO_FAULT);
}

static void ereport(void)
{
	enter(tcs_addr, SGX_EENTER, DO_REPORT);
	expect(SGX_EEXIT);
}

static void egetkey(void)
{
	enter(tcs_addr, SGX_EENTER, DO_KEY);
	expect(SGX_EEXIT);
}

static void getppid_call(void)
{
	syscall(SYS_getppid);
}

static void skip_ud2(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void ud2_signal(void)
{
	asm volatile("ud2");
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

/* Nanoseconds of one call of @fn */
static double measure(void (*fn)(void))
{
	double v[REPETITIONS];
	unsigned int i, k;

	for (i = 0; i < 100; i++)
		fn();
	for (i = 0; i < REPETITIONS; i++) {
		u64 start = now_ns();

		for (k = 0; k < ITERATIONS; k++)
			fn();
		v[i] = (double)(now_ns() - start) / ITERATIONS;
	}
	return median(v, REPETITIONS);
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A thread that only takes signals, inside or outside; all on one CPU */
static unsigned long go;
static pid_t pinged_tid;
static int pong;

static void on_ping(int sig)
{
	static const u64 one = 1;

	if (write(pong, &one, sizeof(one)) != sizeof(one))
		_exit(1);
}

static void *wait_for_pings(void *inside)
{
	struct softsgx_args args = { .rdi = DO_SPIN, .rsi = (uintptr_t)&go };
	struct sgx_enclave_run r = { .tcs = tcs_addr };

	STORE(pinged_tid, syscall(SYS_gettid));
	if (!inside)
		while (!LOAD(go))
			;
	else
		softsgx_enter(&r, SGX_EENTER, &args);
	return NULL;
}

/* From tgkill() to the handler, which runs behind the exit from the enclave */
static double measure_pings(bool inside)
{
	double v[PINGS];
	pthread_t thread;
	unsigned int i;

	go = 0;
	pinged_tid = 0;
	pong = eventfd(0, 0);
	if (pong < 0 || pthread_create(&thread, NULL, wait_for_pings, inside ? &run : NULL))
		die("eventfd or pthread_create: %m");
	while (!LOAD(pinged_tid))
		usleep(100);
	for (i = 0; i < PINGS; i++) {
		u64 start, count;

		/* Let it get back to where it waits. */
		usleep(1000);
		start = now_ns();
		if (syscall(SYS_tgkill, getpid(), pinged_tid, SIGUSR1) ||
		    read(pong, &count, sizeof(count)) != sizeof(count))
			die("ping: %m");
		v[i] = now_ns() - start;
	}
	STORE(go, 1);
	pthread_join(thread, NULL);
	close(pong);
	return median(v, PINGS);
}

static void line(const char *what, double ns, double trap)
{
	printf("%-44s %9.0f %7.2f %7.2f\n", what, ns, ns / trap, ns / (2 * trap));
}

static void print_machine(void)
{
	char text[256], model[200] = "?";
	FILE *f = fopen("/proc/cpuinfo", "r");
	struct utsname uts;

	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, "model name : %199[^\n]", model) == 1)
			break;
	if (f)
		fclose(f);
	uname(&uts);
	printf("%s, %s\n", uts.release, model);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = skip_ud2, .sa_flags = SA_SIGINFO };
	struct sigaction ping = { .sa_handler = on_ping };
	double trap, pair, exc;

	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGUSR1, &ping, NULL);
	load();
	print_machine();
	printf("%-44s %9s %7s %7s\n", "", "ns", "1 trap", "2 traps");

	pin();
	trap = measure(bare_trap);
	pair = measure(eenter_eexit);
	exc = measure(exception);
	line("ENCLU that fails: 1 trap", trap, trap);
	line("EENTER + EEXIT: 2 traps", pair, trap);
	line("#UD, handler entered, ERESUME: 6 traps", exc, trap);
	line("  of that AEX + ERESUME: 2 traps", exc - 2 * pair, trap);
	exc = measure(page_fault);
	line("#PF, handler entered, ERESUME: 6 traps", exc, trap);
	line("  of that AEX + ERESUME: 2 traps", exc - 2 * pair, trap);
	line("EREPORT: 1 trap", measure(ereport) - pair, trap);
	line("EGETKEY: 1 trap", measure(egetkey) - pair, trap);
	line("UD2, SIGILL, handler, return", measure(ud2_signal), trap);
	line("system call", measure(getppid_call), trap);
	line("signal to a thread outside", measure_pings(false), trap);
	line("signal to a thread inside: AEX on top", measure_pings(true), trap);
	softsgx_enclave_close(&encl);
	return 0;
}
