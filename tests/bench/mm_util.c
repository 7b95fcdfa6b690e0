// SPDX-License-Identifier: GPL-2.0
/*
 * What the parts of the benchmark of lifetimes share.
 */
#include "mm.h"

const char *lifetime;

u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void result(const char *what, unsigned int param, const char *unit, double value)
{
	printf("%s\t%s\t%u\t%s\t%.0f\n", lifetime, what, param, unit, value);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

u64 median(u64 *samples, unsigned int n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return samples[n / 2];
}

u64 fdinfo(int fd, const char *key)
{
	char path[64], line[256];
	u64 value = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (!found && fgets(line, sizeof(line), file)) {
		found = !strncmp(line, key, strlen(key)) && line[strlen(key)] == ':';
		if (found)
			value = strtoull(line + strlen(key) + 1, NULL, 0);
	}
	fclose(file);
	if (!found)
		die(key);
	return value;
}

int open_enclave(void)
{
	int fd = open(ENCL_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(ENCL_DEV);
	return fd;
}

void map(int fd, u8 *addr, unsigned int pages)
{
	if (mmap(addr, pages * PAGE, PROT_RW, MAP_SHARED | MAP_FIXED, fd, 0) != addr)
		die("mmap");
}

/* As a loader does it that maps its segments one by one */
void map_segments(int fd, u8 *addr, unsigned int n)
{
	while (n--) {
		map(fd, addr, 1);
		addr += PAGE;
	}
}

/* Processes that do something and stay. They do not keep @fd. */
void crowd_start(struct crowd *crowd, unsigned int n, int fd, member_fn fn, void *data)
{
	int ready[2];
	unsigned int i;

	crowd->n = n;
	if (pipe(crowd->hold) || pipe(ready))
		die("pipe");
	for (i = 0; i < n; i++) {
		crowd->pids[i] = fork();
		if (crowd->pids[i] < 0)
			die("fork");
		if (crowd->pids[i])
			continue;
		close(crowd->hold[1]);
		fn(data);
		close(fd);
		vt_tell(ready[1]);
		vt_await(crowd->hold[0]);
		_exit(0);
	}
	for (i = 0; i < n; i++) {
		if (vt_await(ready[0]))
			die("a process");
	}
	close(ready[0]);
	close(ready[1]);
}

void crowd_end(struct crowd *crowd)
{
	unsigned int i;

	close(crowd->hold[1]);
	close(crowd->hold[0]);
	for (i = 0; i < crowd->n; i++) {
		if (vt_wait(crowd->pids[i]))
			die("a process");
	}
}

void member_uses(void *data)
{
	const struct use *use = data;
	unsigned int i;

	map_segments(use->fd, use->addr, use->segments);
	for (i = 0; use->touch && i < use->segments; i++)
		*(volatile u8 *)(use->addr + i * PAGE);
}

void member_used(void *data)
{
	const struct use *use = data;

	member_uses(data);
	munmap(use->addr, use->segments * PAGE);
}

void member_does_nothing(void *data)
{
}

/* An enclave of @size bytes, all pages there */
void load(struct softsgx_enclave *encl, u64 size)
{
	struct softsgx_image image;
	u64 count;
	void *src;

	if (vt_image(&image, 0))
		die("image");
	while (image.size < size)
		image.size *= 2;
	src = vt_anon(size, PROT_READ);
	if (vt_create(encl, &image) ||
	    vt_ioc_add(encl->fd, src, 0, size, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W,
		       0, &count) || count != size)
		die("enclave");
	munmap(src, size);
	softsgx_image_free(&image);
}
