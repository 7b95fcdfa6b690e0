// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state of the current task: out of the registers, and into them.
 */
#include <linux/slab.h>
#include <linux/thread_info.h>
#include <asm/asm.h>
#include <asm/fpu/api.h>

#include "cpu.h"

#define MXCSR_MASK_DEFAULT	0x0000ffbf
#define FXSAVE_MXCSR_MASK	28
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
 * sgxcpu_xstate_save() - XSAVE64 of the current task's registers
 * @image: 64-byte aligned, large enough for @xfrm in the standard format
 * @xfrm: components, all of them enabled in XCR0
 */
void sgxcpu_xstate_save(u8 *image, u64 xfrm)
{
	memset(image + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);

	own_registers();
	asm volatile("xsave64 %0"
		     : "+m" (*image)
		     : "a" ((u32)xfrm), "d" ((u32)(xfrm >> 32))
		     : "memory");
	fpregs_unlock();
}

static bool xrstor(const u8 *image, u64 xfrm)
{
	int err = 0;

	asm volatile("1: xrstor64 %[image]\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG, %[err])
		     : [err] "+r" (err)
		     : [image] "m" (*image),
		       "a" ((u32)xfrm), "d" ((u32)(xfrm >> 32))
		     : "memory");
	return !err;
}

/**
 * sgxcpu_xstate_load() - XRSTOR64 into the current task's registers
 * @image: kernel memory that sgxcore_xsave_valid() has accepted
 * @xfrm: components
 */
void sgxcpu_xstate_load(const u8 *image, u64 xfrm)
{
	own_registers();
	WARN_ON_ONCE(!xrstor(image, xfrm));
	fpregs_unlock();
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
