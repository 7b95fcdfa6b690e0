#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loading and unloading: parameters, refusals, and rmmod right after the last
# close, again and again.
set -u

kmod=build/kmod/$(uname -r)
epc=/sys/kernel/debug/softsgx/epc
n=0 status=0

check()
{
	what=$1
	shift
	n=$((n + 1))
	if "$@" >/tmp/out 2>&1; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		sed 's/^/# /' /tmp/out
		status=1
	fi
}

refused()
{
	if insmod "$@" 2>/tmp/err; then
		rmmod softsgx_cpu
		return 1
	fi
}

unload()
{
	rmmod softsgx && rmmod softsgx_cpu
}

load()
{
	insmod "$kmod/softsgx_cpu.ko" "$@" && insmod "$kmod/softsgx.ko"
}

# An enclave that has fewer pages than an instruction may need would never get on.
too_little()
{
	insmod "$kmod/softsgx_cpu.ko" "epc=$1" || return 1
	if insmod "$kmod/softsgx.ko" "$2" 2>/tmp/err; then
		rmmod softsgx
		rmmod softsgx_cpu
		return 1
	fi
	dmesg | tail -n 3 | grep -q 'an enclave needs 13 to get on'
	ret=$?
	rmmod softsgx_cpu
	return $ret
}

reload_after_hello()
{
	i=0
	while [ $i -lt 10 ]; do
		build/samples/hello >/dev/null || return 1
		unload || return 1
		load epc=4M || return 1
		i=$((i + 1))
	done
}

# Whatever they are at when the modules come and go: their text may be being changed.
reload_under_processes()
{
	(while [ ! -e /tmp/enough ]; do /bin/true; done) 2>/dev/null &
	(while [ ! -e /tmp/enough ]; do build/samples/hello; done) >/dev/null 2>&1 &
	i=0 ret=0
	while [ $i -lt 8 ] && [ $ret = 0 ]; do
		until rmmod softsgx 2>/dev/null; do sleep 0.1; done
		rmmod softsgx_cpu && load epc=4M || ret=1
		sleep 0.5
		i=$((i + 1))
	done
	touch /tmp/enough
	wait
	return $ret
}

# The driver pins the processor, an open file pins the driver.
rmmod_refused()
{
	! rmmod softsgx_cpu && ! { rmmod softsgx; } 3</dev/sgx_enclave
}

warned()
{
	dmesg | grep -q 'softsgx_cpu: software SGX processor.*protects no secrets'
}

all_free()
{
	awk '{ v[$1] = $2 } END { exit v["total_pages"] != v["free_pages"] || v["enclaves"] }' $epc
}

echo "1..19"
check "one line says that no secrets are protected" warned
check "a used module cannot be unloaded" rmmod_refused
check "unload" unload
for size in 0 3 1Z 4097 15K 99999999G -1 ""; do
	check "epc=$size is refused" refused "$kmod/softsgx_cpu.ko" epc=$size
done
for limit in encl_limit user_limit; do
	check "$limit=5 is refused with 256 pages" too_little 1M $limit=5
done
check "epc=64K is enough to load" load epc=64K
check "unload it" unload
check "load with the default size" load
check "rmmod right after the last close" reload_after_hello
check "processes come and go while modules do" reload_under_processes
check "all EPC pages are free" all_free
exit $status
