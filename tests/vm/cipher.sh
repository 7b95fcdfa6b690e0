#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The cipher of evicted pages: which it is, which are refused, and paging with one that
# answers later and with the CPU's own.
set -u

kmod=build/kmod/$(uname -r)
later='cryptd(gcm_base(ctr(aes-generic),ghash-generic))'
n=0 status=0

result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' /tmp/out
		status=1
	fi
}

check()
{
	what=$1
	shift
	"$@" >/tmp/out 2>&1
	result $? "$what"
}

in_use()
{
	cat /sys/kernel/debug/softsgx_cpu/cipher
}

# What /proc/crypto has about the driver in use, if that is a gcm(aes)
entry()
{
	awk -v driver="$(in_use)" '
		$1 == "name" { gcm = $3 == "gcm(aes)" }
		$1 == "driver" { ours = gcm && $3 == driver }
		ours { print; found = 1 }
		END { exit !found }' /proc/crypto
}

logged()
{
	dmesg | grep 'softsgx_cpu: evicted pages are encrypted by' | tail -n 1 |
		grep -F "encrypted by $(in_use)"
}

refused()
{
	if insmod "$kmod/softsgx_cpu.ko" "cipher=$1" 2>/tmp/err; then
		rmmod softsgx_cpu
		return 1
	fi
	dmesg | tail -n 2 | grep -F "$1"
}

unload()
{
	rmmod softsgx && rmmod softsgx_cpu
}

load()
{
	insmod "$kmod/softsgx_cpu.ko" epc=1M "$@" && insmod "$kmod/softsgx.ko"
}

is_later()
{
	[ "$(in_use)" = "$later" ] && entry | grep '^async *: yes'
}

is_of_the_cpu()
{
	case $(in_use) in *aesni* | *-avx* | *-vaes*) ;; *) in_use; return 1 ;; esac
}

# Each with the cipher that is loaded; what a suite has to say comes after its name
suites()
{
	for t in "$@"; do
		start=$(date +%s)
		"build/tests/vm/$t" >/tmp/out 2>&1
		result $? "$t"
		echo "# $(($(date +%s) - start)) s"
		grep -v '^ok\|^TAP\|^1\.\.' /tmp/out | sed 's/^/# /'
	done
}

check "the cipher is a gcm(aes) that the kernel lists" entry
check "a line in the log names it" logged
check "unload" unload
for name in nonesuch "" "rfc4106(gcm(aes))"; do
	check "cipher=$name is refused" refused "$name"
done

if grep -qw aes /proc/cpuinfo && modprobe aesni_intel 2>/tmp/out; then
	check "load where the kernel has the CPU's own" load
	check "it is chosen" is_of_the_cpu
	check "it is listed" entry
	check "a line in the log names it" logged
	suites paging_load_test
	check "unload" unload
else
	n=$((n + 1))
	echo "ok $n # SKIP no AES instructions, or no module for them"
fi

# The kernel would warn, and with panic_on_warn end: cryptd there changes the request.
if uname -r | grep -q '^6\.1\.'; then
	n=$((n + 1))
	echo "ok $n # SKIP cryptd of 6.1 fails the kernel's own test"
elif modprobe cryptd 2>/tmp/out; then
	check "load with a cipher that answers later" load "cipher=$later"
	check "it is in use" is_later
	check "a line in the log names it" logged
	suites paging_test paging_enter_test paging_race_test
	check "unload" unload
else
	n=$((n + 1))
	echo "ok $n # SKIP the kernel has no module cryptd"
fi
echo "1..$n"
exit $status
