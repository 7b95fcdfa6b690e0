/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs that count merged VMAs: before any test, leave if the kernel merges
 * at the next mprotect() only.
 */
#ifndef _TESTS_VM_MERGES_H
#define _TESTS_VM_MERGES_H

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

__attribute__((constructor)) static void need_merge_at_mmap(void)
{
	struct utsname uts;

	uname(&uts);
	if (strncmp(uts.release, "6.1.", 4)) {
		printf("1..1\nok 1 # SKIP this kernel merges at the next mprotect() only\n");
		fflush(stdout);
		_exit(0);
	}
}

#endif /* _TESTS_VM_MERGES_H */
