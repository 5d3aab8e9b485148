// Two people chat, by docs/protocol.md alone: fetch and a stock socket.io-client.
//
//   node two_people.mjs AUTH_URL CHAT_URL WEBSOCKET_URL TRANSPORT TOKEN_HASH TOKEN_HASH
//
// Prints what happened as one JSON object.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [authUrl, chatUrl, websocketUrl, transport, annsLink, bensLink] = process.argv.slice(2);
const WAIT_MS = 20_000;

async function call(url, { method = "GET", token, body } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return { status: response.status, answer };
}

async function signIn(tokenHash) {
  const session = await call(`${authUrl}/auth/confirm`, { method: "POST", body: { token_hash: tokenHash } });
  return { email: session.answer.user.email, ...session.answer };
}

function connect(token) {
  return io(websocketUrl, { auth: { token }, transports: [transport], reconnectionDelay: 1000, forceNew: true });
}

function once(socket, event, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${event} was not heard`)), WAIT_MS);
    socket.on(event, function listen(data) {
      if (!wanted(data)) return;
      clearTimeout(timer);
      socket.off(event, listen);
      resolve(data);
    });
  });
}

const send = (person, body) =>
  call(`${chatUrl}/chat/send`, { method: "POST", token: person.access_token, body: { id: crypto.randomUUID(), ...body } });
const read = (person, path) => call(`${chatUrl}${path}`, { token: person.access_token }).then(({ answer }) => answer);

const ann = await signIn(annsLink);
const ben = await signIn(bensLink);

const stranger = connect("not a token");
const refused = await once(stranger, "connect_error");
stranger.close();

const annSocket = connect(ann.access_token);
const benSocket = connect(ben.access_token);
await Promise.all([once(annSocket, "connect"), once(benSocket, "connect")]);

// Ann writes, Ben hears it and answers, Ann hears that.
const benHears = once(benSocket, "message.sent");
const first = await send(ann, { to: ben.email, content: "Hello Ben, שלום 👋" });
const heardByBen = await benHears;
const annHears = once(annSocket, "message.sent", ({ message }) => message.sender_id === ben.user.id);
const second = await send(ben, { conversation_id: first.answer.conversation_id, content: "Hello Ann" });
const heardByAnn = await annHears;
const again = await send(ann, { id: first.answer.id, to: ben.email, content: "Hello Ben, שלום 👋" });

// Ben's line breaks; what he misses he reads from the log when he is back.
const gone = once(benSocket, "disconnect");
benSocket.io.engine.close();
const reason = await gone;
const back = once(benSocket, "connect");
const third = await send(ann, { to: ben.user.id, content: "Are you there?" });
await back;
const conversation = first.answer.conversation_id;
const changes = await read(ben, `/chat/changes?conversation_id=${conversation}&after=${heardByAnn.seq}`);
const benHearsAgain = once(benSocket, "message.sent", ({ message }) => message.content === "Welcome back");
const fourth = await send(ann, { conversation_id: conversation, content: "Welcome back" });
const heardAfterwards = await benHearsAgain;

const renewed = await call(`${authUrl}/auth/refresh`, { method: "POST", body: { refresh_token: ben.refresh_token } });
const authenticated = await benSocket
  .timeout(WAIT_MS)
  .emitWithAck("authenticate", { token: renewed.answer.access_token });

const [history, asBenSees] = await Promise.all([
  read(ann, `/chat/history?with=${ben.user.id}`),
  read({ access_token: renewed.answer.access_token }, `/chat/history?conversation_id=${conversation}`),
]);
const conversations = await read(ann, "/conversations");
const ended = once(annSocket, "session.ended");
const signedOut = await call(`${authUrl}/auth/logout`, { method: "POST", token: ann.access_token, body: {} });

console.log(
  JSON.stringify({
    transport: benSocket.io.engine.transport.name,
    refused: { message: refused.message, code: refused.data.code },
    sent: [first, second, third, fourth],
    again,
    heard: [heardByBen, heardByAnn, heardAfterwards],
    reason,
    changes,
    authenticated,
    history,
    asBenSees,
    conversations: conversations.conversations,
    signedOut: signedOut.status,
    ended: await ended,
  }),
);
annSocket.close();
benSocket.close();
