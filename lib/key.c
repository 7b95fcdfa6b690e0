// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Signing keys in PEM files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define KEY_BITS (SGX_MODULUS_SIZE * 8)
#define KEY_FILE_MAX 65536

static bool set_up_keygen(EVP_PKEY_CTX *ctx, BIGNUM *e)
{
	return BN_set_word(e, RSA_3) && EVP_PKEY_keygen_init(ctx) > 0 &&
	       EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, KEY_BITS) > 0 &&
	       EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0;
}

int softsgx_key_generate(EVP_PKEY **key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	int ret = 0;

	*key = NULL;
	if (!ctx || !e || !set_up_keygen(ctx, e) ||
	    EVP_PKEY_generate(ctx, key) <= 0)
		ret = softsgx_fail(EIO, "OpenSSL cannot generate an RSA key");
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

void softsgx_key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}

static int check_key(const char *path, EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool is_three;

	if (!EVP_PKEY_is_a(key, "RSA"))
		return softsgx_fail(EINVAL, "%s: not an RSA key", path);
	if (EVP_PKEY_get_bits(key) != KEY_BITS)
		return softsgx_fail(EINVAL,
				    "%s: the key has %d bits, SGX wants %d",
				    path, EVP_PKEY_get_bits(key), KEY_BITS);
	if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e))
		return softsgx_fail(EINVAL, "%s: the key has no exponent",
				    path);
	is_three = BN_is_word(e, RSA_3);
	BN_free(e);
	if (!is_three)
		return softsgx_fail(EINVAL, "%s: the public exponent is not 3",
				    path);
	return 0;
}

static int refuse_password(char *buf, int size, int rwflag, void *data)
{
	return -1;
}

int softsgx_key_load(const char *path, EVP_PKEY **key)
{
	size_t len;
	BIO *bio;
	u8 *pem;
	int ret;

	*key = NULL;
	ret = softsgx_read_file(path, KEY_FILE_MAX, &pem, &len);
	if (ret)
		return ret;
	bio = BIO_new_mem_buf(pem, len);
	if (bio)
		*key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password,
					       NULL);
	BIO_free(bio);
	OPENSSL_cleanse(pem, len);
	free(pem);
	if (!*key)
		return softsgx_fail(EINVAL, "%s: no private key in PEM format",
				    path);

	ret = check_key(path, *key);
	if (ret) {
		softsgx_key_free(*key);
		*key = NULL;
	}
	return ret;
}

static int make_parents(const char *path)
{
	char dir[PATH_MAX];
	char *p;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return softsgx_fail(ENAMETOOLONG, "%s: name too long", path);
	for (p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) && errno != EEXIST)
			return softsgx_fail(errno, "%s: %s", dir,
					    strerror(errno));
		*p = '/';
	}
	return 0;
}

static int write_key(int fd, EVP_PKEY *key)
{
	FILE *f = fdopen(fd, "w");
	bool ok;

	if (!f) {
		close(fd);
		return -1;
	}
	ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (fflush(f))
		ok = false;
	if (ok && fsync(fd))
		ok = false;
	if (fclose(f))
		ok = false;
	return ok ? 0 : -1;
}

/*
 * Written under another name first: link() gives the name only to a complete
 * key, and never takes it from an existing one.
 */
static int publish_key(const char *path, EVP_PKEY *key)
{
	char tmp[PATH_MAX];
	int ret = 0;
	int fd;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return softsgx_fail(ENAMETOOLONG, "%s: name too long", path);
	fd = mkstemp(tmp); /* mode 0600 */
	if (fd < 0)
		return softsgx_fail(errno, "%s: cannot create the key: %s",
				    path, strerror(errno));
	if (write_key(fd, key))
		ret = softsgx_fail(errno ? errno : EIO,
				   "%s: cannot write the key", path);
	else if (link(tmp, path))
		ret = softsgx_fail(errno, "%s: cannot create the key: %s", path,
				   strerror(errno));
	unlink(tmp);
	return ret;
}

int softsgx_key_create(const char *path, EVP_PKEY **key)
{
	int ret;

	*key = NULL;
	if (!access(path, F_OK))
		return softsgx_fail(EEXIST, "%s: exists already", path);
	ret = make_parents(path);
	if (!ret)
		ret = softsgx_key_generate(key);
	if (!ret)
		ret = publish_key(path, *key);
	if (ret) {
		softsgx_key_free(*key);
		*key = NULL;
	}
	return ret;
}

int softsgx_key_get(const char *path, EVP_PKEY **key, bool *created)
{
	int ret = softsgx_key_load(path, key);

	*created = false;
	if (ret != -ENOENT)
		return ret;
	ret = softsgx_key_create(path, key);
	if (ret == -EEXIST) /* somebody was faster */
		return softsgx_key_load(path, key);
	*created = !ret;
	return ret;
}

int softsgx_key_default_path(char *path, size_t size)
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int n;

	/* The XDG specification says to ignore relative names. */
	if (xdg && xdg[0] == '/')
		n = snprintf(path, size, "%s/softsgx/test-key.pem", xdg);
	else if (home && home[0] == '/')
		n = snprintf(path, size, "%s/.config/softsgx/test-key.pem",
			     home);
	else
		return softsgx_fail(ENOENT,
				    "no home directory for the test key");
	if (n < 0 || (size_t)n >= size)
		return softsgx_fail(ENAMETOOLONG, "name of the key too long");
	return 0;
}
