/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What "softsgx run" on the host and softsgx-init in the guest agree upon.
 *
 * Four virtio-serial ports join the two: a control channel of small frames,
 * and one raw byte stream per standard descriptor. The streams carry no
 * framing, so a stalled reader of one never holds up the others; their ends
 * are announced on the control channel as byte counts.
 *
 * The guest says FRAME_READY when it has booted so far that the rest depends on the
 * run. Then the host sends the description of the run, struct run_head first, and
 * the guest asks for the time. A guest that is restored from a snapshot has said
 * FRAME_READY to another host process, and begins with the description.
 */
#ifndef SOFTSGX_RUN_PROTO_H
#define SOFTSGX_RUN_PROTO_H

#include <stdint.h>

/* Port numbers of the virtio-serial bus; port 0 is reserved for a console. */
enum run_port {
	PORT_CTL = 1,
	PORT_IN,
	PORT_OUT,
	PORT_ERR,
	PORT_END,
};

enum frame_type {
	/* guest to host */
	FRAME_STARTED = 1, /* COMMAND is about to be executed */
	FRAME_EXIT, /* struct frame_exit */
	FRAME_FAIL, /* text: the VM cannot run COMMAND */
	FRAME_READY, /* nothing: waits for the description */
	FRAME_ASK_TIME, /* nothing */
	/* host to guest */
	FRAME_TIME, /* struct frame_time */
	FRAME_WINSZ, /* struct winsize */
	FRAME_SIGNAL, /* int32_t: signal number for COMMAND */
	FRAME_STDIN_END, /* uint64_t: length of the whole of stdin */
	FRAME_OUT_CLOSED, /* uint32_t: PORT_OUT or PORT_ERR has no reader */
};

#define FRAME_MAX 1024

struct frame_head {
	uint32_t type;
	uint32_t len; /* of the payload, FRAME_MAX at most */
};

/* Of the host, when it reads the question */
struct frame_time {
	int64_t sec;
	int64_t nsec;
};

/*
 * What comes before the description: "key=value" strings, each ended by a NUL byte,
 * then the modules that are named in it, one after the other.
 */
#define RUN_SEED_SIZE 64

struct run_head {
	uint32_t config_len;
	uint32_t modules_len;
};

struct frame_exit {
	int32_t status; /* as from waitpid() */
	uint32_t check_len; /* length of the text after this struct, 0: passed */
	uint64_t out; /* bytes sent on PORT_OUT */
	uint64_t err; /* bytes sent on PORT_ERR */
};

/* Files of the initial RAM disk. */
#define GUEST_CONFIG "/config"
#define GUEST_MODULES "/modules"

/* Mount tag of the caller's root directory; --rw directories: TAG_RW "0"... */
#define TAG_ROOT "root"
#define TAG_RW "rw"

/* Written to isa-debug-exit by a guest that only shows it can boot. */
#define PROBE_PORT 0xf4
#define PROBE_TOKEN 0x2a
#define PROBE_EXIT ((PROBE_TOKEN << 1) | 1)

/* Starts the line on the console when there is no control channel yet. */
#define CONSOLE_FAIL "softsgx-init: "

#endif
