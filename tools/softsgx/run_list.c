// SPDX-License-Identifier: GPL-2.0
/* Lists of strings and growing buffers. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

void list_add(struct list *list, char *s)
{
	list->v = xalloc(list->v, (list->n + 2) * sizeof(*list->v));
	list->v[list->n++] = s;
	list->v[list->n] = NULL;
}

void blob_add(struct blob *b, const void *data, size_t len)
{
	b->data = xalloc(b->data, b->len + len + 1);
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	/* Not counted: lets text be used as a string. */
	b->data[b->len] = '\0';
}

/* Add a formatted string and its NUL. */
void blob_print(struct blob *b, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	blob_add(b, s, n + 1);
	free(s);
}
