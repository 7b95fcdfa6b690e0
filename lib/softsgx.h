/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * libsoftsgx: build, measure, sign, load and enter SGX enclaves through the
 * upstream Linux interface. It works the same on hardware.
 *
 * Functions that can fail return a negative errno value and leave one line of
 * explanation for softsgx_last_error(). No function prints or exits. Objects
 * may be used by one thread at a time, entering an enclave excepted.
 */
#ifndef _SOFTSGX_H
#define _SOFTSGX_H

#include <asm/sgx.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../include/arch/sgx_arch.h"
#include "softsgx_enclave.h"
#include "softsgx_raw.h"
#include "softsgx_sign.h"

/**
 * softsgx_last_error() - which step failed, and why
 *
 * Return: text without newline about the last failure in this thread, "" if
 * there was none. Valid until the next failure.
 */
const char *softsgx_last_error(void);

/* ------------------------------------------------------------------ images */

/**
 * struct softsgx_segment - pages with the same attributes
 * @offset: from the base of the enclave in bytes, page aligned
 * @size: in bytes, page aligned
 * @src: contents, @size bytes, page aligned. May be changed before measuring
 * @flags: SECINFO.FLAGS: SGX_SECINFO_REG with R, W, X, or SGX_SECINFO_TCS
 * @measured: contents go into MRENCLAVE (the attributes always do)
 */
struct softsgx_segment {
	u64 offset;
	u64 size;
	u8 *src;
	u64 flags;
	bool measured;
};

/**
 * struct softsgx_image - an enclave that is not loaded yet
 * @size: SECS.SIZE in bytes. Every softsgx_image_add() sets it to the smallest
 *	power of two that fits; a caller may set it to something else afterwards
 * @ssa_frame_pages, @attributes, @xfrm, @miscselect: SECS fields
 * @config_id, @config_svn: SECS fields, for KSS
 * @nr_segs, @segs: in the order in which they are added and measured
 * @layout: what softsgx_image_from_elf() decided; @layout.magic is 0 otherwise
 */
struct softsgx_image {
	u64 size;
	u32 ssa_frame_pages;
	u64 attributes;
	u64 xfrm;
	u32 miscselect;
	u8 config_id[64];
	u16 config_svn;
	unsigned int nr_segs;
	struct softsgx_segment *segs;
	struct softsgx_desc layout;
};

/**
 * struct softsgx_options - how to lay out an ELF enclave; 0 means default
 * @nr_tcs, @nssa, @ssa_frame_pages, @stack_pages, @heap_pages: replace what the
 *	ELF file's descriptor says (struct softsgx_desc). Without either: one
 *	TCS, 2 frames of 1 page, 4 pages of stack, no heap
 * @measure_heap: measure the contents of the heap too
 * @attributes: ATTRIBUTES bits besides MODE64BIT
 * @xfrm: XFRM, default x87 and SSE
 * @miscselect: MISCSELECT
 */
struct softsgx_options {
	u32 nr_tcs;
	u32 nssa;
	u32 ssa_frame_pages;
	u32 stack_pages;
	u64 heap_pages;
	bool measure_heap;
	u64 attributes;
	u64 xfrm;
	u32 miscselect;
};

/**
 * softsgx_image_init() - an image without segments
 * @image: out: 64-bit production enclave, XFRM 3, one page per SSA frame.
 *	Release with softsgx_image_free()
 */
void softsgx_image_init(struct softsgx_image *image);
void softsgx_image_free(struct softsgx_image *image);

/**
 * softsgx_image_add() - append a segment
 * @image: where
 * @offset: from the base in bytes, page aligned
 * @size: in bytes, page aligned, not 0
 * @src: @size bytes to copy, or NULL for zeroes
 * @flags: SECINFO.FLAGS; not judged here
 * @measured: whether to measure the contents
 *
 * Return: 0, -EINVAL for bad alignment, -EEXIST for an overlap with another
 * segment, -EFBIG if the enclave would be larger than 2^46 bytes, -ENOMEM.
 */
int softsgx_image_add(struct softsgx_image *image, u64 offset, u64 size,
		      const void *src, u64 flags, bool measured);

/**
 * softsgx_image_from_elf() - image of an enclave in ELF format
 * @image: out, release with softsgx_image_free(); nothing to release on errors
 * @elf: the file, at an address divisible by 8
 * @len: its size in bytes
 * @options: NULL for defaults
 *
 * The file is ELF64 for x86-64, ET_DYN or ET_EXEC, linked at 0, without
 * relocations, interpreter or TLS. Segments must not share a page. e_entry
 * becomes TCS.OENTRY. The layout is described in softsgx_enclave.h.
 *
 * Return: 0, -ENOEXEC for a file that is no such ELF file (truncated ones and
 * overlapping segments included), -EFBIG, -EINVAL for bad options, -ENOMEM.
 */
int softsgx_image_from_elf(struct softsgx_image *image, const void *elf,
			   size_t len, const struct softsgx_options *options);

/**
 * softsgx_image_load() - the same, from a file
 * @image: out
 * @path: ELF file
 * @options: NULL for defaults
 *
 * Return: as softsgx_image_from_elf(), or an error of open() or read().
 */
int softsgx_image_load(struct softsgx_image *image, const char *path,
		       const struct softsgx_options *options);

/**
 * softsgx_image_tcs() - the n-th TCS page, for reading and for changing
 * @image: where
 * @n: from 0
 * @offset: out if not NULL: offset from the base in bytes
 *
 * Return: contents of the page, or NULL if there are fewer.
 */
struct sgx_tcs *softsgx_image_tcs(const struct softsgx_image *image,
				  unsigned int n, u64 *offset);

/**
 * softsgx_image_secs() - the SECS that belongs to an image
 * @image: in
 * @base: linear address of the enclave
 * @secs: out
 */
void softsgx_image_secs(const struct softsgx_image *image, u64 base,
			struct sgx_secs *secs);

/**
 * softsgx_image_measure() - MRENCLAVE of an image
 * @image: in
 * @mrenclave: out
 *
 * Needs -lcrypto.
 */
void softsgx_image_measure(const struct softsgx_image *image,
			   u8 mrenclave[SOFTSGX_HASH_SIZE]);

/**
 * softsgx_image_sign() - SIGSTRUCT for an image, in one step
 * @image: in: measurement, ATTRIBUTES, XFRM and MISCSELECT
 * @key: RSA-3072 key with exponent 3
 * @sig: out
 *
 * Return: 0 or an error of softsgx_sign_finish().
 */
int softsgx_image_sign(const struct softsgx_image *image,
		       struct evp_pkey_st *key, struct sgx_sigstruct *sig);

/**
 * softsgx_sigstruct_load() - read a SIGSTRUCT file
 * @sig: out; not verified
 * @path: file of 1808 bytes
 *
 * Return: 0, an error of open() or read(), -EINVAL for another size.
 */
int softsgx_sigstruct_load(struct sgx_sigstruct *sig, const char *path);

/* ----------------------------------------------------------------- loading */

/**
 * struct softsgx_enclave - an enclave in this process
 * @fd: the device file, -1 if not open
 * @base, @size: ELRANGE in bytes; set by softsgx_enclave_reserve() or by hand
 * @area, @area_size: reserved address range, private
 */
struct softsgx_enclave {
	int fd;
	u64 base;
	u64 size;
	void *area;
	u64 area_size;
};

/**
 * softsgx_enclave_open() - get a device file for a new enclave
 * @encl: out, release with softsgx_enclave_close()
 *
 * Return: 0 or an error of open() on /dev/sgx_enclave.
 */
int softsgx_enclave_open(struct softsgx_enclave *encl);

/**
 * softsgx_enclave_close() - unmap the enclave, close its file, forget it
 * @encl: may be in any state after softsgx_enclave_open(), failed or not
 */
void softsgx_enclave_close(struct softsgx_enclave *encl);

/**
 * softsgx_enclave_reserve() - find a naturally aligned address range
 * @encl: base and size are set
 * @size: in bytes, a power of two
 *
 * The range is mapped PROT_NONE until softsgx_enclave_map().
 *
 * Return: 0, -EINVAL, or an error of mmap().
 */
int softsgx_enclave_reserve(struct softsgx_enclave *encl, u64 size);

/**
 * softsgx_enclave_create() - SGX_IOC_ENCLAVE_CREATE
 * @encl: enclave
 * @secs: usually from softsgx_image_secs()
 *
 * Return: 0 or an error of the ioctl.
 */
int softsgx_enclave_create(struct softsgx_enclave *encl,
			   const struct sgx_secs *secs);

/**
 * softsgx_enclave_add() - SGX_IOC_ENCLAVE_ADD_PAGES until all is added
 * @encl: enclave
 * @seg: pages to add
 *
 * Goes on after short counts and signals.
 *
 * Return: 0 or an error of the ioctl.
 */
int softsgx_enclave_add(struct softsgx_enclave *encl,
			const struct softsgx_segment *seg);

/**
 * softsgx_enclave_provision() - SGX_IOC_ENCLAVE_PROVISION
 * @encl: enclave, created and not initialised
 *
 * Return: 0, an error of open() on /dev/sgx_provision, or of the ioctl.
 */
int softsgx_enclave_provision(struct softsgx_enclave *encl);

/**
 * softsgx_enclave_init() - SGX_IOC_ENCLAVE_INIT
 * @encl: enclave with all its pages
 * @sig: SIGSTRUCT
 *
 * Return: 0 or an error of the ioctl; -EPERM if the processor refuses.
 */
int softsgx_enclave_init(struct softsgx_enclave *encl,
			 const struct sgx_sigstruct *sig);

/**
 * softsgx_enclave_map() - map a segment with the permissions of its pages
 * @encl: enclave
 * @seg: TCS pages are mapped for reading and writing
 *
 * Return: 0 or an error of mmap().
 */
int softsgx_enclave_map(struct softsgx_enclave *encl,
			const struct softsgx_segment *seg);

/**
 * softsgx_enclave_load() - all steps, from reserving to mapping
 * @encl: from softsgx_enclave_open(). If base and size are set already, that
 *	range is used, and making it available is up to the caller
 * @image: what to load
 * @sig: SIGSTRUCT for @image
 *
 * Return: 0 or the error of the step that failed; the caller closes @encl.
 */
int softsgx_enclave_load(struct softsgx_enclave *encl,
			 const struct softsgx_image *image,
			 const struct sgx_sigstruct *sig);

/* ---------------------------------------------------------------- entering */

/* Registers that softsgx_enter() hands to the enclave */
struct softsgx_args {
	u64 rdi, rsi, rdx, r8, r9;
};

/**
 * softsgx_vdso_enter_enclave() - find __vdso_sgx_enter_enclave()
 *
 * Return: the function, or NULL if the kernel has none (CONFIG_X86_SGX).
 */
vdso_sgx_enter_enclave_t softsgx_vdso_enter_enclave(void);

/**
 * softsgx_enter() - enter an enclave through the vDSO
 * @run: run->tcs is the address of the TCS; gets the outcome, see <asm/sgx.h>.
 *	run->function is EEXIT, or, after an exception, the leaf that failed:
 *	EENTER or ERESUME. A user handler is called if it is set
 * @function: SGX_EENTER or SGX_ERESUME
 * @args: registers for the enclave
 *
 * Unlike the vDSO function, this one is an ordinary C function: callee-saved
 * registers, flags, MXCSR and the x87 control word survive.
 *
 * Return: 0 if an exit or an exception was reported, the negative value of the
 * user handler, -EINVAL as the vDSO has it, -EOPNOTSUPP without vDSO function.
 */
int softsgx_enter(struct sgx_enclave_run *run, u32 function,
		  const struct softsgx_args *args);

/* The same with a given function instead of the vDSO's; never -EOPNOTSUPP. */
int softsgx_enter_with(vdso_sgx_enter_enclave_t fn, struct sgx_enclave_run *run,
		       u32 function, const struct softsgx_args *args);

/**
 * softsgx_elf_symbol() - address of a dynamic symbol of a mapped ELF image
 * @ehdr: where the image is mapped, laid out as its program headers say
 * @name: name of the symbol
 *
 * Understands DT_HASH and DT_GNU_HASH. The image is trusted.
 *
 * Return: address, or NULL.
 */
void *softsgx_elf_symbol(const void *ehdr, const char *name);

#endif /* _SOFTSGX_H */
