ARG one two=2
FROM debian
ARG both="a b" three 'x y'=z
ARG a\ b=c
