// SPDX-License-Identifier: GPL-2.0
/* What the machine tells an unprivileged program: CPUID, XCR0, the vDSO. */
#include <cpuid.h>
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/softsgx/personality.h"
#include "info.h"

#define LEAF_SGX 0x12
#define OSXSAVE (1U << 27)
#define ENTRY "__vdso_sgx_enter_enclave"

static void ask(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

void info_cpuid_here(struct info_cpuid *c)
{
	memset(c, 0, sizeof(*c));
	ask(0, 0, c->max);
	ask(1, 0, c->features);
	if (c->max[0] >= 7)
		ask(7, 0, c->extended);
	if (c->max[0] < LEAF_SGX)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(c->sgx); i++)
		ask(LEAF_SGX, i, c->sgx[i]);
}

/* "softsgx info --cpuid", which is what the parent below runs. */
int info_cpuid_print(void)
{
	struct info_cpuid c;

	info_cpuid_here(&c);
	return write_full(STDOUT_FILENO, &c, sizeof(c)) ? 0 : EXIT_SOFTSGX;
}

static _Noreturn void ask_opted_in(int out)
{
	int old = personality(0xffffffff);

	if (old != -1 &&
	    personality((unsigned int)old | SOFTSGX_PER_CPUID) != -1 &&
	    dup2(out, STDOUT_FILENO) >= 0)
		execl("/proc/self/exe", "softsgx", "info", "--cpuid",
		      (char *)NULL);
	_exit(EXIT_SOFTSGX);
}

static bool read_full(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/*
 * A program opts in for the text that it maps from then on, so another one has to be
 * executed: this one again.
 */
bool info_cpuid_opted_in(struct info_cpuid *c)
{
	int fds[2], status;
	bool ok;
	pid_t pid;

	if (pipe(fds))
		return false;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		ask_opted_in(fds[1]);
	}
	close(fds[1]);
	ok = pid > 0 && read_full(fds[0], c, sizeof(*c));
	close(fds[0]);
	if (pid > 0)
		ok = waitpid(pid, &status, 0) == pid && ok && !status;
	return ok;
}

uint64_t info_xcr0(const struct info_cpuid *c)
{
	uint32_t low, high;

	if (!(c->features[2] & OSXSAVE))
		return 0;
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static const Elf64_Dyn *find_dyn(const Elf64_Dyn *dyn, Elf64_Sxword tag)
{
	for (; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == tag)
			return dyn;
	return NULL;
}

static bool has_symbol(const char *base, const Elf64_Dyn *dyn,
		       uint64_t load)
{
	const Elf64_Dyn *str = find_dyn(dyn, DT_STRTAB);
	const Elf64_Dyn *sym = find_dyn(dyn, DT_SYMTAB);
	const Elf64_Dyn *hash = find_dyn(dyn, DT_HASH);
	const Elf64_Dyn *strsz = find_dyn(dyn, DT_STRSZ);
	const char *names;
	const Elf64_Sym *s;
	size_t n;

	if (!str || !sym || !strsz)
		return false;
	names = base + (str->d_un.d_ptr - load);
	s = (const Elf64_Sym *)(base + (sym->d_un.d_ptr - load));
	/* Where there is no DT_HASH the names come right behind the symbols. */
	if (hash)
		n = ((const uint32_t *)(base + (hash->d_un.d_ptr - load)))[1];
	else
		n = ((const char *)names - (const char *)s) / sizeof(*s);
	for (size_t i = 0; i < n; i++)
		if (s[i].st_name < strsz->d_un.d_val &&
		    !strcmp(names + s[i].st_name, ENTRY))
			return true;
	return false;
}

/* The kernel's own image: it is taken at its word. */
bool info_has_vdso(void)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *elf = (const void *)base;
	const Elf64_Phdr *ph;
	const Elf64_Dyn *dyn = NULL;
	uint64_t load = 0;

	if (!base)
		return false;
	ph = (const void *)(base + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			load = ph[i].p_vaddr - ph[i].p_offset;
		else if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	}
	return dyn && has_symbol(base, dyn, load);
}
