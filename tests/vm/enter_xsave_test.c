// SPDX-License-Identifier: GPL-2.0
/*
 * XSAVEC and XRSTOR of compacted images, in enclaves and in programs: bad headers, operands that cannot be accessed, and the state
 * that they save and load. The same on CPUs that have them.
 */
#include <asm/sgx.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/softsgx/personality.h"
#include "encl_util.h"
#include "kselftest_harness.h"

#define XFRM_AVX	7ULL
#define COMPACTED	(1ULL << 63)
#define HEADER		512
#define YMM		576
#define IMAGE_SIZE	832
#define INIT_AT		1024		/* in the page of data */
#define OUT_AT		2048
#define ROUNDS		300

#define PFEC_P		1
#define PFEC_W		2
#define PFEC_U		4
#define PFEC_SGX	0x8000

/* In the order of the code below */
enum insn { XSAVEC, XSAVEC64, XRSTOR, XRSTOR64, XSAVEC_SP, XRSTOR_SIB, XSAVEC_LOCK, XSAVEC_66, NR_INSNS };

/* The page of data behind the code */
struct data {
	u64 insn;
	u64 rfbm;
	u64 address;
	u64 at;			/* out: address of the instruction */
};

/*
 * Load the image at INIT_AT, execute one instruction on the operand, store the state to
 * OUT_AT. Each instruction begins at a multiple of 16 and is followed by a jump.
 */
extern const char xs_start[], xs_end[];

asm("	.pushsection .text\n"
	"	.balign	64\n"
	"xs_start:\n"
	"	push	%rbx\n"
	"	push	%rbp\n"
	"	lea	xs_start+4096(%rip), %rbx\n"
	"	mov	$7, %eax\n"
	"	xor	%edx, %edx\n"
	"	xrstor64	1024(%rbx)\n"
	"	mov	0(%rbx), %rcx\n"
	"	shl	$4, %ecx\n"
	"	lea	xs_insns(%rip), %rsi\n"
	"	add	%rcx, %rsi\n"
	"	mov	%rsi, 24(%rbx)\n"
	"	mov	16(%rbx), %rdi\n"
	"	mov	8(%rbx), %eax\n"
	"	mov	12(%rbx), %edx\n"
	"	mov	%rsp, %rbp\n"
	"	lea	-64(%rdi), %rcx\n"
	"	jmp	*%rsi\n"
	"	.balign	16\n"
	"xs_insns:\n"
	"	xsavec	(%rdi)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	xsavec64	(%rdi)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	xrstor	(%rdi)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	xrstor64	(%rdi)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	xchg	%rdi, %rsp\n"		/* one byte of REX and two */
	"	xsavec	(%rsp)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	mov	$64, %r9d\n"
	"	xrstor	(%rcx, %r9)\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	.byte	0xf0, 0x0f, 0xc7, 0x27\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"	.byte	0x66, 0x0f, 0xc7, 0x27\n"
	"	jmp	xs_out\n"
	"	.balign	16\n"
	"xs_out:\n"
	"	mov	%rbp, %rsp\n"
	"	mov	$7, %eax\n"
	"	xor	%edx, %edx\n"
	"	xsave64	2048(%rbx)\n"
	"	fninit\n"
	"	pushq	$0x1f80\n"
	"	ldmxcsr	(%rsp)\n"
	"	pop	%rax\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n"
	"xs_end:\n"
	"	.popsection\n");

static u64 insn_offset(enum insn insn)
{
	const u64 first = ((u64)(ADDRESS_OF(xs_insns) - xs_start));
	/* In front of it there is something else. */
	const u64 skip = insn == XSAVEC_SP ? 3 : insn == XRSTOR_SIB ? 6 : 0;

	return first + insn * 16 + skip;
}

FIXTURE(xsave)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	u64 seed;
	u64 area;		/* of the enclave, aligned, empty */
	u8 init[IMAGE_SIZE];
	u8 out[IMAGE_SIZE];
};

FIXTURE_SETUP(xsave)
{
	const struct encl_spec spec = {
		.options = { .xfrm = XFRM_AVX, .miscselect = SGX_MISC_EXINFO },
		.blob = xs_start, .blob_size = xs_end - xs_start,
	};

	if (!__builtin_cpu_supports("avx"))
		SKIP(return, "the CPU has no AVX");
	encl_load(&self->encl, &spec);
	self->area = self->encl.info.scratch;
	self->seed = 1;
}

FIXTURE_TEARDOWN(xsave)
{
	if (self->encl.nr_tcs)
		encl_unload(&self->encl);
}

/* Anything in the registers, the control fields such that nothing traps */
static void random_image(u64 *seed, u8 *image, u64 bv)
{
	u16 fcw = 0x37f, fsw = encl_random64(seed) & 0x7f00;
	u32 mxcsr = 0x1f80 | (encl_random64(seed) & 0xe03f);

	memset(image, 0, IMAGE_SIZE);
	encl_random(seed, image + 32, 416 - 32);
	for (int i = 0; i < 8; i++)
		memset(image + 32 + 16 * i + 10, 0, 6);
	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + 2, &fsw, sizeof(fsw));
	image[4] = 0xff;
	memcpy(image + 24, &mxcsr, sizeof(mxcsr));
	memcpy(image + HEADER, &bv, sizeof(bv));
	encl_random(seed, image + YMM, IMAGE_SIZE - YMM);
}

static void set_header(u8 *image, u64 xstate_bv, u64 xcomp_bv)
{
	memset(image + HEADER, 0, 64);
	memcpy(image + HEADER, &xstate_bv, 8);
	memcpy(image + HEADER + 8, &xcomp_bv, 8);
}

static u64 word(const u8 *image, unsigned int at)
{
	u64 v;

	memcpy(&v, image + at, sizeof(v));
	return v;
}

/* Return: as encl_run() */
static int execute(struct _test_data_xsave *self, enum insn insn, u64 rfbm, u64 address)
{
	const struct data data = { .insn = insn, .rfbm = rfbm, .address = address };
	struct encl *encl = &self->encl;
	int ret;

	random_image(&self->seed, self->init, 7);
	encl_put(encl, 0, encl->blob_data, &data, sizeof(data));
	encl_put(encl, 0, encl->blob_data + INIT_AT, self->init, IMAGE_SIZE);
	self->call = (struct encl_call){ .a[0] = encl->blob };
	ret = encl_run(encl, 0, ENCL_JUMP, &self->call, &self->run);
	if (!ret)
		encl_get(encl, 0, self->out, encl->blob_data + OUT_AT, IMAGE_SIZE);
	return ret;
}

/*
 * It ends with an exception at the instruction, and nothing has been loaded. Then go on
 * behind it, and leave in the ordinary way.
 */
static void expect_fault(struct __test_metadata *_metadata, struct _test_data_xsave *self,
			 enum insn insn, u64 address, unsigned int vector, u32 code, u64 maddr)
{
	struct encl_ssa ssa;

	ASSERT_EQ(-1, execute(self, insn, ~0ULL, address));
	ASSERT_EQ(SGX_ERESUME, self->run.function);
	EXPECT_EQ(vector, self->run.exception_vector);
	EXPECT_EQ(code, self->run.exception_error_code);
	encl_ssa(&self->encl, 0, &ssa);
	EXPECT_EQ(self->encl.blob + insn_offset(insn), ssa.rip);
	EXPECT_EQ(vector == 12 ? 0 : EXITINFO(vector), ssa.exitinfo);
	if (vector == V_PF) {
		EXPECT_EQ(maddr & -SGX_PAGE_SIZE, self->run.exception_addr);
		EXPECT_EQ(maddr & -SGX_PAGE_SIZE, ssa.maddr & -SGX_PAGE_SIZE);
		EXPECT_EQ(code, ssa.errcd);
	}
	ssa.rip = self->encl.blob + (ADDRESS_OF(xs_out) - xs_start);
	encl_do(&self->encl, 0, ENCL_SSA_SET, ENCL_LAST_FRAME, (uintptr_t)&ssa, 0);
	ASSERT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
	encl_get(&self->encl, 0, self->out, self->encl.blob_data + OUT_AT, IMAGE_SIZE);
	EXPECT_EQ(0, memcmp(self->init + 32, self->out + 32, 416 - 32));
	EXPECT_EQ(0, memcmp(self->init + YMM, self->out + YMM, IMAGE_SIZE - YMM));
}

#define EXPECT_FAULT(...) expect_fault(_metadata, self, __VA_ARGS__)

/* ---------------------------------------------------------------------- negative */

TEST_F(xsave, bad_headers)
{
	static const struct {
		u64 xstate_bv, xcomp_bv;
	} bad[] = {
		{ 7, COMPACTED | 3 }, { 4, COMPACTED }, { 1, COMPACTED | 6 },
		{ 0, COMPACTED | 1ULL << 3 }, { 3, COMPACTED | 3 | 1ULL << 9 },
		{ 3, COMPACTED | 3 | 1ULL << 62 }, { COMPACTED | 3, COMPACTED | 3 },
		{ 1ULL << 62, COMPACTED | 7 }, { 0xe7, COMPACTED | 0xe7 },
	};
	u8 image[IMAGE_SIZE];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		random_image(&self->seed, image, 0);
		set_header(image, bad[i].xstate_bv, bad[i].xcomp_bv);
		encl_put(&self->encl, 0, self->area, image, sizeof(image));
		EXPECT_FAULT(XRSTOR64, self->area, V_GP, 0, 0);
	}
	for (i = 16; i < 64; i++) {
		random_image(&self->seed, image, 0);
		set_header(image, 7, COMPACTED | 7);
		image[HEADER + i] = 1;
		encl_put(&self->encl, 0, self->area, image, sizeof(image));
		EXPECT_FAULT(i & 1 ? XRSTOR : XRSTOR_SIB, self->area, V_GP, 0, 0);
	}
	random_image(&self->seed, image, 0);
	set_header(image, 7, COMPACTED | 7);
	image[27] = 0x80;
	encl_put(&self->encl, 0, self->area, image, sizeof(image));
	EXPECT_FAULT(XRSTOR, self->area, V_GP, 0, 0);
	/* The standard format has checks of its own. */
	set_header(image, 7, 7);
	encl_put(&self->encl, 0, self->area, image, sizeof(image));
	EXPECT_FAULT(XRSTOR, self->area, V_GP, 0, 0);
}

TEST_F(xsave, bad_addresses)
{
	u64 offset;

	for (offset = 1; offset < 64; offset <<= 1) {
		EXPECT_FAULT(XSAVEC, self->area + offset, V_GP, 0, 0);
		EXPECT_FAULT(XRSTOR64, self->area + offset, V_GP, 0, 0);
	}
	EXPECT_FAULT(XSAVEC64, 1ULL << 63, V_GP, 0, 0);
	EXPECT_FAULT(XSAVEC_SP, 1ULL << 63, 12, 0, 0);
	EXPECT_FAULT(XSAVEC_LOCK, self->area, V_UD, 0, 0);
	EXPECT_FAULT(XSAVEC_66, self->area, V_UD, 0, 0);
}

/* EMODPR: the enclave has it for reading only, whatever the mapping allows. */
static int restrict_page(const struct encl *encl, u64 la)
{
	struct sgx_enclave_restrict_permissions arg = {
		.offset = la - encl->e.base, .length = SGX_PAGE_SIZE,
		.permissions = SGX_SECINFO_R,
	};

	return ioctl(encl->e.fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &arg);
}

TEST_F(xsave, pages_without_rights)
{
	u8 *host = mmap(NULL, 3 * SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* The legacy area in the first page, AVX in the second */
	u64 across = (uintptr_t)host + 2 * SGX_PAGE_SIZE - 576;
	u64 last = (uintptr_t)host + 2 * SGX_PAGE_SIZE;

	ASSERT_NE(MAP_FAILED, (void *)host);
	memset(host, 0x55, 3 * SGX_PAGE_SIZE);
	/* Enclave memory: the mapping says no, or the EPCM, or there is no page. */
	EXPECT_FAULT(XSAVEC, self->encl.info.rodata, V_PF, PFEC_P | PFEC_W | PFEC_U,
		     self->encl.info.rodata);
	EXPECT_FAULT(XSAVEC64, self->encl.info.code, V_PF, PFEC_P | PFEC_W | PFEC_U,
		     self->encl.info.code);
	ASSERT_EQ(0, restrict_page(&self->encl, self->area + SGX_PAGE_SIZE));
	EXPECT_FAULT(XSAVEC, self->area + SGX_PAGE_SIZE, V_PF,
		     PFEC_P | PFEC_W | PFEC_U | PFEC_SGX, self->area + SGX_PAGE_SIZE);
	EXPECT_FAULT(XSAVEC_SP, self->area + SGX_PAGE_SIZE - 576, V_PF,
		     PFEC_P | PFEC_W | PFEC_U | PFEC_SGX, self->area + SGX_PAGE_SIZE);
	EXPECT_FAULT(XSAVEC, self->encl.tcs[1], V_PF, PFEC_P | PFEC_W | PFEC_U | PFEC_SGX,
		     self->encl.tcs[1]);
	EXPECT_FAULT(XSAVEC, self->encl.e.base + self->encl.e.size - SGX_PAGE_SIZE, V_PF,
		     PFEC_W | PFEC_U, self->encl.e.base + self->encl.e.size - SGX_PAGE_SIZE);
	/* Memory of the program */
	ASSERT_EQ(0, mprotect((void *)last, SGX_PAGE_SIZE, PROT_READ));
	EXPECT_FAULT(XSAVEC, last, V_PF, PFEC_P | PFEC_W | PFEC_U, last);
	EXPECT_FAULT(XSAVEC_SP, across, V_PF, PFEC_P | PFEC_W | PFEC_U, last);
	ASSERT_EQ(0, munmap((void *)last, SGX_PAGE_SIZE));
	EXPECT_FAULT(XSAVEC, across, V_PF, PFEC_W | PFEC_U, last);
	EXPECT_FAULT(XSAVEC64, last, V_PF, PFEC_W | PFEC_U, last);
	EXPECT_FAULT(XRSTOR64, last, V_PF, PFEC_U, last);
	set_header((u8 *)across, 7, COMPACTED | 7);
	memset((u8 *)across + 24, 0, 4);
	EXPECT_FAULT(XRSTOR, across, V_PF, PFEC_U, last);
	/* What is not loaded is not read. */
	set_header((u8 *)across, 3, COMPACTED | 7);
	EXPECT_EQ(0, execute(self, XRSTOR, ~0ULL, across));
	munmap(host, 2 * SGX_PAGE_SIZE);
}

/* ------------------------------------------------------------------------- state */

/* x87 and SSE, without what CPUs keep or do not keep: FOP, FIP, FDP, MXCSR_MASK */
static bool same_legacy(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, 5) && !memcmp(a + 24, b + 24, 4) && !memcmp(a + 32, b + 32, 416 - 32);
}

static bool same_state(const u8 *a, const u8 *b)
{
	return same_legacy(a, b) && !memcmp(a + YMM, b + YMM, IMAGE_SIZE - YMM);
}

TEST_F(xsave, saves)
{
	u8 image[IMAGE_SIZE];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		encl_do(&self->encl, 0, ENCL_SET, self->area, 0xa5, IMAGE_SIZE);
		ASSERT_EQ(0, execute(self, i & 1 ? XSAVEC64 : XSAVEC_SP, ~0ULL, self->area));
		encl_get(&self->encl, 0, image, self->area, sizeof(image));
		EXPECT_EQ(7, word(image, HEADER));
		/* What is in XCR0 and not in XFRM is not there. */
		EXPECT_EQ(COMPACTED | 7, word(image, HEADER + 8));
		EXPECT_EQ(0xa5a5a5a5a5a5a5a5, word(image, HEADER + 16));
		EXPECT_EQ(0xa5a5a5a5a5a5a5a5, word(image, 416));
		EXPECT_TRUE(same_state(self->init, image));
		EXPECT_TRUE(same_state(self->init, self->out));
	}
	/* Parts: what is not asked for stays as it is in memory. */
	encl_do(&self->encl, 0, ENCL_SET, self->area, 0xa5, IMAGE_SIZE);
	ASSERT_EQ(0, execute(self, XSAVEC, 4, self->area));
	encl_get(&self->encl, 0, image, self->area, sizeof(image));
	EXPECT_EQ(4, word(image, HEADER));
	EXPECT_EQ(COMPACTED | 4, word(image, HEADER + 8));
	for (i = 0; i < HEADER; i++)
		EXPECT_EQ(0xa5, image[i]);
	EXPECT_EQ(0, memcmp(self->init + YMM, image + YMM, IMAGE_SIZE - YMM));
	ASSERT_EQ(0, execute(self, XSAVEC, 0, self->area));
	encl_get(&self->encl, 0, image, self->area, sizeof(image));
	EXPECT_EQ(0, word(image, HEADER));
	EXPECT_EQ(COMPACTED, word(image, HEADER + 8));
}

static void load(struct __test_metadata *_metadata, struct _test_data_xsave *self, u8 *image,
		 u64 xstate_bv, u64 xcomp_bv, u64 rfbm)
{
	random_image(&self->seed, image, 0);
	set_header(image, xstate_bv, COMPACTED | xcomp_bv);
	encl_put(&self->encl, 0, self->area, image, IMAGE_SIZE);
	ASSERT_EQ(0, execute(self, rfbm & 1 ? XRSTOR : XRSTOR64, rfbm, self->area));
}

TEST_F(xsave, loads)
{
	static const u8 zeros[IMAGE_SIZE];
	u8 image[IMAGE_SIZE];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		load(_metadata, self, image, 7, 7, ~0ULL);
		EXPECT_TRUE(same_state(image, self->out));
	}
	/* In the image, but not asked for; asked for, but not in the image: as initialized */
	load(_metadata, self, image, 7, 7, 3);
	EXPECT_TRUE(same_legacy(image, self->out));
	EXPECT_EQ(0, memcmp(self->init + YMM, self->out + YMM, IMAGE_SIZE - YMM));
	load(_metadata, self, image, 3, 3, 7);
	EXPECT_TRUE(same_legacy(image, self->out));
	EXPECT_EQ(0, memcmp(zeros, self->out + YMM, IMAGE_SIZE - YMM));
	load(_metadata, self, image, 5, 7, 7);
	EXPECT_EQ(0, memcmp(zeros, self->out + 160, 256));
	EXPECT_EQ(0x1f80, (u32)word(self->out, 24));
	EXPECT_EQ(0, memcmp(image + 32, self->out + 32, 128));
	EXPECT_EQ(0, memcmp(image + YMM, self->out + YMM, IMAGE_SIZE - YMM));
	load(_metadata, self, image, 0, 0, 7);
	EXPECT_EQ(0x37f, (u16)word(self->out, 0));
	EXPECT_EQ(0, memcmp(zeros, self->out + 32, 416 - 32));
	/* MXCSR goes with SSE alone. */
	load(_metadata, self, image, 7, 7, 4);
	EXPECT_TRUE(same_legacy(self->init, self->out));
	EXPECT_EQ(0, memcmp(image + YMM, self->out + YMM, IMAGE_SIZE - YMM));
}

/* From XSAVEC to XRSTOR, in memory of the program */
TEST_F(xsave, there_and_back)
{
	static u8 area[IMAGE_SIZE] __attribute__((aligned(64)));
	u8 first[IMAGE_SIZE];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, execute(self, XSAVEC64, ~0ULL, (uintptr_t)area));
		memcpy(first, self->init, sizeof(first));
		ASSERT_EQ(0, execute(self, XRSTOR64, ~0ULL, (uintptr_t)area));
		EXPECT_TRUE(same_state(first, self->out));
	}
}

/* -------------------------------------------------------------- a smaller XFRM */

TEST(without_avx)
{
	const struct encl_spec spec = {
		.options = { .xfrm = SGX_XFRM_LEGACY, .miscselect = SGX_MISC_EXINFO },
		.blob = xs_start, .blob_size = xs_end - xs_start,
	};
	struct _test_data_xsave data = { .seed = 2 }, *self = &data;
	u8 image[IMAGE_SIZE];

	encl_load(&self->encl, &spec);
	self->area = self->encl.info.scratch;
	ASSERT_EQ(0, execute(self, XSAVEC, ~0ULL, self->area));
	encl_get(&self->encl, 0, image, self->area, sizeof(image));
	if (!__builtin_cpu_supports("xsavec")) {
		EXPECT_EQ(COMPACTED | 3, word(image, HEADER + 8));
	}
	EXPECT_TRUE(same_legacy(self->init, image));
	encl_unload(&self->encl);
}

/* --------------------------------------------------------------------- outside */

static u8 host_area[IMAGE_SIZE] __attribute__((aligned(64)));

static int save_and_load(void)
{
	u32 low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	asm volatile("xsavec	%0" : "+m"(host_area) : "a"(low & 7), "d"(0) : "memory");
	asm volatile("xrstor	%0" : : "m"(host_area), "a"(low & 7), "d"(0) : "memory");
	return !(word(host_area, HEADER + 8) == (COMPACTED | (low & 7)));
}

static int in_child(bool opted_in)
{
	int old = personality(0xffffffff), status;
	pid_t pid = fork();

	if (!pid) {
		personality(opted_in ? old | SOFTSGX_PER_CPUID : old & ~SOFTSGX_PER_CPUID);
		signal(SIGILL, SIG_DFL);
		_exit(save_and_load());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no child: %m");
	return status;
}

/* Whether CPUID says so or not: the bit can be given up after CPUID has been asked. */
TEST(outside)
{
	EXPECT_EQ(0, in_child(true));
	EXPECT_EQ(0, in_child(false));
}

static sigjmp_buf back;
static int sig_seen, code_seen;
static void *addr_seen;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	sig_seen = sig;
	code_seen = info->si_code;
	addr_seen = info->si_addr;
	siglongjmp(back, 1);
}

static int signal_of(void (*fn)(void *area), void *area)
{
	static const int sigs[] = { SIGILL, SIGSEGV, SIGBUS };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sig_seen = 0;
	if (!sigsetjmp(back, 1))
		fn(area);
	return sig_seen;
}

static void save_to(void *area)
{
	asm volatile("xsavec	(%0)" : : "r"(area), "a"(7), "d"(0) : "memory");
}

static void load_from(void *area)
{
	asm volatile("xrstor	(%0)" : : "r"(area), "a"(7), "d"(0) : "memory");
}

static void save_locked(void *area)
{
	asm volatile(".byte 0xf0, 0x0f, 0xc7, 0x27" : : "D"(area), "a"(7), "d"(0) : "memory");
}

TEST(faults_outside)
{
	u8 *page = mmap(NULL, SGX_PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)page);
	/* It has to be there. */
	EXPECT_EQ(0, LOAD(*page));
	EXPECT_EQ(SIGSEGV, signal_of(save_to, page));
	EXPECT_EQ((uintptr_t)page, (uintptr_t)addr_seen & -SGX_PAGE_SIZE);
	EXPECT_EQ(SEGV_ACCERR, code_seen);
	EXPECT_EQ(SIGSEGV, signal_of(save_to, host_area + 8));
	EXPECT_EQ(SI_KERNEL, code_seen);
	EXPECT_EQ(SIGILL, signal_of(save_locked, host_area));
	set_header(host_area, 7, COMPACTED | 3);
	EXPECT_EQ(SIGSEGV, signal_of(load_from, host_area));
	EXPECT_EQ(SI_KERNEL, code_seen);
	munmap(page, SGX_PAGE_SIZE);
	EXPECT_EQ(SIGSEGV, signal_of(save_to, page));
	EXPECT_EQ(SEGV_MAPERR, code_seen);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
