#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the VM: measure each lifetime in turn, several times, with one processor
# module and one boot; then the table.
#
# usage: tests/bench/mm.sh DIR ROUNDS	(DIR/softsgx_cpu.ko, DIR/LIFETIME/softsgx.ko)
set -eu

dir=$1 rounds=$2
out=$(mktemp)

# Room for the enclave of 256 MiB
insmod "$dir/softsgx_cpu.ko" epc=320M
i=0
while [ $i -lt "$rounds" ]; do
	for lifetime in vma mm file; do
		insmod "$dir/$lifetime/softsgx.ko"
		build/tests/bench/mm $lifetime >>"$out"
		rmmod softsgx
	done
	i=$((i + 1))
done
rmmod softsgx_cpu
build/tests/bench/mm_report "walk, stale processes" <"$out"
