// SPDX-License-Identifier: GPL-2.0
/*
 * Functions as the unwind information has them: .eh_frame_hdr is a table, sorted
 * by address, of the frame descriptions (FDE) in .eh_frame, each of which gives
 * first address and length of a piece of code. Only the encodings that linkers and
 * assemblers write for x86-64 are understood.
 */
#include "text.h"

#define HDR_SIZE	12
#define ENTRY_SIZE	8
#define MAX_ENTRIES	0x1000000
#define CIE_SIZE	40

/* DW_EH_PE_* */
#define ENC_UDATA4	0x03
#define ENC_SDATA4	0x0b
#define ENC_PCREL	0x10
#define ENC_DATAREL	0x30
#define ENC_FORMAT	0x0f

/* Both relative to the address of the table */
struct entry {
	s32 start;
	s32 fde;
};

struct fde {
	u32 length;
	u32 cie;		/* distance back from this field */
	s32 start;		/* from this field */
	u32 size;
};

struct cie {
	u32 length;
	u32 id;
	u8 rest[CIE_SIZE - 8];
};

/* Bytes of a CIE behind its version */
struct cursor {
	const u8 *p;
	size_t left;
};

static bool is_four_bytes(u8 encoding)
{
	return (encoding & ENC_FORMAT) == ENC_UDATA4 || (encoding & ENC_FORMAT) == ENC_SDATA4;
}

/**
 * sgxcore_unwind_open() - the file has an .eh_frame_hdr
 * @t: the file
 * @offset: of the header in it
 * @addr: of the header in memory
 * @size: of header and table
 */
void sgxcore_unwind_open(struct sgxcore_text *t, u64 offset, u64 addr, u64 size)
{
	struct {
		u8 version;
		u8 frame_encoding;
		u8 count_encoding;
		u8 table_encoding;
		s32 frame;
		u32 count;
	} hdr;

	static_assert(sizeof(hdr) == HDR_SIZE, "header");
	if (size < sizeof(hdr) || offset >> 62 || !sgxcore_text_fetch(t, offset, &hdr, sizeof(hdr)))
		return;
	if (hdr.version != 1 || !is_four_bytes(hdr.frame_encoding) ||
	    hdr.count_encoding != ENC_UDATA4 ||
	    hdr.table_encoding != (ENC_DATAREL | ENC_SDATA4))
		return;
	if (hdr.count > MAX_ENTRIES || hdr.count > (size - sizeof(hdr)) / ENTRY_SIZE)
		return;
	t->eh_addr = addr;
	t->eh_frame_hdr = (struct sgxcore_table){ offset + sizeof(hdr), hdr.count };
}

/* The last entry that does not begin behind @addr */
static bool find_entry(struct sgxcore_text *t, u64 addr, struct entry *found)
{
	u64 low = 0, high = t->eh_frame_hdr.n, mid;
	struct entry e = { };
	bool any = false;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (!sgxcore_text_fetch(t, t->eh_frame_hdr.offset + mid * ENTRY_SIZE, &e,
					sizeof(e)))
			return false;
		if ((s64)(t->eh_addr + (s64)e.start) > (s64)addr) {
			high = mid;
			continue;
		}
		*found = e;
		any = true;
		low = mid + 1;
	}
	return any;
}

static bool fetch_at(struct sgxcore_text *t, u64 addr, void *buf, size_t n)
{
	const struct sgxcore_segment *seg = sgxcore_text_segment(t, addr);

	return seg && seg->size - (addr - seg->addr) >= n &&
	       sgxcore_text_fetch(t, addr - seg->addr + seg->offset, buf, n);
}

static u8 take(struct cursor *c)
{
	if (!c->left)
		return 0;
	c->left--;
	return *c->p++;
}

static void skip(struct cursor *c, size_t n)
{
	n = n < c->left ? n : c->left;
	c->p += n;
	c->left -= n;
}

static void skip_leb128(struct cursor *c)
{
	while (take(c) & 0x80)
		;
}

/* Which encoding of addresses does the augmentation "z..." announce? 0: none */
static u8 address_encoding(const char *augmentation, struct cursor *data)
{
	for (; *augmentation; augmentation++) {
		switch (*augmentation) {
		case 'R':
			return take(data);
		case 'P':
			if (!is_four_bytes(take(data)))
				return 0;
			skip(data, 4);
			break;
		case 'L':
			take(data);
			break;
		case 'S':
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static bool cie_is_understood(const struct cie *cie)
{
	struct cursor c = { cie->rest, sizeof(cie->rest) };
	u8 version = take(&c);
	const char *augmentation = (const char *)c.p;

	if (cie->id || (version != 1 && version != 3) || take(&c) != 'z')
		return false;
	while (take(&c))
		;
	if (!c.left)
		return false;
	/* Alignment factors, return address register, size of the augmentation data */
	skip_leb128(&c);
	skip_leb128(&c);
	skip_leb128(&c);
	skip_leb128(&c);
	return address_encoding(augmentation + 1, &c) == (ENC_PCREL | ENC_SDATA4);
}

/* Is @fde, at address @at, about @addr? */
static bool is_around(struct sgxcore_text *t, const struct fde *fde, u64 at, u64 addr,
		      struct sgxcore_function *func)
{
	u64 start = at + offsetof(struct fde, start) + (s64)fde->start;
	struct cie cie;

	if (fde->length < sizeof(*fde) - 4 || fde->length == ~0U || !fde->cie)
		return false;
	if (addr - start >= fde->size || start > ~0ULL - fde->size)
		return false;
	if (!fetch_at(t, at + 4 - fde->cie, &cie, sizeof(cie)) || !cie_is_understood(&cie))
		return false;
	*func = (struct sgxcore_function){ start, start + fde->size };
	return true;
}

static bool find_by_table(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func)
{
	struct entry e = { };
	struct fde fde;
	u64 at;

	if (!find_entry(t, addr, &e))
		return false;
	at = t->eh_addr + (s64)e.fde;
	return fetch_at(t, at, &fde, sizeof(fde)) && is_around(t, &fde, at, addr, func) &&
	       func->start == t->eh_addr + (s64)e.start;
}

/* All descriptions, one after the other: static programs have no table. */
static bool find_by_section(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func)
{
	u64 at = 0, end = t->eh_frame.n;
	struct fde fde;
	const u8 *p;
	size_t n;

	while (at < end && end - at >= sizeof(fde)) {
		n = sizeof(fde);
		p = sgxcore_text_window(t, t->eh_frame.offset + at, &n);
		if (n < sizeof(fde))
			return false;
		memcpy(&fde, p, sizeof(fde));
		if (!fde.length || fde.length == ~0U)
			return false;
		if (is_around(t, &fde, t->eh_addr + at, addr, func))
			return true;
		at += sizeof(fde.length) + fde.length;
	}
	return false;
}

/**
 * sgxcore_unwind_section() - the file has a section .eh_frame
 * @t: the file
 * @offset: of the section in it
 * @addr: of the section in memory
 * @size: of the section
 *
 * It is of use where there is no table.
 */
void sgxcore_unwind_section(struct sgxcore_text *t, u64 offset, u64 addr, u64 size)
{
	if (t->eh_frame_hdr.n || offset >> 62 || size >> 62)
		return;
	t->eh_addr = addr;
	t->eh_frame = (struct sgxcore_table){ offset, size };
}

/**
 * sgxcore_unwind_find() - the function around an address
 * @t: the file
 * @addr: the address
 * @func: out
 *
 * Return: false: the unwind information has nothing about it.
 */
bool sgxcore_unwind_find(struct sgxcore_text *t, u64 addr, struct sgxcore_function *func)
{
	return t->eh_frame_hdr.n ? find_by_table(t, addr, func) : find_by_section(t, addr, func);
}
