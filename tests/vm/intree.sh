#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's own driver and its selftest on the software processor: the processor is one,
# and not half of the driver that comes with it. Loads its modules itself.
#
# That driver gives up with EAGAIN where it meets its own reclaimer, and one test, which does
# not expect that, is over then. So the reclaimer goes first, on one CPU; should they meet all
# the same it is tried again.
set -u

kmod=build/kmod/$(uname -r)/softsgx_cpu.ko
intree=build/intree/$(uname -r)/softsgx_intree.ko
again=unclobbered_vdso_oversubscribed_remove

insmod "$kmod" epc=16M && insmod "$intree" || { echo "1..0"; exit 1; }
chrt -f -p 1 "$(pgrep -x ksgxd)"
for try in 1 2 3 4 5 6 7 8; do
	out=$(build/softsgx exec -- tests/vm/selftest.sh 6.1 4096)
	status=$?
	[ $status -ne 0 ] && echo "$out" | grep -q 'errno_save (11)' &&
		[ "$(echo "$out" | grep '^not ok')" = "not ok 3 - $again" ] || break
	echo "# try $try: EAGAIN"
done
echo "$out"
rmmod softsgx_intree && rmmod softsgx_cpu || status=1
exit $status
