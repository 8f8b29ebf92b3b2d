/* Volumes of the machine, and the files that the host writes into them. */
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Everything below the folder, now empty or limited before, counts as one project; its number is the folder's inode. */
static void limit_folder(const char *path, uint64_t bytes) {
  struct stat about;
  struct fsxattr attributes;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about) || ioctl(fd, FS_IOC_FSGETXATTR, &attributes)) perror(path);
  else {
    struct dqblk limit = {.dqb_bhardlimit = (bytes + 1023) / 1024, .dqb_valid = QIF_BLIMITS};
    attributes.fsx_projid = about.st_ino, attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) ||
        syscall(SYS_quotactl_fd, fd, QCMD(Q_SETQUOTA, PRJQUOTA), about.st_ino, &limit)) perror(path);
  }
  if (fd >= 0) close(fd);
}

static int mount_disk(const char *disk, const char *path, int read_only) {
  const char *kinds[] = {"ext4", "iso9660", "squashfs"};
  for (int i = 0; i < 3; i++) {
    int only = read_only || i > 0; /* What cannot be written has no journal to be replayed. */
    const char *options = only && i == 0 ? "noload" : "";
    if (!mount(disk, path, kinds[i], MS_NOATIME | (only ? MS_RDONLY : 0), options)) return 0;
  }
  return -1;
}

/* A disk of the machine's own, alone or over the root of an image. */
static int mount_volume(const char *path, const char *name, const char *body, size_t length) {
  char disk[320], image[320], below[64], above[64], upper[96], work[96], options[512];
  int read_only = *field(body, length, "readonly") == '1', over = *field(body, length, "image") != 0;
  if (over && !wait_disk(field(body, length, "image"), image, sizeof image)) return -1;
  if (over && read_only) return mount(image, path, "squashfs", MS_RDONLY, "");
  if (!wait_disk(field(body, length, "disk"), disk, sizeof disk)) return -1;
  if (!over) return mount_disk(disk, path, read_only);
  snprintf(below, sizeof below, "/i/%.48s", name), snprintf(above, sizeof above, "/d/%.48s", name);
  snprintf(upper, sizeof upper, "%s/up", above), snprintf(work, sizeof work, "%s/work", above);
  mkdir(below, 0755), mkdir(above, 0755);
  if (mount(image, below, "squashfs", MS_RDONLY, "") || mount_disk(disk, above, 0)) return -1;
  mkdir(upper, 0755), mkdir(work, 0755);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", below, upper, work);
  return mount("overlay", path, "overlay", 0, options);
}

static gid_t new_group;

static int give(const char *path, const struct stat *about, int type, struct FTW *ftw) {
  (void)ftw;
  if (type == FTW_SL || type == FTW_SLN || type == FTW_NS) return 0;
  mode_t more = type == FTW_F ? 0660 : 02770;
  if (lchown(path, -1, new_group) || chmod(path, (about->st_mode & 07777) | more)) perror(path);
  return 0;
}

/* The group that is to own the volume. What is there is given to it as well: always, or when the top is not its yet. */
static void give_tree(const char *path, const char *body, size_t length) {
  const char *group = field(body, length, "group");
  struct stat top;
  if (!*group || stat(path, &top)) return;
  new_group = strtoul(group, NULL, 10);
  int owned = top.st_gid == new_group && (top.st_mode & 02770) == 02770;
  if (!owned || *field(body, length, "always") == '1') nftw(path, give, 16, FTW_PHYS | FTW_MOUNT);
}

/* A volume that exists stays as it is: the request is repeated after the host was replaced. */
void make_volume(char *body, size_t length) {
  char path[320], disk[320], options[64];
  const char *name = field(body, length, "name"), *bytes = field(body, length, "bytes");
  struct stat scratch, root;
  if (!*name || strchr(name, '/') || *name == '.') return;
  snprintf(path, sizeof path, "/v/%s", name);
  if (!access(path, F_OK)) return;
  mkdir(path, 0777), chmod(path, 0777);
  if (!strcmp(field(body, length, "kind"), "disk")) {
    if (mount_volume(path, name, body, length)) perror(path), rmdir(path);
    else if (*field(body, length, "readonly") != '1') give_tree(path, body, length);
    return;
  }
  int on_disk = !stat("/s", &scratch) && !stat("/", &root) && scratch.st_dev != root.st_dev;
  if (!strcmp(field(body, length, "kind"), "scratch") && on_disk) {
    snprintf(disk, sizeof disk, "/s/v/%s", name);
    if (access(disk, F_OK)) make_dirs(disk), chmod(disk, 0777);
    if (strtoull(bytes, NULL, 10)) limit_folder(disk, strtoull(bytes, NULL, 10));
    if (mount(disk, path, NULL, MS_BIND, NULL)) perror(path);
    give_tree(path, body, length);
    return;
  }
  snprintf(options, sizeof options, *bytes && strcmp(bytes, "0") ? "mode=777,size=%s" : "mode=777", bytes);
  if (mount(name, path, "tmpfs", 0, options)) perror(path);
  give_tree(path, body, length);
}

/* path, zero byte, mode in octal and perhaps a colon and a group, zero byte, content */
void write_file(char *body, size_t length) {
  char *zero = memchr(body, 0, length), path[4200], fresh[4210], parts[4200];
  char *mode = zero + 1, *end = zero ? memchr(mode, 0, length - (mode - body)) : NULL;
  if (!end) return;
  snprintf(parts, sizeof parts, "%s", body);
  for (char *save, *part = strtok_r(parts, "/", &save); part; part = strtok_r(NULL, "/", &save))
    if (!strcmp(part, "..")) return;
  snprintf(path, sizeof path, "/v/%s", body);
  snprintf(fresh, sizeof fresh, "%s.new~", path);
  char *slash = strrchr(path, '/');
  *slash = 0, make_dirs(path), *slash = '/';
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) { perror(path); return; }
  size_t rest = length - (end + 1 - body);
  for (char *at = end + 1; rest > 0;) {
    ssize_t n = write(fd, at, rest);
    if (n <= 0) { perror(path); break; }
    at += n, rest -= n;
  }
  const char *group = strchr(mode, ':');
  if (group && fchown(fd, -1, strtoul(group + 1, NULL, 10))) perror(path);
  fchmod(fd, strtol(mode, NULL, 8));
  close(fd);
  if (rest > 0 || rename(fresh, path)) unlink(fresh);
}

static int drop_folder(const char *path, const struct stat *about, int type, struct FTW *ftw) {
  (void)about, (void)type, (void)ftw;
  return remove(path), 0;
}

/* Lets all names of a volume lead to another set of files in one act, as programs that watch ..data expect it. */
void publish(char *body, size_t length) {
  char top[320], path[900], to[900];
  const char *name = field(body, length, "name"), *set = field(body, length, "set");
  if (!*name || strchr(name, '/') || *name == '.' || strncmp(set, "..", 2) || strchr(set, '/')) return;
  snprintf(top, sizeof top, "/v/%s", name);
  snprintf(path, sizeof path, "%s/..data_tmp", top), snprintf(to, sizeof to, "%s/..data", top);
  unlink(path);
  if (symlink(set, path) || rename(path, to)) { perror(to); return; }
  snprintf(path, sizeof path, "%s/%s", top, set);
  DIR *fresh = opendir(path);
  for (struct dirent *entry; fresh && (entry = readdir(fresh));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%.255s", top, entry->d_name);
    snprintf(to, sizeof to, "..data/%.255s", entry->d_name);
    if (symlink(to, path) && errno != EEXIST) perror(path);
  }
  if (fresh) closedir(fresh);
  DIR *old = opendir(top);
  for (struct dirent *entry; old && (entry = readdir(old));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || !strcmp(entry->d_name, "..data") ||
        !strcmp(entry->d_name, set)) continue;
    snprintf(path, sizeof path, "%s/%.255s", top, entry->d_name);
    snprintf(to, sizeof to, "%s/%.255s/%.255s", top, set, entry->d_name);
    if (!strncmp(entry->d_name, "..", 2)) nftw(path, drop_folder, 16, FTW_DEPTH | FTW_PHYS);
    else if (access(to, F_OK)) unlink(path);
  }
  if (old) closedir(old);
}
