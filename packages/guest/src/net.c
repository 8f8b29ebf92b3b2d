#include "agent.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void up(int fd, const char *name) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  ioctl(fd, SIOCGIFFLAGS, &request);
  request.ifr_flags |= IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request)) perror(name);
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (file) fputs(text, file), fclose(file);
}

void net_setup(char *body, size_t length) {
  const char *hostname = field(body, length, "hostname");
  char address[64];
  snprintf(address, sizeof address, "%s", field(body, length, "address"));
  mkdir("/etc", 0755);
  sethostname(hostname, strlen(hostname));
  put("/etc/hostname", hostname);
  put("/etc/resolv.conf", field(body, length, "resolv"));
  put("/etc/hosts", field(body, length, "hosts"));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  up(fd, "lo");
  char *slash = strchr(address, '/');
  if (slash) {
    *slash = 0;
    int bits = atoi(slash + 1);
    struct ifreq request = {0};
    struct sockaddr_in *at = (struct sockaddr_in *)&request.ifr_addr;
    strcpy(request.ifr_name, "eth0");
    at->sin_family = AF_INET;
    inet_pton(AF_INET, address, &at->sin_addr);
    if (ioctl(fd, SIOCSIFADDR, &request)) perror("address");
    at->sin_addr.s_addr = bits ? htonl(~0u << (32 - bits)) : 0;
    if (ioctl(fd, SIOCSIFNETMASK, &request)) perror("netmask");
    up(fd, "eth0");
    struct rtentry route = {0};
    struct sockaddr_in *via = (struct sockaddr_in *)&route.rt_gateway;
    route.rt_dst.sa_family = route.rt_genmask.sa_family = via->sin_family = AF_INET;
    route.rt_flags = RTF_UP | RTF_GATEWAY;
    if (inet_pton(AF_INET, field(body, length, "gateway"), &via->sin_addr) == 1 && ioctl(fd, SIOCADDRT, &route))
      perror("route");
  }
  close(fd);
}
