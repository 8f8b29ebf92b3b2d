#!/bin/sh
# Builds Kubernetes' own end-to-end tests from its Go modules: tests/interop/e2e/build.sh FILE [VERSION]
# Takes ten to twenty minutes and 3 GB of Go's cache on two cores. Upstream's go.mod leads to folders that a module
# does not have; here the same modules come from where they are published, k8s.io/api as v0.34.1 with 1.34.1.
set -eu
file=$(realpath -m "${1:?usage: build.sh FILE [VERSION]}")
version=${2:-1.34.1}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
source=$(cd / && go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
{
  printf 'module e2e\n\ngo 1.24.0\n\ngodebug default=go1.24\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
  sed -n "s|^\s*\(k8s.io/[a-z-]*\) => ./staging.*|\t\1 => \1 v0.${version#1.}|p" "$source"
  printf ')\n'
} > go.mod
export GOFLAGS="-mod=mod -buildvcs=false ${GOFLAGS:-}"
go test -c -vet=off -ldflags "-s -w" -o "$file" k8s.io/kubernetes/test/e2e
