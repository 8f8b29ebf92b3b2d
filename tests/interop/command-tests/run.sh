#!/usr/bin/env bash
# Runs one of Kubernetes' own command tests: run.sh SOURCE SUITE, in the copy of its source that SOURCE is.
# Given by the environment: SECURE_API_PORT, THIS_PLATFORM_BIN with kubectl in it, KUBE_TEMP, which has the server's
# certificate in it as upstream's leaves it there, LEAVE_OUT, a pattern of lines that are not run, and OWN_NAMESPACE.
set -o errexit -o nounset -o pipefail
cd "$1"
asked=$2
export KUBE_ROOT=$PWD HOME=$KUBE_TEMP TMPDIR=$KUBE_TEMP TERM=xterm SUPPORTED_RESOURCES='*' ALLOW_SKEW=y
source hack/lib/logging.sh
source hack/lib/util.sh
source hack/lib/test.sh
source test/cmd/legacy-script.sh
SED=sed

# Functions are read once more: without those lines, but for conditions, whose ends stay, and with what is asked of the
# network taken from this copy.
for file in test/cmd/*.sh; do
  case $file in */legacy-script.sh | */run.sh) continue ;; esac
  source <(sed -E -e "/^ *if /!{/${LEAVE_OUT:-^$}/Id}" \
    -e 's|https://raw.githubusercontent.com/kubernetes/kubernetes/master/||' "$file")
done
# Looks for the name of the authority that upstream's server trusts; ours has another.
kube::util::test_client_certificate_authentication_enabled() { :; }

kubectl config set-credentials test-admin --token admin-token
kubectl config set-cluster local --insecure-skip-tls-verify --server "https://127.0.0.1:$SECURE_API_PORT"
kubectl config set-context test --user test-admin --cluster local
kubectl config use-context test
CONTEXT=test

# Upstream's own loop over the suites it is asked for, which sets what they share; here it is this one alone, and
# fails at its first mistake.
record_command() {
  # Where upstream's suite before it has left off.
  if [[ -n ${OWN_NAMESPACE:-} ]]; then create_and_use_new_namespace; fi
  "run_$asked"
}
WHAT=one
runTests
