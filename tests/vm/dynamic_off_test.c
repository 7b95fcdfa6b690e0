// SPDX-License-Identifier: GPL-2.0
/*
 * A processor without SGX2: enclaves are what they were at INIT, and the commands say so.
 */
#include <limits.h>
#include <sys/prctl.h>

#include "dynamic.h"
#include "kselftest_harness.h"

static int run(const char *command)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return vt_wait(pid);
}

static int reload(const char *parameters)
{
	char dir[PATH_MAX], command[3 * PATH_MAX];

	encl_path(dir, sizeof(dir), "kmod");
	snprintf(command, sizeof(command),
		 "rmmod softsgx && rmmod softsgx_cpu && cd '%s' && cd $(uname -r) && "
		 "insmod ./softsgx_cpu.ko epc=2M %s && insmod ./softsgx.ko", dir, parameters);
	return run(command);
}

FIXTURE(dynamic_off) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic_off)
{
	ASSERT_EQ(0, reload("sgx2=0"));
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(dynamic_off)
{
	EXPECT_EQ(0, dyn_unload(&self->d));
	EXPECT_EQ(0, reload(""));
}

/* In whatever state, and whatever the argument is */
static void no_device(struct __test_metadata *_metadata, int fd)
{
	static const unsigned long commands[] = {
		SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, SGX_IOC_ENCLAVE_MODIFY_TYPES,
		SGX_IOC_ENCLAVE_REMOVE_PAGES, SOFTSGX_IOC_ENCLAVE_AUGMENT,
	};
	u64 zeroes[5] = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-ENODEV, vt_ioctl(fd, commands[i], zeroes)) {
			TH_LOG("%#lx", commands[i]);
		}
		EXPECT_EQ(-ENODEV, vt_ioctl(fd, commands[i], NULL)) {
			TH_LOG("%#lx", commands[i]);
		}
	}
}

TEST_F_TIMEOUT(dynamic_off, commands, 60)
{
	const struct encl_info *info = &self->d.encl.info;
	int fd = open(ENCL_DEV, O_RDWR), own = self->d.encl.e.fd;
	u64 scratch = info->scratch - info->base;

	ASSERT_LE(0, fd);
	no_device(_metadata, fd);
	no_device(_metadata, own);
	EXPECT_ANSWER(-ENODEV, 0, 0, dyn_ioc_restrict(own, scratch, PAGE, PROT_READ));
	EXPECT_ANSWER(-ENODEV, 0, 0, dyn_ioc_modify(own, scratch, PAGE, SGX_PT_TRIM));
	EXPECT_ANSWER(-ENODEV, 0, 0, dyn_ioc_remove(own, scratch, PAGE));
	EXPECT_ANSWER(-ENODEV, 0, 0, dyn_augment(&self->d, 0, 1, SOFTSGX_AUGMENT_MANUAL));
	EXPECT_EQ(-ENOTTY, vt_ioctl(own, ~0UL, NULL));
	close(fd);
}

TEST_F_TIMEOUT(dynamic_off, holes, 60)
{
	long before = info_now(self->d.encl.e.fd).pages;
	int round;

	for (round = 0; round < 2; round++) {
		EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 0));
		EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 0, 1));
		EXPECT_EQ(PF(SGX_PFEC_U | SGX_PFEC_I), dyn_exec(&self->d, 0));
		EXPECT_EQ(SIGBUS, vt_read((void *)dyn_at(&self->d, 0)));
		EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 0), 10 * PAGE, MADV_WILLNEED));
	}
	EXPECT_EQ(before, info_now(self->d.encl.e.fd).pages);
}

/* The leaves of enclaves do not exist. */
TEST_F_TIMEOUT(dynamic_off, leaves, 60)
{
	u64 scratch = self->d.encl.info.scratch;

	EXPECT_EQ(BAD(V_GP, 0), dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_do(&self->d, 0, ENCL_ACCEPT, IS_CUT(PROT_RW), scratch, 0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_do(&self->d, 0, ENCL_EXTEND, SGX_SECINFO_REG | PROT_RW, scratch,
				       0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_do(&self->d, 0, ENCL_ACCEPT_COPY, SGX_SECINFO_REG | PROT_RW,
				       dyn_at(&self->d, 0), scratch));
}

static bool tsc_works(void)
{
	u32 aux;

	return __builtin_ia32_rdtsc() && __builtin_ia32_rdtscp(&aux);
}

static unsigned int instruction(struct dyn *d, unsigned int n, unsigned int fault)
{
	return dyn_do(d, n, ENCL_FAULT, fault, 0, 0);
}

/* The time stamp counter is not for an enclave then, and for everybody else as before. */
TEST_F_TIMEOUT(dynamic_off, time_stamps, 60)
{
	struct encl_visitor v;
	int i, mode = 0;

	encl_visit(&v, &self->d.encl, 1);
	for (i = 0; i < 200; i++) {
		EXPECT_EQ(BAD(V_UD, 0), instruction(&self->d, 0, i % 2 ? ENCL_RDTSC : ENCL_RDTSCP));
		EXPECT_TRUE(tsc_works());
		encl_do(&self->d.encl, 0, ENCL_LOOP, 1, 0, 0);
		EXPECT_TRUE(tsc_works());
		if (i % 50 == 0)
			sleep_ms(10);
	}
	encl_visit_end(&v);
	EXPECT_EQ(0, prctl(PR_GET_TSC, &mode));
	EXPECT_EQ(PR_TSC_ENABLE, mode);
}

/* Who does without it outside gets no other answer inside, and does not get it back. */
TEST_F_TIMEOUT(dynamic_off, time_stamps_not_wanted, 60)
{
	int mode = 0;

	ASSERT_EQ(0, prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	EXPECT_EQ(BAD(V_UD, 0), instruction(&self->d, 0, ENCL_RDTSC));
	encl_do(&self->d.encl, 0, ENCL_LOOP, 1, 0, 0);
	EXPECT_EQ(0, prctl(PR_GET_TSC, &mode));
	EXPECT_EQ(PR_TSC_SIGSEGV, mode);
	EXPECT_EQ(0, prctl(PR_SET_TSC, PR_TSC_ENABLE));
	EXPECT_TRUE(tsc_works());
}

TEST_HARNESS_MAIN
