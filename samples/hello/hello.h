/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The interface between the host program and the enclave: RDI is the number of
 * the function, RSI points to a struct hello_call outside the enclave.
 */
#ifndef _HELLO_H
#define _HELLO_H

enum hello_function {
	HELLO_GREET, /* @in: name, @out: greeting; @value: number of the visit */
	HELLO_PRIMES, /* @value: in: limit, out: number of primes below it */
};

/* @status of a call */
#define HELLO_OK 0
#define HELLO_BAD_FUNCTION 1
#define HELLO_BAD_POINTER 2 /* a buffer lies, in part, inside the enclave */
#define HELLO_TOO_LONG 3

struct hello_call {
	unsigned long status;
	unsigned long value;
	const char *in;
	unsigned long in_size;
	char *out;
	unsigned long out_size;
};

/* Inside */
extern const char __encl_base[];
void hello_ecall(unsigned long function, struct hello_call *call);

#endif /* _HELLO_H */
