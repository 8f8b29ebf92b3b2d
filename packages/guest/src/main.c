/* PID 1 of an app's VM: makes the roots, starts what the host asks for, carries bytes, reaps. One loop, no threads. */
#include "agent.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static char last_nonce[64];

static void report_exit(struct task *task) {
  unsigned char body[3] = {0, 0, task->oom};
  if (WIFEXITED(task->status)) body[0] = WEXITSTATUS(task->status);
  else body[0] = 128 + WTERMSIG(task->status), body[1] = WTERMSIG(task->status);
  channel_send(M_EXIT, task->id, body, 3);
}

/* A new host knows nothing: sessions of the old one end, containers are told again. */
static void hello(char *body, size_t length) {
  char nonce[64] = "";
  memcpy(nonce, body, length < 63 ? length : 63);
  channel_hello(body, length);
  if (!strcmp(nonce, last_nonce)) return;
  strcpy(last_nonce, nonce);
  for (int i = 0; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (task->kind == K_EXEC) task_signal(task, SIGKILL);
    if (task->kind == K_TCP) task_close(task);
    if (task->kind != K_CONTAINER) continue;
    channel_send(M_STARTED, task->id, "", 0);
    if (task->exited && task->out < 0 && task->err < 0) report_exit(task);
  }
}

static void on_message(int type, uint32_t stream, char *body, size_t length) {
  struct task *task = task_find(stream);
  if (type == M_HELLO) hello(body, length);
  else if (type == M_SETUP) net_setup(body, length);
  else if (type == M_FILE) write_file(body, length);
  else if (type == M_START) task_start(stream, K_CONTAINER, body, length);
  else if (type == M_EXEC) task_start(stream, K_EXEC, body, length);
  else if (type == M_CONNECT && length == 2) task_connect(stream, (uint8_t)body[0] | (uint8_t)body[1] << 8);
  else if (type == M_POWEROFF) sync(), reboot(RB_POWER_OFF);
  else if (!task) return;
  else if (type == M_DATA && length <= WINDOW - task->npending) {
    memcpy(task->pending + task->npending, body, length);
    task->npending += length;
    task_input(task);
  } else if (type == M_END) task->closing = 1, task_input(task);
  else if (type == M_SIGNAL && length == 1) task_signal(task, body[0]);
  else if (type == M_RESIZE && length == 4 && task->tty && task->in >= 0) {
    uint16_t size[2];
    memcpy(size, body, 4);
    struct winsize window = {.ws_col = size[0], .ws_row = size[1]};
    ioctl(task->in, TIOCSWINSZ, &window);
  }
}

static void pump(struct task *task, int *fd, unsigned char channel) {
  unsigned char buffer[16385];
  ssize_t n = read(*fd, buffer + 1, sizeof buffer - 1);
  buffer[0] = channel;
  if (n > 0) { channel_send(M_DATA, task->id, buffer, n + 1); return; }
  close(*fd), *fd = -1;
  channel_send(M_END, task->id, &channel, 1);
}

/* An exit is told after all output; a background process that keeps the pipe open must not hold a session up. */
static void finish(void) {
  for (int i = 0; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (task->kind == K_TCP && task->out < 0) { task_close(task); continue; }
    if (!task->kind || task->exited != 1 || task->out >= 0 || task->err >= 0) continue;
    report_exit(task);
    task->exited = 2;
    task_close(task);
  }
}

int main(void) {
  mounts_boot();
  int console = open("/dev/console", O_RDWR);
  for (int i = 0; i < 3 && console >= 0; i++) dup2(console, i);
  signal(SIGPIPE, SIG_IGN);
  sigset_t chld;
  sigemptyset(&chld), sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  int signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
  channel_open();
  if (channel_fd() < 0) fprintf(stderr, "no agent port\n"), reboot(RB_POWER_OFF);
  int gone = 0;
  for (;;) {
    struct pollfd set[2 + 3 * TASKS];
    int *target[2 + 3 * TASKS], n = 2;
    set[0] = (struct pollfd){gone ? -1 : channel_fd(), POLLIN | (channel_waiting() ? POLLOUT : 0), 0};
    set[1] = (struct pollfd){signals, POLLIN, 0};
    for (int i = 0; i < TASKS; i++) {
      struct task *task = &tasks[i];
      if (!task->kind) continue;
      if (task->out >= 0 && !channel_full()) target[n] = &task->out, set[n++] = (struct pollfd){task->out, POLLIN, 0};
      if (task->err >= 0 && !channel_full()) target[n] = &task->err, set[n++] = (struct pollfd){task->err, POLLIN, 0};
      if (task->in >= 0 && task->npending) target[n] = &task->in, set[n++] = (struct pollfd){task->in, POLLOUT, 0};
    }
    poll(set, n, gone || channel_waiting() ? 20 : -1);
    char drain[sizeof(struct signalfd_siginfo) * 8];
    while (read(signals, drain, sizeof drain) > 0) {}
    reap();
    for (int k = 2; k < n; k++) {
      if (!set[k].revents) continue;
      for (int i = 0; i < TASKS; i++) {
        if (target[k] == &tasks[i].out && tasks[i].out >= 0) pump(&tasks[i], target[k], 1);
        else if (target[k] == &tasks[i].err && tasks[i].err >= 0) pump(&tasks[i], target[k], 2);
        else if (target[k] == &tasks[i].in) task_input(&tasks[i]);
      }
    }
    finish();
    struct pollfd port = {channel_fd(), POLLIN, 0};
    poll(&port, 1, 0);
    gone = (port.revents & POLLHUP) != 0;
    if (gone) channel_reset();
    if (port.revents & POLLIN) channel_read(on_message);
    channel_flush();
  }
}
