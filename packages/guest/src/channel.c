/* The byte stream to the host. Frames wait in a bounded queue; a new host makes the queue begin anew. */
#include "agent.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct frame { struct frame *next; size_t length, sent; unsigned char bytes[]; };
static struct frame *head, *tail;
static size_t queued, have;
static int fd = -1, host_gone;
static unsigned char in[FRAME_MAX + 9];

void channel_open(void) {
  for (int tries = 0; tries < 2500 && fd < 0; tries++, usleep(2000)) {
    DIR *ports = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    while (ports && fd < 0 && (entry = readdir(ports))) {
      char path[320], name[32] = "";
      snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
      FILE *file = fopen(path, "r");
      if (!file) continue;
      if (fgets(name, sizeof name, file) && !strncmp(name, "agent", 5)) {
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
      }
      fclose(file);
    }
    if (ports) closedir(ports);
  }
}

int channel_fd(void) { return fd; }
int channel_full(void) { return queued > QUEUE_MAX; }
int channel_waiting(void) { return head != NULL; }
int channel_is_gone(void) { return host_gone; }

/* Half a request of a host that is gone must not be taken for the beginning of its successor's. */
void channel_gone(int gone) {
  if (gone) have = 0;
  host_gone = gone;
}

void channel_send(int type, uint32_t stream, const void *body, size_t length) {
  struct frame *frame = malloc(sizeof *frame + 9 + length);
  if (!frame) return;
  uint32_t size = length;
  frame->next = NULL, frame->sent = 0, frame->length = 9 + length;
  memcpy(frame->bytes, &size, 4);
  frame->bytes[4] = type;
  memcpy(frame->bytes + 5, &stream, 4);
  memcpy(frame->bytes + 9, body, length);
  queued += frame->length;
  if (tail) tail->next = frame; else head = frame;
  tail = frame;
}

/* Everything queued was for the host before this one, which reads nothing until it sees the answer to its hello. */
void channel_purge(void) {
  while (head) {
    struct frame *done = head;
    head = head->next;
    free(done);
  }
  tail = NULL, queued = 0;
}

void channel_flush(void) {
  while (head) {
    ssize_t n = write(fd, head->bytes + head->sent, head->length - head->sent);
    if (n <= 0) return;
    head->sent += n;
    if (head->sent < head->length) continue;
    struct frame *done = head;
    head = head->next;
    if (!head) tail = NULL;
    queued -= done->length;
    free(done);
  }
}

void channel_read(void (*on)(int, uint32_t, char *, size_t)) {
  ssize_t n = read(fd, in + have, sizeof in - have);
  if (n <= 0) return;
  have += n;
  size_t at = 0;
  while (have - at >= 9) {
    uint32_t length, stream;
    memcpy(&length, in + at, 4);
    memcpy(&stream, in + at + 5, 4);
    if (length > FRAME_MAX) { have = 0; return; }
    if (have - at < 9 + (size_t)length) break;
    on(in[at + 4], stream, (char *)in + at + 9, length);
    at += 9 + length;
  }
  memmove(in, in + at, have - at);
  have -= at;
}
