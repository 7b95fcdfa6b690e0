// SPDX-License-Identifier: GPL-2.0
/*
 * Rules for key files: created once, private, never overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char dir[64];

static int setup(void **state)
{
	strcpy(dir, "/tmp/softsgx-key.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static void test_created_once(void **state)
{
	const char *path = in_dir("a/b/key.pem");
	EVP_PKEY *first, *second, *third;
	struct stat st;
	bool created;

	umask(0);
	assert_int_equal(softsgx_key_get(path, &first, &created), 0);
	assert_true(created);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(in_dir("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	path = in_dir("a/b/key.pem");
	assert_int_equal(softsgx_key_get(path, &second, &created), 0);
	assert_false(created);
	assert_int_equal(EVP_PKEY_eq(first, second), 1);
	assert_int_equal(softsgx_key_create(path, &third), -EEXIST);
	assert_null(third);
	softsgx_key_free(first);
	softsgx_key_free(second);
}

static void test_not_overwritten(void **state)
{
	const char *path = in_dir("precious");
	EVP_PKEY *key;
	bool created;
	struct stat st;

	write_file(path, "not a key\n");
	assert_int_equal(softsgx_key_get(path, &key, &created), -EINVAL);
	assert_null(key);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 10);
}

static void test_wrong_place(void **state)
{
	EVP_PKEY *key;
	bool created;

	write_file(in_dir("file"), "");
	assert_int_equal(softsgx_key_get(in_dir("file/key"), &key, &created),
			 -ENOTDIR);
	assert_int_equal(softsgx_key_get(dir, &key, &created), -EINVAL);
	assert_int_equal(softsgx_key_get("/proc/self/key", &key, &created),
			 -ENOENT);
}

static EVP_PKEY *generate(const char *type, unsigned int bits, unsigned int e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	BIGNUM *exponent = BN_new();
	EVP_PKEY *key = NULL;

	EVP_PKEY_keygen_init(ctx);
	if (bits) {
		BN_set_word(exponent, e);
		EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits);
		EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent);
	}
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(exponent);
	return key;
}

static void refuse(EVP_PKEY *key, const char *password, const char *why)
{
	FILE *f = fopen(in_dir("other.pem"), "w");
	EVP_PKEY *loaded;

	PEM_write_PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL, NULL,
			     0, NULL, (void *)password);
	fclose(f);
	EVP_PKEY_free(key);
	assert_int_equal(softsgx_key_load(in_dir("other.pem"), &loaded),
			 -EINVAL);
	assert_null(loaded);
	assert_non_null(strstr(softsgx_last_error(), why));
}

static void test_wrong_keys(void **state)
{
	refuse(generate("RSA", 2048, 3), NULL, "2048 bits");
	refuse(generate("RSA", 3072, 65537), NULL, "exponent");
	refuse(generate("ED25519", 0, 0), NULL, "not an RSA key");
	refuse(generate("RSA", 3072, 3), "secret", "no private key");
}

/* All of several processes at the same time get one key. */
static void test_race(void **state)
{
	const char *path = in_dir("race.pem");
	int i, status, created_by = 0;

	for (i = 0; i < 4; i++) {
		if (!fork()) {
			EVP_PKEY *key;
			bool created;
			int ret = softsgx_key_get(path, &key, &created);

			_exit(ret ? 2 : created);
		}
	}
	for (i = 0; i < 4; i++) {
		wait(&status);
		assert_true(WIFEXITED(status));
		assert_int_not_equal(WEXITSTATUS(status), 2);
		created_by += WEXITSTATUS(status);
	}
	assert_int_equal(created_by, 1);
}

static void test_default_path(void **state)
{
	char path[64];

	setenv("XDG_CONFIG_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	assert_int_equal(softsgx_key_default_path(path, sizeof(path)), 0);
	assert_string_equal(path, "/x/softsgx/test-key.pem");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_int_equal(softsgx_key_default_path(path, sizeof(path)), 0);
	assert_string_equal(path, "/h/.config/softsgx/test-key.pem");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(softsgx_key_default_path(path, 8), -ENAMETOOLONG);
	unsetenv("HOME");
	assert_int_equal(softsgx_key_default_path(path, sizeof(path)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_created_once),
		cmocka_unit_test(test_not_overwritten),
		cmocka_unit_test(test_wrong_place),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_default_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
