// SPDX-License-Identifier: GPL-2.0
/* Starting and ending QEMU. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define QEMU "qemu-system-x86_64"

/*
 * Any oops or warning ends the VM at once: its state is worth nothing then.
 * mitigations=off: there is nobody in this VM to protect COMMAND's data from.
 * tsc=reliable: a busy host must not make the guest give up its fast clock.
 * lpj: measuring it takes an emulated CPU that is started late seconds; 3 GHz.
 * maxcpus=1: the other CPUs are for softsgx-init to start, see cpus_start().
 */
#define CMDLINE                                                    \
	"console=ttyS0 quiet loglevel=5 panic=-1 panic_on_warn=1 " \
	"oops=panic mitigations=off tsc=reliable no_timer_check "  \
	"log_buf_len=2M lpj=12000000 maxcpus=1 noreplace-smp"

static const char *const port_names[PORT_END] = {
	[PORT_CTL] = "ctl",
	[PORT_IN] = "in",
	[PORT_OUT] = "out",
	[PORT_ERR] = "err",
};

static pid_t running;

void qemu_check(void)
{
	if (!find_program(QEMU))
		die(QEMU
		    " not found: install the Debian package qemu-system-x86");
}

/* QEMU splits option values at commas, and takes two of them for one. */
static char *escape(const char *value)
{
	char *to = xalloc(NULL, 2 * strlen(value) + 1), *p = to;

	for (; *value; value++) {
		*p++ = *value;
		if (*value == ',')
			*p++ = ',';
	}
	*p = '\0';
	return to;
}

static void add(struct list *args, const char *a, char *b)
{
	list_add(args, xstrdup(a));
	if (b)
		list_add(args, b);
}

static void add_share(struct list *args, const char *tag, const char *dir,
		      const char *options)
{
	char *path = escape(dir);

	add(args, "-fsdev",
	    xprintf("local,id=%s,path=%s,security_model=none,multidevs=remap%s",
		    tag, path, options));
	add(args, "-device",
	    xprintf("virtio-9p-pci,fsdev=%s,mount_tag=%s", tag, tag));
	free(path);
}

/* The last one has the memory that is left over. */
static void add_node(struct list *args, const struct boot *boot, unsigned long n)
{
	unsigned long cpus = boot->cpus / boot->nodes;
	unsigned long long mib = boot->mem >> 20, share = mib / boot->nodes;

	if (n == boot->nodes - 1)
		share = mib - n * share;
	add(args, "-object",
	    xprintf("memory-backend-ram,id=mem%lu,size=%lluM", n, share));
	add(args, "-numa",
	    xprintf("node,nodeid=%lu,memdev=mem%lu,cpus=%lu-%lu", n, n,
		    n * cpus, n * cpus + cpus - 1));
}

static void add_machine(struct list *args, const struct boot *boot)
{
	bool kvm = !strcmp(boot->accel, "kvm");
	bool single = !strcmp(boot->accel, "tcg-single");
	const char *tcg = single ? "tcg,thread=single" : "tcg,thread=multi";

	add(args, QEMU, NULL);
	add(args, "-nodefaults", NULL);
	add(args, "-no-user-config", NULL);
	add(args, "-no-reboot", NULL);
	add(args, "-display", xstrdup("none"));
	/* The guest is given files to read, and nothing else of the host. */
	add(args, "-sandbox",
	    xstrdup("on,obsolete=deny,elevateprivileges=deny,spawn=deny"));
	add(args, "-machine", xstrdup("pc,hpet=off,vmport=off"));
	add(args, "-accel", xstrdup(kvm ? "kvm" : tcg));
	/* Emulated, the byte-wise string instructions are the slow ones. */
	add(args, "-cpu", xstrdup(kvm ? "host" : "max,-erms,-fsrm"));
	/* No kernel expects a socket to be on two nodes. */
	if (boot->nodes > 1)
		add(args, "-smp",
		    xprintf("%lu,sockets=%lu", boot->cpus, boot->nodes));
	else
		add(args, "-smp", xprintf("%lu", boot->cpus));
	add(args, "-m", xprintf("%lluM", (unsigned long long)boot->mem >> 20));
	for (unsigned long n = 0; boot->nodes > 1 && n < boot->nodes; n++)
		add_node(args, boot, n);
	add(args, "-kernel", xprintf("/proc/self/fd/%d", boot->image));
	if (boot->incoming < 0)
		add(args, "-initrd", xprintf("/proc/self/fd/%d", boot->initrd));
	else
		add(args, "-incoming", xprintf("fd:%d", boot->incoming));
	add(args, "-append", xprintf(CMDLINE " %s", boot->append));
	add(args, "-chardev",
	    xprintf("file,id=con,path=/proc/self/fd/%d", boot->console));
	add(args, "-serial", xstrdup("chardev:con"));
}

static void add_ports(struct list *args, const int theirs[PORT_END])
{
	add(args, "-device", xstrdup("virtio-serial-pci,max_ports=8"));
	for (int nr = PORT_CTL; nr < PORT_END; nr++) {
		const char *name = port_names[nr];

		add(args, "-chardev",
		    xprintf("socket,id=%s,fd=%d", name, theirs[nr]));
		add(args, "-device",
		    xprintf("virtserialport,chardev=%s,nr=%d,name=softsgx.%s",
			    name, nr, name));
	}
}

/* Not part of the machine: a snapshot does not tell whether there was one. */
static void add_monitor(struct list *args, int theirs)
{
	add(args, "-chardev", xprintf("socket,id=qmp,fd=%d", theirs));
	add(args, "-mon", xstrdup("chardev=qmp,mode=control"));
}

static void add_shares(struct list *args, const struct boot *boot)
{
	add_share(args, TAG_ROOT, "/", ",readonly=on");
	for (size_t i = 0; i < boot->rw->n; i++)
		add_share(args, xprintf(TAG_RW "%zu", i), boot->rw->v[i], "");
}

static int make_pair(int *theirs)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		die("cannot create a socket: %s", strerror(errno));
	*theirs = fd[1];
	return fd[0];
}

/* The first of theirs is the monitor's. */
static void make_ports(struct vm *vm, int theirs[PORT_END], bool monitor)
{
	if (monitor)
		vm->qmp = make_pair(&theirs[0]);
	for (int nr = PORT_CTL; nr < PORT_END; nr++)
		vm->port[nr] = make_pair(&theirs[nr]);
}

static void keep_open(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* In the child: no way of ending ours may leave QEMU behind. */
static void become_qemu(const struct vm *vm, const struct boot *boot,
			const int theirs[PORT_END], char **args, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* A key meant for COMMAND must not reach QEMU. */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(vm->errors, STDOUT_FILENO);
	dup2(vm->errors, STDERR_FILENO);
	keep_open(boot->image);
	keep_open(boot->incoming < 0 ? boot->initrd : boot->incoming);
	keep_open(boot->console);
	for (int nr = 0; nr < PORT_END; nr++)
		if (theirs[nr] >= 0)
			keep_open(theirs[nr]);
	execvp(args[0], args);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", args[0], strerror(errno));
	_exit(127);
}

void qemu_start(struct vm *vm, const struct boot *boot)
{
	struct list args = { 0 };
	int theirs[PORT_END];
	pid_t self = getpid();

	memset(theirs, -1, sizeof(theirs));
	vm->qmp = -1;
	vm->frames.len = 0;
	add_machine(&args, boot);
	if (boot->rw) {
		make_ports(vm, theirs, boot->monitor);
		add_ports(&args, theirs);
		if (boot->monitor)
			add_monitor(&args, theirs[0]);
		add_shares(&args, boot);
	} else {
		add(&args, "-device", xstrdup("isa-debug-exit,iobase=0xf4"));
	}
	vm->console = boot->console;
	vm->errors = memfd_create("qemu", MFD_CLOEXEC);
	if (vm->errors < 0)
		die("cannot create a file in memory: %s", strerror(errno));
	vm->pid = fork();
	if (vm->pid < 0)
		die("cannot fork: %s", strerror(errno));
	if (!vm->pid)
		become_qemu(vm, boot, theirs, args.v, self);
	running = vm->pid;
	atexit(qemu_kill);
	for (int nr = 0; nr < PORT_END; nr++)
		if (theirs[nr] >= 0)
			close(theirs[nr]);
}

/* Return the status as from waitpid() if QEMU has ended, else -1. */
int qemu_wait(struct vm *vm)
{
	int status;

	if (waitpid(vm->pid, &status, WNOHANG) != vm->pid)
		return -1;
	running = 0;
	return status;
}

/* After an internal error of KVM, QEMU stays, with the guest stopped. */
bool qemu_is_stuck(const struct vm *vm)
{
	struct blob b = { 0 };
	bool stuck;

	blob_read(&b, vm->errors, "QEMU's messages");
	stuck = strstr(b.data, "KVM internal error");
	free(b.data);
	return stuck;
}

void qemu_kill(void)
{
	if (running <= 0)
		return;
	kill(running, SIGKILL);
	waitpid(running, NULL, 0);
	running = 0;
}

/* End a VM that has not come up, so that another one can be tried. */
void qemu_discard(struct vm *vm)
{
	qemu_kill();
	for (int nr = PORT_CTL; nr < PORT_END; nr++)
		close(vm->port[nr]);
	if (vm->qmp >= 0)
		close(vm->qmp);
	close(vm->errors);
}
