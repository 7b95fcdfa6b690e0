#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's own selftest of an SGX driver, unmodified.
#
# usage: tests/vm/selftest.sh VERSION [PAGES]	(of the EPC; otherwise our driver is asked)
set -u

dir=build/ksrc-$1/tools/testing/selftests/sgx
out=$(cd "$dir" && timeout 300 ./test_sgx 2>&1)
echo "$out" | sed 's/^/# /'
echo "1..17"

n=0
result()
{
	n=$((n + 1))
	if echo "$out" | grep -q "^ok [0-9]* enclave\.$1\$"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		status=1
	fi
}

status=0
for t in unclobbered_vdso unclobbered_vdso_oversubscribed \
	unclobbered_vdso_oversubscribed_remove clobbered_vdso \
	clobbered_vdso_and_user_function tcs_entry pte_permissions tcs_permissions \
	epcm_permissions augment augment_via_eaccept tcs_create \
	remove_added_page_no_eaccept remove_added_page_invalid_access \
	remove_added_page_invalid_access_after_eaccept remove_untouched_page; do
	result $t
done

# It asks CPUID for the size of the EPC, and says what it has understood.
n=$((n + 1))
pages=${2:-$(awk '$1 == "total_pages" { print $2 }' /sys/kernel/debug/softsgx/epc)}
if echo "$out" | grep -q "enclave with $((pages * 4096)) bytes heap"; then
	echo "ok $n - CPUID"
else
	echo "not ok $n - CPUID"
	status=1
fi
exit $status
