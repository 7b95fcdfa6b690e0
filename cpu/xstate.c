// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state of the current task: out of the registers, and into them.
 */
#include <linux/slab.h>
#include <linux/thread_info.h>
#include <asm/asm.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "cpu.h"

#define MXCSR_MASK_DEFAULT	0x0000ffbf
#define FXSAVE_MXCSR_MASK	28
#define XSAVE_MXCSR		24
#define XSAVE_HEADER		512
#define XSAVE_HEADER_SIZE	64

/* Between this and fpregs_unlock() the registers hold the task's own state. */
static void own_registers(void)
{
	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

/**
 * sgxcpu_xstate_save() - XSAVE of the current task's registers
 * @image: 64-byte aligned, large enough for @rfbm in the standard format
 * @rfbm: components, all of them enabled in XCR0
 * @wide: REX.W, which makes FIP and FDP 64 bits wide
 *
 * Context: process context of the task.
 */
void sgxcpu_xstate_save(u8 *image, u64 rfbm, bool wide)
{
	memset(image + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);

	own_registers();
	if (wide)
		asm volatile("xsave64 %0"
			     : "+m" (*image)
			     : "a" ((u32)rfbm), "d" ((u32)(rfbm >> 32))
			     : "memory");
	else
		asm volatile("xsave %0"
			     : "+m" (*image)
			     : "a" ((u32)rfbm), "d" ((u32)(rfbm >> 32))
			     : "memory");
	fpregs_unlock();
}

#define XRSTOR(insn, image, rfbm) ({ \
	int err_ = 0; \
	\
	asm volatile("1: " insn " %[area]\n" \
		     "2:\n" \
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG, %[err]) \
		     : [err] "+r" (err_) \
		     : [area] "m" (*(image)), \
		       "a" ((u32)(rfbm)), "d" ((u32)((rfbm) >> 32)) \
		     : "memory"); \
	!err_; \
})

/**
 * sgxcpu_xstate_load() - XRSTOR into the current task's registers
 * @image: kernel memory that sgxcore_xsave_valid() has accepted, or sgxcore_xrstor() has
 *	filled; without SSE in @rfbm its MXCSR is overwritten
 * @rfbm: components
 * @wide: REX.W
 *
 * In standard format MXCSR goes with AVX as well. Where SSE is not asked for, it stays.
 *
 * Context: process context of the task.
 */
void sgxcpu_xstate_load(u8 *image, u64 rfbm, bool wide)
{
	bool done;

	own_registers();
	if (!(rfbm & XFEATURE_MASK_SSE))
		asm volatile("stmxcsr %0" : "=m" (*(u32 *)(image + XSAVE_MXCSR)));
	done = wide ? XRSTOR("xrstor64", image, rfbm) : XRSTOR("xrstor", image, rfbm);
	fpregs_unlock();
	WARN_ON_ONCE(!done);
}

/* MXCSR_MASK as FXSAVE reports it; a zero means the oldest set of bits. */
u32 sgxcpu_xstate_mxcsr_mask(void)
{
	u8 buf[512 + 16];
	u8 *image = PTR_ALIGN(&buf[0], 16);
	u32 mask;

	kernel_fpu_begin();
	memset(image, 0, 512);
	asm volatile("fxsave64 %0" : "+m" (*(u8 (*)[512])image));
	kernel_fpu_end();

	memcpy(&mask, image + FXSAVE_MXCSR_MASK, sizeof(mask));
	return mask ?: MXCSR_MASK_DEFAULT;
}
