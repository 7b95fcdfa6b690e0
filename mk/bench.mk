# SPDX-License-Identifier: GPL-2.0
# Benchmarks; each kernel in a VM of its own.

B ?= build

# Nothing runs them in the tests, but they have to build.
.PHONY: bench-build
bench-build: $(addprefix $(B)/tests/bench/,enclu mm mm_report paging edmm)

.PHONY: bench
bench: modules tools $(B)/tests/bench/enclu
	for k in $(KERNELS); do $(B)/softsgx run --check --kernel $$k -- \
		$(B)/tests/bench/enclu || exit 1; done

$(B)/tests/bench/enclu: tests/bench/enclu.c $(B)/tests/vm/encl_util.o $(B)/libsoftsgx.a \
		| test-encl
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

# The three lifetimes of an enclave in a process, in one VM run: per VMA, per
# process (what ships), per file.
.PHONY: bench-mm
bench-mm: modules tools test-encl $(B)/tests/bench/mm $(B)/tests/bench/mm_report
	for k in $(KERNELS); do \
		d=$(B)/bench-mm/$$k; \
		for t in vma file; do \
			$(MAKE) --no-print-directory modules B=$(B)/bench-mm/build-$$t KERNELS=$$k \
				SOFTSGX_TRACK=track_$$t && mkdir -p $$d/$$t && \
			cp $(B)/bench-mm/build-$$t/kmod/$$k/softsgx.ko $$d/$$t/ || exit 1; \
		done; \
		mkdir -p $$d/mm && cp $(B)/kmod/$$k/softsgx.ko $$d/mm/ && \
		cp $(B)/kmod/$$k/softsgx_cpu.ko $$d/ && \
		$(B)/softsgx run --check --kernel $$k --no-modules --mem 2G -- \
			tests/bench/mm.sh $$d $(or $(ROUNDS),3) || exit 1; \
	done

$(B)/tests/bench/mm: tests/bench/mm.c tests/bench/mm_util.c tests/bench/mm_cost.c \
		tests/bench/mm.h $(B)/tests/vm/common.o $(B)/libsoftsgx.a
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

$(B)/tests/bench/mm_report: tests/bench/mm_report.c
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $<

# Paging against its cryptography alone, in one VM run; with PROFILE=N instead where
# the time goes when N processes use the enclave.
.PHONY: bench-paging
bench-paging: modules tools test-encl $(B)/tests/bench/paging \
		$(foreach k,$(KERNELS),$(B)/bench-paging/$(k)/softsgx_bench.ko)
	for k in $(KERNELS); do \
		$(B)/softsgx run --check --kernel $$k --epc 4M --cpus 2 -- \
			tests/bench/paging.sh $(B)/bench-paging/$$k/softsgx_bench.ko \
			$(if $(PROFILE),profile $(PROFILE)) || exit 1; \
	done

$(B)/tests/bench/paging: tests/bench/paging.c tests/bench/mm_util.c tests/bench/mm.h \
		$(B)/tests/vm/common.o $(B)/libsoftsgx.a
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

$(B)/bench-paging/%/softsgx_bench.ko: KDIR = $(call kdir,$*)
$(B)/bench-paging/%/softsgx_bench.ko: tests/bench/kmod/softsgx_bench.c tests/bench/kmod/Kbuild
	@mkdir -p $(@D)/src
	@cp $^ $(@D)/src/
	@$(KMAKE) M=$(CURDIR)/$(@D)/src modules
	@strip --strip-debug -o $@ $(@D)/src/softsgx_bench.ko

# Enclaves that grow and change, against the same page by page
.PHONY: bench-edmm
bench-edmm: modules tools $(B)/tests/bench/edmm
	for k in $(KERNELS); do \
		$(B)/softsgx run --check --kernel $$k --epc 128M --cpus 2 -- \
			$(B)/tests/bench/edmm || exit 1; \
	done

$(B)/tests/bench/edmm: tests/bench/edmm.c $(B)/tests/vm/encl_util.o $(B)/libsoftsgx.a | test-encl
	@mkdir -p $(@D)
	$(CC) $(VMTEST_CFLAGS) $(CFLAGS) -o $@ $(filter %.c %.o %.a,$^) -lcrypto -lpthread

-include $(wildcard $(B)/tests/bench/*.d)
