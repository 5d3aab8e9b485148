// Socket.IO on Node as its documentation starts it, without compression and over websockets only, like Pulse's.
// POST /emit {first, events, groups}: the nth event goes to room n modulo groups; answered when the last is emitted.
// POST /send {room, content}: one event.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const MARKER = "<t=0000000000000000,n=00000000>";
const [name, event] = JSON.parse(process.env.EVENT);
const content = event.message.content;

const http = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  if (request.url === "/emit") await emit(JSON.parse(body));
  else if (request.url === "/send") send(JSON.parse(body));
  response.end("ok");
});
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, cors: { origin: "*" } });

io.on("connection", (socket) => {
  socket.join(socket.handshake.auth.room ?? "0");
});

async function emit({ first, events, groups }) {
  for (let n = 0; n < events; n += 1) {
    io.to(String(n % groups)).emit(name, mark(first + n));
    // Else nothing is written before the loop has ended, and all of it waits in memory.
    await new Promise(setImmediate);
  }
}

function send({ room, content }) {
  io.to(room).emit(name, { ...event, message: { ...event.message, content } });
}

function mark(number) {
  const time = process.hrtime.bigint().toString(16).padStart(16, "0");
  const marker = `<t=${time},n=${number.toString(16).padStart(8, "0")}>`;
  return { ...event, message: { ...event.message, content: content.replace(MARKER, marker) } };
}

http.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
