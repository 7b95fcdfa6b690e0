/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of "softsgx run". */
#ifndef SOFTSGX_RUN_H
#define SOFTSGX_RUN_H

#include <pthread.h>
#include <termios.h>

#include "cmd.h"
#include "run_proto.h"

struct list {
	char **v; /* NULL terminated */
	size_t n;
};

/* The command line, checked. */
struct run_options {
	uint64_t epc, mem; /* in bytes */
	unsigned long cpus;
	unsigned long nodes; /* 0: as 1 */
	const char *release; /* or NULL */
	const char *log; /* or NULL */
	const char *model; /* or NULL */
	struct list params; /* NAME=VALUE, for softsgx_cpu */
	const char *append; /* or "" */
	struct list rw; /* absolute, without symbolic links */
	struct list modules; /* files to load after the two modules */
	bool no_modules, no_cpuid, check;
	bool cold; /* neither use a snapshot nor make one */
	char **command; /* NULL terminated */
};

struct kernel {
	char *release;
	char *image; /* vmlinuz */
	char *moddir; /* lib/modules/RELEASE */
	bool installed; /* moddir is where modprobe looks for it */
	char *sgx[2]; /* the processor and the driver, or NULL */
};

/* A buffer that grows. */
struct blob {
	char *data;
	size_t len;
};

/* An initial RAM disk being written. */
struct initrd {
	int fd;
	uint64_t len;
	unsigned int ino;
};

struct terminal {
	bool closed[3]; /* descriptor is, for softsgx and for COMMAND */
	bool tty[3];
	bool raw; /* to be set once COMMAND runs */
	bool saved;
	struct termios termios;
};

/* What has been read from the control channel */
struct frames {
	char buf[4 * FRAME_MAX];
	size_t len;
};

struct vm {
	pid_t pid;
	struct frames frames;
	int qmp; /* the monitor, or -1 */
	int port[PORT_END]; /* our ends */
	int console; /* the console's output so far can be read here */
	int errors; /* what QEMU complained about */
};

/* What a guest is made of, ready for QEMU. */
struct boot {
	int image, initrd; /* descriptors */
	int console;
	const char *accel;
	uint64_t mem;
	unsigned long cpus, nodes;
	const char *append;
	const struct list *rw; /* NULL: share nothing, just boot */
	int incoming; /* a snapshot to start from instead of initrd, or -1 */
	bool monitor; /* for snapshot_save() */
};

/* Where the state of a VM that has just booted is kept */
struct snapshot {
	char *key; /* all that it depends on, as text */
	char *path;
	int fd; /* or -1 */
};

/* run_list.c */
void list_add(struct list *list, char *s);
void blob_add(struct blob *b, const void *data, size_t len);
void blob_print(struct blob *b, const char *fmt, ...) __printf(2, 3);

/* run_file.c */
void blob_read(struct blob *b, int fd, const char *name);
void blob_load(struct blob *b, const char *path);
bool unpack(const char *program, int from, int to);

/* run_options.c */
void run_options_parse(struct run_options *o, int argc, char **argv);

/* run_kernel.c */
void kernel_find(struct kernel *k, const char *release, bool need_sgx);

/* run_image.c */
int image_open(const struct kernel *k);

/* run_modules.c */
void modules_early(struct initrd *rd, const struct kernel *k);
void modules_late(struct blob *config, struct blob *data, const struct kernel *k,
		  const struct run_options *o);

/* run_initrd.c */
void initrd_start(struct initrd *rd);
void initrd_file(struct initrd *rd, const char *name, unsigned int mode,
		 const void *data, size_t len);
void initrd_finish(struct initrd *rd);
const char *find_init(void);
void initrd_add_init(struct initrd *rd);

/* run_config.c */
void describe_run(struct blob *b, const struct run_options *o,
		  const struct kernel *k, const struct terminal *t);

/* run_accel.c */
const char *accel_choose(const struct kernel *k, int image);

/* run_qemu.c */
void qemu_check(void);
void qemu_start(struct vm *vm, const struct boot *boot);
int qemu_wait(struct vm *vm);
bool qemu_is_stuck(const struct vm *vm);
void qemu_kill(void);
void qemu_discard(struct vm *vm);

/* run_snapshot.c */
void snapshot_find(struct snapshot *s, const struct run_options *o,
		   const struct kernel *k, const char *accel);
bool snapshot_is_good(const struct snapshot *s);
void snapshot_forget(struct snapshot *s);
void snapshot_save(struct snapshot *s, struct vm *vm);

/* run_qmp.c */
const char *qmp_save(int qmp, int fd);

/* run_frames.c */
void frames_read(struct vm *vm);
bool frames_take(struct vm *vm, struct frame_head *head, char data[FRAME_MAX]);
void frame_send(struct vm *vm, uint32_t type, const void *data, uint32_t len);

/* run_handshake.c */
bool run_handshake(struct vm *vm, const struct blob *description, int sigfd,
		   struct snapshot *save, bool restored);

/* run_tty.c */
void terminal_probe(struct terminal *t);
void terminal_raw(struct terminal *t);
void terminal_restore(void);

/* run_pump.c */
struct pump {
	pthread_t thread;
	int from, to;
	int event; /* eventfd, written when something changed */
	bool cooked; /* "from" is a terminal that edits lines */
	/* atomic: */
	uint64_t total; /* bytes taken */
	bool ended; /* no more to take */
	bool closed; /* nobody to give to */
};

void pump_start(struct pump *p, int from, int to, int event);

/* run_loop.c */
int run_signals(void);
int run_loop(struct vm *vm, struct terminal *t, int sigfd);

/* run_diag.c */
_Noreturn void diagnose(struct vm *vm, const char *when);

#endif
