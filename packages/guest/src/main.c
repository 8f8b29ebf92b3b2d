/* PID 1 of an app's VM: makes the roots, starts what the host asks for, carries bytes, reaps. One loop, no threads. */
#include "agent.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <unistd.h>

static char last_nonce[64];

/* A new host knows nothing: sessions of the old one end, containers and what they wrote are told again. */
static void hello(char *body, size_t length) {
  char nonce[64] = "";
  memcpy(nonce, body, length < 63 ? length : 63);
  if (!memcmp(nonce, last_nonce, sizeof nonce)) { channel_send(M_HELLO, 0, body, length); return; }
  memcpy(last_nonce, nonce, sizeof nonce);
  channel_purge();
  channel_send(M_HELLO, 0, body, length);
  for (int i = 0; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (task->kind == K_EXEC) task_signal(task, SIGKILL), task_close(task);
    if (task->kind == K_TCP) task_close(task);
    if (task->kind != K_CONTAINER) continue;
    output_resend(task);
    task_report(task);
  }
}

static void power_off(void) {
  kill(-1, SIGKILL);
  for (int tries = 0; tries < 100; tries++, usleep(10000)) {
    int alive = 0;
    reap();
    for (int i = 0; i < TASKS; i++) alive += tasks[i].kind && tasks[i].pid > 0 && tasks[i].state == S_RUNNING;
    if (!alive) break;
  }
  unmount_all();
  reboot(RB_POWER_OFF);
}

static uint64_t number(const char *body, size_t length) {
  uint64_t value = 0;
  memcpy(&value, body, length < 8 ? length : 8);
  return value;
}

static void on_message(int type, uint32_t stream, char *body, size_t length) {
  struct task *task = task_find(stream);
  if (type == M_HELLO) hello(body, length);
  else if (type == M_SETUP) net_setup(body, length);
  else if (type == M_FILE) write_file(body, length);
  else if (type == M_VOLUME) make_volume(body, length);
  else if (type == M_PUBLISH) publish(body, length);
  else if (type == M_START) task_start(stream, K_CONTAINER, body, length);
  else if (type == M_EXEC) task_start(stream, K_EXEC, body, length);
  else if (type == M_CONNECT && length == 2) task_connect(stream, (int)number(body, 2), NULL);
  else if (type == M_CONNECT && length == 6) task_connect(stream, (int)number(body, 2), body + 2);
  else if (type == M_STATS) stats_send(stream);
  else if (type == M_POWEROFF) power_off();
  else if (!task) return;
  else if (type == M_DATA && length <= WINDOW - task->npending) {
    memcpy(task->pending + task->npending, body, length);
    task->npending += length;
    task_input(task);
  } else if (type == M_END) task->closing = 1, task_input(task);
  else if (type == M_CREDIT && length == 4) task->room += number(body, 4);
  else if (type == M_ACK && length == 12) {
    if ((uint32_t)number(body, 4) == task->attempt) output_ack(task, number(body + 4, 8));
  } else if (type == M_SIGNAL && length == 1) task_signal(task, (uint8_t)body[0]);
  else if (type == M_RESIZE && length == 4 && task->tty && task->in >= 0) {
    uint16_t size[2];
    memcpy(size, body, 4);
    struct winsize window = {.ws_col = size[0], .ws_row = size[1]};
    ioctl(task->in, TIOCSWINSZ, &window);
  }
}

/* An exit is told after all output. What a process that ended left open in others is closed once it is empty. */
static void finish(void) {
  for (int i = 0; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (!task->kind) continue;
    if (task->state == S_EXITED && task->out >= 0 && output_wanted(task)) output_pump(task, &task->out, 1);
    if (task->state == S_EXITED && task->err >= 0 && output_wanted(task)) output_pump(task, &task->err, 2);
    if (task->out >= 0 || task->err >= 0) continue;
    if (task->kind == K_TCP ? task->in >= 0 : task->state != S_EXITED) continue;
    if (task->state == S_TOLD) continue;
    task->state = S_TOLD;
    task_report(task);
    task_close(task);
  }
}

static int watch(struct pollfd *set, struct task **owner) {
  int n = 2;
  for (int i = 0; i < TASKS; i++) {
    struct task *task = &tasks[i];
    if (!task->kind) continue;
    owner[n] = task;
    if (task->out >= 0 && output_wanted(task)) set[n] = (struct pollfd){task->out, POLLIN, 0}, owner[n++] = task;
    if (task->err >= 0 && output_wanted(task)) set[n] = (struct pollfd){task->err, POLLIN, 0}, owner[n++] = task;
    if (task->in >= 0 && (task->npending || task->connecting))
      set[n] = (struct pollfd){task->in, POLLOUT, 0}, owner[n++] = task;
  }
  return n;
}

/* Something exited whose output is not all out yet because the host is slow: look again without being told. */
static int draining(void) {
  for (int i = 0; i < TASKS; i++) if (tasks[i].kind && tasks[i].state == S_EXITED) return 1;
  return 0;
}

/* A host can be heard a moment before it is seen to be there: what was written between the two it has not been sent.
 * What it gets twice it knows by the offset. */
static void resend_all(void) {
  for (int i = 0; i < TASKS; i++) if (tasks[i].kind == K_CONTAINER) output_resend(&tasks[i]);
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
  fcntl(console, F_SETFD, FD_CLOEXEC);
  for (;;) {
    struct pollfd set[2 + 3 * TASKS];
    struct task *owner[2 + 3 * TASKS];
    int gone = channel_is_gone(), n = watch(set, owner);
    set[0] = (struct pollfd){gone ? -1 : channel_fd(), POLLIN | (channel_waiting() ? POLLOUT : 0), 0};
    set[1] = (struct pollfd){signals, POLLIN, 0};
    poll(set, n, gone || channel_waiting() || draining() ? 20 : -1);
    char drain[sizeof(struct signalfd_siginfo) * 8];
    while (read(signals, drain, sizeof drain) > 0) {}
    reap();
    for (int k = 2; k < n; k++) {
      if (!set[k].revents) continue;
      if (set[k].fd == owner[k]->out) output_pump(owner[k], &owner[k]->out, 1);
      else if (set[k].fd == owner[k]->err) output_pump(owner[k], &owner[k]->err, 2);
      else if (set[k].fd == owner[k]->in && owner[k]->connecting) task_connected(owner[k]);
      else if (set[k].fd == owner[k]->in) task_input(owner[k]);
    }
    finish();
    struct pollfd port = {channel_fd(), POLLIN, 0};
    poll(&port, 1, 0);
    channel_gone((port.revents & POLLHUP) != 0);
    if (gone && !channel_is_gone()) resend_all();
    if (port.revents & POLLIN) channel_read(on_message);
    channel_flush();
  }
}
