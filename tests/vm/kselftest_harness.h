/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's harness with three times the patience: a limit is for tests that hang, and
 * a machine that emulates the VM may have other work. On a kernel with much to debug there
 * is as much more patience as it is slower, which a loop finds out when the program starts.
 */
#ifndef _TESTS_VM_KSELFTEST_HARNESS_H
#define _TESTS_VM_KSELFTEST_HARNESS_H

#include <sys/mman.h>
#include <time.h>

#include_next <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	90	/* seconds */

#undef TEST_F_TIMEOUT
#define TEST_F_TIMEOUT(fixture, test, seconds) \
	__TEST_F_IMPL(fixture, test, -1, 3 * (seconds))

/* What SLOW_ROUNDS of mmap(), page fault and munmap() take in an emulated VM otherwise */
#define SLOW_ROUNDS	200
#define SLOW_NORMAL_US	20000
#define SLOW_MAX	10

/* How many times slower than that this kernel is, SLOW_MAX at most. Waits know it, too. */
unsigned int vt_slowness = 1;

static inline void __find_slowness(void)
{
	struct timespec from, to;
	unsigned int i, us = 0;
	char *p;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < SLOW_ROUNDS && us < SLOW_MAX * SLOW_NORMAL_US; i++) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return;
		*(volatile char *)p = 1;
		munmap(p, 4096);
		clock_gettime(CLOCK_MONOTONIC, &to);
		us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	}
	if (us > 2 * SLOW_NORMAL_US)
		vt_slowness = us / SLOW_NORMAL_US;
	if (vt_slowness > SLOW_MAX)
		vt_slowness = SLOW_MAX;
}

static inline int __run_patiently(int argc, char **argv)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	__find_slowness();
	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= vt_slowness;
	ksft_print_msg("time-outs times %u\n", vt_slowness);
	return test_harness_run(argc, argv);
}

/* In the program's main() */
#define test_harness_run(argc, argv) __run_patiently(argc, argv)

#endif /* _TESTS_VM_KSELFTEST_HARNESS_H */
