/* SPDX-License-Identifier: GPL-2.0 */
/* What runs besides: the walker, SRCU callbacks, work queues. */

/* mmget_not_zero(), a look at the page tables if the mmap_lock is free, mmput_async() */
inline walk_one()
{
	d_step {
		ENTRY(e);
		MM(e);
#ifdef WALKER_REF
		assert(e_ref[e] > 0);
		e_ref[e]++;
#endif
#ifdef NO_MMGET
		ok = true
#else
		ok = mm_users[e] > 0;
		mm_users[e] = mm_users[e] + ok
#endif
	}
	if
	:: ok ->
		d_step {
#ifdef WALKER_BLOCKS
			!mmap_w[e];
#endif
			CODE;
			MM(e);
			assert(mm_users[e] > 0);
#ifndef NO_MMGET
			mmput(e);
#endif
			ok = false
		}
#ifdef MMPUT_SYNC
		mm_users[e] > 0 || mm_gone[e]
#endif
	:: else
	fi;
#ifdef WALKER_REF
	entry_put(e)
#endif
}

inline walk_list()
{
	d_step {
		ENCL;
		e = mm_list
	}
	do
	:: e != NONE ->
		walk_one();
		d_step {
			ENTRY(e);
			assert(next[e] != POISON);
			e = next[e]
		}
	:: else -> break
	od
}

/* The reclaimer; the list of all enclaves gives it a reference. */
proctype walker()
{
	byte e = NONE;
	byte n = WALKS;
	bool ok;

	do
	:: atomic {
		n > 0 ->
		n--;
		CODE;
#ifdef WALKER_GET
		ok = encl_listed;
#else
		ok = encl_listed && encl_ref > 0;
#endif
		if
		:: ok ->
			encl_ref++;
			srcu_read_lock()
		:: else
		fi
	   }
	   if
	   :: ok ->
		ok = false;
		walk_list();
#ifdef PUT_IN_SECTION
		atomic {
			encl_put()
		}
		d_step {
			srcu_read_unlock()
		}
#else
		atomic {
			CODE;
			srcu_read_unlock();
			encl_put()
		}
#endif
	   :: else
	   fi
	:: n == 0 -> break
	od;
	atomic {
		CODE;
		walker_done = true
	}
}

/* SRCU calls back, bottom halves off, and looks at its own data after that. */
proctype callback(byte e)
{
#ifdef DTOR_IN_CALLBACK
	bool last;
#endif

end_idle:
	cb_active[e] && !cb_wait[e];
#ifdef DTOR_IN_CALLBACK
	free_entry(e);
#else
	d_step {
		CODE;
		ENTRY(e);
		queue_free(e)
	}
#endif
	d_step {
		ENCL;
		cb_active[e] = false
	}
}

/* queue_work(): the work of one entry, and of the enclave, on the driver's queue */
proctype free_work(byte e)
{
#ifdef DTOR_IN_CALLBACK
	bool last;
#endif

end_idle:
	free_queued[e];
	free_entry(e);
	d_step {
		CODE;
		free_done[e] = true
	}
}

proctype release_work()
{
end_idle:
	release_queued;
	encl_release();
	d_step {
		CODE;
		release_done = true
	}
}

/* The mmu_notifier core's SRCU calls back. */
proctype notifier_free()
{
	byte s = NONE;

end_idle:
	do
	:: atomic {
		if
		:: s_pending[0] && s_wait[0] == 0 -> s = 0
		:: s_pending[1] && s_wait[1] == 0 -> s = 1
		:: s_pending[2] && s_wait[2] == 0 -> s = 2
		:: s_pending[3] && s_wait[3] == 0 -> s = 3
		fi;
		CODE;
#ifndef FREE_SMM_AT_PUT
		SMM(s);
#endif
		s_alive[s] = false;
		s_pending[s] = false;
		core_callback = true;
		nr_smm--
	   }
	   d_step {
		CODE;
		mmdrop(s / 2);
		s = NONE;
		core_callback = false
	   }
	od
}

#if FOREIGN
/* free_work of the other enclave's entry */
proctype foreign_work()
{
	d_step {
		foreign_smm != NONE ->
		CODE;
		mmu_notifier_put(0, foreign_smm);
		foreign_smm = NONE
	}
	d_step {
		CODE;
		nr_encls--
	}
}
#endif
