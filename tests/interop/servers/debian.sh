#!/usr/bin/env bash
# Puts the servers that Debian packages into the folder $1. Only the libraries that they use are installed; the servers are
# unpacked. So no service of theirs is started, no question is asked, and nothing of them is left in /etc or /var.
set -euo pipefail

folder=$1
servers="glewlwyd glewlwyd-common liblemonldap-ng-common-perl liblemonldap-ng-handler-perl liblemonldap-ng-portal-perl"
# The last puts the clock of one process back.
unpacked="$servers libfaketime"
# What LemonLDAP::NG recommends for OpenID Connect, and what its script for new keys uses.
more="libgd-securityimage-perl libimage-magick-perl libio-string-perl libstring-random-perl libconvert-pem-perl"
# Each other, web servers, and what asks questions and starts services.
not_needed="glewlwyd-common|liblemonldap-ng-.*|lemonldap-ng-.*|debconf|ucf|adduser|dbconfig-.*"

apt() { apt-get -o DPkg::Lock::Timeout=120 "$@"; }

works() {
    "$folder/usr/bin/glewlwyd" --version &&
        PERL5LIB="$folder/usr/share/perl5" perl -MConvert::PEM -MLemonldap::NG::Portal::Captcha::SecurityImage \
            -MLemonldap::NG::Portal::Issuer::OpenIDConnect -e 1 &&
        command -v plackup && command -v sqlite3 && ls "$folder"/usr/lib/*/faketime/libfaketimeMT.so.1
}

works >/dev/null 2>&1 && exit

rm -rf "$folder"
mkdir -p "$folder/packages"
apt update
# As root, for apt's own user may not be able to write here.
(cd "$folder/packages" && apt -o APT::Sandbox::User=root download $unpacked)
for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder"; done
libraries=$(for package in "$folder"/packages/*.deb; do dpkg-deb --field "$package" Depends; done |
    tr ',' '\n' | sed 's/^ *//' | grep -vE "^($not_needed)( |$)" | sort -u | paste -sd,)
apt satisfy -y --no-install-recommends "$libraries"
apt install -y --no-install-recommends $more
works >/dev/null || { echo "the servers from Debian's packages do not run from $folder" >&2; exit 1; }
