# SPDX-License-Identifier: GPL-2.0
# The life of an entry, model-checked: the protocol holds, and without any one of
# its rules it does not.

B ?= build

.PHONY: model
model:
	@B=$(B) model/run
