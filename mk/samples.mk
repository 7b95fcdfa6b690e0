# SPDX-License-Identifier: GPL-2.0
# Enclaves: the sample and the one for tests. Each is signed with a key that
# lives in the build directory.

B ?= build

ENCL_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -MMD -MP \
	-ffreestanding -fno-builtin -nostdinc -fPIE -fvisibility=hidden \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -march=x86-64 -mno-avx -mfsgsbase -mrdrnd \
	-ffile-prefix-map=$(CURDIR)=.
ENCL_LDFLAGS := -static-pie -nostdlib -nostartfiles -Wl,-T,lib/enclave.lds \
	-Wl,--no-dynamic-linker -Wl,-z,norelro -Wl,-z,noexecstack \
	-Wl,--build-id=none -Wl,--hash-style=sysv

.PHONY: samples test-encl
samples: $(B)/samples/hello $(B)/samples/hello_encl.elf.sig
test-encl: $(B)/tests/encl/test_encl.elf $(B)/tests/encl/test_encl.elf.sig $(B)/tests/encl/startup.elf

$(B)/samples/hello: samples/hello/host.c $(B)/libsoftsgx.a
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.a,$^) -lcrypto

$(B)/samples/obj/%.o: samples/%.c
	@mkdir -p $(@D)
	$(CC) $(ENCL_CFLAGS) -c -o $@ $<

$(B)/samples/obj/%-asm.o: samples/%.S
	@mkdir -p $(@D)
	$(CC) $(ENCL_CFLAGS) -c -o $@ $<

$(B)/samples/hello_encl.elf: $(B)/samples/obj/hello/entry-asm.o \
		$(B)/samples/obj/hello/enclave.o lib/enclave.lds
	$(CC) $(ENCL_LDFLAGS) -o $@ $(filter %.o,$^)

TEST_ENCL_OBJS := $(addprefix $(B)/tests/encl/,entry-asm.o regs-asm.o \
	faults-asm.o access-asm.o enclave.o dynamic.o)

$(B)/tests/encl/%.o: tests/encl/%.c
	@mkdir -p $(@D)
	$(CC) $(ENCL_CFLAGS) -c -o $@ $<

$(B)/tests/encl/%-asm.o: tests/encl/%.S
	@mkdir -p $(@D)
	$(CC) $(ENCL_CFLAGS) -c -o $@ $<

$(B)/tests/encl/test_encl.elf: $(TEST_ENCL_OBJS) lib/enclave.lds
	$(CC) $(ENCL_LDFLAGS) -o $@ $(filter %.o,$^)

# Signed by the tests themselves
$(B)/tests/encl/startup.elf: $(B)/tests/encl/startup_entry-asm.o $(B)/tests/encl/startup.o \
		lib/enclave.lds
	$(CC) $(ENCL_LDFLAGS) -o $@ $(filter %.o,$^)

# The test enclave may be loaded with any MISCSELECT and XFRM, debug or not.
SIGN_FLAGS_test_encl := --attributes-mask 0xfffffffffffffffd --xfrm-mask 3 \
	--misc-mask 0
$(B)/%.elf.sig: $(B)/%.elf $(B)/lib/sign
	$(B)/lib/sign --key $(B)/sign-key.pem $(SIGN_FLAGS_$(notdir $*)) --out $@ $<

-include $(wildcard $(B)/samples/*.d $(B)/samples/obj/hello/*.d $(B)/tests/encl/*.d)
