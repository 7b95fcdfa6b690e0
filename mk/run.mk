# SPDX-License-Identifier: GPL-2.0
# The README's two commands. Packages come first, in a make of their own: what
# follows asks the package lists which kernels there are.

RUN_KERNEL ?= $(firstword $(KERNELS))

.PHONY: run run-hello test test-all check check-suites kernels
run:
	@scripts/install-deps run
	@$(MAKE) --no-print-directory run-hello KERNELS="$(or $(RUN_KERNEL),$(error no kernel))"

run-hello: modules tools samples kernels
	@$(B)/softsgx run --kernel $(firstword $(KERNELS)) -- $(CURDIR)/$(B)/samples/hello

test:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory test-suites

# Everything there is, by parts: tests/run-all says which. Takes hours.
test-all:
	@scripts/install-deps test-all
	@tests/run-all $(PARTS)

# For every commit: in three minutes, what most mistakes do not survive.
CHECK_SUITES := unit/ lib/ conform_list $(foreach k,$(firstword $(KERNELS)),\
	$(addprefix vm/,$(addsuffix @$(k),hello contract_test enter_entry_test paging_rights_test)))
check:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory check-suites

check-suites: modules tools samples kernels vmtests host-tests style
	@tests/run $(CHECK_SUITES)

test-suites: modules tools samples kernels vmtests selftest-build intree-build conform-build \
		bench-build host-tests
	@tests/run $(KERNELS:%=-k %) $(SUITES)

.PHONY: test-suites host-tests
host-tests: $(addprefix $(UNIT)/,$(UNIT_TESTS)) $(LIB_TEST_BIN) $(FUZZ)/core_enclu.replay \
		$(B)/lib/sign test-encl $(B)/tests/conform/conform

# Stock kernel images to boot, unpacked from their packages if not installed.
kernels:
	@for k in $(KERNELS); do scripts/fetch-kernel $$k || exit 1; done
