// SPDX-License-Identifier: GPL-2.0
/*
 * softsgx sign: measure an enclave and write its SIGSTRUCT.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/softsgx.h"
#include "cmd.h"

struct sign_job {
	const char *image;
	const char *key;
	const char *out;
	bool dump;
	bool help;
	struct softsgx_sign_params params;
};

static const char usage[] =
	"usage: softsgx sign [--key FILE] [--debug] [--prodid N] [--svn N] [--out FILE] [--dump] IMAGE\n"
	"\n"
	"Measures the enclave in the ELF file IMAGE and writes its SIGSTRUCT.\n"
	"\n"
	"  --key FILE        signing key (PEM), created if it does not exist;\n"
	"                    default ${XDG_CONFIG_HOME:-~/.config}/softsgx/test-key.pem\n"
	"  --out FILE        where to write, default IMAGE.sig\n"
	"  --debug           require the DEBUG attribute; otherwise it is forbidden\n"
	"  --prodid N, --svn N\n"
	"                    product number and security version, 0 to 65535\n"
	"  --attributes N, --attributes-mask N, --xfrm N, --xfrm-mask N,\n"
	"  --misc N, --misc-mask N\n"
	"                    required SECS fields, and which of their bits count\n"
	"  --dump            print the identity of the enclave\n"
	"  --help            print this text\n";

static int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("softsgx: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return -1;
}

static int parse_value(const char *option, const char *text, u64 max, u64 *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	/* strtoull() takes signs and leading blanks, this command does not */
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9')
		return fail("--%s: '%s' is not a number", option, text);
	if (*out > max)
		return fail("--%s: %s is larger than %llu", option, text, max);
	return 0;
}

enum {
	OPT_KEY = 256,
	OPT_OUT,
	OPT_DEBUG,
	OPT_DUMP,
	OPT_HELP,
	OPT_NUMBER, /* and all that follow: indices into params */
	OPT_PRODID = OPT_NUMBER,
	OPT_SVN,
	OPT_ATTRIBUTES,
	OPT_ATTRIBUTES_MASK,
	OPT_XFRM,
	OPT_XFRM_MASK,
	OPT_MISC,
	OPT_MISC_MASK,
};

static const struct option options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "dump", no_argument, NULL, OPT_DUMP },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "prodid", required_argument, NULL, OPT_PRODID },
	{ "svn", required_argument, NULL, OPT_SVN },
	{ "attributes", required_argument, NULL, OPT_ATTRIBUTES },
	{ "attributes-mask", required_argument, NULL, OPT_ATTRIBUTES_MASK },
	{ "xfrm", required_argument, NULL, OPT_XFRM },
	{ "xfrm-mask", required_argument, NULL, OPT_XFRM_MASK },
	{ "misc", required_argument, NULL, OPT_MISC },
	{ "misc-mask", required_argument, NULL, OPT_MISC_MASK },
	{ 0 },
};

static u64 number_max(int opt)
{
	switch (opt) {
	case OPT_PRODID:
	case OPT_SVN:
		return USHRT_MAX;
	case OPT_MISC:
	case OPT_MISC_MASK:
		return UINT_MAX;
	default:
		return ULLONG_MAX;
	}
}

static void set_number(struct softsgx_sign_params *params, int opt, u64 n)
{
	switch (opt) {
	case OPT_PRODID:
		params->isv_prod_id = n;
		break;
	case OPT_SVN:
		params->isv_svn = n;
		break;
	case OPT_ATTRIBUTES:
		params->attributes = n;
		break;
	case OPT_ATTRIBUTES_MASK:
		params->attributes_mask = n;
		break;
	case OPT_XFRM:
		params->xfrm = n;
		break;
	case OPT_XFRM_MASK:
		params->xfrm_mask = n;
		break;
	case OPT_MISC:
		params->miscselect = n;
		break;
	case OPT_MISC_MASK:
		params->misc_mask = n;
		break;
	}
}

static int parse_number_option(struct sign_job *job, int opt)
{
	const struct option *o = options;
	u64 n;

	while (o->val != opt)
		o++;
	if (parse_value(o->name, optarg, number_max(opt), &n))
		return -1;
	set_number(&job->params, opt, n);
	return 0;
}

static int parse_option(struct sign_job *job, int opt, bool *debug)
{
	switch (opt) {
	case OPT_KEY:
		job->key = optarg;
		return 0;
	case OPT_OUT:
		job->out = optarg;
		return 0;
	case OPT_DEBUG:
		*debug = true;
		return 0;
	case OPT_DUMP:
		job->dump = true;
		return 0;
	case OPT_HELP:
		job->help = true;
		return 0;
	default:
		return parse_number_option(job, opt);
	}
}

static int parse(struct sign_job *job, int argc, char **argv)
{
	bool debug = false;
	int opt;

	softsgx_sign_defaults(&job->params);
	optind = 0; /* the caller may have used getopt() */
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == ':')
			return fail("sign: %s needs a value", argv[optind - 1]);
		if (opt == '?')
			return fail("sign: unknown option %s, try --help",
				    argv[optind - 1]);
		if (parse_option(job, opt, &debug))
			return -1;
	}
	if (debug)
		job->params.attributes |= SGX_ATTR_DEBUG;
	if (job->help)
		return 0;
	if (optind != argc - 1)
		return fail("sign: one IMAGE expected, try --help");
	job->image = argv[optind];
	return 0;
}

static int measure(const struct sign_job *job, u8 mrenclave[SOFTSGX_HASH_SIZE])
{
	struct softsgx_image image;

	if (softsgx_image_load(&image, job->image, NULL))
		return fail("%s", softsgx_last_error());
	softsgx_image_measure(&image, mrenclave);
	softsgx_image_free(&image);
	return 0;
}

static int get_key(const struct sign_job *job, struct evp_pkey_st **key)
{
	char path[PATH_MAX];
	bool created;

	if (job->key && strlen(job->key) >= sizeof(path))
		return fail("%s: name too long", job->key);
	if (job->key)
		strcpy(path, job->key);
	else if (softsgx_key_default_path(path, sizeof(path)))
		return fail("%s; use --key", softsgx_last_error());

	if (softsgx_key_get(path, key, &created))
		return fail("%s", softsgx_last_error());
	if (created)
		fprintf(stderr, "softsgx: created the signing key %s\n", path);
	return 0;
}

static int sign(const struct sign_job *job, struct sgx_sigstruct *sig)
{
	u8 mrenclave[SOFTSGX_HASH_SIZE];
	struct evp_pkey_st *key;
	int ret;

	if (measure(job, mrenclave) || get_key(job, &key))
		return -1;
	softsgx_sign_fill(sig, &job->params, mrenclave);
	ret = softsgx_sign_finish(sig, key);
	softsgx_key_free(key);
	if (!ret)
		ret = softsgx_sign_verify(sig);
	return ret ? fail("%s", softsgx_last_error()) : 0;
}

static int write_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data = (const u8 *)data + n;
		len -= n;
	}
	return 0;
}

static int write_sigstruct(const char *path, const struct sgx_sigstruct *sig)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return fail("%s: %s", path, strerror(errno));
	if (write_all(fd, sig, sizeof(*sig))) {
		fail("%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	if (close(fd))
		return fail("%s: %s", path, strerror(errno));
	return 0;
}

static int output(const struct sign_job *job, const struct sgx_sigstruct *sig)
{
	char path[PATH_MAX];

	if (job->out)
		return write_sigstruct(job->out, sig);
	if (snprintf(path, sizeof(path), "%s.sig", job->image) >=
	    (int)sizeof(path))
		return fail("%s: name too long", job->image);
	return write_sigstruct(path, sig);
}

static void print_hash(const char *name, const u8 hash[SOFTSGX_HASH_SIZE])
{
	int i;

	printf("%-11s ", name);
	for (i = 0; i < SOFTSGX_HASH_SIZE; i++)
		printf("%02x", hash[i]);
	putchar('\n');
}

static void dump(const struct sgx_sigstruct *sig)
{
	u8 mrsigner[SOFTSGX_HASH_SIZE];

	softsgx_sign_mrsigner(sig, mrsigner);
	print_hash("mrenclave", sig->mrenclave);
	print_hash("mrsigner", mrsigner);
	printf("%-11s %#llx mask %#llx%s\n", "attributes", sig->attributes,
	       sig->attributes_mask,
	       sig->attributes & SGX_ATTR_DEBUG ? " (debug)" : "");
	printf("%-11s %#llx mask %#llx\n", "xfrm", sig->xfrm, sig->xfrm_mask);
	printf("%-11s %#x mask %#x\n", "miscselect", sig->miscselect,
	       sig->misc_mask);
	printf("%-11s %u\n%-11s %u\n%-11s %x\n", "isvprodid", sig->isv_prod_id,
	       "isvsvn", sig->isv_svn, "date", sig->date);
}

/**
 * cmd_sign() - softsgx sign
 * @argc, @argv: @argv[0] is the name of the command
 *
 * Return: exit status: 0, or 125 after one line on stderr.
 */
int cmd_sign(int argc, char **argv)
{
	struct sign_job job = { 0 };
	struct sgx_sigstruct sig;

	if (parse(&job, argc, argv))
		return EXIT_SOFTSGX;
	if (job.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (sign(&job, &sig) || output(&job, &sig))
		return EXIT_SOFTSGX;
	if (job.dump)
		dump(&sig);
	if (fflush(stdout)) {
		fail("standard output: %s", strerror(errno));
		return EXIT_SOFTSGX;
	}
	return 0;
}
