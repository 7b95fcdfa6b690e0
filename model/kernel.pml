/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel offers to the driver: mm_struct and its counts, files, the two
 * SRCU domains and the mmu_notifier core, after mm/mmu_notifier.c of Linux 6.1.
 *
 * Nothing here is a rule of the driver; no variant changes this file's promises.
 */
#define NONE	9
#define POISON	8

/* Each mm has two notifiers at most: one in use, one that waits to be freed. */
#define NR_SMM	4

/* The module's text and data; whoever runs driver code looks at it. */
bool code = true;
#define CODE	assert(code)

/*
 * mm_users is the tasks and those who did mmget(); mm_count is what keeps the
 * struct: one for all users together, and each mmgrab().
 */
byte mm_users[2];
byte mm_count[2];
bool mm_gone[2];	/* exit_mmap() and the mmdrop() after it are done */
bool mm_lives_on[2];	/* its last task stays, and has nothing mapped */
bool vma[2];		/* the enclave is mapped */
bool mmap_w[2];
byte mmap_r[2];
#define MM(m)	assert(mm_count[m] > 0)

/* The enclave's file. Its last reference runs ->release() in the process fput. */
byte file_ref = 1;
bool fd_open = true;
bool file_gone;		/* ->release() has returned, the module's count is 0 */

/* struct sgxdrv_mm, of which the core sees the mmu_notifier */
bool s_alive[NR_SMM];
byte s_users[NR_SMM];
bool s_pending[NR_SMM];	/* call_srcu() done by mmu_notifier_put() */
byte s_wait[NR_SMM];	/* readers that the grace period waits for, one bit each */
byte subscribed[2] = { NONE, NONE };	/* mm->notifier_subscriptions */
bool core_reader[2];	/* exit_mmap() of that mm is in its read section */
bool core_read[2];	/* and has left it */
bool core_callback;	/* free_notifier runs, bottom halves off */
byte nr_smm;
#define SMM(s)	assert(s_alive[s])

/* encl->srcu, a part of the enclave. There is one reader, the walker. */
bool encl_alive = true;
#define ENCL	assert(encl_alive)
bool reader;
bool cb_active[2];	/* from call_srcu() until SRCU is done with the callback */
bool cb_wait[2];	/* the reader was there when call_srcu() was called */

/*
 * Who waits for nothing while he holds a lock has his section in one atomic step,
 * with this in front.
 */
#define MMAP_FREE(m)	(!mmap_w[m] && mmap_r[m] == 0)

/* What follows is called from atomic steps only. */
inline mmdrop(m)
{
	MM(m);
	mm_count[m]--
}

/* The process exit_mm takes over from the last user, wherever that one ran. */
inline mmput(m)
{
	assert(mm_users[m] > 0);
	mm_users[m]--
}

inline fget()
{
	assert(file_ref > 0);
	file_ref++
}

inline fput()
{
	assert(file_ref > 0);
	file_ref--
}

/* @s: the notifier of mm @m, NONE on failure, which leaves nothing behind */
inline mmu_notifier_get_locked(m, s)
{
	assert(mmap_w[m] && mm_users[m] > 0);
	s = NONE;
	if
	:: subscribed[m] != NONE ->
		s = subscribed[m];
		SMM(s);
		s_users[s]++
	:: subscribed[m] == NONE && FAILS ->
		CODE	/* ->alloc_notifier(), perhaps ->free_notifier() */
	:: subscribed[m] == NONE ->
		CODE;
		if
		:: !s_alive[2 * m] -> s = 2 * m
		:: else -> s = 2 * m + 1
		fi;
		assert(!s_alive[s]);
		s_alive[s] = true;
		s_users[s] = 1;
		mm_count[m]++;
		subscribed[m] = s;
		nr_smm++
	fi
}

inline mmu_notifier_put(m, s)
{
	SMM(s);
	MM(m);
	assert(s_users[s] > 0);
	s_users[s]--;
	if
	:: s_users[s] == 0 ->
		if
		:: subscribed[m] == s -> subscribed[m] = NONE
		:: else
		fi;
		s_wait[s] = core_reader[0] + 2 * core_reader[1];
		s_pending[s] = true
	:: else
	fi
}

inline core_read_unlock(m)
{
	core_reader[m] = false;
	core_read[m] = true;
	s_wait[0] = s_wait[0] & ~(1 << m);
	s_wait[1] = s_wait[1] & ~(1 << m);
	s_wait[2] = s_wait[2] & ~(1 << m);
	s_wait[3] = s_wait[3] & ~(1 << m)
}

/*
 * synchronize_srcu(): waits for whoever reads now, not for who comes later. The
 * second half is a step of its own.
 */
#define CORE_SYNCHRONIZED(was0, was1) \
	((!was0 || core_read[0]) && (!was1 || core_read[1]))

inline core_synchronize(was0, was1)
{
	was0 = core_reader[0];
	was1 = core_reader[1]
}

inline srcu_read_lock()
{
	ENCL;
	reader = true
}

inline srcu_read_unlock()
{
	ENCL;
	reader = false;
	cb_wait[0] = false;
	cb_wait[1] = false
}

inline call_srcu(e)
{
	ENCL;
	assert(!cb_active[e]);
	cb_active[e] = true;
	cb_wait[e] = reader
}

/* synchronize_srcu(): walks are few, so old readers need not be told from new. */
#define SRCU_SYNCHRONIZED	(!reader)

/* srcu_barrier(): callbacks, and what SRCU does to its own data after them */
#define SRCU_BARRIER		(!cb_active[0] && !cb_active[1])
