# SPDX-License-Identifier: GPL-2.0
# libsoftsgx, and the tests that run without any SGX.

B ?= build

LIB_C := error file image layout elf measure sign key enclave enter symbol
# Measuring is the processor's code; it is in the archive for tools that have
# no processor beside them.
LIB_OBJS := $(LIB_C:%=$(B)/lib/%.o) $(B)/lib/enter-asm.o $(B)/lib/core-measure.o
LIB_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror \
	-Wno-unused-parameter -MMD -MP

.PHONY: lib
lib: $(B)/libsoftsgx.a

$(B)/libsoftsgx.a: $(LIB_OBJS)
	rm -f $@
	$(AR) rcsD $@ $^

$(B)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/lib/enter-asm.o: lib/enter.S
	@mkdir -p $(@D)
	$(CC) -g -MMD -MP -c -o $@ $<

$(B)/lib/core-measure.o: core/measure.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CFLAGS) -c -o $@ $<

# The command as a program of its own, so that signing at build time does not
# have to wait for all of build/softsgx.
$(B)/lib/sign: tools/softsgx/cmd_sign.c $(B)/libsoftsgx.a
	$(CC) $(LIB_CFLAGS) $(CFLAGS) -Dcmd_sign=main -o $@ $^ -lcrypto

-include $(wildcard $(B)/lib/*.d)

# The same sources again with sanitizers
LIB_TESTS := measure sign elf key symbol raw hello command unwind
LIB_TEST_BIN := $(LIB_TESTS:%=$(B)/tests/lib/test_%)
LIB_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
LIB_TEST_OBJS := $(LIB_C:%=$(B)/tests/lib/obj/%.o) $(B)/tests/lib/obj/core-measure.o

$(B)/tests/lib/obj/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(LIB_SAN) -c -o $@ $<

$(B)/tests/lib/obj/core-measure.o: core/measure.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(LIB_SAN) -c -o $@ $<

$(B)/tests/lib/test_%: tests/lib/test_%.c $(LIB_TEST_OBJS) $(B)/lib/enter-asm.o
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(LIB_SAN) -o $@ $(filter %.c %.o,$^) -lcmocka -lcrypto

$(B)/tests/lib/test_raw $(B)/tests/lib/test_hello: tests/lib/fake_cpu.c $(B)/tests/lib/fake_cpu_asm.o

$(B)/tests/lib/test_unwind: $(B)/tests/lib/unwind_asm.o

# Not instrumented: runs where no sanitizer can follow
$(B)/tests/lib/fake_cpu_asm.o $(B)/tests/lib/unwind_asm.o: $(B)/%.o: %.S
	@mkdir -p $(@D)
	$(CC) -g -c -o $@ $<

-include $(wildcard $(B)/tests/lib/*.d $(B)/tests/lib/obj/*.d)

.PHONY: test-lib
test-lib: $(LIB_TEST_BIN) $(B)/lib/sign samples test-encl
	set -e; for t in $(LIB_TEST_BIN); do B=$(B) $$t; done
