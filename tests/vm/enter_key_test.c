// SPDX-License-Identifier: GPL-2.0
/* EREPORT and EGETKEY: exceptions, errors, local attestation, sealing. */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

#define CPUSVN_PARAMETER "/sys/module/softsgx_cpu/parameters/cpusvn"
#define PAGE	SGX_PAGE_SIZE

/* What comes of a leaf: RAX, or an exception */
#define BAD(vector, error)	(0x80000000U | (vector) << 16 | (error))
#define PF_READ		BAD(V_PF, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX)
#define PF_WRITE	BAD(V_PF, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_SGX | SGX_PFEC_W)
#define GP		BAD(V_GP, 0)

static u8 zero[512];

static void load(struct encl *encl, u64 attributes, u64 heap_pages)
{
	const struct encl_spec spec = {
		.options.attributes = attributes, .options.heap_pages = heap_pages,
		.options.miscselect = SGX_MISC_EXINFO,
	};

	encl_load(encl, &spec);
}

/* In the enclave: operands, and results on a page of their own */
static u64 in(const struct encl *encl)
{
	return encl->info.scratch;
}

static u64 data(const struct encl *encl)
{
	return encl->info.scratch + 0x800;
}

static u64 out(const struct encl *encl)
{
	return encl->info.scratch + PAGE;
}

static u32 enclu(const struct encl *encl, unsigned int n, u32 leaf, u64 bx, u64 cx, u64 dx)
{
	struct encl_call call = {
		.regs.gpr[ENCL_RAX] = leaf, .regs.gpr[ENCL_RBX] = bx,
		.regs.gpr[ENCL_RCX] = cx, .regs.gpr[ENCL_RDX] = dx,
	};
	struct sgx_enclave_run run = { };
	struct encl_ssa ssa;
	u32 bad;

	if (!encl_run(encl, n, ENCL_ENCLU, &call, &run))
		return call.regs.gpr[ENCL_RAX];
	bad = BAD(run.exception_vector, run.exception_error_code);
	encl_ssa(encl, n, &ssa);
	if (ssa.exitinfo != EXITINFO(run.exception_vector))
		die("EXITINFO %#x", ssa.exitinfo);
	encl_do(encl, n, ENCL_SSA_ADD_RIP, ENCL_LAST_FRAME, 3, 0);
	if (encl_resume(encl, n, &call, &run))
		die("cannot go on behind the ENCLU");
	return bad;
}

static u32 egetkey(const struct encl *encl, const struct sgx_keyrequest *req, u8 key[16])
{
	u32 ret;

	encl_put(encl, 0, in(encl), req, sizeof(*req));
	ret = enclu(encl, 0, SGX_EGETKEY, in(encl), out(encl), 0);
	if (!ret && key)
		encl_get(encl, 0, key, out(encl), 16);
	return ret;
}

static u32 ereport(const struct encl *encl, const struct sgx_targetinfo *target,
		   struct sgx_report *report)
{
	u32 ret;

	encl_put(encl, 0, in(encl), target, sizeof(*target));
	encl_put(encl, 0, data(encl), "some data for the report, 64 bytes of it are signed", 52);
	ret = enclu(encl, 0, SGX_EREPORT, in(encl), data(encl), out(encl));
	if (report)
		encl_get(encl, 0, report, out(encl), sizeof(*report));
	return ret;
}

static void cmac(const u8 key[16], const void *p, size_t n, u8 mac[16])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("cipher", "AES-128-CBC", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *type = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(type);
	size_t len;

	if (EVP_MAC_init(ctx, key, 16, params) != 1 || EVP_MAC_update(ctx, p, n) != 1 ||
	    EVP_MAC_final(ctx, mac, &len, 16) != 1)
		die("CMAC");
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(type);
}

static struct sgx_keyrequest seal_request(u16 policy)
{
	return (struct sgx_keyrequest){
		.keyname = SGX_KEYNAME_SEAL, .keypolicy = policy,
		.attributes_mask = SGX_ATTR_INIT | SGX_ATTR_DEBUG, .keyid[3] = 0x77,
	};
}

/* Who an enclave is, as the target of reports: from a report of its own */
static struct sgx_targetinfo target_of(const struct encl *encl)
{
	static const struct sgx_targetinfo nobody;
	struct sgx_targetinfo target = { };
	struct sgx_report report;

	if (ereport(encl, &nobody, &report))
		die("EREPORT");
	memcpy(target.mrenclave, report.mrenclave, 32);
	target.attributes = report.attributes;
	target.xfrm = report.xfrm;
	target.config_svn = report.config_svn;
	target.miscselect = report.miscselect;
	memcpy(target.config_id, report.config_id, 64);
	return target;
}

static bool verifies(const struct encl *encl, const struct sgx_report *report)
{
	struct sgx_keyrequest req = { .keyname = SGX_KEYNAME_REPORT };
	u8 key[16], mac[16];

	memcpy(req.keyid, report->keyid, 32);
	if (egetkey(encl, &req, key))
		die("EGETKEY");
	cmac(key, report, offsetof(struct sgx_report, keyid), mac);
	return !memcmp(mac, report->mac, 16);
}

FIXTURE(key)
{
	struct encl encl;
	struct encl other;
};

FIXTURE_SETUP(key)
{
	load(&self->encl, SGX_ATTR_KSS, 0);
	load(&self->other, SGX_ATTR_KSS, 32);
}

FIXTURE_TEARDOWN(key)
{
	encl_unload(&self->other);
	encl_unload(&self->encl);
}

TEST_F(key, report_faults)
{
	const struct encl *e = &self->encl;
	struct sgx_targetinfo target = { };
	static u8 outside[4096] __attribute__((aligned(4096)));
	u64 rodata = e->info.rodata & ~(PAGE - 1), end = e->info.base + e->info.size;

#define EREPORT(bx, cx, dx) enclu(e, 0, SGX_EREPORT, bx, cx, dx)
	encl_put(e, 0, in(e), zero, sizeof(zero));
	EXPECT_EQ(GP, EREPORT(in(e) + 256, data(e), out(e)));
	EXPECT_EQ(GP, EREPORT(in(e), data(e) + 64, out(e)));
	EXPECT_EQ(GP, EREPORT(in(e), data(e), out(e) + 256));
	EXPECT_EQ(GP, EREPORT((uintptr_t)outside, data(e), out(e)));
	EXPECT_EQ(GP, EREPORT(in(e), (uintptr_t)outside, out(e)));
	EXPECT_EQ(GP, EREPORT(in(e), data(e), (uintptr_t)outside));
	EXPECT_EQ(GP, EREPORT(end, data(e), out(e)));
	EXPECT_EQ(PF_READ, EREPORT(e->tcs[1], data(e), out(e)));
	EXPECT_EQ(PF_READ, EREPORT(in(e), e->tcs[1], out(e)));
	EXPECT_EQ(BAD(V_PF, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_W), EREPORT(in(e), data(e), rodata));
	/* reserved bytes, and two defects */
	target.reserved2[7] = 1;
	encl_put(e, 0, in(e), &target, sizeof(target));
	EXPECT_EQ(GP, EREPORT(in(e), data(e), out(e)));
	EXPECT_EQ(GP, EREPORT(in(e), e->tcs[1], rodata));
	EXPECT_EQ(PF_READ, EREPORT(e->tcs[1], data(e) + 1, rodata));
	target.reserved2[7] = 0;
	target.reserved3[383] = 1;
	encl_put(e, 0, in(e), &target, sizeof(target));
	EXPECT_EQ(GP, EREPORT(in(e), data(e), out(e)));
}

TEST_F(key, getkey_faults)
{
	const struct encl *e = &self->encl;
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	u64 rodata = e->info.rodata & ~(PAGE - 1);

#define EGETKEY(bx, cx) enclu(e, 0, SGX_EGETKEY, bx, cx, 0)
	encl_put(e, 0, in(e), &req, sizeof(req));
	EXPECT_EQ(0, EGETKEY(in(e), out(e)));
	EXPECT_EQ(GP, EGETKEY(in(e) + 128, out(e)));
	EXPECT_EQ(GP, EGETKEY(in(e), out(e) + 8));
	EXPECT_EQ(GP, EGETKEY((uintptr_t)zero & ~511ULL, out(e)));
	EXPECT_EQ(GP, EGETKEY(in(e), e->info.base + e->info.size));
	EXPECT_EQ(PF_READ, EGETKEY(e->tcs[1], out(e)));
	EXPECT_EQ(PF_WRITE, EGETKEY(in(e), e->tcs[1]));
	EXPECT_EQ(BAD(V_PF, SGX_PFEC_P | SGX_PFEC_U | SGX_PFEC_W), EGETKEY(in(e), rodata));
	req.reserved2[0] = 1;
	EXPECT_EQ(GP, egetkey(e, &req, NULL));
	req.reserved2[0] = 0;
	req.keypolicy |= 0x40;
	EXPECT_EQ(GP, egetkey(e, &req, NULL));
}

TEST_F(key, errors)
{
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	u8 before[16], after[16];

	encl_get(&self->encl, 0, before, out(&self->encl), 16);
	req.keyname = 5;
	EXPECT_EQ(SGX_INVALID_KEYNAME, egetkey(&self->encl, &req, NULL));
	req.keyname = SGX_KEYNAME_PROVISION;
	EXPECT_EQ(SGX_INVALID_ATTRIBUTE, egetkey(&self->encl, &req, NULL));
	req.keyname = SGX_KEYNAME_PROVISION_SEAL;
	EXPECT_EQ(SGX_INVALID_ATTRIBUTE, egetkey(&self->encl, &req, NULL));
	req.keyname = SGX_KEYNAME_EINITTOKEN;
	EXPECT_EQ(SGX_INVALID_ATTRIBUTE, egetkey(&self->encl, &req, NULL));
	req.keyname = SGX_KEYNAME_SEAL;
	req.isv_svn = 1;
	EXPECT_EQ(SGX_INVALID_ISVSVN, egetkey(&self->encl, &req, NULL));
	req.cpusvn[0] = 2;
	EXPECT_EQ(SGX_INVALID_CPUSVN, egetkey(&self->encl, &req, NULL));
	encl_get(&self->encl, 0, after, out(&self->encl), 16);
	EXPECT_EQ(0, memcmp(before, after, 16));
}

TEST_F(key, local_attestation)
{
	struct sgx_targetinfo other = target_of(&self->other), self_target = target_of(&self->encl);
	struct sgx_report report;

	EXPECT_EQ(SGX_EREPORT, ereport(&self->encl, &other, &report));
	EXPECT_TRUE(verifies(&self->other, &report));
	EXPECT_FALSE(verifies(&self->encl, &report));
	EXPECT_EQ(0, memcmp(report.mrenclave, self_target.mrenclave, 32));
	EXPECT_NE(0, memcmp(report.mrenclave, other.mrenclave, 32));
	EXPECT_EQ(0, memcmp(report.report_data, "some data", 9));
	EXPECT_TRUE(report.attributes & SGX_ATTR_INIT);
	report.report_data[63] ^= 1;
	EXPECT_FALSE(verifies(&self->other, &report));
}

/* The enclave that verifies is in another process. */
TEST_F(key, attestation_between_processes)
{
	struct sgx_targetinfo target;
	struct sgx_report report;
	int to[2], from[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(to) | pipe(from));
	pid = fork();
	if (!pid) {
		struct encl encl;
		bool good;

		load(&encl, 0, 48);
		target = target_of(&encl);
		if (write(from[1], &target, sizeof(target)) != sizeof(target) ||
		    read(to[0], &report, sizeof(report)) != sizeof(report))
			_exit(2);
		good = verifies(&encl, &report);
		report.isv_svn ^= 1;
		_exit(good && !verifies(&encl, &report) ? 0 : 1);
	}
	ASSERT_EQ(sizeof(target), read(from[0], &target, sizeof(target)));
	EXPECT_EQ(SGX_EREPORT, ereport(&self->encl, &target, &report));
	ASSERT_EQ(sizeof(report), write(to[1], &report, sizeof(report)));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

static int same_key(const struct encl *a, const struct encl *b, u16 policy)
{
	struct sgx_keyrequest req = seal_request(policy);
	u8 ka[16], kb[16];

	if (egetkey(a, &req, ka) || egetkey(b, &req, kb))
		return -1;
	return !memcmp(ka, kb, 16);
}

/* Both enclaves are of one signer; they differ in their contents. */
TEST_F(key, sealing)
{
	EXPECT_EQ(1, same_key(&self->encl, &self->encl, SGX_KEYPOLICY_MRENCLAVE));
	EXPECT_EQ(0, same_key(&self->encl, &self->other, SGX_KEYPOLICY_MRENCLAVE));
	EXPECT_EQ(1, same_key(&self->encl, &self->other, SGX_KEYPOLICY_MRSIGNER));
	EXPECT_EQ(0, same_key(&self->encl, &self->other,
			      SGX_KEYPOLICY_MRSIGNER | SGX_KEYPOLICY_MRENCLAVE));
	EXPECT_EQ(1, same_key(&self->encl, &self->other,
			      SGX_KEYPOLICY_MRSIGNER | SGX_KEYPOLICY_NOISVPRODID));
}

TEST_F(key, debug_differs)
{
	struct encl debug;

	load(&debug, SGX_ATTR_KSS | SGX_ATTR_DEBUG, 0);
	EXPECT_EQ(0, same_key(&self->encl, &debug, SGX_KEYPOLICY_MRSIGNER));
	encl_unload(&debug);
}

static void set_cpusvn(unsigned int n)
{
	FILE *f = fopen(CPUSVN_PARAMETER, "w");

	if (!f || fprintf(f, "%u", n) < 0 || fclose(f))
		die("%s cannot be set", CPUSVN_PARAMETER);
}

/* After an update of the microcode old keys can still be had; after a downgrade new ones not. */
TEST_F(key, tcb_recovery)
{
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	struct sgx_report report, old;
	struct sgx_targetinfo target = target_of(&self->encl);
	u8 first[16], key[16];

	req.cpusvn[0] = 1;
	EXPECT_EQ(0, egetkey(&self->encl, &req, first));
	EXPECT_EQ(SGX_EREPORT, ereport(&self->encl, &target, &old));
	EXPECT_EQ(1, old.cpusvn[0]);
	set_cpusvn(7);
	EXPECT_EQ(0, egetkey(&self->encl, &req, key));
	EXPECT_EQ(0, memcmp(first, key, 16));
	req.cpusvn[0] = 7;
	EXPECT_EQ(0, egetkey(&self->encl, &req, key));
	EXPECT_NE(0, memcmp(first, key, 16));
	EXPECT_EQ(SGX_EREPORT, ereport(&self->encl, &target, &report));
	EXPECT_EQ(7, report.cpusvn[0]);
	EXPECT_TRUE(verifies(&self->encl, &report));
	EXPECT_FALSE(verifies(&self->encl, &old));
	set_cpusvn(1);
	EXPECT_EQ(SGX_INVALID_CPUSVN, egetkey(&self->encl, &req, NULL));
	EXPECT_TRUE(verifies(&self->encl, &old));
}

/* ------------------------------------------------------------------ crowds */

#define ROUNDS	300

struct crowd {
	const struct encl *encl;
	unsigned int n;
	u8 expected[16];
	unsigned int wrong;
};

static void *work(void *arg)
{
	struct crowd *c = arg;
	u64 request = in(c->encl), to = c->encl->info.scratch + 2 * PAGE + c->n * 64;
	unsigned int i;
	u8 key[16];

	for (i = 0; i < ROUNDS; i++) {
		if (enclu(c->encl, c->n, SGX_EGETKEY, request, to, 0))
			c->wrong++;
		encl_get(c->encl, c->n, key, to, sizeof(key));
		c->wrong += memcmp(key, c->expected, sizeof(key)) != 0;
	}
	return NULL;
}

TEST_F_TIMEOUT(key, threads, 120)
{
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	struct crowd crowd[ENCL_NR_TCS];
	pthread_t thread[ENCL_NR_TCS];
	unsigned int i;
	u8 key[16];

	ASSERT_EQ(0, egetkey(&self->encl, &req, key));
	for (i = 0; i < ENCL_NR_TCS; i++) {
		crowd[i] = (struct crowd){ .encl = &self->encl, .n = i };
		memcpy(crowd[i].expected, key, sizeof(key));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, work, &crowd[i]));
	}
	for (i = 0; i < ENCL_NR_TCS; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, crowd[i].wrong);
	}
}

/* ------------------------------------------------------------- platforms */

static void reload(const char *parameters)
{
	char dir[PATH_MAX], command[3 * PATH_MAX];
	pid_t pid;
	int status;

	encl_path(dir, sizeof(dir), "kmod");
	snprintf(command, sizeof(command),
		 "rmmod softsgx && rmmod softsgx_cpu && cd '%s' && cd $(uname -r) && insmod ./softsgx_cpu.ko epc=2M %s && insmod ./softsgx.ko",
		 dir, parameters);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("reloading failed");
}

static void key_with(const char *parameters, u8 key[16])
{
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	struct encl encl;

	reload(parameters);
	load(&encl, 0, 0);
	if (egetkey(&encl, &req, key))
		die("EGETKEY");
	encl_unload(&encl);
}

FIXTURE(platform) { };
FIXTURE_SETUP(platform) { }
FIXTURE_TEARDOWN(platform) { }

/* What is sealed on a platform opens on it whenever it comes up, and nowhere else. */
TEST_F_TIMEOUT(platform, seeds, 300)
{
	u8 one[16], again[16], two[16], owned[16], random[2][16];

	key_with("seed=one", one);
	key_with("seed=two", two);
	key_with("seed=one owner_epoch=me", owned);
	key_with("", random[0]);
	key_with("", random[1]);
	key_with("seed=one", again);
	EXPECT_EQ(0, memcmp(one, again, 16));
	EXPECT_NE(0, memcmp(one, two, 16));
	EXPECT_NE(0, memcmp(one, owned, 16));
	EXPECT_NE(0, memcmp(random[0], random[1], 16));
	EXPECT_NE(0, memcmp(one, random[0], 16));
	reload("");
}

/* Nobody but root may know what all keys are made of. */
TEST(seed_is_not_for_all)
{
	EXPECT_EQ(0, setuid(65534));
	EXPECT_EQ(-1, access("/sys/module/softsgx_cpu/parameters/seed", R_OK));
	EXPECT_EQ(-1, access(CPUSVN_PARAMETER, W_OK));
}

/* For tests of more than one machine: print a sealing key, and that is all. */
static void __attribute__((constructor)) print_key(int argc, char **argv)
{
	struct sgx_keyrequest req = seal_request(SGX_KEYPOLICY_MRENCLAVE);
	struct encl encl;
	unsigned int i;
	u8 key[16];

	if (argc != 2 || strcmp(argv[1], "--print-key"))
		return;
	load(&encl, 0, 0);
	if (egetkey(&encl, &req, key))
		die("EGETKEY");
	for (i = 0; i < sizeof(key); i++)
		printf("%02x", key[i]);
	puts("");
	exit(0);
}

TEST_HARNESS_MAIN
