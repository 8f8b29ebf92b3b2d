/* Shared by the parts of the guest's init; PROTOCOL.md says what the messages mean. */
#pragma once
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { M_HELLO = 1, M_SETUP, M_FILE, M_START, M_EXEC, M_DATA, M_END, M_RESIZE, M_SIGNAL, M_CONNECT, M_CREDIT,
       M_POWEROFF, M_STARTED, M_FAILED, M_EXIT, M_STATS, M_VOLUME, M_ACK, M_PUBLISH };
enum { K_FREE, K_CONTAINER, K_EXEC, K_TCP };
/* How far a task is: EXITED still has output to send, TOLD is an exit the host has been told of. */
enum { S_RUNNING, S_EXITED, S_TOLD, S_FAILED };
/* One VM holds one Pod: a few containers, and as many sessions as a node may have, which is 100. */
enum { TASKS = 160, FRAME_MAX = 4 << 20, QUEUE_MAX = 256 << 10, WINDOW = 64 << 10, KEEP_MAX = 256 << 10,
       ITEMS = 512, CARDS = 16, MESSAGE_MAX = 4096, TAIL_MAX = 2048, TAIL_LINES = 80 };

/* What a container wrote and the host has not yet said is safe. */
struct chunk { struct chunk *next; uint64_t offset, at; uint32_t length; uint8_t channel; unsigned char bytes[]; };

struct task {
  int kind, state;
  uint32_t id, attempt;
  pid_t pid;
  int in, out, err, tty, status, oom, closing, connecting;
  /* In the process namespace of another container, whose end does not end what this one started. */
  int joined;
  /* What its root may do beyond the usual, and what of the usual not; nothing it starts may have more than itself. */
  uint64_t capabilities, dropped;
  int no_new_privileges, only_groups;
  /* Of one that ends badly and leaves no message, the end of what it wrote is its message. */
  int tail_tells;
  size_t ntail;
  uint64_t started, ended, offset;
  int64_t room;
  size_t npending, kept;
  struct chunk *first, *last;
  char root[64], failure[256], tail[TAIL_MAX];
  unsigned char pending[WINDOW];
};
extern struct task tasks[TASKS];

uint64_t now_ms(void);

/* channel.c */
void channel_open(void);
int channel_fd(void);
int channel_full(void);
int channel_waiting(void);
void channel_send(int type, uint32_t stream, const void *body, size_t length);
void channel_flush(void);
void channel_read(void (*on)(int type, uint32_t stream, char *body, size_t length));
void channel_purge(void);
void channel_gone(int gone);
int channel_is_gone(void);

/* mounts.c */
void mounts_boot(void);
int mount_root(struct task *task, const char *body, size_t length);
const char *enter_root(struct task *task, char *body, size_t length);
void message_path(uint32_t id, char *path, size_t size);
int wait_disk(const char *serial, char *path, size_t size);
void unmount_all(void);

/* volumes.c */
void write_file(char *body, size_t length);
void make_volume(char *body, size_t length);
void publish(char *body, size_t length);

/* net.c */
void net_setup(char *body, size_t length);

/* net4.c */
void net4_address(const char *name, uint32_t address, uint32_t mask);
void net4_route(uint32_t network, uint32_t mask, uint32_t gateway, char *name, int metric);

/* net6.c */
void net6_quiet(const char *name);
void net6_address(const char *name, const struct in6_addr *address, int bits);
void net6_router(const char *name, const struct in6_addr *gateway);
void net6_route(const char *name, const struct in6_addr *to, int bits, const struct in6_addr *gateway, int metric);

/* dhcp.c */
void dhcp_start(char *name, int metric);

/* user.c */
const char *become(const struct task *task, const char *user, char **groups, size_t ngroups, int privileged);

/* output.c */
void output_pump(struct task *task, int *fd, int channel);
void output_resend(struct task *task);
void output_ack(struct task *task, uint64_t offset);
void output_forget(struct task *task);
int output_wanted(struct task *task);

/* process.c */
struct task *task_find(uint32_t id);
void task_start(uint32_t id, int kind, char *body, size_t length);
void task_connect(uint32_t id, int port, const char *address);
void task_connected(struct task *task);
void task_close(struct task *task);
void task_input(struct task *task);
void task_signal(struct task *task, int number);
void task_report(struct task *task);
void stats_send(uint32_t request);
void reap(void);

/* fields.c: "key=value" items, each ended by a zero byte. */
const char *field(const char *body, size_t length, const char *key);
size_t fields(const char *body, size_t length, const char *key, char **out, size_t max);
void make_dirs(const char *path);
