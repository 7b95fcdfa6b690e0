// SPDX-License-Identifier: GPL-2.0
/*
 * XSAVE areas in standard format: size, legality of XFRM, validity of an image
 * that comes from an enclave, and the image that an asynchronous exit loads.
 */
#include "internal.h"

#define XFRM_AVX		(1ULL << 2)
#define XFRM_MPX		(3ULL << 3)
#define XFRM_AVX512		(7ULL << 5)
#define XFRM_AMX		(3ULL << 17)

#define FCW_INIT		0x037f
#define FCW_SYNTHETIC_MF	0x037e
#define FSW_SYNTHETIC_MF	0x8081
#define MXCSR_SYNTHETIC		0x1fb0
#define MXCSR_SYNTHETIC_XM	0x1f01

/**
 * sgxcore_xsave_size() - bytes of an XSAVE area
 * @model: the processor's model
 * @xfrm: components
 *
 * Return: end of the last component; at least legacy area and header.
 */
u32 sgxcore_xsave_size(const struct sgxcore_model *model, u64 xfrm)
{
	u32 size = SGX_XSAVE_EXTENDED;
	unsigned int x;

	for (x = 2; x < 63; x++) {
		u32 end = model->xstate_offset[x] + model->xstate_size[x];

		if (xfrm >> x & 1 && end > size)
			size = end;
	}
	return size;
}

static bool all_or_none(u64 xfrm, u64 group)
{
	return !(xfrm & group) || (xfrm & group) == group;
}

/**
 * sgxcore_xfrm_legal() - would XSETBV accept it, and does the model offer it?
 * @model: the processor's model
 * @xfrm: SECS.ATTRIBUTES.XFRM
 */
bool sgxcore_xfrm_legal(const struct sgxcore_model *model, u64 xfrm)
{
	if ((xfrm & SGX_XFRM_LEGACY) != SGX_XFRM_LEGACY || xfrm & ~model->xfrm_mask)
		return false;
	if (xfrm >> 63)
		return false;
	if (!all_or_none(xfrm, XFRM_MPX) || !all_or_none(xfrm, XFRM_AMX) ||
	    !all_or_none(xfrm, XFRM_AVX512))
		return false;
	return !(xfrm & XFRM_AVX512) || xfrm & XFRM_AVX;
}

/**
 * sgxcore_xsave_valid() - would XRSTOR64 with RFBM = @xfrm take the image?
 * @model: the processor's model
 * @xfrm: components that may be loaded
 * @image: private copy, at least legacy area and header
 */
bool sgxcore_xsave_valid(const struct sgxcore_model *model, u64 xfrm, const u8 *image)
{
	u64 xstate_bv;
	u32 mxcsr;

	memcpy(&mxcsr, image + SGX_XSAVE_MXCSR, sizeof(mxcsr));
	memcpy(&xstate_bv, image + SGX_XSAVE_HEADER, sizeof(xstate_bv));
	return !(mxcsr & ~model->mxcsr_mask) && !(xstate_bv & ~xfrm) &&
	       sgxcore_is_zero(image + SGX_XSAVE_HEADER + sizeof(xstate_bv),
			       SGX_XSAVE_HEADER_CHECKED - sizeof(xstate_bv));
}

/**
 * sgxcore_xsave_synthetic() - extended state that an AEX leaves in the registers
 * @image: legacy area and header, filled
 * @vector: of the exception that caused the exit, or -1
 *
 * x87 and SSE are in the image because their synthetic values are not the initial
 * ones; every other component of the RFBM becomes INIT.
 */
void sgxcore_xsave_synthetic(u8 *image, int vector)
{
	bool mf = vector == SGXCORE_TRAP_MF;
	u32 mxcsr = vector == SGXCORE_TRAP_XM ? MXCSR_SYNTHETIC_XM : MXCSR_SYNTHETIC;
	u16 fcw = mf ? FCW_SYNTHETIC_MF : FCW_INIT;
	u16 fsw = mf ? FSW_SYNTHETIC_MF : 0;
	u64 xstate_bv = SGX_XFRM_LEGACY;

	memset(image, 0, SGX_XSAVE_EXTENDED);
	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + 2, &fsw, sizeof(fsw));
	memcpy(image + SGX_XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(image + SGX_XSAVE_HEADER, &xstate_bv, sizeof(xstate_bv));
}
