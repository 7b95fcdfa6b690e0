// SPDX-License-Identifier: GPL-2.0
/*
 * gdb, and a thread inside an enclave: a backtrace from the AEP comes to main(), and a
 * step over the rest of the enclave leaves nothing behind.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define OUTPUT_MAX	65536

/* Shared by debugger and debuggee */
struct shared {
	struct encl_call call;
	struct softsgx_raw raw;
	unsigned long go;
	unsigned long ready;
};

FIXTURE(gdb)
{
	struct encl encl;
	struct shared *s;
	pid_t pid;
	char output[OUTPUT_MAX];
};

FIXTURE_SETUP(gdb)
{
	encl_load(&self->encl, NULL);
	self->s = mmap(NULL, sizeof(*self->s), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->s);
	ASSERT_EQ(0, softsgx_raw_init(&self->s->raw));
	self->s->call.a[0] = (uintptr_t)&self->s->go;
	self->s->call.a[1] = (uintptr_t)&self->s->ready;
}

FIXTURE_TEARDOWN(gdb)
{
	if (self->pid) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	encl_unload(&self->encl);
}

static bool gdb_is_there(void)
{
	return !system("gdb --version >/dev/null 2>&1");
}

#define SKIP_WITHOUT_GDB()					\
	do {							\
		if (!gdb_is_there())				\
			SKIP(return, "gdb is not installed");	\
	} while (0)

/* The second entry has the flags that the first one has come back with. */
__attribute__((noinline))
static int visit_raw(struct _test_data_gdb *self)
{
	struct shared *s = self->s;

	encl_raw_args(&s->raw, ENCL_WAIT, &s->call);
	softsgx_raw_enter(&s->raw, self->encl.tcs[0]);
	s->raw.regs.di = ENCL_NOP;
	softsgx_raw_enter(&s->raw, self->encl.tcs[0]);
	return s->call.status != ENCL_DONE;
}

__attribute__((noinline))
static int visit_vdso(struct _test_data_gdb *self)
{
	struct sgx_enclave_run run = { .tcs = self->encl.tcs[0] };
	struct softsgx_args args = { .rdi = ENCL_WAIT, .rsi = (uintptr_t)&self->s->call };
	int ret = softsgx_enter(&run, SGX_EENTER, &args);

	return ret || run.function != SGX_EEXIT || self->s->call.status != ENCL_DONE;
}

/* A child that is inside */
static void start(struct __test_metadata *_metadata, struct _test_data_gdb *self,
		  int (*visit)(struct _test_data_gdb *self))
{
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		_exit(visit(self));
	while (!LOAD(self->s->ready))
		usleep(100);
}

static void gdb(struct __test_metadata *_metadata, struct _test_data_gdb *self,
		const char *commands)
{
	char command[512];
	FILE *pipe;
	size_t n;

	snprintf(command, sizeof(command), "gdb -nx -batch -p %d %s 2>&1", self->pid, commands);
	pipe = popen(command, "re");
	ASSERT_NE(NULL, pipe);
	n = fread(self->output, 1, sizeof(self->output) - 1, pipe);
	self->output[n] = '\0';
	EXPECT_EQ(0, pclose(pipe));
}

/* One after another */
static bool says(const struct _test_data_gdb *self, const char *const *words)
{
	const char *p = self->output;

	for (; *words && p; words++)
		p = strstr(p, *words);
	if (!p)
		fprintf(stderr, "# no %s in this:\n%s\n", words[-1], self->output);
	return p;
}

static void finish(struct __test_metadata *_metadata, struct _test_data_gdb *self)
{
	int status;

	STORE(self->s->go, 1);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	self->pid = 0;
}

/* What is between these may be a jump instead of a call. */
TEST_F_TIMEOUT(gdb, backtrace, 300)
{
	static const char *const words[] = {
		"#0 ", "softsgx_raw_", "visit_raw", "main", NULL
	};

	SKIP_WITHOUT_GDB();
	start(_metadata, self, visit_raw);
	gdb(_metadata, self, "-ex bt");
	EXPECT_EQ(true, says(self, words));
	finish(_metadata, self);
}

TEST_F_TIMEOUT(gdb, backtrace_from_vdso, 300)
{
	static const char *const words[] = {
		"#0 ", "sgx_enter_enclave", "softsgx_enter_with", "visit_vdso", "main", NULL
	};

	SKIP_WITHOUT_GDB();
	start(_metadata, self, visit_vdso);
	gdb(_metadata, self, "-ex bt");
	EXPECT_EQ(true, says(self, words));
	finish(_metadata, self);
}

/* The two instructions before the ENCLU, it, and on */
TEST_F_TIMEOUT(gdb, step_and_continue, 300)
{
	static const char *const words[] = { "exited normally", NULL };
	char commands[256];

	SKIP_WITHOUT_GDB();
	start(_metadata, self, visit_raw);
	snprintf(commands, sizeof(commands),
		 "-ex 'set *(unsigned long *)%p = 1' -ex stepi -ex stepi -ex stepi -ex continue",
		 &self->s->go);
	gdb(_metadata, self, commands);
	EXPECT_EQ(true, says(self, words));
	EXPECT_EQ(NULL, strstr(self->output, "SIGTRAP"));
	finish(_metadata, self);
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
