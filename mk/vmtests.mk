# SPDX-License-Identifier: GPL-2.0
# Tests that run in a VM with the modules loaded: each tests/vm/NAME_test.c is
# a program of its own, so that one that does not build stops no other.

B ?= build

VMTEST_BIN := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/*_test.c))
VMTEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-sign-compare -MMD -MP -I$(KSRC)/tools/testing/selftests

.PHONY: vmtests
# The enclave for tests, because signing it leaves the key that they use too.
vmtests: $(VMTEST_BIN) test-encl

TORTURE_OBJS := $(B)/tests/vm/torture_map.o $(B)/tests/vm/torture_work.o
$(B)/tests/vm/torture_test: $(TORTURE_OBJS)

$(B)/tests/vm/common.o $(TORTURE_OBJS): $(B)/%.o: %.c | $(KSRC)/.stamp
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/tests/vm/%_test: tests/vm/%_test.c $(B)/tests/vm/common.o $(B)/libsoftsgx.a $(KSRC)/.stamp
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o,$^) $(filter %.a,$^) -lcrypto -lpthread

-include $(wildcard $(B)/tests/vm/*.d)
