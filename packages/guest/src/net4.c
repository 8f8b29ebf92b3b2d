/* What a card of IPv4 is given: an address with its network, and routes. */
#include "agent.h"
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

void net4_address(const char *name, uint32_t address, uint32_t mask) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {0};
  struct sockaddr_in *at = (struct sockaddr_in *)&request.ifr_addr;
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  at->sin_family = AF_INET;
  at->sin_addr.s_addr = address;
  if (ioctl(fd, SIOCSIFADDR, &request)) perror("address");
  at->sin_addr.s_addr = mask;
  if (ioctl(fd, SIOCSIFNETMASK, &request)) perror("netmask");
  close(fd);
}

void net4_route(uint32_t network, uint32_t mask, uint32_t gateway, char *name, int metric) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct rtentry route = {0};
  ((struct sockaddr_in *)&route.rt_dst)->sin_addr.s_addr = network;
  ((struct sockaddr_in *)&route.rt_genmask)->sin_addr.s_addr = mask;
  ((struct sockaddr_in *)&route.rt_gateway)->sin_addr.s_addr = gateway;
  route.rt_dst.sa_family = route.rt_genmask.sa_family = route.rt_gateway.sa_family = AF_INET;
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  route.rt_dev = name;
  /* The kernel takes one off. */
  route.rt_metric = (short)(metric + 1);
  if (ioctl(fd, SIOCADDRT, &route)) perror("route");
  close(fd);
}
