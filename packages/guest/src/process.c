#include "agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct task tasks[TASKS];

struct task *task_find(uint32_t id) {
  for (int i = 0; i < TASKS; i++) if (tasks[i].kind && tasks[i].id == id) return &tasks[i];
  return NULL;
}

static struct task *take(uint32_t id, int kind) {
  struct task *task = task_find(id);
  for (int i = 0; i < TASKS && !task; i++) if (!tasks[i].kind) task = &tasks[i];
  if (!task) return NULL;
  memset(task, 0, sizeof *task);
  task->kind = kind, task->id = id, task->in = task->out = task->err = -1;
  return task;
}

static void group_file(uint32_t id, const char *name, const char *text) {
  char path[96];
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u", id), mkdir(path, 0755);
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u/%s", id, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

static int killed_by_memory(uint32_t id) {
  char path[96], line[128];
  long count = 0;
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u/memory.events", id);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) sscanf(line, "oom_kill %ld", &count);
  if (file) fclose(file);
  return count > 0;
}

/* Looks a name up in a passwd or group file of the image; -1 when it is not there. */
static long lookup(const char *path, const char *name, long *second) {
  char line[1024], *end;
  long number = strtol(name, &end, 10);
  int numeric = *name && !*end;
  long found = numeric ? number : -1;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    char *save, *n = strtok_r(line, ":\n", &save), *x = strtok_r(NULL, ":\n", &save);
    char *uid = strtok_r(NULL, ":\n", &save), *gid = strtok_r(NULL, ":\n", &save);
    if (n && x && uid && (numeric ? atol(uid) == number : !strcmp(n, name))) {
      found = atol(uid);
      if (second && gid) *second = atol(gid);
      break;
    }
  }
  if (file) fclose(file);
  return found;
}

static void become(const char *user) {
  char name[128];
  snprintf(name, sizeof name, "%s", *user ? user : "0");
  char *colon = strchr(name, ':');
  if (colon) *colon++ = 0;
  long gid = 0, uid = lookup("/etc/passwd", name, &gid);
  if (colon && *colon) gid = lookup("/etc/group", colon, NULL);
  if (uid < 0 || gid < 0) dprintf(2, "no user %s in the image\n", user), _exit(126);
  gid_t one = gid;
  if (setgroups(1, &one) || setgid(gid) || setuid(uid)) perror("setuid"), _exit(126);
}

static void child(struct task *task, uint32_t group, int fds[3], char *body, size_t length) {
  char *args[ITEMS + 1], *env[ITEMS + 1], pid[16];
  args[fields(body, length, "arg", args, ITEMS)] = NULL;
  env[fields(body, length, "env", env, ITEMS)] = NULL;
  snprintf(pid, sizeof pid, "%d", getpid());
  group_file(group, "cgroup.procs", pid);
  setsid();
  for (int i = 0; i < 3; i++) dup2(fds[i], i);
  if (task->tty) ioctl(0, TIOCSCTTY, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  const char *cwd = field(body, length, "cwd");
  if (chroot(task->root) || chdir("/")) perror("chroot"), _exit(126);
  if (*cwd && chdir(cwd)) {
    make_dirs(cwd);
    if (chdir(cwd)) perror(cwd), _exit(126);
  }
  become(field(body, length, "user"));
  const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (int i = 0; env[i]; i++) if (!strncmp(env[i], "PATH=", 5)) path = env[i] + 5;
  setenv("PATH", path, 1);
  if (args[0]) execvpe(args[0], args, env);
  dprintf(2, "exec %s: %s\n", args[0] ? args[0] : "nothing", strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

void task_start(uint32_t id, int kind, char *body, size_t length) {
  uint32_t group = kind == K_EXEC ? (uint32_t)atoi(field(body, length, "container")) : id;
  struct task *parent = kind == K_EXEC ? task_find(group) : NULL, *task = take(id, kind);
  if (!task) { errno = EAGAIN; channel_fail(id, "too many sessions"); return; }
  task->tty = *field(body, length, "tty") == '1';
  if (kind == K_EXEC) {
    if (!parent || parent->exited) {
      errno = ESRCH;
      channel_fail(id, "container is not running");
      task->kind = 0;
      return;
    }
    strcpy(task->root, parent->root);
  } else {
    if (mount_root(task, body, length)) { channel_fail(id, "root file system"); task->kind = 0; return; }
    const char *memory = field(body, length, "memory"), *cpu = field(body, length, "cpu");
    char path[64];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%u", id), rmdir(path), mkdir(path, 0755);
    if (*memory) group_file(id, "memory.max", memory);
    if (*cpu) group_file(id, "cpu.max", cpu);
  }
  int in[2] = {-1, -1}, out[2], err[2], fds[3];
  if (task->tty) {
    int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlock = 0, number = 0;
    ioctl(master, TIOCSPTLCK, &unlock), ioctl(master, TIOCGPTN, &number);
    char name[32];
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    fds[0] = fds[1] = fds[2] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    task->in = master, task->out = dup(master);
    fcntl(task->out, F_SETFD, FD_CLOEXEC);
  } else {
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) { channel_fail(id, "pipe"); return; }
    fds[0] = in[0], fds[1] = out[1], fds[2] = err[1];
    task->in = in[1], task->out = out[0], task->err = err[0];
    if (*field(body, length, "stdin") != '1') close(task->in), task->in = -1;
  }
  if (task->in >= 0) fcntl(task->in, F_SETFL, O_NONBLOCK);
  task->pid = fork();
  if (!task->pid) child(task, group, fds, body, length);
  for (int i = 0; i < (task->tty ? 1 : 3); i++) close(fds[i]);
  if (task->pid < 0) { channel_fail(id, "fork"); task_close(task); return; }
  channel_send(M_STARTED, id, "", 0);
}

void task_connect(uint32_t id, int port) {
  struct task *task = take(id, K_TCP);
  if (!task) { errno = EAGAIN; channel_fail(id, "too many sessions"); return; }
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  task->in = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(task->in, (struct sockaddr *)&at, sizeof at)) { channel_fail(id, "connect"); task_close(task); return; }
  task->out = dup(task->in);
  fcntl(task->in, F_SETFL, O_NONBLOCK), fcntl(task->out, F_SETFD, FD_CLOEXEC);
  channel_send(M_STARTED, id, "", 0);
}

void task_close(struct task *task) {
  if (task->in >= 0) close(task->in);
  if (task->out >= 0) close(task->out);
  if (task->err >= 0) close(task->err);
  task->in = task->out = task->err = -1;
  if (task->kind != K_CONTAINER) task->kind = K_FREE;
}

void task_input(struct task *task) {
  while (task->npending && task->in >= 0) {
    ssize_t n = write(task->in, task->pending, task->npending);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) n = task->npending; /* nobody reads any more: throw it away, as a closed pipe does */
    memmove(task->pending, task->pending + n, task->npending - n);
    task->npending -= n;
    uint32_t credit = n;
    channel_send(M_CREDIT, task->id, &credit, 4);
  }
  if (!task->npending && task->closing && task->in >= 0) {
    if (task->kind == K_TCP) shutdown(task->in, SHUT_WR);
    if (task->tty) { if (write(task->in, "\004", 1) < 0) perror("tty"); }
    else close(task->in), task->in = -1;
    task->closing = 0;
  }
}

void task_signal(struct task *task, int number) {
  if (task->kind == K_TCP) { task_close(task); return; }
  if (task->pid <= 0 || task->exited) return;
  if (number == SIGKILL && task->kind == K_CONTAINER) group_file(task->id, "cgroup.kill", "1");
  kill(number == SIGKILL || task->kind == K_EXEC ? -task->pid : task->pid, number);
}

void reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    for (int i = 0; i < TASKS; i++)
      if (tasks[i].kind && tasks[i].pid == pid) {
        tasks[i].exited = 1, tasks[i].status = status;
        if (tasks[i].kind != K_CONTAINER) continue;
        tasks[i].oom = killed_by_memory(tasks[i].id);
        group_file(tasks[i].id, "cgroup.kill", "1");
      }
}
