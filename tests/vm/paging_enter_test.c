// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves at work while their pages leave: code, data, stacks, SSA frames, TCSs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define PAGE		SGX_PAGE_SIZE
#define EPC_FILE	"/sys/kernel/debug/softsgx/epc"
#define FAIL_FILE	"/sys/kernel/debug/softsgx/fail/eldu"
#define TIMES		16

FIXTURE(paging)
{
	struct encl encl;
	long total;
};

static long epc_number(const char *name)
{
	FILE *file = fopen(EPC_FILE, "re");
	char word[32];
	long n = -1;

	while (file && fscanf(file, "%31s %ld", word, &n) == 2 && strcmp(word, name))
		n = -1;
	if (file)
		fclose(file);
	return n;
}

FIXTURE_SETUP(paging)
{
	struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO };

	self->total = epc_number("total_pages");
	ASSERT_LT(0, self->total);
	spec.options.heap_pages = TIMES * self->total;
	encl_load(&self->encl, &spec);
}

FIXTURE_TEARDOWN(paging)
{
	encl_unload(&self->encl);
	EXPECT_TRUE(encl_epc_is_back());
}

static unsigned long fill(const struct encl *encl, unsigned int n, u64 offset, u64 size, u64 seed)
{
	return encl_do(encl, n, ENCL_FILL, encl->info.heap + offset, size, seed);
}

/* Returns the number of words that are wrong. */
static unsigned long check(const struct encl *encl, unsigned int n, u64 offset, u64 size,
			   u64 seed)
{
	return encl_do(encl, n, ENCL_CHECK, encl->info.heap + offset, size, seed);
}

/* --------------------------------------------------------------------- one thread */

TEST_F_TIMEOUT(paging, heap, 120)
{
	u64 size = self->encl.info.heap_size;

	ASSERT_EQ(TIMES * self->total * PAGE, size);
	fill(&self->encl, 0, 0, size, 1);
	EXPECT_EQ(0, check(&self->encl, 0, 0, size, 1));
	fill(&self->encl, 1, 0, size / 2, 2);
	EXPECT_EQ(0, check(&self->encl, 2, 0, size / 2, 2));
	EXPECT_EQ(0, check(&self->encl, 3, size / 2, size / 2, 1));
	EXPECT_NE(0, check(&self->encl, 0, 0, PAGE, 1));
	EXPECT_LT(0, epc_number("ewb"));
}

/* ------------------------------------------------------------- threads, processes */

struct part {
	const struct encl *encl;
	unsigned int n;
	unsigned long wrong;
	pthread_t thread;
};

static void *part_thread(void *data)
{
	struct part *part = data;
	u64 size = part->encl->info.heap_size / ENCL_NR_TCS;

	fill(part->encl, part->n, part->n * size, size, part->n + 1);
	part->wrong = check(part->encl, part->n, part->n * size, size, part->n + 1);
	return NULL;
}

TEST_F_TIMEOUT(paging, threads, 120)
{
	struct part parts[ENCL_NR_TCS];
	unsigned int i;

	for (i = 0; i < ENCL_NR_TCS; i++) {
		parts[i] = (struct part){ .encl = &self->encl, .n = i };
		ASSERT_EQ(0, pthread_create(&parts[i].thread, NULL, part_thread, &parts[i]));
	}
	for (i = 0; i < ENCL_NR_TCS; i++) {
		ASSERT_EQ(0, pthread_join(parts[i].thread, NULL));
		EXPECT_EQ(0, parts[i].wrong);
	}
}

/* Processes that have inherited the enclave run in it at the same time. */
TEST_F_TIMEOUT(paging, processes, 120)
{
	u64 size = self->encl.info.heap_size / ENCL_NR_TCS;
	struct part part;
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ENCL_NR_TCS; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			part = (struct part){ .encl = &self->encl, .n = i };
			part_thread(&part);
			_exit(!!part.wrong);
		}
	}
	for (i = 0; i < ENCL_NR_TCS; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
	/* All of it is one memory. */
	for (i = 0; i < ENCL_NR_TCS; i++)
		EXPECT_EQ(0, check(&self->encl, 0, i * size, size, i + 1));
}

/* ------------------------------------------------------------- somebody is inside */

/* Thread 0 uses so much that everything else has to go. */
static void press(const struct encl *encl)
{
	u64 size = encl->info.heap_size / TIMES * 3;

	fill(encl, 0, 0, size, 7);
}

/* A thread inside goes on, and comes out, on pages that have been away. */
TEST_F_TIMEOUT(paging, visitor, 120)
{
	struct encl_visitor v = {};
	unsigned int i;

	encl_visit(&v, &self->encl, 1);
	for (i = 0; i < 3; i++)
		press(&self->encl);
	EXPECT_FALSE(LOAD(v.out));
	encl_visit_end(&v);
	EXPECT_EQ(0, v.ret);
	EXPECT_EQ(ENCL_DONE, v.call.status);
	/* Its TCS is as good as before. */
	encl_do(&self->encl, 1, ENCL_LOOP, 1, 0, 0);
}

/* An asynchronous exit writes to an SSA frame that is not there. */
static void nothing(int sig)
{
}

TEST_F_TIMEOUT(paging, signals, 120)
{
	struct encl_visitor v = {};
	unsigned int i;

	signal(SIGUSR1, nothing);
	encl_visit(&v, &self->encl, 1);
	for (i = 0; i < 5; i++) {
		press(&self->encl);
		ASSERT_EQ(0, pthread_kill(v.thread, SIGUSR1));
	}
	EXPECT_FALSE(LOAD(v.out));
	encl_visit_end(&v);
	EXPECT_EQ(0, v.ret);
	encl_do(&self->encl, 1, ENCL_LOOP, 1, 0, 0);
}

#define LOADS		"/sys/kernel/debug/tracing/events/softsgx/sgxdrv_load/"
#define TRACE		"/sys/kernel/debug/tracing/trace"
#define NR_EXITS	8

static void tell(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		die("%s: %m", path);
}

/* From now on loads of the TCS and the first SSA frame of thread @n are written down. */
static void trace_loads(const struct encl *encl, unsigned int n)
{
	char text[512];
	unsigned int i;
	int len;

	len = snprintf(text, sizeof(text), "addr == 0x%llx", encl->tcs[n]);
	for (i = 0; i < encl->image.ssa_frame_pages; i++)
		len += snprintf(text + len, sizeof(text) - len, " || addr == 0x%llx",
				encl_frame(encl, n, 0) + i * PAGE);
	tell(LOADS "filter", text);
	tell(TRACE, "");
	tell(LOADS "enable", "1");
}

static unsigned int traced_loads(void)
{
	FILE *file = fopen(TRACE, "re");
	unsigned int loads = 0;
	char line[512];

	if (!file)
		die("%s: %m", TRACE);
	while (fgets(line, sizeof(line), file))
		loads += !!strstr(line, "sgxdrv_load:");
	fclose(file);
	tell(LOADS "enable", "0");
	return loads;
}

/*
 * No exit has to wait for its frame: it has no accessed bit, but counts as used. Now and
 * then all pages are in use, and it leaves nevertheless.
 */
TEST_F_TIMEOUT(paging, frame_stays, 120)
{
	struct encl_visitor v = {};
	unsigned int i, loads;

	signal(SIGUSR1, nothing);
	encl_visit(&v, &self->encl, 1);
	trace_loads(&self->encl, 1);
	for (i = 0; i < NR_EXITS; i++) {
		press(&self->encl);
		ASSERT_EQ(0, pthread_kill(v.thread, SIGUSR1));
	}
	press(&self->encl);
	loads = traced_loads();
	EXPECT_FALSE(LOAD(v.out));
	encl_visit_end(&v);
	EXPECT_EQ(0, v.ret);
	EXPECT_GT(NR_EXITS / 2, loads);

	/* Outside none is: they leave, and the next entry loads them. */
	press(&self->encl);
	trace_loads(&self->encl, 1);
	encl_do(&self->encl, 1, ENCL_LOOP, 1, 0, 0);
	EXPECT_LT(0, traced_loads());
}

#define NR_HOGS		5	/* each may have a quarter of the EPC */
#define HOG_UID		100000

/*
 * Enclaves that are never initialised, as many as one user may have: their SECS stays. A
 * CREATE that takes long would fight for the last pages with a thread that is inside.
 */
static void hog(unsigned int n, int ready)
{
	struct softsgx_image image;
	struct sgx_secs secs;
	struct sgx_enclave_create create = { .src = (uintptr_t)&secs };
	struct sigaction sa = { .sa_handler = nothing };
	u64 base = 1ULL << 32;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGALRM, &sa, NULL);
	if (setresuid(HOG_UID + n, HOG_UID + n, HOG_UID + n))
		die("setresuid: %m");
	softsgx_image_init(&image);
	softsgx_image_add(&image, 0, PAGE, NULL, SGX_SECINFO_REG | SGX_SECINFO_R, false);
	image.size = 2 * PAGE;
	do {
		fd = open("/dev/sgx_enclave", O_RDWR);
		softsgx_image_secs(&image, base, &secs);
		base += image.size;
		alarm(2);
	} while (fd >= 0 && !ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &create));
	alarm(0);
	if (write(ready, "", 1) != 1)
		die("write: %m");
	for (;;)
		pause();
}

/**
 * struct hogs - processes of different users
 * @pids: of them
 * @go: each waits for a byte
 * @ready: each writes one when it has all that it gets
 */
struct hogs {
	pid_t pids[NR_HOGS];
	int go[2];
	int ready[2];
};

/*
 * A thread inside that has too few pages holds the mmap_lock for as long as that lasts,
 * so processes are made before.
 */
static void fork_hogs(struct hogs *hogs)
{
	unsigned int i;
	char c;

	if (pipe(hogs->go) || pipe(hogs->ready))
		die("pipe: %m");
	for (i = 0; i < NR_HOGS; i++) {
		hogs->pids[i] = fork();
		if (hogs->pids[i] < 0)
			die("fork: %m");
		if (!hogs->pids[i] && read(hogs->go[0], &c, 1) == 1)
			hog(i, hogs->ready[1]);
	}
}

/* Returns when hardly any EPC page is free, or can become free. */
static void start_hogs(struct hogs *hogs)
{
	unsigned int i;
	char c;

	for (i = 0; i < NR_HOGS; i++) {
		if (write(hogs->go[1], "", 1) != 1 || read(hogs->ready[0], &c, 1) != 1)
			die("hog %u: %m", i);
	}
}

static void end_hogs(struct hogs *hogs)
{
	unsigned int i;

	for (i = 0; i < NR_HOGS; i++) {
		kill(hogs->pids[i], SIGKILL);
		waitpid(hogs->pids[i], NULL, 0);
	}
	for (i = 0; i < 2; i++) {
		close(hogs->go[i]);
		close(hogs->ready[i]);
	}
}

/* No EPC for the frame of an asynchronous exit: it waits, and nothing is lost. */
TEST_F_TIMEOUT(paging, exit_without_epc, 120)
{
	struct encl_visitor v = {};
	struct hogs hogs;
	unsigned int i;

	fork_hogs(&hogs);
	signal(SIGUSR1, nothing);
	encl_visit(&v, &self->encl, 1);
	press(&self->encl);
	start_hogs(&hogs);
	ASSERT_EQ(0, pthread_kill(v.thread, SIGUSR1));
	sleep_ms(2000);
	EXPECT_FALSE(LOAD(v.out));
	end_hogs(&hogs);

	/* What it wanted to execute may have been out of reach as well: an exception. */
	for (i = 0; i < 100; i++) {
		if (LOAD(v.out) && v.ret)
			encl_visit_resume(&v);
		sleep_ms(10);
	}
	encl_visit_end(&v);
	EXPECT_EQ(0, v.ret);
	EXPECT_EQ(ENCL_DONE, v.call.status);
	encl_do(&self->encl, 1, ENCL_LOOP, 1, 0, 0);
}

struct lonely {
	unsigned long go;
	unsigned long ready;
};

static void stay_inside(struct lonely *shared, u64 size)
{
	struct encl_spec spec = { .options.heap_pages = size / PAGE };
	struct encl_call call = { .a = { (uintptr_t)&shared->go, (uintptr_t)&shared->ready } };
	struct sgx_enclave_run run = {};
	static struct encl encl;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, nothing);
	encl_load(&encl, &spec);
	fill(&encl, 0, 0, size, 7);
	encl_run(&encl, 1, ENCL_WAIT, &call, &run);
	_exit(0);
}

/* An exit that waits does not keep its task alive. */
TEST_F_TIMEOUT(paging, killed_without_epc, 120)
{
	struct lonely *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct hogs hogs;
	int status = 0, i;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)shared);
	fork_hogs(&hogs);
	pid = fork();
	if (!pid)
		stay_inside(shared, 2 * self->total * PAGE);
	ASSERT_LT(0, pid);
	while (!LOAD(shared->ready))
		sleep_ms(1);
	start_hogs(&hogs);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	sleep_ms(1000);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	for (i = 0; i < 1000 && !waitpid(pid, &status, WNOHANG); i++)
		sleep_ms(10);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	end_hogs(&hogs);
	munmap(shared, PAGE);
}

/* Between exception, repair and ERESUME everything has been away. */
TEST_F_TIMEOUT(paging, exception, 120)
{
	struct encl_call call = { .a[0] = ENCL_REGS_UD2 };
	struct sgx_enclave_run run = {};
	struct encl_regs in;
	struct encl_ssa ssa;
	u64 seed = 5;

	encl_random_regs(&seed, &call.regs);
	in = call.regs;
	ASSERT_EQ(-1, encl_run(&self->encl, 1, ENCL_REGS, &call, &run));
	EXPECT_EQ(SGX_ERESUME, run.function);
	EXPECT_EQ(V_UD, run.exception_vector);
	press(&self->encl);
	encl_ssa(&self->encl, 1, &ssa);
	EXPECT_EQ(EXITINFO(V_UD), ssa.exitinfo);
	press(&self->encl);
	encl_do(&self->encl, 1, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	press(&self->encl);
	ASSERT_EQ(0, encl_resume(&self->encl, 1, &call, &run));
	EXPECT_EQ(0, memcmp(in.gpr, call.regs.gpr, sizeof(in.gpr)));
	EXPECT_EQ(in.flags, call.regs.flags);
	EXPECT_EQ(0, memcmp(in.vec[0], call.regs.vec[0], 16));
}

/* EDECCSSA goes back to a frame that is away, and leaves the next exit to it. */
TEST_F_TIMEOUT(paging, decssa, 120)
{
	struct encl_call call = { .a[0] = ENCL_REGS_UD2 }, enclu = {};
	struct sgx_enclave_run run = {};
	struct encl_info info;
	struct encl_ssa ssa;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(-1, encl_run(&self->encl, 1, ENCL_REGS, &call, &run));
		ASSERT_EQ(V_UD, run.exception_vector);
		press(&self->encl);
		enclu.regs.gpr[ENCL_RAX] = SGX_EDECCSSA;
		ASSERT_EQ(0, encl_run(&self->encl, 1, ENCL_ENCLU, &enclu, &run));
		EXPECT_EQ(SGX_EDECCSSA, enclu.regs.gpr[ENCL_RAX]);
		press(&self->encl);
		encl_do(&self->encl, 1, ENCL_INFO, (uintptr_t)&info, 0, 0);
		EXPECT_EQ(0, info.cssa);
	}
	EXPECT_EQ(-1, encl_resume(&self->encl, 1, NULL, &run));
	EXPECT_EQ(V_GP, run.exception_vector);
	call.a[0] = ENCL_DIV0;
	EXPECT_EQ(-1, encl_run(&self->encl, 1, ENCL_FAULT, &call, &run));
	encl_ssa(&self->encl, 1, &ssa);
	EXPECT_EQ(EXITINFO(V_DE), ssa.exitinfo);
}

/* ------------------------------------------------------------------------- rights */

/* What the EPCM refuses it still refuses, and says the same about it. */
TEST_F_TIMEOUT(paging, rights, 120)
{
	struct encl_call call = {};
	struct sgx_enclave_run run = {};
	unsigned int round;

	for (round = 0; round < 2; round++) {
		call = (struct encl_call){ .a[0] = self->encl.info.rodata };
		EXPECT_EQ(-1, encl_run(&self->encl, 1, ENCL_WRITE, &call, &run));
		EXPECT_EQ(V_PF, run.exception_vector);
		EXPECT_EQ(self->encl.info.rodata & -PAGE, run.exception_addr & -PAGE);
		EXPECT_EQ(SGX_PFEC_U | SGX_PFEC_W,
			  run.exception_error_code & (SGX_PFEC_U | SGX_PFEC_W));
		press(&self->encl);

		call = (struct encl_call){ .a[0] = self->encl.info.heap };
		EXPECT_EQ(-1, encl_run(&self->encl, 2, ENCL_JUMP, &call, &run));
		EXPECT_EQ(V_PF, run.exception_vector);
		EXPECT_EQ(self->encl.info.heap, run.exception_addr);
		press(&self->encl);
	}
}

/* -------------------------------------------------------------------- lost enclave */

static void fail_loads(unsigned int times)
{
	FILE *file = fopen(FAIL_FILE, "we");

	if (!file || fprintf(file, "%u", times) < 0 || fclose(file))
		die("%s", FAIL_FILE);
}

/* A page cannot come back: whoever is inside comes out, and nobody gets in again. */
TEST_F_TIMEOUT(paging, lost, 120)
{
	struct encl_call call = { .a = { self->encl.info.heap, self->encl.info.heap_size, 1 } };
	struct sgx_enclave_run run = {};
	unsigned int n;

	fill(&self->encl, 0, 0, self->encl.info.heap_size, 1);
	fail_loads(1000000);
	EXPECT_EQ(-1, encl_run(&self->encl, 1, ENCL_CHECK, &call, &run));
	fail_loads(0);
	EXPECT_EQ(V_PF, run.exception_vector);
	for (n = 0; n < ENCL_NR_TCS; n++) {
		memset(&run, 0, sizeof(run));
		EXPECT_EQ(-1, encl_run(&self->encl, n, ENCL_LOOP, &call, &run));
		EXPECT_EQ(SGX_EENTER, run.function);
		EXPECT_EQ(V_PF, run.exception_vector);
		EXPECT_EQ(self->encl.tcs[n], run.exception_addr);
	}
	EXPECT_EQ(-1, encl_resume(&self->encl, 1, &call, &run));
	EXPECT_EQ(V_PF, run.exception_vector);
}

TEST_HARNESS_MAIN
