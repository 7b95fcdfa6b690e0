// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests of the driver share.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"

#define SETTLE_MS	VT_WAIT(30000)
#define MAX_DELAY_MS	60000	/* the driver's */
#define KEY_FROM_EXE	"/../../sign-key.pem"

/* For programs without the harness */
unsigned int vt_slowness __attribute__((weak)) = 1;

u64 vt_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	return 0;
}

int vt_epc_read(struct vt_epc *epc)
{
	char text[256];
	int ret;

	ret = read_text(DEBUGFS "epc", text, sizeof(text));
	if (ret)
		return ret;
	if (sscanf(text, "total_pages %llu free_pages %llu enclaves %ld", &epc->total,
		   &epc->free, &epc->enclaves) != 3)
		return -EINVAL;
	return 0;
}

int vt_epc_settle(const struct vt_epc *want)
{
	u64 start = vt_ms();
	struct vt_epc now;
	int ret;

	for (;;) {
		ret = vt_epc_read(&now);
		if (ret)
			return ret;
		if (now.free == want->free && now.enclaves == want->enclaves)
			return 0;
		if (vt_ms() - start > SETTLE_MS)
			break;
		usleep(1000);
	}
	fprintf(stderr, "# EPC: %llu free pages and %ld enclaves, not %llu and %ld\n",
		now.free, now.enclaves, want->free, want->enclaves);
	return -ETIME;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int len = strlen(text), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

static int read_number(const char *path)
{
	char text[32];
	int ret;

	ret = read_text(path, text, sizeof(text));
	return ret ? ret : atoi(text);
}

int vt_fail_nth(unsigned int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	return write_text(DEBUGFS "fail_nth", text);
}

int vt_fail_left(void)
{
	return read_number(DEBUGFS "fail_nth");
}

int vt_delay(const char *point, unsigned int ms)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), DEBUGFS "delay/%s", point);
	snprintf(text, sizeof(text), "%u", ms < MAX_DELAY_MS ? ms : MAX_DELAY_MS);
	return write_text(path, text);
}

int vt_delay_left(const char *point)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "delay/%s", point);
	return read_number(path);
}

int vt_delayed(void)
{
	return read_number(DEBUGFS "delayed");
}

int vt_let_go(void)
{
	return write_text(DEBUGFS "delayed", "0");
}

int vt_walk(const char *verb, u64 id)
{
	char text[32];

	snprintf(text, sizeof(text), "%s %llu", verb, id);
	return write_text(DEBUGFS "walk", text);
}

u8 vt_byte(unsigned int page, unsigned int offset)
{
	return (page * 31 + offset * 7 + offset / 256) % 251;
}

static const u64 page_flags[] = {
	[PG_TCS]	= SGX_SECINFO_TCS,
	[PG_RW]		= SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W,
	[PG_R]		= SGX_SECINFO_REG | SGX_SECINFO_R,
	[PG_RX]		= SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X,
	[PG_RWX]	= SGX_SECINFO_REG | SGX_SECINFO_PERMISSION_MASK,
	[PG_X]		= SGX_SECINFO_REG | SGX_SECINFO_X,
	[PG_NONE]	= SGX_SECINFO_REG,
	[PG_UNMEASURED]	= SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W,
};

static void fill_page(u8 data[SGX_PAGE_SIZE], unsigned int page)
{
	struct sgx_tcs *tcs = (struct sgx_tcs *)data;
	unsigned int i;

	memset(data, 0, SGX_PAGE_SIZE);
	if (page == PG_TCS) {
		tcs->ssa_offset = PG_RW * PAGE;
		tcs->nr_ssa_frames = 1;
		return;
	}
	for (i = 0; i < SGX_PAGE_SIZE; i++)
		data[i] = vt_byte(page, i);
}

int vt_image(struct softsgx_image *image, u64 attributes)
{
	unsigned int page;
	u8 data[SGX_PAGE_SIZE];
	int ret = 0;

	softsgx_image_init(image);
	image->attributes |= attributes;
	for (page = 0; page < PG_HOLE && !ret; page++) {
		fill_page(data, page);
		ret = softsgx_image_add(image, page * PAGE, PAGE, data, page_flags[page],
					page != PG_UNMEASURED);
	}
	image->size = VT_SIZE;
	return ret;
}

/* Made once and kept: it takes seconds where there is no KVM. */
struct evp_pkey_st *vt_key(void)
{
	static struct evp_pkey_st *key;
	char path[PATH_MAX] = "";
	bool created;
	char *slash;

	if (key)
		return key;
	if (readlink("/proc/self/exe", path, sizeof(path) - sizeof(KEY_FROM_EXE)) > 0) {
		slash = strrchr(path, '/');
		if (slash)
			strcpy(slash, KEY_FROM_EXE);
		if (!softsgx_key_get(path, &key, &created))
			return key;
	}
	softsgx_key_generate(&key);
	return key;
}

int vt_sign(const struct softsgx_image *image, struct sgx_sigstruct *sig)
{
	return softsgx_image_sign(image, vt_key(), sig);
}

int vt_reserve(struct softsgx_enclave *encl, u64 size)
{
	void *area = mmap(NULL, 4 * size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	encl->area = area;
	encl->area_size = 4 * size;
	encl->size = size;
	encl->base = ((uintptr_t)area + 2 * size - 1) & ~(size - 1);
	return 0;
}

int vt_create(struct softsgx_enclave *encl, const struct softsgx_image *image)
{
	struct sgx_secs secs;
	int ret;

	ret = softsgx_enclave_open(encl);
	if (!ret)
		ret = vt_reserve(encl, image->size);
	if (ret)
		return ret;
	softsgx_image_secs(image, encl->base, &secs);
	return softsgx_enclave_create(encl, &secs);
}

int vt_add_all(struct softsgx_enclave *encl, const struct softsgx_image *image)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < image->nr_segs && !ret; i++)
		ret = softsgx_enclave_add(encl, &image->segs[i]);
	return ret;
}

int vt_load(struct softsgx_enclave *encl, const struct softsgx_image *image)
{
	int ret = vt_create(encl, image);

	return ret ? ret : vt_add_all(encl, image);
}

int vt_build(struct softsgx_enclave *encl, u64 attributes)
{
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	int ret;

	*encl = (struct softsgx_enclave){ .fd = -1 };
	ret = vt_image(&image, attributes);
	if (!ret)
		ret = vt_sign(&image, &sig);
	if (!ret)
		ret = vt_load(encl, &image);
	if (!ret)
		ret = softsgx_enclave_init(encl, &sig);
	softsgx_image_free(&image);
	return ret;
}

u8 *vt_addr(const struct softsgx_enclave *encl, int page)
{
	return (u8 *)(uintptr_t)(encl->base + page * PAGE);
}

int vt_map(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot)
{
	if (mmap(vt_addr(encl, page), nr * PAGE, prot, MAP_SHARED | MAP_FIXED, encl->fd,
		 0) == MAP_FAILED)
		return -errno;
	return 0;
}

int vt_map_all(const struct softsgx_enclave *encl)
{
	unsigned int page;
	int ret = vt_map(encl, PG_TCS, 1, PROT_RW);

	for (page = PG_TCS + 1; page < PG_HOLE && !ret; page++)
		ret = vt_map(encl, page, 1, page_flags[page] & SGX_SECINFO_PERMISSION_MASK);
	return ret;
}

int vt_ioctl(int fd, unsigned long cmd, const void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int vt_ioc_create(int fd, const void *secs)
{
	struct sgx_enclave_create arg = { .src = (uintptr_t)secs };

	return vt_ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &arg);
}

int vt_ioc_init(int fd, const void *sigstruct)
{
	struct sgx_enclave_init arg = { .sigstruct = (uintptr_t)sigstruct };

	return vt_ioctl(fd, SGX_IOC_ENCLAVE_INIT, &arg);
}

int vt_ioc_provision(int fd, u64 prov_fd)
{
	struct sgx_enclave_provision arg = { .fd = prov_fd };

	return vt_ioctl(fd, SGX_IOC_ENCLAVE_PROVISION, &arg);
}

int vt_ioc_add(int fd, const void *src, u64 offset, u64 length, u64 secinfo_flags,
	       u64 flags, u64 *count)
{
	struct sgx_secinfo secinfo = { .flags = secinfo_flags };
	struct sgx_enclave_add_pages arg = {
		.src = (uintptr_t)src,
		.offset = offset,
		.length = length,
		.secinfo = (uintptr_t)&secinfo,
		.flags = flags,
	};
	int ret = vt_ioctl(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg);

	if (count)
		*count = arg.count;
	return ret;
}

void *vt_anon(u64 size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "# out of memory\n");
		exit(1);
	}
	return p;
}

void *vt_fault_addr;
static sigjmp_buf fault_env;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	vt_fault_addr = info->si_addr;
	siglongjmp(fault_env, sig);
}

/* Handlers are put back: a fault elsewhere must end the test. */
static int access_byte(u8 *addr, bool write)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction old_segv, old_bus;
	int sig;

	sigaction(SIGSEGV, &act, &old_segv);
	sigaction(SIGBUS, &act, &old_bus);
	vt_fault_addr = NULL;
	sig = sigsetjmp(fault_env, 1);
	if (!sig && write)
		asm volatile("movb $0x5a, (%0)" : : "r" (addr) : "memory");
	else if (!sig)
		asm volatile("movb (%0), %%al" : : "r" (addr) : "al", "memory");
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return sig;
}

int vt_read(const void *addr)
{
	return access_byte((u8 *)addr, false);
}

int vt_write(void *addr)
{
	return access_byte(addr, true);
}

bool vt_shows(const u8 *addr, unsigned int page)
{
	bool ones = true, contents = true;
	unsigned int i;

	if (vt_read(addr))
		return false;
	for (i = 0; i < SGX_PAGE_SIZE; i++) {
		ones &= addr[i] == 0xff;
		contents &= addr[i] == vt_byte(page, i);
	}
	return ones || contents;
}

void *vt_noexec(size_t len, int prot)
{
	char dir[] = "/tmp/noexec-XXXXXX", path[64];
	void *mem = MAP_FAILED;
	int fd;

	if (!mkdtemp(dir) || mount("tmpfs", dir, "tmpfs", MS_NOEXEC, NULL))
		return mem;
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd >= 0 && !ftruncate(fd, len))
		mem = mmap(NULL, len, prot, MAP_PRIVATE, fd, 0);
	close(fd);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return mem;
}

int vt_stall_init(struct vt_stall *stall, u64 size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	stall->size = size;
	stall->mem = vt_anon(size, PROT_RW);
	stall->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (stall->uffd < 0)
		return -errno;
	reg.range.start = (uintptr_t)stall->mem;
	reg.range.len = size;
	if (ioctl(stall->uffd, UFFDIO_API, &api) ||
	    ioctl(stall->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int vt_stall_wait(struct vt_stall *stall, unsigned int page)
{
	struct pollfd pfd = { .fd = stall->uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, SETTLE_MS) != 1)
		return -ETIME;
	if (read(stall->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return -errno;
	if (msg.event != UFFD_EVENT_PAGEFAULT ||
	    msg.arg.pagefault.address / PAGE != (uintptr_t)stall->mem / PAGE + page)
		return -ERANGE;
	return 0;
}

int vt_stall_fill(struct vt_stall *stall, unsigned int page, const void *data)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)stall->mem + page * PAGE, .len = PAGE },
	};
	struct uffdio_copy copy = {
		.dst = (uintptr_t)stall->mem + page * PAGE,
		.src = (uintptr_t)data,
		.len = PAGE,
	};

	if (data ? ioctl(stall->uffd, UFFDIO_COPY, &copy) :
		   ioctl(stall->uffd, UFFDIO_ZEROPAGE, &zero))
		return -errno;
	return 0;
}

void vt_stall_free(struct vt_stall *stall)
{
	munmap(stall->mem, stall->size);
	close(stall->uffd);
}

int vt_wait(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int vt_tell(int fd)
{
	return write(fd, "", 1) == 1 ? 0 : -EPIPE;
}

int vt_await(int fd)
{
	char c;

	return read(fd, &c, 1) == 1 ? 0 : -EPIPE;
}
