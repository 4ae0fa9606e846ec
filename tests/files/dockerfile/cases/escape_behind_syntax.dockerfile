#syntax = docker/dockerfile:1
# EScape = `

FROM `
   image
