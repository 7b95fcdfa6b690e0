// SPDX-License-Identifier: GPL-2.0
/*
 * The enclave of samples/hello on the fake processor.
 */
#include "../../samples/hello/hello.h"
#include "fake_cpu.h"

static void hello_call(u64 t, u64 function, struct hello_call *call)
{
	struct sgx_enclave_run r = { .tcs = t };
	struct softsgx_args args = { .rdi = function, .rsi = (uintptr_t)call };

	assert_int_equal(softsgx_enter_with(fake_vdso_enter_enclave, &r,
					    SGX_EENTER, &args),
			 0);
	assert_int_equal(r.function, SGX_EEXIT);
}

static void test_hello(void **state)
{
	struct softsgx_image hello;
	char out[128];
	struct hello_call call = {
		.in = "Ada", .in_size = 3, .out = out, .out_size = sizeof(out)
	};
	u64 at, offset;

	assert_int_equal(softsgx_image_load(
				 &hello, built("samples/hello_encl.elf"), NULL),
			 0);
	at = fake_cpu_load(&hello);
	softsgx_image_tcs(&hello, 0, &offset);
	hello_call(at + offset, HELLO_GREET, &call);
	assert_int_equal(call.status, HELLO_OK);
	hello_call(at + offset, HELLO_GREET, &call);
	assert_string_equal(
		out, "Hello Ada, this is visit number 2 to the enclave.");
	call.value = 100000;
	hello_call(at + offset, HELLO_PRIMES, &call);
	assert_int_equal(call.value, 9592);

	call.out = (char *)(uintptr_t)(at + hello.size - 1);
	hello_call(at + offset, HELLO_GREET, &call);
	assert_int_equal(call.status, HELLO_BAD_POINTER);
	call.out = (char *)(uintptr_t)(at - 1);
	hello_call(at + offset, HELLO_GREET, &call);
	assert_int_equal(call.status, HELLO_BAD_POINTER);
	call.out = out;
	call.out_size = -8UL;
	hello_call(at + offset, HELLO_GREET, &call);
	assert_int_equal(call.status, HELLO_BAD_POINTER);
	call.out_size = sizeof(out);
	call.in_size = 100;
	call.in = out;
	hello_call(at + offset, HELLO_GREET, &call);
	assert_int_equal(call.status, HELLO_TOO_LONG);
	hello_call(at + offset, 99, &call);
	assert_int_equal(call.status, HELLO_BAD_FUNCTION);
	fake_cpu_unload(&hello, at);
	softsgx_image_free(&hello);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_fake_cpu(test_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
