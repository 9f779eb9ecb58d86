#!/usr/bin/env bash
# Makes the broker's credentials; there are no default ones, and git ignores what is written here.
#
#   deploy/secrets.sh           .env: a random password for each user
#   deploy/secrets.sh --nkeys   also a key pair for each: seeds in deploy/nats/secrets/nkeys, public keys in .env
#   deploy/secrets.sh --tls     also a CA, the broker's certificate and one for each user, in deploy/nats/secrets/tls
#
# What is there already stays. DSB_TLS_NAMES="broker.example.org 10.0.0.7" adds names to the broker's certificate.
# Needs OpenSSL 1.1.1 or newer for --nkeys and --tls, and python3 for --nkeys.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 077
USERS="admin bench reader router s1 s2 memory"
SECRETS=deploy/nats/secrets
DAYS=825

upper() { echo "$1" | tr '[:lower:]' '[:upper:]'; }

# Each begins with a letter: the broker's configuration would read a leading digit as a number.
passwords() { # OPTIONS OF THE CALL
  if [ -e .env ] && grep -q '^NATS_PW_ADMIN=' .env; then
    [ $# -gt 0 ] || echo ".env has passwords already: remove its lines NATS_PW_… to get new ones" >&2
    return
  fi
  {
    [ ! -e .env ] || cat .env
    echo "# Passwords of the broker's users (deploy/nats/nats.conf); made by deploy/secrets.sh, never commit them."
    for user in $USERS; do
      printf 'NATS_PW_%s=p%s\n' "$(upper "$user")" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
    done
  } >.env.part
  mv .env.part .env
  echo "wrote .env: a password for each of the broker's users"
}

# An nkey is the prefix byte(s), the 32 bytes of an Ed25519 key, and a CRC-16 (XMODEM), in base32.
encode() { # PREFIX_HEX < DER of a key, whose last 32 bytes are the key
  python3 -c '
import base64, binascii, sys
raw = bytes.fromhex(sys.argv[1]) + sys.stdin.buffer.read()[-32:]
print(base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("="))' "$1"
}

nkeys() {
  [ -e "$SECRETS/nkeys" ] && { echo "$SECRETS/nkeys is there already" >&2; return; }
  mkdir -p "$SECRETS/nkeys.part"
  for user in $USERS; do
    openssl genpkey -algorithm ed25519 -outform DER -out "$SECRETS/nkeys.part/key"
    encode 9500 <"$SECRETS/nkeys.part/key" >"$SECRETS/nkeys.part/$user.seed"
    public=$(openssl pkey -inform DER -in "$SECRETS/nkeys.part/key" -pubout -outform DER | encode a0)
    printf %s "$public" >"$SECRETS/nkeys.part/$user.pub"
    echo "NATS_NKEY_$(upper "$user")=$public"
  done >"$SECRETS/public.part"
  rm "$SECRETS/nkeys.part/key"
  # Containers read them as another user: the folder keeps everybody else out.
  chmod 644 "$SECRETS"/nkeys.part/*.seed
  cat "$SECRETS/public.part" >>.env
  rm "$SECRETS/public.part"
  mv "$SECRETS/nkeys.part" "$SECRETS/nkeys"
  echo "wrote $SECRETS/nkeys: a seed and a public key for each user; the public keys stand in .env too"
}

certificate() { # NAME EXTENSIONS
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days $DAYS -sha256 \
    -extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%s\n' "$2") \
    -out "$1.pem" 2>/dev/null
  rm "$1.csr"
}

tls() {
  if [ -f "$SECRETS/tls/ca.pem" ]; then
    echo "$SECRETS/tls is there already" >&2
    return
  elif [ -e "$SECRETS/tls" ]; then
    # Docker makes folders in place of files that a container is to see and that are not there.
    echo "$SECRETS/tls holds no certificates: remove it (it may be root's), and call this again" >&2
    exit 1
  fi
  mkdir -p "$SECRETS/tls.part"
  (
    cd "$SECRETS/tls.part"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $DAYS -subj "/CN=DualStreamBench CA" \
      -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem 2>/dev/null
    names="DNS:nats,DNS:localhost,IP:127.0.0.1"
    for name in ${DSB_TLS_NAMES:-}; do
      case "$name" in *[!0-9.]*) names="$names,DNS:$name" ;; *) names="$names,IP:$name" ;; esac
    done
    certificate server "extendedKeyUsage=serverAuth
subjectAltName=$names"
    for user in $USERS; do certificate "$user" "extendedKeyUsage=clientAuth"; done
    chmod 644 ./*
    chmod 600 ca.key
  )
  mv "$SECRETS/tls.part" "$SECRETS/tls"
  echo "wrote $SECRETS/tls: ca.pem, server.pem and .key for the broker, <user>.pem and .key for each user"
}

for option in "$@"; do
  case "$option" in
    --nkeys | --tls) ;;
    *) echo "secrets.sh: no option $option: choose --nkeys, --tls, or none" >&2; exit 2 ;;
  esac
done
passwords "$@"
rm -rf "$SECRETS"/*.part
for option in "$@"; do "${option#--}"; done
