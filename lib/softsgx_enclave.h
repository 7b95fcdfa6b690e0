/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What an enclave and its loader agree on: the descriptor in the ELF file and
 * the memory layout that the loader builds from it. Freestanding: enclave code
 * includes this header too.
 *
 * The ELF segments lie at their link addresses (linked at 0). Behind them, one
 * area for each TCS, then the heap:
 *
 *	one page	hole, catches stack overflow
 *	stack_pages	stack; the entry code sets RSP to the TCS address (RBX)
 *	one page	TCS
 *	nssa * ssa_frame_pages	SSA, starts right behind the TCS page
 *	one page	thread data, FS base
 *	one page	thread data, GS base
 */
#ifndef _SOFTSGX_ENCLAVE_H
#define _SOFTSGX_ENCLAVE_H

#define SOFTSGX_DESC_SECTION ".softsgx"
#define SOFTSGX_DESC_MAGIC 0x3158475354464f53ULL /* "SOFTSGX1" */

/**
 * struct softsgx_desc - descriptor in section .softsgx of an enclave
 * @magic: SOFTSGX_DESC_MAGIC
 * @nr_tcs: number of TCS, that is of threads inside at one time
 * @nssa: SSA frames of each TCS
 * @ssa_frame_pages: pages of one SSA frame (SECS.SSAFRAMESIZE)
 * @stack_pages: pages of each stack
 * @heap_pages: pages of the heap; they are added, but not measured
 * @size: loader: size of the enclave in bytes
 * @first_tcs: loader: offset of the first TCS in bytes
 * @tcs_stride: loader: distance between two TCS in bytes
 * @heap_offset: loader: offset of the heap in bytes, 0 without a heap
 *
 * Zero in a field of the first group means the default. The loader writes the
 * final values of both groups into the image before it is measured, so an
 * enclave can rely on them as much as on its code.
 */
struct softsgx_desc {
	unsigned long long magic;
	unsigned int nr_tcs;
	unsigned int nssa;
	unsigned int ssa_frame_pages;
	unsigned int stack_pages;
	unsigned long long heap_pages;

	unsigned long long size;
	unsigned long long first_tcs;
	unsigned long long tcs_stride;
	unsigned long long heap_offset;
};

/*
 * Defines the descriptor of an enclave; the arguments initialise the first
 * group. Not const, although it may lie in read-only memory: the compiler
 * must not take the zeroes for granted that the loader is going to replace.
 */
#define SOFTSGX_ENCLAVE(...)                                                  \
	struct softsgx_desc softsgx_desc __attribute__((                      \
		section(SOFTSGX_DESC_SECTION), used, externally_visible)) = { \
		.magic = SOFTSGX_DESC_MAGIC, __VA_ARGS__                      \
	}

#endif /* _SOFTSGX_ENCLAVE_H */
