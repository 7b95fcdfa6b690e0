/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internals of the processor module: how the pure core is bound to Linux.
 *
 * A logical processor (LP) is a task. Enclave mode is a property of the task
 * that lasts from ENCLU[EENTER] to EEXIT or to the next exception or signal.
 *
 * Contexts: user traps and signals arrive in process context, interrupts on,
 * free to sleep. Task exit and exec arrive with preemption off.
 *
 * Lock order: lp_bucket lock -> struct sgxcpu_lp.lock -> EPCM try-locks of the
 * core (which never wait).
 */
#ifndef _CPU_CPU_H
#define _CPU_CPU_H

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>

#include "../core/core.h"

struct file;
struct pt_regs;
struct vm_area_struct;

/**
 * struct sgxcpu_note - corrections to a signal that the kernel has queued
 *
 * An exception inside an enclave is reported as if it had hit the AEP, but the
 * kernel's handlers took address and error code before the AEX. The note tells
 * sgxcpu_signal_fixup() what to make of them before the signal frame is built.
 * @armed: there is something to correct
 * @vector: of the exception
 * @error_code: that a signal frame must show
 * @match: si_addr as the kernel has queued it
 * @addr: si_addr as it must be
 * @epcm: the fault is an EPCM violation: SEGV_ACCERR whatever the kernel thought
 *
 * Only the task itself touches its note.
 */
struct sgxcpu_note {
	bool armed;
	bool epcm;
	u8 vector;
	u32 error_code;
	u64 match;
	u64 addr;
};

/**
 * struct sgxcpu_mode - what enclave mode has switched on for a task, and has to switch off
 * @dispatch: system calls are looked at before they are executed
 * @no_tsc: reading the time stamp counter traps
 * @no_cpuid: CPUID traps
 * @step: each instruction does
 * @pushf: PUSHF is being executed under @step: RFLAGS on the stack have TF set
 * @pkru: rights to the protection key of enclaves that the task does not have outside
 */
struct sgxcpu_mode {
	bool dispatch;
	bool no_tsc;
	bool no_cpuid;
	bool step;
	bool pushf;
	u32 pkru;
};

/**
 * struct sgxcpu_lp - SGX state of a task
 * @node: in the table of LPs; protected by the bucket's lock, read under RCU
 * @task: key; dereferenced in sgxcpu_lp_for_each() only
 * @rcu: the table is walked under RCU
 * @lock: protects @core
 * @core: architectural state
 * @noted: @cpu, @switches and @interruptions are of use: see track.c; protected by @lock
 * @leaving: an exit is looking for its pages; task only
 * @cpu: on which the task was after the last ETRACK
 * @switches: of the task, at that time
 * @interruptions: of that CPU, at that time
 * @epcm_page: page of an EPCM violation in the page fault being served, or 1;
 *	task only
 * @note: see above; task only
 * @mode: what enclave mode has changed of the task; task only, see mode.c
 * @op: too large for a stack; task only
 * @synthetic: what an AEX loads; task only
 * @xsave: SSA image on its way, large enough for the model; task only
 */
struct sgxcpu_lp {
	struct hlist_node node;
	struct task_struct *task;
	struct rcu_head rcu;
	spinlock_t lock;
	struct sgxcore_lp core;
	bool noted;
	bool leaving;
	int cpu;
	unsigned long switches;
	unsigned long interruptions;
	unsigned long epcm_page;
	struct sgxcpu_note note;
	struct sgxcpu_mode mode;
	union {
		struct sgxcore_report report;
		struct sgxcore_getkey getkey;
	} op;
	u8 synthetic[576] __aligned(64);
	u8 xsave[] __aligned(64);
};

#define SGXCPU_NO_EPCM_FAULT	1UL

extern struct sgxcore_cpu sgxcpu_package;

/* model.c */
int sgxcpu_model_init(void);

/* epc.c */
int sgxcpu_epc_init(void);
void sgxcpu_epc_exit(void);

/* encls.c */
int sgxcpu_encls_init(void);
void sgxcpu_encls_exit(void);

/* seal.c */
int sgxcpu_seal_init(void);
void sgxcpu_seal_exit(void);
u8 *sgxcpu_seal_page(void);
void sgxcpu_seal_page_free(u8 *page);
const char *sgxcpu_seal_driver(void);
bool sgxcpu_gcm_encrypt(struct sgxcore_gcm *g, const u8 *plain, u8 *cipher);
enum sgxcore_unsealed sgxcpu_gcm_decrypt(const struct sgxcore_gcm *g, u8 *data);

/* platform.c */
int sgxcpu_platform_init(void);
void sgxcpu_platform_exit(void);
bool sgxcpu_cmac(const u8 key[16], const void *data, size_t n, u8 mac[16]);

/* track.c */
bool sgxcpu_track_settle(struct sgxcore_page *secs);

/* lp.c */
struct sgxcpu_lp *sgxcpu_lp_find(void);
struct sgxcpu_lp *sgxcpu_lp_get(void);
void sgxcpu_lp_drop(void);
void sgxcpu_lp_exit(void);
void sgxcpu_lp_lock_for_exit(struct sgxcpu_lp *lp, bool whole);
void sgxcpu_lp_for_each(void (*f)(struct sgxcpu_lp *lp, void *data), void *data);
bool sgxcpu_lp_wants_signal(void);

/* walk.c */
extern const struct sgxcore_lp_ops sgxcpu_lp_ops;
int sgxcpu_walk_fetch(u64 la);
int sgxcpu_walk_init(void);
void sgxcpu_walk_exit(void);

/* regs.c */
void sgxcpu_regs_load(struct sgxcore_regs *r, const struct pt_regs *regs);
void sgxcpu_regs_store(const struct sgxcore_regs *r, struct pt_regs *regs);

/* xstate.c */
void sgxcpu_xstate_save(u8 *image, u64 rfbm, bool wide);
void sgxcpu_xstate_load(u8 *image, u64 rfbm, bool wide);
u32 sgxcpu_xstate_mxcsr_mask(void);

/* signal.c */
void sgxcpu_signal_fixup(struct sgxcpu_lp *lp);
void sgxcpu_signal_force(u8 vector, u32 error_code, u64 addr);
void sgxcpu_signal_step(const struct pt_regs *regs);
bool sgxcpu_signal_is_debug(void);

/* vdso.c */
bool sgxcpu_vdso_fixup(struct pt_regs *regs, int vector, u32 error_code, u64 addr);

/* enclu.c */
int sgxcpu_find_enclu(struct pt_regs *regs);
bool sgxcpu_enclu_outside(struct pt_regs *regs, int prefixes);
bool sgxcpu_enclu_inside(struct sgxcpu_lp *lp, struct pt_regs *regs, int prefixes);

/* CPUID and UD2 differ in their second byte only. */
#define SGXCPU_CPUID_0	0x0f
#define SGXCPU_CPUID_1	0xa2
#define SGXCPU_UD2_1	0x0b

/**
 * struct sgxcpu_mapping - text of a program, as a process has it mapped
 * @file: the file, with a reference
 * @start: first address
 * @end: address behind the last one
 * @offset: of @start in the file
 */
struct sgxcpu_mapping {
	struct file *file;
	unsigned long start;
	unsigned long end;
	u64 offset;
};

/* mapping.c */
bool sgxcpu_vma_is_text(const struct vm_area_struct *vma, unsigned long flags);
bool sgxcpu_mapping_find(unsigned long start, unsigned long end, unsigned long flags,
			 struct sgxcpu_mapping *m);
bool sgxcpu_mapping_has_cpuid(const struct sgxcpu_mapping *m, unsigned long addr);
size_t sgxcpu_file_read(struct file *file, u64 offset, void *buf, size_t n);

/* mode.c */
void sgxcpu_mode_enter(struct sgxcpu_lp *lp);
void sgxcpu_mode_leave(struct sgxcpu_lp *lp);
void sgxcpu_mode_stop(void);
bool sgxcpu_mode_wants_syscall(void);
bool sgxcpu_mode_syscall(struct pt_regs *regs);
bool sgxcpu_mode_wants_umip(void);
bool sgxcpu_mode_forbids(const u8 *insn, size_t n);
bool sgxcpu_mode_forbids_at(unsigned long ip);

/* isolate.c */
void sgxcpu_isolate_open(struct sgxcpu_lp *lp);
void sgxcpu_isolate_close(struct sgxcpu_lp *lp);
void sgxcpu_isolate_report(const struct pt_regs *regs, u64 addr);

/* step.c */
void sgxcpu_step_begin(struct sgxcpu_lp *lp, struct pt_regs *regs);
void sgxcpu_step_check(struct sgxcpu_lp *lp, struct pt_regs *regs);
void sgxcpu_step_run(struct callback_head *work);
int sgxcpu_step_init(void);
void sgxcpu_step_exit(void);

/* patch.c */
void sgxcpu_patch(const struct sgxcpu_mapping *m);
void sgxcpu_patch_stop(void);

/* scan.c */
bool sgxcpu_scan_queue(const struct vm_area_struct *vma, task_work_func_t func);
void sgxcpu_scan_run(struct callback_head *work);

/* cpuid.c */
bool sgxcpu_cpuid_trap(struct pt_regs *regs);

/* compact.c */
bool sgxcpu_compact_trap(struct sgxcpu_lp *lp, struct pt_regs *regs, int vector);

/* event.c */
bool sgxcpu_trap(struct pt_regs *regs, int vector, u32 error_code, u64 addr);
void sgxcpu_signal(struct pt_regs *regs);
bool sgxcpu_exception(struct sgxcpu_lp *lp, struct pt_regs *regs, int vector,
		      u32 error_code, u64 addr);
bool sgxcpu_raise(struct pt_regs *regs, int vector, u32 error_code, u64 addr);

/* hooks.c */
bool sgxcpu_hooks_put_off(struct callback_head *work);
int sgxcpu_hooks_init(void);
void sgxcpu_hooks_exit(void);

/* stats.c */
enum sgxcpu_stat {
	SGXCPU_STAT_EENTER,
	SGXCPU_STAT_ERESUME,
	SGXCPU_STAT_EEXIT,
	SGXCPU_STAT_AEX,
	SGXCPU_STAT_FAULT,
	SGXCPU_STAT_ACCEPT,
	SGXCPU_STAT_EREPORT,
	SGXCPU_STAT_EGETKEY,
	SGXCPU_STAT_CPUID,
	SGXCPU_STAT_COMPACT,
	SGXCPU_STAT_PATCH,
	SGXCPU_STAT_ILLEGAL,
	SGXCPU_STAT_STEP,
	SGXCPU_STAT_NR,
};

struct sgxcpu_stats {
	u64 n[SGXCPU_STAT_NR];
};

DECLARE_PER_CPU(struct sgxcpu_stats, sgxcpu_stats);
#define sgxcpu_count(stat)	this_cpu_inc(sgxcpu_stats.n[stat])

bool sgxcpu_should_fail(void);

void sgxcpu_stats_init(void);
void sgxcpu_stats_exit(void);

#endif /* _CPU_CPU_H */
