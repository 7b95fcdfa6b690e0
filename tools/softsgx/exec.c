// SPDX-License-Identifier: GPL-2.0
/* "softsgx exec": run a command that sees SGX in CPUID, on a machine with SoftSGX. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "../../include/softsgx/personality.h"
#include "cmd.h"

#define EXIT_CANNOT_EXEC 126
#define EXIT_NOT_FOUND 127
#define PROCESSOR "/sys/module/softsgx_cpu"

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void show_sgx(void)
{
	int old = personality(0xffffffff);

	if (!exists(PROCESSOR))
		die("exec: the module softsgx_cpu is not loaded");
	if (old == -1 ||
	    personality((unsigned int)old | SOFTSGX_PER_CPUID) == -1)
		die("exec: cannot set the personality: %s", strerror(errno));
}

static int execute(char **command)
{
	int error;

	execvp(command[0], command);
	error = errno;
	complain("cannot run %s: %s", command[0], strerror(error));
	return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND :
						     EXIT_CANNOT_EXEC;
}

int cmd_exec(int argc, char **argv)
{
	int opt;

	opterr = 0;
	/* "+": what follows the first argument is COMMAND's. */
	while ((opt = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (opt != 'h')
			die("exec: bad option %s: see softsgx exec --help",
			    argv[optind - 1]);
		puts("usage: softsgx exec [--] COMMAND [ARG...]");
		return 0;
	}
	if (optind == argc)
		die("exec: no command given: see softsgx exec --help");
	show_sgx();
	return execute(argv + optind);
}
