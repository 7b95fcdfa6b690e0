// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel image, unpacked.
 *
 * Most of the time an emulated CPU needs to boot a distribution's kernel goes
 * into unpacking it. So unpack it here, once, and let QEMU start the ELF file
 * at its PVH entry; where that cannot be done, the packed image boots as well.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

/* Offsets in the boot protocol's header of a vmlinuz. */
#define SETUP_SECTS 0x1f1
#define MAGIC 0x202
#define VERSION 0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define VERSION_PAYLOAD 0x208

#define XEN_ELFNOTE_PHYS32_ENTRY 18

static const struct {
	const char *magic;
	size_t magic_len;
	const char *program;
	size_t trailer; /* the kernel's build appends the unpacked size */
} packers[] = {
	{ "\xfd\x37\x7a\x58\x5a", 6, "xz", 4 },
	{ "\x28\xb5\x2f\xfd", 4, "zstd", 4 },
	{ "\x1f\x8b", 2, "gzip", 0 },
};

static uint32_t get32(const struct blob *b, size_t off)
{
	uint32_t v;

	memcpy(&v, b->data + off, sizeof(v));
	return v;
}

static bool find_payload(const struct blob *b, const char **data, size_t *len)
{
	size_t setup, off, length;

	if (b->len < 4096 || memcmp(b->data + MAGIC, "HdrS", 4) ||
	    (get32(b, VERSION) & 0xffff) < VERSION_PAYLOAD)
		return false;
	setup = (unsigned char)b->data[SETUP_SECTS];
	off = ((setup ? setup : 4) + 1) * 512 + get32(b, PAYLOAD_OFFSET);
	length = get32(b, PAYLOAD_LENGTH);
	if (off > b->len || length > b->len - off || length < 16)
		return false;
	*data = b->data + off;
	*len = length;
	return true;
}

static bool has_pvh_note(const char *p, size_t len)
{
	Elf64_Nhdr note;

	while (len >= sizeof(note)) {
		size_t name, size;

		memcpy(&note, p, sizeof(note));
		name = (note.n_namesz + 3UL) & ~3UL;
		size = sizeof(note) + name + ((note.n_descsz + 3UL) & ~3UL);
		if (size > len)
			return false;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
		    note.n_namesz == 4 && !memcmp(p + sizeof(note), "Xen", 4))
			return true;
		p += size;
		len -= size;
	}
	return false;
}

static bool ph_is_pvh(int fd, const Elf64_Phdr *ph)
{
	char notes[4096];
	ssize_t n;

	if (ph->p_type != PT_NOTE || ph->p_filesz > sizeof(notes))
		return false;
	n = pread(fd, notes, ph->p_filesz, ph->p_offset);
	return n > 0 && has_pvh_note(notes, n);
}

/* Will QEMU find the entry point it needs? */
static bool is_bootable(int fd)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(ph))
		return false;
	for (int i = 0; i < eh.e_phnum; i++) {
		off_t off = eh.e_phoff + i * sizeof(ph);

		if (pread(fd, &ph, sizeof(ph), off) == sizeof(ph) &&
		    ph_is_pvh(fd, &ph))
			return true;
	}
	return false;
}

static bool unpack_payload(const char *data, size_t len, int to)
{
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		bool ok;
		int from;

		if (memcmp(data, packers[i].magic, packers[i].magic_len))
			continue;
		from = memfd_create("vmlinuz", MFD_CLOEXEC);
		if (from < 0)
			return false;
		ok = write_full(from, data, len - packers[i].trailer) &&
		     !lseek(from, 0, SEEK_SET) &&
		     unpack(packers[i].program, from, to) && is_bootable(to);
		close(from);
		return ok;
	}
	return false;
}

/* One unpacked image per release is enough: drop those of older builds. */
static void remove_stale(const char *cache, const char *release)
{
	char *pattern = xprintf("%s/vmlinux-%s=*", cache, release);
	glob_t g;

	if (!glob(pattern, 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			unlink(g.gl_pathv[i]);
		globfree(&g);
	}
	free(pattern);
}

/* Give an unnamed file its name, complete or not at all. */
static void publish(int fd, const char *path)
{
	char *proc = xprintf("/proc/self/fd/%d", fd);

	linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	free(proc);
}

static int open_packed(const struct kernel *k)
{
	int fd = open(k->image, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", k->image, strerror(errno));
	return fd;
}

static int unpack_image(int packed, int to)
{
	struct blob b;
	const char *data;
	size_t len;
	bool ok;

	blob_read(&b, packed, "the kernel image");
	ok = find_payload(&b, &data, &len) && unpack_payload(data, len, to);
	free(b.data);
	return ok;
}

/* Return a descriptor that QEMU may boot from. */
int image_open(const struct kernel *k)
{
	char *cache = cache_dir(), *path = NULL;
	int packed = open_packed(k), fd = -1;
	struct stat st;

	if (fstat(packed, &st))
		die("cannot read %s: %s", k->image, strerror(errno));
	if (cache) {
		path = xprintf("%s/vmlinux-%s=%lld-%lld", cache, k->release,
			       (long long)st.st_mtime, (long long)st.st_size);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		fd = open(cache, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	}
	if (fd < 0) {
		path = NULL;
		fd = temp_file();
	}
	if (!unpack_image(packed, fd)) {
		close(fd);
		return packed;
	}
	if (path) {
		remove_stale(cache, k->release);
		publish(fd, path);
	}
	return fd;
}
