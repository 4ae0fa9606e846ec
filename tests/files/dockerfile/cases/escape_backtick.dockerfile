# escape=`
# A comment right behind the directives.
FROM image
WORKDIR C:\app\
RUN dir `
\c
ENV A=b` c D="e`"f"
