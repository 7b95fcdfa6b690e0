// SPDX-License-Identifier: GPL-2.0
/*
 * What the commands that change an enclave after INIT answer when something is wrong, in
 * which order they look, and what they have done by then.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

#define UNTOUCHED	0x5a5aULL	/* not a number that a command writes */

/* The commands, their arguments as words: offset, length, then what is theirs */
static const struct command {
	const char *name;
	unsigned long cmd;
	size_t size;
	u64 good;		/* for the third word; REMOVE has none */
	unsigned int result;	/* index of the word, 0: none */
	unsigned int count;
} commands[] = {
	{ "RESTRICT", SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, 40, PROT_READ, 3, 4 },
	{ "MODIFY", SGX_IOC_ENCLAVE_MODIFY_TYPES, 40, SGX_PT_TRIM, 3, 4 },
	{ "REMOVE", SGX_IOC_ENCLAVE_REMOVE_PAGES, 24, 0, 0, 2 },
	{ "AUGMENT", SOFTSGX_IOC_ENCLAVE_AUGMENT, 32, SOFTSGX_AUGMENT_NOW, 0, 3 },
};

#define FOR_EACH_COMMAND(c) for (c = commands; c < commands + ARRAY_SIZE(commands); c++)

static bool is_ours(const struct command *c)
{
	return c->cmd == SOFTSGX_IOC_ENCLAVE_AUGMENT;
}

FIXTURE(dynamic_errno) {
	struct dyn d;
	int fd;
	u64 words[5];
};

FIXTURE_SETUP(dynamic_errno)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
	self->fd = self->d.encl.e.fd;
}

FIXTURE_TEARDOWN(dynamic_errno)
{
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

/* Pages as the command wants them */
static int suit(const struct dyn *d, const struct command *c, unsigned int page, unsigned int nr)
{
	if (is_ours(c))
		return 0;
	if (dyn_add(d, page, nr))
		return -1;
	return c->result ? 0 : dyn_trim(d, page, nr);
}

/* A good argument for @nr pages from @page on */
static void good_words(struct _test_data_dynamic_errno *self, const struct command *c,
		       unsigned int page, unsigned int nr)
{
	memset(self->words, 0, sizeof(self->words));
	self->words[0] = dyn_offset(&self->d, page);
	self->words[1] = nr * PAGE;
	if (c->count > 2)
		self->words[2] = c->good;
}

/* -------------------------------------------------------------------- arguments */

/* Loaders ask like this whether there is SGX2. */
TEST_F(dynamic_errno, probes)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;
	const struct command *c;
	u64 zeroes[5] = {};
	int fd = open(ENCL_DEV, O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_create(&encl, &image));
	FOR_EACH_COMMAND(c) {
		EXPECT_EQ(-EINVAL, vt_ioctl(fd, c->cmd, zeroes)) TH_LOG("%s", c->name);
		EXPECT_EQ(-EINVAL, vt_ioctl(encl.fd, c->cmd, zeroes)) TH_LOG("%s", c->name);
		EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, c->cmd, zeroes)) TH_LOG("%s", c->name);
		if (is_ours(c))
			continue;
		/* The state comes before the argument. */
		EXPECT_EQ(-EINVAL, vt_ioctl(fd, c->cmd, NULL)) TH_LOG("%s", c->name);
		EXPECT_EQ(-EINVAL, vt_ioctl(encl.fd, c->cmd, NULL)) TH_LOG("%s", c->name);
	}
	softsgx_enclave_close(&encl);
	softsgx_image_free(&image);
	close(fd);
}

TEST_F(dynamic_errno, before_init)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_load(&encl, &image));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_restrict(encl.fd, PG_RW * PAGE, PAGE, PROT_READ));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_modify(encl.fd, PG_RW * PAGE, PAGE, SGX_PT_TRIM));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_remove(encl.fd, PG_RW * PAGE, PAGE));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_augment(encl.fd, PG_HOLE * PAGE, PAGE,
						     SOFTSGX_AUGMENT_NOW));
	EXPECT_ALL(1, dyn_ioc_augment(encl.fd, PG_HOLE * PAGE, PAGE, SOFTSGX_AUGMENT_AUTO));
	softsgx_enclave_close(&encl);
	softsgx_image_free(&image);
}

/* The end of the argument counts, not only its beginning. */
TEST_F(dynamic_errno, unreadable)
{
	u8 *mem = vt_anon(2 * PAGE, PROT_RW);
	const struct command *c;
	unsigned int i;

	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	FOR_EACH_COMMAND(c) {
		void *args[] = {
			NULL, (void *)8, vt_anon(PAGE, PROT_NONE), mem + PAGE,
			mem + PAGE - c->size + 8, (void *)0x800000000000,
			(void *)0xffff888000000000, (void *)-8,
		};

		for (i = 0; i < ARRAY_SIZE(args); i++) {
			EXPECT_EQ(-EFAULT, vt_ioctl(self->fd, c->cmd, args[i])) {
				TH_LOG("%s, argument %p", c->name, args[i]);
			}
		}
		/* The last word that fits */
		memset(mem + PAGE - c->size, 0, c->size);
		EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, c->cmd, mem + PAGE - c->size)) {
			TH_LOG("%s", c->name);
		}
	}
}

/* A word of the argument that is wrong: EINVAL, and nothing is written. */
static void refused(struct __test_metadata *_metadata, struct _test_data_dynamic_errno *self,
		    const struct command *c, unsigned int word, u64 value)
{
	u64 *ro = vt_anon(PAGE, PROT_RW), before[5];

	good_words(self, c, 0, 1);
	self->words[word] = value;
	memcpy(before, self->words, sizeof(before));
	memcpy(ro, before, sizeof(before));
	ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ));
	EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, c->cmd, self->words)) {
		TH_LOG("%s, word %u: %#llx", c->name, word, value);
	}
	EXPECT_EQ(0, memcmp(before, self->words, sizeof(before))) {
		TH_LOG("%s, word %u: %#llx", c->name, word, value);
	}
	/* So it does not matter that it cannot be written. */
	EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, c->cmd, ro)) {
		TH_LOG("%s, word %u: %#llx", c->name, word, value);
	}
	/* And whatever else is wrong is the same to it. */
	self->words[c->count] = UNTOUCHED;
	EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, c->cmd, self->words));
	EXPECT_EQ(UNTOUCHED, self->words[c->count]);
	munmap(ro, PAGE);
}

#define refused(c, word, value) refused(_metadata, self, c, word, value)

TEST_F(dynamic_errno, range)
{
	u64 size = self->d.encl.e.size, offset = dyn_offset(&self->d, 0);
	const struct command *c;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	FOR_EACH_COMMAND(c) {
		refused(c, 0, offset + 1);
		refused(c, 0, offset + PAGE / 2);
		refused(c, 0, size);
		refused(c, 0, size + PAGE);
		refused(c, 0, -PAGE);
		refused(c, 0, self->d.room);
		refused(c, 1, 0);
		refused(c, 1, 1);
		refused(c, 1, PAGE + 8);
		refused(c, 1, size - offset + PAGE);
		refused(c, 1, -offset);
		refused(c, 1, -offset - PAGE);
		refused(c, 1, -PAGE);
		refused(c, c->count, 1);
		refused(c, c->count, PAGE);
		refused(c, c->count, ~0ULL);
		if (c->result) {
			refused(c, c->result, 1);
			refused(c, c->result, ~0ULL);
		}
	}
	/* Nothing has happened to the page. */
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
	/* The last page of the enclave is no error. */
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_ioc_restrict(self->fd, size - PAGE, PAGE, PROT_READ));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_ioc_modify(self->fd, size - PAGE, PAGE, SGX_PT_TRIM));
	EXPECT_ANSWER(-EFAULT, 0, 0, dyn_ioc_remove(self->fd, size - PAGE, PAGE));
	EXPECT_ALL(1, dyn_ioc_augment(self->fd, size - PAGE, PAGE, SOFTSGX_AUGMENT_NOW));
}

TEST_F(dynamic_errno, special_words)
{
	static const u64 bad_rights[] = { 2, 6, 8, 9, 0x10, 0x20, 0x100, 0x201, 1ULL << 63 };
	static const u64 bad_types[] = { 0x100, 0x101, 0x104, 0x400, 1ULL << 32, ~0ULL };
	static const u64 bad_modes[] = { 3, 4, 1ULL << 32, ~0ULL };
	unsigned int i;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	for (i = 0; i < ARRAY_SIZE(bad_rights); i++)
		refused(&commands[0], 2, bad_rights[i]);
	for (i = 0; i < ARRAY_SIZE(bad_types); i++)
		refused(&commands[1], 2, bad_types[i]);
	for (i = 0; i < ARRAY_SIZE(bad_modes); i++)
		refused(&commands[3], 2, bad_modes[i]);
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
}

/* A type that is none of both comes last, and the argument is written. */
TEST_F(dynamic_errno, types)
{
	u64 *ro = vt_anon(PAGE, PROT_RW);
	u64 type;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	for (type = 0; type < 256; type++) {
		if (type == SGX_PT_TCS || type == SGX_PT_TRIM)
			continue;
		ASSERT_EQ(0, mprotect(ro, PAGE, PROT_RW));
		good_words(self, &commands[1], 0, 1);
		self->words[2] = type;
		memcpy(ro, self->words, sizeof(self->words));
		EXPECT_EQ(-EINVAL, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, ro));
		EXPECT_EQ(0, ro[3]);
		EXPECT_EQ(0, ro[4]);
		ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ));
		EXPECT_EQ(-EFAULT, vt_ioctl(self->fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, ro)) {
			TH_LOG("type %llu", type);
		}
	}
	EXPECT_EQ(0, dyn_write(&self->d, 0, 1));
}

/* Done, though nobody learns how much */
TEST_F(dynamic_errno, not_writable)
{
	u64 *ro = vt_anon(PAGE, PROT_RW);
	const struct command *c;
	unsigned int page = 0;

	FOR_EACH_COMMAND(c) {
		ASSERT_EQ(0, suit(&self->d, c, page, 2));
		good_words(self, c, page, 2);
		ASSERT_EQ(0, mprotect(ro, PAGE, PROT_RW));
		memcpy(ro, self->words, sizeof(self->words));
		ASSERT_EQ(0, mprotect(ro, PAGE, PROT_READ));
		EXPECT_EQ(-EFAULT, vt_ioctl(self->fd, c->cmd, ro)) TH_LOG("%s", c->name);
		page += 2;
	}
	EXPECT_EQ(2, dyn_accept_range(&self->d, IS_CUT(PROT_READ), 0, 2));
	EXPECT_EQ(2, dyn_accept_range(&self->d, IS_TRIM, 2, 2));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 4));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 4));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 6));
}

/* ------------------------------------------------------------------------ pages */

/* Pages of the image, which are not dynamic */
TEST_F(dynamic_errno, image)
{
	const struct encl_info *info = &self->d.encl.info;
	u64 tcs = self->d.encl.tcs[3] - info->base, rodata = info->rodata - info->base;
	u64 code = (info->ret_insn & ~(PAGE - 1)) - info->base;

	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_restrict(self->fd, tcs, PAGE, PROT_READ));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_modify(self->fd, tcs, PAGE, SGX_PT_TCS));
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_ioc_remove(self->fd, tcs, PAGE));
	/* Neither can be written. */
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_ioc_modify(self->fd, rodata, PAGE, SGX_PT_TCS));
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_ioc_modify(self->fd, code, PAGE, SGX_PT_TCS));
	EXPECT_ANSWER(-EPERM, 0, 0, dyn_ioc_remove(self->fd, rodata, PAGE));
	EXPECT_ALL(1, dyn_ioc_modify(self->fd, rodata, PAGE, SGX_PT_TRIM));
	EXPECT_ANSWER(-EINVAL, 0, 0, dyn_ioc_modify(self->fd, rodata, PAGE, SGX_PT_TCS));
	encl_do(&self->d.encl, 3, ENCL_LOOP, 1, 0, 0);
}

/* What a page is like at which a command stops, and what is said then */
struct stop {
	const char *name;
	int (*make)(const struct dyn *d, unsigned int page);
	unsigned int command;
	u64 word;
	int ret;
	u64 result;
};

static int make_hole(const struct dyn *d, unsigned int page)
{
	return dyn_trim_remove(d, page, 1);
}

static int make_new(const struct dyn *d, unsigned int page)
{
	return make_hole(d, page) || dyn_read(d, page) != NO_READ ? -1 : 0;
}

static int make_tcs(const struct dyn *d, unsigned int page)
{
	dyn_fill_tcs(d, page);
	return dyn_did(dyn_modify(d, page, 1, SGX_PT_TCS), 1) ? dyn_map(d, page, 1, PROT_RW) : -1;
}

static int make_trim(const struct dyn *d, unsigned int page)
{
	return dyn_did(dyn_modify(d, page, 1, SGX_PT_TRIM), 1) ? 0 : -1;
}

/* For REMOVE, where all others are trimmed */
static int make_other(const struct dyn *d, unsigned int page)
{
	return dyn_did(dyn_remove(d, page, 1), 1) && !dyn_add(d, page, 1) ? 0 : -1;
}

/* For REMOVE: as the others, but the enclave has not agreed. */
static int make_unaccepted(const struct dyn *d, unsigned int page)
{
	return make_other(d, page) || make_trim(d, page) ? -1 : 0;
}

static int make_gone(const struct dyn *d, unsigned int page)
{
	return dyn_did(dyn_remove(d, page, 1), 1) ? 0 : -1;
}

static const struct stop stops[] = {
	{ "hole", make_hole, 0, PROT_READ, -EFAULT, 0 },
	{ "new", make_new, 0, PROT_READ, -EFAULT, SGX_PAGE_NOT_MODIFIABLE },
	{ "TCS", make_tcs, 0, PROT_READ, -EINVAL, 0 },
	{ "trimmed", make_trim, 0, PROT_READ, -EINVAL, 0 },
	{ "hole", make_hole, 1, SGX_PT_TRIM, -EFAULT, 0 },
	{ "new", make_new, 1, SGX_PT_TRIM, -EFAULT, SGX_PAGE_NOT_MODIFIABLE },
	{ "TCS", make_tcs, 1, SGX_PT_TRIM, -EFAULT, SGX_PAGE_NOT_MODIFIABLE },
	{ "trimmed", make_trim, 1, SGX_PT_TRIM, -EINVAL, 0 },
	{ "not trimmed", make_other, 2, 0, -EPERM, 0 },
	{ "not accepted", make_unaccepted, 2, 0, -EPERM, 0 },
	{ "hole", make_gone, 2, 0, -EFAULT, 0 },
};

/* First, last, and on both sides of where one batch ends */
static const unsigned int stop_at[] = { 0, 5, BATCH_MAX - 1, BATCH_MAX, BATCH_MAX + 5 };

static void stops_there(struct __test_metadata *_metadata, struct _test_data_dynamic_errno *self,
			const struct stop *s, unsigned int at)
{
	const struct command *c = &commands[s->command];
	unsigned int nr = BATCH_MAX + 10;
	u64 accept = s->command ? IS_TRIM : IS_CUT(PROT_READ);
	/* Trimmed before, it can be accepted as well. */
	bool early = s->make == make_trim && s->command;

	ASSERT_EQ(0, suit(&self->d, c, 0, nr));
	ASSERT_EQ(0, s->make(&self->d, at)) TH_LOG("%s, %s", c->name, s->name);
	good_words(self, c, 0, nr);
	if (c->result)
		self->words[2] = s->word;
	EXPECT_EQ(s->ret, vt_ioctl(self->fd, c->cmd, self->words)) {
		TH_LOG("%s, %s at %u", c->name, s->name, at);
	}
	EXPECT_EQ(at * PAGE, self->words[c->count]) {
		TH_LOG("%s, %s at %u", c->name, s->name, at);
	}
	if (c->result) {
		EXPECT_EQ(s->result, self->words[c->result]);
		/* What is done can be accepted, so it has been tracked. */
		EXPECT_EQ(at + early, dyn_accept_range(&self->d, accept, 0, nr)) {
			TH_LOG("%s, %s at %u", c->name, s->name, at);
		}
	}
}

/* The pages before the one that is wrong are done, and no others. */
TEST_F_TIMEOUT(dynamic_errno, half_way, 60)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(stops); i++) {
		for (j = 0; j < ARRAY_SIZE(stop_at); j++) {
			stops_there(_metadata, self, &stops[i], stop_at[j]);
			ASSERT_TRUE(_metadata->passed);
			ASSERT_EQ(0, dyn_unload(&self->d));
			ASSERT_EQ(0, dyn_load(&self->d));
			self->fd = self->d.encl.e.fd;
		}
	}
}

TEST_HARNESS_MAIN
