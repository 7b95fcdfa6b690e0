// SPDX-License-Identifier: GPL-2.0
/*
 * A crowd of processes does everything that can be done to mappings of enclaves,
 * in any order, while others walk over them, look at them, close their files and
 * kill them. Each process knows what each of its accesses must come to.
 *
 * TORTURE_SECONDS says how long, TORTURE_SEED what: each process draws from a
 * sequence of its own, so what it does is repeated, when it does so is not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"
#include "kselftest_harness.h"

#define SECONDS		20
#define PATIENCE_MS	120000		/* for what is left at the end */
#define MANY_OPS	10000
#define NR_WORKERS	12
#define NR_WATCHERS	2
#define NR_CLOSERS	1
#define NR_PROCS	(NR_WORKERS + NR_WATCHERS + NR_CLOSERS)
#define MAX_HELD	4
#define MAX_KIDS	3
#define MAX_DEPTH	2
#define NR_PAGES	40		/* 0 to 39; the rest of the enclave is holes */
#define NR_ALL		64
#define SIZE		(NR_ALL * PAGE)
#define NR_SLOTS	4096		/* address ranges */
#define FIRST_SLOT	0x100000000000ULL
#define SCRATCH		(FIRST_SLOT - 2 * SIZE)
#define NOT_MAPPED	-1
#define REG(rights)	(SGX_SECINFO_REG | (rights))

#ifndef MADV_COLD
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#endif

enum count {
	OPS, CHECKS, BUILT, MAPPED, REFUSED, UNASKED, MOVED, FORKED, KILLED, EXECS,
	SENT, RECEIVED, WALKS, LOOKS, CLOSED, NR_COUNTS,
};

static const char * const count_names[NR_COUNTS] = {
	"operations", "pages checked", "enclaves", "mappings", "refused", "merged unasked",
	"moved", "forks", "kills", "execs", "files sent", "received", "walks", "looks",
	"files closed by others",
};

/* Of all processes */
static struct shared {
	u64 end;
	bool failed;
	pid_t pids[NR_PROCS];		/* to look at; may be gone already */
	u64 counts[NR_COUNTS];
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	int box[2];			/* enclaves to whoever takes them */
	unsigned int seed;
} *shared;

/**
 * struct held - an enclave that a process has to do with
 * @used: the slot is
 * @fd: its file or -1
 * @base: address
 * @dumpable: it may have VMAs without VM_DONTDUMP, into which the core merges others
 * @prot: by page: protection of the VMA, or NOT_MAPPED
 * @no_fork: by page: a child will not have it
 */
struct held {
	bool used;
	int fd;
	u64 base;
	bool dumpable;
	signed char prot[NR_ALL];
	bool no_fork[NR_ALL];
};

static struct held helds[MAX_HELD];
static pid_t kids[MAX_KIDS];
static unsigned int depth;	/* number of forks from a worker */
static unsigned int number;	/* of the sequence */
static unsigned int op;		/* in this process */
static bool left;		/* the parent, by fork: a life shorter than its own */

static void count(enum count what)
{
	__atomic_add_fetch(&shared->counts[what], 1, __ATOMIC_RELAXED);
}

static bool over(void)
{
	return vt_ms() > shared->end || __atomic_load_n(&shared->failed, __ATOMIC_RELAXED);
}

static void fail(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "# seed %u, process %u/%u, operation %u: %s, errno %d (%s)\n",
		shared->seed, number, depth, op, text, errno, softsgx_last_error());
	__atomic_store_n(&shared->failed, true, __ATOMIC_RELAXED);
	_exit(1);
}

static unsigned int any(unsigned int n)
{
	return random() % n;
}

/* ---------------------------------------------------------------- enclaves */

static unsigned int rights_of(unsigned int page)
{
	static const unsigned int rights[] = {
		PROT_RW, PROT_RW, PROT_READ, PROT_RX, PROT_RWX, PROT_RW, PROT_RW, PROT_READ,
	};

	return page < NR_PAGES ? rights[page / 2 % 8] : PROT_RWX;
}

static int make_image(void)
{
	static u8 data[SGX_PAGE_SIZE];
	unsigned int page, i;
	int ret = 0;

	softsgx_image_init(&shared->image);
	for (page = 0; page < NR_PAGES && !ret; page++) {
		for (i = 0; i < PAGE; i++)
			data[i] = vt_byte(page, i);
		/* SECINFO has the bits where PROT_ has them. */
		ret = softsgx_image_add(&shared->image, page * PAGE, PAGE, data,
					REG(rights_of(page)), false);
	}
	shared->image.size = SIZE;
	return ret ? ret : vt_sign(&shared->image, &shared->sig);
}

static u8 *address(const struct held *h, unsigned int page)
{
	return (u8 *)(uintptr_t)(h->base + page * PAGE);
}

/* A byte that vt_write() changes into what it is already */
static u8 *spot(const struct held *h, unsigned int page)
{
	unsigned int i;

	for (i = 0; i < 256 && vt_byte(page, i) != 0x5a; i++)
		;
	return address(h, page) + i;
}

static void reserve(void *addr, u64 size, int flags)
{
	if (mmap(addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags,
		 -1, 0) != addr)
		fail("no room at %p", addr);
}

static void forget(struct held *h, unsigned int page, unsigned int nr)
{
	reserve(address(h, page), nr * PAGE, MAP_FIXED);
	memset(h->prot + page, NOT_MAPPED, nr);
	memset(h->no_fork + page, false, nr);
}

/* A range in which there is nothing yet; false if there is something */
static bool take_range(struct held *h, u64 base)
{
	void *addr = (void *)(uintptr_t)base;

	if (mmap(addr, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) != addr)
		return false;
	*h = (struct held){ .used = true, .fd = -1, .base = base };
	memset(h->prot, NOT_MAPPED, sizeof(h->prot));
	return true;
}

static struct held *free_slot(void)
{
	unsigned int i;

	for (i = 0; i < MAX_HELD; i++) {
		if (!helds[i].used)
			return &helds[i];
	}
	return NULL;
}

static struct held *some_slot(void)
{
	struct held *h = &helds[any(MAX_HELD)];

	return h->used ? h : NULL;
}

/* The file first, the mappings first, or a part of it only */
static void drop(struct held *h)
{
	unsigned int how = any(4);

	if (how != 0 && h->fd >= 0) {
		close(h->fd);
		h->fd = -1;
	}
	if (how == 1)
		return;
	munmap(address(h, 0), SIZE);
	if (h->fd >= 0)
		close(h->fd);
	h->used = false;
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

static void check_page(const struct held *h, unsigned int page)
{
	unsigned int i, step = 1 + any(200);
	u8 *addr = address(h, page);
	int want, sig;

	count(CHECKS);
	if (any(2)) {
		want = expected(h, page, true);
		sig = vt_write(spot(h, page));
		if (sig != want)
			fail("write to page %u (%d): signal %d, not %d", page, h->prot[page], sig,
			     want);
	}
	want = expected(h, page, false);
	sig = vt_read(addr + any(PAGE));
	if (sig != want)
		fail("read of page %u (%d): signal %d, not %d", page, h->prot[page], sig, want);
	if (sig)
		return;
	for (i = any(step); i < PAGE; i += step) {
		if (addr[i] != vt_byte(page, i) && addr[i] != 0xff)
			fail("byte %u of page %u is %02x", i, page, addr[i]);
	}
}

static void check_pages(const struct held *h, unsigned int page, unsigned int nr)
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

static void map(struct held *h, unsigned int page, unsigned int nr)
{
	u64 offset = any(2) ? 0 : any(3) ? natural(h, page) : any(NR_ALL) * PAGE;

	map_for(h, page, nr, some_prot(), offset);
}

/* As a loader does it */
static void map_all(struct held *h)
{
	bool all = any(2);
	unsigned int page;

	for (page = 0; page < NR_PAGES; page++)
		map_for(h, page, 1, rights_of(page), all ? natural(h, page) : 0);
}

/* Into a VMA that the core extends without asking the driver */
static void map_unasked(struct held *h, unsigned int page)
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

static void protect(struct held *h, unsigned int page, unsigned int nr)
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

static void unmap(struct held *h, unsigned int page, unsigned int nr)
{
	if (any(2) && munmap(address(h, page), nr * PAGE))
		fail("munmap");
	forget(h, page, nr);
}

/* Away, where nothing shows, and usually back */
static void move(struct held *h, unsigned int page, unsigned int nr)
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

static void grow(struct held *h, unsigned int page)
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

static void advise(struct held *h, unsigned int page, unsigned int nr)
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

/* The kernel on behalf of the program: at most one page, up to the first fault */
static void system_call(struct held *h, unsigned int page)
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

/* --------------------------------------------------- building, passing around */

static void build(void)
{
	struct softsgx_enclave encl = { .fd = -1 };
	struct held *h = free_slot();
	struct sgx_secs secs;
	unsigned int i;

	if (!h || !take_range(h, FIRST_SLOT + any(NR_SLOTS) * SIZE))
		return;
	if (softsgx_enclave_open(&encl))
		fail("open");
	h->fd = encl.fd;
	encl.base = h->base;
	encl.size = SIZE;
	softsgx_image_secs(&shared->image, h->base, &secs);
	if (softsgx_enclave_create(&encl, &secs))
		fail("create");
	for (i = 0; i < shared->image.nr_segs; i++) {
		if (softsgx_enclave_add(&encl, &shared->image.segs[i]))
			fail("add");
	}
	if (any(4) && softsgx_enclave_init(&encl, &shared->sig))
		fail("init");
	count(BUILT);
	if (any(4))
		map_all(h);
}

static void send_file(const struct held *h)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	u64 base = h->base;
	struct iovec iov = { &base, sizeof(base) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	if (h->fd < 0)
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &h->fd, sizeof(int));
	/* Nobody waits: the queue is short. */
	if (sendmsg(shared->box[0], &msg, MSG_DONTWAIT) == sizeof(base))
		count(SENT);
	else if (errno != EAGAIN && errno != ETOOMANYREFS)
		fail("sendmsg");
}

/* Returns a file or -1. */
static int receive_file(u64 *base)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { base, sizeof(*base) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(shared->box[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(*base))
		return -1;
	if (!CMSG_FIRSTHDR(&msg))
		fail("no file in a message");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void receive(void)
{
	struct held *h = free_slot();
	u64 base;
	int fd;

	if (!h)
		return;
	fd = receive_file(&base);
	if (fd < 0)
		return;
	count(RECEIVED);
	if (!take_range(h, base)) {
		close(fd);
		return;
	}
	h->fd = fd;
	if (any(4))
		map_all(h);
}

/* ----------------------------------------------------------------- processes */

static void check_status(pid_t pid, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		fail("process %d ended by signal %d", pid, WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status))
		fail("process %d exited with %d", pid, WEXITSTATUS(status));
}

static void end_kid(unsigned int i, bool murder)
{
	pid_t pid = kids[i];
	int status;

	if (murder) {
		kill(pid, SIGKILL);
		count(KILLED);
	}
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	kids[i] = 0;
	check_status(pid, status);
}

static void child_starts(unsigned int seed)
{
	unsigned int i, page;

	depth++;
	op = 0;
	left = true;
	srandom(seed);
	memset(kids, 0, sizeof(kids));
	for (i = 0; i < MAX_HELD; i++) {
		for (page = 0; helds[i].used && page < NR_ALL; page++) {
			if (helds[i].no_fork[page])
				forget(&helds[i], page, 1);
		}
	}
}

static void do_fork(void)
{
	unsigned int seed = random(), i = any(MAX_KIDS);

	if (depth == MAX_DEPTH)
		return;
	if (kids[i])
		end_kid(i, any(2));
	kids[i] = fork();
	if (kids[i] < 0)
		fail("fork");
	count(FORKED);
	if (!kids[i])
		child_starts(seed);
}

static void end_of_child(void)
{
	unsigned int i;

	switch (any(4)) {
	case 0:
		count(EXECS);
		execlp("true", "true", NULL);
		fail("exec");
		break;
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2:
		/* In order */
		for (i = 0; i < MAX_HELD; i++) {
			if (helds[i].used)
				munmap(address(&helds[i], 0), SIZE);
		}
		break;
	}
	_exit(0);
}

static void some_op(void)
{
	struct held *h = some_slot();
	unsigned int page = any(NR_ALL), nr = 1 + any(any(3) ? 4 : NR_ALL);

	if (page + nr > NR_ALL)
		nr = NR_ALL - page;
	op++;
	count(OPS);
	if (!h) {
		if (any(3))
			build();
		else
			receive();
		return;
	}
	switch (any(26)) {
	case 0:
		drop(h);
		break;
	case 1:
		send_file(h);
		break;
	case 2:
		receive();
		break;
	case 3:
	case 4:
		do_fork();
		break;
	case 5:
		unmap(h, page, nr);
		break;
	case 6:
		move(h, page, nr);
		break;
	case 7:
		grow(h, page);
		break;
	case 8:
	case 9:
		advise(h, page, nr);
		break;
	case 10:
		system_call(h, page);
		break;
	case 11:
	case 12:
	case 13:
		protect(h, page, nr);
		break;
	case 14:
	case 15:
	case 16:
	case 17:
		map(h, page, nr);
		break;
	case 18:
		map_unasked(h, page);
		break;
	case 19:
		map_all(h);
		break;
	default:
		check_pages(h, page, nr);
	}
}

static void worker(void)
{
	unsigned int life = 100 + any(500), i;

	reserve((void *)SCRATCH, SIZE, MAP_FIXED_NOREPLACE);
	for (;;) {
		some_op();
		if (over() || op > (left ? life / 10 : life))
			break;
	}
	for (i = 0; i < MAX_KIDS; i++) {
		if (kids[i] > 0)
			end_kid(i, any(2));
	}
	if (left)
		end_of_child();
	_exit(0);
}

/* ------------------------------------------------------------------ watchers */

static void read_all(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* Its process may have gone. */
	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	count(LOOKS);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0 && errno != ENOENT && errno != ESRCH)
		fail("%s: %s", path, text);
	close(fd);
}

/* Some id from the table, which must make sense as a whole; 0: there is none */
static u64 read_table(void)
{
	FILE *file = fopen(DEBUGFS "enclaves", "r");
	u64 id, last = 0, chosen = 0;
	unsigned int n = 0;
	char line[256], state[16];
	long pages, refs, vmas, processes, stale, busy;

	if (!file || !fgets(line, sizeof(line), file))
		fail("no table");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llu %15s %*s %*s %ld %ld %ld %ld %ld %ld\n", &id, state, &pages,
			   &refs, &vmas, &processes, &stale, &busy) != 8 || id <= last ||
		    refs < 1 || vmas < 0 || pages > NR_PAGES || processes < 0 || stale < 0 ||
		    busy < 0)
			fail("table: %s", line);
		last = id;
		if (!any(++n))
			chosen = id;
	}
	fclose(file);
	count(LOOKS);
	return chosen;
}

static void walk(const char *verb)
{
	u64 id = read_table();
	char cmd[32];

	if (!id)
		return;
	snprintf(cmd, sizeof(cmd), "%s %llu", verb, id);
	write_text(DEBUGFS "walk", cmd);
	count(WALKS);
}

static void look_at_process(pid_t pid)
{
	static const char * const files[] = { "maps", "smaps", "numa_maps", "status" };
	struct dirent *entry;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[any(ARRAY_SIZE(files))]);
	read_all(path);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
		if (entry->d_name[0] != '.')
			read_all(path);
	}
	if (dir)
		closedir(dir);
	/* Write-protects or ages PTEs behind the back of the driver */
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	if (!any(4))
		write_text(path, any(2) ? "1" : "4");
}

static void watcher(void)
{
	/* Few of them among many */
	nice(-10);
	while (!over()) {
		op++;
		switch (any(4)) {
		case 0:
			walk("zap");
			break;
		case 1:
			look_at_process(shared->pids[any(NR_WORKERS)]);
			break;
		default:
			walk("age");
		}
		usleep(any(10000));
	}
	_exit(0);
}

/* Takes files that others have no use for any more, and gives up some later. */
static void closer(void)
{
	int fds[8];
	unsigned int i;
	u64 base;

	memset(fds, -1, sizeof(fds));
	while (!over()) {
		op++;
		i = any(ARRAY_SIZE(fds));
		if (fds[i] >= 0) {
			close(fds[i]);
			count(CLOSED);
		}
		fds[i] = receive_file(&base);
		usleep(any(20000));
	}
	_exit(0);
}

/* ---------------------------------------------------------------------- test */

FIXTURE(torture) {
	struct vt_epc start;
	unsigned int nr_started;
	pid_t pids[NR_PROCS];
};

FIXTURE_SETUP(torture)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	shared = mmap(NULL, sizeof(*shared), PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, make_image());
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, shared->box));
	/* Orphans are ours, too. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

FIXTURE_TEARDOWN(torture)
{
	softsgx_image_free(&shared->image);
}

static unsigned int from_env(const char *name, unsigned int value)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : value;
}

static void start(struct _test_data_torture *self, unsigned int i)
{
	number = self->nr_started++;
	self->pids[i] = fork();
	shared->pids[i] = self->pids[i];
	if (self->pids[i])
		return;
	srandom(shared->seed + number * 7919);
	if (i < NR_WORKERS)
		worker();
	else if (i < NR_WORKERS + NR_WATCHERS)
		watcher();
	else
		closer();
}

/* One of ours, which is replaced, or an orphan */
static void reaped(struct _test_data_torture *self, pid_t pid, int status)
{
	unsigned int i;

	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		fprintf(stderr, "# process %d ended by signal %d\n", pid, WTERMSIG(status));
		shared->failed = true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status)) {
		fprintf(stderr, "# process %d exited with %d\n", pid, WEXITSTATUS(status));
		shared->failed = true;
	}
	for (i = 0; i < NR_PROCS; i++) {
		if (self->pids[i] != pid)
			continue;
		self->pids[i] = 0;
		if (!over())
			start(self, i);
	}
}

/* Returns the number of processes that do not end. */
static int reap_rest(struct _test_data_torture *self)
{
	u64 limit = vt_ms() + PATIENCE_MS;
	int status;
	pid_t pid;

	while (vt_ms() < limit) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0)
			return errno == ECHILD ? 0 : -errno;
		if (pid)
			reaped(self, pid, status);
		else
			usleep(1000);
	}
	return -ETIME;
}

/* On a slow machine with much to debug, teardown takes its time. */
static int settle(const struct vt_epc *want)
{
	unsigned int i;
	int ret = -ETIME;

	for (i = 0; i < 6 && ret; i++)
		ret = vt_epc_settle(want);
	return ret;
}

TEST_F_TIMEOUT(torture, crowd, 7200)
{
	unsigned int seconds = from_env("TORTURE_SECONDS", SECONDS), i;
	u64 next_kill = 0;
	char path[] = DEBUGFS "enclaves", line[256];
	int status;
	pid_t pid;
	FILE *file;

	shared->seed = from_env("TORTURE_SEED", time(NULL) % 1000000);
	TH_LOG("TORTURE_SEED=%u TORTURE_SECONDS=%u", shared->seed, seconds);
	shared->end = vt_ms() + seconds * 1000ULL;
	srandom(shared->seed);
	for (i = 0; i < NR_PROCS; i++)
		start(self, i);
	while (!over()) {
		usleep(any(30000));
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			reaped(self, pid, status);
		/* However slow the machine, something has to get done in between. */
		if (shared->counts[OPS] < next_kill)
			continue;
		next_kill = shared->counts[OPS] + any(200);
		i = any(NR_PROCS);
		if (self->pids[i] > 0 && !kill(self->pids[i], SIGKILL))
			count(KILLED);
	}
	ASSERT_EQ(0, reap_rest(self));
	EXPECT_FALSE(shared->failed);
	close(shared->box[0]);
	close(shared->box[1]);
	EXPECT_EQ(0, settle(&self->start));

	/* Nothing of all this is left, and all of it has happened if there was time. */
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	ASSERT_NE(NULL, fgets(line, sizeof(line), file));
	EXPECT_EQ(NULL, fgets(line, sizeof(line), file)) {
		TH_LOG("%s", line);
	}
	fclose(file);
	for (i = 0; i < NR_COUNTS; i++) {
		TH_LOG("%llu %s", shared->counts[i], count_names[i]);
		if (shared->counts[OPS] > MANY_OPS)
			EXPECT_LT(0, shared->counts[i]);
	}
}

TEST_HARNESS_MAIN
