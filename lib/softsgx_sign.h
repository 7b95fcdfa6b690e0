/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Keys and SIGSTRUCT. Programs that use these functions link with -lcrypto.
 */
#ifndef _SOFTSGX_SIGN_H
#define _SOFTSGX_SIGN_H

#include <stdbool.h>

#include "../include/arch/sgx_arch.h"

#define SOFTSGX_HASH_SIZE 32

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

/**
 * struct softsgx_sign_params - what a SIGSTRUCT says besides the measurement
 * @vendor: 0, or 0x8086 for Intel
 * @date: day of signing, 0xyyyymmdd
 * @swdefined: free for the signer
 * @attributes, @attributes_mask: required ATTRIBUTES and which bits count
 * @xfrm, @xfrm_mask: the same for XFRM
 * @miscselect, @misc_mask: the same for MISCSELECT
 * @isv_family_id, @isv_ext_prod_id: for enclaves with the KSS attribute
 * @isv_prod_id, @isv_svn: product and security version
 */
struct softsgx_sign_params {
	u32 vendor;
	u32 date;
	u32 swdefined;
	u64 attributes;
	u64 attributes_mask;
	u64 xfrm;
	u64 xfrm_mask;
	u32 miscselect;
	u32 misc_mask;
	u8 isv_family_id[16];
	u8 isv_ext_prod_id[16];
	u16 isv_prod_id;
	u16 isv_svn;
};

/**
 * softsgx_sign_defaults() - a 64-bit production enclave without extras
 * @params: out: MODE64BIT, XFRM x87 and SSE, today's date; every bit of
 *	ATTRIBUTES, XFRM and MISCSELECT counts
 */
void softsgx_sign_defaults(struct softsgx_sign_params *params);

/**
 * softsgx_sign_fill() - the part of a SIGSTRUCT that gets signed
 * @sig: out: everything but modulus, exponent, signature, q1 and q2
 * @params: fields
 * @mrenclave: measurement
 *
 * A test may change any byte before softsgx_sign_finish(), to get a valid
 * signature of something wrong, or afterwards, to break the signature.
 */
void softsgx_sign_fill(struct sgx_sigstruct *sig,
		       const struct softsgx_sign_params *params,
		       const u8 mrenclave[SOFTSGX_HASH_SIZE]);

/**
 * softsgx_sign_finish() - sign: modulus, exponent, signature, q1 and q2
 * @sig: in: as softsgx_sign_fill() left it; out: complete
 * @key: RSA key of 3072 bits with exponent 3, private part included
 *
 * Return: 0, -EINVAL for any other key, -EIO when OpenSSL fails.
 */
int softsgx_sign_finish(struct sgx_sigstruct *sig, struct evp_pkey_st *key);

/**
 * softsgx_sign_verify() - check a SIGSTRUCT as EINIT would
 * @sig: header fields, reserved bytes, signature, q1 and q2 are checked
 *
 * Return: 0, -EINVAL for a wrong field, -EBADMSG for a wrong signature, q1 or
 * q2, -ENOMEM.
 */
int softsgx_sign_verify(const struct sgx_sigstruct *sig);

/**
 * softsgx_sign_mrsigner() - SHA-256 of the modulus
 * @sig: needs nothing but the modulus
 * @mrsigner: out
 */
void softsgx_sign_mrsigner(const struct sgx_sigstruct *sig,
			   u8 mrsigner[SOFTSGX_HASH_SIZE]);

/**
 * softsgx_key_generate() - a new signing key
 * @key: out: RSA-3072 with exponent 3, free with softsgx_key_free()
 *
 * Return: 0 or -EIO.
 */
int softsgx_key_generate(struct evp_pkey_st **key);

/**
 * softsgx_key_load() - read a private key from a PEM file
 * @path: file; encrypted keys are refused, nobody is asked for a password
 * @key: out, free with softsgx_key_free()
 *
 * Return: 0, errors of open(), -EINVAL if it is no private key, or not
 * RSA-3072 with exponent 3.
 */
int softsgx_key_load(const char *path, struct evp_pkey_st **key);

/**
 * softsgx_key_create() - write a new private key to a file
 * @path: must not exist; created with mode 0600, complete or not at all.
 *	Missing parent directories are created with mode 0700
 * @key: out, free with softsgx_key_free()
 *
 * Return: 0, -EEXIST, errors of mkdir(), open(), write() and link(), -EIO.
 */
int softsgx_key_create(const char *path, struct evp_pkey_st **key);

/**
 * softsgx_key_get() - load the key, or create it if there is no such file
 * @path: file
 * @key: out, free with softsgx_key_free()
 * @created: out: which of the two
 *
 * Processes that do this at the same time end up with the same key.
 *
 * Return: 0 or the error of the step that failed.
 */
int softsgx_key_get(const char *path, struct evp_pkey_st **key, bool *created);
void softsgx_key_free(struct evp_pkey_st *key);

/**
 * softsgx_key_default_path() - where the test key of this user lives
 * @path: out: ${XDG_CONFIG_HOME:-~/.config}/softsgx/test-key.pem
 * @size: size of @path in bytes
 *
 * Return: 0, -ENOENT without a home directory, -ENAMETOOLONG.
 */
int softsgx_key_default_path(char *path, size_t size);

#endif /* _SOFTSGX_SIGN_H */
