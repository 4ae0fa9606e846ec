FROM --platform=linux/amd64 scratch
COPY --chown=me:us --link src /dst
COPY --link -- src /dst
COPY -- src /dst
COPY --chown="a b" --exclude=x\ y src /dst
RUN --mount=type=cache,target=/x --network=none make --all
CMD -- [ "a", "b" ]
COPY --from=0 src /dst
COPY --link
