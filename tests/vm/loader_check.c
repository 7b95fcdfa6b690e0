// SPDX-License-Identifier: GPL-2.0
/*
 * What every loader must survive: many threads, timers, single step, the end of the
 * process while threads are inside, a filter of system calls, no rights.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loader.h"

#define ROUNDS		60
#define LOOPS		20000
#define STORM_US	100
#define STORM_NS	2000000000ULL
#define THREAD_US	1000
#define NOBODY		65534
#define END_STATUS	7

#define CHECK(cond) ({ \
	bool ok_ = (cond); \
	\
	if (!ok_) \
		fprintf(stderr, "# %s:%d: not %s\n", __func__, __LINE__, #cond); \
	!ok_; \
})

static unsigned long nr_signals, nr_exits;

/* What ENCL_LOOP computes */
static u64 expected(unsigned long n)
{
	u64 x = 1;

	while (n--)
		x = x * 6364136223846793005UL + 1442695040888963407UL;
	return x;
}

static void on_alarm(int sig, siginfo_t *info, void *ctx)
{
	const greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	const struct loader *l = loader_now;

	__atomic_fetch_add(&nr_signals, 1, __ATOMIC_SEQ_CST);
	if (!loader_on_signal_stack(&g))
		loader_error("# not on the stack for signals\n");
	/* RCX is the AEP, too. */
	if (g[REG_RAX] != SGX_ERESUME || g[REG_RCX] != g[REG_RIP])
		return;
	if (l->style->aep && g[REG_RIP] != (greg_t)(uintptr_t)l->style->aep)
		loader_error("# an asynchronous exit to another place\n");
	__atomic_fetch_add(&nr_exits, 1, __ATOMIC_SEQ_CST);
	if (loader_tcs_number(l, g[REG_RBX]) == LOADER_TCS)
		loader_error("# RBX is no TCS at an asynchronous exit\n");
}

/* ------------------------------------------------------------------- many threads */

struct worker {
	struct loader *l;
	unsigned int n;
	pthread_t thread;
	int wrong;
};

/* Of this thread only */
static timer_t own_timer(unsigned int us)
{
	struct itimerspec it = { .it_interval.tv_nsec = us * 1000, .it_value.tv_nsec = us * 1000 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	timer_t timer;

	ev._sigev_un._tid = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) || timer_settime(timer, 0, &it, NULL))
		die("timer: %m");
	return timer;
}

static void *work(void *arg)
{
	static const unsigned long faults[] = { ENCL_UD2, ENCL_DIV0, ENCL_NONCANON, ENCL_SYSCALL };
	struct worker *w = arg;
	unsigned int i;
	timer_t timer;
	u64 ret = 0;

	loader_thread(w->l);
	timer = own_timer(THREAD_US);
	for (i = 0; i < ROUNDS; i++) {
		w->wrong += CHECK(!loader_do(w->l, w->n, ENCL_LOOP, LOOPS, 0, 0, &ret));
		w->wrong += CHECK(ret == expected(LOOPS));
		w->wrong += CHECK(!loader_do(w->l, w->n, ENCL_ADD, 1, 3, 0, NULL));
		if (w->l->style->faults)
			w->wrong += CHECK(!loader_do(w->l, w->n, ENCL_FAULT, faults[i % 4], 0, 0,
						     NULL));
	}
	timer_delete(timer);
	return NULL;
}

int loader_check_threads(struct loader *l)
{
	struct worker w[LOADER_TCS];
	unsigned int n;
	u64 sum = 0;
	int wrong = 0;

	loader_catch(SIGALRM, on_alarm);
	for (n = 0; n < LOADER_TCS; n++) {
		w[n] = (struct worker){ .l = l, .n = n };
		if (pthread_create(&w[n].thread, NULL, work, &w[n]))
			die("pthread_create: %m");
	}
	for (n = 0; n < LOADER_TCS; n++) {
		pthread_join(w[n].thread, NULL);
		wrong += w[n].wrong;
	}
	wrong += CHECK(!loader_do(l, 0, ENCL_GET, 0, 3, 0, &sum));
	wrong += CHECK(sum == LOADER_TCS * ROUNDS);
	return wrong;
}

/* ------------------------------------------------------------ many asynchronous exits */

static void timer(int us)
{
	const struct itimerval it = {
		.it_interval.tv_usec = us, .it_value.tv_usec = us,
	};

	if (setitimer(ITIMER_REAL, &it, NULL))
		die("setitimer: %m");
}

/* Signals per second that this machine manages without any enclave */
static u64 without_enclave(void)
{
	u64 start = now_ns();
	unsigned long n;

	timer(STORM_US);
	while (now_ns() - start < STORM_NS / 4)
		;
	timer(0);
	n = __atomic_exchange_n(&nr_signals, 0, __ATOMIC_SEQ_CST);
	return n * 1000000000ULL / (now_ns() - start);
}

int loader_check_storm(struct loader *l)
{
	u64 want = expected(100 * LOOPS), ret = 0, start, plain;
	int wrong = 0;

	loader_catch(SIGALRM, on_alarm);
	plain = without_enclave();
	start = now_ns();
	timer(STORM_US);
	while (now_ns() - start < STORM_NS) {
		wrong += CHECK(!loader_do(l, 0, ENCL_LOOP, 100 * LOOPS, 0, 0, &ret));
		wrong += CHECK(ret == want);
	}
	timer(0);
	start = now_ns() - start;
	fprintf(stderr, "# %lu signals, %lu asynchronous exits in %llu ms: %llu/s; outside %llu\n",
		LOAD(nr_signals), LOAD(nr_exits), start / 1000000,
		LOAD(nr_exits) * 1000000000ULL / start, plain);
	return wrong + CHECK(LOAD(nr_exits) > 0);
}

/* ------------------------------------------------------------------------ single step */

static unsigned long nr_steps, nr_steps_inside;

static void on_step(int sig, siginfo_t *info, void *ctx)
{
	const greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	const struct encl *encl = &loader_now->encl;
	u64 start = loader_now->base + encl->image.segs[0].offset;

	nr_steps++;
	nr_steps_inside += (u64)g[REG_RIP] - start < encl->image.size;
}

/* Returns what it was. */
static bool set_tf(bool on)
{
	unsigned long old;

	asm volatile("lea	-128(%%rsp), %%rsp\n"
		     "pushfq\n"
		     "mov	(%%rsp), %0\n"
		     "andq	$~0x100, (%%rsp)\n"
		     "orq	%1, (%%rsp)\n"
		     "popfq\n"
		     "lea	128(%%rsp), %%rsp\n"
		     : "=&r"(old) : "r"(on ? FLAG_TF : 0) : "memory", "cc");
	return old & FLAG_TF;
}

static unsigned long stepped_do(struct loader *l, unsigned long op, u64 a0, u64 a1, int *failed)
{
	struct encl_call call = { .a = { a0, a1 } };
	int ret;

	set_tf(true);
	ret = l->style->enter(l, 0, op, &call);
	*failed += CHECK(set_tf(false));
	*failed += CHECK(!ret) + CHECK(call.status == ENCL_DONE);
	return call.ret;
}

/* Steps end before the entry and go on after the exit; in the enclave there are none. */
int loader_check_step(struct loader *l)
{
	unsigned long steps;
	int wrong = 0, i;

	loader_catch(SIGTRAP, on_step);
	for (i = 1; i <= 20; i++)
		wrong += CHECK(stepped_do(l, ENCL_ADD, 1, 5, &wrong) == i);
	steps = nr_steps;
	nr_steps = 0;
	wrong += CHECK(stepped_do(l, ENCL_LOOP, LOOPS, 0, &wrong) == expected(LOOPS));
	/* As many for a long way inside as for a short one */
	wrong += CHECK(steps > 20 * 10);
	wrong += CHECK(nr_steps < LOOPS / 10);
	if (l->style->faults)
		stepped_do(l, ENCL_FAULT, ENCL_UD2, 0, &wrong);
	return wrong + CHECK(!nr_steps_inside);
}

/* ------------------------------------------------------------------ the end, inside */

static unsigned long go, ready[LOADER_TCS];

static void *stay(void *arg)
{
	struct worker *w = arg;

	loader_thread(w->l);
	loader_do(w->l, w->n, ENCL_WAIT, (uintptr_t)&go, (uintptr_t)&ready[w->n], 0, NULL);
	return NULL;
}

static void *by_exec(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 7", NULL);
	return NULL;
}

static void *by_exit(void *arg)
{
	exit(END_STATUS);
}

static void fill_with_threads(struct loader *l)
{
	static struct worker w[LOADER_TCS];
	unsigned int n;

	for (n = 0; n < LOADER_TCS; n++) {
		w[n] = (struct worker){ .l = l, .n = n };
		if (pthread_create(&w[n].thread, NULL, stay, &w[n]))
			die("pthread_create: %m");
	}
	for (n = 0; n < LOADER_TCS; n++)
		while (!LOAD(ready[n]))
			usleep(100);
}

static int end_inside(struct loader *l, void *(*end)(void *))
{
	pthread_t thread;

	fill_with_threads(l);
	if (pthread_create(&thread, NULL, end, NULL))
		die("pthread_create: %m");
	pthread_join(thread, NULL);
	return 1;
}

/* In a process and an enclave of its own. Return: status as of wait() */
static int in_child(struct loader *l, int (*fn)(struct loader *l))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %m");
	if (!pid) {
		struct loader own;

		loader_unload(l);
		loader_build(&own, l->style, l->encl.image.segs[0].offset, l->size);
		_exit(fn(&own));
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	return status;
}

static int exit_inside(struct loader *l)
{
	return CHECK(!loader_load(l)) || end_inside(l, by_exit);
}

static int exec_inside(struct loader *l)
{
	return CHECK(!loader_load(l)) || end_inside(l, by_exec);
}

int loader_check_exit(struct loader *l)
{
	return CHECK(in_child(l, exit_inside) == END_STATUS << 8);
}

int loader_check_exec(struct loader *l)
{
	return CHECK(in_child(l, exec_inside) == END_STATUS << 8);
}

/* --------------------------------------------------------------- a filter, no rights */

#define ALLOW(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int set_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_rt_sigreturn),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(*code), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int compute(struct loader *l)
{
	u64 ret = 0;
	int wrong = 0, i;

	for (i = 0; i < 50; i++) {
		wrong += CHECK(!loader_do(l, i % LOADER_TCS, ENCL_LOOP, LOOPS, 0, 0, &ret));
		wrong += CHECK(ret == expected(LOOPS));
		if (l->style->faults)
			wrong += CHECK(!loader_do(l, i % LOADER_TCS, ENCL_FAULT,
						  i & 1 ? ENCL_SYSCALL : ENCL_DIV0, 0, 0, NULL));
	}
	return wrong;
}

static int filtered(struct loader *l)
{
	return CHECK(!loader_load(l)) || CHECK(!set_filter()) || compute(l);
}

static int killed_by_filter(struct loader *l)
{
	set_filter();
	syscall(SYS_getppid);
	return 0;
}

int loader_check_seccomp(struct loader *l)
{
	return CHECK(WTERMSIG(in_child(l, killed_by_filter)) == SIGSYS) +
	       CHECK(in_child(l, filtered) == 0);
}

/* The image has been read: the test may lie where nobody else may read. */
static int as_nobody(struct loader *l)
{
	if (CHECK(!setresgid(NOBODY, NOBODY, NOBODY)) || CHECK(!setresuid(NOBODY, NOBODY, NOBODY)))
		return 1;
	return CHECK(!loader_load(l)) || loader_check_threads(l) + compute(l);
}

int loader_check_user(struct loader *l)
{
	return CHECK(in_child(l, as_nobody) == 0);
}
