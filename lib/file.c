// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static int read_all(int fd, const char *path, u8 *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return softsgx_fail(errno, "%s: %s", path,
					    strerror(errno));
		if (n == 0)
			return softsgx_fail(EIO, "%s: file got shorter", path);
		done += n;
	}
	return 0;
}

static int read_fd(int fd, const char *path, size_t max, u8 **data, size_t *len)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return softsgx_fail(errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return softsgx_fail(EINVAL, "%s: not a regular file", path);
	if ((u64)st.st_size > max)
		return softsgx_fail(EFBIG, "%s: file too large", path);

	*len = st.st_size;
	*data = malloc(*len + 1);
	if (!*data)
		return softsgx_fail(ENOMEM, "%s: out of memory", path);
	ret = read_all(fd, path, *data, *len);
	if (ret)
		free(*data);
	return ret;
}

int softsgx_read_file(const char *path, size_t max, u8 **data, size_t *len)
{
	/* O_NONBLOCK: a FIFO is refused below instead of waited for */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0)
		return softsgx_fail(errno, "%s: %s", path, strerror(errno));
	ret = read_fd(fd, path, max, data, len);
	close(fd);
	return ret;
}

int softsgx_sigstruct_load(struct sgx_sigstruct *sig, const char *path)
{
	size_t len;
	u8 *data;
	int ret;

	ret = softsgx_read_file(path, SGX_PAGE_SIZE, &data, &len);
	if (ret)
		return ret;
	if (len == sizeof(*sig))
		memcpy(sig, data, sizeof(*sig));
	else
		ret = softsgx_fail(EINVAL,
				   "%s: not a SIGSTRUCT: %zu bytes, not %zu",
				   path, len, sizeof(*sig));
	free(data);
	return ret;
}
