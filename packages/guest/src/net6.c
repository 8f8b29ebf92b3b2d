/* What a card of IPv6 is given: an address of its own, and a router for everything else. */
#include "agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As the kernel takes them; the headers that have them clash with those of the C library. */
struct address6 { struct in6_addr address; uint32_t bits; int card; };
struct route6 {
  struct in6_addr to, from, gateway;
  uint32_t type;
  uint16_t bits, from_bits;
  uint32_t metric;
  unsigned long info;
  uint32_t flags;
  int card;
};
enum { ROUTE_UP = 1, ROUTE_GATEWAY = 2, SIOCADDRT6 = 0x890b, SIOCSIFADDR6 = 0x8916 };

static void card_option(const char *name, const char *option) {
  char path[100];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.15s/%s", name, option);
  FILE *file = fopen(path, "w");
  if (file) fputc('0', file), fclose(file);
}

/* The node says all there is to know, and has given this address to nobody else. */
void net6_quiet(const char *name) {
  card_option(name, "accept_ra");
  card_option(name, "accept_dad");
}

void net6_address(const char *name, const struct in6_addr *address, int bits) {
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct address6 request = {*address, (uint32_t)bits, (int)if_nametoindex(name)};
  if (ioctl(fd, SIOCSIFADDR6, &request)) perror("address of IPv6");
  close(fd);
}

static void add(const char *name, const struct in6_addr *to, int bits, const struct in6_addr *gateway, int metric) {
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct route6 route = {.to = *to, .bits = (uint16_t)bits, .flags = ROUTE_UP, .card = (int)if_nametoindex(name)};
  if (gateway) route.gateway = *gateway, route.flags |= ROUTE_GATEWAY;
  route.metric = (uint32_t)metric + 1;
  if (ioctl(fd, SIOCADDRT6, &route) && errno != EEXIST) perror("route of IPv6");
  close(fd);
}

/* Who has a link without neighbours is told where the router is before it is told to use it. */
void net6_router(const char *name, const struct in6_addr *gateway) { add(name, gateway, 128, NULL, 0); }

void net6_route(const char *name, const struct in6_addr *to, int bits, const struct in6_addr *gateway, int metric) {
  add(name, to, bits, gateway, metric);
}
