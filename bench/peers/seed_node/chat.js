// The seeds' chat service: Express, a pg pool, a bearer token, and an HTTP push to the socket service.
import http from "node:http";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";

const { PORT, DATABASE_URL, JWT_SECRET, SERVICE_TOKEN, WEBSOCKET_URL } = process.env;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 20 });
const agent = new http.Agent({ keepAlive: true });
const app = express();
app.use(express.json());

app.use((req, res, next) => {
  const [scheme, token] = (req.headers.authorization ?? "").split(" ");
  try {
    if (scheme !== "Bearer") throw new Error("no bearer token");
    req.userId = jwt.verify(token, JWT_SECRET, { algorithms: ["HS256"], audience: "authenticated" }).sub;
  } catch {
    return res.status(401).json({ code: "not_authenticated" });
  }
  next();
});

app.post("/chat/send", async (req, res) => {
  const { to, content } = req.body ?? {};
  if (!UUID.test(to) || typeof content !== "string" || !content.trim() || content.length > 8000) {
    return res.status(422).json({ code: "malformed" });
  }
  const { rows } = await pool.query(
    "insert into messages (sender_id, receiver_id, content) values ($1, $2, $3) returning *",
    [req.userId, to, content],
  );
  res.status(201).json(rows[0]);
  push([to, req.userId], "message.sent", { message: rows[0] });
});

app.get("/chat/history", async (req, res) => {
  const limit = Math.min(Number(req.query.limit) || 50, 200);
  const offset = Number(req.query.offset) || 0;
  if (!UUID.test(req.query.group) || offset < 0) return res.status(422).json({ code: "malformed" });
  const { rows } = await pool.query(
    "select * from messages where receiver_id = $1 order by created_at desc limit $2 offset $3",
    [req.query.group, limit, offset],
  );
  res.json({ messages: rows });
});

// Nobody waits for it, and nobody repeats it: what the socket service misses is told to nobody.
function push(to, event, data) {
  const body = JSON.stringify({ to, event, data });
  const headers = {
    Authorization: `Bearer ${SERVICE_TOKEN}`,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  };
  http
    .request(`${WEBSOCKET_URL}/deliver`, { method: "POST", agent, headers }, (answer) => answer.resume())
    .on("error", (error) => console.error(`not pushed: ${error.message}`))
    .end(body);
}

app.listen(Number(PORT), "127.0.0.1", () => console.log(`chat listens on ${PORT}`));
