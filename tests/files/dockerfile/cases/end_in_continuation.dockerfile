FROM debian

RUN make \