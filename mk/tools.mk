# SPDX-License-Identifier: GPL-2.0
# The softsgx command, and the init of the VM that "softsgx run" boots.

B ?= build

TOOLS_CFLAGS := -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
		-D_GNU_SOURCE
TOOLS_DEPS := -MMD -MP

softsgx-src := $(filter-out tools/softsgx/cmd_sign.c,$(wildcard tools/softsgx/*.c))
softsgx-libs := -pthread

# Signing needs libsoftsgx and libcrypto; without either the command is there
# and says so.
ifneq ($(and $(wildcard tools/softsgx/cmd_sign.c),$(wildcard mk/lib.mk),$(wildcard /usr/include/openssl/evp.h)),)
softsgx-src += tools/softsgx/cmd_sign.c
softsgx-lib := $(B)/libsoftsgx.a
softsgx-libs += -lcrypto
ifndef LIB_C
include mk/lib.mk
endif
endif

init-src := $(wildcard tools/init/*.c)

softsgx-obj := $(softsgx-src:%.c=$(B)/obj/%.o)
init-obj := $(init-src:%.c=$(B)/obj/%.o)

.PHONY: tools tools-clean
tools: $(B)/softsgx $(B)/softsgx-init

$(B)/softsgx: $(softsgx-obj) $(softsgx-lib)
	$(CC) $(LDFLAGS) -o $@ $^ $(softsgx-libs)

# Static: it is the first program in a guest that has no libraries yet.
$(B)/softsgx-init: $(init-obj)
	$(CC) $(LDFLAGS) -static -o $@ $^

$(softsgx-obj) $(init-obj): $(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(TOOLS_CFLAGS) $(TOOLS_DEPS) -c -o $@ $<

tools-clean:
	rm -rf $(B)/obj/tools $(B)/softsgx $(B)/softsgx-init

-include $(softsgx-obj:.o=.d) $(init-obj:.o=.d)
