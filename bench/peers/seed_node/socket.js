// The seeds' socket service: Socket.IO with a room for each user, and a route the chat service pushes to.
import http from "node:http";
import { text } from "node:stream/consumers";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";

const { PORT, JWT_SECRET, SERVICE_TOKEN } = process.env;

const server = http.createServer(async (req, res) => {
  if (req.method !== "POST" || req.url !== "/deliver") return res.writeHead(404).end();
  if (req.headers.authorization !== `Bearer ${SERVICE_TOKEN}`) return res.writeHead(401).end();
  const { to, event, data } = JSON.parse(await text(req));
  io.to(to).emit(event, data);
  res.writeHead(202).end();
});
const io = new Server(server);

io.use((socket, next) => {
  try {
    const claims = jwt.verify(socket.handshake.auth.token, JWT_SECRET, {
      algorithms: ["HS256"],
      audience: "authenticated",
    });
    socket.data.userId = claims.sub;
    next();
  } catch {
    next(new Error("unauthorized"));
  }
});
io.on("connection", (socket) => socket.join(socket.data.userId));

server.listen(Number(PORT), "127.0.0.1", () => console.log(`sockets on ${PORT}`));
