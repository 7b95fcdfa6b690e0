# SPDX-License-Identifier: GPL-2.0
# Benchmarks; each kernel in a VM of its own.

B ?= build

.PHONY: bench
bench: modules tools $(B)/tests/bench/enclu
	for k in $(KERNELS); do $(B)/softsgx run --check --kernel $$k -- \
		$(B)/tests/bench/enclu || exit 1; done

$(B)/tests/bench/enclu: tests/bench/enclu.c $(B)/tests/vm/encl_util.o $(B)/libsoftsgx.a \
		| test-encl
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

-include $(wildcard $(B)/tests/bench/*.d)
