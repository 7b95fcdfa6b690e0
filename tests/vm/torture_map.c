// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that a process can do to its mappings of an enclave, with a model of
 * them that says what each access must come to.
 */
#include <signal.h>
#include <stdlib.h>

#include "kselftest.h"
#include "torture.h"

#ifndef MADV_COLD
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#endif

static unsigned int rights_of(unsigned int page)
{
	static const unsigned int rights[] = {
		PROT_RW, PROT_RW, PROT_READ, PROT_RX, PROT_RWX, PROT_RW, PROT_RW, PROT_READ,
	};

	return page < NR_PAGES ? rights[page / 2 % 8] : PROT_RWX;
}

int make_image(void)
{
	static u8 data[SGX_PAGE_SIZE];
	unsigned int page;
	int ret = 0;

	softsgx_image_init(&shared->image);
	for (page = 0; page < NR_PAGES && !ret; page++) {
		fill(data, page);
		ret = softsgx_image_add(&shared->image, page * PAGE, PAGE, data,
					REG(rights_of(page)), false);
	}
	shared->image.size = SIZE;
	return ret ? ret : vt_sign(&shared->image, &shared->sig);
}

u8 *address(const struct held *h, unsigned int page)
{
	return (u8 *)(uintptr_t)(h->base + page * PAGE);
}

void reserve(void *addr, u64 size, int flags)
{
	if (mmap(addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags,
		 -1, 0) != addr)
		fail("no room at %p", addr);
}

void forget(struct held *h, unsigned int page, unsigned int nr)
{
	reserve(address(h, page), nr * PAGE, MAP_FIXED);
	memset(h->prot + page, NOT_MAPPED, nr);
	memset(h->no_fork + page, false, nr);
}

bool take_range(struct held *h, u64 base)
{
	void *addr = (void *)(uintptr_t)base;

	if (mmap(addr, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) != addr)
		return false;
	*h = (struct held){ .used = true, .fd = -1, .base = base };
	memset(h->prot, NOT_MAPPED, sizeof(h->prot));
	return true;
}

/* ------------------------------------------------------------------ accesses */

static int expected(const struct held *h, unsigned int page, bool write)
{
	int prot = h->prot[page];

	if (prot == NOT_MAPPED || prot == PROT_NONE || (write && !(prot & PROT_WRITE)))
		return SIGSEGV;
	if (page >= NR_PAGES || (prot & ~rights_of(page)))
		return SIGBUS;
	return 0;
}

/* After INIT a page comes about in a hole, which the enclave would have to accept first. */
static bool is_expected(int sig, int want, unsigned int page)
{
	return sig == want || (page >= NR_PAGES && want == SIGBUS && sig == SIGSEGV);
}

static void check_page(const struct held *h, unsigned int page)
{
	unsigned int i, step = 1 + any(200);
	u8 *addr = address(h, page);
	int want, sig;

	count(CHECKS);
	if (any(2)) {
		want = expected(h, page, true);
		sig = vt_write(address(h, page) + spot_in(page));
		if (!is_expected(sig, want, page))
			fail("write to page %u (%d): signal %d, not %d", page, h->prot[page], sig,
			     want);
	}
	want = expected(h, page, false);
	sig = vt_read(addr + any(PAGE));
	if (!is_expected(sig, want, page))
		fail("read of page %u (%d): signal %d, not %d", page, h->prot[page], sig, want);
	if (sig)
		return;
	for (i = any(step); i < PAGE; i += step) {
		if (addr[i] != vt_byte(page, i) && addr[i] != 0xff)
			fail("byte %u of page %u is %02x", i, page, addr[i]);
	}
}

void check_pages(const struct held *h, unsigned int page, unsigned int nr)
{
	unsigned int i;

	for (i = page; i < page + nr; i++)
		check_page(h, i);
}

/* ------------------------------------------------------------------ mappings */

/* After half a failure: what there is, by /proc/self/maps */
static void look_again(struct held *h)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	u64 start, end, addr;
	char line[512], r, w, x;

	if (!maps)
		fail("maps");
	memset(h->prot, NOT_MAPPED, sizeof(h->prot));
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "sgx_enclave") ||
		    sscanf(line, "%llx-%llx %c%c%c", &start, &end, &r, &w, &x) != 5)
			continue;
		if (start >= h->base + SIZE || end <= h->base)
			continue;
		for (addr = start; addr < end; addr += PAGE)
			h->prot[(addr - h->base) / PAGE] = (r == 'r' ? PROT_READ : 0) |
							   (w == 'w' ? PROT_WRITE : 0) |
							   (x == 'x' ? PROT_EXEC : 0);
	}
	fclose(maps);
}

static bool denied(unsigned int page, unsigned int nr, int prot)
{
	while (nr--) {
		if (prot & ~rights_of(page + nr))
			return true;
	}
	return false;
}

static bool all_mapped(const struct held *h, unsigned int page, unsigned int nr)
{
	while (nr--) {
		if (h->prot[page + nr] == NOT_MAPPED)
			return false;
	}
	return true;
}

static bool same_prot(const struct held *h, unsigned int page, unsigned int nr)
{
	while (--nr) {
		if (h->prot[page + nr] != h->prot[page])
			return false;
	}
	return h->prot[page] != NOT_MAPPED;
}

/* What most pages allow comes up most often. */
static int some_prot(void)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ, PROT_READ, PROT_RW, PROT_RW, PROT_RX, PROT_RWX,
	};

	return prots[any(ARRAY_SIZE(prots))];
}

static void map_for(struct held *h, unsigned int page, unsigned int nr, int prot, u64 offset)
{
	bool refuse = denied(page, nr, prot);

	if (h->fd < 0)
		return;
	if (mmap(address(h, page), nr * PAGE, prot, MAP_SHARED | MAP_FIXED, h->fd,
		 offset) == MAP_FAILED) {
		if (errno != EACCES || !refuse)
			fail("mmap of %u pages at %u for %d", nr, page, prot);
		forget(h, page, nr);
		count(REFUSED);
		return;
	}
	if (refuse && !h->dumpable)
		fail("mmap of %u pages at %u for %d was not refused", nr, page, prot);
	count(refuse ? UNASKED : MAPPED);
	memset(h->prot + page, prot, nr);
	memset(h->no_fork + page, false, nr);
}

static u64 natural(const struct held *h, unsigned int page)
{
	return (uintptr_t)address(h, page);
}

void map(struct held *h, unsigned int page, unsigned int nr)
{
	u64 offset = any(2) ? 0 : any(3) ? natural(h, page) : any(NR_ALL) * PAGE;

	map_for(h, page, nr, some_prot(), offset);
}

void map_all(struct held *h)
{
	bool all = any(2);
	unsigned int page;

	for (page = 0; page < NR_PAGES; page++)
		map_for(h, page, 1, rights_of(page), all ? natural(h, page) : 0);
}

void map_unasked(struct held *h, unsigned int page)
{
	int prot = h->prot[page];

	if (page + 1 >= NR_ALL || prot == NOT_MAPPED)
		return;
	if (madvise(address(h, page), PAGE, MADV_DODUMP))
		fail("madvise of page %u", page);
	h->dumpable = true;
	map_for(h, page + 1, 1, prot, natural(h, page + 1));
	check_page(h, page + 1);
}

void protect(struct held *h, unsigned int page, unsigned int nr)
{
	int prot = some_prot();
	bool refuse = denied(page, nr, prot);

	if (!all_mapped(h, page, nr))
		return;
	if (mprotect(address(h, page), nr * PAGE, prot)) {
		if (errno != EACCES || !refuse)
			fail("mprotect of %u pages at %u to %d", nr, page, prot);
		/* Of several VMAs some may have changed. */
		look_again(h);
		count(REFUSED);
		return;
	}
	if (refuse)
		fail("mprotect of %u pages at %u to %d was not refused", nr, page, prot);
	memset(h->prot + page, prot, nr);
}

void unmap(struct held *h, unsigned int page, unsigned int nr)
{
	if (any(2) && munmap(address(h, page), nr * PAGE))
		fail("munmap");
	forget(h, page, nr);
}

void move(struct held *h, unsigned int page, unsigned int nr)
{
	u8 *from = address(h, page), *to = (u8 *)SCRATCH;
	int prot, sig;

	if (!same_prot(h, page, nr))
		return;
	prot = h->prot[page];
	if (mremap(from, nr * PAGE, nr * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) {
		/* Several VMAs, because of their other flags */
		if (errno != EFAULT)
			fail("mremap of %u pages at %u", nr, page);
		reserve(to, nr * PAGE, MAP_FIXED);
		return;
	}
	count(MOVED);
	reserve(from, nr * PAGE, MAP_FIXED);
	sig = vt_read(to + any(nr) * PAGE);
	if (sig != (prot ? SIGBUS : SIGSEGV))
		fail("read of a page that has moved: signal %d", sig);
	sig = vt_write(to + any(nr) * PAGE);
	if (sig != (prot & PROT_WRITE ? SIGBUS : SIGSEGV))
		fail("write to a page that has moved: signal %d", sig);
	if (!any(4)) {
		forget(h, page, nr);
	} else if (mremap(to, nr * PAGE, nr * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  from) != from) {
		fail("mremap of %u pages back to %u", nr, page);
	}
	reserve(to, nr * PAGE, MAP_FIXED);
}

void grow(struct held *h, unsigned int page)
{
	u8 *addr = address(h, page);

	if (page + 1 >= NR_ALL || h->prot[page] == NOT_MAPPED ||
	    h->prot[page + 1] != NOT_MAPPED)
		return;
	if (munmap(addr + PAGE, PAGE))
		fail("munmap");
	if (mremap(addr, PAGE, 2 * PAGE, 0) != addr)
		fail("mremap of page %u to 2 pages", page);
	h->prot[page + 1] = h->prot[page];
	h->no_fork[page + 1] = h->no_fork[page];
	check_page(h, page + 1);
}

void advise(struct held *h, unsigned int page, unsigned int nr)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT,
		MADV_DODUMP, MADV_DONTDUMP, MADV_DONTDUMP, MADV_DONTFORK, MADV_DOFORK,
		MADV_RANDOM, MADV_NORMAL,
	};
	int advice = advices[any(ARRAY_SIZE(advices))];

	if (!all_mapped(h, page, nr))
		return;
	if (madvise(address(h, page), nr * PAGE, advice))
		fail("madvise %d of %u pages at %u", advice, nr, page);
	if (advice == MADV_DODUMP)
		h->dumpable = true;
	if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
		memset(h->no_fork + page, advice == MADV_DONTFORK, nr);
}

void system_call(struct held *h, unsigned int page)
{
	u8 buf[64];
	int want = expected(h, page, false), fds[2];
	unsigned int at = any(PAGE - sizeof(buf)), i;
	ssize_t n;
	u8 is;

	if (pipe(fds))
		fail("pipe");
	n = write(fds[1], address(h, page) + at, sizeof(buf));
	if (n != (want ? -1 : (ssize_t)sizeof(buf)) || (want && errno != EFAULT))
		fail("write from page %u (%d): %zd", page, h->prot[page], n);
	if (!want) {
		if (read(fds[0], buf, sizeof(buf)) != sizeof(buf))
			fail("read from a pipe");
		for (i = 0; i < sizeof(buf); i++) {
			is = buf[i];
			if (is != vt_byte(page, at + i) && is != 0xff)
				fail("byte %u of page %u was written as %02x", at + i, page, is);
		}
	}
	close(fds[0]);
	close(fds[1]);
}
