/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The whole interface between the processor (softsgx_cpu) and a driver.
 *
 * It is the border between Linux and a CPU: ENCLS leaves with the operands and
 * results of the manual, CPUID.12H, the launch key MSRs, and what page tables
 * and the page walker do on a real machine (sgxcpu_page_prot(),
 * sgxcpu_set_walker(), sgxcpu_unmapped()).
 */
#ifndef _SOFTSGX_CPU_H
#define _SOFTSGX_CPU_H

#include <arch/sgx_arch.h>
#include <linux/types.h>

struct cpumask;
struct mm_struct;
struct module;
struct vm_area_struct;

/*
 * ENCLS leaves return 0, a positive SGX error code, or SGXCPU_FAULT | vector
 * when the leaf faulted; the same encoding as the kernel's own ENCLS wrappers
 * use. They never sleep. EPC operands are the kernel addresses of the sections
 * that sgxcpu_epc_section() reports.
 */
#define SGXCPU_FAULT		0x40000000

static inline bool sgxcpu_faulted(int ret)
{
	return ret & SGXCPU_FAULT;
}

static inline int sgxcpu_vector(int ret)
{
	return ret & ~SGXCPU_FAULT;
}

int sgxcpu_ecreate(struct sgx_pageinfo *pginfo, void *secs);
int sgxcpu_eadd(struct sgx_pageinfo *pginfo, void *addr);
int sgxcpu_eextend(void *secs, void *addr);
int sgxcpu_einit(void *sigstruct, void *token, void *secs);
int sgxcpu_eremove(void *addr);
int sgxcpu_epa(void *addr);
int sgxcpu_edbgrd(void *addr, unsigned long *data);
int sgxcpu_edbgwr(void *addr, unsigned long *data);

/*
 * Paging. EBLOCK, ETRACK and EWB follow the manual's protocol; a driver that does
 * not is told so, as on hardware. EWB writes to PAGEINFO.SRCPGE, its PCMD, and
 * PAGEINFO.LINADDR; SGX_VA_SLOT_OCCUPIED is a warning: the page has been evicted.
 * A #GP of EWB or of the loads can be transient: a conflict, or a cipher that failed.
 * Then nothing was changed.
 *
 * Context: any task context for EBLOCK and ETRACK; the others sleep, as the cipher may be
 * an asynchronous one.
 */
int sgxcpu_eblock(void *addr);
int sgxcpu_etrack(void *secs);
int sgxcpu_ewb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot);
int sgxcpu_eldu(struct sgx_pageinfo *pginfo, void *addr, void *va_slot);
int sgxcpu_eldb(struct sgx_pageinfo *pginfo, void *addr, void *va_slot);

/*
 * Changes after EINIT (SGX2); #GP on a processor that has none of them. @secinfo is
 * 64-byte aligned. A #GP of EAUG can be transient, as above, and so can
 * SGX_EPC_PAGE_CONFLICT of the others: the enclave is at that page with a leaf of its own.
 *
 * EMODPR and EMODT change what page table entries may allow. The driver takes these
 * away, then has ETRACK and an interrupt done: until then EACCEPT answers
 * SGX_NOT_TRACKED.
 *
 * Context: any task context.
 */
int sgxcpu_eaug(struct sgx_pageinfo *pginfo, void *addr);
int sgxcpu_emodpr(struct sgx_secinfo *secinfo, void *addr);
int sgxcpu_emodt(struct sgx_secinfo *secinfo, void *addr);

/**
 * sgxcpu_interrupted() - an interrupt has come in on this CPU
 *
 * For a driver's IPI. On hardware any interrupt takes a logical processor out of the
 * enclave. Here a task that is inside stays there, but counts as outside when
 * ETRACK and EWB ask who was inside without interruption. So does a task that is
 * not running.
 *
 * Context: any, in particular hard IRQ. Takes no lock.
 */
void sgxcpu_interrupted(void);

/**
 * sgxcpu_inside_mask() - on which CPUs are tasks inside an enclave right now?
 * @secs: kernel address of its SECS
 * @mask: written
 *
 * After ETRACK, and an interrupt on each of these CPUs (on the executing one, too, if
 * it is among them: on_each_cpu_mask()), whoever was inside at the ETRACK counts as
 * outside. Tasks that migrate or come in meanwhile make no difference.
 *
 * Context: any task context.
 */
void sgxcpu_inside_mask(void *secs, struct cpumask *mask);

/**
 * sgxcpu_mark_frames() - which pages do exits of threads inside write to?
 * @secs: kernel address of the SECS of an enclave
 * @addrs: linear addresses of pages of it
 * @nr: their number
 * @used: a bit for each; set if the page is the TCS, or in the current SSA frame, of a
 *	logical processor that is inside
 *
 * Neither has an accessed bit: an exit does not go through page tables. If such a page is
 * not there, the exit has to wait for it.
 *
 * Context: any task context.
 */
void sgxcpu_mark_frames(void *secs, const unsigned long *addrs, unsigned int nr,
			unsigned long *used);

/* CPUID.12H of this processor; @out: EAX, EBX, ECX, EDX */
void sgxcpu_cpuid12(u32 subleaf, u32 out[4]);

/* Does the current process want to see SGX in CPUID? Then its text may be changed. */
bool sgxcpu_cpuid_wanted(void);

/**
 * sgxcpu_original_text() - undo in a copy what has been done to text for CPUID
 * @addr: user address of a page of the current process
 * @copy: PAGE_SIZE bytes that were there
 *
 * What is measured is what the program's file has.
 *
 * Context: process context, may sleep.
 */
void sgxcpu_original_text(unsigned long addr, u8 *copy);

/*
 * IA32_SGXLEPUBKEYHASH0..3 of the executing CPU. Like WRMSR: the caller keeps
 * preemption off until its EINIT is done.
 */
void sgxcpu_wrmsr_lepubkeyhash(const u64 hash[4]);

/*
 * EPC section @n: CPUID.12H gives physical base and size, this the kernel
 * mapping of it. Returns NULL after the last one.
 */
void *sgxcpu_epc_section(unsigned int n, unsigned long *pfn, unsigned long *nr_pages);

/**
 * sgxcpu_page_prot() - what may a page table entry for an EPC page allow?
 * @addr: kernel address of the EPC page
 * @la: linear address of the user access that the driver is serving, full
 * @vm_flags: VM_READ, VM_WRITE, VM_EXEC that the VMA would allow
 * @access: VM_READ, VM_WRITE or VM_EXEC: the access itself, 0 if there is none
 *
 * EPCM permissions are enforced through page tables, so the driver asks before
 * it installs or upgrades an entry, holding what keeps the page in place.
 *
 * Context: page-fault handler of the current task, or with @access 0 any.
 * Return: the subset of @vm_flags for the entry; 0 (map nothing) if the EPCM
 * allows nothing, or denies @access. In the latter case the processor remembers
 * that the fault now being served is an EPCM violation and reports it with
 * PFEC.SGX, so the handler just returns VM_FAULT_SIGSEGV.
 */
unsigned long sgxcpu_page_prot(void *addr, unsigned long la, unsigned long vm_flags,
			       unsigned long access);

/**
 * sgxcpu_vma_flags() - VM_* flags that a new mapping of an enclave gets
 * @mm: the process
 *
 * Memory that programs cannot reach outside enclave mode is a matter of
 * protection keys, which belong to mappings.
 *
 * Context: write mmap_lock held.
 */
unsigned long sgxcpu_vma_flags(struct mm_struct *mm);

struct sgxcpu_walk;

/**
 * struct sgxcpu_walker - the page walk of the MMU, for operands of ENCLU
 * @owner: module that implements it
 * @walk: find the EPC page that a user access to @la by the current process would
 *	reach, as a page fault would do it: VMA and its permissions, page
 *	present or made present. On success call sgxcpu_walk_found() while the page
 *	cannot leave the enclave, and return 0. Return -EFAULT if there is no
 *	such mapping, -EACCES if there is one that does not allow the access,
 *	-ENXIO if it maps something else than enclave memory, -EINTR if a signal is
 *	pending before the page is found, -ENOMEM if there is no room for it. A page that is blocked because it is about
 *	to leave is not present: wait until it has come back. Called in process context, may sleep, must not take locks that
 *	a page fault could not take. Entries walk, and exits whose TCS or frame
 *	has been evicted since the entry, and the leaves with which an enclave
 *	accepts pages: what is PENDING, MODIFIED or trimmed is found like any other.
 * @fetch: the current process has tried to execute at @la where a page table entry
 *	is present and does not allow it. Return 0 if it does now, or is gone; -EPERM
 *	if the EPCM alone denies the access; -EACCES if the mapping does. Context as
 *	for @walk. (Writes fault into the driver, and what is present can be read.)
 */
struct sgxcpu_walker {
	struct module *owner;
	int (*walk)(struct sgxcpu_walk *walk, unsigned long la, bool write);
	int (*fetch)(unsigned long la);
};

int sgxcpu_set_walker(const struct sgxcpu_walker *walker);
/* Returns when no walk is running any more. */
void sgxcpu_clear_walker(const struct sgxcpu_walker *walker);
void sgxcpu_walk_found(struct sgxcpu_walk *walk, void *addr);

/**
 * sgxcpu_unmapped() - no address space maps this enclave any more
 * @secs: kernel address of the SECS
 *
 * On hardware the translations' shootdown has thrown every logical processor out
 * of the enclave by now, and none can come back. After this call none counts as
 * inside; a task that still believes to be inside leaves at its next trap.
 *
 * Context: any task context. May be repeated: an EENTER that was past its page
 * walk can slip in between, so a driver repeats it while EREMOVE answers
 * SGX_ENCLAVE_ACT.
 */
void sgxcpu_unmapped(void *secs);

#endif /* _SOFTSGX_CPU_H */
