// SPDX-License-Identifier: GPL-2.0
/* Reading whole files, compressed ones too. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

static const struct {
	const char *suffix, *program, *package;
} packers[] = {
	{ ".xz", "xz", "xz-utils" },
	{ ".zst", "zstd", "zstd" },
	{ ".gz", "gzip", "gzip" },
};

void blob_read(struct blob *b, int fd, const char *name)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		die("cannot read %s: %s", name, strerror(errno));
	b->data = xalloc(NULL, st.st_size + 1);
	b->len = 0;
	while (b->len < (size_t)st.st_size) {
		n = pread(fd, b->data + b->len, st.st_size - b->len, b->len);
		if (n < 0)
			die("cannot read %s: %s", name, strerror(errno));
		if (!n)
			break;
		b->len += n;
	}
	b->data[b->len] = '\0';
}

/* Run "PROGRAM -dc" from one open file to another. */
bool unpack(const char *program, int from, int to)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(from, STDIN_FILENO);
		dup2(to, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp(program, program, "-dc", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int unpack_memory(size_t packer, int fd, const char *path)
{
	int to = memfd_create("softsgx", MFD_CLOEXEC);

	if (to < 0)
		die("cannot unpack %s: %s", path, strerror(errno));
	if (!find_program(packers[packer].program))
		die("%s not found: install the Debian package %s",
		    packers[packer].program, packers[packer].package);
	if (!unpack(packers[packer].program, fd, to))
		die("cannot unpack %s", path);
	close(fd);
	return to;
}

void blob_load(struct blob *b, const char *path)
{
	const char *dot = strrchr(path, '.');
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	for (size_t i = 0; dot && i < ARRAY_SIZE(packers); i++)
		if (!strcmp(dot, packers[i].suffix))
			fd = unpack_memory(i, fd, path);
	blob_read(b, fd, path);
	close(fd);
}
