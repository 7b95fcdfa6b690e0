// SPDX-License-Identifier: GPL-2.0
/* softsgx: the command line of SoftSGX. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

#ifndef SOFTSGX_VERSION
#define SOFTSGX_VERSION "0.1"
#endif

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);
static int cmd_list(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "run a command in a VM that has SGX" },
	{ "exec", cmd_exec, "run a command that sees SGX in CPUID" },
	{ "info", cmd_info, "say what processor there is" },
	{ "sign", cmd_sign, "measure and sign an enclave" },
	{ "help", cmd_help, "show the manual page of a command" },
	{ "version", cmd_version, "print the version" },
	{ "--list-cmds", cmd_list, NULL },
};

/* In place of cmd_sign.c where the library it needs is not built in. */
#pragma weak cmd_sign
int cmd_sign(int argc, char **argv)
{
	(void)argc;
	die("%s: not built in: install the Debian package libssl-dev and build again",
	    argv[0]);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_usage(FILE *to)
{
	fputs("usage: softsgx COMMAND [ARG...]\n\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].help)
			fprintf(to, "  %-10s %s\n", commands[i].name,
				commands[i].help);
	fputs("\n\"softsgx help COMMAND\" shows the manual page.\n", to);
}

/* For shell completion. */
static int cmd_list(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].help)
			puts(commands[i].name);
	return 0;
}

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("softsgx " SOFTSGX_VERSION);
	return 0;
}

/* From the source tree the page is a file, else man knows where it is. */
static int cmd_help(int argc, char **argv)
{
	char *page, *file;

	if (argc < 2) {
		print_usage(stdout);
		return 0;
	}
	if (!find_command(argv[1]))
		die("unknown command %s: see softsgx help", argv[1]);
	page = xprintf("softsgx-%s", argv[1]);
	file = xprintf("%s/../man/%s.1", exe_dir(), page);
	if (exists(file))
		page = file;
	execlp("man", "man", page, (char *)NULL);
	die("cannot run man: install the Debian package man-db");
}

static const char *alias(const char *name)
{
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		return "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		return "version";
	return name;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		die("no command given: see softsgx help");
	command = find_command(alias(argv[1]));
	if (!command)
		die("unknown command %s: see softsgx help", argv[1]);
	return command->run(argc - 1, argv + 1);
}
