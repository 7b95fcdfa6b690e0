// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The host: loads the enclave through /dev/sgx_enclave, calls it through the
 * vDSO, and says what happened.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/softsgx.h"
#include "hello.h"

#define EPC_FILE "/sys/kernel/debug/softsgx/epc"

struct hello {
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct softsgx_enclave encl;
	u64 tcs;
};

static int fail(const char *what)
{
	fprintf(stderr, "hello: %s\n", what);
	return -1;
}

/* The enclave and its signature lie beside this program. */
static int enclave_path(char *path, size_t size, const char *suffix)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return fail("cannot read /proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return fail("cannot find the enclave");
	*slash = '\0';
	n = snprintf(path, size, "%s/hello_encl.elf%s", self, suffix);
	return n < (ssize_t)size ? 0 : fail("name of the enclave too long");
}

static int read_files(struct hello *h)
{
	char path[PATH_MAX];

	if (enclave_path(path, sizeof(path), ""))
		return -1;
	if (softsgx_image_load(&h->image, path, NULL))
		return fail(softsgx_last_error());
	if (enclave_path(path, sizeof(path), ".sig"))
		return -1;
	if (softsgx_sigstruct_load(&h->sig, path))
		return fail(softsgx_last_error());
	return 0;
}

static int load(struct hello *h)
{
	u64 offset;

	if (softsgx_enclave_open(&h->encl) ||
	    softsgx_enclave_load(&h->encl, &h->image, &h->sig))
		return fail(softsgx_last_error());
	if (!softsgx_image_tcs(&h->image, 0, &offset))
		return fail("the enclave has no TCS");
	h->tcs = h->encl.base + offset;
	return 0;
}

static void print_identity(const struct hello *h)
{
	u8 mrenclave[SOFTSGX_HASH_SIZE];
	int i;

	printf("enclave   %#llx, %llu KiB\n", h->encl.base, h->encl.size >> 10);
	softsgx_image_measure(&h->image, mrenclave);
	printf("mrenclave ");
	for (i = 0; i < SOFTSGX_HASH_SIZE; i++)
		printf("%02x", mrenclave[i]);
	printf("\n");
}

/* Root only, and only with SoftSGX: no line without it. */
static void print_epc(void)
{
	unsigned long total, free;
	FILE *f = fopen(EPC_FILE, "r");

	if (!f)
		return;
	if (fscanf(f, "total_pages %lu free_pages %lu", &total, &free) == 2)
		printf("epc       %lu KiB, %lu KiB free\n", total * 4,
		       free * 4);
	fclose(f);
}

static int call(const struct hello *h, enum hello_function function,
		struct hello_call *c)
{
	struct sgx_enclave_run run = { .tcs = h->tcs };
	struct softsgx_args args = {
		.rdi = function,
		.rsi = (uintptr_t)c,
	};

	c->status = -1UL;
	if (softsgx_enter(&run, SGX_EENTER, &args))
		return fail(softsgx_last_error());
	if (run.function != SGX_EEXIT) {
		fprintf(stderr,
			"hello: exception %u (error code %#x) at %#llx\n",
			run.exception_vector, run.exception_error_code,
			run.exception_addr);
		return -1;
	}
	if (c->status != HELLO_OK) {
		fprintf(stderr, "hello: the enclave answered %#lx\n",
			c->status);
		return -1;
	}
	return 0;
}

static int greet(const struct hello *h)
{
	static const char name[] = "world";
	char greeting[256] = "";
	struct hello_call c = {
		.in = name,
		.in_size = strlen(name),
		.out = greeting,
		.out_size = sizeof(greeting),
	};

	if (call(h, HELLO_GREET, &c))
		return -1;
	greeting[sizeof(greeting) - 1] = '\0';
	printf("inside:   %s\n", greeting);
	return 0;
}

static int count_primes(const struct hello *h)
{
	struct hello_call c = { .value = 100000 };

	if (call(h, HELLO_PRIMES, &c))
		return -1;
	printf("inside:   There are %lu primes below 100000.\n", c.value);
	return 0;
}

/* A buffer inside the enclave must be refused, or the host could read it. */
static int try_to_cheat(const struct hello *h)
{
	struct sgx_enclave_run run = { .tcs = h->tcs };
	struct hello_call c = {
		.status = -1UL,
		.out = (char *)(uintptr_t)h->encl.base,
		.out_size = 256,
	};
	struct softsgx_args args = {
		.rdi = HELLO_GREET,
		.rsi = (uintptr_t)&c,
	};

	if (softsgx_enter(&run, SGX_EENTER, &args))
		return fail(softsgx_last_error());
	if (run.function != SGX_EEXIT || c.status != HELLO_BAD_POINTER)
		return fail("the enclave accepted a pointer to itself");
	printf("inside:   (refused a buffer that is enclave memory)\n");
	return 0;
}

int main(void)
{
	struct hello h = { .encl.fd = -1 };
	int ret;

	softsgx_image_init(&h.image);
	ret = read_files(&h);
	if (!ret)
		ret = load(&h);
	if (!ret) {
		print_identity(&h);
		print_epc();
		ret = greet(&h);
	}
	if (!ret)
		ret = greet(&h);
	if (!ret)
		ret = count_primes(&h);
	if (!ret)
		ret = try_to_cheat(&h);

	softsgx_enclave_close(&h.encl);
	softsgx_image_free(&h.image);
	return ret ? 1 : 0;
}
