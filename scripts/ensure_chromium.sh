#!/bin/sh
# Finds Chromium for the browser tests, installs Debian's where that is possible, and otherwise says what to do.
# A browser test is never skipped for want of a browser.
set -eu
chromium="${GRADWIDGET_CHROMIUM:-/usr/bin/chromium}"
[ -x "$chromium" ] && exit 0

explain() {
    echo "The browser tests need Chromium and found none at $chromium." >&2
    echo "Install it (Debian, Ubuntu: apt-get install chromium) or name one: GRADWIDGET_CHROMIUM=/path/to/chrome make test" >&2
    exit 1
}

[ -z "${GRADWIDGET_CHROMIUM:-}" ] && command -v apt-get >/dev/null || explain
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || explain
    as_root="sudo -n"
fi
echo "Installing chromium with apt-get ..."
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
[ -x "$chromium" ] || explain
