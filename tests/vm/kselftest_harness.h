/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's harness with three times the patience: a limit is for tests that hang, and
 * a machine that emulates the VM may have other work.
 */
#ifndef _TESTS_VM_KSELFTEST_HARNESS_H
#define _TESTS_VM_KSELFTEST_HARNESS_H

#include_next <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	90	/* seconds */

#undef TEST_F_TIMEOUT
#define TEST_F_TIMEOUT(fixture, test, seconds) \
	__TEST_F_IMPL(fixture, test, -1, 3 * (seconds))

#endif /* _TESTS_VM_KSELFTEST_HARNESS_H */
