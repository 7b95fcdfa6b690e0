# SPDX-License-Identifier: GPL-2.0
# Those of the tests in VMs that look at the processor: they run the test enclave
# and share tests/vm/encl_util.c. The macros of the harness compare any two types.

ENCL_TESTS := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,\
	$(wildcard $(addprefix tests/vm/,enter_*_test.c raw_*_test.c hostile_*_test.c paging_enter_test.c)))

$(ENCL_TESTS): $(B)/tests/vm/%: tests/vm/%.c $(B)/tests/vm/encl_util.o \
		$(B)/libsoftsgx.a $(KSRC)/.stamp | test-encl
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) -Wno-sign-compare $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

$(B)/tests/vm/encl_util.o: tests/vm/encl_util.c
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -c -o $@ $<
