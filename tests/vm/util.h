/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small things that tests of mappings need, in the test and in other processes.
 */
#ifndef _TESTS_VM_UTIL_H
#define _TESTS_VM_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"

/* Flags of a regular page: SECINFO has the bits where PROT_ has them. */
#define REG(prot)	(SGX_SECINFO_REG | (prot))

/* For helpers, in whatever process: ends it. */
#define MUST(cond)	must(cond, __LINE__, #cond)

static inline void must(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# line %d: %s, errno %d\n", line, what, errno);
	_exit(1);
}

/* ------------------------------------------------------------------ contents */

/* @data: PAGE bytes, which become the contents of page @page */
static inline void fill(u8 *data, unsigned int page)
{
	unsigned int i;

	for (i = 0; i < PAGE; i++)
		data[i] = vt_byte(page, i);
}

/* Offset of a byte in @page that vt_write() changes into what it is already */
static inline unsigned int spot_in(unsigned int page)
{
	unsigned int i;

	for (i = 0; i < 256 && vt_byte(page, i) != 0x5a; i++)
		;
	return i;
}

/* --------------------------------------------------------------------- files */

/* In one call of write() */
static inline int write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data, len);
	if (n != len)
		ret = n < 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

/* Message: the enclave with its file */
static inline int send_enclave(int sock, const struct softsgx_enclave *encl, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { (void *)encl, sizeof(*encl) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &encl->fd, sizeof(int));
	return sendmsg(sock, &msg, flags) == sizeof(*encl) ? 0 : -errno;
}

/* Returns -EPROTO if it is not that message. */
static inline int receive_enclave(int sock, struct softsgx_enclave *encl, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { encl, sizeof(*encl) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(sock, &msg, flags);

	if (n != sizeof(*encl) || !CMSG_FIRSTHDR(&msg))
		return n < 0 ? -errno : -EPROTO;
	memcpy(&encl->fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	/* Private to whoever has reserved it */
	encl->area = NULL;
	return 0;
}

#endif /* _TESTS_VM_UTIL_H */
