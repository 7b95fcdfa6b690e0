/* SPDX-License-Identifier: GPL-2.0 */
/* softsgx-init: PID 1 of the throw-away VM of "softsgx run". */
#ifndef SOFTSGX_INIT_H
#define SOFTSGX_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

#include "../softsgx/compiler.h"
#include "../softsgx/run_proto.h"

struct strings {
	char **v; /* NULL terminated */
	size_t n;
};

/* What the host says: first GUEST_CONFIG, then the description of the run. */
struct config {
	struct strings args, env;
	struct strings early; /* modules to find the root directory with */
	struct strings late; /* to load once the root is there: "NAME SIZE PARAMS" */
	struct strings ours; /* of these, those to unload with check */
	const char *modules; /* contents of late, one after the other */
	size_t modules_len;
	struct strings rw; /* directories to share writable, by tag number */
	char *cwd, *hostname;
	char *release, *moddir; /* to supply /lib/modules/RELEASE, or NULL */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	mode_t umask;
	bool tty[3]; /* descriptor is a terminal on the host */
	bool closed[3]; /* descriptor is closed there */
	bool raw; /* the host's terminal passes keys on untouched */
	bool cpuid; /* COMMAND is to see SGX in CPUID */
	bool check; /* unload the modules and scan the log afterwards */
	bool probe; /* say PROBE_TOKEN and end */
	struct winsize winsz;
	bool have_random;
	unsigned char random[RUN_SEED_SIZE];
	bool have_termios;
	struct termios termios;
};

/* COMMAND and the guest's ends of its standard descriptors. */
struct command {
	pid_t pid;
	int in; /* to write its stdin to, or -1 */
	int out, err; /* to read its output from, or -1 */
	int master; /* of its terminal, or -1; in/out/err may be this */
	int slave; /* kept open so that the terminal outlives COMMAND's use */
};

/* util.c */
_Noreturn void fail(const char *fmt, ...) __printf(1, 2);
void send_frame(uint32_t type, const void *data, uint32_t len);
void ports_open(int fds[PORT_END]);
void make_dirs(const char *path);
void ms_sleep(int ms);

/* config.c */
void config_read(struct config *cfg);
void config_parse(struct config *cfg, char *p, size_t len);

/* describe.c */
void describe_wait(struct config *cfg, int ctl);

/* fs.c */
void fs_early(void);
void fs_root(const struct config *cfg);
void fs_enter(void);

/* modules.c */
void modules_early(const struct config *cfg);
void modules_late(const struct config *cfg);
void modules_check(const struct config *cfg, char *text, size_t len);

/* command.c */
void command_start(const struct config *cfg, struct command *cmd);

/* relay.c */
void relay_run(const struct config *cfg, const int ports[PORT_END],
	       struct command *cmd, struct frame_exit *result);

#endif
