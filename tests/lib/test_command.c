// SPDX-License-Identifier: GPL-2.0
/*
 * softsgx sign, as a user sees it.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char dir[64];
static char output[4096];

static int setup(void **state)
{
	strcpy(dir, "/tmp/softsgx-sign.XXXXXX");
	setenv("D", mkdtemp(dir), 1);
	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	setenv("SIGN", built("lib/sign"), 1);
	setenv("IMAGE", built("samples/hello_encl.elf"), 1);
	return system("cp $IMAGE $D/e.elf");
}

static int teardown(void **state)
{
	return system("rm -rf $D");
}

/* Runs the command with @args for the shell; output has both streams. */
static int sign(const char *args)
{
	char cmd[1024];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "$SIGN 2>&1 %s", args);
	f = popen(cmd, "r");
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static void fails(const char *args, const char *why)
{
	assert_int_equal(sign(args), 125);
	if (!strstr(output, why))
		fail_msg("'%s' not in: %s", why, output);
	assert_int_equal(strncmp(output, "softsgx: ", 9), 0);
	assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
}

static const char *path(const char *name)
{
	static char p[256];

	snprintf(p, sizeof(p), "%s/%s", dir, name);
	return p;
}

static void test_defaults(void **state)
{
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	u8 mrenclave[32];

	assert_int_equal(sign("$D/e.elf"), 0);
	assert_non_null(strstr(output, "created the signing key"));
	assert_int_equal(softsgx_sigstruct_load(&sig, path("e.elf.sig")), 0);
	assert_int_equal(softsgx_sign_verify(&sig), 0);
	assert_int_equal(softsgx_image_load(&image, path("e.elf"), NULL), 0);
	softsgx_image_measure(&image, mrenclave);
	softsgx_image_free(&image);
	assert_memory_equal(sig.mrenclave, mrenclave, 32);
	assert_int_equal(sig.attributes, 4);
	assert_int_equal(access(path(".config/softsgx/test-key.pem"), R_OK), 0);
	assert_int_equal(sign("$D/e.elf"), 0);
	assert_string_equal(output, "");
}

static void test_options(void **state)
{
	struct sgx_sigstruct sig;
	int ret;

	ret = sign("--debug --prodid 7 --svn 0xffff --misc 1 --xfrm 7 "
		   "--xfrm-mask 3 --attributes-mask 6 --misc-mask 0 "
		   "--key $D/k --out $D/o --dump $D/e.elf");
	assert_int_equal(ret, 0);
	assert_non_null(strstr(output, "mrenclave"));
	assert_non_null(strstr(output, "mrsigner"));
	assert_non_null(strstr(output, "(debug)"));
	assert_int_equal(softsgx_sigstruct_load(&sig, path("o")), 0);
	assert_int_equal(sig.attributes, 6);
	assert_int_equal(sig.attributes_mask, 6);
	assert_int_equal(sig.isv_prod_id, 7);
	assert_int_equal(sig.isv_svn, 0xffff);
	assert_int_equal(sig.miscselect, 1);
	assert_int_equal(sig.misc_mask, 0);
	assert_int_equal(sig.xfrm, 7);
	assert_int_equal(sig.xfrm_mask, 3);
}

static void test_usage(void **state)
{
	fails("", "one IMAGE expected");
	fails("a b", "one IMAGE expected");
	fails("--svn 65536 $D/e.elf", "larger than 65535");
	fails("--svn -1 $D/e.elf", "not a number");
	fails("--svn 1x $D/e.elf", "not a number");
	fails("--svn", "needs a value");
	fails("--nonsense $D/e.elf", "unknown option");
	assert_int_equal(sign("--help"), 0);
	assert_int_equal(strncmp(output, "usage:", 6), 0);
}

static void test_failures(void **state)
{
	fails("$D/missing", "No such file");
	fails("/etc/passwd", "not an ELF file");
	fails("/bin/true", "e");
	fails("--out $D/no/dir $D/e.elf", "No such file");
	fails("--out /dev/full $D/e.elf", "No space left");
	fails("--key $D $D/e.elf", "not a regular file");
	fails("--key /etc/passwd $D/e.elf", "no private key");
	if (!system("openssl genrsa -out $D/f4.pem 3072 2>/dev/null"))
		fails("--key $D/f4.pem $D/e.elf", "exponent is not 3");
	fails("--dump $D/e.elf >/dev/full", "standard output");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
