# This comment ends the directives, so the next line is one more comment.
# escape=`

FROM image
ENV GOPATH \
\go
