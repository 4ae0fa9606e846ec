// What all Node servers here answer: `/` at once, `/slow` after 0.8 s, `/stream` a chunk each 50 ms for 0.8 s.
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

exports.port = Number(process.env.PORT || 3000);
exports.handle = async (request, response) => {
  if (request.url === '/slow') {
    await pause(800);
    response.end('slow\n');
  } else if (request.url === '/stream') {
    for (let part = 0; part < 16; part++) {
      response.write(`part ${part}\n`);
      await pause(50);
    }
    response.end('end\n');
  } else {
    response.end('quick\n');
  }
};
