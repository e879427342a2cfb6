/*
 * What Linux offers and Swift's Glibc module does not show: system calls whose prototypes need
 * _GNU_SOURCE, system calls that glibc 2.36 has no function for, and function-like macros.
 *
 * Nothing here decides anything. Every function returns what the kernel returned, with -1 and errno
 * on failure; the one place that wraps them for Swift is the target `Kernel`.
 */
#ifndef BOX_LINUX_H
#define BOX_LINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- Constants that are macros with casts or hidden behind _GNU_SOURCE ---- */
static const int BOX_AT_FDCWD = -100;
static const int BOX_AT_SYMLINK_NOFOLLOW = 0x100;
static const int BOX_AT_REMOVEDIR = 0x200;
static const int BOX_AT_SYMLINK_FOLLOW = 0x400;
static const int BOX_AT_EACCESS = 0x200;
static const int BOX_AT_EMPTY_PATH = 0x1000;
static const int BOX_AT_RECURSIVE = 0x8000;

static const int BOX_O_PATH = 010000000;
static const int BOX_O_TMPFILE = 020200000;
static const int BOX_O_NOATIME = 01000000;

static const uint64_t BOX_RESOLVE_NO_XDEV = 0x01;
static const uint64_t BOX_RESOLVE_NO_MAGICLINKS = 0x02;
static const uint64_t BOX_RESOLVE_NO_SYMLINKS = 0x04;
static const uint64_t BOX_RESOLVE_BENEATH = 0x08;
static const uint64_t BOX_RESOLVE_IN_ROOT = 0x10;

static const int BOX_CLONE_NEWTIME = 0x00000080;
static const int BOX_CLONE_FS = 0x00000200;
static const int BOX_CLONE_NEWNS = 0x00020000;
static const int BOX_CLONE_NEWCGROUP = 0x02000000;
static const int BOX_CLONE_NEWUTS = 0x04000000;
static const int BOX_CLONE_NEWIPC = 0x08000000;
static const int BOX_CLONE_NEWUSER = 0x10000000;
static const int BOX_CLONE_NEWPID = 0x20000000;
static const int BOX_CLONE_NEWNET = 0x40000000;

static const int BOX_PR_SET_PDEATHSIG = 1;
static const int BOX_PR_SET_DUMPABLE = 4;
static const int BOX_PR_SET_KEEPCAPS = 8;
static const int BOX_PR_SET_NAME = 15;
static const int BOX_PR_CAPBSET_READ = 23;
static const int BOX_PR_CAPBSET_DROP = 24;
static const int BOX_PR_SET_CHILD_SUBREAPER = 36;
static const int BOX_PR_SET_NO_NEW_PRIVS = 38;
static const int BOX_PR_CAP_AMBIENT = 47;
static const int BOX_PR_CAP_AMBIENT_RAISE = 2;
static const int BOX_PR_CAP_AMBIENT_CLEAR_ALL = 4;

static const uint32_t BOX_EPOLLIN = 0x001;
static const uint32_t BOX_EPOLLOUT = 0x004;
static const uint32_t BOX_EPOLLERR = 0x008;
static const uint32_t BOX_EPOLLHUP = 0x010;
static const uint32_t BOX_EPOLLRDHUP = 0x2000;
static const uint32_t BOX_EPOLLONESHOT = 1u << 30;
static const uint32_t BOX_EPOLLET = 1u << 31;
static const int BOX_EPOLL_CTL_ADD = 1;
static const int BOX_EPOLL_CTL_DEL = 2;
static const int BOX_EPOLL_CTL_MOD = 3;

static const uint32_t BOX_RENAME_NOREPLACE = 1;
static const uint32_t BOX_RENAME_EXCHANGE = 2;

/* mount(2), also hidden as an enum of type Int in Glibc's module */
static const unsigned long BOX_MS_RDONLY = 1, BOX_MS_NOSUID = 2, BOX_MS_NODEV = 4, BOX_MS_NOEXEC = 8,
    BOX_MS_SYNCHRONOUS = 16, BOX_MS_REMOUNT = 32, BOX_MS_DIRSYNC = 128, BOX_MS_NOSYMFOLLOW = 256,
    BOX_MS_NOATIME = 1024, BOX_MS_NODIRATIME = 2048, BOX_MS_BIND = 4096, BOX_MS_MOVE = 8192, BOX_MS_REC = 16384,
    BOX_MS_SILENT = 32768, BOX_MS_UNBINDABLE = 1 << 17, BOX_MS_PRIVATE = 1 << 18, BOX_MS_SLAVE = 1 << 19,
    BOX_MS_SHARED = 1 << 20, BOX_MS_RELATIME = 1 << 21, BOX_MS_I_VERSION = 1 << 23,
    BOX_MS_STRICTATIME = 1 << 24, BOX_MS_LAZYTIME = 1 << 25;
static const int BOX_MNT_DETACH = 2;
static const int BOX_UMOUNT_NOFOLLOW = 8;

/* The new mount API: fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2). */
static const unsigned BOX_FSCONFIG_SET_FLAG = 0, BOX_FSCONFIG_SET_STRING = 1, BOX_FSCONFIG_SET_FD = 5,
    BOX_FSCONFIG_CMD_CREATE = 6, BOX_FSCONFIG_CMD_RECONFIGURE = 7;
static const unsigned BOX_OPEN_TREE_CLONE = 1;
static const unsigned BOX_MOVE_MOUNT_F_EMPTY_PATH = 0x4, BOX_MOVE_MOUNT_T_EMPTY_PATH = 0x40;
static const uint64_t BOX_MOUNT_ATTR_RDONLY = 0x1, BOX_MOUNT_ATTR_NOSUID = 0x2, BOX_MOUNT_ATTR_NODEV = 0x4,
    BOX_MOUNT_ATTR_NOEXEC = 0x8, BOX_MOUNT_ATTR__ATIME = 0x70, BOX_MOUNT_ATTR_RELATIME = 0,
    BOX_MOUNT_ATTR_NOATIME = 0x10, BOX_MOUNT_ATTR_STRICTATIME = 0x20, BOX_MOUNT_ATTR_NODIRATIME = 0x80,
    BOX_MOUNT_ATTR_IDMAP = 0x100000, BOX_MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

/* ---- Files ---- */
int box_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int box_pipe2(int fds[2], int flags);
int box_dup3(int old_fd, int new_fd, int flags);
int box_close_range(unsigned first, unsigned last, unsigned flags);
int box_memfd_create(const char *name, unsigned flags);
int box_renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags);
ssize_t box_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length);
ssize_t box_splice(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length, unsigned flags);
int box_fallocate(int fd, int mode, int64_t offset, int64_t length);
int box_syncfs(int fd);
ssize_t box_getdents64(int fd, void *buffer, size_t length);
int box_ficlone(int destination, int source);
/* Adds FS_TOPDIR_FL to a directory's flags, ioctl_iflags(2). */
int box_set_topdir(int fd);

/* statx(2) with STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, flattened. */
struct box_stat {
    uint32_t mode, uid, gid, nlink;
    uint64_t ino, size, blocks, mnt_id;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    int64_t atime_sec, mtime_sec, ctime_sec;
    uint32_t atime_nsec, mtime_nsec, ctime_nsec;
    uint32_t is_mount_root;
};
int box_statx(int dirfd, const char *path, int flags, struct box_stat *out);

struct box_statfs {
    int64_t type;
    uint64_t block_size, blocks, blocks_free, blocks_available, files, files_free;
};
int box_fstatfs(int fd, struct box_statfs *out);

/* The system call itself; the number of bytes with the NUL. */
long box_getcwd(char *buffer, size_t size);
uint64_t box_makedev(unsigned major, unsigned minor);
int box_mknodat(int dirfd, const char *path, uint32_t mode, unsigned major, unsigned minor);

/* xattr(7); the l-forms never follow the last component. */
ssize_t box_lgetxattr(const char *path, const char *name, void *value, size_t size);
int box_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags);
ssize_t box_llistxattr(const char *path, char *list, size_t size);
int box_lremovexattr(const char *path, const char *name);
/* These follow: for /proc/self/fd/N, which leads to an open file whatever it was opened for. */
ssize_t box_getxattr(const char *path, const char *name, void *value, size_t size);
int box_setxattr(const char *path, const char *name, const void *value, size_t size, int flags);
ssize_t box_listxattr(const char *path, char *list, size_t size);
int box_removexattr(const char *path, const char *name);
ssize_t box_fgetxattr(int fd, const char *name, void *value, size_t size);
int box_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
ssize_t box_flistxattr(int fd, char *list, size_t size);

/* ---- Mounts and namespaces ---- */
int box_unshare(int flags);
int box_setns(int fd, int flags);
int box_pivot_root(const char *new_root, const char *put_old);
int box_fsopen(const char *type, unsigned flags);
int box_fsconfig(int fd, unsigned command, const char *key, const char *value, int aux);
int box_fsmount(int fd, unsigned flags, unsigned attributes);
int box_open_tree(int dirfd, const char *path, unsigned flags);
int box_move_mount(int from_fd, const char *from_path, int to_fd, const char *to_path, unsigned flags);
int box_mount_setattr(int dirfd, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                      uint64_t propagation, int userns_fd);

/* ---- Readiness ---- */
struct box_epoll_event {
    uint32_t events;
    uint64_t data;
};
int box_epoll_create(void);
int box_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data);
/* At most 64 events a call. */
int box_epoll_wait(int epoll, struct box_epoll_event *events, int maximum, int timeout_ms);
int box_eventfd(unsigned initial);
/* A non-blocking signalfd for the signals whose bit (1 << (number - 1)) is set; they must be blocked. */
int box_signalfd(uint64_t mask);
/* Reads one pending signal; returns its number, or -1. */
int box_signalfd_read(int fd);
/* Blocks (block = 1) or unblocks the signals of the mask for the calling thread. */
int box_sigmask(int block, uint64_t mask);
/* A non-blocking CLOCK_BOOTTIME timer. */
int box_timerfd(void);
int box_timerfd_set(int fd, int64_t nanoseconds_from_now);

/* ---- Sockets ---- */
int box_accept4(int fd, int flags);
/* sendmsg/recvmsg with SCM_RIGHTS. Received descriptors are close-on-exec; *fd_count is in-out. */
ssize_t box_send_fds(int socket, const void *data, size_t length, const int *fds, int fd_count, int flags);
ssize_t box_recv_fds(int socket, void *data, size_t length, int *fds, int *fd_count, int flags);
/* bind(2) and connect(2) of AF_UNIX. The path must fit sun_path (107 bytes). */
int box_unix_bind(int fd, const char *path);
int box_unix_connect(int fd, const char *path);
int box_unix_peer(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);
/* Sets IFF_UP on a network interface of the calling thread's network namespace. */
int box_interface_up(const char *name);

/* ---- Processes ---- */
long box_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int box_gettid(void);
int box_pidfd_open(int pid, unsigned flags);
int box_pidfd_send_signal(int pidfd, int signal);
int box_pidfd_getfd(int pidfd, int target_fd);
/* waitid(P_PIDFD or P_PID or P_ALL). *pid is 0 when WNOHANG found nothing. *status: exit code, or 128 + signal. */
int box_wait_pidfd(int pidfd, int no_hang, int *pid, int *status);
int box_wait_pid(int pid, int no_hang, int *out_pid, int *status);
int box_wait_any(int *pid, int *status);
int box_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
int box_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int box_prlimit(int pid, int resource, const uint64_t *soft_hard, uint64_t *old_soft_hard);
int box_setresuid(uint32_t uid);
int box_setresgid(uint32_t gid);
int box_setgroups(size_t count, const uint32_t *groups);
int box_setdomainname(const char *name, size_t length);
ssize_t box_getrandom(void *buffer, size_t length);
/* seccomp(SECCOMP_SET_MODE_FILTER) with `count` struct sock_filter (8 bytes each). */
int box_seccomp_filter(const void *program, unsigned short count, unsigned flags);
/* bpf(2); `attributes` is the union bpf_attr, of which `size` bytes are given. */
int box_bpf(int command, void *attributes, unsigned size);
/* A fresh session keyring, so that no key of the caller is seen: keyctl(2) JOIN_SESSION_KEYRING. */
int box_join_session_keyring(const char *name);
int box_sched_setaffinity(int pid, const uint8_t *mask, size_t length);
int box_sched_setattr(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime,
                      uint64_t deadline, uint64_t period);
int box_personality(unsigned long persona);
int box_ioprio_set(int which, int who, int value);
/* Every signal to its default, none blocked: what a program started by us expects. */
void box_reset_signals(void);
int box_execve(const char *path, char *const argv[], char *const envp[]);

/*
 * Gives back memory that a process with one thread does not use at the moment: freed memory, instructions (which are
 * read from the program's file again), and the unused part of the stack.
 */
void box_trim_memory(void);
void box_release_memory(void);

/* Terminals */
int box_set_window_size(int fd, unsigned short rows, unsigned short columns);
int box_get_window_size(int fd, unsigned short *rows, unsigned short *columns);
int box_unlock_pty(int master);
int box_pty_number(int master);
int box_pty_peer(int master, int flags);
int box_set_controlling_terminal(int fd);
int box_bytes_readable(int fd);

/*
 * Starts a program from a process with threads: clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD) + execve, so
 * that nothing of Swift runs in between. The child gets exactly fds[i] as descriptor i (-1: /dev/null),
 * no others, default signal dispositions, no blocked signals, a session of its own when `new_session`.
 * Returns the pid, or -1 with errno (of clone, or of the exec when that failed).
 */
struct box_spawn_request {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *directory; /* NULL: the caller's */
    const int *fds;
    int fd_count;
    int new_session;
};
int box_spawn(const struct box_spawn_request *request, int *pidfd);

#endif
