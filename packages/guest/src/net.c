#include "agent.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void link_up(int fd, const char *name, int up) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  ioctl(fd, SIOCGIFFLAGS, &request);
  if (up) request.ifr_flags |= IFF_UP;
  else request.ifr_flags &= ~IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request)) perror(name);
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0) perror(path);
  if (file && fclose(file)) perror(path);
}

static void rename_link(int fd, const char *from, const char *to) {
  if (!strcmp(from, to)) return;
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", from);
  snprintf(request.ifr_newname, sizeof request.ifr_newname, "%s", to);
  if (ioctl(fd, SIOCSIFNAME, &request)) perror(from);
}

/* The card with an address of hardware; the order in which the kernel found them means nothing. */
static int find_link(const char *mac, char *name, size_t size) {
  DIR *cards = opendir("/sys/class/net");
  int found = 0;
  for (struct dirent *card; cards && !found && (card = readdir(cards));) {
    char path[300], address[32] = "";
    snprintf(path, sizeof path, "/sys/class/net/%s/address", card->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(address, sizeof address, file)) found = !strncmp(address, mac, 17);
    fclose(file);
    if (found) snprintf(name, size, "%.15s", card->d_name);
  }
  if (cards) closedir(cards);
  return found;
}

static uint32_t mask_of(int bits) { return bits ? htonl(~0u << (32 - bits)) : 0; }

/* "mac address/bits gateway mtu"; a dash where there is none, an address of "dhcp" is asked for. */
static void card_setup(int fd, const char *text, char *name, int metric) {
  char mac[32] = "", address[64] = "", gateway[64] = "";
  int mtu = 0;
  sscanf(text, "%31s %63s %63s %d", mac, address, gateway, &mtu);
  if (mtu > 0) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    request.ifr_mtu = mtu;
    if (ioctl(fd, SIOCSIFMTU, &request)) perror("mtu");
  }
  char *slash = strchr(address, '/');
  struct in_addr own, via;
  struct in6_addr own6, via6;
  if (slash) *slash = 0;
  if (slash && inet_pton(AF_INET6, address, &own6) == 1) {
    net6_quiet(name);
    link_up(fd, name, 1);
    net6_address(name, &own6, atoi(slash + 1));
    if (inet_pton(AF_INET6, gateway, &via6) != 1) return;
    net6_router(name, &via6);
    net6_route(name, &in6addr_any, 0, &via6, metric);
    return;
  }
  if (slash && inet_pton(AF_INET, address, &own) == 1) {
    net4_address(name, own.s_addr, mask_of(atoi(slash + 1)));
    link_up(fd, name, 1);
    if (inet_pton(AF_INET, gateway, &via) == 1) net4_route(0, 0, via.s_addr, name, metric);
  } else {
    link_up(fd, name, 1);
    if (!strcmp(address, "dhcp")) dhcp_start(name, metric);
  }
}

/* "card network/bits gateway" */
static void route_setup(const char *text) {
  int at = 0;
  char network[64] = "", gateway[64] = "", name[16];
  sscanf(text, "%d %63s %63s", &at, network, gateway);
  char *slash = strchr(network, '/');
  struct in_addr to, via;
  struct in6_addr to6, via6;
  if (!slash) return;
  *slash = 0;
  snprintf(name, sizeof name, "eth%d", at);
  if (inet_pton(AF_INET6, network, &to6) == 1 && inet_pton(AF_INET6, gateway, &via6) == 1) {
    net6_router(name, &via6);
    net6_route(name, &to6, atoi(slash + 1), &via6, 0);
  }
  if (inet_pton(AF_INET, network, &to) != 1 || inet_pton(AF_INET, gateway, &via) != 1) return;
  net4_route(to.s_addr, mask_of(atoi(slash + 1)), via.s_addr, name, 0);
}

/* "name=value": the kernel is this app's alone, so each may be set; a slash or a dot parts the name. */
static void kernel_setup(char *text) {
  char path[300], *value = strchr(text, '=');
  if (!value || strstr(text, "..")) return;
  *value++ = 0;
  snprintf(path, sizeof path, "/proc/sys/%.255s", text);
  if (!strchr(text, '/')) for (char *at = path + 10; *at; at++) if (*at == '.') *at = '/';
  put(path, value);
}

void net_setup(char *body, size_t length) {
  char *parameters[ITEMS];
  for (size_t i = fields(body, length, "sysctl", parameters, ITEMS); i > 0; i--) kernel_setup(parameters[i - 1]);
  const char *hostname = field(body, length, "hostname");
  mkdir("/etc", 0755);
  sethostname(hostname, strlen(hostname));
  put("/etc/hostname", hostname);
  put("/etc/resolv.conf", field(body, length, "resolv"));
  put("/etc/hosts", field(body, length, "hosts"));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  link_up(fd, "lo", 1);
  char *cards[CARDS], *routes[ITEMS];
  size_t ncards = fields(body, length, "nic", cards, CARDS), nroutes = fields(body, length, "route", routes, ITEMS);
  /* First out of each other's way, then to the names they shall have. */
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < ncards; i++) {
      char now[16], to[16];
      if (!find_link(cards[i], now, sizeof now)) { fprintf(stderr, "no card %.17s\n", cards[i]); continue; }
      snprintf(to, sizeof to, pass ? "eth%zu" : "card%zu", i);
      if (!pass) link_up(fd, now, 0);
      rename_link(fd, now, to);
    }
  for (size_t i = 0; i < ncards; i++) {
    char name[16];
    snprintf(name, sizeof name, "eth%zu", i);
    card_setup(fd, cards[i], name, (int)i);
  }
  for (size_t i = 0; i < nroutes; i++) route_setup(routes[i]);
  close(fd);
}
