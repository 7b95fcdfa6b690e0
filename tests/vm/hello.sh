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

# The tree may be in a home that is closed to others.
mkdir -m 755 /tmp/hello-test
cp build/samples/hello build/samples/hello_encl.elf build/samples/hello_encl.elf.sig /tmp/hello-test
cd /tmp/hello-test || exit 1
if setpriv --reuid=65534 --regid=65534 --clear-groups ./hello >/dev/null; then
	echo "ok 2 - nobody"
else
	echo "not ok 2 - nobody"
	status=1
fi
exit $status
