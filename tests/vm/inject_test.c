// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation and each leaf fails once, in turn: on the whole way of an
 * enclave from open() to the end of its teardown. A failure must be one that the
 * contract has for that step, the step must work when tried again, and nothing may
 * be lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

#define NTH_MAX		2000	/* more injection points than any way has */

FIXTURE(way) {
	struct vt_epc start;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct softsgx_enclave encl;
	bool eextend_failed;
};

FIXTURE_VARIANT(way) {
	u64 attributes;
	bool fork;
};

FIXTURE_VARIANT_ADD(way, production) {
	.attributes = 0,
};

FIXTURE_VARIANT_ADD(way, debug) {
	.attributes = SGX_ATTR_DEBUG,
};

FIXTURE_VARIANT_ADD(way, fork) {
	.fork = true,
};

/* Few pages, to keep the number of rounds low */
static int small_image(struct softsgx_image *image, u64 attributes)
{
	static const struct {
		unsigned int page;
		u64 flags;
		bool measured;
	} pages[] = {
		{ PG_TCS, SGX_SECINFO_TCS, true },
		{ PG_RW, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, false },
		{ PG_R, SGX_SECINFO_REG | SGX_SECINFO_R, false },
	};
	u8 data[SGX_PAGE_SIZE];
	unsigned int i, j;
	int ret = 0;

	softsgx_image_init(image);
	image->attributes |= attributes;
	for (i = 0; i < ARRAY_SIZE(pages) && !ret; i++) {
		for (j = 0; j < SGX_PAGE_SIZE; j++)
			data[j] = vt_byte(pages[i].page, j);
		ret = softsgx_image_add(image, pages[i].page * PAGE, PAGE,
					pages[i].page == PG_TCS ? NULL : data, pages[i].flags,
					pages[i].measured);
	}
	image->size = VT_SIZE;
	return ret;
}

FIXTURE_SETUP(way)
{
	ASSERT_EQ(0, vt_fail_nth(0));
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl = (struct softsgx_enclave){ .fd = -1 };
	ASSERT_EQ(0, small_image(&self->image, variant->attributes));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
}

FIXTURE_TEARDOWN(way)
{
	EXPECT_EQ(0, vt_fail_nth(0));
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* What each step may answer besides 0 */
static const int open_errnos[] = { ENOMEM, 0 };
static const int create_errnos[] = { ENOMEM, EIO, 0 };
static const int add_errnos[] = { ENOMEM, EFAULT, EIO, 0 };
static const int init_errnos[] = { ENOMEM, EIO, 0 };
static const int map_errnos[] = { ENOMEM, 0 };

static bool may_fail(int ret, const int *errnos)
{
	for (; *errnos; errnos++) {
		if (ret == -*errnos)
			return true;
	}
	return false;
}

/*
 * Do @call until it succeeds: at most twice, for only one failure is injected, and
 * only with an error from @errnos the first time.
 */
#define STEP(call, errnos) do {						\
	int step_ret, tries = 0;					\
									\
	while ((step_ret = (call))) {					\
		EXPECT_TRUE(may_fail(step_ret, errnos)) {		\
			TH_LOG(#call " answered %d", step_ret);		\
		}							\
		ASSERT_EQ(0, vt_fail_left()) {				\
			TH_LOG(#call " failed by itself");		\
		}							\
		ASSERT_GT(2, ++tries) {					\
			TH_LOG(#call " failed twice");			\
		}							\
	}								\
} while (0)

/* The count tells what is there, on failure as well. */
static int add_segment(struct _test_data_way *self, const struct softsgx_segment *seg)
{
	u64 count = ~0ULL;
	int ret;

	ret = vt_ioc_add(self->encl.fd, seg->src, seg->offset, seg->size, seg->flags,
			 seg->measured, &count);
	if (count != (ret ? 0 : seg->size))
		return -ERANGE;
	/* Then the measurement may have a page that is not there. */
	if (ret == -EIO && seg->measured)
		self->eextend_failed = true;
	return ret;
}

static void init(struct __test_metadata *_metadata, struct _test_data_way *self)
{
	int fd = self->encl.fd, ret;

	ret = vt_ioc_init(fd, &self->sig);
	/* If only EEXTEND failed the enclave cannot be what was signed. */
	if (ret == -EPERM && self->eextend_failed)
		return;
	if (ret) {
		EXPECT_TRUE(may_fail(ret, init_errnos)) {
			TH_LOG("INIT answered %d", ret);
		}
		EXPECT_EQ(0, vt_fail_left());
		ret = vt_ioc_init(fd, &self->sig);
	}
	EXPECT_EQ(0, ret);
}

static int open_device(struct softsgx_enclave *encl)
{
	encl->fd = open(ENCL_DEV, O_RDWR);
	return encl->fd < 0 ? -errno : 0;
}

static void touch(struct __test_metadata *_metadata, const struct softsgx_enclave *encl)
{
	int sig = vt_read(vt_addr(encl, PG_R));

	EXPECT_TRUE(!sig || sig == SIGBUS);
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_R), PG_R));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_R)));
}

/* A debugger's access may fail, and then leaves everything as it was. */
static void debug(struct __test_metadata *_metadata, const struct softsgx_enclave *encl)
{
	u64 addr = encl->base + PG_RW * PAGE + 5, i;
	int mem = open("/proc/self/mem", O_RDWR);
	u8 buf[3] = {}, want[3];
	ssize_t n;

	for (i = 0; i < sizeof(want); i++)
		want[i] = vt_byte(PG_RW, 5 + i);
	n = pread(mem, buf, sizeof(buf), addr);
	EXPECT_TRUE(n == sizeof(buf) || (n < 0 && errno == EIO && !vt_fail_left()));
	n = pwrite(mem, "abc", sizeof(buf), addr);
	EXPECT_TRUE(n == sizeof(buf) || (n < 0 && errno == EIO && !vt_fail_left()));
	for (i = 0; i < 2 && pread(mem, buf, sizeof(buf), addr) != sizeof(buf); i++) {
		EXPECT_EQ(0, vt_fail_left()) {
			TH_LOG("try %llu", i);
		}
	}
	EXPECT_EQ(0, memcmp(buf, n < 0 ? (char *)want : "abc", sizeof(buf)));
	close(mem);
}

static void whole_way(struct __test_metadata *_metadata, struct _test_data_way *self,
		      const struct _fixture_variant_way *variant)
{
	struct softsgx_enclave *encl = &self->encl;
	struct sgx_secs secs;
	unsigned int i;
	pid_t pid;

	self->eextend_failed = false;
	STEP(open_device(encl), open_errnos);
	ASSERT_EQ(0, vt_reserve(encl, VT_SIZE));
	softsgx_image_secs(&self->image, encl->base, &secs);
	STEP(vt_ioc_create(encl->fd, &secs), create_errnos);
	for (i = 0; i < self->image.nr_segs; i++)
		STEP(add_segment(self, &self->image.segs[i]), add_errnos);
	init(_metadata, self);
	STEP(vt_map(encl, PG_RW, 1, PROT_RW), map_errnos);
	STEP(vt_map(encl, PG_R, 1, PROT_READ), map_errnos);
	touch(_metadata, encl);
	if (variant->attributes & SGX_ATTR_DEBUG)
		debug(_metadata, encl);
	if (variant->fork) {
		pid = fork();
		if (!pid)
			_exit(!vt_shows(vt_addr(encl, PG_R), PG_R) ||
			      mprotect(vt_addr(encl, PG_RW), PAGE, PROT_READ) ||
			      vt_read(vt_addr(encl, PG_RW)));
		EXPECT_EQ(0, vt_wait(pid));
	}
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_R), PAGE));
	softsgx_enclave_close(encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F_TIMEOUT(way, sweep, 300)
{
	unsigned int nth;
	int left = 0;

	for (nth = 1; nth < NTH_MAX && !left; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		whole_way(_metadata, self, variant);
		left = vt_fail_left();
		ASSERT_LE(0, left);
		ASSERT_TRUE(_metadata->passed) {
			TH_LOG("injection point %u", nth);
		}
	}
	TH_LOG("%u injection points", nth - 2);
	/* Else nothing has been tried, or the way never ends. */
	EXPECT_GT(nth, 30);
	EXPECT_GT(NTH_MAX, nth);
}

FIXTURE(inject) {
	struct vt_epc start;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(inject)
{
	ASSERT_EQ(0, vt_fail_nth(0));
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, small_image(&self->image, 0));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
}

FIXTURE_TEARDOWN(inject)
{
	EXPECT_EQ(0, vt_fail_nth(0));
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Failure, then close: no second try that could tidy up. */
TEST_F_TIMEOUT(inject, give_up, 300)
{
	struct softsgx_enclave *encl = &self->encl;
	unsigned int nth;
	int left = 0;

	for (nth = 1; nth < NTH_MAX && !left; nth++) {
		ASSERT_EQ(0, vt_fail_nth(nth));
		if (!vt_load(encl, &self->image) && !softsgx_enclave_init(encl, &self->sig) &&
		    !vt_map(encl, PG_RW, 1, PROT_RW))
			vt_write(vt_addr(encl, PG_RW));
		softsgx_enclave_close(encl);
		ASSERT_EQ(0, vt_epc_settle(&self->start)) {
			TH_LOG("injection point %u: %s", nth, softsgx_last_error());
		}
		left = vt_fail_left();
	}
	TH_LOG("%u injection points", nth - 2);
	EXPECT_GT(nth, 30);
	EXPECT_GT(NTH_MAX, nth);
}

/* A page whose EEXTEND fails is not there, and does not count. */
TEST_F(inject, failed_page_in_range)
{
	struct softsgx_enclave *encl = &self->encl;
	u8 *src = vt_anon(4 * PAGE, PROT_READ);
	unsigned int nth, cut = 0;
	struct vt_epc before, now;
	u64 count;
	int ret;

	/* 4 pages: 16 EEXTENDs and more in each */
	for (nth = 1; nth < 4 * 25; nth++) {
		ASSERT_EQ(0, vt_create(encl, &self->image));
		ASSERT_EQ(0, vt_epc_read(&before));
		ASSERT_EQ(0, vt_fail_nth(nth));
		ret = vt_ioc_add(encl->fd, src, 0, 4 * PAGE, SGX_SECINFO_REG | SGX_SECINFO_R,
				 SGX_PAGE_MEASURE, &count);
		ASSERT_EQ(0, vt_fail_nth(0));
		ASSERT_EQ(0, vt_epc_read(&now));
		EXPECT_EQ(before.free - count / PAGE, now.free) {
			TH_LOG("injection point %u: %d, count %#llx", nth, ret, count);
		}
		EXPECT_TRUE(ret ? may_fail(ret, add_errnos) && count < 4 * PAGE :
				  count == 4 * PAGE);
		cut += count && ret;
		/* What is said to be missing can be added, the rest is there. */
		if (ret) {
			EXPECT_EQ(0, vt_ioc_add(encl->fd, src, count, 4 * PAGE - count,
						SGX_SECINFO_REG | SGX_SECINFO_R, 1, NULL));
		}
		EXPECT_EQ(-EBUSY, vt_ioc_add(encl->fd, src, 3 * PAGE, PAGE, SGX_SECINFO_REG,
					     0, NULL));
		softsgx_enclave_close(encl);
		ASSERT_EQ(0, vt_epc_settle(&self->start));
	}
	EXPECT_LE(30, cut);
}

/* The control file itself */
TEST_F(inject, control)
{
	ASSERT_EQ(0, vt_fail_nth(7));
	EXPECT_EQ(7, vt_fail_left());
	ASSERT_EQ(0, vt_fail_nth(0));
	EXPECT_EQ(0, vt_fail_left());
	ASSERT_EQ(0, vt_fail_nth(1));
	EXPECT_EQ(-ENOMEM, open_device(&self->encl));
	EXPECT_EQ(0, vt_fail_left());
	EXPECT_EQ(0, open_device(&self->encl));
}

TEST_HARNESS_MAIN
