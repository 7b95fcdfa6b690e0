/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of drv/encl_mm.c: add, ->release() of the notifier, drain, free.
 *
 * An atomic step reaches from one thing that others can see to the next: what is
 * still or already private joins its neighbour, and so does a section under a lock
 * that waits for nothing. Names in capitals are the variants of model/variants,
 * each of which takes one rule out.
 */

/* struct sgxdrv_encl */
byte encl_ref = 1;		/* the file's */
bool encl_listed = true;	/* on the global list, under its mutex */
bool release_queued;
bool release_done;
byte nr_encls = 1 + FOREIGN;

/*
 * encl->mm_list. An mm has one entry in its life, so entries go by the number of
 * their mm: the entry is unlinked when the mm or the file is at its end.
 */
byte mm_list = NONE;
byte next[2] = { NONE, NONE };
bool mm_lock;

/* struct sgxdrv_encl_mm */
bool e_made[2];
bool e_alive[2];
byte e_smm[2];
bool linked[2];		/* under encl->mm_lock: who clears it owns the entry */
bool mm_node[2];	/* on the list of struct sgxdrv_mm, under its lock */
byte e_ref[2];		/* WALKER_REF */
bool free_queued[2];
bool free_done[2];
bool smm_lock[NR_SMM];
#define ENTRY(e)	assert(e_alive[e])

inline encl_get()
{
	ENCL;
	assert(encl_ref > 0);
	encl_ref++
}

inline encl_put()
{
	ENCL;
	assert(encl_ref > 0);
	encl_ref--;
	if
	:: encl_ref == 0 ->
		assert(!release_queued);
		release_queued = true
	:: else
	fi
}

/* Under encl->mm_lock, like list_del_rcu() */
inline list_add_rcu(e)
{
	ENTRY(e);
	assert(!linked[e]);
	linked[e] = true;
	next[e] = mm_list;
	mm_list = e
}

inline list_del_rcu(e)
{
	ENTRY(e);
	assert(linked[e]);
	linked[e] = false;
	mm_list = (mm_list == e -> next[e] : mm_list);
	next[1 - e] = (linked[1 - e] && next[1 - e] == e -> next[e] : next[1 - e]);
#ifdef LIST_DEL
	next[e] = POISON
#endif
}

inline queue_free(e)
{
	assert(!free_queued[e]);
	free_queued[e] = true
}

/* WALKER_REF: the last one waits for the readers, then frees. */
inline entry_put(e)
{
	atomic {
		ENTRY(e);
		assert(e_ref[e] > 0);
		e_ref[e]--;
		if
		:: e_ref[e] == 0 ->
			SRCU_SYNCHRONIZED;
			queue_free(e)
		:: else
		fi
	}
}

/* The owner gives the entry up, off both lists. */
inline give_up(e)
{
#if defined(WALKER_REF)
	entry_put(e)
#else
	d_step {
		CODE;
		ENTRY(e);
#ifdef PUT_AT_UNLINK
		mmu_notifier_put(e, e_smm[e]);
#endif
#ifdef NO_GRACE_PERIOD
		queue_free(e)
#else
		call_srcu(e)
#endif
	}
#endif
}

/* alloc, after which nothing fails, and the reference before anybody can see it */
inline make_entry(m, s)
{
	assert(!e_made[m]);
	e_made[m] = true;
	e_alive[m] = true;
	e_ref[m] = 1;
	e_smm[m] = s;
#ifndef NO_MMGRAB
	mm_count[m]++;
#endif
#if !defined(NO_ENCL_GET) && !defined(GET_AFTER_UNLOCK) && !defined(GET_AFTER_PUBLISH) && \
	!defined(GET_FIRST)
	encl_get()
#endif
}

/*
 * The mmap_lock is held for writing, and something holds the file. @ret: the mm
 * has an entry; @s: scratch
 */
inline encl_mm_add(m, s, ret)
{
	atomic {
		CODE;
		ENCL;
		ret = false;
#ifdef GET_FIRST
		encl_get();
#endif
		mmu_notifier_get_locked(m, s)
	}
	if
	:: s == NONE -> skip
	:: else ->
		atomic {
			!smm_lock[s] -> SMM(s);
#ifndef NO_LOOKUP
			ret = mm_node[m] && e_smm[m] == s;
#endif
			if
			:: ret ->
				mmu_notifier_put(m, s);
				s = NONE
			:: !ret && FAILS ->
#ifndef FAIL_KEEPS_SMM
				mmu_notifier_put(m, s);
#endif
				s = NONE
			:: !ret -> make_entry(m, s)
			fi
		}
		if
		:: s != NONE ->
			atomic {
				!smm_lock[s] && !mm_lock ->
				CODE;
				SMM(s);
				ENCL;
				mm_node[m] = true;
				list_add_rcu(m);
				s = NONE;
				ret = true
			}
#ifdef GET_AFTER_PUBLISH
			d_step {
				encl_get()
			}
#endif
#ifdef ADD_WAITS
			SRCU_SYNCHRONIZED
#endif
		:: else
		fi
	fi
}

/* ->release() of mmu_notifier_ops, from exit_mmap(); @own: scratch */
inline notifier_release(m, s, own)
{
	atomic {
		!smm_lock[s] -> CODE;
		SMM(s);
		own = mm_node[m] && e_smm[m] == s;
		mm_node[m] = mm_node[m] && !own;
#ifndef RELEASE_UNLOCKS
		smm_lock[s] = own
#endif
	}
	if
	:: own ->
#ifdef OWNER_UNLOCKED
		d_step {
			ENTRY(m);
			own = linked[m]
		}
#endif
		atomic {
			ENTRY(m);
			ENCL;
			!mm_lock -> CODE;
			ENTRY(m);
			ENCL;
#ifndef OWNER_UNLOCKED
			own = linked[m];
#endif
			if
			:: linked[m] -> list_del_rcu(m)
			:: else
			fi;
#ifdef BOTH_OWN
			own = true;
#endif
			SMM(s);
			smm_lock[s] = false
		}
		if
		:: own ->
			give_up(m);
#ifdef RELEASE_WAITS
			SRCU_SYNCHRONIZED;
#endif
			own = false
		:: else
		fi
	:: else
	fi;
	CODE
}

/* ->release() of the file: no VMA and no add any more; @e, @s: scratch */
inline encl_mm_drain(e, s)
{
	do
#ifndef NO_DRAIN
	:: atomic {
		!mm_lock && mm_list != NONE ->
		CODE;
		ENCL;
		e = mm_list;
		ENTRY(e);
		s = e_smm[e];
#ifdef OWNER_UNLOCKED
	   }
	   atomic {
		!mm_lock;
		if
		:: linked[e] -> list_del_rcu(e)
		:: else
		fi;
#else
		list_del_rcu(e);
#endif
#ifdef DRAIN_NESTS
		mm_lock = true
#endif
	   }
#ifdef PUT_BEFORE_UNLIST
	   d_step {
		mmu_notifier_put(e, s)
	   }
#endif
	   atomic {
#if !defined(DRAIN_UNLOCKED) && !defined(DRAIN_KEEPS_NODE)
		SMM(s);
		!smm_lock[s];
#endif
		CODE;
		SMM(s);
		ENTRY(e);
#ifndef DRAIN_KEEPS_NODE
		mm_node[e] = false;
#endif
		s = NONE;
#ifdef DRAIN_NESTS
		mm_lock = false
#endif
	   }
	   give_up(e);
	   e = NONE
#else
	:: mm_list != NONE -> break
#endif
	:: !mm_lock && mm_list == NONE -> break
	od
}

/* free_work of the entry */
inline free_entry(e)
{
	d_step {
		CODE;
		ENTRY(e);
#ifdef ENCL_PUT_FIRST
		encl_put()
	}
	d_step {
#endif
#if !defined(NO_PUT) && !defined(PUT_AT_UNLINK) && !defined(PUT_BEFORE_UNLIST)
		mmu_notifier_put(e, e_smm[e]);
#endif
#ifdef FREE_SMM_AT_PUT
		s_alive[e_smm[e]] = s_users[e_smm[e]] > 0
#endif
	}
	d_step {
		CODE;
#ifndef NO_MMGRAB
		mmdrop(e);
#endif
		ENTRY(e);
		e_alive[e] = false;
#ifndef ENCL_PUT_FIRST
		encl_put();
#endif
#ifdef DTOR_IN_CALLBACK
		last = release_queued;
		release_queued = false
#endif
	}
#ifdef DTOR_IN_CALLBACK
	if
	:: last -> encl_release()
	:: else
	fi
#endif
}

/* release_work of the enclave, which may sleep */
inline encl_release()
{
	d_step {
		CODE;
		ENCL;
		assert(encl_ref == 0);
		encl_listed = false
	}
	d_step {
#ifndef NO_BARRIER
		SRCU_BARRIER ->
#endif
		CODE;
		ENCL;
		assert(encl_ref == 0 && !reader && mm_list == NONE);
		encl_alive = false;
		nr_encls--
	}
}
