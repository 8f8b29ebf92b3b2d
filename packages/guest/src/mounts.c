#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void load_modules(void) {
  char path[256];
  FILE *list = fopen("/m/modules.list", "r");
  if (!list) return;
  while (fgets(path, sizeof path, list)) {
    path[strcspn(path, "\n")] = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST) perror(path);
    close(fd);
  }
  fclose(list);
}

void mounts_boot(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755), mkdir("/v", 0755), mkdir("/c", 0755);
  mount("proc", "/proc", "proc", 0, "");
  mount("sysfs", "/sys", "sysfs", 0, "");
  mount("dev", "/dev", "devtmpfs", 0, "");
  mkdir("/dev/pts", 0755), mkdir("/dev/shm", 01777);
  mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666,gid=5,mode=620");
  mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777");
  mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, "");
  mount("volumes", "/v", "tmpfs", 0, "mode=755");
  mount("roots", "/c", "tmpfs", 0, "mode=755");
  int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (write(fd, "+memory +cpu +pids", 18) < 0) perror("cgroup controllers");
    close(fd);
  }
  symlink("/proc/self/fd", "/dev/fd");
  symlink("/proc/self/fd/0", "/dev/stdin");
  symlink("/proc/self/fd/1", "/dev/stdout");
  symlink("/proc/self/fd/2", "/dev/stderr");
  load_modules();
}

static int bind(const char *from, const char *to, int read_only) {
  struct stat about;
  if (stat(from, &about)) return -1;
  if (S_ISDIR(about.st_mode)) make_dirs(to);
  else {
    char parent[4096];
    snprintf(parent, sizeof parent, "%s", to);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0, make_dirs(parent);
    int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0) close(fd);
  }
  if (mount(from, to, NULL, MS_BIND | MS_REC, NULL)) return -1;
  return read_only ? mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) : 0;
}

/* The image below, a fresh tmpfs above: starting again forgets what the container wrote. */
int mount_root(struct task *task, char *body, size_t length) {
  char base[48], lower[64], upper[64], options[256], path[4600], from[4600];
  snprintf(base, sizeof base, "/c/%u", task->id);
  snprintf(task->root, sizeof task->root, "%s/root", base);
  snprintf(lower, sizeof lower, "%s/lower", base);
  snprintf(upper, sizeof upper, "%s/rw", base);
  while (!umount2(task->root, MNT_DETACH)) {}
  umount2(upper, MNT_DETACH);
  umount2(lower, MNT_DETACH);
  make_dirs(task->root), make_dirs(lower), make_dirs(upper);
  snprintf(path, sizeof path, "/dev/%s", field(body, length, "root"));
  for (int tries = 0; tries < 2500 && access(path, F_OK); tries++) usleep(2000);
  if (mount(path, lower, "squashfs", MS_RDONLY, "")) return -1;
  if (mount("rw", upper, "tmpfs", 0, "mode=755")) return -1;
  snprintf(path, sizeof path, "%s/up", upper), mkdir(path, 0755);
  snprintf(path, sizeof path, "%s/work", upper), mkdir(path, 0755);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/up,workdir=%s/work", lower, upper, upper);
  if (mount("overlay", task->root, "overlay", 0, options)) return -1;
  const char *pairs[][2] = {{"/proc", "proc"}, {"/sys", "sys"}, {"/dev", "dev"}, {"/etc/hosts", "etc/hosts"},
    {"/etc/resolv.conf", "etc/resolv.conf"}, {"/etc/hostname", "etc/hostname"}};
  for (size_t i = 0; i < 6; i++) {
    snprintf(path, sizeof path, "%s/%s", task->root, pairs[i][1]);
    bind(pairs[i][0], path, 0);
  }
  char *mounts[64];
  size_t n = fields(body, length, "mount", mounts, 64);
  for (size_t i = 0; i < n; i++) { /* ro|rw : volume path : path in the container */
    char *first = strchr(mounts[i], ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second) continue;
    snprintf(from, sizeof from, "/v/%.*s", (int)(second - first - 1), first + 1);
    snprintf(path, sizeof path, "%s/%s", task->root, second + 1);
    if (access(from, F_OK)) make_dirs(from), chmod(from, 0777);
    if (bind(from, path, !strncmp(mounts[i], "ro", 2))) return -1;
  }
  if (*field(body, length, "readonly"))
    return mount(NULL, task->root, NULL, MS_REMOUNT | MS_RDONLY, options);
  return 0;
}

/* path, zero byte, mode in octal, zero byte, content */
void write_file(char *body, size_t length) {
  char *zero = memchr(body, 0, length), path[4200];
  if (!zero || strstr(body, "..")) return;
  char *mode = zero + 1, *end = memchr(mode, 0, length - (mode - body));
  if (!end) return;
  snprintf(path, sizeof path, "/v/%s", body);
  char *slash = strrchr(path, '/');
  *slash = 0, make_dirs(path), *slash = '/';
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, end + 1, length - (end + 1 - body)) < 0) perror(path);
  fchmod(fd, strtol(mode, NULL, 8));
  close(fd);
}
