// SPDX-License-Identifier: GPL-2.0
/*
 * What all commands have in common, PROVISION, the commands that need SGX2, and
 * the device nodes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "kselftest_harness.h"

static const struct {
	const char *name;
	unsigned long cmd;
	size_t size;
} commands[] = {
	{ "CREATE", SGX_IOC_ENCLAVE_CREATE, sizeof(struct sgx_enclave_create) },
	{ "ADD_PAGES", SGX_IOC_ENCLAVE_ADD_PAGES, sizeof(struct sgx_enclave_add_pages) },
	{ "INIT", SGX_IOC_ENCLAVE_INIT, sizeof(struct sgx_enclave_init) },
	{ "PROVISION", SGX_IOC_ENCLAVE_PROVISION, sizeof(struct sgx_enclave_provision) },
};

static const unsigned long sgx2_commands[] = {
	SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS,
	SGX_IOC_ENCLAVE_MODIFY_TYPES,
	SGX_IOC_ENCLAVE_REMOVE_PAGES,
};

static const unsigned long unknown_commands[] = {
	SGX_IOC_VEPC_REMOVE_ALL,
	_IOW(SGX_MAGIC, 0x00, struct sgx_enclave_add_pages),
	_IOR(SGX_MAGIC, 0x00, struct sgx_enclave_create),
	_IO(SGX_MAGIC, 0x00),
	_IOW(SGX_MAGIC, 0x01, struct sgx_enclave_add_pages),
	_IOW(SGX_MAGIC, 0x02, struct sgx_enclave_create[2]),
	_IOWR(SGX_MAGIC, 0x08, struct sgx_enclave_create),
	_IO(SGX_MAGIC, 0xff),
	_IOW('S', 0x00, struct sgx_enclave_create),
	0,
	~0UL,
};

FIXTURE(contract) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	int prov;
};

FIXTURE_SETUP(contract)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->prov = open(PROV_DEV, O_RDWR);
	ASSERT_LE(0, self->prov);
	ASSERT_EQ(0, vt_image(&self->image, 0));
	ASSERT_EQ(0, vt_create(&self->encl, &self->image)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(contract)
{
	softsgx_image_free(&self->image);
	softsgx_enclave_close(&self->encl);
	close(self->prov);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* An image with these attributes in place of the one of the fixture */
static int recreate(struct _test_data_contract *self, u64 attributes)
{
	int ret;

	softsgx_enclave_close(&self->encl);
	softsgx_image_free(&self->image);
	ret = vt_image(&self->image, attributes);
	if (!ret)
		ret = vt_sign(&self->image, &self->sig);
	if (!ret)
		ret = vt_load(&self->encl, &self->image);
	return ret;
}

TEST_F(contract, unknown_command)
{
	int fresh = open(ENCL_DEV, O_RDWR);
	u8 buf[64] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown_commands); i++) {
		EXPECT_EQ(-ENOTTY, vt_ioctl(fresh, unknown_commands[i], buf)) {
			TH_LOG("fresh file, command %#lx", unknown_commands[i]);
		}
		EXPECT_EQ(-ENOTTY, vt_ioctl(self->encl.fd, unknown_commands[i], NULL)) {
			TH_LOG("created, command %#lx", unknown_commands[i]);
		}
	}
	close(fresh);
}

/* Each command in the state in which it gets as far as its argument */
TEST_F(contract, argument_unreadable)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);
	int fresh = open(ENCL_DEV, O_RDWR);
	unsigned int i, j;

	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const void *args[] = {
			NULL,
			(void *)8,
			vt_anon(PAGE, PROT_NONE),
			mem + PAGE,
			mem + PAGE - commands[i].size + 8,
			(void *)0x800000000000,
			(void *)0xffff888000000000,
			(void *)-8,
		};
		int fd = commands[i].cmd == SGX_IOC_ENCLAVE_CREATE ? fresh : self->encl.fd;

		for (j = 0; j < ARRAY_SIZE(args); j++) {
			EXPECT_EQ(-EFAULT, vt_ioctl(fd, commands[i].cmd, args[j])) {
				TH_LOG("%s, argument %p", commands[i].name, args[j]);
			}
		}
	}
	close(fresh);
}

/* Only ADD_PAGES writes its argument. Its pages stay, though nobody learns how many. */
TEST_F(contract, argument_not_writable)
{
	struct sgx_secinfo secinfo = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R };
	struct sgx_enclave_add_pages *arg = vt_anon(PAGE, PROT_RW);
	u8 *src = vt_anon(2 * PAGE, PROT_RW);

	*arg = (struct sgx_enclave_add_pages){
		.src = (uintptr_t)src,
		.length = 2 * PAGE,
		.secinfo = (uintptr_t)&secinfo,
	};
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, arg));
	EXPECT_EQ(-EBUSY, vt_ioc_add(self->encl.fd, src, 0, PAGE, secinfo.flags, 0, NULL));
	EXPECT_EQ(-EBUSY, vt_ioc_add(self->encl.fd, src, PAGE, PAGE, secinfo.flags, 0, NULL));
	EXPECT_EQ(0, vt_ioc_add(self->encl.fd, src, 2 * PAGE, PAGE, secinfo.flags, 0, NULL));

	/* Also after a failure: nobody can say why. */
	EXPECT_EQ(-EFAULT, vt_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_ADD_PAGES, arg));
}

/* A second thread's ADD_PAGES, which waits for its source */
struct slow_add {
	int fd;
	struct vt_stall stall;
	u64 count;
	int ret;
};

static void *slow_add(void *data)
{
	struct slow_add *add = data;

	add->ret = vt_ioc_add(add->fd, add->stall.mem, 0, add->stall.size,
			      SGX_SECINFO_REG | SGX_SECINFO_R, 0, &add->count);
	return NULL;
}

TEST_F(contract, busy)
{
	struct slow_add add = { .fd = self->encl.fd };
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, vt_stall_init(&add.stall, 2 * PAGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, slow_add, &add));
	ASSERT_EQ(0, vt_stall_wait(&add.stall, 0));

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-EBUSY, vt_ioctl(add.fd, commands[i].cmd, NULL)) {
			TH_LOG("%s", commands[i].name);
		}
	}
	for (i = 0; i < ARRAY_SIZE(sgx2_commands); i++) {
		EXPECT_EQ(-EBUSY, vt_ioctl(add.fd, sgx2_commands[i], NULL)) {
			TH_LOG("command %#lx", sgx2_commands[i]);
		}
	}
	/* Before the command number is looked at */
	for (i = 0; i < ARRAY_SIZE(unknown_commands); i++) {
		EXPECT_EQ(-EBUSY, vt_ioctl(add.fd, unknown_commands[i], NULL)) {
			TH_LOG("command %#lx", unknown_commands[i]);
		}
	}

	ASSERT_EQ(0, vt_stall_fill(&add.stall, 0, NULL));
	ASSERT_EQ(0, vt_stall_wait(&add.stall, 1));
	EXPECT_EQ(-EBUSY, vt_ioctl(add.fd, SGX_IOC_ENCLAVE_INIT, NULL));
	ASSERT_EQ(0, vt_stall_fill(&add.stall, 1, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, add.ret);
	EXPECT_EQ(2 * PAGE, add.count);

	EXPECT_EQ(-ENOTTY, vt_ioctl(add.fd, unknown_commands[0], NULL));
	EXPECT_EQ(-EFAULT, vt_ioctl(add.fd, SGX_IOC_ENCLAVE_INIT, NULL));
	vt_stall_free(&add.stall);
}

/* One file's command does not stop another file. */
TEST_F(contract, busy_is_per_file)
{
	struct slow_add add = { .fd = self->encl.fd };
	struct softsgx_enclave other;
	pthread_t thread;

	ASSERT_EQ(0, vt_stall_init(&add.stall, PAGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, slow_add, &add));
	ASSERT_EQ(0, vt_stall_wait(&add.stall, 0));

	EXPECT_EQ(0, vt_build(&other, 0));
	softsgx_enclave_close(&other);

	ASSERT_EQ(0, vt_stall_fill(&add.stall, 0, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, add.ret);
	vt_stall_free(&add.stall);
}

/* The path of 32-bit programs, which a 64-bit one can take too */
static int compat_ioctl(int fd, u32 cmd, const void *arg)
{
	long ret = 54;

	asm volatile("int $0x80" : "+a" (ret)
		     : "b" ((long)fd), "c" ((long)cmd), "d" ((long)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

TEST_F(contract, compat)
{
	struct sgx_enclave_provision *arg = mmap(NULL, PAGE, PROT_RW,
						 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
						 -1, 0);

	ASSERT_NE(MAP_FAILED, arg);
	arg->fd = self->prov;
	EXPECT_EQ(0, compat_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_PROVISION, arg));
	arg->fd = self->encl.fd;
	EXPECT_EQ(-EINVAL, compat_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_PROVISION, arg));
	EXPECT_EQ(-EFAULT, compat_ioctl(self->encl.fd, SGX_IOC_ENCLAVE_PROVISION, NULL));
	EXPECT_EQ(-ENOTTY, compat_ioctl(self->encl.fd, unknown_commands[0], arg));
}

TEST_F(contract, sgx2_commands)
{
	int fresh = open(ENCL_DEV, O_RDWR);
	u64 arg[6] = {};
	unsigned int i;

	ASSERT_EQ(0, recreate(self, 0));
	for (i = 0; i < ARRAY_SIZE(sgx2_commands); i++) {
		EXPECT_EQ(-EINVAL, vt_ioctl(fresh, sgx2_commands[i], arg));
		EXPECT_EQ(-EINVAL, vt_ioctl(fresh, sgx2_commands[i], NULL));
		EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, sgx2_commands[i], NULL));
	}
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	for (i = 0; i < ARRAY_SIZE(sgx2_commands); i++) {
		EXPECT_EQ(-EINVAL, vt_ioctl(self->encl.fd, sgx2_commands[i], arg)) {
			TH_LOG("command %#lx", sgx2_commands[i]);
		}
		EXPECT_EQ(-EFAULT, vt_ioctl(self->encl.fd, sgx2_commands[i], NULL));
	}
	close(fresh);
}

TEST_F(contract, provision_wrong_fd)
{
	int null = open("/dev/null", O_RDWR), other = open(ENCL_DEV, O_RDWR);
	int path = open(PROV_DEV, O_PATH);
	const u64 wrong[] = {
		null, other, self->encl.fd, path, 12345, -1ULL, 1ULL << 31,
		0xffffffff, -9999ULL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, vt_ioc_provision(self->encl.fd, wrong[i])) {
			TH_LOG("fd %lld", wrong[i]);
		}
	}
	close(other);
	EXPECT_EQ(-EINVAL, vt_ioc_provision(self->encl.fd, other));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, self->prov));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, self->prov));
}

/* None of the failures has given the permission. */
TEST_F(contract, provision_failure_permits_nothing)
{
	ASSERT_EQ(0, recreate(self, SGX_ATTR_PROVISIONKEY));
	EXPECT_EQ(-EINVAL, vt_ioc_provision(self->encl.fd, self->encl.fd));
	EXPECT_EQ(-EINVAL, vt_ioc_provision(self->encl.fd, -1ULL));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
}

/* Only the low half of fd counts, and the file need not stay open. */
TEST_F(contract, provision_works)
{
	ASSERT_EQ(0, recreate(self, SGX_ATTR_PROVISIONKEY));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, 0xabcdef0100000000 | self->prov));
	ASSERT_EQ(0, close(self->prov));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(contract, provision_read_only_file)
{
	int fd = open(PROV_DEV, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, recreate(self, SGX_ATTR_PROVISIONKEY));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, fd));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	close(fd);
}

/* CREATE takes it back. */
TEST_F(contract, provision_before_create)
{
	struct sgx_secs secs;

	softsgx_enclave_close(&self->encl);
	self->image.attributes |= SGX_ATTR_PROVISIONKEY;
	ASSERT_EQ(0, vt_sign(&self->image, &self->sig));
	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, vt_reserve(&self->encl, self->image.size));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, self->prov));
	softsgx_image_secs(&self->image, self->encl.base, &secs);
	ASSERT_EQ(0, vt_ioc_create(self->encl.fd, &secs));
	ASSERT_EQ(0, vt_add_all(&self->encl, &self->image));
	EXPECT_EQ(-EACCES, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, self->prov));
	EXPECT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(contract, provision_after_init)
{
	ASSERT_EQ(0, recreate(self, 0));
	ASSERT_EQ(0, vt_ioc_init(self->encl.fd, &self->sig));
	EXPECT_EQ(0, vt_ioc_provision(self->encl.fd, self->prov));
	EXPECT_EQ(-EINVAL, vt_ioc_provision(self->encl.fd, -1ULL));
	EXPECT_EQ(-EINVAL, vt_ioc_init(self->encl.fd, &self->sig));
}

TEST_F(contract, provision_device)
{
	char c = 0;

	EXPECT_EQ(-ENOTTY, vt_ioctl(self->prov, SGX_IOC_ENCLAVE_CREATE, &c));
	EXPECT_EQ(-ENOTTY, vt_ioctl(self->prov, SGX_IOC_VEPC_REMOVE_ALL, NULL));
	EXPECT_EQ(-1, read(self->prov, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->prov, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->prov, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(contract, open_and_never_use)
{
	int fds[200];
	unsigned int i;
	char c = 0;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = open(ENCL_DEV, i % 2 ? O_RDWR : O_RDONLY);
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(-1, read(fds[i], &c, 1));
		EXPECT_EQ(EINVAL, errno);
	}
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

TEST_HARNESS_MAIN
