FROM debian
CMD []
CMD [""]
CMD ["a","b"]
CMD [	"a" ,	"b"	]	
CMD ["sp ace", "♥", "\" \\ \/ \b \f \n \r \t \u0000", "\u00e9\ud83d\ude00"]
CMD "[\"text\"]"
CMD '["text"]'
CMD ['single', 'quotes']
CMD ["no end"
CMD ["no quote]
CMD ["a", "b",]
CMD ["a"] && more
CMD [1e999]
CMD [ -f /x ] && echo yes
ENTRYPOINT ["/entry"]
SHELL ["/bin/bash", "-c"]
RUN []
CMD
