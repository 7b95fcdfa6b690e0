// SPDX-License-Identifier: GPL-2.0
/*
 * Where the processor meets the kernel: functions of the exception, system call and
 * signal paths are redirected with ftrace, as live patches are, two tracepoints
 * tell when a task stops being the program it was, and a kprobe tells of new text.
 *
 *  fixup_vdso_exception()      replaced: each user exception that would become
 *                              a signal passes here; vdso.c does its old work.
 *  arch_do_signal_or_restart() preceded, and only for tasks that need it: the
 *                              replacement does its part and returns. The loop
 *                              around it finds the signal still pending and
 *                              calls again, which then is not redirected. So
 *                              the original is never called through a pointer,
 *                              which IBT would not let us do.
 *  syscall_user_dispatch()     replaced for tasks inside an enclave: mode.c.
 *  fixup_umip_exception()      the same: SGDT is not for the kernel to emulate there.
 *  #DB                         die notifier: step.c.
 *  sched_process_exit, _exec   tracepoints.
 *  perf_event_mmap()           a kprobe, because its file is built without ftrace.
 *                              The memory management calls it for each VMA that is
 *                              new or has new rights.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>

#include "cpu.h"

struct hook {
	const char *function;
	struct ftrace_ops ops;
	unsigned long ip;		/* of the redirected function; 0: not hooked */
};

/*
 * Tasks that are in one of the replacements, or have been sent there. Counted
 * up on one CPU and perhaps down on another; only the sum means something.
 */
static DEFINE_PER_CPU(long, tasks_in_hooks);

static bool notrace hook_trap(struct pt_regs *regs, int vector, unsigned long error_code,
			      unsigned long addr)
{
	bool ret = sgxcpu_trap(regs, vector, error_code, addr);

	this_cpu_dec(tasks_in_hooks);
	return ret;
}

static void notrace hook_signal(struct pt_regs *regs)
{
	sgxcpu_signal(regs);
	this_cpu_dec(tasks_in_hooks);
}

static bool notrace hook_syscall(struct pt_regs *regs)
{
	bool ret = sgxcpu_mode_syscall(regs);

	this_cpu_dec(tasks_in_hooks);
	return ret;
}

static bool notrace hook_umip(struct pt_regs *regs)
{
	this_cpu_dec(tasks_in_hooks);
	return false;
}

static void notrace redirect_trap(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	this_cpu_inc(tasks_in_hooks);
	wrapper_ftrace_set_ip(fregs, (unsigned long)hook_trap);
}

static void notrace redirect_signal(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (!sgxcpu_lp_wants_signal())
		return;
	this_cpu_inc(tasks_in_hooks);
	wrapper_ftrace_set_ip(fregs, (unsigned long)hook_signal);
}

static void notrace redirect_syscall(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (!sgxcpu_mode_wants_syscall())
		return;
	this_cpu_inc(tasks_in_hooks);
	wrapper_ftrace_set_ip(fregs, (unsigned long)hook_syscall);
}

static void notrace redirect_umip(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (!sgxcpu_mode_wants_umip())
		return;
	this_cpu_inc(tasks_in_hooks);
	wrapper_ftrace_set_ip(fregs, (unsigned long)hook_umip);
}

/* PERMANENT: sysctl kernel.ftrace_enabled=0 must not switch the processor off. */
#define HOOK_FLAGS	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

static struct hook hooks[] = {
	{ "fixup_vdso_exception", { .func = redirect_trap, .flags = HOOK_FLAGS } },
	{ "arch_do_signal_or_restart", { .func = redirect_signal, .flags = HOOK_FLAGS } },
	{ "syscall_user_dispatch", { .func = redirect_syscall, .flags = HOOK_FLAGS } },
#ifdef CONFIG_X86_UMIP
	{ "fixup_umip_exception", { .func = redirect_umip, .flags = HOOK_FLAGS } },
#endif
};

/* A kprobe is the one exported way from a name to an address. */
static unsigned long address_of(const char *name)
{
	struct kprobe kp = { .symbol_name = name };
	unsigned long addr;

	if (register_kprobe(&kp))
		return 0;
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	return addr;
}

static int hook_function(struct hook *h)
{
	unsigned long ip;
	int ret;

	ip = address_of(h->function);
	if (!ip) {
		pr_err("%s() cannot be found\n", h->function);
		return -ENOENT;
	}
	ret = ftrace_set_filter_ip(&h->ops, ip, 0, 0);
	if (ret) {
		pr_err("%s() cannot be traced (%d)\n", h->function, ret);
		return ret;
	}
	ret = register_ftrace_function(&h->ops);
	if (ret) {
		pr_err("%s() cannot be redirected (%d): is another patch on it?\n",
		       h->function, ret);
		ftrace_set_filter_ip(&h->ops, ip, 1, 0);
		return ret;
	}
	h->ip = ip;
	return 0;
}

static void unhook_function(struct hook *h)
{
	if (!h->ip)
		return;
	unregister_ftrace_function(&h->ops);
	ftrace_set_filter_ip(&h->ops, h->ip, 1, 0);
	h->ip = 0;
}

static void task_exits(void *data, struct task_struct *task)
{
	sgxcpu_lp_drop();
}

static void task_executes(void *data, struct task_struct *task, pid_t old_pid,
			  struct linux_binprm *bprm)
{
	sgxcpu_lp_drop();
}

struct probe {
	const char *name;
	void *func;
	struct tracepoint *tp;		/* NULL: not registered */
};

static struct probe probes[] = {
	{ "sched_process_exit", task_exits },
	{ "sched_process_exec", task_executes },
};

static void match_tracepoint(struct tracepoint *tp, void *data)
{
	struct probe *p = data;

	if (!strcmp(tp->name, p->name))
		p->tp = tp;
}

static int attach_probe(struct probe *p)
{
	int ret;

	for_each_kernel_tracepoint(match_tracepoint, p);
	if (!p->tp) {
		pr_err("the kernel has no tracepoint %s\n", p->name);
		return -ENOENT;
	}
	ret = tracepoint_probe_register(p->tp, p->func, NULL);
	if (ret)
		p->tp = NULL;
	return ret;
}

static void detach_probe(struct probe *p)
{
	if (p->tp)
		tracepoint_probe_unregister(p->tp, p->func, NULL);
	p->tp = NULL;
}

static void notrace hook_text(struct callback_head *work)
{
	sgxcpu_scan_run(work);
	this_cpu_dec(tasks_in_hooks);
}

static int text_mapped(struct kprobe *kp, struct pt_regs *regs)
{
	if (sgxcpu_scan_queue((const struct vm_area_struct *)regs->di, hook_text))
		this_cpu_inc(tasks_in_hooks);
	return 0;
}

/*
 * Having this keeps the kprobe from becoming a jump some time later: QEMU before
 * 8.1 does not cope with code that changes under a CPU that executes it.
 */
static void text_mapped_post(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static void notrace hook_step(struct callback_head *work)
{
	sgxcpu_step_run(work);
	this_cpu_dec(tasks_in_hooks);
}

/* Have sgxcpu_step_run() called on the way back to user mode. */
bool sgxcpu_hooks_put_off(struct callback_head *work)
{
	init_task_work(work, hook_step);
	if (task_work_add(current, work, TWA_RESUME))
		return false;
	this_cpu_inc(tasks_in_hooks);
	return true;
}

static struct kprobe text_probe = {
	.symbol_name	= "perf_event_mmap",
	.pre_handler	= text_mapped,
	.post_handler	= text_mapped_post,
};

static bool text_probed;

static int watch_text(void)
{
	int ret = register_kprobe(&text_probe);

	if (ret)
		pr_err("%s() cannot be probed (%d)\n", text_probe.symbol_name, ret);
	text_probed = !ret;
	return ret;
}

static void unwatch_text(void)
{
	if (text_probed)
		unregister_kprobe(&text_probe);
	text_probed = false;
}

static long nr_tasks_in_hooks(void)
{
	long n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += per_cpu(tasks_in_hooks, cpu);
	return n;
}

int sgxcpu_hooks_init(void)
{
	int i, ret;

	/* First learn when tasks end, then let them begin. */
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ret = attach_probe(&probes[i]);
		if (ret)
			goto err;
	}
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		ret = hook_function(&hooks[i]);
		if (ret)
			goto err;
	}
	/* What has been changed is answered from the first instruction on. */
	ret = watch_text();
	if (ret)
		goto err;
	ret = sgxcpu_step_init();
	if (ret)
		goto err;
	return 0;

err:
	sgxcpu_hooks_exit();
	return ret;
}

void sgxcpu_hooks_exit(void)
{
	int i;

	sgxcpu_step_exit();
	unwatch_text();
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		unhook_function(&hooks[i]);

	sgxcpu_patch_stop();
	/* Nobody can be sent to the replacements now; wait for those inside ... */
	while (nr_tasks_in_hooks())
		msleep(20);
	/* ... and until the last of them has executed its return instruction. */
	synchronize_rcu_tasks();
	sgxcpu_mode_stop();

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		detach_probe(&probes[i]);
	tracepoint_synchronize_unregister();
}
