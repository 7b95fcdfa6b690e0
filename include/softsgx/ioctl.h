/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Commands on /dev/sgx_enclave that only this driver has, for programs. The others are in
 * <asm/sgx.h>; their numbers and ours do not meet.
 */
#ifndef _SOFTSGX_IOCTL_H
#define _SOFTSGX_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SOFTSGX_IOC_ENCLAVE_AUGMENT \
	_IOWR(0xa4, 0x40, struct softsgx_enclave_augment)

/**
 * enum softsgx_augment_mode - what to do about pages that do not exist
 * @SOFTSGX_AUGMENT_NOW: add them, PENDING, even if others have to leave the EPC. (With
 *	madvise(MADV_WILLNEED) they are added as long as the EPC is plentiful.)
 * @SOFTSGX_AUGMENT_MANUAL: from now on no access and no EACCEPT adds one: guard pages
 * @SOFTSGX_AUGMENT_AUTO: from now on, the first one adds it. So it is at first
 */
enum softsgx_augment_mode {
	SOFTSGX_AUGMENT_NOW,
	SOFTSGX_AUGMENT_MANUAL,
	SOFTSGX_AUGMENT_AUTO,
};

/**
 * struct softsgx_enclave_augment - parameter of SOFTSGX_IOC_ENCLAVE_AUGMENT
 * @offset: of the range from the base of the enclave, in bytes
 * @length: of the range, in bytes; both multiples of the page size
 * @mode: enum softsgx_augment_mode
 * @count: in: 0; out: bytes done, also if the command fails half-way
 */
struct softsgx_enclave_augment {
	__u64 offset;
	__u64 length;
	__u64 mode;
	__u64 count;
};

#endif /* _SOFTSGX_IOCTL_H */
