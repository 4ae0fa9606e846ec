from	debian:12
COPY	.	/srv/app
ADD		a b   /srv/
ADD		[ "my file", "/srv/my file" ]
copy	[ "one", "/two" ]
COPY ["a",
add [ "x" "y" ]
VOLUME ["/a", "/b b"]
VOLUME /c   /d
