FROM busybox
ONBUILD RUN ["make", "it"]
ONBUILD run make it
onbuild COPY --chown=me . /
ONBUILD ENV a=b c=d
ONBUILD HEALTHCHECK CMD ["x"]
