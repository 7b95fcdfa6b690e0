// SPDX-License-Identifier: GPL-2.0
/* When a leaf refuses, the kernel log says why. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "kselftest_harness.h"

/* The log is not written to faster than this. */
#define LIMIT_MS	VT_WAIT(30000)
#define PAUSE_MS	200

FIXTURE(explain) {
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	int log;
};

FIXTURE_SETUP(explain)
{
	self->encl.fd = -1;
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->log);
	lseek(self->log, 0, SEEK_END);
}

FIXTURE_TEARDOWN(explain)
{
	close(self->log);
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
}

/* Read what there is: has it a line of ours with both? */
static bool log_has(int log, const char *leaf, const char *text)
{
	char line[1024];
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return false;
		line[n] = 0;
		if (strstr(line, "softsgx_cpu: ") && strstr(line, leaf) && strstr(line, text))
			return true;
	}
}

/* Do it until it has been explained. */
#define EXPECT_EXPLAINED(ret, call, leaf, text) do { \
	bool seen_ = false; \
	int ms_; \
	\
	for (ms_ = 0; !seen_ && ms_ < LIMIT_MS; ms_ += PAUSE_MS) { \
		ASSERT_EQ(ret, call); \
		seen_ = log_has(self->log, leaf, text); \
		if (!seen_) \
			usleep(PAUSE_MS * 1000); \
	} \
	EXPECT_TRUE(seen_) { \
		TH_LOG("%s", text); \
	} \
} while (0)

static void hex(char *to, const u8 *from, size_t n)
{
	for (; n; n--, from++, to += 2)
		sprintf(to, "%02x", *from);
}

TEST_F_TIMEOUT(explain, measurement, 120)
{
	struct sgx_sigstruct sig = self->sig;
	char is[65], says[65];

	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	sig.mrenclave[31] ^= 1;
	hex(is, self->sig.mrenclave, 32);
	hex(says, sig.mrenclave, 32);
	ASSERT_EQ(0, softsgx_sign_finish(&sig, vt_key()));
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "EINIT: error 4", "ENCLAVEHASH");
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "MRENCLAVE is ", is);
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "ENCLAVEHASH is ", says);
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F_TIMEOUT(explain, sigstruct, 120)
{
	struct sgx_sigstruct sig = self->sig;

	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
	sig.signature[0] ^= 1;
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "EINIT: error 8", "SIGNATURE");
	sig = self->sig;
	sig.header[0] ^= 1;
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "EINIT: error 1", "HEADER");
	sig = self->sig;
	sig.attributes_mask = ~0ULL;
	sig.attributes ^= SGX_ATTR_DEBUG;
	ASSERT_EQ(0, softsgx_sign_finish(&sig, vt_key()));
	EXPECT_EXPLAINED(-EPERM, vt_ioc_init(self->encl.fd, &sig), "EINIT: error 2", "ATTRIBUTES");
}

TEST_F_TIMEOUT(explain, ecreate, 120)
{
	struct sgx_secs secs;

	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, softsgx_enclave_reserve(&self->encl, self->image.size));
	softsgx_image_secs(&self->image, self->encl.base, &secs);
	secs.ssa_frame_size = 0;
	EXPECT_EXPLAINED(-EIO, vt_ioc_create(self->encl.fd, &secs), "ECREATE: #GP", "SSAFRAMESIZE");
}

TEST_HARNESS_MAIN
