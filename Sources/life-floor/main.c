/*
 * What the kernel alone takes for lives of containers: the least that an engine has to ask of it, and nothing besides;
 * no client, daemon, database, configuration, log or record. A floor for scripts/bench.
 *
 *     life-floor ROOT PLACE CGROUP CLIENTS SECONDS
 *
 * ROOT: a directory with bin/busybox. PLACE: a directory for layers. CGROUP: the name of a cgroup to make others in.
 * Each of CLIENTS processes has lives one after the other: the directories of a layer, a cgroup in each hierarchy, a
 * process in it with namespaces of its own, an overlay with /proc, /dev and /sys as its root, a filter of system calls,
 * `busybox true`, and all of it away again. Prints the lives of all, and the seconds they took.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_HIERARCHIES = 32, PATH_SPACE = 512 };

static char hierarchies[MOST_HIERARCHIES][PATH_SPACE];
static int hierarchy_count;

static void fail(const char *what, const char *on) {
    fprintf(stderr, "life-floor: %s %s: %s\n", what, on, strerror(errno));
    _exit(1);
}

static void put(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) < 0) fail("write", path);
    close(file);
}

/* Where cgroup file systems are mounted, version 1 and 2. */
static void find_hierarchies(void) {
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char source[PATH_SPACE], place[PATH_SPACE], type[64];
    if (!mounts) fail("open", "/proc/self/mounts");
    while (hierarchy_count < MOST_HIERARCHIES &&
           fscanf(mounts, "%511s %511s %63s %*[^\n]", source, place, type) == 3)
        if (!strcmp(type, "cgroup") || !strcmp(type, "cgroup2")) strcpy(hierarchies[hierarchy_count++], place);
    fclose(mounts);
}

static void copy_setting(const char *from, const char *to, const char *name) {
    char path[2 * PATH_SPACE], value[256];
    snprintf(path, sizeof path, "%s/%s", from, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t count = read(file, value, sizeof value - 1);
    close(file);
    if (count <= 1) return;
    value[count] = 0;
    snprintf(path, sizeof path, "%s/%s", to, name);
    put(path, value);
}

/* A cgroup of this name in each hierarchy; in version 1 it has no processors and memory until it is told. */
static void make_cgroups(const char *name) {
    char path[2 * PATH_SPACE], parent[2 * PATH_SPACE];
    for (int i = 0; i < hierarchy_count; i++) {
        snprintf(path, sizeof path, "%s/%s", hierarchies[i], name);
        snprintf(parent, sizeof parent, "%s", path);
        *strrchr(parent, '/') = 0;
        if (mkdir(path, 0755) && errno != EEXIST) fail("mkdir", path);
        if (strstr(hierarchies[i], "cpuset")) {
            copy_setting(parent, path, "cpuset.cpus");
            copy_setting(parent, path, "cpuset.mems");
        }
    }
}

static void remove_cgroups(const char *name) {
    char path[2 * PATH_SPACE];
    for (int i = 0; i < hierarchy_count; i++) {
        snprintf(path, sizeof path, "%s/%s", hierarchies[i], name);
        for (int attempt = 0; rmdir(path) && errno == EBUSY && attempt < 1000; attempt++) usleep(100);
    }
}

static void mounted(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    if (mount(source, target, type, flags, data)) fail("mount", target);
}

/* As long as an engine's, and it allows everything: the kernel looks at every instruction of it. */
static void install_filter(void) {
    enum { LENGTH = 300 };
    static struct sock_filter code[LENGTH];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (int i = 1; i < LENGTH - 1; i++)
        code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 10000 + (unsigned)i, 0, 0);
    code[LENGTH - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {LENGTH, code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) fail("seccomp", "");
}

static void be_container(const char *root, const char *place, const char *cgroup) {
    char path[2 * PATH_SPACE], options[4 * PATH_SPACE];
    for (int i = 0; i < hierarchy_count; i++) {
        snprintf(path, sizeof path, "%s/%s/cgroup.procs", hierarchies[i], cgroup);
        put(path, "0");
    }
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)) fail("unshare", "");
    mounted(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL);
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", root, place, place);
    mounted("overlay", place, "overlay", 0, options);
    if (chdir(place)) fail("chdir", place);
    mkdir("proc", 0755);
    mkdir("dev", 0755);
    mkdir("sys", 0755);
    mounted("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mounted("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k");
    mounted("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/")) fail("pivot_root", place);
    install_filter();
    execl("/bin/busybox", "true", (char *)NULL);
    fail("execute", "/bin/busybox");
}

static void live(const char *root, const char *places, const char *cgroups, int client, long number) {
    char place[PATH_SPACE], path[2 * PATH_SPACE], cgroup[PATH_SPACE];
    snprintf(place, sizeof place, "%s/%d-%ld", places, client, number);
    snprintf(cgroup, sizeof cgroup, "%s/%d-%ld", cgroups, client, number);
    if (mkdir(place, 0700)) fail("mkdir", place);
    for (const char **name = (const char *[]){"upper", "work", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", place, *name);
        if (mkdir(path, 0755)) fail("mkdir", path);
    }
    make_cgroups(cgroup);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) fail("clone", "");
    if (pid == 0) be_container(root, place, cgroup);
    int status;
    if (waitpid(pid, &status, 0) != pid || status) {
        fprintf(stderr, "life-floor: a life ended with status %d\n", status);
        _exit(1);
    }
    remove_cgroups(cgroup);
    const char *made[] = {"upper/proc", "upper/dev", "upper/sys", "upper", "work/work", "work", "", NULL};
    for (const char **name = made; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", place, *name);
        rmdir(path);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: life-floor ROOT PLACE CGROUP CLIENTS SECONDS\n");
        return 2;
    }
    int clients = atoi(arguments[4]);
    double seconds = atof(arguments[5]), began = now();
    int results[2];
    find_hierarchies();
    make_cgroups(arguments[3]);
    if (pipe2(results, O_CLOEXEC)) fail("pipe", "");
    for (int client = 0; client < clients; client++) {
        if (fork()) continue;
        long lives = 0;
        do live(arguments[1], arguments[2], arguments[3], client, lives++);
        while (now() < began + seconds);
        if (write(results[1], &lives, sizeof lives) != sizeof lives) _exit(1);
        _exit(0);
    }
    close(results[1]);
    long all = 0, lives, ended = 0;
    while (read(results[0], &lives, sizeof lives) == sizeof lives) all += lives, ended++;
    while (wait(NULL) > 0) {}
    double took = now() - began;
    remove_cgroups(arguments[3]);
    printf("%ld %f\n", all, took);
    return ended == clients ? 0 : 1;
}
