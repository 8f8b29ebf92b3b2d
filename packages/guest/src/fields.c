#include "agent.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

uint64_t now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

size_t fields(const char *body, size_t length, const char *key, char **out, size_t max) {
  size_t n = 0, klen = strlen(key);
  for (const char *at = body, *end = body + length; at < end;) {
    const char *zero = memchr(at, 0, end - at);
    if (!zero) break;
    if (!strncmp(at, key, klen) && at[klen] == '=' && n < max) out[n++] = (char *)at + klen + 1;
    at = zero + 1;
  }
  return n;
}

const char *field(const char *body, size_t length, const char *key) {
  char *one[1];
  return fields(body, length, key, one, 1) ? one[0] : "";
}

void make_dirs(const char *path) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *at = copy + 1; *at; at++)
    if (*at == '/') *at = 0, mkdir(copy, 0755), *at = '/';
  mkdir(copy, 0755);
}
