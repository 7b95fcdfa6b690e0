# SPDX-License-Identifier: GPL-2.0
# Settings are for whoever asks.
# shellcheck shell=sh disable=SC2034
# What the runners of suites share. To be read from the top of the tree.

# usage: suite_settings NAME; leaves $kernels, $epc, $options as tests/suites has them
suite_settings()
{
	while read -r pattern kernels epc options; do
		case $pattern in '#'* | '') continue ;; esac
		# The pattern is one.
		# shellcheck disable=SC2254
		case $1 in $pattern) break ;; esac
	done <tests/suites
	[ "$epc" != - ] || epc=
	[ "$options" != - ] || options=
	options=$(echo "$options" | tr , ' ')
}
