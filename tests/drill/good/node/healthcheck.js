const url = `http://127.0.0.1:${process.env.PORT}/health`;
fetch(url, { signal: AbortSignal.timeout(1500) }).then(
  (answer) => process.exit(answer.status === 200 ? 0 : 1),
  () => process.exit(1),
);
