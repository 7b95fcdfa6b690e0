// SPDX-License-Identifier: GPL-2.0
/*
 * Models of the processor: what real ones of some years offer, and everything there is.
 * A model is cut down to what the machine below can save and restore.
 */
#include "internal.h"

#define XFRM_AVX	(1ULL << 2)
#define XFRM_AVX512	(7ULL << 5)

#define ATTR_SGX1	(SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_PROVISIONKEY | \
			 SGX_ATTR_EINITTOKENKEY)
#define ATTR_KSS	(ATTR_SGX1 | SGX_ATTR_KSS)
#define ATTR_NOTIFY	(ATTR_KSS | SGX_ATTR_AEXNOTIFY)

/* Where Intel's processors have the components, which runtimes have built in */
static const struct {
	u64 group;
	u8 component;
	u32 offset;
	u32 size;
} layout[] = {
	{ XFRM_AVX, 2, 576, 256 },
	{ XFRM_AVX512, 5, 1088, 64 },
	{ XFRM_AVX512, 6, 1152, 512 },
	{ XFRM_AVX512, 7, 1664, 1024 },
};

/* Family 6 of GenuineIntel, with the model's generation of SGX. Some early steppings are refused. */
#define SIGNATURE_SGX1		0x000906e9	/* 06_9EH */
#define SIGNATURE_ICELAKE	0x000606a6	/* 06_6AH */
#define SIGNATURE_SAPPHIRE	0x000806f8	/* 06_8FH */

static const u32 refused_signatures[] = { 0x406e0, 0x406e1, 0x506e0 };

static const struct sgxcore_model_spec specs[] = {
	{
		.name = "max",
		.sgx2 = true, .edeccssa = true, .rdtsc = true,
		.misc_mask = SGX_MISC_EXINFO, .attr_mask = ATTR_NOTIFY,
		.xfrm_mask = SGX_XFRM_LEGACY | XFRM_AVX | XFRM_AVX512, .size_bits = 56,
		.signature = SIGNATURE_SAPPHIRE, .host_signature = true,
	}, {
		.name = "skylake",
		.attr_mask = ATTR_SGX1,
		.xfrm_mask = SGX_XFRM_LEGACY | XFRM_AVX, .size_bits = 36,
		.signature = SIGNATURE_SGX1,
	}, {
		.name = "icelake",
		.sgx2 = true, .rdtsc = true,
		.misc_mask = SGX_MISC_EXINFO, .attr_mask = ATTR_KSS,
		.xfrm_mask = SGX_XFRM_LEGACY | XFRM_AVX | XFRM_AVX512, .size_bits = 56,
		.signature = SIGNATURE_ICELAKE,
	}, {
		.name = "sapphirerapids",
		.sgx2 = true, .edeccssa = true, .rdtsc = true,
		.misc_mask = SGX_MISC_EXINFO, .attr_mask = ATTR_NOTIFY,
		.xfrm_mask = SGX_XFRM_LEGACY | XFRM_AVX | XFRM_AVX512, .size_bits = 56,
		.signature = SIGNATURE_SAPPHIRE,
	},
};

#define NR_SPECS	(sizeof(specs) / sizeof(*specs))

/**
 * sgxcore_model_spec() - one of the models there are
 * @i: its number; 0 is the default
 *
 * Return: the model, NULL after the last one.
 */
const struct sgxcore_model_spec *sgxcore_model_spec(unsigned int i)
{
	return i < NR_SPECS ? &specs[i] : NULL;
}

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/**
 * sgxcore_model_find() - look a model up
 * @name: its name, exactly
 *
 * Return: the model, NULL if there is none of that name.
 */
const struct sgxcore_model_spec *sgxcore_model_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < NR_SPECS; i++)
		if (same_name(specs[i].name, name))
			return &specs[i];
	return NULL;
}

static u64 misplaced(const struct sgxcore_model *model)
{
	unsigned int i;
	u64 bad = 0;

	for (i = 0; i < sizeof(layout) / sizeof(*layout); i++)
		if (model->xstate_offset[layout[i].component] != layout[i].offset ||
		    model->xstate_size[layout[i].component] != layout[i].size)
			bad |= layout[i].group;
	return bad;
}

static u64 offered_xfrm(const struct sgxcore_model *model, u64 wanted, u64 xcr0)
{
	u64 xfrm = wanted & xcr0 & ~misplaced(model);

	/* AVX-512 is three components and builds upon AVX. */
	if ((xfrm & XFRM_AVX512) != XFRM_AVX512 || !(xfrm & XFRM_AVX))
		xfrm &= ~XFRM_AVX512;
	return xfrm;
}

static u32 offered_signature(const struct sgxcore_model *model,
			     const struct sgxcore_model_spec *spec)
{
	unsigned int i;

	if (!spec->host_signature || !model->intel)
		return spec->signature;
	for (i = 0; i < sizeof(refused_signatures) / sizeof(*refused_signatures); i++)
		if (model->host_signature == refused_signatures[i])
			return spec->signature;
	return model->host_signature;
}

/**
 * sgxcore_model_set() - make a processor one of a model
 * @model: the fields that describe the machine are filled, from @intel on
 * @spec: the model
 * @xcr0: XCR0 of the machine
 * @sgx2: false to take SGX2 away from a model that has it
 */
void sgxcore_model_set(struct sgxcore_model *model, const struct sgxcore_model_spec *spec,
		       u64 xcr0, bool sgx2)
{
	model->sgx2 = spec->sgx2 && sgx2;
	model->edeccssa = spec->edeccssa;
	model->rdtsc = spec->rdtsc && sgx2;
	model->misc_mask = spec->misc_mask;
	model->attr_mask = spec->attr_mask;
	model->size_bits = spec->size_bits;
	model->signature = offered_signature(model, spec);
	model->xcr0 = xcr0;
	model->xfrm_mask = offered_xfrm(model, spec->xfrm_mask, xcr0);
}

/**
 * sgxcore_model_has_enclu() - does the processor know a leaf of ENCLU?
 * @model: its model
 * @leaf: EAX
 */
bool sgxcore_model_has_enclu(const struct sgxcore_model *model, u32 leaf)
{
	switch (leaf) {
	case SGX_EREPORT:
	case SGX_EGETKEY:
	case SGX_EENTER:
	case SGX_ERESUME:
	case SGX_EEXIT:
		return true;
	case SGX_EACCEPT:
	case SGX_EMODPE:
	case SGX_EACCEPTCOPY:
		return model->sgx2;
	case SGX_EDECCSSA:
		return model->edeccssa;
	default:
		return false;
	}
}
