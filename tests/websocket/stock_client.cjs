// The npm client as it comes. argv: address, JSON of io()'s options. Each line it prints is one JSON array.
const { createRequire } = require("node:module");
const path = require("node:path");
const { io } = createRequire(path.join(__dirname, "../../frontend/package.json"))("socket.io-client");

const say = (...words) => process.stdout.write(JSON.stringify(words) + "\n");
const socket = io(process.argv[2], JSON.parse(process.argv[3]));

socket.on("connect", () => say("connect", socket.io.engine.transport.name));
socket.on("connect_error", (error) => say("connect_error", error.message, error.data ?? null, socket.active));
socket.on("disconnect", (reason) => say("disconnect", reason, socket.active));
socket.io.engine?.on("upgrade", (transport) => say("upgrade", transport.name));
socket.onAny((event, data) => say("event", event, data));

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const [event, data] = JSON.parse(line);
    say("ack", await socket.timeout(5000).emitWithAck(event, data));
  })
  .on("close", () => process.exit(0));
