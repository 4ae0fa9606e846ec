# Doubled characters at the end continue nothing.

FROM debian
ENV A path
ENV B other\\path
ENV C trailing\\back\\
ENV D not part of C
ENV E hello\
\
world
ENV F hello\
 \
world
ENV G hello \
\
world
ENV H three\\\
ENV I not part of H
