# SPDX-License-Identifier: GPL-2.0
# The two kernel modules, for every release in KERNELS, each in its own tree of
# links below build/kmod/RELEASE/src: Kbuild leaves its objects beside sources.

# Asked once, and only when needed: the package lists may not be there yet.
ifeq ($(origin KERNELS),undefined)
KERNELS = $(eval KERNELS := $(shell scripts/kernels))$(KERNELS)
endif
KMOD_DIRS := include core cpu drv compat
KMOD_SRCS := $(shell find $(KMOD_DIRS) Kbuild -type f)
PROBES := $(notdir $(basename $(wildcard compat/probes/*.c)))
KMAKE = $(MAKE) --no-print-directory -s -C $(KDIR) W=1 \
	CONFIG_DEBUG_INFO_BTF_MODULES= KCFLAGS="-Werror $(KCFLAGS)"
# Where the headers of release $(1) are: a kernel of our own in the cache, or a
# package's. KDIR_release names another place.
KERNEL_CACHE := $(or $(SOFTSGX_KERNELS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/softsgx/kernels)
kdir = $(or $(KDIR_$(1)),$(wildcard $(KERNEL_CACHE)/$(1)/build),/lib/modules/$(1)/build)

.PHONY: modules
modules: $(foreach k,$(KERNELS),$(B)/kmod/$(k)/softsgx.ko)

.SECONDARY:

$(B)/kmod/%/src/.stamp: $(KMOD_SRCS)
	@mkdir -p $(@D)/generated
	@cp -rsf $(addprefix $(CURDIR)/,$(KMOD_DIRS) Kbuild) $(@D)
	@find $(@D) -xtype l -delete
	@touch $@

# One Kbuild run tries all probes; what compiles is there.
$(B)/kmod/%/src/generated/softsgx_config.h: KDIR = $(call kdir,$*)
$(B)/kmod/%/src/generated/softsgx_config.h: $(B)/kmod/%/src/.stamp \
		$(wildcard compat/probes/*.c)
	@test -e $(KDIR)/Makefile || { echo "softsgx: no headers for kernel $*:" \
		"install the package linux-headers-$*" >&2; exit 1; }
	@rm -rf $(B)/kmod/$*/probe && mkdir -p $(B)/kmod/$*/probe
	@cp compat/probes/*.c $(B)/kmod/$*/probe/
	@echo 'obj-m := $(addsuffix .o,$(PROBES))' > $(B)/kmod/$*/probe/Kbuild
	@$(KMAKE) -k M=$(CURDIR)/$(B)/kmod/$*/probe $(addsuffix .o,$(PROBES)) \
		> $(B)/kmod/$*/probe/log 2>&1 || true
	@for p in $(PROBES); do \
		test ! -e $(B)/kmod/$*/probe/$$p.o || \
			echo "#define HAVE_$$(echo $$p | tr a-z A-Z) 1"; \
	done > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
	@touch $@

$(B)/kmod/%/softsgx.ko: KDIR = $(call kdir,$*)
$(B)/kmod/%/softsgx.ko: $(B)/kmod/%/src/generated/softsgx_config.h
	@echo "  KMOD    $*"
	@$(KMAKE) M=$(CURDIR)/$(B)/kmod/$*/src modules
	@for m in softsgx_cpu softsgx; do \
		strip --strip-debug -o $(@D)/$$m.ko $(@D)/src/$$m.ko || exit 1; \
	done
