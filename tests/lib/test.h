/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cmocka wants these headers, in this order; and small helpers.
 */
#ifndef _TESTS_LIB_TEST_H
#define _TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/softsgx.h"

/* Path of a file in the build directory */
static inline const char *built(const char *name)
{
	static char path[4096];
	const char *b = getenv("B");

	snprintf(path, sizeof(path), "%s/%s", b ? b : "build", name);
	return path;
}

static inline void assert_hash(const u8 hash[SOFTSGX_HASH_SIZE],
			       const char *expected)
{
	char text[2 * SOFTSGX_HASH_SIZE + 1];
	int i;

	for (i = 0; i < SOFTSGX_HASH_SIZE; i++)
		sprintf(text + 2 * i, "%02x", hash[i]);
	assert_string_equal(text, expected);
}

#endif /* _TESTS_LIB_TEST_H */
