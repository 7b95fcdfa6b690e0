// SPDX-License-Identifier: GPL-2.0
/* "softsgx info": collect what there is. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../include/softsgx/personality.h"
#include "info.h"

#define MODULES "/sys/module/"
#define SGX (1U << 2) /* CPUID.7:EBX */
#define LEAF_SGX 0x12
#define SECTION_EPC 1
#define HWCAP2_HAS_FSGSBASE 2

bool info_has_sgx(const struct info_cpuid *c)
{
	return c->max[0] >= LEAF_SGX && c->extended[1] & SGX;
}

/* What is not a name would only confuse who reads the answer. */
static void read_name(const char *path, char *name, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, size - 1);

	if (fd >= 0)
		close(fd);
	name[n < 0 ? 0 : n] = '\0';
	name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] = '\0';
}

static bool reads_yes(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c == 'Y';
}

/* Flags of the first CPU, with a space before and behind each */
static void read_flags(char *flags, size_t size)
{
	char line[4096];
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		char *list = strchr(line, ':');

		if (strncmp(line, "flags", 5) || !list)
			continue;
		list[strcspn(list, "\n")] = ' ';
		snprintf(flags, size, "%s", list + 1);
		break;
	}
	if (f)
		fclose(f);
}

/**
 * info_traps_now() - does an instruction trap inside enclaves, on this machine?
 * @i: the machine
 * @t: the instruction
 */
bool info_traps_now(const struct info *i, const struct info_trap *t)
{
	char needs[32];

	if (!t->needs || i->step)
		return true;
	if (!strcmp(t->needs, INFO_STEP))
		return false;
	snprintf(needs, sizeof(needs), " %s ", t->needs);
	return strstr(i->flags, needs);
}

static void look_at(struct info_device *d, const char *path)
{
	struct stat st;

	d->path = path;
	d->there = !stat(path, &st) && S_ISCHR(st.st_mode);
	d->mode = d->there ? st.st_mode & 07777 : 0;
	d->ours = d->there && !access(path, R_OK | W_OK);
}

static void add_section(struct info *i, const uint32_t r[4])
{
	struct info_section *s = &i->sections[i->nr_sections++];

	s->start = (uint64_t)(r[1] & 0xfffff) << 32 | (r[0] & 0xfffff000);
	s->size = (uint64_t)(r[3] & 0xfffff) << 32 | (r[2] & 0xfffff000);
}

static void understand(struct info *i, const struct info_cpuid *c)
{
	i->answered = info_has_sgx(c);
	if (!i->answered)
		return;
	memcpy(i->vendor, &c->max[1], 4);
	memcpy(i->vendor + 4, &c->max[3], 4);
	memcpy(i->vendor + 8, &c->max[2], 4);
	i->signature = c->features[0];
	i->eax = c->sgx[0][0];
	i->misc = c->sgx[0][1];
	i->size_bits = c->sgx[0][3] >> 8 & 0xff;
	i->attributes = (uint64_t)c->sgx[1][1] << 32 | c->sgx[1][0];
	i->xfrm = (uint64_t)c->sgx[1][3] << 32 | c->sgx[1][2];
	for (size_t n = 2; n < ARRAY_SIZE(c->sgx); n++)
		if ((c->sgx[n][0] & 0xf) == SECTION_EPC)
			add_section(i, c->sgx[n]);
}

void info_collect(struct info *i)
{
	int old = personality(0xffffffff);
	struct info_cpuid here, c;

	memset(i, 0, sizeof(*i));
	i->cpu_loaded = exists(MODULES "softsgx_cpu");
	i->driver_loaded = exists(MODULES "softsgx");
	i->opted_in = old != -1 && old & SOFTSGX_PER_CPUID;
	info_cpuid_here(&here);
	i->real = !i->opted_in && info_has_sgx(&here);
	i->xcr0 = info_xcr0(&here);
	i->vdso = info_has_vdso();
	i->fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_HAS_FSGSBASE;
	read_flags(i->flags, sizeof(i->flags));
	look_at(&i->devices[0], "/dev/sgx_enclave");
	look_at(&i->devices[1], "/dev/sgx_provision");
	if (!i->cpu_loaded)
		return;
	read_name(MODULES "softsgx_cpu/parameters/model", i->model,
		  sizeof(i->model));
	i->step = reads_yes(MODULES "softsgx_cpu/parameters/step");
	if (info_cpuid_opted_in(&c))
		understand(i, &c);
}
