// SPDX-License-Identifier: GPL-2.0
/* "softsgx info": for people, and as JSON. */
#include <stdio.h>

#include "info.h"

static const char *yes(bool b)
{
	return b ? "yes" : "no";
}

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static bool has(uint64_t word, const struct info_bit *b)
{
	return (word & b->bit) == b->bit;
}

static void print_bits(const char *what, uint64_t word,
		       const struct info_bit *bits)
{
	printf("%-12s", what);
	for (; bits->name; bits++)
		if (has(word, bits))
			printf(" %s", bits->name);
	putchar('\n');
}

static void print_traps(const struct info *i, bool traps)
{
	printf("%-12s", traps ? "trapped" : "not trapped");
	for (const struct info_trap *t = info_traps; t->name; t++)
		if (info_traps_now(i, t) == traps)
			printf(" %s", t->name);
	putchar('\n');
}

/* As manuals write it: 06_6AH, and the stepping */
static void print_signature(const struct info *i)
{
	unsigned int family = i->signature >> 8 & 0xf;
	unsigned int model = i->signature >> 4 & 0xf;

	if (family == 15)
		family += i->signature >> 20 & 0xff;
	if (family >= 6)
		model |= i->signature >> 12 & 0xf0;
	printf("%-12s %s %02X_%02XH stepping %u\n", "vendor", i->vendor, family,
	       model, i->signature & 0xf);
}

static void print_cpuid(const struct info *i)
{
	if (!i->answered) {
		puts("cpuid        shows no SGX, not even to a process that opts in");
		return;
	}
	printf("%-12s %s\n", "cpuid",
	       i->opted_in ? "shows SGX to this process" :
			     "shows SGX to processes of softsgx exec only");
	print_signature(i);
	print_bits("features", i->eax, info_features);
	print_bits("attributes", i->attributes, info_attributes);
	print_bits("miscselect", i->misc, info_misc);
	print_bits("xfrm", i->xfrm, info_xfrm);
	printf("%-12s 2^%u bytes\n", "enclave size", i->size_bits);
	for (unsigned int n = 0; n < i->nr_sections; n++)
		printf("%-12s %llu KiB at %#llx\n", "epc",
		       (unsigned long long)i->sections[n].size / 1024,
		       (unsigned long long)i->sections[n].start);
	print_traps(i, true);
	print_traps(i, false);
}

void info_print(const struct info *i)
{
	printf("%-12s %s\n", "processor",
	       i->cpu_loaded ? "softsgx_cpu" : "not loaded");
	if (i->cpu_loaded) {
		printf("%-12s %s\n", "model", *i->model ? i->model : "unknown");
		print_cpuid(i);
	}
	printf("%-12s %s\n", "driver",
	       i->driver_loaded ? "softsgx" : "not loaded");
	for (size_t n = 0; n < ARRAY_SIZE(i->devices); n++) {
		const struct info_device *d = &i->devices[n];

		if (d->there)
			printf("%-12s %s, mode %04o, for this user: %s\n",
			       "device", d->path, d->mode, yes(d->ours));
		else
			printf("%-12s %s: missing\n", "device", d->path);
	}
	printf("%-12s %s\n", "vdso entry", yes(i->vdso));
	printf("%-12s %s\n", "fsgsbase", yes(i->fsgsbase));
	print_bits("xsave", i->xcr0, info_xfrm);
	if (i->real)
		puts("real sgx     yes");
}

static void json_bits(const char *what, uint64_t word,
		      const struct info_bit *bits)
{
	const char *comma = "";

	printf("  \"%s\": [", what);
	for (; bits->name; bits++) {
		if (!has(word, bits))
			continue;
		printf("%s\"%s\"", comma, bits->name);
		comma = ", ";
	}
	puts("],");
}

static void json_sections(const struct info *i)
{
	printf("  \"epc\": [");
	for (unsigned int n = 0; n < i->nr_sections; n++)
		printf("%s{\"start\": %llu, \"size\": %llu}", n ? ", " : "",
		       (unsigned long long)i->sections[n].start,
		       (unsigned long long)i->sections[n].size);
	puts("],");
}

static void json_devices(const struct info *i)
{
	printf("  \"devices\": [");
	for (size_t n = 0; n < ARRAY_SIZE(i->devices); n++) {
		const struct info_device *d = &i->devices[n];

		printf("%s{\"path\": \"%s\", \"there\": %s, \"mode\": \"%04o\", \"usable\": %s}",
		       n ? ", " : "", d->path, truth(d->there), d->mode,
		       truth(d->ours));
	}
	puts("],");
}

static void json_traps(const struct info *i)
{
	printf("  \"traps\": {");
	for (const struct info_trap *t = info_traps; t->name; t++)
		printf("%s\"%s\": %s", t == info_traps ? "" : ", ", t->name,
		       truth(info_traps_now(i, t)));
	puts("},");
}

/* No string in here needs escapes: names are ours, or have been cut to letters. */
void info_print_json(const struct info *i)
{
	puts("{");
	printf("  \"processor\": %s,\n", truth(i->cpu_loaded));
	printf("  \"driver\": %s,\n", truth(i->driver_loaded));
	printf("  \"model\": \"%s\",\n", i->model);
	printf("  \"cpuid\": %s,\n", truth(i->answered));
	printf("  \"opted_in\": %s,\n", truth(i->opted_in));
	printf("  \"real_sgx\": %s,\n", truth(i->real));
	printf("  \"vendor\": \"%s\",\n", i->vendor);
	printf("  \"signature\": %u,\n", i->signature);
	json_bits("features", i->eax, info_features);
	json_bits("attributes", i->attributes, info_attributes);
	json_bits("miscselect", i->misc, info_misc);
	json_bits("xfrm", i->xfrm, info_xfrm);
	json_bits("xsave", i->xcr0, info_xfrm);
	printf("  \"size_bits\": %u,\n", i->size_bits);
	json_sections(i);
	json_devices(i);
	json_traps(i);
	printf("  \"vdso\": %s,\n", truth(i->vdso));
	printf("  \"fsgsbase\": %s\n", truth(i->fsgsbase));
	puts("}");
}
