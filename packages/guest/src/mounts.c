/* File systems: of the machine at boot, and of each container in a mount namespace of its own. */
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/blkpg.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MOUNTS = 64, PARTS = 32 };
/* Of the spare disk, as large as an image may be. */
static const int64_t part_bytes = 16ll << 30;

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

/* Disks come in no order that can be relied on; the host names each by its serial. */
static int find_disk(const char *serial, char *path, size_t size) {
  DIR *disks = opendir("/sys/block");
  struct dirent *entry;
  int found = 0;
  while (disks && !found && (entry = readdir(disks))) {
    char name[64] = "";
    snprintf(path, size, "/sys/block/%s/serial", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    found = fgets(name, sizeof name, file) && !strcmp((name[strcspn(name, "\n")] = 0, name), serial);
    fclose(file);
    if (found) snprintf(path, size, "/dev/%s", entry->d_name);
  }
  if (disks) closedir(disks);
  return found;
}

/* The disk may come up a moment after the machine. */
int wait_disk(const char *serial, char *path, size_t size) {
  for (int tries = 0; tries < 2500; tries++, usleep(2000)) if (find_disk(serial, path, size)) return 1;
  return errno = ENODEV, 0;
}

/* An image that came later is a part of the spare disk; its cache is its own, and empty until now. */
static int find_part(const char *number, char *disk, size_t size) {
  int part = atoi(number), fd = open(disk, O_RDONLY | O_CLOEXEC);
  struct blkpg_partition where = {.start = part * part_bytes, .length = part_bytes, .pno = part + 1};
  struct blkpg_ioctl_arg add = {.op = BLKPG_ADD_PARTITION, .datalen = sizeof where, .data = &where};
  int failed = fd < 0 || part < 0 || part >= PARTS || (ioctl(fd, BLKPG, &add) && errno != EBUSY);
  if (fd >= 0) close(fd);
  size_t at = strlen(disk);
  snprintf(disk + at, size - at, "%d", part + 1);
  return failed ? -1 : 0;
}

static int scrap(const char *path, const struct stat *about, int type, struct FTW *ftw) {
  (void)about, (void)type, (void)ftw;
  return remove(path), 0;
}

void mounts_boot(void) {
  const char *folders[] = {"/proc", "/sys", "/dev", "/v", "/c", "/s", "/d", "/i", "/etc"};
  for (size_t i = 0; i < 9; i++) mkdir(folders[i], 0755);
  mount("proc", "/proc", "proc", 0, "");
  mount("sysfs", "/sys", "sysfs", 0, "");
  mount("dev", "/dev", "devtmpfs", 0, "");
  mkdir("/dev/pts", 0755), mkdir("/dev/shm", 01777);
  mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666,gid=5,mode=620");
  mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, "");
  mount("volumes", "/v", "tmpfs", 0, "mode=755");
  mount("roots", "/c", "tmpfs", 0, "mode=755");
  int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
  if (fd >= 0 && write(fd, "+memory +cpu +pids", 18) < 0) perror("cgroup controllers");
  if (fd >= 0) close(fd);
  load_modules();
  char disk[320];
  if (!find_disk("scratch", disk, sizeof disk)) return;
  /* A disk that an older host made has no quotas. */
  if (mount(disk, "/s", "ext4", MS_NOATIME, "prjquota") && mount(disk, "/s", "ext4", MS_NOATIME, "")) {
    perror("scratch disk");
    return;
  }
  nftw("/s/c", scrap, 16, FTW_DEPTH | FTW_PHYS);
}

/* What the container leaves as its last word is mounted from here. */
void message_path(uint32_t id, char *path, size_t size) { snprintf(path, size, "/c/%u/message", id); }

/* The image below, an empty folder above: starting again forgets what the container wrote, unless it is kept. */
int mount_root(struct task *task, const char *body, size_t length) {
  char base[48], lower[64], upper[64], options[256], path[320];
  struct stat scratch, root;
  snprintf(base, sizeof base, "/c/%u", task->id);
  snprintf(task->root, sizeof task->root, "%s/root", base);
  snprintf(lower, sizeof lower, "%s/lower", base);
  while (!umount2(task->root, MNT_DETACH)) {}
  umount2(lower, MNT_DETACH);
  int on_disk = !stat("/s", &scratch) && !stat("/", &root) && scratch.st_dev != root.st_dev;
  const char *keep = field(body, length, "keep");
  if (*keep) snprintf(upper, sizeof upper, "/v/%.48s", keep);
  else snprintf(upper, sizeof upper, on_disk ? "/s/c/%u" : "/c/%u/rw", task->id);
  if (*keep && access(upper, F_OK)) return -1;
  if (!*keep) nftw(upper, scrap, 16, FTW_DEPTH | FTW_PHYS);
  make_dirs(task->root), make_dirs(lower), make_dirs(upper);
  message_path(task->id, path, sizeof path);
  int note = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (note < 0) return -1;
  fchmod(note, 0666), close(note);
  if (!wait_disk(field(body, length, "root"), path, sizeof path)) return -1;
  const char *part = field(body, length, "part");
  if (*part && find_part(part, path, sizeof path)) return -1;
  if (mount(path, lower, "squashfs", MS_RDONLY, "")) return -1;
  snprintf(path, sizeof path, "%s/up", upper), mkdir(path, 0755);
  snprintf(path, sizeof path, "%s/work", upper), mkdir(path, 0755);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/up,workdir=%s/work", lower, upper, upper);
  return mount("overlay", task->root, "overlay", 0, options);
}

/* A volume, or what is below it: links in there lead nowhere else. */
static int take_volume(const char *volume, const char *below) {
  char base[320], path[4600];
  snprintf(base, sizeof base, "/v/%s", volume);
  /* One that could not be made is not replaced by a folder that forgets. */
  if (access(base, F_OK)) return -1;
  snprintf(path, sizeof path, "%s/%s", base, below);
  if (access(path, F_OK)) make_dirs(path);
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  int root = open(base, O_PATH | O_CLOEXEC), at = syscall(SYS_openat2, root, *below ? below : ".", &how, sizeof how);
  int tree = at < 0 ? -1 : open_tree(at, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC);
  close(root), close(at);
  return tree;
}

static int put(int tree, const char *path, int read_only) {
  struct stat about;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  if (tree < 0 || fstat(tree, &about)) return -1;
  if (read_only && mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr)) return -1;
  if (S_ISDIR(about.st_mode)) make_dirs(path);
  else if (access(path, F_OK)) {
    char parent[4200];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) *slash = 0, make_dirs(parent);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0) close(fd);
  }
  return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static void make_devices(void) {
  const struct { const char *path; int major, minor; } nodes[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
  mount("dev", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k");
  umask(0);
  for (size_t i = 0; i < 6; i++) mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor));
  umask(022);
  if (symlink("pts/ptmx", "/dev/ptmx") || symlink("/proc/self/fd", "/dev/fd") ||
      symlink("/proc/self/fd/0", "/dev/stdin") || symlink("/proc/self/fd/1", "/dev/stdout") ||
      symlink("/proc/self/fd/2", "/dev/stderr")) perror("/dev");
}

/* Runs in the container's own namespaces. What is mounted is taken first and put in its place once the root is the
 * container's, so that links in the image lead inside it. Returns what went wrong. */
const char *enter_root(struct task *task, char *body, size_t length) {
  static char failure[256];
  char *mounts[MOUNTS], *target[MOUNTS], path[64];
  const char *message = field(body, length, "message");
  int trees[MOUNTS], privileged = *field(body, length, "privileged") == '1';
  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  size_t n = fields(body, length, "mount", mounts, MOUNTS);
  for (size_t i = 0; i < n; i++) { /* ro|rw : volume : path below it : path in the container */
    char *rest = mounts[i] + 3, *volume = strsep(&rest, ":"), *below = strsep(&rest, ":");
    target[i] = rest ? rest : "/";
    trees[i] = take_volume(volume, below ? below : "");
    if (trees[i] < 0) return snprintf(failure, sizeof failure, "volume %.64s: %s", volume, strerror(errno)), failure;
  }
  const char *shared[] = {"/dev/pts", "/dev/shm", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/dev"};
  int taken[6];
  for (int i = 0; i < 6; i++)
    taken[i] = open_tree(AT_FDCWD, shared[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (i == 5 ? AT_RECURSIVE : 0));
  message_path(task->id, path, sizeof path);
  int note = *message ? open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1;
  /* Nothing of the other containers stays in this namespace: it would keep their file systems alive after them. */
  int top = open_tree(AT_FDCWD, task->root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  const char *ours[] = {"/c", "/v", "/s", "/d", "/i"};
  for (int i = 0; i < 5; i++) umount2(ours[i], MNT_DETACH);
  if (fchdir(top) || move_mount(top, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) || chroot(".") || chdir("/"))
    return snprintf(failure, sizeof failure, "root: %s", strerror(errno)), failure;
  const char *folders[] = {"/proc", "/sys", "/dev", "/etc"};
  for (int i = 0; i < 4; i++) make_dirs(folders[i]);
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | (privileged ? 0 : MS_RDONLY), "");
  mount("cgroup", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | (privileged ? 0 : MS_RDONLY), "");
  if (privileged) put(taken[5], "/dev", 0);
  else {
    make_devices();
    for (int i = 0; i < 2; i++) put(taken[i], shared[i], 0);
  }
  for (int i = 2; i < 5; i++) put(taken[i], shared[i], 0);
  for (size_t i = 0; i < n; i++)
    if (put(trees[i], target[i], !strncmp(mounts[i], "ro", 2)))
      return snprintf(failure, sizeof failure, "mount on %.128s: %s", target[i], strerror(errno)), failure;
  if (*message && put(note, message, 0))
    return snprintf(failure, sizeof failure, "mount on %.128s: %s", message, strerror(errno)), failure;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  if (*field(body, length, "readonly") == '1' && mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr))
    return "read-only root";
  return NULL;
}

void unmount_all(void) {
  for (int i = 0; i < TASKS; i++) if (tasks[i].kind == K_CONTAINER) umount2(tasks[i].root, MNT_DETACH);
  sync();
  const char *holders[] = {"/v", "/d"};
  for (int i = 0; i < 2; i++) {
    char path[320];
    DIR *folder = opendir(holders[i]);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
      if (*entry->d_name != '.') snprintf(path, sizeof path, "%s/%s", holders[i], entry->d_name), umount2(path, 0);
    if (folder) closedir(folder);
  }
  umount2("/s", MNT_DETACH);
  sync();
}
