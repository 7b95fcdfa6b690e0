// SPDX-License-Identifier: GPL-2.0
/*
 * SGX_IOC_ENCLAVE_ADD_PAGES and signals. Memory that lets its first access wait
 * makes it certain where in the call a signal arrives.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "common.h"
#include "kselftest_harness.h"

#define REG_R	(SGX_SECINFO_REG | SGX_SECINFO_R)
#define GARBAGE	0x1234567890abcdefULL

static int nr_signals;	/* atomic */

static void on_signal(int sig)
{
	__atomic_add_fetch(&nr_signals, 1, __ATOMIC_RELAXED);
}

static int signals_seen(void)
{
	return __atomic_load_n(&nr_signals, __ATOMIC_RELAXED);
}

static void handle(int sig, int flags)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags };

	__atomic_store_n(&nr_signals, 0, __ATOMIC_RELAXED);
	sigaction(sig, &act, NULL);
}

FIXTURE(signal) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct vt_stall stall;
	struct sgx_enclave_add_pages arg;
	struct sgx_secinfo secinfo;
	int ret;
};

FIXTURE_SETUP(signal)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_create(&self->encl, &self->image));
	ASSERT_EQ(0, vt_stall_init(&self->stall, 4 * PAGE));
	self->secinfo.flags = REG_R;
	self->arg = (struct sgx_enclave_add_pages){
		.src = (uintptr_t)self->stall.mem,
		.length = 4 * PAGE,
		.secinfo = (uintptr_t)&self->secinfo,
		.count = GARBAGE,
	};
}

FIXTURE_TEARDOWN(signal)
{
	vt_stall_free(&self->stall);
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static void *add(void *data)
{
	struct _test_data_signal *self = data;

	self->ret = vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, &self->arg);
	return NULL;
}

/* SECINFO is where the call waits: the signal is there before the first page. */
static int interrupt_before_first(struct _test_data_signal *self)
{
	static u8 page[SGX_PAGE_SIZE];
	pthread_t thread;
	int ret;

	memcpy(page, &self->secinfo, sizeof(self->secinfo));
	self->arg.secinfo = (uintptr_t)self->stall.mem + 3 * PAGE;
	self->arg.src = (uintptr_t)vt_anon(4 * PAGE, PROT_READ);
	ret = pthread_create(&thread, NULL, add, self);
	if (!ret)
		ret = vt_stall_wait(&self->stall, 3);
	if (!ret)
		ret = pthread_kill(thread, SIGUSR1);
	if (!ret)
		ret = vt_stall_fill(&self->stall, 3, page);
	return ret ? ret : pthread_join(thread, NULL);
}

TEST_F(signal, nothing_added)
{
	handle(SIGUSR1, 0);
	ASSERT_EQ(0, interrupt_before_first(self));
	EXPECT_EQ(1, signals_seen());
	EXPECT_EQ(-EINTR, self->ret);
	EXPECT_EQ(0, self->arg.count);
	EXPECT_EQ(0, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, &self->arg));
	EXPECT_EQ(4 * PAGE, self->arg.count);
}

TEST_F(signal, nothing_added_restart)
{
	handle(SIGUSR1, SA_RESTART);
	ASSERT_EQ(0, interrupt_before_first(self));
	EXPECT_EQ(1, signals_seen());
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(4 * PAGE, self->arg.count);
}

/* The source of the second page is where the call waits. */
static int interrupt_second(struct _test_data_signal *self, int sig)
{
	pthread_t thread;
	int ret;

	ret = pthread_create(&thread, NULL, add, self);
	if (!ret)
		ret = vt_stall_wait(&self->stall, 0);
	if (!ret)
		ret = vt_stall_fill(&self->stall, 0, NULL);
	if (!ret)
		ret = vt_stall_wait(&self->stall, 1);
	if (!ret)
		ret = pthread_kill(thread, sig);
	if (!ret)
		ret = vt_stall_fill(&self->stall, 1, NULL);
	/* Not looked at, or the pages would not be short */
	if (!ret)
		ret = vt_stall_fill(&self->stall, 2, NULL);
	if (!ret)
		ret = vt_stall_fill(&self->stall, 3, NULL);
	return ret ? ret : pthread_join(thread, NULL);
}

static void check_short(struct __test_metadata *_metadata, struct _test_data_signal *self)
{
	u64 count = self->arg.count;

	/* The page that waited is added or not; those behind it are not. */
	EXPECT_EQ(1, signals_seen());
	EXPECT_EQ(0, self->ret);
	EXPECT_TRUE(count == PAGE || count == 2 * PAGE) {
		TH_LOG("count %#llx", count);
	}
	EXPECT_EQ(4 * PAGE, self->arg.length);
	EXPECT_EQ(0, self->arg.offset);

	self->arg.src += count;
	self->arg.offset += count;
	self->arg.length -= count;
	EXPECT_EQ(0, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, &self->arg));
	EXPECT_EQ(self->arg.length, self->arg.count);
}

TEST_F(signal, something_added)
{
	handle(SIGUSR1, 0);
	ASSERT_EQ(0, interrupt_second(self, SIGUSR1));
	check_short(_metadata, self);
}

/* A call that has done something is not restarted. */
TEST_F(signal, something_added_restart)
{
	handle(SIGUSR1, SA_RESTART);
	ASSERT_EQ(0, interrupt_second(self, SIGUSR1));
	check_short(_metadata, self);
}

/* A blocked or ignored signal interrupts nothing. */
TEST_F(signal, ignored)
{
	signal(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, interrupt_second(self, SIGUSR1));
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(4 * PAGE, self->arg.count);
}

TEST_F(signal, blocked)
{
	sigset_t set;

	handle(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &set, NULL));
	ASSERT_EQ(0, interrupt_second(self, SIGUSR1));
	EXPECT_EQ(0, signals_seen());
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(4 * PAGE, self->arg.count);
}

/* The signal is looked at before the page that exists. */
TEST_F(signal, before_existing_page)
{
	handle(SIGUSR1, 0);
	ASSERT_EQ(0, vt_ioc_add(self->encl.fd, vt_anon(PAGE, PROT_READ), 2 * PAGE, PAGE, REG_R,
				0, NULL));
	ASSERT_EQ(0, interrupt_second(self, SIGUSR1));
	EXPECT_EQ(0, self->ret);
	EXPECT_EQ(2 * PAGE, self->arg.count);
}

/* The way loaders do it, with a signal each millisecond */
TEST_F_TIMEOUT(signal, timer, 60)
{
	struct itimerval timer = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
	struct itimerval off = {};
	unsigned int interrupted = 0, cut = 0;
	struct vt_epc before, after;
	u64 done = 0, size, pages;
	int ret = 0;

	for (size = 8 * PAGE; size < self->start.total * PAGE / 4; size *= 2)
		;
	softsgx_enclave_close(&self->encl);
	self->image.size = size;
	ASSERT_EQ(0, vt_create(&self->encl, &self->image));
	before = self->start;
	/* SECS and VA page */
	before.free -= 2;
	before.enclaves++;
	ASSERT_EQ(0, vt_epc_settle(&before));
	self->arg.src = (uintptr_t)vt_anon(size, PROT_READ);

	handle(SIGALRM, 0);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	while (done < size && (!ret || ret == -EINTR)) {
		self->arg.offset = done;
		self->arg.length = size - done;
		self->arg.count = GARBAGE;
		ret = vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, &self->arg);
		done += self->arg.count;
		interrupted += ret == -EINTR;
		cut += !ret && done < size;
		if (ret ? self->arg.count : self->arg.count % PAGE || !self->arg.count)
			break;
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(size, done);
	EXPECT_LE(1, cut);
	TH_LOG("%d signals, %u calls cut short, %u interrupted", signals_seen(), cut,
	       interrupted);
	ASSERT_EQ(0, vt_epc_read(&after));
	/* The first of the VA pages is there already; one slot is for the SECS. */
	pages = size / PAGE;
	EXPECT_EQ(before.free - pages - pages / 512, after.free);
}

TEST_HARNESS_MAIN
