// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The enclave: it counts its visitors where the host cannot look, and knows
 * prime numbers.
 */
#include "../../lib/softsgx_enclave.h"
#include "hello.h"

#define NAME_MAX 64

SOFTSGX_ENCLAVE(.nr_tcs = 1, .nssa = 2, .stack_pages = 4);

static unsigned long visits;

/* Only memory outside may be touched on behalf of the host. */
static int is_outside(const void *p, unsigned long size)
{
	unsigned long start = (unsigned long)p;
	unsigned long base = (unsigned long)__encl_base;
	unsigned long end;

	if (__builtin_add_overflow(start, size, &end))
		return 0;
	return end <= base || start >= base + softsgx_desc.size;
}

/* The compiler may call these two whatever the flags. */
void *memcpy(void *dst, const void *src, unsigned long size)
{
	void *d = dst;

	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dst;
}

void *memset(void *dst, int c, unsigned long size)
{
	void *d = dst;

	asm volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(c) : "memory");
	return dst;
}

static unsigned long append(char *text, unsigned long len, const char *s)
{
	while (*s)
		text[len++] = *s++;
	return len;
}

static unsigned long append_number(char *text, unsigned long len,
				   unsigned long n)
{
	char digits[20];
	int i = 0;

	do {
		digits[i++] = '0' + n % 10;
		n /= 10;
	} while (n);
	while (i)
		text[len++] = digits[--i];
	return len;
}

static unsigned long greet(struct hello_call *call)
{
	char text[NAME_MAX + 128];
	char name[NAME_MAX + 1];
	unsigned long len = 0;

	if (!is_outside(call->in, call->in_size) ||
	    !is_outside(call->out, call->out_size))
		return HELLO_BAD_POINTER;
	if (call->in_size > NAME_MAX)
		return HELLO_TOO_LONG;
	memcpy(name, call->in, call->in_size);
	name[call->in_size] = '\0';

	call->value = ++visits;
	len = append(text, len, "Hello ");
	len = append(text, len, name);
	len = append(text, len, ", this is visit number ");
	len = append_number(text, len, visits);
	len = append(text, len, " to the enclave.");
	text[len++] = '\0';
	if (len > call->out_size)
		return HELLO_TOO_LONG;
	memcpy(call->out, text, len);
	return HELLO_OK;
}

static int is_prime(unsigned long n)
{
	unsigned long i;

	for (i = 2; i * i <= n; i++) {
		if (n % i == 0)
			return 0;
	}
	return n >= 2;
}

static unsigned long count_primes(struct hello_call *call)
{
	unsigned long count = 0;
	unsigned long n;

	for (n = 2; n < call->value; n++)
		count += is_prime(n);
	call->value = count;
	return HELLO_OK;
}

static unsigned long dispatch(unsigned long function, struct hello_call *call)
{
	switch (function) {
	case HELLO_GREET:
		return greet(call);
	case HELLO_PRIMES:
		return count_primes(call);
	default:
		return HELLO_BAD_FUNCTION;
	}
}

void hello_ecall(unsigned long function, struct hello_call *call)
{
	struct hello_call copy;

	if (!is_outside(call, sizeof(*call)))
		return;
	/* The host could change its copy between a check and a use. */
	memcpy(&copy, call, sizeof(copy));
	copy.status = dispatch(function, &copy);
	call->value = copy.value;
	call->status = copy.status;
}
