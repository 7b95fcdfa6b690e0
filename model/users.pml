/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who uses the enclave: tasks with their mmap, fault, fork, munmap and exit, and
 * the file.
 */

/* Under the mmap_lock: whether it was us who made the entry */
#define MADE(m)	(e_made[m] && !made)

/* fdget() and then the VMA: the file stays while the driver's mmap runs. */
inline do_mmap(m)
{
	atomic {
		MMAP_FREE(m) -> mmap_w[m] = true;
		made = e_made[m]
	}
	encl_mm_add(m, s, ok);
	d_step {
		made = MADE(m);
		mmap_w[m] = false;
		if
		:: ok && !vma[m] -> vma[m] = true	/* has the reference now */
		:: else -> fput()
		fi;
		ok = false
	}
	get_late(m)
}

inline get_late(m)
{
#ifdef GET_AFTER_UNLOCK
	d_step {
		if
		:: made -> encl_get()
		:: else
		fi
	}
#endif
	made = false
}

/*
 * The fault handler is called with the mmap_lock for reading and needs it for
 * writing, so it drops it, and has to look for the VMA again.
 */
inline do_fault(m)
{
	atomic {
		!mmap_w[m];
		ok = vma[m]
	}
	if
	:: ok ->
		atomic {
			MMAP_FREE(m) ->
			made = e_made[m];
#ifndef NO_RECHECK
			ok = vma[m];
#endif
			mmap_w[m] = ok
		}
		if
		:: ok ->
			encl_mm_add(m, s, ok);
			d_step {
				made = MADE(m);
				mmap_w[m] = false;
				ok = false
			}
			get_late(m)
		:: else -> made = false
		fi
	:: else
	fi
}

inline do_fork()
{
	d_step {
		MMAP_FREE(0) ->
		if
		:: vma[0] ->
			fget();
			vma[1] = true;
			mm_count[1] = 1;
			mm_users[1] = 1
		:: else
		fi
	}
}

inline do_munmap(m)
{
	d_step {
		MMAP_FREE(m) ->
		if
		:: vma[m] ->
			vma[m] = false;
			fput()
		:: else
		fi
	}
}

proctype task(byte m)
{
	byte s = NONE;
	byte n = MMAPS;
	bool ok, made;

end_unborn:
	mm_users[m] > 0;
	if
	:: FOREIGN && m == 0 ->
		d_step {
			s_alive[0] = true;
			s_users[0] = 1;
			mm_count[0]++;
			subscribed[0] = 0;
			nr_smm++;
			foreign_smm = 0
		}
	:: else
	fi;
	do
	:: atomic {
		!IS_CHILD(m) && n > 0 && fd_open ->
		n--;
		fget()
	   }
	   do_mmap(m)
	:: break
	od;
	n = 0;
	if
	:: FORK && !IS_CHILD(m) -> do_fork()
	:: IS_CHILD(m) -> do_fault(m)
	:: skip
	fi;
	if
	:: do_munmap(m)
	:: skip
	fi;
	if
	:: !vma[m] ->
		mm_lives_on[m] = true
	:: d_step {
		mmput(m)
	   }
	fi
}

#if THREAD
proctype thread(byte m)
{
	byte s = NONE;
	bool ok, made;

end_unborn:
	mm_users[m] > 0;
	if
	:: do_fault(m)
	:: do_munmap(m)
	:: skip
	fi;
	d_step {
		mmput(m)
	}
}
#endif

/* __mmput(), in the task that was the last user or in mmput_async()'s work */
proctype exit_mm(byte m)
{
	byte s = NONE;
	bool own, was0, was1;

end_alive:
	d_step {
		mm_users[m] == 0 && mm_count[m] > 0 ->
		core_reader[m] = true;
		s = subscribed[m]
	}
	if
#ifndef NO_RELEASE
	:: s != NONE -> notifier_release(m, s, own)
#endif
	:: else
	fi;
	d_step {
		s = NONE;
		subscribed[m] = NONE;
		core_read_unlock(m);
		core_synchronize(was0, was1)
	}
	d_step {
		CORE_SYNCHRONIZED(was0, was1) && MMAP_FREE(m) ->
		if
		:: vma[m] ->
			vma[m] = false;
			fput()
		:: else
		fi;
		mmdrop(m);
		was0 = false;
		was1 = false;
		mm_gone[m] = true
	}
}

proctype closer()
{
	if
	:: d_step {
		fd_open = false;
		fput()
	   }
	:: KEPT -> fd_kept = true
	fi
}

/* The last fput(), as task work or delayed */
proctype fput_work()
{
	byte e = NONE, s = NONE;

end_open:
	file_ref == 0;
	encl_mm_drain(e, s);
	atomic {
		CODE;
		encl_put();
		file_gone = true
	}
}
