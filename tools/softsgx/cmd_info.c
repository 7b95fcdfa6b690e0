// SPDX-License-Identifier: GPL-2.0
/* "softsgx info": what processor and what driver are there? */
#include <getopt.h>
#include <stdio.h>

#include "info.h"

#define EXIT_NO_SGX 1

static const struct option long_options[] = {
	{ "cpuid", no_argument, NULL, 'c' }, /* for info_cpuid.c */
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

int cmd_info(int argc, char **argv)
{
	bool json = false;
	struct info i;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			return info_cpuid_print();
		case 'h':
			puts("usage: softsgx info [--json]");
			return 0;
		case 'j':
			json = true;
			break;
		default:
			die("info: bad option %s: see softsgx info --help",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		die("info: takes no arguments: see softsgx info --help");
	info_collect(&i);
	if (json)
		info_print_json(&i);
	else
		info_print(&i);
	return i.cpu_loaded && i.driver_loaded ? 0 : EXIT_NO_SGX;
}
