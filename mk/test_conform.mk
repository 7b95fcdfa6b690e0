# SPDX-License-Identifier: GPL-2.0
# ENCLS by the manual: the cases of tests/conform as a program, on the core, and as a kernel
# module, on softsgx_cpu. Their SIGSTRUCTs are signed here.

CONFORM := $(B)/tests/conform
CONFORM_FILES := $(wildcard tests/conform/*)
CONFORM_SRCS := $(addprefix tests/conform/,bench.c build.c einit.c page.c paging.c dynamic.c)
CONFORM_CFLAGS := -D_GNU_SOURCE -Iinclude -Itests/conform

.PHONY: conform conform-build
conform: $(CONFORM)/conform
	$< && $< sgx1

$(CONFORM)/gensigs: tests/conform/gensigs.c $(UNIT)/obj/tests/unit/signer.o $(CONFORM_FILES)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(CONFORM_CFLAGS) -Wno-deprecated-declarations -o $@ $(filter %gensigs.c %.o,$^) -lcrypto

$(CONFORM)/sigdata.c: $(CONFORM)/gensigs
	$< >$@.tmp && mv $@.tmp $@

$(CONFORM)/conform: $(CONFORM)/sigdata.c $(CONFORM_FILES) $(UNIT_OBJS)
	$(CC) $(UNIT_CFLAGS) $(CONFORM_CFLAGS) -o $@ $< tests/conform/host.c $(CONFORM_SRCS) $(UNIT_OBJS) -lcmocka -lcrypto

conform-build: $(KERNELS:%=$(B)/conform/%/softsgx_conform.ko)
$(B)/conform/%/softsgx_conform.ko: KDIR = $(call kdir,$*)
$(B)/conform/%/softsgx_conform.ko: $(B)/kmod/%/softsgx.ko $(CONFORM)/sigdata.c $(CONFORM_FILES)
	@rm -rf $(@D)/src && mkdir -p $(@D)/src
	@cp tests/conform/* $(CONFORM)/sigdata.c $(@D)/src/
	@cp -r include $(@D)/src/
	@$(MAKE) --no-print-directory -s -C $(KDIR) M=$(CURDIR)/$(@D)/src \
		CONFIG_DEBUG_INFO_BTF_MODULES= KCFLAGS=-Werror \
		KBUILD_EXTRA_SYMBOLS=$(CURDIR)/$(B)/kmod/$*/src/Module.symvers modules
	@strip --strip-debug -o $@ $(@D)/src/softsgx_conform.ko
