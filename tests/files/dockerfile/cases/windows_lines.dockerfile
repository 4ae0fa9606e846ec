FROM debian
RUN a \
  b
COPY <<X /x
body
X
CMD ["a"]
