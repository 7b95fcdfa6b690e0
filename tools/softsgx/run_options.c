// SPDX-License-Identifier: GPL-2.0
/* The command line of "softsgx run", and what cannot be asked for. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "run.h"

#define MIB 1048576ULL
#define EPC_MIN (64ULL << 10) /* the processor's own limit */
#define EPC_DEFAULT (128 * MIB)
#define MEM_MIN (256 * MIB)
#define MEM_DEFAULT (2048 * MIB)
#define CPUS_DEFAULT 4
#define CPUS_MAX 255 /* of the machine QEMU makes */
#define NODES_MAX 8

enum {
	OPT_EPC = 1,
	OPT_MODEL,
	OPT_PARAM,
	OPT_CPUS,
	OPT_MEM,
	OPT_NUMA,
	OPT_KERNEL,
	OPT_LOG,
	OPT_RW,
	OPT_CHECK,
	OPT_MODULE,
	OPT_APPEND,
	OPT_NO_MODULES,
	OPT_NO_CPUID,
	OPT_COLD,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "epc", required_argument, NULL, OPT_EPC },
	{ "model", required_argument, NULL, OPT_MODEL },
	{ "param", required_argument, NULL, OPT_PARAM },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "numa", required_argument, NULL, OPT_NUMA },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "rw", required_argument, NULL, OPT_RW },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "no-modules", no_argument, NULL, OPT_NO_MODULES },
	{ "no-cpuid", no_argument, NULL, OPT_NO_CPUID },
	{ "cold", no_argument, NULL, OPT_COLD },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: softsgx run [--epc SIZE] [--model NAME] [--param NAME=VALUE]...\n"
	"                   [--cpus N] [--mem SIZE] [--numa N]\n"
	"                   [--kernel RELEASE] [--log FILE] [--rw DIR]...\n"
	"                   [--check] [--no-cpuid] [--no-modules] [--cold]\n"
	"                   [--module FILE]... [--append STRING] [--]\n"
	"                   COMMAND [ARG...]\n";

static uint64_t host_memory(void)
{
	struct sysinfo info;

	if (sysinfo(&info))
		return 0;
	return (uint64_t)info.totalram * info.mem_unit;
}

static uint64_t need_size(const char *option, const char *text)
{
	uint64_t size;

	if (!parse_size(text, &size))
		die("--%s %s: not a size (a number, then nothing or K, M, G, T)",
		    option, text);
	return size;
}

static void set_cpus(struct run_options *o, const char *text)
{
	if (!parse_number(text, &o->cpus) || !o->cpus || o->cpus > CPUS_MAX)
		die("--cpus %s: not a number from 1 to %d", text, CPUS_MAX);
}

static void set_nodes(struct run_options *o, const char *text)
{
	if (!parse_number(text, &o->nodes) || !o->nodes || o->nodes > NODES_MAX)
		die("--numa %s: not a number from 1 to %d", text, NODES_MAX);
}

/* Which models there are the processor knows; here it is about the shape of a name. */
static void set_model(struct run_options *o, const char *name)
{
	if (!*name ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		die("--model %s: not the name of a model", name);
	o->model = name;
}

/* One word for the kernel's list of parameters, which quotes would end */
static void add_param(struct run_options *o, const char *text)
{
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (!name || text[name] != '=' || !text[name + 1])
		die("--param %s: not NAME=VALUE", text);
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '"')
			die("--param %s: a character that has no place there", text);
	list_add(&o->params, xstrdup(text));
}

static void add_rw(struct run_options *o, const char *dir)
{
	char *real = realpath(dir, NULL);
	struct stat st;

	if (!real || stat(real, &st))
		die("--rw %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("--rw %s: not a directory", dir);
	if (!strcmp(real, "/"))
		die("--rw /: name the directories to write to");
	list_add(&o->rw, real);
}

static void add_module(struct run_options *o, const char *file)
{
	char *real = realpath(file, NULL);

	if (!real)
		die("--module %s: %s", file, strerror(errno));
	list_add(&o->modules, real);
}

static void set_option(struct run_options *o, int opt)
{
	switch (opt) {
	case OPT_EPC:
		o->epc = need_size("epc", optarg);
		if (o->epc < EPC_MIN || o->epc % 4096)
			die("--epc %s: not whole pages of 4K, 64K at least",
			    optarg);
		break;
	case OPT_MODEL:
		set_model(o, optarg);
		break;
	case OPT_PARAM:
		add_param(o, optarg);
		break;
	case OPT_MEM:
		o->mem = need_size("mem", optarg);
		if (o->mem < MEM_MIN)
			die("--mem %s: a VM needs 256M at least", optarg);
		break;
	case OPT_CPUS:
		set_cpus(o, optarg);
		break;
	case OPT_NUMA:
		set_nodes(o, optarg);
		break;
	case OPT_KERNEL:
		o->release = optarg;
		break;
	case OPT_LOG:
		o->log = optarg;
		break;
	case OPT_RW:
		add_rw(o, optarg);
		break;
	case OPT_MODULE:
		add_module(o, optarg);
		break;
	case OPT_APPEND:
		o->append = optarg;
		break;
	}
}

static void set_flag(struct run_options *o, int opt, char **argv)
{
	switch (opt) {
	case OPT_CHECK:
		o->check = true;
		break;
	case OPT_NO_MODULES:
		o->no_modules = true;
		break;
	case OPT_NO_CPUID:
		o->no_cpuid = true;
		break;
	case OPT_COLD:
		o->cold = true;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	case ':':
		die("run: %s needs a value", argv[optind - 1]);
	case '?':
		die("run: bad option %s: see softsgx run --help",
		    argv[optind - 1]);
	}
}

static void set_sizes(struct run_options *o)
{
	uint64_t host = host_memory();
	uint64_t base = MEM_DEFAULT;

	if (!o->epc)
		o->epc = EPC_DEFAULT;
	if (o->epc > host)
		die("--epc: more than the %llu MiB of memory of this machine",
		    (unsigned long long)(host / MIB));
	if (base > host / 2)
		base = host / 2 < MEM_MIN ? MEM_MIN : host / 2;
	/* Half as much again: an enclave's pages also live outside the EPC. */
	if (!o->mem)
		o->mem = base + o->epc + o->epc / 2;
	o->mem = (o->mem + MIB - 1) / MIB * MIB;
	if (o->mem > host)
		die("a VM of %llu MiB is more than the %llu MiB of memory of this machine",
		    (unsigned long long)(o->mem / MIB),
		    (unsigned long long)(host / MIB));
	if (!o->no_modules && o->epc > o->mem / 4 * 3)
		die("--epc: more than three quarters of the VM's %llu MiB of memory",
		    (unsigned long long)(o->mem / MIB));
}

void run_options_parse(struct run_options *o, int argc, char **argv)
{
	int opt;

	memset(o, 0, sizeof(*o));
	o->append = "";
	opterr = 0;
	/* "+": what follows the first argument is COMMAND's. */
	while ((opt = getopt_long(argc, argv, "+:", long_options, NULL)) !=
	       -1) {
		set_option(o, opt);
		set_flag(o, opt, argv);
	}
	if (optind == argc)
		die("run: no command given: see softsgx run --help");
	o->command = argv + optind;
	if (!o->cpus) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		o->cpus = n < 1 ? 1 : n > CPUS_DEFAULT ? CPUS_DEFAULT : n;
	}
	if (o->nodes && o->cpus % o->nodes)
		die("--numa %lu: does not divide the number of CPUs, %lu",
		    o->nodes, o->cpus);
	set_sizes(o);
}
