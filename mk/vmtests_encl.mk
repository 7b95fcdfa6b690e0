# SPDX-License-Identifier: GPL-2.0
# Those of the tests in VMs that look at the processor: they run the test enclave
# and share tests/vm/encl_util.c. The macros of the harness compare any two types.

DYNAMIC_TESTS := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/dynamic_*test.c))

ENCL_TESTS := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,\
	$(wildcard $(addprefix tests/vm/,enter_*_test.c raw_*_test.c hostile_*_test.c loader_*_test.c \
	debug_test.c gdb_test.c paging_enter_test.c paging_dynamic_test.c aexnotify_test.c xstate_fuzz_test.c))) \
	$(DYNAMIC_TESTS)

# They look at the driver as well.
$(DYNAMIC_TESTS) $(addprefix $(B)/tests/vm/,paging_dynamic_test enter_memory_test): $(B)/tests/vm/common.o

$(ENCL_TESTS): $(B)/tests/vm/%: tests/vm/%.c $(B)/tests/vm/encl_util.o \
		$(B)/libsoftsgx.a $(KSRC)/.stamp | test-encl
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) -Wno-sign-compare $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

# Loaders of other styles have code of their own for what the library does.
LOADER_OBJS := $(B)/tests/vm/loader.o $(B)/tests/vm/loader_check.o
$(patsubst tests/vm/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/loader_*_test.c)): $(LOADER_OBJS)

$(B)/tests/vm/encl_util.o $(LOADER_OBJS): $(B)/%.o: %.c | $(KSRC)/.stamp
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -c -o $@ $<
