#!/bin/sh
# Runs the scenarios of a fleet against a real kube-apiserver, which it builds from Debian's source package
# (some four minutes of CPU on Debian 12). Not a part of `make test`: that uses the stand-in in
# tests/support/kube_api.rs.
#
# Usage: tests/kube-apiserver.sh [FOLDER], after `make build tools`. FOLDER, target/kube-apiserver by
# default, keeps the binary and what it was built from.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$project/target/kube-apiserver}"
cd "${1:-$project/target/kube-apiserver}"
folder=$(pwd)

if [ ! -x kube-apiserver ]; then
  mkdir -p lists/partial
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  for kind in deb deb-src; do
    echo "$kind [signed-by=$key] http://deb.debian.org/debian $release main"
  done >sources.list
  apt() {
    apt-get -qq -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=- \
      -o Dir::State::Lists="$folder/lists" -o APT::Sandbox::User=root "$@"
  }
  apt update
  apt source kubernetes
  apt download golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev
  for package in golang-*.deb; do dpkg-deb -x "$package" go; done
  # The reflect2 that Kubernetes 1.20 has panics with Go 1.18 and later when a map is read.
  reflect2=github.com/modern-go/reflect2
  rm -rf "$(echo kubernetes-*/)vendor/$reflect2"
  cp -r "go/usr/share/gocode/src/$reflect2" "$(echo kubernetes-*/)vendor/$reflect2"
  mkdir -p gopath/src/k8s.io
  ln -sfn "$(echo "$folder"/kubernetes-*/)" gopath/src/k8s.io/kubernetes
  (
    export GOROOT="$folder/go/usr/lib/go-1.19" GOCACHE="$folder/cache" GOPATH="$folder/gopath" GO111MODULE=off CGO_ENABLED=0
    export PATH="$GOROOT/bin:$PATH"
    cd gopath/src/k8s.io/kubernetes
    # The source package lacks this file: the package's build generates it, with these arguments
    # (`gen_openapi` in build/root/Makefile.generated_files).
    go build -o "$folder/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$(grep -rl --include='*.go' '^// *+k8s:openapi-gen=' cmd pkg plugin vendor/k8s.io/*/ \
      | grep -v -e /code-generator/ -e /sample-apiserver/ | xargs -n1 dirname | LC_ALL=C sort -u \
      | sed 's|^|k8s.io/kubernetes/|' | paste -sd,)
    "$folder/openapi-gen" --logtostderr -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
      -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$folder/openapi-violations"
    go build -o "$folder/kube-apiserver" ./cmd/kube-apiserver
  )
fi

# Certificates, the tokens of the gateways and of the administrator, and the account of the service tokens.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout serving.key -out ca.crt -subj /CN=kubernetes \
  -addext 'subjectAltName=DNS:kubernetes.default.svc' 2>openssl.log
openssl genrsa -out accounts.key 2048 2>>openssl.log
gateway=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
admin=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf %s "$gateway" >token
printf %s "$admin" >admin-token
printf '%s,gateway,1\n%s,admin,2,system:masters\n' "$gateway" "$admin" >tokens.csv
port=16443
echo "$port" >port

rm -rf etcd
"$project/.tools/bin/etcd" --data-dir etcd --listen-client-urls http://127.0.0.1:16379 \
  --advertise-client-urls http://127.0.0.1:16379 --listen-peer-urls http://127.0.0.1:16380 \
  --initial-advertise-peer-urls http://127.0.0.1:16380 --initial-cluster default=http://127.0.0.1:16380 \
  >etcd.log 2>&1 &
etcd=$!
./kube-apiserver --etcd-servers http://127.0.0.1:16379 --bind-address 127.0.0.1 --secure-port "$port" \
  --tls-cert-file ca.crt --tls-private-key-file serving.key --authorization-mode RBAC --token-auth-file tokens.csv \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file accounts.key \
  --service-account-signing-key-file accounts.key --service-cluster-ip-range 10.0.0.0/24 \
  >kube-apiserver.log 2>&1 &
server=$!
trap 'kill $server $etcd 2>/dev/null' EXIT INT TERM

ask() {
  curl --silent --cacert ca.crt --resolve "kubernetes.default.svc:$port:127.0.0.1" \
    --header "authorization: Bearer $admin" "$@"
}
url=https://kubernetes.default.svc:$port
tries=0
until [ "$(ask "$url/readyz")" = ok ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 120 ] || { tail -5 kube-apiserver.log >&2; exit 1; }
  sleep 1
done
# The binary does not know its version.
echo kubernetes-*/

# The Role of docs/how-to/fleet.md, bound to the user of the tests.
post() {
  ask --fail --output /dev/null --header 'content-type: application/yaml' --data-binary @- "$url$1"
}
echo '{apiVersion: v1, kind: Namespace, metadata: {name: gateways}}' | post /api/v1/namespaces
rbac=/apis/rbac.authorization.k8s.io/v1/namespaces/gateways
sed -n '/kind: Role$/,/verbs:/p' "$project/docs/how-to/fleet.md" | sed 's/^   //; s/verdigris-fleet/gateways/' \
  | sed '1i apiVersion: rbac.authorization.k8s.io/v1' | post "$rbac/roles"
cat <<END | post "$rbac/rolebindings"
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: verdigris, namespace: gateways}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: verdigris}
subjects:
- {kind: User, name: gateway, apiGroup: rbac.authorization.k8s.io}
END

cd "$project"
KUBE_APISERVER=$folder cargo test --locked --no-fail-fast --test filter -- --test-threads 1 on_kubernetes
