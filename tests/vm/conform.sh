#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ENCLS by the manual, on the processor alone. Loads its modules itself. TAP.
#
# usage: tests/vm/conform.sh MODEL
set -u

kmod=build/kmod/$(uname -r)/softsgx_cpu.ko
conform=build/conform/$(uname -r)/softsgx_conform.ko

insmod "$kmod" epc=1M model="$1" && insmod "$conform" || { echo "1..0"; exit 1; }
cat /sys/kernel/debug/softsgx_conform
! grep -q '^not ok' /sys/kernel/debug/softsgx_conform
status=$?
rmmod softsgx_conform && rmmod softsgx_cpu || status=1
exit $status
