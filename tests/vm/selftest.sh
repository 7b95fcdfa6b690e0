#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's own selftest of an SGX driver, unmodified. It ends with a failure
# as long as any of its tests does, so its results are taken line by line; the
# tests of parts that SoftSGX does not have yet are skips.
set -u

dir=build/ksrc-6.1/tools/testing/selftests/sgx
out=$(cd "$dir" && timeout 300 ./test_sgx 2>&1)
echo "$out" | sed 's/^/# /'
echo "1..17"

n=0
result()
{
	n=$((n + 1))
	if echo "$out" | grep -q "^ok [0-9]* enclave\.$1\$"; then
		echo "ok $n - $1"
	elif [ -n "$2" ]; then
		echo "ok $n - $1 # SKIP $2"
	else
		echo "not ok $n - $1"
		status=1
	fi
}

status=0
sgx2="needs SGX2"
result unclobbered_vdso ""
result unclobbered_vdso_oversubscribed ""
result unclobbered_vdso_oversubscribed_remove "$sgx2"
result clobbered_vdso ""
result clobbered_vdso_and_user_function ""
result tcs_entry ""
result pte_permissions ""
for t in tcs_permissions epcm_permissions augment augment_via_eaccept tcs_create \
	remove_added_page_no_eaccept remove_added_page_invalid_access \
	remove_added_page_invalid_access_after_eaccept remove_untouched_page; do
	result $t "$sgx2"
done

# It asks CPUID for the size of the EPC, and says what it has understood.
n=$((n + 1))
pages=$(awk '$1 == "total_pages" { print $2 }' /sys/kernel/debug/softsgx/epc)
if echo "$out" | grep -q "enclave with $((pages * 4096)) bytes heap"; then
	echo "ok $n - CPUID"
else
	echo "not ok $n - CPUID"
	status=1
fi
exit $status
