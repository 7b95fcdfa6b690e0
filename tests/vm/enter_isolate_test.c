// SPDX-License-Identifier: GPL-2.0
/* Enclave memory closed outside enclave mode: who gets in, who does not, who learns of it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define PARAMETER	"/sys/module/softsgx_cpu/parameters/isolate"
#define KEY		15
#define KEY_MASK	(3U << (2 * KEY))
#define ERROR_PK	0x20
#define PATTERN		0x1122334455667788ULL

static bool has_keys(void)
{
	u32 a = 7, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c & 0x10;		/* OSPKE */
}

static u32 rdpkru(void)
{
	u32 a, d;

	asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void wrpkru(u32 a)
{
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(a), "c"(0), "d"(0) : "memory");
}

static void set_isolate(bool on)
{
	FILE *f = fopen(PARAMETER, "w");

	if (!f || fputs(on ? "1" : "0", f) < 0 || fclose(f))
		die("%s cannot be set", PARAMETER);
}

FIXTURE(isolate)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	u64 *scratch;
};

FIXTURE_VARIANT(isolate)
{
	u64 attributes;
};

FIXTURE_VARIANT_ADD(isolate, production)
{
};

FIXTURE_VARIANT_ADD(isolate, debug)
{
	.attributes = SGX_ATTR_DEBUG,
};

FIXTURE_SETUP(isolate)
{
	const struct encl_spec spec = { .options.attributes = variant->attributes };

	if (!has_keys())
		SKIP(return, "this CPU has no protection keys");
	set_isolate(true);
	encl_load(&self->encl, &spec);
	self->scratch = (u64 *)self->encl.info.scratch;
	encl_catch_faults(0);
}

FIXTURE_TEARDOWN(isolate)
{
	set_isolate(false);
	if (self->scratch)
		encl_unload(&self->encl);
}

static sigjmp_buf back;

static void jump_back(int sig, siginfo_t *info, ucontext_t *uc)
{
	siglongjmp(back, 1);
}

/* Returns the signal, 0 if there was none. */
static int touch(volatile u64 *p, bool write, u64 *value)
{
	encl_caught.n = 0;
	encl_caught.hook = jump_back;
	if (!sigsetjmp(back, 1)) {
		if (write)
			*p = *value;
		else
			*value = *p;
	}
	encl_caught.hook = NULL;
	return encl_caught.n ? encl_caught.info.si_signo : 0;
}

static u64 inside_read(struct _test_data_isolate *self, u64 *p)
{
	return encl_do(&self->encl, 0, ENCL_READ, (uintptr_t)p, 0, 0);
}

static void inside_write(struct _test_data_isolate *self, u64 *p, u64 value)
{
	encl_do(&self->encl, 0, ENCL_WRITE, (uintptr_t)p, value, 0);
}

/* Neither before nor after the enclave has used the page */
TEST_F(isolate, outside)
{
	u64 value = 5;
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
		EXPECT_EQ(5, value);
		EXPECT_EQ(SEGV_PKUERR, encl_caught.info.si_code);
		EXPECT_EQ(self->scratch, encl_caught.info.si_addr);
		EXPECT_EQ(SIGSEGV, touch(self->scratch, true, &value));
		EXPECT_EQ(SEGV_PKUERR, encl_caught.info.si_code);
		EXPECT_EQ(SIGSEGV, touch((u64 *)self->encl.info.code, false, &value));
		EXPECT_EQ(SIGSEGV, touch((u64 *)self->encl.info.rodata, false, &value));
		inside_write(self, self->scratch, PATTERN);
	}
	EXPECT_EQ(PATTERN, inside_read(self, self->scratch));
}

TEST_F(isolate, inside)
{
	u64 plain = 1, *p = &plain;

	inside_write(self, self->scratch, PATTERN);
	EXPECT_EQ(PATTERN, inside_read(self, self->scratch));
	inside_write(self, p, PATTERN);
	EXPECT_EQ(PATTERN, LOAD(plain));
	EXPECT_EQ(0, encl_do(&self->encl, 0, ENCL_CHECK, self->encl.info.scratch, 0, 1));
}

/* One thread being inside opens nothing for another one. */
TEST_F(isolate, other_thread)
{
	struct encl_visitor v;
	u64 value;
	int i;

	encl_visit(&v, &self->encl, 1);
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
		inside_write(self, self->scratch, i);
		EXPECT_EQ(i, inside_read(self, self->scratch));
	}
	encl_visit_end(&v);
}

TEST_F(isolate, system_calls)
{
	int fds[2];

	inside_write(self, self->scratch, PATTERN);
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, write(fds[1], self->scratch, 8));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(8, write(fds[1], "01234567", 8));
	EXPECT_EQ(-1, read(fds[0], self->scratch, 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(PATTERN, inside_read(self, self->scratch));
}

/* What a task has no right to it must have no right to afterwards, however it comes out. */
TEST_F(isolate, rights_come_back)
{
	static const u32 rights[] = { KEY_MASK, KEY_MASK & (KEY_MASK << 1), 0 };
	u32 others = rdpkru() & ~KEY_MASK, i;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		wrpkru(others | rights[i]);
		inside_write(self, self->scratch, i);
		EXPECT_EQ(others | rights[i], rdpkru());
		self->call = (struct encl_call){ .a[0] = ENCL_UD2 };
		EXPECT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
		EXPECT_EQ(others | rights[i], rdpkru());
		encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
		EXPECT_EQ(0, encl_resume(&self->encl, 0, &self->call, &self->run));
		EXPECT_EQ(others | rights[i], rdpkru());
		/* A program that helps itself gets in, as far as it does. */
		EXPECT_EQ(rights[i] == KEY_MASK ? SIGSEGV : 0,
			  touch(self->scratch, false, &value));
	}
	wrpkru(others | KEY_MASK);
}

TEST_F(isolate, debugger)
{
	bool debug = variant->attributes & SGX_ATTR_DEBUG;
	int mem = open("/proc/self/mem", O_RDONLY);
	u64 value = 0;

	inside_write(self, self->scratch, PATTERN);
	EXPECT_EQ(debug ? 8 : -1, pread(mem, &value, 8, (uintptr_t)self->scratch));
	EXPECT_EQ(debug ? PATTERN : 0, value);
	close(mem);
}

TEST_F(isolate, other_rights)
{
	u64 value;

	ASSERT_EQ(0, mprotect(self->scratch, SGX_PAGE_SIZE, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
	ASSERT_EQ(0, mprotect(self->scratch, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
	inside_write(self, self->scratch, PATTERN);
	EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
	EXPECT_EQ(PATTERN, inside_read(self, self->scratch));
}

TEST_F(isolate, child)
{
	int status;
	u64 value;
	pid_t pid;

	inside_write(self, self->scratch, PATTERN);
	pid = fork();
	if (!pid) {
		int ok = touch(self->scratch, false, &value) == SIGSEGV &&
			 inside_read(self, self->scratch) == PATTERN &&
			 touch(self->scratch, false, &value) == SIGSEGV;

		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The log is not written to faster than allowed: try until it is there. */
TEST_F(isolate, log)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), ms;
	char line[1024], where[32];
	bool seen = false;
	u64 value;
	ssize_t n;

	ASSERT_LE(0, log);
	lseek(log, 0, SEEK_END);
	snprintf(where, sizeof(where), "address %lx", (unsigned long)self->scratch);
	for (ms = 0; !seen && ms < 15000; ms += 100) {
		EXPECT_EQ(SIGSEGV, touch(self->scratch, false, &value));
		while ((n = read(log, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
			line[n > 0 ? n : 0] = 0;
			seen |= strstr(line, "from outside") && strstr(line, where);
		}
		if (!seen)
			sleep_ms(100);
	}
	EXPECT_TRUE(seen);
	close(log);
}

/* What the suites of mappings rely on: off, it is as if it did not exist. */
TEST(switched_off)
{
	const struct encl_spec spec = { };
	struct encl encl;
	u64 value = 0;

	set_isolate(false);
	encl_load(&encl, &spec);
	encl_catch_faults(0);
	encl_do(&encl, 0, ENCL_WRITE, encl.info.scratch, PATTERN, 0);
	EXPECT_EQ(0, touch((u64 *)encl.info.scratch, false, &value));
	EXPECT_EQ(PATTERN, value);
	encl_unload(&encl);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
