#!/bin/sh
# Packs the images that Kubernetes' own specs run: tests/interop/e2e/images.sh FOLDER [VERSION]
# agnhost and nonewprivs are built from their sources, with the programs of Debian that upstream's have; Debian's
# busybox stands for those that only need a shell or something that serves. Each is FOLDER/NAME_TAG.tar, to be pushed
# as NAME:TAG. Needs netcat-openbsd, curl and bind9-dnsutils besides Go and gcc.
set -eu
folder=$(realpath -m "${1:?usage: images.sh FOLDER [VERSION]}")
version=${2:-1.34.1}
selvedge=$(dirname "$(readlink -f "$0")")/../../../selvedge
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
cd "$work"
info=$(cd / && go mod download -json "k8s.io/kubernetes@v$version")
of() { printf '%s' "$info" | sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p"; }
images="$(of Dir)/test/images"
{
  printf 'module images\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
  sed -n "s|^\s*\(k8s.io/[a-z-]*\) => ./staging.*|\t\1 => \1 v0.${version#1.}|p" "$(of GoMod)"
  printf ')\n'
} > go.mod
export GOFLAGS="-mod=mod -buildvcs=false ${GOFLAGS:-}" CGO_ENABLED=0

pack() {
  image=$1
  shift
  "$selvedge" pack --output "$folder/$image.tar" "$@"
}

# A program of this machine, with what it is linked to.
bring() {
  folder_of=$1
  shift
  for program; do
    file=$(command -v "$program")
    mkdir -p "$folder_of/usr/bin"
    cp -L "$file" "$folder_of/usr/bin/${program%.openbsd}"
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$folder_of$(dirname "$library")"
      cp -L "$library" "$folder_of$library"
    done
  done
}

mkdir -p agnhost/etc agnhost/uploads agnhost/tmp nonewprivs/usr/bin pause httpd/usr/local/apache2/htdocs shell/tmp
chmod 1777 agnhost/tmp shell/tmp
go build -ldflags "-s -w" -o agnhost/agnhost k8s.io/kubernetes/test/images/agnhost
ln -s agnhost agnhost/agnhost-2
cp "$images/agnhost/porter/localhost.crt" "$images/agnhost/porter/localhost.key" agnhost/
chmod 644 agnhost/localhost.*
bring agnhost bash nc.openbsd curl dig getent
bring shell bash
mkdir -p agnhost/bin shell/bin
ln -s busybox shell/bin/sysctl
# Upstream's shells pass on variables whose names they could not say, and call what is in the path; busybox's has its
# own programs first.
for image in agnhost shell; do ln -s ../usr/bin/bash "$image/bin/sh"; done
cp -r agnhost dnsutils
for picture in nautilus kitten; do
  mkdir -p "$picture/www"
  printf '{"image": "%s.jpg"}\n' "$picture" > "$picture/www/data.json"
  cp -r shell/tmp "$picture/tmp"
done
{
  echo 'root:x:0:0:root:/root:/bin/sh'
  echo 'nobody:x:65534:65534:nobody:/:/bin/false'
  echo 'user-defined-in-image:x:1000:1000::/:/bin/sh'
} > agnhost/etc/passwd
{
  echo 'root:x:0:'
  echo 'user-defined-in-image:x:1000:'
  echo 'group-defined-in-image:x:50000:user-defined-in-image'
} > agnhost/etc/group
go build -ldflags "-s -w" -o nonewprivs/usr/bin/nnp "$images/nonewprivs/nnp.go"
chmod 6755 nonewprivs/usr/bin/nnp
echo '<html><body><h1>It works!</h1></body></html>' > httpd/usr/local/apache2/htdocs/index.html
cat > pause.c <<'C'
#include <signal.h>
#include <unistd.h>
static void end(int number) { (void)number, _exit(0); }
int main(void) { for (signal(SIGTERM, end), signal(SIGINT, end);;) pause(); }
C
gcc -static -Os -s -o pause/pause pause.c

pack agnhost_2.56 agnhost --busybox --entrypoint /agnhost --cmd pause
pack busybox_1.37.0-1 shell --busybox --cmd sh
pack nonroot_1.4 shell --busybox --user 1234 --cmd sh
pack nonewprivs_1.3 nonewprivs --busybox --cmd=/usr/bin/nnp
pack jessie-dnsutils_1.7 dnsutils --busybox --cmd sleep --cmd 3600
for picture in nautilus kitten; do
  pack "${picture}_1.7" "$picture" --busybox --cmd httpd --cmd=-f --cmd=-p --cmd 80 --cmd=-h --cmd /www
done
pack pause_3.10.1 pause --entrypoint /pause
for image in httpd_2.4.38-4 httpd_2.4.39-4; do
  pack "$image" httpd --busybox --env "OF=$image" --cmd httpd --cmd=-f --cmd=-h --cmd=/usr/local/apache2/htdocs
done
