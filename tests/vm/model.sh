#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each model, as "softsgx info" and enclaves see it; names that are none.
set -u

kmod=build/kmod/$(uname -r)
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
	if insmod "$kmod/softsgx_cpu.ko" "$1" 2>/tmp/err; then
		rmmod softsgx_cpu
		return 1
	fi
	grep -q 'Invalid parameters' /tmp/err || { cat /tmp/err; return 1; }
}

listed()
{
	dmesg | grep 'softsgx_cpu: no model "pentium"' |
		grep -q 'there are: max skylake icelake sapphirerapids$'
}

unload()
{
	rmmod softsgx && rmmod softsgx_cpu
}

load()
{
	insmod "$kmod/softsgx_cpu.ko" epc=4M "$@" && insmod "$kmod/softsgx.ko" &&
		chmod 666 /dev/sgx_enclave
}

# What "softsgx info" has to say; as root, and as somebody who may do nothing
said()
{
	build/softsgx info >/tmp/info || { cat /tmp/info; return 1; }
	for line in "$@"; do
		grep -qx "$line" /tmp/info || { echo "missing: $line"; cat /tmp/info; return 1; }
	done
	setpriv --reuid=65534 --regid=65534 --clear-groups /tmp/softsgx info >/tmp/info2
	grep -v '^device' /tmp/info2 >/tmp/2
	grep -v '^device' /tmp/info | diff - /tmp/2
}

json()
{
	build/softsgx info --json >/tmp/json || return 1
	cat /tmp/json
	grep -q '"model": "'"$1"'",' /tmp/json && grep -q '"features": \['"$2"'\],' /tmp/json &&
		[ "$(head -n 1 /tmp/json)$(tail -n 1 /tmp/json)" = "{}" ]
}


hello()
{
	build/samples/hello
}

# The tree may be in a home that is closed to others.
cp build/softsgx /tmp/softsgx
chmod 755 /tmp/softsgx

echo "1..31"
xfrm='xfrm         x87 sse.*'
sgx1='attributes   debug mode64bit provisionkey einittokenkey'
check "the default" said 'model        max' 'processor    softsgx_cpu' 'driver       softsgx' \
	'cpuid        shows SGX to this process' 'vdso entry   yes' 'fsgsbase     yes'
check "unload it" unload
for model in pentium "" Max maximum "skylake,max"; do
	check "model=$model is refused" refused "model=$model"
done
check "a line names those there are" listed

check "load skylake" load model=skylake
check "SGX1 only" said 'model        skylake' 'features     sgx1' \
	'vendor       GenuineIntel 06_9EH stepping 9' "$sgx1" 'miscselect  ' "$xfrm" \
	'enclave size 2^36 bytes' 'epc          4096 KiB at 0x.*'
check "the same as JSON" json skylake '"sgx1"'
check "an enclave" hello
check "unload it" unload

check "load icelake" load model=icelake
check "SGX2, KSS, EXINFO" said 'model        icelake' 'features     sgx1 sgx2' "$sgx1 kss" \
	'vendor       GenuineIntel 06_6AH stepping 6' \
	'miscselect   exinfo' "$xfrm" 'enclave size 2^56 bytes'
check "the same as JSON" json icelake '"sgx1", "sgx2"'
check "an enclave" hello
check "unload it" unload

spr='vendor       GenuineIntel 06_8FH stepping 8'
for model in sapphirerapids max; do
	check "load $model" load model=$model
	check "AEX-Notify" said "model        $model" 'features     sgx1 sgx2 edeccssa' \
		"$sgx1 kss aexnotify" 'vendor       GenuineIntel 06_.*' 'miscselect   exinfo' "$xfrm"
	[ $model = max ] || check "its signature" said "$spr"
	check "the same as JSON" json $model '"sgx1", "sgx2", "edeccssa"'
	check "an enclave" hello
	check "unload it" unload
done

check "load icelake without SGX2" load model=icelake sgx2=0
check "SGX1, with KSS" said 'features     sgx1' "$sgx1 kss"
exit $status
