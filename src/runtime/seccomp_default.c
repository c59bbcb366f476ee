/*
 * Docker's default list as of moby 28, with what came to it by its security releases: unshare only with CAP_SYS_ADMIN,
 * no AF_ALG and no AF_VSOCK sockets, no socketcall. The rules that look at arguments are in seccomp.c. io_uring,
 * userfaultfd, keyctl, kexec and all that is not named are refused with EPERM.
 */
#include "runtime/seccomp_default.h"

#include "base/memory.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

const struct seccomp_call_group seccomp_call_groups[] = {
	/* processes, signals, scheduling */
	{0,
	 "alarm arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu "
	 "getegid "
	 "getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority "
	 "getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get "
	 "ioprio_set kill membarrier modify_ldt nanosleep pause pidfd_open pidfd_send_signal prctl prlimit64 "
	 "process_mrelease restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
	 "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
	 "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
	 "sched_rr_get_interval "
	 "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield "
	 "seccomp set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid "
	 "setgid32 "
	 "setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 "
	 "setreuid setreuid32 setrlimit setsid setuid setuid32 sigaltstack signalfd signalfd4 sigprocmask sigreturn "
	 "sysinfo tgkill times tkill ugetrlimit umask uname vfork wait4 waitid waitpid"},
	/* since Linux 4.8 ptrace does not bypass a filter */
	{0, "process_vm_readv process_vm_writev ptrace"},
	/* memory */
	{0,
	 "brk madvise memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync munlock "
	 "munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages"},
	/* files */
	{0,
	 "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 "
	 "fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat fcntl fcntl64 "
	 "fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync "
	 "ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init "
	 "inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listxattr llistxattr _llseek "
	 "lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open "
	 "openat "
	 "openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv "
	 "removexattr rename renameat renameat2 rmdir sendfile sendfile64 setxattr splice stat stat64 statfs statfs64 "
	 "statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 unlink unlinkat utime utimensat "
	 "utimensat_time64 utimes vmsplice write writev"},
	{0, "landlock_add_rule landlock_create_ruleset landlock_restrict_self"},
	/* waiting */
	{0,
	 "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old "
	 "eventfd "
	 "eventfd2 futex futex_time64 futex_waitv io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 "
	 "io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select"},
	/* sockets, less socket itself */
	{0,
	 "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 "
	 "recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair"},
	/* System V and POSIX communication */
	{0,
	 "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
	 "mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt "
	 "shmget"},
	/* time; adjtimex and its like only read without CAP_SYS_TIME */
	{0,
	 "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	 "clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday setitimer time timer_create timer_delete "
	 "timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
	 "timerfd_gettime64 timerfd_settime timerfd_settime64"},
	{0, "getrandom"},
	/* of ARM alone; on others these names have no number */
	{0, "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"},

	{SECCOMP_BIT(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
	{SECCOMP_BIT(CAP_SYS_ADMIN),
	 "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
	 "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 "
	 "unshare"},
	{SECCOMP_BIT(CAP_SYS_BOOT), "reboot"},
	{SECCOMP_BIT(CAP_SYS_CHROOT), "chroot"},
	{SECCOMP_BIT(CAP_SYS_MODULE), "delete_module init_module finit_module"},
	{SECCOMP_BIT(CAP_SYS_PACCT), "acct"},
	{SECCOMP_BIT(CAP_SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
	{SECCOMP_BIT(CAP_SYS_RAWIO), "iopl ioperm"},
	{SECCOMP_BIT(CAP_SYS_TIME), "settimeofday stime clock_settime clock_settime64"},
	{SECCOMP_BIT(CAP_SYS_TTY_CONFIG), "vhangup"},
	{SECCOMP_BIT(CAP_SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
	{SECCOMP_BIT(CAP_SYSLOG), "syslog"},
	{SECCOMP_BIT(CAP_BPF), "bpf"},
	{SECCOMP_BIT(CAP_PERFMON), "perf_event_open"},
};
const size_t seccomp_call_group_count = ARRAY_SIZE(seccomp_call_groups);

const struct seccomp_new_call seccomp_new_calls[] = {
	{451, 0},			   /* cachestat */
	{452, 0},			   /* fchmodat2 */
	{453, 0},			   /* map_shadow_stack */
	{454, 0},			   /* futex_wake */
	{455, 0},			   /* futex_wait */
	{456, 0},			   /* futex_requeue */
	{457, 0},			   /* statmount */
	{458, 0},			   /* listmount */
	{459, SECCOMP_BIT(CAP_SYS_ADMIN)}, /* lsm_get_self_attr */
	{460, SECCOMP_BIT(CAP_SYS_ADMIN)}, /* lsm_set_self_attr */
	{461, SECCOMP_BIT(CAP_SYS_ADMIN)}, /* lsm_list_modules */
	{462, 0},			   /* mseal */
	{463, 0},			   /* setxattrat */
	{464, 0},			   /* getxattrat */
	{465, 0},			   /* listxattrat */
	{466, 0},			   /* removexattrat */
};
const size_t seccomp_new_call_count = ARRAY_SIZE(seccomp_new_calls);

const uint32_t seccomp_personalities[] = {0x0, 0x0008, 0x20000, 0x20008, 0xffffffff};
const size_t seccomp_personality_count = ARRAY_SIZE(seccomp_personalities);
