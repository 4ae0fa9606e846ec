FROM debian
RUN <<END
one
  two # no comment
END
COPY <<A <<'B' <<-"C D" /dst
B
A
$x
B
	tabbed
	C D
RUN 3<<E'O'F cat && <<  AFTER_SPACE cat
body
EOF
second
AFTER_SPACE
RUN "<<NONE"
RUN ["<<NONE"]
RUN x <<<NONE
USER <<NONE
ONBUILD RUN <<END
triggered
END
ADD <<$NAME /dst
$NAME
