# What the stage of ../web-shell/run.sh has besides: a program with more rights than it needs, a file
# of passwords that is nobody's in the place of the real one, and a log.
umask 022
mkdir -p /srv/www/bin
cp /usr/bin/find /srv/www/bin/seek
chmod 4755 /srv/www/bin/seek
printf '%s\n' 'root:*:20000:0:99999:7:::' 'www-data:!:20000:0:99999:7:::' >/srv/elsewhere/shadow
chmod 600 /srv/elsewhere/shadow
mount --bind /srv/elsewhere/shadow /etc/shadow
echo 'session opened for user root' >/var/log/auth.log
