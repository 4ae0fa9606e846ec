FROM debian
ENV old style value = "kept"
ENV a=b
ENV a=b c=d
ENV a="b c"
ENV a=b\ c
ENV a="b'c d'e"
ENV a='b"c d"e'
ENV a=b\ c d=e\ f
ENV a="b\"c"
ENV a="b\'c"
ENV a='b\'c'
ENV a='b\'c''
ENV a='b\"c'
ENV a="''"
ENV a= b=""
LABEL maintainer Some One <one@example.org>
LABEL "quoted key"="quoted value" plain=yes
LABEL open="never closed and then some
ENV a=1 \
    b="two \
       lines" \
    c="n\n\"q\"" \
	d="back\\slash" \
