FROM debian
HEALTHCHECK --interval=5s --timeout=3s --retries=3 \
  CMD /check --quiet
HEALTHCHECK   CMD   a b
HEALTHCHECK cmd ["a"]
healthcheck none
HEALTHCHECK --start-period=0s --start-interval=0s --interval=5s --timeout=0s --retries=0 CMD ["a", "b"]
