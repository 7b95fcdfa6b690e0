// SPDX-License-Identifier: GPL-2.0
/*
 * XSAVE areas in compacted format: XSAVEC, and XRSTOR of what it has written. Every
 * processor with SGX has them. They are done here as copies from and to an image in
 * standard format, which any XSAVE and XRSTOR can cope with.
 *
 * Source: SDM volume 1, "MANAGING STATE USING THE XSAVE FEATURE SET".
 */
#include "internal.h"

#define COMPACTED		(1ULL << 63)
#define X87			(1ULL << 0)
#define SSE			(1ULL << 1)

#define HEADER_SIZE		64
#define ALIGNMENT		64

#define FCW_INIT		0x037f
#define MXCSR_INIT		0x1f80

/* x87 and SSE are where they always are, MXCSR with SSE. */
static const struct {
	u64 component;
	u32 offset;
	u32 size;
} legacy[] = {
	{ X87, 0, 24 },
	{ SSE, 24, 8 },
	{ X87, 32, 128 },
	{ SSE, 160, 256 },
};

#define NR_LEGACY	(sizeof(legacy) / sizeof(*legacy))

static u32 aligned(const struct sgxcore_model *model, u32 offset, unsigned int x)
{
	if (model->xstate_align >> x & 1)
		offset = (offset + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	return offset;
}

/**
 * sgxcore_compact_offset() - place of a component in compacted format
 * @model: the processor's model
 * @xcomp_bv: components in the area
 * @x: one of them, from 2 on
 */
u32 sgxcore_compact_offset(const struct sgxcore_model *model, u64 xcomp_bv, unsigned int x)
{
	u32 offset = SGX_XSAVE_EXTENDED;
	unsigned int i;

	for (i = 2; i < x; i++)
		if (xcomp_bv >> i & 1)
			offset = aligned(model, offset, i) + model->xstate_size[i];
	return aligned(model, offset, x);
}

/**
 * sgxcore_compact_size() - bytes of an area in compacted format
 * @model: the processor's model
 * @xcomp_bv: components in the area
 */
u32 sgxcore_compact_size(const struct sgxcore_model *model, u64 xcomp_bv)
{
	unsigned int x = 62;

	while (x >= 2 && !(xcomp_bv >> x & 1))
		x--;
	if (x < 2)
		return SGX_XSAVE_EXTENDED;
	return sgxcore_compact_offset(model, xcomp_bv, x) + model->xstate_size[x];
}

/* ------------------------------------------------------------------------- XSAVEC */

static bool legacy_is_initial(u64 component, const u8 *image)
{
	u32 first = component == X87 ? FCW_INIT : MXCSR_INIT;
	u16 control;
	unsigned int i;

	memcpy(&control, image + (component == X87 ? 0 : SGX_XSAVE_MXCSR), sizeof(control));
	if (control != first)
		return false;
	for (i = 0; i < NR_LEGACY; i++) {
		/* Behind FCW; behind MXCSR there is its mask, which is no state. */
		u32 skip = legacy[i].offset == 0 ? 2 : legacy[i].offset == 24 ? 8 : 0;

		if (legacy[i].component == component &&
		    !sgxcore_is_zero(image + legacy[i].offset + skip, legacy[i].size - skip))
			return false;
	}
	return true;
}

/*
 * XINUSE: a component is in use unless XSAVE has said that it is not, or it is what
 * initialization leaves: for all but the first two that is zero.
 */
static u64 in_use(const struct sgxcore_model *model, u64 rfbm, const u8 *image)
{
	unsigned int x;
	u64 bv;

	memcpy(&bv, image + SGX_XSAVE_HEADER, sizeof(bv));
	/* MXCSR belongs to SSE here, and may be another one although no XMM is in use. */
	bv = (bv | SSE) & rfbm;
	for (x = 0; x < 2; x++)
		if (bv >> x & 1 && legacy_is_initial(1ULL << x, image))
			bv &= ~(1ULL << x);
	for (; x < 63; x++)
		if (bv >> x & 1 && sgxcore_is_zero(image + model->xstate_offset[x],
						   model->xstate_size[x]))
			bv &= ~(1ULL << x);
	return bv;
}

static struct sgxcore_outcome save(const struct sgxcore_model *model, u64 rfbm, u64 components,
				   const u8 *image, const struct sgxcore_memory *m)
{
	struct sgxcore_outcome out = sgxcore_ok();
	unsigned int i;

	for (i = 0; i < NR_LEGACY && out.kind == SGXCORE_OK; i++)
		if (components & legacy[i].component)
			out = m->write(m, legacy[i].offset, image + legacy[i].offset,
				       legacy[i].size);
	for (i = 2; i < 63 && out.kind == SGXCORE_OK; i++)
		if (components >> i & 1)
			out = m->write(m, sgxcore_compact_offset(model, rfbm, i),
				       image + model->xstate_offset[i], model->xstate_size[i]);
	return out;
}

/**
 * sgxcore_xsavec() - the memory operand of XSAVEC
 * @model: the processor's model
 * @rfbm: requested components, all of them enabled
 * @image: standard format, as XSAVE with the same RFBM has written it
 * @m: the operand
 *
 * What is not in use is not written, nor is the header behind XCOMP_BV.
 *
 * Context: as @m's functions.
 * Return: SGXCORE_OK, or what is wrong with an access; then a part may have been written.
 */
struct sgxcore_outcome sgxcore_xsavec(const struct sgxcore_model *model, u64 rfbm,
				      const u8 *image, const struct sgxcore_memory *m)
{
	u64 header[2] = { in_use(model, rfbm, image), rfbm | COMPACTED };
	struct sgxcore_outcome out = save(model, rfbm, header[0], image, m);

	if (out.kind == SGXCORE_OK)
		out = m->write(m, SGX_XSAVE_HEADER, header, sizeof(header));
	return out;
}

/* ------------------------------------------------------------------------- XRSTOR */

static const char *header_defect(u64 xfrm, const u64 *header)
{
	u64 components = header[1] & ~COMPACTED;

	if (components & ~xfrm)
		return "XCOMP_BV has a component that is not enabled";
	if (header[0] & ~components)
		return "XSTATE_BV has a component that is not in XCOMP_BV";
	if (!sgxcore_is_zero((const u8 *)&header[2], HEADER_SIZE - 2 * sizeof(u64)))
		return "the header's reserved bytes are not zero";
	return NULL;
}

static void make_initial(u8 *image, u64 components)
{
	const u16 fcw = FCW_INIT;
	const u32 mxcsr = MXCSR_INIT;

	memset(image, 0, SGX_XSAVE_EXTENDED);
	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + SGX_XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(image + SGX_XSAVE_HEADER, &components, sizeof(components));
}

static struct sgxcore_outcome load(const struct sgxcore_model *model, u64 xcomp_bv, u64 components,
				   u8 *image, const struct sgxcore_memory *m)
{
	struct sgxcore_outcome out = sgxcore_ok();
	unsigned int i;

	for (i = 0; i < NR_LEGACY && out.kind == SGXCORE_OK; i++)
		if (components & legacy[i].component)
			out = m->read(m, legacy[i].offset, image + legacy[i].offset,
				      legacy[i].size);
	for (i = 2; i < 63 && out.kind == SGXCORE_OK; i++)
		if (components >> i & 1)
			out = m->read(m, sgxcore_compact_offset(model, xcomp_bv, i),
				      image + model->xstate_offset[i], model->xstate_size[i]);
	return out;
}

/**
 * sgxcore_xrstor() - the memory operand of XRSTOR, if it is in compacted format
 * @model: the processor's model
 * @xfrm: components that are enabled: XCR0, inside an enclave XFRM
 * @rfbm: requested ones, a subset
 * @image: filled in standard format, as large as that needs for @rfbm. XRSTOR with the same
 *	RFBM loads it as XRSTOR would have loaded the operand; but for MXCSR, if SSE
 *	has not been requested: then it is not loaded
 * @m: the operand
 * @compacted: out: XCOMP_BV[63]. If it is clear nothing has been done
 *
 * Each byte is read once.
 *
 * Context: as @m's functions.
 * Return: SGXCORE_OK, #GP, or what is wrong with an access.
 */
struct sgxcore_outcome sgxcore_xrstor(const struct sgxcore_model *model, u64 xfrm, u64 rfbm,
				      u8 *image, const struct sgxcore_memory *m, bool *compacted)
{
	u64 header[HEADER_SIZE / sizeof(u64)];
	struct sgxcore_outcome out = m->read(m, SGX_XSAVE_HEADER, header, sizeof(header));
	u32 mxcsr;

	*compacted = out.kind == SGXCORE_OK && header[1] & COMPACTED;
	if (!*compacted)
		return out;
	out = sgxcore_gp_because(header_defect(xfrm, header));
	if (out.kind != SGXCORE_OK)
		return out;
	make_initial(image, header[0] & rfbm);
	out = load(model, header[1], header[0] & rfbm, image, m);
	if (out.kind != SGXCORE_OK)
		return out;
	memcpy(&mxcsr, image + SGX_XSAVE_MXCSR, sizeof(mxcsr));
	return sgxcore_gp_because(mxcsr & ~model->mxcsr_mask ?
				  "MXCSR has a reserved bit" : NULL);
}
