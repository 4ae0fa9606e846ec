FROM debian
RUN say one\
  two\
    three  \
  four\
five\
six
RUN say a  \  
b
RUN say hi \
 \
 there \
\
 again\
\
end
RUN keep \
# a comment in between

    # an indented one after an empty line
the rest
