#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The sample, as root and as nobody.
set -u

status=0
echo "1..2"
out=$(build/samples/hello 2>&1) && case $out in
*mrenclave*"visit number 2"*) echo "ok 1 - root" ;;
*) false ;;
esac || { echo "not ok 1 - root"; echo "$out" | sed 's/^/# /'; status=1; }

if setpriv --reuid=65534 --regid=65534 --clear-groups build/samples/hello >/dev/null; then
	echo "ok 2 - nobody"
else
	echo "not ok 2 - nobody"
	status=1
fi
exit $status
