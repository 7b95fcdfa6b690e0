# SPDX-License-Identifier: GPL-2.0
# SoftSGX: a software SGX processor and driver. `make run`, `make test`.
B := build

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# V=1 shows the commands.
ifneq ($(V),1)
MAKEFLAGS += -s
endif

include $(sort $(wildcard mk/*.mk))

.PHONY: all clean
all: modules tools samples

clean:
	rm -rf $(B)
