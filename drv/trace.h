/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the driver: every change of state of an enclave.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM softsgx

#if !defined(_DRV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DRV_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

TRACE_EVENT(sgxdrv_encl_create,
	TP_PROTO(u64 encl, unsigned long base, unsigned long size, u64 attributes),
	TP_ARGS(encl, base, size, attributes),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, base)
		__field(unsigned long, size)
		__field(u64, attributes)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->base = base;
		__entry->size = size;
		__entry->attributes = attributes;
	),
	TP_printk("encl=%llu base=0x%lx size=0x%lx attributes=0x%llx",
		  __entry->encl, __entry->base, __entry->size, __entry->attributes)
);

TRACE_EVENT(sgxdrv_encl_init,
	TP_PROTO(u64 encl, int leaf),
	TP_ARGS(encl, leaf),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(int, leaf)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->leaf = leaf;
	),
	TP_printk("encl=%llu einit=0x%x", __entry->encl, __entry->leaf)
);

TRACE_EVENT(sgxdrv_encl_release,
	TP_PROTO(u64 encl, unsigned long nr_pages),
	TP_ARGS(encl, nr_pages),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, nr_pages)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->nr_pages = nr_pages;
	),
	TP_printk("encl=%llu pages=%lu", __entry->encl, __entry->nr_pages)
);

TRACE_EVENT(sgxdrv_page_add,
	TP_PROTO(u64 encl, unsigned long addr, u64 secinfo, int ret),
	TP_ARGS(encl, addr, secinfo, ret),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
		__field(u64, secinfo)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
		__entry->secinfo = secinfo;
		__entry->ret = ret;
	),
	TP_printk("encl=%llu addr=0x%lx secinfo=0x%llx ret=%d",
		  __entry->encl, __entry->addr, __entry->secinfo, __entry->ret)
);

TRACE_EVENT(sgxdrv_fault,
	TP_PROTO(u64 encl, unsigned long addr, unsigned long access, unsigned int ret),
	TP_ARGS(encl, addr, access, ret),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
		__field(unsigned long, access)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
		__entry->access = access;
		__entry->ret = ret;
	),
	TP_printk("encl=%llu addr=0x%lx access=%lx ret=0x%x",
		  __entry->encl, __entry->addr, __entry->access, __entry->ret)
);

TRACE_EVENT(sgxdrv_evict,
	TP_PROTO(u64 encl, unsigned int nr, unsigned int done),
	TP_ARGS(encl, nr, done),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned int, nr)
		__field(unsigned int, done)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->nr = nr;
		__entry->done = done;
	),
	TP_printk("encl=%llu nr=%u done=%u", __entry->encl, __entry->nr, __entry->done)
);

TRACE_EVENT(sgxdrv_load,
	TP_PROTO(u64 encl, unsigned long addr),
	TP_ARGS(encl, addr),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
	),
	TP_printk("encl=%llu addr=0x%lx", __entry->encl, __entry->addr)
);

TRACE_EVENT(sgxdrv_change,
	TP_PROTO(u64 encl, unsigned long addr, unsigned long done, u64 secinfo, int ret),
	TP_ARGS(encl, addr, done, secinfo, ret),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
		__field(unsigned long, done)
		__field(u64, secinfo)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
		__entry->done = done;
		__entry->secinfo = secinfo;
		__entry->ret = ret;
	),
	TP_printk("encl=%llu addr=0x%lx done=0x%lx secinfo=0x%llx ret=%d", __entry->encl,
		  __entry->addr, __entry->done, __entry->secinfo, __entry->ret)
);

TRACE_EVENT(sgxdrv_remove,
	TP_PROTO(u64 encl, unsigned long addr, unsigned long done, int ret),
	TP_ARGS(encl, addr, done, ret),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
		__field(unsigned long, done)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
		__entry->done = done;
		__entry->ret = ret;
	),
	TP_printk("encl=%llu addr=0x%lx done=0x%lx ret=%d", __entry->encl, __entry->addr,
		  __entry->done, __entry->ret)
);

/* What has come of work on a page; @ret: 0, an errno, or what a leaf said */
DECLARE_EVENT_CLASS(sgxdrv_page,
	TP_PROTO(u64 encl, unsigned long addr, int ret),
	TP_ARGS(encl, addr, ret),
	TP_STRUCT__entry(
		__field(u64, encl)
		__field(unsigned long, addr)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->encl = encl;
		__entry->addr = addr;
		__entry->ret = ret;
	),
	TP_printk("encl=%llu addr=0x%lx ret=%d (0x%x)", __entry->encl, __entry->addr,
		  __entry->ret, __entry->ret)
);

DEFINE_EVENT(sgxdrv_page, sgxdrv_augment, TP_PROTO(u64 encl, unsigned long addr, int ret),
	     TP_ARGS(encl, addr, ret));
DEFINE_EVENT(sgxdrv_page, sgxdrv_kill, TP_PROTO(u64 encl, unsigned long addr, int ret),
	     TP_ARGS(encl, addr, ret));

DECLARE_EVENT_CLASS(sgxdrv_mm,
	TP_PROTO(u64 encl),
	TP_ARGS(encl),
	TP_STRUCT__entry(
		__field(u64, encl)
	),
	TP_fast_assign(
		__entry->encl = encl;
	),
	TP_printk("encl=%llu", __entry->encl)
);

DEFINE_EVENT(sgxdrv_mm, sgxdrv_mm_add, TP_PROTO(u64 encl), TP_ARGS(encl));
DEFINE_EVENT(sgxdrv_mm, sgxdrv_mm_release, TP_PROTO(u64 encl), TP_ARGS(encl));
DEFINE_EVENT(sgxdrv_mm, sgxdrv_mm_drain, TP_PROTO(u64 encl), TP_ARGS(encl));
DEFINE_EVENT(sgxdrv_mm, sgxdrv_mm_free, TP_PROTO(u64 encl), TP_ARGS(encl));

#endif /* _DRV_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
