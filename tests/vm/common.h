/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the driver share. They run as root in a VM. Functions return
 * 0 or a negative errno value unless they say something else.
 */
#ifndef _TESTS_VM_COMMON_H
#define _TESTS_VM_COMMON_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/softsgx.h"

#define PAGE		((u64)SGX_PAGE_SIZE)
#define ENCL_DEV	"/dev/sgx_enclave"
#define PROV_DEV	"/dev/sgx_provision"
#define DEBUGFS		"/sys/kernel/debug/softsgx/"

#define PROT_RW		(PROT_READ | PROT_WRITE)
#define PROT_RX		(PROT_READ | PROT_EXEC)
#define PROT_RWX	(PROT_READ | PROT_WRITE | PROT_EXEC)

/* Of kselftest_harness.h */
extern unsigned int vt_slowness;
/* For how long something is waited for that takes @ms at most on a normal kernel */
#define VT_WAIT(ms)	((ms) * vt_slowness)

/* --------------------------------------------------------- state of the EPC */

struct vt_epc {
	u64 total;
	u64 free;
	long enclaves;
};

int vt_epc_read(struct vt_epc *epc);

/* Wait up to 10 s until the EPC is as @want says: teardown is asynchronous. */
int vt_epc_settle(const struct vt_epc *want);

/* Let the @nth injection point from now fail, 0: none. */
int vt_fail_nth(unsigned int nth);
/* What is left of it: 0 means that it has fired. */
int vt_fail_left(void);

/* Hold up the next task that comes to @point of the driver, for @ms; 0: nobody. */
int vt_delay(const char *point, unsigned int ms);
/* 0 if somebody has come there, or nobody is to be held up */
int vt_delay_left(const char *point);
/* Tasks that are being held up */
int vt_delayed(void);
/* Hold up none of them any more. */
int vt_let_go(void);
/* "age" or "zap" all pages of an enclave, in all processes */
int vt_walk(const char *verb, u64 id);

/* ------------------------------------------------------------------ enclaves */

/* Pages of the standard enclave, which is twice as large; the rest are holes. */
enum vt_page {
	PG_TCS,
	PG_RW,
	PG_R,
	PG_RX,
	PG_RWX,
	PG_X,
	PG_NONE,
	PG_UNMEASURED,		/* RW */
	PG_HOLE,
	PG_COUNT	= 16,	/* last hole is PG_COUNT - 1 */
};

#define VT_SIZE		(PG_COUNT * PAGE)

/* Contents of page @page of the standard enclave, TCS excepted. */
u8 vt_byte(unsigned int page, unsigned int offset);

/* @attributes besides MODE64BIT. Free with softsgx_image_free(). */
int vt_image(struct softsgx_image *image, u64 attributes);
int vt_sign(const struct softsgx_image *image, struct sgx_sigstruct *sig);
struct evp_pkey_st *vt_key(void);

/*
 * As softsgx_enclave_reserve(), with at least @size bytes of the reserved area in
 * front of the enclave and behind it.
 */
int vt_reserve(struct softsgx_enclave *encl, u64 size);

/* Open, reserve, CREATE. On failure close @encl. */
int vt_create(struct softsgx_enclave *encl, const struct softsgx_image *image);
/* The same and ADD_PAGES of all segments. */
int vt_load(struct softsgx_enclave *encl, const struct softsgx_image *image);
/* Only ADD_PAGES of all segments */
int vt_add_all(struct softsgx_enclave *encl, const struct softsgx_image *image);
/* All steps but mmap, for the standard enclave. */
int vt_build(struct softsgx_enclave *encl, u64 attributes);

/* @page may lie outside. */
u8 *vt_addr(const struct softsgx_enclave *encl, int page);
/* mmap() pages of the enclave where they belong. */
int vt_map(const struct softsgx_enclave *encl, int page, unsigned int nr, int prot);
/* All pages of the standard enclave, each with all its rights. */
int vt_map_all(const struct softsgx_enclave *encl);

/* ioctl() that tells errno; a positive answer is returned as it is. */
int vt_ioctl(int fd, unsigned long cmd, const void *arg);
int vt_ioc_create(int fd, const void *secs);
int vt_ioc_init(int fd, const void *sigstruct);
int vt_ioc_provision(int fd, u64 prov_fd);

/* One call of ADD_PAGES; @count: out if not NULL. */
int vt_ioc_add(int fd, const void *src, u64 offset, u64 length, u64 secinfo_flags,
	       u64 flags, u64 *count);

/* ------------------------------------------------------------------- memory */

/* Anonymous memory; exits the test if there is none. */
void *vt_anon(u64 size, int prot);

/*
 * Read or write one byte. Returns 0 or the number of the signal; then
 * vt_fault_addr is its address.
 */
int vt_read(const void *addr);
int vt_write(void *addr);
extern void *vt_fault_addr;

/*
 * True if reading @page gives its contents or, as hardware outside of an enclave
 * has it, ones; false also for signals.
 */
bool vt_shows(const u8 *addr, unsigned int page);

/* @len bytes of a file on a file system without execute permission, or MAP_FAILED */
void *vt_noexec(size_t len, int prot);

/**
 * struct vt_stall - memory whose first access waits, for user and kernel alike
 * @mem: its address, @size bytes, with the rights of ordinary memory
 * @size: in bytes
 * @uffd: userfaultfd
 */
struct vt_stall {
	u8 *mem;
	u64 size;
	int uffd;
};

int vt_stall_init(struct vt_stall *stall, u64 size);
/* Wait up to 10 s until somebody has run into page @page of it. */
int vt_stall_wait(struct vt_stall *stall, unsigned int page);
/* Let it go on; @data: PAGE bytes, or NULL for zeroes. */
int vt_stall_fill(struct vt_stall *stall, unsigned int page, const void *data);
void vt_stall_free(struct vt_stall *stall);

/* ---------------------------------------------------------------- processes */

/* Wait for @pid. Returns its exit status, 256 + signal, or a negative errno. */
int vt_wait(pid_t pid);
/* One byte over a pipe; fails when the other end is gone. */
int vt_tell(int fd);
int vt_await(int fd);
u64 vt_ms(void);

#endif /* _TESTS_VM_COMMON_H */
