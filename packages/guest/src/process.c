/* Containers, sessions in them, and connections. A container is process 1 of a process namespace, so that its end is
 * the end of all it started. */
#include "agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

struct task tasks[TASKS];

struct task *task_find(uint32_t id) {
  for (int i = 0; i < TASKS; i++) if (tasks[i].kind && tasks[i].id == id) return &tasks[i];
  return NULL;
}

static struct task *take(uint32_t id, int kind) {
  struct task *task = task_find(id);
  for (int i = 0; i < TASKS && !task; i++) if (!tasks[i].kind) task = &tasks[i];
  if (!task) return NULL;
  output_forget(task);
  memset(task, 0, sizeof *task);
  task->kind = kind, task->id = id, task->in = task->out = task->err = -1, task->room = WINDOW;
  return task;
}

static void group_file(uint32_t id, const char *name, const char *text) {
  char path[96];
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u/%s", id, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

static uint64_t group_number(uint32_t id, const char *name, const char *key) {
  char path[96], line[128], format[64];
  unsigned long long number = 0;
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u/%s", id, name);
  snprintf(format, sizeof format, *key ? "%s %%llu" : "%s%%llu", key);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) if (sscanf(line, format, &number) == 1) break;
  if (file) fclose(file);
  return number;
}

static void make_group(uint32_t id, const char *body, size_t length) {
  char path[64];
  const char *memory = field(body, length, "memory"), *cpu = field(body, length, "cpu");
  snprintf(path, sizeof path, "/sys/fs/cgroup/%u", id), rmdir(path), mkdir(path, 0755);
  group_file(id, "memory.oom.group", "1");
  group_file(id, "pids.max", "16384");
  if (*memory) group_file(id, "memory.max", memory);
  if (*cpu) group_file(id, "cpu.max", cpu);
}

/* Only the container's own environment, nothing of ours. */
static void set_environment(char *body, size_t length) {
  char *env[ITEMS];
  size_t n = fields(body, length, "env", env, ITEMS);
  clearenv();
  for (size_t i = 0; i < n; i++) putenv(env[i]);
  if (!getenv("PATH")) putenv("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

static void give_up(int status, const char *text) {
  if (write(status, text, strlen(text)) < 0) perror(text);
  _exit(127);
}

static void child(struct task *task, uint32_t group, int mounts, int fds[3], int status, char *body, size_t length) {
  char *args[ITEMS + 1], *groups[32], text[300];
  args[fields(body, length, "arg", args, ITEMS)] = NULL;
  size_t ngroups = fields(body, length, "group", groups, 32);
  group_file(group, "cgroup.procs", "0");
  setsid();
  for (int i = 0; i < 3; i++) dup2(fds[i], i);
  if (task->tty) ioctl(0, TIOCSCTTY, 0);
  sigset_t none;
  sigemptyset(&none), sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  const char *fault = NULL, *cwd = field(body, length, "cwd");
  if (mounts >= 0) {
    if (setns(mounts, CLONE_NEWNS) || chdir("/")) fault = "the container's file system is gone";
  } else {
    if (unshare(CLONE_NEWCGROUP)) perror("cgroup namespace");
    fault = enter_root(task, body, length);
  }
  if (fault) give_up(status, fault);
  set_environment(body, length);
  if (*cwd && chdir(cwd)) {
    make_dirs(cwd);
    if (chdir(cwd)) snprintf(text, sizeof text, "chdir to %.200s: %s", cwd, strerror(errno)), give_up(status, text);
  }
  int privileged = *field(body, length, "privileged") == '1';
  fault = become(task, field(body, length, "user"), groups, ngroups, privileged);
  if (fault) give_up(status, fault);
  if (args[0]) execvp(args[0], args);
  else give_up(status, "no command specified");
  snprintf(text, sizeof text, "exec: \"%.200s\": %s", args[0],
    errno != ENOENT ? strerror(errno) : strchr(args[0], '/') ? "no such file or directory"
    : "executable file not found in $PATH");
  give_up(status, text);
}

static int open_terminal(struct task *task, int fds[3]) {
  int unlock = 0, number = 0;
  char name[32];
  task->in = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (task->in < 0 || ioctl(task->in, TIOCSPTLCK, &unlock) || ioctl(task->in, TIOCGPTN, &number)) return -1;
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  fds[0] = fds[1] = fds[2] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  task->out = fcntl(task->in, F_DUPFD_CLOEXEC, 0);
  return fds[0] < 0 ? -1 : 0;
}

static int open_pipes(struct task *task, int fds[3], int with_stdin) {
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) return -1;
  fds[0] = in[0], fds[1] = out[1], fds[2] = err[1];
  task->in = in[1], task->out = out[0], task->err = err[0];
  if (!with_stdin) close(task->in), task->in = -1;
  return 0;
}

static void fail(struct task *task, const char *text) {
  if (task->in >= 0) close(task->in);
  if (task->out >= 0) close(task->out);
  if (task->err >= 0) close(task->err);
  task->in = task->out = task->err = -1;
  snprintf(task->failure, sizeof task->failure, "%s", text);
  task->state = S_FAILED;
  task_report(task);
  if (task->kind != K_CONTAINER) task->kind = K_FREE;
}

static void not_connected(struct task *task, int error) {
  char text[160];
  snprintf(text, sizeof text, "dial tcp4 %s: connect: %s", task->root,
    error == ECONNREFUSED ? "connection refused" : strerror(error));
  fail(task, text);
}

static int open_namespace(pid_t pid, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* Process 1 of the namespace that containers share which see each other's processes: takes what is orphaned, and
 * whoever looks into it finds nothing of ours. */
static pid_t holder;

static pid_t hold_processes(void) {
  if (holder > 0) return holder;
  holder = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
  if (holder) return holder;
  signal(SIGCHLD, SIG_IGN);
  syscall(SYS_close_range, 0, ~0U, 0);
  if (chroot("/proc/self/fdinfo") || chdir("/") || setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY)
      || setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 0)) _exit(1);
  for (;;) pause();
}

/* Forks into new namespaces for a container, into the container's for a session; a container that is to see what
 * another does, or all of them, has that process's namespace and a file system of its own. */
static pid_t spawn(struct task *task, struct task *of, pid_t beside, int fds[3], int status, char *body,
                   size_t length) {
  int container = task->kind == K_CONTAINER, flags = container ? CLONE_NEWNS | SIGCHLD : SIGCHLD;
  uint32_t group = container ? task->id : of->id;
  if (!beside) {
    pid_t pid = syscall(SYS_clone, CLONE_NEWPID | flags, 0, 0, 0, 0);
    if (!pid) child(task, group, -1, fds, status, body, length);
    return pid;
  }
  int mounts = container ? -1 : open_namespace(of->pid, "mnt"), pids = open_namespace(beside, "pid");
  int own = open_namespace(getpid(), "pid");
  pid_t pid = -1;
  if ((container || mounts >= 0) && pids >= 0 && !setns(pids, CLONE_NEWPID)) {
    pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (!pid) child(task, group, mounts, fds, status, body, length);
    setns(own, CLONE_NEWPID);
  }
  if (mounts >= 0) close(mounts);
  close(pids), close(own);
  return pid;
}

static uint64_t capabilities_of(const char *key, char *body, size_t length) {
  char *numbers[64];
  uint64_t all = 0;
  for (size_t i = fields(body, length, key, numbers, 64); i > 0; i--)
    all |= 1ull << (atoi(numbers[i - 1]) & 63);
  return all;
}

void task_start(uint32_t id, int kind, char *body, size_t length) {
  const char *name = field(body, length, kind == K_EXEC ? "container" : "target");
  struct task *of = *name ? task_find(atoi(name)) : NULL;
  struct task *task = take(id, kind);
  static const char crowded[] = "too many sessions in this machine";
  if (!task) { channel_send(M_FAILED, id, crowded, sizeof crowded - 1); return; }
  char text[300] = "";
  int fds[3] = {-1, -1, -1}, status[2];
  task->attempt = atoi(field(body, length, "attempt")), task->started = now_ms();
  task->tty = *field(body, length, "tty") == '1';
  if ((kind == K_EXEC || *name) && (!of || of->state != S_RUNNING)) {
    fail(task, kind == K_EXEC ? "container is not running" : "the container it is for is not running");
    return;
  }
  int shared = kind == K_CONTAINER && *field(body, length, "shared") == '1';
  task->joined = kind == K_CONTAINER && (of || shared);
  task->capabilities = kind == K_EXEC ? of->capabilities : capabilities_of("capability", body, length);
  task->dropped = kind == K_EXEC ? of->dropped : capabilities_of("dropped", body, length);
  task->no_new_privileges = kind == K_EXEC ? of->no_new_privileges : *field(body, length, "unprivileged") == '1';
  task->only_groups = kind == K_EXEC ? of->only_groups : *field(body, length, "onlygroups") == '1';
  task->tail_tells = *field(body, length, "tail") == '1';
  if (kind == K_CONTAINER) {
    if (mount_root(task, body, length)) {
      snprintf(text, sizeof text, "root file system: %s", strerror(errno)), fail(task, text);
      return;
    }
    make_group(id, body, length);
  }
  int open = task->tty ? open_terminal(task, fds) : open_pipes(task, fds, *field(body, length, "stdin") == '1');
  if (open || pipe2(status, O_CLOEXEC)) { fail(task, strerror(errno)); return; }
  for (int *fd = &task->in; fd <= &task->err; fd++) if (*fd >= 0) fcntl(*fd, F_SETFL, O_NONBLOCK);
  pid_t beside = shared ? hold_processes() : of ? of->pid : 0;
  task->pid = spawn(task, of, beside, fds, status[1], body, length);
  for (int i = 0; i < (task->tty ? 1 : 3); i++) close(fds[i]);
  close(status[1]);
  /* Ends without a byte once the program runs. */
  ssize_t n = task->pid < 0 ? snprintf(text, sizeof text, "%s", strerror(errno))
    : read(status[0], text, sizeof text - 1);
  close(status[0]);
  if (n > 0) { text[n] = 0, fail(task, text); return; }
  task_report(task);
}

/* Without an address it is one of the machine's own loopback. Nobody else waits while the other side does. */
void task_connect(uint32_t id, int port, const char *address) {
  struct task *task = take(id, K_TCP);
  static const char crowded[] = "too many sessions in this machine";
  if (!task) { channel_send(M_FAILED, id, crowded, sizeof crowded - 1); return; }
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (address) memcpy(&at.sin_addr, address, 4);
  task->in = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  snprintf(task->root, sizeof task->root, "%s:%d", inet_ntoa(at.sin_addr), port);
  if (connect(task->in, (struct sockaddr *)&at, sizeof at) && errno != EINPROGRESS) not_connected(task, errno);
  else task->connecting = 1;
}

void task_connected(struct task *task) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(task->in, SOL_SOCKET, SO_ERROR, &error, &size)) error = errno;
  task->connecting = 0;
  if (error) { not_connected(task, error); return; }
  task->out = fcntl(task->in, F_DUPFD_CLOEXEC, 0);
  task_report(task);
  task_input(task);
}

/* What a container left in its file; one that ended badly without a word is known by the end of its output. */
static size_t last_words(struct task *task, unsigned char *out) {
  char path[64];
  message_path(task->id, path, sizeof path);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n = fd < 0 ? 0 : read(fd, out, MESSAGE_MAX);
  if (fd >= 0) close(fd);
  if (n > 0 || !task->tail_tells || (WIFEXITED(task->status) && !WEXITSTATUS(task->status))) return n > 0 ? n : 0;
  size_t from = task->ntail;
  for (int lines = 0; from > 0; from--)
    if (task->tail[from - 1] == '\n' && from < task->ntail && ++lines == TAIL_LINES) break;
  memcpy(out, task->tail + from, task->ntail - from);
  return task->ntail - from;
}

/* Tells the host where a task stands; for a container the same at any time, for each host that comes. */
void task_report(struct task *task) {
  unsigned char body[300 + MESSAGE_MAX] = {0};
  uint64_t since = now_ms() - task->started, ended = now_ms() - task->ended;
  int container = task->kind == K_CONTAINER;
  if (task->state == S_FAILED) {
    memcpy(body, &task->attempt, 4);
    size_t n = strlen(task->failure), head = container ? 4 : 0;
    memcpy(body + head, task->failure, n);
    channel_send(M_FAILED, task->id, body, head + n);
  } else if (task->state == S_TOLD) {
    if (task->kind != K_TCP && WIFEXITED(task->status)) body[0] = WEXITSTATUS(task->status);
    else if (task->kind != K_TCP) body[0] = 128 + WTERMSIG(task->status), body[1] = WTERMSIG(task->status);
    body[2] = task->oom;
    memcpy(body + 4, &task->attempt, 4), memcpy(body + 8, &since, 8), memcpy(body + 16, &ended, 8);
    channel_send(M_EXIT, task->id, body, container ? 24 + last_words(task, body + 24) : 3);
  } else {
    memcpy(body, &task->attempt, 4), memcpy(body + 4, &since, 8);
    channel_send(M_STARTED, task->id, body, container ? 12 : 0);
  }
}

void task_close(struct task *task) {
  if (task->in >= 0) close(task->in);
  if (task->out >= 0) close(task->out);
  if (task->err >= 0) close(task->err);
  task->in = task->out = task->err = -1;
  if (task->kind != K_CONTAINER) task->kind = K_FREE;
}

void task_input(struct task *task) {
  if (task->connecting) return;
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
    if (task->tty) { if (write(task->in, "\004", 1) < 0) perror("tty"); }
    else {
      if (task->kind == K_TCP) shutdown(task->in, SHUT_WR);
      close(task->in), task->in = -1;
    }
    task->closing = 0;
  }
}

void task_signal(struct task *task, int number) {
  if (task->kind == K_TCP) { task_close(task); return; }
  if (task->pid <= 0 || task->state != S_RUNNING) return;
  if (number == SIGKILL && task->kind == K_CONTAINER) group_file(task->id, "cgroup.kill", "1");
  kill(number == SIGKILL || task->kind == K_EXEC ? -task->pid : task->pid, number);
}

void stats_send(uint32_t request) {
  unsigned char body[TASKS * 20];
  size_t n = 0;
  for (int i = 0; i < TASKS; i++) {
    if (tasks[i].kind != K_CONTAINER || tasks[i].state != S_RUNNING) continue;
    uint32_t id = tasks[i].id;
    uint64_t cpu = group_number(id, "cpu.stat", "usage_usec"), all = group_number(id, "memory.current", "");
    uint64_t idle = group_number(id, "memory.stat", "inactive_file"), memory = all > idle ? all - idle : 0;
    memcpy(body + n, &id, 4), memcpy(body + n + 4, &cpu, 8), memcpy(body + n + 12, &memory, 8);
    n += 20;
  }
  channel_send(M_STATS, request, body, n);
}

void reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == holder) holder = 0;
    for (int i = 0; i < TASKS; i++)
      if (tasks[i].kind && tasks[i].pid == pid && tasks[i].state == S_RUNNING) {
        tasks[i].state = S_EXITED, tasks[i].status = status, tasks[i].ended = now_ms();
        if (tasks[i].joined) group_file(tasks[i].id, "cgroup.kill", "1");
        if (tasks[i].kind == K_CONTAINER) tasks[i].oom = group_number(tasks[i].id, "memory.events", "oom_kill") > 0;
      }
  }
}
