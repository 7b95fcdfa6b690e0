// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as programs see it: who sees SGX there and who does not, what the leaves
 * say, and that nothing else about the program is different.
 */
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "cpuid.h"
#include "util.h"
#include "kselftest_harness.h"

#define NR_THREADS	4

/* --------------------------------------------------------------- who sees it */

/* Execute the helper in a child that is opted in or not, as user @uid. */
static int run_helper(const char *path, const char *arg, bool wanted, uid_t uid)
{
	unsigned int old = personality(0xffffffff);
	pid_t pid = fork();

	if (!pid) {
		old = wanted ? old | SOFTSGX_PER_CPUID : old & ~SOFTSGX_PER_CPUID;
		if (uid)
			MUST(!setresgid(uid, uid, uid) && !setresuid(uid, uid, uid));
		MUST(personality(old) != -1);
		execl(path, path, arg, NULL);
		_exit(99);
	}
	return vt_wait(pid);
}

static int helper(const char *arg, bool wanted)
{
	char path[256];

	beside(path, sizeof(path), "cpuid_helper");
	return run_helper(path, arg, wanted, 0);
}

TEST(opted_out)
{
	EXPECT_EQ(0, helper("0", false));
	EXPECT_EQ(0, helper("3", false));
}

TEST(opted_in)
{
	EXPECT_EQ(1, helper("0", true));
	EXPECT_EQ(1, helper("3", true));
}

/* A copy of the helper with another owner and mode */
static int copy_helper(const char *to, uid_t uid, mode_t mode)
{
	char from[256], command[600];

	beside(from, sizeof(from), "cpuid_helper");
	snprintf(command, sizeof(command), "cp %s %s", from, to);
	if (system(command) || chown(to, uid, uid) || chmod(to, mode))
		return -errno;
	return 0;
}

TEST(rights_gained_at_exec)
{
	static const char path[] = "/tmp/cpuid_helper_copy";

	ASSERT_EQ(0, copy_helper(path, 0, 0755));
	EXPECT_EQ(1, run_helper(path, "0", true, 65534));
	/* Set-user-ID counts if it makes a difference. */
	ASSERT_EQ(0, copy_helper(path, 0, 04755));
	EXPECT_EQ(1, run_helper(path, "0", true, 0));
	EXPECT_EQ(0, run_helper(path, "0", true, 65534));
	ASSERT_EQ(0, write_file("/proc/sys/fs/suid_dumpable", "1", 1));
	EXPECT_EQ(0, run_helper(path, "0", true, 65534));
	ASSERT_EQ(0, write_file("/proc/sys/fs/suid_dumpable", "0", 1));
	ASSERT_EQ(0, copy_helper(path, 0, 02755));
	EXPECT_EQ(0, run_helper(path, "0", true, 65534));
	unlink(path);
}

TEST(unreadable_program)
{
	static const char path[] = "/tmp/cpuid_helper_copy";

	ASSERT_EQ(0, copy_helper(path, 0, 0711));
	EXPECT_EQ(1, run_helper(path, "0", true, 65534));
	unlink(path);
}

TEST(children_inherit)
{
	pid_t pid = fork();

	if (!pid)
		_exit(!is_ud2(code_cfi_insn) || !shows_sgx(code_cfi));
	EXPECT_EQ(0, vt_wait(pid));
}

/* Changed text is answered for whoever is still opted in, whatever its rights. */
TEST(rights_dropped_later)
{
	pid_t pid = fork();

	if (!pid) {
		MUST(!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534));
		_exit(!shows_sgx(code_cfi));
	}
	EXPECT_EQ(0, vt_wait(pid));
}

static void *ask_often(void *arg)
{
	unsigned long i;

	for (i = 0; i < 2000; i++) {
		if (!shows_sgx(code_cfi) || !shows_sgx(code_straddle))
			return ask_often;
	}
	return NULL;
}

TEST(threads)
{
	pthread_t t[NR_THREADS];
	void *failed;
	int i;

	for (i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, ask_often, NULL));
	for (i = 0; i < NR_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(t[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
}

/* -------------------------------------------------------------- what it says */

TEST(changed_text)
{
	EXPECT_EQ(true, is_ud2(code_cfi_insn));
	EXPECT_EQ(true, is_ud2(code_symbol_insn));
	EXPECT_EQ(true, is_ud2(code_straddle_insn));
	EXPECT_EQ(0xfff, (uintptr_t)code_straddle_insn & 0xfff);
	EXPECT_EQ(true, is_cpuid(code_bare_insn));
	EXPECT_EQ(true, is_cpuid(code_prefix_insn + 1));
}

TEST(bytes_that_are_no_instruction)
{
	static const u8 data[] = { 0xb8, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2 };

	EXPECT_EQ(0x110fa211, code_imm(0));
	EXPECT_EQ(0x11a20f11, code_imm_swapped(0));
	EXPECT_EQ(0xa20fa20fa20fa20f, code_imm64(0));
	EXPECT_EQ(0xa20f + 5, code_disp(5));
	EXPECT_EQ(0xa20f + 15, code_disp_sib(5));
	EXPECT_EQ(0, memcmp(data, code_data, sizeof(data)));
}

TEST(leaf_0_and_7)
{
	u64 sgx[4], native[4];

	ask(code_cfi, 0, 0, sgx);
	ask(code_bare, 0, 0, native);
	EXPECT_EQ(native[RAX] > 0x12 ? native[RAX] : 0x12, sgx[RAX]);
	EXPECT_EQ(0, memcmp("Genu", &sgx[RBX], 4));
	EXPECT_EQ(0, memcmp("ineI", &sgx[RDX], 4));
	EXPECT_EQ(0, memcmp("ntel", &sgx[RCX], 4));

	ask(code_cfi, 7, 0, sgx);
	ask(code_bare, 7, 0, native);
	EXPECT_EQ(native[RAX], sgx[RAX]);
	EXPECT_EQ(native[RBX] | 1 << 2, sgx[RBX]);
	EXPECT_EQ(native[RCX] | 1 << 30, sgx[RCX]);
	EXPECT_EQ(native[RDX], sgx[RDX]);
	EXPECT_EQ(0, native[RBX] & 1 << 2);
}

static bool machine_is_intel(void)
{
	u64 native[4];

	ask(code_bare, 0, 0, native);
	return !memcmp("Genu", &native[RBX], 4);
}

/* Model "max" has the signature of the machine if that is Intel's. */
TEST(leaf_1)
{
	static const u32 refused[] = { 0x406e0, 0x406e1, 0x506e0 };
	u64 sgx[4], native[4];
	cpu_set_t cpu;
	size_t i;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));
	ask(code_cfi, 1, 0, sgx);
	ask(code_bare, 1, 0, native);
	EXPECT_EQ(machine_is_intel() ? native[RAX] : 0x806f8, sgx[RAX]);
	EXPECT_EQ(0, memcmp(native + 1, sgx + 1, 3 * sizeof(u64)));
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT_NE(refused[i], sgx[RAX]);
}

/* Each cache that is listed has a size. */
TEST(leaves_2_and_4)
{
	u64 r[4];
	unsigned int i;

	ask(code_cfi, 2, 0, r);
	EXPECT_NE(0, r[RAX] & 0xff);
	for (i = 0; i < 8; i++) {
		ask(code_cfi, 4, i, r);
		if (!(r[RAX] & 0x1f))
			break;
		EXPECT_LE(63, r[RBX] & 0xfff);
	}
	EXPECT_LE(3, i);
	EXPECT_GT(8, i);
}

/* XSAVEC, and what it needs; the rest is the CPU's. */
TEST(leaf_d_1)
{
	u64 sgx[4], native[4];

	ask(code_cfi, 0xd, 1, sgx);
	ask(code_bare, 0xd, 1, native);
	EXPECT_EQ(native[RAX] | 1 << 1, sgx[RAX]);
	if (native[RAX] & 1 << 1) {
		EXPECT_EQ(native[RBX], sgx[RBX]);
	} else {
		EXPECT_LE(576, sgx[RBX]);
	}
	EXPECT_EQ(native[RCX], sgx[RCX]);
	EXPECT_EQ(native[RDX], sgx[RDX]);
}

TEST(leaf_12)
{
	u64 r[4], total = 0;
	struct vt_epc epc;
	unsigned int i;

	ask(code_cfi, 0x12, 0, r);
	EXPECT_EQ(1 << 11 | 3, r[RAX]);
	EXPECT_EQ(1, r[RBX]);
	EXPECT_EQ(0, r[RCX]);
	EXPECT_EQ(56 << 8 | 31, r[RDX]);
	ask(code_cfi, 0x12, 1, r);
	EXPECT_EQ(0, r[RAX] & 1);
	EXPECT_EQ(2, r[RAX] & 2);
	EXPECT_EQ(3, r[RCX] & 3);
	EXPECT_EQ(0, (r[RAX] | r[RBX] | r[RCX] | r[RDX]) >> 32);

	ASSERT_EQ(0, vt_epc_read(&epc));
	for (i = 2;; i++) {
		ask(code_cfi, 0x12, i, r);
		if ((r[RAX] & 0xf) != 1)
			break;
		EXPECT_EQ(1, r[RCX] & 0xf);
		EXPECT_NE(0, (r[RAX] & ~0xfffULL) | r[RBX] << 32);
		total += (r[RCX] & ~0xfffULL) | r[RDX] << 32;
	}
	EXPECT_EQ(0, r[RAX] | r[RBX] | r[RCX] | r[RDX]);
	EXPECT_EQ(epc.total * PAGE, total);
}

/* On one CPU, because some leaves say on which they were asked. */
TEST(other_leaves_are_native)
{
	static const struct { u32 leaf, subleaf; } asked[] = {
		{ 3, 0 }, { 5, 0 }, { 7, 1 }, { 0xb, 1 }, { 0xd, 0 },
		{ 0xd, 2 }, { 0x40000000, 0 }, { 0x80000000, 0 }, { 0x80000002, 0 },
		{ 0x80000008, 0 }, { 0xffffffff, 0 },
	};
	u64 sgx[4], native[4];
	cpu_set_t cpu;
	size_t i;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));
	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		ask(code_cfi, asked[i].leaf, asked[i].subleaf, sgx);
		ask(code_bare, asked[i].leaf, asked[i].subleaf, native);
		EXPECT_EQ(0, memcmp(sgx, native, sizeof(sgx))) {
			TH_LOG("leaf %#x, subleaf %u", asked[i].leaf, asked[i].subleaf);
		}
	}
	/* Beyond what the real CPU has, but valid now */
	ask(code_bare, 0, 0, native);
	if (native[RAX] < 0x11) {
		ask(code_cfi, 0x11, 0, sgx);
		EXPECT_EQ(0, sgx[RAX] | sgx[RBX] | sgx[RCX] | sgx[RDX]);
	}
}

/* ------------------------------------------------------------- what it is not */

static sigjmp_buf back;
static siginfo_t got;
static u64 trapped_at[8];
static unsigned int traps;

static void on_sigill(int sig, siginfo_t *info, void *context)
{
	got = *info;
	siglongjmp(back, 1);
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

TEST(genuine_ud2)
{
	u8 *anon = vt_anon(PAGE, PROT_RWX);

	handle(SIGILL, on_sigill);
	if (!sigsetjmp(back, 1))
		code_ud2(0);
	EXPECT_EQ(SIGILL, got.si_signo);
	EXPECT_EQ((void *)code_ud2, got.si_addr);

	memcpy(anon, ud2_bytes, 2);
	memset(&got, 0, sizeof(got));
	if (!sigsetjmp(back, 1))
		((number_fn *)anon)(0);
	EXPECT_EQ(SIGILL, got.si_signo);
	EXPECT_EQ((void *)anon, got.si_addr);
}

/* UD2 that a program wrote over its own CPUID is its own affair if it is not opted in. */
TEST(own_ud2_opted_out)
{
	const uintptr_t page = (uintptr_t)code_cfi_insn & -PAGE;
	pid_t pid = fork();

	if (!pid) {
		personality(personality(0xffffffff) & ~SOFTSGX_PER_CPUID);
		MUST(!mprotect((void *)page, PAGE, PROT_RWX));
		handle(SIGILL, on_sigill);
		if (!sigsetjmp(back, 1))
			shows_sgx(code_cfi);
		_exit(got.si_addr != code_cfi_insn);
	}
	EXPECT_EQ(0, vt_wait(pid));
}

/* ------------------------------------------------------------------- stepping */

static void on_trap(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	if (traps < ARRAY_SIZE(trapped_at))
		trapped_at[traps] = uc->uc_mcontext.gregs[REG_RIP];
	if (!traps)
		got = *info;
	traps++;
}

TEST(own_trap_flag)
{
	handle(SIGTRAP, on_trap);
	EXPECT_EQ(true, shows_sgx(code_step));
	ASSERT_LE(2, traps);
	EXPECT_EQ((uintptr_t)code_step_next, trapped_at[0]);
	EXPECT_EQ((uintptr_t)code_step_next + 1, trapped_at[1]);
	EXPECT_EQ(TRAP_TRACE, got.si_code);
	EXPECT_EQ((void *)code_step_next, got.si_addr);
}

TEST(step_by_debugger)
{
	const u64 insn = (uintptr_t)code_cfi_insn;
	struct user_regs_struct regs;
	int status, i, seen = 0;
	u64 last = 0;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(!shows_sgx(code_cfi));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	for (i = 0; i < 100000 && seen < 3; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(1, WIFSTOPPED(status));
		ASSERT_EQ(SIGTRAP, WSTOPSIG(status));
		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, pid, NULL, &regs));
		if (last == insn) {
			EXPECT_EQ(insn + 2, regs.rip);
			EXPECT_EQ(4, regs.rbx & 4);
			seen++;
		} else if (last == insn + 2) {
			EXPECT_EQ(insn + 5, regs.rip);
			seen = 3;
		}
		last = regs.rip;
	}
	EXPECT_EQ(3, seen);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, NULL, NULL));
	EXPECT_EQ(0, vt_wait(pid));
}

/* ------------------------------------------------------------------ measuring */

/* Two pages of changed text, from the file on one side and from memory on the other */
TEST(measured_is_the_file)
{
	u8 *text = (u8 *)((uintptr_t)code_straddle_insn & -PAGE);
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	u8 *original = vt_anon(2 * PAGE, PROT_RW);

	memcpy(original, text, 2 * PAGE);
	EXPECT_EQ(0x0f, original[PAGE - 1]);
	EXPECT_EQ(0x0b, original[PAGE]);
	original[PAGE] = 0xa2;

	softsgx_image_init(&image);
	ASSERT_EQ(0, softsgx_image_add(&image, 0, 2 * PAGE, original, REG(PROT_RX), true));
	ASSERT_EQ(0, vt_sign(&image, &sig));
	ASSERT_EQ(0, vt_create(&encl, &image));
	ASSERT_EQ(0, vt_ioc_add(encl.fd, text, 0, 2 * PAGE, REG(PROT_RX), SGX_PAGE_MEASURE,
				NULL));
	EXPECT_EQ(0, softsgx_enclave_init(&encl, &sig));
	softsgx_enclave_close(&encl);

	/* UD2 from elsewhere stays UD2. */
	ASSERT_EQ(0, vt_create(&encl, &image));
	original[PAGE] = 0x0b;
	ASSERT_EQ(0, vt_ioc_add(encl.fd, original, 0, 2 * PAGE, REG(PROT_RX), SGX_PAGE_MEASURE,
				NULL));
	EXPECT_EQ(-EPERM, softsgx_enclave_init(&encl, &sig));
	softsgx_enclave_close(&encl);
	softsgx_image_free(&image);
}

static void __attribute__((constructor)) opt_in(int argc, char **argv)
{
	be_executed(argv, true);
}

TEST_HARNESS_MAIN
