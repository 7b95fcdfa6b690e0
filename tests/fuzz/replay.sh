#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The fuzz target of the core on the same inputs each time, as a test.
echo "1..1"
if "${B:-build}/tests/fuzz/core_enclu.replay" -runs="${FUZZ_RUNS:-3000}"; then
	echo "ok 1 - random ENCLU operands, SSA frames and events"
else
	echo "not ok 1 - random ENCLU operands, SSA frames and events"
	exit 1
fi
