// SPDX-License-Identifier: GPL-2.0
/* The order of things in the guest, from PID 1's first instruction on. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* For processes that do not die: a stuck one is the log's to explain. */
#define KILL_WAIT_MS 5000

static void say_probe_token(void)
{
	if (!iopl(3))
		outb(PROBE_TOKEN, PROBE_PORT);
	fail("the probe device does not answer");
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

/*
 * The kernel patches its own code a lot while it boots, and as much when the
 * modules put their hooks and tracepoints in. QEMU before 8.1 may translate an
 * instruction just as another CPU changes it, and run the old one for ever:
 * then every CPU that comes by hangs on a breakpoint that is gone. Loading the
 * modules makes processes that end (modprobe) while the exit path is patched.
 * So there is one CPU only until that is over.
 */
static void cpus_start(void)
{
	char path[64];

	for (int cpu = 1;; cpu++) {
		int fd;

		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/online", cpu);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (write(fd, "1", 1) != 1)
			fail("cannot start CPU %d: %s", cpu, strerror(errno));
		close(fd);
	}
}

/* Enclaves go with their processes, shared directories want all data. */
static void end_processes(void)
{
	kill(-1, SIGKILL);
	for (int ms = 0; ms < KILL_WAIT_MS; ms++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			break;
		ms_sleep(1);
	}
}

static void send_result(struct frame_exit *result, const char *text)
{
	char payload[FRAME_MAX];
	size_t len = strlen(text);

	if (len > sizeof(payload) - sizeof(*result))
		len = sizeof(payload) - sizeof(*result);
	result->check_len = len;
	memcpy(payload, result, sizeof(*result));
	memcpy(payload + sizeof(*result), text, len);
	send_frame(FRAME_EXIT, payload, sizeof(*result) + len);
}

/* All that is the same for all runs */
static void boot(struct config *cfg, int ports[PORT_END])
{
	sigset_t chld;

	umask(0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	signal(SIGPIPE, SIG_IGN);
	fs_early();
	config_read(cfg);
	if (cfg->probe)
		say_probe_token();
	modules_early(cfg);
	ports_open(ports);
}

int main(void)
{
	static struct config cfg;
	struct command cmd;
	struct frame_exit result = { 0 };
	int ports[PORT_END] = { 0 };
	char text[512] = "";

	boot(&cfg, ports);
	describe_wait(&cfg, ports[PORT_CTL]);
	fs_root(&cfg);
	fs_enter();
	modules_late(&cfg);
	cpus_start();
	loopback_up();
	sethostname(cfg.hostname, strlen(cfg.hostname));
	send_frame(FRAME_STARTED, NULL, 0);
	command_start(&cfg, &cmd);
	relay_run(&cfg, ports, &cmd, &result);
	end_processes();
	if (cfg.rw.n)
		sync();
	if (cfg.check)
		modules_check(&cfg, text, sizeof(text));
	send_result(&result, text);
	/* The host still reads from the ports; it ends the VM when done. */
	for (;;)
		pause();
}
