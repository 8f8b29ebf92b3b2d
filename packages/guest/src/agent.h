/* Shared by the parts of the guest's init; PROTOCOL.md says what the messages mean. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { M_HELLO = 1, M_SETUP, M_FILE, M_START, M_EXEC, M_DATA, M_END, M_RESIZE, M_SIGNAL, M_CONNECT, M_CREDIT,
       M_POWEROFF, M_STARTED, M_FAILED, M_EXIT };
enum { K_FREE, K_CONTAINER, K_EXEC, K_TCP };
/* One VM holds one Pod: a few containers and the sessions of a few people. */
enum { TASKS = 64, FRAME_MAX = 4 << 20, QUEUE_MAX = 256 << 10, WINDOW = 64 << 10, ITEMS = 512 };

struct task {
  int kind;
  uint32_t id;
  pid_t pid;
  int in, out, err, tty, exited, status, oom, closing;
  unsigned char pending[WINDOW];
  size_t npending;
  char root[64];
};
extern struct task tasks[TASKS];

/* channel.c */
void channel_open(void);
int channel_fd(void);
int channel_full(void);
int channel_waiting(void);
void channel_send(int type, uint32_t stream, const void *body, size_t length);
void channel_fail(uint32_t stream, const char *what);
void channel_flush(void);
void channel_read(void (*on)(int type, uint32_t stream, char *body, size_t length));
void channel_hello(const char *nonce, size_t length);
void channel_reset(void);

/* mounts.c */
void mounts_boot(void);
int mount_root(struct task *task, char *body, size_t length);
void write_file(char *body, size_t length);

/* net.c */
void net_setup(char *body, size_t length);

/* process.c */
struct task *task_find(uint32_t id);
void task_start(uint32_t id, int kind, char *body, size_t length);
void task_connect(uint32_t id, int port);
void task_close(struct task *task);
void task_input(struct task *task);
void task_signal(struct task *task, int number);
void reap(void);

/* fields.c: "key=value" items, each ended by a zero byte. */
const char *field(const char *body, size_t length, const char *key);
size_t fields(const char *body, size_t length, const char *key, char **out, size_t max);
void make_dirs(const char *path);
