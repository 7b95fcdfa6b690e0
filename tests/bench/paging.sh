#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the VM, with the modules loaded: the table of paging, or where its time goes.
#
# usage: tests/bench/paging.sh MODULE [profile PROCESSES]
set -eu

bench=build/tests/bench/paging
reclaim=sgxdrv_lru_isolate,sgxdrv_encl_age,sgxdrv_evict,sgxcpu_ewb
driver=sgxdrv_fault,sgxdrv_epc_alloc,sgxdrv_backing_get,sgxdrv_mapping_zap
kernel=shmem_read_mapping_page_gfp,flush_tlb_mm_range,on_each_cpu_cond_mask,sgxcpu_etrack
leaves=sgxcpu_eldu,sgxcpu_eblock,sgxdrv_encl_load_unlocked,sgxdrv_encl_wait

with() {
	insmod "$1" ${2:+probes=$2}
	shift 2
	"$bench" "$@"
	rmmod softsgx_bench
}

if [ "${2-}" = profile ]; then
	with "$1" $reclaim,$driver,$kernel,$leaves profile "${3:-1}"
	exit
fi
printf '%-58s %3s %9s %-8s %5s %7s\n' figure n value unit ratio goal
with "$1" '' throughput
with "$1" $reclaim cost
