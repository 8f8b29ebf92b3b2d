/* What tasks write. A session's bytes go out as the host gives credit. A container's are also kept until the host has
 * made them safe: the next host gets them again. With nobody there a full store drops its oldest, for an app must not
 * stand still because the engine is being replaced. */
#include "agent.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 8192, HEAD = 21 };

static void send_chunk(struct task *task, struct chunk *chunk) {
  unsigned char body[HEAD + PIECE];
  uint64_t age = now_ms() - chunk->at;
  body[0] = chunk->channel;
  memcpy(body + 1, &task->attempt, 4);
  memcpy(body + 5, &chunk->offset, 8);
  memcpy(body + 13, &age, 8);
  memcpy(body + HEAD, chunk->bytes, chunk->length);
  channel_send(M_DATA, task->id, body, HEAD + chunk->length);
}

static void drop_first(struct task *task) {
  struct chunk *chunk = task->first;
  task->first = chunk->next;
  if (!task->first) task->last = NULL;
  task->kept -= chunk->length;
  free(chunk);
}

/* The end of what it wrote, whatever the host has taken of it. */
static void remember(struct task *task, const unsigned char *bytes, size_t length) {
  size_t n = length < TAIL_MAX ? length : TAIL_MAX, old = task->ntail;
  if (old + n > TAIL_MAX) memmove(task->tail, task->tail + old + n - TAIL_MAX, TAIL_MAX - n), old = TAIL_MAX - n;
  memcpy(task->tail + old, bytes + length - n, n);
  task->ntail = old + n;
}

static void keep(struct task *task, int channel, const unsigned char *bytes, size_t length) {
  struct chunk *chunk = malloc(sizeof *chunk + length);
  if (task->tail_tells) remember(task, bytes, length);
  if (!chunk) return;
  *chunk = (struct chunk){.offset = task->offset, .at = now_ms(), .length = length, .channel = channel};
  memcpy(chunk->bytes, bytes, length);
  if (task->last) task->last->next = chunk; else task->first = chunk;
  task->last = chunk;
  task->offset += length, task->kept += length;
  while (task->kept > KEEP_MAX && task->first != chunk) drop_first(task);
  if (!channel_is_gone()) send_chunk(task, chunk);
}

/* Whether there is room for what the task may write next. */
int output_wanted(struct task *task) {
  if (task->kind != K_CONTAINER) return !channel_full() && task->room > 0;
  return channel_is_gone() || (!channel_full() && task->kept < KEEP_MAX - PIECE);
}

void output_pump(struct task *task, int *fd, int channel) {
  unsigned char buffer[PIECE + 1];
  /* What the other channel of a session has just used up: reading nothing would look like the end. */
  if (task->kind != K_CONTAINER && task->room <= 0) return;
  size_t most = task->kind != K_CONTAINER && task->room < PIECE ? (size_t)task->room : PIECE;
  ssize_t n = read(*fd, buffer + 1, most);
  if (n > 0 && task->kind == K_CONTAINER) { keep(task, channel, buffer + 1, n); return; }
  if (n > 0) {
    buffer[0] = channel, task->room -= n;
    channel_send(M_DATA, task->id, buffer, n + 1);
    return;
  }
  /* Nothing more now: a process that ended may have left its end open in one that goes on. */
  if (n < 0 && errno == EAGAIN && task->state == S_RUNNING) return;
  close(*fd), *fd = -1;
  unsigned char which = channel;
  if (task->kind != K_CONTAINER) channel_send(M_END, task->id, &which, 1);
}

void output_resend(struct task *task) {
  for (struct chunk *chunk = task->first; chunk; chunk = chunk->next) send_chunk(task, chunk);
}

void output_ack(struct task *task, uint64_t offset) {
  while (task->first && task->first->offset + task->first->length <= offset) drop_first(task);
}

void output_forget(struct task *task) {
  while (task->first) drop_first(task);
}
