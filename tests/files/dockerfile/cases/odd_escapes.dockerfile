FROM debian
LABEL who Me \\Myself <i@example.org>\"
RUN tool \install && \
  tool \"install now -y
ADD \conf\\" /.conf

RUN one \

two \

three

CMD [ "\/bin\\\"/run", "-f" ]
