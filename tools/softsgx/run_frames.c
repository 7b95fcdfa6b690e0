// SPDX-License-Identifier: GPL-2.0
/* Frames of the control channel. */
#include <string.h>
#include <sys/socket.h>

#include "run.h"

/* Take in what has come, without waiting for more. */
void frames_read(struct vm *vm)
{
	struct frames *f = &vm->frames;
	ssize_t n = recv(vm->port[PORT_CTL], f->buf + f->len,
			 sizeof(f->buf) - f->len, MSG_DONTWAIT);

	if (n > 0)
		f->len += n;
}

/* Return whether there was a whole frame. */
bool frames_take(struct vm *vm, struct frame_head *head, char data[FRAME_MAX])
{
	struct frames *f = &vm->frames;
	size_t size;

	if (f->len < sizeof(*head))
		return false;
	memcpy(head, f->buf, sizeof(*head));
	if (head->len > FRAME_MAX)
		die("the VM sent a broken frame");
	size = sizeof(*head) + head->len;
	if (f->len < size)
		return false;
	memcpy(data, f->buf + sizeof(*head), head->len);
	f->len -= size;
	memmove(f->buf, f->buf + size, f->len);
	return true;
}

void frame_send(struct vm *vm, uint32_t type, const void *data, uint32_t len)
{
	char buf[sizeof(struct frame_head) + FRAME_MAX];
	struct frame_head head = { .type = type, .len = len };

	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), data, len);
	write_full(vm->port[PORT_CTL], buf, sizeof(head) + len);
}
