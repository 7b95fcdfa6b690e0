/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows about differences between kernel releases. Included
 * before everything else in every file of both modules, so nothing but macros:
 * a header pulled in here would come before the file's own pr_fmt().
 *
 * HAVE_X is defined when compat/probes/x.c compiles.
 */
#ifndef _COMPAT_COMPAT_H
#define _COMPAT_COMPAT_H

#include "softsgx_config.h"

#ifdef HAVE_FTRACE_REGS_SET_IP
#define wrapper_ftrace_set_ip(fregs, ip) ftrace_regs_set_instruction_pointer(fregs, ip)
#else
#define wrapper_ftrace_set_ip(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif

/* Caller holds the write mmap_lock, or the VMA is not linked yet. */
#ifdef HAVE_VM_FLAGS_SET
#define wrapper_vm_flags_set(vma, flags) vm_flags_set(vma, flags)
#else
#define wrapper_vm_flags_set(vma, flags) ((void)((vma)->vm_flags |= (flags)))
#endif

/* Defined where mmap_region() merges by the caller's file offset only. */
#if defined(HAVE_MMAP_REGION) && !defined(HAVE_VMA_MERGE)
#define wrapper_mmap_region 1
#endif

#ifdef HAVE_MM_GET_UNMAPPED_AREA
#define wrapper_mm_get_unmapped_area(mm, file, addr, len, pgoff, flags) \
	mm_get_unmapped_area(mm, file, addr, len, pgoff, flags)
#else
#define wrapper_mm_get_unmapped_area(mm, file, addr, len, pgoff, flags) \
	((mm)->get_unmapped_area(file, addr, len, pgoff, flags))
#endif

/* In an RCU read section; NULL if the kernel does not keep it. */
#ifdef CONFIG_MEMCG
#define wrapper_mm_owner(mm) rcu_dereference((mm)->owner)
#else
#define wrapper_mm_owner(mm) ((struct task_struct *)NULL)
#endif

/* One page of @mm or of the current task, whose mmap_lock is held and stays so. */
#ifdef HAVE_GUP_WITHOUT_VMAS
#define wrapper_get_user_page(mm, addr, flags, page) \
	get_user_pages_remote(mm, addr, 1, flags, page, NULL)
#define wrapper_get_own_page(addr, flags, page) get_user_pages(addr, 1, flags, page)
#else
#define wrapper_get_own_page(addr, flags, page) get_user_pages(addr, 1, flags, page, NULL)
#define wrapper_get_user_page(mm, addr, flags, page) \
	get_user_pages_remote(mm, addr, 1, flags, page, NULL, NULL)
#endif

#ifdef HAVE_FIND_NORMAL_PAGE
#define wrapper_find_page find_normal_page
#else
#define wrapper_find_page find_special_page
#endif

#endif /* _COMPAT_COMPAT_H */
