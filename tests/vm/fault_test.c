// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults on enclave memory, from outside of the enclave. What a page holds
 * is not for the host to see on hardware; where contents are looked at, ones will
 * do as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "common.h"
#include "kselftest_harness.h"

#define NR_THREADS	8
#define NR_ROUNDS	200

FIXTURE(fault) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
};

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	ASSERT_EQ(0, vt_load(&self->encl, &self->image));
}

FIXTURE_TEARDOWN(fault)
{
	softsgx_enclave_close(&self->encl);
	softsgx_image_free(&self->image);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static void check_pages(struct __test_metadata *_metadata, struct softsgx_enclave *encl)
{
	static const unsigned int readable[] = { PG_RW, PG_R, PG_RX, PG_RWX, PG_UNMEASURED };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(readable); i++) {
		EXPECT_TRUE(vt_shows(vt_addr(encl, readable[i]), readable[i])) {
			TH_LOG("page %u", readable[i]);
		}
	}
	EXPECT_EQ(0, vt_write(vt_addr(encl, PG_RW)));
	EXPECT_EQ(0, vt_write(vt_addr(encl, PG_UNMEASURED)));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_R)));
	EXPECT_EQ(vt_addr(encl, PG_R), vt_fault_addr);
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(encl, PG_RX)));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, PG_TCS)));
}

TEST_F(fault, pages)
{
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	ASSERT_EQ(0, vt_map_all(&self->encl));
	check_pages(_metadata, &self->encl);
}

/* INIT makes no difference to mappings from before, nor to being touched before. */
TEST_F(fault, pages_before_init)
{
	ASSERT_EQ(0, vt_map_all(&self->encl));
	EXPECT_TRUE(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	check_pages(_metadata, &self->encl);
}

static void expect_bus(struct __test_metadata *_metadata, u8 *addr)
{
	EXPECT_EQ(SIGBUS, vt_read(addr + 77));
	EXPECT_EQ(addr + 77, vt_fault_addr);
	EXPECT_EQ(SIGBUS, vt_write(addr + 4095));
	EXPECT_EQ(addr + 4095, vt_fault_addr);
}

static void expect_pending(struct __test_metadata *_metadata, u8 *addr)
{
	EXPECT_EQ(SIGSEGV, vt_read(addr + 77));
	EXPECT_EQ(addr + 77, vt_fault_addr);
	EXPECT_EQ(SIGSEGV, vt_write(addr + 4095));
	EXPECT_EQ(addr + 4095, vt_fault_addr);
}

TEST_F(fault, no_page)
{
	ASSERT_EQ(0, vt_map(&self->encl, PG_HOLE, PG_COUNT - PG_HOLE, PROT_RWX));
	expect_bus(_metadata, vt_addr(&self->encl, PG_HOLE));
	expect_bus(_metadata, vt_addr(&self->encl, PG_COUNT - 1));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	/* Now pages come about, which the enclave has to accept first. */
	expect_pending(_metadata, vt_addr(&self->encl, PG_HOLE));
	expect_pending(_metadata, vt_addr(&self->encl, PG_COUNT - 1));
}

TEST_F(fault, before_create)
{
	int fd = open(ENCL_DEV, O_RDWR);
	u8 *p = mmap(NULL, 2 * PAGE, PROT_RW, MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	expect_bus(_metadata, p);
	expect_bus(_metadata, p + PAGE);
	close(fd);
	expect_bus(_metadata, p);
	munmap(p, 2 * PAGE);
}

/* A mapping made before CREATE comes to life with the pages. */
TEST_F(fault, mapped_before_create)
{
	struct sgx_secs secs;

	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, vt_reserve(&self->encl, VT_SIZE));
	ASSERT_EQ(0, vt_map(&self->encl, 0, PG_COUNT, PROT_READ));
	softsgx_image_secs(&self->image, self->encl.base, &secs);
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->encl, PG_R)));
	ASSERT_EQ(0, vt_ioc_create(self->encl.fd, &secs));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->encl, PG_R)));
	ASSERT_EQ(0, vt_add_all(&self->encl, &self->image));
	EXPECT_TRUE(vt_shows(vt_addr(&self->encl, PG_R), PG_R));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_TRUE(vt_shows(vt_addr(&self->encl, PG_RX), PG_RX));
	EXPECT_EQ(SIGSEGV, vt_write(vt_addr(&self->encl, PG_RX)));
}

TEST_F(fault, outside)
{
	u8 *far;

	ASSERT_EQ(0, vt_map(&self->encl, -2, PG_COUNT + 4, PROT_NONE));
	ASSERT_EQ(0, vt_map(&self->encl, -2, 2, PROT_RW));
	ASSERT_EQ(0, vt_map(&self->encl, PG_COUNT, 2, PROT_RW));
	far = mmap(NULL, 2 * VT_SIZE, PROT_RW, MAP_SHARED, self->encl.fd, 0);
	ASSERT_NE(MAP_FAILED, far);
	expect_bus(_metadata, vt_addr(&self->encl, -1));
	expect_bus(_metadata, vt_addr(&self->encl, PG_COUNT));
	expect_bus(_metadata, far);
	expect_bus(_metadata, far + VT_SIZE);
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	expect_bus(_metadata, vt_addr(&self->encl, -1));
	expect_bus(_metadata, vt_addr(&self->encl, PG_COUNT));
	munmap(far, 2 * VT_SIZE);
}

/* It is the mapping that asks for too much, not the access. */
TEST_F(fault, mapping_allows_too_much)
{
	static const struct {
		unsigned int page;
		int prot;
		bool dies;
	} rows[] = {
		{ PG_RW, PROT_RWX, true },
		{ PG_RW, PROT_RX, true },
		{ PG_RW, PROT_RW, false },
		{ PG_RW, PROT_READ, false },
		{ PG_R, PROT_RW, true },
		{ PG_R, PROT_RX, true },
		{ PG_R, PROT_READ, false },
		{ PG_RX, PROT_RWX, true },
		{ PG_RX, PROT_RX, false },
		{ PG_RWX, PROT_RWX, false },
		{ PG_X, PROT_READ, true },
		{ PG_NONE, PROT_READ, true },
		{ PG_TCS, PROT_RX, true },
	};
	unsigned int i;
	u8 *addr;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		softsgx_enclave_close(&self->encl);
		ASSERT_EQ(0, vt_create(&self->encl, &self->image));
		addr = vt_addr(&self->encl, rows[i].page);
		ASSERT_EQ(0, vt_map(&self->encl, rows[i].page, 1, rows[i].prot));
		EXPECT_EQ(SIGBUS, vt_read(addr));
		ASSERT_EQ(0, softsgx_enclave_add(&self->encl, &self->image.segs[rows[i].page]));
		EXPECT_EQ(rows[i].dies ? SIGBUS : 0, vt_read(addr)) {
			TH_LOG("page %u, protection %d", rows[i].page, rows[i].prot);
		}
		if (!rows[i].dies)
			continue;
		/* Asking for less helps. */
		EXPECT_EQ(0, mprotect(addr, PAGE, PROT_NONE));
		EXPECT_EQ(SIGSEGV, vt_read(addr));
		if (rows[i].page == PG_R || rows[i].page == PG_RW) {
			EXPECT_EQ(0, mprotect(addr, PAGE, PROT_READ));
			EXPECT_TRUE(vt_shows(addr, rows[i].page));
		}
	}
}

/* As everywhere on x86, what can be written or executed can be read, from the start. */
TEST_F(fault, readable_anyway)
{
	struct softsgx_enclave *encl = &self->encl;

	ASSERT_EQ(0, vt_map(encl, PG_RW, 1, PROT_WRITE));
	EXPECT_TRUE(vt_shows(vt_addr(encl, PG_RW), PG_RW));
	EXPECT_EQ(0, vt_write(vt_addr(encl, PG_RW)));
	ASSERT_EQ(0, madvise(vt_addr(encl, PG_RW), PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, vt_read(vt_addr(encl, PG_RW)));
	ASSERT_EQ(0, vt_map(encl, PG_R, 1, PROT_NONE));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(encl, PG_R)));
}

/* mprotect() takes rights and gives them back. */
TEST_F(fault, mprotect)
{
	u8 *addr = vt_addr(&self->encl, PG_RW);
	unsigned int i;

	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, vt_write(addr));
		ASSERT_EQ(0, mprotect(addr, PAGE, PROT_READ));
		EXPECT_EQ(0, vt_read(addr));
		EXPECT_EQ(SIGSEGV, vt_write(addr));
		ASSERT_EQ(0, mprotect(addr, PAGE, PROT_NONE));
		EXPECT_EQ(SIGSEGV, vt_read(addr));
		ASSERT_EQ(0, mprotect(addr, PAGE, PROT_RW));
		EXPECT_EQ(0, vt_read(addr));
	}
}

/* The kernel's own accesses on behalf of the program fail without a signal. */
TEST_F(fault, system_calls)
{
	int null = open("/dev/zero", O_RDWR), fds[2];

	ASSERT_EQ(0, vt_map_all(&self->encl));
	ASSERT_EQ(0, vt_map(&self->encl, PG_HOLE, 1, PROT_RW));
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, read(null, vt_addr(&self->encl, PG_HOLE), 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(null, vt_addr(&self->encl, PG_R), 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, write(fds[1], vt_addr(&self->encl, PG_HOLE), 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(8, write(fds[1], vt_addr(&self->encl, PG_R), 8));
	EXPECT_EQ(8, read(null, vt_addr(&self->encl, PG_RW), 8));
	close(null);
}

/* All threads touch a page that nobody has touched, again and again. */
struct race {
	struct softsgx_enclave *encl;
	pthread_barrier_t barrier;
	u64 bad;
};

static void *toucher(void *data)
{
	struct race *race = data;
	unsigned int i;
	u8 *addr;

	addr = vt_addr(race->encl, PG_RW);
	for (i = 0; i < NR_ROUNDS; i++) {
		pthread_barrier_wait(&race->barrier);
		asm volatile("movb $1, (%0)" : : "r" (addr) : "memory");
		pthread_barrier_wait(&race->barrier);
		if (pthread_barrier_wait(&race->barrier) == PTHREAD_BARRIER_SERIAL_THREAD &&
		    vt_map(race->encl, PG_RW, 1, PROT_RW))
			race->bad++;
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

TEST_F(fault, many_threads)
{
	struct race race = { .encl = &self->encl };
	pthread_t threads[NR_THREADS];
	unsigned int i;
	int ret = 0;

	ASSERT_EQ(0, vt_map(&self->encl, PG_RW, 1, PROT_RW));
	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, NR_THREADS));
	for (i = 0; i < NR_THREADS; i++)
		ret |= pthread_create(&threads[i], NULL, toucher, &race);
	ASSERT_EQ(0, ret);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, race.bad);
}

TEST_HARNESS_MAIN
