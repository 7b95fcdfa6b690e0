// SPDX-License-Identifier: GPL-2.0
/*
 * The enclave page cache: pages of the buddy allocator, taken at load in
 * chunks as large as there are, and merged into sections where they touch. Each memory
 * node gives its share, and has sections of its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/topology.h>

#include <softsgx/cpu.h>

#include "cpu.h"

static char *epc = "64M";
module_param(epc, charp, 0444);
MODULE_PARM_DESC(epc, "Size of the enclave page cache, for example 64M (the default)");

#define EPC_MIN		(16 * PAGE_SIZE)
#define CHUNK_ORDER	10

struct chunk {
	struct page *page;
	unsigned int order;
};

/* Written at load only. */
static struct chunk *chunks;
static unsigned int nr_chunks;

static int parse_size(unsigned long *nr_pages)
{
	char *end;
	u64 size = memparse(epc, &end);

	if (end == epc || *end || !IS_ALIGNED(size, PAGE_SIZE)) {
		pr_err("epc=%s is not a size in whole pages\n", epc);
		return -EINVAL;
	}
	if (size < EPC_MIN || size > (u64)totalram_pages() * PAGE_SIZE / 4 * 3) {
		pr_err("epc=%s is out of range: 64K to three quarters of the memory\n", epc);
		return -EINVAL;
	}

	*nr_pages = size >> PAGE_SHIFT;
	return 0;
}

static void free_chunks(void)
{
	unsigned int i;

	for (i = 0; i < nr_chunks; i++)
		__free_pages(chunks[i].page, chunks[i].order);
	nr_chunks = 0;
	kvfree(chunks);
	chunks = NULL;
}

/* @nid: of this node and no other; NUMA_NO_NODE: of whichever has some */
static struct page *alloc_chunk(int nid, unsigned long left, unsigned int *order)
{
	const gfp_t only = nid == NUMA_NO_NODE ? 0 : __GFP_THISNODE;
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY | only;
	struct page *page;

	*order = min_t(unsigned int, *order, ilog2(left));
	for (;; (*order)--) {
		page = alloc_pages_node(nid, gfp, *order);
		if (page || !*order)
			return page;
	}
}

/* Returns how many pages there are still to take. */
static unsigned long take_chunks(int nid, unsigned long nr_pages)
{
	unsigned int order = CHUNK_ORDER;
	struct page *page;

	while (nr_pages) {
		page = alloc_chunk(nid, nr_pages, &order);
		if (!page)
			break;
		chunks[nr_chunks++] = (struct chunk){ .page = page, .order = order };
		nr_pages -= 1UL << order;
	}
	return nr_pages;
}

static unsigned long share_of(int nid, unsigned long nr_pages)
{
	unsigned long total = 0;
	int n;

	for_each_node_state(n, N_MEMORY)
		total += node_present_pages(n);
	return mult_frac(nr_pages, node_present_pages(nid), total);
}

/* What a node does not have, and what is left over, comes from the others. */
static int alloc_chunks(unsigned long nr_pages)
{
	unsigned long left = nr_pages, share;
	int nid;

	chunks = kvcalloc(nr_pages, sizeof(*chunks), GFP_KERNEL);
	if (!chunks)
		return -ENOMEM;

	for_each_node_state(nid, N_MEMORY) {
		share = share_of(nid, nr_pages);
		left -= share - take_chunks(nid, share);
	}
	if (!take_chunks(NUMA_NO_NODE, left))
		return 0;
	free_chunks();
	return -ENOMEM;
}

static int by_pfn(const void *a, const void *b)
{
	unsigned long x = page_to_pfn(((const struct chunk *)a)->page);
	unsigned long y = page_to_pfn(((const struct chunk *)b)->page);

	return x < y ? -1 : x > y;
}

static bool is_on_node_before(unsigned int i)
{
	return page_to_nid(chunks[i].page) == page_to_nid(chunks[i - 1].page);
}

static void make_sections(struct sgxcore_section *s)
{
	unsigned long pages;
	unsigned int i, n = 0;
	u64 phys;

	for (i = 0; i < nr_chunks; i++) {
		phys = page_to_phys(chunks[i].page);
		pages = 1UL << chunks[i].order;
		if (n && s[n - 1].phys + s[n - 1].nr_pages * PAGE_SIZE == phys &&
		    is_on_node_before(i)) {
			s[n - 1].nr_pages += pages;
			continue;
		}
		s[n++] = (struct sgxcore_section){
			.base = page_address(chunks[i].page),
			.phys = phys,
			.nr_pages = pages,
		};
	}
	sgxcpu_package.nr_sections = n;
}

static int alloc_epcm(struct sgxcore_section *s)
{
	s->pages = kvcalloc(s->nr_pages, sizeof(*s->pages), GFP_KERNEL);
	if (!s->pages)
		return -ENOMEM;
	sgxcore_section_init(s);
	return 0;
}

static void free_sections(void)
{
	unsigned int i;

	for (i = 0; i < sgxcpu_package.nr_sections; i++)
		kvfree(sgxcpu_package.sections[i].pages);
	sgxcpu_package.nr_sections = 0;
	kvfree(sgxcpu_package.sections);
	sgxcpu_package.sections = NULL;
}

int sgxcpu_epc_init(void)
{
	unsigned long nr_pages;
	unsigned int i;
	int ret;

	ret = parse_size(&nr_pages);
	if (ret)
		return ret;

	ret = alloc_chunks(nr_pages);
	if (ret)
		goto err_report;
	sort(chunks, nr_chunks, sizeof(*chunks), by_pfn, NULL);

	ret = -ENOMEM;
	sgxcpu_package.sections = kvcalloc(nr_chunks, sizeof(struct sgxcore_section),
					   GFP_KERNEL);
	if (!sgxcpu_package.sections)
		goto err_chunks;
	make_sections(sgxcpu_package.sections);

	for (i = 0; i < sgxcpu_package.nr_sections; i++) {
		ret = alloc_epcm(&sgxcpu_package.sections[i]);
		if (ret)
			goto err_sections;
	}

	pr_info("EPC: %lu KiB in %u sections\n", nr_pages * (PAGE_SIZE / 1024),
		sgxcpu_package.nr_sections);
	return 0;

err_sections:
	free_sections();
err_chunks:
	free_chunks();
err_report:
	pr_err("not enough memory for epc=%s\n", epc);
	return ret;
}

void sgxcpu_epc_exit(void)
{
	free_sections();
	free_chunks();
}

void sgxcpu_cpuid12(u32 subleaf, u32 out[4])
{
	sgxcore_cpuid12(&sgxcpu_package, subleaf, out);
}
EXPORT_SYMBOL_GPL(sgxcpu_cpuid12);

void *sgxcpu_epc_section(unsigned int n, unsigned long *pfn, unsigned long *nr_pages)
{
	const struct sgxcore_section *s;

	if (n >= sgxcpu_package.nr_sections)
		return NULL;

	s = &sgxcpu_package.sections[n];
	*pfn = PHYS_PFN(s->phys);
	*nr_pages = s->nr_pages;
	return s->base;
}
EXPORT_SYMBOL_GPL(sgxcpu_epc_section);
