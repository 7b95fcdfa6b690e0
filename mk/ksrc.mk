# SPDX-License-Identifier: GPL-2.0
# What the tests take from Debian's kernel source packages, unpacked when needed
# and never committed: the kernel's own SGX selftest, the kselftest harness,
# checkpatch and the format rules. All but the selftest is that of KSRC_VERSION.

KSRC_VERSION ?= 6.1
SELFTEST_VERSIONS ?= 6.1 6.12
KSRC_DIR ?= /usr/src
KSRC := $(B)/ksrc-$(KSRC_VERSION)
SELFTEST_DIR := tools/testing/selftests/sgx

$(B)/ksrc-%/.stamp:
	@test -e $(KSRC_DIR)/linux-source-$*.tar.xz || { echo "softsgx: no kernel source:" \
		"install the package linux-source-$*" >&2; exit 1; }
	rm -rf $(@D) && mkdir -p $(@D)
	tar -xJf $(KSRC_DIR)/linux-source-$*.tar.xz -C $(@D) --strip-components=1 --wildcards \
		'*/tools/testing/selftests/sgx' '*/arch/x86/kernel/cpu/sgx' '*/tools/testing/selftests/lib.mk' \
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
selftest-build: $(SELFTEST_VERSIONS:%=$(B)/ksrc-%/$(SELFTEST_DIR)/test_sgx)
$(B)/ksrc-%/$(SELFTEST_DIR)/test_sgx: $(B)/ksrc-%/.stamp
	$(MAKE) --no-print-directory -s -C $(@D) OUTPUT=$(CURDIR)/$(@D) all \
		>$(B)/ksrc-$*/selftest.log 2>&1 || { cat $(B)/ksrc-$*/selftest.log >&2; exit 1; }
.PRECIOUS: $(B)/ksrc-%/.stamp

# The SGX driver of KSRC_VERSION as a module, on top of the software processor. Its sources
# are as the package has them, but for encls.h, which is ours; only for kernels of the version.
INTREE_FILES := $(wildcard tests/intree/*)
.PHONY: intree-build
intree-build: $(patsubst %,$(B)/intree/%/softsgx_intree.ko,$(filter $(KSRC_VERSION).%,$(KERNELS)))
$(B)/intree/%/softsgx_intree.ko: KDIR = $(call kdir,$*)
$(B)/intree/%/softsgx_intree.ko: $(B)/kmod/%/softsgx.ko $(KSRC)/.stamp $(INTREE_FILES)
	@rm -rf $(@D)/src && mkdir -p $(@D)/src/include
	@cp -r $(KSRC)/arch/x86/kernel/cpu/sgx $(@D)/src/
	@cp $(INTREE_FILES) $(@D)/src/ && mv $(@D)/src/encls.h $(@D)/src/sgx/encls.h
	@cp -r include/softsgx include/arch $(@D)/src/include/
	@$(MAKE) --no-print-directory -s -C $(KDIR) M=$(CURDIR)/$(@D)/src \
		CONFIG_DEBUG_INFO_BTF_MODULES= \
		KBUILD_EXTRA_SYMBOLS=$(CURDIR)/$(B)/kmod/$*/src/Module.symvers modules
	@strip --strip-debug -o $@ $(@D)/src/softsgx_intree.ko

# What checkpatch has to say of user space code that is not for the kernel's.
STYLE_IGNORE := SPACING,SPDX_LICENSE_TAG,FILE_PATH_CHANGES,PREFER_DEFINED_ATTRIBUTE_MACRO
STYLE_IGNORE_USER := $(STYLE_IGNORE),VOLATILE,SPLIT_STRING,BRACES,EMBEDDED_FUNCTION_NAME,AVOID_EXTERNS,$\
	COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,REPEATED_WORD,MACRO_WITH_FLOW_CONTROL
KERNEL_CODE := core cpu drv compat/compat.h include
# An operand of inline assembly is no modulo.
checkpatch = perl $(KSRC)/scripts/checkpatch.pl --no-tree --no-summary --terse --max-line-length=128 \
	--ignore

# Errors and warnings count; hints of style (STRICT=--strict) are for the eye.
.PHONY: style
style: $(KSRC)/.stamp
	@$(checkpatch) $(STYLE_IGNORE) $(STRICT) -f $(shell git ls-files $(KERNEL_CODE) | grep '[.][ch]$$')
	@$(checkpatch) $(STYLE_IGNORE_USER) $(STRICT) -f $(shell git ls-files lib samples tools tests model compat/probes | \
		grep '[.][ch]$$')
	@shellcheck -x -S warning -e SC3044 $(shell git ls-files | xargs grep -l '^#!/bin/sh')
