// SPDX-License-Identifier: GPL-2.0
/*
 * KVM or emulation?
 *
 * That /dev/kvm opens says little: in many a cloud VM its guests die or hang.
 * So boot a kernel to user space once, and remember the answer for as long as
 * the machine, its kernel and QEMU stay the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define PROBE_MS 10000
#define PROBE_STEP_MS 20
#define PROBE_MEM (512ULL << 20)

static char *cpu_model(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256] = "", *model = NULL;

	while (f && !model && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10))
			model = xstrdup(line + strcspn(line, ":"));
	if (f)
		fclose(f);
	if (!model)
		return xstrdup("");
	model[strcspn(model, "\n")] = '\0';
	return model;
}

/* What the answer depends on, in a line. */
static char *fingerprint(const struct kernel *k)
{
	char *qemu = find_program("qemu-system-x86_64");
	struct utsname uts;
	struct stat st = { 0 };

	uname(&uts);
	if (qemu)
		stat(qemu, &st);
	return xprintf("%s %s %lld %s %s", uts.release, uts.version,
		       (long long)st.st_mtime, k->release, cpu_model());
}

/* The file holds the fingerprint and the answer, a line each. */
static const char *cached_answer(const char *path, const char *print)
{
	struct blob b = { 0 };
	size_t len = strlen(print);
	const char *answer;

	if (!path || !exists(path))
		return NULL;
	blob_load(&b, path);
	if (strncmp(b.data, print, len) || b.data[len] != '\n')
		return NULL;
	answer = b.data + len + 1;
	if (!strcmp(answer, "kvm\n"))
		return "kvm";
	return strcmp(answer, "tcg\n") ? NULL : "tcg";
}

static void remember(const char *path, const char *print, const char *answer)
{
	char *temp, *text;
	int fd;

	if (!path)
		return;
	temp = xprintf("%s.%d", path, getpid());
	text = xprintf("%s\n%s\n", print, answer);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (!write_full(fd, text, strlen(text)) || rename(temp, path))
		unlink(temp);
	close(fd);
}

static bool try_kvm(int image)
{
	struct initrd rd;
	struct boot boot = {
		.image = image,
		.accel = "kvm",
		.mem = PROBE_MEM,
		.cpus = 2,
		.append = "",
		.incoming = -1,
	};
	struct vm vm;
	int status = -1;

	initrd_start(&rd);
	initrd_add_init(&rd);
	initrd_file(&rd, GUEST_CONFIG + 1, 0600, "probe=1", 8);
	initrd_finish(&rd);
	boot.initrd = rd.fd;
	boot.console = temp_file();
	qemu_start(&vm, &boot);
	for (int ms = 0; ms < PROBE_MS && status < 0; ms += PROBE_STEP_MS) {
		poll(NULL, 0, PROBE_STEP_MS);
		status = qemu_wait(&vm);
		if (status < 0 && qemu_is_stuck(&vm))
			break;
	}
	qemu_kill();
	close(boot.console);
	close(rd.fd);
	close(vm.errors);
	return status >= 0 && WIFEXITED(status) &&
	       WEXITSTATUS(status) == PROBE_EXIT;
}

const char *accel_choose(const struct kernel *k, int image)
{
	static const char *const known[] = { "kvm", "tcg", "tcg-single" };
	const char *env = getenv("SOFTSGX_ACCEL"), *answer;
	char *dir, *path, *print;

	if (env && *env) {
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			if (!strcmp(env, known[i]))
				return known[i];
		die("SOFTSGX_ACCEL=%s: not kvm, tcg or tcg-single", env);
	}
	if (access("/dev/kvm", R_OK | W_OK))
		return "tcg";
	dir = cache_dir();
	path = dir ? xprintf("%s/accel", dir) : NULL;
	print = fingerprint(k);
	answer = cached_answer(path, print);
	if (!answer) {
		answer = try_kvm(image) ? "kvm" : "tcg";
		remember(path, print, answer);
	}
	return answer;
}
