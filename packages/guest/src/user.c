#include "agent.h"
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { GROUPS = 64 };

/* Finds `name` (or number) in a passwd or group file of the image and gives the fields of its line; 0 when absent. */
static int lookup(const char *path, const char *name, char *line, size_t size, char *parts[7]) {
  char *end;
  strtol(name, &end, 10);
  int numeric = *name && !*end, found = 0;
  FILE *file = fopen(path, "r");
  while (file && !found && fgets(line, size, file)) {
    line[strcspn(line, "\n")] = 0;
    char *rest = line;
    for (int i = 0; i < 7; i++) if (!(parts[i] = strsep(&rest, ":"))) parts[i] = "";
    found = *parts[2] && !strcmp(numeric ? parts[2] : parts[0], name);
  }
  if (file) fclose(file);
  return found;
}

/* The groups whose member lists name the user. */
static size_t memberships(const char *user, gid_t *out, size_t n) {
  char line[4096];
  FILE *file = fopen("/etc/group", "r");
  while (file && n < GROUPS && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *rest = line;
    strsep(&rest, ":"), strsep(&rest, ":");
    char *gid = strsep(&rest, ":"), *member;
    while (gid && rest && n < GROUPS && (member = strsep(&rest, ",")))
      if (!strcmp(member, user)) { out[n++] = atol(gid); break; }
  }
  if (file) fclose(file);
  return n;
}

/* What an unprivileged root may do, as container runtimes have it; without MKNOD, which would open the disks. */
static void drop_capabilities(uint64_t more, uint64_t less) {
  const uint64_t usual = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 10 |
    1u << 13 | 1u << 18 | 1u << 29 | 1u << 31, kept = (usual | more) & ~less;
  for (int i = 0; i < 64; i++) if (!(kept >> i & 1)) prctl(PR_CAPBSET_DROP, i);
}

const char *become(const struct task *task, const char *user, char **groups, size_t ngroups, int privileged) {
  static char failure[160];
  char name[128], line[1024], *parts[7] = {"", "", "", "", "", "/", ""};
  snprintf(name, sizeof name, "%s", *user ? user : "0");
  char *group = strchr(name, ':'), *end;
  if (group) *group++ = 0;
  long uid = strtol(name, &end, 10), gid = 0;
  gid_t all[GROUPS];
  size_t n = 0;
  if (lookup("/etc/passwd", name, line, sizeof line, parts)) {
    uid = atol(parts[2]), gid = atol(parts[3]);
    if (!task->only_groups) n = memberships(parts[0], all, n);
  } else if (*end) {
    snprintf(failure, sizeof failure, "unable to find user %.64s: no matching entries in passwd file", name);
    return failure;
  }
  if (!getenv("HOME")) setenv("HOME", *parts[5] ? parts[5] : "/", 1);
  if (group && *group) {
    char gline[4096], *gparts[7];
    gid = strtol(group, &end, 10);
    if (*end && !lookup("/etc/group", group, gline, sizeof gline, gparts)) {
      snprintf(failure, sizeof failure, "unable to find group %.64s: no matching entries in group file", group);
      return failure;
    }
    if (*end) gid = atol(gparts[2]);
  }
  for (size_t i = 0; i < ngroups && n < GROUPS; i++) all[n++] = atol(groups[i]);
  if (isatty(0) && fchown(0, uid, 5)) perror("tty");
  if (!privileged) drop_capabilities(task->capabilities, task->dropped);
  if (setgroups(n, all) || setgid(gid) || setuid(uid)) return strerror(errno);
  if (task->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return strerror(errno);
  return NULL;
}
