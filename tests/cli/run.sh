#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of "softsgx run", from the top of the tree. Output: TAP.
#
# SOFTSGX_RUN_FLAGS: options for each run; --no-modules where none are built.
# SOFTSGX_TESTS: the groups to run, all by default.
# Scripts for the VM are quoted for it, and flags are a list:
# shellcheck disable=SC2016,SC2086,SC1003
set -u

softsgx=$PWD/build/softsgx
if [ -z "${SOFTSGX_RUN_FLAGS+set}" ]; then
	SOFTSGX_RUN_FLAGS=--no-modules
	ls build/kmod/*/softsgx.ko >/dev/null 2>&1 && SOFTSGX_RUN_FLAGS=
fi

# Outside the tree and not in $TMPDIR, whose contents are looked at.
work=$(mktemp -d /tmp/cli-test-XXXXXX)
export TMPDIR="$work/tmp"
mkdir "$TMPDIR"
chmod 755 "$work"
chmod 1777 "$TMPDIR"
trap 'umount "$work/full" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

count=0
failed=0

# usage: check WHAT CONDITION...; a test, passed if the condition is true
check() {
	what=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $what"
	else
		echo "not ok $count - $what"
		echo "# false: $*" | head -n 3
		tail -n 3 "$work/err" 2>/dev/null | sed 's/^/# stderr: /'
		failed=$((failed + 1))
	fi
}

skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# usage: run [OPTION...] -- COMMAND...; leaves $status, $work/out, $work/err
run() {
	"$softsgx" run $SOFTSGX_RUN_FLAGS "$@" >"$work/out" 2>"$work/err"
	status=$?
}

# usage: start COMMAND...; leaves $pid, and $work/out, $work/err with nothing of earlier runs
start() {
	rm -f "$work/out" "$work/err"
	"$softsgx" run $SOFTSGX_RUN_FLAGS -- "$@" >"$work/out" 2>"$work/err" &
	pid=$!
}

# What a script prints in the VM: "NAME=VALUE" lines.
said() {
	grep -qxF -e "$1" "$work/out"
}

# A failure of softsgx: status 125 and one line of its own that has $1 in it.
refused() {
	[ "$status" = 125 ] && [ ! -s "$work/out" ] &&
		[ "$(wc -l <"$work/err")" = 1 ] &&
		grep -q "^softsgx: .*$1" "$work/err"
}

same() {
	[ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

# Gone, or waiting to be reaped by whoever inherited it
is_dead() {
	[ -n "$1" ] && { [ ! -e "/proc/$1" ] || [ -z "$(tr -d '\0' <"/proc/$1/cmdline")" ]; }
}

# usage: soon COMMAND; a minute at most
soon() {
	i=0
	while ! "$@" && [ $i -lt 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	"$@"
}

# usage: wait_for FILE PATTERN; a minute at most
wait_for() {
	soon grep -qs -e "$2" "$1"
}

test_statuses() {
	run -- true
	check "status 0" [ "$status" = 0 ]
	check "no output of its own" [ ! -s "$work/out" ]
	check "no complaints" [ ! -s "$work/err" ]
	run -- sh -c 'exit 7'
	check "status 7" [ "$status" = 7 ]
	run -- sh -c 'exit 2'
	check "status 2" [ "$status" = 2 ]
	run -- sh -c 'kill -9 $$'
	check "status of a killed command" [ "$status" = 137 ]
	run -- no-such-program
	check "status of a program not found" [ "$status" = 127 ]
	check "which is named" grep -q no-such-program "$work/err"
	run -- /etc/passwd
	check "status of a file that is no program" [ "$status" = 126 ]
}

test_streams() {
	head -c 33554432 /dev/urandom >"$work/data"
	run -- cat <"$work/data"
	check "32 MiB through stdin and stdout" same "$work/data" "$work/out"
	check "nothing on stderr" [ ! -s "$work/err" ]

	printf 'one\ntwo' >"$work/in"
	run -- sh -c 'cat; echo err >&2; exec <&-; head -c 3000000 /dev/zero >&2
		echo out' <"$work/in"
	printf 'one\ntwoout\n' >"$work/expected"
	check "end of a piped stdin" same "$work/expected" "$work/out"
	{ echo err; head -c 3000000 /dev/zero; } >"$work/expected"
	check "stderr apart from stdout" same "$work/expected" "$work/err"

	LC_ALL=C run -- cat <&-
	check "a closed stdin: cannot be read" grep -q "Bad file descriptor" "$work/err"
	check "a closed stdin: cat fails" [ "$status" = 1 ]
	"$softsgx" run $SOFTSGX_RUN_FLAGS -- sh -c '[ -e /proc/$$/fd/0 ] && [ ! -e /proc/$$/fd/1 ] &&
		[ -e /proc/$$/fd/2 ] && exit 9' </dev/null >&-
	check "a closed stdout, and no other" [ $? = 9 ]
	run -- sh -c 'ls /proc/$$/fd' 2>&-
	check "a closed stderr" [ "$(head -n 2 "$work/out" | tr '\n' ' ')" = "0 1 " ]
	run -- sh -c 'ls /proc/$$/fd; exit 7' <&- 2>&-
	check "two are closed" [ "$(head -n 1 "$work/out")" = 1 ]
	check "two are closed: status" [ "$status" = 7 ]

	"$softsgx" run $SOFTSGX_RUN_FLAGS -- sh -c 'yes; echo "yes=$?" >&2' \
		2>"$work/err" | head -n 1 >"$work/out"
	check "a reader that leaves" grep -q 'yes=141' "$work/err"
}

in_vm='
echo "cwd=$(pwd)"
printf "env=%s\n" "$CLI_TEST"
echo "ids=$(id -u) $(id -g) $(id -G)"
echo "tmp=$(cat "$CLI_WORK/host-file")"
echo "umask=$(umask)"
echo changed >"$CLI_WORK/host-file"
echo new >"$CLI_WORK/new-file"
mkdir "$CLI_WORK/new-dir" && mv "$CLI_WORK/dir" "$CLI_WORK/moved"
echo "after=$(cat "$CLI_WORK/host-file") $(cat "$CLI_WORK/moved/file")"
echo kept >"$CLI_WORK/rw/file"
echo "args=$#"
for arg; do
	printf "%s\0" "$arg"
done >"$CLI_WORK/rw/args"
echo "shm=$(stat -c %a /dev/shm)"
exec 3<>/dev/ptmx && echo "ptmx=yes"
echo "lo=$(cat /sys/class/net/lo/flags)"
echo "stdin=$(readlink /proc/self/fd/0 | cut -c 1-4)"
grep -q " /dev [^ ]* [^ ]*noexec" /proc/mounts || echo "dev=exec"
ls -l /dev/sgx_enclave /dev/sgx_provision | grep -c ^crw-rw-rw- |
	sed s/^/sgx=/
'

test_surroundings() {
	mkdir "$work/rw" "$work/dir" "$work/rw/a b"
	chmod 777 "$work/rw" "$work/dir"
	echo host >"$work/host-file"
	echo moved >"$work/dir/file"
	chmod 666 "$work/host-file"
	export CLI_WORK="$work" CLI_TEST='a "b" $c
d\e'
	printf '%s\0' 'a b' '' "'" '"$x"' 'new
line' '*' '\' >"$work/args"
	cd "$work/rw/a b" || exit 1
	(umask 027
	run --rw "$work/rw" -- sh -c "$in_vm" sh 'a b' '' "'" '"$x"' 'new
line' '*' '\' </dev/null
	echo $status >"$work/status")
	cd "$OLDPWD" || exit 1

	check "command ran" [ "$(cat "$work/status")" = 0 ]
	check "working directory" said "cwd=$work/rw/a b"
	check "environment, first line" said 'env=a "b" $c'
	check "environment, second line" said 'd\e'
	check "user and groups" said "ids=$(id -u) $(id -g) $(id -G)"
	check "umask" said umask=0027
	check "file in /tmp" said tmp=host
	check "files can be changed, directories renamed" \
		said "after=changed moved"
	check "change is thrown away" [ "$(cat "$work/host-file")" = host ]
	check "rename is thrown away" [ -f "$work/dir/file" ]
	check "new file is thrown away" [ ! -e "$work/new-file" ]
	check "--rw writes through" [ "$(cat "$work/rw/file")" = kept ]
	check "number of arguments" said args=7
	check "arguments" same "$work/args" "$work/rw/args"
	check "/dev/shm" said shm=1777
	check "/dev/ptmx" said ptmx=yes
	check "loopback is up" said lo=0x9
	check "stdin is no terminal" said stdin=pipe
	check "/dev is executable" said dev=exec
	case $SOFTSGX_RUN_FLAGS in
	*--no-modules*) skip "SGX devices" "no modules" ;;
	*) check "SGX devices are for all" said sgx=2 ;;
	esac
}

# In the directory given: special files; and how far a file is ahead of the clock, in nanoseconds
in_rw='
use strict;
use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use Time::HiRes qw(stat time);

chdir $ARGV[0] or die;
print "fifo=", mkfifo("fifo", 0600) ? "made" : $!, "\n";
print "socket=", IO::Socket::UNIX->new(Local => "socket", Listen => 1) ? "made" : $!, "\n";
print "tmpfile=", sysopen(my $t, ".", 020200002) ? "made" : $!, "\n";
for (1 .. 20) {
	open(my $f, ">", "time$_") or die;
	print $f "x";
	close $f;
	printf "ahead=%d\n", ((stat "time$_")[9] - time) * 1e9;
}
'

# The most of the values of $1 in the output
largest() {
	sed -n "s/^$1=//p" "$work/out" | sort -n | tail -n 1
}

test_rw() {
	mkdir "$work/rw-here" "$work/not-rw"
	run -- perl -e "$in_rw" "$work/not-rw"
	check "elsewhere a FIFO can be made" said fifo=made
	check "a socket" said socket=made
	check "a file without a name" said tmpfile=made

	# The manual page says so. Newer QEMUs can make the first two.
	run --rw "$work/rw-here" -- perl -e "$in_rw" "$work/rw-here"
	end=$(date +%s%N)
	check "--rw: a FIFO, or an error" grep -q '^fifo=\(made\|No such device or address\)$' "$work/out"
	check "--rw: a socket, or an error" grep -q '^socket=\(made\|No such device or address\)$' "$work/out"
	check "--rw: no file without a name" said "tmpfile=Operation not supported"
	check "--rw: a file is the host's" [ "$(cat "$work/rw-here/time20")" = x ]
	check "--rw: file times are not ahead of the clock there" [ "$(largest ahead)" -lt 100000000 ]
	last=$(stat -c %.9Y "$work/rw-here/time20" | tr -d .)
	check "--rw: nor of the host's" [ "$last" -le "$end" ]
}

test_user() {
	if [ "$(id -u)" != 0 ]; then
		skip "another user" "not root"
		return
	fi
	mkdir -p "$work/home" "$work/theirs"
	chown nobody "$work/home" "$work/theirs"
	cp -r build/softsgx build/softsgx-init "$work/home/"
	# From where nobody may be: the tree can be in a home that is closed to others.
	(cd "$work/home" && HOME=$work/home SOFTSGX_KERNELS=$work/kernels SOFTSGX_ACCEL=tcg \
		setpriv --reuid nobody --regid nogroup --groups 4,65534 \
		"$work/home/softsgx" run --no-modules --rw "$work/theirs" -- \
		sh -c 'id -u; id -G; cat /etc/shadow; echo x >/etc/y
			echo theirs >"$0/theirs/file"' "$work" \
		>"$work/out" 2>"$work/err")
	check "runs as the caller" said 65534
	check "in the caller's groups" said "65534 4"
	check "without the right to read all" \
		grep -q "shadow: Permission denied" "$work/err"
	check "without the right to write all" grep -q "/etc/y" "$work/err"
	check "--rw with the caller's rights" \
		[ "$(stat -c %U "$work/theirs/file")" = nobody ]
}

test_options() {
	tab=$(printf '\t')
	run
	check "no command" refused "no command"
	run --nonsense -- true
	check "unknown option" refused --nonsense
	run --epc
	check "option without its value" refused "value"
	for size in 0 3 -1 4097 1Z 99999999G 18446744073709551616 '' 64M1 1T; do
		run --epc "$size" -- true
		check "--epc '$size'" refused "epc"
	done
	for model in '' Skylake 'max epc=1' '../x' 'a,b'; do
		run --model "$model" -- true
		check "--model '$model'" refused "model"
	done
	for param in '' seed seed= =x 'Seed=x' 'seed=a b' 'seed="a' "seed=a$tab"; do
		run --param "$param" -- true
		check "--param '$param'" refused "param"
	done
	if [ -z "$SOFTSGX_RUN_FLAGS" ]; then
		run --param cpusvn=9 --param seed=x -- cat /sys/module/softsgx_cpu/parameters/cpusvn
		check "--param arrives" said 9
	else
		skip "--param arrives" "no modules are built"
	fi
	for size in 0 1K 99999999G; do
		run --mem "$size" -- true
		check "--mem '$size'" refused "."
	done
	for n in 0 x 100000 -1; do
		run --cpus "$n" -- true
		check "--cpus '$n'" refused "cpus"
	done
	for n in 0 x 9 -1; do
		run --cpus 4 --numa "$n" -- true
		check "--numa '$n'" refused "numa"
	done
	run --cpus 3 --numa 2 -- true
	check "--numa that does not divide the CPUs" refused "numa"
	run --rw "$work/nowhere" -- true
	check "--rw of nothing" refused nowhere
	run --rw "$softsgx" -- true
	check "--rw of a file" refused "not a directory"
	run --log "$work/nowhere/log" -- true
	check "--log into nothing" refused nowhere
	run --kernel 1.2.3-none -- true
	check "unknown kernel" refused 1.2.3-none
	run --kernel "$(printf 'a\nb')" -- true
	check "still one line" refused "unknown kernel"
	run --module "$work/nowhere.ko" -- true
	check "--module of nothing" refused nowhere
	SOFTSGX_ACCEL=magic run -- true
	check "unknown accelerator" refused magic
	PATH=/nowhere run -- true
	check "QEMU missing" refused "package qemu-system-x86"
	mkdir "$work/gone"
	(cd "$work/gone" && rmdir "$work/gone" && run -- true
	echo "$status" >"$work/status")
	status=$(cat "$work/status")
	check "directory is gone" refused "directory"
}

test_host_trouble() {
	TMPDIR=$work/nowhere run -- true
	check "no directory for temporary files" refused nowhere
	mkdir -p "$work/full"
	if mount -t tmpfs -o size=64K none "$work/full" 2>/dev/null; then
		TMPDIR=$work/full run --cold -- true
		check "no room on disk" refused "No space"
		check "nothing left on it" [ -z "$(ls "$work/full")" ]
		umount "$work/full"
	else
		skip "no room on disk" "cannot mount"
		skip "nothing left on it" "cannot mount"
	fi
	SOFTSGX_BOOT_TIMEOUT=1 run --cold -- true
	check "a VM that does not boot in time" refused "in time"
	XDG_CACHE_HOME=/proc/nowhere SOFTSGX_ACCEL=tcg run -- echo hello
	check "no cache directory" said hello
}

test_guest_trouble() {
	run --log "$work/log" -- sh -c 'echo before
		echo c >/proc/sysrq-trigger; sleep 100'
	check "panic: status" [ "$status" = 125 ]
	check "panic: output so far" said before
	check "panic: one line" [ "$(wc -l <"$work/err")" = 1 ]
	check "panic: which one" grep -q "^softsgx: .*sysrq triggered crash" \
		"$work/err"
	check "--log has it" grep -q "sysrq triggered crash" "$work/log"
	run --append rdinit=/nowhere -- true
	check "a VM without init" refused .
}

test_check() {
	run --check -- sh -c 'exit 3'
	check "--check passes the status on" [ "$status" = 3 ]
	run --check -- sh -c 'echo "<4>WARNING: a test" >/dev/kmsg'
	check "a program's own line is no warning" [ "$status" = 0 ]
	# The kernel lists its tasks, one of which has a name like that.
	run --check -- sh -c 'cp /bin/sleep "/tmp/WARNING: me"; "/tmp/WARNING: me" 100 &
		sleep 0.5; echo t >/proc/sysrq-trigger; exit 3'
	check "a warning of the kernel is found" [ "$status" = 120 ]
	check "and said" grep -q "^softsgx: check: kernel log: .*WARNING: me" "$work/err"
	case $SOFTSGX_RUN_FLAGS in
	*--no-modules*)
		skip "modules are unloaded" "no modules"
		;;
	*)
		run --check -- sh -c 'exec 9</dev/sgx_enclave; (sleep 100) &'
		check "modules are unloaded" [ "$status" = 0 ]
		;;
	esac
}

# What an enclave has sealed can be opened after a reboot, and only on that platform.
test_keys() {
	key=build/tests/vm/enter_key_test
	if [ -n "$SOFTSGX_RUN_FLAGS" ] || [ ! -x "$key" ]; then
		skip "keys" "no modules are built, or no tests"
		return
	fi
	for seed in one one two; do
		run --param "seed=$seed" -- "$key" --print-key
		check "a key, seed $seed" [ "$status" = 0 ]
		cp "$work/out" "$work/key.$count"
	done
	check "the same seed, the same key" cmp -s "$work/key.$((count - 2))" "$work/key.$((count - 1))"
	check "another seed, another key" different "$work/key.$((count - 2))" "$work/key.$((count - 1))"
	run -- "$key" --print-key
	cp "$work/out" "$work/key.$count"
	run -- "$key" --print-key
	check "no seed, a new key each time" different "$work/key.$count" "$work/out"
}

different() {
	[ -s "$1" ] && [ -s "$2" ] && ! cmp -s "$1" "$2"
}

# Which processes see SGX in CPUID is a bit of their personality.
test_info() {
	"$softsgx" info --nonsense >"$work/out" 2>"$work/err"
	status=$?
	check "info: unknown option" refused --nonsense
	"$softsgx" info more >"$work/out" 2>"$work/err"
	status=$?
	check "info: an argument" refused arguments
	if [ -e /sys/module/softsgx_cpu ]; then
		skip "info: no modules" "they are loaded here"
	else
		"$softsgx" info >"$work/out" 2>"$work/err"
		check "info: no modules, status" [ $? = 1 ]
		check "info: no processor" said "processor    not loaded"
		check "info: no driver" said "driver       not loaded"
		"$softsgx" info --json >"$work/out" 2>"$work/err"
		check "info: no modules, as JSON" [ $? = 1 ]
		check "info: no processor, as JSON" said '  "processor": false,'
	fi
}

test_exec() {
	"$softsgx" exec >"$work/out" 2>"$work/err"
	status=$?
	check "exec: no command" refused "no command"
	"$softsgx" exec --nonsense -- true >"$work/out" 2>"$work/err"
	status=$?
	check "exec: unknown option" refused --nonsense
	if [ ! -e /sys/module/softsgx_cpu ]; then
		"$softsgx" exec true >"$work/out" 2>"$work/err"
		status=$?
		check "exec: no processor" refused "not loaded"
	else
		skip "exec: no processor" "there is one"
	fi
	run -- cat /proc/self/personality
	case $SOFTSGX_RUN_FLAGS in
	*--no-modules*)
		check "nothing to see without modules" said 00000000
		return
		;;
	esac
	check "run: the command sees SGX" said 10000000
	run --no-cpuid -- sh -c 'cat /proc/self/personality
		"$0" exec cat /proc/self/personality | sed s/^/exec=/
		"$0" exec -- sh -c "exit 7"; echo "status=$?"
		"$0" exec -- no-such-program; echo "missing=$?"
		"$0" exec -- /etc/passwd; echo "file=$?"' "$softsgx"
	check "run --no-cpuid: it does not" said 00000000
	check "exec: the command sees SGX" said exec=10000000
	check "exec: status" said status=7
	check "exec: status of a program not found" said missing=127
	check "exec: status of a file that is no program" said file=126
}

# usage: on_terminal COMMAND; runs it on a terminal of 33 lines, 101 columns,
# with this function's stdin for keys
on_terminal() {
	script -qefc "stty rows 33 cols 101; $1" /dev/null >"$work/tty" 2>&1
}

test_terminal() {
	run_tty="$softsgx run $SOFTSGX_RUN_FLAGS --"
	rm -f "$work/tty"
	sleep 60 | on_terminal "$run_tty sh -c 'tty; stty size; exit 5'; \
		echo status=\$?; stty -a" &
	wait_for "$work/tty" 'status='
	check "size of the terminal" grep -q "^33 101" "$work/tty"
	check "a terminal of its own" grep -q "^/dev/pts/0" "$work/tty"
	check "status on a terminal" grep -q "status=5" "$work/tty"
	wait_for "$work/tty" 'echoke'
	check "terminal is restored" grep -q " icanon" "$work/tty"

	rm -f "$work/tty"
	{
		wait_for "$work/tty" 'ready'
		printf 'typed\r'
		wait_for "$work/tty" 'got typed'
		printf '\003'
		sleep 20
	} | on_terminal "$run_tty sh -c 'trap \"echo interrupted; exit 9\" INT
		echo ready; read -r x; echo got \$x; while :; do sleep 0.1; done'
		echo status=\$?" &
	wait_for "$work/tty" 'status='
	check "keys arrive" grep -q "got typed" "$work/tty"
	check "Ctrl-C interrupts" grep -q "interrupted" "$work/tty"
	check "and the status is the command's" grep -q "status=9" "$work/tty"

	rm -f "$work/tty"
	sleep 60 | on_terminal "$run_tty sh -c '
		trap \"stty size; exit\" WINCH; echo ready
		while :; do sleep 0.1; done' </dev/tty & \
		while ! grep -q ready $work/tty; do sleep 0.1; done
		stty rows 44 cols 77; wait; echo status=\$?" &
	wait_for "$work/tty" 'status='
	check "a new size arrives" grep -q "^44 77" "$work/tty"
}

test_signals() {
	start sh -c 'trap "echo term; exit 3" TERM; echo ready
		while :; do sleep 0.1; done'
	wait_for "$work/out" ready
	kill -TERM $pid
	wait $pid
	check "SIGTERM: status" [ $? = 3 ]
	check "SIGTERM is the command's" said term

	start sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for "$work/out" ready
	kill -TERM $pid
	sleep 1
	check "a signal may be ignored" kill -0 $pid
	kill -TERM $pid
	wait $pid
	check "a second one may not" [ $? = 143 ]

	start sh -c 'echo ready; sleep 1000'
	wait_for "$work/out" ready
	vm=$(pgrep -P $pid)
	kill -KILL $pid
	wait $pid 2>/dev/null
	check "QEMU does not survive" soon is_dead "$vm"

	start sleep 1000
	sleep 1
	kill -TERM $pid
	wait $pid
	check "SIGTERM while starting" [ $? = 143 ]
}

# A cache of its own: kernels, images and whether KVM works come from the user's.
make_cache() {
	user=${XDG_CACHE_HOME:-$HOME/.cache}/softsgx
	rm -rf "$work/cache"
	mkdir -p "$work/cache/softsgx"
	for f in "$user"/kernels "$user"/accel "$user"/vmlinux-*; do
		[ ! -e "$f" ] || ln -s "$f" "$work/cache/softsgx/"
	done
}

run_cached() {
	XDG_CACHE_HOME=$work/cache SOFTSGX_ACCEL=tcg run "$@"
}

# PID 1 has another stack in another boot: leaves $seen.
which_boot() {
	run_cached "$@" -- grep stack /proc/1/maps
	seen=$(cat "$work/out")
}

# In the order of their names
snapshots() {
	for f in "$work"/cache/softsgx/snapshot-*; do
		[ ! -e "$f" ] || echo "$f"
	done
}

nr_snapshots() {
	snapshots | wc -l
}

rm_snapshots() {
	rm -f "$work"/cache/softsgx/snapshot-*
}

# Are these nanoseconds between two times, with a tenth of a second to spare?
between() {
	[ "$2" -gt $(($1 - 100000000)) ] && [ "$2" -lt $(($3 + 100000000)) ]
}

test_snapshot() {
	make_cache
	which_boot --cold
	check "--cold keeps nothing" [ "$(nr_snapshots)" = 0 ]
	which_boot
	boot=$seen
	check "the first run keeps a snapshot" [ "$(nr_snapshots)" = 1 ]
	check "and says so in a line" [ "$(grep -c "kept a snapshot" "$work/err")" = 1 ]
	which_boot
	check "the next one starts from it" [ "$seen" = "$boot" ]
	check "in silence" [ ! -s "$work/err" ]
	which_boot --cold
	check "--cold does not" [ "$seen" != "$boot" ]
	check "for others it is closed" [ "$(stat -c %a "$(snapshots)")" = 600 ]
	run_cached --append softsgx.test=1 -- cat /proc/cmdline
	check "another command line, another snapshot" [ "$(nr_snapshots)" = 2 ]
	check "--append arrives" grep -q softsgx.test=1 "$work/out"
	rm_snapshots
	run_cached --rw "$work" -- true
	run_cached --rw "$work" -- sh -c "echo kept >$work/from-vm"
	check "--rw from a snapshot" grep -q kept "$work/from-vm"
}

# All that a snapshot must not hand on from one run to the next
test_snapshot_state() {
	make_cache
	run_cached -- true
	for how in --cold --no-cpuid; do
		start=$(date +%s%N)
		run_cached $how -- date +%s%N
		check "the clock is the host's, $how" \
			between "$start" "$(cat "$work/out")" "$(date +%s%N)"
	done
	dice='head -c 32 /dev/urandom | sha256sum; cat /proc/sys/kernel/random/boot_id'
	run_cached -- sh -c "$dice; touch /tmp/trace-of-a-run"
	mv "$work/out" "$work/first"
	run_cached -- sh -c "$dice; ls /tmp/trace-of-a-run"
	check "random numbers differ" [ "$(grep -cxFf "$work/first" "$work/out")" = 0 ]
	check "nothing is seen of another run" grep -q trace-of-a-run "$work/err"
}

# usage: spoiled WHAT; a run that finds the snapshot of $boot in a bad state
spoiled() {
	which_boot
	check "$1: the run works" [ "$status" = 0 ]
	check "$1: it has booted" [ "$seen" != "$boot" ]
	check "$1: it says so" grep -q "is damaged: booting instead" "$work/err"
	boot=$seen
	which_boot
	check "$1: the next run has another one" [ "$seen" = "$boot" ]
	check "$1: in silence" [ ! -s "$work/err" ]
}

test_snapshot_spoiled() {
	make_cache
	which_boot
	boot=$seen
	file=$(snapshots)
	# In the middle: memory that nothing misses until much later
	printf x | dd of="$file" bs=1 seek=50000000 conv=notrunc 2>/dev/null
	spoiled "a damaged snapshot"
	truncate -s 40000000 "$file"
	spoiled "a truncated snapshot"
	: >"$file"
	spoiled "an empty snapshot"
	run_cached --mem 1G -- true
	for f in $(snapshots); do
		[ "$f" = "$file" ] || cp "$f" "$file"
	done
	spoiled "a foreign snapshot"
}

test_snapshot_trouble() {
	make_cache
	for i in 1 2 3 4 5 6 7 8 9; do
		: >"$work/cache/softsgx/snapshot-old$i"
		touch -d "$i days ago" "$work/cache/softsgx/snapshot-old$i"
	done
	: >"$work/cache/softsgx/snapshot-old.1234"
	touch -d "2 hours ago" "$work/cache/softsgx/snapshot-old.1234"
	run_cached -- true
	check "the oldest are thrown away" [ "$(nr_snapshots)" = 8 ]
	check "and what was left of a writer" [ ! -e "$work/cache/softsgx/snapshot-old.1234" ]
	rm_snapshots

	for i in 1 2; do
		XDG_CACHE_HOME=$work/cache SOFTSGX_ACCEL=tcg "$softsgx" run --no-modules -- \
			echo "hello $i" >"$work/out$i" 2>"$work/err$i" &
		eval "run$i=\$!"
	done
	# The names are made above.
	# shellcheck disable=SC2154
	wait "$run1" "$run2"
	check "two first runs at once" [ "$(cat "$work/out1" "$work/out2" | tr '\n' .)" = "hello 1.hello 2." ]
	check "leave one snapshot" [ "$(nr_snapshots)" = 1 ]
	rm_snapshots

	XDG_CACHE_HOME=$work/cache SOFTSGX_ACCEL=tcg "$softsgx" run --no-modules -- echo hello \
		>"$work/out" 2>"$work/err" &
	until [ "$(nr_snapshots)" -gt 0 ]; do :; done
	pkill -KILL -P $!
	wait $!
	check "QEMU is killed while it saves" said hello
	# Or right after that, if the machine is fast.
	check "with a line about it" grep -q "no snapshot\|kept a snapshot" "$work/err"

	mkdir -p "$work/full"
	if mount -t tmpfs -o size=40M none "$work/full" 2>/dev/null; then
		rm_snapshots
		cp -rP "$work/cache/softsgx" "$work/full/"
		XDG_CACHE_HOME=$work/full SOFTSGX_ACCEL=tcg run -- echo hello
		check "no room for a snapshot" said hello
		check "a line says so" grep -q "no snapshot for the next run" "$work/err"
		check "and nothing is left" [ -z "$(find "$work/full" -name 'snapshot*')" ]
		umount "$work/full"
	else
		skip "no room for a snapshot" "cannot mount"
		skip "a line says so" "cannot mount"
		skip "and nothing is left" "cannot mount"
	fi
	rm -rf "$work/cache"
}

# Its snapshot is not for any of the tests to report.
run -- true

for group in ${SOFTSGX_TESTS:-statuses streams surroundings rw user options \
	host_trouble guest_trouble check info keys exec terminal signals \
	snapshot snapshot_state snapshot_spoiled snapshot_trouble}; do
	echo "# $group"
	"test_$group"
done
wait

check "no temporary files are left" [ -z "$(ls -A "$TMPDIR")" ]
echo "1..$count"
[ "$failed" = 0 ]
