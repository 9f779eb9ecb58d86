#!/usr/bin/env bash
# Writes .env once: one random password for each user of the broker. There is no default one; git ignores the file.
# Each begins with a letter: the broker's configuration would read a leading digit as a number.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -e .env ] && { echo ".env is there already: delete it, and the volumes, to make new passwords" >&2; exit 0; }
umask 077
{
  echo "# Passwords of the broker's users (deploy/nats/nats.conf); made by deploy/secrets.sh, never commit them."
  for user in admin bench reader router s1 s2 memory; do
    printf 'NATS_PW_%s=p%s\n' "$(echo $user | tr '[:lower:]' '[:upper:]')" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
  done
} >.env.part
mv .env.part .env
echo "wrote .env: a password for each of the broker's users"
