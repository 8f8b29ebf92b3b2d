/* A DHCP client for cards on networks that are not the node's own: one process a card, for as long as the VM runs. */
#include "agent.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };
enum { TRY_MS = 2000, TRY_MAX_MS = 60000, LEASE_LEAST = 60 };

struct message {
  uint8_t op, htype, hlen, hops;
  uint32_t xid;
  uint16_t secs, flags;
  uint32_t ciaddr, yiaddr, siaddr, giaddr;
  uint8_t chaddr[16], sname[64], file[128];
  uint32_t magic;
  uint8_t options[312];
} __attribute__((packed));

struct lease { uint32_t address, mask, router, server, dns[3], seconds; int ndns; };

static const uint8_t *option(const struct message *m, size_t length, int code, int *size) {
  const uint8_t *at = m->options, *end = (const uint8_t *)m + length;
  while (at < end && *at != 255) {
    if (!*at) { at++; continue; }
    if (at + 2 > end || at + 2 + at[1] > end) return NULL;
    if (*at == code) { *size = at[1]; return at + 2; }
    at += 2 + at[1];
  }
  return NULL;
}

static uint32_t word(const struct message *m, size_t length, int code, uint32_t otherwise) {
  int size = 0;
  uint32_t value = otherwise;
  const uint8_t *found = option(m, length, code, &size);
  if (found && size >= 4) memcpy(&value, found, 4);
  return value;
}

static void ask(int fd, int type, uint32_t xid, const uint8_t *mac, const struct lease *lease) {
  struct message m = {.op = 1, .htype = 1, .hlen = 6, .xid = xid, .flags = htons(0x8000), .magic = htonl(0x63825363)};
  memcpy(m.chaddr, mac, 6);
  uint8_t *at = m.options;
  *at++ = 53, *at++ = 1, *at++ = (uint8_t)type;
  if (type == REQUEST) {
    *at++ = 50, *at++ = 4, memcpy(at, &lease->address, 4), at += 4;
    *at++ = 54, *at++ = 4, memcpy(at, &lease->server, 4), at += 4;
  }
  char name[64] = "";
  gethostname(name, sizeof name - 1);
  size_t n = strlen(name);
  if (n) *at++ = 12, *at++ = (uint8_t)n, memcpy(at, name, n), at += n;
  *at++ = 55, *at++ = 3, *at++ = 1, *at++ = 3, *at++ = 6;
  *at++ = 255;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(67), .sin_addr.s_addr = INADDR_BROADCAST};
  sendto(fd, &m, sizeof m, 0, (struct sockaddr *)&to, sizeof to);
}

/* The kind of answer, 0 when none comes in time. */
static int answer(int fd, uint32_t xid, int wait_ms, struct lease *lease) {
  for (uint64_t until = now_ms() + (uint64_t)wait_ms; now_ms() < until;) {
    struct pollfd one = {fd, POLLIN, 0};
    struct message m;
    if (poll(&one, 1, (int)(until - now_ms())) <= 0) continue;
    ssize_t length = recv(fd, &m, sizeof m, 0);
    int size = 0;
    if (length < (ssize_t)(sizeof m - sizeof m.options) || m.op != 2 || m.xid != xid) continue;
    const uint8_t *type = option(&m, (size_t)length, 53, &size);
    if (!type || size != 1) continue;
    if (*type == NAK) return NAK;
    if (*type != OFFER && *type != ACK) continue;
    lease->address = m.yiaddr;
    lease->mask = word(&m, (size_t)length, 1, htonl(0xffffff00));
    lease->router = word(&m, (size_t)length, 3, 0);
    lease->server = word(&m, (size_t)length, 54, 0);
    lease->seconds = ntohl(word(&m, (size_t)length, 51, htonl(3600)));
    const uint8_t *dns = option(&m, (size_t)length, 6, &size);
    lease->ndns = dns ? (size / 4 > 3 ? 3 : size / 4) : 0;
    if (dns) memcpy(lease->dns, dns, (size_t)lease->ndns * 4);
    return *type;
  }
  return 0;
}

static int open_socket(const char *name) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(68)};
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
  setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return bind(fd, (struct sockaddr *)&any, sizeof any) ? (close(fd), -1) : fd;
}

static int obtain(int fd, const uint8_t *mac, struct lease *lease, int known) {
  uint32_t xid;
  if (getrandom(&xid, sizeof xid, 0) != sizeof xid) return 0;
  if (!known) {
    ask(fd, DISCOVER, xid, mac, lease);
    if (answer(fd, xid, TRY_MS, lease) != OFFER) return 0;
  }
  ask(fd, REQUEST, xid, mac, lease);
  return answer(fd, xid, TRY_MS, lease) == ACK;
}

static void apply(char *name, int metric, const struct lease *lease, const struct lease *before) {
  if (!memcmp(lease, before, sizeof *lease)) return;
  net4_address(name, lease->address, lease->mask);
  if (lease->router) net4_route(0, 0, lease->router, name, metric);
  /* The node's own names come first; a VM that has none takes the network's. */
  FILE *file = fopen("/etc/resolv.conf", "r+");
  if (!file) return;
  if (fgetc(file) == EOF)
    for (int i = 0; i < lease->ndns; i++) {
      char text[INET_ADDRSTRLEN];
      rewind(file), fseek(file, 0, SEEK_END);
      fprintf(file, "nameserver %s\n", inet_ntop(AF_INET, &lease->dns[i], text, sizeof text));
    }
  fclose(file);
}

static void client(char *name, int metric) {
  prctl(PR_SET_NAME, "dhcp");
  struct ifreq request = {0};
  struct lease lease = {0}, before = {0};
  int fd = open_socket(name), known = 0, pause_ms = TRY_MS;
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request)) perror("dhcp"), _exit(1);
  for (uint64_t end = 0;;) {
    known = known && now_ms() < end;
    if (obtain(fd, (const uint8_t *)request.ifr_hwaddr.sa_data, &lease, known)) {
      apply(name, metric, &lease, &before);
      before = lease;
      known = 1, pause_ms = TRY_MS;
      if (lease.seconds < LEASE_LEAST) lease.seconds = LEASE_LEAST;
      end = now_ms() + (uint64_t)lease.seconds * 1000;
      sleep(lease.seconds / 2);
    } else {
      usleep((useconds_t)pause_ms * 1000);
      pause_ms = pause_ms * 2 > TRY_MAX_MS ? TRY_MAX_MS : pause_ms * 2;
    }
  }
}

void dhcp_start(char *name, int metric) {
  if (fork()) return;
  sigset_t none;
  sigemptyset(&none), sigprocmask(SIG_SETMASK, &none, NULL);
  for (int fd = 3; fd < 1024; fd++) close(fd);
  client(name, metric);
}
