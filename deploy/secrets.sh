#!/bin/sh
# Makes each secret of compose.yaml that is not there yet, readable for its one reader alone, then becomes the command
# that it is given. It runs in PostgreSQL's container because that starts first and all others wait for it.
#   SECRETS_DIR   where they are kept (/secrets)
set -eu
umask 077
folder=${SECRETS_DIR:-/secrets}

# 32 letters and digits: they go into a URL as they are.
random() { LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 32; }

# keep NAME READER: standard input becomes the secret, unless it is there. Written aside, so that it is whole or not there.
keep() {
  if [ ! -s "$folder/$1" ]; then
    cat > "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
  fi
  chmod 400 "$folder/$1"
  [ "$(id -u)" -ne 0 ] || chown "$2" "$folder/$1"
}

chmod 755 "$folder"
random | keep postgres-password 999
printf 'postgres://crm:%s@postgres:5432/crm' "$(cat "$folder/postgres-password")" | keep database-url 65532
random | keep autoheal-token 65532
# The same for Alertmanager, which runs as another user.
keep alertmanager-token 65534 < "$folder/autoheal-token"
random | keep grafana-admin-password 472

exec "$@"
