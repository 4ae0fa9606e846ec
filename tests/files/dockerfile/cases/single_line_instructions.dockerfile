FROM debian:12 AS Build
MAINTAINER	Some One <one@example.org>
user app:app
WORKDIR   /srv/with space  
STOPSIGNAL SIGTERM
EXPOSE 80 443/tcp	53/udp
FROM build as second
