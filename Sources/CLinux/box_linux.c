#define _GNU_SOURCE
#include "box_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel's own numbers, for glibc older than the call (asm-generic; the same on every newer port). */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* ---- Files ---- */

int box_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct { uint64_t flags, mode, resolve; } how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}
int box_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }
int box_dup3(int old_fd, int new_fd, int flags) { return dup3(old_fd, new_fd, flags); }
int box_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
int box_memfd_create(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }
int box_renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags) {
    return (int)syscall(SYS_renameat2, old_dir, old_path, new_dir, new_path, flags);
}
ssize_t box_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length) {
    return copy_file_range(in, in_offset, out, out_offset, length, 0);
}
ssize_t box_splice(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length, unsigned flags) {
    return splice(in, in_offset, out, out_offset, length, flags);
}
int box_fallocate(int fd, int mode, int64_t offset, int64_t length) { return fallocate(fd, mode, offset, length); }
int box_syncfs(int fd) { return syncfs(fd); }
ssize_t box_getdents64(int fd, void *buffer, size_t length) { return syscall(SYS_getdents64, fd, buffer, length); }
int box_ficlone(int destination, int source) { return ioctl(destination, FICLONE, source); }
int box_set_topdir(int fd) {
    int flags;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return -1;
    flags |= FS_TOPDIR_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int box_statx(int dirfd, const char *path, int flags, struct box_stat *out) {
    struct statx s;
    unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID;
    if (statx(dirfd, path, flags | AT_NO_AUTOMOUNT, mask, &s) != 0) return -1;
    *out = (struct box_stat){
        .mode = s.stx_mode, .uid = s.stx_uid, .gid = s.stx_gid, .nlink = s.stx_nlink,
        .ino = s.stx_ino, .size = s.stx_size, .blocks = s.stx_blocks, .mnt_id = s.stx_mnt_id,
        .dev_major = s.stx_dev_major, .dev_minor = s.stx_dev_minor,
        .rdev_major = s.stx_rdev_major, .rdev_minor = s.stx_rdev_minor,
        .atime_sec = s.stx_atime.tv_sec, .mtime_sec = s.stx_mtime.tv_sec, .ctime_sec = s.stx_ctime.tv_sec,
        .atime_nsec = s.stx_atime.tv_nsec, .mtime_nsec = s.stx_mtime.tv_nsec, .ctime_nsec = s.stx_ctime.tv_nsec,
        .is_mount_root = (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
    };
    return 0;
}
int box_fstatfs(int fd, struct box_statfs *out) {
    struct statfs s;
    if (fstatfs(fd, &s) != 0) return -1;
    *out = (struct box_statfs){s.f_type, (uint64_t)s.f_bsize, s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree};
    return 0;
}
long box_getcwd(char *buffer, size_t size) { return syscall(SYS_getcwd, buffer, size); }
uint64_t box_makedev(unsigned major, unsigned minor) { return makedev(major, minor); }
int box_mknodat(int dirfd, const char *path, uint32_t mode, unsigned major, unsigned minor) {
    return mknodat(dirfd, path, mode, makedev(major, minor));
}

ssize_t box_lgetxattr(const char *path, const char *name, void *value, size_t size) {
    return lgetxattr(path, name, value, size);
}
int box_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    return lsetxattr(path, name, value, size, flags);
}
ssize_t box_llistxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }
int box_lremovexattr(const char *path, const char *name) { return lremovexattr(path, name); }
ssize_t box_getxattr(const char *path, const char *name, void *value, size_t size) {
    return getxattr(path, name, value, size);
}
int box_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    return setxattr(path, name, value, size, flags);
}
ssize_t box_listxattr(const char *path, char *list, size_t size) { return listxattr(path, list, size); }
int box_removexattr(const char *path, const char *name) { return removexattr(path, name); }
ssize_t box_fgetxattr(int fd, const char *name, void *value, size_t size) { return fgetxattr(fd, name, value, size); }
int box_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
    return fsetxattr(fd, name, value, size, flags);
}
ssize_t box_flistxattr(int fd, char *list, size_t size) { return flistxattr(fd, list, size); }

/* ---- Mounts and namespaces ---- */

int box_unshare(int flags) { return unshare(flags); }
int box_setns(int fd, int flags) { return setns(fd, flags); }
int box_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
int box_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }
int box_fsconfig(int fd, unsigned command, const char *key, const char *value, int aux) {
    return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}
int box_fsmount(int fd, unsigned flags, unsigned attributes) {
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}
int box_open_tree(int dirfd, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}
int box_move_mount(int from_fd, const char *from_path, int to_fd, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from_fd, from_path, to_fd, to_path, flags);
}
int box_mount_setattr(int dirfd, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                      uint64_t propagation, int userns_fd) {
    struct { uint64_t set, clear, propagation, userns_fd; } a = {
        set, clear, propagation, userns_fd < 0 ? 0 : (uint64_t)userns_fd};
    return (int)syscall(SYS_mount_setattr, dirfd, path, flags, &a, sizeof a);
}

/* ---- Readiness ---- */

int box_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
int box_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, fd, &event);
}
int box_epoll_wait(int epoll, struct box_epoll_event *events, int maximum, int timeout_ms) {
    struct epoll_event buffer[64];
    int count = epoll_wait(epoll, buffer, maximum < 64 ? maximum : 64, timeout_ms);
    for (int i = 0; i < count; i++) {
        events[i].events = buffer[i].events;
        events[i].data = buffer[i].data.u64;
    }
    return count;
}
int box_eventfd(unsigned initial) { return eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK); }

static sigset_t set_of(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number <= 64; number++)
        if (mask & (1ull << (number - 1))) sigaddset(&set, number);
    return set;
}
int box_signalfd(uint64_t mask) {
    sigset_t set = set_of(mask);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
int box_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t got = read(fd, &info, sizeof info);
    return got == (ssize_t)sizeof info ? (int)info.ssi_signo : -1;
}
int box_sigmask(int block, uint64_t mask) {
    sigset_t set = set_of(mask);
    errno = pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    return errno == 0 ? 0 : -1;
}
int box_timerfd(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK); }
int box_timerfd_set(int fd, int64_t nanoseconds) {
    struct itimerspec spec = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
    return timerfd_settime(fd, 0, &spec, NULL);
}

/* ---- Sockets ---- */

int box_accept4(int fd, int flags) { return accept4(fd, NULL, NULL, flags); }

#define BOX_MAX_FDS 32
ssize_t box_send_fds(int socket, const void *data, size_t length, const int *fds, int fd_count, int flags) {
    union { char bytes[CMSG_SPACE(sizeof(int) * BOX_MAX_FDS)]; struct cmsghdr align; } control;
    struct iovec vector = {(void *)data, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd_count > BOX_MAX_FDS) { errno = EINVAL; return -1; }
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fd_count);
    }
    return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}
ssize_t box_recv_fds(int socket, void *data, size_t length, int *fds, int *fd_count, int flags) {
    union { char bytes[CMSG_SPACE(sizeof(int) * BOX_MAX_FDS)]; struct cmsghdr align; } control;
    struct iovec vector = {data, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1,
                             .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    int wanted = *fd_count;
    *fd_count = 0;
    ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
            if (*fd_count < wanted) fds[(*fd_count)++] = fd;
            else close(fd);
        }
    }
    return got;
}

static int unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address->sun_path, path);
    return 0;
}
int box_unix_bind(int fd, const char *path) {
    struct sockaddr_un address;
    if (unix_address(&address, path) != 0) return -1;
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}
int box_unix_connect(int fd, const char *path) {
    struct sockaddr_un address;
    if (unix_address(&address, path) != 0) return -1;
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}
int box_unix_peer(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
    *pid = peer.pid; *uid = peer.uid; *gid = peer.gid;
    return 0;
}
int box_interface_up(const char *name) {
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP;
        result = ioctl(fd, SIOCSIFFLAGS, &request);
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

/* ---- Processes ---- */

long box_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
int box_gettid(void) { return (int)syscall(SYS_gettid); }
int box_pidfd_open(int pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
int box_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
int box_pidfd_getfd(int pidfd, int target_fd) { return (int)syscall(SYS_pidfd_getfd, pidfd, target_fd, 0); }

static int wait_id(idtype_t type, id_t id, int flags, int *pid, int *status) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(type, id, &info, WEXITED | flags) != 0) return -1;
    *pid = info.si_pid;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 0;
}
int box_wait_pidfd(int pidfd, int no_hang, int *pid, int *status) {
    return wait_id((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, no_hang ? WNOHANG : 0, pid, status);
}
int box_wait_pid(int pid, int no_hang, int *out_pid, int *status) {
    return wait_id(P_PID, (id_t)pid, no_hang ? WNOHANG : 0, out_pid, status);
}
int box_wait_any(int *pid, int *status) { return wait_id(P_ALL, 0, WNOHANG, pid, status); }

int box_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}
int box_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}
int box_prlimit(int pid, int resource, const uint64_t *soft_hard, uint64_t *old_soft_hard) {
    return (int)syscall(SYS_prlimit64, pid, resource, soft_hard, old_soft_hard);
}
/* The raw calls: for the calling thread alone, which is all there is where these are used. */
int box_setresuid(uint32_t uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
int box_setresgid(uint32_t gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
int box_setgroups(size_t count, const uint32_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }
int box_setdomainname(const char *name, size_t length) { return setdomainname(name, length); }
ssize_t box_getrandom(void *buffer, size_t length) { return getrandom(buffer, length, 0); }
int box_seccomp_filter(const void *program, unsigned short count, unsigned flags) {
    struct { unsigned short length; const void *filter; } prog = {count, program};
    return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, flags, &prog);
}
int box_bpf(int command, void *attributes, unsigned size) {
    return (int)syscall(SYS_bpf, command, attributes, size);
}
int box_join_session_keyring(const char *name) {
    return (int)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, name);
}
int box_sched_setaffinity(int pid, const uint8_t *mask, size_t length) {
    return (int)syscall(SYS_sched_setaffinity, pid, length, mask);
}
int box_sched_setattr(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority, uint64_t runtime,
                      uint64_t deadline, uint64_t period) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {sizeof attributes, policy, flags, nice, priority, runtime, deadline, period};
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
int box_personality(unsigned long persona) { return personality(persona); }
int box_ioprio_set(int which, int who, int value) { return (int)syscall(SYS_ioprio_set, which, who, value); }

void box_reset_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    /* The system call itself: glibc keeps two signals for its threads (32, 33) and refuses to touch them, but whoever
       started us may have left them ignored. All zero: SIG_DFL, no flags, no mask; the same on every architecture. */
    static const char standard[64];
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, standard, NULL, 8); /* KILL and STOP fail: as they should */
    sigprocmask(SIG_SETMASK, &none, NULL);
}
int box_execve(const char *path, char *const argv[], char *const envp[]) { return execve(path, argv, envp); }

int box_set_window_size(int fd, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
int box_get_window_size(int fd, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
int box_unlock_pty(int master) {
    int zero = 0;
    return ioctl(master, TIOCSPTLCK, &zero);
}
int box_pty_number(int master) {
    unsigned number = 0;
    return ioctl(master, TIOCGPTN, &number) == 0 ? (int)number : -1;
}
int box_pty_peer(int master, int flags) { return ioctl(master, TIOCGPTPEER, flags); }
int box_set_controlling_terminal(int fd) { return ioctl(fd, TIOCSCTTY, 0); }
int box_bytes_readable(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) == 0 ? count : -1;
}

/* ---- box_spawn ---- */

struct spawn_state {
    const struct box_spawn_request *request;
    int null_fd;
    int error;
};

/* Runs in the parent's memory on a stack of its own: system calls only. */
static int spawn_child(void *argument) {
    struct spawn_state *state = argument;
    const struct box_spawn_request *r = state->request;
    box_reset_signals();
    if (r->new_session) setsid();
    if (r->directory && chdir(r->directory) != 0) goto failed;
    /* First all of them out of the way of the targets 0..<count, then down to where they belong. */
    int moved[64];
    for (int i = 0; i < r->fd_count; i++) {
        moved[i] = fcntl(r->fds[i] < 0 ? state->null_fd : r->fds[i], F_DUPFD_CLOEXEC, 64);
        if (moved[i] < 0) goto failed;
    }
    for (int i = 0; i < r->fd_count; i++)
        if (dup2(moved[i], i) < 0) goto failed;
    if (syscall(SYS_close_range, (unsigned)r->fd_count, ~0u, 0) != 0) goto failed;
    execve(r->path, r->argv, r->envp);
failed:
    state->error = errno;
    _exit(127);
}

int box_spawn(const struct box_spawn_request *request, int *pidfd) {
    enum { stack_size = 256 * 1024 };
    if (request->fd_count > 64) { errno = EINVAL; return -1; }
    struct spawn_state state = {request, open("/dev/null", O_RDWR | O_CLOEXEC), 0};
    if (state.null_fd < 0) return -1;
    char *stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) { int e = errno; close(state.null_fd); errno = e; return -1; }
    /* A handler of ours must not run on the child's stack, in the memory both share. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int fd = -1;
    int pid = clone(spawn_child, stack + stack_size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &state, &fd);
    int error = pid < 0 ? errno : state.error;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, stack_size);
    close(state.null_fd);
    if (pid >= 0 && error != 0) { /* the exec failed: reap what is left of the child */
        siginfo_t info;
        waitid(P_PID, (id_t)pid, &info, WEXITED);
        close(fd);
        pid = -1;
    }
    if (pid < 0) { errno = error; return -1; }
    *pidfd = fd;
    return pid;
}

/* From the linker: where the program's instructions begin and end. */
extern char __executable_start[], etext[];

static const uintptr_t page = 4096, mask = ~(uintptr_t)4095;

void box_trim_memory(void) {
    malloc_trim(0);
    /* Nobody writes to instructions: they come back from the file when they are needed. */
    uintptr_t start = ((uintptr_t)__executable_start + page - 1) & mask, end = (uintptr_t)etext & mask;
    if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
}

void box_release_memory(void) {
    box_trim_memory();
    /* What deeper calls left below this one; the kernel keeps other mappings further away. */
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) & mask) - page;
    madvise((void *)(top - 128 * 1024), 128 * 1024, MADV_DONTNEED);
}
