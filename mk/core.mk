# SPDX-License-Identifier: GPL-2.0
# The pure core in user space: unit tests and fuzzing, with sanitizers.

CORE_SRCS := $(sort $(wildcard core/*.c))
CORE_HDRS := $(wildcard core/*.h include/arch/*.h)

UNIT := $(B)/tests/unit
# One for each file of the core, and those that look at several together
UNIT_TESTS := $(patsubst core/%.c,%,$(filter-out core/operand.c,$(CORE_SRCS))) \
	      paging_load paging_tamper paging_exit paging_model gcm accept_copy dynamic_life \
	      dynamic_model leaf_token notify xstate entry_race access
UNIT_HDRS := $(wildcard tests/unit/*.h)
UNIT_HELPERS := rig signer seal paging paging_ref dynamic dynamic_ref keys
UNIT_OBJS := $(patsubst %.c,$(UNIT)/obj/%.o,$(CORE_SRCS)) \
	     $(UNIT_HELPERS:%=$(UNIT)/obj/tests/unit/%.o)
UNIT_CFLAGS := -std=gnu11 -O1 -g -fno-strict-aliasing -pthread -Wall -Wextra -Werror \
	       -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_TIME ?= 60
FUZZ_RUNS ?= 5000

.PHONY: unit fuzz-core fuzz-core-smoke core-check

unit: $(addprefix $(UNIT)/,$(UNIT_TESTS))
	@status=0; for t in $^; do \
		CMOCKA_MESSAGE_OUTPUT=TAP $$t || { echo "# $$t failed"; status=1; }; \
	done; exit $$status

$(UNIT)/obj/%.o: %.c $(CORE_HDRS) $(UNIT_HDRS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -c -o $@ $<

$(addprefix $(UNIT)/,$(UNIT_TESTS)): $(UNIT)/%: $(UNIT)/obj/tests/unit/%.o $(UNIT_OBJS)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka -lcrypto

# Fuzzing with libFuzzer, FUZZ_TIME seconds; the corpus stays in the build folder.
FUZZ := $(B)/tests/fuzz
FUZZ_SRCS := tests/fuzz/core_enclu.c tests/unit/rig.c tests/unit/seal.c $(CORE_SRCS)
FUZZ_CLANG ?= clang-14

fuzz-core: $(FUZZ)/core_enclu
	@mkdir -p $(FUZZ)/core_enclu.corpus
	cd $(FUZZ) && ./core_enclu -max_total_time=$(FUZZ_TIME) -max_len=4096 -print_final_stats=1 \
		core_enclu.corpus

$(FUZZ)/core_enclu: $(FUZZ_SRCS) $(CORE_HDRS) $(UNIT_HDRS)
	@mkdir -p $(@D)
	$(FUZZ_CLANG) $(UNIT_CFLAGS) -fsanitize=fuzzer -o $@ $(FUZZ_SRCS) -lcmocka -lcrypto

# The same target without libFuzzer: FUZZ_RUNS inputs, always the same ones.
fuzz-core-smoke: $(FUZZ)/core_enclu.replay
	$< -runs=$(FUZZ_RUNS)

$(FUZZ)/core_enclu.replay: $(UNIT)/obj/tests/fuzz/core_enclu.o $(UNIT)/obj/tests/fuzz/driver.o \
			   $(UNIT_OBJS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka -lcrypto

# The core has to be fit for the kernel: no libc, no vector registers, small frames.
core-check:
	for f in $(CORE_SRCS); do \
		$(CC) -std=gnu11 -Wall -Wextra -Wdeclaration-after-statement -Werror -O2 \
			-Wframe-larger-than=1024 -mgeneral-regs-only -ffreestanding \
			-c -o /dev/null $$f || exit 1; \
	done
