# SPDX-License-Identifier: GPL-2.0
# The tests of CPUID have code of their own, as part of the program, in a library,
# and in a program to be executed.

CPUID_TESTS := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/cpuid*_test.c))

vmtests: $(B)/tests/vm/cpuid_helper $(B)/tests/vm/cpuid_lib.so
$(CPUID_TESTS): $(B)/tests/vm/cpuid_code.o

$(B)/tests/vm/cpuid_code.o: tests/vm/cpuid_code.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

$(B)/tests/vm/cpuid_helper: tests/vm/cpuid_helper.c $(B)/tests/vm/cpuid_code.o
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o,$^)

$(B)/tests/vm/cpuid_lib.so: $(B)/tests/vm/cpuid_code.o
	$(CC) -shared -nostdlib -o $@ $<
