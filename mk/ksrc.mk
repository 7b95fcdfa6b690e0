# SPDX-License-Identifier: GPL-2.0
# What the tests take from Debian's kernel source package, unpacked when needed
# and never committed: the kernel's own SGX selftest, the kselftest harness,
# checkpatch and the format rules.

KSRC_VERSION ?= 6.1
KSRC_TAR ?= /usr/src/linux-source-$(KSRC_VERSION).tar.xz
KSRC := $(B)/ksrc-$(KSRC_VERSION)
SELFTEST := $(KSRC)/tools/testing/selftests/sgx

$(KSRC)/.stamp:
	@test -e $(KSRC_TAR) || { echo "softsgx: no kernel source:" \
		"install the package linux-source-$(KSRC_VERSION)" >&2; exit 1; }
	rm -rf $(KSRC) && mkdir -p $(KSRC)
	tar -xJf $(KSRC_TAR) -C $(KSRC) --strip-components=1 --wildcards \
		'*/tools/testing/selftests/sgx' '*/tools/testing/selftests/lib.mk' \
		'*/tools/testing/selftests/kselftest*' \
		'*/tools/testing/selftests/x86/check_cc.sh' \
		'*/tools/testing/selftests/x86/trivial_64bit_program.c' \
		'*/tools/include' '*/tools/arch/x86/include' '*/tools/scripts' '*/arch/x86/include/asm/sgx.h' \
		'*/arch/x86/include/asm/enclu.h' '*/arch/x86/include/uapi/asm/sgx.h' \
		'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch' '*/scripts/Kbuild.include' \
		'*/scripts/subarch.include' '*/.clang-format'
	touch $@

# The kernel's own test of an SGX driver, as it is.
.PHONY: selftest-build
selftest-build: $(SELFTEST)/test_sgx
$(SELFTEST)/test_sgx: $(KSRC)/.stamp
	$(MAKE) --no-print-directory -s -C $(SELFTEST) OUTPUT=$(CURDIR)/$(SELFTEST) all >$(KSRC)/selftest.log 2>&1 || \
		{ cat $(KSRC)/selftest.log >&2; exit 1; }

.PHONY: style
style: $(KSRC)/.stamp
	@perl $(KSRC)/scripts/checkpatch.pl --no-tree --strict --no-summary --terse \
		--ignore SPDX_LICENSE_TAG,FILE_PATH_CHANGES,PREFER_DEFINED_ATTRIBUTE_MACRO \
		-f $(shell git ls-files '*.c' '*.h')
